"""A client of the API and of the store, as a user writes it: Python's library only."""

import base64
import http.client
import json
import pathlib
import re
import time
import urllib.error
import urllib.parse
import urllib.request

UNREACHABLE = (urllib.error.URLError, ConnectionError, http.client.HTTPException, TimeoutError)


def get(address, headers=None, method="GET"):
    """Status, headers and body, whatever the status is."""
    request = urllib.request.Request(address, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class Api:
    """Calls of one key."""

    def __init__(self, base, key):
        self.base, self.headers = base, {"Authorization": f"Bearer {key}"}

    def call(self, method, path, body=None, headers=None):
        """The answer's headers and body; asked again while nobody or an ailing server answers, under
        one idempotency key, as clients do. Gives up after two minutes."""
        until = time.monotonic() + 120
        while True:
            request = urllib.request.Request(urllib.parse.urljoin(self.base, path), data=body, method=method,
                                             headers=self.headers | (headers or {}))
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                if error.code < 500 or time.monotonic() > until:
                    raise RuntimeError(f"{method} {path}: {error.code} {error.read()}") from error
            except UNREACHABLE:
                if time.monotonic() > until:
                    raise
            time.sleep(0.5)

    def upload(self, file):
        """Sends a file by tus, and gives the upload's id."""
        data, tus = pathlib.Path(file).read_bytes(), {"Tus-Resumable": "1.0.0"}
        name = base64.b64encode(pathlib.Path(file).name.encode()).decode()
        declared = {"Upload-Length": str(len(data)), "Upload-Metadata": f"filename {name}"}
        headers, _ = self.call("POST", "/uploads", headers=tus | declared)
        place = headers["Location"]
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        self.call("PATCH", place, data, tus | kind)
        return place.rsplit("/", 1)[1]

    def post(self, file, name, **options):
        """Has a video made from a file; `name` makes the request idempotent."""
        body = {"upload_id": self.upload(file), "options": options}
        headers = {"Content-Type": "application/json", "Idempotency-Key": name}
        return json.loads(self.call("POST", "/videos", json.dumps(body).encode(), headers)[1])["id"]

    def video(self, video):
        return json.loads(self.call("GET", f"/videos/{video}")[1])

    def until(self, video, wanted, seconds=300):
        """Waits until `wanted` holds for a video, and gives it. A failed one is an error."""
        until = time.monotonic() + seconds
        while True:
            found = self.video(video)
            if wanted(found):
                return found
            if found["status"] in ("failed", "cancelled") or time.monotonic() > until:
                raise RuntimeError(f"video {video}: {json.dumps(found)}")
            time.sleep(0.2)

    def ready(self, video, seconds=300):
        return self.until(video, lambda found: found["status"] == "ready", seconds)


def download(master, folder):
    """Copies what a player reaches from a master playlist into a folder; gives the playlist's place."""
    left, seen = [master], set()
    while left:
        address = left.pop()
        if address in seen:
            continue
        seen.add(address)
        status, _, body = get(address)
        if status != 200:
            raise RuntimeError(f"{address}: {status}")
        place = folder / urllib.parse.urlparse(address).path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
        if place.suffix == ".m3u8":
            text = body.decode()
            names = re.findall(r'URI="([^"]+)"', text) + re.findall(r"^[^#\s].*$", text, re.M)
            left += [urllib.parse.urljoin(address, name) for name in names]
    return folder / urllib.parse.urlparse(master).path.lstrip("/")
