"""Calls of tools as a person reads them: on one line, in full, and how they stand.

What a model wrote is untrusted. Here it becomes plain text in which nothing reads as something else; every door shows it
as text.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from textwrap import indent
from typing import Any, Literal

from nbchat.session.conversation import Node
from nbchat.session.endings import asks_for_tools
from nbchat.session.markdown import one_line, plain_text
from nbchat.session.toolbox import CallStatus, ToolRun
from nbchat.tools.arguments import read_arguments
from nbchat.tools.misfits import Misfit
from nbchat.wire.media import Part, media_parts

__all__ = ["CallState", "ShownCall", "call_answered", "calls_at", "calls_of", "live_call", "results_after"]

# How a call stands; ``unrun`` is one that broke off, or that came with an answer that did.
CallState = CallStatus | Literal["unrun"]

# How much of a call fits on a line that is read in passing, in characters.
_LINE = 70
# And of a name, which nothing holds a model to.
_NAME = 64
_WORDS: dict[CallState, str] = {
    "pending": "no result yet",
    "asking": "asks to be allowed",
    "running": "running",
    "done": "done",
    "failed": "failed",
    "refused": "not allowed",
    "cancelled": "stopped",
    "unrun": "cut off, not called",
}


@dataclass(frozen=True)
class ShownCall:
    """One call, from the model's asking for it to its end.

    Attributes:
        id: Its identifier, as the model's message has it.
        name: The tool's name.
        arguments: What the model wrote as its arguments.
        state: How it stands.
        seconds: How long it took, or runs already; ``None`` where it did not run, or nobody measured it.
        result: What the model is told of it; ``None`` before.
        traceback: Where the tool failed, for the person who wrote it.
        media: What of the result is no text, as content parts.
    """

    id: str
    name: str
    arguments: str
    state: CallState
    seconds: float | None = None
    result: str | None = None
    traceback: str | None = None
    media: Sequence[Part] = ()

    @property
    def title(self) -> str:
        """The tool's name, as it may be shown."""
        return one_line(self.name)[:_NAME]

    @cached_property
    def line(self) -> str:
        """The call on one line, as Python has calls; what is too long for that ends in an ellipsis.

        Example:
            >>> ShownCall("c", "weather", '{"city": "Rome", "days": 2}', "done").line
            'weather(city="Rome", days=2)'
        """
        arguments = _read(self.arguments)
        if arguments is None:
            inner = " ".join(plain_text(self.arguments[:_LINE]).split())
        else:
            inner = ", ".join(f"{_named(name)}={_json(value)}" for name, value in arguments.items())
        inner = inner.replace("\n", " ")
        room = _LINE - len(self.title)
        return f"{self.title}({inner if len(inner) <= room else inner[:room] + '…'})"

    @cached_property
    def in_full(self) -> str:
        r"""The arguments, each on a line of its own; a text of several lines is indented below its name.

        Example:
            >>> print(ShownCall("c", "run", '{"code": "a = 1\\nb = 2", "fast": true}', "asking").in_full)
            code:
                a = 1
                b = 2
            fast: true
        """
        arguments = _read(self.arguments)
        if arguments is None:
            return plain_text(self.arguments)
        return "\n".join(_argument(_named(name), value) for name, value in arguments.items())

    @property
    def question(self) -> str:
        """What somebody at a keyboard is asked before the call is made; empty unless it waits for that."""
        if self.state != "asking":
            return ""
        arguments = "".join(f"\n    {line}" for line in self.in_full.split("\n")) if self.in_full else " nothing"
        return f"The model wants to call {self.title} with{arguments}\nAllow it? [y/N, or why not] "

    @property
    def how(self) -> str:
        """How it stands, in words: ``done in 0.4 s``."""
        words = _WORDS[self.state]
        if self.seconds is None or self.state not in ("done", "failed", "running"):
            return words
        between = {"done": "in", "failed": "after", "running": "for"}[self.state]
        return f"{words} {between} {_in_seconds(self.seconds)}"


def live_call(run: ToolRun) -> ShownCall:
    """Return a call of a turn that runs, or that ran in this process."""
    outcome = run.outcome
    seconds = None
    if run.begun is not None and (outcome is not None or run.status == "running"):
        seconds = round(outcome.duration if outcome is not None else time.time() - run.begun, 3)
    return ShownCall(
        run.id,
        run.name,
        run.arguments,
        run.status,
        seconds,
        None if outcome is None else outcome.text,
        None if outcome is None else outcome.traceback,
        () if outcome is None else outcome.parts,
    )


def calls_at(path: Sequence[Node], at: int) -> list[ShownCall]:
    """Return the calls that a message asked for, as the conversation keeps them.

    Args:
        path: The messages on the way to the head.
        at: Which of them.
    """
    return calls_of(path[at].message, path[at].status, path[at].finish_reason, results_after(path, at))


def calls_of(
    message: Mapping[str, Any], status: str, finish_reason: str | None, results: Sequence[Node] = ()
) -> list[ShownCall]:
    """Return the calls that a message asked for.

    Args:
        message: The model's message.
        status: How its turn ended.
        finish_reason: Why the model stopped.
        results: What tools gave to it.
    """
    given = {node.message.get("tool_call_id"): node for node in results}
    if not asks_for_tools(message, finish_reason) or (status != "done" and finish_reason is None):
        without: CallState = "unrun"
    else:
        without = "pending" if status == "done" else "cancelled"
    shown = []
    for call in message.get("tool_calls") or ():
        asked = call.get("function") or call.get("custom") or {}
        arguments = asked.get("arguments", asked.get("input"))
        about = (str(call.get("id") or ""), str(asked.get("name") or ""), _text(arguments))
        result = given.get(call.get("id"))
        if result is None:
            shown.append(ShownCall(*about, without))
        else:
            media = media_parts(result.message.get("content"))
            shown.append(ShownCall(*about, result.status, result.duration, result.text, media=media))
    return shown


def results_after(path: Sequence[Node], at: int) -> Sequence[Node]:
    """Return the messages after one that hold what tools gave to it."""
    end = at + 1
    while end < len(path) and path[end].role == "tool":
        end += 1
    return path[at + 1 : end]


def call_answered(path: Sequence[Node], at: int) -> ShownCall | None:
    """Return the call whose result a message is; ``None`` where nothing asked for it."""
    asked = at
    while asked >= 0 and path[asked].role == "tool":
        asked -= 1
    calls = calls_at(path, asked) if asked >= 0 else ()
    return next((call for call in calls if call.id == path[at].message.get("tool_call_id")), None)


def _in_seconds(seconds: float) -> str:
    """Return a time as it is read: ``12 ms``, ``0.4 s``, ``75 s``."""
    return (
        f"{seconds * 1000:.0f} ms" if seconds < 0.0995 else f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    )


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else "" if arguments is None else json.dumps(arguments)


def _read(arguments: str) -> dict[str, Any] | None:
    try:
        return read_arguments(arguments)
    except Misfit:
        return None


def _named(name: str) -> str:
    return name if name.isidentifier() else _json(name)


def _json(value: Any) -> str:
    try:
        return plain_text(json.dumps(value, ensure_ascii=False))
    except RecursionError:  # what could be read may still be nested too deeply to be written
        return "…"


def _argument(name: str, value: Any) -> str:
    # What has several lines must not look like several arguments.
    text = plain_text(value) if isinstance(value, str) and "\n" in plain_text(value) else _json(value)
    return f"{name}:\n{indent(text, '    ', lambda _: True)}" if "\n" in text else f"{name}: {text}"
