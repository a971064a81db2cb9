#!/usr/bin/env python3
# docs/site/build.py — the documents, the programs they link to and the reference as one static site with search.
# SPDX-License-Identifier: BSL-1.0
#
#   docs/site/build.py XML OUT     XML: what Doxygen made of the headers; OUT: a folder, made anew
#
#   A document becomes a page, and what it links to in the tree becomes one as well: a file is shown with its lines,
#   a folder as a list. A link that leads nowhere is an error; check.py looks at the whole of it again.
import html
import json
import pathlib
import re
import shutil
import string
import sys

import markdown_it
import pygments
import pygments.formatters
import pygments.lexers

import reference

root = pathlib.Path(__file__).resolve().parents[2]
here = pathlib.Path(__file__).resolve().parent

# ---- 1. which pages there are, and where ----

# In the navigation: what it is called, and the document, or a page of the reference.
NAVIGATION = [
    ("Overview", "README.md"),
    ("Guide", "docs/guide/README.md"),
    ("Coming from Go", "docs/from_go.md"),
    ("Coming from threads", "docs/from_threads.md"),
    ("Recipes", "docs/recipes.md"),
    ("Testing", "docs/testing.md"),
    ("Examples", "examples/README.md"),
    ("Reference", "reference/index.html"),
    ("Performance", "docs/performance.md"),
    ("Verification", "docs/verification.md"),
    ("Internals", "docs/internals.md"),
]
# Below an entry of it.
BELOW = {
    "Examples": ["examples/starter/README.md"],
    "Verification": ["tests/conformance/README.md", "tests/regressions/README.md"],
    "Internals": ["docs/memory_model.md", "docs/CONTRIBUTING.md", "docs/CHANGELOG.md"],
}
LEXERS = {".hpp": "cpp", ".cpp": "cpp", ".h": "cpp", ".go": "go", ".py": "python", ".cmake": "cmake", ".html": "html",
          ".css": "css", ".js": "js", ".json": "json", "CMakeLists.txt": "cmake", ".sh": "sh"}


def page_of(path: str) -> str:
    """Where a file or folder of the tree is shown."""
    if path == "README.md":
        return "index.html"
    if path.endswith(".md"):
        path = re.sub(r"^docs/", "", path)
        return re.sub(r"(README)?\.md$", lambda m: "index.html" if m.group(1) else ".html", path)
    if path.endswith(".svg"):
        return re.sub(r"^docs/", "", path)
    return f"source/{path}/index.html" if (root / path).is_dir() else f"source/{path}.html"


def relative(page: str, target: str) -> str:
    """From one page to another."""
    up = page.count("/")
    common = 0
    for a, b in zip(page.split("/")[:-1], target.split("/")[:-1]):
        if a != b:
            break
        common += 1
    return "../" * (up - common) + "/".join(target.split("/")[common:])


# ---- 2. Markdown ----


