#!/usr/bin/env python3
# .ci/check_lists.py — headers, tests, examples and bench are listed by name, and none is forgotten.
# SPDX-License-Identifier: BSL-1.0
#
# CMakeLists.txt lists the headers that are there; each CMakeLists.txt under tests/ names every
# source beside it; every public header has its tests/<header>_test.cpp.
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
problems = []


def without_comments(path: pathlib.Path) -> str:
    return re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))


def loops_unrolled(text: str) -> str:
    """foreach(x IN ITEMS a b) … endforeach() written out."""
    loop = re.compile(r"foreach\((\w+) IN ITEMS ([^)]*)\)(.*?)endforeach\(\)", re.S)
    write_out = lambda m: "".join(
        m.group(3).replace("${" + m.group(1) + "}", item) for item in m.group(2).split())
    return loop.sub(write_out, text)


# ---- headers ----
listed = re.search(r"set\(runnel_headers\s(.*?)\)", without_comments(root / "CMakeLists.txt"), re.S)
listed = listed.group(1).split()
present = {str(p.relative_to(root)) for p in (root / "include").rglob("*.hpp")}
for name in sorted(present - set(listed)):
    problems.append(f"CMakeLists.txt does not list {name}: it would not be installed")
for name in sorted(set(listed) - present):
    problems.append(f"CMakeLists.txt lists {name}, which is not there")

# ---- sources under tests/, examples/ and bench/ ----
checked = 0
named = set()
parts = ("tests", "examples", "bench")
for part in parts:
    for lists in (root / part).rglob("CMakeLists.txt"):
        text = re.sub(r"\$\{(PROJECT|CMAKE)_SOURCE_DIR\}", str(root), without_comments(lists))
        text = loops_unrolled(text.replace("${CMAKE_CURRENT_SOURCE_DIR}", str(lists.parent)))
        for word in re.findall(r"[\w./+-]+\.cpp", text):
            source = (lists.parent / word).resolve()
            named.add(source)
            if not source.exists() and "consumers" not in lists.parts:
                problems.append(f"{lists.relative_to(root)} names {word}, which is not there")
for part in parts:
    for source in sorted((root / part).rglob("*.cpp")):
        checked += 1
        if source.resolve() not in named:
            problems.append(f"no CMakeLists.txt names {source.relative_to(root)}")

# ---- a test for every public header ----
# Without behaviour of their own: the umbrellas and the version.
without_test = {"runnel", "sync", "version"}
for header in sorted((root / "include" / "runnel").glob("*.hpp")):
    test = root / "tests" / f"{header.stem}_test.cpp"
    if header.stem not in without_test and not test.exists():
        problems.append(f"{header.relative_to(root)} has no {test.relative_to(root)}")

for problem in problems:
    print(problem)
print(f"check_lists: {len(listed)} headers, {checked} sources, {len(problems)} problems")
sys.exit(1 if problems else 0)
