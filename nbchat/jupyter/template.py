"""``{{expression}}`` in a question: the value of a Python expression of the notebook, put in once.

Only double braces mean anything: JSON, LaTeX, f-strings and dict literals arrive as typed. What is put in is never read
again, so a value that has braces of its own stays what it is.
"""

from __future__ import annotations

import ast
import base64
import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from nbchat.errors import ConfigurationError

__all__ = ["describe", "expand"]

Part = dict[str, Any]

_OPENING = "{{"
_CLOSING = "}}"
# An expression is not longer than this, in characters; braces that never close are text, and found out quickly.
_LONGEST = 2_000
# The rows and columns of a table that a model gets to see, beside its shape.
_ROWS, _COLUMNS = 20, 30


def expand(source: str, namespace: Mapping[str, Any]) -> str | list[Part]:
    """Return a question with its expressions replaced by their values.

    Args:
        source: The question as typed.
        namespace: The notebook's variables.

    Returns:
        Text; or a list of content parts where a value is a picture.

    Raises:
        ConfigurationError: An expression fails; the sentence names it.

    Example:
        >>> expand("What is {{2 + 2}}? Not {x}.", {})
        'What is 4? Not {x}.'
    """
    pieces: list[str | Part] = []
    at = 0
    while (start := source.find(_OPENING, at)) >= 0:
        found = _expression(source, start)
        if found is None:
            end = start + len(_OPENING)
            pieces.append(source[at:end])
        else:
            expression, end = found
            pieces += [source[at:start], _value(expression, namespace)]
        at = end
    pieces.append(source[at:])
    return _joined(pieces)


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


def _value(expression: str, namespace: Mapping[str, Any]) -> str | Part:
    try:
        if expression.startswith("#"):
            raise SyntaxError("this is a comment")
        code = compile(f"({expression}\n)", "<{{expression}}>", "eval")
        # The user's own expression, in the user's own kernel; showing its value runs their code too.
        return describe(eval(code, dict(namespace)))  # noqa: S307
    except Exception as problem:  # noqa: BLE001  it is the user's code, which may fail in any way
        reason = f"{type(problem).__name__}: {problem}".splitlines()[0]
    raise ConfigurationError(
        f"{{{{{expression}}}}} can't be put in: {reason}.", hint="Nothing was sent; --raw sends double braces as typed."
    )


def describe(value: Any) -> str | Part:
    """Return a value as a model can read it: a table as Markdown, a picture as a content part, all else as text.

    An object that has ``_repr_llm_()`` says itself how it is to be read.

    Example:
        >>> describe([1, 2])
        '[1, 2]'
    """
    if isinstance(value, str):
        return value
    own = _method(value, "_repr_llm_")
    if own is not None:
        said = own()
        return said if isinstance(said, dict) else str(said)
    table = _table(value)
    if table is not None:
        return table
    picture = _png(value)
    if picture is not None:
        address = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return {"type": "image_url", "image_url": {"url": address}}
    return str(value)


def _method(value: Any, name: str) -> Callable[..., Any] | None:
    # Classes and modules of the same name are not meant, nor objects that answer to every name.
    method = getattr(value, name, None) if hasattr(type(value), name) else None
    return method if callable(method) and not isinstance(value, type) else None


def _png(value: Any) -> bytes | None:
    """Return a figure or an image as PNG."""
    if (draw := _method(value, "savefig")) is not None:
        buffer = io.BytesIO()
        draw(buffer, format="png")
        return buffer.getvalue()
    if (png := _method(value, "_repr_png_")) is not None:
        data = png()
        return data if isinstance(data, bytes) else None
    return None


def _table(value: Any) -> str | None:
    """Return a DataFrame or a Series as a Markdown table of its first rows, and its shape."""
    if _method(value, "to_frame") is not None and not hasattr(value, "columns"):
        value = value.to_frame()
    columns, shape = getattr(value, "columns", None), getattr(value, "shape", None)
    if columns is None or not isinstance(shape, tuple) or len(shape) != 2 or _method(value, "head") is None:
        return None
    names = [str(name) for name in columns][:_COLUMNS]
    head = value.head(_ROWS)
    if hasattr(head, "itertuples"):  # pandas: the index is part of what a reader sees
        rows = [(row[0], *row[1 : len(names) + 1]) for row in head.itertuples(name=None)]
        names = ["", *names]
    elif hasattr(head, "rows"):  # polars
        rows = [row[: len(names)] for row in head.rows()]
    else:
        return None
    lines = [names, ["---"] * len(names), *rows]
    text = "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)
    shown = [f"the first {_ROWS} rows shown"] if shape[0] > _ROWS else []
    shown += [f"the first {_COLUMNS} columns shown"] if shape[1] > _COLUMNS else []
    return f"\n{text}\n\n({'; '.join([f'{shape[0]} rows × {shape[1]} columns', *shown])})\n"


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return re.sub(r"\s*\n\s*", " ", text).replace("|", "\\|")


def _joined(pieces: list[str | Part]) -> str | list[Part]:
    if all(isinstance(piece, str) for piece in pieces):
        return "".join(str(piece) for piece in pieces)
    parts: list[Part] = []
    for piece in pieces:
        if not isinstance(piece, str):
            parts.append(piece)
        elif parts and parts[-1].get("type") == "text":
            parts[-1]["text"] += piece
        elif piece.strip():
            parts.append({"type": "text", "text": piece})
    return parts
