// Uploads a file in pieces (tus 1.0). What broke off is continued, after a reload too.

import { part } from "./element.js";
import { askForKey, authorization } from "./key.js";
import { bytes } from "./words.js";

const PIECE_BYTES = 16 * 1024 * 1024;
const RETRY_DELAYS_MS = [0, 1000, 3000, 5000, 10000];

/// Files that are uploaded, by themselves: submitting one again sends nothing twice.
const uploaded = new WeakMap();

/// Uploads a file, unless that is done, and gives the id of the upload.
export async function upload(file) {
  if (!uploaded.has(file)) uploaded.set(file, await send(file));
  return uploaded.get(file);
}

/// Has a file sent again when it is submitted again.
export function forget(file) {
  uploaded.delete(file);
}

/// Says which file an upload broke off with; the browser lets nobody but its user open it again.
export function showUnfinished() {
  const hint = part("unfinished");
  const found = Object.keys(localStorage).filter((key) => key.startsWith("tus::"));
  const names = found.map((key) => fileName(localStorage.getItem(key))).filter(Boolean);
  hint.hidden = names.length === 0;
  hint.textContent = `Not finished: ${names.join(", ")}. Choose the same file to go on where it stopped.`;
}

function fileName(stored) {
  try {
    return JSON.parse(stored).metadata.filename;
  } catch {
    return undefined;
  }
}

async function send(file) {
  await import("./tus.min.js");
  try {
    return await new Promise((done, failed) => start(file, done, failed));
  } finally {
    part("upload").hidden = true;
    showUnfinished();
  }
}

async function start(file, done, failed) {
  let used;
  const sending = new window.tus.Upload(file, {
    endpoint: "/uploads",
    chunkSize: PIECE_BYTES,
    retryDelays: RETRY_DELAYS_MS,
    metadata: { filename: file.name, filetype: file.type || "application/octet-stream" },
    removeFingerprintOnSuccess: true,
    onBeforeRequest: (request) => {
      used = authorization().Authorization;
      if (used) request.setHeader("Authorization", used);
    },
    onProgress: show,
    onSuccess: () => done(sending.url.split(/[?#]/)[0].split("/").pop()),
    onError: async (error) => {
      if (error.originalResponse?.getStatus() !== 401) return failed(readable(error));
      await askForKey(used);
      return sending.start();
    },
  });
  const [before] = await sending.findPreviousUploads();
  if (before) sending.resumeFromPreviousUpload(before);
  allowPause(sending);
  show(0, file.size);
  sending.start();
}

function allowPause(sending) {
  const button = part("pause");
  button.textContent = "Pause";
  button.onclick = () => {
    const paused = button.textContent === "Resume";
    button.textContent = paused ? "Pause" : "Resume";
    if (paused) sending.start();
    else sending.abort();
  };
}

function show(sent, total) {
  part("upload").hidden = false;
  part("sent").value = total ? sent / total : 0;
  part("sent-text").textContent = `${bytes(sent)} of ${bytes(total)}`;
}

/// What the API said; the library's own text where it did not answer.
function readable(error) {
  try {
    const problem = JSON.parse(error.originalResponse.getBody());
    return Object.assign(new Error(problem.detail ?? problem.title), { errors: problem.errors });
  } catch {
    const status = error.originalResponse?.getStatus();
    return new Error(status ? `The upload was refused (${status}).` : "The upload was interrupted. Submit again to resume.");
  }
}
