"""Calls of tools as a person reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbchat.session.calls import ShownCall, call_answered, calls_at
from nbchat.session.conversation import Node
from nbchat.session.export import markdown_of


def shown(arguments: Any, name: str = "f") -> ShownCall:
    return ShownCall("c", name, arguments if isinstance(arguments, str) else json.dumps(arguments), "done")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("", "f()"),
        ("{}", "f()"),
        ({"city": "Rome", "days": 2, "exact": None}, 'f(city="Rome", days=2, exact=null)'),
        ({"not a name": [1, {"a": 2}]}, 'f("not a name"=[1, {"a": 2}])'),
        ({"big": 12345678901234567890}, "f(big=12345678901234567890)"),
        ({"text": "two\nlines"}, r'f(text="two\nlines")'),
        ('{"broken": ', 'f({"broken":)'),
        ({"long": "x" * 200}, 'f(long="' + "x" * 63 + "…)"),
        ({"sign": "a\u202eb\x1b[2J\u2028c"}, 'f(sign="a\ufffdb\\u001b[2J c")'),
    ],
)
def test_on_one_line(arguments: Any, line: str):
    """A call reads as Python has calls, on one line, with its values as they are and nothing in it that misleads the eye."""
    assert shown(arguments).line == line


def test_a_name_is_no_place_to_hide():
    """A name that no tool has is cut, and stays on its line."""
    assert shown("{}", "a\nb\u202e" + "c" * 100).line == "a b\ufffd" + "c" * 60 + "()"


def test_in_full():
    """Each argument has a line; a text of several lines is indented, so that no line of it looks like another argument."""
    assert shown({"path": "a.txt", "text": "first\npath: b.txt\n\nlast", "n": 1}).in_full == (
        'path: "a.txt"\ntext:\n    first\n    path: b.txt\n    \n    last\nn: 1'
    )
    assert shown({"a": ["x\u2028b: 1"]}).in_full == 'a:\n    ["x\n    b: 1"]'
    assert shown("not { JSON\x1b").in_full == "not { JSON␛"
    assert shown("").in_full == ""


def test_what_is_nested_too_deeply_is_shown_all_the_same():
    """Arguments that nobody can lay out do not hinder what shows them."""
    depth = 5_000
    assert shown('{"a": ' + "[" * depth + "]" * depth + "}").line.startswith("f(")


@pytest.mark.parametrize(
    ("state", "seconds", "words"),
    [
        ("pending", None, "no result yet"),
        ("asking", None, "asks to be allowed"),
        ("running", 2.04, "running for 2.0 s"),
        ("done", 0.0123, "done in 12 ms"),
        ("failed", 75.2, "failed after 75 s"),
        ("failed", None, "failed"),
        ("refused", 0.1, "not allowed"),
        ("cancelled", 0.1, "stopped"),
        ("unrun", None, "cut off, not called"),
    ],
)
def test_how_it_stands(state: Any, seconds: float | None, words: str):
    """How a call stands is said in words, with the time where there is one to tell."""
    assert ShownCall("c", "f", "", state, seconds).how == words


def asks(*identifiers: str, status: Any = "done", finish: str | None = "tool_calls") -> Node:
    made = [
        {"id": made, "type": "function", "function": {"name": f"tool_{made}", "arguments": '{"a": 1}'}}
        for made in identifiers
    ]
    message = {"role": "assistant", "content": None, "tool_calls": made}
    return Node("n", None, message, "t", status=status, finish_reason=finish, model="m")


def gives(identifier: str, text: str, status: Any = "done", duration: float | None = 0.5) -> Node:
    message = {"role": "tool", "tool_call_id": identifier, "content": text}
    return Node(identifier, "n", message, "t", status=status, duration=duration)


def test_results_belong_to_their_calls():
    """Calls have the results that follow them, by their identifiers; later ones of the same identifier are not theirs."""
    path = [asks("a", "b"), gives("b", "no", "refused"), gives("a", "yes"), asks("a"), gives("a", "again")]
    assert [(call.state, call.result) for call in calls_at(path, 0)] == [("done", "yes"), ("refused", "no")]
    assert [call.result for call in calls_at(path, 3)] == ["again"]
    assert call_answered(path, 1).name == "tool_b"
    assert call_answered([gives("a", "nobody asked")], 0) is None


@pytest.mark.parametrize(
    ("status", "finish", "state"),
    [
        ("done", "tool_calls", "pending"),
        ("done", None, "pending"),
        ("cancelled", "tool_calls", "cancelled"),
        ("failed", "stop", "cancelled"),
        ("done", "length", "unrun"),
        ("cancelled", None, "unrun"),
    ],
)
def test_without_a_result(status: str, finish: str | None, state: str):
    """A call without a result waits for one, was stopped, or was cut off before anybody could run it."""
    assert [call.state for call in calls_at([asks("a", status=status, finish=finish)], 0)] == [state]


def test_as_markdown():
    """In an exported conversation calls and results are code, whatever is in them, and results name their tools."""
    path = [asks("a"), gives("a", "```\n<script>")]
    assert markdown_of(path) == [
        "**Assistant** (m)\n\nCalls tool_a:\n\n```\na: 1\n```",
        "**Tool** tool_a, done in 0.5 s\n\n````\n```\n<script>\n````",
    ]
    assert markdown_of(path, 1) == markdown_of(path)[1:]
