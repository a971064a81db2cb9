#!/usr/bin/env python3
# bench/table.py — the table of one or more Google Benchmark JSON files: medians, and ratios to std::thread.
# SPDX-License-Identifier: BSL-1.0
#
#   bench/table.py RESULTS.json…
#   cpu is the processor time of all threads an operation; more than the time itself where several work.
import json
import math
import statistics
import sys

samples = {}  # (workload, contender, workers) → its records, one a repetition
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        report = json.load(f)
    for record in report["benchmarks"]:
        if record.get("run_type") == "aggregate":
            continue
        if record.get("error_occurred"):
            sys.exit(f"{record['name']}: {record['error_message']}")
        workload, contender, workers = record["name"].split("/")[:3]
        samples.setdefault((workload, contender, int(workers)), []).append(record)
if not samples:
    sys.exit("no benchmark ran")


def nanoseconds(record: dict) -> float:
    return 1e9 / record["items_per_second"]


def processor(record: dict) -> float:
    return nanoseconds(record) * record["cpu_time"] / record["real_time"]


def median(records: list, figure) -> float:
    return statistics.median(figure(r) for r in records)


baseline = "std_thread"
ratios = []
print(f"{'workload':<20}{'contender':<12}{'workers':>7}{'ns/op':>12}{'spread':>8}{'cpu':>12}{'ratio':>9}")
for (workload, contender, workers), records in sorted(samples.items()):
    ns = [nanoseconds(r) for r in records]
    middle = statistics.median(ns)
    spread = f"±{50 * (max(ns) - min(ns)) / middle:.0f}%"
    ratio = ""
    rival = samples.get((workload, baseline, workers))
    if contender != baseline and rival:
        ratios.append(middle / median(rival, nanoseconds))
        ratio = f"{ratios[-1]:.4f}"
    more = ""
    if "bytes_each" in records[0]:
        size = max(r["bytes_each"] for r in records)
        more = (f"  {size:.0f} B each; start {median(records, lambda r: r['start_ns']):.0f} ns,"
                f" wake and end {median(records, lambda r: r['wake_ns']):.0f} ns")
    if "taken_percent" in records[0]:
        more += f"  found taken: {median(records, lambda r: r['taken_percent']):.1f}%"
    print(f"{workload:<20}{contender:<12}{workers:>7}{middle:>12.1f}{spread:>8}"
          f"{median(records, processor):>12.1f}{ratio:>9}{more}")
print("ratio: time of runnel / time of std::thread with mutex and condition variable; below 1 is faster")
if ratios:
    mean = math.exp(statistics.fmean(math.log(r) for r in ratios))
    print(f"geometric mean of {len(ratios)} ratios: {mean:.4f}")
