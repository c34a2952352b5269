"""The servers that people use, each in the form it sends: streamed, whole, and what it gets back with the next question."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recordings import RECORDINGS, WIRE, Recording, told, whole
from scripted import ScriptedServer, validator

from nbchat.client.client import Client
from nbchat.errors import NbchatError
from nbchat.session.conversation import Node, new_id
from nbchat.session.replay import Receiver, Said, request_messages, server_mark
from nbchat.session.session import Session
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.decode import chunk_of_completion

QUESTION = {"role": "user", "content": "?"}
NAMED = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
WITH_WHOLE = pytest.mark.parametrize(
    "recording", [recording for recording in RECORDINGS if recording.whole], ids=lambda recording: recording.name
)


def said(value: Any) -> Any:
    """What an answer says: without what is null or empty, and without what only says where in the answer it is."""
    if isinstance(value, list):
        return [said(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_call = "function" in value
    is_choice = "message" in value  # Perplexity puts the last piece beside it
    members = {
        name: said(item)
        for name, item in value.items()
        if not (is_call and name in ("index", "type")) and not (is_choice and name == "delta")
    }
    return {name: item for name, item in members.items() if item not in (None, "", [], {})}


def lacks(whole: Any, streamed: Any, path: str = "") -> list[str]:
    """Which members of *whole* are not in *streamed*, or other ones there."""
    if isinstance(whole, dict) and isinstance(streamed, dict):
        return [lack for name, item in whole.items() for lack in lacks(item, streamed.get(name), f"{path}.{name}")]
    if isinstance(whole, list) and isinstance(streamed, list) and len(whole) == len(streamed):
        pairs = enumerate(zip(whole, streamed, strict=True))
        return [lack for at, (one, other) in pairs for lack in lacks(one, other, f"{path}[{at}]")]
    return [] if whole == streamed else [path]


def results(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages that answer the calls of an answer."""
    if "function_call" in message:
        return [{"role": "function", "name": message["function_call"]["name"], "content": "12 degrees"}]
    calls = message.get("tool_calls") or ()
    return [{"role": "tool", "tool_call_id": call["id"], "content": "12 degrees"} for call in calls]


def ask_twice(server: ScriptedServer, *, streamed: bool) -> dict[str, Any]:
    """Ask, answer the calls of tools, ask again, and return the first answer as the second request carries it."""
    chat = Session("m", base_url=server.url)
    turn = chat.ask({"role": "user", "content": "Weather?"}, streamed=streamed)
    turn.wait()
    conversation = chat._conversation
    for message in results(conversation.nodes[conversation.head].message):
        node = Node(new_id(), conversation.head, message, turn.id)
        conversation.add(node)
        conversation.head = node.id
    server.answer("Fine.")
    chat.send("And now?")
    messages = server.requests[-1].json["messages"]
    assert [message["role"] for message in messages[:2]] == ["user", "assistant"]
    return messages[1]


def stream(server: ScriptedServer, recording: Recording) -> None:
    """Let the next answer be a recording."""
    server.reply(recording.received, headers={"content-type": "text/event-stream"})


# ---- what comes ----------------------------------------------------------------------------------------------------


@NAMED
def test_a_client_streams_what_the_server_said(recording: Recording, server: ScriptedServer):
    """Through a real connection the chunks add up to the recording's completion, and its error follows them."""
    stream(server, recording)
    chunks: list[ChatCompletionChunk] = []
    error = None
    with Client(server.url) as client:
        try:
            chunks.extend(client.chat.completions.create(model="m", messages=[QUESTION], stream=True))
        except NbchatError as raised:
            error = raised
    assert whole(chunks) == recording.completion
    assert told(error) == recording.error


@WITH_WHOLE
def test_a_whole_answer_is_as_sent(recording: Recording, server: ScriptedServer):
    """An answer that is not streamed comes back member for member."""
    server.reply(json.dumps(recording.whole).encode())
    with Client(server.url) as client:
        got = client.chat.completions.create(model="m", messages=[QUESTION])
    assert got.to_dict() == recording.whole


@WITH_WHOLE
def test_what_is_streamed_has_the_shape_of_the_whole(recording: Recording):
    """Whatever a server says in a whole answer, its stream adds up to, in the same places."""
    assert lacks(said(recording.whole), said(recording.completion)) == []


@WITH_WHOLE
def test_a_whole_answer_seen_as_a_chunk_loses_nothing(recording: Recording):
    """Where a whole answer comes in place of a stream, it is accumulated to itself."""
    assert lacks(said(recording.whole), said(whole([chunk_of_completion(recording.whole)]))) == []


# ---- what goes back ------------------------------------------------------------------------------------------------


