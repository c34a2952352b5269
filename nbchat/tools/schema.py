"""The JSON Schema (draft 2020-12) of a Python type."""

from __future__ import annotations

from typing import Any

from nbchat.tools.annotations import kind_of
from nbchat.tools.definitions import Definitions
from nbchat.tools.strict import strict_schema

__all__ = ["schema_of"]


def schema_of(annotation: Any, *, strict: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of a type.

    Args:
        annotation: The type: ``str``, ``int``, ``float``, ``bool``, ``None``, dates, ``UUID``, ``Decimal``, ``bytes``,
            ``Path``, ``Literal``, enumerations, collections, unions, dataclasses, TypedDicts, named tuples (as objects),
            msgspec Structs, pydantic models; ``Annotated`` adds a description (a text) and bounds (``msgspec.Meta``,
            ``pydantic.Field``, ``annotated_types``).
        strict: Keep to the subset that OpenAI's structured outputs allow (:mod:`nbchat.tools.strict`).

    Raises:
        ConfigurationError: No model can write a value of this type, or, with *strict*, it can't be held to it.

    Example:
        >>> schema_of(list[int])
        {'type': 'array', 'items': {'type': 'integer'}}
    """
    definitions = Definitions()
    schema = definitions.root(kind_of(annotation).schema(definitions))
    return strict_schema(schema) if strict else schema
