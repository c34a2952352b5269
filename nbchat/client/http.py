"""The one way out: requests over httpx, tried again where that may help, with every failure told in our own words.

This and the embedded model's transport are the only rooms that know httpx; foreign exceptions end here. All coroutines
run on the I/O thread.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import httpx
import msgspec

from nbchat.client import portal
from nbchat.client.endpoint import EMBEDDED_URL, Endpoint, SecretHeaders, is_local_model
from nbchat.client.retry import Retrying, delay, retry_after, worth_retrying
from nbchat.embedded.transport import EmbeddedTransport
from nbchat.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    NbchatError,
    ProtocolError,
    TruncatedError,
)
from nbchat.wire.accumulator import Accumulator
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.decode import ChunkDecoder, chunk_of_completion, read_error, read_object, without_surrogates
from nbchat.wire.messages import ChatCompletion, ModelList

__all__ = ["Http", "Notice", "Options", "Timeout"]

Timeout = float | Mapping[str, float] | httpx.Timeout | None
# What a request has to say before its answer begins: that it is tried again, or how far the model's download is.
Notice = Callable[[object], None]

# Seconds. A model may think for minutes before its first token (the official SDK waits ten), but a server that has
# begun to answer and is silent for two minutes is gone.
_TIMEOUTS = {"connect": 10.0, "first_byte": 600.0, "between_chunks": 120.0}


@dataclass(frozen=True)
class Options:
    """How one request is sent, beside what is in it."""

    headers: Mapping[str, str] = field(default_factory=SecretHeaders)
    query: Mapping[str, Any] | None = None
    timeout: Timeout = None
    notice: Notice | None = None


class Http:
    """Sends the requests of one client.

    Args:
        endpoint: The server, and the key that belongs to it.
        timeout: As :class:`~nbchat.client.client.Client` takes it.
        max_retries: How often a request is sent again after the first time.
        headers: Headers sent with every request.
    """

    def __init__(self, endpoint: Endpoint, timeout: Timeout, max_retries: int, headers: SecretHeaders) -> None:
        self.endpoint = endpoint
        self.max_retries = max_retries
        self._timeouts = _phases(timeout)
        self._headers = headers
        self._pool: httpx.AsyncClient | None = None
        self._process = os.getpid()
        self._inherited: httpx.AsyncClient | None = None
        self._opening = threading.Lock()

    async def open(self) -> httpx.AsyncClient:
        """Return the connection pool, made when first needed."""
        if self._process != os.getpid():
            # A forked child: the connections are its parent's, on a loop that is not here. They are left alone, not closed.
            self._inherited, self._pool = self._pool, None
            self._process, self._opening = os.getpid(), threading.Lock()
        while self._pool is None:
            # Certificates take some 100 ms to load: not on the thread that all streams share.
            await asyncio.get_running_loop().run_in_executor(None, self._make_pool)
        return self._pool

    def _make_pool(self) -> None:
        with self._opening:
            if self._pool is None:
                self._pool = httpx.AsyncClient(
                    verify=_tls(),
                    mounts={"llama://": EmbeddedTransport()},
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                )
                # A client that is dropped takes its idle connections along.
                weakref.finalize(self, _close_later, self._pool).atexit = False

    async def close(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def complete(self, body: Mapping[str, Any], options: Options) -> ChatCompletion:
        """Send a request and return the whole answer."""
        async with self._answer("POST", "chat/completions", body, options) as response:
            content = await _read(response, self.endpoint)
            if "event-stream" not in response.headers.get("content-type", ""):
                return _completion(read_object(content))
        decoder, accumulator = ChunkDecoder(), Accumulator()
        for chunk in decoder.feed(content):
            accumulator.feed(chunk)
        decoder.end()
        return accumulator.completion()

    async def stream(
        self, body: Mapping[str, Any], options: Options, opened: Callable[[], object] = lambda: None
    ) -> AsyncIterator[list[ChatCompletionChunk]]:
        """Send a request and yield the chunks of its answer as they come, all that one read holds at a time.

        Args:
            body: The request.
            options: How it is sent.
            opened: Called when the server has begun to answer.
        """
        async with self._answer("POST", "chat/completions", body, options) as response:
            opened()
            kind = response.headers.get("content-type", "")
            if "json" in kind:  # a server that does not stream, although asked to
                yield [chunk_of_completion(read_object(await _read(response, self.endpoint)))]
                return
            if "html" in kind:
                raise _web_page(self.endpoint)
            decoder = ChunkDecoder()
            # Undecoded where there is nothing to decode: httpx's decoding layer costs as much as our whole parse.
            parts = response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()
            broken: httpx.HTTPError | None = None
            try:
                async for part in parts:
                    if chunks := decoder.feed(part):
                        yield chunks
                    if decoder.done:
                        break
            except httpx.HTTPError as problem:
                broken = problem
            if broken is None:
                decoder.end()
            elif not decoder.complete:
                raise _broken_off(broken)

    async def models(self) -> ModelList:
        """Ask the server for its models."""
        async with self._answer("GET", "models", None, Options()) as response:
            return ModelList(read_object(await _read(response, self.endpoint)))

    def _route(self, body: Mapping[str, Any]) -> tuple[Endpoint, bytes]:
        """Return the endpoint that answers a request, and the request's bytes."""
        endpoint = self.endpoint
        model = body.get("model") or endpoint.model
        if model is None:
            raise ConfigurationError(
                f"No model is named for {endpoint.name}.",
                hint='Name one, as in model="…"; client.models.list() shows them.',
            )
        if is_local_model(model) and not endpoint.embedded:
            endpoint = Endpoint(EMBEDDED_URL)
        return endpoint, _encode({**body, "model": model})

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None, options: Options
    ) -> AsyncIterator[httpx.Response]:
        """Send a request, again where that may help, and open the answer; it is closed however its use ends."""
        endpoint, content = (self.endpoint, None) if body is None else self._route(body)
        phases = self._timeouts if options.timeout is None else _phases(options.timeout)
        pool = await self.open()
        attempt = 0
        while True:
            attempt += 1
            request = self._request(
                pool, method, f"{endpoint.base_url}/{path}", endpoint, content=content, options=options
            )
            request.extensions["timeout"] = httpx.Timeout(phases["first_byte"], connect=phases["connect"]).as_dict()
            answer = await _attempt(pool, request, endpoint)
            if isinstance(answer, httpx.Response):
                break
            again = attempt <= self.max_retries and worth_retrying(answer)
            pause = delay(attempt, answer.retry_after) if again else None
            if pause is None:
                raise answer
            if options.notice:
                options.notice(Retrying(answer, pause, attempt, self.max_retries))
            await asyncio.sleep(pause)
        # Seen by the transport at its next read: from here on the server has begun to answer.
        request.extensions["timeout"]["read"] = phases["between_chunks"]
        try:
            yield answer
        finally:
            await answer.aclose()

    def _request(
        self,
        pool: httpx.AsyncClient,
        method: str,
        url: str,
        endpoint: Endpoint,
        *,
        content: bytes | None,
        options: Options,
    ) -> httpx.Request:
        """Make a request.

        Raises:
            ConfigurationError: There is something in it that can't be sent.
        """
        try:
            request = pool.build_request(
                method,
                url,
                content=content,
                params=options.query,
                headers={"Content-Type": "application/json", **self._headers, **options.headers},
                extensions={"nbchat.progress": options.notice} if options.notice else {},
            )
        except (httpx.InvalidURL, TypeError, ValueError, AttributeError) as problem:
            reason = _reason(problem)
        else:
            if endpoint.api_key is not None and "authorization" not in request.headers:
                request.headers["Authorization"] = f"Bearer {endpoint.api_key.reveal()}"
            return request
        # Out here, so that the frames of httpx, which hold the headers, are not in the traceback.
        raise ConfigurationError(f"No request to {endpoint.name} can be made of this: {reason}.")


