"""The notebooks of the guide, executed for real on the embedded model, with no key and no endpoint."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path):
    """Every cell runs, and what every question got is the embedded model's answer, saved to read anywhere."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    questions = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith("%%chat")]
    assert questions
    for cell in questions:
        # Beside the answer stands what a tool's result looks like.
        (output,) = (output for output in cell.outputs if "model" in output.get("metadata", {}).get("nbchat", {}))
        record = output.metadata["nbchat"]
        assert record["model"] == "SmolLM2-135M-Instruct"
        assert record["usage"]["completion_tokens"] > 0
        assert output.data["text/markdown"].strip()
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path):
    """What a reader sees is what the reader's own kernel says."""
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
