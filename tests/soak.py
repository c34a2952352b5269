"""An hour's worth of faults in a minute: run inside a kernel, it tells what became of every turn and what was left over.

It is a program and not a test because leaks are counted in a process that does nothing else.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from faulty import FAULTS, tell_read
from scripted import validator

from nbchat import Client, Session
from nbchat.client import portal, retry
from nbchat.session.events import Event, TextAdded

__all__ = ["soak"]

# What stands still for long would only make it last longer; and what is 3 MB, once is enough.
_MIX = sorted(name for name in FAULTS if not name.endswith(("-huge", "-deep")))

_POOLS = ("asyncio_", "uvloop_")  # the names that asyncio and uvloop give it


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _memory() -> int:
    """Return what this process holds in memory, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


async def _tasks() -> int:
    return len(asyncio.all_tasks()) - 1


def _open() -> dict[str, Any]:
    gc.collect()
    # The event loop's own pool looks names up, and grows to its size whenever two do so at once.
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith(_POOLS)]
    return {"files": _open_files(), "tasks": portal.run(_tasks()), "threads": sorted(thread.name for thread in threads)}


def _settled(expected: dict[str, Any] | None) -> dict[str, Any]:
    """Count what is open when that is what is expected, or when it has had time enough to become that.

    Args:
        expected: The count after the stage before; ``None`` to wait until two counts agree.
    """
    counts, deadline = _open(), time.monotonic() + 20
    while time.monotonic() < deadline:
        # The other ends of sockets close when the server's threads see to it: nothing here is told of that.
        time.sleep(0.1)
        before, counts = counts, _open()
        if counts == (expected or before) and not counts["tasks"]:
            break
    return counts


def _listen(event: Event, url: str) -> None:
    if isinstance(event, TextAdded) and FAULTS[event.turn.asked.parameters["model"]].told:
        tell_read(url, event.turn.asked.question["content"])


def _run(seed: int, turns: int, url: str, wrong: list[str]) -> None:
    """Ask one session so many questions, each of which meets another fault."""
    chance = random.Random(seed)
    # In seconds. Only where nothing else could end the turn is little time given: a machine may be slow.
    clients = [
        Client(url, timeout={"first_byte": first, "between_chunks": between}, max_retries=1)
        for first, between in ((60.0, 60.0), (60.0, 0.4), (0.4, 0.4))
    ]
    chat, halting, hasty = (Session("good", client=client) for client in clients)
    chat.subscribe(partial(_listen, url=url))
    for number in range(turns):
        name = chance.choice(_MIX)
        fault = FAULTS[name]
        session = chat if not name.startswith("stall") else halting if fault.kept or fault.status else hasty
        before = session.messages
        turn = session.ask({"role": "user", "content": f"{seed}/{number}"}, {"model": name}, streamed=fault.streamed)
        if not turn.wait(60):
            wrong.append(f"{name}: still {turn.status}")
            return
        got = (turn.error.kind if turn.error else None, turn.text)
        due = (fault.kind, fault.kept if fault.kind else fault.text)
        if got != due:
            wrong.append(f"{name}: {got} in place of {due}: {turn.error}")
        if len(session.messages) != len(before) + (2 if turn.text else 0):
            wrong.append(f"{name}: {len(session.messages)} messages after {len(before)}")
        if len(session.messages) > 20:
            validator("request").validate({"model": "m", "messages": session.messages})
            session.clear()
    for client in clients:
        client.close()


def soak(url: str, turns: int, sessions: int) -> None:
    """Ask so many questions in so many sessions side by side, three times over, and print what was found as JSON."""
    retry._FIRST = 0.02
    report: dict[str, Any] = {"wrong": [], "open": [], "memory": []}
    for stage in range(4):  # the first warms up: code, certificates, buffers
        share = turns // 3 // sessions if stage else 10
        threads = [
            threading.Thread(target=_run, args=(100 * stage + seed, share, url, report["wrong"]))
            for seed in range(sessions)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        report["open"].append(_settled(report["open"][-1] if stage > 1 else None))
        report["memory"].append(_memory())
    print(json.dumps(report))


if __name__ == "__main__":
    soak(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
