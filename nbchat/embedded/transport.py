"""Chat Completions answered inside this process: to httpx, the embedded model is one more server.

::

    httpx.AsyncClient(mounts={"llama://": EmbeddedTransport()})

Everything here runs on the event loop of whoever asks and never waits in it: loading and generating happen on other
threads, and what they produce crosses over all at once. No socket is involved, so httpx's time-outs have no meaning here.

====================================================  ================================================================
``llama://default/v1``                                the default model
``llama://file/path/model.gguf`` ``llama:///path/…``  a file, by its absolute path, with or without ``/v1`` at the end
``"model": "local:PATH.gguf"`` in a request           a file, by a path relative to the working directory
====================================================  ================================================================

Any other model named in a request is answered by the address's own, as llama.cpp's server does; the answer's ``model``
says which one it was.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import deque
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from nbchat.embedded.answers import Answer
from nbchat.embedded.engine import Closed, Engine, Job
from nbchat.embedded.refusal import Refusal
from nbchat.embedded.shapes import Ask, encode, read_ask, read_json
from nbchat.embedded.shelf import Model, Shelf, shelf, unload
from nbchat.embedded.weights import SMOLLM2, Artefact, Listener, Progress

__all__ = ["EmbeddedTransport", "Progress", "unload"]

_ENDPOINTS = {"/chat/completions": "POST", "/models": "GET"}


class EmbeddedTransport(httpx.AsyncBaseTransport):
    """Answers Chat Completions requests from models in this process.

    Models are shared by all transports, and stay in memory until :func:`unload`.

    Args:
        progress: Called with a :class:`Progress` while a model is fetched or loaded, on the thread of the event loop. A
            request may bring a listener of its own: ``extensions={"nbchat.progress": listener}``.
        weights: Where the default model comes from.

    Raises:
        ConfigurationError: From a request, as :mod:`httpx` calls the transport: llama.cpp is not installed, or the
            default model can't be fetched.

    Example::

        async with httpx.AsyncClient(mounts={"llama://": EmbeddedTransport()}) as client:
            body = {"messages": [{"role": "user", "content": "Hi"}]}
            answer = await client.post("llama://default/v1/chat/completions", json=body)
    """

    def __init__(self, progress: Listener | None = None, *, weights: Artefact = SMOLLM2) -> None:
        self._progress = progress
        self._weights = weights
        self._shelf: Shelf = shelf

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        identifier = f"req_{uuid.uuid4().hex}"
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = _json(refusal.status, refusal.body())
        response.headers["x-request-id"] = identifier
        return response

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        model, endpoint = self._route(request.url)
        allowed = _ENDPOINTS[endpoint]
        if request.method != allowed:
            refusal = Refusal(405, f"{endpoint} takes {allowed}, not {request.method}.", code="method_not_allowed")
            return _json(405, refusal.body(), {"allow": allowed})
        if endpoint == "/models":
            return _json(200, _models(model))
        asked = read_json(await request.aread())
        named = asked.get("model")
        if isinstance(named, str) and named.startswith("local:"):
            model = Model(_absolute(named.removeprefix("local:")), self._weights)
        # On a thread of its own: for the grammar of a large schema it may take a second.
        ask = await asyncio.to_thread(read_ask, asked, small=model.small)
        talk = await self._begin(ask, model, self._listener(request))
        if ask.stream:
            return httpx.Response(
                200,
                headers={"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"},
                stream=_EventStream(talk),
            )
        return _json(200, await talk.whole())

    def _route(self, url: httpx.URL) -> tuple[Model, str]:
        """Return the model that an address names, and what is asked of it."""
        endpoint = next((known for known in _ENDPOINTS if url.path.endswith(known)), None)
        if endpoint is None:
            raise Refusal(404, f"The embedded model has no {url.path}.", code="not_found")
        place = url.path.removesuffix(endpoint).removesuffix("/v1")
        if url.host in ("", "file", "localhost") and place not in ("", "/"):
            return Model(_absolute(place), self._weights), endpoint
        if url.host == "default" and place in ("", "/"):
            return Model(None, self._weights), endpoint
        raise Refusal(
            404,
            f"{url} names no model: llama://default/v1 is the default one, llama://file/PATH.gguf a file.",
            code="model_not_found",
        )

    def _listener(self, request: httpx.Request) -> Listener:
        """Return what carries a model's progress from the thread that loads it to those who asked to be told."""
        told = [listener for listener in (self._progress, request.extensions.get("nbchat.progress")) if listener]
        loop = asyncio.get_running_loop()

        def report(at: Progress) -> None:
            for listener in told:
                loop.call_soon_threadsafe(listener, at)

        return report

    async def _begin(self, ask: Ask, model: Model, listener: Listener) -> _Talk:
        """Load the model, ask it, and wait until it has begun to read the question or has refused it."""
        while True:
            ticket = self._shelf.request(model, listener)
            try:
                engine = await asyncio.wrap_future(ticket.future)
            finally:
                ticket.release()
            talk = _Talk(ask, model, engine)
            try:
                await talk.begin()
            except Closed:  # unloaded since
                continue
            except BaseException:
                talk.cancel()
                raise
            return talk


