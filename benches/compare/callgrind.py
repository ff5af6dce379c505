"""Instructions and allocations per request, counted by valgrind: the same on a busy machine as on a quiet one.

The load is a client that sends the same requests in the same order, and an origin that answers each with the same
bytes. What is counted begins after the start and after the first requests."""

import re
import socket
import ssl
import subprocess
import threading

from load import REQUEST, read_answer, tls_context
from process import Failure

CONNECTIONS = 16
WARM_UP = 30 * CONNECTIONS

# Where memory comes from: mimalloc as the Rust programs call it, and the C library. Not what they call inside.
ALLOCATE = re.compile(r"(mi_[a-z]*alloc[a-z_]*|malloc|calloc|realloc|posix_memalign|aligned_alloc|memalign)$")
INSIDE = re.compile(r"_?mi_")


class Origin:
    """Answers on 127.0.0.1 and 127.0.0.2, a thread for each connection: 1 KiB at /, 64 KiB at /64k."""

    def __init__(self, port):
        self.port = port
        self.listeners = []
        for address in ("127.0.0.1", "127.0.0.2"):
            listener = socket.create_server((address, port), backlog=256)
            self.listeners.append(listener)
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # The whole answer fits, so that it is there at once.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def serve(connection):
        answers = {
            size: b"HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % size
            + b"x" * size for size in (1024, 65536)}
        got = b""
        try:
            while part := connection.recv(65536):
                got += part
                while (end := got.find(b"\r\n\r\n")) >= 0:
                    connection.sendall(answers[65536 if got.startswith(b"GET /64k ") else 1024])
                    got = got[end + 4:]
        except OSError:
            pass
        connection.close()

    def stop(self):
        for listener in self.listeners:
            listener.close()


class Client:
    """Connections that ask in turn, with a request in flight on each: the proxy, slow as it is, always finds work."""

    def __init__(self, port, path="/", header=None, secure=False):
        self.request = REQUEST.replace(b"GET / ", b"GET " + path.encode() + b" ")
        if header:
            self.request = self.request[:-2] + header.encode() + b"\r\n\r\n"
        self.connections = []
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", port), 60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections.append(tls_context().wrap_socket(connection) if secure else connection)

    def ask(self, requests):
        for number in range(requests + CONNECTIONS):
            connection = self.connections[number % CONNECTIONS]
            if number >= CONNECTIONS:
                read_answer(connection)
            if number < requests:
                connection.sendall(self.request)

    def close(self):
        for connection in self.connections:
            connection.close()


def command(folder, name):
    """What goes in front of a proxy's command."""
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/{name}.callgrind"]


def control(instance, option):
    """Asks the running callgrind; it answers at its next system call."""
    asked = subprocess.run(["callgrind_control", option, str(instance.process.pid)],
                           capture_output=True, text=True, timeout=60)
    if "OK" not in asked.stdout:
        raise Failure(f"callgrind_control {option}: {asked.stdout}{asked.stderr}")


def measure(instance, folder, name, client, requests):
    """Instructions in user space and calls of the allocator, for each of the client's requests."""
    client.ask(WARM_UP)
    dumps = set(folder.glob(f"{name}.callgrind.*"))
    control(instance, "--zero")
    client.ask(requests)
    control(instance, "--dump=")
    fresh = set(folder.glob(f"{name}.callgrind.*")) - dumps
    if len(fresh) != 1:
        raise Failure(f"callgrind wrote {len(fresh)} files for {name}")
    instructions, allocations = count(fresh.pop())
    return {"instructions": instructions / requests, "allocations": allocations / requests}


def count(path):
    """Sums of one dump: what each function itself took, and the calls of allocating functions from outside of them."""
    names, caller, callee, after_calls = {}, "", "", False
    instructions = allocations = 0

    def name_of(line):
        number, _, name = line.split("=", 1)[1].partition(" ")
        if name:
            # A function that calls itself has its depth behind an apostrophe.
            names[number] = name.split("'")[0]
        return names[number]

    with open(path, errors="replace") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("fn="):
                caller = name_of(line)
            elif line.startswith("cfn="):
                callee = name_of(line)
            elif line.startswith("calls="):
                after_calls = True
                if ALLOCATE.match(callee) and not INSIDE.match(caller) and not ALLOCATE.match(caller):
                    allocations += int(line[6:].split()[0])
            elif line[:1] in "+-*0123456789" and line:
                if not after_calls:
                    instructions += int(line.split()[1])
                after_calls = False
    return instructions, allocations
