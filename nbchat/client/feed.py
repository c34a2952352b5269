"""Handing items from the I/O thread to whoever waits for them, thread or coroutine.

The writer only appends; it wakes a reader only if one sleeps, and a reader takes everything that is there at once.
Waking a thread for every chunk would cost more than receiving it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from nbchat.client import portal

__all__ = ["Feed"]

T = TypeVar("T")


class Feed(Generic[T]):
    """A list that one thread appends to and any number of readers follow, each from its own position."""

    __slots__ = ("_closed", "_items", "_lock", "_wakers")

    def __init__(self) -> None:
        self._items: list[T] = []
        self._closed = False
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []

    def extend(self, items: list[T]) -> None:
        """Append *items* and wake those who wait."""
        self._items += items
        if self._wakers:
            with self._lock:
                wakers, self._wakers = self._wakers, []
            for waker in wakers:
                waker()

    def close(self) -> None:
        """Say that nothing more will come. Closing twice is closing once."""
        self._closed = True
        self.extend([])

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def since(self, position: int) -> list[T]:
        """Return what has come after the first *position* items."""
        return self._items[position:]

    def take(self) -> list[T]:
        """Return what is there and forget it, for a feed with one reader."""
        with self._lock:
            count = len(self._items)
            items = self._items[:count]
            del self._items[:count]
        return items

    def wait(self, position: int, timeout: float | None = None) -> bool:
        """Block until there is something after *position*, or the feed is closed.

        Args:
            position: How many items the reader already has.
            timeout: Seconds to wait at most; ``None`` for as long as it takes.

        Returns:
            Whether there is something new or the feed is closed.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while not self._ready(position):
            gate, opened = portal.Gate(), False
            self._register(gate.open)
            try:
                if not self._ready(position):
                    opened = gate.wait(None if end is None else end - time.monotonic())
                    if not opened:
                        return False
            finally:
                if not opened:  # who opened it has taken it off the list
                    self._unregister(gate.open)
        return True

    async def wait_async(self, position: int) -> None:
        """Wait, in any event loop, until there is something after *position*, or the feed is closed."""
        if self._ready(position):
            return
        loop = asyncio.get_running_loop()
        event = asyncio.Event()

        def wake() -> None:
            # The reader's loop may be gone by now; then nobody waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

        def waker() -> None:
            # Waking a loop is a system call, at which the reader's thread takes over. What else is there is appended
            # first, so that it does so once and not for every item.
            try:
                asyncio.get_running_loop().call_soon(wake)
            except RuntimeError:
                wake()

        while not self._ready(position):
            event.clear()
            self._register(waker)
            try:
                if not self._ready(position):
                    await event.wait()
            finally:
                self._unregister(waker)

    def _ready(self, position: int) -> bool:
        return len(self._items) > position or self._closed

    def _register(self, waker: Callable[[], object]) -> None:
        with self._lock:
            self._wakers.append(waker)

    def _unregister(self, waker: Callable[[], object]) -> None:
        with self._lock:
            if waker in self._wakers:
                self._wakers.remove(waker)
