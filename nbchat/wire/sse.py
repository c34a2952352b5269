"""Server-sent events, from bytes to events, as the WHATWG standard has them.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

Lines end in CR, LF or CRLF and in nothing else; where the network cuts the bytes never matters; an event is dispatched
at a blank line if it has data; an event that is still open when the stream ends is dropped. ``id`` and ``retry`` are for
reconnecting, which a Chat Completions stream cannot do, so they are read over. Two things go beyond the standard: a
line ``error: …``, which some servers send in place of an event, is an event of the type ``error``; and an event may not
grow without end.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MAX_EVENT_BYTES", "Event", "EventDecoder"]

# Several times what an answer's largest parts (a picture or a minute of sound in base64) come to, and little enough for
# any kernel to hold.
MAX_EVENT_BYTES = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: its type (``"message"`` unless the server names another) and its data, as bytes in UTF-8."""

    type: str
    data: bytes


class EventDecoder:
    r"""Turns the bytes of a stream into events; one decoder for one stream.

    What is kept between two reads is no more than the event that is open, in at most two pieces: time and memory grow
    with the bytes and not with the number of reads in which they come.

    Args:
        max_event_bytes: How large an event may be: all its lines, comments among them, each with one byte for its end.

    Attributes:
        max_event_bytes: As given.
        between: Whether the last event has ended and nothing of the next has come.
        overflowed: Whether an event was larger than that. Nothing that follows is read.

    Example:
        >>> decoder = EventDecoder()
        >>> decoder.feed(b"data: 1\n"), decoder.feed(b"\n")
        ([], [Event(type='message', data=b'1')])
    """

    __slots__ = (
        "_at_start", "_data", "_open_line", "_size", "_skip_lf", "_start", "_type", "between", "max_event_bytes", "overflowed",
    )  # fmt: skip

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.max_event_bytes = max_event_bytes
        self.between = True
        self.overflowed = False
        self._at_start = True  # a byte order mark may still come
        self._start = b""  # what there is of it
        self._skip_lf = False  # the last byte was CR: a LF that follows belongs to it
        self._open_line = bytearray()  # a line whose end has not come
        self._size = 0  # bytes of the open event's lines that have ended
        self._type = ""
        self._data: bytes | bytearray | None = None

    def feed(self, received: bytes) -> list[Event]:
        """Take the next bytes and return the events that they complete."""
        return self.take(self.unified(received))

    def unified(self, received: bytes) -> bytes:
        """Return the next bytes as :meth:`take` wants them: without the byte order mark, and every line end a LF."""
        if self._at_start:
            received = self._without_bom(received)
        if self._skip_lf and received:
            received = received.removeprefix(b"\n")
            self._skip_lf = False
        if b"\r" in received:
            self._skip_lf = received.endswith(b"\r")
            received = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return received

    def take(self, received: bytes) -> list[Event]:
        """Take the next bytes, unified, and return the events that they complete."""
        if self.overflowed or not received:
            return []
        # What nearly every read of nearly every server is: one whole event and nothing open.
        if (
            self.between
            and received[:6] == b"data: "
            and received.find(b"\n") == len(received) - 2
            and received[-1:] == b"\n"
            and len(received) <= self.max_event_bytes
        ):
            return [Event("message", received[6:-2])]
        events: list[Event] = []
        lines = received.split(b"\n")
        rest = lines.pop()
        if lines and self._open_line:
            self._open_line += lines[0]
            lines[0] = bytes(self._open_line)
            self._open_line = bytearray()
        size = self._size
        for line in lines:
            if line:
                size += len(line) + 1
                if size > self.max_event_bytes:
                    return self._overflow(events)
                if self._data is None and line.startswith(b"data: "):
                    self._data = line[6:]
                else:
                    self._field(line)
            else:
                size = 0
                if self._data is not None:
                    events.append(Event(self._type or "message", bytes(self._data)))
                    self._data = None
                self._type = ""
        self._size = size
        self._open_line += rest
        if size + len(self._open_line) > self.max_event_bytes:
            return self._overflow(events)
        self.between = not (self._open_line or size or self._skip_lf)
        return events

    def _overflow(self, events: list[Event]) -> list[Event]:
        """Give up what is kept of an event that is too large; return those that came before it."""
        self.overflowed, self.between = True, False
        self._open_line, self._data, self._type = bytearray(), None, ""
        return events

    def _without_bom(self, received: bytes) -> bytes:
        """Drop one byte order mark at the very start, which may itself come in pieces."""
        start = self._start + received
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._at_start, self._start = False, b""
        return start.removeprefix(_BOM)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if name == b"data":
            self._add(value)
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"error":
            self._type = "error"
            self._add(value)

    def _add(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
            return
        # In one piece that grows: a list of lines would weigh many times what short lines do.
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data)
        self._data += b"\n"
        self._data += value
