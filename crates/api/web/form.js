// The form that submits a video, and where the API's objections to it are shown.

import { call } from "./api.js";
import { part } from "./element.js";
import { forget, showUnfinished, upload } from "./upload.js";

/// What a box asks for.
const BOXES = {
  thumbnail: { mode: "auto" },
  chapters: {},
  sprites: true,
  preview: true,
  mp4: true,
};
/// Fields of the form by the member of the request that they fill.
const FIELDS = { url: "url", upload_id: "file", metadata: "metadata", options: "options" };

const form = part("new");

/// A fault found before anything is sent.
class Fault extends Error {
  constructor(field, message) {
    super(message);
    this.errors = [{ pointer: `#/${field}`, detail: message }];
  }
}

/// Brings the form to life.
export function showForm() {
  form.addEventListener("change", (event) => event.target.name === "source" && showSource());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  showSource();
  showUnfinished();
}

function showSource() {
  const chosen = form.elements.source.value;
  for (const field of form.querySelectorAll("[data-source]")) {
    field.hidden = field.dataset.source !== chosen;
  }
}

async function submit() {
  const button = form.querySelector("[type=submit]");
  // Not `disabled`, which would take the reader's place away.
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  clear();
  try {
    const body = { ...described(), ...(await source()) };
    const video = await call("/videos", { method: "POST", body });
    form.reset();
    showSource();
    location.hash = `#/videos/${video.id}`;
  } catch (problem) {
    show(problem);
  } finally {
    button.ariaDisabled = null;
  }
}

/// Everything but the source.
function described() {
  const title = form.elements.title.value.trim();
  const options = { ...boxes(), ...written() };
  return { options, ...(title && { metadata: { title } }) };
}

function boxes() {
  const checked = Object.entries(BOXES).filter(([name]) => form.elements[name].checked);
  return Object.fromEntries(checked);
}

function written() {
  const text = form.elements.options.value.trim();
  if (!text) return {};
  let options;
  try {
    options = JSON.parse(text);
  } catch (error) {
    throw new Fault("options", `This is no JSON: ${error.message}`);
  }
  if (options === null || typeof options !== "object" || Array.isArray(options)) {
    throw new Fault("options", "Write an object, such as {\"preset\": \"fast\"}.");
  }
  return options;
}

async function source() {
  const { url, file, source } = form.elements;
  if (source.value === "url") {
    if (!url.value.trim()) throw new Fault("url", "Enter the URL of a video.");
    return { url: url.value.trim() };
  }
  if (!file.files.length) throw new Fault("upload_id", "Choose a file.");
  return { upload_id: await upload(file.files[0]) };
}

/// Shows each fault at its field, and leads to the first of them.
function show(problem) {
  const errors = problem.errors?.length ? problem.errors : [{ detail: problem.message }];
  for (const { pointer, detail } of errors) {
    const field = FIELDS[pointer?.split("/")[1]] ?? "form";
    const place = part(`${field}-fault`);
    place.textContent += `${place.textContent ? " " : ""}${detail}`;
    const input = inputOf(field);
    input?.setAttribute("aria-invalid", "true");
    if (field === "options") part("more").open = true;
    // What is no longer there, or is another video's, is sent again with the next try.
    if (field === "file") forget(form.elements.file.files[0]);
  }
  form.querySelector("[aria-invalid]")?.focus();
}

const inputOf = (field) => form.elements[field === "metadata" ? "title" : field];

function clear() {
  for (const place of form.querySelectorAll(".fault")) place.textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}
