"""The scripts behind the Makefile, where they decide something."""

import json

import pytest

from scripts import browser, demo, notebooks


@pytest.fixture
def executed():
    """Return a notebook as Jupyter saves it after a run."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": 3,
                "id": "a",
                "metadata": {"execution": {"iopub.status.busy": "2026"}, "tags": ["kept"], "trusted": True},
                "outputs": [{"output_type": "stream", "name": "stdout", "text": "4"}],
                "source": "1 + 1\n2 + 2",
            },
            {"cell_type": "markdown", "id": "b", "metadata": {}, "source": ["# Title"]},
        ],
        "metadata": {"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.11.7"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def test_a_notebook_is_committed_without_what_a_run_left(executed):
    """Outputs, counts, times and widgets go; what people wrote stays; a second pass changes nothing."""
    clean = notebooks.cleaned(executed)
    assert clean["cells"][0] == {
        "cell_type": "code",
        "execution_count": None,
        "id": "a",
        "metadata": {"tags": ["kept"]},
        "outputs": [],
        "source": ["1 + 1\n", "2 + 2"],
    }
    assert "widgets" not in clean["metadata"]
    assert notebooks.cleaned(clean) == clean


def test_an_executed_notebook_is_found_out_and_mended(executed, tmp_path, capsys):
    """The check fails and names the file; `--fix` mends it."""
    path = tmp_path / "guide.ipynb"
    path.write_text(json.dumps(executed))
    assert notebooks.main([str(path)]) == 1
    assert "guide.ipynb holds outputs" in capsys.readouterr().err
    assert notebooks.main(["--fix", str(path)]) == 0
    assert notebooks.main([str(path)]) == 0


def test_the_demo_shows_only_what_an_update_adds(capsys):
    """An answer that grows in its output grows on the terminal, and is not written again."""
    screen = demo.Screen()
    for text in ("", "Pyth", "Python is", "Python is a snake."):
        screen.message(
            {
                "msg_type": "update_display_data",
                "content": {"data": {"text/plain": text}, "transient": {"display_id": "x"}},
            }
        )
    assert capsys.readouterr().out == "Python is a snake."


def test_a_browser_that_is_named_counts_alone(monkeypatch, tmp_path):
    """NBCHAT_CHROMIUM is taken at its word: a wrong path is not quietly replaced by another browser."""
    monkeypatch.setenv("NBCHAT_CHROMIUM", str(tmp_path / "nothing"))
    assert browser.find() is None
