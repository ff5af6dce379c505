"""A bar chart as SVG."""

import statistics
from xml.sax.saxutils import escape

COLOURS = ["#2b6cb0", "#7a9a3a", "#b0803c"]
LEFT, WIDTH, BAR, GAP, TOP = 200, 520, 11, 14, 66


def bars(title, groups, series):
    """Horizontal bars around a line at 1: `groups` of a label, a goal or None, and (series, values) each.

    A bar ends at the median; the whisker spans the rounds. A goal is a short upright stroke."""
    shown = [value for _, _, entries in groups for _, values in entries for value in values]
    # Three times HAProxy's is far enough to see; what is beyond is cut, with its value told.
    most = min(3.0, max(shown + [1.2]) * 1.05)
    scale = lambda value: LEFT + WIDTH * min(value, most) / most
    height = TOP + sum(BAR * len([1 for _, values in entries if values]) + GAP for _, _, entries in groups) + 16
    total = LEFT + WIDTH + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" font-family="sans-serif" '
           f'font-size="12" role="img" aria-label="{escape(title)}">',
           f'<rect width="{total}" height="{height}" fill="#ffffff"/>',
           f'<text x="12" y="20" font-size="14" font-weight="bold" fill="#222">{escape(title)}</text>']
    x = 12
    for name, colour in zip(series, COLOURS):
        out.append(f'<rect x="{x}" y="32" width="12" height="12" fill="{colour}"/>'
                   f'<text x="{x + 17}" y="42" fill="#222">{escape(name)}</text>')
        x += 30 + 8 * len(name)
    out.append(f'<path d="M{x + 4} 31v14" stroke="#c00" stroke-width="2"/>'
               f'<text x="{x + 12}" y="42" fill="#222">goal for {escape(series[0])}</text>')
    step = 0.25 if most <= 2 else 0.5
    tick = 0.0
    while tick <= most:
        at = scale(tick)
        strong = abs(tick - 1) < 1e-9
        out.append(f'<path d="M{at:.1f} {TOP - 6}V{height - 14}" stroke="{"#444" if strong else "#ddd"}"/>'
                   f'<text x="{at:.1f}" y="{height - 3}" text-anchor="middle" fill="#444" font-size="10">{tick:g}</text>')
        tick += step
    y = TOP
    for label, goal, entries in groups:
        entries = [(COLOURS[series.index(name)], values) for name, values in entries if values]
        out.append(f'<text x="{LEFT - 8}" y="{y + BAR * len(entries) / 2 + 4:.1f}" text-anchor="end" '
                   f'fill="#222">{escape(label)}</text>')
        for number, (colour, values) in enumerate(entries):
            middle, at = statistics.median(values), y + number * BAR
            out.append(f'<rect x="{LEFT}" y="{at}" width="{scale(middle) - LEFT:.1f}" height="{BAR - 2}" fill="{colour}"/>'
                       f'<path d="M{scale(min(values)):.1f} {at + 4.5}H{scale(max(values)):.1f}" stroke="#222"/>'
                       f'<text x="{scale(max(values)) + 4:.1f}" y="{at + 9}" font-size="10" fill="#222">{middle:.2f}</text>')
            if goal and number == 0:
                out.append(f'<path d="M{scale(goal):.1f} {at - 2}v{BAR + 2}" stroke="#c00" stroke-width="2"/>')
        y += BAR * len(entries) + GAP
    return "\n".join(out + ["</svg>"]) + "\n"
