#!/usr/bin/env python3
# .ci/check_regressions.py — each of the forty bugs of others has a test and a mutant, or a stated reason why not.
# SPDX-License-Identifier: BSL-1.0
#
# tests/regressions/README.md is their list. Tests carry tags like [bug-07]; mutants are made in mutants.cmake. A row
# without counterpart says `none: <reason>` in place of the test, and `none` in place of the mutant.
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
last = 40
tagged: dict[int, set[str]] = {}
for source in sorted((root / "tests").rglob("*.cpp")):
    for number in re.findall(r"\[bug-(\d+)\]", source.read_text(encoding="utf-8")):
        tagged.setdefault(int(number), set()).add(str(source.relative_to(root / "tests")))
# A probe that is no test of the framework carries no tags.
tagged.setdefault(36, set()).add("hazards/tls_probe.cpp")

folder = root / "tests/regressions"
mutants = {
    name: int(number)
    for number, name in re.findall(
        r"^regression_mutant\((\d+) (\w+)", (folder / "mutants.cmake").read_text(encoding="utf-8"), re.M)
}
rows = {
    int(number): (test, mutant)
    for number, test, mutant in re.findall(
        r"^\| (\d+) \| [^|]* \| [^|]* \| ([^|]*) \| ([^|]*) \|$",
        (folder / "README.md").read_text(encoding="utf-8"), re.M)
}

problems = []
for number in range(1, last + 1):
    if number not in rows:
        problems.append(f"bug {number} has no row in tests/regressions/README.md")
        continue
    test, mutant = rows[number]
    if test.startswith("none: "):
        if number in tagged or mutant != "none":
            problems.append(f"bug {number} has a counterpart, and a reason why not")
        continue
    named = {word for word in re.findall(r"`([\w/]+\.cpp)`", test)}
    for name in named:
        if not any(source.endswith("/" + name) or source == name for source in tagged.get(number, set())):
            problems.append(f"bug {number}: {name} has no test with its tag")
    if not named:
        problems.append(f"bug {number} names no test")
    first = re.match(r"`(\w+)`", mutant)
    if first is None or mutants.get(first.group(1)) != number:
        problems.append(f"bug {number}: its mutant is not made in mutants.cmake")
for number in tagged:
    if not 1 <= number <= last:
        problems.append(f"there is no bug {number}: {', '.join(sorted(tagged[number]))}")

for problem in problems:
    print(problem)
without = sum(test.startswith("none: ") for test, _ in rows.values())
print(f"check_regressions: {last - without} of {last} bugs with a test and a mutant, {len(problems)} problems")
sys.exit(1 if problems else 0)
