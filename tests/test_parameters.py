"""The fields of a request: what each takes, what each refuses, and how each is read from text."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recordings import UNHURRIED
from scripted import ScriptedServer, validator
from traitlets import TraitError

from nbchat.client.client import Client
from nbchat.session.parameters import Field, Parameters, fields
from nbchat.session.session import Session

SCHEMA = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}}
FUNCTION = {"type": "function", "function": {"name": "get_weather"}}
DEEP: dict[str, Any] = {}
DEEP["itself"] = DEEP

# Of every field: values it takes, values it refuses with what is said about them.
GOOD: dict[str, list[Any]] = {
    "model": ["gpt-4o", "a model"],
    "temperature": [0, 2, 0.7, 1],
    "max_tokens": [1, 100_000, 5.0],
    "max_completion_tokens": [1, 100_000],
    "top_p": [0, 1, 0.5],
    "frequency_penalty": [-2, 2, 0, -0.5],
    "presence_penalty": [-2, 2, 0, 1.5],
    "stop": ["6.", ["6."], ["a", "b", "c", "d"], ("a", "b"), "\n"],
    "n": [1, 128],
    "seed": [0, -1, 2**40],
    "logprobs": [True, False],
    "top_logprobs": [0, 20],
    "tool_choice": ["none", "auto", "required", FUNCTION],
    "parallel_tool_calls": [True, False],
    "response_format": [{"type": "text"}, {"type": "json_object"}, SCHEMA],
    "reasoning_effort": ["none", "minimal", "low", "medium", "high", "xhigh"],
    "verbosity": ["low", "medium", "high"],
    "user": ["me", "a b"],
    "service_tier": ["auto", "default", "flex", "scale", "priority"],
    "extra_body": [{"top_k": 5}, {}],
}
NUMBERS = {
    "temperature": "0 and 2",
    "top_p": "0 and 1",
    "frequency_penalty": "-2 and 2",
    "presence_penalty": "-2 and 2",
}
WHOLE = {"max_tokens": "at least 1", "max_completion_tokens": "at least 1", "n": "between 1 and 128", "top_logprobs": "between 0 and 20"}  # fmt: skip
NO_NUMBER = ["0.5", True, [1], math.nan, math.inf, -math.inf, 1j, np.array([1, 2])]
BAD: list[tuple[str, str, list[Any]]] = [
    *((name, f"a number between {span}", [*NO_NUMBER, -2.01, 2.01, 10**400]) for name, span in NUMBERS.items()),
    *((name, f"a whole number {span}", [*NO_NUMBER, -1, 0.5, 1.5]) for name, span in WHOLE.items()),
    ("n", "a whole number between 1 and 128", [0, 129]),
    ("top_logprobs", "a whole number between 0 and 20", [21]),
    ("seed", "a whole number", [*NO_NUMBER, 0.5]),
    *((name, "true or false", [0, 1, "true", []]) for name in ("logprobs", "parallel_tool_calls")),
    *((name, "a text that is not empty", ["", "  ", 5, ["a"], b"a"]) for name in ("model", "user")),
    ("verbosity", "one of low, medium, high", ["", 5]),
    ("stop", "a text or a list of 1 to 4 texts", ["", [], ["a", ""], ["a"] * 5, [1], {"a": 1}, 5]),
    ("tool_choice", "a text or a dict", ["", 5, ["auto"]]),
    ("response_format", "a dict, or a type whose values a model can write", ["{}", [], 5]),
    ("extra_body", "a dict", ["{}", [], 5]),
    ("extra_body", "a dict that can be written as JSON", [{"a": ...}, {"a": {1, 2}}, {"a": math.nan}, DEEP]),
]


@pytest.mark.parametrize("name", GOOD)
def test_what_a_field_takes(name: str):
    """A value within bounds is kept as plain JSON, and None takes the field out again."""
    parameters = Parameters()
    for value in GOOD[name]:
        setattr(parameters, name, value)
        kept = parameters.to_dict()[name]
        assert kept == (list(value) if isinstance(value, tuple) else value)
        assert json.loads(json.dumps(kept)) == kept
        setattr(parameters, name, None)
        assert parameters.to_dict() == {}


@pytest.mark.parametrize(("name", "reason", "value"), [(n, r, v) for n, r, values in BAD for v in values], ids=str)
def test_what_a_field_refuses(name: str, reason: str, value: Any):
    """A value out of bounds raises at once, naming the field, the bounds and the value, and changes nothing."""
    parameters = Parameters(**{name: GOOD[name][0]})
    for attempt in (
        lambda: setattr(parameters, name, value),
        lambda: parameters.update({name: value}),
        lambda: Parameters(**{name: value}),
    ):
        with pytest.raises(TraitError) as caught:
            attempt()
        assert str(caught.value) == f"{name} must be {reason} (or None, which is not sent), not {value!r}."
    assert parameters.to_dict() == {name: GOOD[name][0]}


def test_every_field_is_tried():
    """The tables above know every field there is, in the order of declaration."""
    assert list(GOOD) == list(fields())
    assert {name for name, _, _ in BAD} | {"reasoning_effort", "service_tier"} == set(fields())


def test_numbers_of_numpy_are_numbers():
    """Numbers and texts of NumPy, which no JSON encoder knows, are kept as Python's own."""
    parameters = Parameters(
        temperature=np.float32(0.5),
        top_p=np.float64(0.25),
        frequency_penalty=Fraction(1, 2),
        presence_penalty=np.int64(1),
    )
    parameters.update({"max_tokens": np.int64(5), "n": np.uint8(3), "seed": np.float64(7), "model": np.str_("gpt")})
    kept = parameters.to_dict()
    assert kept == {
        "model": "gpt",
        "temperature": 0.5,
        "max_tokens": 5,
        "top_p": 0.25,
        "frequency_penalty": 0.5,
        "presence_penalty": 1.0,
        "n": 3,
        "seed": 7,
    }
    assert {type(value) for value in kept.values()} == {str, float, int}


