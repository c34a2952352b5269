"""Answers in a form that was asked for."""

import datetime as dt
import enum
import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

import jsonschema
import msgspec
import pydantic
import pytest
from scripted import validator
from subset import check_strict

from nbchat.errors import AnswerFormatError, ConfigurationError
from nbchat.tools.structured import Format, format_of


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


@dataclass
class City:
    """A city."""

    name: str
    population: Annotated[int, msgspec.Meta(ge=0)] = 0
    twins: list["City"] = field(default_factory=list)


class Person(TypedDict):
    name: str
    born: dt.date


class Cat(msgspec.Struct):
    lives: int


class Order(pydantic.BaseModel):
    count: int = pydantic.Field(ge=1)
    note: str | None = None


Names = pydantic.RootModel[list[str]]

# Types, what a model answers, and what is parsed out of it.
FORMS = [
    (City, '{"name": "Rome", "population": 3, "twins": null}', City("Rome", 3)),
    (Person, '{"name": "Ann", "born": "2000-01-02"}', {"name": "Ann", "born": dt.date(2000, 1, 2)}),
    (Cat, '{"lives": 9}', Cat(9)),
    (Order, '{"count": 2, "note": null}', Order(count=2)),
    (list[City], '{"items": [{"name": "Rome", "population": null, "twins": []}]}', [City("Rome")]),
    (list[int], '{"items": [1, 2]}', [1, 2]),
    (tuple[str, int], '{"items": ["a", 1]}', ("a", 1)),
    (Names, '{"items": ["a"]}', Names(["a"])),
    (Unit, '{"value": "celsius"}', Unit.C),
    (Literal["yes", "no"], '{"value": "yes"}', "yes"),
    (int, '{"value": 5}', 5),
    (City | Cat, '{"value": {"lives": 9}}', Cat(9)),
    (City | None, '{"value": null}', None),
]
# Those that can't be strict.
LOOSE = [
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (dict, '{"a": [1]}', {"a": [1]}),
    (list[dict], '{"items": [{"a": 1}]}', [{"a": 1}]),
    (Any, '{"value": [1]}', [1]),
]


def sent(form):
    """Return what is sent of a form, in a request that is valid for the official schema."""
    found = form.to_dict()
    message = {"role": "user", "content": "Hi"}
    validator("request").validate({"model": "m", "messages": [message], "response_format": found})
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.parametrize(("wanted", "answer", "value"), FORMS, ids=[str(wanted) for wanted, _, _ in FORMS])
def test_a_type_is_a_strict_schema_and_a_value(wanted, answer, value):
    """A type is sent as a strict schema, which the answer obeys, and comes back as a value of the type."""
    form = format_of(wanted)
    inner = sent(form)["json_schema"]
    jsonschema.Draft202012Validator.check_schema(inner["schema"])
    check_strict(inner["schema"])
    jsonschema.validate(json.loads(answer), inner["schema"])
    assert inner["strict"] is True
    parsed = form.parse(answer)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(("wanted", "answer", "value"), LOOSE, ids=[str(wanted) for wanted, _, _ in LOOSE])
def test_what_can_not_be_strict_is_asked_for_without(wanted, answer, value):
    """A type outside the strict subset is sent as a schema that the server need not enforce, unless strict is insisted on."""
    form = format_of(wanted)
    inner = sent(form)["json_schema"]
    jsonschema.Draft202012Validator.check_schema(inner["schema"])
    jsonschema.validate(json.loads(answer), inner["schema"])
    assert inner["strict"] is False
    assert form.parse(answer) == value
    with pytest.raises(ConfigurationError, match="can't be strict"):
        format_of(wanted, strict=True)


def test_strict_may_be_declined():
    """Without strictness the schema is that of the type, with what is optional left optional."""
    inner = sent(format_of(City, strict=False))["json_schema"]
    assert inner["strict"] is False
    assert inner["schema"]["required"] == ["name"]


@pytest.mark.parametrize(
    ("wanted", "given", "name"),
    [(City, None, "City"), (list[City], None, "answer"), (Names, None, "RootModel_list_str"), (City, "towns", "towns")],
)
def test_a_schema_has_a_name(wanted, given, name):
    """A schema is called like its class, or as is asked for."""
    assert sent(format_of(wanted, name=given))["json_schema"]["name"] == name


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [{"name": "Rome"}]}',
        '```json\n{"items": [{"name": "Rome"}]}\n```',
        'Here they are:\n\n```\n{"items": [{"name": "Rome"}]}\n```\nEnjoy!',
        'Sure: {"items": [{"name": "Rome"}]}. Anything else?',
        '[{"name": "Rome"}]',
        '[{"name": "Rome", "mayor": "x", "population": "0"}]',
    ],
)
def test_answers_of_models_that_are_not_held_to_it_are_read(text):
    """A fence, sentences around it, and a list without its object do no harm."""
    assert format_of(list[City]).parse(text) == [City("Rome")]


