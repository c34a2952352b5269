"""A turn in the order in which it goes on, for whoever draws it: text, then calls, then the text of the next answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nbchat.session.toolbox import CallStatus, ToolRun
from nbchat.session.turn import Step, Turn
from nbchat.wire.accumulator import Piece

__all__ = ["Drawn", "Progress"]


class Drawn(Protocol):
    """What a turn is drawn in."""

    def add(self, pieces: list[Piece]) -> None:
        """Draw more text."""

    def calls(self, runs: Sequence[ToolRun]) -> None:
        """Draw how the calls stand that the text above asked for."""

    def go_on(self, step: Step) -> None:
        """Nothing of this answer changes any more; what comes next is another's. One without calls was set aside."""


class Progress:
    """Draws what is new of a turn, each time it is asked to.

    Args:
        turn: The turn.
        drawn: What it is drawn in.

    Attributes:
        seen: How many of the turn's pieces are drawn.
    """

    def __init__(self, turn: Turn, drawn: Drawn) -> None:
        self.seen = 0
        self._turn = turn
        self._drawn = drawn
        self._steps = 0
        self._open: Step | None = None
        self._statuses: list[CallStatus] = []

    def draw(self) -> bool:
        """Draw what is new, and return whether there was anything but how calls stand."""
        # In this order: whoever has a piece of the next answer finds the last one among the steps.
        pieces = self._turn.pieces.since(self.seen)
        steps = self._turn.steps[self._steps :]
        begin = self.seen
        self.seen += len(pieces)
        for step in steps:
            self._add(pieces[: max(0, step.pieces - begin)])
            pieces, begin = pieces[max(0, step.pieces - begin) :], max(begin, step.pieces)
            self._go_on()
            self._steps += 1
            self._open = step
        self._show_calls()
        if self._open is not None and all(run.over for run in self._open.runs):
            self._go_on()
        self._add(pieces)
        return self.seen > begin or bool(steps)

    def _add(self, pieces: list[Piece]) -> None:
        if pieces:
            self._go_on()
            self._drawn.add(pieces)

    def _show_calls(self) -> None:
        statuses = [run.status for run in self._open.runs] if self._open is not None else []
        if self._open is not None and statuses != self._statuses:
            self._statuses = statuses
            self._drawn.calls(self._open.runs)

    def _go_on(self) -> None:
        if self._open is not None:
            self._show_calls()
            step, self._open, self._statuses = self._open, None, []
            self._drawn.go_on(step)
