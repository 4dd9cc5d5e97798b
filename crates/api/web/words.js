// Puts values into words. Pure.

/// Seconds as `1:02:03` or `2:03`.
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/// Bytes, with three digits.
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let [value, unit] = [count, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${unit ? value.toPrecision(3) : value} ${units[unit]}`;
}

/// A moment, as this reader writes it.
export function moment(text) {
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/// `eta_seconds` in words.
export function left(seconds) {
  if (seconds < 60) return "less than a minute left";
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `about ${minutes} min left` : `about ${Math.round(minutes / 60)} h left`;
}

/// What a video is called: as its owner says, else as its file is called.
export function name(video) {
  const { title } = video.metadata ?? {};
  if (typeof title === "string" && title.trim()) return title;
  const { source } = video;
  return source.file_name ?? lastPart(source.url) ?? lastPart(source.key) ?? video.id;
}

function lastPart(address) {
  const last = (address ?? "").split(/[?#]/)[0].split("/").filter(Boolean).pop();
  if (!last) return undefined;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
