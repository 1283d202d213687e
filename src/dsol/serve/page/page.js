// The videos of this visit: taken in, sent one after the other, followed, shown.
//
// sending ─▶ waiting ─▶ running ─▶ done          the last four are the server's words
//    └─────────┴───────────┴────▶ failed
//
// The chosen video is followed by server-sent events, the others are asked after now and then.

import * as api from "./api.js";
import { Found } from "./found.js";
import * as player from "./player.js";
import { element } from "./timeline.js";
import { spoken } from "./times.js";

const ASK_AGAIN_MS = 500;
const MB = 1e6;
const MANY = 24; // categories that are named
const part = (id) => document.getElementById(id);
const videos = []; // in the order of arrival: { name, state, id, row, … } as the server's State, more while it is sent
let chosen = null;
let limit_mb = Infinity;
let formats = {};
let hush = () => {}; // ends the events of the chosen video
let sending = Promise.resolve(); // one upload at a time
let asking = false;

// What comes in.

function take(files) {
  complain("");
  const taken = Array.from(files, (file) => {
    const local = URL.createObjectURL(file); // played before it is sent
    const video = add({ name: file.name, state: "waits to be sent", share: 0, stop: new AbortController(), local });
    sending = sending.then(() => send(video, file));
    return video;
  });
  if (taken.length) choose(taken[0]);
}

async function send(video, file) {
  if (video.stop.signal.aborted) return;
  if (file.size > limit_mb * MB) {
    return change(video, { state: "failed", error: `${file.name}: is larger than ${limit_mb} MB (cut it first)` });
  }
  change(video, { state: "sending" });
  try {
    const state = await api.upload(file, (share) => change(video, { share }), video.stop.signal);
    if (video.stop.signal.aborted) return void api.remove(state.id).catch(() => {});
    change(video, state);
    follow();
  } catch (error) {
    if (video.stop.signal.aborted) return;
    if (error.status === 503 && error.wait_s) return sendLater(video, file, error.wait_s);
    change(video, { state: "failed", error: error.message });
  }
}

async function sendLater(video, file, wait_s) {
  change(video, { state: "waits for a place in the queue" });
  await new Promise((resolve) => setTimeout(resolve, 1000 * wait_s));
  sending = sending.then(() => send(video, file));
}

async function takeSample() {
  complain("");
  try {
    const state = await api.sample();
    choose(add(state));
    follow();
  } catch (error) {
    complain(error.message);
  }
}

function add(video) {
  videos.push(video);
  video.row = makeRow(video);
  part("videos").append(video.row);
  change(video, {});
  return video;
}

async function drop(video) {
  const place = videos.indexOf(video);
  videos.splice(place, 1);
  video.row.remove();
  video.stop?.abort(new Error("removed"));
  if (video.id) api.remove(video.id).catch(() => {}); // gone already is as good
  if (video.local) URL.revokeObjectURL(video.local);
  localStorage.removeItem(`dsol.corrections.${video.id}`);
  remember();
  const next = videos[Math.min(place, videos.length - 1)];
  if (chosen === video) choose(next || null);
  (next?.row.querySelector(".pick") || part("choose")).focus();
}

// What goes on.

