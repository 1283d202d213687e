// One finished video: the film, what sounds now, the timeline, the downloads, the stretches of sounding.

import { fileOf } from "./api.js";
import { Timeline, dot, element, valueAt } from "./timeline.js";
import { clock, spoken } from "./times.js";

const DOWNLOADS = {
  "localized.mp4": "Annotated video",
  "timeline.png": "Timeline",
  "result.json": "Numbers, JSON",
  "boxes.coco.json": "Boxes, COCO",
};
const part = (id) => document.getElementById(id);
const film = part("film");
let shown = null; // { video, result, timeline }
let next = 0; // the picture that is waited for: one at a time, whatever starts the film

export function show(video, result) {
  if (shown?.video === video) return;
  const timeline = new Timeline(part("timeline"), result, video.colours, { seek, toggle });
  shown = { video, result, timeline };
  part("result-title").textContent = video.name;
  film.src = fileOf(video.id, "localized.mp4");
  film.setAttribute("aria-label", `${video.name} with what sounds marked`);
  part("downloads").replaceChildren(...Object.entries(DOWNLOADS).map(([file, name]) => download(video, file, name)));
  part("segments").replaceChildren(...segments(result, video.colours));
  follow();
}

export function leave() {
  if (!shown) return;
  shown = null;
  film.removeAttribute("src");
  film.load();
}

function download(video, file, textContent) {
  const stem = video.name.replace(/\.[^.]*$/, "");
  return element("a", { href: fileOf(video.id, file), download: `${stem}.${file}`, textContent });
}

function segments(result, colours) {
  if (!result.segments.length) return [element("li", { className: "quiet", textContent: "Nothing is found to sound." })];
  return result.segments.map((segment) => {
    const name = element("b", { textContent: spoken(segment.category) });
    const times = `${clock(segment.start_s)} – ${clock(segment.end_s)}`;
    const when = element("span", { className: "quiet", textContent: times, title: `mean score ${segment.score.toFixed(2)}` });
    const button = element("button", { type: "button" }, dot(colours[segment.category]), name, when);
    button.addEventListener("click", () => seek(segment.start_s));
    return element("li", {}, button);
  });
}

function seek(time_s) {
  film.currentTime = Number.isFinite(film.duration) ? Math.min(time_s, film.duration) : time_s;
  tell(time_s);
}

function toggle() {
  if (film.paused) film.play();
  else film.pause();
}

// While the film runs, with every picture that the browser draws.
function follow() {
  cancelAnimationFrame(next);
  if (!shown) return;
  tell(film.currentTime);
  if (!film.paused && !film.ended) next = requestAnimationFrame(follow);
}

function tell(time_s) {
  const { result, timeline, video } = shown;
  const sounding = soundingAt(result, time_s);
  const names = sounding.map((s) => `${spoken(s.category)} ${s.score.toFixed(2)}`).join(", ") || "nothing sounds";
  timeline.at(time_s, `${time_s.toFixed(1)} seconds: ${names}`);
  const chips = sounding.map((s) => {
    const score = element("i", { textContent: s.score.toFixed(2) });
    return element("span", { className: "chip" }, dot(video.colours[s.category]), spoken(s.category), score);
  });
  const silence = element("span", { className: "none", textContent: "nothing sounds" });
  part("now").replaceChildren(element("time", { textContent: clock(time_s) }), ...(chips.length ? chips : [silence]));
}

function soundingAt(result, time_s) {
  const now = result.segments.filter((s) => s.start_s <= time_s && time_s < s.end_s);
  return now.map(({ category }) => {
    const place = result.categories.indexOf(category);
    return { category, score: valueAt(result.times_s, result.score.map((row) => row[place]), time_s) };
  });
}

for (const event of ["play", "seeked", "ended", "loadedmetadata"]) film.addEventListener(event, follow);
