"""httpx's requests over aiohttp's connections: the same client, with a parser in C beneath it.

httpx's own transport spends some 8 µs on each HTTP chunk, three times what our whole reading of it costs, because its
parser (h11) is written in Python (``benchmarks/transports.py`` measures both). Only the way to the server differs: choosing
a proxy, decoding, cookies, redirects and every exception that leaves here are httpx's own.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from nbchat.client.connection import Connection
from nbchat.client.upload import Upload

__all__ = ["Body", "FastTransport"]

# What arrives in one go is taken in one go: a quarter of a megabyte may wait for us, then the server waits.
_BUFFER = 2**17
# In bytes: some gateways answer with headers longer than aiohttp's own 8 KB.
_LONGEST_HEADER = 2**16
# In seconds; how long an idle connection is kept for the next question.
_KEPT = 30.0
# What aiohttp's exceptions are in httpx's words, from the most to the least telling; and in ours, where theirs are meant
# for whoever writes an HTTP library.
_MEANINGS: tuple[tuple[type[Exception], type[httpx.TransportError], str], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout, ""),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout, ""),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError, ""),
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError, ""),
    (aiohttp.ClientConnectorError, httpx.ConnectError, ""),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError, "the server closed the connection before the end"),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError, "the server closed the connection without an answer"),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError, "what the server sent is not HTTP"),
    (HttpProcessingError, httpx.RemoteProtocolError, "what the server sent is not HTTP"),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol, ""),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol, ""),
    (aiohttp.ClientError, httpx.ReadError, ""),
    (TimeoutError, httpx.ConnectTimeout, ""),
    (OSError, httpx.ReadError, ""),
    (UnicodeError, httpx.ConnectError, "the name does not resolve"),  # one that can't be asked for: a..b
)


def _as_httpx(problem: Exception, request: httpx.Request) -> httpx.TransportError:
    """Return an exception of aiohttp's as httpx would have raised it."""
    meaning, words = next(
        ((meaning, words) for kind, meaning, words in _MEANINGS if isinstance(problem, kind)),
        (httpx.TransportError, ""),
    )
    said = words or str(problem) or type(problem).__name__
    query = request.url.query.decode()  # some of aiohttp's words name the whole address
    return meaning(said.replace(f"?{query}", "") if query else said, request=request)


class _Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(Connection, loop=self._loop)  # type: ignore[assignment]  # one that is a ResponseHandler


class Body(httpx.AsyncByteStream):
    """The body of an answer, in the pieces in which it arrives.

    Args:
        request: What it answers, which says how long the next piece may take.
        response: The answer, of which the headers have come.
    """

    def __init__(self, request: httpx.Request, response: aiohttp.ClientResponse) -> None:
        self._request = request
        self._response = response

    @property
    def _connection(self) -> Connection | None:
        """What it comes over; ``None`` when all of it has come."""
        connection = self._response.connection
        protocol = connection.protocol if connection is not None else None
        return protocol if isinstance(protocol, Connection) else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self._response.content
        problem: Exception | None = None
        try:
            while piece := await content.readany():
                yield piece
                self._wait_as_asked()
        except (aiohttp.ClientError, HttpProcessingError, OSError) as broken:
            problem = broken
        if problem is None:
            return
        # aiohttp raises before it hands out what had arrived: that is not lost.
        content.set_exception(None)  # type: ignore[arg-type]  # there is no other way to say that it is no more
        if left := content.read_nowait():
            yield left
        raise _as_httpx(problem, self._request)

    async def follow(self, take: Callable[[bytes], bool]) -> None:
        """Hand over each piece in the very moment in which it arrives, as long as they come in HTTP chunks.

        It ends when no more is wanted or nothing more comes; what is left, and what went wrong, comes by iterating.

        Args:
            take: Called with each piece, in the context of the caller; returns whether more is wanted at once.
        """
        if (connection := self._connection) is not None:
            self._wait_as_asked()
            await connection.follow(take)

    def _wait_as_asked(self) -> None:
        """Give the next piece as long as the request now says; it says something else when the answer has begun."""
        connection = self._connection
        asked = self._request.extensions.get("timeout", {}).get("read")
        if connection is not None and connection.read_timeout != asked:
            connection.read_timeout = asked
            connection.start_timeout()

    async def aclose(self) -> None:  # noqa: D102  as httpx has it
        # Where the body was read to its end the connection is back in the pool already; everything else is closed.
        self._response.close()


def _sound(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Leave out what httpx would keep and then not be able to send back: a cookie that is not plain text."""
    return [(name, value) for name, value in headers if value.isascii() or name.lower() != b"set-cookie"]


def _basic(auth: tuple[bytes, bytes] | None) -> dict[str, str]:
    if auth is None:
        return {}
    return {"Proxy-Authorization": f"Basic {b64encode(b':'.join(auth)).decode()}"}


class FastTransport(httpx.AsyncBaseTransport):
    """Sends httpx's requests through aiohttp. Made and used on the I/O thread.

    Args:
        verify: How TLS certificates are checked.
        proxy: An HTTP proxy to go through.
    """

    def __init__(self, verify: ssl.SSLContext, proxy: httpx.Proxy | None = None) -> None:
        self._verify = verify
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=_Connector(ssl=self._verify, limit=0, keepalive_timeout=_KEPT),
                cookie_jar=aiohttp.DummyCookieJar(),  # httpx keeps them
                auto_decompress=False,  # httpx does
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                read_bufsize=_BUFFER,
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, and return its answer when the headers have come."""
        waits: dict[str, Any] = request.extensions.get("timeout", {})
        failure: httpx.TransportError
        upload = Upload(await request.aread(), waits.get("write"))
        try:
            async with upload:
                response = await self._open().request(
                    request.method,
                    URL(str(httpx.URL(request.url)), encoded=True),  # whole, also where it shows without its query
                    headers=[*request.headers.multi_items(), *self._pass(request).items()],
                    data=upload.data,
                    allow_redirects=False,
                    **self._detour(request),
                    timeout=aiohttp.ClientTimeout(
                        total=None,
                        connect=waits.get("connect"),
                        sock_read=waits.get("read"),
                        ceil_threshold=float("inf"),
                    ),
                )
        except (aiohttp.ClientError, HttpProcessingError, OSError, UnicodeError) as problem:
            failure = httpx.WriteTimeout("", request=request) if upload.stalled else _as_httpx(problem, request)
            # aiohttp tells a proxy that it can't find like any other host that it can't find.
            if self._proxy is not None and getattr(problem, "host", None) == self._proxy.url.host:
                failure = httpx.ProxyError(str(failure), request=request)
        else:
            body = Body(request, response)
            return httpx.Response(
                response.status,
                headers=_sound(response.raw_headers),
                stream=body,
                request=request,
                extensions={
                    "nbchat.body": body,
                    "http_version": b"HTTP/1.1",
                    "reason_phrase": (response.reason or "").encode(errors="replace"),
                },
            )
        # Out here, so that frames which hold the headers are not in the traceback.
        raise failure

    def _detour(self, request: httpx.Request) -> dict[str, Any]:
        if self._proxy is None:
            return {}
        told = {} if self._pass(request) else _basic(self._proxy.raw_auth)
        return {
            "proxy": URL(str(self._proxy.url), encoded=True),
            "proxy_headers": {**dict(self._proxy.headers), **told} or None,
        }

    def _pass(self, request: httpx.Request) -> dict[str, str]:
        """Return what shows the proxy who asks, where it reads the request itself: through a tunnel, servers would see it."""
        if self._proxy is None or request.url.scheme != "http":
            return {}
        return _basic(self._proxy.raw_auth)

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
