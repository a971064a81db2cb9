#!/usr/bin/env python3
# .ci/check_snippets.py — code shown in documents is the code of a compiled file, to the letter.
# SPDX-License-Identifier: BSL-1.0
#
# A document says `<!-- snippet: path -->`, or `<!-- snippet: path#name -->` for what stands between
# `// [name]` and `// [/name]` there, right before a fenced block. Only checks, never rewrites.
import pathlib
import re
import sys
import textwrap

root = pathlib.Path(__file__).resolve().parent.parent
marker = re.compile(r"<!-- snippet: (\S+?)(?:#(\S+))? -->\n```\w*\n(.*?)```", re.S)


def expected(path: str, name: str | None) -> str:
    text = (root / path).read_text(encoding="utf-8")
    if name is None:
        lines = text.splitlines()
        # Without the head comment and the expected output at the end.
        while lines and lines[0].startswith("//"):
            lines.pop(0)
        for at, line in enumerate(lines):
            if re.match(r"// (Unordered o|O)utput:", line):
                lines = lines[:at]
                break
        return "\n".join(lines).strip() + "\n"
    found = re.search(rf"^[ \t]*// \[{name}\]\n(.*?)^[ \t]*// \[/{name}\]", text, re.S | re.M)
    if found is None:
        raise SystemExit(f"{path}: no region [{name}]")
    return textwrap.dedent(found.group(1)).strip() + "\n"


failed = 0
checked = 0
for document in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
    if not document.exists():
        continue
    text = document.read_text(encoding="utf-8")
    if text.count("```cpp") > len(re.findall(r"<!-- snippet: \S+ -->\n```cpp", text)):
        failed += 1
        print(f"{document.relative_to(root)}: C++ that is not a compiled file's")
    for path, name, shown in marker.findall(text):
        checked += 1
        if shown != expected(path, name or None):
            failed += 1
            print(f"{document.relative_to(root)}: the snippet of {path} differs from the file")
print(f"snippets: {checked} checked, {failed} differ")
sys.exit(1 if failed else 0)
