// Light and boxes over the original picture, on a canvas of the picture's size.
//
// Found at a time ─▶ light (a small picture, enlarged) ─▶ boxes and names

import { SILENT } from "./found.js";
import { spoken } from "./times.js";

const WIDE = 200; // pixels of the light before it is enlarged: maps have 14 to 20 cells
const HIGH = 22; // pixels of a name
const GLOW = 0.45;
const LINE = 0.9;
const SHADE = 0.28; // how much darker the rest becomes while something sounds
const NIGHT = "#11141a";
const SNOW = "#f5f7fa";

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.small = document.createElement("canvas");
  }

  // `area`: where the picture is on the canvas, CSS pixels. `show`: { light, boxes, hidden: Set of categories }.
  draw(found, time_s, area, show, objects) {
    const { canvas, pen } = this;
    const dense = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(canvas.clientWidth * dense), Math.round(canvas.clientHeight * dense)];
    if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    if (!found || !found.times_s.length) return;
    if (show.light) this.drawLight(found, time_s, area, show.hidden);
    this.plates = [];
    if (show.boxes) for (const object of objects) this.drawBox(object, area);
  }

  drawLight(found, time_s, area, hidden) {
    const lights = lightsAt(found, time_s, hidden);
    if (!lights.length) return;
    const high = Math.max(2, Math.round((WIDE * area.height) / area.width));
    this.small.width = WIDE;
    this.small.height = high;
    const pen = this.small.getContext("2d");
    const image = pen.createImageData(WIDE, high);
    paint(image, lights.map((light) => ({ ...light, heat: enlarged(light.map, WIDE, high) })));
    pen.putImageData(image, 0, 0);
    this.pen.imageSmoothingQuality = "high";
    this.pen.drawImage(this.small, area.left, area.top, area.width, area.height);
  }

  // Where a name has room: at `top`, or below the names that are there already.
  free(left, top, wide, area) {
    const covers = (plate) => left < plate.left + plate.wide && plate.left < left + wide && Math.abs(plate.top - top) < HIGH;
    while (this.plates.some(covers) && top + 2 * HIGH < area.top + area.height) top += HIGH;
    this.plates.push({ left, top, wide });
    return Math.min(top, area.top + area.height - HIGH);
  }

  drawBox({ xywh, name, score, colour, state }, area) {
    const { pen } = this;
    const [x, y, w, h] = placed(xywh, area);
    pen.lineWidth = 2;
    pen.strokeStyle = colour;
    pen.setLineDash(state === SILENT ? [5, 5] : []);
    pen.strokeRect(x, y, w, h);
    pen.setLineDash([]);
    const words = score === undefined ? spoken(name) : `${spoken(name)} ${score.toFixed(2)}`;
    pen.font = "600 13px system-ui, sans-serif";
    const wide = Math.min(pen.measureText(words).width + 24, area.width);
    const left = Math.min(Math.max(x - 1, area.left), area.left + area.width - wide);
    const top = this.free(left, y - HIGH >= area.top ? y - HIGH : y + 1, wide, area);
    pen.fillStyle = NIGHT;
    pen.globalAlpha = 0.86;
    pen.fillRect(left, top, wide, 21);
    pen.globalAlpha = 1;
    pen.fillStyle = colour;
    pen.beginPath();
    pen.arc(left + 10, top + 10.5, 4, 0, 7);
    pen.fill();
    pen.fillStyle = SNOW;
    pen.textBaseline = "middle";
    pen.fillText(words, left + 18, top + 11, wide - 20);
  }
}

// Left, top, width, height in pixels of a box in fractions of the picture.
export function placed([x, y, w, h], area) {
  return [area.left + x * area.width, area.top + y * area.height, w * area.width, h * area.height];
}

// Categories that shine at a time: their map between two answers, their colour, how visible they are.
function lightsAt(found, time_s, hidden) {
  const [first, second, share] = found.between(time_s);
  const lights = [];
  for (const k of found.present) {
    if (hidden.has(k)) continue;
    const visible = (1 - share) * found.lit(k, first) + share * found.lit(k, second);
    const map = blend(found.light[first].get(k), found.light[second].get(k), share);
    if (visible > 0.02 && map) lights.push({ map, visible, colour: rgb(found.colourOf(k)) });
  }
  return lights;
}

function blend(one, other, share) {
  if (!one || !other || one === other) return one || other;
  const levels = one.levels.map((level, n) => (1 - share) * level + share * other.levels[n]);
  return { ...one, levels };
}

const rgb = (colour) => [1, 3, 5].map((n) => parseInt(colour.slice(n, n + 2), 16));

// A map of bytes, smoothly at another width and height, its maximum 1.
function enlarged({ rows, columns, levels }, wide, high) {
  const most = levels.reduce((a, b) => Math.max(a, b), 1);
  const across = weights(columns, wide);
  const down = weights(rows, high);
  const half = new Float32Array(rows * wide); // each row enlarged
  for (let row = 0; row < rows; row += 1) {
    for (let x = 0; x < wide; x += 1) {
      half[row * wide + x] = sum(across[x], (column) => levels[row * columns + column]) / most;
    }
  }
  const heat = new Float32Array(wide * high);
  for (let y = 0; y < high; y += 1) {
    for (let x = 0; x < wide; x += 1) heat[y * wide + x] = sum(down[y], (row) => half[row * wide + x]);
  }
  return heat;
}

const sum = (parts, value) => parts.reduce((total, [cell, weight]) => total + weight * value(cell), 0);

// For each pixel the four cells round it and their shares: bicubic enlargement.
const known = new Map();
function weights(cells, pixels) {
  const key = `${cells} ${pixels}`;
  if (!known.has(key)) {
    known.set(key, Array.from({ length: pixels }, (_, n) => {
      const at = ((n + 0.5) * cells) / pixels - 0.5;
      const first = Math.floor(at);
      return [-1, 0, 1, 2].map((step) => [Math.min(Math.max(first + step, 0), cells - 1), cubic(at - first - step)]);
    }));
  }
  return known.get(key);
}

function cubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
  return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
}

const ease = (share) => share * share * (3 - 2 * share);
const step = (value, low, high) => ease(Math.min(Math.max((value - low) / (high - low), 0), 1));

// What is outside of all lights is shaded; each light is laid on in its colour, with a line round it.
function paint(image, lights) {
  const { data, width } = image;
  const darkest = SHADE * Math.max(...lights.map(({ visible }) => visible));
  for (let n = 0; n < data.length / 4; n += 1) {
    let lit = 0;
    for (const { heat } of lights) lit = Math.max(lit, step(heat[n], 0.1, 0.6));
    let alpha = darkest * (1 - lit);
    let [r, g, b] = [0, 0, 0];
    for (const { heat, colour, visible } of lights) {
      const opacity = visible * Math.max(GLOW * step(heat[n], 0.3, 0.9), LINE * line(heat, n, width));
      const sum = opacity + alpha * (1 - opacity);
      const own = sum ? opacity / sum : 0;
      [r, g, b] = [r + (colour[0] - r) * own, g + (colour[1] - g) * own, b + (colour[2] - b) * own];
      alpha = sum;
    }
    data.set([r, g, b, 255 * alpha], 4 * n);
  }
}

// The contour at one half, as opacity: of one width whatever the slope.
function line(heat, n, width) {
  const slope = Math.hypot(heat[n + 1] - heat[n], heat[n + width] - heat[n]) || 1e-4;
  return Math.max(0, Math.min(1, 0.8 - Math.abs(heat[n] - 0.5) / slope)) || 0;
}
