"""``nbchat.sweep``: asking in many ways at once, and how far it is, in whatever is there to draw in."""

from __future__ import annotations

import contextvars
import html
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from nbchat.client.client import Client
from nbchat.client.secret import Secret
from nbchat.session.grid import Grid
from nbchat.session.markdown import one_line
from nbchat.session.prompt import Prompt
from nbchat.session.session import Session
from nbchat.session.surroundings import surroundings
from nbchat.session.sweep import Sweep

__all__ = ["sweep"]

# Seconds between two updates of the progress.
_FRAME = 0.2
# How long stopped answers have to close their connections and settle, in seconds, before the prompt comes back anyway.
_SETTLE = 0.8


def sweep(
    prompt: Prompt | Sequence[Prompt],
    *,
    system: str | Sequence[str | None] | None = None,
    attach: Any = (),
    repeat: int = 1,
    concurrency: int = 8,
    background: bool = False,
    session: Session | None = None,
    client: Client | None = None,
    base_url: str | None = None,
    api_key: str | Secret | None = None,
    **grid: Any,
) -> Sweep:
    """Ask a question once for every combination of some fields' values, side by side, and wait for the answers.

    While it runs it says how far it is. Interrupting it keeps what has arrived and returns it; what fails is told in its
    row and stops nothing. When the server says that it is asked too much, all slow down.

    Args:
        prompt: The question, or a list of questions: text, lists of content parts, or whole messages.
        system: The system message, or a list of them.
        attach: What goes with every question, as in :meth:`~nbchat.session.session.Session.send`.
        repeat: How often each combination is asked.
        concurrency: How many questions are on their way at once, at most.
        background: Return at once; the sweep fills up, ``await`` and ``wait()`` wait for it, ``cancel()`` stops it.
        session: The session after whose conversation to ask, with its parameters; it is left as it is.
        client: The client to ask through, where there is no session.
        base_url: Where the API is, where there is neither; ``None`` for the configured one.
        api_key: The key for it.
        **grid: Request fields, as in :class:`~nbchat.session.parameters.Parameters`: each a value, or a list, tuple, range
            or array of values. A field that is a list itself takes a list of such: ``stop=[["a", "b"]]``.

    Returns:
        The answers in the order of the arguments, of which the last varies fastest. It shows as a grid.

    Raises:
        TraitError: A value is out of bounds or there is no such field; nothing is sent.
        ConfigurationError: Something else can't be asked; nothing is sent.

    Example:
        >>> answers = nbchat.sweep("Name a colour.", temperature=[0, 0.7, 1.5], seed=range(3))  # doctest: +SKIP
        >>> answers.to_dataframe().groupby("temperature").text.nunique()  # doctest: +SKIP
        >>> answers[4].branch(chat)  # doctest: +SKIP
    """
    # First of all the key goes under cover: whatever raises below shows its locals in some tracebacks.
    api_key = Secret.cover(api_key)
    asked = Sweep.start(
        Grid(prompt, system=system, attach=attach, repeat=repeat, fields=grid),
        concurrency=concurrency,
        session=session,
        client=client,
        base_url=base_url,
        api_key=api_key,
    )
    bar = _bar(len(asked))
    bar.update(len(asked.ended), _progress(asked))  # in the cell's own order, above what it displays next
    if background:
        # The context says to which cell a kernel's output belongs.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(_follow, asked, bar), name="nbchat-view", daemon=True).start()
        return asked
    try:
        _follow(asked, bar)
    except KeyboardInterrupt:
        asked.cancel()
        asked.wait(_SETTLE)
        bar.end(_summary(asked))
    return asked


class _Bar(Protocol):
    """Somewhere to show how far it is."""

    def update(self, ended: int, line: str) -> None:
        """Show how many have ended."""

    def end(self, line: str) -> None:
        """Leave one line."""


def _bar(total: int) -> _Bar:
    where = surroundings()
    if where == "notebook":
        return _NotebookBar(total)
    return _TerminalBar() if where == "terminal" and sys.stderr.isatty() else _NoBar()


def _follow(asked: Sweep, bar: _Bar) -> None:
    """Show how far it is, until all rows have ended."""
    began, told = time.monotonic(), ""
    while asked.running:
        line = _progress(asked)
        if line != told:
            bar.update(len(asked.ended), line)
            told = line
        asked.wait(_FRAME)
    bar.end(f"{_summary(asked)} in {time.monotonic() - began:.1f} s")


def _progress(asked: Sweep) -> str:
    line = f"{len(asked.ended)} of {len(asked)}{_failures(asked)}"
    return f"{line}: {one_line(asked.notice)}" if asked.notice else line


def _summary(asked: Sweep) -> str:
    statuses = Counter(row.status for row in asked)
    stopped = len(asked) - statuses["done"] - statuses["failed"]
    return f"{statuses['done']} of {len(asked)} answered{_failures(asked)}" + (
        f", {stopped} stopped" if stopped else ""
    )


def _failures(asked: Sweep) -> str:
    failed = sum(row.status == "failed" for row in asked)
    return f", {failed} failed" if failed else ""


class _NoBar:
    """Nobody is there to watch."""

    def update(self, ended: int, line: str) -> None:
        """Show nothing."""

    def end(self, line: str) -> None:
        """Leave nothing."""


class _TerminalBar:
    """One line on stderr, written over again and again."""

    def update(self, ended: int, line: str) -> None:
        self._write(line)

    def end(self, line: str) -> None:
        self._write(f"{line}\n")

    @staticmethod
    def _write(line: str) -> None:
        # Back to the line's beginning, and away with what was longer (ECMA-48: EL).
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


class _NotebookBar:
    """An output that is updated, and in the end says one line."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._id = uuid.uuid4().hex
        self._shown = False

    def update(self, ended: int, line: str) -> None:
        bar = f'<progress max="{self._total}" value="{ended}" aria-label="Answers"></progress> '
        self._show(line, bar)

    def end(self, line: str) -> None:
        self._show(line)

    def _show(self, line: str, bar: str = "") -> None:
        from IPython.display import display, update_display

        data = {"text/plain": line, "text/html": f"<div>{bar}{html.escape(line)}</div>"}
        if self._shown:
            update_display(data, raw=True, display_id=self._id)
        else:
            display(data, raw=True, display_id=self._id)
        self._shown = True
