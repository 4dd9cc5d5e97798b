// The chapters as a list that seeks.

import { element } from "./element.js";
import { clock } from "./words.js";

/// Adds the chapters of a video below its player; nothing where there are none.
export async function chapters(stage, media, made) {
  if (!made) return;
  const answer = await fetch(made.json).catch(() => undefined);
  if (!answer?.ok) return;
  const entries = (await answer.json()).map((chapter) => {
    const start = chapter["start-time"];
    return { start, button: button(media, start, chapter.titles?.[0]?.title ?? "") };
  });
  media.addEventListener("timeupdate", () => mark(entries, media.currentTime));
  const items = entries.map((entry) => element("li", {}, entry.button));
  stage.append(element("nav", { class: "chapters", "aria-label": "Chapters" },
    element("h2", {}, "Chapters"), element("ol", {}, items)));
}

function button(media, start, title) {
  const seek = () => {
    media.currentTime = start;
    // Refused only where the browser wants another click first; the place is right then too.
    media.play().catch(() => {});
  };
  return element("button", { type: "button", onclick: seek }, element("time", {}, clock(start)), " ", title);
}

function mark(entries, now) {
  const current = entries.findLast(({ start }) => start <= now + 0.01);
  for (const entry of entries) {
    if (entry === current) entry.button.setAttribute("aria-current", "true");
    else entry.button.removeAttribute("aria-current");
  }
}
