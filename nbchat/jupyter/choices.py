"""Several answers to one question as a notebook keeps them: side by side, and with the way to go on from another one.

The boxes are HTML of ours round text that was made safe, as the folds of calls are: nothing in such a text ends them. A
viewer that takes their styles away, as GitHub does, shows the answers one beneath the other under their heads. A table
would be side by side there too, squeezed however narrow the page, and read out as data.
"""

from __future__ import annotations

from typing import NamedTuple

from nbchat.session.markdown import as_words, one_line, plain_text, safe_markdown
from nbchat.session.turn import Turn

__all__ = ["ShownChoice", "in_columns", "in_text", "way_to_another"]

# As js/cell/choices.css has them while they stream. No name of a colour of JupyterLab's: its sanitiser takes those away.
_ROW = "display: flex; flex-wrap: wrap; gap: 12px; margin-bottom: 12px"
_COLUMN = (
    "border: 1px solid rgba(128, 128, 128, 0.5); border-radius: 6px; box-sizing: border-box; flex: 1 1 17em;"
    " min-width: 0; overflow-x: auto; padding: 8px 12px"
)


class ShownChoice(NamedTuple):
    """One of several answers.

    Attributes:
        text: What it says, in Markdown as the model wrote it.
        ended: How it ended, in words, if not of itself.
    """

    text: str
    ended: str = ""


def in_columns(choices: list[ShownChoice], turn: str) -> str:
    """Return several answers as safe Markdown that stands side by side where there is room.

    Args:
        choices: The answers.
        turn: The identifier of the turn, by which a page that has a kernel asks what the conversation goes on from.
    """
    columns = [
        "\n\n".join(filter(None, [_head(at, len(choices)), safe_markdown(text), ended and f"*[{as_words(ended)}]*"]))
        for at, (text, ended) in enumerate(choices, 1)
    ]
    between = f'\n\n</div>\n<div class="nbchat-column" style="{_COLUMN}">\n\n'
    return (
        f'<nbchat-choices turn="{turn}">\n<div class="nbchat-row" style="{_ROW}">\n'
        f'<div class="nbchat-column" style="{_COLUMN}">\n\n{between.join(columns)}\n\n</div>\n</div>\n</nbchat-choices>'
    )


def in_text(choices: list[ShownChoice]) -> str:
    """Return several answers as plain text, one beneath the other."""
    return "\n\n".join(
        "\n\n".join(filter(None, [_head(at, len(choices)), plain_text(text), ended and f"[{ended}]"]))
        for at, (text, ended) in enumerate(choices, 1)
    )


def way_to_another(turn: Turn, name: str | None) -> str:
    """Return what to write in Python to go on from the second of several answers; nothing where there is none.

    Args:
        turn: The turn, which has ended.
        name: The name by which its session is found; ``None`` where it has none.
    """
    if name is None or len(turn.answers) < 2:
        return ""
    return f"nbchat.get_session({one_line(name)!r}).go({turn.answers[1]!r})"


def _head(number: int, count: int) -> str:
    return f"**Choice {number} of {count}**"
