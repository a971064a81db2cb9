# docs/site/reference.py — what Doxygen read in the headers, as pages: one for each public header.
# SPDX-License-Identifier: BSL-1.0
#
#   Members stand in the order of the header. One without words of its own belongs to the one before it that has the
#   same name (recv_until: to recv_for), as the headers mean it; what compilers make by themselves is left out.
import html
import pathlib
import re
import xml.etree.ElementTree as ET

import markdown_it

root = pathlib.Path(__file__).resolve().parents[2]

GROUPS = {
    "Goroutines": "go runtime future blocking local thread_lock",
    "Channels and select": "chan select",
    "Synchronisation": "wait_group mutex shared_mutex condition_variable once semaphore latch barrier pool",
    "Time and contexts": "time context",
    "Groups of goroutines": "group singleflight",
    "Pipelines": "pipeline from generate transform batch fan_out fan_in or_done tee bridge stage",
    "Work in parallel": "worker_pool parallel first_of any_of_done outcome",
    "Around them": "broadcast watch debounce throttle rate_limiter heartbeat retry circuit_breaker",
    "Network and descriptors": "net io asio errno",
    "Watching and testing": "debug trace testing",
    "All of it": "runnel sync error version",
}
# Where public names of headers in detail are shown.
HOME = {"detail/chan_core.hpp": "chan.hpp", "detail/endpoint.hpp": "net.hpp", "detail/net_error.hpp": "net.hpp",
        "detail/platform.hpp": "time.hpp"}
FACTS = {"Blocks", "Returns", "Cancel", "Errors", "Exit", "Visibility", "Threads", "Cost", "Notes", "Go", "Example"}


def words(element) -> str:
    return "" if element is None else re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def tidy(code: str) -> str:
    """Doxygen's spelling of C++ as the house spells it."""
    code = re.sub(r"\s+", " ", code).strip()
    code = re.sub(r"(?<!operator)< ", "<", code)
    code = re.sub(r"(?<!operator) +>(?![=>]{2})", ">", code)
    code = re.sub(r"(?<=[A-Za-z_>)]) ?(&&|[&*])(?= ?[\w,)>=.]| |$)(?<!operator&)(?<!operator\*)", r"\1", code)
    code = re.sub(r"(&&|[&*])(?=[A-Za-z_])", r"\1 ", code)
    code = re.sub(r"\.\.\.(?=\w)", "... ", code)
    code = re.sub(r"\)(&&?)(?=$| |;)", r") \1", code)
    code = re.sub(r"(?<=[\w)]) ?=(?=[\w{\"':-])", " = ", code)
    code = re.sub(r"\b(?<!::)runnel::(?=\w+\b)(?!chan<|context&)", "", code)
    return re.sub(r"\bdetail::", "", code)


def concept(code: str) -> str:
    """A definition on lines of its own, a condition each."""
    head, _, rest = re.sub(r"\s+", " ", code).partition(" concept ")
    rest = re.sub(r"(?<=<) | (?=>)", "", rest.replace("runnel::", "").replace("detail::", ""))
    rest = re.sub(r" (&&|\|\|) ", r" \1\n    ", rest) if "{" not in rest else rest
    return f"{head.replace('template<', 'template <')}\nconcept {rest};"


def folded(code: str) -> str:
    """A long line broken behind the commas of its parameters."""
    if len(code) <= 84 or "(" not in code:
        return code
    opening = re.search(r"(?<=[\w>=<+\-*&|\]])\((?!\))", code)
    if opening is None:
        return code
    depth = 0
    out = code[:opening.end()] + "\n    "
    rest = code[opening.end():]
    for i, c in enumerate(rest):
        if c in "(<{":
            depth += 1
        elif c in ")>}" and not (c == ">" and rest[i - 1] == "-"):
            if depth == 0:
                return out + rest[i:]
            depth -= 1
        if c == "," and depth == 0:
            out += ",\n   "
        else:
            out += c
    return out


