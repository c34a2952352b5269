"""How long it takes until there is something to work with, and until the first token of the first question."""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import Any

from benchmarks.kernel import Kernel, fresh_kernel
from benchmarks.runs import ratio, run, table
from benchmarks.server import serving, text_of

_IMPORT = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
__import__(sys.argv[1])
print([time.perf_counter() - wall, time.process_time() - cpu])
"""
_PEER = """\
import openai
client = openai.OpenAI()"""
_PEER_ASKS = """\
for chunk in client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}], stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)"""
_OURS = "%load_ext nbchat"
_OURS_ASKS = "%%chat -m m\nHello"
_KIND = "markdown-20-100"
# Seconds in which somebody types a question; in a notebook that is run as a whole there are none.
_PAUSE = 1.0


def _is_text(message: dict[str, Any]) -> bool:
    """Whether a message brings the first token to the page: printed, or to the widget of %%chat."""
    content = message["content"]
    if message["msg_type"] == "stream":
        return content["name"] == "stdout" and bool(content["text"].strip())
    custom = content.get("data", {}).get("content") if message["msg_type"] == "comm_msg" else None
    return bool(custom) and custom.get("type") == "delta"


def _first_token(base: str, prepare: str, ask: str, pause: float) -> list[float]:
    """Return seconds: until the first cell is done, and those plus until the second cell's first token."""
    with fresh_kernel(f"{base}/{_KIND}/v1") as kernel:
        first = _seconds(kernel, prepare)
        time.sleep(pause)
        seen: list[float] = []
        begun = time.perf_counter()
        shown = kernel.run(ask, seen=lambda message: seen.append(time.perf_counter()) if _is_text(message) else None)
        text = "".join(text for delta in shown.deltas() for _, text in delta["texts"]) or shown.stdout
        assert text == text_of(_KIND), f"not all of the text came: {text!r}, {shown.stderr} {shown.error}"
    return [first, first + seen[0] - begun]


def _seconds(kernel: Kernel, code: str) -> float:
    begun = time.perf_counter()
    shown = kernel.run(code)
    assert shown.error is None, shown.error
    return time.perf_counter() - begun


def main(rounds: int = 7) -> str:
    """Measure, and return the table."""
    names = ["wall", "CPU", "cell", "at once", "after a pause"]
    samples: dict[str, dict[str, list[float]]] = {
        who: {name: [] for name in names} for who in ("nbchat", "openai-python")
    }
    ways = {"nbchat": ("nbchat", _OURS, _OURS_ASKS), "openai-python": ("openai", _PEER, _PEER_ASKS)}
    with serving() as base:
        for _ in range(rounds):
            for who, (module, prepare, ask) in ways.items():
                wall, cpu = run(_IMPORT, module)
                cell, at_once = _first_token(base, prepare, ask, 0)
                cell_again, after_pause = _first_token(base, prepare, ask, _PAUSE)
                for name, values in zip(
                    names, ([wall], [cpu], [cell, cell_again], [at_once], [after_pause]), strict=True
                ):
                    samples[who][name] += values
    ours, peers = samples["nbchat"], samples["openai-python"]
    labels = {
        "wall": "`import nbchat` / `import openai`, fresh interpreter, wall",
        "CPU": "the same, CPU",
        "cell": "`%load_ext nbchat` / `import openai` and its client, in a kernel",
        "at once": "and until the first token of the first question, asked at once",
        "after a pause": f"and until then, asked after {_PAUSE:.0f} s (not counted)",
    }
    rows = [
        [
            label,
            f"{median(ours[name]) * 1000:.1f}",
            f"{median(peers[name]) * 1000:.0f}",
            f"{ratio(peers[name], ours[name]):.1f}",
        ]
        for name, label in labels.items()
    ]
    return table(["from nothing", "nbchat, ms", "openai-python, ms", "openai-python ÷ nbchat"], rows)


if __name__ == "__main__":
    print(main(*map(int, sys.argv[1:])))
