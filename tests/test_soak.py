"""Two thousand turns through a random mix of faults, and a thousand at once, in one kernel."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty import FaultyServer
from kernels import kernel
from scripted import TESTS

from benchmarks.server import serving, text_of

_TURNS, _SESSIONS = 2_000, 20


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    server = FaultyServer()
    yield server
    server.stop()


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="what is open is counted in /proc")
def test_an_hour_of_faults_leaves_nothing_behind(faulty: FaultyServer, tmp_path: Path):
    """Every answer is right or its error is; no connection, task, thread or file stays open; memory stays flat."""
    with kernel(tmp_path) as one:
        shown = one.run(
            f"import sys; sys.path.insert(0, {str(TESTS)!r})\n"
            f"from soak import soak; soak({faulty.url!r}, {_TURNS}, {_SESSIONS})",
            patience=500,
        )
    assert shown.error is None, shown.error
    report = json.loads(shown.stdout)
    assert report["wrong"] == []
    warm, *later = report["open"]
    assert later == [warm] * 3
    assert len(faulty.requests) >= _TURNS
    # In KiB. What two thousand turns leave behind is less than what one answer may weigh.
    assert report["memory"][-1] - report["memory"][0] < 20_000, report["memory"]


@pytest.mark.timeout(300)
def test_a_thousand_streams_at_once(tmp_path: Path):
    """A thousand sessions ask at once, and each gets all of its answer."""
    with serving() as base, kernel(tmp_path) as one:
        one.run(
            "import nbchat\n"
            f"client = nbchat.Client({f'{base}/single-200/v1'!r})\n"
            "turns = [nbchat.Session('m', client=client).stream('Say something long.') for _ in range(1_000)]\n"
            "texts = [turn.result().text for turn in turns]",
            patience=250,
        )
        assert one.value("len(texts)") == 1_000
        assert one.value("set(texts)") == {text_of("single-200")}
