"""Asking whoever sits at the keyboard whether a tool may be called: with ``input()``, in the thread that waits for the turn."""

from __future__ import annotations

import contextvars
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nbchat.session.calls import live_call
from nbchat.session.surroundings import surroundings
from nbchat.session.toolbox import ToolRun

if TYPE_CHECKING:
    from nbchat.session.turn import Turn

__all__ = ["Keyboard", "at_keyboard", "wait_asking"]

# Seconds between two looks for something to ask, and for an answer that was given elsewhere.
_GLANCE = 0.1
# Seconds that a notebook's page has to take a question back that somebody answered elsewhere (js/panel/notebook.ts). It is
# the better way: JupyterLab runs no cell as long as one of its boxes waits for a line, even if the kernel does not.
_PATIENCE = 2.0


class Keyboard:
    """Asks, of one turn, what is to be asked, and each thing once.

    Args:
        turn: The turn.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._asked: list[ToolRun] = []

    def ask(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Ask what is to be asked now, if anything is, and wait for the answers.

        Args:
            meanwhile: Called before a question, and in a notebook every now and then while it is not answered (by another
                thread): whoever draws the turn goes on with it.
        """
        for run in self._turn.calls:
            if run.status == "asking" and run not in self._asked:
                self._asked.append(run)
                meanwhile()
                if surroundings() == "notebook":
                    _ask(run, meanwhile, _PATIENCE)
                else:  # the question is in the place where anything else would be drawn
                    _ask(run, lambda: None, 0.0)


@contextmanager
def at_keyboard(turn: Turn) -> Iterator[Keyboard | None]:
    """Attend to a turn for the length of a block, if this thread has a keyboard with somebody at it.

    Gives:
        The keyboard; ``None`` where there is nobody, or nothing to ask.
    """
    if not (turn.asked.tools or turn.asked.sources) or not _somebody_is_here():
        yield None
        return
    leave = turn.attend()
    try:
        yield Keyboard(turn)
    finally:
        leave()


def wait_asking(ready: Callable[[float | None], bool], timeout: float | None, keyboard: Keyboard | None) -> bool:
    """Wait for something, and ask meanwhile what is to be asked.

    Args:
        ready: Waits for it, for so many seconds at most, and says whether it is there.
        timeout: Seconds to wait at most; ``None`` for as long as it takes.
        keyboard: What :func:`at_keyboard` gave.

    Returns:
        Whether it is there.
    """
    if keyboard is None:
        return ready(timeout)
    end = math.inf if timeout is None else time.monotonic() + timeout
    while not ready(min(_GLANCE, max(0.0, end - time.monotonic()))):
        keyboard.ask()
        if time.monotonic() >= end:
            return False
    return True


def _somebody_is_here() -> bool:
    """Whether ``input()`` in this thread reaches a person: only the main one's does."""
    if threading.current_thread() is not threading.main_thread():
        return False
    where = surroundings()
    return where == "notebook" or (where == "terminal" and sys.stdin is not None and sys.stdin.isatty())


def _ask(run: ToolRun, meanwhile: Callable[[], object], patience: float) -> None:
    def moot() -> bool:
        return run.status != "asking"

    try:
        words = _input(live_call(run).question, moot, meanwhile, patience)
    except (EOFError, NotImplementedError):  # the keyboard is gone, or the front end has none
        run.refuse("nobody could be asked")
        return
    if words is None or moot():
        return
    words = words.strip()
    if words.lower() in ("y", "yes"):
        run.approve()
    else:
        run.refuse("" if words.lower() in ("n", "no") else words)


def _input(prompt: str, moot: Callable[[], bool], meanwhile: Callable[[], object], patience: float) -> str | None:
    """Read a line, or return ``None`` when that has been moot for a while: somebody answered at another door."""
    over, lock = threading.Event(), threading.Lock()
    given_up = False
    problem: Exception | None = None

    def watch() -> None:
        nonlocal given_up, problem
        since: float | None = None
        while not over.wait(_GLANCE):
            try:
                meanwhile()
            except Exception as error:  # noqa: BLE001  whoever asks raises it: this thread has nobody to tell
                problem = problem or error
            since = (since or time.monotonic()) if moot() else None
            with lock:
                if since is not None and time.monotonic() >= since + patience and not over.is_set():
                    given_up = True
                    _interrupt()
                    return

    # In this context: what is drawn meanwhile belongs to the cell that asks.
    context = contextvars.copy_context()
    watcher = threading.Thread(target=context.run, args=(watch,), name="nbchat-keyboard", daemon=True)
    watcher.start()
    try:
        words = input(prompt)
        with lock:  # from here on nothing is given up any more
            over.set()
        if given_up:  # the interrupt was sent in the moment of the answer: it ends this wait, and not what follows
            time.sleep(1)
    except KeyboardInterrupt:
        if not given_up:
            raise
        return None
    finally:
        over.set()
        watcher.join()
    if problem is not None:
        raise problem
    return words


def _interrupt() -> None:
    """Interrupt the main thread, as the one thing that ends its wait for a keyboard."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)  # on Windows it is handled in the main thread, whoever raises it
