"""The panel while a model calls tools: what it tells a front end of calls and rounds, and who is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from matplotlib.figure import Figure
from scripted import PATIENCE, ScriptedServer, chunk
from test_panel import Front

import nbchat
from nbchat.errors import NbchatError
from nbchat.session.conversation import Node


class Tools:
    """A session whose tools wait until they are let go on."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.go = threading.Event()
        self.called: list[str] = []
        self.chat = nbchat.Session("scripted", base_url=server.url, tools=[self.look])

        @self.chat.tool(approve=True)
        def delete(path: str) -> str:
            """Delete a file."""
            self.called.append(path)
            return f"{path} is gone"

        @self.chat.tool
        def fail() -> None:
            """Fail."""
            raise ValueError("<b>no</b> such thing")

    def look(self, at: str) -> str:
        """Look at something, for as long as it takes."""
        self.called.append(at)
        self.go.wait(PATIENCE)
        return f"a <b>{at}</b>"


@pytest.fixture
def tools(server: ScriptedServer) -> Iterator[Tools]:
    made = Tools(server)
    yield made
    made.go.set()


@pytest.fixture
def front(tools: Tools) -> Front:
    return Front(tools.chat)


def attend(front: Front, page: str = "p", *, is_open: bool = True) -> None:
    assert front.ask("attend", page=page, open=is_open) is None


def has(state: str) -> Any:
    """Whether a message tells that the turn, or a call, is in this state."""
    return lambda m: (m.get("turn") if m["type"] == "turn" else m.get("call", {})).get("state") == state


def calls(front: Front) -> list[dict[str, Any]]:
    """All calls, as a page that opens now gets them."""
    return [call for message in front.panel.get_state(["messages"])["messages"] for call in message.get("calls", ())]


def states(front: Front) -> list[str]:
    return [call["state"] for call in calls(front)]


def everything(front: Front) -> dict[str, Any]:
    return front.panel.get_state(["messages", "turns", "total"])


def test_a_round_settles_while_the_turn_goes_on(front: Front, tools: Tools):
    """While tools run, the answer that asked for them is a message with their calls, and the turn goes on below it."""
    tools.server.ask_for(("c", "look", '{"at": "house"}'), ("d", "look", '{"at": "tree"}'))
    tools.server.answer("I saw both.")
    front.ask("ask", text="What is there?")
    front.wait(has("calling"))
    front.wait(has("running"))
    now = everything(front)
    question, answer = now["messages"]
    assert (question["text"], answer["text"], answer["open"]) == ("What is there?", "Let me see.", True)
    assert answer["calls"][0] | {"seconds": 0} == {
        "id": "c", "name": "look", "line": 'look(at="house")', "arguments": 'at: "house"', "state": "running", "seconds": 0,
    }  # fmt: skip
    (live,) = now["turns"]
    assert (live["state"], live["round"], live["question"], live["keep"]) == ("calling", 1, None, 2)
    assert live["texts"] == [""]  # what is settled is not shown twice
    tools.go.set()
    front.path(5)
    messages = everything(front)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "assistant"]
    assert [message.get("inside", False) for message in messages] == [False, False, True, True, False]
    assert [message.get("text") for message in messages[2:]] == [None, None, "I saw both."]
    assert [call["result"] for call in calls(front)] == ["a <b>house</b>", "a <b>tree</b>"]
    assert [(message.get("round"), message.get("open")) for message in messages if message["role"] == "assistant"] == [
        (None, True),
        (1, None),
    ]
    assert messages[4]["meter"]["tokens"] == 3


def test_what_is_told_adds_up(front: Front, tools: Tools):
    """A page that hears every message has at each moment what a page that opens then gets, queued questions in their order."""
    tools.server.ask_for(("c", "look", '{"at": "x"}'))
    tools.server.answer("One.")
    tools.server.answer("Two.")
    front.ask("ask", text="first")
    front.ask("ask", text="second")
    front.wait(has("running"))
    assert [turn["state"] for turn in everything(front)["turns"]] == ["calling", "queued"]
    tools.go.set()
    front.path(6)
    shown: dict[int, Any] = {}
    turns: list[str] = []
    for message in front.numbered:
        if message["type"] == "path":
            shown = {at: m for at, m in shown.items() if at < message["keep"]}
            shown |= {message["from"] + at: m for at, m in enumerate(message["messages"])}
            turns = [turn["id"] for turn in message["turns"]]
        elif message["type"] == "call":
            before = shown[message["at"]]
            told = [*before["calls"]]
            told[message["number"]] = message["call"]
            shown[message["at"]] = {**before, "calls": told}
        elif message["type"] == "turn" and message["turn"]["id"] not in turns:
            turns.append(message["turn"]["id"])
        elif message["type"] == "gone":
            turns.remove(message["turn"])
    assert turns == []
    assert list(shown.values()) == everything(front)["messages"]


