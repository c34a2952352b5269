"""The session: one conversation, its parameters, and everybody who uses it at once."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from samples import pdf, sound
from scripted import PATIENCE, ScriptedServer, chunk
from traitlets import TraitError

from nbchat.client.config import settings
from nbchat.errors import APIConnectionError, ConfigurationError, NbchatError, ServerError, TurnCancelled
from nbchat.session.conversation import Node
from nbchat.session.events import HeadMoved, ParameterChanged, TextAdded, TurnEnded, TurnQueued, TurnStarted
from nbchat.session.session import Session
from nbchat.wire.measures import pixel_size
from nbchat.wire.media import medium_of


@pytest.fixture
def chat(server: ScriptedServer) -> Session:
    """A session with the scripted server."""
    return Session("scripted", base_url=server.url, api_key="sk-test")


def roles(chat: Session) -> str:
    """The conversation as one letter and the text of each message."""
    return " ".join(f"{message['role'][0]}:{message['content']}" for message in chat.messages)


def test_send_keeps_the_conversation(chat: Session, server: ScriptedServer):
    """Each question carries all that was said before, the system message first."""
    chat.system = "Be brief."
    server.answer("A language.")
    server.answer("By reading.")
    assert str(chat.send("What's Python?")) == "A language."
    assert chat.send("How to learn it?").text == "By reading."
    assert [message["role"] for message in server.requests[1].json["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert roles(chat) == "s:Be brief. u:What's Python? a:A language. u:How to learn it? a:By reading."


def test_a_turn_streams(chat: Session, server: ScriptedServer):
    """A turn gives its text piece by piece, to as many readers as like, and its status follows."""
    gate = threading.Event()
    server.answer("one two three", gate=gate)
    turn = chat.stream("count")
    pieces = []
    for piece in turn:
        pieces.append(piece)
        if len(pieces) == 3:
            assert (turn.status, turn.text, turn.completion.finish_reason) == ("running", "one two three", None)
            gate.set()
    assert pieces == ["one", " two", " three"] == list(turn)
    assert turn.status == "done"
    assert turn.result().usage.total_tokens == 10


def test_a_turn_can_be_awaited(chat: Session, server: ScriptedServer):
    """In async code a turn is awaited, or iterated over with async for."""
    server.always_answer("one two")

    async def main() -> tuple[str, list[str]]:
        return (await chat.stream("a")).text, [piece async for piece in chat.stream("b")]

    assert asyncio.run(main()) == ("one two", ["one", " two"])


def test_a_cell_a_thread_and_an_await_share_a_session(chat: Session, server: ScriptedServer):
    """Turns asked from anywhere at once run one after another, in the order asked."""
    gate = threading.Event()
    server.answer("first", gate=gate)
    server.always_answer("later")
    turns = [chat.stream("0")]

    async def ask() -> None:
        turns.append(chat.stream("1"))
        thread = threading.Thread(target=lambda: turns.append(chat.stream("2")))
        thread.start()
        await asyncio.to_thread(thread.join)
        gate.set()
        await turns[-1]

    asyncio.run(ask())
    assert chat.send("3").text == "later"
    asked = [message["content"] for message in chat.messages if message["role"] == "user"]
    assert asked == ["0", "1", "2", "3"]
    assert [turn.status for turn in turns] == ["done"] * 3


def test_two_sessions_stream_at_once(server: ScriptedServer):
    """Sessions run side by side: each of two is in the middle of its answer while the other is."""
    gates = [threading.Event(), threading.Event()]
    for gate in gates:
        server.answer("half", gate=gate)
    turns = [Session("m", base_url=server.url).stream("?") for _ in gates]
    for turn in turns:
        assert next(iter(turn)) == "half"
    assert [turn.status for turn in turns] == ["running", "running"]
    for gate in gates:
        gate.set()
    assert [turn.result(PATIENCE).text for turn in turns] == ["half", "half"]


def test_parameters_are_bound(chat: Session, server: ScriptedServer):
    """A field set on the session is in the next request, and out of it when unset; overrides hold once."""
    server.always_answer("ok")
    chat.parameters.temperature = 0.2
    chat.send("a", max_tokens=5)
    chat.parameters.temperature = None
    chat.send("b")
    first, second = (request.json for request in server.requests)
    assert (first["temperature"], first["max_tokens"]) == (0.2, 5)
    assert "temperature" not in second
    assert "max_tokens" not in second


def test_extra_body_has_the_last_word(chat: Session, server: ScriptedServer):
    """What only one server knows is merged last: it adds members, and may change those that streaming brings."""
    server.answer("ok")
    chat.parameters.extra_body = {"top_k": 5, "stream_options": {"include_usage": False}}
    chat.send("a")
    assert server.requests[0].json["top_k"] == 5
    assert server.requests[0].json["stream_options"] == {"include_usage": False}


def test_a_misspelt_field_is_no_field(chat: Session):
    """Setting a field that does not exist raises, where it would else be silently ignored."""
    with pytest.raises(AttributeError, match="no request field 'temprature'"):
        chat.parameters.temprature = 1


def test_half_characters_are_exported(chat: Session, server: ScriptedServer):
    """A lone surrogate in a question does not keep the conversation from being written to a file."""
    server.answer("ok")
    chat.send("half \ud800")
    assert "half \ufffd" in Session.from_json(chat.to_json().encode().decode()).messages[0]["content"]


def test_parameters_are_frozen_when_asked(chat: Session, server: ScriptedServer):
    """What is changed after a turn was asked does not reach it, though it still waits."""
    gate = threading.Event()
    server.answer("first", gate=gate)
    server.answer("second")
    chat.parameters.temperature = 0.1
    chat.stream("a")
    waiting = chat.stream("b")
    chat.parameters.temperature = 0.9
    gate.set()
    waiting.result(PATIENCE)
    assert server.requests[1].json["temperature"] == 0.1


def test_a_bad_override_sends_nothing(chat: Session, server: ScriptedServer):
    """A value out of bounds, or a field that does not exist, raises at once."""
    with pytest.raises(TraitError, match="temperature must be a number between 0 and 2"):
        chat.send("a", temperature=3)
    with pytest.raises(TraitError, match="no request field 'temprature'"):
        chat.send("a", temprature=1)
    assert server.requests == []


@pytest.mark.parametrize("how", ["refused", "server"])
def test_a_failure_leaves_the_conversation_as_it_was(chat: Session, server: ScriptedServer, how: str):
    """A turn that fails before any text adds nothing: asking again does not ask twice."""
    server.answer("hello")
    chat.send("hi")
    if how == "server":
        for _ in range(3):
            server.error(500, {"error": {"message": "no"}}, retry_after_ms="1")
        expected: type[NbchatError] = ServerError
    else:
        chat = Session("m", base_url="http://127.0.0.1:9/v1")
        chat.client.http.max_retries = 0
        expected = APIConnectionError
    before = chat.messages
    with pytest.raises(expected):
        chat.send("again")
    assert chat.messages == before
    if how == "server":
        server.answer("now")
        chat.send("again")
        assert roles(chat) == "u:hi a:hello u:again a:now"


def test_what_had_come_is_kept_when_a_turn_dies(chat: Session, server: ScriptedServer):
    """An answer cut off half-way stays as a message, marked in the tree and not in its text."""
    server.stream(chunk("half an"), chunk(" answer"), done=False, cut=True)
    turn = chat.stream("go")
    with pytest.raises(NbchatError) as caught:
        turn.result(PATIENCE)
    assert caught.value.kind == "truncated"
    assert (turn.status, turn.completion.text) == ("failed", "half an answer")
    assert roles(chat) == "u:go a:half an answer"
    assert [node.status for node in chat.conversation.nodes.values()] == ["done", "failed"]


def test_stop_keeps_the_text_and_closes_the_connection(chat: Session, server: ScriptedServer):
    """A stopped turn keeps what had come; the server sees the connection closed; the next question works."""
    server.stream(chunk("so far"), threading.Event())
    turn = chat.stream("go")
    assert next(iter(turn)) == "so far"
    chat.stop()
    assert turn.wait(PATIENCE)
    with pytest.raises(TurnCancelled):
        turn.result()
    assert server.requests[0].closed.wait(PATIENCE)
    assert (turn.status, turn.completion.text, roles(chat)) == ("cancelled", "so far", "u:go a:so far")
    server.answer("fine")
    assert chat.send("next").text == "fine"


def test_stop_before_any_text_leaves_nothing(chat: Session, server: ScriptedServer):
    """A turn stopped while it waits for its first token, or for its turn, leaves no trace in the messages."""
    server.reply(before=threading.Event())
    running, waiting = chat.stream("a"), chat.stream("b")
    while not server.requests:
        assert not running.wait(0.01)
    chat.stop()
    assert running.wait(PATIENCE)
    assert waiting.wait(PATIENCE)
    assert (running.status, waiting.status, running.completion, chat.messages) == ("cancelled", "cancelled", None, [])
    assert server.requests[0].closed.wait(PATIENCE)


def test_running_a_cell_again_branches(chat: Session, server: ScriptedServer):
    """The conversation follows the notebook: a cell run again replaces its turn, and the next continues from there."""
    for text in ("a1", "a2", "a3", "a1 again", "a2 again"):
        server.answer(text)

    def run(cell: str) -> None:
        chat.ask({"role": "user", "content": f"q{cell}"}, cell=cell).result(PATIENCE)

    for cell in "123":
        run(cell)
    run("1")
    assert roles(chat) == "u:q1 a:a1 again"
    run("2")
    assert roles(chat) == "u:q1 a:a1 again u:q2 a:a2 again"
    kept = [node.text for node in chat.conversation.nodes.values() if node.role == "assistant"]
    assert kept == ["a1", "a2", "a3", "a1 again", "a2 again"]


def test_regenerate_and_choose(chat: Session, server: ScriptedServer):
    """Asking again gives a sibling answer; choose walks between them, and what followed each comes with it."""
    for text in ("one", "follow-up", "two"):
        server.answer(text)
    chat.send("q")
    chat.send("and?")
    chat.undo()
    chat.regenerate().result(PATIENCE)
    assert roles(chat) == "u:q a:two"
    assert server.requests[2].json["messages"] == [{"role": "user", "content": "q"}]
    chat.choose(0)
    assert roles(chat) == "u:q a:one u:and? a:follow-up"
    with pytest.raises(ConfigurationError, match="no answer 5"):
        chat.choose(5)


def test_n_answers_are_siblings(chat: Session, server: ScriptedServer):
    """With n=3 the first answer is on the head, and the others can be chosen."""
    server.answer("a", "b", "c")
    completion = chat.send("q", n=3)
    assert [choice.message.content for choice in completion.choices] == ["a", "b", "c"]
    assert roles(chat) == "u:q a:a"
    chat.choose(2)
    assert roles(chat) == "u:q a:c"


def test_edit_asks_something_else_in_the_same_place(chat: Session, server: ScriptedServer):
    """Editing a question starts a branch before it; only questions can be edited."""
    chat.system = "s"
    for text in ("one", "two", "three"):
        server.answer(text)
    chat.send("a")
    chat.send("b")
    with pytest.raises(ConfigurationError, match="not a question"):
        chat.edit(2, "x")
    with pytest.raises(ConfigurationError, match="not a question"):
        chat.edit(9, "x")
    chat.edit(1, "A").result(PATIENCE)
    assert roles(chat) == "s:s u:A a:three"


def test_undo_and_clear(chat: Session, server: ScriptedServer):
    """undo takes back the last turn; clear begins anew, and undo brings the conversation back."""
    server.always_answer("ok")
    chat.send("a")
    chat.send("b")
    assert chat.undo()
    assert roles(chat) == "u:a a:ok"
    chat.clear()
    assert chat.messages == []
    assert chat.undo()
    assert roles(chat) == "u:a a:ok"
    assert chat.undo()
    assert not chat.undo()


def test_fork_shares_the_past_only(chat: Session, server: ScriptedServer):
    """A fork knows what was said and goes its own way from there."""
    server.always_answer("ok")
    chat.send("a")
    other = chat.fork()
    other.send("b")
    other.parameters.temperature = 1
    assert (len(chat.messages), len(other.messages), chat.parameters.temperature) == (2, 4, None)


def test_events_come_in_order(chat: Session, server: ScriptedServer):
    """A subscriber sees a turn from its beginning to its end, and parameters as they change."""
    seen: list[object] = []
    unsubscribe = chat.subscribe(seen.append)
    server.answer("hello world")
    chat.parameters.temperature = 0.5
    turn = chat.stream("hi")
    turn.wait(PATIENCE)
    # The last event follows the end of the turn on the I/O thread; a further turn is behind it.
    server.answer("x")
    chat.send("y")
    unsubscribe()
    chat.parameters.temperature = 1
    mine = [event for event in seen if getattr(event, "turn", turn) is turn]
    kinds = [type(event) for event in mine]
    assert kinds[:3] == [ParameterChanged, TurnQueued, TurnStarted]
    assert [kind for kind in kinds if kind in (HeadMoved, TurnEnded)][:2] == [HeadMoved, TurnEnded]
    text = "".join(piece.text for event in mine if isinstance(event, TextAdded) for piece in event.pieces)
    assert text == "hello world"
    assert seen[0] == ParameterChanged("temperature", None, 0.5)


def test_a_listener_that_raises_ends_nothing(chat: Session, server: ScriptedServer, caplog: pytest.LogCaptureFixture):
    """A listener's failure is logged; the turn and the other listeners go on."""
    seen: list[object] = []

    def broken(event: object) -> None:
        raise ZeroDivisionError

    chat.subscribe(broken)
    chat.subscribe(seen.append)
    server.answer("fine")
    assert chat.send("hi").text == "fine"
    assert seen
    assert "subscriber" in caplog.text


