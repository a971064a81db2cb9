#!/usr/bin/env python3
# docs/site/public_text.py — the public side of the headers, as Doxygen is to read it.
# SPDX-License-Identifier: BSL-1.0
#
#   docs/site/public_text.py FROM TO     writes FROM/runnel/… to TO/runnel/…
#
#   Left out: what is in `detail`, the inline namespace, the house's macros and what mistakes meet, requires-clauses,
#   and the place of creation that functions are given by default. Public members of a base class in `detail` stand in the
#   class itself. The rows of a comment (`Errors  …`) become a list.
import pathlib
import re
import sys

FACTS = "Blocks Returns Cancel Errors Exit Visibility Threads Cost Notes Go Example".split()
ROW = re.compile(rf" ({'|'.join(FACTS)}) {{2,}}")


def blanked(text: str) -> str:
    return "\n" * text.count("\n")


def closing(text: str, opening: int) -> int:
    """Behind the brace or parenthesis that closes the one at `opening`; comments and literals do not count."""
    depth = 0
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|[(){}]', re.S)
    for m in token.finditer(text, opening):
        if m.group() in ("(", "{"):
            depth += 1
        elif m.group() in (")", "}"):
            depth -= 1
            if depth == 0:
                return m.end()
    raise SystemExit(f"public_text: no end of what begins with {text[opening:opening + 60]!r}")


def public_part(text: str, name: str) -> str:
    """The public members of class `name`."""
    head = re.search(rf"^class {name}\b[^;{{]*\{{\n", text, re.M)
    if head is None:
        raise SystemExit(f"public_text: there is no class {name}")
    body = text[head.end():closing(text, head.end() - 2) - 1]
    part = re.search(r"^public:\n(.*?)(?=^(?:private|protected):|\Z)", body, re.S | re.M)
    return part.group(1)


def with_bases(text: str) -> str:
    """Public members of bases in detail are put at the begin of the derived class's."""
    derived = re.compile(r"^(class (\w+)) : ((?:public detail::\w+(?:<[^;{]*?>)?(?:,\s*)?)+) \{\npublic:\n", re.M)
    while (m := derived.search(text)) is not None:
        parts: list[str] = []
        for base in re.findall(r"public detail::(\w+)", m.group(3)):
            lines = re.sub(r"\bDerived\b", m.group(2), public_part(text, base)).splitlines()
            # What two bases have, as len() of a channel's halves, is said once.
            parts += [line for line in lines if not (re.search(r"\{ .* \}$", line) and line in parts)]
        rest = text[m.end():]
        rest = re.sub(r"^    std::size_t \w+\(\) const noexcept \{ return detail::send_half<[^\n]*\n", "\n", rest,
                      flags=re.M)
        text = text[:m.start()] + m.group(1) + " {\npublic:\n" + "\n".join(parts) + "\n" + rest
    return text


def without_clauses(text: str) -> str:
    """Requires-clauses stand on lines of their own, and go on where a line is indented further or not complete."""
    lines = text.split("\n")
    kept = []
    clause = None  # its indentation, its text so far
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if clause is not None:
            before, so_far = clause
            open_still = so_far.count("(") > so_far.count(")") or so_far.rstrip().endswith(("&&", "||"))
            if open_still or (line.strip() and indent > before and not line.lstrip().startswith(("void ", "bool "))):
                clause = (before, so_far + line)
                kept.append("")
                continue
            clause = None
        if re.match(r"\s*requires\b", line):
            clause = (indent, line)
            kept.append("")
        else:
            kept.append(line)
    return "\n".join(kept)


def without_mistakes(text: str) -> str:
    """Those who explain mistakes, with what stands before them on lines of their own."""
    before = r"(?:^[ ]*//(?!/)[^\n]*\n)?(?:^[ ]*template <[^\n]*\n)?(?:^[ ]*requires\b[^\n]*\n(?:[ ]{9,}[^\n]*\n)*)?"
    mistake = re.compile(before + r"^[ ]*(?:friend )?RUNNEL_MISTAKE\(", re.M)
    while (m := mistake.search(text)) is not None:
        end = closing(text, m.end() - 1)
        end = text.index(";", end) + 1
        text = text[:m.start()] + blanked(text[m.start():end]) + text[end:]
    return text


