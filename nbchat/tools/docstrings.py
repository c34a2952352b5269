"""What a docstring says about a function and its arguments, in Google's, NumPy's or Sphinx's style."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from contextlib import suppress

import msgspec

__all__ = ["Docstring", "read_docstring"]


class Docstring(msgspec.Struct, frozen=True):
    """What a docstring says.

    Attributes:
        description: What the thing does, without the sections that follow.
        members: What each argument or attribute is, by its name.
    """

    description: str | None = None
    members: dict[str, str] = {}


def read_docstring(text: str | None, names: Collection[str] = ()) -> Docstring:
    r"""Read a docstring.

    Its style is the one in which it describes most of *names*.

    Args:
        text: The docstring, as Python has it; ``None`` where there is none.
        names: The names of the arguments, or of the attributes.

    Returns:
        What it says. Where no style fits, all of it is the description.

    Example:
        >>> read_docstring("Add.\n\nArgs:\n    a: The first\n        of two.", ["a"])
        Docstring(description='Add.', members={'a': 'The first of two.'})
    """
    if not text or not text.strip():
        return Docstring()
    text = inspect.cleandoc(text)
    import docstring_parser as parser

    styles = (parser.DocstringStyle.GOOGLE, parser.DocstringStyle.NUMPYDOC, parser.DocstringStyle.REST)
    readings = []
    for style in styles:
        with suppress(parser.ParseError):
            parsed = parser.parse(text, style)
            members = {
                name.strip().lstrip("*"): _joined(param.description)
                for param in parsed.params
                for name in param.arg_name.split(",")
            }
            known = {name: said for name in names if (said := members.get(name))}
            readings.append((len(known), len(parsed.meta), parsed, known))
    fitting = [reading for reading in readings if reading[1]]
    if not fitting:
        return Docstring(text)
    _, _, parsed, known = max(fitting, key=lambda reading: reading[:2])
    said = "\n\n".join(part for part in (parsed.short_description, parsed.long_description) if part)
    return Docstring(said or None, known)


def _joined(text: str | None) -> str:
    """Return a description on one line: where its lines were broken means nothing."""
    return re.sub(r"\s*\n\s*", " ", text or "").strip()
