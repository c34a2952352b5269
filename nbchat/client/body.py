"""The body of an answer, decompressed, in pieces of a bounded size: what a server sends small may become large here."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

from nbchat.errors import ConfigurationError
from nbchat.wire.decode import too_large
from nbchat.wire.opening import Form, form_of

__all__ = ["ACCEPTED", "arriving", "checked_size", "encodings", "opening", "pieces", "whole"]

# How answers may be compressed: what Python unpacks by itself, and piece by piece. Brotli and Zstandard would come with
# other packages, whose decoders in httpx unpack all at once, a few bytes into gigabytes.
ACCEPTED = ("gzip", "deflate")
# In bytes; how much of a body is unpacked at a time.
_PIECE = 2**20
# How zlib is told the form of what it gets: with gzip's head, with zlib's own, or with none.
_GZIP, _ZLIB, _BARE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


def checked_size(size: object) -> int:
    """Return *size* if it is a number of bytes that something may have.

    Raises:
        ConfigurationError: It is none.
    """
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ConfigurationError(f"max_event_bytes must be a positive number of bytes, not {size!r}.")
    return size


def encodings(response: httpx.Response) -> list[str]:
    """Return how an answer is compressed, in the order in which that was done.

    Example:
        >>> encodings(httpx.Response(200, headers={"Content-Encoding": "GZIP"}))
        ['gzip']
    """
    given = response.headers.get("content-encoding", "").lower().split(",")
    return [way.strip() for way in given if way.strip() not in ("", "identity")]


def arriving(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return a body as it was sent; that of the embedded model's refusals is there as a whole, and read already."""
    return response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw()


async def pieces(response: httpx.Response, raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a body as it comes, unpacked.

    Args:
        response: The answer, which says how it is compressed.
        raw: Its body as it was sent.

    Raises:
        httpx.DecodingError: It is not compressed as it says, or in a way that is none of :data:`ACCEPTED`.
    """
    try:
        unpackers = [_Unpacker(way) for way in reversed(encodings(response))]
        async for part in raw:
            first = True
            for piece in _unpacked(part, unpackers):
                if not first:  # much comes of little: others have their turn in between
                    await asyncio.sleep(0)
                first = False
                yield piece
    except zlib.error as problem:
        why = str(problem)
    else:
        return
    raise httpx.DecodingError(why, request=response.request)


async def opening(parts: AsyncIterator[bytes], limit: int) -> tuple[bytes, Form | None]:
    """Read as much of a body as tells what it is, which nearly always is its first piece.

    Args:
        parts: The body as it comes; what follows stays there.
        limit: How many bytes it may have that tell nothing: some servers send blank ones while they think.

    Returns:
        What was read, without blanks before it; and its form, ``None`` where its bytes do not tell.

    Raises:
        ProtocolError: It has more.
        httpx.HTTPError: It can't be read, or not be unpacked.
    """
    begun, size = b"", 0
    async for part in parts:
        begun = (begun + part).lstrip()
        form = form_of(begun)
        if form is not None:
            return begun, None if form == "unknown" else form
        size += len(part)
        if size > limit:
            raise too_large(limit)
    return begun, None


async def whole(begun: bytes, parts: AsyncIterator[bytes], limit: int) -> bytes:
    """Read the rest of a body.

    Args:
        begun: What was read of it.
        parts: What follows.
        limit: How many bytes it may have when it is unpacked.

    Returns:
        All of it.

    Raises:
        ProtocolError: It has more. The rest is not read, so that the connection has to be closed.
        httpx.HTTPError: It can't be read, or not be unpacked.
    """
    read = [begun]
    size = len(begun)
    if size > limit:
        raise too_large(limit)
    async for part in parts:
        size += len(part)
        if size > limit:
            raise too_large(limit)
        read.append(part)
    return b"".join(read)


def _unpacked(part: bytes, unpackers: list[_Unpacker]) -> Iterator[bytes]:
    if not unpackers:
        yield part
        return
    for piece in unpackers[0].feed(part):
        yield from _unpacked(piece, unpackers[1:])


class _Unpacker:
    """Undoes one compression.

    Args:
        way: One of :data:`ACCEPTED`.

    Raises:
        zlib.error: It is another.
    """

    def __init__(self, way: str) -> None:
        if way not in ACCEPTED:
            raise zlib.error(f"{way} was not asked for")
        self._form = _GZIP if way == "gzip" else _ZLIB
        self._zlib = zlib.decompressobj(self._form)
        self._begun = False

    def feed(self, part: bytes) -> Iterator[bytes]:
        """Take the next bytes and yield what becomes of them, in pieces.

        Raises:
            zlib.error: They are not what they should be.
        """
        while not self._zlib.eof:  # what may follow the end is nobody's
            try:
                piece = self._zlib.decompress(part, _PIECE)
            except zlib.error:
                if self._begun or self._form != _ZLIB:
                    raise
                # "deflate" is zlib's form by the standard, and the bare one by some servers.
                self._form, self._begun = _BARE, True
                self._zlib = zlib.decompressobj(_BARE)
                continue
            self._begun = True
            if piece:
                yield piece
            part = self._zlib.unconsumed_tail
            if not part and len(piece) < _PIECE:  # a full piece may have left some behind in zlib itself
                return
