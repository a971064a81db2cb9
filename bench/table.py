#!/usr/bin/env python3
# bench/table.py — the table of one or more Google Benchmark JSON files: medians, and ratios to std::thread.
# SPDX-License-Identifier: BSL-1.0
import json
import statistics
import sys

times: dict[tuple[str, str, str], list[float]] = {}
sizes: dict[tuple[str, str, str], float] = {}
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        report = json.load(f)
    for b in report["benchmarks"]:
        if b.get("run_type") == "aggregate":
            continue
        if b.get("error_occurred"):
            sys.exit(f"{b['name']}: {b['error_message']}")
        workload, contender, workers = b["name"].split("/")[:3]
        key = (workload, contender, workers)
        times.setdefault(key, []).append(1e9 / b["items_per_second"])
        if "bytes_each" in b:
            sizes[key] = max(sizes.get(key, 0.0), b["bytes_each"])

if not times:
    sys.exit("no benchmark ran")
print(f"{'workload':<20}{'contender':<12}{'workers':>7}{'ns/op':>12}{'spread':>9}{'ratio':>9}  memory")
for (workload, contender, workers), ns in sorted(times.items()):
    median = statistics.median(ns)
    spread = f"±{100 * (max(ns) - min(ns)) / 2 / median:.0f}%"
    rivals = [v for (w, c, _), v in times.items() if w == workload and c == "std_thread"]
    ratio = ""
    if contender != "std_thread" and rivals:
        ratio = f"{median / statistics.median(rivals[0]):.4f}"
    size = sizes.get((workload, contender, workers))
    memory = f"{size:.0f} B each" if size else ""
    print(f"{workload:<20}{contender:<12}{workers:>7}{median:>12.1f}{spread:>9}{ratio:>9}  {memory}")
print("ratio: time of runnel / time of std::thread with mutex and condition variable; below 1 is faster")
