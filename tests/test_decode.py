"""Decoding: bytes to chunks and answers, and every complaint to an error with a kind."""

from __future__ import annotations

import contextlib
import copy
import json
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recordings import RECORDINGS, UNHURRIED, Recording, chunks_of, cut, told, whole

from nbchat.errors import (
    APIError,
    ContextLengthError,
    EmptyAnswerError,
    NbchatError,
    ProtocolError,
    RateLimitError,
    TruncatedError,
)
from nbchat.wire.complaints import read_error
from nbchat.wire.decode import (
    ChunkDecoder,
    chunk_of_completion,
    read_json,
    read_object,
    without_surrogates,
)
from nbchat.wire.messages import ChatCompletion
from nbchat.wire.values import plain

KINDS = {"api_error", "not_sse", "invalid_json", "invalid_chunk", "truncated", "empty"}


def stream(*payloads: Any) -> bytes:
    """Events with these payloads; bytes as they are, the rest as JSON."""
    return b"".join(
        b"data: %b\n\n" % (payload if isinstance(payload, bytes) else json.dumps(payload).encode())
        for payload in payloads
    )


def hello(text: str = "hi", **choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, **choice}]}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_any_split_gives_the_same_chunks_and_the_same_end(recording: Recording):
    """Wherever a recording is cut, the same chunks come before the same end, errors included."""
    received = recording.received
    expected, error = chunks_of([received])
    assert told(error) == recording.error
    for at in range(len(received)):
        got, ended = chunks_of([received[:at], received[at:]])
        assert got == expected
        assert told(ended) == recording.error


# ---- how an answer ends --------------------------------------------------------------------------------------------


def test_done_ends_the_answer_at_once():
    """What follows [DONE], in the same bytes or later ones, does not count."""
    decoder = ChunkDecoder()
    assert len(decoder.feed(stream(hello(), b"[DONE]", hello("more")))) == 1
    assert decoder.done
    assert decoder.feed(stream(hello("more"), b"{broken")) == []
    decoder.end()


@pytest.mark.parametrize(
    ("received", "complete"),
    [
        (stream(hello(), b" [DONE] "), True),
        (stream(hello(finish_reason="stop")), True),
        (stream(hello(), {"choices": [{"finish_reason": "length"}]}), True),
        (stream({"choices": [{"index": i, "finish_reason": "stop"} for i in (0, 1)]}), True),
        (stream(hello(), {"choices": [{"index": 1, "finish_reason": "stop"}]}), False),
        (stream(hello(finish_reason=None)), False),
        (stream(hello(finish_reason="")), False),
        (stream({"choices": [], "usage": {"total_tokens": 1}}), False),
        (stream(hello()) + b'data: {"choices":[{"finish_reason":"stop"}]}\n', False),
    ],
)
def test_complete_is_done_or_a_finish_reason_for_each_choice(received: bytes, complete: bool):
    """An answer is complete with [DONE] or with a finish reason for every choice seen; else it is truncated."""
    _, error = chunks_of([received])
    assert (error is None) == complete
    assert error is None or isinstance(error, TruncatedError)


@pytest.mark.parametrize("received", [b"", b"\n\n", b": keep-alive\n\n", b"data:\n\ndata:  \n\n", b"data: {}"])
def test_nothing_at_all_is_empty(received: bytes):
    """A stream that ends before anything came, keep-alives aside, is said to be empty."""
    chunks, error = chunks_of([received])
    assert chunks == []
    assert isinstance(error, EmptyAnswerError)


def test_what_came_before_an_error_is_not_lost():
    """Text and an error in the same bytes: the text is given, then the error is raised."""
    decoder = ChunkDecoder()
    chunks = decoder.feed(stream(hello("so far"), {"error": {"message": "overloaded"}}, hello("never")))
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["so far"]
    assert (decoder.done, decoder.complete) == (True, False)
    with pytest.raises(APIError, match="overloaded"):
        decoder.end()


