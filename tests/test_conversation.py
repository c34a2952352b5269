"""The tree of messages: where a head leads back to, and what a request carries of it."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED
from scripted import PATIENCE, ScriptedServer, chunk, validator

from nbchat.errors import NbchatError
from nbchat.session.conversation import Conversation, Node, new_id
from nbchat.session.replay import request_message
from nbchat.session.session import Session


def node(id_: str, parent: str | None = None, role: str = "user", content: Any = "", **members: Any) -> Node:
    """A node of the test's own; *members* go into the message but for those of a node."""
    own = {name: members.pop(name) for name in ("cell", "status", "turn") if name in members}
    message = {"role": role, "content": content or id_, **members}
    return Node(id_, parent, message, **{"turn": "t", **own})


def tree(*nodes: Node, head: str | None = None) -> Conversation:
    conversation = Conversation()
    for one in nodes:
        conversation.add(one)
    conversation.head = head
    return conversation


def call(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}}


def valid(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages, if a request may carry them before its question."""
    validator("request").validate({"model": "m", "messages": [*messages, {"role": "user", "content": "?"}]})
    return messages


# a ── b ── c ── d
#  └─ e      └── f        g: another root
BRANCHED = (
    node("a"),
    node("b", "a", "assistant"),
    node("c", "b"),
    node("d", "c", "assistant"),
    node("e", "a", "assistant"),
    node("f", "c", "assistant"),
    node("g"),
)


def test_the_path_is_the_way_back():
    """From a head the parents lead to the root, whatever else the tree holds."""
    conversation = tree(*BRANCHED)
    assert [n.id for n in conversation.path("f")] == ["a", "b", "c", "f"]
    assert [n.id for n in conversation.path("e")] == ["a", "e"]
    assert conversation.path(None) == []
    assert [m["content"] for m in conversation.messages("d")] == ["a", "b", "c", "d"]


def test_siblings_are_answers_to_the_same_question():
    """Siblings have the parent and the role in common, and stand in the order they came."""
    conversation = tree(*BRANCHED)
    assert [n.id for n in conversation.siblings(conversation.nodes["b"])] == ["b", "e"]
    assert [n.id for n in conversation.siblings(conversation.nodes["f"])] == ["d", "f"]
    assert [n.id for n in conversation.siblings(conversation.nodes["a"])] == ["a", "g"]


def test_the_tip_is_the_end_of_the_newest_branch():
    """Choosing an answer leads to the end of what followed it last."""
    conversation = tree(*BRANCHED)
    assert [conversation.tip(conversation.nodes[name]) for name in "abcdeg"] == ["f", "f", "f", "d", "e", "g"]


def test_questions_are_found():
    """The last question is the one the head answers; a cell's is the one it asked on the way to the head."""
    conversation = tree(
        node("a", cell="1"),
        node("b", "a", "assistant", cell="1"),
        node("c", "b", cell="2"),
        node("x", cell="3"),
        head="b",
    )
    assert conversation.last_question() == conversation.nodes["a"]
    assert conversation.question_of_cell("1") == conversation.nodes["a"]
    assert conversation.question_of_cell("2") is None
    assert conversation.question_of_cell("3") is None
    assert conversation.question_of_cell(None) is None
    conversation.head = None
    assert conversation.last_question() is None


def test_nothing_grows_from_nowhere():
    """A node needs its parent in the tree, and an identifier of its own: so there are no loops."""
    conversation = tree(node("a"))
    for wrong in (node("b", "nope"), node("c", "c"), node("a", "a"), node("a")):
        with pytest.raises(ValueError, match=r"not in the tree|two nodes"):
            conversation.add(wrong)
    assert list(conversation.nodes) == ["a"]
    assert len({new_id() for _ in range(100)}) == 100


def test_a_copy_has_a_future_of_its_own():
    """What is added to a copy is not in the original, nor the other way round."""
    conversation = tree(*BRANCHED, head="d")
    other = conversation.copy()
    other.add(node("h", "d"))
    other.head = "h"
    conversation.add(node("i", "d"))
    assert ("h" in conversation.nodes, "i" in other.nodes, conversation.head) == (False, False, "d")


def test_a_node_tells_who_and_what():
    """The text of a node is that of its content, in parts or not, or its refusal."""
    parts = [{"type": "text", "text": "Look: "}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert (node("a", content=parts).text, node("a").role) == ("Look: ", "user")
    assert Node("a", None, {"role": "assistant", "content": None, "refusal": "No."}, "t").text == "No."
    assert Node("a", None, {}, "t").role == ""


# ---- what a request carries ----------------------------------------------------------------------------------------


def test_an_answer_goes_back_without_what_no_server_takes():
    """Reasoning texts, annotations and nulls are left out; thought signatures and what else is unknown go back."""
    message = {
        "role": "assistant",
        "content": "hi",
        "refusal": None,
        "reasoning_content": "hm",
        "reasoning": "hm",
        "annotations": [],
        "function_call": {"name": "f", "arguments": ""},
        "audio": {"id": "a1", "data": "xxxx", "transcript": "hi"},
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}],
        "signature": "s",
    }
    assert request_message(message) == {
        "role": "assistant",
        "content": "hi",
        "audio": {"id": "a1"},
        "reasoning_details": message["reasoning_details"],
        "signature": "s",
    }
    valid([request_message(message)])