def test_a_client_takes_numbers_of_numpy_too(server: ScriptedServer):
    """What NumPy makes may stand in a request as it is."""
    server.answer("ok")
    Client(server.url).chat.completions.create(
        model=np.str_("m"), messages=[{"role": "user", "content": "a"}], temperature=np.float64(0.5), seed=np.int64(7)
    )
    assert server.requests[0].json["temperature"] == 0.5
    assert server.requests[0].json["seed"] == 7


# ---- from text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model", "gpt-4o", "gpt-4o"),
        ("temperature", "0.2", 0.2),
        ("temperature", " 1 ", 1.0),
        ("temperature", "1e-1", 0.1),
        ("presence_penalty", "-1.5", -1.5),
        ("max_tokens", "200", 200),
        ("seed", "-3", -3),
        ("stop", "6.", "6."),
        ("stop", '["a", "b"]', ["a", "b"]),
        ("stop", "['a']", ["a"]),
        ("stop", "[unclosed", "[unclosed"),
        ("logprobs", "true", True),
        ("logprobs", "Off", False),
        ("parallel_tool_calls", "no", False),
        ("tool_choice", "auto", "auto"),
        ("tool_choice", json.dumps(FUNCTION), FUNCTION),
        ("response_format", '{"type": "json_object"}', {"type": "json_object"}),
        ("response_format", "{'type': 'json_object'}", {"type": "json_object"}),
        ("extra_body", '{"top_k": 5, "x": null}', {"top_k": 5, "x": None}),
        ("reasoning_effort", "high", "high"),
        # "none" is a value of these two, and "not sent" of all others
        ("reasoning_effort", "none", "none"),
        ("tool_choice", "none", "none"),
        ("temperature", "none", None),
        ("temperature", " None ", None),
        ("stop", "none", None),
        ("model", "none", None),
        ("extra_body", "none", None),
    ],
)
def test_a_value_from_text(name: str, text: str, value: Any):
    """A value is read from text as it is typed on a magic's line."""
    assert fields()[name].parse(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "warm"),
        ("temperature", "3"),
        ("temperature", "nan"),
        ("temperature", ""),
        ("max_tokens", "1.5"),
        ("max_tokens", "0"),
        ("seed", "9" * 5_000),
        ("logprobs", "maybe"),
        ("stop", "[1, 2]"),
        ("stop", "[]"),
        ("response_format", "json"),
        ("response_format", "[1]"),
        ("extra_body", '{"a":' * 100_000),
        ("extra_body", '{"a": NaN}'),
        ("extra_body", "{1: {2}}"),
        ("model", " "),
    ],
    ids=lambda value: value[:12],
)
def test_text_that_is_no_value(name: str, text: str):
    """Text that is no such value is one sentence that begins with the field."""
    with pytest.raises(TraitError, match=f"{name} must be "):
        fields()[name].parse(text)


@UNHURRIED
@given(
    st.sampled_from(sorted(GOOD)),
    st.text(max_size=30) | st.from_regex(r"[\[{(\"'-]*[\w.,:\"' ]*[\]})\"']*", fullmatch=True),
)
@example("extra_body", "{'a': -" + "-" * 3_000 + "1}")
def test_no_text_breaks_it(name: str, text: str):
    """Whatever is typed is a value of the field or one kind of error."""
    try:
        value = fields()[name].parse(text)
    except TraitError as error:
        said: Any = str(error)
    else:
        said = f"{name} must be "
        assert Parameters(**{name: value}).to_dict() == ({} if value is None else {name: value})
        json.dumps(value, allow_nan=False)
    assert said.startswith(f"{name} must be ")


# ---- several at once -----------------------------------------------------------------------------------------------