def _close_later(pool: httpx.AsyncClient) -> None:
    """Close a pool where it lives: on the I/O thread."""
    portal.call_soon(lambda: asyncio.ensure_future(pool.aclose()))


async def _attempt(pool: httpx.AsyncClient, request: httpx.Request, endpoint: Endpoint) -> httpx.Response | NbchatError:
    """Send once: an open answer with status 200, or what went wrong."""
    try:
        response = await pool.send(request, stream=True)
        if response.is_success:
            return response
        try:
            body = await response.aread()
        finally:
            await response.aclose()
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        return _translate(problem, endpoint, "for the first byte of the answer")
    return _refusal(response, body, endpoint)


async def _read(response: httpx.Response, endpoint: Endpoint) -> bytes:
    """Read a whole body that is meant to be JSON or events."""
    if "html" in response.headers.get("content-type", ""):
        raise _web_page(endpoint)
    try:
        return await response.aread()
    except httpx.HTTPError as problem:
        failure = _broken_off(problem)
    raise failure


def _completion(data: dict[str, Any]) -> ChatCompletion:
    if not isinstance(data.get("choices"), list):
        raise ProtocolError(
            "The server's answer has no choices.", hint="Is the base URL that of a Chat Completions API?"
        )
    return ChatCompletion(data)