@pytest.mark.parametrize(
    ("answered", "calls", "content"),
    [([], None, ""), (["x"], ["x"], None), (["x", "y"], ["x", "y"], None), (["z"], None, "")],
)
def test_only_answered_calls_go_back(answered: list[str], calls: list[str] | None, content: str | None):
    """Tool calls that nothing answers, such as those cut off, are left out; a request with them would be refused."""
    nodes = [
        node("q"),
        Node("a", "q", {"role": "assistant", "content": None, "tool_calls": [call("x"), call("y")]}, "t"),
    ]
    for number, name in enumerate(answered):
        nodes.append(node(f"r{number}", nodes[-1].id, "tool", tool_call_id=name))
    sent = tree(*nodes).messages(nodes[-1].id)
    assert [c["id"] for c in sent[1].get("tool_calls", ())] == (calls or [])
    assert ("tool_calls" in sent[1]) == (calls is not None)
    assert sent[1]["content"] == content
    valid(sent)


def test_a_call_answered_on_another_branch_is_not_answered():
    """What follows on another branch does not count: only what the request itself carries."""
    asks = {"role": "assistant", "content": "", "tool_calls": [call("x")]}
    conversation = tree(node("q"), Node("a", "q", asks, "t"), node("r", "a", "tool", tool_call_id="x"), node("n", "a"))
    assert "tool_calls" in conversation.messages("r")[1]
    assert "tool_calls" not in conversation.messages("n")[1]


def test_parts_go_back_as_they_are():
    """A question in parts is sent as it was asked."""
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    assert valid(tree(node("a", content=parts)).messages("a")) == [{"role": "user", "content": parts}]


