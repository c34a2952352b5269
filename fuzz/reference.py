"""The standard's way of reading an event stream, word for word and as slowly: what :mod:`nbchat.wire.sse` is held against.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import re

__all__ = ["reference_events"]


def reference_events(received: bytes, limit: int | None = None) -> tuple[list[tuple[str, bytes]], bool]:
    r"""Read a whole stream.

    Args:
        received: All of its bytes.
        limit: How large an event may be, in bytes: its lines, each with one byte for its end.

    Returns:
        The type and the data of each event, and whether one was too large; what follows that one is not read.

    Example:
        >>> reference_events(b"data: 1\r\ndata: 2\r\n\r\n")
        ([('message', b'1\n2')], False)
    """
    lines = re.split(rb"\r\n|\n|\r", received.removeprefix(b"\xef\xbb\xbf"))
    open_line = lines.pop()
    events: list[tuple[str, bytes]] = []
    kind, data, size = "", b"", 0
    for line in lines:
        if line == b"":
            if data:
                events.append((kind or "message", data.removesuffix(b"\n")))
            kind, data, size = "", b"", 0
            continue
        size += len(line) + 1
        if limit is not None and size > limit:
            return events, True
        if line.startswith(b":"):
            continue
        field, value = line, b""
        if b":" in line:
            colon = line.index(b":")
            field, value = line[:colon], line[colon + 1 :]
            if value.startswith(b" "):
                value = value[1:]
        if field == b"event":
            kind = value.decode("utf-8", "replace")
        elif field == b"data":
            data += value + b"\n"
        elif field == b"error":  # not in the standard: some servers send it in place of an event
            kind = "error"
            data += value + b"\n"
    return events, limit is not None and size + len(open_line) > limit
