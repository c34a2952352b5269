"""What the API says and what llama.cpp says, each in the other's words."""

import json

import pytest
from scripted import validator

from nbchat.embedded.shapes import Answer, Ask, Refusal, encode, read_ask, refusal_of

MESSAGES = [{"role": "user", "content": "Hi"}]


def read(**fields):
    return read_ask(json.dumps({"messages": MESSAGES, **fields}).encode())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0].role"),
        ({"messages": [*MESSAGES, {"role": "wizard", "content": "Hi"}]}, "messages[1].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"n": 129}, "n"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"seed": "lucky"}, "seed"),
        ({"stop": 5}, "stop"),
        ({"stop": ["a", 5]}, "stop"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": "json"}, "response_format"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"modalities": ["audio"]}, "modalities"),
    ],
)
def test_what_is_wrong_is_refused_by_name(fields, param):
    """A request that can't be answered is a 400 that names the field in one sentence."""
    with pytest.raises(Refusal) as caught:
        read(**fields)
    assert (caught.value.status, caught.value.param) == (400, param)
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    validator("error").validate(caught.value.body())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'"x"', b"[" * 100_000])
def test_what_is_no_request_is_refused(content):
    """A body that is not a JSON object is a 400."""
    with pytest.raises(Refusal) as caught:
        read_ask(content)
    assert caught.value.status == 400


def test_null_is_not_sent():
    """A field that is null counts as absent, as the API has it."""
    fields = ["temperature", "stop", "n", "max_tokens", "logprobs", "response_format", "tools", "seed", "stream"]
    assert read(**dict.fromkeys(fields)) == Ask(body={"messages": MESSAGES})


def test_fields_of_either_kind_are_handed_on():
    """llama.cpp gets the API's fields that it knows and its own; what only a server far away needs is left out."""
    asked = read(temperature=0.5, top_k=3, grammar='root ::= "a"', user="me", metadata={}, store=True, id_slot=3)
    assert asked.body == {"messages": MESSAGES, "temperature": 0.5, "top_k": 3, "grammar": 'root ::= "a"'}


def test_the_newer_limit_wins():
    """Of max_tokens and max_completion_tokens the second counts."""
    assert read(max_tokens=5).max_tokens == 5
    assert read(max_tokens=5, max_completion_tokens=7).max_tokens == 7


def test_messages_come_as_local_models_know_them():
    """Developers speak as the system, functions as tools, and parts are one text."""
    asked = read(
        messages=[
            {"role": "developer", "content": "Be terse."},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "function", "name": "f", "content": "5"},
        ]
    )
    assert asked.body["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "a\nb"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]},
        {"role": "tool", "name": "f", "content": "5"},
    ]


def test_an_empty_stop_stops_nothing():
    """An empty stop word, which would end every answer before it begins, is left out."""
    assert "stop" not in read(stop="").body
    assert read(stop=["", "6."]).body["stop"] == ["6."]


def test_lone_surrogates_are_encoded():
    """Text that has no UTF-8 form still becomes bytes."""
    assert encode({"a": "b\ud800"}) == b'{"a":"b?"}'


def test_a_long_prompt_is_told_in_numbers():
    """llama.cpp's complaint about the context becomes the API's, with both numbers."""
    refusal = refusal_of({"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 6031, "n_ctx": 4096})
    assert (refusal.status, refusal.code) == (400, "context_length_exceeded")
    assert "6031" in refusal.message
    assert "4096" in refusal.message


def test_other_complaints_keep_their_words():
    """What llama.cpp says or raises is repeated in the API's form."""
    assert refusal_of({"code": 503, "message": "Busy"}).status == 503
    assert refusal_of({"message": "Odd"}).status == 500
    assert refusal_of(RuntimeError("no such template")).message == "llama.cpp refused the request: no such template."
    assert refusal_of(ValueError("… failed: JSON schema error at #: no type")).param == "response_format"


def raw(delta=None, finish=None, index=0, **members):
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish, **members}
    return {"choices": [choice], "object": "chat.completion.chunk"}


def test_an_answer_has_what_the_schema_asks_for():
    """llama.cpp's chunks become valid chunks and a valid completion with the same text."""
    answer = Answer(Ask(body={}, include_usage=True), "tiny", "test")
    chunks = [
        chunk
        for piece in (
            {**raw({"role": "assistant", "content": None}), "prompt_progress": {}},
            raw({"role": "assistant", "content": None}),
            raw({"content": "Hel"}),
            raw({"content": "lo"}),
            raw(finish="stop"),
            {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}, "timings": {"predicted_ms": 5}},
        )
        for chunk in answer.feed(piece)
    ] + answer.last()
    for chunk in chunks:
        validator("chunk").validate(chunk)
    completion = answer.completion()
    validator("response").validate(completion)
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "Hel", "refusal": None}
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None, None, None]
    assert chunks[-1]["usage"] == completion["usage"]
    assert completion["choices"][0]["message"]["content"] == "Hello"
    assert completion["timings"] == {"predicted_ms": 5}


def test_a_role_that_never_came_is_added():
    """The first delta of each choice says who speaks, also where llama.cpp forgot to."""
    answer = Answer(Ask(body={}, n=2), "tiny", "test")
    first = [answer.feed(raw({"content": "a"}, index=index))[0] for index in (1, 0, 1)]
    assert [chunk["choices"][0]["delta"].get("role") for chunk in first] == ["assistant", "assistant", None]


def test_tokens_of_all_choices_are_counted_and_their_prompt_once():
    """Usage is the sum over the choices, which share a prompt."""
    answer = Answer(Ask(body={}, n=2), "tiny", "test")
    for written in (4, 3):
        answer.feed({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": written}})
    assert (answer.usage["prompt_tokens"], answer.usage["completion_tokens"], answer.usage["total_tokens"]) == (
        10,
        7,
        17,
    )


def test_logprobs_are_cut_to_what_was_asked():
    """As many alternatives as asked for, no ids, and a number where the logarithm has none."""
    top = [
        {"id": 1, "token": "a", "bytes": [97], "logprob": -0.1},
        {"id": 2, "token": "b", "bytes": [98], "logprob": -3.0},
    ]
    token = {"id": 9, "token": "z", "bytes": [122], "logprob": None, "top_logprobs": top}
    answer = Answer(Ask(body={}, top_logprobs=1), "tiny", "test")
    (chunk,) = answer.feed(raw({"content": "z"}, logprobs={"content": [token]}))
    validator("chunk").validate(chunk)
    assert chunk["choices"][0]["logprobs"]["content"] == [
        {
            "token": "z",
            "logprob": -9999.0,
            "bytes": [122],
            "top_logprobs": [{"token": "a", "logprob": -0.1, "bytes": [97]}],
        }
    ]


def test_reasoning_is_kept_apart():
    """A model that thinks aloud has its thoughts in a member of their own."""
    answer = Answer(Ask(body={}), "tiny", "test")
    answer.feed(raw({"reasoning_content": "Hm."}))
    answer.feed(raw({"content": "Yes."}, finish="stop"))
    message = answer.completion()["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Yes.")
