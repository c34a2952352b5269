"""Stop from a panel while a cell keeps the kernel busy; `make kernels` runs this on each ipykernel that we support."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kernels import Kernel, kernel, new_name, when
from scripted import PATIENCE, ScriptedServer, chunk

# How a cell can keep the kernel busy while an answer comes: it waits for it, or computes something else.
CELLS = {"waits": "%%chat\nGo on.", "computes": "turn = chat.stream('Go on.')\nwhile turn.running: pass"}

STOP = {"id": 1, "do": "stop"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel for all these tests."""
    with kernel(tmp_path_factory.mktemp("kernel")) as started:
        assert started.run("%load_ext nbchat\nimport nbchat").error is None
        yield started


@pytest.fixture
def busy(running: Kernel, server: ScriptedServer) -> Kernel:
    """The kernel, with a panel on a session whose server does not end its answer."""
    server.stream(chunk("Goes on and"), threading.Event())
    session = f"nbchat.Session('m', base_url={server.url!r}, name={new_name()!r})"
    assert running.run(f"chat = nbchat.use_session({session})\npanel = chat.panel()").error is None
    return running


def subshell(running: Kernel) -> str:
    """Open a subshell, as JupyterLab does for widgets where the kernel has them."""
    if "kernel subshells" not in running.ask_past_the_cell("kernel_info_request", {}).get("supported_features", ()):
        pytest.skip("This ipykernel has no subshells: messages wait, and the panel takes the control channel.")
    return running.ask_past_the_cell("create_subshell_request", {})["subshell_id"]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("way", ["message", "control"])
def test_stop_is_heard_while_a_cell_runs(busy: Kernel, server: ScriptedServer, way: str, cell: str):
    """The panel's message is heard on a subshell, and its expression on the control channel; the text is kept."""
    panel = busy.value("panel.model_id")
    session = busy.client.session
    if way == "message":
        message = session.msg("comm_msg", {"comm_id": panel, "data": {"method": "custom", "content": STOP}})
        message["header"]["subshell_id"] = subshell(busy)
        channel = busy.client.shell_channel
    else:
        expression = f'__import__("nbchat.jupyter.panel", fromlist=["stop"]).stop("{panel}")'
        content = {"code": "", "silent": True, "allow_stdin": True, "user_expressions": {"stopped": expression}}
        message = session.msg("execute_request", content)
        channel = busy.client.control_channel

    def streams(got: dict[str, Any]) -> bool:
        content = got["content"]
        told = content["data"].get("content", {}) if got["msg_type"] == "comm_msg" else {}
        return content.get("comm_id") == panel and told.get("type") == "delta"

    shown = busy.run(CELLS[cell], seen=when(streams, lambda: channel.send(message)))
    assert shown.error is None
    assert server.requests[0].closed.wait(PATIENCE)
    assert busy.value("(chat.turn.status, chat.turn.text)") == ("cancelled", "Goes on and")
