"""The models in memory: each loaded once, when first asked for, and shared by all who ask until it is unloaded."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbchat.embedded import gguf, weights
from nbchat.embedded.engine import Engine, require_llama
from nbchat.embedded.refusal import Refusal
from nbchat.embedded.weights import SMOLLM2, Artefact, Listener, Progress

__all__ = ["Model", "Shelf", "Ticket", "shelf", "unload"]

_PIECE = 1 << 23
# A file larger than this, in bytes, is not read ahead of llama.cpp: the first half would be out of the disk cache again
# before the second is in.
_READ_AHEAD = 8 << 30
# How long the interpreter's exit waits for a step in the making, in seconds.
_PATIENCE = 10.0

# Twice the context that a plan made from its header would have room for at this size: the keys and values of the
# default model lose nothing visible in 8 bits, and a kernel next to other kernels should stay small.
_DEFAULT_PLAN = gguf.Plan(slots=4, context=4096, cache="q8_0")


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be asked: a GGUF file, or the default one.

    Attributes:
        path: The file, or ``None`` for the default model.
        artefact: Where the default model comes from.
    """

    path: Path | None = None
    artefact: Artefact = SMOLLM2

    @property
    def name(self) -> str:
        """What the model is called in its answers."""
        return self.path.stem if self.path else self.artefact.name

    @property
    def small(self) -> bool:
        """Whether it needs short prompts, and bounds that keep it from going on for ever, as the default model does."""
        return self.path is None

    @property
    def defaults(self) -> dict[str, Any]:
        """How tokens are chosen where a request does not say, in llama.cpp's words.

        The default model's are those of its makers' own example (the card of SmolLM2-135M-Instruct); other files may
        bring theirs along, and llama.cpp obeys them.
        """
        return {} if self.path else {"temperature": 0.2, "top_p": 0.9}

    def longest(self, context: int) -> int:
        """Return how many tokens an answer may have where a request does not say.

        The default model seldom stops by itself once it repeats itself, so it gets a quarter of its context.

        Args:
            context: How many tokens fit into one slot.
        """
        return context if self.path else context // 4


@dataclass(eq=False, slots=True)
class Ticket:
    """A claim on a model that is on its way: a future of one's own, so that giving up concerns nobody else."""

    listener: Listener
    future: Future[Engine] = field(default_factory=Future)
    release: Callable[[], None] = lambda: None


@dataclass(eq=False, slots=True)
class _Load:
    """A model on its way into memory."""

    thread: threading.Thread | None = None
    tickets: list[Ticket] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    latest: Progress | None = None

    @property
    def is_coming(self) -> bool:
        """Whether it will end with an engine: a download is stopped when nobody wants it, llama.cpp's loading is not."""
        return not self.stop.is_set() or (self.latest is not None and self.latest.stage == "loading")


