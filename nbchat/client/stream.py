"""The chunks of one streamed answer, for whoever asked: a thread, or a coroutine of any event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Self

from nbchat.client import portal
from nbchat.client.feed import Feed
from nbchat.client.http import Http, Options, Pause
from nbchat.wire.chunks import ChatCompletionChunk

__all__ = ["Stream"]

# How many chunks may wait for a slow reader before the I/O thread stops reading, so that the server is slowed down too.
_HIGH_WATER = 4096


class _Flow:
    """What the I/O thread writes and a :class:`Stream` reads; the stream itself may be dropped while it runs."""

    def __init__(self) -> None:
        self.opened: Feed[None] = Feed()
        self.chunks: Feed[ChatCompletionChunk] = Feed()
        # Of what was taken, what is still to be handed out: by whichever loop or next() comes next.
        self.left: Iterator[ChatCompletionChunk] = iter(())
        self.error: BaseException | None = None
        self.room: asyncio.Event | None = None

    async def pump(self, http: Http, body: Mapping[str, Any], options: Options) -> None:
        self.room = asyncio.Event()
        try:
            await http.stream(body, options, self.add, self.opened.close)
        except Exception as error:  # noqa: BLE001  whatever it is, the reader is told
            self.error = error
        finally:
            self.chunks.close()
            self.opened.close()

    def add(self, chunks: list[ChatCompletionChunk]) -> Pause | None:
        self.chunks.extend(chunks)
        return self._made_room if len(self.chunks) > _HIGH_WATER else None

    async def _made_room(self) -> None:
        while self.room is not None and len(self.chunks) > _HIGH_WATER:
            self.room.clear()
            # Looked at again: the reader may have emptied it between the two lines above.
            if len(self.chunks) > _HIGH_WATER:
                await self.room.wait()

    def take(self) -> bool:
        """Take what has come to hand it out; whether there was anything."""
        chunks = self.chunks.take()
        if self.room is not None and len(chunks) > _HIGH_WATER:
            portal.call_soon(self.room.set)
        self.left = iter(chunks)
        return bool(chunks)

    def raise_refusal(self) -> None:
        # What arrived is delivered before what went wrong is told.
        if self.error is not None and not len(self.chunks):
            raise self.error


class Stream:
    """The chunks of an answer, as they come. Iterate over it once, with ``for`` or with ``async for``.

    The HTTP answer is closed when the stream is exhausted, closed, broken out of, dropped or cancelled, so that the
    server stops generating.
    """

    def __init__(self, http: Http, body: Mapping[str, Any], options: Options) -> None:
        self._flow = _Flow()
        self._pump = portal.start(self._flow.pump(http, body, options))

    def wait_until_open(self) -> Self:
        """Block until the server has begun to answer, and raise its refusal if it refused."""
        try:
            self._flow.opened.wait(0)
        except BaseException:
            self.close()
            raise
        self._flow.raise_refusal()
        return self

    async def wait_until_open_async(self) -> Self:
        """Wait until the server has begun to answer, and raise its refusal if it refused."""
        try:
            await self._flow.opened.wait_async(0)
        except BaseException:
            self.close()
            raise
        self._flow.raise_refusal()
        return self

    def _generate(self) -> Iterator[ChatCompletionChunk]:
        flow = self._flow
        try:
            yield from flow.left
            while self._more():
                yield from flow.left
        finally:
            self.close()
        self._raise_failure()

    async def _agenerate(self) -> AsyncIterator[ChatCompletionChunk]:
        flow = self._flow
        try:
            for chunk in flow.left:
                yield chunk
            while await self._more_async():
                for chunk in flow.left:
                    yield chunk
        finally:
            self.close()
        self._raise_failure()

    def _more(self) -> bool:
        self._flow.chunks.wait(0)
        return self._flow.take()

    async def _more_async(self) -> bool:
        await self._flow.chunks.wait_async(0)
        return self._flow.take()

    def _raise_failure(self) -> None:
        if self._flow.error is not None:
            raise self._flow.error

    def __iter__(self) -> Iterator[ChatCompletionChunk]:
        # A new generator, not this object: when a loop is broken out of, it is the generator that goes away, and with
        # it the connection, although a variable may still hold the stream.
        return self._generate()

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        return self._agenerate()

    # No generator here: one that is kept would keep the stream in turn, which is closed when it is dropped.

    def __next__(self) -> ChatCompletionChunk:
        try:
            chunk = next(self._flow.left, None)
            while chunk is None and self._more():
                chunk = next(self._flow.left, None)
        except BaseException:  # an interrupt
            self.close()
            raise
        if chunk is not None:
            return chunk
        self._raise_failure()
        raise StopIteration

    async def __anext__(self) -> ChatCompletionChunk:
        try:
            chunk = next(self._flow.left, None)
            while chunk is None and await self._more_async():
                chunk = next(self._flow.left, None)
        except BaseException:  # cancelled
            self.close()
            raise
        if chunk is not None:
            return chunk
        self._raise_failure()
        raise StopAsyncIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the answer and close its connection. Closing twice is closing once."""
        self._pump.cancel()
        self._flow.left = iter(())

    def __del__(self) -> None:
        pump = getattr(self, "_pump", None)
        if pump is not None:
            pump.cancel()
