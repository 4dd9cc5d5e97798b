"""Scales the workers of one queue by what waits in it, as KEDA's `temporal` trigger does.

It asks Temporal for the same number (`ApproximateBacklogCount` of the queue's activities) and follows the
same rule as deploy/k8s: one worker for so many waiting chunks, none after a while without any. What is
being encoded does not count, so workers are ended while they work, and have to finish it first.
"""

import json
import threading
import time

SERVICE, QUEUE = "worker-transcode", "transcode"
# targetQueueSize and maxReplicaCount; a pause that is short enough for a test in place of cooldownPeriod.
WAITING_EACH, MOST, COOLDOWN = 2, 3, 3


def backlog(project):
    told = project.run("exec", "-T", "temporal", "temporal", "task-queue", "describe", "--namespace", "millrace",
                       "--task-queue", QUEUE, "--task-queue-type", "activity", "--output", "json")
    return sum(int(stats.get("approximateBacklogCount", 0)) for stats in find(json.loads(told), "stats"))


def find(tree, name):
    """Every value of this name, however deep: the answer is grouped by version of the workers."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield from value if isinstance(value, list) else [value]
            else:
                yield from find(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from find(value, name)


class Scaler(threading.Thread):
    """Runs until `ended` is set; `counts` holds the numbers of workers it has asked for."""

    def __init__(self, project):
        super().__init__(daemon=True)
        self.project, self.ended, self.counts, self.error = project, threading.Event(), [0], None

    def run(self):
        try:
            quiet_since = time.monotonic()
            while not self.ended.wait(1):
                waiting = backlog(self.project)
                if waiting:
                    quiet_since = time.monotonic()
                wanted = min(MOST, -(-waiting // WAITING_EACH))
                cool = time.monotonic() - quiet_since > COOLDOWN
                if wanted > self.counts[-1] or (wanted == 0 and cool and self.counts[-1] > 0):
                    self.project.up("--no-recreate", "--no-deps", "--scale", f"{SERVICE}={wanted}", SERVICE)
                    self.counts.append(wanted)
        except Exception as error:
            self.error = error


def attempts(project, video):
    """How often each chunk of a video was begun, from its history in Temporal."""
    told = project.run("exec", "-T", "temporal", "temporal", "workflow", "show", "--namespace", "millrace",
                       "--workflow-id", f"video-{video}-1", "--output", "json")
    events = json.loads(told)["events"]
    chunks = {event["eventId"] for event in events
              if event.get("activityTaskScheduledEventAttributes", {}).get("activityType", {}).get("name")
              == "transcode_chunk"}
    began = [event["activityTaskStartedEventAttributes"] for event in events
             if "activityTaskStartedEventAttributes" in event]
    return [int(it.get("attempt", 1)) for it in began if it["scheduledEventId"] in chunks]


def check(test, say):
    """Videos over no worker, some, and none again: all come out, and no chunk is encoded twice."""
    project = test.project
    project.up("--no-recreate", "--scale", f"{SERVICE}=0")
    scaler = Scaler(project)
    scaler.start()
    try:
        videos = [test.post(test.long, **test.slow) for _ in range(3)]
        for video in videos:
            test.api.ready(video, 600)
        until = time.monotonic() + 120
        while scaler.counts[-1] != 0:
            if scaler.error or time.monotonic() > until:
                raise RuntimeError(f"the scaler went {scaler.counts}: {scaler.error}")
            time.sleep(0.5)
    finally:
        scaler.ended.set()
        scaler.join()
    begun = [attempt for video in videos for attempt in attempts(project, video)]
    if max(scaler.counts) != MOST or not begun or max(begun) > 1:
        raise RuntimeError(f"the scaler went {scaler.counts}; chunks were begun {begun}")
    say(f"scaled by what waits in Temporal, {' → '.join(map(str, scaler.counts))}: "
        f"{len(videos)} videos, {len(begun)} chunks, none begun twice")
    project.up("--no-recreate", "--scale", f"{SERVICE}=2")
