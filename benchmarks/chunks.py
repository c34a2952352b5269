"""CPU per streamed chunk: what stands between the socket and the user's code.

Each client reads the same 20,000 chunks of some 250 bytes in a process of its own, all threads counted; the processes
take turns, and the median counts.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median

from benchmarks.clients import CLIENTS, FLOOR
from benchmarks.runs import ratio, run, table
from benchmarks.server import serving, text_of

_CHUNKS = 20_000
_PEER = "openai-python"
_WAYS = {"single": "one HTTP chunk per event", "many": "many events per HTTP chunk"}


def measure(client: str, base: str, kind: str) -> None:
    """Print the seconds of CPU that reading one answer takes in this process, when everything is warm."""
    ask = CLIENTS[client](base)
    for _ in ask(f"{kind}-300"):
        pass
    begun = time.process_time()
    texts = [text for text in ask(f"{kind}-{_CHUNKS}") if text]
    spent = time.process_time() - begun
    assert "".join(texts) == text_of(f"{kind}-{_CHUNKS}"), "not all of the text came"
    print(json.dumps(spent))


def main(rounds: int = 7) -> str:
    """Measure, and return the table."""
    code = "import sys; from benchmarks.chunks import measure; measure(*sys.argv[1:])"
    samples: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in CLIENTS} for kind in _WAYS}
    with serving() as base:
        for _ in range(rounds):
            for kind in _WAYS:
                for name in CLIENTS:
                    samples[kind][name].append(run(code, name, base, kind))
    head = ["client", *(f"{way}{unit}" for way in _WAYS.values() for unit in (", µs", ", × floor", ", peer ÷ it"))]
    rows = []
    for name in CLIENTS:
        row = [name]
        for kind in _WAYS:
            spent, floor, peer = (samples[kind][other] for other in (name, FLOOR, _PEER))
            row += [
                f"{median(spent) / _CHUNKS * 1e6:.1f}",
                f"{ratio(spent, floor):.1f}",
                f"{ratio(peer, spent):.1f}",
            ]
        rows.append(row)
    return table(head, rows)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:])))
