"""A thousand streams at once against one stream of as many chunks: what scheduling costs beside reading.

Both in one process and one after the other, with the wall's clock, when everything is warm; memory is the most that the
process ever held.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from statistics import median

from benchmarks.runs import ratio, run, table
from benchmarks.server import serving, text_of

_STREAMS, _CHUNKS = 1_000, 200


def _sessions(base: str, kind: str, count: int) -> list[str]:
    """Ask so many sessions at once, and return their answers."""
    import nbchat

    client = nbchat.Client(f"{base}/{kind}/v1")
    turns = [nbchat.Session("m", client=client).stream("Say something long.") for _ in range(count)]
    texts = [turn.result().text for turn in turns]
    client.close()
    return texts


def _clients(base: str, kind: str, count: int) -> list[str]:
    """Read so many streams at once in one event loop, and return their texts."""
    import asyncio

    import nbchat

    client = nbchat.Client(f"{base}/{kind}/v1")

    async def read() -> str:
        question = [{"role": "user", "content": "Say something long."}]
        stream = await client.chat.completions.acreate(model="m", messages=question, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(read() for _ in range(count)))

    texts = asyncio.run(all_of_them())
    client.close()
    return texts


_WAYS: dict[str, Callable[[str, str, int], list[str]]] = {
    "`Session`, a turn in each": _sessions,
    "`Client`, async": _clients,
}


def measure(way: str, base: str) -> None:
    """Print the seconds that one long answer and many short ones take, and the most memory that was held, in MB."""
    ask = _WAYS[way]
    ask(base, "single-300", 3)
    seconds = []
    for count, chunks in ((1, _STREAMS * _CHUNKS), (_STREAMS, _CHUNKS)):
        kind = f"single-{chunks}"
        begun = time.perf_counter()
        texts = ask(base, kind, count)
        seconds.append(time.perf_counter() - begun)
        assert texts == [text_of(kind)] * count, "not all of the text came"
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([*seconds, held]))


def main(rounds: int = 5) -> str:
    """Measure, and return the table."""
    code = "import sys; from benchmarks.concurrency import measure; measure(*sys.argv[1:])"
    rows = []
    with serving() as base:
        for way in _WAYS:
            ones, many, held = zip(*(run(code, way, base) for _ in range(rounds)), strict=True)
            rows.append(
                [way, f"{median(ones):.2f}", f"{median(many):.2f}", f"{ratio(many, ones):.1f}", f"{median(held):.0f}"]
            )
    head = ["", "one stream of 200,000 chunks, s", "1,000 of 200 at once, s", "ratio", "memory, MB"]
    return table(head, rows)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:])))
