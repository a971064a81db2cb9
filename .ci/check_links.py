#!/usr/bin/env python3
# .ci/check_links.py — a link from one document to a file of the tree, or to a heading, leads somewhere.
# SPDX-License-Identifier: BSL-1.0
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
link = re.compile(r"\]\(([^)\s]+)\)")
fence = re.compile(r"^```.*?^```$", re.S | re.M)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", fence.sub("", text))


def anchors(path: pathlib.Path) -> set[str]:
    """What the headings of a document are called in links: as GitHub and GitLab make it."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", fence.sub("", path.read_text(encoding="utf-8")), re.M):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "", heading).lower())
        found.add(plain.strip().replace(" ", "-"))
    return found


problems = []
checked = 0
listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
                        cwd=root, check=True, capture_output=True, text=True).stdout
for name in filter(None, listed.split("\0")):
    document = root / name
    if not document.is_file():
        continue
    for target in link.findall(without_code(document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue  # somebody else's
        checked += 1
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists():
            problems.append(f"{name}: there is no {target}")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            problems.append(f"{name}: there is no heading {target}")

for problem in problems:
    print(problem)
print(f"check_links: {checked} links, {len(problems)} problems")
sys.exit(1 if problems else 0)
