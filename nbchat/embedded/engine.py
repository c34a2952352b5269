"""One model in memory: its slots, the queue before them, and how a job is stopped.

llama.cpp generates on a thread of its own; here each running job has a thread that waits for its chunks. There are never
more of them than slots: what finds no slot free waits in our queue and not in llama.cpp's, where it could not be taken
back. Everything may be called from any thread.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nbchat.embedded.gguf import Plan
from nbchat.embedded.refusal import Refusal
from nbchat.embedded.shapes import encode, refusal_of
from nbchat.errors import ConfigurationError

__all__ = ["Closed", "Emit", "Engine", "Job", "require_llama"]

# What a job hands on: chunks, at last None, or before that a failure.
Emit = Callable[[dict[str, Any] | Refusal | None], object]

# How many tokens of a prompt are read in one step. A job can be stopped between steps only, and answers beside it wait as
# long for their next token. On one CPU thread 32 are read as fast per token as 512; a GPU needs more to be busy.
_CPU_STEP, _GPU_STEP = 32, 512
_RANDOM = 0xFFFFFFFF  # llama.cpp's word for "any seed"
# The longest path that the address of a socket can hold, on all systems.
_LONGEST_ADDRESS = 90


class Closed(Exception):
    """The model was unloaded meanwhile: load it again."""


def require_llama() -> Any:
    """Return the module ``xllamacpp``.

    Raises:
        ConfigurationError: It is not installed, or does not run on this machine.
    """
    try:
        import xllamacpp
    except ModuleNotFoundError:
        reason = "xllamacpp, which is not installed"
    except ImportError as problem:
        reason = f"xllamacpp, which does not run here ({problem})"
    else:
        return xllamacpp
    raise ConfigurationError(
        f"The embedded model needs {reason}.",
        hint='Run pip install "jupyter-nbchat[local]", or set OPENAI_API_KEY or OPENAI_BASE_URL to use an endpoint.',
    )


class Job:
    """A request to the model, for one or several answers to the same messages."""

    def __init__(self, engine: Engine, body: dict[str, Any], width: int, emit: Emit) -> None:
        self.body = body
        self.width = width
        self.emit = emit
        self.cancelled = False
        self._engine = engine

    def cancel(self) -> None:
        """Stop: at once while it waits, after the token in the making once it runs. Nothing more is emitted."""
        self.drop()
        self._engine._take_back(self)  # noqa: SLF001  the two are one thing on two sides

    def drop(self) -> None:
        """Stop without taking a lock, for whoever is called by the garbage collector, which is at any place of any thread.

        If the job waits for a slot it is found to be dropped when its turn comes.
        """
        self.emit = lambda _: None
        self.cancelled = True

    def fail(self, failure: Refusal) -> None:
        """Stop, and emit why."""
        emit = self.emit
        self.cancel()
        with suppress(Exception):  # nobody is left to tell, as at the interpreter's exit
            emit(failure)


class Engine:
    """A model, loaded.

    Making one takes as long as loading does, and for most of that xllamacpp holds Python's interpreter lock: 0.3 s for
    the default model, as warming up and measuring the memory are left out.

    Args:
        path: The GGUF file.
        plan: The room it gets.

    Raises:
        Refusal: llama.cpp can't use the file.
        ConfigurationError: llama.cpp is missing.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        llama = require_llama()
        self.plan = plan
        self.fingerprint = f"xllamacpp-{llama.__version__}"
        self._server: Any = _start(llama, path, plan)
        self._free = plan.slots
        self._waiting: deque[Job] = deque()
        self._running: set[Job] = set()
        self._changed = threading.Condition()

    @property
    def running(self) -> int:
        """How many jobs are being computed."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many jobs wait for a slot."""
        return len(self._waiting)

    def submit(self, body: dict[str, Any], width: int, seed: int | None, emit: Emit) -> Job:
        """Ask the model, now or as soon as there are slots free, in the order asked.

        Args:
            body: The request, in llama.cpp's words.
            width: How many answers, at most as many as there are slots.
            seed: The seed of the first answer; the others count on from it. ``None`` for random ones.
            emit: Called with each chunk as a dict, at last with ``None``; or with a Refusal, which ends it. The calls
                come from a thread of the job, and must not wait.

        Raises:
            Closed: The model was unloaded.
        """
        asked = {
            **body,
            "n": width,
            # The same number always gives the same answer, so none may mean "any".
            "seed": _RANDOM if seed is None else seed % _RANDOM,
            # Also for who wants the answer at once: only between chunks can a job be stopped. The progress makes
            # chunks while the prompt is read.
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
        }
        job = Job(self, asked, width, emit)
        with self._changed:
            if self._server is None:
                raise Closed
            self._waiting.append(job)
            self._admit()
            self._changed.notify_all()
        return job

    def _admit(self) -> None:
        """Start the jobs whose turn it is. The one in front waits until it has all its slots: nobody overtakes it."""
        while self._waiting and (self._waiting[0].cancelled or self._waiting[0].width <= self._free):
            job = self._waiting.popleft()
            if job.cancelled:
                continue
            self._free -= job.width
            self._running.add(job)
            threading.Thread(target=self._run, args=(job,), name="nbchat-answer", daemon=True).start()

    def _take_back(self, job: Job) -> None:
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                self._admit()

    def _run(self, job: Job) -> None:
        failure: Refusal | None = None
        try:
            failure = self._generate(job)
        finally:
            with self._changed:
                self._running.discard(job)
                self._free += job.width
                self._admit()
                self._changed.notify_all()
            with suppress(Exception):  # nobody is left to tell
                job.emit(failure)

    def _generate(self, job: Job) -> Refusal | None:
        """Run *job* and return how it failed, if it did."""
        failures: list[Refusal] = []

        def on_chunk(data: bytes) -> bool:
            """Hand a chunk on; returning True makes llama.cpp drop the job."""
            if job.cancelled:
                return True
            chunk = json.loads(data)
            if "error" in chunk:
                failures.append(refusal_of(chunk["error"]))
                return True
            job.emit(chunk)  # if it fails, as the listener's loop is gone, xllamacpp takes that for True
            return job.cancelled

        try:
            self._server.handle_chat_completions(encode(job.body), on_chunk)
        except Exception as problem:  # noqa: BLE001  C++ has its own: of a template that refuses, a schema, …
            failures.append(refusal_of(problem))
        return failures[0] if failures else None

    def metrics(self) -> str:
        """Return llama.cpp's own counters, in Prometheus' form, once it is between two steps."""
        server = self._server
        if server is None:
            raise Closed
        return str(server.handle_metrics())

    def close(self, timeout: float | None = None) -> bool:
        """Stop all jobs and free the memory.

        Args:
            timeout: Seconds to wait for the steps in the making; ``None`` for as long as they take.

        Returns:
            Whether the memory is free; it stays in use if a step took longer than *timeout*.
        """
        gone = Refusal(410, "The embedded model was unloaded while it was asked.", code="model_unloaded")
        with self._changed:
            server, self._server = self._server, None
            jobs = [*self._waiting, *self._running]
            self._waiting.clear()
        if server is None:
            return True
        for job in jobs:
            job.fail(gone)
        with self._changed:
            if not self._changed.wait_for(lambda: not self._running, timeout):
                _keep_forever(server)
                return False
        # It ends with Python's interpreter lock held, so not before llama.cpp is done with its last step.
        server.handle_metrics()
        return True

    def abandon(self) -> None:
        """Forget the model in a forked child, where the threads that its end would wait for do not exist."""
        if self._server is not None:
            _keep_forever(self._server)
            self._server = None
            # llama.cpp's own end, when the child exits, would wait for them too: leave before it, with the same status.
            libc = ctypes.CDLL(None)
            with suppress(AttributeError):
                libc.on_exit(libc["_exit"], None)


