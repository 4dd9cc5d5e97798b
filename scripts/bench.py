#!/usr/bin/env python3
"""Measures the whole product, from POST to ready, against one ffmpeg process with the same settings.

Alternating runs on one machine, so that the ratios hold even where single numbers do not. Needs a
release build of millrace, ffmpeg and the Temporal server (scripts/setup.sh). Writes bench/RESULTS.md.

    scripts/bench.py [--runs N] [--clip FILE]
"""
import argparse, atexit, functools, http.server, json, os, pathlib, platform, resource, shutil, signal
import statistics, subprocess, sys, tempfile, threading, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
MILLRACE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/millrace"
TICK = os.sysconf("SC_CLK_TCK")
# name, height, video kbit/s, audio kbit/s: the default ladder.
LADDER = [("1080p", 1080, 5000, 192), ("720p", 720, 3000, 128), ("480p", 480, 1500, 96), ("360p", 360, 800, 64)]


def make_clip(target):
    """49.6 s of 1080p30 with sound: the demo clip, looped and scaled."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part.mp4")
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-stream_loop", "-1", "-i", ROOT / "crates/fixtures/clips/demo.mp4",
                        "-t", "49.6", "-vf", "scale=1920:1080,fps=30", "-c:v", "libx264", "-preset", "veryfast",
                        "-b:v", "8M", "-g", "60", "-c:a", "aac", "-b:a", "192k", "-movflags", "+faststart", part], check=True)
        part.rename(target)
    return target


def serve(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def tree(pid):
    """The process and all its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(entry))
            except (OSError, IndexError):
                pass
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu(pid):
    """CPU seconds of the living tree and of what it has reaped."""
    total = 0
    for member in tree(pid):
        try:
            fields = open(f"/proc/{member}/stat").read().rsplit(")", 1)[1].split()
            total += sum(map(int, fields[11:15]))
        except (OSError, IndexError):
            pass
    return total / TICK


def memory(pid):
    """Proportional resident memory of the tree in MiB: all of it, and the part in ffmpeg."""
    total = encoders = 0
    for member in tree(pid):
        try:
            rollup = open(f"/proc/{member}/smaps_rollup").read()
            kib = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
            total += kib
            encoders += kib if open(f"/proc/{member}/comm").read().strip() == "ffmpeg" else 0
        except (OSError, StopIteration):
            pass
    return total / 1024, encoders / 1024


class Sampler(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.stop, self.peak, self.encoders = pid, threading.Event(), 0, 0

    def run(self):
        while not self.stop.wait(0.2):
            total, encoders = memory(self.pid)
            self.peak, self.encoders = max(self.peak, total), max(self.encoders, encoders)


def ask(url, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=30))


def product(clip_url, folder):
    command = [MILLRACE, "up", "--data", folder, "--api-addr", "127.0.0.1:0", "--media-addr", "127.0.0.1:0",
               "--temporal-port", "17300", "--ui-port", "18300", "--allow-source-networks", "127.0.0.1/32"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
    atexit.register(process.kill)
    said = {}
    while "Data" not in said:
        name, _, value = process.stdout.readline().partition("  ")
        said[name.strip()] = value.strip()
    api = said["API"]
    sampler = Sampler(process.pid)
    sampler.start()
    before, began = cpu(process.pid), time.monotonic()
    video = ask(f"{api}/videos", {"url": clip_url})
    while video["status"] not in ("ready", "failed"):
        # Each look asks the workflow: as often as a patient client would, so as not to measure itself.
        time.sleep(0.5)
        video = ask(f"{api}/videos/{video['id']}")
    wall, used = time.monotonic() - began, cpu(process.pid) - before
    sampler.stop.set()
    if video["status"] != "ready":
        sys.exit(f"the video failed: {video['error']}")
    history = said.get("Temporal UI") and events(said["Temporal UI"], video["id"])
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    return {"wall": wall, "cpu": used, "memory": sampler.peak, "encoders": sampler.encoders, "history": history}


def events(ui, video):
    """Number of history events, and the gaps in which nothing of the video ran, in milliseconds."""
    found, token = [], ""
    while True:
        url = f"{ui.rstrip('/')}/api/v1/namespaces/default/workflows/video-{video}-1/history?next_page_token={token}"
        page = ask(url)
        found += page["history"]["events"]
        token = urllib.request.quote(page.get("nextPageToken") or "", safe="")
        if not token:
            break
    def at(event):
        whole, _, fraction = event["eventTime"].rstrip("Z").partition(".")
        return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (fraction or "0"))
    # Starts are written together with ends, so the order of events is not that of time.
    found.sort(key=at)
    running, gaps, idle_since = 0, [], at(found[0])
    for event in found:
        kind = event["eventType"].removeprefix("EVENT_TYPE_")
        if kind == "ACTIVITY_TASK_STARTED":
            if running == 0:
                gaps.append(1000 * (at(event) - idle_since))
            running += 1
        elif kind == "ACTIVITY_TASK_COMPLETED":
            running -= 1
            idle_since = at(event)
    return {"events": len(found), "gaps": gaps}


