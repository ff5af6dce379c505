"""What is measured, in which order, and how the raw results look.

The proxies take turns within each round, so that what else the machine does meets them all alike; the first round
is thrown away. Ratios are made of figures of one round."""

import contextlib
import datetime
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import callgrind
import load
from cases import CASES, PROXIES, SOURCE_AND_BARE
from process import PATH, get, read
from proxies import HERE


@dataclass
class Plan:
    quick: bool
    rounds: int
    seconds: float
    handshake_seconds: float
    memory_rounds: int
    plain: int
    secure: int
    requests: int


FULL = Plan(False, rounds=21, seconds=0.7, handshake_seconds=0.7, memory_rounds=5, plain=4000, secure=1000, requests=2000)
QUICK = Plan(True, rounds=2, seconds=0.4, handshake_seconds=0.3, memory_rounds=1, plain=1000, secure=200, requests=400)

# Connections of the load that is not of a fixed rate, and the rate of that which is.
CONNECTIONS = 64
RATE = 2000


def everything(farm, plan):
    """The raw results."""
    results = {"quick": plan.quick, "seconds": plan.seconds, "connections": CONNECTIONS, "rate": RATE,
               "plain": plan.plain, "secure": plan.secure, "started": now(), "machine": machine(farm)}
    results["load_average"] = [os.getloadavg()[0]]
    results["loads"] = loads(farm, plan)
    results["memory"], results["start"] = memory_and_start(farm, plan)
    results["instructions"] = instructions(farm, plan)
    results["load_average"].append(os.getloadavg()[0])
    results["ended"] = now()
    return results


def loads(farm, plan, only=None):
    """CPU time, requests and failures of each case, proxy and round; response times at a fixed rate."""
    cases = [case for case in CASES if only in (None, case.name)]
    cells = []
    with contextlib.ExitStack() as stack:
        # One origin on the core of the load, one that uses both cores where the proxy does.
        origins = {}
        for threads, cores in ((1, "1"), (2, "0,1")):
            process, origins[threads] = farm.origin(threads, cores)
            stack.callback(process.stop)
        instances = {}
        for case in cases:
            for proxy in case.listeners:
                name = case.instance(proxy)
                if name not in instances:
                    cores = "0" if case.threads == 1 else "0,1"
                    make = getattr(farm, proxy)
                    instances[name] = make(name, origins[case.threads], cores, threads=case.threads, log=case.log)
                    stack.callback(instances[name].stop)
        for instance in instances.values():
            instance.ready()
        for number in range(plan.rounds + 1):
            tell(f"round {number} of {plan.rounds}")
            for case in cases:
                for proxy, listener in case.listeners.items():
                    instance = instances[case.instance(proxy)]
                    cell = one_load(case, instance, listener, plan)
                    if number > 0:
                        cells.append({"case": case.name, "proxy": proxy, "round": number, **cell})
            for proxy, listener in SOURCE_AND_BARE.items() if only in (None, "rate") else ():
                if f"{proxy}-1" not in instances:
                    continue
                times = load.fixed_rate(instances[f"{proxy}-1"].ports[listener], plan.seconds, RATE)
                if number > 0:
                    cells.append({"case": "rate", "proxy": proxy, "round": number, "requests": len(times),
                                  "p50": statistics.median(times), "p99": statistics.quantiles(times, n=100)[98]})
    return cells


def one_load(case, instance, listener, plan):
    port = instance.ports[listener]
    if case.resumed is not None:
        client = load.Handshakes(port, case.resumed)
        before = instance.process.cpu()
        requests, seconds, failed = client.run(plan.handshake_seconds)
    else:
        headers = case.headers + ([load.persistence_cookie(port)] if listener == "cookie" else [])
        scheme = "https" if listener == "tls" else "http"
        cores = "1" if case.threads == 1 else "0,1"
        before = instance.process.cpu()
        requests, seconds, failed = load.wrk(f"{scheme}://127.0.0.1:{port}{case.path}", plan.seconds, CONNECTIONS,
                                             case.threads, cores, headers)
    cell = {"requests": requests, "seconds": seconds, "failed": failed, "cpu": instance.process.cpu() - before}
    load.truncate(instance.log)
    return cell


