#!/usr/bin/env python3
# .ci/check_words.py — what has no place in the tree: paths of one machine, work left open, tabs.
# SPDX-License-Identifier: BSL-1.0
#
# Also: every source file starts with a line that says what it is, then its licence.
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
this_file = ".ci/check_words.py"
source = {".hpp", ".cpp", ".h", ".c", ".go"}
exempt = {"LICENSE"}

forbidden = {
    r"(^|[\s\"'(=`])/(home|root|work|farm|mnt|Users)/": "a path of one machine",
    r"(^|[\s\"'(=`])/tmp/[A-Za-z]": "a path of one machine",
    r"(?<!context\.)\b(TODO|FIXME|XXX|HACK)\b": "work left open",
    r"#\s*if\s+0\b": "code switched off",
}

problems = []
files = subprocess.run(
    ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
).stdout.split("\0")
for name in filter(None, files):
    path = root / name
    if name in exempt or name == this_file or not path.is_file():
        continue
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        continue
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        for pattern, what in forbidden.items():
            if re.search(pattern, line):
                problems.append(f"{name}:{number}: {what}: {line.strip()}")
        if path.suffix in {".hpp", ".cpp"} and "\t" in line:
            problems.append(f"{name}:{number}: a tab")
        if line != line.rstrip() and path.suffix != ".md":
            problems.append(f"{name}:{number}: blanks at the end of the line")
    if text and not text.endswith("\n"):
        problems.append(f"{name}: no newline at the end")
    if path.suffix in source:
        # A compile-fail file says first what it expects.
        head = lines[1:3] if lines and lines[0].startswith("// expect-error: ") else lines[:2]
        says_path = re.match(r"// \S+ — .", head[0]) if head else None
        stated = head[0].split(" ")[1] if says_path else ""
        if not says_path or not name.endswith(stated):
            problems.append(f"{name}: the first line must be `// <path> — <what it is>`")
        if len(head) < 2 or head[1] != "// SPDX-License-Identifier: BSL-1.0":
            problems.append(f"{name}: the second line must state the licence")

for problem in problems:
    print(problem)
print(f"check_words: {len(files) - 1} files, {len(problems)} problems")
sys.exit(1 if problems else 0)
