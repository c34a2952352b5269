"""The widget under a cell whose answer streams, and the output that takes its place when it has ended."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
from IPython.display import display, update_display
from traitlets import Dict, Int, List, Unicode

from nbchat.jupyter.bundle import bundle, bundle_of_rounds
from nbchat.jupyter.hub import CODE, STYLE, hub, pages_are_shared
from nbchat.jupyter.options import Drawing
from nbchat.jupyter.rich import rich_bundles
from nbchat.session.calls import ShownCall, live_call
from nbchat.session.toolbox import ToolRun
from nbchat.session.turn import Step, Turn
from nbchat.wire.accumulator import Piece
from nbchat.wire.decode import without_surrogates

__all__ = ["Answer", "LiveView"]

_STUB = Path(__file__).parent / "static" / "stub.js"
_STATUSES = {"cancelled": "stopped"}


class _Round:
    """One answer of a turn as far as it has come: the texts of its choices, the reasoning, the calls it asks for."""

    def __init__(self, choices: int) -> None:
        self.texts: dict[int, list[str]] = {choice: [] for choice in range(choices)}
        self.thoughts: list[str] = []
        self.calls: list[dict[str, Any]] = []

    def to_dict(self) -> dict[str, Any]:
        texts = ["".join(self.texts.get(choice, ())) for choice in range(max(self.texts) + 1)]
        return {"texts": texts, "reasoning": "".join(self.thoughts), "calls": self.calls}


class Answer(anywidget.AnyWidget):
    """A turn's answers while they stream. Its traits are what is settled; text in flight goes as messages.

    The texts are not kept in their trait, which would be sent again at each change, but handed out whenever a front end
    asks for the state: a page that was reloaded, a second view.
    """

    _esm = _STUB

    rounds: List[dict[str, Any]] = List().tag(sync=True)
    seq = Int().tag(sync=True)
    status = Unicode("queued").tag(sync=True)
    note = Unicode().tag(sync=True)
    format = Unicode("markdown").tag(sync=True)
    label = Unicode("Answer").tag(sync=True)
    final = Dict(None, allow_none=True).tag(sync=True)

    def __init__(self, *, choices: int = 1, **traits: Any) -> None:
        self._choices = choices
        self._rounds = [_Round(choices)]
        self._number = 0
        super().__init__(**traits)
        self.on_msg(self._asked)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the state for a front end, with the texts as they stand now."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        now = self._snapshot()
        return {name: now.get(name, value) for name, value in state.items()}

    def _snapshot(self) -> dict[str, Any]:
        return {"seq": self._number, "rounds": [each.to_dict() for each in self._rounds]}

    def add(self, pieces: list[Piece]) -> None:
        """Send more text."""
        current = self._rounds[-1]
        new: dict[int, list[str]] = {}
        thoughts = []
        for piece in pieces:
            if piece.kind == "text":
                new.setdefault(piece.choice, []).append(piece.text)
            elif piece.choice == 0:
                thoughts.append(piece.text)
        for choice, texts in new.items():
            current.texts.setdefault(choice, []).extend(texts)
        current.thoughts += thoughts
        message: dict[str, Any] = {"texts": [[choice, "".join(texts)] for choice, texts in new.items()]}
        if thoughts:
            message["reasoning"] = "".join(thoughts)
        self._tell(message)

    def show_calls(self, calls: list[dict[str, Any]]) -> None:
        """Send how the calls stand that the current answer asks for."""
        self._rounds[-1].calls = calls
        self._tell({"texts": [], "calls": calls})

    def begin_round(self) -> None:
        """What comes next is another answer's."""
        self._rounds.append(_Round(self._choices))
        self._tell({"texts": []})

    def begin_again(self) -> None:
        """What comes next takes the place of what has come of the current answer."""
        self._rounds[-1] = _Round(self._choices)
        self._number += 1
        self._send_snapshot()

    def _tell(self, message: dict[str, Any]) -> None:
        self._number += 1
        self.send({"type": "delta", "seq": self._number, "round": len(self._rounds) - 1, **message})

    def _send_snapshot(self) -> None:
        self.send({"type": "snapshot", **self._snapshot()})

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "snapshot":
            self._send_snapshot()
        elif kind == "settled":
            self.close()
        elif kind == "code":  # the page has no hub: it was cleared away, or belongs to another kernel
            self.send({"type": "code", "esm": CODE.read_text("utf-8"), "css": STYLE.read_text("utf-8")})


class WholeAnswer(Answer):
    """An answer that brings the code itself, for front ends that give each output a page of its own."""

    _esm = CODE
    _css = STYLE


def _answer(**traits: Any) -> Answer:
    """Open the widget for one answer, in the way that this front end needs."""
    if not pages_are_shared():
        return WholeAnswer(**traits)
    hub()
    return Answer(**traits)


def _standing(call: ShownCall) -> dict[str, Any]:
    """Return how a call stands as the front end takes it."""
    standing = {"line": call.line, "state": call.state, "seconds": call.seconds}
    return {**standing, "question": call.question} if call.question else standing


class LiveView:
    """Draws a turn in a notebook.

    Args:
        turn: The turn.
        drawing: How it is drawn.
    """

    def __init__(self, turn: Turn, drawing: Drawing) -> None:
        self._turn = turn
        self._drawing = drawing
        # How many rounds of calls there were, and how many of them are in outputs that are settled.
        self._rounds = self._settled = 0
        self._open()

    def _open(self) -> None:
        self._display_id = uuid.uuid4().hex
        asked = self._turn.asked.parameters
        self._answer = _answer(
            choices=asked.get("n", 1),
            format=self._drawing.form,
            label=f"Answer from {asked.get('model') or 'the model'}",
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
        self._run()
        self._answer.add(pieces)

    def calls(self, runs: Sequence[ToolRun]) -> None:
        """Draw a line for each call."""
        self._run()
        self._answer.show_calls(without_surrogates([_standing(live_call(run)) for run in runs]))

    def go_on(self, step: Step) -> None:
        """Draw the next answer below this one, or below what tools gave, or in the place of one that was set aside."""
        if not step.runs:
            self._answer.begin_again()
            return
        self._rounds += 1
        values = rich_bundles(step.runs) if self._drawing.form == "markdown" else []
        if not values:
            self._answer.begin_round()
            return
        self._settle(*bundle_of_rounds(self._turn, self._settled, self._rounds), "done")
        self._settled = self._rounds
        for data, metadata in values:
            display(data, metadata=metadata, raw=True)
        self._open()

    def _run(self) -> None:
        if self._answer.status == "queued":
            self._answer.status = "running"

    def finish(self, turn: Turn, note: str) -> None:
        """Let the output become what is kept, and the widget go when the page has it."""
        kept = bundle(turn, self._drawing.form, session=self._drawing.session, note=note, since=self._settled)
        self._settle(*kept, _STATUSES.get(turn.status, turn.status))

    def _settle(self, data: dict[str, Any], metadata: dict[str, Any], status: str) -> None:
        self._answer.send({"type": "finishing"})
        update_display(data, metadata=metadata, raw=True, display_id=self._display_id)
        with self._answer.hold_sync():
            self._answer.status = status
            self._answer.final = {"model_id": self._answer.model_id, "data": data, "metadata": metadata}
