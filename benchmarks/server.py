"""The server that every benchmark asks: a process of its own, on a raw socket, with its answers made beforehand.

It is asked as ``POST /KIND/v1/chat/completions``, and KIND says how it answers:

- ``single-COUNT``: COUNT chunks as fast as they are taken, one HTTP chunk per event;
- ``many-COUNT``: the same, with many events per HTTP chunk;
- ``paced-COUNT-RATE``: COUNT chunks, RATE a second, whose text is the time of writing, in ns of CLOCK_MONOTONIC;
- ``markdown-COUNT-RATE``: a Markdown answer of COUNT tokens of four characters, RATE a second.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle, islice

__all__ = ["markdown", "serving", "text_of"]

# So many events go into one HTTP chunk where many do: some 16 KB.
_MANY = 64
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
# Where the time of writing goes in a paced chunk.
_NOW = "NOW "

_MARKDOWN = """\
## Part {number}: what a list costs

A *list* keeps references to its items in one block of memory, so **appending** is cheap while there is room, and reading
`items[{number}]` takes the same time wherever in the list it is. Removing from the front moves everything after it.

- appending costs constant time, most of the time
- inserting at the front costs as much as the list is long
- `len(items)` is known, not counted

```python
def take_{number}(items: list[int]) -> list[int]:
    return [item * {number} for item in items if item % 2 == 0]
```

1. Measure first, with the data that you have.
2. Change one thing, and measure again.

"""


@cache
def markdown(tokens: int) -> str:
    """Return a Markdown text of so many tokens, four characters each."""
    text = "".join(_MARKDOWN.format(number=number) for number in range(4 * tokens // len(_MARKDOWN) + 2))
    return text[: 4 * tokens]


def _tokens(kind: str, count: int) -> list[str]:
    if kind == "markdown":
        text = markdown(count)
        return [text[place : place + 4] for place in range(0, len(text), 4)]
    if kind == "paced":
        return [_NOW] * count
    return list(islice(cycle([" streamed", " text", ",", " word", " by", " word", "é", "\n"]), count))


def text_of(kind: str) -> str:
    """Return the whole text of an answer of this kind, for whoever checks that all of it came."""
    name, count, *_ = kind.split("-")
    return "".join(_tokens(name, int(count)))


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    data = {
        "id": "chatcmpl-Bx7Qn4T0uY2mJ8sK6wZ1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_06737a9306",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def _framed(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


_END = [_event({}, finish="stop"), b"data: [DONE]\n\n"]


@cache
def _prepared(name: str, count: int) -> list[bytes]:
    """Return what goes over the wire, in the pieces in which it is written."""
    if name in ("paced", "markdown"):
        return [_event({"content": token}) for token in _tokens(name, count)]
    events = [_event({"role": "assistant", "content": ""})]
    events += [_event({"content": token}) for token in _tokens(name, count)] + _END
    size = 1 if name == "single" else _MANY
    chunks = [_framed(b"".join(events[place : place + size])) for place in range(0, len(events), size)]
    return [b"".join(chunks)]


def _serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = connection.makefile("rb")
    try:
        while line := reader.readline():
            length = 0
            while (header := reader.readline().lower()).strip():
                if header.startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            reader.read(length)
            name, count, *rate = line.split()[1].decode().split("/")[1].split("-")
            _answer(connection, _prepared(name, int(count)), 1 / float(rate[0]) if rate else 0)
    except OSError:
        pass  # the client went away
    finally:
        connection.close()


def _answer(connection: socket.socket, pieces: list[bytes], pause: float) -> None:
    connection.sendall(_HEAD)
    start = time.monotonic()
    for number, piece in enumerate(pieces):
        if pause:
            time.sleep(max(0.0, start + number * pause - time.monotonic()))
            now = b"%d" % time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            connection.sendall(_framed(piece.replace(_NOW.encode(), now)))
        else:
            connection.sendall(piece)
    if pause:
        connection.sendall(b"".join(map(_framed, _END)))
    connection.sendall(b"0\r\n\r\n")


def _main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


@contextmanager
def serving() -> Iterator[str]:
    """Run the server for the length of a block, and give its address, to which ``/KIND/v1`` is to be added."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.server"], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    _main()
