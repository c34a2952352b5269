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


def shown(kind, display_id, **data):
    """Return a message that shows or updates an output."""
    return {"msg_type": kind, "content": {"data": data, "transient": {"display_id": display_id}}}


def test_the_demo_shows_only_what_an_update_adds(capsys):
    """An answer that grows in its output grows on the terminal, and is not written again."""
    screen = demo.Screen()
    for text in ("", "Pyth", "Python is", "Python is a snake."):
        screen.message(shown("update_display_data", "x", **{"text/plain": text}))
    assert capsys.readouterr().out == "Python is a snake."


def test_the_demo_shows_what_streams_into_a_widget(capsys):
    """What a widget is sent appears as it comes, without what could drive a terminal; its last output adds only the rest."""
    screen = demo.Screen()
    screen.message(shown("display_data", "x", **{demo.WIDGET: {"model_id": "w"}, "text/plain": "…"}))
    for text in ("Python ", "is\x1b[2J a", " snake."):
        data = {"method": "custom", "content": {"type": "delta", "texts": [[0, text], [1, "No."]]}}
        screen.message({"msg_type": "comm_msg", "content": {"comm_id": "w", "data": data}})
    screen.message(shown("update_display_data", "x", **{"text/plain": "Python is[2J a snake.\n\n[stopped]"}))
    assert capsys.readouterr().out == "Python is[2J a snake.\n\n[stopped]"


def test_a_browser_that_is_named_counts_alone(monkeypatch, tmp_path):
    """NBCHAT_CHROMIUM is taken at its word: a wrong path is not quietly replaced by another browser."""
    monkeypatch.setenv("NBCHAT_CHROMIUM", str(tmp_path / "nothing"))
    assert browser.find() is None
