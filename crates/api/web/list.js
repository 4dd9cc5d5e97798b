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

/// Looks again at once.
export const refresh = () => look();

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
  part("list").replaceChildren(...merged(videos, percents));
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

/// The rows; those that show the same as before stay, and with them the reader's place among them.
function merged(videos, percents) {
  const before = new Map([...part("list").children].map((row) => [row.dataset.shows, row]));
  return videos.map((video) => {
    const shows = JSON.stringify([video.id, video.status, video.updated_at, percents.get(video.id)]);
    const row = before.get(shows) ?? drawn(video, percents.get(video.id));
    row.dataset.shows = shows;
    return row;
  });
}

function drawn(video, percent) {
  const title = name(video);
  const picture = video.links.thumbnail;
  const still = picture && element("img", { src: picture, alt: "", loading: "lazy" });
  const bar = percent === undefined ? null
    : element("progress", { max: 100, value: percent, "aria-label": `${title}: encoded` });
  const status = percent === undefined ? video.status : `${Math.floor(percent)} %`;
  return element("li", {},
    element("a", { href: `#/videos/${video.id}` },
      element("span", { class: "still" }, still),
      element("span", { class: "what" }, element("strong", {}, title),
        element("span", { class: "hint" }, moment(video.created_at)), bar),
      element("span", { class: `status ${video.status}` }, status)));
}
