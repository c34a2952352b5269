"""What was read, written again as the plainest Markdown there is: every parser must read it as we did."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from markdown_it.token import Token

from nbchat.session.markdown.maths import plain_tex
from nbchat.session.markdown.reader import MAIL_ADDRESS, Node, joined, parse_line, plain_text, read

__all__ = ["LANGUAGE", "as_code", "as_words", "write"]


_ESCAPE = re.compile(
    r"[\\`<*_\[\]~|$@&\n]|!(?=\Z)|(?:(?<=https)|(?<=http)|(?<=ftp)):(?=//)|(?<=www)\.|#(?=\Z)", re.IGNORECASE
)
_LEADING = re.compile(
    r"(?P<sign>#(?=\#{0,5}(?:\s|\Z))|>|=(?==*\s*\Z)|\+(?=\s|\Z)|-(?=[\s:|-]|\Z)|:(?=[\s-]))"
    r"|(?P<number>\d{1,9})(?P<dot>[.)])(?=\s|\Z)"
)
_MATHJAX = re.compile(r"\\(?:[\\()\[\]$]|begin|end|(?:eq)?ref|\Z)")
_FENCE = re.compile(r"^(?:~~~|```)", re.MULTILINE)
_FENCELESS = re.compile(r"`|\\\\[()\[\]]|\\(?:begin|end)\{")  # what backticks don't keep from every parser
_SIGNS = re.compile(r"[!-/:-?\[-`{-~\n\t]|(?<!@)@(?!@)|^ | $")
# What a parser of Markdown, HTML or mathematics could see; the rest stays for whoever reads the file.
_NO_WORDS = re.compile(r"""[^\w (),=."'/:;\x80-\U0010ffff-]|:(?!\s)|(?<![^\W_])_|_(?![^\W_])|(?<=[wW]{3})\.""")


def _write_line(nodes: list[Node], *, cell: bool = False, heading: bool = False) -> str:
    """A paragraph's Markdown. Emphasis that would not be read as it was is left out; nothing else can differ."""
    written = _write_once(nodes, cell=cell)
    if all(node.kind not in {"open", "link"} for node in nodes):
        return written
    for attempt in (written, _write_once(nodes, cell=cell, underscores=True)):
        again = attempt.replace(r"\|", "|") if cell else attempt
        if not _FENCE.search(again) and read(parse_line(again), cell=cell, heading=heading) == nodes:
            return attempt
    return _write_once(joined([node for node in nodes if node.kind not in {"open", "close"}]), cell=cell)


def _write_once(nodes: list[Node], *, cell: bool, underscores: bool = False) -> str:
    """The Markdown of the pieces, one after the other; with `underscores`, every other level of emphasis has them."""
    out: list[str] = []
    addresses: list[str] = []
    struck = 0
    emphasised = 0
    lonely = _lonely_dollars(nodes)
    skip = 0
    for at, node in enumerate(nodes):
        kind, text = node.kind, node.text
        if skip:
            skip -= 1
        elif kind == "text":
            out.append(_escape(nodes, at, lonely=lonely[at], labels=bool(addresses)))
        elif kind == "code":
            fenceless = (struck and "~" in text) or (cell and r"\|" in text) or (out and out[-1].endswith(("`", "$")))
            out.append(_inline_code(text, cell=cell, fenceless=bool(fenceless or _FENCELESS.search(text))))
        elif kind in {"math", "display"}:
            dollars = "$" if kind == "math" else "$$"
            apart = " " if out and out[-1].endswith("$") else ""
            out.append(f"{apart}{dollars}{text}{dollars}")
        elif kind == "soft":
            out.append("\n")
        elif kind == "hard":
            out.append("<br>" if cell else "\\\n")
        elif kind == "link":
            if _is_bare(nodes, at):
                out.append(f"<{nodes[at + 1].text}>")
                skip = 2
            else:
                out.append("[")
                address = text.replace("&", "&amp;")
                title = f' "{_entities(node.title)}"' if node.title and address else ""
                addresses.append(f"]({address}{title})")
        elif kind == "unlink":
            out.append(addresses.pop())
        else:
            step = 1 if kind == "open" else -1
            struck += step if text == "~~" else 0
            emphasised += step if text == "*" else 0
            out.append("_" if underscores and text == "*" and (emphasised + (step < 0)) % 2 == 0 else text)
    return "".join(out)


