#!/usr/bin/env python3
# .ci/check_umbrella.py — runnel.hpp includes every public header but the opt-in ones, sorted.
# SPDX-License-Identifier: BSL-1.0
import pathlib
import re
import sys

folder = pathlib.Path(__file__).resolve().parent.parent / "include" / "runnel"
opt_in = {"io", "net", "asio", "trace", "testing", "errno"}

public = {p.stem for p in folder.glob("*.hpp")}
listed = re.findall(r"^#include <runnel/(\w+)\.hpp>$", (folder / "runnel.hpp").read_text(), re.M)
others = [
    line
    for line in (folder / "runnel.hpp").read_text().splitlines()
    if line.strip() and not line.startswith(("//", "#pragma once", "#include <runnel/"))
]

problems = []
for name in sorted(public - opt_in - {"runnel"} - set(listed)):
    problems.append(f"runnel.hpp does not include {name}.hpp")
for name in sorted(set(listed) & opt_in):
    problems.append(f"runnel.hpp includes {name}.hpp, which is opt-in")
for name in sorted(set(listed) - public):
    problems.append(f"runnel.hpp includes {name}.hpp, which is not there")
if listed != sorted(set(listed)):
    problems.append("runnel.hpp's includes are not sorted, or one stands twice")
for line in others:
    problems.append(f"runnel.hpp holds more than includes: {line}")

for problem in problems:
    print(problem)
print(f"check_umbrella: {len(listed)} headers, {len(problems)} problems")
sys.exit(1 if problems or not listed else 0)
