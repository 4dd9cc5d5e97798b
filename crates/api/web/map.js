// The chunk map: a row for each rung, a column for each chunk.

import { element } from "./element.js";

const SVG = "http://www.w3.org/2000/svg";
/// From here on, chunks touch each other: gaps would hide them.
const GAPS_MAX = 100;
const STATES = { ".": "waiting", ">": "encoding", "#": "done" };

/// The map of a progress; `null` while there is none to draw.
export function chunkMap(progress) {
  const map = progress.chunk_map ?? "";
  if (!map) return null;
  const text = `${progress.chunks_done} of ${progress.chunks_total} chunks encoded`;
  const rows = progress.rungs.map((rung) =>
    element("div", { class: "map-row" }, element("span", {}, rung.name), row(map)));
  return element("figure", { class: "map" },
    element("div", { role: "img", "aria-label": text, "data-map": map }, rows),
    element("figcaption", {}, text, legend()));
}

/// A rung's chunks; neighbours of one state are one rectangle where there are too many to count.
function row(map) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${map.length} 1`);
  svg.setAttribute("preserveAspectRatio", "none");
  // In widths of a chunk, so that gaps look the same however many there are.
  const gap = map.length <= GAPS_MAX ? map.length / 400 : 0;
  const runs = gap ? [...map] : map.match(/(.)\1*/g);
  let at = 0;
  for (const run of runs) {
    const rectangle = document.createElementNS(SVG, "rect");
    const place = { x: at, y: 0, width: run.length - gap, height: 1, class: STATES[run[0]] ?? "waiting" };
    for (const [name, value] of Object.entries(place)) rectangle.setAttribute(name, value);
    svg.append(rectangle);
    at += run.length;
  }
  return svg;
}

function legend() {
  const keys = Object.values(STATES).map((state) =>
    element("span", { class: `key ${state}` }, state));
  return element("span", { class: "legend", "aria-hidden": "true" }, keys);
}
