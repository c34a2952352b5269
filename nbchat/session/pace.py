"""How many questions are on their way at once: as many as were allowed, and fewer while the server says that it is too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nbchat.client.retry import delay, longest_wait, worth_retrying
from nbchat.errors import NbchatError
from nbchat.wire.limits import RateLimits

__all__ = ["Pace"]

# How often the server may say no, with no answer in between and a pause after each time, before it is believed: with the
# pauses of the client's own back-off, a minute.
_BELIEVED = 10


class Pace:
    """Lets so many work side by side. Made and used on the I/O thread.

    As TCP does on a lossy line: each time the server says "too many requests" nobody begins until the pause is over that
    it asks for, and then half as many may go; with each answer one more may, up to all.

    Args:
        width: How many may work at once.
    """

    def __init__(self, width: int) -> None:
        self._most = self._width = width
        self._working = 0
        self._closed_until = 0.0
        self._refusals = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place to work at, and give it back."""
        while (left := self._closed_until - _now()) > 0 or self._working >= self._width:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left if left > 0 else None):
                    await self._changed.wait()
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            self._changed.set()

    def slow(self, seconds: float) -> None:
        """Let nobody begin for so long, and then half as many; what is said again meanwhile counts once."""
        if _now() >= self._closed_until:
            self._width = max(1, self._width // 2)
        self._close(seconds)

    def answered(self, limits: RateLimits | None) -> None:
        """Note that the server answered, and what it said that it still allows."""
        self._refusals = 0
        self._width = min(self._most, self._width + 1)
        for limit in (limits.requests, limits.tokens) if limits else ():
            if limit is not None and limit.remaining == 0 and limit.reset is not None:
                self._close(min(limit.reset, longest_wait()))
        self._changed.set()

    def again(self, error: NbchatError | None) -> bool:
        """Whether to ask once more what the server had no room for, although the client has tried; after a pause, then."""
        if error is None or error.status != 429 or not worth_retrying(error):
            return False
        if _now() >= self._closed_until:
            self._refusals += 1
        pause = delay(self._refusals, error.retry_after)
        if pause is None or self._refusals > _BELIEVED:
            return False
        self.slow(pause)
        return True

    def open(self) -> None:
        """Let everybody who waits go on at once: there is nothing left to do."""
        self._closed_until, self._width = 0.0, self._most
        self._changed.set()

    def _close(self, seconds: float) -> None:
        self._closed_until = max(self._closed_until, _now() + seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
