"""Drawing a turn in a cell's output while it streams, in whatever is there to draw in.

In a notebook the text goes to a small widget as deltas, some thirty times a second, so that an answer costs what it is
long; when it ends, the output becomes Markdown that needs no widget. In a terminal the text is printed as it comes.
Where nobody watches (nbclient, papermill), the finished output is shown at once.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from nbchat.jupyter.bundle import bundle, bundle_of_rounds, notes
from nbchat.jupyter.options import Drawing
from nbchat.jupyter.progress import Drawn, Progress
from nbchat.jupyter.rich import rich_bundles
from nbchat.session.calls import live_call
from nbchat.session.completion import Completion
from nbchat.session.keyboard import Keyboard, at_keyboard
from nbchat.session.markdown import plain_text
from nbchat.session.surroundings import surroundings
from nbchat.session.toolbox import ToolRun
from nbchat.session.turn import Step, Turn
from nbchat.wire.accumulator import Piece

__all__ = ["Interrupted", "View", "show", "show_in_background"]

# Seconds between two updates of what is drawn: as often as an eye tells apart, and far below the thousand messages a
# second above which Jupyter's server drops some.
_FRAME = 1 / 30
# Seconds between two looks for something to say while no text has come.
_GLANCE = 0.1
# How long a stopped turn has to close its connection and settle, in seconds, before the prompt comes back anyway.
_SETTLE = 0.8


class Interrupted(KeyboardInterrupt):
    """The user interrupted a cell that was answering: shown as one line, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return ["Stopped. What had arrived is kept."]


class View(Drawn, Protocol):
    """Somewhere to draw a turn."""

    def note(self, text: str) -> None:
        """Say one line about what goes on while there is nothing else to see."""

    def finish(self, turn: Turn, note: str) -> None:
        """Make what is drawn what is kept, with a note below it."""


def _view(turn: Turn, drawing: Drawing) -> View:
    where = surroundings()
    if where == "terminal":
        view: View = _Terminal(drawing)
    elif where == "notebook" and drawing.live and drawing.form in ("markdown", "text"):
        from nbchat.jupyter.live import LiveView

        view = LiveView(turn, drawing)
    else:
        view = _Finished(turn, drawing)
    if drawing.note:
        view.note(drawing.note)
    return view


def show(turn: Turn, drawing: Drawing | None = None) -> None:
    """Draw a turn until it has ended.

    Args:
        turn: The turn.
        drawing: How it is drawn.

    Raises:
        Interrupted: The user interrupted; the turn is stopped and what had arrived is kept.
        NbchatError: The turn failed.
    """
    drawing = drawing or Drawing()
    with at_keyboard(turn) as keyboard:
        view = _view(turn, drawing)
        try:
            _follow(turn, view, keyboard)
        except KeyboardInterrupt:
            turn.cancel()
            turn.wait(_SETTLE)
            _finish(view, turn, drawing.note)
            raise Interrupted from None
    _finish(view, turn, drawing.note)
    if turn.error is not None:
        raise turn.error


def show_in_background(turn: Turn, drawing: Drawing) -> None:
    """Draw a turn in this cell's output while the notebook goes on; there is no cell left to fail, so a failure is told there."""
    view = _view(turn, drawing)
    # The context says to which cell a kernel's output belongs.
    context = contextvars.copy_context()

    def draw() -> None:
        _follow(turn, view)
        _finish(view, turn, str(turn.error) if turn.error else drawing.note)

    threading.Thread(target=context.run, args=(draw,), name="nbchat-view", daemon=True).start()


def _finish(view: View, turn: Turn, note: str) -> None:
    if len(turn.answers) > 1 and surroundings() == "notebook":
        from nbchat.jupyter.hub import offer_choices

        offer_choices(turn)
    view.finish(turn, note)
    completion = turn.completion
    if completion is None:  # there is nothing to say it under
        return
    turn.shown()
    # The answer as Markdown is what is kept of it; how likely its tokens were is a view of its own below.
    if surroundings() != "terminal":
        _show_probabilities(completion)


def _show_probabilities(completion: Completion) -> None:
    from IPython.display import display

    count = len(completion.choices)
    for number, choice in enumerate(completion.choices, 1):
        found = completion.choice(choice.index or 0).logprobs
        if found is None:
            continue
        if count > 1:
            head = f"Choice {number} of {count}"
            display({"text/markdown": f"**{head}**", "text/plain": head}, raw=True)
        display(found)


