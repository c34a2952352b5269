"""What all tests share: a scripted server and a clean environment."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from scripted import ScriptedServer, validator

from nbchat.client import endpoint, refusals
from nbchat.client.config import NBChat
from nbchat.client.named import WELL_KNOWN


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A scripted server; every chat request it got is valid for the official schema."""
    scripted = ScriptedServer()
    yield scripted
    scripted.stop()
    if scripted.schema:
        for request in scripted.requests:
            if request.path.endswith("/chat/completions"):
                validator("request").validate(request.json)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys, addresses or settings of whoever runs it, nor those of another test."""
    keys = {known.get("api_key_env") for known in WELL_KNOWN.values()}
    for name in list(os.environ):
        if (name.startswith(("OPENAI_", "AZURE_OPENAI_", "NBCHAT_")) or name in keys) and name not in (
            "NBCHAT_CACHE",
            "NBCHAT_CHROMIUM",
        ):
            monkeypatch.delenv(name)
    NBChat.clear_instance()
    monkeypatch.setattr(endpoint, "_told", set())
    monkeypatch.setattr(refusals, "_learned", {})
