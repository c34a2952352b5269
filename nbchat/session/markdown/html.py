"""A model's answer as HTML: what was written safely is read once more and drawn."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from nbchat.session.markdown.maths import read_maths
from nbchat.session.markdown.reader import DEEPEST, Reader
from nbchat.session.markdown.safe import safe_markdown

__all__ = ["safe_html"]


def safe_html(text: str) -> str:
    r"""The answer as HTML that can do nothing, for where several answers make one output.

    It is what a notebook makes of :func:`safe_markdown`, and as harmless. Mathematics stays TeX between dollars, which
    a notebook typesets in HTML as well.

    Args:
        text: Markdown as a model wrote it.

    Returns:
        Block elements, to be put into an element of their own.

    Example:
        >>> safe_html("**Hi** <b>")
        '<p><strong>Hi</strong> &lt;b&gt;</p>\n'
    """
    return str(_renderer().render(safe_markdown(text), {"fuel": 50_000 + 4 * len(text)}))


@cache
def _renderer() -> MarkdownIt:
    # The only HTML in safe Markdown is ours, and the only addresses are harmless ones.
    parser = Reader("commonmark", {"html": True, "maxNesting": 2 * DEEPEST}).enable(["table", "strikethrough"])
    read_maths(parser)
    for kind, form in (("math_inline", "${}$"), ("math_display", "$${}$$"), ("math_block", "<p>$${}$$</p>\n")):
        parser.add_render_rule(kind, _formula(form))
    return parser


def _formula(form: str) -> Any:
    def draw(_: Any, tokens: Sequence[Token], at: int, *__: Any) -> str:
        return form.format(html.escape(tokens[at].content))

    return draw