def _follow(turn: Turn, view: View, keyboard: Keyboard | None = None) -> None:
    """Hand what happens to the view, all that is there at once, until the turn has ended."""
    progress, told = Progress(turn, view), ""
    while True:
        turn.pieces.wait(progress.seen, _FRAME if progress.seen else _GLANCE)
        begun, running = progress.seen > 0, turn.running
        if progress.draw():
            if not begun:
                view.note("")
            # Whatever comes within a frame is drawn together.
            turn.wait(_FRAME)
        elif not running:
            return
        if keyboard is not None:
            keyboard.ask(progress.draw)
        if turn.notice != told:
            told = turn.notice
            view.note(told)


class _Finished:
    """Shows nothing until the turn has ended, but what tools gave."""

    def __init__(self, turn: Turn, drawing: Drawing) -> None:
        self._turn = turn
        self._drawing = drawing
        self._shown = self._rounds = 0

    def note(self, text: str) -> None:
        """Nobody is there to read it."""

    def add(self, pieces: list[Piece]) -> None:
        """Nobody is there to watch."""

    def calls(self, runs: Sequence[ToolRun]) -> None:
        """Nobody is there to watch."""

    def go_on(self, step: Step) -> None:
        from IPython.display import display

        self._rounds += bool(step.runs)
        values = rich_bundles(step.runs) if self._drawing.form == "markdown" else []
        if values:
            data, metadata = bundle_of_rounds(self._turn, self._shown, self._rounds)
            self._shown = self._rounds
            for shown, about in [(data, metadata), *values]:
                display(shown, metadata=about, raw=True)

    def finish(self, turn: Turn, note: str) -> None:
        from IPython.display import display

        if turn.completion is not None or note:
            form, session = self._drawing.form, self._drawing.session
            data, metadata = bundle(turn, form, session=session, note=note, since=self._shown)
            display(data, metadata=metadata, raw=True)


class _Terminal:
    """Prints the text as it comes."""

    def __init__(self, drawing: Drawing) -> None:
        self._form = drawing.form
        self._session = drawing.session
        self._live = drawing.live and drawing.form in ("markdown", "text")
        self._printed = False
        # The call whose line is not ended yet, and those that were told of.
        self._begun: ToolRun | None = None
        self._told: list[ToolRun] = []

    def note(self, text: str) -> None:
        if text:
            sys.stderr.write(f"[{plain_text(text)}]\n")

    def add(self, pieces: list[Piece]) -> None:
        # The other answers to the same question come whole, when this one has ended.
        text = "".join(piece.text for piece in pieces if piece.choice == 0 and piece.kind == "text")
        if self._live and text:
            self._print(plain_text(text))

    def calls(self, runs: Sequence[ToolRun]) -> None:
        for run in runs if self._live else ():
            if run in self._told:
                continue
            call = live_call(run)
            if run.status == "asking":  # the question begins on a line of its own
                self._print(self._break())
            elif run.status not in ("pending", "asking", "running"):
                self._told.append(run)
                self._print(f" {call.how}]\n" if run is self._begun else f"{self._break()}[{call.line} {call.how}]\n")
                self._begun = None
            elif run.status == "running" and self._begun is None:
                self._begun = run
                self._print(f"[{call.line} …")

    def go_on(self, step: Step) -> None:
        if self._live and step.runs:
            self._print(f"{self._break()}\n")

    def _break(self) -> str:
        """End the line of a call that still runs; its end is told on a line of its own."""
        broken, self._begun = self._begun is not None, None
        return "\n" if broken else ""

    def finish(self, turn: Turn, note: str) -> None:
        completion = turn.completion
        if completion is None:
            return
        if self._printed and len(completion.choices) < 2:
            below = notes(turn)
            self._print(f"\n\n[{'; '.join(below)}]\n" if below else "\n")
        else:
            data, _ = bundle(turn, self._form, session=self._session)
            self._print(("\n\n" if self._printed else "") + data["text/plain"] + "\n")

    def _print(self, text: str) -> None:
        self._printed = True
        sys.stdout.write(text)
        sys.stdout.flush()
