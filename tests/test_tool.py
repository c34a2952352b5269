"""What makes a tool, and how it stands in a request."""

import asyncio
import functools
import inspect
import math
import pickle
from typing import Literal

import jsonschema
import pytest
from scripted import validator
from subset import check_strict

from nbchat.errors import ConfigurationError
from nbchat.tools.misfits import Misfit
from nbchat.tools.tool import Settings, Tool, as_tool, by_name, tool

DECLARED = {
    "type": "function",
    "function": {
        "name": "lookup",
        "description": "Look it up.",
        "parameters": {"type": "object", "properties": {"key": {"type": "string"}}},
        "strict": False,
    },
}


@tool
def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """Get the weather."""
    return f"20 {unit} in {city}"


@tool(name="rm", description="Remove a file.", approve=True, strict=True, timeout=30)
def delete(path: str) -> None:
    """Delete it."""


class Shop:
    @tool(approve=True)
    def buy(self, count: int = 1) -> str:
        """Buy something."""
        return f"bought {count}"

    @tool(name="open_shop")
    @classmethod
    def open(cls, name: str) -> str:
        return f"{cls.__name__} {name}"

    @tool(timeout=3)
    @staticmethod
    def tax(price: float) -> float:
        return price * 0.2


def valid(*tools):
    """Return the tools of a request that is valid for the official schema."""
    sent = [made.to_dict() for made in tools]
    validator("request").validate({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": sent})
    for one in sent:
        if one["type"] == "function":
            jsonschema.Draft202012Validator.check_schema(one["function"]["parameters"])
    return sent


def test_a_tool_stands_in_a_request_in_the_api_s_form():
    """A tool is a name, a description and the schema of its arguments."""
    assert valid(as_tool(weather)) == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Get the weather.",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "city": {"type": "string"},
                        "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
                    },
                    "required": ["city"],
                    "additionalProperties": False,
                },
            },
        }
    ]


def test_a_decorated_function_stays_a_function():
    """The decorator changes neither what a function is nor what calling it does."""
    assert weather("Rome") == "20 C in Rome"
    assert inspect.isfunction(weather)
    assert pickle.loads(pickle.dumps(weather)) is weather

    @tool
    async def later():
        return 5

    assert inspect.iscoroutinefunction(later)
    assert asyncio.run(later()) == 5


def test_settings_go_with_the_function():
    """What the decorator was told counts when the function becomes a tool."""
    made = as_tool(delete)
    assert (made.name, made.description, made.approve, made.strict, made.timeout) == (
        "rm", "Remove a file.", True, True, 30,
    )  # fmt: skip
    (sent,) = valid(made)
    assert sent["function"]["strict"] is True
    check_strict(sent["function"]["parameters"])


def test_settings_may_be_told_later():
    """What is told when a tool is made counts over the decorator, and leaves the function as it is."""
    made = as_tool(delete, Settings(name="erase", approve=False))
    assert (made.name, made.approve, made.timeout) == ("erase", False, 30)
    assert as_tool(made, Settings(timeout=5)).timeout == 5
    assert as_tool(delete).name == "rm"


def test_decorators_add_up():
    """A function that is decorated twice keeps what the second does not speak of."""

    def f():
        """Do it."""

    assert as_tool(tool(approve=True)(tool(timeout=5)(f))).timeout == 5


def test_methods_carry_their_settings():
    """Methods of any sort can be decorated in the class's body."""
    buy, opened, tax = as_tool(Shop().buy), as_tool(Shop.open), as_tool(Shop.tax)
    assert (buy.name, buy.approve, list(buy.parameters["properties"])) == ("buy", True, ["count"])
    assert (opened.name, tax.timeout) == ("open_shop", 3)
    assert buy.bind('{"count": "2"}')() == "bought 2"
    assert opened.bind({"name": "x"})() == "Shop x"
    assert Shop().buy(3) == "bought 3"
    assert Shop.tax(5) == 1.0


def test_what_can_carry_nothing_becomes_a_tool():
    """A bound method, a partial and a builtin come back as a tool that is called like them."""
    buy = tool(Shop().buy, approve=False, name="get")
    assert (type(buy), buy.name, buy.approve, buy(2)) == (Tool, "get", False, "bought 2")
    assert tool(math.gcd)(4, 6) == 2
    assert as_tool(functools.partial(delete, "x")).name == "rm"


def test_a_declared_tool_is_sent_as_it_is():
    """A dict in the API's own form has no function: it is shown to the model, and not called."""
    made = as_tool(DECLARED)
    assert valid(made) == [DECLARED]
    assert made.declared
    assert not as_tool(weather).declared
    for way in (made, lambda: made.bind("{}")):
        with pytest.raises(TypeError, match="lookup is declared only"):
            way()


def test_a_declared_tool_needs_only_a_name():
    """A declared tool without parameters takes none."""
    (sent,) = valid(as_tool({"type": "function", "function": {"name": "now"}}))
    assert sent["function"] == {"name": "now", "parameters": {"type": "object", "properties": {}}}