def test_cut_off_calls_through_a_session(server: ScriptedServer):
    """An answer that breaks off within its calls is kept for show, and the next request is valid without them."""
    piece = {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    server.stream(chunk("Let me see.", tool_calls=[piece]), done=False, cut=True)
    server.stream(chunk(tool_calls=[piece]), done=False, cut=True)
    server.answer("Fine.")
    chat = Session("m", base_url=server.url)
    for question, left in (("a", 2), ("b", 2)):
        turn = chat.stream(question)
        with pytest.raises(NbchatError):
            turn.result(PATIENCE)
        assert turn.completion is not None
        assert turn.completion.tool_calls[0].function.arguments == '{"a'
        assert len(valid(chat.messages)) == left  # calls alone are no text: such a turn leaves nothing
    assert chat.send("c").text == "Fine."
    assert server.requests[2].json["messages"][1] == {"role": "assistant", "content": "Let me see."}
    kept = [n.message.get("tool_calls") for n in chat.conversation.nodes.values() if n.status == "failed"]
    assert kept[0][0]["function"]["arguments"] == '{"a'


def test_whole_calls_through_a_session(server: ScriptedServer):
    """An answer that asks for tools, and is not given them, leaves a conversation that can go on."""
    server.ask_for(("x", "f", "{}"), text="")
    server.answer("Fine.")
    chat = Session("m", base_url=server.url)
    chat.send("a")
    assert valid(chat.messages)[1] == {"role": "assistant", "content": ""}
    assert chat.send("b").text == "Fine."


def test_a_stopped_turn_through_a_session(server: ScriptedServer):
    """What a stopped answer left is a message like any other for the next request."""
    server.stream(chunk("so", reasoning_content="hm"), chunk(" far"), threading.Event())
    chat = Session("m", system="Be brief.", base_url=server.url)
    turn = chat.stream("a")
    assert next(iter(turn)) == "so"
    turn.cancel()
    turn.wait(PATIENCE)
    assert valid(chat.messages)[:2] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a"}]
    assert chat.messages[2]["role"] == "assistant"
    assert set(chat.messages[2]) == {"role", "content"}


# ---- round trip ----------------------------------------------------------------------------------------------------


def test_a_tree_is_the_same_again():
    """Written as plain values and read again, a tree has the same nodes, in the same order, and the same head."""
    full = Node(
        "z", "d", {"role": "assistant", "content": None, "tool_calls": [call("x")]}, "t2", cell="cell", status="failed",
        finish_reason="length", model="gpt", server="ab12", usage={"total_tokens": 3}, cost=0.5, parameters={"n": 1},
        logprobs={"content": []}, left_out=2, first_token=0.25, duration=3.5, remarks=["m does not take n"], created=17.5, error="broke",
    )  # fmt: skip
    assert all(value not in (None, "") for value in vars(full).values())
    conversation = tree(*BRANCHED, full, head="z")
    written = json.loads(json.dumps(conversation.to_dict()))
    assert Conversation.from_dict(written) == conversation
    assert Conversation.from_dict(Conversation().to_dict()) == Conversation()


def test_an_answer_knows_what_it_took(server: ScriptedServer):
    """Every answer has the seconds to its first token and to its end, without those that its turn waited in the queue."""
    gate = threading.Event()
    server.stream(chunk("slow"), gate, chunk(finish="stop"))
    server.answer("left", "right")
    chat = Session("m", base_url=server.url)
    before, turn = chat.stream("one"), chat.stream("two", n=2)
    assert next(iter(before)) == "slow"
    waited = time.time() - turn.created
    gate.set()
    turn.result(PATIENCE)
    questions = [node for node in chat.conversation.nodes.values() if node.role == "user"]
    answers = [node for node in chat.conversation.nodes.values() if node.role == "assistant"]
    assert [node.text for node in answers] == ["slow", "left", "right"]
    assert [(node.first_token, node.duration) for node in questions] == [(None, None)] * 2
    assert all(0 <= node.first_token <= node.duration for node in answers)
    assert turn.took == (answers[2].first_token, answers[2].duration)
    assert answers[2].duration <= turn.ended - turn.created - waited + 0.001  # it is told to the millisecond


def test_a_file_from_before_is_read():
    """A tree that was written when nobody measured loads, and says so."""
    conversation = Conversation.from_dict({"nodes": [ONE], "head": "a"})
    one = conversation.nodes["a"]
    assert (one.first_token, one.duration, one.remarks) == (None, None, None)


MESSAGE = {"role": "user", "content": "x"}
ONE = {"id": "a", "turn": "t", "message": MESSAGE}


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        5,
        {"nodes": []},
        {"nodes": 5, "head": None},
        {"nodes": {"a": ONE}, "head": None},
        {"nodes": [5], "head": None},
        {"nodes": [{}], "head": None},
        {"nodes": [{**ONE, "surprise": 1}], "head": None},
        {"nodes": [{**ONE, "message": 5}], "head": "a"},
        {"nodes": [{**ONE, "id": []}], "head": None},
        {"nodes": [{**ONE, "parent": "b"}], "head": None},
        {"nodes": [{**ONE, "parent": "a"}], "head": None},
        {"nodes": [{**ONE, "parent": ["a"]}], "head": None},
        {"nodes": [ONE, {**ONE, "id": "b", "parent": "a"}, {**ONE, "parent": "b"}], "head": "b"},
        {"nodes": [ONE], "head": "b"},
        {"nodes": [ONE], "head": ["a"]},
        {"nodes": [{**ONE, "first_token": "soon"}], "head": "a"},
        {"nodes": [{**ONE, "duration": float("nan")}], "head": "a"},
        {"nodes": [{**ONE, "duration": -1}], "head": "a"},
        {"nodes": [{**ONE, "remarks": "a word"}], "head": "a"},
        {"nodes": [{**ONE, "remarks": [5]}], "head": "a"},
    ],
)
def test_what_is_no_tree_is_refused(data: Any):
    """What is not such a tree, loops included, is one kind of error."""
    with pytest.raises(ValueError, match=r"."):
        Conversation.from_dict(data)


