"""How answers end: the words of servers, read."""

from __future__ import annotations

from typing import Any

import pytest

from nbchat.session.endings import asks_for_tools, cut_off, ended_because

WHOLE = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
EMPTY = {"id": "d", "type": "function", "function": {"name": "now", "arguments": ""}}
BROKEN = {"id": "e", "type": "function", "function": {"name": "add", "arguments": '{"a": 1'}}
CUSTOM = {"id": "f", "type": "custom", "custom": {"name": "vote", "input": "{yes"}}


@pytest.mark.parametrize("reason", ["length", "LENGTH", "max_tokens", "model_length", "content_filter"])
def test_an_answer_that_was_cut_off(reason: str):
    """Where a server says, in any case, that an answer was cut off, a person is told why, and no call in it is whole."""
    assert cut_off(reason) == ended_because(reason) != ""
    assert not asks_for_tools({"tool_calls": [WHOLE]}, reason)


@pytest.mark.parametrize("reason", ["stop", "STOP", "end_turn", "COMPLETE", None])
def test_an_answer_that_came_to_its_end(reason: str | None):
    """Of an answer that came to its own end nothing is said; calls in it are for the model to mend, if they are broken."""
    assert cut_off(reason) == ended_because(reason) == ""
    assert asks_for_tools({"tool_calls": [BROKEN]}, reason)


@pytest.mark.parametrize(
    ("calls", "asks"), [([WHOLE, EMPTY, CUSTOM], True), ([WHOLE, BROKEN], False), ([], False), (None, False)]
)
def test_a_word_that_nobody_knows(calls: list[dict[str, Any]] | None, asks: bool):
    """Where the word says nothing, calls that can be read are whole; the word is shown on one line."""
    assert asks_for_tools({"tool_calls": calls}, "paused") is asks
    assert ended_because("paused\nhere\x1b") == "paused here␛"


@pytest.mark.parametrize("reason", ["tool_calls", "tool_use", "TOOL_CALLS"])
def test_an_answer_that_waits_for_results(reason: str):
    """That the model asks for tools is said in one way, however servers do."""
    assert ended_because(reason) == "the model asks for tools"
    assert asks_for_tools({"tool_calls": [WHOLE]}, reason)
