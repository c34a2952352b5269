"""The connection whose chunks are read beside aiohttp's parser: what follows them is still the parser's."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest
from faulty import FAULTS, TEXT, Wire
from scripted import PATIENCE, Listener, read_request

from nbchat import Client
from nbchat.errors import TruncatedError

QUESTION = [{"role": "user", "content": "What now?"}]


class Server:
    """Answers each request as its model is called in the list of faults, and counts connections."""

    def __init__(self) -> None:
        self.connections = 0
        self.listener = Listener(self._serve)

    def _serve(self, handler: socketserver.StreamRequestHandler) -> None:
        self.connections += 1
        while request := read_request(handler.rfile):
            FAULTS[request.json["model"]].serve(Wire(handler.connection, request, 1, threading.Event()))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.listener.stop()


def ask(client: Client, model: str) -> str:
    """Ask for a stream and return its text."""
    stream = client.chat.completions.create(model=model, messages=QUESTION, stream=True)
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


def test_a_connection_serves_one_answer_after_another(server: Server):
    """Behind chunks of every form, and behind bodies that are not in chunks, the next answer comes over the same connection."""
    with Client(server.listener.url, "none", timeout=PATIENCE, max_retries=0) as client:
        for _ in range(2):
            for form in ("good", "drip", "byte-by-byte", "all-at-once", "chunks-with-extensions", "continue-first"):
                assert ask(client, form) == TEXT
            whole = client.chat.completions.create(model="good-whole", messages=QUESTION)
            assert whole.choices[0].message.content == TEXT
    assert server.connections == 1


def test_what_is_broken_is_not_used_again(server: Server):
    """Where a chunk ends elsewhere than it said, the connection is closed, and the next question opens another."""
    with Client(server.listener.url, "none", timeout=PATIENCE, max_retries=0) as client:
        with pytest.raises(TruncatedError):
            ask(client, "chunk-longer-than-its-size")
        assert ask(client, "good") == TEXT
    assert server.connections == 2
