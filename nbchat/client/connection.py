"""aiohttp's connection, which hands over what a server streams in the very moment in which it arrives.

Between two tokens everything goes cold: the processor's caches hold what others did meanwhile, and what is done for a token
takes ten times as long as the same work in a row. So only what has to be is done on the way to who waits
(``benchmarks/latency.py`` measures it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from nbchat.client.chunked import ChunkReader

__all__ = ["Connection"]

_HEAD_END = b"\r\n\r\n"


class Connection(ResponseHandler):
    """One connection to a server. aiohttp reads all but the chunks of a body, which are read here.

    What aiohttp does for a chunk, with its parser's calls and its buffer, is four times the work of reading it.

    Args:
        loop: The loop that it belongs to.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._body: aiohttp.StreamReader | None = None
        self._chunked = False
        self._chunks: ChunkReader | None = None
        self._take: Callable[[bytes], bool] | None = None
        self._context = copy_context()
        self._followed: asyncio.Future[None] | None = None
        self._heard = 0.0

    async def follow(self, take: Callable[[bytes], bool]) -> None:
        """Hand over each piece of the body that comes in chunks, with no buffer and no task to be woken in between.

        It ends when no more is wanted, or nothing more comes in this way; what is left, and what went wrong, is in the body.

        Args:
            take: Called with each piece, in the context of the caller; returns whether more is wanted at once.
        """
        if self._chunks is None:
            return
        self._followed = self._loop.create_future()
        self._take, self._context = take, copy_context()
        try:
            await self._followed
        finally:
            self._take = self._followed = None

    def _let_go(self, problem: Exception | None = None) -> None:
        """End the following; with the problem of who followed."""
        self._take = None
        if self._followed is None or self._followed.done():
            return
        if problem is None:
            self._followed.set_result(None)
        else:
            self._followed.set_exception(problem)

    # ---- as aiohttp has it ---------------------------------------------------------------------------------------------

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take a head that has been read, and the body that will be."""
        message, self._body = data
        self._chunked = message.chunked
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Take what has come over the connection."""
        chunks = self._chunks
        if chunks is None or self._body is None or not data:  # no data: aiohttp goes on with what it held back
            self._read_head(data)
            return
        self._heard = self._loop.time()
        if piece := chunks.feed(data):
            if self._take is None:
                self._body.feed_data(piece, len(piece))
            else:
                try:
                    if not self._context.run(self._take, piece):
                        self._let_go()
                except Exception as problem:  # noqa: BLE001  whatever it is, who followed gets it
                    self._let_go(problem)
        if chunks.rest is not None:
            self._chunks = None
            super().data_received(chunks.rest)
            self._let_go()
        elif chunks.broken and self.transport is not None:
            self._chunks = None
            self.transport.close()

    def _read_head(self, data: bytes) -> None:
        """Have aiohttp read an answer's head, or a body that is not in chunks."""
        if self._body is not None and not self._body.is_eof():
            super().data_received(data)
            return
        head, end, rest = data.partition(_HEAD_END)
        super().data_received(head + end)
        body = self._body
        # After the end of a head, and with nothing of a body: it begins here.
        if end and self._chunked and body is not None and not body.is_eof() and not body.total_bytes:
            body.begin_http_chunk_receiving()  # as aiohttp wants it before any data; to it the body is one chunk
            self._chunks = ChunkReader()
        if rest and self._chunks is not None:
            self.data_received(rest)
        elif rest:
            super().data_received(rest)

    def set_exception(self, *problem: Any) -> None:
        """Note that the connection is of no use any more: a time-out, for one."""
        super().set_exception(*problem)
        self._let_go()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note that the connection is closed."""
        super().connection_lost(exc)
        # aiohttp closes a connection over which came what is not HTTP, and then forgets to tell who waits for more.
        if self._body is not None and not self._body.is_eof() and self._body.exception() is None:
            self._body.set_exception(aiohttp.ClientPayloadError())
        self._let_go()

    # A timer that is set anew for every piece costs more than reading it: one runs, and looks when it is over.

    def _reschedule_timeout(self) -> None:
        self._heard = self._loop.time()
        if self._read_timeout_handle is None:
            super()._reschedule_timeout()

    def start_timeout(self) -> None:
        """Give the next piece as long as :attr:`read_timeout` says, from now on."""
        self._drop_timeout()
        super().start_timeout()

    def _on_read_timeout(self) -> None:
        left = self._heard + (self.read_timeout or 0.0) - self._loop.time()
        if left > 0:
            self._read_timeout_handle = self._loop.call_later(left, self._on_read_timeout)
        else:
            super()._on_read_timeout()