# ---- what is not an answer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"{", "invalid_json"),
        (b"<html>", "invalid_json"),
        (b"[DONE", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "invalid_json"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "invalid_json"),
        (b"3", "invalid_chunk"),
        (b"null", "invalid_chunk"),
        (b'"text"', "invalid_chunk"),
        (b"[]", "invalid_chunk"),
        (b'{"choices": {}}', "invalid_chunk"),
        (b'{"choices": [1]}', "invalid_chunk"),
        (b'{"choices": [{"delta": "hi"}]}', "invalid_chunk"),
        (b'{"choices": [{"index": "0"}]}', "invalid_chunk"),
        (b'{"choices": [{"index": true}]}', "invalid_chunk"),
        (b'{"choices": [{"index": -1}]}', "invalid_chunk"),
        (b'{"choices": [{"index": 1000000000000}]}', "invalid_chunk"),
        (b'{"choices": [{"finish_reason": ["stop"]}]}', "invalid_chunk"),
        (b'{"choices": [{"delta": {"content": 5}}]}', "invalid_chunk"),
        (b'{"choices": [{"delta": {"content": {"text": "x"}}}]}', "invalid_chunk"),
        (b'{"choices": [{"delta": {"tool_calls": "a"}}]}', "invalid_chunk"),
        (b'{"choices": [{"delta": {"tool_calls": ["a"]}}]}', "invalid_chunk"),
        (b'{"error": "no"}', "api_error"),
        (b'{"error": {"code": 5}}', "api_error"),
        (b'{"error": [[[]]]}', "api_error"),
    ],
)
def test_what_is_no_chunk_has_a_kind(payload: bytes, kind: str):
    """Whatever a server sends in place of a chunk is told by its kind, never as a KeyError or its like."""
    chunks, error = chunks_of([stream(hello(), payload)])
    assert len(chunks) == 1
    assert error is not None
    assert error.kind == kind


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [{}]},
        {"choices": [{"delta": None, "index": None}]},
        {"choices": [{"delta": {}, "logprobs": [1]}]},
        {"choices": [{"delta": {"role": None, "content": None, "tool_calls": None}}]},
        {"choices": [{"delta": {"content": []}}]},
        {"choices": [{"delta": {"content": ["x", 3, {"type": 5}, {"text": 3}, {"type": "thinking", "thinking": 7}]}}]},
        {"choices": [{"delta": {"tool_calls": [{}, {"index": "x", "id": [1], "function": {"name": {}, "arguments": 3}}]}}]},
        {"choices": [{"delta": {"reasoning": 3, "reasoning_content": {}, "reasoning_details": [3, {"text": 5}]}}]},
        {"choices": [{"delta": {"refusal": 3, "function_call": "x"}}]},
        {"usage": "many"},
        {"usage": [3], "model": 5, "id": None},
        {"error": None},
        {"error": ""},
    ],
)  # fmt: skip
def test_what_is_met_in_the_wild_is_taken(payload: dict[str, Any]):
    """Members that are missing, null or of an odd type are read over, and what comes of it is a valid value."""
    chunks, error = chunks_of([stream(payload, hello("hi", finish_reason="stop"))])
    assert error is None
    for chunk in chunks:
        every_member(chunk)
    got = whole(chunks)
    assert got["choices"][0]["message"]["content"] == "hi"
    assert isinstance(got.get("usage", {}), dict)
    every_member(ChatCompletion(got))
    for call in got["choices"][0]["message"].get("tool_calls", ()):
        assert isinstance(call["id"], str)
        assert isinstance(call["function"]["name"], str)
        assert isinstance(call["function"]["arguments"], str)


def every_member(value: Any) -> None:
    """Read every member at every depth, declared or not, as a user might."""
    if isinstance(value, list):
        for item in value:
            every_member(item)
    elif hasattr(value, "to_dict"):
        for name in {*value._members, *value.keys()} - {"keys", "get"}:
            every_member(getattr(value, name))
        _ = (repr(value), copy.deepcopy(value), value.to_dict(), value.to_json(), getattr(value, "reasoning", None))


NAMES = st.sampled_from([
    "choices", "index", "delta", "content", "role", "tool_calls", "id", "function", "name", "arguments", "code", "type",
    "finish_reason", "logprobs", "usage", "error", "message", "reasoning", "reasoning_content", "reasoning_details",
    "text", "summary", "thinking", "refusal", "function_call", "model", "keys",
])  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(["stop", "message", "thinking", "text", "assistant"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
CHUNKS = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries(
                {}, optional={"index": JSON, "delta": st.dictionaries(NAMES, JSON) | JSON, "finish_reason": JSON, "logprobs": JSON}
            ),
            max_size=3,
        )
    },
    optional={"usage": JSON, "model": JSON, "error": JSON},
)  # fmt: skip


