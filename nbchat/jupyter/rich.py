"""What a tool gave as the notebook shows it: a table, a figure, a widget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nbchat.session.surroundings import current_shell
from nbchat.session.toolbox import ToolRun
from nbchat.tools.calling import Outcome
from nbchat.wire.media import medium_of
from nbchat.wire.sniff import IMAGES, media_type

__all__ = ["rich_bundles"]

_HEAD = 64  # bytes that tell what a picture is
_Bundle = tuple[dict[str, Any], dict[str, Any]]


def rich_bundles(runs: Iterable[ToolRun]) -> list[_Bundle]:
    """Return the MIME bundles, with their metadata, of all results that look like more than their text.

    They are the user's own objects, shown by IPython's formatters as the last line of a cell would be; of what these know no
    more of than its text, such as a list of figures, the pictures that go to the model.
    """
    shell = current_shell()
    if shell is None:
        return []
    bundles: list[_Bundle] = []
    for run in runs:
        if run.outcome is None or run.outcome.value is None:
            continue
        data, metadata = shell.display_formatter.format(run.outcome.value)
        bundles += [(data, metadata)] if data.keys() - {"text/plain"} else _pictures(run.outcome)
    return bundles


def _pictures(outcome: Outcome) -> Iterator[_Bundle]:
    """Return the pictures of a result, which are what their bytes are; what lies at an address stays there."""
    for medium in map(medium_of, outcome.parts):
        kind = media_type(medium.data(_HEAD)) if medium is not None else ""
        if medium is not None and kind in IMAGES:
            yield {kind: medium.encoded, "text/plain": f"<a picture of {medium.size:,} bytes>"}, {}
