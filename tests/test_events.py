"""What happens in a session, told to those who watch: in order, one at a time, whatever they do."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from scripted import PATIENCE, ScriptedServer

import nbchat
from nbchat.session.events import Event, Events, HeadMoved, TextAdded


def moved(*heads: str) -> list[HeadMoved]:
    return [HeadMoved(head) for head in heads]


def test_everybody_is_told_in_order():
    """Each subscriber gets every event from its subscription on, until it ends that."""
    events = Events()
    first: list[Event] = []
    second: list[Event] = []
    stop = events.subscribe(first.append)
    events.emit(HeadMoved("a"))
    events.subscribe(second.append)
    events.emit(HeadMoved("b"))
    stop()
    stop()
    events.emit(HeadMoved("c"))
    assert (first, second) == (moved("a", "b"), moved("b", "c"))


def test_one_callback_twice():
    """A callback that is subscribed twice is called twice, and each subscription ends by itself."""
    events = Events()
    seen: list[Event] = []
    stop, _ = events.subscribe(seen.append), events.subscribe(seen.append)
    events.emit(HeadMoved("a"))
    stop()
    events.emit(HeadMoved("b"))
    assert seen == moved("a", "a", "b")


def test_an_event_out_of_an_event_comes_after_it():
    """What a callback causes is told when everybody knows its cause."""
    events = Events()
    seen: list[tuple[int, Event]] = []

    def cause(event: Event) -> None:
        if event == HeadMoved("a"):
            events.emit(HeadMoved("b"))
        seen.append((1, event))

    events.subscribe(cause)
    events.subscribe(lambda event: seen.append((2, event)))
    events.emit(HeadMoved("a"))
    a, b = moved("a", "b")
    assert seen == [(1, a), (2, a), (1, b), (2, b)]


def test_subscribing_within_an_event():
    """A callback may subscribe another or end itself; that holds from the next event on."""
    events = Events()
    seen: list[Event] = []

    def once(event: Event) -> None:
        stop()
        events.subscribe(seen.append)

    stop = events.subscribe(once)
    for event in moved("a", "b", "c"):
        events.emit(event)
    assert seen == moved("b", "c")


def test_a_callback_that_raises_is_logged(caplog: pytest.LogCaptureFixture):
    """A failing callback is logged with its traceback, and the others are told all the same."""
    events = Events()
    seen: list[Event] = []
    events.subscribe(lambda event: 1 / 0)
    events.subscribe(seen.append)
    with caplog.at_level(logging.ERROR, "nbchat"):
        events.emit(HeadMoved("a"))
    assert seen == moved("a")
    assert "ZeroDivisionError" in caplog.text


def test_an_interrupt_does_not_silence_the_session():
    """An interrupt within a callback is for whoever emits, and events go on being told after it."""
    events = Events()
    seen: list[Event] = []

    def interrupted(event: Event) -> None:
        if event == HeadMoved("a"):
            raise KeyboardInterrupt

    events.subscribe(interrupted)
    events.subscribe(seen.append)
    with pytest.raises(KeyboardInterrupt):
        events.emit(HeadMoved("a"))
    events.emit(HeadMoved("b"))
    assert seen == moved("b")


@pytest.mark.parametrize("failure", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_a_callback_that_exits_ends_no_turn(
    server: ScriptedServer, failure: type[BaseException], caplog: pytest.LogCaptureFixture
):
    """On the I/O thread whatever a callback raises is logged: the turn goes on to its end, and so do others after it."""
    chat = nbchat.Session("m", base_url=server.url)
    names: list[str] = []

    def leave(event: Event) -> None:
        names.append(threading.current_thread().name)
        if isinstance(event, TextAdded):
            raise failure

    chat.subscribe(leave)
    server.always_answer("Hello there")
    for _ in range(2):
        turn = chat.stream("Hi")
        assert turn.wait(PATIENCE)
        assert (turn.status, turn.text) == ("done", "Hello there")
    assert "nbchat-io" in names
    assert failure.__name__ in caplog.text


def test_one_at_a_time_from_all_threads():
    """Threads that emit at once: everybody sees one order, no two events at once, and none is lost."""
    events = Events()
    seen: list[Event] = []
    others: list[Event] = []
    inside = threading.Lock()

    def watch(event: Event) -> None:
        assert inside.acquire(blocking=False)
        seen.append(event)
        inside.release()

    events.subscribe(watch)
    events.subscribe(others.append)
    threads = [
        threading.Thread(target=lambda name=name: [events.emit(HeadMoved(f"{name}{i}")) for i in range(200)])
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert seen == others
    assert len(seen) == 800
    for name in "abcd":
        mine = [event.head for event in seen if isinstance(event, HeadMoved) and event.head.startswith(name)]
        assert mine == [f"{name}{i}" for i in range(200)]
