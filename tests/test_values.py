"""Values: what comes off the wire, as objects that cannot change and lose nothing."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED

from nbchat.errors import ConfigurationError
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.decode import ChunkDecoder
from nbchat.wire.messages import ChatCompletion, Message, ModelList, ToolCall, content_text, reasoning_text
from nbchat.wire.values import Value, plain

ANSWER = {
    "id": "a",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi", "x": [{"y": 1}]}, "finish_reason": "stop"}],
    "usage": {"total_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}},
    "keys": ["not", "a", "method"],
    "get": {"a": 1},
    "with space": 5,
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def test_members_are_attributes():
    """Declared members read at every depth as the official SDK has them; missing ones are None."""
    answer = ChatCompletion(ANSWER)
    assert answer.choices[0].message.content == "hi"
    assert answer.usage.total_tokens == 3
    assert answer.usage.prompt_tokens_details.cached_tokens == 2
    assert (answer.service_tier, answer.choices[0].logprobs, answer.choices[0].message.tool_calls) == (None, None, None)


def test_unknown_members_are_attributes_too():
    """What no class declares can be read by its name, and what is not there is an AttributeError."""
    answer = ChatCompletion(ANSWER)
    assert answer.choices[0].message.x[0].y == 1
    assert getattr(answer, "with space") == 5
    with pytest.raises(AttributeError, match="'ChatCompletion' object has no attribute 'nope'"):
        _ = answer.nope
    assert not hasattr(answer, "nope")


def test_it_reads_like_a_dict_too():
    """Brackets, in, get, keys and dict() work, also for members that are called like a method."""
    answer = ChatCompletion(ANSWER)
    assert answer["choices"][0]["message"]["content"] == "hi"
    assert answer["keys"] == answer.get("keys") == ["not", "a", "method"]
    assert answer["get"] == Value({"a": 1})
    assert ("usage" in answer, "nope" in answer, answer.get("nope", 7)) == (True, False, 7)
    assert list(answer.keys()) == list(ANSWER)
    assert plain(dict(answer)) == ANSWER
    with pytest.raises(KeyError):
        _ = answer["nope"]
    assert {"total_tokens", "id", "with space"} <= {*dir(answer), *dir(answer.usage)}


@UNHURRIED
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_nothing_is_lost(data: dict[str, Any]):
    """to_dict, to_json, copies and pickles all give back what the server sent."""
    value = ChatCompletion(copy.deepcopy(data))
    assert value.to_dict() == data == value.model_dump() == plain(value)
    assert json.loads(value.to_json()) == json.loads(value.to_json(indent=2)) == data
    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    assert type(pickle.loads(pickle.dumps(value))) is ChatCompletion


def test_nothing_can_be_changed():
    """Setting and deleting are refused; what is handed out as a dict is nobody else's."""
    answer = ChatCompletion(copy.deepcopy(ANSWER))
    for change in (
        lambda: setattr(answer, "id", "b"),
        lambda: setattr(answer, "new", 1),
        lambda: delattr(answer, "id"),
    ):
        with pytest.raises(AttributeError, match="immutable"):
            change()
    answer.to_dict()["usage"].clear()
    plain(answer)["choices"].clear()
    answer.choices.clear()
    assert answer.to_dict() == ANSWER
    with pytest.raises(TypeError, match="unhashable"):
        hash(answer)


def test_a_value_tells_what_it_is():
    """Its repr is what it holds, under its class's name."""
    assert repr(ToolCall({"id": "a", "function": {"name": "f"}})) == "ToolCall(id='a', function={'name': 'f'})"
    assert Value({"a": 1}) == ToolCall({"a": 1})
    assert Value({"a": 1}) != {"a": 1}
    assert Value() == Value({})


@pytest.mark.parametrize("odd", [None, "text", 3, [], [1], {}, True])
def test_odd_members_are_read_over(odd: Any):
    """A member of the wrong type reads as nothing, never as an exception."""
    answer = ChatCompletion({"choices": odd, "usage": odd})
    assert answer.choices == []
    assert answer.usage is None
    chunk = ChatCompletionChunk({"choices": [{"delta": odd}], "usage": odd})
    assert (chunk.choices[0].delta.content, chunk.choices[0].delta.tool_calls, chunk.usage) == (None, None, None)
    whole = ChatCompletion({"choices": [{"message": odd}, odd]})
    assert whole.choices[0].message.content is None
    call = Message({"tool_calls": [{"function": odd}, odd]}).tool_calls[0]
    assert call.function.name is None
    assert list(ModelList({"data": odd})) in ([], [Value({})])


def test_plain_is_ready_to_be_sent():
    """Values, mappings and tuples inside one another become dicts and lists; all else is left as it is."""
    sent = plain({"messages": (Message({"role": "user", "content": [Value({"type": "text"})]}), {"role": "x"}), "n": 1})
    assert sent == {"messages": [{"role": "user", "content": [{"type": "text"}]}, {"role": "x"}], "n": 1}


def test_what_contains_itself_is_refused():
    """A message that contains itself is one sentence, not an exhausted stack."""
    messages: list[Any] = []
    messages.append(messages)
    with pytest.raises(ConfigurationError, match="contains itself"):
        plain(messages)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("hi", "hi"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "output_text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": "no"}, {"type": "text", "text": "a"}], "a"),
        ([{"text": None}, {"text": 3}, "x", None], ""),
        (3, ""),
    ],
)
def test_the_text_of_a_content(content: Any, text: str):
    """Content is text, or the text of its parts."""
    assert content_text(content) == text


def test_reasoning_under_any_name():
    """A message's reasoning is found under each of the names that servers have for it."""
    for data in (
        {"reasoning_content": "why"},
        {"reasoning": "why"},
        {"reasoning": None, "reasoning_details": [{"text": "w"}, {"summary": "hy"}]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "why"}]},
                {"type": "text", "text": "x"},
            ]
        },
    ):
        assert Message(data).reasoning == reasoning_text(data) == "why"
    assert Message({"content": "x"}).reasoning is None


def test_a_chunk_of_text_is_a_chunk():
    """A chunk of which only the text was read is in every respect what it would be, had all of it been."""
    event = b'data: {"id": "c", "extra": {"made": 1}, "choices": [{"index": 0, "delta": {"content": "%b"}, "logprobs": null}]}\n\n'
    decoder = ChunkDecoder()
    *_, chunk = (chunk for text in (b"a", b"b", b"c") for chunk in decoder.feed(event % text))
    whole = ChatCompletionChunk(json.loads(event[6:] % b"c"))
    assert type(chunk) is not ChatCompletionChunk, "it was read in full, and shows nothing"
    for one, other in (
        (chunk, whole),
        (chunk.choices[0], whole.choices[0]),
        (chunk.choices[0].delta, whole.choices[0].delta),
    ):
        assert one == other
        assert repr(one) == repr(other)
        assert one.to_dict() == other.to_dict()
        assert list(one.keys()) == list(other.keys())
        assert type(copy.deepcopy(one)) is type(pickle.loads(pickle.dumps(one))) is type(other)
        assert isinstance(one, type(other))
        assert one.get("nope") is None
        with pytest.raises(AttributeError, match="nope"):
            _ = one.nope
        with pytest.raises(AttributeError, match="immutable"):
            one.id = "d"
    assert (chunk.id, chunk.extra.made, chunk.usage) == ("c", 1, None)
    assert chunk.choices[0].delta.content == chunk.choices[0].delta["content"] == "c"
    assert (chunk.choices[0].index, chunk.choices[0].finish_reason, chunk.choices[0].delta.role) == (0, None, None)
