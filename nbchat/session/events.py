"""What happens in a session, as those who watch it are told.

Every door, and later the store, is one more subscriber. Events come in order, one at a time; a callback may be called on
any thread, the I/O thread among them, so it must not wait.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbchat.client.portal import in_portal
from nbchat.wire.accumulator import Piece

if TYPE_CHECKING:
    from nbchat.session.toolbox import ToolRun
    from nbchat.session.turn import Turn

__all__ = [
    "Event",
    "Events",
    "HeadMoved",
    "ParameterChanged",
    "SystemChanged",
    "TextAdded",
    "ToolChanged",
    "TurnEnded",
    "TurnNoticed",
    "TurnQueued",
    "TurnStarted",
]

_log = logging.getLogger("nbchat")


@dataclass(frozen=True)
class Event:
    """Something that happened in a session."""


@dataclass(frozen=True)
class TurnQueued(Event):
    """A turn was asked for; it starts when those before it have ended."""

    turn: Turn


@dataclass(frozen=True)
class TurnStarted(Event):
    """A turn's request is being sent."""

    turn: Turn


@dataclass(frozen=True)
class TurnNoticed(Event):
    """Something is worth telling while a turn waits: a retry, a download. ``notice`` says it as text."""

    turn: Turn
    notice: object


@dataclass(frozen=True, init=False)
class TextAdded(Event):
    """Text arrived: everything that one read from the network held."""

    turn: Turn
    pieces: tuple[Piece, ...]

    def __init__(self, turn: Turn, pieces: tuple[Piece, ...]) -> None:
        # One is made for every read: what a frozen dataclass does of itself takes twice as long.
        self.__dict__["turn"] = turn
        self.__dict__["pieces"] = pieces


@dataclass(frozen=True)
class ToolChanged(Event):
    """A call that the model asks for has begun, waits for a person's approval (``run.status``), or is over."""

    turn: Turn
    run: ToolRun


@dataclass(frozen=True)
class TurnEnded(Event):
    """A turn is done, cancelled or failed (``turn.status``), and the conversation is as it leaves it."""

    turn: Turn


@dataclass(frozen=True)
class HeadMoved(Event):
    """The conversation stands elsewhere: a turn ended, or ``undo``, ``clear`` or ``choose`` moved it."""

    head: str | None


@dataclass(frozen=True)
class ParameterChanged(Event):
    """A request field has another value."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class SystemChanged(Event):
    """The system message is another."""

    system: str | None


class Events:
    """Delivers events to subscribers: in order, one at a time, from whichever thread is there.

    No lock is held while a callback runs, so a callback may do anything with the session but wait for it. A callback
    that raises is logged and the others are still called.
    """

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Event], object]] = []
        self._queue: deque[Event] = deque()
        self._delivering = False
        self._lock = threading.Lock()

    @property
    def watched(self) -> bool:
        """Whether anybody would be told: what happens at every token need not be put into words for nobody."""
        return bool(self._subscribers)

    def subscribe(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """Call *callback* with every event from now on; what is returned ends that."""

        # A function of its own, so that of one callback subscribed twice each is ended by itself.
        def subscriber(event: Event) -> None:
            callback(event)

        with self._lock:
            self._subscribers = [*self._subscribers, subscriber]

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = [other for other in self._subscribers if other is not subscriber]

        return unsubscribe

    def emit(self, event: Event) -> None:
        """Tell everybody; if another thread is telling just now, it tells this too."""
        with self._lock:
            if self._delivering:
                self._queue.append(event)
                return
            # Events are queued while one is delivered, and when that was broken off by an interrupt.
            if self._queue:
                self._queue.append(event)
                event = self._queue.popleft()
            self._delivering = True
            subscribers = self._subscribers
        while True:
            for callback in subscribers:
                try:
                    callback(event)
                except BaseException as failure:  # a listener of anybody's may fail in any way
                    # An interrupt is for whoever emits, and the next event goes on from here. On the I/O thread nobody
                    # is interrupted: there an exit() of a listener's would end all sessions.
                    if not isinstance(failure, Exception) and not in_portal():
                        with self._lock:
                            self._delivering = False
                        raise
                    _log.exception("a subscriber of a session's events failed")
            with self._lock:
                if not self._queue:
                    self._delivering = False
                    return
                event = self._queue.popleft()
                subscribers = self._subscribers
