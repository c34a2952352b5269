"""The way to a server at an address: MCP's streamable HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND

from nbchat.client.address import origin
from nbchat.client.secret import Secret, SecretHeaders
from nbchat.errors import ConfigurationError
from nbchat.remote.failures import one_line

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

__all__ = ["Address"]

# How long a connection may take, in seconds. An answer has no time of its own here: a tool may work for long, and each call
# is limited as a whole.
_CONNECT = 30.0
# What the mcp package answers in the server's place where that sent an HTTP error: it keeps the status to itself.
_STAND_INS = frozenset({INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND})


class Address:
    """A server at an address.

    Args:
        url: The address. Its query, where gateways have keys, shows nowhere.
        headers: Headers of every request.
        name: What it is called in errors.

    Raises:
        ConfigurationError: It is not an address, or a header can't be sent.
    """

    def __init__(self, url: str, headers: SecretHeaders, name: str | None) -> None:
        url, _, query = url.strip().partition("?")
        if "@" in url:
            raise ConfigurationError(
                "The url of the MCP server holds a user name or password, which would show wherever the address does.",
                hint="Pass it as headers={'Authorization': …}.",
            )
        if not (origin(url) or "").startswith("http"):
            raise ConfigurationError(
                f"{url!r} is not an address of an MCP server.", hint="Write it as https://HOST/mcp."
            )
        self.label = name or f"at {url}"
        self._url = url
        self._query = Secret(query)
        self._headers = headers

    def link(self) -> _Requests:
        """Return the way for one connection."""
        return _Requests(self._url, self._query, self._headers)

    def censor(self, text: str) -> str:
        """Return *text* without the values of its headers, and without its query."""
        return self._query.censor(self._headers.censor(text))


class _QuietURL(httpx2.URL):
    """An address that shows without its query: httpx2 logs the address of each request."""

    def __str__(self) -> str:
        return str(httpx2.URL(self).copy_with(query=None))

    def __repr__(self) -> str:
        return f"_QuietURL({str(self)!r})"


class _Requests:
    """The requests of one connection."""

    def __init__(self, url: str, query: Secret, headers: SecretHeaders) -> None:
        self._url = url
        self._query = query
        self._headers = headers
        self._refused: httpx2.Response | None = None

    @property
    def forgotten(self) -> bool:
        """Whether the server knows the session no more: it was started anew, say. MCP has status 404 for that."""
        return self._refused is not None and self._refused.status_code == HTTPStatus.NOT_FOUND

    @asynccontextmanager
    async def streams(self, gone: Callable[[], object]) -> AsyncIterator[TransportStreams]:
        """Open the way; nothing is sent yet. A server that goes is met by the next request: nobody is told before."""
        async with (
            httpx2.AsyncClient(
                headers=dict(self._headers),
                timeout=httpx2.Timeout(_CONNECT, read=None),
                event_hooks={"request": [self._complete], "response": [self._note]},
            ) as client,
            streamable_http_client(self._url, http_client=client) as streams,
        ):
            yield streams

    async def _complete(self, request: httpx2.Request) -> None:
        """Give a request the query of the address, which the mcp package would log."""
        query = self._query.reveal().encode()
        request.url = _QuietURL(request.url.copy_with(query=query) if query else request.url)

    async def _note(self, response: httpx2.Response) -> None:
        if response.request.method == "POST":
            self._refused = response if response.is_error else None

    def reason(self, problem: Exception) -> str | None:
        """Say that it can't be reached, or with which status it refused."""
        if isinstance(problem, httpx2.TimeoutException):
            return f"can't be reached: it took more than {_CONNECT:g} s"
        if isinstance(problem, httpx2.TransportError):
            return f"can't be reached: {one_line(str(problem))}"
        if isinstance(problem, MCPError) and problem.code in _STAND_INS and self._refused is not None:
            return f"refused: HTTP {self._refused.status_code} {self._refused.reason_phrase}".rstrip()
        if isinstance(problem, MCPError) and problem.code == CONNECTION_CLOSED:
            return "broke off the connection"
        return None

    def hint(self) -> str | None:
        """Tell where a key goes, if it may be that which is missing."""
        status = self._refused.status_code if self._refused is not None else None
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return "Give its key in headers={'Authorization': 'Bearer …'}, or another one."
        if status == HTTPStatus.NOT_FOUND:
            return f"Look at the path, {urlsplit(self._url).path or '/'}: it is often /mcp."
        return None
