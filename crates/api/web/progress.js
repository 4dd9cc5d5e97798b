// How far a video is: phase, bar, speed and chunk map.

import { element } from "./element.js";
import { chunkMap } from "./map.js";
import { left } from "./words.js";

const PHASES = {
  queued: "Waiting for a worker",
  downloading: "Fetching the source",
  probing: "Measuring the source",
  normalizing: "Rewriting a non-standard source",
  encoding: "Encoding",
  packaging: "Writing playlists",
  verifying: "Checking what was made",
  publishing: "Publishing",
  done: "Finishing",
};

/// The elements that show the progress of a video that is not done.
export function progress(video) {
  if (!video.progress) return [element("p", { class: "card" }, waiting(video))];
  const { phase, percent, speed, eta_seconds: eta, warnings } = video.progress;
  const encoding = phase === "encoding";
  const pace = encoding && speed ? `${speed.toFixed(1)}× real time` : null;
  const rest = encoding && eta !== null && eta !== undefined ? left(eta) : null;
  const figures = [`${Math.floor(percent)} %`, pace, rest].filter(Boolean).join(" · ");
  const bar = { max: 100, value: percent, "aria-label": "Encoded" };
  return [element("section", { class: "card going", "aria-label": "Progress" },
    element("p", { class: "phase" }, PHASES[phase] ?? phase, element("span", { class: "hint" }, figures)),
    element("progress", bar),
    chunkMap(video.progress),
    warnings?.length ? element("p", { class: "hint" }, `Warnings so far: ${warnings.length}`) : null)];
}

function waiting({ status }) {
  if (status === "uploading") return "Uploading.";
  return status === "uploaded" ? "Waiting to start." : "In progress; no worker reports how far.";
}
