"""How likely an answer's tokens were, as the panel is told when somebody wants to see it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted import PATIENCE, ScriptedServer, chunk, likely, with_tokens
from test_panel import Front

import nbchat
from nbchat.jupyter.shading import page_of
from nbchat.session.session import Session


def answer(server: ScriptedServer, *texts: str) -> None:
    """Have the next question answered with as many choices, of a token each."""
    events = [with_tokens(likely(text, 0.5, (text, 0.5), ("or", 0.25)), index=at) for at, text in enumerate(texts)]
    server.stream(*events, *(chunk(finish="stop", index=at) for at in range(len(texts))))


@pytest.fixture
def chat(server: ScriptedServer) -> Session:
    return nbchat.Session("m", base_url=server.url, logprobs=True, top_logprobs=2)


def shown(front: Front) -> list[dict[str, Any]]:
    return front.panel.get_state(["messages"])["messages"]


def test_told_when_it_is_asked_for(chat: Session, server: ScriptedServer):
    """A message only says that there is something to tell; asked, the panel is told what completion.logprobs holds."""
    front = Front(chat)
    answer(server, "Yes")
    completion = chat.send("Q", max_tokens=1)
    question, message = shown(front)
    assert "likely" not in question
    assert message["likely"] is True
    assert "top_logprobs" not in json.dumps([front.panel.get_state(["messages", "turns"]), front.got])
    page = front.ask("probabilities", node=message["id"])
    assert page == json.loads(json.dumps(page_of(completion.logprobs, 0)))
    assert page["tokens"] == [["Yes", 1, "“Yes” 50 %\nor “or” 25 %", 0]]
    assert front.ask("probabilities", node=message["id"], start=1)["tokens"] == []


def test_each_answer_has_its_own(chat: Session, server: ScriptedServer):
    """After regenerating, choosing and walking branches, in a second panel, a fork and a file: each answer keeps its own."""
    front = Front(chat)
    answer(server, "one", "two")
    answer(server, "three")
    turns = [chat.stream("Q", n=2)]
    turns[0].result(PATIENCE)
    turns.append(chat.regenerate())
    turns[1].result(PATIENCE)
    ids = [node for turn in turns for node in turn.answers]
    again = nbchat.Session.from_json(chat.to_json(), base_url=server.url)
    for panel in (front, Front(chat), Front(chat.fork()), Front(again)):
        for node, text in zip(ids, ("one", "two", "three"), strict=True):
            assert panel.ask("go", node=node) is None
            assert panel.ask("probabilities", node=node)["tokens"][0][0] == text
            message = shown(panel)[1]
            assert (message["id"], message["text"], message["likely"]) == (node, text, True)
            if text != "three":
                assert [choice["likely"] for choice in message["choices"]] == [True, True]
    assert again.conversation == chat.conversation


def test_what_is_not_known_is_refused(chat: Session, server: ScriptedServer):
    """An answer without probabilities, a question, a message that is none, and what no server would tell: each has its reason."""
    front = Front(chat)
    server.answer("No")
    chat.send("Q")
    question, message = shown(front)
    assert "likely" not in message
    why = ["The server did not say how likely the tokens of this answer were. Ask again with logprobs on."]
    assert front.ask("probabilities", node=question["id"]) == why
    assert front.ask("probabilities", node=message["id"]) == why
    assert front.ask("probabilities", node="x") == ["There is no such message in this conversation."]
    nodes = chat.conversation.nodes
    for odd in ({"content": "x"}, {"tokens": [1], "token_logprobs": "y"}, {"content": [1, None]}, {"a": 1}):
        object.__setattr__(nodes[message["id"]], "logprobs", odd)
        assert isinstance(front.ask("probabilities", node=message["id"]), list | dict)


def test_a_long_answer_is_told_in_parts(chat: Session, server: ScriptedServer):
    """Of 4,000 tokens with 5 alternatives each the state and the messages carry none, and a request gives a thousand."""
    front = Front(chat)
    others = [(f" other{at}", 0.1) for at in range(5)]
    server.stream(*(with_tokens(*[likely(" token", 0.5, *others)] * 100) for _ in range(40)), chunk(finish="stop"))
    chat.send("Q")
    front.path(2)
    assert len(json.dumps([front.got, front.panel.get_state(["messages"])])) < 300_000
    parts = [front.ask("probabilities", node=shown(front)[1]["id"], start=start) for start in range(0, 4000, 1000)]
    assert [(part["total"], len(part["tokens"])) for part in parts] == [(4000, 1000)] * 4
    assert max(len(json.dumps(part)) for part in parts) < 300_000