def plain(clip, folder):
    """One ffmpeg process: the same decode, rungs, rate control, GOP and audio, into HLS."""
    rungs = "".join(f"[s{i}]scale=-2:{height}:flags=bicubic,format=yuv420p[v{i}];" for i, (_, height, _, _) in enumerate(LADDER))
    outs = lambda letter: "".join(f"[{letter}{i}]" for i in range(len(LADDER)))
    graph = f"[0:v]fps=30,split={len(LADDER)}{outs('s')};{rungs}[0:a]aresample=48000,asplit={len(LADDER)}{outs('a')}"
    command = ["ffmpeg", "-v", "error", "-y", "-nostdin", "-i", clip, "-filter_complex", graph]
    for i, (name, _, video, audio) in enumerate(LADDER):
        (folder / name).mkdir(parents=True)
        (folder / f"audio-{audio}").mkdir(parents=True)
        hls = ["-f", "hls", "-hls_time", "6", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod"]
        command += ["-map", f"[v{i}]", "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-b:v", f"{video}k",
                    "-maxrate", f"{video * 107 // 100}k", "-bufsize", f"{video * 3 // 2}k", "-g", "60", "-keyint_min", "60",
                    "-sc_threshold", "0", "-x264-params", "stitchable=1", *hls,
                    "-hls_segment_filename", folder / name / "%d.m4s", folder / name / "index.m3u8"]
        command += ["-map", f"[a{i}]", "-c:a", "aac", "-b:a", f"{audio}k", *hls,
                    "-hls_segment_filename", folder / f"audio-{audio}" / "%d.m4s", folder / f"audio-{audio}" / "index.m3u8"]
    began = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("ffmpeg failed")
    return {"wall": time.monotonic() - began, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}


def report(ours, theirs, clip):
    middle = lambda runs, key: statistics.median(run[key] for run in runs)
    ratio = lambda key: statistics.median(a[key] / b[key] for a, b in zip(ours, theirs))
    gaps = [gap for run in ours if run["history"] for gap in run["history"]["gaps"]]
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.splitlines()[0]
    lines = [
        "# Benchmark results", "",
        "Written by `make bench`: the whole product, from POST to ready, against one ffmpeg process with the same",
        "encoder settings, in alternating runs on one machine. Quote the ratios; single numbers move with the machine.", "",
        f"- clip: {clip.name}, 49.6 s of 1080p30 with stereo sound, to {', '.join(rung[0] for rung in LADDER)}",
        f"- machine: {os.cpu_count()} cores, {platform.machine()}, {version}",
        f"- runs: {len(ours)} of each, medians", "",
        "| | millrace | one ffmpeg | ratio (median of pairs) |", "|---|---|---|---|",
        f"| wall time, s | {middle(ours, 'wall'):.1f} | {middle(theirs, 'wall'):.1f} | {ratio('wall'):.3f} |",
        f"| CPU time, s | {middle(ours, 'cpu'):.1f} | {middle(theirs, 'cpu'):.1f} | {ratio('cpu'):.3f} |",
        f"| peak memory, MiB | {middle(ours, 'memory'):.0f} (encoders {middle(ours, 'encoders'):.0f}) | {middle(theirs, 'memory'):.0f} | {ratio('memory'):.2f} |",
        "",
        f"History events per video: {ours[0]['history']['events'] if ours[0]['history'] else 'not read'}.",
        f"Time in which no activity ran, between two that did: median {statistics.median(gaps):.0f} ms, "
        f"longest {max(gaps):.0f} ms, {sum(gaps) / len(ours):.0f} ms per video." if gaps else "",
        "",
        "Memory counts the whole product, Temporal's server and its web page included.", "",
    ]
    target = ROOT / "bench/RESULTS.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines))
    print("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--clip", type=pathlib.Path)
    args = parser.parse_args()
    clip = args.clip or make_clip(ROOT / "target/bench/clip.mp4")
    base = serve(clip.parent)
    ours, theirs = [], []
    for run in range(args.runs):
        for name, measure in (("millrace", lambda f: product(f"{base}/{clip.name}", f)), ("ffmpeg", lambda f: plain(clip, f))):
            folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-", dir=ROOT / "target"))
            try:
                result = measure(folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            (ours if name == "millrace" else theirs).append(result)
            print(f"run {run + 1} {name}: wall {result['wall']:.1f} s, CPU {result['cpu']:.1f} s, {result['memory']:.0f} MiB", flush=True)
    report(ours, theirs, clip)


main()
