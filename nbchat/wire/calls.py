"""From the pieces of tool calls to the calls (contract section 8, item 4)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Container
from typing import Any

__all__ = ["Call", "Calls"]


def _name(value: Any) -> str | None:
    """Return a name or an identifier; numbers, which some servers count calls in, become text."""
    return value if isinstance(value, str) else str(value) if type(value) is int else None


class Call:
    """A tool call as far as it has come: of a function, or of a custom tool, whose input is any text.

    Names and identifiers are set, arguments and input are joined.
    """

    __slots__ = ("body", "data", "given", "id", "index", "kind", "name", "words")

    def __init__(self, index: int | str | None) -> None:
        self.index = index
        self.id: str | None = None
        self.given: str | None = None  # an identifier that we gave it
        self.kind = "function"
        self.name: str | None = None
        self.words: list[str] = []  # of the arguments, or of the input
        self.body: dict[str, Any] = {}  # what else stands beside the name
        self.data: dict[str, Any] = {}  # members that a server may need back, such as thought signatures

    def add(self, delta: dict[str, Any]) -> None:
        """Take the next piece."""
        self.id = _name(delta.get("id")) or self.id
        for kind, words in (("function", "arguments"), ("custom", "input")):
            body = delta.get(kind)
            if isinstance(body, dict):
                self.kind = kind
                self._add_body(body, words)
        self.data.update(
            {k: v for k, v in delta.items() if v is not None and k not in ("id", "index", "type", "function", "custom")}
        )

    def _add_body(self, body: dict[str, Any], words: str) -> None:
        for name, value in body.items():
            if name == "name":
                self.name = _name(value) or self.name
            elif value is None:
                continue
            elif name == words:
                self.words.append(value if isinstance(value, str) else json.dumps(value))
            else:
                self.body[name] = value

    def to_dict(self, taken: Container[str] = ()) -> dict[str, Any]:
        """Return the call in the API's shape.

        Args:
            taken: The identifiers of other calls: a call that the server gave one of these, or none, gets its own.
        """
        made = self.id
        if made is None or made in taken:
            made = self.given = self.given or f"call_{secrets.token_hex(12)}"
        words = "arguments" if self.kind == "function" else "input"
        body = {"name": self.name or "", words: "".join(self.words), **self.body}
        return {"id": made, "type": self.kind, self.kind: body, **self.data}


class Calls:
    """The tool calls of an answer, in the order in which they began."""

    __slots__ = ("_all", "_by_id", "_by_index")

    def __init__(self) -> None:
        self._all: list[Call] = []
        self._by_index: dict[int | str, Call] = {}
        self._by_id: dict[str, Call] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, deltas: Any) -> None:
        """Take the pieces of one delta: a list of them, or the one that there is (older TGI)."""
        here: list[Call] = []
        for delta in [deltas] if isinstance(deltas, dict) else deltas if isinstance(deltas, list) else ():
            if not isinstance(delta, dict):
                continue
            call = self._find(delta)
            # Nobody cuts a call in two within one delta: a second name, with nothing else to tell them apart, is of a
            # second call.
            if call is None or (call in here and not _name(delta.get("id")) and _named(delta)):
                call = Call(_index(delta))
                self._all.append(call)
                if call.index is not None:
                    self._by_index[call.index] = call
            call.add(delta)
            if call.id is not None:
                self._by_id[call.id] = call
            here.append(call)

    def _find(self, delta: dict[str, Any]) -> Call | None:
        """Find the call that a piece goes on with; ``None`` where it begins another."""
        index, call_id = _index(delta), _name(delta.get("id"))
        if index is None:
            return self._by_id.get(call_id) if call_id else self._all[-1] if self._all else None
        known = self._by_index.get(index)
        return None if known is not None and call_id and known.id not in (None, call_id) else known

    def to_list(self) -> list[dict[str, Any]]:
        """Return the calls in the API's shape, each with an identifier of its own."""
        calls: dict[str, dict[str, Any]] = {}
        for call in self._all.copy():
            made = call.to_dict(calls)
            calls[made["id"]] = made
        return list(calls.values())


def _index(delta: dict[str, Any]) -> int | str | None:
    index = delta.get("index")
    return index if isinstance(index, int | str) else None


def _named(delta: dict[str, Any]) -> bool:
    return any(isinstance(body := delta.get(kind), dict) and _name(body.get("name")) for kind in ("function", "custom"))
