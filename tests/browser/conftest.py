"""What the journeys in a real browser share: the Chromium that `make test` found, or got."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
from labs import PATIENCE, Notebook, jupyter
from panels import panel_of
from playwright.sync_api import Page, expect
from scripted import ScriptedServer

from scripts import browser

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Playwright starts the machine's browser; without one a test fails, it is not skipped."""
    path = browser.find()
    if path is None:
        pytest.fail(browser.MISSING)
    return {**browser_type_launch_args, "executable_path": path}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, pathlib.Path]]:
    """A Jupyter server and its folder."""
    folder = tmp_path_factory.mktemp("site")
    with jupyter(folder) as url:
        yield url, folder


@pytest.fixture
def open_cells(site: tuple[str, pathlib.Path], page: Page, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A function that opens a new notebook with these cells."""
    url, folder = site
    name = f"{''.join(c for c in request.node.name if c.isalnum())}.ipynb"

    def open_it(*cells: str, app: str = "lab") -> Notebook:
        return Notebook(page, url, folder, name, list(cells), app=app).open()

    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    yield open_it
    page.evaluate("async () => { await window.jupyterapp?.serviceManager?.sessions.shutdownAll(); }")


@pytest.fixture
def open_notebook(open_cells: Any, server: ScriptedServer) -> Any:
    """A function that opens a notebook with these cells after one, executed, that connects it to the scripted server."""

    def open_it(*cells: str, app: str = "lab", before: str = "") -> Notebook:
        setup = (
            f"%load_ext nbchat\nimport nbchat\n"
            f"chat = nbchat.use_session(nbchat.Session('scripted', base_url={server.url!r}, name='here'))\n{before}"
        )
        notebook = open_cells(setup, *cells, app=app)
        notebook.run(0)
        return notebook

    return open_it


@pytest.fixture
def opened(open_notebook: Any, page: Page) -> Any:
    """A function that opens a notebook whose second cell shows a panel on a session with the scripted server."""

    def open_panel(*cells: str, app: str = "lab", before: str = "") -> Notebook:
        notebook = open_notebook("panel = chat.panel(); panel", *cells, app=app, before=f"import time\n{before}")
        notebook.run(1)
        expect(panel_of(page)).to_be_visible()
        return notebook

    return open_panel


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The journeys come last: while Playwright's sync face is open, this thread has a running event loop."""
    items.sort(key=lambda item: HERE in item.path.parents)
