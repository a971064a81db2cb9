#!/usr/bin/env python3
# .ci/check_layers.py — includes point down, and per-thread state is read through one door.
# SPDX-License-Identifier: BSL-1.0
#
# Every header says its layer (`//   Layer   N`). It may include headers of its own or a lower layer,
# layers 0 to 3 never one of layer 4 or more, and there are no cycles. A goroutine may resume on
# another thread, so what compilers remember of a thread may be touched in few files only.
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent / "include"
layer_line = re.compile(r"^//\s+Layer\s+(\d)", re.M)
include_line = re.compile(r'^\s*#\s*include\s*[<"](runnel/[^>"]+)[>"]', re.M)

# The one public header that the inside may include.
shared_with_inside = "runnel/error.hpp"

machine = {f"runnel/detail/{n}.hpp" for n in (
    "this_worker", "context_switch", "platform", "event_poll", "socket", "resolve")}
words = {
    r"\bthread_local\b": {"runnel/detail/this_worker.hpp"},
    r"\berrno\b": machine | {"runnel/errno.hpp"},
    r"\b__errno_location\b": machine | {"runnel/errno.hpp"},
    r"\bpthread_self\b": machine,
    r"\bget_id\b": machine,
    r"\b__cxa_get_globals(_fast)?\b": machine,
    r"\b(isalpha|isdigit|isalnum|isspace|toupper|tolower|isupper|islower)\b": machine,
    r"\bforced_unwind\b": set(),
    r"\bontop_fcontext\b": set(),
    r"\bboost::context::(fiber|continuation)\b": set(),
    r"^using namespace\b": set(),
}


def code_of(text: str) -> str:
    """The text with comments and string literals blanked; lines keep their numbers."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)
    blank = lambda m: re.sub(r"[^\n]", " ", m.group())
    keep_includes = re.compile(r"^\s*#\s*include[^\n]*", re.M)
    return token.sub(blank, keep_includes.sub("", text))


problems = []
layers = {}
includes = {}
for path in sorted(root.rglob("*.hpp")):
    name = str(path.relative_to(root))
    text = path.read_text(encoding="utf-8")
    found = layer_line.search(text.split("#pragma once")[0])
    if found is None:
        problems.append(f"{name}: says no layer")
        continue
    layers[name] = int(found.group(1))
    includes[name] = include_line.findall(text)
    if (layers[name] <= 3) != ("/detail/" in name) and name not in (shared_with_inside, "runnel/version.hpp"):
        problems.append(f"{name}: layer {layers[name]} does not fit its folder")
    for number, line in enumerate(code_of(text).splitlines(), 1):
        for pattern, allowed in words.items():
            if name not in allowed and re.search(pattern, line):
                problems.append(f"{name}:{number}: {pattern} stands outside its file: {line.strip()}")

for name, used in includes.items():
    for other in used:
        if other not in layers:
            problems.append(f"{name}: includes {other}, which is not there")
        elif layers[other] > layers[name]:
            problems.append(
                f"{name} (layer {layers[name]}) includes {other} (layer {layers[other]}) above it")
        elif layers[name] <= 3 and "/detail/" not in other and other != shared_with_inside:
            problems.append(f"{name}: the inside may include no public header but error.hpp: {other}")


def cycle_from(start: str):
    """The first way from `start` back to it, if there is one."""
    todo = [(start, [start])]
    seen = set()
    while todo:
        at, way = todo.pop()
        for other in includes.get(at, []):
            if other == start:
                return way + [start]
            if other not in seen:
                seen.add(other)
                todo.append((other, way + [other]))
    return None


for name in includes:
    way = cycle_from(name)
    if way is not None and name == min(way):
        problems.append("a cycle: " + " -> ".join(way))

for problem in problems:
    print(problem)
print(f"check_layers: {len(layers)} headers, {len(problems)} problems")
sys.exit(1 if problems or not layers else 0)
