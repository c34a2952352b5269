"""A server that goes wrong in every way that servers, proxies and networks do, each under a name of its own.

The *model* of a request is the name of the fault, so one server has them all, and a session meets one after another. What
a fault sends is written to the socket byte by byte as it stands here: no HTTP library smooths it.
"""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import struct
import threading
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from scripted import PATIENCE, Listener, Request, chunk, completion, read_request

__all__ = ["FAULTS", "TEXT", "Fault", "FaultyServer", "Wire", "tell_read"]

TEXT = "Hello there"
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def event(data: Any) -> bytes:
    """Write one event."""
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"


HELLO = event(chunk("Hello", role="assistant"))
THERE = event(chunk(" there"))
STOP = event(chunk(finish="stop"))
DONE = b"data: [DONE]\n\n"
GOOD = [HELLO, THERE, STOP, DONE]


class Gone(Exception):
    """The client closed its end."""


class Wire:
    """One connection to one client, and how often its question was asked.

    Attributes:
        tries: Which time the same question is asked, from 1.
        request: The request that is being answered.
        read: Set when the client tells that it has read the text of the answer.
        over: Whether the server has closed the connection.
    """

    def __init__(self, connection: socket.socket, request: Request, tries: int, read: threading.Event) -> None:
        self.read = read
        self.connection = connection
        self.request = request
        self.tries = tries
        self.over = False

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.sendall(piece)

    def chunks(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.send(b"%x\r\n%s\r\n" % (len(piece), piece))

    def stream(self, *pieces: bytes, head: bytes = _HEAD) -> None:
        self.send(head)
        self.chunks(*pieces)

    def end(self) -> None:
        self.request.ended = True
        self.send(b"0\r\n\r\n")

    def answer(self) -> None:
        """Answer as a server should, streamed or not."""
        if self.request.json.get("stream"):
            self.stream(*GOOD)
            self.end()
        else:
            self.whole(200, completion(TEXT))

    def whole(self, status: int, body: Any, **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {"content-type": "application/json", "content-length": str(len(content)), **given}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.request.ended = True
        self.send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + content)

    def wait(self) -> None:
        """Do nothing until the client has had enough."""
        self.connection.settimeout(PATIENCE)
        try:
            while self.connection.recv(4096):
                pass
        except OSError:
            pass
        raise Gone

    def hang_up(self) -> None:
        """Close as a program does that ends well."""
        self.over = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close as a program does that crashes."""
        self.over = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Serve = Callable[[Wire], None]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and what has to come of it.

    Attributes:
        serve: What the server does.
        text: The answer, where there is one in the end.
        kind: The kind of the error, where there is none.
        kept: What is left of the answer beside the error.
        status: The error's HTTP status.
        says: Words that the error must have.
        requests: How many requests the server must see, with one retry allowed.
        streamed: Whether the question is asked streamed.
        told: Whether the server goes on when it is told, by :func:`tell_read`, that its text was read.
    """

    serve: Serve
    text: str | None = None
    kind: str | None = None
    kept: str = ""
    status: int | None = None
    says: str = ""
    requests: int = 1
    streamed: bool = True
    told: bool = False


def _then_answer(first: Serve) -> Serve:
    return lambda wire: first(wire) if wire.tries == 1 else wire.answer()


def _each(*steps: Serve) -> Serve:
    def serve(wire: Wire) -> None:
        for step in steps:
            step(wire)

    return serve


def _raw(*pieces: bytes) -> Serve:
    return lambda wire: wire.send(*pieces)


def _chunks(*pieces: bytes) -> Serve:
    return lambda wire: wire.chunks(*pieces)


def _sent(*pieces: bytes) -> Serve:
    return lambda wire: wire.stream(*pieces)


def _when_read(wire: Wire) -> None:
    """Wait until what was sent was read: a reset throws away what was not, and a parser what is read along with nonsense."""
    if not wire.read.wait(PATIENCE):
        raise Gone


def _after_hello(*last: Serve) -> Serve:
    return _each(_sent(HELLO), *last)


def _streamed(*pieces: bytes, head: bytes = _HEAD) -> Serve:
    def serve(wire: Wire) -> None:
        wire.stream(*pieces, head=head)
        wire.end()

    return serve


def _close_delimited(version: bytes, *pieces: bytes) -> Serve:
    def serve(wire: Wire) -> None:
        wire.send(b"HTTP/%s 200 OK\r\ncontent-type: text/event-stream\r\n" % version, b"\r\n", *pieces)
        wire.hang_up()

    return serve


def _half_close(wire: Wire) -> None:
    wire.connection.shutdown(socket.SHUT_WR)
    wire.wait()


def _bytes_of(*pieces: bytes) -> Serve:
    """Send each byte in a chunk of its own."""
    return lambda wire: wire.chunks(*(bytes([byte]) for byte in b"".join(pieces)))


def _byte_by_byte(wire: Wire) -> None:
    """Send everything, what surrounds the chunks too, one byte at a time."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in GOOD)
    for byte in _HEAD + body:
        wire.send(bytes([byte]))
    wire.end()


def _all_at_once(wire: Wire) -> None:
    """Send the head, behind an interim one, and the whole body in one piece."""
    body = b"".join(b"%X\r\n%s\r\n" % (len(piece), piece) for piece in GOOD)
    wire.request.ended = True
    wire.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" + _HEAD + body + b"0\r\n\r\n")


def _extended(wire: Wire) -> None:
    """Say more about chunks than their size, first of one in the middle, and add trailers."""
    wire.stream(HELLO)
    wire.send(b"%x;of=use;to=nobody\r\n%s\r\n" % (len(THERE), THERE))
    wire.chunks(STOP, DONE)
    wire.request.ended = True
    wire.send(b"0\r\nx-took: 17\r\n\r\n")


def _compressed(encoding: bytes, compress: Callable[[bytes], bytes]) -> Serve:
    head = _HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: " + encoding + b"\r\n\r\n")
    return _streamed(compress(b"".join(GOOD)), head=head)


def _flushed(wire: Wire) -> None:
    """Compress as gateways do that flush after every event."""
    packer = zlib.compressobj(wbits=31)
    wire.send(_HEAD.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n"))
    for piece in GOOD:
        wire.chunks(packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH))
    wire.chunks(packer.flush())
    wire.end()


def _refuse(status: int, body: Any = None, **headers: str) -> Serve:
    return lambda wire: wire.whole(status, body, **headers)


def _later(**headers: str | Callable[[], str]) -> Serve:
    def serve(wire: Wire) -> None:
        said = {name: value() if callable(value) else value for name, value in headers.items()}
        wire.whole(429, {"error": {"message": "Slow down."}}, **said)

    return _then_answer(serve)


def _typed(content_type: str, body: bytes) -> Serve:
    return lambda wire: wire.whole(200, body, content_type=content_type)


def _no_content(wire: Wire) -> None:
    wire.request.ended = True
    wire.send(b"HTTP/1.1 204 No Content\r\n\r\n")


_PAGE = b"<!doctype html><html><body><h1>Bad Gateway</h1></body></html>"
_JSON = json.dumps(completion(TEXT)).encode()
_CHUNKED_JSON = _HEAD.replace(b"text/event-stream", b"application/json")

# Every shape in which servers word a refusal, and the words that must come through.
BODIES: dict[str, tuple[Any, str]] = {
    "object": ({"error": {"message": "No such luck.", "type": "x", "code": "y", "param": "z"}}, "No such luck."),
    "string": ({"error": "No such luck."}, "No such luck."),
    "list": ([{"error": {"message": "No such luck."}}], "No such luck."),
    "detail": ({"detail": "No such luck."}, "No such luck."),
    "details": ({"detail": [{"loc": ["body", "stop"], "msg": "No such luck.", "type": "v"}]}, "No such luck."),
    "message": ({"object": "error", "message": "No such luck.", "code": 40_001}, "No such luck."),
    "text": (b"No such luck.", "No such luck."),
    "page": (_PAGE, ""),
    "nothing": (b"", ""),
    "null": (b"null", ""),
    "number": (b"17", ""),
    "bad bytes": (b'{"error": {"message": "No such \xff luck."}}', "No such"),
    "huge": (b'{"error": {"message": "No such luck. ' + b"x" * 3_000_000 + b'"}}', ""),
    "deep": (b'{"error": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", ""),
}

FAULTS: dict[str, Fault] = {
    # ---- nothing wrong, in unusual ways
    "good": Fault(Wire.answer, TEXT),
    "good-whole": Fault(Wire.answer, TEXT, streamed=False),
    "drip": Fault(_each(_raw(_HEAD), _bytes_of(*GOOD), Wire.end), TEXT),
    "byte-by-byte": Fault(_byte_by_byte, TEXT),
    "all-at-once": Fault(_all_at_once, TEXT),
    "chunks-with-extensions": Fault(_extended, TEXT),
    "http-1.0": Fault(_close_delimited(b"1.0", *GOOD), TEXT),
    "close-delimited": Fault(_close_delimited(b"1.1", *GOOD), TEXT),
    "json-for-a-stream": Fault(_typed("application/json", _JSON), TEXT),
    "json-for-a-stream-chunked": Fault(_streamed(_JSON[:9], _JSON[9:], head=_CHUNKED_JSON), TEXT),
    "stream-for-json": Fault(_streamed(*GOOD), TEXT, streamed=False),
    "stream-for-json-in-capitals": Fault(
        _streamed(*GOOD, head=_HEAD.replace(b"text/event-stream", b"Text/Event-Stream; charset=UTF-8")),
        TEXT,
        streamed=False,
    ),
    "json-typed-as-text": Fault(_typed("text/plain", _JSON), TEXT),
    "json-typed-as-bytes": Fault(_typed("application/octet-stream", _JSON), TEXT),
    "json-typed-as-events": Fault(_typed("text/event-stream", _JSON), TEXT),
    "json-typed-as-events-whole": Fault(_typed("text/event-stream", _JSON), TEXT, streamed=False),
    "json-typed-as-a-page": Fault(_typed("text/html", b" \r\n" + _JSON), TEXT),
    "json-typed-as-a-page-whole": Fault(_typed("text/html", _JSON), TEXT, streamed=False),
    "json-of-no-type": Fault(_typed("", _JSON), TEXT),
    "json-then-done": Fault(_typed("text/event-stream", _JSON + b"\n\n" + DONE), TEXT),
    "json-then-done-whole": Fault(_typed("text/event-stream", _JSON + b"\n\n" + DONE), TEXT, streamed=False),
    "stream-typed-as-json": Fault(_streamed(*GOOD, head=_CHUNKED_JSON), TEXT),
    "stream-typed-as-json-dripped": Fault(_each(_raw(_CHUNKED_JSON), _bytes_of(*GOOD), Wire.end), TEXT),
    "stream-typed-as-json-whole": Fault(_streamed(*GOOD, head=_CHUNKED_JSON), TEXT, streamed=False),
    "stream-typed-as-text-whole": Fault(_typed("text/plain", b"".join(GOOD)), TEXT, streamed=False),
    "stream-typed-as-a-page": Fault(_typed("text/html", b": hello\n\n" + b"".join(GOOD)), TEXT),
    "stream-of-no-type-whole": Fault(_typed("", b"".join(GOOD)), TEXT, streamed=False),
    "wrong-charset": Fault(
        _streamed(
            event(chunk("é")), STOP, DONE, head=_HEAD.replace(b"event-stream", b"event-stream; charset=iso-8859-1")
        ),
        "é",
    ),
    "gzip": Fault(_compressed(b"gzip", gzip.compress), TEXT),
    "gzip-flushed": Fault(_flushed, TEXT),
    "deflate": Fault(_compressed(b"deflate", zlib.compress), TEXT),
    "reason-in-latin-1": Fault(_streamed(*GOOD, head=_HEAD.replace(b"OK", b"Tr\xe8s bien")), TEXT),
    # The one that comes with an answer would go along with the next question.
    "cookie-in-latin-1": Fault(
        _streamed(*GOOD, head=_HEAD.replace(b"\r\n\r\n", b"\r\nset-cookie: caf\xe9=\xff; path=/\r\n\r\n")), TEXT
    ),
    "hints-first": Fault(_each(_raw(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), Wire.answer), TEXT),
    "continue-first": Fault(_each(_raw(b"HTTP/1.1 100 Continue\r\n\r\n"), Wire.answer), TEXT),
    "no-done": Fault(_streamed(HELLO, THERE, STOP), TEXT),
    "no-done-then-closed": Fault(_each(_sent(HELLO, THERE, STOP), Wire.hang_up), TEXT),
    "no-done-then-reset": Fault(
        _each(_sent(HELLO + THERE + STOP), _when_read, Wire.reset),
        TEXT,
        told=True,
    ),
    "done-then-silence": Fault(_each(_sent(*GOOD), Wire.wait), TEXT),
    "done-then-babble": Fault(_streamed(*GOOD, HELLO * 100), TEXT),
    "short-of-its-length": Fault(
        _each(_raw(_HEAD.replace(b"transfer-encoding: chunked", b"content-length: 9999"), *GOOD), Wire.hang_up), TEXT
    ),
    # ---- no answer
    "reset-before-headers": Fault(Wire.reset, kind="connection", requests=2),
    "reset-once": Fault(_then_answer(Wire.reset), TEXT, requests=2),
    "closed-before-headers": Fault(Wire.hang_up, kind="connection", requests=2),
    "closed-in-headers": Fault(
        _each(_raw(b"HTTP/1.1 200 OK\r\ncontent-ty"), Wire.hang_up), kind="connection", requests=2
    ),
    "another-protocol": Fault(_each(_raw(b"220 mail.example.org ESMTP\r\n"), Wire.wait), kind="connection", requests=2),
    "nothing-in-it": Fault(_streamed(), kind="empty"),
    "only-comments": Fault(_streamed(b": one\n\n", b": two\n\n"), kind="empty"),
    "no-content": Fault(_no_content, kind="empty"),
    "no-content-whole": Fault(_no_content, kind="empty", streamed=False),
    "page": Fault(_typed("text/html", _PAGE), kind="not_sse", says="web page"),
    "page-whole": Fault(_typed("text/html", _PAGE), kind="not_sse", says="web page", streamed=False),
    "page-as-stream": Fault(_typed("text/event-stream", _PAGE), kind="not_sse", says="web page"),
    "page-as-json": Fault(_typed("application/json", _PAGE), kind="not_sse", says="web page", streamed=False),
    "nothing-as-json": Fault(_typed("application/json", b""), kind="empty"),
    "blanks-as-json": Fault(_typed("application/json", b" \n"), kind="empty"),
    "no-choices": Fault(_typed("application/json", b'{"ok": true}'), kind="invalid_chunk", streamed=False),
    "broken-json": Fault(_typed("application/json", b'{"choices": ['), kind="invalid_json", streamed=False),
    # ---- an answer that ends before its end
    "reset-mid-stream": Fault(_after_hello(_when_read, Wire.reset), kind="truncated", kept="Hello", told=True),
    "closed-mid-stream": Fault(_after_hello(Wire.hang_up), kind="truncated", kept="Hello"),
    "half-closed-mid-stream": Fault(_after_hello(_half_close), kind="truncated", kept="Hello"),
    "closed-mid-event": Fault(
        _after_hello(_chunks(THERE[:20]), Wire.hang_up),
        kind="truncated",
        kept="Hello",
    ),
    "closed-mid-chunk": Fault(
        _after_hello(_raw(b"fff\r\n", THERE), Wire.hang_up),
        kind="truncated",
        kept="Hello there",
    ),
    "ended-early": Fault(_streamed(HELLO), kind="truncated", kept="Hello"),
    "http-1.0-cut": Fault(_close_delimited(b"1.0", HELLO), kind="truncated", kept="Hello"),
    "bad-chunk-size": Fault(_after_hello(_when_read, _raw(b"zz\r\n")), kind="truncated", kept="Hello", told=True),
    "chunk-longer-than-its-size": Fault(
        _after_hello(_raw(b"%x\r\n%s\r\n" % (len(THERE) - 1, THERE)), Wire.wait), kind="truncated", kept="Hello"
    ),
    "cut-whole": Fault(
        _each(_raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"), Wire.hang_up),
        kind="truncated",
        streamed=False,
    ),
    # ---- an answer that goes wrong
    "error-event": Fault(
        _streamed(HELLO, event({"error": {"message": "Out of memory.", "code": 500}})),
        kind="api_error",
        kept="Hello",
        says="Out of memory.",
        status=500,
    ),
    "error-type": Fault(
        _streamed(HELLO, b'event: error\ndata: {"message": "Out of memory."}\n\n'),
        kind="api_error",
        kept="Hello",
        says="Out of memory.",
    ),
    "error-in-json": Fault(
        _typed("application/json", b'{"error": {"message": "Out of memory."}}'),
        kind="api_error",
        says="Out of memory.",
        streamed=False,
    ),
    "broken-event": Fault(_streamed(HELLO, b'data: {"choices": [{]\n\n'), kind="invalid_json", kept="Hello"),
    "not-a-chunk": Fault(_streamed(HELLO, b"data: [1, 2]\n\n"), kind="invalid_chunk", kept="Hello"),
    "bad-gzip": Fault(_compressed(b"gzip", lambda data: b"\x1f\x8b" + data), kind="not_sse", says="compress"),
    "brotli-unasked": Fault(_compressed(b"br", lambda data: data), kind="not_sse", says="br"),
    # ---- silence
    "stall-before-headers": Fault(Wire.wait, kind="timeout"),
    "stall-in-headers": Fault(_each(_raw(b"HTTP/1.1 200 OK\r\ncontent-ty"), Wire.wait), kind="timeout"),
    "stall-after-headers": Fault(_each(_raw(_HEAD), Wire.wait), kind="timeout"),
    "stall-mid-stream": Fault(_after_hello(Wire.wait), kind="timeout", kept="Hello"),
    "stall-mid-event": Fault(
        _after_hello(_chunks(THERE[:20]), Wire.wait),
        kind="timeout",
        kept="Hello",
    ),
    "stall-whole": Fault(
        _each(_raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"), Wire.wait),
        kind="timeout",
        streamed=False,
    ),
    "stall-in-an-error": Fault(
        _each(_raw(b"HTTP/1.1 500 X\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"), Wire.wait),
        kind="status",
        status=500,
        requests=2,
    ),
    # ---- not now
    "later-in-seconds": Fault(_later(retry_after="0"), TEXT, requests=2),
    "later-in-ms": Fault(_later(retry_after_ms="20"), TEXT, requests=2),
    "later-by-date": Fault(_later(retry_after=lambda: formatdate(usegmt=True)), TEXT, requests=2),
    "later-negative": Fault(_later(retry_after="-5"), TEXT, requests=2),
    "later-garbage": Fault(_later(retry_after="soon, perhaps"), TEXT, requests=2),
    "later-nan": Fault(_later(retry_after="nan", retry_after_ms="inf"), TEXT, requests=2),
    "later-huge": Fault(
        _refuse(429, {"error": {"message": "Tomorrow."}}, retry_after="86400"),
        kind="status",
        status=429,
        says="Tomorrow.",
    ),
    "later-always": Fault(
        _refuse(503, {"error": {"message": "Busy."}}, retry_after="0"),
        kind="status",
        status=503,
        says="Busy.",
        requests=2,
    ),
    "quota": Fault(
        _refuse(429, {"error": {"message": "No money.", "code": "insufficient_quota"}}),
        kind="status",
        status=429,
        says="No money.",
    ),
    # ---- no
    **{
        f"{status}-{name}": Fault(
            _refuse(status, body, content_type="text/html" if name == "page" else "application/json"),
            kind="status",
            status=status,
            says=says or str(status),
            requests=2 if status in {408, 409, 429} or status >= 500 else 1,
        )
        for status in (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
        for name, (body, says) in BODIES.items()
        # Each shape with two statuses, and each status with a shape that is usual and one that is not.
        if status in {400, 500} or name in {"object", "page"}
    },
}


class FaultyServer:
    """Serves every fault at one address.

    Attributes:
        requests: Every request so far.
        url: Where it is.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._tries: Counter[bytes] = Counter()
        self._lock = threading.Lock()
        self._heard: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self._listener = Listener(self._serve)
        self.url = self._listener.url

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        handler.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        served: list[Request] = []
        try:
            while request := read_request(handler.rfile):
                if request.method == "GET":
                    self._told(request.path).set()
                    handler.connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                    continue
                served.append(request)
                with self._lock:
                    self.requests.append(request)
                    self._tries[request.body] += 1
                    tries = self._tries[request.body]
                question = request.json["messages"][-1]["content"]
                wire = Wire(handler.connection, request, tries, self._told(_path(question)))
                FAULTS[request.json["model"]].serve(wire)
                if wire.over:
                    break
        except (OSError, Gone):
            pass
        finally:
            for request in served:
                request.closed.set()

    def _told(self, path: str) -> threading.Event:
        with self._lock:
            return self._heard[path]

    def stop(self) -> None:
        self._listener.stop()


def _path(question: str) -> str:
    return f"/v1/read/{quote(question, safe='')}"


def tell_read(url: str, question: str) -> None:
    """Tell the server that the text of the answer to a question was read, without waiting."""
    address = f"{url.removesuffix('/v1')}{_path(question)}"

    def tell() -> None:
        with suppress(OSError):  # the test is over
            urlopen(address, timeout=PATIENCE).close()

    threading.Thread(target=tell).start()
