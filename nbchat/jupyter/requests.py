"""What a panel's front end may ask of Python: each request a value with checked fields.

Inputs from a browser are checked like any other: a request that is none of these, or has a field of another type, is
refused with a reason.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nbchat.errors import ConfigurationError

__all__ = [
    "Approve",
    "Ask",
    "Attend",
    "Clear",
    "Complete",
    "Discard",
    "Dismiss",
    "Drop",
    "Earlier",
    "Edit",
    "Go",
    "Markdown",
    "Maths",
    "Media",
    "Models",
    "Preview",
    "Probabilities",
    "Regenerate",
    "Request",
    "Reset",
    "Retry",
    "Set",
    "Snapshot",
    "Stop",
    "System",
    "Upload",
    "read_request",
]


class _Request(msgspec.Struct, tag_field="do", tag=str.lower):
    id: int


class Ask(_Request):
    """Ask a question at the end of the conversation, with files that were uploaded; double braces are text if it is ``raw``."""

    text: str
    files: list[str] = []
    raw: bool = False


class Edit(_Request):
    """Ask another question in the place of one."""

    node: str
    text: str
    raw: bool = False


class Upload(_Request):
    """Take a piece of a file, which is the message's buffer; the last one is answered with what the file is to a model.

    ``file`` is the page's own identifier for it, ``size`` how many bytes it has, ``offset`` where the piece belongs.
    """

    page: str
    file: str
    name: str
    size: int
    offset: int


class Discard(_Request):
    """Forget files that were uploaded, or are on their way."""

    files: list[str]


class Regenerate(_Request):
    """Answer the question of this answer again."""

    node: str


class Retry(_Request):
    """Ask again what failed before any text came."""

    turn: str


class Dismiss(_Request):
    """Do not show a turn that failed any more."""

    turn: str


class Stop(_Request):
    """Stop one turn, or all."""

    turn: str | None = None


class Attend(_Request):
    """Say whether a page shows the panel: whoever looks at it can be asked."""

    page: str
    open: bool


class Approve(_Request):
    """Say whether a call that asks for it may be made."""

    turn: str
    call: str
    allowed: bool


class Media(_Request):
    """Give the pictures that a tool gave, by the message that asked for the call and the call's number in it."""

    node: str
    call: int


class Go(_Request):
    """Stand on another branch."""

    node: str


class Drop(_Request):
    """Take a turn out of the conversation."""

    turn: str


class Clear(_Request):
    """Begin a new conversation; ``undo`` brings the old one back."""

    undo: bool = False


class Set(_Request):
    """Set a request field, or unset it with null."""

    name: str
    value: Any


class System(_Request):
    """Set the system message; an empty one is none."""

    text: str


class Reset(_Request):
    """Unset every request field but the model."""


class Earlier(_Request):
    """Give the messages before one."""

    before: int
    count: int


class Markdown(_Request):
    """Give the messages from one on as safe Markdown, for the notebook's file."""

    start: int


class Preview(_Request):
    """Give the request that would be sent next, with this question: for reading, or with the whole data of its media."""

    text: str
    files: list[str] = []
    whole: bool = False


class Probabilities(_Request):
    """Give the tokens of an answer from one on, with how likely they were."""

    node: str
    start: int = 0


class Complete(_Request):
    """Give the notebook's names that begin so."""

    text: str


class Models(_Request):
    """Ask the endpoint which models it has."""


class Snapshot(_Request):
    """Give everything as it stands."""


class Maths(_Request):
    """Give the code that sets formulas in type."""


Request = (
    Ask | Edit | Regenerate | Retry | Dismiss | Stop | Attend | Approve | Media | Go | Drop | Clear | Set | System | Reset | Earlier | Markdown
    | Preview | Probabilities | Complete | Models | Snapshot | Maths | Upload | Discard
)  # fmt: skip


def read_request(content: Any) -> Request:
    """Read a request as the front end sent it.

    Raises:
        ConfigurationError: It is not one of those above.

    Example:
        >>> read_request({"id": 1, "do": "ask", "text": "Why?"})
        Ask(id=1, text='Why?')
    """
    try:
        return msgspec.convert(content, Request)  # type: ignore[no-any-return]
    except msgspec.ValidationError as problem:
        reason = str(problem)
    raise ConfigurationError(f"The panel was asked for something it does not know: {reason}.")
