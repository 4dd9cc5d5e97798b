// The list of videos, looked at again every few seconds while it is shown.

import { call } from "./api.js";
import { element, part } from "./element.js";
import { moment, name } from "./words.js";

const LOOK_MS = 3000;
/// Only a single video tells its progress, so that only so many are asked for it.
const LIVE_MAX = 8;
const ROWS = 20;

let rows = ROWS;
let look = () => {};

/// Shows the list until `signal` ends it.
export function showList(signal) {
  rows = ROWS;
  look = once(async () => {
    const fault = await draw().then(() => "", (problem) => problem.message);
    part("list-fault").textContent = fault;
  });
  look();
  const timer = setInterval(() => document.hidden || look(), LOOK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

part("status").addEventListener("change", () => look());
part("older").addEventListener("click", () => {
  rows += ROWS;
  look();
});

/// Calls `work` again only when it has ended, and once more when it was asked for in between.
function once(work) {
  let running = false;
  let again = false;
  return async function run() {
    again = running;
    if (running) return;
    running = true;
    await work();
    running = false;
    if (again) run();
  };
}

async function draw() {
  const { videos, more } = await read();
  const live = videos.filter(({ status }) => status === "transcoding").slice(0, LIVE_MAX);
  const percents = new Map(await Promise.all(live.map(percent)));
  place(merged(videos, percents));
  part("empty").hidden = videos.length > 0;
  part("older").hidden = !more;
}

/// As many pages as it takes to fill the rows.
async function read() {
  const status = part("status").value;
  const videos = [];
  let cursor;
  do {
    const asked = new URLSearchParams({ limit: Math.min(200, rows - videos.length) });
    if (status) asked.set("status", status);
    if (cursor) asked.set("cursor", cursor);
    const page = await call(`/videos?${asked}`);
    videos.push(...page.videos);
    cursor = page.next_cursor;
  } while (cursor && videos.length < rows);
  return { videos, more: Boolean(cursor) };
}

async function percent({ id }) {
  const video = await call(`/videos/${id}`).catch(() => undefined);
  return [id, video?.progress?.percent];
}

/// A row for each video: the one it has already, so that the reader's place in the list stays.
function merged(videos, percents) {
  const before = new Map([...part("list").children].map((row) => [row.dataset.id, row]));
  return videos.map((video) => {
    const row = before.get(video.id) ?? element("li", { "data-id": video.id }, element("a", {}));
    const shows = JSON.stringify([video.status, video.updated_at, percents.get(video.id)]);
    if (row.dataset.shows !== shows) fill(row, video, percents.get(video.id));
    row.dataset.shows = shows;
    return row;
  });
}

function place(rows) {
  const list = part("list");
  if (rows.length === list.children.length && rows.every((row, at) => row === list.children[at])) return;
  const held = document.activeElement?.closest("#list a");
  list.replaceChildren(...rows);
  held?.focus();
}

function fill(row, video, percent) {
  const title = name(video);
  const picture = video.links.thumbnail;
  const still = picture && element("img", { src: picture, alt: "", loading: "lazy" });
  const bar = percent === undefined ? null
    : element("progress", { max: 100, value: percent, "aria-label": `${title}: encoded` });
  const status = percent === undefined ? video.status : `${Math.floor(percent)} %`;
  row.firstChild.href = `#/videos/${video.id}`;
  row.firstChild.replaceChildren(
    element("span", { class: "still" }, still),
    element("span", { class: "what" }, element("strong", {}, title),
      element("span", { class: "hint" }, moment(video.created_at)), bar),
    element("span", { class: `status ${video.status}` }, status));
}
