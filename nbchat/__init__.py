"""Chat with any language model, at home in the notebook.

One live :class:`Session`, three doors: the ``%%chat`` cell magic, a panel, and Python. With no key and no network a small
model inside the kernel answers.

Example:
    >>> import nbchat
    >>> chat = nbchat.Session(system="You are terse.")
    >>> print(chat.send("What's Python?"))  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbchat.client.client import Client as Client
    from nbchat.client.config import NBChat as NBChat
    from nbchat.client.stream import Stream as Stream
    from nbchat.embedded.shelf import unload as unload
    from nbchat.errors import NbchatError as NbchatError
    from nbchat.jupyter.controls import controls as controls
    from nbchat.jupyter.panel import panel as panel
    from nbchat.jupyter.sweep import sweep as sweep
    from nbchat.remote.mcp import mcp as mcp
    from nbchat.session.completion import Completion as Completion
    from nbchat.session.parameters import Parameters as Parameters
    from nbchat.session.registry import get_session as get_session
    from nbchat.session.registry import use_session as use_session
    from nbchat.session.session import Session as Session
    from nbchat.session.sweep import Sweep as Sweep
    from nbchat.session.turn import Turn as Turn
    from nbchat.tools.tool import Tool as Tool
    from nbchat.tools.tool import tool as tool

__version__ = "0.1.0"

# Where each public name lives. They are imported when first used: httpx alone takes longer than all of Python to start.
_HOMES = {
    "Client": "nbchat.client.client",
    "Completion": "nbchat.session.completion",
    "NBChat": "nbchat.client.config",
    "NbchatError": "nbchat.errors",
    "Parameters": "nbchat.session.parameters",
    "Session": "nbchat.session.session",
    "Stream": "nbchat.client.stream",
    "Sweep": "nbchat.session.sweep",
    "Tool": "nbchat.tools.tool",
    "Turn": "nbchat.session.turn",
    "controls": "nbchat.jupyter.controls",
    "get_session": "nbchat.session.registry",
    "mcp": "nbchat.remote.mcp",
    "panel": "nbchat.jupyter.panel",
    "sweep": "nbchat.jupyter.sweep",
    "tool": "nbchat.tools.tool",
    "unload": "nbchat.embedded.shelf",
    "use_session": "nbchat.session.registry",
}

__all__ = [*sorted(_HOMES), "__version__", "load_ipython_extension", "unload_ipython_extension"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("nbchat.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'nbchat' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        from nbchat.jupyter.extension import teach_display

        teach_display(shell)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Do what ``%load_ext nbchat`` asks for: register ``%%chat`` and ``%chat``."""
    from nbchat.jupyter.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Do what ``%unload_ext nbchat`` asks for."""
    from nbchat.jupyter.extension import unload as leave

    leave(shell)