@NAMED
def test_the_next_question_carries_what_the_server_needs(recording: Recording, server: ScriptedServer):
    """The answer goes back as its server takes it: what it needs is in, what it or others refuse is not."""
    stream(server, recording)
    assert ask_twice(server, streamed=True) == recording.replayed


@WITH_WHOLE
def test_a_whole_answer_goes_back_like_a_streamed_one(recording: Recording, server: ScriptedServer):
    """It makes no difference to the next request whether the answer was streamed."""
    server.reply(json.dumps(recording.whole).encode())
    assert said(ask_twice(server, streamed=False)) == said(recording.replayed)


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "1"}
MINE, YOURS = server_mark("http://mine/v1"), server_mark("http://yours/v1")


def replayed(*messages: dict[str, Any], receiver: Receiver = Receiver(MINE, "m")) -> list[dict[str, Any]]:  # noqa: B008
    """These messages of one server as a request carries them; it is valid."""
    sent = request_messages([Said(message, MINE, "m") for message in messages], receiver)
    validator("request").validate({"model": "m", "messages": [*sent, QUESTION]})
    return sent


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_go_back_in_a_turn_that_called_tools(name: str):
    """DeepSeek needs the reasoning of every answer in a turn with tools, and refused it in turns without."""
    turn = [QUESTION, {"role": "assistant", "content": None, name: "hm", "tool_calls": [CALL]}, RESULT]
    plain = [QUESTION, {"role": "assistant", "content": "2", name: "hmm"}]
    sent = replayed(*plain, *turn, {"role": "assistant", "content": "1", name: "so"}, *plain)
    assert [message.get(name) for message in sent if message["role"] == "assistant"] == [None, "hm", "so", None]


@pytest.mark.parametrize(
    ("receiver", "names"),
    [
        (Receiver(MINE, "m"), {"reasoning", "extra_content"}),
        (Receiver(None, "m"), {"reasoning", "extra_content"}),
        (Receiver(MINE, "other"), {"extra_content"}),
        (Receiver(YOURS, "m"), set()),
    ],
)
def test_another_server_gets_what_every_server_knows(receiver: Receiver, names: set[str]):
    """Members of a server's own go to that server alone; text of reasoning only to the model that thought it."""
    message = {"role": "assistant", "content": "", "reasoning": "hm", "extra_content": {"s": 1}, "tool_calls": [SIGNED]}
    sent = replayed(QUESTION, message, RESULT, receiver=receiver)[1]
    assert set(sent) - {"role", "content", "tool_calls"} == names
    assert sent["tool_calls"] == [SIGNED if "extra_content" in names else CALL]


def test_details_go_back_in_place_of_the_text_they_hold():
    """Reasoning that goes back signed does not go back a second time as text."""
    details = [{"type": "reasoning.text", "text": "hm", "signature": "s"}]
    message = {
        "role": "assistant",
        "content": None,
        "reasoning": "hm",
        "reasoning_details": details,
        "tool_calls": [CALL],
    }
    sent = replayed(QUESTION, message, RESULT)[1]
    assert sent == {"role": "assistant", "content": None, "reasoning_details": details, "tool_calls": [CALL]}


def test_calls_of_one_name_are_answered_each_by_its_own():
    """Where a server counts its calls from 0 in every answer, a call that was cut off is not taken for answered."""
    asked = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    sent = replayed(QUESTION, asked, RESULT, QUESTION, {**asked, "content": "cut"})
    assert ("tool_calls" in sent[1], "tool_calls" in sent[4]) == (True, False)


def test_a_function_call_goes_back_with_its_answer_only():
    """A call in the old form is sent if the next message answers it, and left out if nothing does."""
    asked = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    sent = replayed(QUESTION, asked, {"role": "function", "name": "f", "content": "1"}, QUESTION, asked)
    assert (sent[1]["content"], sent[1]["function_call"]) == (None, asked["function_call"])
    assert sent[4] == {"role": "assistant", "content": ""}


def test_a_mark_tells_servers_apart_and_names_none():
    """What a conversation keeps of its servers is the same for the same address, and does not give it away."""
    assert MINE == server_mark("http://mine/v1") != YOURS
    assert "mine" not in MINE


# ---- where it is written down --------------------------------------------------------------------------------------


def test_every_recording_has_a_source():
    """The table beside the recordings names each of them once, with its server and its source, and no other."""
    rows = [line.split("|")[1:-1] for line in (WIRE / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert sorted(row[0].strip(" `") for row in rows) == [recording.name for recording in RECORDINGS]
    assert all(cell.strip() for row in rows for cell in row)
    assert {len(row) for row in rows} == {5}
