#!/usr/bin/env python3
# bench/compare.py — runs the rows of all contenders side by side, and keeps what they took.
# SPDX-License-Identifier: BSL-1.0
#
#   bench/compare.py BUILD [--quick] [--rounds N] [--time SECONDS] [--rows REGEX] --out FILE
#
#   Every row of every contender is a process of its own with a time limit. A round runs all of them, row by row,
#   the contenders of a row one after the other: what disturbs the machine hits them alike. The order in which
#   they come changes from round to round.
import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

LIMIT = 60  # seconds for one row of one contender
OVERSUBSCRIBED = ("4", "8", "16")  # workers, on fewer processors
COUNTERS = ("steals", "wakes", "idles", "lock_waits")  # what runnel's workers do beside the work
LONG = ("growth", "oversubscribed")  # fewer rounds


class Program:
    """A program of Google Benchmark, or the one in Go."""

    def __init__(self, name, path, environment=None, only=None):
        self.name = name
        self.path = path
        self.environment = {**os.environ, **(environment or {})}
        self.go = path.name == "bench_go"
        words = ["-list"] if self.go else ["--benchmark_list_tests"]
        listed = self.output(words, LIMIT)
        names = ["/".join(line.split("/")[:2]) for line in listed.splitlines() if "/" in line]
        self.rows = [n for n in dict.fromkeys(names) if only is None or only(n)]

    def output(self, words, limit):
        done = subprocess.run([str(self.path), *words], env=self.environment, timeout=limit, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else
                               f"exit status {done.returncode}")
        return done.stdout

    def run(self, row, seconds):
        """What an operation of the row takes, in nanoseconds, and other figures."""
        if self.go:
            out = json.loads(self.output(["-row", row, "-time", f"{int(seconds * 1000)}ms"], LIMIT))
            return {"ns": out["ns"], **out["counters"]}
        out = json.loads(self.output([f"--benchmark_filter=^{re.escape(row)}(/|$)", f"--benchmark_min_time={seconds}",
                                      "--benchmark_format=json"], LIMIT))
        result = out["benchmarks"][0]
        if result.get("error_occurred"):
            raise RuntimeError(result.get("error_message", "wrong result"))
        figures = {k: result[k] for k in ("bytes_each", "start_ns", "wake_ns", *COUNTERS) if k in result}
        return {"ns": 1e9 / result["items_per_second"], **figures}


def programs_in(build):
    """Who is there, and who is not."""
    found, missing = [], []

    def add(name, program, **more):
        path = build / program
        if path.exists():
            found.append(Program(name, path, **more))
        else:
            missing.append(name)

    add("runnel", "bench_runnel")
    add("go", "bench_go")
    add("std_thread", "bench_std_thread")
    add("boost_fiber", "bench_boost_fiber")
    if (build / "bench_boost_fiber").exists():
        add("boost_fiber, stealing", "bench_boost_fiber", environment={"RUNNEL_BENCH_FIBER": "work_stealing"},
            only=lambda row: not row.endswith("/1"))
    add("one_tbb", "bench_one_tbb")
    return found, missing


def kind(row):
    """Of what part of the report a row is."""
    if row.startswith("grow_"):
        return "growth"
    return "oversubscribed" if row.split("/")[1] in OVERSUBSCRIBED else "rows"


def first_line(*words):
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.splitlines()[0] if done.stdout else ""


def machine():
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    system = ""
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            system = line.split("=", 1)[1].strip('"')
    return {"processors": os.cpu_count(), "model": model, "system": system, "kernel": platform.release(),
            "day": date.today().isoformat()}


def versions():
    boost = ""
    for include in ("/usr/include/boost/version.hpp", "/usr/local/include/boost/version.hpp"):
        if Path(include).exists():
            boost = re.search(r'BOOST_LIB_VERSION "(.*)"', Path(include).read_text()).group(1).replace("_", ".")
            break
    return {"commit": first_line("git", "describe", "--always", "--dirty"), "compiler": first_line("g++", "--version"),
            "go": first_line("go", "version"), "boost": boost,
            "tbb": first_line("pkg-config", "--modversion", "tbb")}


def main():
    arguments = argparse.ArgumentParser(description="runs the rows of all contenders side by side")
    arguments.add_argument("build", type=Path, help="where the programs are")
    arguments.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--time", type=float, default=0.05, help="seconds for one row of one contender")
    arguments.add_argument("--rows", default="", help="only rows whose names this regular expression is found in")
    arguments.add_argument("--quick", action="store_true", help="two minutes: one round, short, of the main rows")
    chosen = arguments.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.time = 1, 0.01
    if chosen.rounds < 1 or chosen.time <= 0:
        arguments.error("rounds and time have to be positive")
    try:
        wanted = re.compile(chosen.rows)
    except re.error as e:
        arguments.error(f"--rows: {e}")

    found, missing = programs_in(chosen.build)
    if not found or found[0].name != "runnel":
        print(f"bench: there is no bench_runnel in {chosen.build}", file=sys.stderr)
        return 1
    for name in missing:
        print(f"bench: {name} is not there and is left out")
    names = [r for r in found[0].rows if wanted.search(r)]
    if chosen.quick:
        names = [r for r in names if kind(r) == "rows" and not (r.endswith("/1") and r[:-1] + "2" in names)]
    if not names:
        print("bench: no row matches", file=sys.stderr)
        return 1

    results = {}  # row → contender → a list of figures
    failures = {}
    began = time.monotonic()
    for turn in range(chosen.rounds):
        for row in names:
            if kind(row) in LONG and turn >= max(1, chosen.rounds // 2):
                continue
            there = [p for p in found if row in p.rows]
            for program in there[turn % len(there):] + there[:turn % len(there)]:
                if (row, program.name) in failures:
                    continue
                try:
                    figures = program.run(row, chosen.time)
                    results.setdefault(row, {}).setdefault(program.name, []).append(figures)
                except subprocess.TimeoutExpired:
                    failures[row, program.name] = f"not done in {LIMIT} s"
                except (RuntimeError, ValueError, KeyError) as e:
                    failures[row, program.name] = str(e) or type(e).__name__
        print(f"bench: round {turn + 1} of {chosen.rounds}, {time.monotonic() - began:.0f} s", flush=True)
    for (row, name), why in failures.items():
        print(f"bench: {name}: {row}: {why}", file=sys.stderr)

    chosen.out.write_text(json.dumps({
        "machine": machine(), "versions": versions(), "rounds": chosen.rounds, "time": chosen.time,
        "seconds": time.monotonic() - began, "missing": missing,
        "failures": [[row, name, why] for (row, name), why in failures.items()], "results": results}, indent=1))
    return 1 if any(name == "runnel" for _, name in failures) else 0


if __name__ == "__main__":
    sys.exit(main())
