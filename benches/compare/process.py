"""Processes on chosen cores: how they start, what they use, how they end."""

import os
import pathlib
import signal
import socket
import subprocess
import time

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


class Failure(Exception):
    """Something that makes the figures worthless; told in a line."""


class Process:
    """A server that runs on `cores`; its output goes to a file, which a failure to start shows."""

    def __init__(self, command, cores, output):
        self.output = pathlib.Path(output)
        self.started = time.monotonic()
        with open(output, "wb") as sink:
            self.child = subprocess.Popen(
                ["taskset", "-c", cores, *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": PATH}, start_new_session=True)
        self.pid = self.child.pid

    def tree(self):
        """The process and its descendants."""
        found, left = [], [self.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                left.extend(int(child) for child in read(task).split())
        return found

    def cpu(self):
        """Seconds on a core, in user and kernel mode, of every thread of the tree.

        The scheduler's own sum, which /proc/PID/stat rounds to ticks of 10 ms."""
        total = 0
        for pid in self.tree():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int((read(task) or "0").split()[0])
        return total / 1e9

    def rss(self):
        """KiB of memory of the largest process of the tree: of nginx, the worker."""
        sizes = [0]
        for pid in self.tree():
            for line in read(f"/proc/{pid}/status").splitlines():
                if line.startswith("VmRSS"):
                    sizes.append(int(line.split()[1]))
        return max(sizes)

    def wait_for(self, ready, seconds=20.0, pause=0.01):
        """Until `ready()` is true."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failure(f"{self.output.stem} did not start:\n{read(self.output)[-2000:]}")
            time.sleep(pause)

    def stop(self):
        """Ends the tree; nothing of it is left when this returns."""
        # Not SIGTERM, after which Pingora's own server waits for minutes.
        for sign in (signal.SIGINT, signal.SIGKILL):
            if self.child.poll() is None:
                try:
                    os.killpg(self.pid, sign)
                except ProcessLookupError:
                    pass
                try:
                    self.child.wait(3)
                except subprocess.TimeoutExpired:
                    continue
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def read(path):
    """The text of a file, empty if it is gone."""
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


class Ports:
    """Ports that nobody listens on, below those that the kernel gives to connections."""

    def __init__(self):
        self.next = 21000

    def take(self):
        while True:
            self.next += 1
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("0.0.0.0", self.next))
                except OSError:
                    continue
            return self.next


def get(port, path="/", header="", timeout=5.0):
    """The whole answer to one request on a connection of its own; empty if there was none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{header}Connection: close\r\n\r\n".encode())
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            return b"".join(parts)
    except OSError:
        return b""
