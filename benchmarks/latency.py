"""The delay from the server's write to the user's code, at 100 tokens a second.

The server writes into each token the time at which it writes it; the reader looks at the clock when it has the token.

Beside the floor stands what a second thread alone adds to it: any client whose connections belong to a thread of their own,
as they must where cells, panels and coroutines share them, has the reader woken by that thread.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from statistics import quantiles

from benchmarks.clients import CLIENTS, FLOOR, Ask
from benchmarks.runs import run, table
from benchmarks.server import serving

_TOKENS = 400
_RATE = 100


def _handed_over(base: str) -> Ask:
    """As the floor, read in one thread and looked at in another."""
    floor = CLIENTS[FLOOR](base)

    def ask(kind: str) -> Iterator[str | None]:
        come: SimpleQueue[tuple[str | None] | None] = SimpleQueue()

        def read() -> None:
            for text in floor(kind):
                come.put((text,))
            come.put(None)

        threading.Thread(target=read).start()
        while (told := come.get()) is not None:
            yield told[0]

    return ask


_WAYS = {name: way for name, way in CLIENTS.items() if "async" not in name} | {
    f"{FLOOR}, in another thread": _handed_over
}


def measure(client: str, base: str) -> None:
    """Print each token's delay in microseconds, the first ones, which warm everything up, left out."""
    ask = _WAYS[client](base)
    tokens = ask(f"paced-{_TOKENS}-{_RATE}")
    delays = [(time.clock_gettime_ns(time.CLOCK_MONOTONIC) - int(text)) / 1000 for text in tokens if text]
    assert len(delays) == _TOKENS, "not all tokens came"
    print(json.dumps(delays[20:]))


def main(rounds: int = 3) -> str:
    """Measure, and return the table."""
    code = "import sys; from benchmarks.latency import measure; measure(*sys.argv[1:])"
    delays: dict[str, list[float]] = {name: [] for name in _WAYS}
    with serving() as base:
        for _ in range(rounds):
            for name in _WAYS:
                delays[name] += run(code, name, base)
    percentiles = {name: quantiles(sample, n=100) for name, sample in delays.items()}
    floor = percentiles[FLOOR]
    rows = [
        [name, f"{found[49]:.0f}", f"{found[49] / floor[49]:.1f}", f"{found[98]:.0f}", f"{found[98] / floor[98]:.1f}"]
        for name, found in percentiles.items()
    ]
    return table(["client", "p50, µs", "× floor", "p99, µs", "× floor"], rows)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:])))
