"""A real Jupyter server, and a notebook in it as a person has it open."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parent.parent.parent
# Milliseconds until something that has to happen on a page counts as not happening.
PATIENCE = 60_000


@contextmanager
def jupyter(folder: Path) -> Iterator[str]:
    """Run a Jupyter server with JupyterLab and Notebook on a folder, for the length of a block; gives its address."""
    home = folder / ".home"
    notices = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    notices.parent.mkdir(parents=True)
    notices.write_text('{"fetchNews": "false"}')
    options = [
        "--allow-root",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with _served(folder, "jupyterlab", options) as url:
        yield url


@contextmanager
def voila(notebook: Path, **environment: str) -> Iterator[str]:
    """Run Voilà on a notebook, for the length of a block; gives the address of the dashboard."""
    with _served(notebook.parent, "voila", [notebook.name, "--Voila.ip=127.0.0.1"], **environment) as url:
        yield url


@contextmanager
def _served(folder: Path, module: str, options: list[str], **environment: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "NBCHAT_", "JUPYTER"))
    }
    # The weights are here; and another kernel than ours, where `make kernels` asks for one.
    clean |= {name: os.environ[name] for name in ("NBCHAT_CACHE", "JUPYTER_PATH") if name in os.environ}
    clean["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    home = folder / ".home"
    places = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    command = [sys.executable, "-m", module, "--no-browser", f"--port={port}", *options]
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(command, env={**clean, **places, **environment}, stdout=log, stderr=log, cwd=folder)
    try:
        yield _when_up(f"http://127.0.0.1:{port}", process, folder / "server.log")
    finally:
        _end(process)
        log.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:  # at its exit a Jupyter server may wait for ever for an idle thread of anyio's
        process.kill()
        process.wait()


def _when_up(url: str, process: subprocess.Popen[bytes], log: Path) -> str:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/api/status", timeout=5).close()
        except urllib.error.HTTPError:  # Voilà has no such page, and says so when it is up
            return url
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)  # a process offers no event to wait for
        else:
            return url
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-2000:]}")


def use_theme(page: Page, theme: str) -> None:
    """Choose one of JupyterLab's own themes, such as ``Dark``, and wait until the page has it."""
    page.evaluate(
        "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {theme}"
    )
    page.wait_for_function("(theme) => document.body.dataset.jpThemeName === theme", arg=f"JupyterLab {theme}")


class Notebook:
    """A notebook open in JupyterLab or in Notebook 7.

    Args:
        page: The browser's page.
        url: The server's address.
        folder: The server's folder.
        name: The file's name.
        cells: The sources of its code cells.
        app: ``lab`` or ``notebooks``.
    """

    def __init__(self, page: Page, url: str, folder: Path, name: str, cells: list[str], *, app: str = "lab") -> None:
        self.page = page
        self.path = folder / name
        self._address = f"{url}/lab/tree/{name}?reset" if app == "lab" else f"{url}/notebooks/{name}"
        file = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
        file.cells = [nbformat.v4.new_code_cell(source) for source in cells]
        nbformat.write(file, self.path)

    def open(self) -> Notebook:
        """Open it, and wait for its kernel."""
        self.page.goto(self._address)
        self.page.wait_for_function(
            """() => { const w = window.jupyterapp?.shell.currentWidget;
                return w?.content?.widgets?.length && w.sessionContext?.session?.kernel?.connectionStatus === 'connected'; }""",
            timeout=PATIENCE,
        )
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.ready; }")
        return self

    def open_without_kernel(self) -> Notebook:
        """Open it as somebody who only reads: no kernel is started for it."""
        self.page.goto(self._address.replace("?reset", "?reset"))
        self.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.content?.widgets?.length")
        return self

    def start(self, index: int) -> None:
        """Run a cell, and return at once; :meth:`ended` tells how it ended."""
        self.page.evaluate(
            """(index) => {
                const content = window.jupyterapp.shell.currentWidget.content;
                content.activeCellIndex = index;
                window.ended = window.ended || {};
                window.ended[index] = null;
                const started = performance.now();
                window.jupyterapp.commands.execute('notebook:run-cell').then(() => {
                    window.ended[index] = performance.now() - started;
                });
            }""",
            index,
        )

    def wait(self, index: int) -> None:
        """Wait until a cell that was started has ended."""
        self.page.wait_for_function("(index) => window.ended[index] !== null", arg=index, timeout=PATIENCE)

    def run(self, index: int) -> None:
        """Run a cell to its end."""
        self.start(index)
        self.wait(index)

    def command(self, name: str) -> None:
        self.page.evaluate("(name) => window.jupyterapp.commands.execute(name)", name)

    def output(self, index: int) -> Locator:
        """The area below a cell where its outputs are."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".jp-Cell-outputArea")

    def save(self) -> Any:
        """Save the notebook and return the file."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save(); }")
        return json.loads(self.path.read_text())