def _is_bare(nodes: list[Node], at: int) -> bool:
    """Whether the link here is its own label, so that `<address>` says it."""
    link, *rest = nodes[at : at + 3]
    if link.title or [node.kind for node in rest] != ["text", "unlink"] or re.search(r"%|&#?\w+;", link.text):
        return False
    label = rest[0].text
    if MAIL_ADDRESS.fullmatch(label):
        return link.text == f"mailto:{label}"
    return link.text == label and label.startswith(("http://", "https://"))


def _lonely_dollars(nodes: list[Node]) -> list[bool]:
    """For each piece, whether a dollar in it stands alone between two elements of the page.

    MathJax looks for dollars in the text of the page, where escapes are gone, and joins text up to the next element.
    """
    counts: list[int] = [0]
    where: list[int] = []
    for kind, text, _ in nodes:
        if kind == "text":
            counts[-1] += text.count("$")
        elif kind in {"math", "display"}:
            counts[-1] += 2
        elif kind not in {"soft", "hard"}:
            counts.append(0)
        where.append(len(counts) - 1)
    return [counts[run] == 1 for run in where]


def _escape(nodes: list[Node], at: int, *, lonely: bool, labels: bool) -> str:
    """The text at `at` so that no parser finds Markdown, HTML or mathematics in it."""
    text = nodes[at].text
    begins = at == 0 or nodes[at - 1].kind in {"soft", "hard"}
    ends = at == len(nodes) - 1 or nodes[at + 1].kind in {"soft", "hard"}
    first = _needs_entity(nodes, at, -1) or (begins and text[0].isspace())
    last = _needs_entity(nodes, at, +1) or (ends and text[-1].isspace())

    def sign(found: re.Match[str]) -> str:
        here = found[0]
        place = found.start()
        before, after = text[place - 1 : place] or " ", text[place + 1 : place + 2] or " "
        if here == "\\":
            return "<span>&#92;</span>" if _MATHJAX.match(text, place) else "&#92;"
        if here == "<":
            return "&lt;"
        if here == "&":
            return "&" if after == " " else "&amp;"
        if here == "$":
            return r"\$" if lonely else r"<span>\$</span>"
        if here == "_" and before.isascii() and after.isascii() and before.isalnum() and after.isalnum():
            return "_"
        if here == "*" and before == after == " " and 0 < place < len(text) - 1:
            return "*"
        if here == "!" and (at == len(nodes) - 1 or nodes[at + 1].kind != "link"):
            return "!"
        if here == "@" and (before in " @" or after in " @"):
            return "@"  # JupyterLab knows `@@0@@` by sight only: it must not meet it first in the HTML
        if here == "]" and after not in "([" and not labels:
            return "]"
        if here == "]" or (here == "[" and labels):
            return f"&#{ord(here)};"
        return f"\\{here}" if here in "*_[~#" else f"&#{ord(here)};"

    if len(text) == 1 and (first or last):
        return f"&#{ord(text)};"
    middle = _ESCAPE.sub(sign, text)
    if first:
        head = _ESCAPE.match(text)
        middle = f"&#{ord(text[0])};" + middle[len(sign(head)) if head else 1 :]
    elif begins and (leading := _LEADING.match(text)) is not None and middle.startswith(leading[0]):
        escaped = f"{leading['number']}\\{leading['dot']}" if leading["dot"] else f"\\{leading['sign']}"
        middle = escaped.replace(r"\>", "&gt;") + middle[leading.end() :]
    if last:
        tail = [*_ESCAPE.finditer(text, max(len(text) - 1, 0))]
        middle = middle[: -len(sign(tail[0])) if tail else -1] + f"&#{ord(text[-1])};"
    return middle


def _needs_entity(nodes: list[Node], at: int, way: Literal[-1, 1]) -> bool:
    """Whether the first (-1) or last (+1) sign of a text must be an entity for the emphasis beside it to be read.

    An entity is punctuation to CommonMark's flanking rules, whatever it stands for.
    """
    beyond = at + way
    if 0 <= beyond < len(nodes) and nodes[beyond].kind == "math":  # "x$y$" could be two prices
        return nodes[at].text[0 if way < 0 else -1].isalnum()
    kinds = set()
    while 0 <= beyond < len(nodes) and nodes[beyond].kind in {"open", "close"}:
        kinds.add(nodes[beyond].kind)
        beyond += way
    if not kinds:
        return False
    mine = _class(nodes[at].text[0 if way < 0 else -1])
    inner = "open" if way < 0 else "close"  # seen from the text, the marks that it is inside of
    if inner in kinds:
        return mine == " "
    if not 0 <= beyond < len(nodes):
        return False
    other = nodes[beyond]
    within = "." if other.kind != "text" else _class(other.text[-1 if way < 0 else 0])
    return within != "a" and mine in "as"