class Member:
    def __init__(self, element):
        self.element = element
        self.kind = element.get("kind")
        self.id = element.get("id")
        self.name = words(element.find("name"))
        self.arguments = words(element.find("argsstring"))
        self.line = int(element.find("location").get("line"))
        self.documented = any(words(element.find(d)) for d in ("briefdescription", "detaileddescription"))

    def signature(self) -> str:
        e = self.element
        lines = templates(e)
        if self.kind == "enum":
            values = ", ".join(words(v.find("name")) + (" " + words(v.find("initializer")) if v.find("initializer") is not None
                               else "") for v in e.findall("enumvalue"))
            strong = "class " if e.get("strong") == "yes" else ""
            return f"enum {strong}{self.name} {{ {values} }};"
        if self.kind == "typedef":
            line = f"using {self.name} = {words(e.find('type'))}"
        elif self.kind == "variable":
            line = f"{words(e.find('type'))} {self.name} {words(e.find('initializer'))}".replace(" {}", "{}")
        else:
            marks = [m for m in ("static", "explicit") if e.get(m) == "yes"]
            line = " ".join([*marks, words(e.find("type")), self.name]) + self.arguments
        return "\n".join([*lines, folded(tidy(line) + ";")])

    def inner(self) -> bool:
        """Of the library's own: it takes what users have none of."""
        return "source_place" in self.arguments or (not self.documented and "detail::" in self.arguments)

    def shown(self, of: str) -> bool:
        """Not what is usual and says nothing: copies, moves, destructors, comparisons."""
        if self.element.get("prot") != "public" or self.inner():
            return False
        if self.documented:
            return True
        a = self.arguments.replace(" ", "")
        own = self.name in (of, f"~{of}") or self.name == "operator="
        copies = re.search(rf"\((const)?{of}(<[^()]*>)?&&?\w*\)", a) is not None
        usual = own and (self.name.startswith("~") or copies) or re.search("=(delete|default)", a)
        return not usual and not (self.kind == "friend" and re.match(r"operator(==|<=>|!=)$", self.name))


def templates(e) -> list[str]:
    parts = e.find("templateparamlist")
    if parts is None:
        return []
    params = []
    for p in parts.findall("param"):
        one = words(p.find("type"))
        name = words(p.find("declname"))
        if name and not one.endswith(" " + name):
            one += " " + name
        if p.find("defval") is not None:
            one += " = " + words(p.find("defval"))
        params.append(one)
    return [tidy(f"template <{', '.join(params)}>")]


class Compound:
    """A class, or the names of a namespace that are no classes."""

    def __init__(self, element):
        self.element = element
        self.kind = element.get("kind")
        self.id = element.get("id")
        self.name = words(element.find("compoundname"))
        self.says = any(words(element.find(d)) for d in ("briefdescription", "detaileddescription"))
        self.members = [Member(m) for section in element.findall("sectiondef") for m in section.findall("memberdef")]


def header_of(element) -> str:
    name = re.search(r"(?:^|/)runnel/(\S+\.hpp)$", element.find("location").get("file")).group(1)
    name = HOME.get(name, name)
    if name.startswith("detail/"):
        raise SystemExit(f"reference: {words(element.find('name'))} is public, in {name}")
    return name


# ---- comments ----


class Comment:
    def __init__(self, href):
        self.href = href  # of a Doxygen id, or None

    def block(self, element) -> str:
        """Paragraphs and lists; `para` holds both."""
        if element is None:
            return ""
        return "".join(self.paragraph(child) for child in element if child.tag == "para")

    def paragraph(self, para) -> str:
        out = []
        run = [html.escape(para.text or "")]

        def flush():
            text = "".join(run).strip()
            if text:
                out.append(f"<p>{text}</p>\n")
            run.clear()

        for child in para:
            if child.tag in ("itemizedlist", "orderedlist"):
                flush()
                out.append(self.items(child))
            elif child.tag in ("verbatim", "preformatted"):
                flush()
                out.append(f'<pre class="plain"><code>{html.escape("".join(child.itertext()).strip())}</code></pre>\n')
            elif child.tag == "programlisting":
                flush()
                lines = [listing(line) for line in child.findall("codeline")]
                out.append(f'<pre class="plain"><code>{html.escape(chr(10).join(lines).strip(chr(10)))}</code></pre>\n')
            elif child.tag == "para":
                flush()
                out.append(self.paragraph(child))
            else:
                run.append(self.inline(child))
            run.append(html.escape(child.tail or ""))
        flush()
        return "".join(out)

    def items(self, element) -> str:
        facts, others = [], []
        for item in element.findall("listitem"):
            paras = item.findall("para")
            first = paras[0] if paras else None
            bold = first[0] if first is not None and len(first) and not (first.text or "").strip() else None
            if bold is not None and bold.tag == "bold" and words(bold) in FACTS:
                name = words(bold)
                first.remove(bold)
                first.text = (bold.tail or "").lstrip()
                facts.append(f"<dt>{name}</dt><dd>{''.join(self.paragraph(p) for p in paras)}</dd>")
            else:
                others.append(f"<li>{''.join(self.paragraph(p) for p in paras)}</li>")
        if facts and others:
            raise SystemExit(f"reference: a list of facts and other items: {words(element)}")
        return f"<dl>{''.join(facts)}</dl>\n" if facts else f"<ul>{''.join(others)}</ul>\n"

    def inline(self, e) -> str:
        inner = html.escape(e.text or "") + "".join(self.inline(c) + html.escape(c.tail or "") for c in e)
        if e.tag == "computeroutput":
            return f"<code>{inner}</code>"
        if e.tag == "ref":
            href = self.href(e.get("refid"))
            return f'<a href="{href}">{inner}</a>' if href else inner
        if e.tag == "bold":
            return f"<strong>{inner}</strong>"
        if e.tag == "emphasis":
            return f"<em>{inner}</em>"
        if e.tag == "ulink":
            return f'<a href="{html.escape(e.get("url"))}">{inner}</a>'
        simple = {"sp": " ", "nonbreakablespace": "&nbsp;", "ndash": "–", "mdash": "—", "linebreak": "<br>", "anchor": "",
                  "zwj": "", "lsquo": "‘", "rsquo": "’", "ldquo": "“", "rdquo": "”"}
        if e.tag in simple:
            return simple[e.tag]
        raise SystemExit(f"reference: a comment has a <{e.tag}>, which is not known here: {words(e)}")