GRAMMAR = {"type": "grammar", "grammar": {"syntax": "lark", "definition": 'start: "yes" | "no"'}}
CUSTOM = {"type": "custom", "custom": {"name": "vote", "description": "Vote.", "format": GRAMMAR}}


def test_a_custom_tool_is_sent_as_it_was_given():
    """A custom tool of the API's goes by its name, is declared only, and is sent with all that its dict says."""
    made = as_tool(CUSTOM)
    assert (made.name, made.declared) == ("vote", True)
    assert valid(made) == [CUSTOM]
    made.to_dict()["custom"].clear()
    assert valid(made) == [CUSTOM]
    assert made.choice() == {"type": "custom", "custom": {"name": "vote"}}


def test_a_tool_of_the_server_is_sent_as_it_was_given():
    """A tool that a server has itself goes by its type; what it is can't be said beside its dict."""
    search = {"type": "web_search", "search_context_size": "low"}
    made = as_tool(search)
    assert (made.name, made.to_dict(), made.choice()) == ("web_search", search, {"type": "web_search"})
    with pytest.raises(ConfigurationError, match="web_search is sent as it was given"):
        tool(search, name="search")


def test_what_is_sent_is_a_copy():
    """Whoever changes what is sent does not change the tool."""
    made = as_tool(DECLARED)
    made.to_dict()["function"]["parameters"]["properties"].clear()
    assert valid(made) == [DECLARED]


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (lambda: 5, "lambda"),
        (Shop, "Shop"),
        (functools.partial(functools.partial(weather, "Rome"), unit="F"), "weather"),
        (type("Größe", (), {"__call__": lambda self: 5})(), "Gr_e"),
        (type("X" * 80, (), {"__call__": lambda self: 5})(), "X" * 64),
        (type("é", (), {"__call__": lambda self: 5})(), "tool"),
    ],
)
def test_every_tool_has_a_name_that_the_api_takes(thing, name):
    """A name is made of what the thing is called, of the characters that are allowed."""
    assert as_tool(thing).name == name
    valid(as_tool(thing))


@pytest.mark.parametrize("name", ["", "a b", "a" * 65, "é", "a\n", "a.b"])
def test_a_name_that_is_given_has_to_be_allowed(name):
    """A name that the API would refuse is refused at once."""
    with pytest.raises(ConfigurationError, match=r"can't be the name of a tool\. A name is 1 to 64 letters"):
        tool(name=name)
    with pytest.raises(ConfigurationError, match="can't be the name of a tool"):
        as_tool({"type": "function", "function": {"name": name}})


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (5, "A int can't be a tool."),
        ({}, "A dict that is a tool looks like"),
        ({"type": "custom", "custom": {}}, "A dict that is a tool looks like"),
        ({"type": "custom", "custom": {"name": "a b"}}, "'a b' can't be the name of a tool"),
        ({"type": "function"}, "A dict that is a tool looks like"),
        ({"type": "function", "function": {"name": 5}}, "A dict that is a tool looks like"),
        (
            {"type": "function", "function": {"name": "f", "parameters": [1]}},
            "The parameters of f have to be a JSON Schema",
        ),
    ],
)
def test_what_is_no_tool_is_refused(thing, words):
    """What can't be a tool is a sentence that says so."""
    with pytest.raises(ConfigurationError, match=words):
        as_tool(thing)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_time_out_is_more_than_nothing(timeout):
    """A tool that would have no time is refused."""
    with pytest.raises(ConfigurationError, match="can't have"):
        tool(timeout=timeout)


def test_a_function_that_can_not_be_strict_says_so():
    """A function that takes any further arguments can't be held to a schema, and the error says why."""

    @tool(strict=True)
    def f(**options): ...

    with pytest.raises(ConfigurationError, match="an object has to name all its members"):
        as_tool(f)


def test_two_tools_of_one_name_are_an_error():
    """Names are how calls find their tools; the same function twice is one tool."""
    assert list(by_name([weather, weather, Shop().buy, DECLARED])) == ["weather", "buy", "lookup"]
    with pytest.raises(
        ConfigurationError, match=r"There are two tools called weather\. Give one of them another name\."
    ):
        by_name([weather, as_tool(delete, Settings(name="weather"))])
    with pytest.raises(ConfigurationError, match="two tools called lookup"):
        by_name([DECLARED, DECLARED])


def test_a_call_is_checked():
    """A call's arguments are converted, or refused with words for the model."""
    assert as_tool(weather).bind('{"city": "Rome", "unit": "f"}')() == "20 F in Rome"
    with pytest.raises(Misfit, match='"city" is missing'):
        as_tool(weather).bind("")


def test_a_tool_tells_what_it_is():
    """The repr of a tool is its name, its arguments and what is special about it."""
    assert repr(as_tool(weather)) == "<Tool weather(city, unit)>"
    assert repr(as_tool(delete)) == "<Tool rm(path), asks first>"
    assert repr(as_tool(DECLARED)) == "<Tool lookup(key), declared>"


def test_calling_a_tool_calls_the_function():
    """Python code may call a tool like its function."""
    assert as_tool(weather)("Rome", unit="F") == "20 F in Rome"
