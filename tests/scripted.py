"""A server on a real socket that answers as it is told, the words to tell it in, and the official schema."""

from __future__ import annotations

import json
import math
import select
import socket
import socketserver
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import jsonschema

TESTS = Path(__file__).parent
# How long a test waits for an event before it fails, in seconds.
PATIENCE = 20.0


@cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    """Return the validator of one kind of document: request, response, chunk, error or models."""
    schema = json.loads((TESTS / "conformance" / "chat_schema.json").read_text())
    return jsonschema.Draft202012Validator({"$ref": schema["kinds"][kind], "$defs": schema["$defs"]})


@dataclass
class Request:
    """One request as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    # The connection is gone.
    closed: threading.Event = field(default_factory=threading.Event)
    # All of an answer was sent.
    ended: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Step = bytes | threading.Event | float
Script = Callable[[Request], "Reply"]


@dataclass
class Reply:
    """What the server does with a request: a status, headers, then steps.

    A step of bytes is sent as an HTTP chunk of its own; an event is waited for, while the client is watched.
    """

    steps: list[Step]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # Close the socket after the last step without the end that HTTP has for a body.
    cut: bool = False
    # Wait for this before the status line.
    before: threading.Event | None = None


def sse(*events: Any, done: bool = True) -> list[Step]:
    """Write events as a server does, each in a piece of its own; dicts become JSON, events and bytes stay."""
    steps: list[Step] = [
        event if isinstance(event, bytes | threading.Event) else f"data: {json.dumps(event)}\n\n".encode()
        for event in events
    ]
    return [*steps, b"data: [DONE]\n\n"] if done else steps


def chunk(content: str | None = None, *, finish: str | None = None, index: int = 0, **members: Any) -> dict[str, Any]:
    """Make a chunk as OpenAI sends it; *members* go into the delta."""
    delta = {**({"content": content} if content is not None else {}), **members}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }


def tool_calls(*calls: tuple[str, Any] | tuple[str, str, Any]) -> dict[str, Any]:
    """Make a chunk that asks for calls: of each an identifier, which may be left out, the tool's name, and the arguments.

    Arguments that are no text become JSON.
    """
    pieces = []
    for at, (*given, name, arguments) in enumerate(calls):
        (identifier,) = given or (f"c{at}",)
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        function = {"name": name, "arguments": text}
        pieces.append({"index": at, "id": identifier, "type": "function", "function": function})
    return chunk(tool_calls=pieces)


def likely(text: str, probability: float, *tops: tuple[str, float]) -> dict[str, Any]:
    """Make a token as OpenAI tells it: its text, how likely it was, and the likeliest in its place, with their shares."""
    told = [{"token": top, "logprob": math.log(share), "bytes": None} for top, share in tops]
    return {"token": text, "logprob": math.log(probability), "bytes": None, "top_logprobs": told}


def with_tokens(*tokens: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """Make a chunk whose text is these tokens."""
    event = chunk("".join(token["token"] for token in tokens), index=index)
    event["choices"][0]["logprobs"] = {"content": list(tokens), "refusal": None}
    return event


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def completion(*texts: str, finish: str = "stop", **members: Any) -> dict[str, Any]:
    """Make a whole answer as OpenAI sends it, with one choice for each text; *members* go into the message."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": text, "refusal": None, **members},
                "logprobs": None,
                "finish_reason": finish,
            }
            for index, text in enumerate(texts)
        ],
        "usage": USAGE,
    }


def words(text: str) -> list[str]:
    """Cut a text into pieces as a model would: each with the space before it."""
    head, *tail = text.split(" ")
    return [head, *(f" {word}" for word in tail)]


def read_request(source: BinaryIO) -> Request | None:
    """Read one request, or ``None`` where the client has no more."""
    line = source.readline().decode()
    if not line.strip():
        return None
    method, path, _ = line.split(" ", 2)
    headers: dict[str, str] = {}
    while (header := source.readline().decode()).strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, path, headers, source.read(int(headers.get("content-length", 0))))


