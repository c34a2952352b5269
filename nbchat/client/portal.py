"""The one I/O thread: an event loop that any thread may give work to.

Everything that waits on a network or a model is written once, as a coroutine, and runs on this loop; the synchronous
face of it is a future. The loop is asyncio's own, entered through :func:`asyncio.run_coroutine_threadsafe`, because that
carries the context variables of the caller (output that a task prints lands in the cell that started it), returns
without a round trip, and may be called from the loop's own thread, where listeners run.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import inspect
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["Gate", "before_exit", "call_soon", "in_portal", "run", "run_from_anywhere", "start"]

T = TypeVar("T")

# How long a thread sleeps before it looks for an interrupt, in seconds: on Windows a wait is deaf to Ctrl-C.
_NAP = 0.2
# How long the interpreter's exit waits for connections to be closed, in seconds.
_GOODBYE = 1.0


class _Portal:
    """The loop and its thread, made when first needed."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            with self._lock:
                if self._loop is None:
                    loop = _new_loop()
                    self.thread = threading.Thread(target=_go_on, args=(loop,), name="nbchat-io", daemon=True)
                    # Known before the thread begins: the garbage collector may run there, and close what asks for it.
                    self._loop = loop
                    self.thread.start()
        return self._loop

    def forget(self) -> None:
        """Start afresh in a forked child, where the thread does not exist."""
        self.__init__()  # type: ignore[misc]

    def close(self) -> None:
        """Cancel what runs, so that servers stop generating when the interpreter exits."""
        loop, thread = self._loop, self.thread
        # One that could not begin is there too: a thread that outlives the main one gets none any more.
        if loop is None or thread is None or not thread.is_alive():
            return

        async def cancel_all() -> None:
            while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                # A task that has not begun is let begin first: of one cancelled before, Python says that something in it
                # was never awaited.
                begun = [task for task in tasks if _begun(task)]
                for task in begun:
                    task.cancel()
                await (asyncio.gather(*begun, return_exceptions=True) if begun else asyncio.sleep(0))
            for last in _last_things:
                await last()
            loop.stop()

        asyncio.run_coroutine_threadsafe(cancel_all(), loop)
        thread.join(_GOODBYE)


def _new_loop() -> asyncio.AbstractEventLoop:
    """Make the loop: uvloop's where there is one, which has a token at its reader a quarter sooner (benchmarks/latency.py)."""
    try:
        import uvloop
    except (ImportError, RuntimeError):  # the latter while the interpreter ends, when what it needs can't be loaded
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _go_on(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped: an ``exit()`` in what runs there ends that, and not everybody's work."""
    while True:
        try:
            return loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            logging.getLogger("nbchat").exception("what ran on the I/O thread tried to end it")


def _begun(task: asyncio.Task[Any]) -> bool:
    work = task.get_coro()
    return not inspect.iscoroutine(work) or inspect.getcoroutinestate(work) != inspect.CORO_CREATED


_portal = _Portal()
_last_things: list[Callable[[], Coroutine[Any, Any, None]]] = []
atexit.register(_portal.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_portal.forget)


def in_portal() -> bool:
    """Whether the caller is on the I/O thread, which must never wait for itself."""
    return threading.current_thread() is _portal.thread


def before_exit(last: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have *last* run on the I/O thread when the interpreter exits and nothing else runs there any more."""
    _last_things.append(last)


def start(work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Run *work* on the I/O thread and return its future; cancelling that cancels the work."""
    return asyncio.run_coroutine_threadsafe(work, _portal.loop)


def call_soon(function: Callable[..., object], *args: object) -> None:
    """Call *function* on the I/O thread as soon as may be."""
    _portal.loop.call_soon_threadsafe(function, *args)


class Gate:
    """Where one thread waits, once, until another lets it go on.

    A lock and not an event: that is several layers of Python, which at every token both threads would go through.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let the thread that waits, or will, go on. Opening twice is opening once."""
        try:  # noqa: SIM105  suppress() is several calls, and this is done for every token
            self._lock.release()
        except RuntimeError:  # it was opened before, and is not held
            pass

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is open, in a way that an interrupt ends on every system.

        Args:
            timeout: Seconds to wait at most; ``None`` for as long as it takes.

        Returns:
            Whether it was opened.

        Raises:
            RuntimeError: The caller is the I/O thread.
        """
        if in_portal():
            raise RuntimeError("The I/O thread can't wait for itself: ask from another thread, or await the turn.")
        if timeout is not None:
            return self._lock.acquire(timeout=min(max(timeout, 0), threading.TIMEOUT_MAX))
        while not self._lock.acquire(timeout=_NAP):
            pass
        return True


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* on the I/O thread and wait for its result; an interrupt cancels it.

    Raises:
        RuntimeError: The caller is the I/O thread itself.
    """
    if in_portal():
        work.close()
        raise RuntimeError("The I/O thread can't wait for itself: use the async form here.")
    future = start(work)
    done = Gate()
    future.add_done_callback(lambda _: done.open())
    try:
        done.wait()
    except BaseException:
        future.cancel()
        raise
    return future.result()


async def run_from_anywhere(work: Coroutine[Any, Any, T]) -> T:
    """Await *work*, which runs on the I/O thread, from any event loop; cancelling the caller cancels it."""
    if in_portal():
        return await work
    return await asyncio.wrap_future(start(work))
