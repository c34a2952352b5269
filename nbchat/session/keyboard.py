"""Asking whoever sits at the keyboard whether a tool may be called: with ``input()``, in the thread that waits for the turn."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nbchat.session.calls import ShownCall, live_call
from nbchat.session.surroundings import surroundings
from nbchat.session.toolbox import ToolRun

if TYPE_CHECKING:
    from nbchat.session.turn import Turn

__all__ = ["Ask", "at_keyboard", "wait_asking"]

# Seconds between two looks for something to ask, and for an answer that was given elsewhere.
_GLANCE = 0.1

Ask = Callable[[], None]


@contextmanager
def at_keyboard(turn: Turn) -> Iterator[Ask | None]:
    """Attend to a turn for the length of a block, if this thread has a keyboard with somebody at it.

    Gives:
        A function to be called again and again meanwhile, which asks what is to be asked and waits for the answer; ``None``
        where there is nobody, or nothing to ask.
    """
    if not turn.asked.tools or not _somebody_is_here():
        yield None
        return
    asked: list[ToolRun] = []

    def ask() -> None:
        for run in turn.calls:
            if run.status == "asking" and run not in asked:
                asked.append(run)
                _ask(run)

    leave = turn.attend()
    try:
        yield ask
    finally:
        leave()


def wait_asking(ready: Callable[[float | None], bool], timeout: float | None, ask: Ask | None) -> bool:
    """Wait for something, and ask meanwhile what is to be asked.

    Args:
        ready: Waits for it, for so many seconds at most, and says whether it is there.
        timeout: Seconds to wait at most; ``None`` for as long as it takes.
        ask: What :func:`at_keyboard` gave.

    Returns:
        Whether it is there.
    """
    if ask is None:
        return ready(timeout)
    end = math.inf if timeout is None else time.monotonic() + timeout
    while not ready(min(_GLANCE, max(0.0, end - time.monotonic()))):
        ask()
        if time.monotonic() >= end:
            return False
    return True


def _somebody_is_here() -> bool:
    """Whether ``input()`` in this thread reaches a person: only the main one's does."""
    if threading.current_thread() is not threading.main_thread():
        return False
    where = surroundings()
    return where == "notebook" or (where == "terminal" and sys.stdin is not None and sys.stdin.isatty())


def _ask(run: ToolRun) -> None:
    try:
        words = _input(_question(live_call(run)), moot=lambda: run.status != "asking")
    except (EOFError, NotImplementedError):  # the keyboard is gone, or the front end has none
        run.refuse("nobody could be asked")
        return
    if words is None:
        return
    words = words.strip()
    if words.lower() in ("y", "yes"):
        run.approve()
    else:
        run.refuse("" if words.lower() in ("n", "no") else words)


def _question(call: ShownCall) -> str:
    arguments = "".join(f"\n    {line}" for line in call.in_full.split("\n")) if call.in_full else " nothing"
    return f"The model wants to call {call.title} with{arguments}\nAllow it? [y/N, or why not] "


def _input(prompt: str, moot: Callable[[], bool]) -> str | None:
    """Read a line, or return ``None`` as soon as that has become moot: somebody answered at another door."""
    over, lock = threading.Event(), threading.Lock()
    given_up = False

    def watch() -> None:
        nonlocal given_up
        while not over.wait(_GLANCE):
            if moot():
                with lock:
                    if not over.is_set():
                        given_up = True
                        _interrupt()
                return

    threading.Thread(target=watch, name="nbchat-keyboard", daemon=True).start()
    try:
        words = input(prompt)
        with lock:  # from here on nothing is given up any more
            over.set()
        if given_up:  # the interrupt was sent in the moment of the answer, and is on its way
            time.sleep(1)
    except KeyboardInterrupt:
        if not given_up:
            raise
        return None
    finally:
        over.set()
    return words


def _interrupt() -> None:
    """Interrupt the main thread, as the one thing that ends its wait for a keyboard."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)  # on Windows it is handled in the main thread, whoever raises it
