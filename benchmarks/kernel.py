"""A real kernel, asked as a front end asks it, and what its iopub channel carries."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import zmq

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from kernels import Kernel, kernel

__all__ = ["Kernel", "Traffic", "fresh_kernel"]


@contextmanager
def fresh_kernel(base_url: str) -> Iterator[Kernel]:
    """A kernel in which both nbchat and openai-python find the benchmarks' server by themselves."""
    with (
        tempfile.TemporaryDirectory() as folder,
        kernel(Path(folder), OPENAI_BASE_URL=base_url, OPENAI_API_KEY="none") as started,
    ):
        started.run("1 + 1")  # what a first cell costs is the same for everybody
        time.sleep(0.5)
        yield started


class Traffic:
    """Counts what a kernel publishes, as one more front end that only listens.

    Attributes:
        messages: How many messages came.
        size: Their bytes, all frames together.
    """

    def __init__(self, watched: Kernel) -> None:
        self.messages = 0
        self.size = 0
        self._socket = watched.client.connect_iopub()
        self._socket.rcvhwm = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> Self:
        self._thread.start()
        time.sleep(0.3)  # until the subscription has arrived
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.3)
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _count(self) -> None:
        while not self._stopped.is_set():
            if self._socket.poll(100, zmq.POLLIN):
                frames = self._socket.recv_multipart()
                self.messages += 1
                self.size += sum(map(len, frames))
