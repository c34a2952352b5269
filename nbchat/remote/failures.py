"""What goes wrong with an MCP server, in one sentence."""

from __future__ import annotations

from mcp import MCPError
from mcp_types import PARSE_ERROR
from pydantic import ValidationError

from nbchat.errors import ToolError
from nbchat.remote.link import Link, Way
from nbchat.wire.decode import without_surrogates

__all__ = ["explained", "one_line"]

# How much is repeated of what a server sent, in characters.
_SHOWN = 200


def explained(way: Way, link: Link, problem: Exception | None, limit: float | None) -> ToolError:
    """Translate what went wrong.

    Args:
        way: How the server is reached.
        link: The connection's own way to it.
        problem: What was raised; ``None`` where somebody closed the connection.
        limit: How long the server may take, in seconds.
    """
    reason = (problem and link.reason(problem)) or _reason(problem, limit)
    hint = link.hint()
    return ToolError(
        way.censor(f"The MCP server {way.label} {reason}."), hint=None if hint is None else way.censor(hint)
    )


def _reason(problem: Exception | None, limit: float | None) -> str:
    match problem:
        case None:
            return "was closed"
        case TimeoutError():
            return "did not answer in time" if limit is None else f"did not answer within {limit:g} s"
        case MCPError() if problem.code == PARSE_ERROR:  # whose text is pydantic's, over several lines
            return "answered with what is not MCP"
        case MCPError():
            return f"refused: {one_line(problem.message)}"
        case ValidationError():
            sent = problem.errors(include_url=False, include_context=False)[0].get("input")
            return f"answered with what is not MCP: {one_line(str(sent))!r}"
        case RuntimeError():  # of the mcp package, when a result is not what the server says that its results are
            return f"gave a result that does not fit: {one_line(str(problem))}"
        case _:
            return f"failed: {type(problem).__name__}: {one_line(str(problem))}"


def one_line(text: str) -> str:
    """Return the beginning of a text of somebody else's, on one line."""
    line = " ".join(str(without_surrogates(text)).split())
    return (line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…").rstrip(". ")
