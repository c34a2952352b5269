"""Where this code runs: in a notebook, in one that nobody watches, or in a terminal. IPython is not imported for it."""

from __future__ import annotations

import sys
from typing import Any, Literal

__all__ = ["current_shell", "surroundings"]


def current_shell() -> Any:
    """Return IPython's shell, if this is one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def surroundings() -> Literal["notebook", "unattended", "terminal"]:
    """Tell what there is to draw in, and whom there is to ask.

    A kernel whose request does not allow input has nobody in front of it: nbclient and papermill say so, and every
    notebook says the opposite.
    """
    shell = current_shell()
    if shell is None or not hasattr(shell, "kernel"):
        return "terminal"
    request = shell.get_parent() or {}
    return "notebook" if request.get("content", {}).get("allow_stdin", True) else "unattended"