def test_a_panel_that_opens_in_the_middle(front: Front, tools: Tools):
    """A panel that is made while tools run shows them at once, and their end."""
    tools.server.ask_for(("c", "look", '{"at": "x"}'), ("d", "fail", "{}"))
    tools.server.answer("So.")
    tools.chat.stream("?")
    front.wait(has("failed"))
    late = Front(tools.chat)
    assert states(late) == ["running", "failed"]
    assert [turn["state"] for turn in everything(late)["turns"]] == ["calling"]
    tools.go.set()
    late.path(5)
    assert states(late) == ["done", "failed"]
    assert calls(late)[1]["result"] == "ValueError: <b>no</b> such thing"


def test_standing_on_another_branch_meanwhile(front: Front, tools: Tools):
    """Whoever walks to another branch while tools run finds all of the turn when it comes back."""
    tools.server.answer("An answer.")
    front.ask("ask", text="Q")
    first = front.path(2)["messages"][1]["id"]
    tools.server.ask_for(("c", "look", '{"at": "x"}'))
    front.ask("regenerate", node=first)
    front.wait(has("running"))
    front.ask("go", node=first)
    now = everything(front)
    assert [message["text"] for message in now["messages"]] == ["Q", "An answer."]
    assert now["turns"][0]["state"] == "calling"
    tools.server.answer("Another.")
    tools.go.set()
    front.path(4)
    assert states(front) == ["done"]
    assert everything(front)["messages"][1]["branches"]["at"] == 1


def test_asking(front: Front, tools: Tools):
    """While a page shows the panel a call waits for its reader's word: yes runs it, no is told to the model."""
    attend(front)
    tools.server.ask_for(("c", "delete", '{"path": "a.txt"}'), ("d", "delete", '{"path": "b.txt"}'))
    tools.server.answer("One is gone.")
    turn = front.ask("ask", text="Delete both.")["turn"]
    front.wait(has("asking"))
    front.wait(lambda m: m["type"] == "call" and m["number"] == 1 and m["call"]["state"] == "asking")
    assert tools.called == []
    assert front.ask("approve", turn=turn, call="c", allowed=True) is None
    assert front.ask("approve", turn=turn, call="d", allowed=False) is None
    front.path(5)
    assert tools.called == ["a.txt"]
    assert states(front) == ["done", "refused"]
    assert calls(front)[1]["result"] == "delete was not called: the user did not allow it."
    for which in ({"turn": turn, "call": "c"}, {"turn": "other", "call": "d"}):
        assert front.ask("approve", **which, allowed=True) == ["This call no longer waits for an answer."]
    # Kept and read again, a refusal is one still.
    again = Front(nbchat.Session.from_json(tools.chat.to_json(), base_url=tools.server.url))
    assert states(again) == ["done", "refused"]


def test_what_a_tool_gave_that_is_no_text(front: Front, tools: Tools):
    """Of a result's pictures the state has no more than their number; whoever shows them asks for them, also after the turn."""
    drawn = Figure((8, 5), dpi=120)
    tools.chat.tool(lambda: drawn, name="plot")
    tools.server.ask_for(("c", "plot", "{}"), ("d", "look", '{"at": "x"}'))
    tools.server.answer("So.")
    front.ask("ask", text="Plot!")
    front.wait(lambda m: m["type"] == "call" and m["call"].get("media"))
    answer = front.panel.get_state(["messages"])["messages"][1]
    assert [call.get("media") for call in answer["calls"]] == [1, None]
    now = front.ask("media", node=answer["id"], call=0)
    tools.go.set()
    front.path(5)
    assert len(str(everything(front))) < 3000
    for front_now in (front, Front(nbchat.Session.from_json(tools.chat.to_json(), base_url=tools.server.url))):
        assert front_now.ask("media", node=answer["id"], call=0) == now
    (seen,) = now
    assert seen["words"].startswith("PNG picture, 960 × 600, ")
    assert seen["picture"].startswith("data:image/png;base64,")
    for nothing in ({"node": answer["id"], "call": 1}, {"node": answer["id"], "call": -1}, {"node": "x", "call": 0}):
        assert front.ask("media", **nothing) == []


def test_the_first_answer_counts(front: Front, tools: Tools):
    """Of two panels the one that answers first decides, and the other is told."""
    other = Front(tools.chat)
    attend(front)
    tools.server.ask_for(("c", "delete", '{"path": "a.txt"}'))
    tools.server.answer("Well.")
    turn = tools.chat.stream("?")
    other.wait(has("asking"))
    assert front.ask("approve", turn=turn.id, call="c", allowed=False) is None
    other.wait(has("refused"))
    assert other.ask("approve", turn=turn.id, call="c", allowed=True) == ["This call no longer waits for an answer."]
    turn.result(PATIENCE)
    assert tools.called == []


