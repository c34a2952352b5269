"""How likely each token of an answer was: read from what servers send, streamed or whole."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from local_model import model_file
from scripted import ScriptedServer, chunk, completion

import nbchat
from nbchat.client.endpoint import EMBEDDED_URL, Endpoint
from nbchat.errors import ConfigurationError
from nbchat.session.completion import Completion
from nbchat.session.logprobs import Logprobs, TokenLogprob
from nbchat.wire.messages import ChatCompletion

# As OpenAI has them.
HI = {
    "token": "Hi",
    "logprob": -0.5,
    "bytes": [72, 105],
    "top_logprobs": [
        {"token": "Hey", "logprob": -2.0, "bytes": [72, 101, 121]},
        {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]},
    ],
}
END = {"token": "!", "logprob": -0.25, "bytes": [33], "top_logprobs": []}
READ = [
    TokenLogprob("Hi", -0.5, b"Hi", (TokenLogprob("Hi", -0.5, b"Hi"), TokenLogprob("Hey", -2.0, b"Hey"))),
    TokenLogprob("!", -0.25, b"!"),
]


def streamed(*members: Any) -> list[dict[str, Any]]:
    """Make chunks that have these beside their deltas."""
    chunks = [chunk(text) for text in ("Hi", "!")]
    for one, member in zip(chunks, members, strict=True):
        one["choices"][0]["logprobs"] = member
    return [*chunks, chunk(finish="stop")]


@pytest.fixture
def chat(server: ScriptedServer) -> nbchat.Session:
    return nbchat.Session("m", base_url=server.url)


def test_streamed_and_whole_are_alike(chat: nbchat.Session, server: ScriptedServer):
    """Asked for, they are sent as the API has it, and are the same records however the answer came."""
    server.stream(*streamed({"content": [HI], "refusal": None}, {"content": [END], "refusal": None}))
    got = chat.send("Hi", logprobs=True, top_logprobs=2).logprobs
    assert (server.requests[0].json["logprobs"], server.requests[0].json["top_logprobs"]) == (True, 2)
    assert list(got) == READ
    whole = completion("Hi!")
    whole["choices"][0]["logprobs"] = {"content": [HI, END], "refusal": None}
    server.reply(json.dumps(whole).encode())
    turn = chat.ask({"role": "user", "content": "Hi"}, {"logprobs": True}, streamed=False)
    assert list(turn.result().logprobs) == READ


def test_of_the_choice_that_it_is():
    """A completion has those of its own choice; where there are none, it has None."""
    answer = completion("Hi", "!", "?")
    for number, tokens in enumerate(([HI], [END])):
        answer["choices"][number]["logprobs"] = {"content": tokens}
    first = Completion(ChatCompletion(answer), Endpoint(EMBEDDED_URL))
    choices = [first.choice(number) for number in range(3)]
    assert [one.text for one in choices] == ["Hi", "!", "?"]
    assert [one.logprobs and [token.token for token in one.logprobs] for one in choices] == [["Hi"], ["!"], None]
    with pytest.raises(ConfigurationError, match=r"There is no answer 3: they are numbered from 0 to 2\."):
        first.choice(3)


def test_of_a_refusal(chat: nbchat.Session, server: ScriptedServer):
    """Where the model refused, they are those of the refusal."""
    events = [chunk(refusal="Hi"), chunk(refusal="!"), chunk(finish="stop")]
    for event, token in zip(events, (HI, END), strict=False):
        event["choices"][0]["logprobs"] = {"content": None, "refusal": [token]}
    server.stream(*events)
    assert [token.token for token in chat.send("Hi", logprobs=True).logprobs] == ["Hi", "!"]


def test_side_by_side(chat: nbchat.Session, server: ScriptedServer):
    """The lists of the older API, as Together sends them, give the same records, without bytes."""
    members = [
        {"tokens": ["Hi"], "token_logprobs": [-0.5], "top_logprobs": [{"Hey": -2.0, "Hi": -0.5}], "text_offset": [0]},
        {"tokens": ["!"], "token_logprobs": [None], "top_logprobs": [None], "text_offset": [2]},
    ]
    server.schema = False
    server.stream(*streamed(*members))
    assert list(chat.send("Hi", extra_body={"logprobs": 2}).logprobs) == [
        TokenLogprob("Hi", -0.5, None, (TokenLogprob("Hi", -0.5), TokenLogprob("Hey", -2.0))),
        TokenLogprob("!"),
    ]


@pytest.mark.parametrize(
    ("member", "tokens"),
    [
        (None, None),
        ({}, None),
        ([], None),
        (-0.5, None),
        ({"content": []}, None),
        ({"content": None, "refusal": None}, None),
        ({"content": "Hi"}, None),
        ({"tokens": "Hi"}, None),
        ({"content": [None, HI, 5]}, [READ[0]]),
        ({"content": [{"token": "a"}]}, [TokenLogprob("a")]),
        ({"content": [{"token": None, "logprob": "x", "bytes": [300], "top_logprobs": 3}]}, [TokenLogprob("")]),
        ({"content": [{"token": "a", "logprob": math.nan}]}, [TokenLogprob("a")]),
        ({"tokens": ["a", "b"], "token_logprobs": [-1]}, [TokenLogprob("a", -1.0), TokenLogprob("b")]),
        ({"tokens": ["a"], "top_logprobs": {"a": 1}}, [TokenLogprob("a")]),
    ],
)
def test_what_is_no_list_of_tokens(member: Any, tokens: list[TokenLogprob] | None):
    """What is missing is not known, what makes no sense is passed over, and nothing of it is an error."""
    read = Logprobs.read(member)
    assert (read if read is None else list(read)) == tokens


def test_records():
    """Probabilities come from logarithms, alternatives are the other tokens, and the sequence has a total."""
    got = Logprobs(READ)
    assert [round(token.probability, 4) for token in got] == [0.6065, 0.7788]
    assert [other.token for other in got[0].alternatives] == ["Hey"]
    assert (len(got), got[-1].token, list(got[:1]), got.total) == (2, "!", READ[:1], -0.75)
    assert repr(got) == "<Logprobs of 2 tokens, -0.75 in all>"
    assert TokenLogprob("a", 0.7).probability == 1.0
    unknown = Logprobs([*READ, TokenLogprob("?")])
    assert (unknown[2].probability, unknown.total, repr(unknown)) == (None, None, "<Logprobs of 3 tokens>")


def test_as_a_dataframe():
    """A row for each token, with the likeliest at its place as a dict."""
    frame = Logprobs(READ).to_dataframe()
    assert list(frame.columns) == ["token", "logprob", "probability", "top_logprobs"]
    assert frame.token.tolist() == ["Hi", "!"]
    assert frame.top_logprobs.tolist() == [{"Hi": -0.5, "Hey": -2.0}, {}]
    assert frame.probability.round(4).tolist() == [0.6065, 0.7788]


def test_the_embedded_model():
    """The model in this process tells them too, and the tokens together are the text."""
    model_file()
    got = nbchat.Session("local").send("Count to three.", logprobs=True, top_logprobs=3, max_tokens=8, temperature=0)
    assert "".join(token.token for token in got.logprobs) == got.text
    assert all(len(token.top_logprobs) == 3 and 0 < token.probability <= 1 for token in got.logprobs)
    assert [token.top_logprobs[0].token for token in got.logprobs] == [token.token for token in got.logprobs]
