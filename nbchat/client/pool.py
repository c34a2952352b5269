"""The connections of one client, opened when first needed and closed with it. Used on the I/O thread only."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from nbchat.client import portal
from nbchat.client.body import ACCEPTED
from nbchat.client.endpoint import Verify
from nbchat.client.tls import tls_context
from nbchat.embedded.transport import EmbeddedTransport
from nbchat.errors import ConfigurationError

__all__ = ["Pool"]


class _WhenNeeded(httpx.AsyncBaseTransport):
    """The way to a server, prepared by the first request that takes it: the embedded model needs none of it."""

    def __init__(self, verify: Verify, proxy: httpx.Proxy | None = None) -> None:
        self._verify = verify
        self._proxy = proxy
        self._prepared: httpx.AsyncBaseTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._prepared is None:
            # aiohttp and the certificates take some 300 ms to load: not on the thread that all streams share.
            make = await asyncio.get_running_loop().run_in_executor(None, _preparation, self._verify)
            self._prepared = self._prepared or make(self._proxy)  # type: ignore[redundant-expr]  # two may have waited
        return await self._prepared.handle_async_request(request)

    async def aclose(self) -> None:
        if self._prepared is not None:
            await self._prepared.aclose()


def _preparation(verify: Verify) -> Callable[[httpx.Proxy | None], httpx.AsyncBaseTransport]:
    # Here and not above: it is dear, and not everybody's.
    from nbchat.client.transport import FastTransport

    return partial(FastTransport, tls_context(verify))


class _Connections(httpx.AsyncClient):
    """httpx's client with our way to a server, straight or through an HTTP proxy."""

    def _build_redirect_request(self, request: httpx.Request, response: httpx.Response) -> httpx.Request:
        # httpx would make the next request, and fail at an odd place, although it is told not to follow: redirects.py does.
        return request

    # These two are where httpx itself tells the ways apart: with a transport given as an argument it would no longer look
    # for proxies in the environment.
    def _init_transport(self, *, verify: Verify, **_: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        return _WhenNeeded(verify)

    def _init_proxy_transport(self, proxy: httpx.Proxy, **options: Any) -> httpx.AsyncBaseTransport:  # type: ignore[override]
        if proxy.url.scheme in ("http", "https"):
            return _WhenNeeded(options["verify"], proxy)
        return super()._init_proxy_transport(proxy, **{**options, "verify": tls_context(options["verify"])})


def _connections(verify: Verify) -> httpx.AsyncClient:
    """Make the client; through the proxies of the environment, as httpx finds them.

    Raises:
        ConfigurationError: A proxy can't be used.
    """
    try:
        return _Connections(
            verify=verify,  # type: ignore[arg-type]  # ours to read
            headers={"Accept-Encoding": ", ".join(ACCEPTED)},
            mounts={"llama://": EmbeddedTransport()},
        )
    except ImportError:
        why = "a SOCKS proxy needs the package socksio"
    except (ValueError, httpx.InvalidURL):  # its words may hold the password that the address does
        why = "the address of a proxy is not one"
    raise ConfigurationError(
        f"No connection can be made: {why}.",
        hint="HTTP_PROXY, HTTPS_PROXY and ALL_PROXY name proxies; hosts in NO_PROXY are reached without one.",
    )


class Pool:
    """Keeps connections, so that a question need not open one of its own.

    Args:
        verify: How certificates are checked, as :func:`~nbchat.client.tls.tls_context` takes it.
    """

    def __init__(self, verify: Verify = True) -> None:
        self._verify = verify
        self._client: httpx.AsyncClient | None = None
        self._process = os.getpid()
        self._inherited: httpx.AsyncClient | None = None
        self._opening = threading.Lock()

    @property
    def here(self) -> bool:
        """Whether the connections are this process's own, and not those of one that it was forked from."""
        return self._process == os.getpid()

    async def open(self) -> httpx.AsyncClient:
        """Return what requests are sent through, made when first needed."""
        if not self.here:
            # A forked child: the connections are its parent's, on a loop that is not here. They are left alone, not closed.
            self._inherited, self._client = self._client, None
            self._process, self._opening = os.getpid(), threading.Lock()
        while self._client is None:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self._make)
            except RuntimeError:  # Python lends no more threads
                raise ConfigurationError(
                    "Nothing can be asked any more: the main thread has ended, and Python with it.",
                    hint="Let the main thread wait for this one, with its join().",
                ) from None
        return self._client

    def _make(self) -> None:
        with self._opening:
            if self._client is None:
                self._client = _connections(self._verify)
                # A client that is dropped takes its idle connections along.
                weakref.finalize(self, _close_later, self._client).atexit = False
                _pools.add(self)

    async def warm_up(self) -> None:
        """Load what the first request to a server needs, so that it need not wait for that."""
        await self.open()
        await asyncio.get_running_loop().run_in_executor(None, _preparation, self._verify)

    async def close(self) -> None:
        """Close all connections. The next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


async def _close_all() -> None:
    for pool in list(_pools):
        if pool.here:
            await pool.close()


portal.before_exit(_close_all)


def _close_later(pool: httpx.AsyncClient) -> None:
    """Close a pool where it lives: on the I/O thread."""
    portal.call_soon(lambda: asyncio.ensure_future(pool.aclose()))
