#!/usr/bin/env python3
"""Submits many short videos at a steady rate, kills the API and the workers in between, and counts.

Every video must come out once: none lost, none doubled. A request whose answer was lost is sent again
under the same Idempotency-Key, as a client would. Prints the times of POST and what was counted, and
writes both into bench/LOAD.md when --write is given. Needs a build (MILLRACE_PROFILE says which; release
by default) and the Temporal server.

    scripts/load.py [--videos 1000] [--rate 50] [--no-kill] [--write]
"""
import argparse, atexit, collections, concurrent.futures, http.client, json, os, pathlib, re, shutil
import signal, socket, subprocess, sys, tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROFILE = os.environ.get("MILLRACE_PROFILE", "release")
MILLRACE = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / PROFILE / "millrace"
RESULTS = ROOT / "bench" / "LOAD.md"
ATTRIBUTES = {"MillraceStatus": "Keyword", "MillraceTenant": "Keyword", "MillraceSourceKind": "Keyword",
              "MillraceDurationSeconds": "Double"}
OPTIONS = {"resolutions": ["240p"], "preset": "ultrafast"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack:
    """A Temporal server, an API and a worker, each a process that can be killed."""

    def __init__(self, folder):
        self.folder, self.running = folder, {}
        self.grpc, self.api, self.media = free_port(), free_port(), free_port()
        self.log = open(folder / "log", "wb")
        atexit.register(self.stop)

    def spawn(self, name, command, **env):
        process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=self.log, stderr=self.log,
                                   env={**os.environ, **env})
        self.running[name] = process

    def temporal(self, *args):
        program = ROOT / ".tools/bin/temporal"
        return [program if program.exists() else shutil.which("temporal"), *args]

    def start_temporal(self):
        command = self.temporal("server", "start-dev", "--ip", "127.0.0.1", "--headless", "--port", self.grpc,
                                "--log-level", "error", "--db-filename", self.folder / "temporal.db")
        for name, kind in ATTRIBUTES.items():
            command += ["--search-attribute", f"{name}={kind}"]
        self.spawn("temporal", command)
        until_listening(self.grpc)

    def start(self, name, *flags):
        command = [MILLRACE, name, "--data", self.folder / "data", *flags]
        self.spawn(name, command, TEMPORAL_ADDRESS=f"http://127.0.0.1:{self.grpc}")

    def start_api(self):
        self.start("api", "--api-addr", f"127.0.0.1:{self.api}", "--media-addr", f"127.0.0.1:{self.media}")
        until_listening(self.api)

    def start_worker(self):
        self.start("worker")

    def kill(self, name):
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        for name in ("api", "worker", "temporal"):
            if name in self.running:
                self.kill(name)

    def workflows(self):
        """How many workflows of videos were ever started."""
        command = self.temporal("workflow", "count", "--address", f"127.0.0.1:{self.grpc}",
                                "--query", "WorkflowType = 'VideoWorkflow'")
        said = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
        return int(re.search(r"Total: (\d+)", said)[1])


def until_listening(port, patience=60):
    give_up = time.monotonic() + patience
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > give_up:
                sys.exit(f"nothing listens on port {port} after {patience} s")
            time.sleep(0.05)


def make_clip(folder):
    """One second of picture and sound, as an object of the store."""
    inbox = folder / "data/media/videos/inbox"
    inbox.mkdir(parents=True)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=1", "-f", "lavfi", "-i",
                    "sine=d=1", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac",
                    inbox / "clip.mp4"], check=True)


class Client:
    """One connection per thread, as a service has."""

    def __init__(self, port):
        self.port, self.local = port, threading.local()

    def ask(self, method, path, body=None, headers=None):
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            connection.close()
            self.local.connection = None
            raise


