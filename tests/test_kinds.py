"""What a model writes, read as the type that was asked for."""

import datetime as dt
import decimal
import enum
import json
import pathlib
import uuid
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import jsonschema
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.tools.annotations import kind_of
from nbchat.tools.misfits import Misfit
from nbchat.tools.schema import schema_of


class Unit(enum.Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Place(enum.Enum):
    ROME = (41.9, 12.5)
    OSLO = (59.9, 10.8)


@dataclass
class City:
    name: str
    population: Annotated[int, msgspec.Meta(ge=0)] = 0
    twins: list["City"] = field(default_factory=list)

    def __post_init__(self):
        if self.name == "Atlantis":
            raise ValueError("Atlantis is no city")


class Person(TypedDict):
    name: str
    age: NotRequired[int]


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Cat(msgspec.Struct, tag=True, rename="camel"):
    lives_left: int = 9


class Dog(msgspec.Struct, tag=True):
    name: str = "Rex"


class Bird(msgspec.Struct):
    name: str


class Fish(msgspec.Struct):
    name: str
    depth: float


class Order(pydantic.BaseModel):
    count: int = pydantic.Field(ge=1)
    day: dt.date | None = None

    @pydantic.field_validator("count")
    @classmethod
    def _even(cls, count):
        if count % 2:
            raise ValueError("has to be even")
        return count


class Small(pydantic.BaseModel):
    name: str


class Large(Small):
    size: int


class Open(pydantic.BaseModel, extra="allow"):
    name: str


class Knot(pydantic.BaseModel):
    next: "Knot | None" = None


Names = pydantic.RootModel[list[str]]


class Guarded(pydantic.BaseModel):
    name: str

    @classmethod
    def model_validate_json(cls, data, **options):
        if b"no" in data:
            raise ValueError("not this one")
        return super().model_validate_json(data, **options)


class Exact(pydantic.BaseModel, strict=True):
    day: dt.date


SOME = Literal["a", 3, None]  # noqa: PYI061  users write it

# Types, what is written, and what is read.
READ = [
    (str, "a", "a"),
    (str, 10115, "10115"),
    (str, 1.5, "1.5"),
    (int, 3, 3),
    (int, "3", 3),
    (int, 3.0, 3),
    (int, " 3", None),
    (float, 3, 3.0),
    (float, "3.5", 3.5),
    (bool, "true", True),
    (bool, 1, True),
    (type(None), None, None),
    (Any, {"a": [1]}, {"a": [1]}),
    (bytes, "YWJj", b"abc"),
    (dt.date, "2026-10-18", dt.date(2026, 10, 18)),
    (dt.datetime, "2026-10-18T10:00:00", dt.datetime(2026, 10, 18, 10)),
    (dt.datetime, "2026-10-18 10:00", dt.datetime(2026, 10, 18, 10)),
    (dt.time, "10:30", dt.time(10, 30)),
    (dt.timedelta, "PT90S", dt.timedelta(seconds=90)),
    (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
    (decimal.Decimal, 0.1, decimal.Decimal("0.1")),
    (decimal.Decimal, "0.10", decimal.Decimal("0.10")),
    (pathlib.Path, "a/b", pathlib.Path("a/b")),
    (Unit, "C", Unit.CELSIUS),
    (Unit, "c", Unit.CELSIUS),
    (Unit, "fahrenheit", Unit.FAHRENHEIT),
    (Size, 2, Size.LARGE),
    (Size, "2", Size.LARGE),
    (Size, 2.0, Size.LARGE),
    (Size, "small", Size.SMALL),
    (Place, "OSLO", Place.OSLO),
    (SOME, 3, 3),
    (SOME, "3", 3),
    (SOME, "A", "a"),
    (SOME, None, None),
    (Literal[1, True], True, True),
    (list[int], [1, "2", 3.0], [1, 2, 3]),
    (list[int], "[1, 2]", [1, 2]),
    (set[int], [1, 1], {1}),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (dict[int, float], {"1": 2}, {1: 2.0}),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (int | None, None, None),
    (int | str, "3", "3"),
    (int | str, 3, 3),
    (str | int, 3, 3),
    (int | bool, True, True),
    (int | None, "3", 3),
    (str | dt.date, "2026-10-18", "2026-10-18"),
    (dt.date | str, "2026-10-18", dt.date(2026, 10, 18)),
    (list[int] | int, "3", 3),
    (City, {"name": "Rome"}, City("Rome")),
    (City, '{"name": "Rome"}', City("Rome")),
    (City, {"name": "Rome", "mayor": "x"}, City("Rome")),
    (City, {"name": "Rome", "population": None}, City("Rome")),
    (City, {"name": "Rome", "twins": [{"name": "Paris"}]}, City("Rome", 0, [City("Paris")])),
    (Person, {"name": "Ann"}, {"name": "Ann"}),
    (Person, {"name": "Ann", "age": "3"}, {"name": "Ann", "age": 3}),
    (Point, {"x": 1}, Point(1.0)),
    (Point, [1, 2], Point(1.0, 2.0)),
    (Cat, {"type": "Cat", "livesLeft": 3}, Cat(3)),
    (Cat, {}, Cat(9)),
    (Cat | Dog, {"type": "Dog", "name": "Bo"}, Dog("Bo")),
    (Dog | Cat, {"type": "Cat"}, Cat()),
    (Bird | Fish, {"name": "Nemo", "depth": 5}, Fish("Nemo", 5.0)),
    (Fish | Bird, {"name": "Tweety"}, Bird("Tweety")),
    (City | Person, {"name": "Ann", "age": 3}, {"name": "Ann", "age": 3}),
    (Order, {"count": "2", "day": "2026-10-18"}, Order(count=2, day=dt.date(2026, 10, 18))),
    (Exact, {"day": "2026-10-18"}, Exact(day=dt.date(2026, 10, 18))),
    (Small | Large, {"name": "a", "size": 5}, Large(name="a", size=5)),
    (Small | Large, {"name": "a"}, Small(name="a")),
    (Large | Open, {"name": "a", "colour": "red"}, Open(name="a", colour="red")),
    (Knot | Small, {"name": "a"}, Small(name="a")),
    (Names, ["a"], Names(["a"])),
    (list[Order | None], [None, {"count": 2}], [None, Order(count=2)]),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "written", "expected"), READ, ids=[f"{a}-{w}" for a, w, _ in READ])
def test_what_is_meant_is_read(annotation, written, expected):
    """What fits becomes the value, and so does what can only be meant in one way."""
    if expected is None and written is not None:
        with pytest.raises(Misfit):
            kind_of(annotation).read(written)
        return
    found = kind_of(annotation).read(written)
    assert found == expected
    assert type(found) is type(expected)


# Types, what is written, and what is said of it.
REFUSED = [
    (int, "three", 'expected integer, got "three"'),
    (int, 3.5, "expected integer, got 3.5"),
    (int, True, "expected integer, got true"),
    (int, None, "expected integer, got null"),
    (str, True, "expected string, got true"),
    (str, ["a"], 'expected string, got ["a"]'),
    (Annotated[int, msgspec.Meta(ge=0)], -1, "expected integer (minimum 0), got -1"),
    (dt.date, "soon", 'expected string (format date), got "soon"'),
    (decimal.Decimal, "much", 'expected number, got "much"'),
    (Unit, "K", 'expected one of "C", "F", got "K"'),
    (Literal["a"], "b", 'expected "a", got "b"'),
    (SOME, True, 'expected one of "a", 3, null, got true'),
    (list[int], "x", 'expected array, got "x"'),
    (list[int], [1, "x", 2, "y"], '[1]: expected integer, got "x"; [3]: expected integer, got "y"'),
    (set[tuple[Any, ...]], [[[1]]], "the items can't be collected: unhashable type: 'list'"),
    (tuple[int, str], [1], "expected array of exactly 2 items, got [1]"),
    (dict[str, int], {"a": "x"}, 'a: expected integer, got "x"'),
    (dict[int, int], {"a": 1}, 'a: expected integer, got "a"'),
    (int | None, "x", 'expected integer or null, got "x"'),
    (City | None, {"name": 3, "population": -1}, "population: expected integer (minimum 0), got -1"),
    (City, {}, '"name" is missing (string)'),
    (City, [], "expected object (City), got []"),
    (City, {"name": "Rome", "twins": [{}]}, 'twins[0]: "name" is missing (string)'),
    (City, {"name": "Rome", "twins": [{"name": "x", "population": "y"}]},
     'twins[0].population: expected integer (minimum 0), got "y"'),
    (City, {"name": "Atlantis"}, "Atlantis is no city"),
    (Cat, {"type": "Dog"}, "type: expected 'Cat', got \"Dog\""),
    (Cat | Dog, {"type": "Cow"}, 'expected object (Cat) or object (Dog), got {"type": "Cow"}'),
    (Order, {"count": 0}, "count: Input should be greater than or equal to 1"),
    (Order, {"count": 3}, "count: Value error, has to be even"),
    (list[Order], [{}], "[0].count: Field required"),
    (Guarded, {"name": "no"}, "not this one"),
    (list[int], ["x"] * 9, "and 4 more"),
    (int, "x" * 100, f'expected integer, got "{"x" * 59}…'),
    (int, list(range(100)), "expected integer, got an array of 100 values"),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "written", "words"), REFUSED, ids=[f"{a}-{w}" for a, w, _ in REFUSED])
