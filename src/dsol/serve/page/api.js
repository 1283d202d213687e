// What the page asks the server for. Every refusal becomes an Error whose message is the server's line.

export class Refused extends Error {
  // `status` of HTTP; `wait_s` where the server says when to ask again.
  constructor(line, status = 0, wait_s = 0) {
    super(line);
    Object.assign(this, { status, wait_s });
  }
}
export class Unreachable extends Error {}
export const NO_ANSWER = "The server does not answer. Is dsol serve still running?";

async function answered(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Unreachable(NO_ANSWER);
  }
  if (!response.ok) throw new Refused(lineOf(await response.text()), response.status);
  return response;
}

function lineOf(text) {
  try {
    return JSON.parse(text).error || text;
  } catch {
    return text || "The server refused, and did not say why.";
  }
}

export const about = async () => (await answered("api")).json();
export const stateOf = async (id) => (await answered(`api/videos/${encodeURIComponent(id)}`)).json();
export const sample = async () => (await answered("api/sample", { method: "POST" })).json();
export const remove = (id) => answered(`api/videos/${encodeURIComponent(id)}`, { method: "DELETE" });
export const fileOf = (id, file) => `api/videos/${encodeURIComponent(id)}/${file}`;

// Sends a file; fetch cannot say how far it is, XMLHttpRequest can.
export function upload(file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `api/videos?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () =>
      request.status === 201
        ? resolve(JSON.parse(request.response))
        : reject(new Refused(lineOf(request.response), request.status, Number(request.getResponseHeader("Retry-After"))));
    request.onerror = () => reject(new Refused(`${file.name}: could not be sent (is dsol serve still running?)`));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

// What happens to a video, as it happens: `hear(kind, data)` for head, part, tracks, state and end. Returns what ends it.
export function follow(id, hear, lost) {
  const line = new EventSource(`api/videos/${encodeURIComponent(id)}/events`);
  for (const kind of ["head", "part", "tracks", "state", "end"]) {
    line.addEventListener(kind, (event) => {
      if (kind === "end") line.close();
      hear(kind, JSON.parse(event.data));
    });
  }
  line.onerror = () => line.readyState === EventSource.CLOSED && lost(); // else the browser tries again by itself
  return () => line.close();
}
