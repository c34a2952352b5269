"""The code in an answer: the fenced blocks of its Markdown, in order."""

from __future__ import annotations

from functools import cache
from typing import Any, Self

from markdown_it import MarkdownIt

__all__ = ["CodeBlock", "code_blocks"]


class CodeBlock(str):
    """The source of one fenced code block: a string that knows its language.

    Attributes:
        language: the first word after the fence, in lower case (`"python"`), `""` where there is none.

    Example:
        >>> block = CodeBlock("print(1)", language="python")
        >>> block.language, block.source, block == "print(1)"
        ('python', 'print(1)', True)
    """

    __slots__ = ("language",)

    language: str

    def __new__(cls, source: str, language: str = "") -> Self:
        """Make a block from its source and its language."""
        block = super().__new__(cls, source)
        object.__setattr__(block, "language", language)
        return block

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a block is a value."""
        raise AttributeError(f"a CodeBlock is immutable; {name!r} can't be set")

    def __repr__(self) -> str:
        return f"CodeBlock({str.__repr__(self)}, language={self.language!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return CodeBlock, (self.source, self.language)

    @property
    def source(self) -> str:
        """The source as a plain string, without the newline before the closing fence."""
        return str.__str__(self)


def code_blocks(text: str) -> list[CodeBlock]:
    r"""The fenced code blocks of a Markdown text, in order.

    Fences are found as CommonMark has them (0.31, section 4.5): backticks or tildes, also inside lists and quotes,
    where the indentation of the list is not part of the code. A fence that was never closed, as in an answer cut off
    at `max_tokens`, counts to its end. Indented code and code within a line don't count.

    Args:
        text: the Markdown, as the model wrote it.

    Returns:
        One `CodeBlock` for each fence; an empty list where there is none.

    Example:
        >>> code_blocks("Try this:\n\n```python\nprint(1)\n```\n")
        [CodeBlock('print(1)', language='python')]
    """
    if "```" not in text and "~~~" not in text:
        return []
    blocks = []
    for token in _parser().parse(text):
        if token.type == "fence":
            words = token.info.split(maxsplit=1)
            blocks.append(CodeBlock(token.content.removesuffix("\n"), words[0].lower() if words else ""))
    return blocks


@cache
def _parser() -> MarkdownIt:
    """CommonMark's block grammar alone: no inline parsing, and HTML is text, as it is in what we show."""
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 100})
    return parser.disable(["html_block", "inline", "text_join"])
