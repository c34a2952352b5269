"""Notebooks executed with nobody in front of them: nbclient and papermill."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbconvert
import nbformat
import pytest
from apart import environment
from jupyter_client.kernelspec import KernelSpecManager
from scripted import ScriptedServer

from nbchat.session.markdown import safe_markdown

ANSWERS = {
    "Say hello": "**Hello** <b>you</b>",
    "Again?": "Again.",
    "2 more": "Two.",
}


@pytest.fixture
def kernel(tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels started from here see no keys but the server's, find this nbchat, and keep to this folder."""
    clean = environment(
        OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-secret", NBCHAT_MODEL="m", IPYTHONDIR=str(tmp_path / ".ipython")
    )
    for name in ("PYTHONPATH", "OPENAI_BASE_URL", "OPENAI_API_KEY", "NBCHAT_MODEL", "IPYTHONDIR"):
        monkeypatch.setenv(name, clean[name])
    # The kernel of this very Python, whatever kernels the machine has.
    spec = tmp_path / "share" / "kernels" / "python3"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    assert KernelSpecManager().get_kernel_spec("python3").argv[0] == sys.executable


def notebook(*cells: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made


def answer_by_question(server: ScriptedServer) -> None:
    server.always(lambda request: server._answer(request, (ANSWERS[request.json["messages"][-1]["content"]],)))


TALK = (
    "%load_ext nbchat",
    "%%chat\nSay hello",
    "%%chat -o second\nAgain?",
    "n = 2",
    "%%chat\n{{n}} more",
    "print(second.text)",
)


def check(executed: Any, server: ScriptedServer) -> None:
    """The answers are in the outputs, each as Markdown, text and record, and nothing needs a widget or shows a key."""
    asked = [[m["content"] for m in request.json["messages"] if m["role"] == "user"] for request in server.requests]
    assert asked == [["Say hello"], ["Say hello", "Again?"], ["Say hello", "Again?", "2 more"]]
    cells = [cell for cell in executed.cells if cell.cell_type == "code" and cell.source.startswith("%%chat")]
    for cell, (question, answer) in zip(cells, ANSWERS.items(), strict=True):
        (output,) = cell.outputs
        assert output.output_type == "display_data"
        assert output.data["text/markdown"] == safe_markdown(answer)
        assert output.data["text/plain"] == answer
        assert set(output.data) == {"text/markdown", "text/plain"}
        record = output.metadata["nbchat"]
        assert (record["status"], record["question"]["content"]) == ("done", question)
        assert record["answers"][0]["message"]["content"] == answer
    assert executed.cells[-1].outputs[0].text == "Again.\n"
    nbformat.validate(executed)
    text = nbformat.writes(executed)
    assert "sk-secret" not in text
    assert "widget" not in text
    assert "<b>" not in "".join(cell.outputs[0].data["text/markdown"] for cell in cells)


@pytest.mark.usefixtures("kernel")
def test_nbclient_gives_the_same_answers(tmp_path: Path, server: ScriptedServer):
    """Executed by nbclient, a notebook has the same answers in its outputs, and no widget state."""
    answer_by_question(server)
    made = notebook(*TALK)
    nbclient.NotebookClient(made, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    check(made, server)


@pytest.mark.usefixtures("kernel")
def test_papermill_gives_the_same_answers(tmp_path: Path, server: ScriptedServer):
    """Executed by papermill, with a parameter, the file it writes has the same answers and no widget state."""
    papermill = pytest.importorskip("papermill")
    answer_by_question(server)
    source, target = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    made = notebook(*TALK)
    made.cells[3].metadata["tags"] = ["parameters"]
    made.cells[3].source = "n = 1"
    nbformat.write(made, source)
    papermill.execute_notebook(str(source), str(target), {"n": 2}, cwd=str(tmp_path), progress_bar=False)
    check(nbformat.read(target, 4), server)


@pytest.mark.usefixtures("kernel")
def test_a_panel_is_read_where_nobody_can_use_it(tmp_path: Path, server: ScriptedServer):
    """Executed with nobody watching, a panel is the conversation as Markdown, which every viewer shows."""
    server.answer("**Fine**.")
    made = notebook("%load_ext nbchat\nimport nbchat", "%%chat\nHow are you?", "nbchat.panel()")
    nbclient.NotebookClient(made, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = made.cells[2].outputs
    assert set(output.data) == {"text/markdown", "text/plain"}
    assert output.data["text/markdown"].split("\n\n")[:2] == ["**You**", "How are you?"]
    assert output.data["text/markdown"].endswith("\n\n**Fine**.")
    page, _ = nbconvert.HTMLExporter().from_notebook_node(made)
    assert "<strong>Fine</strong>" in page


@pytest.mark.usefixtures("kernel")
def test_a_failure_stops_the_run(tmp_path: Path, server: ScriptedServer):
    """A cell whose question fails is marked failed, says why on one line, and the cells below it do not run."""
    server.error(404, {"error": {"message": "no such model", "code": "model_not_found"}})
    made = notebook("%load_ext nbchat", "%%chat\nHi", "print('never')")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="no such model"):
        nbclient.NotebookClient(made, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = made.cells[1].outputs
    assert (output.output_type, output.ename) == ("error", "NotFoundError")
    assert len(output.traceback) == 1
    assert made.cells[2].outputs == []
