"""Several answers to one question, in every door: while they come in turns, and to go on from any of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, kernel
from scripted import PATIENCE, ScriptedServer, chunk, likely, with_tokens
from test_panel import Front

import nbchat


def in_turns(server: ScriptedServer) -> threading.Event:
    """Answer the next request with two choices whose words come in turns; after the first of each it waits for the event."""
    go = threading.Event()
    server.stream(
        *(chunk(text, index=index) for index, text in ((1, "right"), (0, "left"))),
        go,
        *(chunk(text, index=index) for index, text in ((0, " side"), (1, " away"))),
        *(chunk(finish=reason, index=index) for index, reason in ((1, "length"), (0, "stop"))),
    )
    return go


def test_they_grow_side_by_side(server: ScriptedServer):
    """Both are there as they come, whichever comes first; iterating and .text are of the first."""
    go = in_turns(server)
    turn = nbchat.Session("m", base_url=server.url).stream("Q", n=2)
    assert turn.pieces.wait(1, PATIENCE)
    so_far = turn.completion
    assert {choice.index: choice.message.content for choice in so_far.choices} == {0: "left", 1: "right"}
    assert turn.text == "left"
    go.set()
    completion = turn.result(PATIENCE)
    assert [piece.choice for piece in turn.pieces.since(0)] == [1, 0, 0, 1]
    assert [choice.message.content for choice in completion.choices] == ["left side", "right away"]
    assert [choice.finish_reason for choice in completion.choices] == ["stop", "length"]
    assert (completion.text, "".join(turn)) == ("left side", "left side")


def test_any_can_be_gone_on_from(server: ScriptedServer):
    """They are siblings under one question; choose(k) stands on another, what follows is its own, and a file keeps all."""
    in_turns(server).set()
    chat = nbchat.Session("m", base_url=server.url)
    chat.send("Q", n=2)
    tree = chat.conversation
    answers = tree.siblings(tree.nodes[tree.head])
    assert [(node.text, node.finish_reason) for node in answers] == [("left side", "stop"), ("right away", "length")]
    assert [node.usage for node in answers] == [None, None]
    chat.choose(1)
    server.answer("On.")
    chat.send("And?")
    assert [m["content"] for m in server.requests[-1].json["messages"]] == ["Q", "right away", "And?"]
    chat.go(answers[0].id)
    assert chat.messages[-1]["content"] == "left side"
    chat.choose(1)
    assert [m["content"] for m in chat.messages] == ["Q", "right away", "And?", "On."]
    again = nbchat.Session.from_json(chat.to_json(), base_url=server.url)
    assert again.conversation == chat.conversation


def test_a_stopped_one_keeps_them_all(server: ScriptedServer):
    """Stopped in between, each choice keeps what it had."""
    in_turns(server)
    chat = nbchat.Session("m", base_url=server.url)
    turn = chat.stream("Q", n=2)
    while len(turn.pieces) < 2:
        turn.pieces.wait(len(turn.pieces), PATIENCE)
    chat.stop()
    assert turn.wait(PATIENCE)
    tree = chat.conversation
    assert [(node.text, node.status) for node in tree.siblings(tree.nodes[tree.head])] == [
        ("left", "cancelled"),
        ("right", "cancelled"),
    ]


def test_in_the_panel(server: ScriptedServer):
    """The panel is told of both as they come, each with its own offsets, and goes on from the one that is pressed."""
    chat = nbchat.Session("m", base_url=server.url)
    front = Front(chat)
    go = in_turns(server)
    chat.stream("Q", n=2)
    front.wait(lambda m: sum(part[0] == 1 for d in front.got if d["type"] == "delta" for part in d["parts"]) == 1)
    front.wait(lambda m: sum(part[0] == 0 for d in front.got if d["type"] == "delta" for part in d["parts"]) == 1)
    running = front.wait(lambda m: m["type"] == "turn")["turn"]
    assert len(running["texts"]) == 2
    go.set()
    answer = front.path(2)["messages"][1]
    parts = [part for message in front.got if message["type"] == "delta" for part in message["parts"]]
    grown: dict[int, str] = {}
    for choice, _, offset, text in parts:
        assert offset == len(grown.get(choice, ""))
        grown[choice] = grown.get(choice, "") + text
    assert grown == {0: "left side", 1: "right away"}
    assert [choice["text"] for choice in answer["choices"]] == ["left side", "right away"]
    front.ask("go", node=answer["choices"][1]["id"])
    assert chat.messages[-1]["content"] == "right away"


@pytest.fixture
def shell(tmp_path: Path, server: ScriptedServer) -> Iterator[Kernel]:
    with kernel(tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-secret", NBCHAT_MODEL="m") as started:
        started.run("%load_ext nbchat")
        yield started


def test_in_a_cell(shell: Kernel, server: ScriptedServer):
    """The cell is told of both as they come; what stays has each under its head with its end, and from Python any is gone on from."""
    go = in_turns(server)
    told: set[Any] = set()

    def seen(message: dict[str, Any]) -> None:
        data = message["content"].get("data", {})
        content = data.get("content", {}) if data.get("method") == "custom" else {}
        told.update(text for _, text in content.get("texts", ()))
        if {"left", "right"} <= told:
            go.set()

    shown = shell.run("%%chat -n 2 --out got\nQ", cell="a", seen=seen)
    assert [part.strip() for part in re.split(r"</?(?:div|nbchat-choices).*>", shown.markdown)] == [
        *("", "", "", "**Choice 1 of 2**\n\nleft side", ""),
        *("**Choice 2 of 2**\n\nright away\n\n*[cut off at max_tokens]*", "", ""),
        shown.markdown.splitlines()[-1],
    ]
    assert shown.outputs[0]["data"]["text/plain"].startswith("**Choice 1 of 2**\n\nleft side\n\n**Choice 2 of 2**\n\n")
    assert [answer["message"]["content"] for answer in shown.record["answers"]] == ["left side", "right away"]
    assert told == {"left", "right", " side", " away"}
    way = re.fullmatch(r"To go on from choice 2: <code>(.+)</code>", shown.markdown.splitlines()[-1])[1]
    shell.run(f"import nbchat\nchat = nbchat.get_session('default')\n{way}")
    assert shell.value("chat.messages[-1]['content']") == "right away"
    assert shell.value("[choice.message.content for choice in got.choices]") == ["left side", "right away"]


def test_each_is_shaded_in_a_cell(shell: Kernel, server: ScriptedServer):
    """Below several answers stands how likely the tokens of each were, each under its number."""
    tokens = [with_tokens(likely(text, 0.5), index=index) for index, text in ((1, "right"), (0, "left"))]
    server.stream(*tokens, *(chunk(finish="stop", index=index) for index in (1, 0)))
    shown = shell.run("%%chat -n 2 --logprobs true\nQ")
    _, *below = [output["data"] for output in shown.outputs]
    assert [data["text/plain"].partition(",")[0] for data in below] == [
        "Choice 1 of 2",
        "<Logprobs of 1 tokens",
        "Choice 2 of 2",
        "<Logprobs of 1 tokens",
    ]
    assert [word for data in below for word in ("left", "right") if f">{word}<" in data.get("text/html", "")] == [
        "left",
        "right",
    ]
