"""How large an answer may be: one event, or a whole body, counted when it is unpacked."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import httpx
import pytest
from apart import PATIENCE as LONG
from apart import run
from scripted import ScriptedServer, chunk, completion, sse
from traitlets import TraitError

from nbchat.client.body import arriving, pieces, whole
from nbchat.client.client import Client
from nbchat.client.config import settings
from nbchat.client.endpoint import named
from nbchat.errors import APIStatusError, ConfigurationError, NbchatError, ProtocolError
from nbchat.session.session import Session

QUESTION = [{"role": "user", "content": "Hi"}]
LIMIT = 10_000


def unpacked(parts: list[bytes], encoding: str) -> list[bytes]:
    async def collect() -> list[bytes]:
        request = httpx.Request("GET", "http://h/")
        response = httpx.Response(200, headers={"content-encoding": encoding}, request=request)
        return [piece async for piece in pieces(response, raw())]

    async def raw() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return anyio.run(collect)


def bare(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-zlib.MAX_WBITS)


WAYS: dict[str, Any] = {
    "gzip": (gzip.compress, "gzip"),
    "deflate": (zlib.compress, "Deflate"),
    "deflate, bare": (bare, "deflate"),
    "both": (lambda data: gzip.compress(zlib.compress(data)), "deflate, gzip"),
    "none": (bytes, "identity"),
}


@pytest.mark.parametrize(("pack", "encoding"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("size", [3, 4096])
def test_what_was_packed_is_unpacked(pack: Any, encoding: str, size: int):
    """Whatever way it was compressed and wherever the network cut it, a body is what it was."""
    data = b"".join(b"%d," % number for number in range(30_000)) + bytes(3 * 2**20) + b"the end"
    packed = pack(data)
    parts = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(unpacked(parts, encoding)) == data


def test_little_becomes_much_in_pieces():
    """However much a few bytes become, it comes in pieces of a megabyte."""
    made = unpacked([gzip.compress(bytes(64 * 2**20 + 5))], "gzip")
    assert (sum(map(len, made)), max(map(len, made))) == (64 * 2**20 + 5, 2**20)


def test_a_body_that_is_there_already():
    """A body that was read before anybody asked, as that of the embedded model's refusals is, is read all the same."""
    assert anyio.run(whole, b"", arriving(httpx.Response(400, content=b"no")), 2) == b"no"


def test_what_follows_the_end_is_dropped():
    """Bytes behind the end of a compressed body are not kept, however many come."""
    assert b"".join(unpacked([gzip.compress(b"Hi"), *[b"more"] * 100], "gzip")) == b"Hi"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, zstd"])
def test_what_is_not_so_compressed_is_said(encoding: str):
    """Bytes that are not compressed as they should be, or in a way that was not asked for, are a decoding error."""
    with pytest.raises(httpx.DecodingError):
        unpacked([b"\xff\xff plain"], encoding)


# ---- over sockets --------------------------------------------------------------------------------------------------


def body_of(size: int) -> bytes:
    """Make a whole answer of exactly so many bytes."""
    empty = json.dumps(completion("")).encode()
    return json.dumps(completion("x" * (size - len(empty)))).encode()


def event_of(size: int) -> bytes:
    """Make an event of exactly so many bytes, its blank line apart."""
    empty = f"data: {json.dumps(chunk(''))}\n".encode()
    return f"data: {json.dumps(chunk('x' * (size - len(empty))))}\n\n".encode()


@pytest.mark.parametrize("packed", [False, True])
def test_a_whole_answer_of_so_many_bytes(server: ScriptedServer, packed: bool):
    """An answer that is not streamed may have the limit's bytes, unpacked; with one more it is an error that names both."""
    headers = {"content-encoding": "gzip"} if packed else {}
    for size in (LIMIT, LIMIT + 1):
        body = body_of(size)
        server.reply(gzip.compress(body) if packed else body, headers=headers)
    client = Client(server.url, max_event_bytes=LIMIT)
    answer = client.chat.completions.create(model="m", messages=QUESTION)
    assert set(answer.choices[0].message.content) == {"x"}
    with pytest.raises(ProtocolError, match="more than 10000 bytes in one piece") as caught:
        client.chat.completions.create(model="m", messages=QUESTION)
    assert "max_event_bytes" in (caught.value.hint or "")


