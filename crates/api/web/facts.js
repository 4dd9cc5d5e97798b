// What is known of a video beside its pictures: warnings, outputs, source, options, metadata.

import { element, link } from "./element.js";
import { bytes, clock } from "./words.js";

/// The sections that have something to say.
export function facts(video) {
  const outputs = video.outputs ? files(video.outputs) : [];
  return [
    warnings(video.warnings),
    outputs.length ? section("Files", element("ul", { class: "files" }, outputs)) : null,
    video.outputs?.export && section("Export", list(exported(video.outputs.export))),
    section("Source", list(source(video))),
    video.webhook && section("Webhook", list(webhook(video.webhook))),
    folded("Options", video.options),
    folded("Metadata", video.metadata),
  ].filter(Boolean);
}

function section(title, ...content) {
  return element("section", { class: "card" }, element("h2", {}, title), ...content);
}

function warnings(found) {
  if (!found.length) return null;
  const items = found.map(({ step, code, message }) =>
    element("li", {}, element("strong", {}, step), " ", element("code", {}, code), " ", message));
  return section("Warnings", element("ul", { class: "warnings" }, items));
}

/// Every address among the outputs, in the order in which people look for them.
function files(outputs) {
  const { thumbnail, chapters, waveform, preview, sprites, mp4 = [], subtitles = [] } = outputs;
  const still = (made) => [made?.image, "Thumbnail", made && `${made.width} × ${made.height}`];
  const all = [
    [outputs.master, "HLS playlist"],
    ...mp4.map((file) => [file.file, `MP4 ${file.name}`, bytes(file.bytes)]),
    ...[thumbnail, ...(thumbnail?.sizes ?? [])].map(still),
    [chapters?.vtt, "Chapters, WebVTT", chapters && `${chapters.count}`],
    [chapters?.json, "Chapters, JSON"],
    ...subtitles.map((track) => [track.playlist, `Subtitles ${track.label}`]),
    [preview?.playlist, "Preview clip", preview && clock(preview.duration_seconds)],
    [sprites?.vtt, "Sprites, WebVTT", sprites && `${sprites.pictures} pictures`],
    [waveform?.image, "Waveform"],
    [waveform?.json, "Waveform, data"],
  ];
  return all.filter(([address]) => address).map(([address, text, note]) =>
    element("li", {}, link(address, text), note ? element("span", { class: "hint" }, note) : null));
}

function source({ source, outputs }) {
  const { duration_seconds: seconds, width, height, fps, codecs, bytes: size } = source;
  const address = source.url ? link(source.url, source.url, { rel: "noreferrer" }) : null;
  const object = source.bucket ? `${source.bucket}/${source.key}` : null;
  return [
    ["From", address ?? object ?? source.file_name ?? source.kind],
    ["Length", seconds === undefined ? null : clock(seconds)],
    ["Picture", width ? `${width} × ${height}, ${Number(fps?.toFixed(3))} fps` : null],
    ["Codecs", codecs?.join(", ")],
    ["Size", size === undefined ? null : bytes(size)],
    ["Rewritten for", source.non_standard_input_reasons?.join(", ")],
    ["Encoder", outputs?.encoder ? `${outputs.encoder.name}: ${outputs.encoder.reason}` : null],
  ];
}

/// The copy under names of the user's; its address is known only where the bucket's is.
function exported({ bucket, master, playlist, files: count, bytes: size }) {
  return [
    ["Playlist", playlist ? link(playlist, playlist) : null],
    ["Object", `${bucket}/${master}`],
    ["Size", `${count} files, ${bytes(size)}`],
  ];
}

function webhook({ url, events }) {
  return [["URL", url], ["When", events.join(", ")]];
}

function list(rows) {
  const said = rows.filter(([, value]) => value);
  return element("dl", {}, said.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function folded(title, value) {
  if (!value || Object.keys(value).length === 0) return null;
  return element("details", { class: "card" }, element("summary", {}, title),
    element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2)));
}
