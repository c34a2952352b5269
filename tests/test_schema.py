"""What a model is shown of a Python type."""

import collections
import datetime as dt
import decimal
import enum
import pathlib
import typing
import uuid
from collections import abc
from dataclasses import dataclass, field
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
    Union,
)

import annotated_types
import jsonschema
import msgspec
import pydantic
import pytest
from subset import check_strict

from nbchat.errors import ConfigurationError
from nbchat.tools.schema import schema_of
from nbchat.tools.strict import strict_schema

T = TypeVar("T")


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Place(enum.Enum):
    """Where it is."""

    ROME = (41.9, 12.5)
    OSLO = (59.9, 10.8)


class Odd(enum.Enum):
    NONE = None
    HALF = 0.5
    WORD = "w"
    YES = True


@dataclass
class City:
    """A city.

    Attributes:
        name: As its people call it.
        population: In thousands.
    """

    name: str
    population: Annotated[int, msgspec.Meta(ge=0)] = 0
    twins: list["City"] = field(default_factory=list)


@dataclass
class Bare:
    x: int


class Person(TypedDict, total=False):
    name: Required[str]
    age: NotRequired[Annotated[int, "in years"]]
    home: City


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Cat(msgspec.Struct, tag=True, rename="camel"):
    lives_left: Annotated[int, msgspec.Meta(ge=0, le=9, description="of nine")] = 9
    nick: str | msgspec.UnsetType = msgspec.UNSET


class Dog(msgspec.Struct, tag=True):
    name: str


class Address(pydantic.BaseModel):
    street: str = pydantic.Field(min_length=1, description="with the number")


class Customer(pydantic.BaseModel):
    name: str
    address: Address
    friends: list["Customer"] = []


@dataclass
class Box(Generic[T]):
    content: T
    label: str = ""


@dataclass
class Everything:
    unit: Unit
    person: Person
    point: Point
    pet: Cat | Dog
    customer: Customer
    box: Box[int]
    when: dt.datetime
    many: dict[str, list[City | None]]


UserId = NewType("UserId", int)

