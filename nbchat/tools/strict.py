"""The subset of JSON Schema that OpenAI's structured outputs hold a model to.

The rules are those of the guide "Structured model outputs", section "Supported schemas"
(https://platform.openai.com/docs/guides/structured-outputs#supported-schemas, as of October 2026):

- types are string, number, boolean, integer, object, array, enum and anyOf; text may have a ``pattern`` and one of nine
  formats, numbers bounds, arrays ``minItems`` and ``maxItems``; ``$defs`` and recursion are allowed;
- the root is an object and no anyOf;
- every object says ``additionalProperties: false`` and requires all its properties: one that may be left out is a union
  with null;
- at most 5000 properties, 10 levels of objects, 1000 values of enums, 120,000 characters of names and values, and
  15,000 in one enum of more than 250;
- ``allOf``, ``not``, ``if``, ``then``, ``else``, ``dependentRequired`` and ``dependentSchemas`` are not allowed.

What can be said in words instead, as that a text has at most ten characters, becomes part of the description.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from nbchat.errors import ConfigurationError
from nbchat.tools.definitions import REF

__all__ = ["strict_schema"]

_MOST_PROPERTIES = 5000
_DEEPEST = 10
_MOST_VALUES = 1000
_MOST_CHARACTERS = 120_000
_LARGE_ENUM = 250
_LARGE_ENUM_CHARACTERS = 15_000

_KEPT = frozenset(
    {
        "type", "description", "enum", "const", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minItems", "maxItems",
    }
)  # fmt: skip
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
# What a description can say as well.
_WORDS = {
    "minLength": "At least {} characters.",
    "maxLength": "At most {} characters.",
    "format": "Format: {}.",
    "contentEncoding": "Encoded as {}.",
    "contentMediaType": "Of the type {}.",
    "uniqueItems": "No item twice.",
    "examples": "Examples: {}.",
}
_PLAIN_WORDS = frozenset({"format", "contentEncoding", "contentMediaType"})
# What says nothing that a model needs.
_SILENT = frozenset({"title", "$schema", "$id", "$comment", "discriminator", "deprecated", "readOnly", "writeOnly"})
# What is read elsewhere.
_READ = frozenset(
    {
        "default",
        "$ref",
        "$defs",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "anyOf",
        "oneOf",
        "allOf",
    }
)


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that says the same within the strict subset.

    Args:
        schema: Any JSON Schema (draft 2020-12); it is not changed.

    Raises:
        ConfigurationError: A part of it can't be said there; the error names the part.

    Example:
        >>> strict_schema({"type": "object", "properties": {"n": {"type": "integer"}}})["properties"]["n"]
        {'anyOf': [{'type': 'integer'}, {'type': 'null'}], 'description': 'Null leaves it out.'}
    """
    found = _converted(schema, "the root")
    if found.get("type") != "object":
        raise ConfigurationError("A strict schema has to be that of an object.", hint="Put it into a class or a dict.")
    definitions = schema.get("$defs", {})
    if definitions:
        found["$defs"] = {name: _converted(part, f'"{name}"') for name, part in definitions.items()}
    _check_size(found)
    return found


def _refuse(where: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where[0].upper()}{where[1:]} can't be strict: {why}.", hint="Leave strict out, or change the type."
    )


def _converted(schema: Any, where: str) -> dict[str, Any]:
    if not isinstance(schema, dict) or not schema.keys() - _SILENT - _WORDS.keys() - {"description"}:
        raise _refuse(where, "it may be anything")
    schema = _without_all_of(schema, where)
    if strange := schema.keys() - _KEPT - _WORDS.keys() - _SILENT - _READ:
        raise _refuse(where, f"{', '.join(sorted(strange))} is not in the subset")
    found = {name: value for name, value in schema.items() if name in _KEPT}
    if "$ref" in schema:
        found["$ref"] = _reference(schema["$ref"], where)
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices is not None:
        found["anyOf"] = [_converted(choice, f"choice {number} of {where}") for number, choice in enumerate(choices, 1)]
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "object" in kinds or "properties" in schema:
        found |= _object(schema, where)
    if "array" in kinds:
        found |= _array(schema, where)
    if "type" not in found and not found.keys() & {"enum", "const", "anyOf", "$ref"}:
        raise _refuse(where, "it has no type")
    if schema.get("format") in _FORMATS:
        found["format"] = schema["format"]
    return _described(found, _sentences(schema))


def _without_all_of(schema: dict[str, Any], where: str) -> dict[str, Any]:
    """Take the one schema out of an allOf of one, which some generators put around a reference."""
    if "allOf" not in schema:
        return schema
    if len(schema["allOf"]) != 1:
        raise _refuse(where, "allOf is not in the subset")
    return {**schema["allOf"][0], **{name: value for name, value in schema.items() if name != "allOf"}}


