"""Accumulating: the pieces of an answer, however they come, add up to the whole."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import RECORDINGS, UNHURRIED, Recording, chunks_of, cut, told, whole
from scripted import validator

from nbchat.wire.accumulator import Accumulator, Piece
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.decode import ChunkDecoder
from nbchat.wire.messages import content_text

# What these recordings' servers leave out or add is not the schema's, however well it adds up.
AS_SPECIFIED = {"openai", "openai_logprobs", "tools_parallel", "n3", "crlf_comments_bom", "cr", "embedded", "azure"}


def chunk(index: int | None = 0, finish: str | None = None, **delta: Any) -> ChatCompletionChunk:
    return ChatCompletionChunk({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]})


def message(*chunks: ChatCompletionChunk) -> dict[str, Any]:
    """The first answer's message that these chunks add up to."""
    return whole(chunks)["choices"][0]["message"]


def calls(*pieces: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The (id, name, arguments) of the calls that these pieces, a chunk each, add up to."""
    made = message(*(chunk(tool_calls=[piece]) for piece in pieces)).get("tool_calls", [])
    return [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in made]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_any_split_gives_the_same_completion(recording: Recording, size: int):
    """A recording in pieces of any size adds up to the completion beside it."""
    chunks, error = chunks_of(cut(recording.received, size))
    assert whole(chunks) == recording.completion
    assert told(error) == recording.error


@pytest.mark.parametrize("name", sorted(AS_SPECIFIED))
def test_what_adds_up_is_an_answer_as_specified(name: str):
    """What is accumulated has the shape that a whole answer has in the official schema."""
    (recording,) = (recording for recording in RECORDINGS if recording.name == name)
    validator("response").validate(recording.completion)


def test_a_streamed_answer_looks_like_a_whole_one():
    """The object that comes out says that it is a completion, with all members that one must have."""
    got = whole([chunk(content="hi", role="assistant"), chunk(finish="stop")])
    with pytest.raises(jsonschema.ValidationError):
        validator("response").validate({})
    validator("response").validate(got)
    assert got["object"] == "chat.completion"


# ---- text and what goes beside it ----------------------------------------------------------------------------------


def test_feed_returns_what_is_new():
    """Each chunk gives the text that it adds, with the answer it belongs to and its kind."""
    accumulator = Accumulator()
    both = {"choices": [{"index": 1, "delta": {"content": "a"}}, {"index": 0, "delta": {"reasoning": "b"}}]}
    assert accumulator.feed(ChatCompletionChunk(both)) == [Piece(1, "text", "a"), Piece(0, "reasoning", "b")]
    assert accumulator.feed(chunk(content="")) == []
    assert accumulator.feed(ChatCompletionChunk({"usage": {"total_tokens": 1}})) == []
    assert (accumulator.text(), accumulator.text(1), accumulator.text(2)) == ("", "a", "")


@UNHURRIED
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["text", "reasoning"]), st.text(max_size=4)), max_size=30))
def test_the_pieces_are_the_message(said: list[tuple[int, str, str]]):
    """All pieces of one kind and choice, joined, are the text of that kind in that choice's message."""
    accumulator = Accumulator()
    pieces: list[Piece] = []
    for index, kind, text in said:
        pieces += accumulator.feed(chunk(index, **{"content" if kind == "text" else "reasoning_content": text}))
    for choice in accumulator.completion().choices:
        joined = {
            kind: "".join(piece.text for piece in pieces if piece.choice == choice.index and piece.kind == kind)
            for kind in ("text", "reasoning")
        }
        assert choice.message.content == joined["text"] == accumulator.text(choice.index)
        assert (choice.message.reasoning or "") == joined["reasoning"]


@pytest.mark.parametrize(
    ("deltas", "reasoning"),
    [
        ([{"reasoning_content": "a"}, {"reasoning_content": "b"}], "ab"),
        ([{"reasoning": "a"}, {"reasoning": "b"}], "ab"),
        ([{"reasoning": "a", "reasoning_content": "a"}, {"reasoning": "b", "reasoning_content": "b"}], "ab"),
        ([{"reasoning_details": [{"type": "reasoning.text", "text": "a"}]}, {"reasoning_details": [{"type": "reasoning.summary", "summary": "b"}]}], "ab"),
        ([{"reasoning_details": [{"type": "reasoning.encrypted", "data": "xx"}]}], ""),
        ([{"content": [{"type": "thinking", "thinking": "a"}]}, {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "b"}]}]}], "ab"),
    ],
)  # fmt: skip
def test_reasoning_has_one_name(deltas: list[dict[str, Any]], reasoning: str):
    """Whatever a server calls it, reasoning is shown once, apart from the text, and kept as it was sent."""
    accumulator = Accumulator()
    pieces = [piece for delta in deltas for piece in accumulator.feed(chunk(**delta))]
    assert "".join(piece.text for piece in pieces) == reasoning
    assert {piece.kind for piece in pieces} <= {"reasoning"}
    made = accumulator.completion().choices[0].message
    assert (made.reasoning or "", content_text(made.content)) == (reasoning, "")


