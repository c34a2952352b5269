"""``python -m fuzz [--seconds N] [-flag=value …]``: look for bytes that break a promise, for so long.

What was learnt is kept in ``.cache/fuzz/corpus``, so that the next run goes on from there; an input that breaks
something is kept in ``.cache/fuzz/found``. Flags with one dash are libFuzzer's.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from fuzz.words import WORDS

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "tests" / "wire"
KEPT = ROOT / ".cache" / "fuzz"
FLAGS = (
    "-max_len=4096",  # bytes
    "-timeout=20",  # seconds for one input, a hundred times what the longest takes
    "-rss_limit_mb=2048",
    "-print_final_stats=1",
    "-verbosity=1",
)


def main() -> int:
    """Fuzz, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, metavar="N", help="how long; 60 by default")
    arguments, flags = parser.parse_known_args()
    if importlib.util.find_spec("atheris") is None:
        print("The fuzzer needs atheris, which is published for Linux on x86-64 only: nothing was fuzzed.")
        return 0
    return fuzz(arguments.seconds, flags)


def fuzz(seconds: int, flags: list[str]) -> int:
    """Run libFuzzer for so many seconds; return 1 if it found something.

    Args:
        seconds: How long.
        flags: More of libFuzzer's own flags.
    """
    corpus, found, seeds = KEPT / "corpus", KEPT / "found", KEPT / "seeds"
    for folder in (corpus, found, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for recording in SEEDS.glob("*.sse"):
        (seeds / recording.stem).write_bytes(recording.read_bytes())
    words = KEPT / "words"
    words.write_text("".join(f'"{quoted(word)}"\n' for word in WORDS if len(word) <= 64), encoding="ascii")
    before = set(found.iterdir())
    process = subprocess.run(
        [
            *(sys.executable, "-m", "fuzz.target", str(corpus), str(seeds)),
            *(*FLAGS, f"-max_total_time={seconds}", f"-artifact_prefix={found}/", f"-dict={words}", *flags),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    tried = re.search(r"stat::number_of_executed_units:\s*(\d+)", process.stdout)
    new = sorted(set(found.iterdir()) - before)
    if not process.returncode and not new:
        print(f"{tried[1] if tried else 'All'} inputs in {seconds} s, and every one kept the promises.")
        return 0
    print(process.stdout[-6000:])
    for path in new:
        print(f"This input breaks something: {path.relative_to(ROOT)}")
    print(
        "To see it again: .venv/bin/python -m fuzz.target FILE. Mended, it goes into tests/test_stream_properties.py."
    )
    return 1


def quoted(word: bytes) -> str:
    r"""Write bytes as a dictionary of libFuzzer has them.

    Example:
        >>> quoted(b'a"')
        'a\\x22'
    """
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())
