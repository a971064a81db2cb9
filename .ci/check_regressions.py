#!/usr/bin/env python3
# .ci/check_regressions.py — each of the forty bugs of others has a test and a mutant, or a stated reason why not.
# SPDX-License-Identifier: BSL-1.0
#
# tests/regressions/README.md is their list. Tests carry tags like [bug-07]; mutants are made in mutants.cmake. A row
# without counterpart says `none: <reason>` in place of the test, and `none` in place of the mutant. Mutants of our own
# bugs are killed by the tests that carry their name as a tag.
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
last = 40
tagged: dict[int, set[str]] = {}
tags: set[str] = set()
for source in sorted((root / "tests").rglob("*.cpp")):
    text = source.read_text(encoding="utf-8")
    tags.update(re.findall(r"\[(\w+)\]", text))
    for number in re.findall(r"\[bug-(\d+)\]", text):
        tagged.setdefault(int(number), set()).add(str(source.relative_to(root / "tests")))
# A probe that is no test of the framework carries no tags.
tagged.setdefault(36, set()).add("hazards/tls_probe.cpp")

folder = root / "tests/regressions"
made = re.findall(r"^regression_mutant\((\d+|ours) (\w+)", (folder / "mutants.cmake").read_text(encoding="utf-8"), re.M)
mutants = {name: int(number) for number, name in made if number != "ours"}
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
for number, name in made:
    if number == "ours" and name not in tags:
        problems.append(f"no test has the tag [{name}], which is to kill the mutant")
for number in tagged:
    if not 1 <= number <= last:
        problems.append(f"there is no bug {number}: {', '.join(sorted(tagged[number]))}")

for problem in problems:
    print(problem)
without = sum(test.startswith("none: ") for test, _ in rows.values())
print(f"check_regressions: {last - without} of {last} bugs with a test and a mutant, {len(problems)} problems")
sys.exit(1 if problems else 0)
