"""The subset that structured outputs allow, and what is done to keep to it."""

import jsonschema
import pytest
from subset import check_strict

from nbchat.errors import ConfigurationError
from nbchat.tools.strict import strict_schema


def member(schema, *, required=True):
    """Return the strict form of one member of an object."""
    whole = {"type": "object", "properties": {"m": schema}, "required": ["m"] if required else []}
    found = strict_schema({**whole, "$defs": {"D": {"type": "object", "properties": {}}}})
    jsonschema.Draft202012Validator.check_schema(found)
    check_strict(found)
    return found["properties"]["m"]


# What is given, and what becomes of it.
REWRITTEN = [
    ({"type": "string", "title": "M"}, {"type": "string"}),
    ({"type": "string", "maxLength": 3}, {"type": "string", "description": "At most 3 characters."}),
    (
        {"type": "string", "minLength": 1, "maxLength": 3, "description": "A code."},
        {"type": "string", "description": "A code. At least 1 characters. At most 3 characters."},
    ),
    ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
    ({"type": "string", "format": "path"}, {"type": "string", "description": "Format: path."}),
    (
        {"type": "string", "contentEncoding": "base64"},
        {"type": "string", "description": "Encoded as base64."},
    ),
    ({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^a"}),
    ({"type": "integer", "minimum": 0, "multipleOf": 2}, {"type": "integer", "minimum": 0, "multipleOf": 2}),
    ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "description": 'Examples: "a", "b".'}),
    (
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1},
        {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "No item twice."},
    ),
    (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2},
        {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "description": "In this order: string, integer.",
        },
    ),
    (
        {"type": "array", "prefixItems": [{"type": "number"}] * 2, "minItems": 2, "maxItems": 2},
        {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number"},
            "description": "In this order: number, number.",
        },
    ),
    ({"$ref": "#/$defs/D"}, {"$ref": "#/$defs/D"}),
    ({"$ref": "#"}, {"$ref": "#"}),
    ({"$ref": "#/$defs/D", "description": "d"}, {"anyOf": [{"$ref": "#/$defs/D"}], "description": "d"}),
    ({"allOf": [{"$ref": "#/$defs/D"}], "title": "D"}, {"$ref": "#/$defs/D"}),
    (
        {"oneOf": [{"type": "string"}, {"type": "integer"}], "discriminator": {"propertyName": "x"}},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    ),
    (
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "description": "d"},
        {
            "type": "object",
            "description": "d",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    ),
    ({"const": "a", "type": "string"}, {"const": "a", "type": "string"}),
]


@pytest.mark.parametrize(("given", "expected"), REWRITTEN, ids=[str(given) for given, _ in REWRITTEN])
def test_what_the_subset_lacks_is_said_in_words(given, expected):
    """A keyword outside the subset becomes a sentence of the description, and no more is lost."""
    assert member(given) == expected


# What an optional member is given as, and what becomes of it.
OPTIONAL = [
    ({"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "Null leaves it out."}),
    (
        {"type": "string", "description": "A code.", "default": "x"},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "description": 'A code. Null means the default, "x".'},
    ),
    (
        {"type": "boolean", "default": False},
        {"anyOf": [{"type": "boolean"}, {"type": "null"}], "description": "Null means the default, false."},
    ),
    (
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}], "description": "Null leaves it out."},
    ),
    (
        {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ),
    ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
    ({"type": "null"}, {"type": "null"}),
    (
        {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "x"},
        {"anyOf": [{"type": "string"}, {"type": "null"}], "description": 'The default is "x".'},
    ),
    ({"$ref": "#/$defs/D"}, {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}], "description": "Null leaves it out."}),
    (
        {"type": "string", "enum": ["a"]},
        {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}], "description": "Null leaves it out."},
    ),
]


@pytest.mark.parametrize(("given", "expected"), OPTIONAL, ids=[str(given) for given, _ in OPTIONAL])
def test_what_may_be_left_out_may_be_null(given, expected):
    """A member that is not required becomes one that is, and may be null; what null means is said."""
    assert member(given, required=False) == expected


REFUSED = [
    ({}, "it may be anything"),
    (True, "it may be anything"),
    ({"description": "d"}, "it may be anything"),
    ({"type": "object"}, "an object has to name all its members"),
    ({"type": "object", "additionalProperties": {"type": "string"}}, "an object has to name all its members"),
    ({"type": "object", "properties": {}, "additionalProperties": True}, "an object has to name all its members"),
    ({"type": "array"}, "an array has to say what its items are"),
    ({"type": "array", "items": {}}, "it may be anything"),
    ({"not": {"type": "string"}}, "not is not in the subset"),
    ({"type": "string", "if": {}, "then": {}}, "if, then is not in the subset"),
    ({"allOf": [{"type": "string"}, {"type": "string"}]}, "allOf is not in the subset"),
    ({"$ref": "https://example.org/schema"}, "it refers to https://example.org/schema"),
    ({"minimum": 3}, "it has no type"),
    ({"type": "object", "properties": {}, "patternProperties": {}}, "patternProperties is not in the subset"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED, ids=[str(given) for given, _ in REFUSED])
def test_what_can_not_be_strict_is_refused(given, words):
    """What the subset can't say at all is an error that names the part and the reason."""
    with pytest.raises(ConfigurationError) as caught:
        member(given)
    assert caught.value.message.endswith(f"{words}.")
    assert '"m"' in caught.value.message


@pytest.mark.parametrize("root", [{"type": "string"}, {"anyOf": [{"type": "object", "properties": {}}]}])
def test_the_root_is_an_object(root):
    """Only an object can be the root of a strict schema."""
    with pytest.raises(ConfigurationError, match="has to be that of an object"):
        strict_schema(root)


def test_the_given_schema_is_not_changed():
    """The schema that is given stays as it was."""
    given = {"type": "object", "properties": {"a": {"type": "string", "title": "A", "default": "x"}}, "title": "T"}
    before = repr(given)
    strict_schema(given)
    assert repr(given) == before


def nested(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"inner": schema}, "required": ["inner"]}
    return schema


def wide(properties):
    return {"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(properties)}}


def choice(values):
    return {"type": "object", "properties": {"m": {"type": "string", "enum": values}}, "required": ["m"]}


@pytest.mark.parametrize(
    ("fits", "too_much", "what"),
    [
        (nested(10), nested(11), "11 levels of objects, and 10"),
        (wide(5000), wide(5001), "5,001 properties, and 5,000"),
        (
            choice([str(n) for n in range(1000)]),
            choice([str(n) for n in range(1001)]),
            "1,001 values of enums, and 1,000",
        ),
        (choice(["x" * 119_999]), choice(["x" * 120_000]), "120,001 characters of names and values, and 120,000"),
        (choice(["x" * 100] * 250), choice(["x" * 60] * 251), "15,060 characters in one enum, and 15,000"),
    ],
    ids=["levels", "properties", "values", "characters", "enum"],
)
def test_the_limits_of_size_are_kept(fits, too_much, what):
    """What is larger than the API takes is refused before it is sent, with the figure and the limit."""
    check_strict(strict_schema(fits))
    with pytest.raises(ConfigurationError) as caught:
        strict_schema(too_much)
    assert f"{what} is the limit" in caught.value.message


def test_going_round_in_a_circle_is_no_depth():
    """A schema that contains itself is not too deep."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/N"}}}
    check_strict(
        strict_schema({"type": "object", "properties": {"first": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}})
    )
