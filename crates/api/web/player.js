// The player: hls.js with a choice of rung, sound and subtitles; the browser's own HLS without it.

import { chapters } from "./chapters.js";
import { element } from "./element.js";

/// Puts a player on the stage; gives what takes it away again.
export function player(stage, video) {
  const { master, thumbnail, renditions } = video.outputs;
  const media = element("video", {
    controls: true, playsinline: true, preload: "metadata", crossorigin: "anonymous",
    poster: thumbnail?.image, "aria-label": "Player", class: renditions.length ? "" : "sound",
  });
  const controls = element("div", { class: "controls" });
  const fault = element("p", { class: "fault", role: "alert" });
  stage.replaceChildren(element("div", { class: "screen" }, media), controls, fault);
  chapters(stage, media, video.outputs.chapters);
  let hls;
  let gone = false;
  import("./hls.min.mjs").then(({ default: Hls }) => {
    if (gone) return;
    if (Hls.isSupported()) hls = open(Hls, { media, master, renditions, controls, fault });
    else if (media.canPlayType("application/vnd.apple.mpegurl")) media.src = master;
    else fault.textContent = "This browser cannot play HLS.";
  });
  return () => {
    gone = true;
    hls?.destroy();
  };
}

function open(Hls, { media, master, renditions, controls, fault }) {
  // A worker would be made from a blob, which the page's policy forbids; fMP4 needs none.
  const hls = new Hls({ enableWorker: false, capLevelToPlayerSize: false });
  const { ERROR, MANIFEST_PARSED, LEVEL_SWITCHED, AUDIO_TRACKS_UPDATED, SUBTITLE_TRACKS_UPDATED } = Hls.Events;
  const menus = { rungs: element("span", {}), sounds: element("span", {}), texts: element("span", {}) };
  const playing = element("output", { class: "hint", id: "playing" });
  controls.append(menus.rungs, menus.sounds, menus.texts, playing);
  const name = (level) => rungName(level, renditions);
  let rung = "";
  const tell = () => {
    playing.textContent = rung && `Playing ${rung}${hls.autoLevelEnabled ? ", chosen by speed" : ""}`;
  };
  hls.on(MANIFEST_PARSED, () => menus.rungs.replaceChildren(...rungs(hls, name, tell)));
  hls.on(LEVEL_SWITCHED, (_, { level }) => {
    rung = name(hls.levels[level]);
    tell();
  });
  hls.on(AUDIO_TRACKS_UPDATED, () => menus.sounds.replaceChildren(...sounds(hls)));
  hls.on(SUBTITLE_TRACKS_UPDATED, () => menus.texts.replaceChildren(...texts(hls)));
  hls.on(ERROR, (_, error) => error.fatal && recover(Hls, hls, error, fault));
  hls.loadSource(master);
  hls.attachMedia(media);
  return hls;
}

/// A broken decoder is built anew once a minute; anything else is said.
function recover(Hls, hls, { type, details }, fault) {
  const now = performance.now();
  if (type === Hls.ErrorTypes.MEDIA_ERROR && now - (hls.recovered ?? -60000) >= 60000) {
    hls.recovered = now;
    hls.recoverMediaError();
    return;
  }
  fault.textContent = `This cannot be played here (${details}).`;
}

function rungName({ width, height }, renditions) {
  const rung = renditions.find((made) => made.width === width && made.height === height);
  return rung?.name ?? (height ? `${height}p` : "");
}

function rungs(hls, name, tell) {
  if (hls.levels.length < 2) return [];
  const rate = (level) => `${Math.round(level.bitrate / 1000)} kbit/s`;
  const choices = hls.levels.map((level, at) => [at, name(level) || rate(level)]);
  return menu("Quality", [[-1, "auto"], ...choices.reverse()], -1, (at) => {
    hls.currentLevel = at;
    // The rung that plays already is not switched to.
    tell();
  });
}

function sounds(hls) {
  if (hls.audioTracks.length < 2) return [];
  const choices = hls.audioTracks.map((track, at) => [at, track.name]);
  return menu("Audio", choices, hls.audioTrack, (at) => (hls.audioTrack = at));
}

function texts(hls) {
  if (!hls.subtitleTracks.length) return [];
  const choices = hls.subtitleTracks.map((track, at) => [at, track.name]);
  return menu("Subtitles", [[-1, "off"], ...choices], hls.subtitleTrack, (at) => {
    hls.subtitleDisplay = true;
    hls.subtitleTrack = at;
  });
}

function menu(label, choices, chosen, choose) {
  const select = element("select", { onchange: () => choose(Number(select.value)) },
    choices.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  return [element("label", {}, label, select)];
}
