"""A key in an address: gateways have theirs in its query, and it shows no more than one in a header."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import traceback

import httpx
import pytest
from scripted import ScriptedServer

from nbchat.client.client import Client
from nbchat.client.secret import QuietURL, Secrets
from nbchat.errors import ConfigurationError, NbchatError

KEY = "gateway-secret-7"
QUESTION = [{"role": "user", "content": "Hi"}]


def shown(error: BaseException) -> str:
    """Write an error out with everything that a verbose traceback shows of nbchat's and others' frames."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True, compact=True)
    # The frame of the test itself has the key in its own variables.
    trace.stack = traceback.StackSummary.from_list([frame for frame in trace.stack if frame.filename != __file__])
    return "".join(trace.format()) + repr(error)


def test_an_address_shows_without_its_query():
    """Its text has no query, and what is sent has."""
    url = QuietURL("https://gateway/v1/chat/completions?key=a%20b&x=1")
    assert str(url) == "https://gateway/v1/chat/completions"
    assert "key" not in repr(url)
    assert str(httpx.URL(url)) == "https://gateway/v1/chat/completions?key=a%20b&x=1"


def test_a_key_in_the_query_is_sent_and_not_logged(server: ScriptedServer, caplog: pytest.LogCaptureFixture):
    """The server gets the query as it was written, through redirects too, and no log line has it at any level."""
    client = Client(f"{server.url}?key={KEY}")
    server.always_answer("ok")
    server.reply(status=308, headers={"location": f"/v1/other?key={KEY}"})
    with caplog.at_level(logging.DEBUG):
        client.chat.completions.create(model="m", messages=QUESTION, extra_query={"token": f"{KEY}-2"})
        list(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert [request.path for request in server.requests] == [
        f"/v1/chat/completions?key={KEY}&token={KEY}-2",
        f"/v1/other?key={KEY}",
        f"/v1/chat/completions?key={KEY}",
    ]
    assert "POST" in caplog.text
    assert KEY not in caplog.text


def test_a_key_in_the_query_does_not_come_back(server: ScriptedServer):
    """A server that repeats it in its refusal gets no further, and no verbose traceback has it."""
    client = Client(f"{server.url}?key={KEY}", max_retries=0)
    server.error(401, {"error": {"message": f"Wrong key: {KEY}"}})
    with pytest.raises(NbchatError, match="Wrong key: …") as raised:
        client.chat.completions.create(model="m", messages=QUESTION)
    assert KEY not in shown(raised.value)


def test_a_connection_that_breaks_does_not_show_it():
    """What is said of a question that could not be sent names the server and not its query."""
    listener = socket.create_server(("127.0.0.1", 0))

    def reset() -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    threading.Thread(target=reset, daemon=True).start()
    client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}/v1?key={KEY}", max_retries=0)
    long = [{"role": "user", "content": "A" * 2**24}]
    with contextlib.closing(listener), pytest.raises(NbchatError) as raised:
        client.chat.completions.create(model="m", messages=long)
    assert raised.value.kind == "connection"
    assert KEY not in str(raised.value)


def test_what_is_no_address_is_said_without_it():
    """Also an address that can't be read is named without its query."""
    with pytest.raises(ConfigurationError, match="'http://a b/v1'") as raised:
        Client(f"http://a b/v1?key={KEY}")
    assert KEY not in str(raised.value)


def test_named_values_are_taken_out_of_a_text():
    """What may be a key is taken out wherever it stands; what is too short for one is a word like any other."""
    values = Secrets({"KEY": f" {KEY}\n", "DEBUG": "1", "EMPTY": ""})
    assert values.censor(f"1 key: {KEY}, {KEY}") == "1 key: …, …"
    assert repr(values) == "Secrets(KEY, DEBUG, EMPTY)"