def _class(sign: str) -> str:
    """How the flanking rules see a sign: `" "` white space, `"."` punctuation, `"s"` a symbol, `"a"` anything else."""
    if sign.isspace():
        return " "
    category = unicodedata.category(sign)
    return "." if sign in _PUNCTUATION or category[0] == "P" else "s" if category[0] == "S" else "a"


_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _inline_code(text: str, *, cell: bool, fenceless: bool) -> str:
    """Code within a line: between backticks, or as HTML made of entities where backticks would not hold."""
    if fenceless:
        return f"<code>{_entities(text)}</code>"
    if cell:
        text = text.replace("|", r"\|")
    pad = " " if text[0] == text[-1] == " " and text.strip() else ""
    return f"`{pad}{text}{pad}`"


def _entities(text: str) -> str:
    """The text with every sign an entity, but `@@`: nothing is left for any parser to read."""
    return _SIGNS.sub(lambda sign: f"&#{ord(sign[0])};", text)


LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,40}")
_MATH_START = re.compile(r"\$|\\\\[(\[]|\\begin\{[a-zA-Z]*\*?\}")
_TASK = re.compile(r"\[[ xX]\] +(?=\S)")
# What a diagram can fetch with, or change the page with, while Mermaid measures it.
_MERMAID_REACHES_OUT = re.compile(
    r"@\s*\{|%%\s*\{|//|\\|url\s*\(|@import|image-set|<(?!br\s*/?>)[a-z/!?]|[&#]\w+;|^\s*---|^\s*(?:click|href|link)\b"
    r"|\b(?:img|icon|src|themeCSS)\b",
    re.IGNORECASE | re.MULTILINE,
)


# What goes on with the next line, if that could be a line of it.
_RUN_ON = frozenset({"bullet_list_close", "ordered_list_close", "blockquote_close", "table_open"})


class _Box:
    """A document, quote, list or item while it is being written."""

    def __init__(self, kind: Literal["document", "quote", "list", "item"], marker: str = "", number: int = 1) -> None:
        self.kind = kind
        self.marker = marker  # of a list: - * + . )
        self.number = number  # of a list's first item
        self.tight = True
        self.blocks: list[tuple[str, list[str]]] = []  # what each is, as its token is called, and its lines
        self.items: list[_Box] = []
        self.last_list = (-1, "")  # how many blocks stood before the last list in here, and its marker

    def lines(self) -> list[str]:
        """Everything in it, with its own marks before the lines."""
        if self.kind == "list":
            return self._item_lines()
        lines: list[str] = []
        before = ""
        for kind, block in self.blocks:
            runs_on = before in _RUN_ON and kind in {"paragraph_open", "table_open", "math_block"}
            if lines and (runs_on or not (self.kind == "item" and self.tight)):
                lines.append("")
            lines += block
            before = kind
        if self.kind == "quote":
            return [f"> {line}" if line else ">" for line in lines] or [">"]
        return lines

    def _item_lines(self) -> list[str]:
        lines: list[str] = []
        for count, item in enumerate(self.items):
            item.tight = self.tight
            if lines and not self.tight:
                lines.append("")
            ordered = self.marker in ".)"
            marker = f"{min(self.number + count, 999_999_999)}{self.marker}" if ordered else self.marker
            first, *rest = item.lines() or [""]
            lines.append(f"{marker} {first}".rstrip() if not first else f"{marker} {first}")
            lines += [f"{' ' * len(marker)} {line}" if line else "" for line in rest]
        return lines


