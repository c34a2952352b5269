"""The one way out: requests over httpx, tried again where that may help. All coroutines run on the I/O thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from nbchat.client.body import ACCEPTED, arriving, checked_size, encodings, opening, pieces, whole
from nbchat.client.capacity import limits
from nbchat.client.config import settings
from nbchat.client.endpoint import Endpoint, Verify, route, tell
from nbchat.client.failures import broken_off, compressed, reason, refusal, told_of, translate, web_page
from nbchat.client.pool import Pool
from nbchat.client.redirects import send
from nbchat.client.refusals import Negotiation
from nbchat.client.retry import Retrying, delay, worth_retrying
from nbchat.client.secret import QuietURL, SecretHeaders
from nbchat.client.timeouts import Timeout, phases_of
from nbchat.errors import ConfigurationError, NbchatError
from nbchat.wire.accumulator import Accumulator
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.decode import ChunkDecoder, chunk_of_completion, read_answer, read_models, without_surrogates
from nbchat.wire.limits import RateLimits, rate_limits
from nbchat.wire.messages import ChatCompletion, ModelList
from nbchat.wire.opening import Form, claimed_form

if TYPE_CHECKING:  # what it imports is dear, and loaded when the first request is sent
    from nbchat.client.transport import Body

__all__ = ["Http", "Notice", "Options", "Pause"]

# What a request has to say before its answer begins: that it is tried again, that a field of it was refused and how it
# is sent instead, or how far the model's download is.
Notice = Callable[[object], None]
# What a reader that can't keep up has the server wait for.
Pause = Callable[[], Awaitable[None]]

# How long the end of a body is waited for when the answer is complete, in seconds: less than anybody notices, and more
# than the few bytes take that most servers send right after.
_PATIENCE = 0.05


@dataclass(frozen=True)
class Options:
    """How one request is sent, beside what is in it.

    Attributes:
        headers: Headers of this request.
        query: Parameters of its address.
        timeout: As :class:`~nbchat.client.client.Client` takes it.
        notice: Called with what is worth telling before the answer begins, and with every change that a refused field
            made to the request; left out, what is learned of such fields is told once on stderr.
        limits: Called with the rate limits that the answer's headers tell, when it begins.
        fixed: Fields of the request that are sent as they stand, also where the server refuses them.
    """

    headers: Mapping[str, str] = field(default_factory=SecretHeaders)
    query: Mapping[str, Any] | None = field(default=None, repr=False)
    timeout: Timeout = None
    notice: Notice | None = None
    limits: Callable[[RateLimits | None], object] | None = None
    fixed: frozenset[str] = frozenset()


class Http:
    """Sends the requests of one client.

    Args:
        endpoint: The server that answers for models which name no other, and the key that belongs to it.
        timeout: As :class:`~nbchat.client.client.Client` takes it; ``None`` for the endpoint's, else the configured one.
        max_retries: How often a request is sent again after the first time; ``None`` likewise.
        max_event_bytes: How large one event of a stream, or a whole body, may be in bytes; ``None`` likewise.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        timeout: Timeout = None,
        max_retries: int | None = None,
        max_event_bytes: int | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._timeout = timeout
        if max_retries is not None and (type(max_retries) is not int or max_retries < 0):
            raise ConfigurationError(f"max_retries is a number of tries after the first, not {max_retries!r}.")
        self.max_retries = max_retries
        self._max_event_bytes = max_event_bytes if max_event_bytes is None else checked_size(max_event_bytes)
        self.phases(endpoint)  # a time that is none is said now
        # One for each way to check certificates; each keeps the connections to its servers apart by itself.
        self._pools: dict[Verify, Pool] = {}
        self.pool = self._pool(endpoint)
        self._rate_limits: dict[str, RateLimits | None] = {}

    def rate_limits(self, endpoint: Endpoint) -> RateLimits | None:
        """Return what the headers of a server's last answer told of its limits, a refusal's too.

        What it says where it is asked for its models is not among that: it counts such requests by themselves.
        """
        return self._rate_limits.get(endpoint.base_url)

    async def complete(self, body: Mapping[str, Any], options: Options) -> ChatCompletion:
        """Send a request and return the whole answer."""
        async with self._answer("POST", "chat/completions", body, options) as response:
            limit = self.largest(response.request.extensions["nbchat.endpoint"])
            content, form = await _read(response, limit)
            if form == "json":
                return ChatCompletion(read_answer(content))
        decoder, accumulator = ChunkDecoder(limit), Accumulator()
        for chunk in decoder.feed(content):
            accumulator.feed(chunk)
        decoder.end()
        return accumulator.completion()

    async def stream(
        self,
        body: Mapping[str, Any],
        options: Options,
        take: Callable[[list[ChatCompletionChunk]], Pause | None],
        opened: Callable[[], object] = lambda: None,
    ) -> None:
        """Send a request and hand over the chunks of its answer as they come.

        Args:
            body: The request.
            options: How it is sent.
            take: Called with all chunks that one read holds; where it returns a pause, more is read when that is over.
            opened: Called when the server has begun to answer.
        """
        async with self._answer("POST", "chat/completions", body, options) as response:
            opened()
            endpoint: Endpoint = response.request.extensions["nbchat.endpoint"]
            limit = self.largest(endpoint)
            decoder = ChunkDecoder(limit)
            raw = arriving(response)
            packed = _compressed(response, endpoint)
            parts = pieces(response, raw) if packed else raw
            direct: Body | None = None if packed else response.extensions.get("nbchat.body")
            broken: httpx.HTTPError | None = None
            pause: Pause | None = None
            begun = False
            waits, between = (
                response.request.extensions["timeout"],
                self.phases(endpoint, options.timeout)["between_chunks"],
            )

            def hand(part: bytes) -> bool:
                nonlocal begun, pause
                # Many servers send headers at once and then think: only now has the answer begun.
                waits["read"], begun = between, True
                if chunks := decoder.feed(part):
                    pause = take(chunks)
                return pause is None and not decoder.done

            part: bytes | None
            try:
                part, form = await _opening(response, parts, limit, asked="events")
                if form == "json":  # a server that does not stream, although asked to
                    take([chunk_of_completion(read_answer(await whole(part, parts, limit)))])
                    return
                while part is not None:
                    if hand(part) and direct is not None:
                        await direct.follow(hand)
                    if pause is not None:
                        await pause()
                        pause = None
                    part = None if decoder.done else await anext(parts, None)
            except httpx.HTTPError as problem:
                broken = problem
            if broken is None:
                decoder.end()
                await _read_out(raw)
            elif not decoder.complete:
                raise broken_off(broken, endpoint, begun=begun)

    async def models(self, endpoint: Endpoint | None = None, options: Options | None = None) -> ModelList:
        """Ask a server for its models, the default one or another, and remember what it says of how much they read."""
        async with self._answer("GET", "models", None, options or Options(), endpoint) as response:
            asked: Endpoint = response.request.extensions["nbchat.endpoint"]
            content, _ = await _read(response, self.largest(asked))
            offered = ModelList(read_models(content))
        limits.read(asked.base_url, [model.to_dict() for model in offered.data])
        return offered

    def _route(self, body: Mapping[str, Any]) -> tuple[Endpoint, dict[str, Any]]:
        """Return the endpoint that answers a request, and the request with the name that its model has there."""
        endpoint, model = route(self.endpoint, body.get("model"))
        if model is None:
            raise ConfigurationError(
                f"No model is named for {endpoint.name}.",
                hint=f'Name one, as in model="{endpoint.label}/…"; %chat models shows them.'
                if endpoint.label
                else 'Name one, as in model="…"; client.models.list() shows them.',
            )
        return endpoint, {**body, "model": model}

    def _pool(self, endpoint: Endpoint) -> Pool:
        if endpoint.embedded:
            return self.pool if self._pools else self._pools.setdefault(True, Pool())
        if endpoint.verify not in self._pools:
            self._pools[endpoint.verify] = Pool(endpoint.verify)
        return self._pools[endpoint.verify]

    async def close(self) -> None:
        """Close all connections. The next request opens new ones."""
        for pool in list(self._pools.values()):
            await pool.close()

    def phases(self, endpoint: Endpoint, timeout: Timeout = None) -> dict[str, float | None]:
        """Return the seconds to wait for a server in each phase; *timeout* is that of one request."""
        for given in (timeout, self._timeout, endpoint.timeout):
            if given is not None:
                return phases_of(given)
        return phases_of(settings().timeout)

    def retries(self, endpoint: Endpoint) -> int:
        """Return how often a request to a server is sent again after the first time."""
        for given in (self.max_retries, endpoint.max_retries):
            if given is not None:
                return given
        return int(settings().max_retries)

    def largest(self, endpoint: Endpoint) -> int:
        """Return how large one event of a server's, or a whole body, may be in bytes."""
        for given in (self._max_event_bytes, endpoint.max_event_bytes):
            if given is not None:
                return given
        return int(settings().max_event_bytes)

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None, options: Options, endpoint: Endpoint | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Send a request, again where that may help, and open the answer; it is closed however its use ends."""
        endpoint, content, asked = endpoint or self.endpoint, None, None
        if body is not None:
            endpoint, body = self._route(body)
            asked = Negotiation(endpoint.base_url, body, options.fixed)
            content = _encode(asked.body)
        phases, retries = self.phases(endpoint, options.timeout), self.retries(endpoint)
        pool = await self._pool(endpoint).open()
        attempt = 0
        while True:
            attempt += 1
            request = self._request(
                pool,
                method,
                endpoint.url(path, asked.body["model"] if asked else None),
                endpoint,
                content=content,
                options=options,
            )
            request.extensions["nbchat.endpoint"] = endpoint
            request.extensions["nbchat.model"] = asked.body["model"] if asked else ""
            request.extensions["timeout"] = httpx.Timeout(phases["first_byte"], connect=phases["connect"]).as_dict()
            answer = await self._attempt(pool, request, endpoint)
            if isinstance(answer, httpx.Response):
                break
            if asked is not None and asked.concede(answer):
                content, attempt = _encode(asked.body), attempt - 1
                continue
            again = attempt <= retries and worth_retrying(answer)
            pause = delay(attempt, answer.retry_after) if again else None
            if pause is None:
                raise answer if asked is None else asked.cause(answer)
            if options.notice:
                options.notice(Retrying(answer, pause, attempt, retries))
            await asyncio.sleep(pause)
        if asked is not None:
            learned = asked.accepted()
            # Whoever listens knows for whom each change is news; everybody else is told once.
            for change in asked.changes if options.notice else learned:
                (options.notice or _tell)(change)
        if options.limits:
            options.limits(self.rate_limits(endpoint))
        try:
            yield answer
        except NbchatError as error:
            told_of(error, answer)
            raise
        finally:
            await answer.aclose()

    async def _attempt(
        self, pool: httpx.AsyncClient, request: httpx.Request, endpoint: Endpoint
    ) -> httpx.Response | NbchatError:
        """Send once: an open answer with status 200, or what went wrong."""
        try:
            response = await send(pool, request, endpoint)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            return translate(problem, endpoint, request)
        if request.method == "POST":
            self._rate_limits[endpoint.base_url] = _limits(response.headers)
        if response.is_success:
            return response
        try:
            return await refusal(response, endpoint)
        finally:
            await response.aclose()

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
                httpx.URL(url).copy_merge_params(options.query) if options.query else url,
                content=content,
                headers={"Content-Type": "application/json", **endpoint.headers, **options.headers},
                extensions={"nbchat.progress": options.notice} if options.notice else {},
            )
        except (httpx.InvalidURL, TypeError, ValueError, AttributeError) as problem:
            why = reason(problem)
        else:
            if "authorization" not in request.headers and "api-key" not in request.headers:
                if endpoint.key_missing:
                    raise ConfigurationError(
                        f"There is no key for {endpoint.label}: {endpoint.key_missing} is not set.",
                        hint="Set that environment variable.",
                    )
                request.headers.update(endpoint.credentials())
            request.url = QuietURL(request.url)  # httpx logs it
            return request
        # Out here, so that the frames of httpx, which hold the headers, are not in the traceback.
        raise ConfigurationError(f"No request to {endpoint.name} can be made of this: {why}.")


def _limits(headers: httpx.Headers) -> RateLimits | None:
    # Only those few are decoded: of all headers that costs more than the rest of sending a request.
    found = {
        name.lower().decode("latin-1"): value.decode("latin-1")
        for name, value in headers.raw
        if b"ratelimit" in name.lower()
    }
    return rate_limits(found) if found else None


def _tell(notice: object) -> None:
    tell(f"nbchat: {notice}.")


async def _read_out(parts: AsyncIterator[bytes]) -> None:
    """Read what may follow an answer that is complete: after its very end, the connection serves the next question."""
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            async for _ in parts:
                pass


def _compressed(response: httpx.Response, endpoint: Endpoint) -> bool:
    """Whether an answer has to be decompressed.

    Raises:
        ProtocolError: It is compressed in a way that can't be undone here.
    """
    ways = encodings(response)
    if not set(ways) <= set(ACCEPTED):
        raise compressed(", ".join(ways), endpoint)
    return bool(ways)


async def _opening(
    response: httpx.Response, parts: AsyncIterator[bytes], limit: int, *, asked: Form
) -> tuple[bytes, Form]:
    """Read the beginning of a body, and return it with what the body is.

    Raises:
        ProtocolError: It is a page for people.
    """
    begun, form = await opening(parts, limit)
    form = form or claimed_form(response.headers.get("content-type", ""), asked=asked)
    if form == "page":
        raise web_page(response.request.extensions["nbchat.endpoint"])
    return begun, form


async def _read(response: httpx.Response, limit: int) -> tuple[bytes, Form]:
    """Read a whole body that is meant to be JSON, of so many bytes at most, and return it with what it is."""
    endpoint: Endpoint = response.request.extensions["nbchat.endpoint"]
    _compressed(response, endpoint)
    parts = pieces(response, arriving(response))
    try:
        begun, form = await _opening(response, parts, limit, asked="json")
        return await whole(begun, parts, limit), form
    except httpx.HTTPError as problem:
        failure = broken_off(problem, endpoint, begun=False)
    raise failure


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
        why = str(problem)
    raise ConfigurationError(f"The request can't be written as JSON: {why}.")


def _bare(value: Any) -> Any:
    """Return a number or a text of another library (NumPy's, pandas') as Python's own."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")
