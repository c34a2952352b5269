"""A real kernel, driven as a front end drives it, and what its cells show."""

from __future__ import annotations

import os
import queue
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from scripted import PATIENCE

WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass
class Shown:
    """What one execution showed, as the notebook's file would keep it at the end.

    Attributes:
        outputs: Displays, with updates applied, in order; each has ``data``, ``metadata`` and ``history``.
        stdout: What was printed.
        stderr: What was printed to stderr.
        error: The error's (name, value, lines), if the cell failed.
        messages: Every iopub message, whole.
        status: The reply's status.
    """

    outputs: list[dict[str, Any]] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""
    error: tuple[str, str, list[str]] | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    status: str = ""
    _displays: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        self.messages.append(message)
        if kind == "stream":
            if content["name"] == "stdout":
                self.stdout += content["text"]
            else:
                self.stderr += content["text"]
        elif kind in {"display_data", "execute_result"}:
            output = {"data": content["data"], "metadata": content["metadata"], "history": [content["data"]]}
            self.outputs.append(output)
            if display_id := content.get("transient", {}).get("display_id"):
                self._displays[display_id] = output
        elif kind == "update_display_data":
            output = self._displays[content["transient"]["display_id"]]
            output |= {"data": content["data"], "metadata": content["metadata"]}
            output["history"].append(content["data"])
        elif kind == "error":
            self.error = (content["ename"], content["evalue"], content["traceback"])

    @property
    def markdown(self) -> str:
        """The Markdown of the only output."""
        (output,) = self.outputs
        return output["data"]["text/markdown"]

    @property
    def one_line_error(self) -> str:
        """What the error says whose traceback is nothing but one line."""
        _, words, (_,) = self.error
        return words

    @property
    def record(self) -> dict[str, Any]:
        """The turn's record in the only output's metadata."""
        (output,) = self.outputs
        return output["metadata"]["nbchat"]

    def deltas(self) -> list[dict[str, Any]]:
        """The text messages that went to the widget."""
        custom = [m["content"]["data"] for m in self.messages if m["msg_type"] == "comm_msg"]
        return [data["content"] for data in custom if data["method"] == "custom" and data["content"]["type"] == "delta"]


class Kernel:
    """A kernel of this Python, in a process of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "NBCHAT_"))}
        if "NBCHAT_CACHE" in os.environ:
            clean["NBCHAT_CACHE"] = os.environ["NBCHAT_CACHE"]
        self.manager = KernelManager(kernel_name="python3")
        here = str(Path(__file__).parent.parent)
        clean["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        self.manager.start_kernel(cwd=str(folder), env={**clean, "IPYTHONDIR": str(folder / ".ipython"), **environment})
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(
        self,
        code: str,
        *,
        cell: str | None = None,
        watched: bool = True,
        seen: Callable[[dict[str, Any]], object] = lambda message: None,
        patience: float = PATIENCE,
    ) -> Shown:
        """Execute a cell and return what it showed.

        Args:
            code: The cell's source.
            cell: The cell's identifier, as JupyterLab sends it.
            watched: Whether somebody sits in front of it, as in JupyterLab, or not, as in nbclient.
            seen: Called with every message as it comes.
            patience: Seconds to wait for each message.
        """
        message = self.client.session.msg(
            "execute_request",
            {
                "code": code,
                "silent": False,
                "store_history": True,
                "user_expressions": {},
                "allow_stdin": watched,
                "stop_on_error": True,
            },
            metadata={"cellId": cell} if cell else {},
        )
        self.client.shell_channel.send(message)
        mine = message["header"]["msg_id"]
        shown = Shown()
        while True:
            got = self.client.get_iopub_msg(timeout=patience)
            if got["parent_header"].get("msg_id") != mine:
                continue
            shown.take(got)
            seen(got)
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                break
        shown.status = self._reply(mine, patience)["status"]
        return shown

    def _reply(self, mine: str, patience: float) -> dict[str, Any]:
        while True:
            reply = self.client.get_shell_msg(timeout=patience)
            if reply["parent_header"].get("msg_id") == mine:
                return reply["content"]

    def ask_past_the_cell(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Ask on the control channel, which waits behind no cell, and return the reply."""
        message = self.client.session.msg(kind, content)
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]

    def complete(self, code: str) -> list[str]:
        """Return what Tab offers at the end of *code*."""
        self.client.complete(code, len(code))
        while True:
            reply = self.client.get_shell_msg(timeout=PATIENCE)
            if reply["msg_type"] == "complete_reply":
                return reply["content"]["matches"]

    def answers(self, *lines: str | Callable[[], object]) -> list[str]:
        """Type these lines where cells ask for one, in order, or do what there is to do instead.

        Returns:
            The questions; the list gets them as they come.
        """
        asked: list[str] = []

        def type_them() -> None:
            for line in lines:
                asked.append(self.client.get_stdin_msg(timeout=PATIENCE)["content"]["prompt"])
                self.client.input(line) if isinstance(line, str) else line()

        threading.Thread(target=type_them, daemon=True).start()
        return asked

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def value(self, expression: str) -> Any:
        """Return the value of an expression that is made of literals."""
        import ast

        shown = self.run(f"print(repr({expression}))")
        assert shown.error is None, shown.error
        return ast.literal_eval(shown.stdout.strip())

    def late_messages(self) -> Iterator[dict[str, Any]]:
        """Yield messages that come after a cell has ended."""
        while True:
            try:
                yield self.client.get_iopub_msg(timeout=PATIENCE)
            except queue.Empty:
                return

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@contextmanager
def kernel(folder: Path, **environment: str) -> Iterator[Kernel]:
    """A kernel for the length of a block."""
    started = Kernel(folder, **environment)
    try:
        yield started
    finally:
        started.stop()


def new_name() -> str:
    """A session name that no other test uses."""
    return f"s{uuid.uuid4().hex[:8]}"


def when(condition: Callable[[dict[str, Any]], bool], action: Callable[[], object]) -> Callable[[dict[str, Any]], None]:
    """Do something once, in a thread, when a message is the one that is waited for."""
    done = threading.Event()

    def seen(message: dict[str, Any]) -> None:
        if not done.is_set() and condition(message):
            done.set()
            threading.Thread(target=action).start()

    return seen
