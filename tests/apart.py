"""Python in a process of its own, for what can't be shown inside the tests': exits, forks, interrupts, terminals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# How long a process may take, in seconds, before the test fails.
PATIENCE = 30.0


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anybody's keys and addresses, so that `nbchat` is this one."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "NBCHAT_")) or name == "NBCHAT_CACHE"
    }
    return {**clean, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def start(code: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start Python on this code, with warnings as errors and everything it says caught."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code: str, *arguments: str, patience: float = PATIENCE, **more: str) -> tuple[str, str, int]:
    """Run Python on this code: what it printed to stdout and stderr, and its exit status."""
    process = start(code, *arguments, **more)
    try:
        stdout, stderr = process.communicate(timeout=patience)
    finally:
        process.kill()
    return stdout, stderr, process.returncode
