"""`make demo`: executes the quickstart notebook in a real kernel, with the model inside it, and shows what happens.

No key and no endpoint of the surroundings takes part: what is shown is what somebody sees who has just arrived. The
kernel is told that somebody watches, as a notebook tells it, so that answers come as they are written.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import time
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from traitlets.config import Config

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "01_quickstart.ipynb"
EXECUTED = ROOT / ".cache" / "demo" / NOTEBOOK.name
WIDGET = "application/vnd.jupyter.widget-view+json"


class Screen:
    """Writes what a cell asks and, as it comes, what is answered."""

    def __init__(self) -> None:
        self._styled = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._shown: dict[str, str] = {}  # what stands on the screen of an output, by its display id
        self._outputs: dict[str, str] = {}  # a widget's output, by the widget's id
        self._open_line = False

    def prose(self, source: str) -> None:
        """Show a cell of text."""
        self._write("\n" + self._style(source, "2") + "\n")

    def asked(self, source: str, number: int) -> None:
        """Show a cell's source, apart from what it answers."""
        bar = self._style("│ ", "34")
        lines = "\n".join(bar + self._style(line, "1") for line in source.splitlines())
        self._write(f"\n{self._style(f'In [{number}]', '34')}\n{lines}\n\n")

    def message(self, message: dict[str, Any]) -> None:
        """Show what a message of the kernel adds to what is already there."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self._write(_printable(content["text"]))
        elif kind in {"display_data", "update_display_data", "execute_result"}:
            output = (content.get("transient") or {}).get("display_id") or ""
            if WIDGET in content["data"]:
                self._outputs[content["data"][WIDGET]["model_id"]] = output
            else:
                self._grow(output, _printable(str(content["data"].get("text/plain", ""))))
        elif kind == "comm_msg" and content["comm_id"] in self._outputs:
            self._widget(self._outputs[content["comm_id"]], content["data"])

    def _widget(self, output: str, data: dict[str, Any]) -> None:
        """Show what the widget under a streaming answer would."""
        if data["method"] == "custom":
            for choice, text in data["content"].get("texts", ()):
                if choice == 0:  # the other answers to a question come when all have ended
                    self._write(_printable(text))
                    self._shown[output] = self._shown.get(output, "") + _printable(text)
        elif note := data.get("state", {}).get("note"):
            self._end_line()
            self._write(self._style(f"[{_printable(note)}]", "2") + "\n")

    def done(self, seconds: float) -> None:
        """Close a cell."""
        self._end_line()
        self._write(self._style(f"{seconds:.1f} s", "2") + "\n")

    def failed(self, sentence: str) -> None:
        """Say why a cell failed."""
        self._end_line()
        self._write(self._style(sentence, "31") + "\n")

    def _grow(self, output: str, text: str) -> None:
        """Write what an output's new text has after the old one; all of it, where it is another text."""
        before = self._shown.get(output, "").strip() if output else ""
        self._shown[output] = text
        if before and before in text:
            self._write(text.partition(before)[2])
        else:
            self._end_line()
            self._write(text)

    def _write(self, text: str) -> None:
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._open_line = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._open_line:
            self._write("\n")

    def _style(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._styled and text else text


def _printable(text: str) -> str:
    """Return the text without what would move the cursor or change the terminal: a model wrote it."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


class Demo(NotebookClient):
    """Executes a notebook, and lets a screen see every message of the kernel."""

    screen: Screen

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Show a message, then do with it what nbclient does."""
        self.screen.message(msg)
        return super().process_message(msg, cell, cell_index)


def run(screen: Screen) -> int:
    """Execute the notebook cell by cell; return the exit code."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    demo = Demo(
        notebook,
        timeout=300,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        # The messages stay on this machine; without this the kernel warns that they are not encrypted.
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )
    demo.screen = screen
    began = time.monotonic()
    try:
        with demo.setup_kernel():
            demo.kc.allow_stdin = True
            number = 0
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type == "markdown":
                    screen.prose(cell.source)
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                number += 1
                screen.asked(cell.source, number)
                asked_at = time.monotonic()
                demo.execute_cell(cell, index, execution_count=number)
                screen.done(time.monotonic() - asked_at)
    except CellExecutionError as error:
        screen.failed(f"This cell failed: {error.ename}: {error.evalue}")
        return 1
    except (DeadKernelError, TimeoutError) as error:
        screen.failed(f"The kernel did not answer: {error}")
        return 1
    finally:
        EXECUTED.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, EXECUTED)
    print(f"\nThe quickstart took {time.monotonic() - began:.0f} s; executed, it is {EXECUTED.relative_to(ROOT)}.")
    print("`make lab` opens the notebooks in JupyterLab, for questions of your own.")
    return 0


def main() -> int:
    """Clear the surroundings of keys, endpoints and a user's own start-up files, then run."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "NBCHAT_")):
            del os.environ[name]
    with tempfile.TemporaryDirectory() as empty:
        os.environ["IPYTHONDIR"] = empty
        return run(Screen())


if __name__ == "__main__":
    sys.exit(main())