async function follow() {
  if (asking) return;
  asking = true;
  for (let open = unfinished(); open.length; open = unfinished()) {
    await Promise.all(open.map(ask));
    if (unfinished().length) await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  asking = false;
}

const unfinished = () => videos.filter((v) => v.id && ["waiting", "running"].includes(v.state));

async function ask(video) {
  try {
    change(video, await api.stateOf(video.id));
    if (part("problem").textContent === api.NO_ANSWER) complain(""); // other problems stay until they are read
  } catch (error) {
    if (error instanceof api.Refused) change(video, { state: "failed", error: error.message });
    else complain(error.message);
  }
}

function change(video, news) {
  if (!videos.includes(video)) return; // removed while the answer was on its way
  const before = video.state;
  Object.assign(video, news);
  showRow(video);
  if (video === chosen) {
    if (news.id && !video.heard) listen(video);
    showStage();
  }
  if (before !== video.state && ["done", "failed"].includes(video.state)) part("said").textContent = `${video.name}: ${told(video)}`;
  if (news.id) remember();
}

function told(video) {
  const names = Object.keys(video.colours || {}).map(spoken);
  return {
    sending: video.share < 1 ? `sending, ${Math.floor(100 * video.share)} %` : "is being looked at",
    waiting: video.ahead ? `waits for ${video.ahead} other${video.ahead > 1 ? "s" : ""}` : "begins",
    running: video.total ? `${Math.min(video.done, video.total)} of ${video.total} ${video.unit}` : "begins",
    done: names.join(", ") || "nothing is found to sound",
    failed: video.error,
  }[video.state] || video.state;
}

// The events of the chosen video.

function listen(video) {
  hush();
  hush = () => {};
  if (!video?.id || video.state === "failed" || video.over) return;
  video.heard = true;
  video.found = null;
  const lost = () => ask(video);
  const end = api.follow(video.id, (kind, data) => video === chosen && hear(video, kind, data), lost);
  hush = () => {
    end();
    video.heard = false;
  };
}

function hear(video, kind, data) {
  if (kind === "head") video.found = new Found(data.head);
  if (kind === "part") video.found.add(data.part);
  if (kind === "tracks") {
    video.found.objects(data.tracks);
    video.found.complete = true;
  }
  if (["part", "tracks"].includes(kind)) return soon(video);
  if (kind === "end") video.over = data.state !== "gone";
  if (kind === "end" && data.state === "gone") return void ask(video);
  if (kind !== "head") change(video, data);
}

// Once for all that comes at once: of a long video that is done a thousand parts.
function soon(video) {
  if (video.due) return;
  video.due = true;
  requestAnimationFrame(() => {
    video.due = false;
    if (!video.found) return;
    video.found.at(video.found.level);
    change(video, {});
  });
}

// What is seen.

function makeRow(video) {
  const pick = element("button", { className: "pick", type: "button" }, element("b", { textContent: video.name }), element("small"));
  pick.addEventListener("click", () => {
    choose(video);
    if (matchMedia("(max-width: 860px)").matches) part("stage").scrollIntoView(); // there it is below the list
  });
  const away = element("button", { className: "away", type: "button", textContent: "×", ariaLabel: `Remove ${video.name}` });
  away.addEventListener("click", () => drop(video));
  return element("li", {}, pick, away);
}

function showRow(video) {
  const { row } = video;
  row.classList.toggle("failed", video.state === "failed");
  row.querySelector("b").textContent = row.querySelector("b").title = video.name;
  const line = told(video);
  row.querySelector("small").textContent = line.startsWith(`${video.name}: `) ? line.slice(video.name.length + 2) : line;
}

function choose(video) {
  const before = chosen;
  chosen = video;
  if (video !== before) listen(video);
  for (const { row } of videos) {
    row.classList.toggle("chosen", row === video?.row);
    row.querySelector(".pick").ariaCurrent = row === video?.row ? "true" : null;
  }
  showStage();
  remember();
}

function showStage() {
  const view = !chosen ? "empty" : chosen.state === "failed" ? "failed" : chosen.found?.times_s.length ? "result" : "busy";
  for (const id of ["empty", "busy", "failed", "result"]) part(id).hidden = id !== view;
  part("visit").hidden = !videos.length;
  if (view === "result") return player.open(chosen, chosen.found, formats);
  player.leave();
  if (view === "busy") showBusy(chosen);
  if (view === "failed") {
    part("failed-title").textContent = "This video could not be done";
    part("failed-line").textContent = chosen.error;
  }
}

function showBusy(video) {
  part("busy-title").textContent = video.name;
  const bar = part("busy-bar");
  if (video.state === "sending") bar.value = Math.min(video.share, 1);
  else bar.removeAttribute("value");
  part("busy-step").textContent = video.state === "running" && video.step ? `${video.step}: ${told(video)}` : told(video);
}

function complain(line) {
  part("problem").textContent = line;
  part("problem").hidden = !line;
}

// What is kept when the page is loaded again: the ids, and the chosen one in the address.

function remember() {
  localStorage.setItem("dsol.videos", JSON.stringify(videos.map((v) => v.id).filter(Boolean)));
  history.replaceState(null, "", chosen?.id ? `#video=${chosen.id}` : location.pathname);
}

const idInAddress = () => new URLSearchParams(location.hash.slice(1)).get("video");

async function recall() {
  const wanted = idInAddress();
  const ids = JSON.parse(localStorage.getItem("dsol.videos") || "[]");
  for (const id of ids) await recallOne(id).catch(() => {}); // of a server that is gone
  if (wanted) await open(wanted);
  follow();
}

async function recallOne(id) {
  return videos.find((v) => v.id === id) || add(await api.stateOf(id));
}

async function open(id) {
  try {
    choose(await recallOne(id));
  } catch (error) {
    complain(error.message);
  }
}

async function introduce() {
  const server = await api.about();
  limit_mb = server.limit_mb;
  formats = server.formats;
  const { minutes, keep_hours } = server.limits;
  part("limits").textContent = `mp4, webm, mkv, avi or mov with sound, up to ${limit_mb} MB and ${minutes} minutes`;
  part("kept").textContent = keep_hours ? `Uploads and results go after ${keep_hours} hours, or when you remove them.` : "";
  const names = server.categories.map(spoken);
  part("model").textContent = !names.length ? `The model is “${server.model}”.`
    : names.length > MANY ? `The model “${server.model}” knows ${names.length} categories: ${names.slice(0, MANY).join(", ")} …`
    : `The model “${server.model}” knows: ${names.join(", ")}.`;
}

function listenForFiles() {
  const area = part("drop");
  part("choose").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = ""; // the same file may be chosen again
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault(); // or the browser would leave the page for the file
      area.classList.toggle("over", name === "dragover");
      if (name === "drop") take(event.dataTransfer.files);
    });
  }
}

window.addEventListener("error", (event) => complain(`The page has a mistake: ${event.message}`));
window.addEventListener("unhandledrejection", (event) => complain(`The page has a mistake: ${event.reason?.message}`));
window.addEventListener("hashchange", () => idInAddress() && open(idInAddress()).then(follow));
part("sample").addEventListener("click", takeSample);
listenForFiles();
introduce().catch((error) => complain(error.message));
recall();
