#!/usr/bin/env python3
# .ci/check_conformance.py — each of the numbered Go behaviours has a test, or a stated reason why not.
# SPDX-License-Identifier: BSL-1.0
#
# Tests carry tags like [C-35]. tests/conformance/README.md lists the others as `| 33 | reason |`, ranges as
# `| 348-370 | reason |`: rows of two columns. Wrong are: a number in neither place, and one in both.
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
last = 399
tagged: dict[int, set[str]] = {}
for source in sorted((root / "tests").rglob("*.cpp")):
    for number in re.findall(r"\[C-(\d+)\]", source.read_text(encoding="utf-8")):
        tagged.setdefault(int(number), set()).add(source.name)
readme = (root / "tests/conformance/README.md").read_text(encoding="utf-8")
excused: set[int] = set()
for first, end in re.findall(r"^\| (\d+)(?:-(\d+))? \| [^|]* \|$", readme, re.M):
    excused.update(range(int(first), int(end or first) + 1))

problems = 0
for number in range(1, last + 1):
    if number not in tagged and number not in excused:
        print(f"conformance item {number} has neither a test nor a reason")
        problems += 1
    if number in tagged and number in excused:
        print(f"conformance item {number} has a test ({', '.join(sorted(tagged[number]))}) and a reason")
        problems += 1
print(f"check_conformance: {len(tagged)} of {last} items tested, {len(excused)} excused, {problems} problems")
sys.exit(1 if problems else 0)