def test_a_listener_may_ask(chat: Session, server: ScriptedServer):
    """A listener, on whatever thread it is called, may start the next turn."""
    server.always_answer("ok")
    followed: list[object] = []
    done = threading.Event()

    def follow(event: object) -> None:
        if isinstance(event, TurnEnded):
            if followed:
                done.set()
            else:
                followed.append(chat.stream("and then?"))

    chat.subscribe(follow)
    chat.send("hi")
    assert done.wait(PATIENCE)
    assert roles(chat) == "u:hi a:ok u:and then? a:ok"


def test_usage_and_cost_add_up(chat: Session, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """Tokens add up over all requests; the price is unknown for a server that no list knows."""
    server.always_answer("ok")
    chat.send("a")
    chat.send("b")
    assert chat.usage.to_dict() == {"prompt_tokens": 14, "completion_tokens": 6, "total_tokens": 20}
    assert chat.cost is None


def test_json_is_loss_free(chat: Session, server: ScriptedServer):
    """A session written and read again has the same branches, parameters and system message, and no key."""
    server.answer("a", "b")
    server.answer("c")
    chat.system = "Be brief."
    chat.parameters.temperature = 0.3
    chat.send("q", n=2)
    chat.regenerate().result(PATIENCE)
    text = chat.to_json()
    assert "sk-test" not in text
    again = Session.from_json(text, base_url=server.url)
    assert json.loads(again.to_json()) == json.loads(text)
    assert again.messages == chat.messages
    again.choose(1)
    assert roles(again) == "s:Be brief. u:q a:b"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"nbchat": 1}', '{"nbchat": 1, "conversation": {"nodes": 3}}', '{"nbchat": 1, "parameters": 3}'],
)
def test_what_is_no_session_is_refused(text: str):
    """Reading something else is one sentence."""
    with pytest.raises(ConfigurationError, match="not a session"):
        Session.from_json(text)