class Listener(socketserver.ThreadingTCPServer):
    """Accepts connections, a thread for each, and minds none that breaks.

    Args:
        serve: Called with each connection's handler.
        host: Where: ``127.0.0.1`` or ``::1``.

    Attributes:
        url: The base URL of the API there.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, serve: Callable[[socketserver.StreamRequestHandler], None], host: str = "127.0.0.1") -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                serve(self)

        super().__init__((host, 0), Handler)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.server_address[1]}/v1"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class ScriptedServer:
    """A server on 127.0.0.1, or on ::1, that answers as it is told and remembers what it was asked.

    Args:
        host: The one or the other.

    Attributes:
        requests: Every request so far.
        schema: Whether bodies are held against the official schema when the test ends.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self._arrival = threading.Condition()
        self.schema = True
        self._scripts: deque[Reply | Script] = deque()
        self._default: Script | None = None
        self.listener = Listener(self._serve, host)
        self.url = self.listener.url

    # ---- what it is told ----

    def reply(self, *steps: Step, **options: Any) -> None:
        """Answer the next request with these steps."""
        self._scripts.append(Reply(list(steps), **options))

    def stream(self, *events: Any, done: bool = True, **options: Any) -> None:
        """Answer the next request with these events."""
        headers = {"content-type": "text/event-stream", **options.pop("headers", {})}
        self._scripts.append(Reply(sse(*events, done=done), headers=headers, **options))

    def answer(self, *texts: str, **options: Any) -> None:
        """Answer the next request with these texts, one a choice, streamed if it asks for a stream."""
        self._scripts.append(lambda request: self._answer(request, texts, **options))

    def ask_for(
        self, *calls: tuple[Any, ...], text: str = "Let me see.", finish: str = "tool_calls", **options: Any
    ) -> None:
        """Answer the next request with a text, if it is not empty, and with these calls: see :func:`tool_calls`."""
        said = [chunk(text)] if text else []
        self.stream(*said, tool_calls(*calls), chunk(finish=finish), **options)

    def error(self, status: int, body: Any, **headers: str) -> None:
        """Answer the next request with an error."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._scripts.append(
            Reply([content], status, {name.replace("_", "-"): value for name, value in headers.items()})
        )

    def always(self, script: Script) -> None:
        """Answer every request that has no script of its own with what *script* makes of it."""
        self._default = script

    def always_answer(self, text: str) -> None:
        """Answer every request that has no script of its own with this text."""
        self._default = self.answering(text)

    def answering(self, text: str) -> Script:
        """Return what answers with this text."""
        return lambda request: self._answer(request, (text,))

    def _answer(self, request: Request, texts: tuple[str, ...], finish: str = "stop", gate: Any = None) -> Reply:
        body = request.json
        if not body.get("stream"):
            return Reply(
                [json.dumps(completion(*texts, finish=finish)).encode()], headers={"content-type": "application/json"}
            )
        events: list[Any] = []
        for index, text in enumerate(texts):
            events.append(chunk("", index=index, role="assistant"))
            events += [chunk(word, index=index) for word in words(text)]
        if gate is not None:
            events.append(gate)
        events += [chunk(finish=finish, index=index) for index in range(len(texts))]
        if (body.get("stream_options") or {}).get("include_usage"):
            events.append({**chunk(), "choices": [], "usage": USAGE})
        return Reply(sse(*events), headers={"content-type": "text/event-stream"})

    # ---- what it does ----

    def wait_for_request(self) -> None:
        """Wait until a request has come: one whose client was out of patience may still be on its way."""
        with self._arrival:
            assert self._arrival.wait_for(lambda: self.requests, PATIENCE)

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        while True:
            request = read_request(handler.rfile)
            if request is None:
                return
            with self._arrival:
                self.requests.append(request)
                self._arrival.notify_all()
            script = self._scripts.popleft() if self._scripts else self._default
            if script is None:
                reply = Reply([b'{"error": {"message": "the test did not expect this request"}}'], 500)
            else:
                reply = script if isinstance(script, Reply) else script(request)
            try:
                self._write(handler, request, reply)
            except OSError:
                request.closed.set()
                return
            if reply.cut:
                return

    def _write(self, handler: socketserver.StreamRequestHandler, request: Request, reply: Reply) -> None:
        connection = handler.connection
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if reply.before is not None:
            self._wait(connection, reply.before)
        headers = {"content-type": "application/json", "transfer-encoding": "chunked", **reply.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode())
        for step in reply.steps:
            if isinstance(step, threading.Event):
                self._wait(connection, step)
            elif isinstance(step, bytes):
                connection.sendall(b"%x\r\n%s\r\n" % (len(step), step))
        if not reply.cut:
            connection.sendall(b"0\r\n\r\n")

    @staticmethod
    def _wait(connection: socket.socket, event: threading.Event) -> None:
        """Wait for the event, or raise when the client closes its end."""
        while not event.wait(0.01):
            readable, _, _ = select.select([connection], [], [], 0)
            if readable and not connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError

    def stop(self) -> None:
        self.listener.stop()


def results(server: ScriptedServer, request: int = -1) -> list[str]:
    """What tools gave, as a request tells the model."""
    return [m["content"] for m in server.requests[request].json["messages"] if m["role"] == "tool"]
