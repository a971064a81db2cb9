# bench/svg.py — the three kinds of plots in docs/performance/.
# SPDX-License-Identifier: BSL-1.0
import math
from html import escape

COLOURS = ["#2f6f9f", "#d1711d", "#4d9a4d", "#8a5aa8", "#a03a3a", "#7a7a7a"]
STYLE = ("<style>text{font:12px sans-serif;fill:#333}.t{font-size:14px;font-weight:bold}"
         ".g{stroke:#ddd}.one{stroke:#333}.s{fill:none;stroke-width:2}@media(prefers-color-scheme:dark)"
         "{text{fill:#ddd}.g{stroke:#444}.one{stroke:#ddd}}</style>")


def page(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}">{STYLE}{"".join(parts)}</svg>\n')


def text(x, y, s, anchor="start", cls=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{cls}">{escape(s)}</text>'


def legend(names, x, y):
    parts = []
    for i, name in enumerate(names):
        parts.append(f'<rect x="{x:.1f}" y="{y - 9}" width="10" height="10" fill="{COLOURS[i]}"/>')
        parts.append(text(x + 14, y, name))
        x += 26 + 7 * len(name)
    return parts


def decades(low, high):
    return [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def short(value):
    if value >= 1000:
        return f"{value / 1000:g}k" if value < 1e6 else f"{value / 1e6:g}M"
    return f"{value:g}"


def ratio_bars(title, rows, series):
    """Bars on a logarithmic scale round 1. `rows` are names; `series` is [(name, {row: ratio})]."""
    values = [v for _, of in series for v in of.values()]
    ticks = decades(min(values + [0.1]), max(values + [1.0]))
    left, width, bar = 210, 480, 9
    height = 60 + len(rows) * (len(series) * bar + 8) + 30

    def x(v):
        return left + width * (math.log10(v) - math.log10(ticks[0])) / (math.log10(ticks[-1]) - math.log10(ticks[0]))

    parts = [text(10, 20, title, cls="t"), *legend([name for name, _ in series], 10, 40)]
    for t in ticks:
        parts.append(f'<line x1="{x(t):.1f}" y1="50" x2="{x(t):.1f}" y2="{height - 25}" '
                     f'class="{"one" if t == 1 else "g"}"/>')
        parts.append(text(x(t), height - 10, f"{t:g}", "middle"))
    y = 56
    for row in rows:
        parts.append(text(left - 8, y + len(series) * bar / 2 + 4, row, "end"))
        for i, (_, of) in enumerate(series):
            if row in of:
                a, b = sorted((x(1), x(of[row])))
                parts.append(f'<rect x="{a:.1f}" y="{y:.1f}" width="{max(b - a, 1):.1f}" height="{bar - 1}" '
                             f'fill="{COLOURS[i]}"/>')
            y += bar
        y += 8
    return page(left + width + 30, height, parts)


def bars(title, unit, rows):
    """Plain bars: rows are [(name, value)]."""
    left, width = 210, 420
    top = max(v for _, v in rows)
    parts = [text(10, 20, title, cls="t")]
    for i, (name, value) in enumerate(rows):
        y = 36 + i * 22
        parts.append(text(left - 8, y + 12, name, "end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{width * value / top:.1f}" height="16" fill="{COLOURS[0]}"/>')
        parts.append(text(left + width * value / top + 6, y + 12, f"{value:,.0f} {unit}"))
    return page(left + width + 120, 36 + len(rows) * 22 + 10, parts)


def lines(title, x_name, y_name, series):
    """Lines on two logarithmic scales: series is [(name, [(x, y)])]."""
    xs = [p[0] for _, points in series for p in points]
    ys = [p[1] for _, points in series for p in points]
    left, top, width, height = 70, 60, 520, 260
    y_ticks = decades(min(ys), max(ys))
    if len(y_ticks) == 1:
        y_ticks.append(y_ticks[0] * 10)
    x_low, x_high = math.log10(min(xs)), math.log10(max(xs))

    def x(v):
        return left + width * (math.log10(v) - x_low) / ((x_high - x_low) or 1)

    def y(v):
        low, high = math.log10(y_ticks[0]), math.log10(y_ticks[-1])
        return top + height * (1 - (math.log10(v) - low) / (high - low))

    parts = [text(10, 20, title, cls="t"), *legend([name for name, _ in series], 10, 40)]
    for t in y_ticks:
        parts.append(f'<line x1="{left}" y1="{y(t):.1f}" x2="{left + width}" y2="{y(t):.1f}" class="g"/>')
        parts.append(text(left - 6, y(t) + 4, short(t), "end"))
    for v in sorted(set(xs)):
        parts.append(text(x(v), top + height + 16, short(v), "middle"))
    parts.append(text(left + width / 2, top + height + 34, x_name, "middle"))
    parts.append(text(left + width, top - 6, y_name, "end"))
    for i, (_, points) in enumerate(series):
        path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in sorted(points))
        parts.append(f'<polyline points="{path}" class="s" stroke="{COLOURS[i]}"/>')
        parts += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3" fill="{COLOURS[i]}"/>' for a, b in points]
    return page(left + width + 40, top + height + 44, parts)
