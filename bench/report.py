#!/usr/bin/env python3
# bench/report.py — prints what bench/compare.py has measured, or writes it into docs/performance.md.
# SPDX-License-Identifier: BSL-1.0
#
#   bench/report.py FILE           a table for the terminal
#   bench/report.py FILE --write   the figures between the marks of docs/performance.md, and docs/performance/*.svg
import argparse
import json
import math
import re
import statistics
import sys
from pathlib import Path

import svg
from compare import COUNTERS

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- figures: script/bench writes them -->", "<!-- end of figures -->"
RIVALS = ("go", "std_thread", "boost_fiber", "one_tbb")
TITLES = {"go": "Go", "std_thread": "std::thread", "boost_fiber": "Boost.Fiber", "one_tbb": "oneTBB"}

GROUPS = {
    "starting": ("Starting, waiting and giving way",
                 "spawn_join spawn_chain fib_spawn fib_fork skynet_1m yield yield_1000"),
    "channels": ("Channels", "chan_make chan_make_8 chan_nonblocking_recv_empty chan_uncontended chan_contended chan_sync "
                 "chan_sync_locked chan_prodcons_0 chan_prodcons_10 chan_prodcons_100 chan_spsc_128 chan_mpmc chan_sem "
                 "chan_sem_8 ring_1000 prime_sieve_2000 fanout_fanin"),
    "select": ("Select", "select_nonblock select_nonblock_3 select_uncontended_2 select_sync_contended "
               "select_async_contended select_fan4 select_shared chan_popular"),
    "sync": ("Locks and waiting for others", "mutex_uncontended mutex_contended mutex_waited_for rwmutex_read_mostly "
             "waitgroup waitgroup_contended once_hot cond_pingpong"),
    "time": ("Contexts, timers and sleeping", "context_with_cancel context_with_cancel_nested context_tree_cancel_1000 "
             "timer_after_1m timer_newtimer_1m sleep_10k sleep_late_100us sleep_late_1ms sleep_late_1500us"),
    "net": ("Connections", "tcp_echo"),
    "pipelines": ("Pipelines of the pattern library", "pipeline_4 pipeline_4_apart fan_out_4"),
    "parked": ("A hundred thousand and a million that wait", "parked_100k parked_1m"),
}

# What a row is to cost, as a ratio to Go.
GOALS = {
    "spawn_join": 0.20, "spawn_chain": 0.30, "yield": 0.60, "yield_1000": 0.50, "fib_spawn": 0.25, "fib_fork": 0.25,
    "skynet_1m": 0.30, "chan_make": 0.90, "chan_make_8": 0.90, "chan_nonblocking_recv_empty": 0.70,
    "chan_uncontended": 0.60, "chan_sync/1": 0.40, "chan_sync/2": 0.50, "chan_sync_locked": 0.90,
    "chan_prodcons_0": 0.50, "chan_prodcons_10": 0.60, "chan_prodcons_100": 0.60, "chan_spsc_128": 0.60,
    "chan_mpmc": 0.60, "chan_contended": 0.60, "chan_sem": 0.70, "chan_sem_8": 0.50, "chan_popular": 0.50,
    "select_nonblock": 0.80, "select_nonblock_3": 0.30, "select_uncontended_2": 0.45, "select_sync_contended": 0.50,
    "select_async_contended": 0.50, "select_fan4": 0.50, "select_shared": 0.50, "ring_1000": 0.35,
    "prime_sieve_2000": 0.50, "fanout_fanin": 0.50, "mutex_uncontended": 1.00, "mutex_contended": 0.80,
    "rwmutex_read_mostly": 0.90, "waitgroup": 0.90, "waitgroup_contended": 1.00, "once_hot": 1.00,
    "cond_pingpong": 0.45, "context_with_cancel": 0.60, "context_with_cancel_nested": 0.60,
    "context_tree_cancel_1000": 0.60, "timer_after_1m": 0.40, "timer_newtimer_1m": 0.40, "sleep_10k": 0.60,
    "sleep_late_100us": 0.15, "sleep_late_1ms": 0.80, "sleep_late_1500us": 0.20, "tcp_echo": 0.90, "pipeline_4": 0.50,
    "pipeline_4_apart": 0.50, "fan_out_4": 1.00,
}
PARKED_GOALS = {"bytes_each": 1.70, "start_ns": 0.90, "wake_ns": 0.60}