def test_update_is_all_or_none():
    """With one bad value among good ones nothing is set, and nobody is told of a change."""
    parameters = Parameters(temperature=0.5)
    seen: list[Any] = []
    parameters.observe(lambda change: seen.append((change["name"], change["new"])))
    for bad in ({"n": 0}, {"nope": 1}):
        with pytest.raises(TraitError):
            parameters.update({"temperature": 1, "top_p": 0.5, **bad, "seed": 1})
    assert (parameters.to_dict(), seen) == ({"temperature": 0.5}, [])
    parameters.update({"temperature": 1, "top_p": None})
    assert (parameters.to_dict(), seen) == ({"temperature": 1}, [("temperature", 1)])


def test_replace_unsets_the_rest():
    """replace sets what is given and takes all else out."""
    parameters = Parameters(temperature=0.5, n=2)
    parameters.replace({"n": 3})
    assert parameters.to_dict() == {"n": 3}
    parameters.replace({})
    assert parameters.to_dict() == {}


def test_an_unknown_field_is_said():
    """A field that there is not raises, with the way to send it all the same."""
    with pytest.raises(TraitError, match="no request field 'temprature'; use extra_body"):
        Parameters(temprature=1)


def test_what_was_given_is_not_shared():
    """What the caller changes later in a dict or list they gave, or were given, is not in the request."""
    body: dict[str, Any] = {"a": {"b": [1]}}
    stop = ["x"]
    parameters = Parameters(extra_body=body, stop=stop)
    body["a"]["b"].append(2)
    stop.append("y")
    parameters.to_dict()["extra_body"]["a"].clear()
    assert parameters.to_dict() == {"stop": ["x"], "extra_body": {"a": {"b": [1]}}}


def test_an_override_is_frozen_when_asked(server: ScriptedServer):
    """A dict given for one turn is that turn's as it was when it was asked."""
    server.always_answer("{}")
    chat = Session("m", base_url=server.url)
    format_: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
    first = chat.stream("a")
    second = chat.stream("b", response_format=format_)
    format_["json_schema"]["name"] = "changed"
    first.result()
    second.result()
    assert second.asked.parameters["response_format"]["json_schema"]["name"] == "a"
    assert server.requests[1].json["response_format"]["json_schema"]["name"] == "a"


def test_it_shows_what_is_set():
    """The repr is the call that makes the same again."""
    parameters = Parameters(n=2, temperature=0.5)
    assert repr(parameters) == "Parameters(temperature=0.5, n=2)"
    assert eval(repr(parameters)).to_dict() == parameters.to_dict()
    assert repr(Parameters()) == "Parameters()"


# ---- one declaration, three uses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOOD)
def test_a_declaration_says_all_that_is_needed(name: str):
    """Each field has a help of one sentence, a control, an option, and bounds that a slider can have."""
    field = fields()[name]
    assert isinstance(field, Field)
    assert field.help.endswith(".")
    assert field.option == "--" + name.replace("_", "-")
    assert field.default_value is None
    assert field.control in {"slider", "number", "choice", "switch", "tags", "text", "json"}
    if field.control == "slider":
        low, high = field.bounds
        assert low is not None
        assert high is not None
        assert field.step
        assert field.validate(None, low) == low
        assert field.validate(None, high) == high
    for choice in field.choices:
        assert field.parse(choice) == (choice == "true" if field.control == "switch" else choice)
    assert (field.flag is None) == (name not in ("model", "temperature", "n"))


def test_every_field_is_in_the_request(server: ScriptedServer):
    """With every field set, and with each of its values, the request is valid for the official schema."""
    server.always_answer("{}")
    chat = Session(base_url=server.url)
    longest = max(len(values) for values in GOOD.values())
    for number in range(longest):
        values = {name: values[number % len(values)] for name, values in GOOD.items()}
        chat.parameters.replace(values)
        chat.clear()
        chat.send("Hi")
        body = server.requests[-1].json
        validator("request").validate(body)
        extra = values.pop("extra_body")
        for name, value in {**values, **extra}.items():
            assert body[name] == (list(value) if isinstance(value, tuple) else value)
        assert "extra_body" not in body


def test_nothing_set_is_nothing_sent(server: ScriptedServer):
    """Fields that are None are not in the request at all."""
    server.answer("ok")
    Session("m", base_url=server.url).ask({"role": "user", "content": "Hi"}, streamed=False).result()
    assert server.requests[0].json == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def known() -> set[str]:
    """The fields that the official schema has for a request, wherever in its parts they are declared."""
    schema = validator("request").schema
    found: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            found.update(part.get("properties", {}))
            for rule in ("allOf", "anyOf", "oneOf"):
                for inner in part.get(rule, ()):
                    walk(inner)
            if "$ref" in part:
                walk(schema["$defs"][part["$ref"].rpartition("/")[2]])

    walk({"$ref": "#/$defs/CreateChatCompletionRequest"})
    return found


def test_every_field_is_one_of_the_apis():
    """No field is declared that the official schema of a request does not have."""
    assert set(GOOD) - {"extra_body"} <= known()
