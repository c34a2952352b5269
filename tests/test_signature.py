"""What a function can be called with, and how it is."""

import asyncio
import functools
import json
import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pydantic
import pytest
from subset import check_strict

from nbchat.errors import ConfigurationError
from nbchat.tools.misfits import Misfit
from nbchat.tools.signature import signature_of
from nbchat.tools.strict import strict_schema


@dataclass
class Spot:
    lat: float
    lon: float


def weather(city: str, unit: Literal["C", "F"] = "C", *, at: Spot | None = None) -> str:
    """Get the weather.

    Args:
        city: The city.
        unit: Of the temperature.
        at: Instead of the city.
    """
    return f"{city} {unit} {at}"


def everything(first: int, /, second: str, third=1.5, *rest: int, flag: bool = False, **more: float):
    return first, second, third, rest, flag, more


class Shop:
    """A shop."""

    def __init__(self, name: str = "corner"):
        self.name = name

    def buy(self, count: int) -> str:
        """Buy something."""
        return f"{count} from {self.name}"

    def __call__(self, question: str) -> str:
        return f"{self.name}: {question}"

    @classmethod
    def open(cls, name: str) -> "Shop":
        """Open one."""
        return cls(name)

    @staticmethod
    def tax(price: float) -> float:
        return price * 0.2


def traced(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def call(function, **given):
    bound = signature_of(function, "f").bind(given)
    return function(*bound.args, **bound.kwargs)


def schema_of_call(function):
    schema = signature_of(function, "f").schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def test_a_signature_has_a_schema():
    """Arguments are members of an object, with what their types, defaults and the docstring say."""
    assert signature_of(weather, "weather").description == "Get the weather."
    assert schema_of_call(weather) == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city."},
            "unit": {"type": "string", "enum": ["C", "F"], "description": "Of the temperature.", "default": "C"},
            "at": {
                "anyOf": [{"$ref": "#/$defs/Spot"}, {"type": "null"}],
                "description": "Instead of the city.",
                "default": None,
            },
        },
        "required": ["city"],
        "additionalProperties": False,
        "$defs": {
            "Spot": {
                "type": "object",
                "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
                "required": ["lat", "lon"],
            }
        },
    }
    check_strict(strict_schema(schema_of_call(weather)))


def test_arguments_are_checked_and_converted():
    """The function gets Python values of the types that it asked for."""
    assert call(weather, city="Rome", at={"lat": "41.9", "lon": 12}) == "Rome C Spot(lat=41.9, lon=12.0)"


def test_defaults_are_those_of_the_function():
    """What the model leaves out, or says null for, is not passed, so that Python's own default counts."""
    made = []

    def note(text: str = "none", tags: list[str] = made, count: int = 3):
        tags.append(text)
        return count

    assert call(note) == 3
    assert call(note, text=None, count=None) == 3
    assert made == ["none", "none"]


def test_every_way_to_take_an_argument_works():
    """Positional-only, starred and keyword-only arguments are all given by their names."""
    assert schema_of_call(everything) == {
        "type": "object",
        "properties": {
            "first": {"type": "integer"},
            "second": {"type": "string"},
            "third": {"type": "number", "default": 1.5},
            "rest": {"type": "array", "items": {"type": "integer"}},
            "flag": {"type": "boolean", "default": False},
        },
        "required": ["first", "second"],
        "additionalProperties": {"type": "number"},
    }
    assert call(everything, first=1, second="a") == (1, "a", 1.5, (), False, {})
    assert call(everything, first="1", second="a", rest=[2, "3"], flag=True, x=5) == (
        1,
        "a",
        1.5,
        (2, 3),
        True,
        {"x": 5.0},
    )


def test_any_further_argument_has_no_schema_of_its_own():
    """A function with bare keyword arguments takes any."""

    def f(**options):
        return options

    assert schema_of_call(f) == {"type": "object", "properties": {}, "additionalProperties": True}
    assert call(f, a=1, b=[2]) == {"a": 1, "b": [2]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, '"city" is missing (string)'),
        ({"city": "Rome", "unit": "K"}, 'unit: expected one of "C", "F", got "K"'),
        ({"city": "Rome", "when": "now"}, "no such argument: when (they are city, unit, at)"),
        ({"city": "Rome", "a": 1, "b": 2}, "no such arguments: a, b (they are city, unit, at)"),
        ({"city": ["Rome"], "unit": 5}, 'city: expected string, got ["Rome"]; unit: expected one of "C", "F", got 5'),
        ({"city": "Rome", "at": {"lat": 1}}, 'at: "lon" is missing (number)'),
    ],
)
def test_what_does_not_fit_is_said_argument_by_argument(given, words):
    """Each argument that does not fit is named, all at once."""
    with pytest.raises(Misfit) as caught:
        signature_of(weather, "weather").bind(given)
    assert str(caught.value) == words


def test_a_function_without_arguments_takes_none():
    """A function without arguments has an empty schema and refuses whatever is given."""
    assert schema_of_call(lambda: 5) == {"type": "object", "properties": {}, "additionalProperties": False}
    with pytest.raises(Misfit, match=r"no such argument: a \(there are none\)"):
        call(lambda: 5, a=1)


def test_types_are_told_by_defaults():
    """Where there is no annotation the default tells the type, and without one anything goes."""

    def f(a, b=1, c="x", d=None, e=True):
        return a

    kinds = {name: part.get("type") for name, part in schema_of_call(f)["properties"].items()}
    assert kinds == {"a": None, "b": "integer", "c": "string", "d": None, "e": "boolean"}


