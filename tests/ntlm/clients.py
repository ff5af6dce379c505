"""Users of a site that Windows authenticates, hundreds at once, each over connections of its own.

Three kinds. `raw` ones handle their connections themselves and so know exactly what one connection may show:
they authenticate with pyspnego by NTLM or Negotiate, asked or unasked, with and without bodies, in every leg.
`requests` ones are requests-ntlm as it is. `nameless` ones never authenticate. All of them write down what
came of each step; who is to blame for what failed is for the judge to say.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import random
import ssl
import sys
import threading
import time

import requests
import spnego
from requests_ntlm import HttpNtlmAuth

SCHEMES = {"NTLM": spnego.NegotiateOptions.use_ntlm, "Negotiate": spnego.NegotiateOptions.use_negotiate}
NOBODY = "-"


def account(number):
    return f"CORP\\user{number:03}", f"Secret-{number:03}"


class Log:
    """What happened, for the judge."""

    def __init__(self):
        self.lines = []

    def add(self, **entry):
        self.lines.append(entry)


class Gone(Exception):
    """The connection is of no use any more."""


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def field(self, name):
        return next((value for known, value in self.fields if known == name), None)

    def told(self):
        return json.loads(self.body)


class Wire:
    """A connection to the edge."""

    def __init__(self, session, reader, writer, patience):
        self.session, self.reader, self.writer, self.patience = session, reader, writer, patience
        self.ended = False

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def send_beside(self, data, first=None):
        """Sends while it waits for the answer, which may come before everything is sent."""
        sending = asyncio.ensure_future(self.send(data))
        try:
            answer = await self.answer(first)
        finally:
            # What could not be sent shows in the answer, or in that there is none.
            await asyncio.wait([sending], timeout=self.patience)
            if not sending.done() or sending.exception():
                self.ended = True
                sending.cancel()
        return answer

    async def head(self):
        raw = await self.reader.readuntil(b"\r\n\r\n")
        start, *lines = raw.decode("latin-1")[:-4].split("\r\n")
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        return int(start.split(" ")[1]), [(name.lower(), value) for name, value in fields]

    async def answer(self, first=None):
        status, fields = first or await self.head()
        while status < 200:
            status, fields = await self.head()
        named = dict(fields)
        body = await self.reader.readexactly(int(named["content-length"]))
        self.ended = "close" in named.get("connection", "").lower()
        return Answer(status, fields, body)

    async def ask(self, path, body=None, manner="plain", credentials=None):
        """One request and its answer. `manner` is how a body goes: plain, expect or chunks."""
        lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: portal.test"]
        lines.append(f"X-Session: {self.session}")
        if credentials:
            lines.append(f"Authorization: {credentials}")
        if body is None:
            await self.send("\r\n".join([*lines, "", ""]).encode())
            return await self.answer()
        if manner == "chunks":
            lines.append("Transfer-Encoding: chunked")
            half = len(body) // 2
            pieces = [piece for piece in (body[:half], body[half:]) if piece]
            data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        else:
            lines.append(f"Content-Length: {len(body)}")
            data = body
        if manner == "expect" and body:
            lines.append("Expect: 100-continue")
        head = "\r\n".join([*lines, "", ""]).encode()
        if manner != "expect" or not body:
            return await self.send_beside(head + data)
        await self.send(head)
        first = await self.head()
        # RFC 9110 section 10.1.1: also after a final answer the request has its body.
        return await self.send_beside(data, None if first[0] == 100 else first)


class Raw:
    """A user who handles connections itself; without a number, one who has no name."""

    def __init__(self, place, number, log, until):
        self.place, self.number, self.log, self.until = place, number, log, until
        self.name, self.password = account(number) if number is not None else (None, None)
        self.kind = "nameless" if number is None else "raw"
        self.connections = 0

    async def run(self):
        while time.monotonic() < self.until:
            self.connections += 1
            session = f"{self.kind}-{self.number if self.number is not None else id(self)}-{self.connections}"
            opened = time.monotonic()
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection(
                    self.place.host, self.place.port, ssl=self.place.tls, server_hostname=self.place.name),
                    self.place.patience)
            except (OSError, TimeoutError) as error:
                self.log.add(what="broken", kind=self.kind, session=session, since=opened,
                             at=time.monotonic(), why=f"connecting: {error!r}", via=[])
                continue
            try:
                await self.connection(Wire(session, reader, writer, self.place.patience))
            finally:
                writer.close()
                self.log.add(what="open", kind=self.kind, session=session, since=opened, at=time.monotonic())

    async def connection(self, wire):
        self.via, self.is_known = [], False
        try:
            if self.number is None:
                await self.wander(wire)
            else:
                await self.live(wire)
        except Gone:
            pass

    async def step(self, wire, want, status, **asked):
        """Asks and checks what holds for every answer; says what is wrong, and gives up where nothing can go on."""
        since = time.monotonic()
        entry = {"kind": self.kind, "session": wire.session, "since": since, "via": list(self.via),
                 "bound": self.is_known}
        try:
            answer = await asyncio.wait_for(wire.ask(**asked), self.place.patience)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError, KeyError) as error:
            self.log.add(what="broken", at=time.monotonic(), why=repr(error)[:100], **entry)
            raise Gone from error
        at = time.monotonic()
        user, connection = answer.field("x-user"), answer.field("x-connection")
        if user is None or answer.status >= 500:
            self.log.add(what="broken", at=at, why=f"status {answer.status}", **entry)
            raise Gone
        if connection not in self.via:
            self.via.append(connection)
        if user not in (want, NOBODY):
            self.log.add(what="foreign", at=at, user=user, want=want, status=answer.status, **entry)
            raise Gone
        if user != want or answer.status not in status:
            self.log.add(what="broken", at=at, why=f"status {answer.status} as {user}, expected {status} as {want}",
                         **entry)
            raise Gone
        if self.is_known and connection != self.bound:
            self.log.add(what="moved", at=at, why=f"from {self.bound} to {connection}", **entry)
            raise Gone
        body = asked.get("body")
        if answer.status == 200 and (answer.told()["length"] != len(body or b"")
                                     or body and answer.told()["sum"] != hashlib.sha256(body).hexdigest()):
            self.log.add(what="damaged", at=at, why=f"sent {len(body or b'')}: {answer.body[:200]}", **entry)
        self.log.add(what="step", at=at, status=answer.status, **entry)
        return answer

    async def live(self, wire):
        for _ in range(random.choice([0, 0, 1, 2])):
            await self.step(wire, NOBODY, [200], path="/public")
        await self.handshake(wire)
        # As long as the connection lives nobody asks again.
        for _ in range(random.randrange(5, 40)):
            if wire.ended or time.monotonic() > self.until:
                return
            await asyncio.sleep(random.expovariate(3.0))
            body = random.choice([None, None, random.randbytes(random.choice([10, 5_000, 200_000]))])
            manner = random.choice(["plain", "expect", "chunks"])
            path = random.choice(["/page", "/public", f"/page?pad={random.choice([100, 50_000])}"])
            await self.step(wire, self.name, [200], path=path, body=body, manner=manner)

    def token(self, wire, client, reply=None):
        """The next word of a handshake."""
        since = time.monotonic()
        try:
            return client.step(reply and base64.b64decode(reply.partition(" ")[2]))
        except Exception as error:  # Whatever the library makes of a word that is not the next one.
            self.log.add(what="broken", kind=self.kind, session=wire.session, since=since, at=time.monotonic(),
                         via=list(self.via), why=f"the answer to the handshake is {reply}: {error!r}"[:200])
            raise Gone from error

    async def handshake(self, wire):
        scheme = random.choice(["NTLM", "Negotiate"])
        path = random.choice(["/page", f"/{scheme.lower()}/page"]) + "?challenge=" + random.choice(
            ["first", "half", "last"])

        def body():
            length = random.choice([None, 0, 300, 30_000])
            return None if length is None else random.randbytes(length)

        def manner():
            return random.choice(["plain", "expect", "chunks"])

        since = time.monotonic()
        if random.random() < 0.6:
            answer = await self.step(wire, NOBODY, [401], path=path, body=body(), manner=manner())
            if scheme not in [value for name, value in answer.fields if name == "www-authenticate"]:
                self.log.add(what="damaged", at=time.monotonic(), session=wire.session, why=str(answer.fields))
        client = spnego.client(self.name, self.password, hostname="portal.test", service="http",
                               protocol=scheme.lower(), options=SCHEMES[scheme])
        token = self.token(wire, client)
        if random.random() < 0.05:
            # Gone in the middle: whoever comes next must not find the half of it.
            wire.writer.write(f"GET {path} HTTP/1.1\r\nHost: portal.test\r\nX-Session: {wire.session}\r\n"
                              f"Authorization: {scheme} {base64.b64encode(token).decode()}\r\n\r\n".encode())
            await asyncio.sleep(random.choice([0, 0.01, 0.1]))
            self.log.add(what="left", kind=self.kind, session=wire.session, at=time.monotonic())
            raise Gone
        answer = await self.step(wire, NOBODY, [401], path=path, body=body(), manner=manner(),
                                 credentials=f"{scheme} {base64.b64encode(token).decode()}")
        # From here on it is one connection, whatever happens.
        self.bound, self.is_known = answer.field("x-connection"), True
        reply = next((value for name, value in answer.fields if name == "www-authenticate"), "")
        token = self.token(wire, client, reply)
        answer = await self.step(wire, self.name, [200], path=path, body=body(), manner=manner(),
                                 credentials=f"{scheme} {base64.b64encode(token).decode()}")
        if last := answer.field("www-authenticate"):
            self.token(wire, client, last)
        self.log.add(what="handshake", kind=self.kind, session=wire.session, scheme=scheme, since=since,
                     at=time.monotonic())

    async def wander(self, wire):
        """Has no name, whatever others do."""
        for _ in range(random.randrange(1, 30)):
            if wire.ended or time.monotonic() > self.until:
                return
            await asyncio.sleep(random.expovariate(4.0))
            path = random.choice(["/public", "/public", "/public", "/page", "/ntlm/page", "/page?challenge=half"])
            body = random.choice([None, None, None, random.randbytes(2_000)])
            manner = random.choice(["plain", "expect", "chunks"])
            await self.step(wire, NOBODY, [200 if path == "/public" else 401], path=path, body=body, manner=manner)


class Requests:
    """A user of requests-ntlm, which knows nothing of this test."""

    def __init__(self, place, number, log, until):
        self.place, self.number, self.log, self.until = place, number, log, until
        self.name, password = account(number)
        self.session = f"requests-{number}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = place.authority or False
        self.http.auth = HttpNtlmAuth(self.name, password)
        self.http.headers["X-Session"] = self.session

    def run(self):
        opened = time.monotonic()
        while time.monotonic() < self.until:
            self.once()
            time.sleep(random.expovariate(2.0))
        self.http.close()
        self.log.add(what="open", kind="requests", session=self.session, since=opened, at=time.monotonic())

    def once(self):
        body = random.choice([None, None, random.randbytes(random.choice([10, 20_000]))])
        path = random.choice(["/page", "/page?challenge=half", "/negotiate/page", "/page?challenge=last"])
        since = time.monotonic()
        entry = {"kind": "requests", "session": self.session, "since": since, "via": []}
        try:
            answer = self.http.request("GET" if body is None else "POST", self.place.url + path, data=body,
                                       timeout=self.place.patience)
            told = answer.json() if answer.status_code == 200 else {}
        except Exception as error:  # Whatever it makes of a broken connection.
            self.log.add(what="broken", at=time.monotonic(), why=repr(error)[:200], **entry)
            return
        at = time.monotonic()
        users = [reply.headers.get("X-User", NOBODY) for reply in [*answer.history, answer]]
        if any(user not in (self.name, NOBODY) for user in users):
            self.log.add(what="foreign", at=at, user=users, want=self.name, status=answer.status_code, **entry)
        elif answer.status_code != 200 or users[-1] != self.name:
            self.log.add(what="broken", at=at, why=f"status {answer.status_code} as {users}", **entry)
        elif told["length"] != len(body or b""):
            self.log.add(what="damaged", at=at, why=f"sent {len(body or b'')}: {told}", **entry)
        else:
            for reply in [*answer.history, answer]:
                self.log.add(what="step", at=at, status=reply.status_code, **entry)
            if answer.history:
                self.log.add(what="handshake", scheme="requests", at=at, **entry)


class Place:
    """Where the site is."""

    def __init__(self, options):
        self.host, self.port, self.authority = "127.0.0.1", options.port, options.authority
        self.patience = options.patience
        self.tls = ssl.create_default_context(cafile=self.authority) if self.authority else None
        self.name = self.host if self.tls else None
        self.url = f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


async def play(place, log, until, raw, nameless):
    people = [Raw(place, number, log, until) for number in raw]
    people += [Raw(place, None, log, until) for _ in range(nameless)]
    await asyncio.gather(*(person.run() for person in people))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--authority", help="PEM file; without it the edge speaks no TLS")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--patience", type=float, default=30.0, help="seconds for one answer")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, default=0, help="the number of the first account")
    parser.add_argument("--raw", type=int, default=0)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--nameless", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    place, log, until = Place(options), Log(), time.monotonic() + options.seconds
    # Nobody shares an account: an answer's user is its session's, or a mistake.
    second = options.first + options.raw
    threads = [threading.Thread(target=Requests(place, number, log, until).run)
               for number in range(second, second + options.requests)]
    for thread in threads:
        thread.start()
    asyncio.run(play(place, log, until, range(options.first, second), options.nameless))
    for thread in threads:
        thread.join()
    json.dump(log.lines, sys.stdout)


main()
