"""Long questions: how they go out, and what comes of a server that does not take them."""

from __future__ import annotations

import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
from scripted import PATIENCE, ScriptedServer

from nbchat.client.client import Client
from nbchat.errors import APIStatusError, APITimeoutError

# A picture of 8 MB: more than the system keeps for a connection on its own.
PICTURE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 2**23}}]
QUESTION = [{"role": "user", "content": PICTURE}]


class Deaf:
    """A server that reads what a question begins with, does something, and reads no more."""

    def __init__(self, then: Callable[[socket.socket], object]) -> None:
        self._then = then
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.over = threading.Event()
        self.closed = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.recv(100)
            self._then(connection)
            self.over.wait(PATIENCE)
            with suppress(ConnectionResetError):
                while connection.recv(2**16):
                    pass
            self.closed.set()

    def stop(self) -> None:
        self.over.set()
        self._listener.close()


@pytest.fixture
def deaf() -> Iterator[Callable[..., Deaf]]:
    made: list[Deaf] = []

    def make(then: Callable[[socket.socket], object] = lambda connection: None) -> Deaf:
        made.append(Deaf(then))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_a_long_question_arrives_whole(server: ScriptedServer):
    """Megabytes arrive byte by byte as they are, with their length told before, and nothing warns of them."""
    server.always_answer("ok")
    with warnings.catch_warnings(), closing(Client(server.url)) as client:
        warnings.simplefilter("error")
        for _ in range(2):
            client.chat.completions.create(model="m", messages=QUESTION)
    for request in server.requests:
        assert request.json["messages"] == QUESTION
        assert int(request.headers["content-length"]) == len(request.body)


def test_a_server_that_stops_reading_is_not_waited_for(deaf: Callable[..., Deaf]):
    """A server that takes none of a question for as long as it may take to answer ends in the error for that."""
    server = deaf()
    client = Client(server.url, timeout={"first_byte": 0.3}, max_retries=0)
    with pytest.raises(APITimeoutError) as raised:
        client.chat.completions.create(model="m", messages=QUESTION)
    assert raised.value.phase == "first_byte"
    server.over.set()
    assert server.closed.wait(PATIENCE)


def test_a_refusal_may_come_before_the_question_is_sent(deaf: Callable[..., Deaf]):
    """What a server says while it still gets a question is the answer, and the rest of the question is not sent."""
    body = b'{"error": {"message": "No pictures here."}}'
    head = b"HTTP/1.1 403 X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    server = deaf(lambda connection: connection.sendall(head + body))
    with closing(Client(server.url, max_retries=0)) as client, pytest.raises(APIStatusError, match="No pictures here"):
        client.chat.completions.create(model="m", messages=QUESTION)
    server.over.set()
    assert server.closed.wait(PATIENCE)
