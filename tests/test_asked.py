"""What a turn is asked."""

from __future__ import annotations

import pytest
from traitlets import TraitError

from nbchat.session.asked import what_is_asked
from nbchat.session.parameters import Parameters


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_it_is_frozen_when_it_is_asked():
    """What is asked stays as it was when it was asked, whatever becomes of the session's parameters and tools."""
    parameters, tools = Parameters(model="m", seed=1), [add]
    asked = what_is_asked(
        None, {"seed": None, "top_p": 0.5}, None, parameters=parameters, offered=tools, context="trim"
    )
    parameters.model = "other"
    tools.clear()
    assert asked.parameters == {"model": "m", "top_p": 0.5}
    assert (list(asked.tools), asked.context, asked.given) == (["add"], "trim", None)


def test_what_is_given_for_it_alone_is_known_as_it_was_given():
    """Of what is given for one turn alone, the schema of a type is sent, and the type itself is kept to ask with again."""
    asked = what_is_asked(
        None, {"response_format": list[int]}, iter([add]), parameters=Parameters(), offered=[], context="error"
    )
    assert asked.parameters["response_format"]["type"] == "json_schema"
    assert asked.overrides == {"response_format": list[int]}
    assert (asked.given, list(asked.tools)) == ((add,), ["add"])


def test_what_is_out_of_bounds():
    """A field out of its bounds is an error before there is a turn."""
    with pytest.raises(TraitError, match="temperature"):
        what_is_asked(None, {"temperature": 9}, None, parameters=Parameters(), offered=[], context="error")
