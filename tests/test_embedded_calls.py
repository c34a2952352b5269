"""Calls read out of what a model writes, wherever it is cut into pieces."""

import json

import pytest

from nbchat.embedded.calls import CallReader

PARIS = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>'
ODD = {"text": 'a "quoted" \\ {brace} [list] </tool_call> é', "deep": [{"a": [1, {}]}], "empty": {}}
SAID = json.dumps(ODD, ensure_ascii=False)


def read(*pieces):
    """Return the text and the calls that a reader's deltas tell of, after checking how a server tells of them."""
    reader = CallReader()
    deltas = [delta for piece in pieces for delta in reader.feed(piece)] + reader.end()
    text, calls = "", []
    for delta in deltas:
        text += delta.get("content", "")
        for call in delta.get("tool_calls", ()):
            if call["index"] == len(calls):
                assert call["function"]["arguments"] == ""
                assert call["type"] == "function"
                calls.append(call)
            else:
                assert set(call) == {"index", "function"}
                assert call["index"] == len(calls) - 1
                calls[-1]["function"]["arguments"] += call["function"]["arguments"]
    assert [{**call, "index": at} for at, call in enumerate(reader.calls)] == calls
    return text, [(call["function"]["name"], call["function"]["arguments"]) for call in calls], reader


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("said", "text", "calls"),
    [
        ("Hello there.", "Hello there.", []),
        ("", "", []),
        (PARIS, "", [("get_weather", '{"city": "Paris"}')]),
        (f"Let me see. \n{PARIS}", "Let me see.", [("get_weather", '{"city": "Paris"}')]),
        (f"{PARIS}\n{PARIS}", "", [("get_weather", '{"city": "Paris"}')] * 2),
        (f'<tool_call>{{"name": "odd-1", "arguments": {SAID}}}</tool_call>', "", [("odd-1", SAID)]),
        ('<tool_call>{"name": "now", "arguments": {}}</tool_call>', "", [("now", "{}")]),
        ("5 < 6, and <tool is none \n", "5 < 6, and <tool is none \n", []),
        ("It ends in <tool_call", "It ends in <tool_call", []),
    ],
)
def test_any_split_gives_the_same_calls(said, text, calls, size):
    """Text and calls are the same however the answer is cut into pieces."""
    assert read(*(said[at : at + size] for at in range(0, len(said), size)))[:2] == (text, calls)


@pytest.mark.parametrize(
    ("said", "calls", "within"),
    [
        ("<tool_call>", [], True),
        ('<tool_call>{"name": "get_wea', [], True),
        ('<tool_call>{"name": "now", "arguments": ', [("now", "")], True),
        ('<tool_call>{"name": "now", "arguments": {"a": "}', [("now", '{"a": "}')], True),
        ('<tool_call>{"name": "now", "arguments": {}', [("now", "{}")], False),
        (f"{PARIS}\n<tool_ca", [("get_weather", '{"city": "Paris"}')], False),
    ],
)
def test_what_is_cut_off_is_told_as_far_as_it_came(said, calls, within):
    """A call that was cut off has what had come of it, and is known to be incomplete; half a mark is no text."""
    text, found, reader = read(said)
    assert (text, found, reader.within_call) == ("", calls, within)


def test_text_is_told_at_once():
    """What can't be the beginning of a call is not held back."""
    reader = CallReader()
    assert reader.feed("One <") == [{"content": "One"}]
    assert reader.feed("b> two") == [{"content": " <b> two"}]
    assert reader.feed("\n") == []
    assert reader.end() == [{"content": "\n"}]


def test_every_call_has_an_identifier_of_its_own():
    """No two calls have the same identifier."""
    reader = CallReader()
    reader.feed("\n".join([PARIS] * 8))
    assert len({call["id"] for call in reader.calls}) == 8