def write(tokens: Sequence[Token]) -> str:
    """The document's Markdown."""
    boxes = [_Box("document")]
    at = 0
    while at < len(tokens):
        token = tokens[at]
        box = boxes[-1]
        lines: list[str] = []
        match token.type:
            case "paragraph_open":
                if box.kind == "item" and not token.hidden:
                    boxes[-2].tight = False
                if nodes := read(tokens[at + 1].children):
                    lines = _paragraph(nodes, item=box.kind == "item" and not box.blocks)
                at += 2
            case "heading_open":
                words = _write_line(read(tokens[at + 1].children, heading=True), heading=True)
                lines = [f"{'#' * int(token.tag[1])} {words}".rstrip()]
                at += 2
            case "fence" | "code_block":
                lines = _code_lines(token.content.removesuffix("\n"), token.info, nested=len(boxes) > 1)
            case "math_block":
                tex = plain_tex(token.content)
                lines = _code_lines(token.markup, "latex", nested=len(boxes) > 1) if tex is None else [f"$${tex}$$"]
            case "hr":
                lines = ["___"]
            case "table_open":
                end = next(place for place in range(at, len(tokens)) if tokens[place].type == "table_close")
                lines = _table(tokens[at:end])
                at = end
            case "blockquote_open":
                boxes.append(_Box("quote"))
            case "bullet_list_open" | "ordered_list_open":
                before, marker = box.last_list
                if before == len(box.blocks) - 1 and marker == token.markup:  # without another marker they become one
                    marker = {"-": "*", "*": "-", "+": "-", ".": ")", ")": "."}[marker]
                else:
                    marker = token.markup
                boxes.append(_Box("list", marker, int(token.attrs.get("start", 1))))
            case "list_item_open":
                box.items.append(_Box("item"))
                boxes.append(box.items[-1])
            case "list_item_close":
                boxes.pop()
            case "blockquote_close" | "bullet_list_close" | "ordered_list_close":
                lines = boxes.pop().lines()
                if box.kind == "list":
                    boxes[-1].last_list = (len(boxes[-1].blocks), box.marker)
        if lines:
            boxes[-1].blocks.append((token.type, lines))
        at += 1
    return "\n".join(boxes[0].lines())


def _paragraph(nodes: list[Node], *, item: bool) -> list[str]:
    """A paragraph's lines. At the start of a list's item, `[ ]` and `[x]` are a task's box."""
    task = _TASK.match(nodes[0].text) if item and nodes and nodes[0].kind == "text" else None
    if task is None or (task.end() == len(nodes[0].text) and len(nodes) == 1):
        return _write_line(nodes).split("\n")
    rest = nodes[0].text[task.end() :]
    nodes = [Node("text", rest), *nodes[1:]] if rest else nodes[1:]
    return f"{task[0][:3]} {_write_line(nodes)}".split("\n")


def _code_lines(source: str, info: str, *, nested: bool) -> list[str]:
    r"""A block of code: HTML made of entities where JupyterLab would see mathematics in it.

    It does so in a list or a quote; and everywhere it would show `\\(x\\)` with half of its backslashes.
    """
    source = plain_text(source)
    halved = any(f"\\\\{left}" in source and f"\\\\{right}" in source for left, right in ("()", "[]"))
    if halved or (nested and _MATH_START.search(source)):
        return [f"<pre><code>{_entities(source)}</code></pre>"]
    word = (info.split(maxsplit=1) or [""])[0].strip("{}.")
    language = found[0] if (found := LANGUAGE.match(word)) else ""
    if language.lower() == "mermaid" and _MERMAID_REACHES_OUT.search(source):
        language = "text"
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", source))])
    return [fence + language, *(source.split("\n") if source else []), fence]


def as_code(text: str) -> str:
    """The whole text as one block of code."""
    return "\n".join(_code_lines(text.removesuffix("\n"), "", nested=False))


def as_words(text: str) -> str:
    """Text as Markdown that says just that, in the middle of any line: no parser sees a sign in it.

    A document that was made safe can't stand there: what is a block of code on lines of its own is HTML within a line.
    """

    def sign(found: re.Match[str]) -> str:
        entity = f"&#{ord(found[0])};"
        # MathJax reads the page, where an entity is what it stands for, but no formula across elements.
        return f"<span>{entity}</span>" if found[0] in "$\\" else entity

    return _NO_WORDS.sub(sign, plain_text(text))


def _table(tokens: Sequence[Token]) -> list[str]:
    """A table's lines."""
    rows: list[list[str]] = []
    rule: list[str] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            side = str(token.attrs.get("style", "")).removeprefix("text-align:")
            rule.append({"left": ":--", "right": "--:", "center": ":-:"}.get(side, "---"))
        elif token.type == "inline":
            rows[-1].append(_write_line(read(token.children, cell=True), cell=True))
    rows.insert(1, rule)
    return [f"| {' | '.join(row)} |" for row in rows]
