"""What is compared: each case, the proxies in it, and the goals."""

from dataclasses import dataclass, field

PROXIES = {
    "edge": "identity-edge",
    "haproxy": "HAProxy",
    "nginx": "nginx",
    "bare": "bare Pingora",
}

# Which listener a proxy uses, by the persistence that a case asks for. nginx and the bare proxy know no persistence
# cookies, the bare proxy no source address.
ALL = {"edge": "none", "haproxy": "none", "nginx": "none", "bare": "none"}
SOURCE = {"edge": "source", "haproxy": "source", "nginx": "source"}
SOURCE_AND_BARE = {**SOURCE, "bare": "none"}
COOKIE = {"edge": "cookie", "haproxy": "cookie"}
TLS = {"edge": "tls", "haproxy": "tls", "nginx": "tls", "bare": "tls"}


@dataclass
class Case:
    """One load. `goal`: the CPU time per request that the edge may take, as a ratio to HAProxy's."""

    name: str
    title: str
    listeners: dict
    goal: float | None = None
    threads: int = 1
    log: bool = False
    path: str = "/"
    headers: list = field(default_factory=list)
    # None: wrk. Else TLS handshakes, True: resumed ones.
    resumed: bool | None = None

    def instance(self, proxy):
        """Which running instance of a proxy serves it."""
        return f"{proxy}-{self.threads}" + ("-log" if self.log else "")


CASES = [
    Case("none", "keep-alive, nodes in turn", ALL),
    Case("source", "keep-alive, source IP", SOURCE, goal=0.80),
    Case("cookie", "keep-alive, cookie", COOKIE),
    Case("log", "keep-alive, access log on", SOURCE, goal=0.90, log=True),
    Case("two", "keep-alive, two threads", SOURCE_AND_BARE, goal=0.70, threads=2),
    Case("large", "64 KiB body", {**SOURCE, "bare": "none"}, goal=0.65, path="/64k"),
    Case("connections", "new connection each", SOURCE_AND_BARE, goal=0.95, headers=["Connection: close"]),
    Case("tls", "TLS keep-alive", TLS, goal=0.85),
    Case("handshake", "TLS handshake each", TLS, resumed=False),
    Case("resumed", "TLS resumption each", TLS, resumed=True),
]

# The rest of the goals: what, the most it may be, and how it is shown.
IDLE_PLAIN_KIB = 4
IDLE_TLS_KIB = 25
INSTRUCTIONS = {"source IP": 12_000, "cookie": 15_000}
ALLOCATIONS = 4
