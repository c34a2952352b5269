"""``{{expression}}`` in a question, and ``--attach``: the values of Python expressions of the notebook, put in once.

Only double braces mean anything: JSON, LaTeX, f-strings and dict literals arrive as typed. What is put in is never read
again, so a value that has braces of its own stays what it is.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nbchat.attachments.attach import described
from nbchat.attachments.attachment import Attachment
from nbchat.errors import ConfigurationError
from nbchat.session.prompt import attached_as_configured, configured_limits
from nbchat.wire.media import Part

__all__ = ["Question", "attached_by_name", "expand"]

_OPENING = "{{"
_CLOSING = "}}"
# An expression is not longer than this, in characters; braces that never close are text, and found out quickly.
_LONGEST = 2_000
_ADDRESS = re.compile(r"https?://|data:", re.IGNORECASE)


class Question(NamedTuple):
    """What a question has become.

    Attributes:
        content: Text; or a list of content parts where a value is a picture.
        notes: What was changed on the way: that a picture was scaled down.
    """

    content: str | list[Part]
    notes: tuple[str, ...] = ()


def expand(
    source: str,
    namespace: Mapping[str, Any],
    already: str = "",
    *,
    otherwise: str = "--raw sends double braces as typed",
) -> Question:
    """Return a question with its expressions replaced by their values.

    Args:
        source: The question as typed.
        namespace: The notebook's variables.
        already: What was put in before, where a question is edited: double braces that stand there are text, since a value
            is never read again.
        otherwise: How double braces are sent as text, for the error.

    Raises:
        ConfigurationError: An expression fails; the sentence names it.

    Example:
        >>> expand("What is {{2 + 2}}? Not {x}.", {}).content
        'What is 4? Not {x}.'
    """
    pieces: list[Attachment] = []
    at = 0
    while (start := source.find(_OPENING, at)) >= 0:
        found = _expression(source, start)
        if found is None or source[start : found[1]] in already:
            end = start + len(_OPENING) if found is None else found[1]
            pieces.append(_text(source[at:end]))
        else:
            expression, end = found
            pieces += [_text(source[at:start]), _value(expression, namespace, otherwise)]
        at = end
    whole = Attachment.joined([*pieces, _text(source[at:])])
    return Question(_content(whole.parts), whole.notes)


def _text(text: str) -> Attachment:
    return Attachment(({"type": "text", "text": text},))


def _expression(source: str, start: int) -> tuple[str, int] | None:
    """Find the expression that begins at *start*: it ends at the first ``}}`` that makes it Python.

    Where none does, the first is taken, so that the error can name it. Nothing at all in the braces is text.
    """
    first = None
    at = start + len(_OPENING)
    limit = min(len(source), start + _LONGEST)
    close = source.find(_CLOSING, at, limit)
    while close >= 0:
        text = source[at:close]
        if not text.strip():
            return None
        first = first or (text.strip(), close + len(_CLOSING))
        if _is_python(text):
            return text.strip(), close + len(_CLOSING)
        close = source.find(_CLOSING, close + 1, limit)
    return first


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong with it is said when it is evaluated, once
            tree = ast.parse(f"({text.strip()}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    # A comment only would be read as our own two parentheses.
    return not (isinstance(tree, ast.Tuple) and not tree.elts and tree.col_offset == 0)


def _value(expression: str, namespace: Mapping[str, Any], otherwise: str) -> Attachment:
    hint = None
    try:
        # Showing the value runs the user's code too.
        return described(_evaluated(expression, namespace), configured_limits())
    except ConfigurationError as problem:
        reason, hint = problem.message.rstrip("."), problem.hint
    except Exception as problem:  # noqa: BLE001  it is the user's code, which may fail in any way
        reason = _in_words(problem)
    raise ConfigurationError(
        f"{{{{{expression}}}}} can't be put in: {reason}.",
        hint=hint or f"Nothing was sent; {otherwise}.",
    )


def attached_by_name(words: Sequence[str], namespace: Mapping[str, Any]) -> Attachment:
    """Return what ``--attach`` names: expressions of the notebook's, addresses of pictures, or paths of files.

    Args:
        words: What was written. It is a path where there is such a file, and no variable of that name.
        namespace: The notebook's variables.

    Raises:
        ConfigurationError: An expression fails, or what it gives can't be attached.

    Example:
        >>> attached_by_name(["{'a': 1}"], {}).text.strip()
        "{'a': 1}"
    """
    return attached_as_configured([_named(word, namespace) for word in words])


def _named(word: str, namespace: Mapping[str, Any]) -> Any:
    if _ADDRESS.match(word) or (word not in namespace and _is_file(word)):
        return word
    try:
        return _evaluated(word, namespace)
    except Exception as problem:  # noqa: BLE001  it is the user's code, which may fail in any way
        reason = _in_words(problem)
    raise ConfigurationError(
        f"--attach {word}: {reason}.",
        hint="Nothing was sent; it takes an expression, the path of a file or the address of a picture.",
    )


def _is_file(word: str) -> bool:
    try:
        return Path(word).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):  # too long for a name, a NUL in it, no such user
        return False


def _evaluated(expression: str, namespace: Mapping[str, Any]) -> Any:
    if expression.startswith("#"):
        raise SyntaxError("this is a comment")
    code = compile(f"({expression}\n)", "<{{expression}}>", "eval")
    # The user's own expression, in the user's own kernel.
    return eval(code, dict(namespace))  # noqa: S307


def _in_words(problem: Exception) -> str:
    return f"{type(problem).__name__}: {problem}".splitlines()[0]


def _content(parts: Sequence[Part]) -> str | list[Part]:
    """Return parts as a message's content: text that stands together as one, and nothing but text as a text."""
    joined: list[Part] = []
    for part in parts:
        if part["type"] == "text" and joined and joined[-1]["type"] == "text":
            joined[-1] = {**joined[-1], "text": joined[-1]["text"] + part["text"]}
        else:
            joined.append(part)
    if all(part["type"] == "text" for part in joined):
        return "".join(part["text"] for part in joined)
    return [part for part in joined if part["type"] != "text" or part["text"].strip()]