def listing(line) -> str:
    out = []

    def walk(e):
        if e.tag == "sp":
            out.append(" ")
        out.append(e.text or "")
        for c in e:
            walk(c)
            out.append(c.tail or "")

    walk(line)
    return "".join(out)


# ---- the head of a header ----


class Banner:
    """What stands above `#pragma once`: facts, and text."""

    def __init__(self, header: str):
        lines = (root / "include/runnel" / header).read_text(encoding="utf-8").split("#pragma once")[0].splitlines()
        self.says = lines[0].partition(" — ")[2]
        self.facts: list[list[str]] = []
        text: list[str] = []
        within = False  # a fact that may go on
        for line in lines[2:]:
            line = line.removeprefix("//")
            if m := re.match(r"   (Go|Std|Layer|Map|Tests|Guide|Design) {2,}(.*)", line):
                self.facts.append([m.group(1), m.group(2)])
                within = True
            elif within and line.startswith(" " * 8):
                self.facts[-1][1] += " " + line.strip()
            elif line.strip() or text:
                text.append(line.removeprefix("   "))
                within = False
            else:
                within = False
        # What holds inside is for who reads the code.
        blocks = "\n".join(text).strip("\n").split("\n\n")
        self.text = "\n\n".join(b for b in blocks if not b.startswith("Invariants"))

    def html(self, link) -> str:
        def linked(text: str) -> str:
            def one(m):
                path, _, anchor = m.group().partition("#")
                if not (root / path).exists():
                    raise SystemExit(f"reference: a header names {path}, which is not there")
                return f'<a href="{link(path)}{"#" + anchor if anchor else ""}">{html.escape(m.group())}</a>'
            return re.sub(r"\b(?:docs|tests|examples)/[\w./-]*\w(?:#[\w-]+)?", one, html.escape(text, quote=False))

        rows = []
        for name, text in self.facts:
            if name in ("Layer", "Map"):
                continue
            for i, part in enumerate(re.split(r" {2,}(?=(?:Differences|More|Design): )", text)):
                if i:
                    name, _, part = part.partition(": ")
                rows.append(f"<dt>{name}</dt><dd>{linked(part)}</dd>")
        out = f"<dl>{''.join(rows)}</dl>\n" if rows else ""
        if self.text:
            out += markdown_it.MarkdownIt("commonmark", {"html": False}).render(self.text)
        return out


# ---- pages ----


def groups_of(members: list[Member]) -> list[list[Member]]:
    groups: list[list[Member]] = []
    for m in members:
        head = groups[-1][0] if groups else None
        if head is not None and not m.documented and m.kind == head.kind and (
                m.name == head.name or (m.name.endswith("_until") and head.name == m.name.replace("_until", "_for"))):
            groups[-1].append(m)
        else:
            groups.append([m])
    return groups


def read(xml: pathlib.Path) -> list[Compound]:
    """What is public: nothing of std, of detail, or of a private part."""
    compounds = []
    for entry in ET.parse(xml / "index.xml").getroot().findall("compound"):
        if entry.get("kind") in ("class", "struct", "union", "namespace", "concept"):
            compound = Compound(ET.parse(xml / f"{entry.get('refid')}.xml").getroot().find("compounddef"))
            if not re.match(r"std\b|.*\bdetail\b", compound.name) and compound.element.get("prot") in (None, "public"):
                compounds.append(compound)
    private = {inner.get("refid") for c in compounds for inner in c.element.findall("innerclass")
               if inner.get("prot") != "public"}
    return [c for c in compounds if c.id not in private]