def _encode(body: Mapping[str, Any]) -> bytes:
    """Encode a request's body.

    Raises:
        ConfigurationError: Something in it has no JSON form.
    """
    try:
        return msgspec.json.encode(body, enc_hook=_bare)
    except UnicodeEncodeError:
        return msgspec.json.encode(without_surrogates(body), enc_hook=_bare)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as problem:
        reason = str(problem)
    raise ConfigurationError(f"The request can't be written as JSON: {reason}.")


def _bare(value: Any) -> Any:
    """Return a number or a text of another library (NumPy's, pandas') as Python's own."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


_tls_lock = threading.Lock()
_tls_contexts: list[ssl.SSLContext] = []


def _tls() -> ssl.SSLContext:
    """Return the TLS settings that all clients share: loading the certificates is what makes a first client slow."""
    with _tls_lock:
        if not _tls_contexts:
            _tls_contexts.append(httpx.create_ssl_context())
        return _tls_contexts[0]


def _phases(timeout: Timeout) -> dict[str, float | None]:
    """Return the seconds to wait in each phase.

    Raises:
        ConfigurationError: A phase is not known, or a time is not positive.
    """
    phases: dict[str, float | None] = dict(_TIMEOUTS)
    if timeout is None:
        return phases
    if isinstance(timeout, httpx.Timeout):
        return {"connect": timeout.connect, "first_byte": timeout.read, "between_chunks": timeout.read}
    given: dict[str, object] = dict(timeout) if isinstance(timeout, Mapping) else dict.fromkeys(phases, timeout)
    for name, seconds in given.items():
        if name not in phases:
            raise ConfigurationError(f"timeout has no phase {name!r}.", hint=f"The phases are {', '.join(phases)}.")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds > 0:
            raise ConfigurationError(f"timeout must be a positive number of seconds, not {seconds!r}.")
        phases[name] = float(seconds)
    return phases


# ---- failures, in our own words ------------------------------------------------------------------------------------


def _web_page(endpoint: Endpoint) -> ProtocolError:
    return ProtocolError(
        f"{endpoint.name} answered with a web page in place of an answer.",
        kind="not_sse",
        hint=f"Is the base URL right? It is {endpoint.base_url}; most end in /v1.",
    )


def _refusal(response: httpx.Response, body: bytes, endpoint: Endpoint) -> NbchatError:
    """Make the error for an answer whose status is not 200."""
    headers = response.headers
    censor = endpoint.api_key.censor if endpoint.api_key is not None else str
    error = read_error(response.status_code, body, headers.get("content-type", ""), censor=censor)
    error.request_id = headers.get("x-request-id")
    error.retry_after = retry_after(headers)
    if response.has_redirect_location:
        error.hint = f"It points to {headers.get('location')}: if that is right, make it the base URL."
    elif response.status_code == 401:
        error.hint = (
            f"Is the key from {endpoint.key_source} right?"
            if endpoint.key_source
            else f"No key was sent to {endpoint.name}: pass api_key=."
        )
    elif response.status_code == 404 and error.code is None:
        error.hint = f"Is the base URL right? It is {endpoint.base_url}; most end in /v1."
    return error


def _reason(problem: BaseException) -> str:
    return (str(problem).strip() or type(problem).__name__).rstrip(".")


def _translate(problem: httpx.HTTPError | httpx.InvalidURL, endpoint: Endpoint, waiting: str) -> NbchatError:
    """Turn httpx's failure into ours. The original is told in words and not chained: its frames hold the key."""
    if isinstance(problem, httpx.ConnectTimeout | httpx.PoolTimeout):
        return APIConnectionError(
            f"{endpoint.name} did not accept a connection in time.", hint="Is it running, and is the base URL right?"
        )
    if isinstance(problem, httpx.TimeoutException):
        return APITimeoutError(
            f"{endpoint.name} kept us waiting {waiting} longer than the timeout allows.",
            hint="Raise timeout= if the model needs longer.",
        )
    if isinstance(problem, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return ConfigurationError(f"{endpoint.base_url!r} is not an address: {_reason(problem)}.")
    if isinstance(problem, httpx.ConnectError | httpx.ProxyError):
        return APIConnectionError(
            f"{endpoint.name} can't be reached: {_reason(problem)}.", hint="Is it running, and is the base URL right?"
        )
    return APIConnectionError(f"The connection to {endpoint.name} broke: {_reason(problem)}.", hint="Try again.")


def _broken_off(problem: httpx.HTTPError) -> NbchatError:
    """Make the error for an answer that began and then failed."""
    if isinstance(problem, httpx.TimeoutException):
        return APITimeoutError(
            "The answer stopped coming for longer than the timeout allows.",
            hint="Raise timeout={'between_chunks': …} if the model pauses that long.",
        )
    return TruncatedError(f"The answer was cut off: {_reason(problem)}.")
