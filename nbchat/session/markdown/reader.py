"""An answer read: its Markdown as tokens, and each paragraph as pieces that have been judged.

Nothing that must not be written leaves this room: addresses that may not be followed, pictures, control characters.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from nbchat.session.markdown.maths import plain_tex, read_maths

__all__ = [
    "DEEPEST",
    "MAIL_ADDRESS",
    "OUR_CODE_BLOCK",
    "Node",
    "Reader",
    "TooDenseError",
    "joined",
    "parse",
    "parse_line",
    "plain_text",
    "read",
    "safe_address",
]

DEEPEST = 40  # levels of lists and quotes; a list takes two
_MOST_BRACKETS = 100  # open at once in one paragraph; beyond, it is shown as it was typed
_MOST_SIGNS = 4_000  # of Markdown in one paragraph; beyond, the same
_MOST_SIGNS_IN_ALL = 40_000  # in a document; beyond, it is not read at all

_CONTROLS: dict[int, str] = (
    {code: chr(0x2400 + code) for code in range(0x20)}
    | {0x7F: "\u2421"}
    | dict.fromkeys([0, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")
    | {0x09: "\t", 0x0A: "\n", 0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
)


def plain_text(text: str) -> str:
    r"""The text with everything made harmless that a terminal or a reader's eye would obey instead of show.

    Control characters become their pictures (ESC is `␛`), so that escape sequences, which could set a terminal's
    title or clipboard, are seen and not obeyed. Bidirectional embeddings, overrides and isolates, which can show code
    in another order than it runs (CVE-2021-42574), NUL, C1 controls and lone surrogates become U+FFFD. Lines end in
    `\n`.

    Args:
        text: the answer as it came.

    Returns:
        The text for `text/plain`.

    Example:
        >>> plain_text("\x1b[31mred\x07")
        '␛[31mred␇'
    """
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_CONTROLS).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str) -> str:
    """Words of anybody's on one line, with nothing in it that a terminal would obey."""
    return plain_text(" ".join(text.split()))


def parse(text: str) -> list[Token]:
    """The tokens of a document.

    Args:
        text: Markdown that `plain_text` has gone over.
    """
    return _reader().parse(text, {"fuel": 50_000 + 4 * len(text)})


def parse_line(text: str) -> Sequence[Token]:
    """The tokens of a paragraph.

    Args:
        text: its Markdown.
    """
    return _reader().parseInline(text, {"fuel": 50_000 + 4 * len(text)})[0].children or ()


class Reader(MarkdownIt):
    """The parser, which leaves the judgement of addresses to us: what it refused would come back as text."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - markdown-it's name
        """Let every address pass: `safe_address` judges it later."""
        return True


@cache
def _reader() -> MarkdownIt:
    """The one grammar answers are read by."""
    parser = Reader("commonmark", {"html": False, "maxNesting": DEEPEST}).enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline"])
    read_maths(parser)
    parser.block.ruler.before("fence", "our_code", _our_code_block, {"alt": ["paragraph", "blockquote", "list"]})
    parser.inline.ruler.before("autolink", "our_html", _our_html)
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.core.ruler.before("inline", "limit", _limit)
    return parser


OUR_CODE_BLOCK = re.compile(r"<pre><code>([^<>\n]*)</code></pre>[ \t]*")
_OUR_HTML = re.compile(r"<span>(?:\\?\$|&#92;)</span>|<code>([^<>`\n]+)</code>")


def _our_code_block(state: StateBlock, first: int, _last: int, silent: bool) -> bool:
    """Read a code block as we write it where fences don't hold."""
    if state.is_code_block(first):
        return False
    found = OUR_CODE_BLOCK.fullmatch(state.src, state.bMarks[first] + state.tShift[first], state.eMarks[first])
    if found is None:
        return False
    if not silent:
        token = state.push("fence", "code", 0)
        token.content = html.unescape(found[1]) + "\n"
        token.map = [first, first + 1]
    state.line = first + 1
    return True


def _our_html(state: StateInline, silent: bool) -> bool:
    """Read the code, the dollar and the backslash that we write as HTML."""
    if state.src[state.pos] != "<":
        return False
    found = _OUR_HTML.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        if found[1]:
            state.push("code_inline", "code", 0).content = html.unescape(found[1])
        else:
            state.push("text", "", 0).content = "$" if "$" in found[0] else "\\"
    state.pos = found.end()
    return True