NODES = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["user", "assistant", "tool"]),
        st.none() | st.text(max_size=5) | st.just([{"type": "text", "text": "p"}]),
        st.lists(st.sampled_from("xyz"), max_size=3, unique=True),
    ),
    max_size=12,
)


@UNHURRIED
@given(NODES)
def test_whatever_grows_can_be_sent(grown: list[tuple[int, str, Any, list[str]]]):
    """Any tree comes back from JSON the same; on each path every call sent is answered, and messages are valid."""
    conversation = Conversation()
    names: list[str] = []
    for number, (back, role, content, calls) in enumerate(grown):
        message: dict[str, Any] = {"role": role, "content": content}
        if role == "assistant":
            message |= {"tool_calls": [call(name) for name in calls], "reasoning": "hm"}
        elif role == "tool":
            message |= {"tool_call_id": (calls or ["x"])[0], "content": content or ""}
        else:
            message["content"] = content or "?"
        conversation.add(Node(str(number), names[back] if back < len(names) else None, message, "t"))
        names.append(str(number))
    again = Conversation.from_dict(json.loads(json.dumps(conversation.to_dict())))
    assert again == conversation
    for name in names:
        sent = valid(conversation.messages(name))
        results = {m["tool_call_id"] for m in sent if m["role"] == "tool"}
        assert {c["id"] for m in sent for c in m.get("tool_calls", ())} <= results
        assert conversation.tip(conversation.nodes[name]) in names
        assert conversation.nodes[name] in conversation.siblings(conversation.nodes[name])


def test_the_schema_would_notice():
    """The schema that these messages are held against does refuse what is no message."""
    with pytest.raises(jsonschema.ValidationError):
        valid([{"role": "assistant", "tool_calls": [{"id": 5}]}])


def test_one_turn_alone_and_grafted_elsewhere():
    """A turn can be taken out with all of its answers, and put below any message, as often as one likes."""
    tree = Conversation()
    for node in (
        Node("q1", None, {"role": "user", "content": "one"}, "t1"),
        Node("a1", "q1", {"role": "assistant", "content": "1"}, "t1"),
        Node("q2", "a1", {"role": "user", "content": "two"}, "t2"),
        Node("a2", "q2", {"role": "assistant", "content": "2"}, "t2"),
        Node("b2", "q2", {"role": "assistant", "content": "II"}, "t2"),
    ):
        tree.add(node)
    tree.head = "b2"
    alone = tree.turn_alone("t2")
    assert [m["content"] for m in alone.messages(alone.head)] == ["two", "II"]
    assert (len(alone.nodes), tree.turn_alone("t1").head, len(tree.nodes)) == (3, None, 5)
    for _ in range(2):
        tree.graft(alone, "a1")
        assert [m["content"] for m in tree.messages(tree.head)] == ["one", "1", "two", "II"]
    assert len(tree.siblings(tree.nodes["q2"])) == 3
    assert len({node.turn for node in tree.nodes.values()}) == 4
    tree.graft(Conversation(), "q1")
    assert (tree.head, len(tree.nodes)) == ("q1", 11)
