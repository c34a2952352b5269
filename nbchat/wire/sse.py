"""Server-sent events, from bytes to events, as the WHATWG standard has them.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

Lines end in CR, LF or CRLF and in nothing else; where the network cuts the bytes never matters; an event is dispatched
at a blank line if it has data; an event that is still open when the stream ends is dropped. ``id`` and ``retry`` are for
reconnecting, which a Chat Completions stream cannot do, so they are read over. One thing goes beyond the standard: a
line ``error: …``, which some servers send in place of an event, is an event of the type ``error``.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Event", "EventDecoder"]

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its type (``"message"`` unless the server names another) and its data, as bytes in UTF-8."""

    type: str
    data: bytes


class EventDecoder:
    r"""Turns the bytes of a stream into events; one decoder for one stream.

    Attributes:
        between: Whether the last event has ended and nothing of the next has come.

    Example:
        >>> decoder = EventDecoder()
        >>> decoder.feed(b"data: 1\n"), decoder.feed(b"\n")
        ([], [Event(type='message', data=b'1')])
    """

    __slots__ = ("_at_start", "_data", "_open_line", "_skip_lf", "_type", "between")

    def __init__(self) -> None:
        self._at_start = True  # a byte order mark may still come
        self.between = False
        self._skip_lf = False  # the last byte was CR: a LF that follows belongs to it
        self._open_line: list[bytes] = []  # the pieces of a line whose end has not come
        self._type = ""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[Event]:
        """Take the next bytes and return the events that they complete."""
        # What nearly every read of nearly every server is: one whole event and nothing open.
        if (
            self.between
            and received[:6] == b"data: "
            and received.find(b"\n") == len(received) - 2
            and received[-1:] == b"\n"
            and received.find(b"\r") < 0
        ):
            return [Event("message", received[6:-2])]
        if self._at_start:
            received = self._without_bom(received)
        if not received:
            return []
        if self._skip_lf and received.startswith(b"\n"):
            received = received[1:]
        self._skip_lf = received.endswith(b"\r")
        if b"\r" in received:
            received = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *lines = received.split(b"\n")
        if first:
            self._open_line.append(first)
        events: list[Event] = []
        if lines:
            lines.insert(0, b"".join(self._open_line))
            rest = lines.pop()
            self._open_line = [rest] if rest else []
            for line in lines:
                if line.startswith(b"data: "):
                    self._data.append(line[6:])
                elif line:
                    self._field(line)
                elif event := self._dispatch():
                    events.append(event)
        self.between = not (self._open_line or self._data or self._type or self._skip_lf)
        return events

    def _without_bom(self, received: bytes) -> bytes:
        """Drop one byte order mark at the very start, which may itself come in pieces."""
        start = b"".join(self._open_line) + received
        self._open_line = []
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._open_line = [start] if start else []
            return b""
        self._at_start = False
        return start.removeprefix(_BOM)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"error":
            self._type = "error"
            self._data.append(value)

    def _dispatch(self) -> Event | None:
        data, kind = self._data, self._type
        self._data, self._type = [], ""
        return Event(kind or "message", data[0] if len(data) == 1 else b"\n".join(data)) if data else None
