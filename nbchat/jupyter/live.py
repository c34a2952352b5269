"""The widget under a cell whose answer streams, and the output that takes its place when it has ended."""

from __future__ import annotations

import os
import sys
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
from IPython.display import display, update_display
from traitlets import Dict, Int, List, Unicode

from nbchat.jupyter.bundle import bundle
from nbchat.jupyter.options import Drawing
from nbchat.session.turn import Turn
from nbchat.wire.accumulator import Piece

__all__ = ["Answer", "LiveView"]

_STATIC = Path(__file__).parent / "static"
_CODE, _STYLE, _STUB = _STATIC / "cell.js", _STATIC / "cell.css", _STATIC / "stub.js"
_STATUSES = {"cancelled": "stopped"}


class Hub(anywidget.AnyWidget):
    """Brings the code to the page, once. An anywidget sends its whole code with each instance; cells borrow this copy.

    It is never shown and never closed, so that a page that is reloaded gets it again.
    """

    _esm = _CODE
    _css = _STYLE


class Answer(anywidget.AnyWidget):
    """An answer while it streams. Its traits are what is settled; text in flight goes as messages.

    The texts are not kept in their trait, which would be sent again at each change, but handed out whenever a front end
    asks for the state: a page that was reloaded, a second view.
    """

    _esm = _STUB

    texts = List(Unicode()).tag(sync=True)
    reasoning = Unicode().tag(sync=True)
    seq = Int().tag(sync=True)
    status = Unicode("queued").tag(sync=True)
    note = Unicode().tag(sync=True)
    format = Unicode("markdown").tag(sync=True)
    label = Unicode("Answer").tag(sync=True)
    final = Dict(None, allow_none=True).tag(sync=True)

    def __init__(self, *, choices: int = 1, **traits: Any) -> None:
        self._pieces: dict[int, list[str]] = {choice: [] for choice in range(choices)}
        self._thoughts: list[str] = []
        self._number = 0
        super().__init__(**traits)
        self.on_msg(self._asked)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the state for a front end, with the texts as they stand now."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        now = self._snapshot()
        return {name: now.get(name, value) for name, value in state.items()}

    def _snapshot(self) -> dict[str, Any]:
        texts = ["".join(self._pieces.get(choice, ())) for choice in range(max(self._pieces) + 1)]
        return {"seq": self._number, "texts": texts, "reasoning": "".join(self._thoughts)}

    def add(self, pieces: list[Piece]) -> None:
        """Send more text."""
        new: dict[int, list[str]] = {}
        thoughts = []
        for piece in pieces:
            if piece.kind == "text":
                new.setdefault(piece.choice, []).append(piece.text)
            elif piece.choice == 0:
                thoughts.append(piece.text)
        for choice, texts in new.items():
            self._pieces.setdefault(choice, []).extend(texts)
        self._thoughts += thoughts
        self._number += 1
        message = {
            "type": "delta",
            "seq": self._number,
            "texts": [[choice, "".join(texts)] for choice, texts in new.items()],
        }
        self.send({**message, "reasoning": "".join(thoughts)} if thoughts else message)

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "snapshot":
            self.send({"type": "snapshot", **self._snapshot()})
        elif kind == "settled":
            self.close()
        elif kind == "code":  # the page has no hub: it was cleared away, or belongs to another kernel
            self.send({"type": "code", "esm": _CODE.read_text("utf-8"), "css": _STYLE.read_text("utf-8")})


class WholeAnswer(Answer):
    """An answer that brings the code itself, for front ends that give each output a page of its own."""

    _esm = _CODE
    _css = _STYLE


@cache
def _hub() -> Hub:
    return Hub()


def _answer(**traits: Any) -> Answer:
    """Open the widget for one answer, in the way that this front end needs."""
    if "google.colab" in sys.modules or "VSCODE_PID" in os.environ:
        return WholeAnswer(**traits)
    _hub()
    return Answer(**traits)


class LiveView:
    """Draws a turn in a notebook.

    Args:
        turn: The turn.
        drawing: How it is drawn.
    """

    def __init__(self, turn: Turn, drawing: Drawing) -> None:
        self._drawing = drawing
        self._display_id = uuid.uuid4().hex
        asked = turn.asked.parameters
        self._answer = _answer(
            choices=asked.get("n", 1), format=drawing.form, label=f"Answer from {asked.get('model') or 'the model'}"
        )
        reference = {"version_major": 2, "version_minor": 0, "model_id": self._answer.model_id}
        display(
            {"application/vnd.jupyter.widget-view+json": reference, "text/plain": "…"},
            raw=True,
            display_id=self._display_id,
        )

    def note(self, text: str) -> None:
        """Say one line about what goes on."""
        self._answer.note = text

    def add(self, pieces: list[Piece]) -> None:
        """Draw more text."""
        if self._answer.status == "queued":
            self._answer.status = "running"
        self._answer.add(pieces)

    def finish(self, turn: Turn, note: str) -> None:
        """Let the output become what is kept, and the widget go when the page has it."""
        data, metadata = bundle(turn, self._drawing.form, session=self._drawing.session, note=note)
        self._answer.send({"type": "finishing"})
        update_display(data, metadata=metadata, raw=True, display_id=self._display_id)
        with self._answer.hold_sync():
            self._answer.status = _STATUSES.get(turn.status, turn.status)
            self._answer.final = {"model_id": self._answer.model_id, "data": data, "metadata": metadata}