def _reference(target: str, where: str) -> str:
    if target != "#" and not target.startswith(REF):
        raise _refuse(where, f"it refers to {target}")
    return target


def _object(schema: dict[str, Any], where: str) -> dict[str, Any]:
    if "properties" not in schema or schema.get("additionalProperties", False) is not False:
        raise _refuse(where, "an object has to name all its members")
    required = schema.get("required", [])
    properties = {}
    for name, part in schema["properties"].items():
        inner = _converted(part, f'"{name}"' if where == "the root" else f'"{name}" of {where}')
        properties[name] = inner if name in required else _optional(inner, part)
    return {
        "type": schema.get("type", "object"),
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _optional(found: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Allow null, which then means that a member is left out."""
    default = json.dumps(part["default"], ensure_ascii=False) if part.get("default") is not None else None
    null = {"type": "null"}
    if "null" in found.get("type", ()) or null in found.get("anyOf", ()):
        return _described(found, [f"The default is {default}."] if default else [])
    said = {"description": found.pop("description")} if "description" in found else {}
    choices = found["anyOf"] if found.keys() == {"anyOf"} else [found]
    words = f"Null means the default, {default}." if default else "Null leaves it out."
    return _described({"anyOf": [*choices, null], **said}, [words])


def _array(schema: dict[str, Any], where: str) -> dict[str, Any]:
    if "prefixItems" in schema:
        places: list[dict[str, Any]] = []
        for number, place in enumerate(schema["prefixItems"], 1):
            inner = _converted(place, f"place {number} of {where}")
            if inner not in places:
                places.append(inner)
        return {"items": places[0] if len(places) == 1 else {"anyOf": places}}
    if "items" not in schema:
        raise _refuse(where, "an array has to say what its items are")
    return {"items": _converted(schema["items"], f"an item of {where}")}


def _sentences(schema: dict[str, Any]) -> Iterator[str]:
    """Say what the subset has no words for."""
    for name, words in _WORDS.items():
        value = schema.get(name)
        if value is None or value is False or (name == "format" and value in _FORMATS):
            continue
        values = value if name == "examples" else [value]
        said = values if name in _PLAIN_WORDS else [json.dumps(one, ensure_ascii=False) for one in values]
        yield words.format(", ".join(map(str, said)))
    if len(places := schema.get("prefixItems", ())) > 1:
        yield f"In this order: {', '.join(_name(place) for place in places)}."


def _name(schema: dict[str, Any]) -> str:
    said = (
        schema.get("description") or schema.get("type") or schema.get("$ref", "").removeprefix(REF) or "any of several"
    )
    return str(said)


def _described(found: dict[str, Any], sentences: Iterable[str]) -> dict[str, Any]:
    words = " ".join(part for part in (found.pop("description", ""), *sentences) if part)
    if not words:
        return found
    if "$ref" in found:  # beside which nothing may stand
        found = {"anyOf": [found]}
    return {**found, "description": words}


def _check_size(schema: dict[str, Any]) -> None:
    definitions: dict[str, Any] = schema.get("$defs", {})
    parts = list(_parts(schema)) + [part for definition in definitions.values() for part in _parts(definition)]
    properties = [name for part in parts for name in part.get("properties", ())]
    enums = [part["enum"] for part in parts if "enum" in part]
    values = [str(value) for enum in enums for value in enum] + [
        str(part["const"]) for part in parts if "const" in part
    ]
    characters = sum(map(len, [*properties, *definitions, *values]))
    large = [
        sum(map(len, enum))
        for enum in enums
        if len(enum) > _LARGE_ENUM and all(isinstance(value, str) for value in enum)
    ]
    for what, count, most in (
        ("properties", len(properties), _MOST_PROPERTIES),
        ("values of enums", sum(map(len, enums)), _MOST_VALUES),
        ("characters of names and values", characters, _MOST_CHARACTERS),
        ("characters in one enum", max(large, default=0), _LARGE_ENUM_CHARACTERS),
        ("levels of objects", _depth(schema, definitions, {}), _DEEPEST),
    ):
        if count > most:
            raise _refuse("this", f"it has {count:,} {what}, and {most:,} is the limit")


def _below(part: dict[str, Any]) -> list[dict[str, Any]]:
    items = [part["items"]] if "items" in part else []
    return [*part.get("properties", {}).values(), *items, *part.get("anyOf", [])]


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for below in _below(schema):
        yield from _parts(below)


def _depth(part: dict[str, Any], definitions: dict[str, Any], known: dict[str, int]) -> int:
    """Count the levels of objects; going round in a circle adds none."""
    if "$ref" in part:
        name = part["$ref"].removeprefix(REF)
        if name not in known and name in definitions:
            known[name] = 0
            known[name] = _depth(definitions[name], definitions, known)
        return known.get(name, 0)
    own = 1 if "properties" in part else 0
    return own + max((_depth(below, definitions, known) for below in _below(part)), default=0)