class Entry:
    """Of a page: functions of one name, or a class with such entries in it."""

    def __init__(self, anchor: str, title: str, group=None, compound=None):
        self.anchor = anchor
        self.title = title
        self.group: list[Member] = group or []
        self.compound: Compound | None = compound
        self.inside: list[Entry] = []


class Layout:
    """Which entries each header has, and where everything that has a number of Doxygen's is."""

    def __init__(self, compounds: list[Compound]):
        self.places: dict[str, tuple[str, str]] = {}
        found: dict[str, list] = {}  # of each header: line, compound or member, namespace
        for c in compounds:
            if c.kind == "namespace":
                for m in c.members:
                    if m.shown(""):
                        found.setdefault(header_of(m.element), []).append((m.line, m, c.name))
            elif c.name.startswith("runnel") and not (c.name.endswith("_t") and not c.says):
                line = int(c.element.find("location").get("line"))
                found.setdefault(header_of(c.element), []).append((line, c, ""))
        self.entries = {header: self.of_header(header, sorted(things, key=lambda t: t[0]))
                        for header, things in found.items()}

        lost = [m.id for c in compounds for m in c.members
                if m.documented and m.element.get("prot") == "public" and not m.inner() and m.id not in self.places]
        if lost:
            raise SystemExit(f"reference: on no page: {lost[:5]}")

    def of_header(self, header: str, things: list) -> list[Entry]:
        path = page_path(header)
        taken: dict[str, int] = {}

        def anchor(name: str) -> str:
            name = re.sub(r"[^\w.~=<>!+*&|()\[\]-]", "", name.replace("::", "."))
            taken[name] = taken.get(name, 0) + 1
            return name if taken[name] == 1 else f"{name}-{taken[name]}"

        def place(name: str, members: list) -> str:
            for m in members:
                self.places[m.id] = (path, name)
            return name

        entries = []
        run: list[Member] = []  # functions of one namespace with no class between them
        space = ""

        def close_run():
            prefix = space.removeprefix("runnel").removeprefix("::")
            for group in groups_of(run):
                title = (prefix + "::" if prefix else "") + group[0].name
                entries.append(Entry(place(anchor(title), group), title, group))
            run.clear()

        for _, what, where in things:
            if isinstance(what, Member):
                if where != space:
                    close_run()
                    space = where
                run.append(what)
                continue
            close_run()
            title = what.name.removeprefix("runnel::")
            entry = Entry(place(anchor(title), [what]), title, compound=what)
            own = re.sub(r"<.*", "", title).rpartition("::")[2]
            for group in groups_of(sorted((m for m in what.members if m.shown(own)), key=lambda m: m.line)):
                entry.inside.append(Entry(place(anchor(f"{title}.{group[0].name}"), group), group[0].name, group))
            entries.append(entry)
        close_run()
        return entries


def page_path(header: str) -> str:
    return f"reference/{header.removesuffix('.hpp')}.html"


