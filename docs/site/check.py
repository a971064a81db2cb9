#!/usr/bin/env python3
# docs/site/check.py — the finished site: each link leads to a page and a place on it, and each page is linked to.
# SPDX-License-Identifier: BSL-1.0
#
#   docs/site/check.py SITE
import html.parser
import json
import pathlib
import sys
import urllib.parse

site = pathlib.Path(sys.argv[1]).resolve()
problems = []


class Reader(html.parser.HTMLParser):
    def __init__(self, page: str):
        super().__init__()
        self.page = page
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        name = values.get("id")
        if name is not None:
            if name in self.ids:
                problems.append(f"{self.page}: two things are called #{name}")
            self.ids.add(name)
        for attribute in ("href", "src"):
            if attribute in values:
                self.links.append(values[attribute] or "")
                # A page is complete without a network.
                if tag in ("script", "link", "img") and "//" in (values[attribute] or ""):
                    problems.append(f"{self.page}: takes {values[attribute]} from elsewhere")
        if tag not in ("meta", "link", "img", "br", "hr", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)  # <img />

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            problems.append(f"{self.page}:{self.getpos()[0]}: </{tag}> closes nothing")
            self.open = []


pages = {}
for file in sorted(site.rglob("*.html")):
    reader = Reader(str(file.relative_to(site)))
    reader.feed(file.read_text(encoding="utf-8"))
    if reader.open:
        problems.append(f"{reader.page}: not closed: {reader.open}")
    pages[file] = reader

checked = 0
reached = set()


def follow(page: str, base: pathlib.Path, link: str) -> None:
    global checked
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return  # somebody else's
    checked += 1
    target = (base / urllib.parse.unquote(parts.path)).resolve() if parts.path else site / page
    if target.is_dir() or not target.exists() or site not in target.parents:
        problems.append(f"{page}: there is no {link}")
        return
    if target != site / page:
        reached.add(target)
    if parts.fragment and target in pages and urllib.parse.unquote(parts.fragment) not in pages[target].ids:
        problems.append(f"{page}: there is no {link}")


for file, reader in pages.items():
    for link in reader.links:
        follow(reader.page, file.parent, link)
text = (site / "search.js").read_text(encoding="utf-8")
for _, address, _, _ in json.loads(text[text.index("["):text.rindex(";")]):
    follow("search.js", site, address)
for file in pages:
    if file not in reached:
        problems.append(f"{file.relative_to(site)}: no page links to it")

for problem in sorted(set(problems)):
    print(problem)
print(f"check: {len(pages)} pages, {checked} links, {len(set(problems))} problems")
sys.exit(1 if problems or not pages else 0)
