"""Docker Compose as the tests of the stack use it: one project, on ports that are free."""

import json
import os
import signal
import socket
import subprocess
import time


def free_ports(names):
    """A free port for each name; all are held until the last is found, so that none is given twice."""
    probes = {name: socket.create_server(("127.0.0.1", 0)) for name in names}
    ports = {name: probe.getsockname()[1] for name, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return ports


class Project:
    """What `docker compose` was told to run, by files in a folder, under a name of its own."""

    def __init__(self, name, folder, files, secrets, ports):
        self.name, self.folder, self.ports = name, folder, free_ports(ports)
        self.environment = os.environ | secrets | {port: str(n) for port, n in self.ports.items()}
        self.command = ["docker", "compose", "--ansi", "never", "--progress", "quiet", "--project-name", name]
        self.command += [word for file in files for word in ("--file", file)]

    def run(self, *arguments, **options):
        """The standard output of `docker compose ARGUMENTS`, which must succeed."""
        done = subprocess.run([*self.command, *arguments], cwd=self.folder, env=self.environment,
                              stdout=subprocess.PIPE, text=True, check=True, **options)
        return done.stdout

    def up(self, *arguments):
        """Seconds until everything is healthy."""
        begin = time.monotonic()
        self.run("up", "--detach", "--wait", "--wait-timeout", "180", "--no-build", *arguments)
        return time.monotonic() - begin

    def down(self):
        self.run("down", "--volumes", "--timeout", "20", stderr=subprocess.DEVNULL)

    def containers(self, service):
        """What the engine knows about each container of a service."""
        found = self.run("ps", "--quiet", service).split()
        if not found:
            return []
        inspected = subprocess.run(["docker", "inspect", *found], env=self.environment, check=True,
                                   capture_output=True)
        return json.loads(inspected.stdout)

    def kill(self, service):
        """Ends every process of a service's containers at once, as a power cut does. The engine is not
        told, as it would take that for a stop that was asked for; its restart policy then heals."""
        for container in self.containers(service):
            os.kill(container["State"]["Pid"], signal.SIGKILL)

    def restarts(self, service):
        return sum(container["RestartCount"] for container in self.containers(service))