def slug(heading: str) -> str:
    """What a heading is called in links: as GitHub and GitLab make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def highlighted(code: str, language: str) -> str:
    try:
        lexer = pygments.lexers.get_lexer_by_name(language)
    except pygments.util.ClassNotFound:
        return html.escape(code)
    return pygments.highlight(code, lexer, pygments.formatters.HtmlFormatter(nowrap=True))


def fenced(code: str, language: str, _attributes: str) -> str:
    # Pictures made of characters stand closer.
    kind = f"code {language}" if language else "plain"
    return f'<pre class="{kind}"><code>{highlighted(code, language)}</code></pre>\n'


class Page:
    def __init__(self, path: str, title: str, content: str, contents=(), sections=(), source=""):
        self.path = path            # of the page
        self.title = title
        self.content = content      # HTML
        self.contents = contents    # its headings: level, id, text
        self.sections = sections    # what is searched: title, id, text
        self.source = source        # the document


class Document:
    """Makes a page of a document, and notes what it links to."""

    def __init__(self, path: str, linked: set):
        self.path = path
        self.page = page_of(path)
        self.linked = linked
        self.markdown = markdown_it.MarkdownIt("commonmark", {"highlight": fenced}).enable(["table", "strikethrough"])

    def target(self, href: str) -> str:
        if re.match(r"[a-z]+:", href):
            return href
        path, _, anchor = href.partition("#")
        if not path:
            return href
        file = (root / self.path).parent.joinpath(path).resolve()
        if not file.exists() or root not in file.parents:
            raise SystemExit(f"{self.path}: there is no {href}")
        name = str(file.relative_to(root))
        if file.is_dir() and (file / "README.md").exists():
            name += "/README.md"
        self.linked.add(name)
        return relative(self.page, page_of(name)) + ("#" + anchor if anchor else "")

    def make(self, text: str) -> Page:
        tokens = self.markdown.parse(text)
        contents = []
        sections = []
        title = ""
        texts: list[str] = []
        taken: dict[str, int] = {}
        other = ""  # the caption of the right side
        for i, token in enumerate(tokens):
            if token.type == "heading_open":
                words = "".join(t.content for t in tokens[i + 1].children if t.type in ("text", "code_inline"))
                name = slug(words)
                taken[name] = taken.get(name, -1) + 1
                if taken[name]:
                    name += f"-{taken[name]}"
                token.attrSet("id", name)
                level = int(token.tag[1])
                title = title or words
                if level > 1:
                    contents.append((level, name, words))
                texts = []
                sections.append((words, name if level > 1 else "", texts))
            elif token.type == "inline":
                texts.append("".join(t.content if t.type in ("text", "code_inline") else " " for t in token.children))
                for child in token.children:
                    for attribute in ("href", "src"):
                        if attribute in child.attrs:
                            child.attrSet(attribute, self.target(str(child.attrs[attribute])))
            elif token.type == "html_block":
                # Two sides, one beside the other where there is room.
                token.content = re.sub(r"<!--.*?-->\n?", "", token.content, flags=re.S)
                if m := re.fullmatch(r"<table><tr><th>(.*?)</th><th>(.*?)</th></tr><tr><td valign=\"top\">\n?", token.content):
                    token.content = f'<div class="beside"><section><p class="caption">{m.group(1)}</p>\n'
                    other = m.group(2)
                elif re.fullmatch(r"</td><td valign=\"top\">\n?", token.content):
                    token.content = f'</section><section><p class="caption">{other}</p>\n'
                elif re.fullmatch(r"</td></tr></table>\n?", token.content):
                    token.content = "</section></div>\n"
                elif token.content.strip():
                    raise SystemExit(f"{self.path}: HTML that the site does not know: {token.content!r}")
            elif token.type == "table_open":
                token.attrJoin("class", "data")
        body = self.markdown.renderer.render(tokens, self.markdown.options, {})
        body = body.replace('<table class="data">', '<div class="wide"><table>').replace("</table>", "</table></div>")
        return Page(self.page, title, linked_headings(body), contents,
                    [(words, name, " ".join(t)) for words, name, t in sections], self.path)


def linked_headings(body: str) -> str:
    return re.sub(r'<(h[23]) id="([^"]+)">(.*?)</\1>',
                  r'<\1 id="\2">\3<a class="anchor" href="#\2" aria-label="link to this section">#</a></\1>', body)


# ---- 3. files and folders that documents link to ----


def says(file: pathlib.Path) -> str:
    """What the first line of a file says that it is."""
    if file.is_dir():
        return ""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()[:3]
    except UnicodeDecodeError:
        return ""
    return next((line.partition(" — ")[2] for line in lines if re.match(r"(//|#|/\*|<!--) \S+ — ", line)), "")


def folder_page(path: str, linked: set) -> Page:
    page = page_of(path)
    rows = []
    for file in sorted((root / path).iterdir()):
        if file.name.startswith(".") or file.name == "__pycache__":
            continue
        name = str(file.relative_to(root))
        linked.add(name)
        what = re.sub(r" -->$| \*/$", "", says(file))
        rows.append(f'<tr><td><a href="{relative(page, page_of(name))}">{html.escape(file.name)}</a></td>'
                    f"<td>{html.escape(what)}</td></tr>")
    content = f"<h1>{html.escape(path)}</h1>\n" + '<div class="wide"><table>' + "\n".join(rows) + "</table></div>\n"
    return Page(page, path, content, source=path)


def file_page(path: str) -> Page:
    file = root / path
    name = LEXERS.get(file.name) or LEXERS.get(file.suffix, "")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = f"{file.stat().st_size} bytes\n"
    if not name and text.startswith("#!/usr/bin/env "):
        name = "python" if "python" in text.splitlines()[0] else "sh"
    folder = f'<p class="folder">{html.escape(str(file.parent.relative_to(root)))}/</p>' if "/" in path else ""
    content = f'{folder}<h1>{html.escape(file.name)}</h1>\n{fenced(text, name, "")}'
    return Page(page_of(path), path, content, sections=[(path, "", says(file))], source=path)


# ---- 4. the site ----


def navigation(page: Page, below: dict, titles: dict) -> str:
    items = []
    for name, document in NAVIGATION:
        own = document if document.endswith(".html") else page_of(document)
        children = below.get(name, [])
        inside = page.path == own or page.path in children or (
            "/" in own and page.path.startswith(own.rsplit("/", 1)[0] + "/"))
        mark = ' aria-current="page"' if page.path == own else (' class="inside"' if inside else "")
        entry = f'<a href="{relative(page.path, own)}"{mark}>{name}</a>'
        if inside and children:
            entry += "<ul>" + "".join(
                f'<li><a href="{relative(page.path, child)}"'
                + (' aria-current="page"' if child == page.path else "")
                + f">{html.escape(titles[child])}</a></li>" for child in children) + "</ul>"
        items.append(f"<li>{entry}</li>")
    return "<ul>" + "\n".join(items) + "</ul>"


def contents_of(page: Page) -> str:
    if len(page.contents) < 2:
        return ""
    items = "".join(f'<li class="level{level}"><a href="#{name}">{html.escape(text)}</a></li>'
                    for level, name, text in page.contents if level < 4)
    return f'<p class="caption">On this page</p><ul>{items}</ul>'


def build(xml: pathlib.Path, out: pathlib.Path) -> None:
    if out.exists():
        shutil.rmtree(out)
    pages: dict[str, Page] = {}
    done: set[str] = set()
    linked: set[str] = {document for _, document in NAVIGATION if not document.endswith(".html")}
    for children in BELOW.values():
        linked.update(children)

    made = reference.pages(xml, Page, highlighted,
                           lambda page, path: linked.add(path) or relative(page, page_of(path)))
    for page in made:
        pages[page.path] = page
    images = []
    while todo := sorted(linked - done):
        for path in todo:
            done.add(path)
            if path.endswith(".md"):
                page = Document(path, linked).make((root / path).read_text(encoding="utf-8"))
            elif path.endswith(".svg"):
                images.append(path)
                continue
            elif (root / path).is_dir():
                page = folder_page(path, linked)
            else:
                page = file_page(path)
            pages[page.path] = page

    # The guide's chapters, as its contents list them.
    guide = (root / "docs/guide/README.md").read_text(encoding="utf-8")
    chapters = dict.fromkeys(re.findall(r"^\|.*?\]\((\w+\.md)\)", guide, re.M))
    below = {name: [page_of(path) for path in children] for name, children in BELOW.items()}
    below["Guide"] = [page_of(f"docs/guide/{chapter}") for chapter in chapters]
    below["Reference"] = [page.path for page in made if page.path != "reference/index.html"]
    titles = {path: page.title for path, page in pages.items()}
    titles.update({page.path: page.title.removeprefix("runnel/") for page in made})

    template = string.Template((here / "page.html").read_text(encoding="utf-8"))
    version = ".".join(re.findall(r"define RUNNEL_VERSION_[A-Z]+ (\d+)",
                                  (root / "include/runnel/version.hpp").read_text(encoding="utf-8")))
    for page in pages.values():
        file = out / page.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template.substitute(
            title=html.escape(page.title if page.path == "index.html" else f"{page.title} · runnel"),
            # Two sides need the room that the contents of the page would take.
            kind="sided" if 'class="beside"' in page.content else "",
            root=relative(page.path, ""), navigation=navigation(page, below, titles), contents=contents_of(page),
            content=page.content, source=html.escape(page.source), version=version), encoding="utf-8")
    for path in images:
        (out / page_of(path)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, out / page_of(path))
    for name in ("site.css", "site.js"):
        shutil.copyfile(here / name, out / name)

    # A script and no JSON: pages that are opened as files may not fetch.
    entries = [[page.title, page.path + ("#" + name if name else ""), words, re.sub(r"\s+", " ", text).strip()]
               for page in pages.values() for words, name, text in page.sections]
    (out / "search.js").write_text("window.runnelIndex = " + json.dumps(entries, ensure_ascii=False) + ";\n",
                                   encoding="utf-8")
    print(f"site: {len(pages)} pages, {len(entries)} sections to search")


if __name__ == "__main__":
    build(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
