// Times and numbers as people read them.

export function clock(time_s, tenths = true) {
  const all = tenths ? Math.round(time_s * 10) / 10 : Math.round(time_s);
  const seconds = all % 60;
  return `${Math.floor(all / 60)}:${tenths ? seconds.toFixed(1).padStart(4, "0") : String(seconds).padStart(2, "0")}`;
}

export const spoken = (category) => category.replaceAll("_", " ");

// Round times for an axis, so many at most.
export function ticks(duration_s, most) {
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((s) => duration_s / s <= most - 1) || 7200;
  return Array.from({ length: Math.floor(duration_s / step) + 1 }, (_, n) => n * step);
}
