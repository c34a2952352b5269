"""From the JSON that a model writes as a call's arguments to the values a function is called with."""

from __future__ import annotations

import json
from typing import Any

from nbchat.tools.misfits import Misfit, Problem
from nbchat.wire.decode import without_surrogates

__all__ = ["read_arguments"]

# How much is shown of what is not JSON, on either side of where that begins, in characters.
_AROUND = 20


def read_arguments(given: str | dict[str, Any] | None) -> dict[str, Any]:
    """Decode the arguments of a call.

    No text at all, and null, are no arguments; an object that some servers send in place of its text is taken as it is,
    and so is an object that was written as a text within the text. Line breaks within strings, which JSON forbids and
    models write, are read as such.

    Args:
        given: What stands in ``tool_call.function.arguments``.

    Returns:
        The arguments by name, as decoded: not yet checked against what the function takes.

    Raises:
        Misfit: It is not a JSON object; its text says where it stops being one.

    Example:
        >>> read_arguments('{"city": "Rome"}')
        {'city': 'Rome'}
    """
    value = _decoded(given) if isinstance(given, str) else given
    if isinstance(value, str):
        value = _decoded(value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = "an array" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)[:_AROUND]
        raise Misfit(Problem(f"the arguments have to be a JSON object, not {kind}"))
    return without_surrogates(value)  # type: ignore[no-any-return]  # a dict stays one


def _decoded(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError as problem:
        before, after = text[max(problem.pos - _AROUND, 0) : problem.pos], text[problem.pos : problem.pos + _AROUND]
        words = (
            f"the arguments are not valid JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}, "
            f"between {before!r} and {after!r}"
        )
    except (ValueError, RecursionError):
        words = "the arguments are nested too deeply, or have a number of too many digits"
    raise Misfit(Problem(words))
