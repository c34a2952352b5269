"""JSON schemas as a grammar can be made of them, and with bounds: a small model that may go on for ever does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ANY_OBJECT", "UNBOUNDED", "Limits", "bounded", "without_remarks"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a schema gets where it sets no bound itself.

    Attributes:
        text: How many characters a string may have; ``None`` for no bound.
        items: How many items a list may have, and how many members an object whose members have no names.
    """

    text: int | None = None
    items: int | None = None


UNBOUNDED = Limits()
# One that is empty tells nothing, but is what the default model likes best.
ANY_OBJECT: Mapping[str, Any] = {"type": "object", "minProperties": 1}

# Numbers have bounds always, the widest that llguidance takes. Others than whole ones have 9 decimals and no exponent: with
# one, a number could be larger than any float, which Python reads as infinity; and a third of one never ends.
_WHOLE = {"minimum": -(10**18) + 1, "maximum": 10**18 - 1}
_DECIMAL = {**_WHOLE, "multipleOf": 1e-9}
_FORMATS = frozenset(["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"])
_NOTES = frozenset(["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"])
# Where a schema has others in it: by name, in a list, or one.
_NAMED = frozenset(["properties", "patternProperties", "$defs", "definitions"])
_LISTED = frozenset(["anyOf", "oneOf", "allOf", "prefixItems"])
_ALONE = frozenset(["items", "additionalProperties"])
# Where the types are that many places share: to make a hundred grammars of the same number takes long.
_PLACE = "nbchat."
_TYPES = ("string", "integer", "number", "array", "object")
_ANY: Mapping[str, Any] = {"$ref": f"#/$defs/{_PLACE}any"}


def without_remarks(schema: Any) -> Any:
    """Return a schema without what says nothing of validity: descriptions, and formats that only some readers know.

    By the standard any word may be a format, and one that a reader does not know means nothing to it.
    """

    def change(node: dict[str, Any], _: bool) -> dict[str, Any]:
        format_ = node.get("format")
        if isinstance(format_, str) and format_ not in _FORMATS:
            del node["format"]
        return {name: value for name, value in node.items() if name not in _NOTES}

    return _rewritten(schema, change)


def bounded(schema: Any, limits: Limits) -> dict[str, Any]:
    """Return a schema that allows nothing more than *schema* does, and nothing without an end.

    Objects with named members get no others; what is open to anything gets values of any type, with bounds.

    Args:
        schema: A valid schema without remarks, other than ``False``.
        limits: The bounds of strings, lists and objects.

    Example:
        >>> bounded({"type": ["string", "null"]}, Limits(text=300))["maxLength"]
        300
    """

    def change(node: dict[str, Any], joined: bool) -> dict[str, Any]:
        if not node:
            return dict(_ANY)
        kind = node.get("type")
        if node.keys() == {"type"} and kind in _TYPES:
            return {"$ref": f"#/$defs/{_PLACE}{kind}"}
        return _with_bounds(node, limits, joined)

    whole = _rewritten(schema, change)
    shared = {f"{_PLACE}{kind}": _with_bounds({"type": kind}, limits) for kind in _TYPES}
    kinds = [*({"$ref": f"#/$defs/{name}"} for name in shared), {"type": ["boolean", "null"]}]
    shared[f"{_PLACE}any"] = {"anyOf": kinds}
    return {**whole, "$defs": {**whole.get("$defs", {}), **shared}}


def _with_bounds(node: dict[str, Any], limits: Limits, joined: bool = False) -> dict[str, Any]:
    """Return a node with the bounds of its own types."""
    if not node.keys().isdisjoint(("enum", "const")):
        return node
    types = node.get("type", ())
    types = {types} if isinstance(types, str) else set(types)
    more: dict[str, Any] = {}
    if "string" in types:
        more["maxLength"] = limits.text
    if "array" in types:
        more |= {"maxItems": limits.items, "items": _ANY}
    if "integer" in types:
        more |= _WHOLE
    if "number" in types:
        more |= _DECIMAL
    # What is joined with another schema, which may have members of its own, stays open.
    joined = joined or not node.keys().isdisjoint(("allOf", "anyOf", "oneOf", "$ref"))
    if "object" in types and not joined:
        if node.keys() & {"properties", "patternProperties", "required"}:
            more["additionalProperties"] = False
        else:
            more |= {"maxProperties": limits.items, "additionalProperties": _ANY}
    return {name: value for name, value in more.items() if value is not None} | node


def _rewritten(schema: Any, change: Callable[[dict[str, Any], bool], dict[str, Any]], joined: bool = False) -> Any:
    """Return a schema after a change of each schema in it, the innermost first.

    Args:
        schema: A schema, or what stands in place of one.
        change: Gets a node, and whether it is joined with others; returns another.
        joined: Whether this node is.
    """
    if schema is True:
        schema = {}
    if not isinstance(schema, dict):
        return schema
    node = dict(schema)
    for name, value in schema.items():
        if name in _NAMED and isinstance(value, dict):
            node[name] = {key: _rewritten(part, change) for key, part in value.items()}
        elif name in _LISTED and isinstance(value, list):
            node[name] = [_rewritten(part, change, joined=name == "allOf") for part in value]
        elif name in _ALONE:
            node[name] = _rewritten(value, change)
    return change(node, joined)
