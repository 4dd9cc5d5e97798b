#!/usr/bin/env python3
"""Checks a finished HLS tree against its source, from outside: Python's library and ffprobe only.

    check_output.py SOURCE MASTER_PLAYLIST

For every rendition: frames in = frames out; the sum of EXTINF = the duration of the source, to
1 ms; every step between decode times and between presentation times is the same, over every joint.
For every audio playlist: every step between packets is the same, over every joint. Prints one line
per check and exits 1 when any fails.

Frames in are those that the source's own decoder shows, for a source of constant rate; a source of
variable rate is put on a constant grid, so there its duration times the grid's rate is expected.
"""

import fractions
import json
import pathlib
import re
import subprocess
import sys
import tempfile

failures = 0


def say(passed, text):
    global failures
    failures += not passed
    print(("ok    " if passed else "FAIL  ") + text)


def ffprobe(path, *entries):
    command = ["ffprobe", "-v", "error", "-of", "json", *entries, "file:" + str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def source_facts(path):
    """Frames shown, the exact rate, whether it is constant, and the duration of the picture."""
    wanted = "stream=r_frame_rate,time_base:frame=best_effort_timestamp,pkt_duration"
    found = ffprobe(path, "-select_streams", "v:0", "-show_entries", wanted)
    if not found["streams"]:
        return None
    stream = found["streams"][0]
    tick = fractions.Fraction(stream["time_base"])
    times = sorted(int(frame["best_effort_timestamp"]) for frame in found["frames"])
    rate = fractions.Fraction(stream["r_frame_rate"])
    steps = [(b - a) * tick for a, b in zip(times, times[1:])]
    constant = all(abs(step - 1 / rate) <= tick for step in steps)
    last = 1 / rate if constant else int(found["frames"][-1].get("pkt_duration", 0)) * tick
    duration = len(times) / rate if constant else (times[-1] - times[0]) * tick + last
    return len(times), constant, duration


def attributes(text):
    return {k: v.strip('"') for k, v in re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', text)}


def read_master(path):
    """The playlists of the renditions, and those of the audio groups, as (name, path)."""
    video, audio, lines = [], [], path.read_text().splitlines()
    for n, line in enumerate(lines):
        if line.startswith("#EXT-X-STREAM-INF:"):
            found = attributes(line.split(":", 1)[1])
            name = found.get("RESOLUTION", "audio")
            (video if "RESOLUTION" in found else audio).append((name, path.parent / lines[n + 1]))
        elif line.startswith("#EXT-X-MEDIA:") and "URI=" in line:
            found = attributes(line.split(":", 1)[1])
            if found.get("TYPE") == "AUDIO":
                audio.append(("audio " + found.get("GROUP-ID", ""), path.parent / found["URI"]))
    return video, audio


def read_media(path):
    """The lengths of the segments, and the files: the init segment first, then every segment."""
    text = path.read_text()
    if "#EXT-X-ENDLIST" not in text or "#EXT-X-DISCONTINUITY\n" in text:
        say(False, f"{path}: has no ENDLIST, or a DISCONTINUITY")
    lengths = [fractions.Fraction(found) for found in re.findall(r"#EXTINF:([0-9.]+)", text)]
    init = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', text)
    names = [line for line in text.splitlines() if line and not line.startswith("#")]
    return lengths, [path.parent / name for name in init[:1] + names]


def packets(files, kind):
    with tempfile.NamedTemporaryFile(suffix=".mp4") as joined:
        for file in files:
            joined.write(file.read_bytes())
        joined.flush()
        wanted = "packet=pts,dts:stream=time_base"
        found = ffprobe(joined.name, "-select_streams", kind, "-show_entries", wanted)
    return found["packets"], fractions.Fraction(found["streams"][0]["time_base"])


def steps(times):
    return sorted({b - a for a, b in zip(times, times[1:])})


def check_video(name, path, source):
    frames, constant, duration = source
    lengths, files = read_media(path)
    found, tick = packets(files, "v:0")
    decode, shown = ([int(p[key]) for p in found] for key in ("dts", "pts"))
    step = steps(sorted(shown))
    if not constant and step:
        frames = round(duration / (step[0] * tick))
    total = sum(lengths)
    off = float(total - duration) * 1000
    say(len(found) == frames, f"{name}: {frames} frames in, {len(found)} frames out")
    allowed = 1 if constant else 1 + step[0] * tick * 1000 if step else 1
    text = f"{name}: EXTINF sums to {float(total):.6f} s, source {float(duration):.6f} s ({off:+.3f} ms)"
    say(abs(off) <= allowed, text)
    even = len(step) <= 1 and len(steps(decode)) <= 1
    text = f"{name}: {len(lengths)} segments, {len(lengths) - 1} joints, continuous"
    if not even:
        text += f": NOT, steps are {steps(decode)} (decode), {step} (shown)"
    say(even, text)


def check_audio(name, path):
    lengths, files = read_media(path)
    found, _ = packets(files, "a:0")
    even = steps([int(packet["dts"]) for packet in found])
    text = f"{name}: {len(found)} packets in {len(lengths)} segments, joints continuous"
    say(len(even) <= 1, text + (f": NOT, steps are {even}" if len(even) > 1 else ""))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source = source_facts(sys.argv[1])
    video, audio = read_master(pathlib.Path(sys.argv[2]))
    say(bool(video) == bool(source), f"{len(video)} renditions, {len(audio)} audio playlists")
    for name, path in video:
        check_video(name, path, source)
    for name, path in audio:
        check_audio(name, path)
    print("all checks passed" if not failures else f"{failures} checks FAILED")
    sys.exit(bool(failures))


main()