class Shelf:
    """Models by what was asked for."""

    def __init__(self) -> None:
        self._engines: dict[Model, Engine] = {}
        self._loads: dict[Model, _Load] = {}
        self._lock = threading.RLock()

    def request(self, model: Model, listener: Listener = lambda _: None) -> Ticket:
        """Ask for a model; it is loaded on another thread if it is not in memory.

        Args:
            model: The model.
            listener: Called with the progress, on the thread that loads.

        Returns:
            A ticket. Its future holds the engine, or fails with a Refusal or an NbchatError; its ``release`` must be
            called when the future is done or not wanted any more. When nobody wants it, a download is stopped.
        """
        ticket = Ticket(listener)
        with self._lock:
            if engine := self._engines.get(model):
                ticket.future.set_result(engine)
                return ticket
            load = self._loads.get(model)
            if load is None or not load.is_coming:
                load = self._loads[model] = _Load()
                load.thread = threading.Thread(target=self._load, args=(model, load), name="nbchat-load", daemon=True)
                load.thread.start()
            load.tickets.append(ticket)
            latest = load.latest
        ticket.release = lambda: self._release(load, ticket)
        if latest:
            listener(latest)
        return ticket

    def _release(self, load: _Load, ticket: Ticket) -> None:
        with self._lock:
            if ticket in load.tickets:
                load.tickets.remove(ticket)
            if not load.tickets:
                load.stop.set()

    def _load(self, model: Model, load: _Load) -> None:
        def report(at: Progress) -> None:
            with self._lock:
                load.latest = at
                tickets = list(load.tickets)
            for ticket in tickets:
                with suppress(Exception):  # who listened is gone; its own loop tells what else goes wrong
                    ticket.listener(at)

        engine: Engine | None = None
        failure: Exception | None = None
        try:
            engine = _bring(model, report, load.stop)
        except Exception as problem:  # noqa: BLE001  whatever it is, whoever waits gets it
            failure = problem
        with self._lock:
            tickets = list(load.tickets)
            mine = self._loads.get(model) is load
            if mine:
                del self._loads[model]
                if engine:
                    # Kept also if meanwhile nobody waits for it: the next question will.
                    self._engines[model] = engine
        if not mine:
            if engine:
                engine.close()
            engine, failure = None, _unloaded()
        for ticket in tickets:
            with suppress(InvalidStateError):  # given up at this moment
                if engine:
                    ticket.future.set_result(engine)
                elif failure:
                    ticket.future.set_exception(failure)

    def engines(self) -> dict[Model, Engine]:
        """Return the models in memory."""
        with self._lock:
            return dict(self._engines)

    def unload(self, timeout: float | None = None) -> None:
        """Take all models out of memory; see :func:`unload`."""
        with self._lock:
            engines, self._engines = self._engines, {}
            loads, self._loads = self._loads, {}
            for load in loads.values():
                load.stop.set()
        for engine in engines.values():
            engine.close(timeout)
        for load in loads.values():
            if load.thread and load.thread is not threading.current_thread():
                load.thread.join(timeout)

    def abandon(self) -> None:
        """Start afresh in a forked child, where the threads of the models do not exist."""
        for engine in self._engines.values():
            engine.abandon()
        self.__init__()  # type: ignore[misc]


def _unloaded() -> Refusal:
    return Refusal(410, "The embedded model was unloaded while it was loading.", code="model_unloaded")


def _bring(model: Model, report: Listener, stop: threading.Event) -> Engine:
    """Load *model*, on the calling thread."""
    require_llama()  # before 93 MB are fetched for nothing
    if model.path is None:
        path, plan = weights.fetch(model.artefact, progress=report, cancelled=stop), _DEFAULT_PLAN
    else:
        path = model.path
        gguf.check(path)
        plan = gguf.plan_for(gguf.read_header(path))
    _read_ahead(path, report, stop)
    return Engine(path, plan)


def _read_ahead(path: Path, report: Listener, stop: threading.Event) -> None:
    """Read the file into the system's cache, so that llama.cpp, which holds Python up meanwhile, finds it there."""
    total, done = path.stat().st_size, 0
    with path.open("rb", buffering=0) as file:
        room = bytearray(_PIECE)
        while not stop.is_set() and total <= _READ_AHEAD:
            report(Progress("loading", done, total))
            read = file.readinto(room)
            if not read:
                return
            done += read


shelf = Shelf()
# The interpreter must not take its threads down while llama.cpp is at work in them.
atexit.register(shelf.unload, _PATIENCE)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shelf.abandon)


def unload(timeout: float | None = None) -> None:
    """Take the embedded models out of memory. The next request loads its model again.

    Answers in the making are stopped, and fail with one sentence; a download is stopped too. May be called from any
    thread; it returns when the memory is free, which takes as long as the token in the making.

    Args:
        timeout: Seconds to wait for that; ``None`` for as long as it takes.

    Example::

        nbchat.unload()
    """
    shelf.unload(timeout)
