"""What ``Annotated`` says beside a type: a description and bounds, in whose words ever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from nbchat.errors import ConfigurationError

__all__ = ["Note", "note_of"]

# The names that msgspec.Meta, annotated_types (whose bounds are objects with one or two of these) and pydantic share.
_BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")


class Note(msgspec.Struct, frozen=True):
    """What stands beside a type.

    Attributes:
        description: What it is, for the model; ``None`` where nothing is said.
        bounds: Limits of the value, as arguments of :class:`msgspec.Meta`.
        members: Members of the schema that the user wrote themselves.
    """

    description: str | None = None
    bounds: dict[str, Any] = {}
    members: dict[str, Any] = {}


def note_of(metadata: Iterable[Any]) -> Note:
    """Read the metadata of an ``Annotated``.

    A text is a description, as is ``Doc``; the rest is known by its attributes: ``msgspec.Meta``, what ``pydantic.Field``
    returns, and the bounds of ``annotated_types``. What is none of these is somebody else's and left alone.

    Raises:
        ConfigurationError: The bounds contradict each other.

    Example:
        >>> import msgspec
        >>> note_of(("in metres", msgspec.Meta(ge=0)))
        Note(description='in metres', bounds={'ge': 0}, members={})
    """
    description: str | None = None
    bounds: dict[str, Any] = {}
    members: dict[str, Any] = {}
    for item in metadata:
        if isinstance(item, str):
            description = item
            continue
        for said in (getattr(item, "description", None), getattr(item, "documentation", None)):
            description = said if isinstance(said, str) else description
        # pydantic keeps the bounds of a field in a list of their own.
        inner = getattr(item, "metadata", None)
        for holder in (item, *(inner if isinstance(inner, list) else ())):
            bounds |= {
                name: bound for name in _BOUNDS if isinstance(bound := getattr(holder, name, None), int | float | str)
            }
        if isinstance(item, msgspec.Meta):
            members |= item.extra_json_schema or {}
        if isinstance(examples := getattr(item, "examples", None), list):
            members["examples"] = examples
    try:
        msgspec.Meta(**bounds)
    except (TypeError, ValueError) as problem:
        raise ConfigurationError(f"The bounds {bounds} can't hold together: {problem}.") from None
    return Note(description, bounds, members)