def plain(body: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


class HeaderPage:
    def __init__(self, header: str, layout: Layout, highlighted, link):
        self.header = header
        self.path = page_path(header)
        self.layout = layout
        self.highlighted = highlighted
        self.link = link
        self.comment = Comment(self.href)
        self.headings: list[tuple[int, str, str]] = []
        self.sections: list[tuple[str, str, str]] = []

    def href(self, refid: str) -> str:
        if refid not in self.layout.places:
            return ""
        page, name = self.layout.places[refid]
        return ("" if page == self.path else page.rpartition("/")[2]) + "#" + name

    def described(self, element) -> str:
        return self.comment.block(element.find("briefdescription")) + self.comment.block(element.find("detaileddescription"))

    def code(self, text: str, kind="code signature") -> str:
        return f'<pre class="{kind}"><code>{self.highlighted(text, "cpp").rstrip()}</code></pre>\n'

    def heading(self, level: int, entry: Entry) -> str:
        # Of several of one name the first is enough in the contents of the page.
        since = max((i for i, h in enumerate(self.headings) if h[0] < level), default=0)
        if (level, entry.title) not in {(h[0], h[2]) for h in self.headings[since:]}:
            self.headings.append((level, entry.anchor, entry.title))
        name = html.escape(entry.anchor)
        return (f'<h{level} id="{name}">{html.escape(entry.title)}'
                f'<a class="anchor" href="#{name}" aria-label="link to this section">#</a></h{level}>\n')

    def members(self, level: int, entry: Entry, of: str) -> str:
        body = self.described(entry.group[0].element)
        for m in entry.group:
            for value in m.element.findall("enumvalue"):
                if text := self.described(value):
                    body += f'<dl class="values"><dt><code>{words(value.find("name"))}</code></dt><dd>{text}</dd></dl>\n'
        self.sections.append(((of + "::" if of else "") + entry.title, entry.anchor, plain(body)))
        signatures = "\n".join(m.signature() for m in entry.group)
        return f'<section class="member">{self.heading(level, entry)}{self.code(signatures)}{body}</section>\n'

    def compound(self, entry: Entry) -> str:
        e = entry.compound.element
        if entry.compound.kind == "concept":
            head = [concept(words(e.find("initializer")))]
        else:
            bases = ", ".join(tidy(words(b)) for b in e.findall("basecompoundref"))
            head = [*templates(e), f"{entry.compound.kind} {entry.title}" + (f" : {bases};" if bases else ";")]
        text = self.described(e)
        self.sections.append((entry.title, entry.anchor, plain(text)))
        out = f'<section class="class">{self.heading(2, entry)}' + self.code("\n".join(head)) + text
        return out + "".join(self.members(3, each, entry.title) for each in entry.inside) + "</section>\n"

    def html(self) -> str:
        banner = Banner(self.header)
        self.sections.append((f"runnel/{self.header}", "", banner.says + " " + banner.text))
        out = (f"<h1>runnel/{self.header}</h1>\n"
               f'<p class="lead">{html.escape(banner.says[:1].upper() + banner.says[1:])}</p>\n'
               + self.code(f"#include <runnel/{self.header}>", "code") + banner.html(lambda path: self.link(self.path, path)))
        entries = self.layout.entries.get(self.header, [])
        for entry in entries:
            out += self.compound(entry) if entry.compound else self.members(2, entry, "")
        if not entries:
            text = (root / "include/runnel" / self.header).read_text(encoding="utf-8")
            included = [f'<a href="{name}.html">{name}.hpp</a>' for name in re.findall(
                r"^#include <runnel/(\w+)\.hpp>", text, re.M)]
            out += f"<p>Includes {', '.join(included)}.</p>\n" if included else ""
        return out


def index_page(Page):
    out = ("<h1>Reference</h1>\n<p>A page for each header. <code>#include &lt;runnel/runnel.hpp&gt;</code> gives all of them "
           "but <code>net</code>, <code>io</code>, <code>asio</code>, <code>errno</code> and <code>testing</code>. What is said "
           "of a function is said of those beside it that have no words of their own. <em>Visibility</em> is what happens "
           'before what; the terms are the <a href="../memory_model.html">memory model</a>\'s.</p>\n')
    headings = []
    for group, names in GROUPS.items():
        name = re.sub(r"[^a-z]+", "-", group.lower())
        headings.append((2, name, group))
        rows = "".join(f'<tr><td><a href="{n}.html">runnel/{n}.hpp</a></td><td>{html.escape(Banner(n + ".hpp").says)}</td></tr>\n'
                       for n in names.split())
        out += f'<h2 id="{name}">{group}</h2>\n<div class="wide"><table>{rows}</table></div>\n'
    return Page("reference/index.html", "Reference", out, headings, [("Reference", "", "headers")], "include/runnel")


def pages(xml: pathlib.Path, Page, highlighted, link) -> list:
    """`highlighted(code, language)` and `link(page, path of the tree)` are build.py's."""
    layout = Layout(read(xml))
    headers = [f"{name}.hpp" for names in GROUPS.values() for name in names.split()]
    there = {f.name for f in (root / "include/runnel").glob("*.hpp")}
    if set(headers) != there:
        raise SystemExit(f"reference: GROUPS and the headers differ: {sorted(set(headers) ^ there)}")
    empty = there - set(layout.entries)
    if empty != {"runnel.hpp", "sync.hpp", "pipeline.hpp", "errno.hpp"}:
        raise SystemExit(f"reference: headers without anything public: {sorted(empty)}")
    made = []
    for header in headers:
        page = HeaderPage(header, layout, highlighted, link)
        content = page.html()
        made.append(Page(page.path, f"runnel/{header}", content, page.headings, page.sections, f"include/runnel/{header}"))
    return [*made, index_page(Page)]