@UNHURRIED
@given(st.lists(CHUNKS | JSON, max_size=4), st.integers(1, 50))
def test_any_json_gives_values_or_an_error_of_a_kind(payloads: list[Any], size: int):
    """Whatever JSON a stream is made of, and however it is cut, the outcome is values or an error with a kind."""
    received = stream(*payloads)
    chunks, error = chunks_of(cut(received, size))
    assert error is None or error.kind in KINDS
    assert all(isinstance(chunk.choices, list) for chunk in chunks)
    again, ended = chunks_of([received])
    assert (again, told(ended)) == (chunks, told(error))
    completion = ChatCompletion(whole(chunks))
    every_member(completion)
    json.dumps(completion.to_dict(), allow_nan=False, ensure_ascii=False).encode()


@UNHURRIED
@given(st.binary(max_size=300), st.integers(1, 20))
@example(b"data: \xff\n\n", 1)
@example(b'data: {"choices": [{"delta": {"content": "\xed\xa0\x80"}}]}\n\n', 3)
@example(b"error:\n\n", 1)
def test_any_bytes_give_values_or_an_error_of_a_kind(received: bytes, size: int):
    """Arbitrary bytes give chunks or an error with a kind, and the same for every split."""
    chunks, error = chunks_of(cut(received, size))
    assert error is None or error.kind in KINDS
    again, ended = chunks_of([received])
    assert (again, told(ended)) == (chunks, told(error))


@UNHURRIED
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b"9" * 5_000)
@example(b"NaN")
def test_any_body_gives_values_or_an_error(body: bytes):
    """A whole answer, or the body of a refusal, is values or an error, whatever it holds."""
    for read in (read_json, read_object):
        try:
            value = read(body)
        except NbchatError as error:
            outcome = error.kind
        else:
            outcome = None
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        assert outcome is None or outcome in KINDS
    refused = read_error(400, body)
    assert (refused.kind, refused.status) == ("status", 400)
    assert "Cc" not in {unicodedata.category(sign) for sign in str(refused)}
    assert len(str(refused)) < 600


@UNHURRIED
@given(JSON)
def test_any_whole_answer_can_be_read(data: Any):
    """A whole answer of any shape can be read member by member, and as a chunk it is one or an error with a kind."""
    if isinstance(data, dict):
        data = read_json(json.dumps(data).encode())
        every_member(ChatCompletion(data))
        with contextlib.suppress(NbchatError):  # any other error would surface
            every_member(chunk_of_completion(data))


# ---- JSON as servers write it --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b'{"a": NaN, "b": [Infinity, -Infinity, 1e999, -1e999, 1.5]}', {"a": None, "b": [None, None, None, None, 1.5]}),
        (b'"\\ud83d"', "\ufffd"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'{"\\ud83d": "\\ude00x"}', {"\ufffd": "\ufffdx"}),
        (b'"\xff"', "\ufffd"),
        (b'"a\xc3"', "a\ufffd"),
        (b'"\\u0000"', "\0"),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b"1" + b"0" * 30, 10**30),
        (b"-1" + b"0" * 307, -(10**307)),
        (b'{"a": 1%b, "b": [-1%b, 2], "c": "1%b"}' % ((b"0" * 5_000,) * 3), {"a": None, "b": [None, 2], "c": "1" + "0" * 5_000}),
        (b"1" + b"0" * 308, None),
        (b"[" + b"9" * 309 + b".5]", [None]),
        ('"\u2028\u0085"'.encode(), "\u2028\u0085"),
        (b"[" * 100 + b"]" * 100, None),
    ],
)  # fmt: skip
def test_json_is_read_gently(received: bytes, expected: Any):
    """What a person would understand is understood; what no notebook's message could carry is replaced."""
    got = read_json(received)
    assert expected is None or got == expected


@pytest.mark.parametrize("received", [b"", b"  ", b"{", b"nope", b"[" * 101 + b"]" * 101, b"01" * 5_000, b"\0"])
def test_what_is_not_json_is_said(received: bytes):
    """Everything else is an error of the kind invalid_json that shows how it begins, not all of it."""
    with pytest.raises(ProtocolError) as caught:
        read_json(received)
    assert caught.value.kind == "invalid_json"
    assert len(str(caught.value)) < 200


def test_what_is_deep_enough_can_be_copied():
    """The deepest JSON that is taken can be copied, compared, encoded and sent back without exhausting the stack."""
    value = ChatCompletion(read_json(b'{"a":' * 99 + b"1" + b"}" * 99))
    assert copy.deepcopy(value) == value
    assert value.to_dict() == json.loads(value.to_json()) == plain(value)


