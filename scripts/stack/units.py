"""The units of deploy/systemd on a machine whose first process is systemd.

The machine is a container in the network of a stack, and its workers take over from the stack's own.
"""

import pathlib
import subprocess
import time

IMAGE = "millrace-here/systemd:252"
QUEUES = ["video-workflows", "download", "metadata", "thumbnail", "scenes", "transcode", "playlist", "notify"]
SETTINGS = """MILLRACE_LOG_FORMAT=json
MILLRACE_DATABASE=postgres://millrace:{POSTGRES_PASSWORD}@postgres:5432/millrace
MILLRACE_S3=true
MILLRACE_S3_ENDPOINT=http://s3:9000
AWS_ACCESS_KEY_ID={S3_ACCESS_KEY}
AWS_SECRET_ACCESS_KEY={S3_SECRET_KEY}
TEMPORAL_ADDRESS=http://temporal:7233
"""
# A container has no name space of users in which /proc could be mounted again.
IN_A_CONTAINER = "[Service]\nPrivateUsers=no\n"


class Machine:
    def __init__(self, project):
        self.project, self.name = project, f"{project.name}-systemd"
        self.docker("run", "--detach", "--name", self.name, "--network", f"{project.name}_default",
                    "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--cgroupns", "private",
                    "--tmpfs", "/run", "--tmpfs", "/tmp", "--env", "container=docker", IMAGE)

    def docker(self, *arguments, **options):
        done = subprocess.run(["docker", *arguments], env=self.project.environment, check=True, text=True,
                              stdout=subprocess.PIPE, **options)
        return done.stdout.strip()

    def run(self, *command, **options):
        return self.docker("exec", "--interactive", self.name, *command, **options)

    def write(self, place, text, mode, group="root"):
        self.run("install", "-D", "-m", mode, "-g", group, "/dev/stdin", place, input=text)

    def install(self):
        """As docs/deploy.md says it; the units are in the image."""
        settings = SETTINGS.format(**self.project.environment)
        self.run("install", "-d", "-m", "750", "-g", "millrace", "/etc/millrace")
        self.write("/etc/millrace/millrace.env", settings, "600")
        key = pathlib.Path(self.project.environment["SECRET_KEY_FILE"]).read_text()
        self.write("/etc/millrace/secret.key", key, "640", "millrace")
        for unit in ("millrace-api.service", "millrace-worker@.service"):
            self.write(f"/etc/systemd/system/{unit}.d/container.conf", IN_A_CONTAINER, "644")
        # Its own start may still be under way; this ends with 1 when a unit of Debian's has failed.
        subprocess.run(["docker", "exec", self.name, "systemctl", "is-system-running", "--wait"],
                       env=self.project.environment, stdout=subprocess.DEVNULL)
        self.run("systemctl", "daemon-reload")

    def shown(self, unit, name):
        return self.run("systemctl", "show", "--value", "--property", name, unit)

    def log(self):
        return self.run("journalctl", "--no-pager", "--output", "cat", "--unit", "millrace*", "--lines", "60")

    def remove(self):
        self.docker("rm", "--force", "--volumes", self.name)


def check(test, say):
    """A video by units alone; one whose worker is killed; one whose worker is stopped."""
    test.project.run("stop", "--timeout", "20", "worker")
    machine = Machine(test.project)
    try:
        machine.install()
        units = ["millrace-api", *(f"millrace-worker@{queue}" for queue in QUEUES)]
        machine.run("systemctl", "enable", "--quiet", "--now", *units, stderr=subprocess.DEVNULL)
        video = test.post(test.clip)
        test.api.ready(video)
        test.check_output(test.clip, video)
        restarted = [unit for unit in units if machine.shown(unit, "NRestarts") != "0"]
        if restarted:
            raise RuntimeError(f"units that did not stay up: {restarted}")
        say(f"{len(units)} systemd units made a video")
        kill(test, machine, say)
        stop(test, machine, say)
    except Exception:
        print(machine.log())
        raise
    finally:
        machine.remove()
        test.project.up("--no-recreate")


def kill(test, machine, say):
    unit = "millrace-worker@transcode"
    video = test.encoding("a unit is killed")
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)
    test.api.ready(video)
    if machine.shown(unit, "NRestarts") == "0":
        raise RuntimeError(f"{unit} was not restarted")
    test.check_output(test.long, video)
    say("kill -9 of a unit: it is restarted, and the video is whole")


def stop(test, machine, say):
    unit = "millrace-worker@transcode"
    video = test.encoding("a unit is stopped")
    begin = time.monotonic()
    machine.run("systemctl", "stop", unit)
    took = time.monotonic() - begin
    result = machine.shown(unit, "Result")
    if result != "success":
        raise RuntimeError(f"{unit} ended with {result} after {took:.1f} s")
    machine.run("systemctl", "start", unit)
    test.api.ready(video)
    test.check_output(test.long, video)
    say(f"a unit that is stopped ends by itself after {took:.1f} s, and the video is whole")
