r"""A model's answer as Markdown and text that a notebook may show.

An answer is untrusted. JupyterLab and Notebook 7 trust the outputs of a cell just run: HTML in `text/markdown`
runs there, whatever brought it in. So the answer is *read* by one parser (CommonMark, tables, strikethrough, maths; no
HTML) and *written* again from what was read, in the plainest Markdown there is, so that every other parser reads the
same. Where parsers are known to differ, we write what they agree on:

- What is text stays text: each `<`, `&`, backslash and backtick in it is an entity, each sign of Markdown is escaped.
- HTML is written in four places and always by us: `<br>` in a table, `<span>` round a dollar or a backslash that
  MathJax would take for mathematics, `<code>` and `<pre><code>` where fences would not hold in every parser.
- Addresses are http, https, mailto, relative or an anchor, percent-encoded down to a few harmless signs. Other links
  lose their address. An image is a link that says where it leads: fetching one tells its host what the address says.
- JupyterLab takes mathematics out of the *source* before its parser runs, so a dollar must not stand where a formula
  could not (`removeMath` in `@jupyterlab/rendermime`, `latex.ts`); see `maths.py`. It writes the language of a code
  block into an attribute as it is (`markedparser-extension`): only letters, digits and `_+#.-` pass.

Rules: CommonMark 0.31.2 (https://spec.commonmark.org/0.31.2/), GitHub Flavored Markdown 0.29
(https://github.github.com/gfm/), JupyterLab 4.6 with marked 17, MathJax 3 (`FindTeX`, `HTMLDomStrings`).
"""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt

from nbchat.session.markdown.reader import (
    DEEPEST,
    OUR_CODE_BLOCK,
    Reader,
    TooDenseError,
    parse,
    plain_text,
    safe_address,
)
from nbchat.session.markdown.writer import LANGUAGE, as_code, write

__all__ = ["plain_text", "safe_markdown"]

_LONGEST = 250_000  # characters, ten times a long answer; reading that takes some seconds
_MOST_LINES = 15_000
_MOST_TOKENS = 60_000  # a table of a few letters can have that many cells


def safe_markdown(text: str) -> str:
    """The answer as Markdown for `text/markdown`: it looks the same and can do nothing.

    Nothing in the result runs, loads or leaves the page in a viewer that takes it for trusted. Reading the result
    again gives the same document. The cost grows with the length; an answer that is too long, or
    nested too deeply to be read, comes back whole as one block of code.

    Args:
        text: Markdown as a model wrote it.

    Returns:
        Markdown for the notebook.

    Example:
        >>> safe_markdown("**Hi** <img src=x onerror=alert(1)> [x](javascript:alert(1))")
        '**Hi** &lt;img src=x onerror=alert(1)> x'
    """
    text = plain_text(text)
    if len(text) > _LONGEST or text.count("\n") > _MOST_LINES:
        return as_code(text)
    try:
        tokens = parse(text)
        if len(tokens) > _MOST_TOKENS or any(token.level >= DEEPEST - 1 for token in tokens):
            return as_code(text)
        written = write(tokens)
        return written if _is_tame(written) else as_code(text)
    except (RecursionError, TooDenseError):
        return as_code(text)


_OURS = frozenset({"<br>", "<span>", "</span>", "<code>", "</code>"})


@cache
def _judge() -> MarkdownIt:
    """A parser that takes HTML for HTML, as the notebook's does."""
    return Reader("commonmark", {"html": True, "maxNesting": 2 * DEEPEST}).enable(["table", "strikethrough"])


def _is_tame(written: str) -> bool:
    """Whether another reading finds only our HTML, plain languages of code, no picture and no forbidden address."""
    for block in _judge().parse(written):
        if block.type == "html_block" and not OUR_CODE_BLOCK.fullmatch(block.content.strip()):
            return False
        if block.type == "fence" and block.info and not LANGUAGE.fullmatch(block.info):
            return False
        for token in block.children or ():
            if token.type == "image" or (token.type == "html_inline" and token.content not in _OURS):
                return False
            if token.type == "link_open" and safe_address(str(token.attrs.get("href", ""))) is None:
                return False
    return True
