"""A checker of the subset of JSON Schema that OpenAI's structured outputs allow, written from their guide alone.

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas, as of October 2026.
"""

from __future__ import annotations

from typing import Any

TYPES = {"string", "number", "boolean", "integer", "object", "array", "null"}
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"pattern", "format"},
    "number": {"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"},
    "boolean": set(),
    "null": set(),
}
KEYWORDS["integer"] = KEYWORDS["number"]


def check_strict(schema: dict[str, Any]) -> None:
    """Assert that a schema is within the subset."""
    assert schema["type"] == "object"
    assert "anyOf" not in schema
    definitions = schema.get("$defs", {})
    found: dict[str, list[Any]] = {"properties": [], "values": []}
    for part in ({k: v for k, v in schema.items() if k != "$defs"}, *definitions.values()):
        _check(part, definitions, found)
    assert len(found["properties"]) <= 5000
    assert len(found["values"]) <= 1000
    assert sum(len(str(word)) for word in [*found["properties"], *found["values"], *definitions]) <= 120_000
    assert _levels(schema, definitions, ()) <= 10


def _check(part: Any, definitions: dict[str, Any], found: dict[str, list[Any]]) -> None:
    assert isinstance(part, dict)
    if "$ref" in part:
        assert part.keys() == {"$ref"}
        assert part["$ref"] == "#" or part["$ref"].removeprefix("#/$defs/") in definitions
        return
    allowed = {"description", "type", "enum", "const"}
    if "anyOf" in part:
        allowed = {"description", "anyOf"}
        for choice in part["anyOf"]:
            _check(choice, definitions, found)
    else:
        types = part["type"] if isinstance(part["type"], list) else [part["type"]]
        assert set(types) <= TYPES
        assert len(set(types)) == len(types) > 0
        allowed = allowed.union(*(KEYWORDS[kind] for kind in types))
    assert part.keys() <= allowed, part
    assert part.get("format", "date") in FORMATS
    if "enum" in part:
        found["values"] += part["enum"]
        if len(part["enum"]) > 250:
            assert sum(map(len, part["enum"])) <= 15_000
    if part.get("type") == "object":
        assert part["additionalProperties"] is False
        assert part["required"] == list(part["properties"])
        found["properties"] += part["properties"]
        for inner in part["properties"].values():
            _check(inner, definitions, found)
    if part.get("type") == "array":
        _check(part["items"], definitions, found)


def _levels(part: dict[str, Any], definitions: dict[str, Any], path: tuple[str, ...]) -> int:
    name = part.get("$ref", "").removeprefix("#/$defs/")
    if name:
        return 0 if name in path or name == "#" else _levels(definitions[name], definitions, (*path, name))
    inner = [
        *part.get("properties", {}).values(),
        *part.get("anyOf", ()),
        *([part["items"]] if "items" in part else ()),
    ]
    return (part.get("type") == "object") + max((_levels(below, definitions, path) for below in inner), default=0)
