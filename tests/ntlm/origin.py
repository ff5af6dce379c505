"""A node that authenticates its users by NTLM or Negotiate, one security context for each connection.

It behaves as http.sys and IIS do: whoever a connection was authenticated as serves every later request on it;
a challenge goes out as soon as the head is read, or later where the request asks for that; the rest of the body
is read afterwards. Every answer says who the connection belongs to (`X-User`), which one it is (`X-Connection`)
and whose node it is (`X-Node`), so that a client can tell when it was served as somebody else.

What happens is told on standard output, a line of JSON each: which connections were opened, whose requests came
over them (`X-Session`), who they were authenticated as. Orders come on standard input: `cut N` breaks so many
connections in the middle of whatever they do, and tells which.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import socket
import ssl
import struct
import sys
import time
from urllib.parse import parse_qs, urlsplit

import spnego
from spnego.channel_bindings import GssChannelBindings

NOBODY = "-"
SCHEMES = {"ntlm": spnego.NegotiateOptions.use_ntlm, "negotiate": spnego.NegotiateOptions.use_negotiate}


def tell(what, **more):
    line = json.dumps({"at": time.monotonic(), "what": what, **more}) + "\n"
    os.write(sys.stdout.fileno(), line.encode())


class Connection:
    """One connection: its streams, its security context, and whom that belongs to."""

    count = 0
    open = set()

    def __init__(self, node, bindings, reader, writer):
        Connection.count += 1
        self.id = f"{node}.{os.getpid()}.{Connection.count}"
        self.node, self.bindings = node, bindings
        self.reader, self.writer = reader, writer
        self.context = None
        self.user = NOBODY
        # The last word of a handshake that goes out with its answer.
        self.last = None
        self.seen = set()

    async def serve(self):
        Connection.open.add(self)
        try:
            while await self.request():
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError):
            pass
        finally:
            Connection.open.discard(self)
            self.writer.close()

    async def request(self):
        try:
            raw = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        start, *lines = raw.decode("latin-1")[:-4].split("\r\n")
        method, target, _ = start.split(" ")
        head = {}
        for line in lines:
            name, value = line.split(":", 1)
            head[name.lower()] = value.strip()
        if (session := head.get("x-session")) and session not in self.seen:
            self.seen.add(session)
            tell("seen", connection=self.id, session=session)
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        body = Body(head, self)
        challenges = self.authenticate(head, url.path)
        if challenges is not None:
            # How much of the body is read before the challenge goes out.
            await body.read({"half": 0.5, "last": 1.0}.get(query.get("challenge"), 0.0))
            self.answer(method, 401, challenges, {})
            await self.writer.drain()
            await body.rest()
            return True
        await body.read(1.0)
        told = {"length": body.length, "sum": body.sum.hexdigest()}
        if "pad" in query:
            told["pad"] = "x" * int(query["pad"])
        fields = [("Persistent-Auth", "true")] if self.user != NOBODY else []
        if self.last:
            fields.append(("WWW-Authenticate", self.last))
        self.answer(method, 200, fields, told)
        await self.writer.drain()
        return True

    def authenticate(self, head, path):
        """None where the request may go on; else the challenges that answer it."""
        self.last = None
        scheme, _, token = head.get("authorization", "").partition(" ")
        offered = [s for s in ("Negotiate", "NTLM") if not path.startswith(("/ntlm/", "/negotiate/"))
                   or path.startswith(f"/{s.lower()}/")]
        challenges = [("WWW-Authenticate", scheme) for scheme in offered]
        if options := SCHEMES.get(scheme.lower()):
            if self.context is None or self.context.complete:
                self.user = NOBODY
                self.context = spnego.server(
                    protocol=scheme.lower(), options=options, channel_bindings=self.bindings)
            try:
                reply = self.context.step(base64.b64decode(token))
            except Exception as error:  # Whatever a stranger sends is refused, and the handshake is over.
                tell("refused", connection=self.id, why=f"{type(error).__name__}: {error}"[:200])
                self.context = None
                return challenges
            reply = reply and base64.b64encode(reply).decode()
            if not self.context.complete:
                return [("WWW-Authenticate", f"{scheme} {reply}")]
            self.user = self.context.client_principal
            self.last = reply and f"{scheme} {reply}"
            tell("user", connection=self.id, user=self.user)
            return None
        return None if self.user != NOBODY or path.startswith("/public") else challenges

    def answer(self, method, status, fields, told):
        body = json.dumps(told).encode()
        lines = [("X-User", self.user), ("X-Connection", self.id), ("X-Node", self.node)] + fields
        lines.append(("Content-Length", str(len(body))))
        phrase = {200: "OK", 401: "Unauthorized"}[status]
        head = f"HTTP/1.1 {status} {phrase}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines) + "\r\n"
        self.writer.write(head.encode() + (b"" if method == "HEAD" else body))

    def cut(self):
        """Breaks the connection: half of the time in disorder."""
        tell("cut", connection=self.id)
        raw = self.writer.get_extra_info("socket")
        if random.random() < 0.5:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Body:
    """A request's body, which is read in steps."""

    def __init__(self, head, connection):
        self.connection = connection
        self.chunked = head.get("transfer-encoding", "").lower() == "chunked"
        self.left = int(head.get("content-length", 0))
        self.declared = self.left
        self.expects = head.get("expect", "").lower() == "100-continue"
        self.length, self.sum = 0, hashlib.sha256()
        self.over = not self.chunked and self.left == 0

    def take(self, piece):
        self.length += len(piece)
        self.sum.update(piece)

    async def read(self, share):
        if share == 0.0 or self.over:
            return
        if self.expects:
            self.connection.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if share == 1.0 or self.chunked:
            await self.rest()
            return
        await self.some(int(self.declared * share))

    async def some(self, count):
        while count > 0:
            piece = await self.connection.reader.readexactly(min(count, 16384))
            self.take(piece)
            self.left -= len(piece)
            count -= len(piece)

    async def rest(self):
        """Reads what is left. After a final answer the client sends it unasked, or goes."""
        if self.over:
            return
        self.over = True
        if not self.chunked:
            await self.some(self.left)
            return
        reader = self.connection.reader
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            self.take(await reader.readexactly(size))
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass


async def obey():
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        _, count = line.split()
        used = [connection for connection in Connection.open if connection.seen]
        for connection in random.sample(used, min(int(count), len(used))):
            connection.cut()
        # The event loop closes them in its next turns.
        for _ in range(4):
            await asyncio.sleep(0)
        tell("done")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--protect", help="the certificate whose channel binding is required")
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
    bindings = None
    if options.protect:
        with open(options.protect) as file:
            der = ssl.PEM_cert_to_DER_cert(file.read())
        # RFC 5929 section 4.1, for a certificate that is signed with SHA-256.
        end_point = b"tls-server-end-point:" + hashlib.sha256(der).digest()
        bindings = GssChannelBindings(application_data=end_point)
    server = await asyncio.start_server(
        lambda reader, writer: Connection(options.name, bindings, reader, writer).serve(),
        "127.0.0.1", options.port, ssl=tls, backlog=1024, reuse_address=True)
    tell("ready")
    async with server:
        # It ends with whoever gives the orders.
        await obey()


asyncio.run(main())