def _keep_forever(server: Any) -> None:
    """Make sure that *server* is never freed: that would wait for its threads."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))


def _start(llama: Any, path: Path, plan: Plan) -> Any:
    params = llama.CommonParams()
    params.model.path = str(path)
    params.verbosity = -1  # it would write to the terminal, below Python's sys.stderr
    params.n_parallel = plan.slots
    params.n_ctx = plan.slots * plan.context
    # A cache for each slot and not a common one: no request takes room from another, and an answer is the same to the
    # bit whatever runs beside it. (llama.cpp promises no such thing; it was so in all tries on CPUs.)
    params.kv_unified = False
    params.cache_type_k = params.cache_type_v = llama.ggml_type[f"GGML_TYPE_{plan.cache.upper()}"]
    params.cache_ram_mib = 0  # by default it keeps up to 8 GB of past conversations
    gpu = any(device["type"].name.endswith("GPU") for device in llama.get_device_info())
    params.n_batch = params.n_ubatch = _GPU_STEP if gpu else _CPU_STEP
    params.warmup = params.fit_params = False
    params.prefill_assistant = False  # the API answers an assistant's last message, and does not go on in it
    params.endpoint_metrics = True
    if threads := _threads():
        params.cpuparams.n_threads = threads
    with _address() as (address, keys):
        params.hostnames, params.api_keys, params.n_threads_http, params.ui = [address], keys, 1, False
        try:
            return llama.Server(params)
        except RuntimeError:
            raise Refusal(
                400,
                f"llama.cpp can't load {path}: the file is damaged, or its model is of a kind that "
                f"xllamacpp {llama.__version__} does not know, or there is too little memory.",
                code="invalid_model",
                param="model",
            ) from None


@contextmanager
def _address() -> Iterator[tuple[str, list[str]]]:
    """Give a server that insists on listening an address where nobody can reach it, and a key that nobody knows.

    The address is a socket in a folder of our own, which is removed as soon as the server is up.
    """
    keys = [secrets.token_urlsafe(32)]
    if os.name == "nt":
        yield "127.0.0.1", keys
        return
    short = len(tempfile.gettempdir()) < _LONGEST_ADDRESS - 30
    with tempfile.TemporaryDirectory(prefix="nbchat-", dir=None if short else "/tmp") as folder:  # noqa: S108
        yield f"{folder}/llama.sock", keys


def _threads() -> int | None:
    """Return how many threads compute, or ``None`` for llama.cpp's own choice, which is one for each physical core.

    Its threads wait for each other at every layer, spinning. Where there are few cores, and the kernel and a browser
    want one too, that is a trap: on two cores, next to one busy process, two threads wrote between 1 and 76 tokens a
    second and one thread between 23 and 51. In a container llama.cpp counts the cores of the whole machine, with the same
    effect.
    """
    cores = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        allowed = min(allowed, int(quota) // int(period))
    return None if allowed == cores and cores > 4 else max(1, allowed - 1)
