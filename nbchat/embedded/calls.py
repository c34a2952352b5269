"""Calls of functions, read out of what a model writes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from nbchat.embedded.grammar import MARK, TAIL, call_head

__all__ = ["CallReader"]

_HEAD = re.compile(re.escape(call_head("NAME")).replace("NAME", r"([\w-]+)"))

# What is understood of an answer goes into the list; returned is whether what comes next is of another kind.
_Step = Callable[[list[dict[str, Any]]], bool]


class CallReader:
    """One answer on its way: text that follows a grammar of calls in, the API's deltas out.

    Example:
        >>> reader = CallReader()
        >>> reader.feed("Let me see. <tool_")
        [{'content': 'Let me see.'}]
        >>> for delta in reader.feed('call>{"name": "now", "arguments": {}}</tool_call>'):
        ...     print(delta["tool_calls"][0]["function"])
        {'name': 'now', 'arguments': ''}
        {'arguments': '{}'}
    """

    def __init__(self) -> None:
        # What identifies each call, its function's name, and the pieces of its arguments.
        self._calls: list[tuple[dict[str, Any], str, list[str]]] = []
        self._rest = ""  # what has come and is not understood yet
        self._step: _Step = self._text
        # Of the arguments: how many brackets are open, and whether a string is, and a backslash in it.
        self._depth = 0
        self._quoted = self._escaped = False

    def feed(self, piece: str) -> list[dict[str, Any]]:
        """Take the next piece of the text and return the deltas for it, which may be none."""
        self._rest += piece
        deltas: list[dict[str, Any]] = []
        while self._rest and self._step(deltas):
            pass
        return deltas

    def end(self) -> list[dict[str, Any]]:
        """Return the deltas for what was held back as it could have become a call."""
        text, self._rest = self._rest, ""
        return [{"content": text}] if text and self._step == self._text and not self._calls else []

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The calls so far, as the API has them in a message."""
        return [
            {**call, "function": {"name": name, "arguments": "".join(pieces)}} for call, name, pieces in self._calls
        ]

    @property
    def within_call(self) -> bool:
        """Whether the last call is not over."""
        return self._step not in (self._text, self._tail)

    def _text(self, deltas: list[dict[str, Any]]) -> bool:
        text, mark, rest = self._rest.partition(MARK)
        told = text.rstrip() if mark else text[: _certain(text)]
        if told and not self._calls:  # between calls there is nothing but blanks
            deltas.append({"content": told})
        if not mark:
            self._rest = text[len(told) :]
            return False
        self._rest, self._step = rest, self._head
        return True

    def _head(self, deltas: list[dict[str, Any]]) -> bool:
        found = _HEAD.match(self._rest)
        if not found:
            return False
        self._rest, self._step = self._rest[found.end() :], self._arguments
        call = {"id": f"call_{secrets.token_hex(12)}", "type": "function"}
        self._calls.append((call, found[1], []))
        deltas.append(self._delta({**call, "function": {"name": found[1], "arguments": ""}}))
        return True

    def _delta(self, call: dict[str, Any]) -> dict[str, Any]:
        return {"tool_calls": [{"index": len(self._calls) - 1, **call}]}

    def _arguments(self, deltas: list[dict[str, Any]]) -> bool:
        end = self._end_of_arguments()
        piece, self._rest = self._rest[:end], self._rest[end:]
        self._calls[-1][-1].append(piece)
        deltas.append(self._delta({"function": {"arguments": piece}}))
        if self._depth:
            return False
        self._step = self._tail
        return True

    def _end_of_arguments(self) -> int:
        """Return how much of the rest belongs to the arguments, which are one JSON object."""
        for at, character in enumerate(self._rest):
            if self._escaped:
                self._escaped = False
            elif self._quoted:
                self._escaped = character == "\\"
                self._quoted = character != '"'
            elif character == '"':
                self._quoted = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if not self._depth:
                    return at + 1
        return len(self._rest)

    def _tail(self, deltas: list[dict[str, Any]]) -> bool:
        if len(self._rest) < len(TAIL):
            return False
        self._rest, self._step = self._rest[len(TAIL) :], self._text
        return True


def _certain(text: str) -> int:
    """Return how much of *text* is text whatever comes: not the blanks at its end, nor what may be half a mark."""
    size = next((size for size in range(len(MARK) - 1, 0, -1) if text.endswith(MARK[:size])), 0)
    return len(text[: len(text) - size].rstrip())