@pytest.mark.parametrize("packed", [False, True])
def test_an_event_of_so_many_bytes(server: ScriptedServer, packed: bool):
    """One event may have the limit's bytes; with one more it is an error, and what came before it is kept."""
    headers = {"content-encoding": "gzip", "content-type": "text/event-stream"} if packed else {}
    for size in (LIMIT, LIMIT + 1):
        steps = [step for step in sse(chunk("Hi"), event_of(size), chunk(finish="stop")) if isinstance(step, bytes)]
        if packed:
            server.reply(gzip.compress(b"".join(steps)), headers=headers)
        else:
            server.stream(*steps, done=False)
    server.answer("on")
    chat = Session("m", client=Client(server.url, max_event_bytes=LIMIT))
    assert chat.send("1").text.startswith("Hixxx")
    turn = chat.stream("2")
    with pytest.raises(ProtocolError, match="more than 10000 bytes in one piece"):
        turn.result(LONG)
    assert turn.text == "Hi"
    assert chat.send("3").text == "on"


def test_an_answer_in_many_events_may_be_longer(server: ScriptedServer):
    """The limit is of one event: an answer of many has none."""
    server.stream(*[chunk("x" * 1000) for _ in range(30)], chunk(finish="stop"))
    assert len(Session("m", client=Client(server.url, max_event_bytes=LIMIT)).send("Hi").text) == 30_000


def test_json_in_place_of_a_stream_has_the_limit_too(server: ScriptedServer):
    """A server that does not stream although asked to, or streams although not, may send no more either."""
    server.reply(body_of(LIMIT + 1))
    events = b"".join(step for step in sse(*[chunk("x" * 1000) for _ in range(11)]) if isinstance(step, bytes))
    server.reply(events, headers={"content-type": "text/event-stream"})
    client = Client(server.url, max_event_bytes=LIMIT)
    for streamed in (True, False):
        with pytest.raises(ProtocolError, match="more than 10000 bytes"):
            list(client.chat.completions.create(model="m", messages=QUESTION, stream=streamed))


def test_a_list_of_models_has_the_limit_too(server: ScriptedServer):
    """A list of models that is too long is the same error."""
    server.reply(json.dumps({"object": "list", "data": [{"id": "x" * LIMIT}]}).encode())
    with pytest.raises(ProtocolError, match="more than 10000 bytes"):
        Client(server.url, max_event_bytes=LIMIT).models.list()


def test_a_body_without_end_is_closed(server: ScriptedServer):
    """Once the limit is over nothing more is read: the connection is closed, and the next question is answered."""

    def steps() -> Iterator[bytes]:
        while True:
            yield b" " * 2**16

    server.reply(headers={"content-type": "application/json"})
    server._scripts[-1].steps = steps()  # type: ignore[union-attr,assignment]
    server.answer("on")
    client = Client(server.url, max_event_bytes=2**20)
    with pytest.raises(ProtocolError, match="more than 1 MiB"):
        client.chat.completions.create(model="m", messages=QUESTION)
    assert server.requests[0].closed.wait(LONG)
    assert client.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content == "on"


# A megabyte that becomes a thousand: as events, as an answer, as a list of models and as a refusal.
_BOMB = """
import sys, tracemalloc
from nbchat import Client, Session
from nbchat.errors import NbchatError
url = sys.argv[1]
client = Client(url, max_retries=0, max_event_bytes=2**22)
chat = Session("m", client=client)
assert chat.send("warm").text == "on"
tracemalloc.start()
def attempt(ask):
    try:
        ask()
    except NbchatError as error:
        print(type(error).__name__, error.kind, error.status, error.message, sep="|")
attempt(lambda: chat.send("streamed"))
attempt(lambda: chat.ask({"role": "user", "content": "whole"}, streamed=False).result())
attempt(lambda: client.models.list())
attempt(lambda: chat.send("refused"))
print(chat.send("go on").text, len(chat.messages))
print(tracemalloc.get_traced_memory()[1] / 2**20)
"""