@pytest.mark.parametrize(
    ("wanted", "text", "words"),
    [
        (City, '{"population": -1}', 'The answer does not fit: "name" is missing (string); population: expected integer (minimum 0), got -1.'),
        (City, "Rome", "The answer is not JSON (Expecting value: line 1 column 1 (char 0)): 'Rome'."),
        (City, "", "The answer is not JSON (it is empty): ''."),
        (City, '{"name": "Ro', "The answer is not JSON (Unterminated string starting at: line 1 column 10 (char 9)): '{\"name\": \"Ro'."),
        (City, "x" * 100, f"The answer is not JSON (Expecting value: line 1 column 1 (char 0)): '{'x' * 80}…'."),
        (list[City], '{"items": [{}]}', 'The answer does not fit: [0]: "name" is missing (string).'),
        (list[City], '{"cities": []}', 'The answer does not fit: expected an object with the member "items".'),
        (Unit, '{"value": "kelvin"}', 'The answer does not fit: expected one of "celsius", "fahrenheit", got "kelvin".'),
        (Order, '{"count": 0}', "The answer does not fit: count: Input should be greater than or equal to 1."),
        ({"type": "json_object"}, "no", "The answer is not JSON (Expecting value: line 1 column 1 (char 0)): 'no'."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(wanted, text, words):
    """An answer that does not fit is an error that keeps it, and says what to mend."""
    with pytest.raises(AnswerFormatError) as caught:
        format_of(wanted).parse(text)
    assert caught.value.message == words
    assert caught.value.text == text
    assert caught.value.kind == "format"


SCHEMA = {"type": "object", "title": "A town", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.mark.parametrize(
    "given",
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "town", "schema": SCHEMA, "strict": False, "description": "A town."}},
        {"type": "json_schema", "json_schema": {"name": "town"}},
    ],
)  # fmt: skip
def test_the_api_s_own_form_is_sent_as_it_is(given):
    """A dict in the API's form is sent unchanged, as a copy."""
    form = format_of(given)
    assert sent(form) == given
    form.to_dict().clear()
    assert sent(form) == given


def test_the_api_s_own_form_is_parsed_as_json():
    """Where no type is known, the answer is the JSON that it is; a text stays one."""
    assert format_of({"type": "json_object"}).parse('{"a": 1}') == {"a": 1}
    assert format_of({"type": "json_schema", "json_schema": {"name": "a"}}).parse("[1]") == [1]
    assert format_of({"type": "text"}).parse("hello") == "hello"


def test_a_json_schema_is_a_form():
    """A dict that is a JSON Schema is sent as one, strict where it can be."""
    form = format_of(SCHEMA)
    inner = sent(form)["json_schema"]
    assert (inner["name"], inner["strict"]) == ("A_town", True)
    check_strict(inner["schema"])
    assert form.parse('{"name": "Rome"}') == {"name": "Rome"}
    assert format_of({**SCHEMA, "patternProperties": {}}).strict is False


def test_a_form_is_its_own_form():
    """What is a form already stays it."""
    form = format_of(City)
    assert isinstance(form, Format)
    assert format_of(form) is form


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "A response_format is a type, a JSON Schema, or a dict like"),
        ({"name": "x"}, "A response_format is a type, a JSON Schema, or a dict like"),
        ({"type": "json_schema"}, "A response_format with a schema looks like"),
        (5, "5 is not a type"),
        ("json_object", "'json_object' is not a type"),
        (complex, "A model can't write a complex."),
    ],
)
def test_what_is_no_form_is_refused(wanted, words):
    """What says no form is a sentence that says so."""
    with pytest.raises(ConfigurationError, match=words):
        format_of(wanted)


def test_an_answer_is_seen_while_it_comes():
    """While an answer streams, what it says so far is there, out of the object that the API wants around it."""
    watch = format_of(list[City]).watch()
    text = ""
    seen = []
    for piece in ['{"it', 'ems": [{"na', 'me": "Ro', 'me"}, ', '{"name": "P', '"}]}']:
        text += piece
        seen.append(json.loads(json.dumps(watch.read(text))))
    assert seen == [
        None, [{}], [{"name": "Ro"}], [{"name": "Rome"}], [{"name": "Rome"}, {"name": "P"}], [{"name": "Rome"}, {"name": "P"}],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "text", "value"),
    [
        (City, 'Sure [1]: {"name": "Ro', {"name": "Ro"}),
        (City, "", None),
        (City, "no", None),
        (list[int], "[1, 2", None),
        (Unit, '{"value": "cel', "cel"),
        ({"type": "json_object"}, '[{"a": 1', [{}]),
        ({"type": "text"}, "hel", "hel"),
    ],
)
def test_a_partial_answer_never_fails(wanted, text, value):
    """Whatever has come, a look at it is a value or nothing."""
    assert format_of(wanted).partial(text) == value
