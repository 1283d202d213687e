// What the page asks the server for. Every refusal becomes an Error whose message is the server's line.

export class Refused extends Error {}
export class Unreachable extends Error {}
export const NO_ANSWER = "The server does not answer. Is dsol serve still running?";

async function answered(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Unreachable(NO_ANSWER);
  }
  if (!response.ok) throw new Refused(lineOf(await response.text()));
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
export const resultOf = async (id) => (await answered(fileOf(id, "result.json"))).json();
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
      request.status === 201 ? resolve(JSON.parse(request.response)) : reject(new Refused(lineOf(request.response)));
    request.onerror = () => reject(new Refused(`${file.name}: could not be sent (is dsol serve still running?)`));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}