def goal_of(row):
    return GOALS.get(row, GOALS.get(row.split("/")[0]))


def of_rival(row, name):
    """A contender's figures; of Boost.Fiber's two schedulers the better one's."""
    figures = row.get(name)
    other = row.get(f"{name}, stealing")
    if figures and other and median(other) < median(figures):
        return other
    return figures or other


def median(figures, key="ns"):
    return statistics.median(f[key] for f in figures)


def ratios(row, name, key="ns"):
    """Of each round, runnel's figure to the contender's."""
    rival = of_rival(row, name)
    if not rival or "runnel" not in row:
        return []
    return [a[key] / b[key] for a, b in zip(row["runnel"], rival) if b.get(key)]


def spread(values):
    return f"{min(values):.2g}–{max(values):.2g}" if len(values) > 1 else ""


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values)) if values else math.nan


def number(value):
    if value >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def rows_of(results, names):
    """Those rows of the group that were run at one and two workers."""
    return [f"{n}/{w}" for n in names.split() for w in (1, 2) if f"{n}/{w}" in results]


def table_rows(results, names, present):
    for row in rows_of(results, names):
        of = results[row]
        if "runnel" not in of:
            continue
        cells = [row.replace("/", ", "), number(median(of["runnel"]))]
        to_go = ratios(of, "go")
        goal = goal_of(row)
        for name in present:
            rival = of_rival(of, name)
            cells.append(number(median(rival)) if rival else "")
        cells.append(f"**{statistics.median(to_go):.2g}**" if to_go else "")
        cells.append(spread(to_go))
        cells.append("" if goal is None else f"{goal:.2f}" + (" ✗" if to_go and statistics.median(to_go) > goal else ""))
        for name in present:
            if name != "go":
                other = ratios(of, name)
                cells.append(f"{statistics.median(other):.2g}" if other else "")
        yield cells


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(cells) + " |" for cells in rows]


def summary(results, present):
    lines = []
    for name in present:
        every = [statistics.median(r) for row, of in results.items() if not row.startswith("grow_")
                 and row.split("/")[1] in ("1", "2") and not row.startswith("parked_1m")
                 for r in [ratios(of, name)] if r]
        if every:
            lines.append(f"Over {len(every)} rows runnel takes {geometric_mean(every):.3f} of what {TITLES[name]} takes "
                         f"(geometric mean); slower in {sum(r > 1 for r in every)}.")
    return lines


def head_of(present):
    return (["row, workers", "runnel, ns"] + [f"{TITLES[n]}, ns" for n in present] +
            ["to Go", "of the rounds", "goal"] + [f"to {TITLES[n]}" for n in present if n != "go"])


def growth(results):
    """{kind: {contender: [(n, ns)]}}"""
    found = {}
    for row, of in results.items():
        match = re.fullmatch(r"grow_([a-z]+)_(\d+)/1", row)
        if match:
            for name in ("runnel", "go"):
                if name in of:
                    found.setdefault(match[1], {}).setdefault(name, []).append((int(match[2]), median(of[name])))
    return found


def oversubscribed(results):
    """{row: {contender: [(workers, ns)]}}"""
    found = {}
    for row, of in results.items():
        name, workers = row.split("/")
        if name.startswith("grow_") or f"{name}/4" not in results:
            continue
        for contender in ("runnel", "go"):
            if contender in of:
                found.setdefault(name, {}).setdefault(contender, []).append((int(workers), median(of[contender])))
    return found