def test_markdown_export(chat: Session, server: ScriptedServer):
    """The conversation reads as Markdown, with who said what."""
    server.answer("**Yes.**")
    chat.send("Really?")
    assert chat.to_markdown() == "**You**\n\nReally?\n\n**Assistant** (scripted)\n\n**Yes.**\n"


def test_an_empty_question_is_refused(chat: Session, server: ScriptedServer):
    """Nothing is sent for an empty question."""
    with pytest.raises(ConfigurationError, match="empty"):
        chat.send("  \n ")
    assert server.requests == []


def test_the_only_model_of_a_server_is_used(server: ScriptedServer):
    """Where no model is named, a server that has one answers with it, and one with several is told apart."""
    server.reply(b'{"object": "list", "data": [{"id": "llama", "object": "model"}]}')
    server.answer("hi")
    assert Session(base_url=server.url).send("?").text == "hi"
    assert server.requests[1].json["model"] == "llama"
    server.reply(b'{"object": "list", "data": [{"id": "a"}, {"id": "b"}]}')
    with pytest.raises(ConfigurationError, match="has 2 models: name one of a, b"):
        Session(base_url=server.url).send("?")


def test_an_environment_set_later_counts(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """Setting the address in a cell, after the session was made, is enough."""
    chat = Session("m")
    assert chat.endpoint.embedded
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.answer("from there")
    assert chat.send("?").text == "from there"


def test_without_streaming(chat: Session, server: ScriptedServer):
    """A turn may ask for the answer as a whole; everything else is the same."""
    server.answer("whole")
    turn = chat.ask({"role": "user", "content": "?"}, streamed=False)
    assert turn.result(PATIENCE).text == "whole"
    assert "stream" not in server.requests[0].json
    assert roles(chat) == "u:? a:whole"


def test_ten_thousand_messages(chat: Session, server: ScriptedServer):
    """A long conversation is walked without recursion, and still answers."""
    nodes = [
        {
            "id": str(i),
            "parent": str(i - 1) if i else None,
            "turn": str(i // 2),
            "created": 0.0,
            "status": "done",
            "message": {"role": ("user", "assistant")[i % 2], "content": str(i)},
        }
        for i in range(10_000)
    ]
    data = {
        "nbchat": 1,
        "name": None,
        "system": None,
        "parameters": {"model": "m"},
        "conversation": {"head": "9999", "nodes": nodes},
    }
    long = Session.from_json(json.dumps(data), base_url=server.url)
    server.answer("still here")
    assert long.send("and?").text == "still here"
    assert len(server.requests[0].json["messages"]) == 10_001


@pytest.mark.parametrize("options", [{"temperature": 9}, {"context": "cut"}, {"base_url": "nowhere"}])
def test_a_half_made_session_can_be_shown(options: dict[str, object]):
    """A session that could not be made shows in the traceback that says why, and does not fail there."""
    made: list[Session] = []

    class Watched(Session):
        def __init__(self, **given: object) -> None:
            made.append(self)
            super().__init__(**given)

    with pytest.raises((ConfigurationError, TraitError)):
        Watched(**options)
    assert repr(made[0]) == "<Session, not made>"


@pytest.mark.parametrize(
    "asking", ['Session("m", base_url=url).send("?")', 'Client(url).chat.completions.create(model="m", messages=[])']
)
def test_nothing_is_asked_when_python_ends(server: ScriptedServer, asking: str):
    """A thread that outlives the main thread and asks then gets one sentence that says why it can't, and what to do."""
    script = f"""
import subprocess
import sys
import threading
import nbchat

url = {server.url!r}

def ask():
    threading.main_thread().join()
    try:
        nbchat.{asking}
    except nbchat.NbchatError as error:
        print(type(error).__name__, error)

threading.Thread(target=ask).start()
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == (
        "ConfigurationError Nothing can be asked any more: the main thread has ended, and Python with it. "
        "Let the main thread wait for this one, with its join().\n"
    )
    assert (ran.stderr, server.requests) == ("", [])


def test_a_failure_is_told_again_as_it_was(chat: Session, server: ScriptedServer):
    """However often the result of a failed turn is asked for, its traceback is as long as the first time."""
    server.error(400, {"error": {"message": "No."}})
    turn = chat.stream("?")
    lengths = []
    for _ in range(5):
        with pytest.raises(NbchatError) as raised:
            turn.result(PATIENCE)
        lengths.append(len(raised.traceback))
    assert len(set(lengths)) == 1


# ---- attachments ---------------------------------------------------------------------------------------------------


def noise(side: int) -> Image.Image:
    """A picture that does not compress."""
    return Image.fromarray(np.random.default_rng(4).integers(0, 256, (side, side, 3), "uint8"))


def test_what_is_attached_follows_the_question(chat: Session, server: ScriptedServer, tmp_path: Path):
    """The request has the text first, then each thing as its part, and the conversation keeps them for the next one."""
    (tmp_path / "paper.pdf").write_bytes(pdf())
    server.always_answer("I see.")
    things = [Image.new("L", (3, 3)), tmp_path / "paper.pdf", sound(), pd.DataFrame({"a": [1]}), "https://a.b/c.png"]
    chat.send("What are these?", attach=things)
    chat.send("And now?")
    first, second = (request.json["messages"] for request in server.requests)
    content = first[0]["content"]
    assert content[0] == {"type": "text", "text": "What are these?"}
    assert [part["type"] for part in content[1:]] == ["image_url", "file", "input_audio", "text", "image_url"]
    assert second[0]["content"] == content
    assert second[2] == {"role": "user", "content": "And now?"}


@pytest.mark.parametrize("nothing", [(), [], None])
def test_a_question_alone_stays_text(chat: Session, server: ScriptedServer, nothing: Any):
    """Where nothing is attached, the content is a string."""
    server.answer("ok")
    chat.send("Hi", attach=nothing)
    assert server.requests[0].json["messages"] == [{"role": "user", "content": "Hi"}]


def test_one_thing_needs_no_list(chat: Session, server: ScriptedServer, tmp_path: Path):
    """A single thing is attached as it is, and it may be the whole question."""
    (tmp_path / "a.txt").write_text("hello")
    server.always_answer("ok")
    chat.send("", attach=str(tmp_path / "a.txt"))
    chat.stream([{"type": "text", "text": "Look:"}], attach=np.zeros((2, 2))).result(PATIENCE)
    chat.stream({"content": "Look:", "name": "ada"}, attach={"k": 1}).result(PATIENCE)
    first, second, third = (request.json["messages"][-1] for request in server.requests)
    assert [part["type"] for part in first["content"]] == ["text"]
    assert [part["type"] for part in second["content"]] == ["text", "image_url"]
    assert (third["name"], third["content"][1]["text"]) == ("ada", "\n\n{'k': 1}")


def test_nothing_is_sent_if_something_can_not_be_attached(chat: Session, server: ScriptedServer):
    """One thing that can't be attached ends it all: no request, no turn, no event."""
    events: list[Any] = []
    chat.subscribe(events.append)
    for ask in (chat.send, chat.stream, lambda text, attach: chat.edit(0, text, attach=attach)):
        with pytest.raises(ConfigurationError):
            ask("Look:", attach=[np.zeros((2, 2)), "missing.png"])
    assert (server.requests, events, chat.messages, chat.turn) == ([], [], [], None)


def test_what_was_changed_is_said_below_the_answer(
    chat: Session, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
):
    """A picture that was scaled down is a remark of the turn, kept with the answer and told once to who waits in Python."""
    server.answer("ok")
    chat.send("Look:", attach=Image.new("L", (4096, 2)))
    remark = "the picture was scaled down from 4096 × 2 to 2048 × 1 pixels"
    assert chat.turn is not None
    assert chat.turn.remarks == [remark]
    assert list(chat.conversation.nodes.values())[1].remarks == [remark]
    assert capsys.readouterr().err == f"nbchat: {remark}.\n"


def test_limits_come_from_the_configuration(chat: Session, server: ScriptedServer):
    """c.NBChat.attach bounds what is attached."""
    settings().attach = {"image_side": 10}
    server.answer("ok")
    chat.send("Look:", attach=Image.new("L", (40, 20)))
    medium = medium_of(server.requests[0].json["messages"][0]["content"][1])
    assert medium is not None
    assert pixel_size(medium.data()) == (10, 5)
    settings().attach = {"sides": 10}
    with pytest.raises(ConfigurationError, match="There is no limit 'sides'"):
        chat.send("Look:")


def test_an_edited_question_has_its_own_attachments(chat: Session, server: ScriptedServer):
    """Editing replaces what was attached, as it replaces the text."""
    server.always_answer("ok")
    chat.send("Look:", attach={"k": 1})
    chat.edit(0, "Look again:", attach=["https://a.b/c.png"]).result(PATIENCE)
    assert [part["type"] for part in chat.messages[0]["content"]] == ["text", "image_url"]


def test_what_was_sent_is_exported_whole(chat: Session, server: ScriptedServer):
    """JSON brings every byte back; Markdown shows a picture small, says the rest in words, and is safe."""
    server.answer("ok")
    things = [
        noise(300),
        {"type": "file", "file": {"filename": "<b>a</b>.pdf", "file_id": "file-1"}},
        "https://a.b/c.png",
    ]
    chat.send("Look:", attach=things)
    read = Session.from_json(chat.to_json())
    assert read.messages == chat.messages
    markdown = chat.to_markdown()
    assert read.to_markdown() == markdown
    assert len(markdown) < 100_000 < len(chat.to_json())
    assert "![picture](data:image/webp;base64," in markdown
    assert re.search(r"\*\[PNG picture, 300 × 300, \d+ kB, ≈ 255 tokens\]\*", markdown)
    assert "<b>" not in markdown
    assert "[picture at a.b](https://a.b/c.png)" in markdown


def test_a_conversation_with_foreign_parts_is_shown(chat: Session):
    """A conversation from a file may hold anything as a picture: no script of it gets into what is shown."""
    script = base64.b64encode(b"<svg><script>alert(1)</script></svg>").decode()
    urls = [
        f"data:image/svg+xml;base64,{script}",
        "javascript:alert(1)",
        "https://a.b/c.png) ![x](https://evil.example/y.png",
        'https://a.b/"onerror="alert(1)',
    ]
    content = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    chat._conversation.add(Node("q", None, {"role": "user", "content": content}, "t"))
    chat._conversation.head = "q"
    markdown = chat.to_markdown()
    assert "javascript:" not in markdown
    assert script not in markdown
    assert "![" not in markdown


def test_a_session_shows_whatever_becomes_of_its_server(monkeypatch: pytest.MonkeyPatch):
    """Its repr never raises, also where the environment or an endpoint's dict comes to name no sound server."""
    chat = Session("m", base_url="http://h/v1", name="notes")
    other = Session("m")
    settings().endpoints = {"x": {}}
    chat.model = "x/m"
    assert repr(chat) == "<Session 'notes', x/m, at no sound endpoint>"
    monkeypatch.setenv("OPENAI_BASE_URL", "nonsense")
    assert repr(other) == "<Session m, at no sound endpoint>"


@pytest.mark.parametrize("member", ["name", "system"])
def test_what_is_no_text_makes_no_session(member: str):
    """A file whose name or system message is no text is not a session, and says so when it is read."""
    data = {**json.loads(Session("m", base_url="http://h/v1").to_json()), member: 5}
    with pytest.raises(ConfigurationError, match=f"This is not a session: its {member} is no text"):
        Session.from_json(json.dumps(data), base_url="http://h/v1")
