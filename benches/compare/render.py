"""Makes the page and its plot of raw results. The prose is template.md's; only numbers come from here."""

import pathlib
import re
import statistics

import plot
from cases import ALLOCATIONS, CASES, IDLE_PLAIN_KIB, IDLE_TLS_KIB, INSTRUCTIONS, PROXIES

HERE = pathlib.Path(__file__).resolve().parent

# What is below this line of the page is not made here, and stays when the page is made anew.
KEPT_BELOW = "<!-- Below this line the page is written by hand. -->"


class Results:
    """Raw results, by case and proxy."""

    def __init__(self, raw):
        self.raw = raw
        self.loads = {}
        for cell in raw["loads"]:
            self.loads.setdefault((cell["case"], cell["proxy"]), {})[cell["round"]] = cell

    def values(self, case, proxy, figure):
        """A figure of each round."""
        return {number: figure(cell) for number, cell in self.loads.get((case, proxy), {}).items()}

    def ratios(self, case, proxy, figure, to="haproxy"):
        """A proxy's figure as a ratio to another's of the same round."""
        theirs = self.values(case, to, figure)
        return [value / theirs[number] for number, value in self.values(case, proxy, figure).items() if number in theirs]

    def each(self, what, proxy, name):
        return [entry[name] for entry in self.raw[what] if entry["proxy"] == proxy]


def cpu(cell):
    """Microseconds of a core for each request."""
    return cell["cpu"] / cell["requests"] * 1e6


def rate(cell):
    return cell["requests"] / cell["seconds"]


def spread(values, digits=2):
    """The median, with the least and the greatest."""
    if not values:
        return "–"
    middle, least, most = statistics.median(values), min(values), max(values)
    if round(least, digits) == round(most, digits):
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def middle(values, digits=0):
    return f"{statistics.median(values):,.{digits}f}" if values else "–"


def table(head, rows):
    line = lambda cells: "| " + " | ".join(map(str, cells)) + " |"
    return "\n".join([line(head), line(["---"] + ["---:"] * (len(head) - 1)), *map(line, rows)])


OTHERS = [proxy for proxy in PROXIES if proxy != "haproxy"]


def load_tables(results):
    """Of CPU time and of requests per second: ratios to HAProxy, and what HAProxy had."""
    tables = []
    for figure, unit in ((cpu, "µs"), (rate, "per second")):
        rows = [[case.title] + [spread(results.ratios(case.name, proxy, figure)) for proxy in OTHERS]
                + [middle(list(results.values(case.name, "haproxy", figure).values()), 1 if figure is cpu else 0)]
                for case in CASES if figure is cpu or case.resumed is None]
        tables.append(table(["case", *(PROXIES[proxy] for proxy in OTHERS), f"HAProxy, {unit}"], rows))
    return tables


def times_table(results):
    rows = []
    for proxy in PROXIES:
        row = [PROXIES[proxy]]
        for name in ("p50", "p99"):
            values = list(results.values("rate", proxy, lambda cell, name=name: cell[name] * 1e6).values())
            row.append(spread(values, 0))
        rows.append(row)
    return table(["", "half within, µs", "99 of 100 within, µs"], rows)


def memory_table(results):
    rows = []
    for proxy in PROXIES:
        idle = [kib / 1024 for kib in results.each("memory", proxy, "idle")]
        start = [[seconds * 1000 for seconds in results.each("start", proxy, name)] for name in ("accepts", "answers")]
        rows.append([PROXIES[proxy], spread(idle, 1), spread(results.each("memory", proxy, "plain"), 1),
                     spread(results.each("memory", proxy, "secure"), 1), *(spread(values, 0) for values in start)])
    return table(["", "idle, MiB", "KiB per idle connection", "with TLS", "first connection, ms", "first answer, ms"], rows)


def instruction_table(results):
    counted = results.raw["instructions"]
    rows = []
    for name, label in (("instructions", ""), ("allocations", "allocations, ")):
        for case in counted["edge"]:
            cells = [counted[proxy].get(case) for proxy in PROXIES]
            rows.append([label + case] + [
                "–" if not cell or name == "allocations" and proxy == "haproxy"
                else f"{cell[name]:,.{0 if not label else 1}f}" for proxy, cell in zip(PROXIES, cells)])
    return table(["", *PROXIES.values()], rows)


def goal_table(results):
    """What was aimed at, and whether it was reached."""
    goals = [(f"CPU per request, {case.title}, as a ratio to HAProxy's", case.goal,
              results.ratios(case.name, "edge", cpu), 2) for case in CASES if case.goal]
    goals += [("KiB per idle connection", IDLE_PLAIN_KIB, results.each("memory", "edge", "plain"), 1),
              ("KiB per idle TLS connection", IDLE_TLS_KIB, results.each("memory", "edge", "secure"), 1)]
    counted = results.raw["instructions"]["edge"]
    goals += [(f"instructions per request, {case}", goal, [counted[case]["instructions"]], 0)
              for case, goal in INSTRUCTIONS.items()]
    goals += [(f"allocations per request, {case}", ALLOCATIONS, [counted[case]["allocations"]], 1)
              for case in INSTRUCTIONS]
    return table(["goal", "at most", "result"], [
        [what, f"{most:,.{digits if isinstance(most, float) else 0}f}", verdict(most, values, digits)]
        for what, most, values, digits in goals])


def verdict(most, values, digits):
    if not values:
        return "not measured"
    got = statistics.median(values)
    shown = f"{got:,.{digits}f}"
    if got <= most:
        return f"met: {shown}"
    return f"falls short: {shown} instead of {most:,.{digits if isinstance(most, float) else 0}f}"


def page(raw, folder):
    """Writes the page and its plot into the folder; gives the page's path."""
    results = Results(raw)
    path = folder / "performance.md"
    cpu_table, rate_table = load_tables(results)
    failed = sum(cell.get("failed", 0) for cell in raw["loads"])
    machine = raw["machine"]
    values = {
        "quick": "> **From a quick run: short rounds on a busy machine. Noise, not figures.**\n\n" if raw["quick"] else "",
        "goals": goal_table(results), "cpu": cpu_table, "rates": rate_table, "times": times_table(results),
        "memory": memory_table(results), "instructions": instruction_table(results),
        "rounds": len({cell["round"] for cell in raw["loads"]}), "failed": failed or "none",
        "requests": f"{sum(cell['requests'] for cell in raw['loads']):,}",
        "load_before": f"{raw['load_average'][0]:.1f}", "day": raw["started"][:10],
        **{name: f"{raw[name]:,}" for name in ("seconds", "connections", "rate", "plain", "secure")},
        **{f"of_{name}": value for name, value in machine.items()},
    }
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: str(values[found[1]]), (HERE / "template.md").read_text())
    kept = ""
    if path.exists() and KEPT_BELOW in path.read_text():
        kept = path.read_text().split(KEPT_BELOW, 1)[1]
    path.write_text(text.rstrip() + "\n\n" + KEPT_BELOW + (kept or "\n"))
    (folder / "performance.svg").write_text(plot.bars(
        "CPU time per request, as a ratio to HAProxy's",
        [(case.title, case.goal, [(PROXIES[proxy], results.ratios(case.name, proxy, cpu)) for proxy in OTHERS])
         for case in CASES], [PROXIES[proxy] for proxy in OTHERS]))
    return path
