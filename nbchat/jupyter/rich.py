"""What a tool gave as the notebook shows it: a table, a figure, a widget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbchat.session.surroundings import current_shell
from nbchat.session.toolbox import ToolRun

__all__ = ["rich_bundles"]


def rich_bundles(runs: Iterable[ToolRun]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the MIME bundles, with their metadata, of all results that look like more than their text.

    They are the user's own objects, shown by IPython's formatters as the last line of a cell would be.
    """
    shell = current_shell()
    if shell is None:
        return []
    values = [run.outcome.value for run in runs if run.outcome is not None and run.outcome.value is not None]
    bundles = [shell.display_formatter.format(value) for value in values]
    return [(data, metadata) for data, metadata in bundles if data.keys() - {"text/plain"}]