def test_nobody_looks(front: Front, tools: Tools):
    """A panel that no page shows, or shows any more, asks nobody: then a call is refused, not run."""
    assert not tools.chat.attended
    attend(front, "one")
    attend(front, "two")
    attend(front, "one")
    attend(front, "one", is_open=False)
    assert tools.chat.attended
    attend(front, "two", is_open=False)
    assert not tools.chat.attended
    tools.server.ask_for(("c", "delete", '{"path": "a.txt"}'))
    tools.server.answer("Well.")
    front.ask("ask", text="Delete it.")
    front.path(4)
    assert (states(front), tools.called) == (["refused"], [])
    attend(front)
    front.panel.close()
    assert not tools.chat.attended


@pytest.mark.parametrize("state", ["running", "asking"])
def test_stop_in_the_middle_of_tools(front: Front, tools: Tools, state: str):
    """Stop ends a turn while a tool hangs or a call asks; its calls say so, also in a file, and the next question works."""
    attend(front)
    tools.server.ask_for(("c", "look", '{"at": "x"}') if state == "running" else ("c", "delete", '{"path": "x"}'))
    turn = front.ask("ask", text="?")["turn"]
    front.wait(has(state))
    front.ask("stop", turn=turn)
    front.wait(lambda m: m["type"] == "path" and m["messages"] and m["messages"][-1]["status"] == "cancelled")
    now = everything(front)
    assert now["turns"] == []
    assert (states(front), now["messages"][1].get("open")) == (["cancelled"], None)
    again = Front(nbchat.Session.from_json(tools.chat.to_json(), base_url=tools.server.url))
    assert states(again) == ["cancelled"]
    tools.server.answer("Fine.")
    front.ask("ask", text="And now?")
    assert front.path(4)["messages"][-1]["text"] == "Fine."


def test_a_server_that_fails_after_a_round(front: Front, tools: Tools):
    """A turn that fails after its tools have run says why below them."""
    tools.go.set()
    tools.chat.client.http.max_retries = 0
    tools.server.ask_for(("c", "look", '{"at": "x"}'))
    tools.server.error(500, {"error": {"message": "<b>oh</b>"}})
    turn = tools.chat.stream("?")
    with pytest.raises(NbchatError):
        turn.result(PATIENCE)
    front.wait(lambda m: m["type"] == "path" and m["total"] == 3 and m["messages"][0].get("error"))
    answer = everything(front)["messages"][1]
    assert answer["status"] == "failed"
    assert "<b>oh</b>" in answer["error"]
    assert (answer["calls"][0]["state"], everything(front)["turns"]) == ("done", [])


def test_calls_that_others_answer(tools: Tools):
    """A call of a tool without a function has no result until somebody submits one; what can be done with it is there."""
    declared = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    tools.chat.tools = [declared]
    front = Front(tools.chat)
    tools.server.ask_for(("c", "weather", "{}"))
    tools.chat.send("?")
    front.wait(lambda m: m["type"] == "path" and m["messages"] and "open" not in m["messages"][-1])
    assert states(front) == ["pending"]
    tools.server.answer("Blue.")
    tools.chat.submit("c", "blue")
    front.path(4)
    assert states(front) == ["done"]


def test_a_call_that_was_cut_off(front: Front, tools: Tools):
    """A call that max_tokens cut off is shown as it came, and as not called."""
    tools.server.ask_for(("c", "look", '{"at": "ho'), finish="length")
    front.ask("ask", text="?")
    answer = front.path(2)["messages"][1]
    assert answer["note"] == "cut off at max_tokens"
    assert [(call["state"], call["arguments"]) for call in answer["calls"]] == [("unrun", '{"at": "ho')]


def test_an_answer_that_is_set_aside(front: Front, tools: Tools):
    """An answer without the form that was asked for gives way to the one that has it, while it streams."""
    gate = threading.Event()
    tools.server.answer("no list")
    tools.server.stream(chunk("[1,"), gate, chunk(" 2]"), chunk(finish="stop"))
    turn = tools.chat.stream("Count.", response_format=list[int], tools=[])
    front.wait(lambda m: m["type"] == "delta" and m["parts"][0][3].startswith("[1"))
    (live,) = everything(front)["turns"]
    assert live["texts"] == ["[1,"]
    gate.set()
    assert turn.result(PATIENCE).parsed == [1, 2]


def test_messages_of_an_older_file(tools: Tools):
    """Results whose calls are not there are messages of their own, as are calls in forms that nobody knows."""
    odd: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": "x", "content": "lost"},
        {"role": "assistant", "content": "Hm.", "tool_calls": [{"id": "y", "type": "other"}]},
        {"role": "tool", "tool_call_id": "z", "content": "another's"},
    ]
    for at, message in enumerate(odd):
        tools.chat._conversation.add(Node(str(at), str(at - 1) if at else None, message, "t"))
    tools.chat._conversation.head = "2"
    messages = everything(Front(tools.chat))["messages"]
    assert [message["text"] for message in messages] == ["lost", "Hm.", "another's"]
    assert messages[1]["calls"] == [{"id": "y", "name": "", "line": "()", "arguments": "", "state": "pending"}]
