"""Running what is measured in processes of its own, and writing down what came out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

__all__ = ["ratio", "run", "table"]


def run(code: str, *arguments: str) -> Any:
    """Run a piece of Python in a fresh interpreter and return what it printed last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, check=True, timeout=600
    )
    return json.loads(done.stdout.splitlines()[-1])


def ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """Return how many times larger one is than the other: the median of what each round said."""
    return median(one / other for one, other in zip(ones, others, strict=True))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
