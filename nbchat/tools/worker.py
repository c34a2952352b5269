"""A thread of its own for one call of the user's code, and how it is stopped."""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

__all__ = ["Job", "Stopped", "apart"]

T = TypeVar("T")

# How long an async function has to end after it was cancelled, in seconds, before it is treated as one that can't hear.
_GRACE = 1.0


class Stopped(KeyboardInterrupt):
    """The call is over, stopped by somebody or out of time: raised in what still runs, as an interrupt of the kernel is."""


class Job(Generic[T]):
    """One call in a thread, which is a daemon: code that can't be stopped does not hold up the interpreter's exit.

    Stopping it cancels an async function. Any other code gets a :class:`Stopped`, at its next step in Python, which is what
    an interrupt does to a cell: loops end, ``finally`` and ``with`` are gone through, and a call that waits for nbchat is
    cancelled in turn. The risk is that of every interrupt, that it comes between any two steps; it is taken because a loop
    that nobody can end would hold the kernel for good, and bounded because the thread runs nothing but this call. Code that
    sits in a system call or in C is left to end by itself, and what it returns is dropped.
    """

    def __init__(self, work: Callable[[Job[T]], T]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[T] = self._loop.create_future()
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._over = False
        self._cancel: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None

    def start(self, name: str) -> None:
        """Begin, in the context of the caller: what the code prints lands in the cell that asked."""
        self._thread = threading.Thread(target=self._context.run, args=(self._run,), name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(Stopped):
            try:
                result = self._work(self)
            except Stopped:
                raise
            except BaseException as problem:  # noqa: BLE001  an exit would end the loop that waits
                failure = RuntimeError(f"{type(problem).__name__}: {problem}")
                self._settle(lambda: self.done.set_exception(failure))
            else:
                self._settle(lambda: self.done.set_result(result))

    def _settle(self, settle: Callable[[], object]) -> None:
        with self._lock:
            self._over = True
        # The loop may be gone by now; then nobody waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: self.done.done() or settle())

    def wait_for(self, awaitable: Awaitable[Any]) -> Any:
        """Await, in the job's own thread and on a loop of its own, what the code has returned."""

        async def main() -> Any:
            task, loop = asyncio.current_task(), asyncio.get_running_loop()
            with self._lock:
                self._cancel = lambda: loop.call_soon_threadsafe(task.cancel) if task else None
            try:
                return await awaitable
            finally:
                with self._lock:
                    self._cancel = None

        return asyncio.run(main())

    def stop(self) -> None:
        """Stop it: at its next step, or at the place where it awaits something."""
        with self._lock:
            cancel = self._cancel
            if cancel is not None:
                cancel()
        if cancel is None:
            self.interrupt()
        else:  # it may hold up its own loop, and never hear of this
            last = threading.Timer(_GRACE, self.interrupt)
            last.daemon = True
            last.start()

    def interrupt(self) -> None:
        """Raise :class:`Stopped` in what runs."""
        with self._lock:
            if not self._over and self._thread is not None and self._thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(Stopped)
                )


async def apart(work: Callable[[Job[T]], T], name: str) -> T:
    """Run *work* in a thread of its own and return its result; cancelling stops it, and returns at once.

    Args:
        work: What is run; it is given its job.
        name: The name of the thread.

    Raises:
        RuntimeError: *work* raised something, whatever it was, or no thread could be had.
    """
    job = Job(work)
    job.start(name)
    try:
        return await job.done
    except asyncio.CancelledError:
        job.stop()
        raise
