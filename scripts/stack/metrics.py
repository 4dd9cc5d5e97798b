"""What Prometheus sees of the full stack, after it has made a video.

Owns three questions: is every container a target that answers, does every expression that people are
given (docs/operations.md, the dashboard) find a series, and do the alerts load and stay silent.
"""

import json
import pathlib
import re
import time
import urllib.parse

import client

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = 9
# They find something only where something went wrong; that they are understood is checked all the same.
MAY_BE_EMPTY = ("retried", "failed", "5xx", "_refused_", "_evicted_", "_panic", "worker_restarts", "unreadable",
                "millrace_webhook_oldest", "ALERTS", "predict_linear", "downloaded_bytes", "killed")


def ask(base, path, **query):
    address = f"{base}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    status, _, body = client.get(address)
    answer = json.loads(body)
    if status != 200 or answer["status"] != "success":
        raise RuntimeError(f"{address}: {status} {answer}")
    return answer["data"]


def expressions():
    """Every expression that a reader may ask, by where it is from."""
    text = (ROOT / "docs/operations.md").read_text()
    for block in re.findall(r"```promql\n(.*?)```", text, re.S):
        for lines in block.strip().split("\n\n"):
            expression = " ".join(line for line in lines.splitlines() if not line.startswith("#"))
            yield "docs/operations.md", expression
    for file in sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{file.name}, {panel['title']}", target["expr"].replace("$__rate_interval", "1m")


def until_answering(base, expected):
    """Waits until every container is a target, and each has been read since the video was made."""
    until = time.monotonic() + 120
    while True:
        targets = ask(base, "targets", state="active")["activeTargets"]
        up = [target for target in targets if target["health"] == "up"]
        if len(up) == len(targets) == expected:
            return up
        if time.monotonic() > until:
            raise RuntimeError(f"{len(up)} of {expected} targets: {[(t['scrapeUrl'], t['lastError']) for t in targets]}")
        time.sleep(1)


def until_counted(base):
    """Waits until rates over a minute know the video: two scrapes with it in between."""
    until = time.monotonic() + 120
    while not ask(base, "query", query="sum(rate(millrace_chunk_encode_seconds_count[1m])) > 0")["result"]:
        if time.monotonic() > until:
            raise RuntimeError("no rate of encoded chunks after two minutes")
        time.sleep(1)


def check(test, say):
    project = test.project
    base = f"http://127.0.0.1:{project.ports['PROMETHEUS_PORT']}"
    services = [name for name in project.run("config", "--services").split()
                if name == "api" or name.startswith("worker-")]
    expected = sum(len(project.containers(name)) for name in services)
    if len(services) != SERVICES:
        raise RuntimeError(f"services are {services}")
    until_answering(base, expected)
    say(f"Prometheus reads {expected} containers of {len(services)} services, found by name")
    # Each queue's metrics begin at the first scrape: a second video moves them.
    test.api.ready(test.post(test.clip, thumbnail={"mode": "auto"}))
    until_counted(base)
    count = 0
    for place, expression in expressions():
        found = ask(base, "query", query=expression)["result"]
        if not found and not any(word in expression for word in MAY_BE_EMPTY):
            raise RuntimeError(f"{place}: no series for {expression}")
        count += 1
    say(f"{count} expressions of docs/operations.md and the dashboard are understood and find series")
    rules = [rule for group in ask(base, "rules")["groups"] for rule in group["rules"]]
    wrong = [rule["name"] for rule in rules if rule["health"] == "err" or rule["state"] == "firing"]
    if wrong or not rules:
        raise RuntimeError(f"alerts that fail or fire on a healthy stack: {wrong}")
    say(f"{len(rules)} alerts are evaluated and silent")
