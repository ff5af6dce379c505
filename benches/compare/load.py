"""What the proxies are loaded with. Every loop but `fixed_rate` is closed: a connection waits for its answer."""

import collections
import os
import pathlib
import re
import resource
import select
import socket
import ssl
import subprocess
import time

from process import PATH, Failure, get


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def wrk(url, seconds, connections=64, threads=1, cores="1", headers=()):
    """Requests, how long they took in all, how many failed."""
    options = [option for header in headers for option in ("-H", header)]
    # wrk counts whole seconds; a script cannot stop it earlier, a signal does, and it still reports.
    with subprocess.Popen(
            ["taskset", "-c", cores, "wrk", "-t", str(threads), "-c", str(connections), "-d", "60s", *options, url],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PATH": PATH}) as child:
        time.sleep(seconds)
        child.send_signal(2)
        told, _ = child.communicate(timeout=30)
    requests = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", told)
    if not requests:
        raise Failure(f"wrk said:\n{told}")
    took = float(requests[2]) * {"ms": 0.001, "s": 1, "m": 60}[requests[3]]
    failed = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", told)))
    failed += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", told)))
    return int(requests[1]), took, failed


def persistence_cookie(port):
    """The cookie that a new client gets, as it sends it back."""
    found = re.search(rb"(?i)\r\nset-cookie: ([^;\r]+)", get(port))
    if not found:
        raise Failure(f"no cookie from port {port}")
    return f"Cookie: {found[1].decode()}"


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
LAST_REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


class Handshakes:
    """One client after another: a TLS 1.3 handshake and one request each. `resumed`: with the ticket of the last."""

    def __init__(self, port, resumed):
        self.port, self.resumed, self.context, self.session = port, resumed, tls_context(), None
        self.one()

    def one(self):
        """True if it went as meant."""
        with socket.create_connection(("127.0.0.1", self.port)) as plain:
            # Or the request waits for the acknowledgement of the handshake's last message.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.context.wrap_socket(plain, session=self.session, suppress_ragged_eofs=True) as secure:
                secure.sendall(LAST_REQUEST)
                size = 0
                while part := secure.recv(65536):
                    size += len(part)
                reused, fine = secure.session_reused, size > 1024
                if self.resumed:
                    self.session = secure.session
        return fine and reused == self.resumed

    def run(self, seconds):
        count = failed = 0
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            count += 1
            failed += not self.one()
        return count, time.monotonic() - started, failed


def read_answer(connection, buffer_size=1 << 18):
    """Reads one answer with a Content-Length; gives its size."""
    got = b""
    while (end := got.find(b"\r\n\r\n")) < 0:
        part = connection.recv(buffer_size)
        if not part:
            raise Failure(f"the connection ended in a head: {got!r}")
        got += part
    if not got.startswith(b"HTTP/1.1 200"):
        raise Failure(f"not 200: {got[:200]!r}")
    length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", got[:end + 2])[1])
    size = len(got) - end - 4
    while size < length:
        part = connection.recv(buffer_size)
        if not part:
            raise Failure("the connection ended in a body")
        size += len(part)
    return size


def fixed_rate(port, seconds, rate=2000, connections=16):
    """An open loop: requests start when the clock says so, whatever became of those before.

    Gives each one's time in seconds from when it should have started: a late start counts against the proxy."""
    free = collections.deque()
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        free.append(connection)
    busy, times, sent = {}, [], 0
    total = int(seconds * rate)
    start = time.perf_counter() + 0.01
    while len(times) < total:
        now = time.perf_counter()
        if now > start + seconds + 10:
            raise Failure(f"port {port} does not keep up with {rate} requests a second")
        while free and sent < total and start + sent / rate <= now:
            connection = free.popleft()
            connection.sendall(REQUEST)
            busy[connection] = start + sent / rate
            sent += 1
        # select, because it waits for microseconds; epoll and poll wait for milliseconds.
        due = max(0.0, start + sent / rate - time.perf_counter()) if free and sent < total else 1.0
        for connection in select.select(list(busy), [], [], due)[0]:
            read_answer(connection)
            times.append(time.perf_counter() - busy.pop(connection))
            free.append(connection)
    for connection in free:
        connection.close()
    return times


def hold_idle(port, count, secure):
    """Connections that have had one answer each and stay open."""
    context, held = tls_context(), []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        if secure:
            connection = context.wrap_socket(connection)
        connection.sendall(REQUEST)
        read_answer(connection, 65536)
        held.append(connection)
    return held


def truncate(path):
    """Empties a log that a server appends to."""
    if path and pathlib.Path(path).exists():
        os.truncate(path, 0)
