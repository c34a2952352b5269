"""What the journeys in a real browser share: the Chromium that `make test` found, or got."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from scripts import browser

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Playwright starts the machine's browser; without one a test fails, it is not skipped."""
    path = browser.find()
    if path is None:
        pytest.fail(browser.MISSING)
    return {**browser_type_launch_args, "executable_path": path}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journeys come last: while Playwright's sync face is open, this thread has a running event loop."""
    items.sort(key=lambda item: HERE in item.path.parents)
