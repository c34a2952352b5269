"""The ways to read a streamed answer that are compared: each takes an address and gives a function that asks.

What the function returns iterates over the texts of the chunks, read as that client's users read them.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

__all__ = ["CLIENTS", "FLOOR", "Ask"]

Ask = Callable[[str], Iterator[str | None]]

_MESSAGES: Any = [{"role": "user", "content": "Say something long."}]
_BODY = {"model": "m", "messages": _MESSAGES, "stream": True}
FLOOR = "raw socket, split, orjson"


def _floor(base: str) -> Ask:
    """Nothing but the work itself: the bytes, cut at line ends, decoded in C."""
    import orjson

    address = urlsplit(base)
    body = json.dumps(_BODY).encode()

    def ask(kind: str) -> Iterator[str | None]:
        with socket.create_connection((address.hostname, address.port)) as connection:
            head = f"POST /{kind}/v1/chat/completions HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            rest = b""
            while received := connection.recv(65536):
                *lines, rest = (rest + received).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: "):
                        if line == b"data: [DONE]":
                            return
                        yield orjson.loads(line[6:])["choices"][0]["delta"].get("content")

    return ask


def _httpx(base: str) -> Ask:
    """As the floor, with httpx for the HTTP."""
    import httpx
    import orjson

    client = httpx.Client()

    def ask(kind: str) -> Iterator[str | None]:
        with client.stream("POST", f"{base}/{kind}/v1/chat/completions", json=_BODY) as response:
            rest = b""
            for received in response.iter_raw():
                *lines, rest = (rest + received).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: ") and line != b"data: [DONE]":
                        yield orjson.loads(line[6:])["choices"][0]["delta"].get("content")

    return ask


def _nbchat_client(base: str) -> Ask:
    import nbchat

    clients: dict[str, nbchat.Client] = {}

    def ask(kind: str) -> Iterator[str | None]:
        client = clients.setdefault(kind, nbchat.Client(f"{base}/{kind}/v1"))
        for chunk in client.chat.completions.create(model="m", messages=_MESSAGES, stream=True):
            yield chunk.choices[0].delta.content

    return ask


def _nbchat_async(base: str) -> Ask:
    import nbchat

    async def read(kind: str) -> AsyncIterator[str | None]:
        client = nbchat.Client(f"{base}/{kind}/v1")
        async for chunk in await client.chat.completions.acreate(model="m", messages=_MESSAGES, stream=True):
            yield chunk.choices[0].delta.content

    return _in_a_loop(read)


def _nbchat_session(base: str) -> Ask:
    import nbchat

    def ask(kind: str) -> Iterator[str | None]:
        return iter(nbchat.Session("m", base_url=f"{base}/{kind}/v1").stream("Say something long."))

    return ask


def _openai(base: str) -> Ask:
    import openai

    def ask(kind: str) -> Iterator[str | None]:
        client = openai.OpenAI(base_url=f"{base}/{kind}/v1", api_key="none")
        for chunk in client.chat.completions.create(model="m", messages=_MESSAGES, stream=True):
            yield chunk.choices[0].delta.content

    return ask


def _openai_async(base: str) -> Ask:
    import openai

    async def read(kind: str) -> AsyncIterator[str | None]:
        client = openai.AsyncOpenAI(base_url=f"{base}/{kind}/v1", api_key="none")
        async for chunk in await client.chat.completions.create(model="m", messages=_MESSAGES, stream=True):
            yield chunk.choices[0].delta.content

    return _in_a_loop(read)


def _in_a_loop(read: Callable[[str], AsyncIterator[str | None]]) -> Ask:
    """See an asynchronous reader as the others are seen: it runs to its end, then its texts are handed out."""

    def ask(kind: str) -> Iterator[str | None]:
        async def whole() -> list[str | None]:
            return [text async for text in read(kind)]

        return iter(asyncio.run(whole()))

    return ask


CLIENTS: dict[str, Callable[[str], Ask]] = {
    FLOOR: _floor,
    "httpx, split, orjson": _httpx,
    "nbchat `Client`": _nbchat_client,
    "nbchat `Client`, async": _nbchat_async,
    "nbchat `Session`": _nbchat_session,
    "openai-python": _openai,
    "openai-python, async": _openai_async,
}