_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u303f\u3040-\u30ff\u3100-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Read `**「強調」**です` as its author meant it: beside CJK characters, punctuation doesn't keep stars from closing.

    CommonMark's flanking rules expect spaces between words; see https://github.com/tats-u/markdown-cjk-friendly.
    Otherwise this is markdown-it's own rule.
    """
    source, start = state.src, state.pos
    if silent or source[start] not in "*_":
        return False
    scanned = state.scanDelims(start, source[start] == "*")
    end = start + scanned.length
    opens, closes = scanned.can_open, scanned.can_close
    if source[start] == "*" and start > 0 and end < state.posMax:
        around = source[start - 1] + source[end]
        if _CJK.search(around) and not any(map(str.isspace, around)):
            opens = closes = True
    for _ in range(scanned.length):
        state.push("text", "", 0).content = source[start]
        state.delimiters.append(
            Delimiter(
                marker=ord(source[start]),
                length=scanned.length,
                token=len(state.tokens) - 1,
                end=-1,
                open=opens,
                close=closes,
            )
        )
    state.pos = end
    return True


class TooDenseError(ValueError):
    """There is more Markdown in a text than anybody writes, and reading it would take too long."""


_SIGN = re.compile(r"[*_`\[\]~<>\\$&!@]")


def _limit(state: StateCore) -> None:
    """Leave paragraphs that are nearly all signs as they were typed: looking for pairs costs more than their length."""
    in_all = 0
    for token in state.tokens:
        if token.type != "inline":
            continue
        signs = _SIGN.findall(token.content)
        in_all += len(signs)
        if in_all > _MOST_SIGNS_IN_ALL:
            raise TooDenseError
        if len(signs) > _MOST_SIGNS or _depth(signs) > _MOST_BRACKETS:
            lines = token.content.split("\n")
            token.children = [Token("text", "", 0, content=lines[0])]
            for line in lines[1:]:
                token.children += [Token("softbreak", "br", 0), Token("text", "", 0, content=line)]
            token.content = ""


def _depth(signs: list[str]) -> int:
    """How many brackets are open at once."""
    depth = deepest = 0
    for sign in signs:
        if sign == "[":
            depth += 1
            deepest = max(deepest, depth)
        elif sign == "]" and depth:
            depth -= 1
    return deepest


_Kind = Literal["text", "code", "math", "display", "soft", "hard", "open", "close", "link", "unlink"]


class Node(NamedTuple):
    """One piece of a paragraph, judged: what is left of it may be written."""

    kind: _Kind
    text: str = ""  # the text, the code, the TeX, the address; for `open` and `close` the signs: * ** ~~
    title: str = ""


_BREAKS = ("soft", "hard")
_MARKS = {"em": "*", "strong": "**", "s": "~~"}
_BREAK = re.compile(r"<br ?/?>")
_MAIL = r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z0-9]+"
MAIL_ADDRESS = re.compile(_MAIL)
_BARE = re.compile(
    r"(?<![\w@./-])(?P<web>(?:https?://|www\.(?=[\w-]+\.))[^\s<>\"`\\^{|}]+)"
    rf"|(?<![\w.+@/:-])(?P<mail>{_MAIL})(?![\w@-])",
    re.IGNORECASE,
)


def read(children: Sequence[Token] | None, *, cell: bool = False, heading: bool = False) -> list[Node]:
    """The pieces of a paragraph, with what must not be written taken out or turned into text."""
    nodes: list[Node] = []
    links: list[bool] = []
    struck = 0
    for token in children or ():
        kind = token.type
        if kind == "text":
            _read_text(nodes, token.content, cell=cell, linked=any(links))
        elif kind == "softbreak" or (kind == "hardbreak" and heading):
            nodes.append(Node("text", " ") if heading or cell else Node("soft"))
        elif kind == "hardbreak":
            nodes.append(Node("hard"))
        elif kind == "code_inline":
            nodes.append(Node("code", plain_text(token.content).replace("\n", " ")))
        elif kind.startswith("math_"):
            tex = plain_tex(token.content, cell=cell)
            if tex is None:
                nodes.append(Node("code", " ".join(token.markup.split())))
            else:
                nodes.append(Node("math" if kind == "math_inline" else "display", tex))
        elif kind == "link_open":
            _open_link(nodes, token, links)
        elif kind == "link_close":
            if links.pop():
                if nodes[-1].kind == "link":
                    nodes.append(Node("text", nodes[-1].text))
                nodes.append(Node("unlink"))
        elif kind == "image":
            _read_image(nodes, token, linked=any(links))
        elif token.nesting and token.tag in _MARKS:
            struck += token.nesting if token.tag == "s" else 0
            if token.tag == "s" and struck != (token.nesting > 0):
                continue  # struck out once is enough; its tildes side by side would be a fence
            nodes.append(Node("open" if token.nesting > 0 else "close", _MARKS[token.tag]))
        else:
            nodes.append(Node("text", token.content))
    return joined(nodes)


def _read_text(nodes: list[Node], text: str, *, cell: bool, linked: bool) -> None:
    """Read text: in it, bare addresses are links, as GitHub's Markdown and JupyterLab have it."""
    if cell and "<br" in text:
        first, *rest = _BREAK.split(text)
        _read_text(nodes, first, cell=False, linked=linked)
        for part in rest:
            nodes.append(Node("hard"))
            _read_text(nodes, part, cell=False, linked=linked)
        return
    at = 0
    if not linked and ("://" in text or "@" in text or "www." in text):
        for found in _BARE.finditer(text):
            bare = _without_punctuation(found[0])
            scheme = "mailto:" if found["mail"] else "" if "://" in bare[:8] else "http://"
            address = safe_address(scheme + bare)
            if address is not None and found.start() >= at:
                nodes += [Node("text", text[at : found.start()]), Node("link", address), Node("text", bare)]
                nodes.append(Node("unlink"))
                at = found.start() + len(bare)
    nodes.append(Node("text", text[at:]))


