"""The embedded model as the tests ask it: through httpx, as the client does."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from nbchat.embedded import weights
from nbchat.embedded.engine import Engine
from nbchat.embedded.shelf import Model, shelf
from nbchat.embedded.transport import EmbeddedTransport

URL = "llama://default/v1"
CHAT = f"{URL}/chat/completions"
PATIENCE = 60.0


def model_file() -> Path:
    """Return the default model's file, which ``make weights`` has fetched: no test asks a package index."""
    pytest.importorskip("xllamacpp")
    path = weights.cache_folder() / "models" / Path(weights.SMOLLM2.member).name
    if not path.is_file() or path.stat().st_size != weights.SMOLLM2.size:
        pytest.fail("The default model is not in the cache: python -m nbchat.embedded.weights fetches it.")
    return path


def talks(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test that is a coroutine, with a client of the embedded model as its first argument."""

    def run(**fixtures):
        async def within():
            async with httpx.AsyncClient(mounts={"llama://": EmbeddedTransport()}) as client:
                await asyncio.wait_for(test(client, **fixtures), 2 * PATIENCE)

        asyncio.run(within())

    # What pytest reads: the test's own arguments, but for the client.
    run.__signature__ = inspect.Signature(list(inspect.signature(test).parameters.values())[1:])
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def body(prompt: str = "Tell me about the sea.", **fields: Any) -> dict[str, Any]:
    """Make a request, short unless it says otherwise."""
    return {"messages": [{"role": "user", "content": prompt}], "max_tokens": 8, **fields}


async def ask(client: httpx.AsyncClient, prompt: str = "Tell me about the sea.", **fields: Any) -> dict[str, Any]:
    """Ask and return the whole answer."""
    response = await client.post(CHAT, json=body(prompt, **fields))
    assert response.status_code == 200, response.text
    return response.json()


def text(answer: dict[str, Any], choice: int = 0) -> str:
    return answer["choices"][choice]["message"]["content"]


def events(content: bytes) -> list[dict[str, Any]]:
    """Read a whole stream; it ends with [DONE]."""
    *data, done, rest = content.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in data]


def engine(model: Model | None = None) -> Engine:
    """Return the model in memory; it is loaded if it is not there."""
    ticket = shelf.request(model or Model())
    try:
        return ticket.future.result(PATIENCE)
    finally:
        ticket.release()


def wait_until_idle(of: Engine) -> None:
    """Wait until no job is being computed, by our count and by llama.cpp's own."""
    with of._changed:
        assert of._changed.wait_for(lambda: not of._running and not of._waiting, PATIENCE)
    # llama.cpp hears of the end of a job a moment after we do, and may be asked before.
    deadline = time.monotonic() + PATIENCE
    while counter(of, "requests_processing") + counter(of, "requests_deferred"):
        assert time.monotonic() < deadline


def wait_until(of: Engine, running: int, waiting: int = 0) -> None:
    """Wait until so many jobs are being computed, and so many wait."""
    with of._changed:
        assert of._changed.wait_for(lambda: (of.running, of.waiting) == (running, waiting), PATIENCE)


def counter(of: Engine, name: str) -> float:
    """Return one of llama.cpp's own counters."""
    lines = dict(line.rsplit(" ", 1) for line in of.metrics().splitlines() if not line.startswith("#"))
    return float(lines[f"llamacpp:{name}"])


class Listener:
    """Hears of a model's progress."""

    def __init__(self) -> None:
        self.heard: list[weights.Progress] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, at: weights.Progress) -> None:
        self.heard.append(at)
        self.threads.add(threading.current_thread())
