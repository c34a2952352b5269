"""Asking with input(): the parts of it that need neither a terminal nor a kernel."""

from __future__ import annotations

import threading

import pytest
from scripted import PATIENCE

from nbchat.session.keyboard import _input


def test_what_fails_meanwhile_is_raised(monkeypatch: pytest.MonkeyPatch):
    """Where drawing the turn fails while the question stands, whoever asks is told, and not a thread of ours alone."""
    failed = threading.Event()

    def meanwhile() -> None:
        failed.set()
        raise ValueError("can't draw")

    monkeypatch.setattr("builtins.input", lambda _: failed.wait(PATIENCE) and "y")
    with pytest.raises(ValueError, match="can't draw"):
        _input("?", lambda: False, meanwhile, 1.0)
