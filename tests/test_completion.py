"""One reply of a model, as a person uses it."""

from __future__ import annotations

from typing import Any

import pytest
from scripted import USAGE, completion

from nbchat.client.endpoint import EMBEDDED_URL, Endpoint
from nbchat.session.completion import Completion
from nbchat.wire.messages import ChatCompletion

HERE = Endpoint(EMBEDDED_URL)


def reply(*texts: str, choice: int = 0, **message: Any) -> Completion:
    return Completion(ChatCompletion(completion(*texts, **message)), HERE, choice)


def test_it_is_its_text():
    """str() and .text are what the model said; the rest of the answer is there by the API's names."""
    said = reply("**Hi**")
    assert (str(said), said.text, f"{said}", said.message.content) == ("**Hi**",) * 4
    assert (said.finish_reason, said.model, said.id, said.usage.to_dict()) == ("stop", "scripted", "chatcmpl-1", USAGE)
    assert (len(said.choices), said.tool_calls, said.cost) == (1, [], 0.0)
    assert said.to_dict() == completion("**Hi**")
    assert repr(said) == "<Completion '**Hi**' from scripted, finish_reason='stop'>"
    assert len(repr(reply("x" * 10_000))) < 150


def test_which_choice_it_is():
    """Of several answers it is the first, or the one it was made for."""
    assert reply("a", "b").text == "a"
    assert reply("a", "b", choice=1).text == "b"
    assert [choice.message.content for choice in reply("a", "b").choices] == ["a", "b"]


@pytest.mark.parametrize(
    "answer", [{}, {"choices": []}, {"choices": None}, {"choices": [{}]}, {"choices": [{"index": 4, "message": None}]}]
)
def test_an_answer_that_is_none(answer: dict[str, Any]):
    """Of an answer without choices everything can still be asked."""
    said = Completion(ChatCompletion(answer), HERE)
    assert (said.text, said.code, said.parsed, said.tool_calls, said.finish_reason) == ("", [], None, [], None)
    assert (said.usage, said.model, said.id, str(said)) == (None, "", "", "")
    assert said.to_dict() == answer
    assert "no model" in repr(said)


def test_parts_and_refusals_are_text():
    """Content in parts is its text; where there is only a refusal, that is the text."""
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    answer = completion("")
    answer["choices"][0]["message"]["content"] = parts
    assert Completion(ChatCompletion(answer), HERE).text == "ab"
    answer["choices"][0]["message"] |= {"content": None, "refusal": "No."}
    assert Completion(ChatCompletion(answer), HERE).text == "No."


def test_tool_calls():
    """The calls the model asks for are there by name and arguments."""
    call = {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    (made,) = reply("", tool_calls=[call]).tool_calls
    assert (made.id, made.function.name, made.function.arguments) == ("x", "f", "{}")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ('{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        (" [1]\n", [1]),
        ("3", 3),
        ('"x"', "x"),
        ("NaN", None),
        ('{"a": NaN}', {"a": None}),
        ('{"a": "\\ud83d"}', {"a": "\ufffd"}),
        ("Sure! {}", None),
        ("{'a': 1}", None),
        ("", None),
        ("[" * 100_000, None),
        ("9" * 5_000, None),
    ],
    ids=lambda value: str(value)[:10],
)  # fmt: skip
def test_json_is_parsed(text: str, parsed: Any):
    """An answer that is JSON is that value; any other is None, whatever it is."""
    assert reply(text).parsed == parsed


def test_code_is_found():
    """The fenced blocks come in order, as plain text without their fences."""
    text = "Try\n\n```python\nprint(1)\n```\n\nor\n\n1. this:\n\n   ~~~\n   ls\n   ~~~\n\nand `x`.\n\n```sh\nopen"
    assert reply(text).code == ["print(1)", "ls", "open"]
    assert {type(block) for block in reply(text).code} == {str}
    assert reply("no code").code == []


def test_it_shows_as_safe_markdown():
    """In a notebook it shows as Markdown in which nothing runs."""
    shown = reply('**Hi** <img src=x onerror="alert(1)"> [x](javascript:alert(1))')._repr_markdown_()
    assert "**Hi**" in shown
    assert "<img" not in shown
    assert "javascript:" not in shown
