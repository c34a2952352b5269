"""``%load_ext nbchat``: what a shell gets, and how it is taken away again."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nbchat.jupyter.magics import ChatMagics

if TYPE_CHECKING:
    from nbchat.session.turn import Turn

__all__ = ["load", "teach_display", "unload"]


def load(shell: Any) -> None:
    """Register the magics, their completion and the display of turns."""
    _say_if_taken(shell)
    unload(shell)
    shell.register_magics(ChatMagics)
    shell.Completer.custom_matchers.extend(_matchers())
    teach_display(shell)
    # httpx, certificates and the widget take half a second to load: behind the user's back, while the question is typed.
    threading.Thread(target=_warm_up, name="nbchat-warm-up", daemon=True).start()


def unload(shell: Any) -> None:
    """Take back what :func:`load` did."""
    magics = shell.magics_manager.registry.pop(ChatMagics.__name__, None)
    if isinstance(magics, ChatMagics):
        magics.close()
        for kind in ("line", "cell"):
            if getattr(shell.magics_manager.magics[kind].get("chat"), "__self__", None) is magics:
                del shell.magics_manager.magics[kind]["chat"]
    for matcher in _matchers():
        if matcher in shell.Completer.custom_matchers:
            shell.Completer.custom_matchers.remove(matcher)


def _matchers() -> list[Any]:
    """Return what completes our lines, where IPython takes such: from 8.6 on, and Colab has 7.34."""
    from IPython.core import completer

    if not hasattr(completer, "context_matcher"):
        return []
    from nbchat.jupyter.completer import complete_chat

    return [complete_chat]


def _say_if_taken(shell: Any) -> None:
    """Tell, in one line, whose ``%%chat`` is replaced."""
    other = shell.magics_manager.magics["cell"].get("chat")
    owner = type(getattr(other, "__self__", other))
    if other is not None and owner is not ChatMagics:
        sys.stderr.write(
            f"nbchat: %%chat was {owner.__module__}'s until now; %unload_ext nbchat and reload that to go back.\n"
        )


def teach_display(shell: Any) -> None:
    """Have the shell draw a turn live where a cell's last line is one."""
    formatter = shell.display_formatter.ipython_display_formatter
    formatter.for_type_by_name("nbchat.session.turn", "Turn", _display_turn)


def _display_turn(turn: Turn) -> None:
    from nbchat.errors import NbchatError
    from nbchat.jupyter.cell import show

    try:
        show(turn)
    except NbchatError as error:
        # IPython would print a formatter's failure with all its frames.
        sys.stderr.write(f"{type(error).__name__}: {error}\n")


def _warm_up() -> None:
    from traitlets import TraitError

    from nbchat.errors import NbchatError
    from nbchat.session.registry import get_session
    from nbchat.session.surroundings import surroundings

    # What is wrong in the settings is told to whoever asks a question, in the cell that asks.
    with suppress(NbchatError, TraitError):
        get_session().client.warm_up()
    if surroundings() == "notebook":
        import nbchat.jupyter.live  # noqa: F401  imported for what it imports
