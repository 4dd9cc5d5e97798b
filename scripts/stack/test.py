#!/usr/bin/env python3
"""Runs a compose file of Millrace and makes videos with it, while its services are killed and scaled.

    test.py small|full SECRETS_FILE [--keep]

Needs the engine and the images that scripts/stack.sh sets up. Prints a line per check, and ends at the
first that fails, with the log of every service. `--keep` leaves everything running.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

import client
import compose
import metrics
import scaler
import units

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIP = ROOT / "crates/fixtures/clips/demo.mp4"
LADDER = {"resolutions": ["360p", "240p"], "preset": "ultrafast"}
# Enough work for a kill to find some.
SLOW = {"resolutions": ["480p", "360p"], "preset": "fast"}
# Seconds for which a service is taken away: a restart with a recovery, or a failover.
AWAY = 30
PORTS = ["API_PORT", "S3_PORT", "S3_PAGE_PORT", "TEMPORAL_UI_PORT"]
STACKS = {
    "small": {
        "folder": ROOT,
        "files": ["docker-compose.yml"],
        "ports": PORTS,
        "killed": ["worker", "api", "s3", "postgres", "temporal"],
        "away": ["s3", "postgres"],
        "scaled": "worker",
    },
    "full": {
        "folder": ROOT / "transcoding-engine-stack",
        "files": ["docker-compose.yml", "compose.here.yml"],
        "ports": [*PORTS, "PROMETHEUS_PORT", "GRAFANA_PORT"],
        "killed": ["worker-transcode", "worker-video-workflows", "api", "s3", "postgres", "temporal"],
        "away": [],
        "scaled": "worker-transcode",
    },
}


def say(text):
    print(f"ok    {text}", flush=True)


def check(holds, text):
    if not holds:
        raise RuntimeError(text)
    say(text)


def is_encoded(video):
    return (video["progress"] or {}).get("phase") == "encoding"


class Test:
    """A stack that runs, and the clips to make videos from."""

    slow = SLOW

    def __init__(self, kind, project, folder):
        self.kind, self.project, self.folder, self.count, self.clip = kind, project, folder, 0, CLIP
        key = project.run("exec", "-T", "api", "millrace", "keys", "create", "--name", "me").strip()
        self.api = client.Api(f"http://127.0.0.1:{project.ports['API_PORT']}", key)
        # Twice the clip: long enough that a kill finds work under way.
        self.long = folder / "long.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "1", "-i", CLIP, "-vf", "scale=-2:480",
                        "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", self.long], check=True)

    def post(self, file, **options):
        self.count += 1
        return self.api.post(file, f"{self.kind}-{self.count}", **(LADDER | options))

    def check_output(self, source, video):
        """The finished video, copied from the store's public address, by the project's own checker."""
        copy = self.folder / video
        master = client.download(self.api.video(video)["outputs"]["master"], copy)
        checker = [sys.executable, ROOT / "scripts/check_output.py", source, master]
        found = subprocess.run(checker, capture_output=True, text=True)
        if found.returncode != 0 or "ok" not in found.stdout:
            raise RuntimeError(f"check_output.py: {found.stdout}{found.stderr}")
        say(f"check_output.py passes {video}")

    def first_video(self, since):
        begin = time.monotonic()
        video = self.post(CLIP, thumbnail={"mode": "auto"})
        found = self.api.ready(video)
        now = time.monotonic()
        say(f"POST to ready: {now - begin:.1f} s; from `up` to the first playable video: {now - since:.1f} s")
        check(not found["warnings"], f"no warnings: {found['warnings']}")
        master = found["outputs"]["master"]
        expected = f"http://localhost:{self.project.ports['S3_PORT']}/videos/{video}/outputs/master.m3u8"
        check(master == expected, f"it plays at {master}")
        self.check_output(CLIP, video)
        return found

    def rights(self, found):
        """What everybody may read of the store, and what nobody may without the key."""
        master, video = found["outputs"]["master"], found["id"]
        base = urllib.parse.urljoin(master, "/")
        open_to_all = [master, found["links"]["thumbnail"]]
        closed = ["", "videos", "videos?list-type=2", "thumbnails?list-type=2", "uploads?list-type=2",
                  f"videos?list-type=2&prefix={video}/outputs/", f"videos/{video}/source/record.json",
                  f"videos/{video}/work/manifest.json", "videos/exports/a/outputs/b/.export.json",
                  f"uploads/{found['source']['upload_id']}/original.mp4", f"mezzanine/{video}/mezzanine.mp4"]
        for address in open_to_all:
            status = client.get(address)[0]
            check(status == 200, f"everybody reads {address}: {status}")
        for path in closed:
            status = client.get(base + path)[0]
            check(status == 403, f"nobody reads /{path}: {status}")
        for method in ("PUT", "DELETE"):
            status = client.get(master, method=method)[0]
            check(status == 403, f"nobody may {method} it: {status}")
        origin = {"Origin": "https://player.example.com"}
        allowed = client.get(master, origin)[1].get("Access-Control-Allow-Origin")
        check(allowed in ("*", origin["Origin"]), f"a page of another origin may read it: {allowed}")
        asked = origin | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
        status, headers, _ = client.get(master, asked, "OPTIONS")
        check(status in (200, 204) and headers.get("Access-Control-Allow-Origin"), "and may ask for ranges")

    def encoding(self, what):
        """A video that is being encoded now; `what` is about to happen."""
        video = self.post(self.long, **SLOW)
        found = self.api.until(video, lambda found: found["status"] == "ready" or is_encoded(found))
        check(found["status"] != "ready", f"{what} while a video is encoded")
        return video

    def survives(self, service):
        """Ends a service at once while a video is encoded; the video comes out, correct."""
        before, video = self.project.restarts(service), self.encoding(f"{service} is killed")
        self.project.kill(service)
        begin = time.monotonic()
        self.api.ready(video)
        after = self.project.restarts(service)
        check(after > before, f"{service} was killed and restarted; the video is ready after "
              f"{time.monotonic() - begin:.1f} s")
        self.check_output(self.long, video)

    def outlasts(self, service):
        """Takes a service away for longer than a few quick tries last; the video waits, and comes out."""
        video = self.encoding(f"{service} is taken away for {AWAY} s")
        self.project.run("kill", service)
        time.sleep(AWAY)
        self.project.run("start", service)
        self.api.ready(video)
        self.check_output(self.long, video)

    def scales(self, service):
        """More containers, then fewer, over videos that are being made."""
        videos = [self.post(CLIP) for _ in range(4)]
        self.project.up("--no-recreate", "--scale", f"{service}=3")
        check(len(self.project.containers(service)) == 3, f"three containers of {service}")
        self.api.ready(videos[0])
        self.project.up("--no-recreate", "--scale", f"{service}=1")
        for video in videos:
            self.api.ready(video)
        check(len(self.project.containers(service)) == 1, "one container again; every video is ready")

    def removes(self, found):
        self.api.call("DELETE", f"/videos/{found['id']}")
        until = time.monotonic() + 60
        while client.get(found["outputs"]["master"])[0] == 200:
            if time.monotonic() > until:
                raise RuntimeError("a deleted video still plays")
            time.sleep(0.5)
        say("a deleted video plays no more")

    def run(self, since, facts):
        found = self.first_video(since)
        self.rights(found)
        if "PROMETHEUS_PORT" in self.project.ports:
            metrics.check(self, say)
        for service in facts["killed"]:
            self.survives(service)
        for service in facts["away"]:
            self.outlasts(service)
        self.scales(facts["scaled"])
        if self.kind == "small":
            units.check(self, say)
        else:
            scaler.check(self, say)
        self.removes(found)


def main():
    kind, secrets = sys.argv[1], pathlib.Path(sys.argv[2])
    facts = STACKS[kind]
    settings = dict(line.split("=", 1) for line in secrets.read_text().splitlines() if "=" in line)
    project = compose.Project(f"millrace-test-{kind}", facts["folder"], facts["files"], settings, facts["ports"])
    begin = time.monotonic()
    print(f"the {kind} stack, on ports {json.dumps(project.ports)}", flush=True)
    project.down()
    with tempfile.TemporaryDirectory() as folder:
        try:
            say(f"up: everything is healthy after {project.up():.1f} s")
            Test(kind, project, pathlib.Path(folder)).run(begin, facts)
        except Exception as error:
            print(project.run("logs", "--no-color", "--tail", "60"), project.run("ps", "--all"))
            print(f"FAIL  {error}", flush=True)
            raise
        finally:
            if "--keep" not in sys.argv:
                project.down()
    print(f"the {kind} stack passed in {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