def memory_and_start(farm, plan):
    """Of fresh processes: from the start to the first connection and answer, memory idle and with idle connections."""
    memory, start = [], []
    origin, port = farm.origin(1, "1")
    try:
        for number in range(plan.memory_rounds):
            tell(f"memory and start, {number + 1} of {plan.memory_rounds}")
            for proxy, listener in SOURCE_AND_BARE.items():
                start.append({"proxy": proxy, "round": number, **one_start(farm, proxy, listener, port)})
                memory.append({"proxy": proxy, "round": number, **one_memory(farm, plan, proxy, listener, port)})
    finally:
        origin.stop()
    return memory, start


def one_start(farm, proxy, listener, origin):
    instance = getattr(farm, proxy)(f"{proxy}-start", origin, "0")
    try:
        instance.process.wait_for(lambda: connects(instance.ports[listener]), pause=0.001)
        accepts = time.monotonic()
        instance.process.wait_for(lambda: get(instance.ports[listener]).startswith(b"HTTP/1.1 200"), pause=0.001)
        answers = time.monotonic()
        return {"accepts": accepts - instance.process.started, "answers": answers - instance.process.started}
    finally:
        instance.stop()


def connects(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def one_memory(farm, plan, proxy, listener, origin):
    instance = getattr(farm, proxy)(f"{proxy}-memory", origin, "0").ready()
    held = []
    try:
        # What is taken once, by the first request and the first handshake, is no connection's.
        held += load.hold_idle(instance.ports[listener], 10, False) + load.hold_idle(instance.ports["tls"], 10, True)
        idle = settled(instance)
        held += load.hold_idle(instance.ports[listener], plan.plain, False)
        plain = settled(instance)
        held += load.hold_idle(instance.ports["tls"], plan.secure, True)
        secure = settled(instance)
        return {"idle": idle, "plain": (plain - idle) / plan.plain, "secure": (secure - plain) / plan.secure}
    finally:
        instance.stop()
        for connection in held:
            connection.close()


def settled(instance):
    time.sleep(0.6)
    return instance.process.rss()


def instructions(farm, plan):
    """Instructions and allocations per request of every proxy with source IP and cookie, as far as it has them."""
    counted = {}
    origin = callgrind.Origin(farm.ports.take())
    try:
        for proxy, listener in SOURCE_AND_BARE.items():
            tell(f"instructions of {PROXIES[proxy]}")
            instance = getattr(farm, proxy)(f"{proxy}-count", origin.port, "0",
                                            wrap=callgrind.command(farm.folder, proxy))
            try:
                instance.ready()
                counted[proxy] = {}
                cases = {"source IP": (listener, "/"), "cookie": ("cookie", "/"), "TLS keep-alive": ("tls", "/"),
                         "64 KiB body": (listener, "/64k")}
                for case, (at, path) in cases.items():
                    if at not in instance.ports:
                        continue
                    header = load.persistence_cookie(instance.ports[at]) if at == "cookie" else None
                    client = callgrind.Client(instance.ports[at], path, header, at == "tls")
                    counted[proxy][case] = callgrind.measure(instance, farm.folder, proxy, client, plan.requests)
                    client.close()
            finally:
                instance.stop()
    finally:
        origin.stop()
    return counted


def machine(farm):
    """What the figures were measured on and with."""
    def version(*command):
        told = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": PATH})
        found = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
        return found[0] if found else "?"

    model = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    lock = read(HERE / "bare-pingora" / "Cargo.lock")
    pingora = re.search(r'name = "pingora"\nversion = "([^"]+)"', lock)
    return {
        "cores": os.cpu_count(), "processor": model[1] if model else platform.machine(),
        "kernel": platform.release(), "rustc": version("rustc", "--version"),
        "haproxy": version("haproxy", "-v"), "nginx": version("nginx", "-v"), "openssl": version("openssl", "version"),
        "pingora": pingora[1] if pingora else "?", "edge": version(farm.edge_binary, "--version"),
    }


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def tell(what):
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
