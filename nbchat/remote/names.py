"""Names that the API takes for tools."""

from __future__ import annotations

import re

__all__ = ["api_name"]

# The API's rule (FunctionObject in its OpenAPI description); MCP's allows dots, slashes and twice the length.
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]+")
_LONGEST = 64


def api_name(name: str, prefix: str | None = None) -> str:
    """Return a tool's name as the API takes it.

    Args:
        name: What the tool is called.
        prefix: What stands before that; it is cut where both together are too long.

    Example:
        >>> api_name("files/read", "my disk")
        'my_disk_files_read'
    """
    name = _OTHERS.sub("_", name)[:_LONGEST] or "tool"
    room = _LONGEST - len(name) - 1
    if not prefix or room < 1:
        return name
    return f"{_OTHERS.sub('_', prefix)[:room].strip('_')}_{name}".lstrip("_")