def test_a_bomb_does_not_go_off(server: ScriptedServer):
    """A megabyte that unpacks to a gigabyte is an error within bounded memory, streamed or not, and the session goes on."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    bomb = b"".join(
        [packer.compress(b"data: {"), *(packer.compress(bytes(2**20)) for _ in range(1024)), packer.flush()]
    )
    assert len(bomb) < 2**21
    server.answer("on")
    for status, kind in ((200, "text/event-stream"), (200, "application/json"), (200, "application/json"), (400, "")):
        server.reply(bomb, status=status, headers={"content-encoding": "gzip", "content-type": kind})
    server.answer("on")
    stdout, stderr, _ = run(_BOMB, server.url)
    assert stderr == ""
    *failures, answer, megabytes = stdout.splitlines()
    too_much = "ProtocolError|invalid_chunk|None|The server sent more than 4 MiB in one piece."
    assert failures[:3] == [too_much] * 3
    assert failures[3].startswith("BadRequestError|status|400|")
    assert answer == "on 4"
    assert float(megabytes) < 24  # several times the limit of 4, and a fortieth of what it would be


def test_a_refusal_packed_as_nobody_asked(server: ScriptedServer):
    """A refusal that can't be unpacked is told by its status."""
    server.reply(b"\x0b\x02\x80brotli", status=400, headers={"content-encoding": "br"})
    with pytest.raises(APIStatusError, match=r"^The server answered with status 400\.$"):
        Client(server.url).chat.completions.create(model="m", messages=QUESTION)
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


# ---- where it is said ----------------------------------------------------------------------------------------------


def test_where_the_limit_is_said():
    """An argument comes before what a named endpoint's dict says, and that before the configuration; 64 MiB otherwise."""
    client = Client("http://h/v1")
    assert client.http.largest(client.endpoint) == 64 * 2**20
    settings().max_event_bytes = 3000
    settings().endpoints = {"groq": {"base_url": "http://g/v1", "max_event_bytes": 2000}}
    groq = named("groq", well_known=False)
    assert groq is not None
    assert (client.http.largest(client.endpoint), client.http.largest(groq)) == (3000, 2000)
    given = Client("http://h/v1", max_event_bytes=1000).http
    assert (given.largest(given.endpoint), given.largest(groq)) == (1000, 1000)


def test_a_named_endpoint_has_its_own(server: ScriptedServer):
    """What an endpoint's dict says of its size holds for its answers, and for no other's."""
    settings().endpoints = {"small": {"base_url": server.url, "max_event_bytes": LIMIT}}
    for _ in range(2):
        server.reply(body_of(LIMIT + 1))
    client = Client(server.url)
    with pytest.raises(NbchatError, match="more than 10000 bytes"):
        client.chat.completions.create(model="small/m", messages=QUESTION)
    assert client.chat.completions.create(model="m", messages=QUESTION).choices


@pytest.mark.parametrize("size", [0, -1, 1.5, "1 MB", True])
def test_a_limit_is_a_number_of_bytes(size: Any):
    """What is no number of bytes is said at once, by each of the three places that take one."""
    with pytest.raises(ConfigurationError, match="max_event_bytes must be a positive number of bytes"):
        Client("http://h/v1", max_event_bytes=size)
    settings().endpoints = {"groq": {"base_url": "http://g/v1", "max_event_bytes": size}}
    with pytest.raises(ConfigurationError, match="max_event_bytes"):
        named("groq", well_known=False)
    if size in (0, -1, "1 MB") and size is not True:
        with pytest.raises(TraitError, match="max_event_bytes"):
            settings().max_event_bytes = size


def test_nothing_is_read_twice():
    """A whole body is read as it comes, and its size counted before the next piece is asked for."""
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield bytes(1000)

    async def read() -> None:
        response = httpx.Response(200, content=endless(), request=httpx.Request("GET", "http://h/"))
        await whole(b"", arriving(response), 4500)

    with pytest.raises(ProtocolError):
        anyio.run(read)
    assert asked == 5