def test_what_does_not_fit_is_said(annotation, written, words):
    """What does not fit is told with its place, what was expected, and what came."""
    with pytest.raises(Misfit) as caught:
        kind_of(annotation).read(written)
    assert str(caught.value).endswith(words)


def test_strictly_nothing_is_guessed():
    """Read strictly, only what is written as asked fits."""
    for annotation, written in [(int, "3"), (str, 3), (Unit, "c"), (list[int], "[1]"), (City, {"name": "a", "b": 1})]:
        with pytest.raises(Misfit):
            kind_of(annotation).read(written, gently=False)


VALUES = st.one_of(
    st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False, width=16), st.booleans(), st.none(), st.text(max_size=3),
    st.sampled_from(["C", "celsius", "Cat", "3", "2026-10-18", "{}", "[1]"]),
)  # fmt: skip
KEYS = st.sampled_from(["name", "population", "twins", "type", "x", "y", "count", "livesLeft", "depth", "age"])
JSON = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
TYPES = [City, Person, Point, Cat, Cat | Dog, Bird | Fish, Order, list[int], dict[str, int], Unit, Size, int | str | None,
         tuple[int, str], set[str], Literal["a", 1], dt.date, decimal.Decimal, list[City | Person | int]]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TYPES), JSON)
def test_any_json_is_read_or_told_why_not(annotation, written):
    """Whatever a model writes, it is a value of the type or a misfit with words, never another error."""
    try:
        kind_of(annotation).read(written)
    except Misfit as caught:
        problem = caught
    else:
        return
    assert str(problem)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([kind for kind in TYPES if kind not in (Order, dt.date)]), JSON)
def test_what_the_schema_allows_is_read(annotation, written):
    """JSON that is valid for a type's schema is read as a value of the type."""
    if jsonschema.Draft202012Validator(schema_of(annotation)).is_valid(written):
        kind_of(annotation).read(written)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.builds(City, st.text(max_size=5)),
        lambda inner: st.builds(City, st.text(), st.integers(0, 9), st.lists(inner, max_size=3)),
    )
)
def test_a_written_value_is_read_back(city):
    """A value that is written as JSON is read as itself."""
    assert kind_of(City).read(json.loads(json.dumps(asdict(city)))) == city
