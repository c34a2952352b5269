"""What a kernel's hub tells a page of several answers, and has the page's reader do."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from scripted import PATIENCE, ScriptedServer

import nbchat
from nbchat.jupyter.hub import Hub
from nbchat.session.turn import Turn


class Page:
    """What a page would be: it asks, and keeps what it is told."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.told: list[dict[str, Any]] = []
        self.hub.send = lambda message, *_: self.told.append(message)  # type: ignore[method-assign]

    def ask(self, turn: str, **more: Any) -> dict[str, Any]:
        self.hub._asked(self.hub, {"type": "choices", "turn": turn, **more}, None)
        return self.told[-1]


@pytest.fixture
def page() -> Page:
    return Page()


def answered(page: Page, chat: nbchat.Session, server: ScriptedServer) -> Turn:
    """A turn with two answers that the page may go on from."""
    server.answer("left", "right")
    turn = chat.stream("Q", n=2)
    turn.result(PATIENCE)
    page.hub.offer(turn)
    return turn


def test_which_one_the_conversation_goes_on_from(page: Page, server: ScriptedServer):
    """The page is told when it asks, when it chooses, and whenever somebody else has chosen; never of what it does not show."""
    chat = nbchat.Session("m", base_url=server.url)
    turn = answered(page, chat, server)
    chat.choose(1)
    assert page.told == []
    about = {"type": "choices", "turn": turn.id}
    assert page.ask(turn.id) == {**about, "chosen": 1}
    assert page.ask(turn.id, choose=0) == {**about, "chosen": 0}
    assert chat.messages[-1]["content"] == "left"
    page.told.clear()
    chat.choose(0)
    chat.choose(1)
    chat.undo()
    assert page.told == [{**about, "chosen": 1}, {**about, "chosen": None}]
    server.answer("Then.")
    page.ask(turn.id, choose=1)
    chat.send("And?")
    assert [m["content"] for m in server.requests[-1].json["messages"]] == ["Q", "right", "And?"]
    # What followed an answer is still there, and comes with it.
    page.ask(turn.id, choose=0)
    page.ask(turn.id, choose=1)
    assert chat.messages[-1]["content"] == "Then."


@pytest.mark.parametrize("choice", [2, -1, True, "0", [0], 1.0])
def test_an_answer_that_is_none_is_refused(page: Page, server: ScriptedServer, choice: Any):
    """Anything but the number of one of the answers is refused with a reason, and the conversation stands where it stood."""
    chat = nbchat.Session("m", base_url=server.url)
    turn = answered(page, chat, server)
    assert page.ask(turn.id, choose=choice)["refused"] == "There is no such answer."
    assert chat.messages[-1]["content"] == "left"


def test_a_conversation_that_is_gone_is_refused(page: Page, server: ScriptedServer):
    """The hub keeps no session alive: when nobody holds it any more, or never did here, the reason is told."""
    turn = answered(page, nbchat.Session("m", base_url=server.url), server)
    gc.collect()
    assert turn.session is None
    for name in (turn.id, "unknown"):
        assert page.ask(name, choose=1)["refused"].startswith("The kernel no longer has this conversation.")


@pytest.mark.parametrize("content", [None, [], "x", {}, {"type": "choices"}, {"type": "choices", "turn": 1}])
def test_what_is_no_request_is_passed_over(page: Page, content: Any):
    """What a page may send that is no request, nothing comes of."""
    page.hub._asked(page.hub, content, None)
    assert page.told == []