def test_what_a_server_needs_back_is_kept():
    """Members of a delta that nobody knows, such as thought signatures, are in the message; null does not erase them."""
    got = message(chunk(content="a", signature="s1", audio={"id": "x"}), chunk(content="b", signature=None))
    assert (got["content"], got["signature"], got["audio"]) == ("ab", "s1", {"id": "x"})


def test_a_refusal_is_the_text_where_there_is_none():
    """A refusal is shown as text and kept under its own name."""
    accumulator = Accumulator()
    assert accumulator.feed(chunk(refusal="I can't.")) == [Piece(0, "text", "I can't.")]
    made = accumulator.completion().choices[0].message
    assert (made.content, made.refusal, accumulator.text()) == (None, "I can't.", "I can't.")


def test_the_role_repeated_in_every_delta_is_no_text():
    """Roles and ids that come with each piece are set, not added up."""
    got = message(*(chunk(role="assistant", content=text) for text in "abc"))
    assert (got["role"], got["content"]) == ("assistant", "abc")


# ---- tool calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        # the same index with no other id goes on; name and id are set, not concatenated
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}, {"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}], [("a", "f", "{}")]),
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}, {"index": 0, "id": "", "function": {"name": "", "arguments": "}"}}], [("a", "f", "{}")]),
        ([{"index": 0, "id": "a", "function": {"name": "f"}}, {"index": 0, "id": None, "function": {"name": None, "arguments": "{}"}}], [("a", "f", "{}")]),
        # a new id starts another, even at the same index
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "1"}}, {"index": 0, "id": "b", "function": {"name": "g", "arguments": "2"}}, {"index": 0, "function": {"arguments": "3"}}], [("a", "f", "1"), ("b", "g", "23")]),
        # an id that comes after the name is the same call's
        ([{"index": 0, "function": {"name": "f"}}, {"index": 0, "id": "a", "function": {"arguments": "{}"}}], [("a", "f", "{}")]),
        # without an index the id decides, else the last call
        ([{"id": "a", "function": {"name": "f", "arguments": "1"}}, {"id": "b", "function": {"name": "g", "arguments": "2"}}, {"id": "a", "function": {"arguments": "3"}}, {"function": {"arguments": "4"}}], [("a", "f", "13"), ("b", "g", "24")]),
        # indexes need not begin at 0 nor come in order
        ([{"index": 5, "id": "a", "function": {"name": "f"}}, {"index": 2, "id": "b", "function": {"name": "g"}}, {"index": 5, "function": {"arguments": "x"}}], [("a", "f", "x"), ("b", "g", "")]),
        # arguments as an object; ids as numbers
        ([{"index": 0, "id": 7, "function": {"name": "f", "arguments": {"x": [1]}}}], [("7", "f", '{"x": [1]}')]),
    ],
)  # fmt: skip
def test_pieces_of_calls_find_each_other(pieces: list[dict[str, Any]], expected: list[tuple[str, str, str]]):
    """Index and id decide to which call a piece belongs, as the rules of section 8 have it."""
    assert calls(*pieces) == expected


def test_a_call_without_an_id_gets_one():
    """Calls that the server does not name get names of their own, which stay the same."""
    accumulator = Accumulator()
    for index in (0, 1):
        accumulator.feed(chunk(tool_calls=[{"index": index, "function": {"name": "f", "arguments": "{}"}}]))
    first, second = (
        [call.id for call in accumulator.completion().choices[0].message.tool_calls or ()] for _ in range(2)
    )
    assert first == second
    assert len(set(first)) == 2


@pytest.mark.parametrize("place", [{}, {"index": 0}])
def test_two_names_in_one_delta_are_two_calls(place: dict[str, Any]):
    """Whole calls in one delta are told apart though the server gave them neither ids nor places of their own."""
    two = [{**place, "function": {"name": name, "arguments": "{}"}} for name in "fg"]
    made = message(chunk(tool_calls=two))["tool_calls"]
    assert [call["function"]["name"] for call in made] == ["f", "g"]
    assert made[0]["id"] != made[1]["id"]