class Poster:
    """Submits videos at a steady rate, whatever the answers take."""

    def __init__(self, client, rate):
        self.client, self.rate = client, rate
        self.pool = concurrent.futures.ThreadPoolExecutor(200)
        self.seconds, self.again, self.lock = [], 0, threading.Lock()

    def submit(self, number):
        body = json.dumps({"bucket": "videos", "key": "inbox/clip.mp4", "options": OPTIONS, "metadata": {"number": number}})
        headers = {"content-type": "application/json", "idempotency-key": f"video-{number}"}
        began = time.monotonic()
        while True:
            try:
                status, answer = self.client.ask("POST", "/videos", body, headers)
                if status == 202:
                    break
                if status < 500:
                    sys.exit(f"refused: {answer}")
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                pass
            with self.lock:
                self.again += 1
            time.sleep(0.2)
        with self.lock:
            self.seconds.append(time.monotonic() - began)
        return answer["id"]

    def run(self, numbers):
        began = time.monotonic()
        asked = []
        for place, number in enumerate(numbers):
            time.sleep(max(0, began + place / self.rate - time.monotonic()))
            asked.append(self.pool.submit(self.submit, number))
        return [future.result() for future in asked]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def statuses(client):
    """Every video by status, and the set of their ids."""
    counted, ids, path = collections.Counter(), set(), "/videos?limit=200"
    while path:
        status, page = client.ask("GET", path)
        if status != 200:
            raise OSError(f"{status} {page}")
        counted.update((video["status"], video["attempt"]) for video in page["videos"])
        ids.update(video["id"] for video in page["videos"])
        cursor = page.get("next_cursor")
        path = f"/videos?limit=200&cursor={cursor}" if cursor else None
    return counted, ids


def wait_for(client, enough, patience, what):
    give_up = time.monotonic() + patience
    while True:
        try:
            counted, ids = statuses(client)
            if enough(counted):
                return counted, ids
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            pass
        if time.monotonic() > give_up:
            sys.exit(f"{what}: still {dict(counted)} after {patience} s")
        time.sleep(1)


def ready(counted):
    return sum(count for (status, _), count in counted.items() if status == "ready")


def write(line):
    RESULTS.write_text(f"# Load\n\nWritten by `scripts/load.py`, on {os.cpu_count()} cores, {PROFILE} build, clients on the same machine.\n\n{line}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--patience", type=float, default=3600, help="seconds for all to be ready")
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the result into bench/LOAD.md")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-load-"))
    atexit.register(shutil.rmtree, folder, True)
    make_clip(folder)
    stack = Stack(folder)
    stack.start_temporal()
    stack.start_api()
    stack.start_worker()
    client = Client(stack.api)
    poster = Poster(client, args.rate)
    began = time.monotonic()
    half = args.videos // 2
    first = poster.run(range(half))
    p50, p99 = (percentile(poster.seconds, share) * 1000 for share in (0.5, 0.99))
    print(f"{half} at {args.rate:g}/s while others are encoded: POST p50 {p50:.0f} ms, p99 {p99:.0f} ms", flush=True)
    kills = []
    if not args.no_kill:
        def murder():
            time.sleep(half / args.rate / 3)
            for name, start in (("api", stack.start_api), ("worker", stack.start_worker)):
                stack.kill(name)
                kills.append(name)
                time.sleep(1)
                start()
        murderer = threading.Thread(target=murder)
        murderer.start()
    second = poster.run(range(half, args.videos))
    if not args.no_kill:
        murderer.join()
        wait_for(client, lambda counted: ready(counted) >= args.videos // 4, args.patience, "a quarter ready")
        stack.kill("worker")
        stack.kill("api")
        kills += ["worker", "api"]
        stack.start_api()
        stack.start_worker()
    counted, ids = wait_for(client, lambda counted: ready(counted) == args.videos, args.patience, "all ready")
    took = time.monotonic() - began
    workflows = stack.workflows()
    submitted = set(first) | set(second)
    if ids != submitted or len(ids) != args.videos or workflows != args.videos:
        sys.exit(f"{len(ids)} videos, {len(submitted)} answered, {workflows} workflows; {args.videos} were submitted")
    if set(counted) != {("ready", 1)}:
        sys.exit(f"not all at the first attempt: {dict(counted)}")
    line = (f"{args.videos} videos of one second at {args.rate:g} POST/s, {len(kills)} times kill -9 ({', '.join(kills) or 'none'}): "
            f"all ready at their first attempt, none lost or doubled, {poster.again} requests sent again; "
            f"POST p50 {p50:.0f} ms, p99 {p99:.0f} ms beside the encoders; {args.videos / took:.1f} videos/s in all.")
    print(line)
    if args.write:
        write(line)


if __name__ == "__main__":
    main()
