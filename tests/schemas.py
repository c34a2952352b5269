"""JSON schemas as tools and users have them, and ones that no grammar can hold."""

from __future__ import annotations

import functools
import json
from typing import Any

import jsonschema

from nbchat.embedded.grammar import Grammar
from nbchat.embedded.refusal import Refusal


def obj(*needed: str, **properties: Any) -> dict[str, Any]:
    """Make an object's schema; all its members are required if none are named."""
    return {"type": "object", "properties": properties, "required": list(needed or properties)}


def is_valid(document: str, schema: Any) -> bool:
    """Whether a text is JSON that is valid for a schema."""
    return jsonschema.Draft202012Validator(schema).is_valid(json.loads(document))


def lets_through(grammar: Grammar, text: str) -> bool:
    """Whether a grammar lets a text through to its end."""
    follower = grammar.follower()
    try:
        follower.follow(text)
        follower.end()
    except Refusal:
        return False
    return True


TEXT, WHOLE, NUMBER, YES = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
CITY = obj(name={"type": "string", "description": "Its name."}, people=WHOLE)
NODE = {"type": "object", "properties": {"value": WHOLE, "next": {"$ref": "#/$defs/Node"}}, "required": ["value"]}
CIRCLE = obj(kind={"const": "circle"}, radius=NUMBER)
SQUARE = obj(kind={"const": "square"}, side=NUMBER)

POSSIBLE: dict[str, Any] = {
    "text": obj(title=TEXT),
    "two texts": obj(title=TEXT, author=TEXT),
    "short text": obj(code={"type": "string", "minLength": 2, "maxLength": 5}),
    "long text": obj(essay={"type": "string", "minLength": 301}),
    "whole number": obj(count=WHOLE),
    "whole number with bounds": obj(age={"type": "integer", "minimum": 0, "maximum": 120}),
    "number": obj(price=NUMBER),
    "number with bounds": obj(share={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
    "large number": obj(mass={"type": "integer", "minimum": 10**17}),
    "multiple": obj(minutes={"type": "integer", "multipleOf": 15, "minimum": 0, "maximum": 90}),
    "truth": obj(raining=YES),
    "nothing": obj(gone={"type": "null"}),
    "enum": obj(unit={"enum": ["celsius", "fahrenheit"]}),
    "enum of all kinds": obj(value={"enum": [1, "one", None, True, [1], {"one": 1}]}),
    "const": obj(version={"const": "1.0"}),
    "pattern": obj(time={"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}),
    "open pattern": obj(name={"type": "string", "pattern": "[A-Z]"}),
    "date": obj(day={"type": "string", "format": "date"}),
    "formats": obj(
        at={"type": "string", "format": "date-time"}, id={"type": "string", "format": "uuid"}, ip={"format": "ipv4"}
    ),
    "format that few know": obj(path={"type": "string", "format": "file-path"}),
    "optional": obj("city", city=TEXT, country=TEXT, unit={"enum": ["c", "f"]}),
    "all optional": {"type": "object", "properties": {"a": WHOLE, "b": WHOLE}},
    "nullable": obj(name={"anyOf": [TEXT, {"type": "null"}]}, age={"type": ["integer", "null"], "default": None}),
    "union": obj(value={"anyOf": [WHOLE, TEXT, {"type": "array", "items": WHOLE, "maxItems": 3}]}),
    "list": obj(tags={"type": "array", "items": TEXT, "maxItems": 3}),
    "list of some": obj(numbers={"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 4}),
    "endless list": obj(numbers={"type": "array", "items": {"type": "integer", "maximum": 9, "minimum": 0}}),
    "list of anything": obj(things={"type": "array"}),
    "tuple": obj(point={"type": "array", "prefixItems": [NUMBER, NUMBER], "items": False, "minItems": 2}),
    "matrix": obj(rows={"type": "array", "items": {"type": "array", "items": NUMBER, "maxItems": 2}, "maxItems": 2}),
    "nested": obj(place=obj(city=CITY, at=obj(lat=NUMBER, lon=NUMBER))),
    "records": obj(cities={"type": "array", "items": CITY, "minItems": 1, "maxItems": 3}),
    "definitions": obj(cities={"type": "array", "items": {"$ref": "#/$defs/City"}, "maxItems": 2})
    | {"$defs": {"City": CITY}},
    "old definitions": {"$ref": "#/definitions/City", "definitions": {"City": CITY}},
    "reference into itself": obj("a", a=WHOLE, b={"$ref": "#/properties/a"}),
    "recursion": {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    "tagged union": obj(shape={"oneOf": [CIRCLE, SQUARE], "discriminator": {"propertyName": "kind"}}),
    "joined": {"allOf": [obj(a=WHOLE), obj(b=WHOLE)]},
    "dictionary": obj(scores={"type": "object", "additionalProperties": WHOLE}),
    "dictionary of anything": obj(data={"type": "object"}),
    "patterns of names": obj(env={"type": "object", "patternProperties": {"^[A-Z]{1,3}$": WHOLE}}),
    "closed": {**obj(a=WHOLE), "additionalProperties": False},
    "no members": {"type": "object", "properties": {}},
    "required, but unknown": {"type": "object", "required": ["name"]},
    "anything": {},
    "an object": {"type": "object"},
    "remarks": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Remarks",
        **obj(title={"type": "string", "default": "x", "examples": ["y"], "title": "T", "x-ray": 1}),
    },
    "names of all kinds": obj(**{"a b": WHOLE, 'say "hi"': WHOLE, "größe": WHOLE, "$ref": WHOLE, "\\": WHOLE}),
    "many members": obj(**{f"n{at}": {"enum": [at]} for at in range(12)}),
    "deep": functools.reduce(lambda inner, _: obj(a=inner), range(12), WHOLE),
}

# What can't be had, and a word that the refusal says.
IMPOSSIBLE: dict[str, tuple[Any, str]] = {
    "type": ({"type": "thing"}, "thing"),
    "no schema": ({"properties": [1]}, "properties"),
    "not": (obj(a={"not": TEXT}), "not"),
    "if": ({"type": "object", "if": obj(a=WHOLE), "then": obj(b=WHOLE)}, "if"),
    "unique": (obj(a={"type": "array", "uniqueItems": True}), "uniqueItems"),
    "contains": (obj(a={"type": "array", "contains": WHOLE}), "contains"),
    "dependent": ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    "names": ({"type": "object", "propertyNames": {"maxLength": 3}}, "propertyNames"),
    "look-ahead": (obj(a={"type": "string", "pattern": "(?=a)b"}), "look"),
    "back-reference": (obj(a={"type": "string", "pattern": r"(a)\1"}), "backreferences"),
    "elsewhere": (obj(a={"$ref": "https://example.org/schema"}), "example.org"),
    "nowhere": (obj(a={"$ref": "#/$defs/Nobody"}), "Nobody"),
    "overlap": (obj(a={"oneOf": [TEXT, {"type": "string", "maxLength": 3}]}), "oneOf"),
    "empty enum": (obj(a={"enum": []}), "unsatisfiable"),
    "crossed bounds": (obj(a={"type": "integer", "minimum": 5, "maximum": 2}), "unsatisfiable"),
    "crossed lengths": (obj(a={"type": "string", "minLength": 5, "maxLength": 2}), "unsatisfiable"),
    "text for a number": (obj(a={"type": "string", "maxLength": "3"}), "maxLength"),
    "never": (False, "false"),
    "large": (obj(**{f"a_long_name_for_number_{at}": WHOLE for at in range(3000)}), "characters"),
}