def test_a_custom_call_is_no_function():
    """The input of a custom tool is joined as it is, and is readable under its own names."""
    first = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}
    accumulator = Accumulator()
    for piece in (first, {"index": 0, "custom": {"input": " 1"}}):
        accumulator.feed(chunk(tool_calls=[piece]))
    (call,) = accumulator.completion().choices[0].message.tool_calls or ()
    assert (call.type, call.custom and (call.custom.name, call.custom.input)) == ("custom", ("sql", "SELECT 1"))
    assert "function" not in call


@pytest.mark.parametrize(
    ("fragments", "texts"),
    [
        # the same index goes on with a block, also after another
        ([(0, "a"), (1, "b"), (0, "c")], ["ac", "b"]),
        # without an index, what follows goes on
        ([(None, "a"), (None, "b")], ["ab"]),
        # text and summary with the same index are two blocks
        ([(0, "a"), (0, {"type": "reasoning.summary", "summary": "s"}), (0, "b")], ["ab", "s"]),
        # what is encrypted is never joined
        ([(0, {"type": "reasoning.encrypted", "data": "x"}), (0, {"type": "reasoning.encrypted", "data": "y"})], ["x", "y"]),
        # another id is another block
        ([(0, {"type": "reasoning.text", "text": "a", "id": "1"}), (0, {"type": "reasoning.text", "text": "b", "id": "2"})], ["a", "b"]),
    ],
)  # fmt: skip
def test_fragments_of_reasoning_find_each_other(fragments: list[tuple[int | None, Any]], texts: list[str]):
    """Blocks of reasoning are put together by type and index, in the order in which they began."""
    parts = [
        {**({"type": "reasoning.text", "text": what} if isinstance(what, str) else what), "index": index}
        for index, what in fragments
    ]
    got = message(*(chunk(reasoning_details=[part]) for part in parts))["reasoning_details"]
    assert [block.get("text") or block.get("summary") or block.get("data") for block in got] == texts


def test_a_signature_that_comes_late_signs_the_whole():
    """A signature by itself belongs to the block of its index, and a null does not erase it."""
    text = {"type": "reasoning.text", "index": 0}
    pieces = [
        {**text, "text": "a", "signature": None},
        {**text, "text": "b"},
        {**text, "signature": "s"},
        {**text, "signature": None},
    ]
    got = message(*(chunk(reasoning_details=[piece]) for piece in pieces))["reasoning_details"]
    assert got == [{**text, "text": "ab", "signature": "s"}]


def test_parts_stand_where_they_came():
    """Thoughts and references keep their place in the text; what is text alone is one string."""
    parts = [
        [{"type": "thinking", "thinking": "hm"}],
        "a",
        [{"type": "text", "text": "b"}, {"type": "reference", "reference_ids": [1]}],
        "c",
    ]
    got = message(*(chunk(content=part) for part in parts))["content"]
    assert got == [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "ab"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "text", "text": "c"},
    ]
    assert message(chunk(content=[{"type": "text", "text": "a"}]), chunk(content="b"))["content"] == "ab"


def test_a_message_in_place_of_a_delta_is_taken_once():
    """A server that streams a whole message is understood; one that puts it beside the deltas says nothing twice."""
    so_far = {"role": "assistant", "content": "ab"}
    assert whole([ChatCompletionChunk({"choices": [{"message": so_far}]})])["choices"][0]["message"]["content"] == "ab"
    pieces = [{"choices": [{"delta": {"content": text}, "message": so_far}]} for text in "ab"]
    ended = {"choices": [{"message": so_far, "finish_reason": "stop"}]}
    got = whole(ChatCompletionChunk(piece) for piece in [*pieces, ended])
    assert got["choices"][0]["message"]["content"] == "ab"


def test_what_a_choice_holds_beside_its_message_is_kept():
    """Members of a choice that nobody knows are in the whole, and its tokens' numbers are joined."""
    pieces = [{"choices": [{"delta": {}, "native_finish_reason": None, "token_ids": [n]}]} for n in (1, 2)]
    (choice,) = whole(ChatCompletionChunk(p) for p in [*pieces, {"choices": [{"stop_reason": "x"}]}])["choices"]
    assert (choice["token_ids"], choice["stop_reason"], "native_finish_reason" in choice) == ([1, 2], "x", False)


