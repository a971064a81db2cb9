#!/usr/bin/env python3
# .ci/check_examples.py — every program of the guide is there, its output is compared, examples/README.md lists it, and
#     its chapter's page links to it.
# SPDX-License-Identifier: BSL-1.0
#
#   .ci/check_examples.py           only checks
#   .ci/check_examples.py --write   writes the table of examples/README.md anew, from the first line of each program,
#                                   and from the headings of the documents
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
examples = root / "examples"
readme = examples / "README.md"
begin, end = "<!-- programs: .ci/check_examples.py --write -->\n", "<!-- end of programs -->\n"

# folder: what the guide calls the chapter, and the programs it has there, in its order.
chapters = {
    "01_hello": ("Hello", "hello"),
    "02_concurrency": ("Concurrency vs parallelism, the motivation",
                       "concurrency_vs_parallelism process_orders hundred_thousand_goroutines"),
    "03_industry": ("Industry use cases", "checkout transaction ride_matching feed product_page"),
    "04_goroutines": ("Goroutines", "sequential_and_concurrent spawn_ten_thousand"),
    "05_channels": ("Channels", "unbuffered buffered directions closing channel_rules"),
    "06_select": ("Select", "select_basics select_timeout select_nonblocking select_context select_monitor"),
    "07_wait_group": ("Pattern 1: WaitGroups", "wait_group batch_email"),
    "08_done_channel": ("Pattern 2: done channel", "done_channel http_shutdown"),
    "09_for_select": ("Pattern 3: for-select loop", "monitor metrics"),
    "10_worker_pool": ("Pattern 4: worker pool", "worker_pool image_service"),
    "11_pipeline": ("Pattern 5: pipeline", "pipeline log_pipeline"),
    "12_fan_out_fan_in": ("Pattern 6: fan-out, fan-in", "fan_out_fan_in primes"),
    "13_confinement": ("Pattern 7: confinement", "confinement_lexical confinement_index process_records"),
    "14_mutex": ("Pattern 8: mutex", "counter cache request_stats"),
    "15_context": ("Pattern 9: context", "fetch_data context_kinds http_api_call"),
    "excel_to_db": ("Practical project", "main"),
    "16_next_steps": ("Next steps", "web_scraper realtime api_client chat"),
}
# What the guide has beside chapters with programs: its page in docs/guide, of which its headings are counted, and
# what it shows. The code of docs/guide/NAME.md is tests/guide_NAME_test.cpp's, if there is one.
documents = {
    "Interview questions": ("interview", "### ", "questions, answered with code"),
    "Best practices, anti-patterns": ("practices", "### ", "practices and mistakes, the bad form and the good one"),
    "Tools": ("tools", "## ", "sections: races, schedules, dumps, traces, profiles, benchmarks"),
}
# Of several sources, and with tests of its own: not run and compared as the others are.
projects = {"excel_to_db"}
# Of no chapter: what programs share, and a project to copy, which tests/consumers builds.
others = {"common", "starter"}

problems = []
compared = set(re.findall(r"^runnel_example\((\S+)\)", (examples / "CMakeLists.txt").read_text(encoding="utf-8"), re.M))

for folder in sorted(p.name for p in examples.iterdir() if p.is_dir()):
    if folder not in chapters and folder not in others:
        problems.append(f"examples/{folder} is no chapter that .ci/check_examples.py knows")

rows = ["| chapter | program | what it shows |", "|---|---|---|"]
programs = 0
for folder, (title, names) in chapters.items():
    wanted = names.split()
    page = root / "docs/guide" / ("README.md" if folder == "01_hello" else f"{folder}.md")
    linked = set(re.findall(r"\]\(\.\./\.\./examples/([^)#]+)\)", page.read_text(encoding="utf-8")))
    if folder not in projects:
        there = sorted(p.stem for p in (examples / folder).glob("*.cpp"))
        wanted += [name for name in there if name not in wanted]
    for name in wanted:
        path = f"{folder}/{name}.cpp"
        source = examples / path
        if not source.is_file():
            problems.append(f"examples/{path}, a program of the guide, is not there")
            continue
        if folder not in projects and path not in compared:
            problems.append(f"examples/CMakeLists.txt does not compare the output of {path}")
        first = source.read_text(encoding="utf-8").splitlines()[0]
        shows = first.partition(" — ")[2]
        if not shows:
            problems.append(f"the first line of examples/{path} does not say what it shows")
        if path not in linked and folder not in linked:
            problems.append(f"{page.relative_to(root)} has no link to examples/{path}")
        shown_as = folder if folder in projects else name
        rows.append(f"| {title} | [{shown_as}]({path}) | {shows.replace('|', '&#124;')} |")
        title = ""
        programs += 1
for title, (name, heading, shows) in documents.items():
    file = root / f"docs/guide/{name}.md"
    if not file.is_file():
        problems.append(f"docs/guide/{name}.md is not there")
        continue
    count = len(re.findall(f"^{heading}", file.read_text(encoding="utf-8"), re.M))
    test = f"tests/guide_{name}_test.cpp"
    held = f"; compiled and run by [guide_{name}_test](../{test})" if (root / test).is_file() else ""
    rows.append(f"| {title} | [docs/guide/{name}.md](../docs/guide/{name}.md) | {count} {shows}{held}. |")
table = "\n".join(rows) + "\n"

text = readme.read_text(encoding="utf-8")
if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
    raise SystemExit(f"examples/README.md needs the lines {begin.strip()} and {end.strip()}")
head, rest = text.split(begin)
shown, tail = rest.split(end)
if sys.argv[1:] == ["--write"]:
    readme.write_text(head + begin + table + end + tail, encoding="utf-8")
elif sys.argv[1:]:
    raise SystemExit("check_examples: the only argument it knows is --write")
elif shown != table:
    problems.append("examples/README.md lists other programs than there are: .ci/check_examples.py --write")

for problem in problems:
    print(problem)
print(f"check_examples: {programs} programs, {len(problems)} problems")
sys.exit(1 if problems else 0)