def _without_punctuation(bare: str) -> str:
    """A bare address without the punctuation that follows it (GFM 6.9)."""
    while True:
        if bare[-1] in "?!.,:*_~'\";" or (bare[-1] == ")" and bare.count(")") > bare.count("(")) or bare[-1] == "]":
            bare = bare[:-1]
        else:
            return bare


def _open_link(nodes: list[Node], token: Token, links: list[bool]) -> None:
    """Begin a link, or only its label where its address is not allowed."""
    address = safe_address(str(token.attrs.get("href", "")))
    links.append(address is not None)
    if address is not None:
        nodes.append(Node("link", address, str(token.attrs.get("title", ""))))


def _read_image(nodes: list[Node], token: Token, *, linked: bool) -> None:
    """Read an image as a link to it, which says where it leads; as its description where it can't be one."""
    source = str(token.attrs.get("src", ""))
    address = safe_address(source)
    label = "🖼 " + (_plain(token.children).strip() or "image")
    if address and not linked:
        host = urlsplit(address).netloc.rpartition("@")[2] or unquote(address)
        label = label if label.endswith(f"({host})") else f"{label} ({host})"
        nodes += [Node("link", address, str(token.attrs.get("title", ""))), Node("text", label), Node("unlink")]
    else:
        _read_text(nodes, label, cell=False, linked=linked)


def _plain(children: Sequence[Token] | None) -> str:
    """The text of a description, without its Markdown."""
    return "".join(
        _plain(token.children) if token.children else " " if token.type.endswith("break") else token.content
        for token in children or ()
    )


def joined(nodes: list[Node]) -> list[Node]:
    """The same pieces, with neighbouring texts made one and empty ones left out."""
    joined: list[Node] = []
    texts: list[str] = []
    for node in nodes:
        if node.kind == "text":
            texts.append(node.text)
            continue
        if node.kind in _BREAKS and not any(texts) and (not joined or joined[-1].kind in _BREAKS):
            continue  # what stood before it on the line was left out
        if texts and (text := plain_text("".join(texts))):  # an entity may have brought in a control character
            joined.append(Node("text", text))
        texts.clear()
        joined.append(node)
    if text := plain_text("".join(texts)):
        joined.append(Node("text", text))
    while joined and joined[-1].kind in _BREAKS:
        joined.pop()
    return joined


_SCHEME = re.compile(r"[^/?#]*?:")
_UNSAFE_IN_ADDRESS = re.compile(r"[^A-Za-z0-9\-._~:/?#@!&+,;=%]|@(?=@)|%(?![0-9A-Fa-f]{2})")


def safe_address(href: str) -> str | None:
    """An address that may be followed: http, https, mailto, relative or an anchor; percent-encoded. Otherwise `None`.

    It is judged as a browser reads it, without spaces and control characters, and once more percent-decoded.
    """
    for reading in (href, unquote(href)):
        bare = re.sub(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028\u2029\ufeff]", "", html.unescape(reading)).lower()
        if _SCHEME.match(bare) and not bare.startswith(("http://", "https://", "mailto:")):
            return None
    return _UNSAFE_IN_ADDRESS.sub(lambda sign: "".join(f"%{byte:02X}" for byte in sign[0].encode()), href.strip())
