"""Calling a tool for a model: what comes of it, whatever comes."""

from __future__ import annotations

import asyncio
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from nbchat.errors import ToolError
from nbchat.tools.collecting import collected
from nbchat.tools.misfits import Misfit
from nbchat.tools.results import BUDGET, cut, report
from nbchat.tools.tool import Tool
from nbchat.tools.worker import Job, Stopped, apart
from nbchat.tools.writing import ToParts
from nbchat.wire.decode import without_surrogates

__all__ = ["Outcome", "call", "needs_approval"]

# How often a traceback is written before it is left out. CPython up to 3.11.7 and 3.12.1 parses the lines in it, and fails at
# that where another thread parses at the same time (gh-106905).
_TRIES = 3


@dataclass(frozen=True, repr=False)
class Outcome:
    """What came of a call.

    Attributes:
        text: What the model is told.
        parts: Content parts that are no text, such as a figure's picture.
        value: What the function returned, to be shown to the person.
        error: Whether it failed: the text then says why.
        duration: Seconds that it took.
        trimmed: Whether the text is not all there was.
        traceback: Where it failed, or what to do about it: for the person, who wrote the code; the model does not see it.
    """

    text: str
    parts: tuple[dict[str, Any], ...] = ()
    value: Any = None
    error: bool = False
    duration: float = 0.0
    trimmed: bool = False
    traceback: str | None = None

    def __repr__(self) -> str:
        # Short: asyncio writes the repr of a task's result, even where nobody reads it, and the value may be huge.
        return f"<Outcome {self.text[:60]!r}{', an error' * self.error}, after {self.duration:.3g} s>"


async def call(
    tool: Tool,
    arguments: str | dict[str, Any] | None,
    *,
    budget: int = BUDGET,
    to_parts: ToParts | None = None,
    timeout: float | None = None,  # noqa: ASYNC109  it becomes a result, and no exception
) -> Outcome:
    """Call a tool as a model asks for it. Nothing that the tool does raises here.

    All of the user's code (checks of its classes, the function, an async one too, and what shows its result) runs in a
    thread of its own, so that the loop that awaits this is never held up. What it prints lands in the cell that asked.
    What an iterator yields is collected (:func:`~nbchat.tools.collecting.collected`).

    Args:
        tool: The tool; it has a function.
        arguments: What the model wrote.
        budget: How much of the result the model gets, in characters.
        to_parts: Turns a result into content parts, or returns ``None`` for one that is none.
        timeout: Seconds after which a call of a tool without a limit of its own has failed; ``None`` for no limit.

    Raises:
        asyncio.CancelledError: The caller was cancelled. The call is stopped (:class:`~nbchat.tools.worker.Job`), and what
            can't be stopped is not waited for.

    Example:
        >>> import asyncio
        >>> from nbchat.tools.tool import as_tool
        >>> def add(a: int, b: int) -> int:
        ...     return a + b
        >>> asyncio.run(call(as_tool(add), '{"a": 7, "b": "2"}')).text
        '9'
    """
    begun = time.perf_counter()
    limit = tool.timeout if tool.timeout is not None else timeout

    def work(job: Job[Outcome]) -> Outcome:
        return _perform(job, tool, arguments, budget, to_parts)

    try:
        async with asyncio.timeout(limit):
            outcome = await apart(work, f"nbchat-tool-{tool.name}")
    except TimeoutError:
        outcome = Outcome(f"TimeoutError: {tool.name} was stopped because it took more than {limit:g} s.", error=True)
    return replace(outcome, duration=time.perf_counter() - begun)


async def needs_approval(tool: Tool, arguments: dict[str, Any]) -> bool:
    """Whether a person is asked before a call.

    A function that decides this has a thread of its own, as it is the user's code; one that fails has not allowed anything.

    Args:
        tool: What is to be called.
        arguments: The arguments by name, as the model sent them (:func:`~nbchat.tools.arguments.read_arguments`).
    """
    approve = tool.approve
    if isinstance(approve, bool):
        return approve
    try:
        return await apart(lambda _: bool(approve(dict(arguments))), f"nbchat-approve-{tool.name}")
    except RuntimeError:
        return True


def _perform(
    job: Job[Outcome], tool: Tool, arguments: str | dict[str, Any] | None, budget: int, to_parts: ToParts | None
) -> Outcome:
    try:
        bound = tool.bind(arguments)
        given = collected(job, bound(), budget)
        shown = report(given.value, budget=budget, to_parts=to_parts)
    except Stopped:
        raise
    except Misfit as problem:
        return Outcome(f"{tool.name} was not called, because of its arguments: {problem}.", error=True)
    except ToolError as problem:
        text, trimmed = cut(problem.message, budget)
        return Outcome(text, error=True, trimmed=trimmed, traceback=str(problem) if problem.hint else None)
    except BaseException as problem:  # noqa: BLE001  not even exit() in a tool ends more than the tool
        text, trimmed = cut(_said(problem), budget)
        return Outcome(text, error=True, trimmed=trimmed, traceback=_traced(problem))
    if given.stopped_after is None:
        return Outcome(shown.text, shown.parts, given.value, trimmed=shown.trimmed)
    note = f"[no more than the first {given.stopped_after:,} items were asked for]"
    return Outcome(f"{shown.text}\n{note}", shown.parts, given.value, trimmed=True)


def _said(problem: BaseException) -> str:
    name = type(problem).__name__
    try:
        words = str(problem)
    except Exception:  # noqa: BLE001  an exception of the user's may fail at this, too
        words = ""
    return f"{name}: {words}" if words else name


def _traced(problem: BaseException) -> str | None:
    """Return the traceback, from the user's own code on."""
    frames = list(traceback.walk_tb(problem.__traceback__))
    ours = [
        index for index, (frame, _) in enumerate(frames) if frame.f_globals.get("__name__", "").startswith(__package__)
    ]
    start = problem.__traceback__
    for _ in range(ours[-1] + 1 if ours else 0):
        start = start.tb_next if start is not None else None
    told = traceback.TracebackException(type(problem), problem, start)
    for _ in range(_TRIES):
        with suppress(SystemError):
            return str(without_surrogates("".join(told.format())))
    return None
