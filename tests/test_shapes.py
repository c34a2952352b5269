"""What the API asks, in llama.cpp's words, and its complaints in the API's."""

import json

import pytest
from schemas import lets_through
from scripted import validator

from nbchat.embedded.refusal import Refusal
from nbchat.embedded.shapes import Ask, encode, read_ask, read_json, refusal_of

MESSAGES = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "now", "description": "Tell the time."}}


def read(small=False, **fields):
    return read_ask(read_json(json.dumps({"messages": MESSAGES, **fields}).encode()), small=small)


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
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"not": {}}}}}, "response_format"),
        ({"response_format": {"type": "json_object"}, "grammar": 'root ::= "a"'}, "grammar"),
        ({"tools": [TOOL], "grammar": 'root ::= "a"'}, "grammar"),
        ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
        ({"messages": [*MESSAGES, {"role": "assistant", "tool_calls": [{"id": "1"}]}]}, "messages[1].tool_calls[0]"),
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
        read_json(content)
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
            {"role": "function", "name": "f", "content": "5"},
        ]
    )
    assert asked.body["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "a\nb"},
        {"role": "user", "name": "f", "content": "<tool_response>\n5\n</tool_response>"},
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


def test_json_is_asked_for_by_a_grammar():
    """Formats of answers, the API's and llama.cpp's own, reach llama.cpp as a grammar of such answers."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    for fields in (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}},
        {"response_format": {"type": "json_object", "schema": schema}},
        {"json_schema": schema},
    ):
        asked = read(**fields)
        assert not asked.calls
        assert asked.body == {"messages": MESSAGES, "grammar": asked.grammar.text}
        assert lets_through(asked.grammar, '{"a": 1}')
        assert not lets_through(asked.grammar, '{"b": 1}')
    for wanted in ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "x"}}):
        assert lets_through(read(response_format=wanted).grammar, '{"b": [1, null]}')
        assert not lets_through(read(response_format=wanted).grammar, "[1]")
    assert read(response_format={"type": "text"}).grammar is None


def test_a_schema_without_bounds_gets_some_for_a_small_model():
    """Strings go on as long as the model likes, but for a small one, which likes it too much."""
    wanted = {"type": "json_schema", "json_schema": {"schema": {"type": "string"}}}
    long = json.dumps("x" * 2000)
    assert lets_through(read(response_format=wanted).grammar, long)
    assert not lets_through(read(response_format=wanted, small=True).grammar, long)


def test_tools_are_told_and_asked_for_by_a_grammar():
    """Tools are told of in the system's message and may be called; without a choice of any they are neither."""
    asked = read(tools=[TOOL], messages=[{"role": "system", "content": "Be terse."}, *MESSAGES])
    assert asked.calls
    assert asked.body["messages"][0]["content"].startswith("Be terse.\n\n")
    assert "now" in asked.body["messages"][0]["content"]
    assert asked.body["messages"][1:] == MESSAGES
    assert lets_through(asked.grammar, "Hello")
    assert lets_through(asked.grammar, '<tool_call>{"name": "now", "arguments": {}}</tool_call>')
    assert read(tools=[TOOL], tool_choice="none") == Ask(body={"messages": MESSAGES})


def test_words_to_stop_at_are_for_texts():
    """Where nothing but calls may be said there is no text to stop, and no call is broken off."""
    assert "stop" in read(tools=[TOOL], stop="}").body
    assert "stop" not in read(tools=[TOOL], stop="}", tool_choice="required").body
