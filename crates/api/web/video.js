// One video: what it is, how far it is, what can be done with it, and the player once it is ready.

import { call, events } from "./api.js";
import { element, link, part, say } from "./element.js";
import { facts } from "./facts.js";
import { player } from "./player.js";
import { progress } from "./progress.js";
import { moment, name } from "./words.js";

const AGAIN_MS = 2000;
const ENDED = ["ready", "failed", "cancelled"];

/// Shows one video and follows it until it has ended, or `signal` ends that.
export function showVideo(id, signal) {
  const page = {
    id,
    signal,
    head: element("header", { class: "video-head" }),
    fault: element("p", { class: "fault", role: "alert" }),
    stage: element("div", { class: "stage" }),
    facts: element("div", {}),
    shown: undefined,
    stop: () => {},
  };
  page.stage.append(element("p", { class: "hint" }, "Loading…"));
  part("video").replaceChildren(
    element("p", {}, element("a", { href: "#/" }, "← All videos")), page.head, page.fault, page.stage, page.facts);
  signal.addEventListener("abort", () => page.stop());
  follow(page);
}

async function follow(page) {
  const { id, signal } = page;
  while (!signal.aborted) {
    try {
      for await (const video of events(id, signal)) {
        page.fault.textContent = "";
        draw(page, video);
      }
      if (ENDED.includes(page.shown?.status)) return;
    } catch (problem) {
      if (signal.aborted) return;
      page.fault.textContent = problem.message;
      if (problem.status === 404) return page.stage.replaceChildren();
    }
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
}

function draw(page, video) {
  const before = page.shown;
  page.shown = video;
  document.title = `${name(video)} · Millrace`;
  if (before?.status !== video.status) {
    if (before) say(`${name(video)} is ${video.status}`);
    page.stop();
    page.stop = () => {};
    drawHead(page, video);
    page.stage.replaceChildren();
    page.facts.replaceChildren(...facts(video));
    if (video.status === "ready") page.stop = player(page.stage, video);
  }
  if (!ENDED.includes(video.status)) page.stage.replaceChildren(...progress(video));
  if (video.status === "failed") page.stage.replaceChildren(failure(video.error));
}

function failure(error) {
  const code = error && element("code", {}, error.code);
  return element("p", { class: "notice bad" }, "This video failed. ", code, " ", error?.message ?? "");
}

function drawHead(page, video) {
  const title = element("h1", {}, name(video));
  const status = element("span", { class: `status ${video.status}` }, video.status);
  const again = video.attempt > 1 ? ` · attempt ${video.attempt}` : "";
  const made = element("p", { class: "hint" }, `${moment(video.created_at)}${again}`);
  const workflow = video.links.temporal
    && link(video.links.temporal, "Open in Temporal", { target: "_blank", rel: "noopener" });
  const held = page.head.contains(document.activeElement);
  page.head.replaceChildren(
    element("div", { class: "row" }, title, status), made,
    element("div", { class: "actions" }, buttons(page, video), workflow));
  // The button that was pressed may be gone; the reader's place is not.
  if (held) page.head.querySelector("button").focus();
}

function buttons(page, { status, expires_at: kept }) {
  const path = `/videos/${page.id}`;
  const button = (text, act, kind) =>
    element("button", { type: "button", class: kind, onclick: (event) => run(page, event.target, act) }, text);
  const cancel = button("Cancel", () => call(`${path}/cancel`, { method: "POST" }));
  const retry = button("Try again", async () => {
    await call(`${path}/retry`, { method: "POST" });
    follow(page);
  });
  const remove = button("Delete", async () => {
    if (!(await sure())) return;
    await call(path, { method: "DELETE" });
    location.hash = "#/";
  }, "bad");
  return [ENDED.includes(status) ? null : cancel, kept ? retry : null, remove];
}

async function run(page, button, act) {
  // Not `disabled`, which would take the reader's place away.
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  page.fault.textContent = "";
  await act().catch((problem) => (page.fault.textContent = problem.message));
  button.ariaDisabled = null;
}

/// Asks whether the video is really to be deleted.
function sure() {
  const dialog = part("sure");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}
