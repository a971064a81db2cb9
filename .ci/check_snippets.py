#!/usr/bin/env python3
# .ci/check_snippets.py — code shown in documents is the code of a compiled file, to the letter.
# SPDX-License-Identifier: BSL-1.0
#
#   .ci/check_snippets.py           checks
#   .ci/check_snippets.py --fill    writes into the documents what the files say, to be looked at and committed
#
# A document says `<!-- snippet: path -->`, or `<!-- snippet: path#name -->` for what stands between
# `// [name]` and `// [/name]` there, right before a fenced block. Regions may lie within each other.
# Also: C++ or Go without such a line, and regions of the guide's tests and of its Go that no document shows, are
# mistakes. (That the Go compiles is the test guide_go.)
import pathlib
import re
import sys
import textwrap

root = pathlib.Path(__file__).resolve().parent.parent
marker = re.compile(r"(<!-- snippet: (\S+?)(?:#(\S+))? -->\n```\w*\n)(.*?)(```)", re.S)
boundary = re.compile(r"^[ \t]*// \[/?[\w-]+\]\n", re.M)
# Files that are there for the documents alone: each of their regions is shown.
only_shown = ["tests/guide_*_test.cpp", "tests/guide_go/*/*.go"]
languages = {"cpp": "C++", "go": "Go"}


class Missing(Exception):
    pass


def expected(path: str, name: str | None) -> str:
    if not (root / path).is_file():
        raise Missing(f"there is no {path}")
    text = (root / path).read_text(encoding="utf-8")
    if name is None:
        lines = boundary.sub("", text).splitlines()
        # Without the head comment and the expected output at the end.
        while lines and lines[0].startswith("//"):
            lines.pop(0)
        for at, line in enumerate(lines):
            if re.match(r"// (Unordered o|O)utput:", line):
                lines = lines[:at]
                break
        return "\n".join(lines).strip() + "\n"
    found = re.findall(rf"^[ \t]*// \[{name}\]\n(.*?)^[ \t]*// \[/{name}\]", text, re.S | re.M)
    if len(found) != 1:
        raise Missing(f"{path} has {len(found)} regions [{name}]")
    return textwrap.dedent(boundary.sub("", found[0])).strip("\n") + "\n"


fill = sys.argv[1:] == ["--fill"]
failed = 0
checked = 0
shown_regions = set()


def complain(what: str) -> None:
    global failed
    failed += 1
    print(what)


def treat(document: pathlib.Path) -> None:
    global checked
    name_of_document = document.relative_to(root)
    text = document.read_text(encoding="utf-8")
    for fence, language in languages.items():
        fences = len(re.findall(rf"^```{fence}$", text, re.M))
        marked = len(re.findall(rf"^<!-- snippet: \S+ -->\n```{fence}$", text, re.M))
        if fences > marked:
            complain(f"{name_of_document}: {language} that is not a compiled file's: {fences - marked} blocks")
    if text.count("<!-- snippet: ") > len(marker.findall(text)):
        complain(f"{name_of_document}: a snippet without a fenced block right below it")

    def replacement(m: re.Match) -> str:
        global checked
        checked += 1
        head, path, name, shown, tail = m.groups()
        shown_regions.add((path, name))
        try:
            right = expected(path, name)
        except Missing as error:
            complain(f"{name_of_document}: {error}")
            return m.group(0)
        if shown != right and not fill:
            where = path + ("#" + name if name else "")
            complain(f"{name_of_document}: the snippet of {where} differs from the file")
        return head + right + tail

    filled = marker.sub(replacement, text)
    if fill and filled != text:
        document.write_text(filled, encoding="utf-8")


for document in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
    if document.exists():
        treat(document)
for source in sorted(source for pattern in only_shown for source in root.glob(pattern)):
    path = str(source.relative_to(root))
    for name in re.findall(r"^[ \t]*// \[([\w-]+)\]$", source.read_text(encoding="utf-8"), re.M):
        if (path, name) not in shown_regions:
            complain(f"{path}: no document shows its region [{name}]")
print(f"snippets: {checked} checked, {failed} wrong")
sys.exit(1 if failed else 0)