def report(data):
    results, at, by = data["results"], data["machine"], data["versions"]
    present = [n for n in RIVALS if any(n in of for of in results.values())]
    plots = {}
    lines = [f"{at['processors']} × {at['model']}, {at['system']}, Linux {at['kernel']}, {at['day']}; runnel {by['commit']}, "
             f"{by['compiler']}, {by['go'].removeprefix('go version ')}, Boost {by['boost']}, oneTBB {by['tbb'] or '–'}; "
             f"{data['rounds']} rounds in {data['seconds'] / 60:.0f} minutes: `script/bench`.", ""]
    lines += summary(results, present) + [""]
    for why in data["failures"]:
        lines.append(f"- {why[1]} did not do {why[0]}: {why[2]}")
    if lines[-1] != "":
        lines.append("")
    for key, (title, names) in GROUPS.items():
        rows = list(table_rows(results, names, present))
        if not rows:
            continue
        lines += [f"### {title}", "", *markdown_table(head_of(present), rows), ""]
        series = []
        for name in present:
            of = {r.replace("/", ", "): statistics.median(v) for r in rows_of(results, names) for v in
                  [ratios(results[r], name)] if v}
            if of:
                series.append((f"to {TITLES[name]}", of))
        if series:
            plots[key] = svg.ratio_bars(f"{title}: runnel's time to the others' (below 1 is faster)",
                                        [r.replace("/", ", ") for r in rows_of(results, names)], series)
            lines += [f"![{title}](performance/{key}.svg)", ""]
    lines += parked(results, present, plots)
    lines += over(results, plots) + counted(results) + grown(results, plots)
    return lines, plots


def parked(results, present, plots):
    rows, bars = [], []
    for row in rows_of(results, "parked_100k parked_1m"):
        of = results[row]
        for key, what in (("bytes_each", "bytes"), ("start_ns", "start, ns"), ("wake_ns", "wake and end, ns")):
            to_go = ratios(of, "go", key)
            if "runnel" not in of or key not in of["runnel"][0]:
                continue
            cells = [row.replace("/", ", "), what, number(median(of["runnel"], key))]
            for name in present:
                rival = of_rival(of, name)
                cells.append(number(median(rival, key)) if rival and key in rival[0] else "")
            cells.append(f"**{statistics.median(to_go):.2g}**" if to_go else "")
            cells.append(f"{PARKED_GOALS[key]:.2f}" +
                         (" ✗" if to_go and statistics.median(to_go) > PARKED_GOALS[key] else ""))
            rows.append(cells)
        if row == "parked_100k/1":
            bars = [(TITLES.get(n, n), median(of_rival(of, n), "bytes_each")) for n in ("runnel", *present)
                    if of_rival(of, n) and "bytes_each" in of_rival(of, n)[0]]
    if not rows:
        return []
    lines = ["### What one that waits costs", "",
             *markdown_table(["row, workers", "what", "runnel"] + [TITLES[n] for n in present] + ["to Go", "goal"], rows), ""]
    if bars:
        plots["memory"] = svg.bars("Resident memory of a task that waits", "bytes", bars)
        lines += ["![Memory](performance/memory.svg)", ""]
    return lines


def over(results, plots):
    rows = []
    series = []
    for name, of in oversubscribed(results).items():
        if "runnel" not in of:
            continue
        base = dict(of["runnel"]).get(2)
        if not base:
            continue
        cells = [name]
        for contender in ("runnel", "go"):
            two = dict(of.get(contender, [])).get(2)
            for w in (1, 4, 8, 16):
                value = dict(of.get(contender, [])).get(w)
                cells.append(f"{value / two:.2f}" if value and two else "")
        rows.append(cells)
        series.append((name, [(w, ns / base) for w, ns in of["runnel"]]))
    if not rows:
        return []
    shown = [s for s in series if s[0] in ("spawn_join", "fib_fork", "chan_mpmc", "chan_sync", "mutex_contended",
                                           "prime_sieve_2000")]
    if shown:
        plots["scaling"] = svg.lines("Time by workers, on two processors; of that with two", "workers", "time", shown)
    return ["### More workers than processors", "", "Time of an operation, to that with two workers.", "",
            *markdown_table(["row"] + [f"runnel, {w}" for w in (1, 4, 8, 16)] + [f"Go, {w}" for w in (1, 4, 8, 16)], rows), "",
            *(["![Scaling](performance/scaling.svg)", ""] if shown else [])]


