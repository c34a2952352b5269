"""What to put beneath httpx: its own transport, the package httpx-aiohttp, or ours over aiohttp's connections.

Each reads the same answer of 20,000 HTTP chunks in a process of its own: CPU per chunk, with nothing
decoded. The first answer is what a process that has only started needs to get one: imports, certificates, connection.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from statistics import median
from typing import Any

from benchmarks.runs import ratio, run, table
from benchmarks.server import serving

_CHUNKS = 20_000
_BODY = {"model": "m", "messages": [{"role": "user", "content": "Say something long."}], "stream": True}
_FLOOR = "raw socket"
_NAMES = (_FLOOR, "httpx's own", "httpx-aiohttp", "ours")


def _client(name: str) -> Any:
    import httpx

    if name == "httpx's own":
        return httpx.AsyncClient()
    if name == "httpx-aiohttp":
        from httpx_aiohttp import AiohttpTransport

        return httpx.AsyncClient(transport=AiohttpTransport())
    from nbchat.client.transport import FastTransport

    return httpx.AsyncClient(transport=FastTransport(httpx.create_ssl_context()))


async def _read(client: Any, url: str) -> int:
    async with client.stream("POST", url, json=_BODY, timeout=60) as response:
        return sum([len(part) async for part in response.aiter_raw()])


def _read_plainly(base: str, kind: str) -> int:
    import socket
    from urllib.parse import urlsplit

    address, body = urlsplit(base), json.dumps(_BODY).encode()
    received = 0
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = f"POST /{kind}/v1/chat/completions HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        last = b""
        while not last.endswith(b"\r\n0\r\n\r\n"):
            part = connection.recv(65536)
            received += len(part)
            last = last[-8:] + part
    return received


def measure(name: str, base: str, kind: str) -> None:
    """Print the milliseconds until the first answer, and the microseconds of CPU for each chunk of a long one."""
    begun = time.perf_counter()
    if name == _FLOOR:
        _read_plainly(base, f"{kind}-1")
        first = time.perf_counter() - begun
        started = time.process_time()
        _read_plainly(base, f"{kind}-{_CHUNKS}")
    else:

        async def both() -> tuple[float, float]:
            async with _client(name) as client:
                await _read(client, f"{base}/{kind}-1/v1/chat/completions")
                first, started = time.perf_counter() - begun, time.process_time()
                await _read(client, f"{base}/{kind}-{_CHUNKS}/v1/chat/completions")
                return first, started

        first, started = asyncio.run(both())
    print(json.dumps([first * 1e3, (time.process_time() - started) / _CHUNKS * 1e6]))


def main(rounds: int = 7) -> str:
    """Measure, and return the table."""
    code = "import sys; from benchmarks.transports import measure; measure(*sys.argv[1:])"
    firsts: dict[str, list[float]] = {name: [] for name in _NAMES}
    chunks: dict[str, list[float]] = {name: [] for name in _NAMES}
    with serving() as base:
        for _ in range(rounds):
            for name in _NAMES:
                first, chunk = run(code, name, base, "single")
                firsts[name].append(first)
                chunks[name].append(chunk)
    rows = [
        [
            name,
            f"{median(chunks[name]):.1f}",
            f"{ratio(chunks[name], chunks[_FLOOR]):.1f}",
            f"{median(firsts[name]):.0f}",
        ]
        for name in _NAMES
    ]
    return table(["beneath httpx", "CPU per HTTP chunk, µs", "× raw socket", "first answer, ms"], rows)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:])))
