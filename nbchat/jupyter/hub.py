"""The one widget of a kernel that all cells in a page share: it brings the code, and hears what is pressed below choices.

A cell's own widget goes when its answer has ended, and what stays is Markdown, which can ask nothing. So a page that shows
several answers to one question asks here which of them the conversation goes on from, and has it go on from another.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Container, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import anywidget

from nbchat.errors import ConfigurationError
from nbchat.session.events import Event, HeadMoved
from nbchat.session.session import Session
from nbchat.session.turn import Turn
from nbchat.wire.decode import without_surrogates

__all__ = ["CODE", "STYLE", "Hub", "hub", "offer_choices", "pages_are_shared"]

_STATIC = Path(__file__).parent / "static"
CODE, STYLE = _STATIC / "cell.js", _STATIC / "cell.css"


class _Offer(NamedTuple):
    """The answers of a turn that can be gone on from, by the identifiers of their nodes."""

    session: weakref.ref[Session]
    answers: Sequence[str]

    def chosen(self, path: Container[str]) -> int | None:
        """Return which of them is among the nodes on the way to the head; ``None`` where none is."""
        return next((at for at, answer in enumerate(self.answers) if answer in path), None)


class Hub(anywidget.AnyWidget):
    """Brings the code to the page, once. An anywidget sends its whole code with each instance; cells borrow this copy.

    It is never shown and never closed, so that a page that is reloaded gets it again.
    """

    _esm = CODE
    _css = STYLE

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offers: dict[str, _Offer] = {}
        # What the page was told last, of the turns that it shows.
        self._told: dict[str, int | None] = {}
        self._watched: weakref.WeakSet[Session] = weakref.WeakSet()
        super().__init__()
        self.on_msg(self._asked)

    def offer(self, turn: Turn) -> None:
        """Let the page go on from any of a turn's answers."""
        session = turn.session
        if session is None:
            return
        with self._lock:
            for gone in [key for key, offer in self._offers.items() if offer.session() is None]:
                del self._offers[gone]
                self._told.pop(gone, None)
            self._offers[turn.id] = _Offer(weakref.ref(session), tuple(turn.answers))
            if session in self._watched:
                return
            self._watched.add(session)
        session.subscribe(partial(self._happened, weakref.ref(session)))

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        """Say which answer of a turn the conversation goes on from, or have it go on from one, or say why not."""
        match content:
            case {"type": "choices", "turn": str(turn)}:
                choice = content.get("choose")
            case _:
                return
        try:
            self._tell(turn, self._stand(turn, choice))
        except ConfigurationError as problem:
            self.send({"type": "choices", "turn": turn, "refused": without_surrogates(str(problem))})

    def _stand(self, turn: str, choice: object) -> int | None:
        with self._lock:
            offer = self._offers.get(turn)
        session = offer.session() if offer is not None else None
        if offer is None or session is None:
            raise ConfigurationError("The kernel no longer has this conversation.", hint="Run the cell again.")
        if choice is not None:
            if type(choice) is not int or not 0 <= choice < len(offer.answers):
                raise ConfigurationError("There is no such answer.")
            session.go(offer.answers[choice])
        return offer.chosen(_way(session))

    def _tell(self, turn: str, chosen: int | None) -> None:
        with self._lock:
            self._told[turn] = chosen
            self.send({"type": "choices", "turn": turn, "chosen": chosen})

    def _happened(self, session: weakref.ref[Session], event: Event) -> None:
        """Tell the page where the conversation goes on from another answer than before, whoever had it do so."""
        held = session()
        if held is None or not isinstance(event, HeadMoved):
            return
        with self._lock:
            shown = [
                (offer, turn, told)
                for turn, told in self._told.items()
                if (offer := self._offers[turn]).session() is held
            ]
        if not shown:
            return
        path = _way(held)
        for offer, turn, told in shown:
            chosen = offer.chosen(path)
            if chosen != told:
                self._tell(turn, chosen)


def _way(session: Session) -> frozenset[str]:
    """Return the nodes on the way to a session's head."""
    conversation = session.conversation
    return frozenset(node.id for node in conversation.path(conversation.head))


@cache
def hub() -> Hub:
    """Return the hub of this kernel, which is opened when it is first asked for."""
    return Hub()


def pages_are_shared() -> bool:
    """Whether a front end shows all outputs in one page: in Colab and VS Code, a widget brings the code for itself."""
    return "google.colab" not in sys.modules and "VSCODE_PID" not in os.environ


def offer_choices(turn: Turn) -> None:
    """Let the page that shows a turn go on from any of its answers."""
    if pages_are_shared():
        hub().offer(turn)