def counted(results):
    """What the workers did beside the work: with two, and with more than there are processors."""
    rows = []
    for name in oversubscribed(results):
        cells = [name]
        for key in COUNTERS:
            for w in (2, 16):
                of = results.get(f"{name}/{w}", {}).get("runnel")
                cells.append(number(median(of, key)) if of and key in of[0] else "")
        rows.append(cells)
    if not any(any(cells[1:]) for cells in rows):
        return []
    titles = {"steals": "stolen", "wakes": "workers woken", "idles": "went to sleep", "lock_waits": "lock found held"}
    return ["### What the workers do beside the work", "", "For a thousand operations, with 2 and with 16 workers.", "",
            *markdown_table(["row"] + [f"{titles[k]}, {w}" for k in COUNTERS for w in (2, 16)], rows), ""]


def grown(results, plots):
    lines = []
    titles = {"spawned": "goroutines started at once", "waiting": "goroutines that wait on one channel",
              "timers": "timers", "cases": "cases of a select"}
    for kind, of in growth(results).items():
        sizes = sorted({n for points in of.values() for n, _ in points})
        rows = [[TITLES.get(name, name)] + [number(dict(points)[n]) if n in dict(points) else "" for n in sizes]
                for name, points in of.items()]
        if not lines:
            lines += ["### As there are more of them", "", "Nanoseconds an operation, one worker.", ""]
        lines += [*markdown_table([titles.get(kind, kind)] + [f"{n:,}" for n in sizes], rows), ""]
        plots[f"grow_{kind}"] = svg.lines(f"What one costs, by the number of {titles.get(kind, kind)}",
                                          titles.get(kind, kind), "ns", [(TITLES.get(n, n), p) for n, p in of.items()])
        lines += [f"![{titles.get(kind, kind)}](performance/grow_{kind}.svg)", ""]
    return lines


def print_table(data):
    results = data["results"]
    present = [n for n in RIVALS if any(n in of for of in results.values())]
    head = ["row, workers", "runnel"] + [TITLES[n] for n in present] + ["to Go", "rounds", "goal"] + \
           [f"to {TITLES[n]}" for n in present if n != "go"]
    every = [cells for _, names in GROUPS.values() for cells in table_rows(results, names, present)]
    widths = [max(len(str(c[i]).replace("*", "")) for c in [head, *every]) for i in range(len(head))]
    for cells in [head, *every]:
        print("  ".join(str(c).replace("*", "").rjust(w) if i else str(c).ljust(w)
                        for i, (c, w) in enumerate(zip(cells, widths))))
    print("ns an operation, medians; the ratios are runnel's time to another's, below 1 is faster")
    for line in summary(results, present):
        print(line)


def main():
    arguments = argparse.ArgumentParser(description="prints or writes what bench/compare.py has measured")
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--write", action="store_true", help="into docs/performance.md")
    chosen = arguments.parse_args()
    data = json.loads(chosen.file.read_text())
    if not chosen.write:
        print_table(data)
        return 0
    page = ROOT / "docs" / "performance.md"
    old = page.read_text()
    if old.count(BEGIN) != 1 or old.count(END) != 1:
        print(f"bench: {page} lacks its marks", file=sys.stderr)
        return 1
    lines, plots = report(data)
    page.write_text(old[:old.index(BEGIN)] + "\n".join([BEGIN, "", *lines]) + old[old.index(END):])
    folder = ROOT / "docs" / "performance"
    folder.mkdir(exist_ok=True)
    for name, plot in plots.items():
        (folder / f"{name}.svg").write_text(plot)
    print(f"bench: {page.relative_to(ROOT)} and {len(plots)} plots are written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
