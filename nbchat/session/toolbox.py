"""The tools that one turn may call, and the calls: from the model's asking for one to its result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Literal

from nbchat.client import portal
from nbchat.errors import ConfigurationError
from nbchat.session.completion import Completion
from nbchat.session.endings import asks_for_tools, cut_off
from nbchat.session.prompt import with_parts
from nbchat.tools.arguments import read_arguments
from nbchat.tools.calling import Outcome, call, needs_approval
from nbchat.tools.misfits import Misfit
from nbchat.tools.tool import Tool
from nbchat.tools.writing import ToParts
from nbchat.wire.messages import ToolCall

__all__ = ["Approve", "CallStatus", "ToolRun", "Toolbox", "calling_session", "checked_rounds"]

CallStatus = Literal["pending", "asking", "running", "done", "failed", "refused", "cancelled"]
# Whether a person is asked before a tool is called with these arguments: always, never, or as a function says.
Approve = bool | Callable[[str, dict[str, Any]], bool]

# Said below an answer of calls that were not made.
_UNWANTED = "the model asked for tools although it was to answer without, and they were not called"
_NOT_WHOLE = "the answer broke off in a call of a tool, and none of its calls was made"
_OF_OTHERS = "tools are called for the first answer alone, and another asks for some, too"

# Seconds until nobody is there to be asked, and between two looks.
_MOMENT, _GLANCE = 1.0, 0.05

# In a tool: the session whose turn called it.
calling_session: ContextVar[object] = ContextVar("calling_session", default=None)


def checked_rounds(value: object) -> int:
    """Return *value* if it says how many rounds of calls a turn may have.

    Raises:
        ConfigurationError: It does not.
    """
    if not isinstance(value, int) or value < 0:
        raise ConfigurationError(
            f"tool_rounds is a whole number, not {value!r}.", hint="0 offers the tools and has none called."
        )
    return value


class ToolRun:
    """One call that a model asks for.

    Attributes:
        id: The call's identifier, as the model's message has it.
        name: The tool's name.
        arguments: What the model wrote as its arguments.
        status: ``pending`` (nobody has begun, or the caller of the session answers), ``asking`` (a person is asked),
            ``running``, ``done``, ``failed``, ``refused`` or ``cancelled``.
        outcome: What came of it; ``None`` before.

    Example:
        >>> chat.turn.calls[0].outcome.value  # doctest: +SKIP
    """

    def __init__(self, asked: ToolCall) -> None:
        self.id = asked.id
        named = asked.custom or asked.function
        self.name = named.name
        self.arguments = asked.custom.input if asked.custom else asked.function.arguments
        self.custom = asked.custom is not None
        self.status: CallStatus = "pending"
        self.outcome: Outcome | None = None
        self.begun: float | None = None
        self._allowed: asyncio.Future[str | None] | None = None

    @property
    def over(self) -> bool:
        """Whether there is a result to tell the model."""
        return self.outcome is not None

    def approve(self) -> None:
        """Let it run, if a person is asked. Answering twice is answering once."""
        portal.call_soon(self._answer, None)

    def refuse(self, reason: str = "") -> None:
        """Do not let it run; the model is told so, and why."""
        portal.call_soon(self._answer, reason)

    def _answer(self, refusal: str | None) -> None:
        if self._allowed is not None and not self._allowed.done():
            self._allowed.set_result(refusal)

    async def asked_of_a_person(self) -> str | None:
        """Wait until a person has answered: ``None`` for yes, else why not."""
        self._allowed = asyncio.get_running_loop().create_future()
        return await self._allowed

    def end(self, status: CallStatus, outcome: Outcome) -> None:
        """Note what came of it."""
        self.status, self.outcome = status, outcome

    def message(self) -> dict[str, Any]:
        """Return its result as a message; what is no text stands beside the text."""
        text, parts = (self.outcome.text, self.outcome.parts) if self.outcome else ("", ())
        content = with_parts(text, parts)
        return {"role": "tool", "tool_call_id": self.id, "content": content}

    def __repr__(self) -> str:
        return f"<ToolRun {self.name} {self.status}>"


class Toolbox:
    """The tools of one turn.

    Args:
        tools: The tools, by their names.
        approve: Whether a person is asked first, beside what each tool says itself.
        attended: Whether there is anybody to be asked.
        told: Called whenever the status of a call has changed, on the I/O thread.
        owner: Whose turn it is, for a tool that would ask it.
        to_parts: Turns a result into content parts.
        censor: Takes out of what tools say what must not show, such as the key of the server that is told.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        *,
        approve: Approve = False,
        attended: Callable[[], bool] = lambda: False,
        told: Callable[[ToolRun], object] = lambda _: None,
        owner: object = None,
        to_parts: ToParts | None = None,
        censor: Callable[[str], str] = str,
    ) -> None:
        self._tools = {name: _guarded(tool, approve) for name, tool in tools.items()}
        self._attended = attended
        self._told = told
        self._owner = owner
        self._to_parts = to_parts
        self._censor = censor

    @property
    def empty(self) -> bool:
        """Whether there is none."""
        return not self._tools

    def offer(self, fields: Mapping[str, Any], rounds: int, most: int) -> dict[str, Any]:
        """Return what a turn's request says of tools, after so many rounds of calls.

        A choice that forces a call holds for the first request: held on, the model could never answer. After the last
        round it is asked to answer without tools; they stay in the request, for servers refuse calls of what is not offered.

        Args:
            fields: The request fields that were asked with.
            rounds: How many rounds of calls there were.
            most: How many there may be.

        Raises:
            ConfigurationError: The tool that is to be called is none of them.
        """
        offered: dict[str, Any] = {}
        choice = fields.get("tool_choice")
        if self._tools:
            offered["tools"] = [tool.to_dict() for tool in self._tools.values()]
        if self._tools and rounds >= most:
            choice = "none"
        elif rounds and choice not in (None, "none"):
            choice = "auto"
        elif isinstance(choice, str) and choice not in ("none", "auto", "required"):
            if self._tools and choice not in self._tools:
                raise ConfigurationError(f"There is no tool {choice!r}: they are {', '.join(self._tools)}.")
            named = self._tools.get(choice)
            choice = named.choice() if named else {"type": "function", "function": {"name": choice}}
        return {**offered, "tool_choice": choice} if choice else offered

    def calls_of(self, answer: Completion, *, wanted: bool) -> tuple[list[ToolRun], list[str]]:
        """Return the calls that an answer asks for, and what is to be said below it of those that are not made.

        A call that was cut off is kept for show, and so is one that comes where no tools are offered. Of several choices
        the first is gone on from: the calls of the others are not made.

        Args:
            answer: The answer.
            wanted: Whether the model was free to ask for calls.
        """
        if self.empty:
            return [], []
        asking = sum(bool(choice.message.tool_calls) for choice in answer.choices)
        remarks = [_OF_OTHERS] if asking > bool(answer.tool_calls) else []
        if not answer.tool_calls:
            return [], remarks
        if not wanted:
            return [], [_UNWANTED]
        if not asks_for_tools(answer.message.to_dict(), answer.finish_reason):
            # Of an answer that was cut off that is said anyhow.
            return [], remarks if cut_off(answer.finish_reason) else [_NOT_WHOLE, *remarks]
        return [ToolRun(asked) for asked in answer.tool_calls], remarks

    def answers(self, run: ToolRun) -> bool:
        """Whether a call is answered here: neither by the caller of the session, nor in a form that is no function's."""
        known = self._tools.get(run.name)
        return not run.custom and (known is None or not known.declared)

    async def perform(self, runs: Sequence[ToolRun]) -> None:
        """Run the calls that are answered here, side by side, and wait for all.

        Raises:
            asyncio.CancelledError: The turn was stopped; what was not over is marked so.
        """
        mine = [run for run in runs if self.answers(run)]
        try:
            async with asyncio.TaskGroup() as group:
                for run in mine:
                    group.create_task(self._perform(run))
        finally:
            for run in mine:
                if not run.over:
                    run.status = "cancelled"
                    self._told(run)

    async def _perform(self, run: ToolRun) -> None:
        calling_session.set(self._owner)
        tool = self._tools.get(run.name)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            self._end(run, "failed", f"There is no tool {run.name!r}. The tools are: {known}.")
            return
        refusal = await self._refusal(run, tool)
        if refusal is not None:
            self._end(run, "refused", refusal)
            return
        run.begun = time.time()
        self._tell(run, "running")
        outcome = await call(tool, run.arguments, to_parts=self._to_parts)
        traced = outcome.traceback and self._censor(outcome.traceback)
        outcome = replace(outcome, text=self._censor(outcome.text), traceback=traced)
        run.end("failed" if outcome.error else "done", outcome)
        self._told(run)

    async def _refusal(self, run: ToolRun, tool: Tool) -> str | None:
        """Ask a person, where that is wanted; return what the model is told if it may not be called."""
        try:
            arguments = read_arguments(run.arguments)
        except Misfit:
            return None  # it is not called: the call itself says why
        if not await needs_approval(tool, arguments):
            return None
        if not await self._somebody_is_there():
            return f"{run.name} was not called: it needs a person's approval, and nobody is there to give it."
        self._tell(run, "asking")
        reason = await run.asked_of_a_person()
        if reason is None:
            return None
        return f"{run.name} was not called: the user did not allow it{f' ({reason})' if reason else ''}."

    async def _somebody_is_there(self) -> bool:
        """Whether there is a person to be asked, or one comes within a moment: whoever asks begins to wait a little later."""
        end = time.monotonic() + _MOMENT
        while not self._attended():
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(_GLANCE)
        return True

    def _end(self, run: ToolRun, status: CallStatus, text: str) -> None:
        run.end(status, Outcome(text, error=True))
        self._told(run)

    def _tell(self, run: ToolRun, status: CallStatus) -> None:
        run.status = status
        self._told(run)


def _guarded(tool: Tool, approve: Approve) -> Tool:
    """Return a tool that asks first where it says so itself, and where *approve* does."""
    if approve is False or tool.approve is True:
        return tool
    if approve is True:
        return replace(tool, approve=True)
    own = tool.approve
    return replace(
        tool, approve=lambda arguments: bool(callable(own) and own(arguments)) or approve(tool.name, arguments)
    )
