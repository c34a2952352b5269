"""The body of a request on its way out: in pieces, each of which the server has to take in time.

Questions are short, but pictures and documents go along in them. aiohttp waits for ever on a server that stops reading,
and warns of a body of more than a megabyte that is given to it in one piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

__all__ = ["Upload"]

# In bytes: what is shorter fits into what the system keeps for a connection, and is sent without waiting for anybody.
_PIECE = 2**16


class Upload:
    """Sends one request's body.

    It is an asynchronous context manager around the request: where the server stops taking it, that ends in a
    :class:`TimeoutError`.

    Args:
        content: The body.
        patience: How long the server may take for one piece, in seconds; ``None`` for as long as it wants.

    Example:
        >>> async with Upload(content, 600.0) as upload:  # doctest: +SKIP
        ...     response = await session.post(url, data=upload.data)
    """

    def __init__(self, content: bytes, patience: float | None) -> None:
        self._content = content
        self._patience = patience
        self._watch = asyncio.timeout(None)
        self._watched = False

    async def __aenter__(self) -> Self:
        await self._watch.__aenter__()
        self._watched = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Where the answer is there before all of the question went out, the rest goes on its way unwatched.
        self._watched = False
        await self._watch.__aexit__(kind, raised, trace)

    @property
    def stalled(self) -> bool:
        """Whether the server took longer for a piece."""
        return self._watch.expired()

    @property
    def data(self) -> bytes | AsyncIterator[bytes] | None:
        """What aiohttp is to send: a short body as it is, a long one in pieces."""
        return (self._content or None) if len(self._content) <= _PIECE else self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        for begin in range(0, len(self._content), _PIECE):
            self._wait(self._patience)  # whoever asks for the next piece is rid of the one before
            yield self._content[begin : begin + _PIECE]
        self._wait(None)

    def _wait(self, seconds: float | None) -> None:
        if self._watched and not self._watch.expired():
            self._watch.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)