def _absolute(path: str) -> Path:
    if re.match(r"/[A-Za-z]:", path):  # a drive of Windows, behind the slash that begins a URL's path
        path = path[1:]
    return Path(path).expanduser().absolute()


def _models(model: Model) -> dict[str, Any]:
    """Return the list of the one model that an address has, without loading it."""
    created = 0
    if model.path:
        try:
            created = int(model.path.stat().st_mtime)
        except OSError:
            raise Refusal(404, f"There is no file {model.path}.", code="model_not_found") from None
    entry = {"id": model.name, "object": "model", "created": created, "owned_by": "nbchat"}
    return {"object": "list", "data": [entry]}


def _json(status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(
        status, headers={"content-type": "application/json", **(headers or {})}, content=encode(value)
    )


class _Talk:
    """One question on its way through the engine: as many jobs as its answers need, and what they say."""

    def __init__(self, ask: Ask, model: Model, engine: Engine) -> None:
        self._ask = ask
        self._model = model
        self._engine = engine
        self._jobs: list[Job] = []
        self._answer = Answer(ask, model.name, engine.fingerprint)
        self._open = 0
        # Filled by the threads of the jobs. They wake the loop once for all that is there by the time it looks.
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[tuple[int, dict[str, Any] | Refusal | None]] = deque()
        self._news = asyncio.Event()
        self._woken = False

    async def begin(self) -> None:
        """Hand the question to the engine and wait for the first sign.

        Raises:
            Refusal: The engine does not take the question.
            Closed: The engine is gone.
        """
        ask, slots = self._ask, self._engine.plan.slots
        longest = ask.max_tokens or self._model.longest(self._engine.plan.context)
        body = {**self._model.defaults, **ask.body, "max_tokens": longest}
        try:
            for base in range(0, ask.n, slots):
                seed = None if ask.seed is None else ask.seed + base
                width = min(slots, ask.n - base)
                self._jobs.append(self._engine.submit(body, width, seed, partial(self._put, base)))
                self._open += 1
        except Closed:
            self.cancel()
            raise
        await self._wait()
        _, first = self._arrived[0]
        if isinstance(first, Refusal):
            raise first

    def cancel(self) -> None:
        """Make the engine stop computing this answer."""
        for job in self._jobs:
            job.cancel()

    def drop(self) -> None:
        """Do so without a lock, wherever the garbage collector is."""
        for job in self._jobs:
            job.drop()

    async def chunks(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the answer's chunks, all that are there at a time.

        Raises:
            Refusal: The engine failed.
        """
        while self._open:
            await self._wait()
            ready: list[dict[str, Any]] = []
            while self._arrived:
                base, item = self._arrived.popleft()
                if item is None:
                    self._open -= 1
                elif isinstance(item, Refusal):
                    if ready:
                        self._arrived.appendleft((base, item))
                        break
                    raise item
                else:
                    ready += self._answer.feed(item, base)
            if ready:
                yield ready
        if last := self._answer.last():
            yield last

    async def whole(self) -> dict[str, Any]:
        """Return the whole answer."""
        try:
            async for _ in self.chunks():
                pass
        finally:
            self.cancel()
        return self._answer.completion()

    def _put(self, base: int, item: dict[str, Any] | Refusal | None) -> None:
        """Take what a job has to say, on the job's thread."""
        self._arrived.append((base, item))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._news.set)

    async def _wait(self) -> None:
        while not self._arrived:
            await self._news.wait()
            self._news.clear()
            self._woken = False


class _EventStream(httpx.AsyncByteStream):
    """An answer as server-sent events. The engine stops when it is closed, or dropped."""

    def __init__(self, talk: _Talk) -> None:
        self._talk = talk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunks in self._talk.chunks():
                yield b"".join(b"data: %b\n\n" % encode(chunk) for chunk in chunks)
        except Refusal as refusal:  # too late for a status
            yield b"data: %b\n\n" % encode(refusal.body())
        else:
            yield b"data: [DONE]\n\n"
        finally:
            self._talk.cancel()

    async def aclose(self) -> None:
        self._talk.cancel()

    def __del__(self) -> None:
        self._talk.drop()
