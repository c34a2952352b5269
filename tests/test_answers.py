"""What llama.cpp says, in the API's words."""

import json

import pytest
from schemas import obj
from scripted import validator

from nbchat.embedded.answers import Answer
from nbchat.embedded.bounds import UNBOUNDED
from nbchat.embedded.grammar import of_calls, of_json, term
from nbchat.embedded.refusal import Refusal
from nbchat.embedded.shapes import Ask

ADD = term(obj(a={"type": "integer"}, b={"type": "integer"}), UNBOUNDED)
CALLS = of_calls({"add": ADD}, 4, needed=False)
CALL = '<tool_call>{"name": "add", "arguments": {"a": 17, "b": 25}}</tool_call>'


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


def tell(said, finish="stop", size=3, grammar=CALLS, **fields):
    """Return an answer, after it was told in pieces, and its chunks, each valid."""
    ask = Ask(body=fields.pop("body", {}), grammar=grammar, calls=grammar is CALLS, **fields)
    answer = Answer(ask, "tiny", "test")
    pieces = [raw({"content": said[at : at + size]}) for at in range(0, len(said), size)]
    chunks = [chunk for piece in [*pieces, raw(finish=finish)] for chunk in answer.feed(piece)]
    for chunk in chunks:
        validator("chunk").validate(chunk)
    validator("response").validate(answer.completion())
    return answer, [chunk["choices"][0] for chunk in chunks]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_call_is_told_as_a_server_tells_it(size):
    """First come its identifier, type and name with no arguments, then the arguments in pieces, then the reason to end."""
    answer, choices = tell(CALL, size=size)
    first, *others, last = [choice["delta"] for choice in choices]
    (call,) = first.pop("tool_calls")
    assert first == {"role": "assistant", "content": None, "refusal": None}
    assert call.pop("id").startswith("call_")
    assert call == {"index": 0, "type": "function", "function": {"name": "add", "arguments": ""}}
    pieces = [delta["tool_calls"][0]["function"]["arguments"] for delta in others]
    assert json.loads("".join(pieces)) == {"a": 17, "b": 25}
    assert last == {}
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["tool_calls"]
    (whole,) = answer.completion()["choices"]
    assert whole["finish_reason"] == "tool_calls"
    assert whole["message"]["content"] is None
    assert whole["message"]["tool_calls"][0]["function"] == {"name": "add", "arguments": "".join(pieces)}


def test_text_before_a_call_is_content():
    """What is said before a call is content, and several calls have indices."""
    answer, choices = tell(f"Let me add. {CALL}\n{CALL}")
    message = answer.completion()["choices"][0]["message"]
    assert message["content"] == "Let me add."
    assert len(message["tool_calls"]) == 2
    told = [call["index"] for choice in choices for call in choice["delta"].get("tool_calls", ())]
    assert told == sorted(told)
    assert set(told) == {0, 1}
    assert choices[0]["delta"] == {"role": "assistant", "content": "Let", "refusal": None}


@pytest.mark.parametrize(
    ("said", "finish", "told", "arguments"),
    [
        (CALL[: CALL.index(', "b')], "length", "length", '{"a": 17'),
        (CALL[:-5], "length", "length", '{"a": 17, "b": 25}'),
        (CALL[:12], "length", "length", None),
        (CALL[: CALL.index(', "b')], "stop", "length", '{"a": 17'),
        ("Hello.", "stop", "stop", None),
    ],
)
def test_a_call_that_is_cut_off_says_so(said, finish, told, arguments):
    """A call cut off, by max_tokens or by a word to stop at, ends with the reason length and is never whole."""
    answer, choices = tell(said, finish, body={"stop": ["x"]})
    (choice,) = answer.completion()["choices"]
    assert choices[-1]["finish_reason"] == choice["finish_reason"] == told
    calls = choice["message"].get("tool_calls", [])
    assert [call["function"]["arguments"] for call in calls] == ([] if arguments is None else [arguments])


def test_what_no_grammar_held_is_an_error():
    """An answer that leaves its grammar, or ends before it, is a failure of the server and never an answer."""
    for said, finish in (("Hello", "length"), ('{"a": 1', "stop")):
        with pytest.raises(Refusal, match="grammar"):
            tell(said, finish, grammar=of_json(ADD))
    tell('{"a": 1', "length", grammar=of_json(ADD))
    tell('{"a": 1', "stop", grammar=of_json(ADD), body={"stop": [","]})


def test_logprobs_are_those_of_the_text():
    """Tokens of calls have none, and those of text that was held back come with it."""
    answer = Answer(Ask(body={}, grammar=CALLS, calls=True, top_logprobs=0), "tiny", "test")
    chunks = []
    for token in ["Hi", " <", "b", ">", "\n", *(CALL[at : at + 5] for at in range(0, len(CALL), 5))]:
        likely = {"token": token, "bytes": [*token.encode()], "logprob": -0.1, "top_logprobs": []}
        chunks += answer.feed(raw({"content": token}, logprobs={"content": [likely]}))
    for chunk in chunks:
        validator("chunk").validate(chunk)
    told = [token["token"] for chunk in chunks for token in (chunk["choices"][0]["logprobs"] or {}).get("content", [])]
    assert told == ["Hi", " <", "b", ">"]
    (end,) = answer.feed(raw(finish="stop"))
    assert end["choices"][0]["logprobs"] is None