def test_braces_in_a_text_are_not_depth():
    """A text full of brackets is a text, and a wide answer is not a deep one."""
    assert read_json(json.dumps({"a": "{[" * 5_000}).encode()) == {"a": "{[" * 5_000}
    assert len(read_json(b"[" + b"[1]," * 5_000 + b"[]]")) == 5_001


def test_without_surrogates():
    """Halves of characters become U+FFFD in texts and names at every depth; all else is left as it is."""
    assert without_surrogates({"a\ud800": ["\udfff", 1, None, {"b": "\ud83d\ude00"}]}) == {
        "a\ufffd": ["\ufffd", 1, None, {"b": "\ufffd\ufffd"}]
    }
    assert without_surrogates(["\U0001f600"]) == ["\U0001f600"]


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "No such model.", "type": "invalid", "code": "model_not_found", "param": "model"}}, "No such model."),
        ({"error": "No such model."}, "No such model."),
        ({"error": {"error": {"message": "No such model."}}}, "No such model."),
        ([{"error": {"message": "No such model."}}], "No such model."),
        ({"message": "No such model."}, "No such model."),
        ({"detail": "No such model."}, "No such model."),
        ({"detail": [{"loc": ["body", "model"], "msg": "No such model.", "type": "value_error"}]}, "model: No such model."),
        ({"object": "error", "message": "No such model.", "code": 404}, "No such model."),
        ({"error_description": "No such model."}, "No such model."),
        ("No such model.", "No such model."),
        (b"No such model.", "No such model."),
        (b"No such\n\n  model.", "No such model."),
        (b"No \x1b]0;evil\x07such\x1b[2J model.\x9b31m", "No ]0;evilsuch[2J model.\ufffd31m"),
    ],
)  # fmt: skip
def test_a_refusal_has_the_servers_words(body: Any, words: str):
    """Whatever shape an error's body has, its words are in the sentence, on one line and without escape sequences."""
    error = read_error(404, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert str(error) == f"The server answered with status 404: {words}"


@pytest.mark.parametrize("body", [b"", b"<html><body>nginx</body></html>", b"  <!DOCTYPE html>", b"null", b"{}", b"[]"])
def test_a_page_is_no_sentence(body: bytes):
    """An error page or an empty body adds nothing to the status."""
    assert str(read_error(502, body)) == "The server answered with status 502."


def test_an_error_is_a_sentence_and_not_a_page():
    """Of a long text only the beginning is repeated."""
    assert len(str(read_error(500, b"x" * 100_000))) < 600


@pytest.mark.parametrize("code", ["context_length_exceeded", "exceed_context_size_error"])
def test_a_prompt_that_does_not_fit_has_its_own_class(code: str):
    """Too long a prompt is told apart by the server's code."""
    error = read_error(400, json.dumps({"error": {"message": "too long", "code": code, "param": "messages"}}).encode())
    assert isinstance(error, ContextLengthError)
    assert (error.code, error.param) == (code, "messages")


def test_what_must_not_show_is_censored():
    """A server that repeats the key it was sent does not get it shown."""
    error = read_error(401, b'{"error": {"message": "Bad key sk-1."}}', censor=lambda text: text.replace("sk-1", "…"))
    assert "sk-1" not in str(error)


def test_an_answer_that_reports_an_error():
    """Status 200 with an error in it is an error, with the status that the server puts inside."""
    with pytest.raises(RateLimitError, match="quota") as caught:
        read_object(b'{"error": {"message": "quota", "code": 429}}')
    assert (caught.value.kind, caught.value.status, caught.value.code) == ("api_error", 429, "429")
    with pytest.raises(ProtocolError, match="list where an object was due"):
        read_object(b"[]")


@pytest.mark.parametrize(
    ("received", "kind"),
    [
        (b"<html>\n</html>\n\n", "not_sse"),
        (b"upstream timed out\n\n", "not_sse"),
        (b'{"error": 1}', "not_sse"),
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b": keep-alive\n\n", "empty"),
        (b"event: ping\n\nid: 1\n\nretry: 5\n\ndata\n\n", "empty"),
        (b"\xef\xbb\xbfdata:\n\n", "empty"),
    ],
)
def test_what_is_no_stream_is_told_from_silence(received: bytes, kind: str):
    """Bytes that are no events are said to be none, whatever the splits; keep-alives alone are an empty answer."""
    for size in (1, len(received) or 1):
        decoder = ChunkDecoder()
        for start in range(0, len(received), size):
            assert decoder.feed(received[start : start + size]) == []
        with pytest.raises(NbchatError) as caught:
            decoder.end()
        assert caught.value.kind == kind