def without_details(text: str) -> str:
    while (m := re.search(r"^namespace detail \{", text, re.M)) is not None:
        end = closing(text, m.end() - 1)
        text = text[:m.start()] + blanked(text[m.start():end]) + text[end:]
    # Doxygen knows no namespace std, to which these belong.
    text = re.sub(r"^template <[^\n]*>\n(?:struct|class) std::.*?^\};$|^template <>\nstruct std::[^\n]*\};$",
                  lambda m: blanked(m.group()), text, flags=re.S | re.M)
    return re.sub(r"^struct detail::\w+ \{.*?^\};$", lambda m: blanked(m.group()), text, flags=re.S | re.M)


def without_private_classes(text: str) -> str:
    """Those that are defined outside the class in whose private part they are declared."""
    defined = re.compile(r"^(?:template <[^\n]*>\n)?(?:class|struct) (\w+)(?:<[^{;]*?>)?::(\w+)[^{;]*\{", re.M)
    at = 0
    while (m := defined.search(text, at)) is not None:
        owner, name = m.groups()
        end = text.index(";", closing(text, m.end() - 1)) + 1
        at = end
        if re.search(rf"\b(?:class|struct) {name};", public_part(text, owner)) is None:
            text = text[:m.start()] + blanked(text[m.start():end]) + text[end:]
            at = m.start()
    return text


def comment(lines: list[str]) -> list[str]:
    """A `///` comment in Doxygen's Markdown. What it calls by name (`Cost  …`) is an item of a list, also within a line."""
    out = []
    listed = False  # the line before belongs to an item
    for line in lines:
        head, text = re.match(r"(\s*///)(.*)$", line).groups()
        parts = ROW.split(text)  # text, name, text, name, text, …
        if listed and parts[0].strip() and not parts[0].startswith("   "):
            out.append(head)  # a paragraph again
            listed = False
        if parts[0].strip() or len(parts) == 1:
            out.append(head + escaped(parts[0]))
        for name, rest in zip(parts[1::2], parts[2::2]):
            out.append(f"{head} - **{name}** {escaped(rest)}")
            listed = True
    return out


def escaped(text: str) -> str:
    """Types with arguments are code, and the rest of what Doxygen would take for a command is text."""
    pieces = re.split(r"(`[^`]*`)", text)
    for i in range(0, len(pieces), 2):
        pieces[i] = re.sub(r"[\w:]+<(?:[^<>\s]|<[^<>]*>| (?=\w))*>(?:::\w+)?", r"`\g<0>`", pieces[i])
        pieces[i] = re.sub(r"([@\\#])", r"\\\1", pieces[i])
    return "".join(pieces)


def public_text(text: str) -> str:
    text = without_mistakes(text)
    text = with_bases(text)
    text = without_details(text)
    text = without_private_classes(text)
    text = without_clauses(text)
    text = re.sub(r",\s*(?:runnel::)?detail::source_place place =\s*(?:runnel::)?detail::source_place::here\(\)",
                  lambda m: blanked(m.group()), text)
    text = re.sub(r"\(detail::source_place place = detail::source_place::here\(\)\)", "()", text)
    text = re.sub(r"^(inline namespace v0 \{|\}  // namespace v0)$", "", text, flags=re.M)
    text = re.sub(r"^(?:[ ]*template <[^\n]*\n)?[ ]*friend (?:struct|class) [^\n]*;$", "", text, flags=re.M)
    # A result that is qualified as its function is does not fit the declaration, to Doxygen.
    text = re.sub(r"^((?:inline )?)(\w+)::(\w+ \2::)", r"\1\3", text, flags=re.M)
    lines = []
    block: list[str] = []
    for line in text.split("\n"):
        if line.lstrip().startswith("///"):
            block.append(line)
            continue
        lines += comment(block)
        block = []
        if not line.lstrip().startswith("#"):
            line = re.sub(r"\bRUNNEL_(?:API|NOINLINE|ALWAYS_INLINE|NO_\w+)\b ?", "", line)
            line = re.sub(r" ?\bRUNNEL_(?:GUARDED_BY|CAPABILITY|ACQUIRE|RELEASE|TRY_ACQUIRE|TSA)\b(\([^()]*\))?", "", line)
        lines.append(line)
    return "\n".join(lines)


def main(source: pathlib.Path, target: pathlib.Path) -> None:
    for header in sorted(source.rglob("*.hpp")):
        out = target / header.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(public_text(header.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