# Types, and what they are in JSON Schema.
PLAIN = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (None, {"type": "null"}),
    (Any, {}),
    (object, {}),
    (bytes, {"type": "string", "contentEncoding": "base64"}),
    (dt.date, {"type": "string", "format": "date"}),
    (dt.datetime, {"type": "string", "format": "date-time"}),
    (dt.time, {"type": "string", "format": "time"}),
    (dt.timedelta, {"type": "string", "format": "duration"}),
    (uuid.UUID, {"type": "string", "format": "uuid"}),
    (decimal.Decimal, {"type": "number"}),
    (pathlib.Path, {"type": "string"}),
    (UserId, {"type": "integer"}),
    (T, {}),
    (typing.LiteralString, {"type": "string"}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["b", 3, None], {"type": ["string", "integer", "null"], "enum": ["b", 3, None]}),  # noqa: PYI061
    (Literal[Unit.C], {"type": "string", "enum": ["celsius"]}),
    (Unit, {"type": "string", "enum": ["celsius", "fahrenheit"]}),
    (Size, {"type": "integer", "enum": [1, 2]}),
    (Place, {"type": "string", "enum": ["ROME", "OSLO"]}),
    (Odd, {"type": ["null", "number", "string", "boolean"], "enum": [None, 0.5, "w", True]}),
    (list, {"type": "array"}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (typing.List[int], {"type": "array", "items": {"type": "integer"}}),  # noqa: UP006  users write it
    (abc.Sequence[str], {"type": "array", "items": {"type": "string"}}),
    (collections.deque[str], {"type": "array", "items": {"type": "string"}}),
    (set[int], {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}),
    (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
    (
        tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
    ),
    (dict, {"type": "object", "additionalProperties": True}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (
        dict[Unit, int],
        {
            "type": "object",
            "propertyNames": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "additionalProperties": {"type": "integer"},
        },
    ),
    (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045  users write it
    (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (Union[str, dt.date], {"anyOf": [{"type": "string"}, {"type": "string", "format": "date"}]}),  # noqa: UP007
    (int | Any, {}),
    (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
    (Annotated[int, msgspec.Meta(ge=0, description="how many")], {"type": "integer", "minimum": 0, "description": "how many"}),
    (Annotated[int, pydantic.Field(gt=0, description="how many")], {"type": "integer", "exclusiveMinimum": 0, "description": "how many"}),
    (Annotated[float, annotated_types.Interval(ge=0, lt=1)], {"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
    (Annotated[str, annotated_types.Len(1, 3)], {"type": "string", "minLength": 1, "maxLength": 3}),
    (Annotated[str, pydantic.Field(pattern="^a")], {"type": "string", "pattern": "^a"}),
    (Annotated[list[int], annotated_types.MinLen(2)], {"type": "array", "minItems": 2, "items": {"type": "integer"}}),
    (Annotated[int | None, annotated_types.Ge(0)], {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}),
    (Annotated[Annotated[int, annotated_types.Ge(0)], "how many"], {"type": "integer", "minimum": 0, "description": "how many"}),
    (Annotated[decimal.Decimal, annotated_types.Ge(0)], {"type": "number", "minimum": 0}),
    (Annotated[str, msgspec.Meta(examples=["x"], extra_json_schema={"format": "email"})], {"type": "string", "format": "email", "examples": ["x"]}),
    (Annotated[int, ...], {"type": "integer"}),
]  # fmt: skip
CLASSES = [
    City,
    Person,
    Point,
    Cat,
    Cat | Dog,
    Customer,
    Box[int],
    Box[Box[str]],
    Everything,
    list[City],
    dict[str, Person],
]


def valid(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@pytest.mark.parametrize(("annotation", "expected"), PLAIN, ids=[str(annotation) for annotation, _ in PLAIN])
def test_a_type_has_its_schema(annotation, expected):
    """Each type is what JSON Schema calls it, with its bounds and its description."""
    assert valid(schema_of(annotation)) == expected


@pytest.mark.parametrize("annotation", CLASSES, ids=str)
def test_classes_have_valid_schemas(annotation):
    """The schema of every class is valid JSON Schema 2020-12, and all that it refers to is there."""
    schema = valid(schema_of(annotation))
    jsonschema.Draft202012Validator(schema).is_valid({})  # which looks up each reference it meets
    assert "$ref" not in schema


def test_a_dataclass_is_told_with_its_docstring():
    """A dataclass's docstring describes it and its members; it may contain itself."""
    assert schema_of(City) == {
        "description": "A city.",
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "As its people call it."},
            "population": {"type": "integer", "minimum": 0, "description": "In thousands.", "default": 0},
            "twins": {"type": "array", "items": {"$ref": "#/$defs/City"}},
        },
        "required": ["name"],
        "$defs": {
            "City": {
                "description": "A city.",
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": "As its people call it."},
                    "population": {"type": "integer", "minimum": 0, "description": "In thousands.", "default": 0},
                    "twins": {"type": "array", "items": {"$ref": "#/$defs/City"}},
                },
                "required": ["name"],
            }
        },
    }


def test_what_python_makes_up_is_no_description():
    """The docstring that Python writes for a dataclass itself is not told."""
    assert "description" not in schema_of(Bare)


def test_typed_dicts_may_have_annotations_that_are_text():
    """Required and NotRequired count in annotations that are text, too."""

    class Text(TypedDict):
        name: str
        age: "NotRequired[int]"
        home: "Annotated[NotRequired[str], 'where']"

    assert schema_of(Text)["required"] == ["name"]


def test_typed_dicts_say_what_is_required():
    """Required and NotRequired count, also where a class says otherwise as a whole."""
    schema = schema_of(Person)
    assert schema["required"] == ["name"]
    assert schema["properties"]["age"] == {"type": "integer", "description": "in years"}


def test_a_named_tuple_is_an_object():
    """A named tuple's values have names in JSON, too."""
    assert schema_of(Point) == {
        "type": "object",
        "properties": {"x": {"type": "number"}, "y": {"type": "number", "default": 0.0}},
        "required": ["x"],
    }


def test_a_struct_keeps_its_names_and_its_tag():
    """A Struct is written under the names and with the tag that msgspec gives it."""
    assert schema_of(Cat) == {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["Cat"]},
            "livesLeft": {"type": "integer", "minimum": 0, "maximum": 9, "description": "of nine", "default": 9},
            "nick": {"type": "string"},
        },
        "required": ["type"],
    }


def test_pydantic_models_bring_their_own_schema():
    """A pydantic model is described as it describes itself, alone, within other types and within itself."""
    assert schema_of(Address) == Address.model_json_schema()
    schema = valid(schema_of(list[Customer | Address]))
    customer, address = {"name": "a", "address": {"street": "b"}}, {"street": "c"}
    jsonschema.validate([{**customer, "friends": [customer]}, address], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{**customer, "friends": [{**customer, "address": {"street": ""}}]}], schema)


def test_pydantic_dataclasses_are_known():
    """A dataclass of pydantic's is described with its own bounds."""

    @pydantic.dataclasses.dataclass
    class Order:
        count: int = pydantic.Field(ge=1)

    assert schema_of(Order)["properties"]["count"]["minimum"] == 1
    assert schema_of(Order)["required"] == ["count"]


def test_two_classes_of_one_name_are_two_definitions():
    """Classes that are called alike are told apart, pydantic's with what they bring along, too."""

    def make(kind):
        @dataclass
        class Item:
            value: kind

        return Item

    def model(kind):
        inner = pydantic.create_model("Item", value=(kind, ...))
        return pydantic.create_model("Outer", item=(inner, ...))

    schema = valid(schema_of(tuple[make(int), make(str), model(int), model(str)]))
    jsonschema.validate([{"value": 1}, {"value": "a"}, {"item": {"value": 1}}, {"item": {"value": "a"}}], schema)
    for wrong in (
        [{"value": "a"}],
        [{"value": 1}, {"value": 1}],
        [{"value": 1}, {"value": ""}, {"item": {"value": ""}}],
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate([*wrong, *[{}] * (4 - len(wrong))], schema)


def test_a_class_met_twice_is_defined_once():
    """Every class has one definition, however often it occurs."""
    schema = schema_of(tuple[Bare, list[Bare], Customer, Customer])
    assert sorted(schema["$defs"]) == ["Address", "Bare", "Customer", "Customer_2"]


def test_generic_classes_are_filled_in():
    """The variables of a generic class are those types that it is given."""
    assert schema_of(Box[int])["properties"]["content"] == {"type": "integer"}
    assert schema_of(Box[list[str]])["properties"]["content"] == {"type": "array", "items": {"type": "string"}}
    assert schema_of(Box)["properties"]["content"] == {}


class Alias:
    """What `type Name = …` makes, from Python 3.12 on."""

    def __init__(self, value=None):
        self.__value__ = value


def test_names_of_types_are_the_types():
    """An alias is what it stands for, and a variable is its bound or its constraints."""
    assert schema_of(list[Alias(int)]) == {"type": "array", "items": {"type": "integer"}}
    assert schema_of(TypeVar("B", bound=str)) == {"type": "string"}
    assert schema_of(TypeVar("C", int, str)) == {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def test_an_alias_of_itself_is_refused():
    """Only classes have a name by which a schema can refer to them."""
    endless = Alias()
    endless.__value__ = list[endless]
    with pytest.raises(ConfigurationError, match="A type that contains itself has to be a class"):
        schema_of(endless)


def test_defaults_that_json_can_not_say_are_left_out():
    """A default is told only where it is a value that the schema allows."""

    @dataclass
    class Odd:
        place: Place = Place.ROME
        path: pathlib.Path = pathlib.Path("x")
        number: float = float("nan")
        nothing: int = None
        unit: Unit = Unit.F
        choice: tuple[int, int] = (1, 2)

    told = {name: part.get("default", "untold") for name, part in schema_of(Odd)["properties"].items()}
    assert told == {
        "place": "untold", "path": "untold", "number": "untold", "nothing": "untold", "unit": "fahrenheit",
        "choice": [1, 2],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (complex, "A model can't write a complex."),
        (abc.Callable, "A model can't write a Callable."),
        (list[complex], "A model can't write a complex."),
        (5, "5 is not a type whose values a model can write."),
        (Literal[b"x"], "What this Literal lists can't be written in JSON."),
        (Annotated[str, annotated_types.Ge(0)], "The bounds {'ge': 0} are not for this type"),
        (Annotated[int, annotated_types.Ge(0), annotated_types.Gt(0)], "The bounds {'ge': 0, 'gt': 0} can't hold together"),
        (Annotated[str | None, annotated_types.Ge(0)], "The bounds {'ge': 0} are for none of these types."),
        (enum.Enum("Empty", []), "The enumeration Empty has no members."),
    ],
)  # fmt: skip
def test_what_no_model_can_write_is_refused(annotation, words):
    """A type without JSON, or with impossible bounds, is a sentence that names it."""
    with pytest.raises(ConfigurationError) as caught:
        schema_of(annotation)
    assert caught.value.message.startswith(words)


def test_a_member_that_can_not_be_written_is_named():
    """What is wrong within a class is told with the member's and the class's name."""

    @dataclass
    class Wave:
        amplitude: complex

    @dataclass
    class Lost:
        twin: "NoSuchClass"  # noqa: F821

    with pytest.raises(ConfigurationError) as caught:
        schema_of(Wave)
    assert caught.value.message == "amplitude of Wave: A model can't write a complex."
    assert "functools.partial" in caught.value.hint
    with pytest.raises(ConfigurationError, match="The annotations of Lost can't be read: name 'NoSuchClass' is not"):
        schema_of(Lost)


@pytest.mark.parametrize("annotation", [City, Point, Cat, Customer, Person, Box[int]], ids=str)
def test_classes_can_be_strict(annotation):
    """The strict schema of a class is within the subset, and valid."""
    check_strict(valid(schema_of(annotation, strict=True)))


def test_strict_says_which_part_can_not_be():
    """What can't be held to a schema is named by its place."""

    @dataclass
    class Report:
        city: City
        notes: dict[str, int]

    with pytest.raises(ConfigurationError, match='"notes" can\'t be strict: an object has to name all its members'):
        schema_of(Report, strict=True)


@pytest.mark.parametrize(("annotation", "_"), PLAIN, ids=[str(annotation) for annotation, _ in PLAIN])
def test_every_plain_type_is_strict_or_refused(annotation, _):
    """As a member, a type has a strict schema within the subset, or is refused with a sentence."""
    member = schema_of(annotation)
    for required in (["value"], []):
        schema = {"type": "object", "properties": {"value": member}, "required": required}
        try:
            found = strict_schema(schema)
        except ConfigurationError as caught:
            problem = caught
        else:
            check_strict(valid(found))
            continue
        assert "can't be strict" in problem.message