def test_a_call_keeps_its_signature():
    """What a server puts beside a call's function stays with that call."""
    got = message(chunk(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f"}, "extra_content": {"s": 1}}]))
    assert got["tool_calls"][0]["extra_content"] == {"s": 1}
    assert got["content"] is None


def test_the_old_form_of_a_call():
    """A function_call, as APIs had it before tools, adds up too."""
    got = message(chunk(function_call={"name": "f", "arguments": "{"}), chunk(function_call={"arguments": "}"}))
    assert got["function_call"] == {"name": "f", "arguments": "{}"}


# ---- the answer as a whole -----------------------------------------------------------------------------------------


def test_usage_is_the_last_and_never_a_sum():
    """Of usage in several chunks the last that says something counts."""
    counts = [{"total_tokens": 1}, None, {"total_tokens": 5}, {}, None]
    assert whole(ChatCompletionChunk({"choices": [], "usage": usage}) for usage in counts)["usage"] == counts[2]
    assert "usage" not in whole([chunk(content="a")])


def test_the_first_name_counts():
    """The id and model of an answer are the first that are not empty, though a server repeats or changes them."""
    heads = [{"id": "", "model": "", "created": 0}, {"id": "a", "model": "m", "created": 5}, {"id": "b", "model": "n"}]
    got = whole(ChatCompletionChunk({**head, "choices": [], "x": number}) for number, head in enumerate(heads))
    assert (got["id"], got["model"], got["created"], got["x"]) == ("a", "m", 5, 2)


def test_logprobs_are_joined():
    """The probabilities of all pieces are one list."""
    pieces = [{"choices": [{"logprobs": {"content": [{"token": t}], "refusal": None}}]} for t in "ab"]
    got = whole(ChatCompletionChunk(piece) for piece in pieces)["choices"][0]["logprobs"]
    assert got == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


def test_looking_does_not_disturb():
    """The completion can be asked for at any time, and what was handed out before does not change."""
    accumulator = Accumulator()
    assert not accumulator.started
    assert accumulator.completion().choices == []
    accumulator.feed(
        chunk(content="a", tool_calls=[{"index": 0, "id": "x", "function": {"name": "f", "arguments": "1"}}])
    )
    early = accumulator.completion()
    before = json.dumps(early.to_dict())
    accumulator.feed(chunk(content="b", tool_calls=[{"index": 0, "function": {"arguments": "2"}}]))
    assert accumulator.started
    assert json.dumps(early.to_dict()) == before
    assert accumulator.completion().choices[0].message.content == "ab"


def test_a_long_answer_costs_what_it_is_long():
    """Pieces are kept and joined when somebody asks, so that nothing is copied at each of them."""
    accumulator = Accumulator()
    for _ in range(50_000):
        accumulator.feed(chunk(content="word "))
        accumulator.feed(chunk(reasoning="why "))
    (answer,) = accumulator._answers.values()
    assert len(answer.content) == len(answer.reasoning["reasoning"]) == 50_000
    assert accumulator.text() == "word " * 50_000


def test_text_is_added_as_what_stands_around_it_says():
    """Chunks that differ in their text alone add up to what they do when each is decoded on its own."""

    def event(text: str, **members: object) -> bytes:
        return (
            b"data: "
            + json.dumps({"model": "m", "choices": [{"index": 0, "delta": {"content": text}}], **members}).encode()
            + b"\n\n"
        )

    events = [event(text, system_fingerprint=mark) for mark in ("a", "b", "a") for text in ("x", "", "y", "é")]
    events += [b'data: {"choices": [{"index": 0, "delta": {"content": "z"}, "logprobs": {"content": [1]}}]}\n\n'] * 3
    framed, whole = Accumulator(), Accumulator()
    decoder = ChunkDecoder()
    pieces = [piece for one in events for chunk in decoder.feed(one) for piece in framed.feed(chunk)]
    expected = [piece for one in events for piece in whole.feed(ChatCompletionChunk(json.loads(one[6:])))]
    assert pieces == expected
    assert framed.completion() == whole.completion()
    assert framed.text() == "xyé" * 3 + "zzz"


def test_a_call_without_a_list_around_it():
    """TGI, up to 2.4, streams a call as one object where the others send a list of them."""
    pieces = [
        {"index": 0, "id": "", "function": {"name": name, "arguments": text}}
        for name, text in (("f", '{"a"'), (None, ": 1}"))
    ]
    events = [
        b"data: " + json.dumps({"choices": [{"delta": {"tool_calls": piece}}]}).encode() + b"\n\n" for piece in pieces
    ]
    accumulator, decoder = Accumulator(), ChunkDecoder()
    names = []
    for chunk in decoder.feed(b"".join([*events, b"data: [DONE]\n\n"])):
        accumulator.feed(chunk)
        names += [call.function.name for call in chunk.choices[0].delta.tool_calls]
    decoder.end()
    (call,) = accumulator.completion().choices[0].message.tool_calls
    assert names == ["f", None]
    assert (call.function.name, call.function.arguments) == ("f", '{"a": 1}')
