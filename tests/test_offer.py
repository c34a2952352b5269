"""What a request offers its model to call, and how it is refused."""

import pytest
from schemas import obj
from scripted import validator

from nbchat.embedded.bounds import UNBOUNDED
from nbchat.embedded.offer import read_offer
from nbchat.embedded.refusal import Refusal


def tool(name, description="Do it.", **parameters):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": obj(**parameters)}}


TOOLS = [tool("get_weather", city={"type": "string"}), tool("add", a={"type": "integer"}, b={"type": "integer"})]
NAMED = {"type": "function", "function": {"name": "add"}}


def allowed(mode, *names):
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


@pytest.mark.parametrize(
    ("fields", "names", "needed", "several"),
    [
        ({}, ["get_weather", "add"], False, True),
        ({"tool_choice": "auto"}, ["get_weather", "add"], False, True),
        ({"tool_choice": "required"}, ["get_weather", "add"], True, True),
        ({"tool_choice": "required", "parallel_tool_calls": False}, ["get_weather", "add"], True, False),
        ({"tool_choice": NAMED}, ["add"], True, True),
        ({"tool_choice": allowed("auto", "add")}, ["add"], False, True),
        ({"tool_choice": allowed("required", "add", "get_weather")}, ["add", "get_weather"], True, True),
    ],
)
def test_the_choice_says_what_may_and_must_be_called(fields, names, needed, several):
    """A choice narrows the functions, and says whether one has to be called and whether several may."""
    offer = read_offer({"tools": TOOLS, **fields})
    assert [function.name for function in offer.functions] == names
    assert (offer.needed, offer.most > 1) == (needed, several)


def test_a_small_model_calls_once_unless_asked():
    """A small model, which would call the same again and again, may do so only where several calls are asked for."""
    assert read_offer({"tools": TOOLS}, small=True).most == 1
    assert read_offer({"tools": TOOLS, "parallel_tool_calls": True}, small=True).most > 1


@pytest.mark.parametrize(
    "fields", [{}, {"tools": []}, {"tool_choice": "none"}, {"tools": TOOLS, "tool_choice": "none"}]
)
def test_nothing_may_be_offered(fields):
    """Without tools, or with the choice of none, nothing is offered."""
    assert read_offer(fields) is None


def test_no_parameters_are_no_arguments():
    """A function without parameters, or with an object of no known members, is called with none."""
    for parameters in (None, {}, {"type": "object"}):
        function = {"name": "now", "parameters": parameters}
        offer = read_offer({"tools": [{"type": "function", "function": function}]})
        assert offer.functions[0].parameters == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("fields", "param", "word"),
    [
        ({"tools": {}}, "tools", "list"),
        ({"tools": TOOLS * 65}, "tools", "128"),
        ({"tools": ["add"]}, "tools[0].type", "function"),
        ({"tools": [*TOOLS, {"type": "custom", "custom": {"name": "x"}}]}, "tools[2].type", "custom"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name", "Missing required parameter"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "Missing required parameter"),
        ({"tools": [tool("a b")]}, "tools[0].function.name", "pattern"),
        ({"tools": [tool("a" * 65)]}, "tools[0].function.name", "pattern"),
        ({"tools": [tool(5)]}, "tools[0].function.name", "pattern"),
        ({"tools": [TOOLS[0], TOOLS[0]]}, "tools[1].function.name", "get_weather"),
        ({"tools": [tool("a", description=5)]}, "tools[0].function.description", "string"),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "array"}}}]},
            "tools[0].function.parameters",
            "Invalid schema for function 'a'",
        ),
        ({"tools": TOOLS, "tool_choice": "always"}, "tool_choice", "required"),
        ({"tools": TOOLS, "tool_choice": {"type": "function"}}, "tool_choice", "names a function"),
        ({"tools": TOOLS, "tool_choice": allowed("auto")}, "tool_choice", "allowed"),
        ({"tools": TOOLS, "tool_choice": {**NAMED, "function": {"name": "sub"}}}, "tool_choice", "sub"),
        ({"tools": TOOLS, "tool_choice": allowed("auto", "sub")}, "tool_choice", "sub"),
        ({"tool_choice": "required"}, "tool_choice", "only allowed when 'tools' are specified"),
        ({"tool_choice": NAMED}, "tool_choice", "only allowed when 'tools' are specified"),
        ({"tools": TOOLS, "parallel_tool_calls": "no"}, "parallel_tool_calls", "no"),
        ({"functions": [{"name": "f"}]}, "functions", "tools"),
    ],
)
def test_what_is_malformed_is_refused_by_name(fields, param, word):
    """Tools and choices that are malformed or do not fit together are a 400 that names the place in one sentence."""
    with pytest.raises(Refusal) as caught:
        read_offer(fields)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert word in caught.value.message
    assert caught.value.message.endswith(".")
    validator("error").validate(caught.value.body())


def test_a_schema_that_no_grammar_holds_is_refused_as_the_api_does():
    """A function whose schema can't be held to is refused, with the function's and the keyword's name."""
    offer = read_offer({"tools": [TOOLS[0], tool("pick", of={"type": "array", "uniqueItems": True})]})
    with pytest.raises(Refusal) as caught:
        offer.grammar(UNBOUNDED)
    assert caught.value.param == "tools[1].function.parameters"
    assert caught.value.code == "invalid_function_parameters"
    assert "'pick'" in caught.value.message
    assert "uniqueItems" in caught.value.message
