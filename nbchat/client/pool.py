"""The connections of one client, opened when first needed and closed with it. Used on the I/O thread only."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import weakref

import httpx

from nbchat.client import portal
from nbchat.embedded.transport import EmbeddedTransport

__all__ = ["Pool"]


class Pool:
    """Keeps connections, so that a question need not open one of its own."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._process = os.getpid()
        self._inherited: httpx.AsyncClient | None = None
        self._opening = threading.Lock()

    async def open(self) -> httpx.AsyncClient:
        """Return what requests are sent through, made when first needed."""
        if self._process != os.getpid():
            # A forked child: the connections are its parent's, on a loop that is not here. They are left alone, not closed.
            self._inherited, self._client = self._client, None
            self._process, self._opening = os.getpid(), threading.Lock()
        while self._client is None:
            # Certificates take some 100 ms to load: not on the thread that all streams share.
            await asyncio.get_running_loop().run_in_executor(None, self._make)
        return self._client

    def _make(self) -> None:
        with self._opening:
            if self._client is None:
                self._client = httpx.AsyncClient(
                    verify=_tls(),
                    mounts={"llama://": EmbeddedTransport()},
                    limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
                )
                # A client that is dropped takes its idle connections along.
                weakref.finalize(self, _close_later, self._client).atexit = False

    async def close(self) -> None:
        """Close all connections. The next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _close_later(pool: httpx.AsyncClient) -> None:
    """Close a pool where it lives: on the I/O thread."""
    portal.call_soon(lambda: asyncio.ensure_future(pool.aclose()))


_tls_lock = threading.Lock()
_tls_contexts: list[ssl.SSLContext] = []


def _tls() -> ssl.SSLContext:
    """Return the TLS settings that all clients share: loading the certificates is what makes a first client slow."""
    with _tls_lock:
        if not _tls_contexts:
            _tls_contexts.append(httpx.create_ssl_context())
        return _tls_contexts[0]