@pytest.mark.parametrize(
    ("thing", "given", "description", "names", "result"),
    [
        (Shop().buy, {"count": 2}, "Buy something.", ["count"], "2 from corner"),
        (Shop(), {"question": "open?"}, "A shop.", ["question"], "corner: open?"),
        (Shop.open, {"name": "x"}, "Open one.", ["name"], None),
        (Shop.tax, {"price": 5}, None, ["price"], 1.0),
        (Shop, {"name": "x"}, "A shop.", ["name"], None),
        (Spot, {"lat": 1, "lon": 2}, None, ["lat", "lon"], Spot(1.0, 2.0)),
        (functools.partial(weather, unit="F"), {"city": "Rome"}, "Get the weather.", ["city", "at"], "Rome F None"),
        (functools.partial(weather, "Oslo"), {"unit": "F"}, "Get the weather.", ["unit", "at"], "Oslo F None"),
        (functools.partial(Shop().buy, 3), {}, "Buy something.", [], "3 from corner"),
        (traced(weather), {"city": "Rome"}, "Get the weather.", ["city", "unit", "at"], "Rome C None"),
        (math.gcd, {"integers": [4, 6]}, "Greatest Common Divisor.", ["integers"], 2),
        (functools.lru_cache(weather), {"city": "Rome"}, "Get the weather.", ["city", "unit", "at"], "Rome C None"),
    ],
    ids=["method", "object", "classmethod", "static", "class", "dataclass", "partial", "bound", "partial method", "wrapped",
         "builtin", "cached"],
)  # fmt: skip
def test_whatever_can_be_called_has_a_signature(thing, given, description, names, result):
    """Methods, objects, classes, partials, wrapped functions and builtins are read like functions."""
    signature = signature_of(thing, "thing")
    assert signature.description == description
    assert list(signature.schema()["properties"]) == names
    found = call(thing, **given)
    assert result is None or found == result


def test_async_functions_and_generators_have_signatures():
    """What is to be awaited or iterated over is described like any function."""

    async def coroutine(a: int):
        return a

    def generator(a: int):
        yield a

    assert schema_of_call(coroutine) == schema_of_call(generator)
    assert asyncio.run(call(coroutine, a="3")) == 3
    assert list(call(generator, a="3")) == [3]


def test_annotations_may_be_text():
    """Annotations that are text are looked up where the function was written, and around it."""
    namespace = {"Annotated": Annotated, "Meta": msgspec.Meta}
    exec(
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from nowhere import Result\n"
        "def f(a: Annotated[int, 'how many'], b: list[str]) -> Result: ...\n",
        namespace,
    )
    assert schema_of_call(namespace["f"])["properties"] == {
        "a": {"type": "integer", "description": "how many"},
        "b": {"type": "array", "items": {"type": "string"}},
    }

    @dataclass
    class Local:
        x: int

    def g(a: "Local"):
        return Local, a

    assert call(g, a={"x": 1}) == (Local, Local(1))


def lost(a: "NoSuchThing"): ...  # noqa: F821


def prose(a: "the name of the city"): ...  # noqa: F722


def wave(a: complex): ...


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (wave, "The argument a of f: A model can't write a complex."),
        (lost, "The annotations of f can't be read: name 'NoSuchThing' is not defined."),
        (prose, "The annotations of f can't be read: "),
        (Shop.buy, "f is a method of a class, with nobody to call it on."),
        (dict.update, "f can't be a tool: Python does not know its arguments."),
        (min, "f can't be a tool: Python does not know its arguments."),
    ],
)
def test_what_can_not_be_a_tool_is_said(thing, words):
    """A function whose arguments no model can write is refused with a sentence and a hint."""
    with pytest.raises(ConfigurationError) as caught:
        signature_of(thing, "f")
    assert caught.value.message.startswith(words)
    assert caught.value.hint


def test_what_no_model_can_write_can_be_bound():
    """An argument of any type is no obstacle once it is bound."""
    bound = functools.partial(wave, a=1j)
    assert schema_of_call(bound)["properties"] == {}
    with pytest.raises(Misfit, match="no such argument: a"):
        call(bound, a=2)


def test_a_schema_is_json():
    """A schema of a call can be sent."""
    for function in (weather, everything, Shop().buy, math.gcd):
        json.dumps(signature_of(function, "f").schema(), allow_nan=False)


def test_an_argument_may_be_called_self():
    """A function that says what its argument self is, is no method."""

    def f(self: int) -> Any:
        return self

    assert call(f, self=3) == 3


def test_a_field_of_pydantics_as_default():
    """As in FastMCP, Field(…) says what an argument is, and holds its default; the function never gets the Field itself."""

    def f(
        a: int = 1,
        few: int = pydantic.Field(3, ge=0, description="How many."),
        tags: list[str] = pydantic.Field(default_factory=list),  # noqa: B008  as people write it
        name: str = pydantic.Field(min_length=1),
    ) -> Any:
        return a, few, tags, name

    schema = schema_of_call(f)
    assert schema["properties"]["few"] == {"type": "integer", "minimum": 0, "description": "How many.", "default": 3}
    assert schema["required"] == ["name"]
    assert call(f, name="x") == (1, 3, [], "x")
    call(f, name="x")[2].append("kept by nobody")
    assert call(f, few=0, name="x") == (1, 0, [], "x")
    with pytest.raises(Misfit, match="minimum 0"):
        call(f, few=-1, name="x")
