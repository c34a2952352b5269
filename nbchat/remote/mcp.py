"""The way in: servers of the Model Context Protocol, whose tools a model may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbchat.client.secret import SecretHeaders, Secrets
from nbchat.errors import ConfigurationError

if TYPE_CHECKING:
    from nbchat.remote.server import MCPServer

__all__ = ["mcp"]


def mcp(
    command: Sequence[str] | None = None,
    *,
    url: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    headers: Mapping[str, str] | None = None,
    name: str | None = None,
    approve: bool | Callable[[str, dict[str, Any]], bool] = True,
    timeout: float | None = 60,
) -> MCPServer:
    """Return an MCP server for ``Session(tools=[server])``. It is started, or reached, when its tools are first needed.

    Args:
        command: The program that is the server, and its arguments; it is started here and spoken to over its standard input
            and output.
        url: Or the address of one that runs (MCP's streamable HTTP).
        env: Environment variables of the program, keys for example. Of the notebook's own it gets no others than ``PATH``,
            ``HOME`` and their like.
        cwd: The folder in which the program runs; the notebook's by default.
        headers: Headers of each request to the address, keys for example.
        name: What stands before the names of its tools, as in ``git_log``, and what errors call it. Without one a tool has its
            own name, and where two tools have the same, the server's name before it.
        approve: Whether a person is asked before each call, or a function that is given the name of the tool and the arguments
            and says so. ``False`` only for a server that you trust with all that its tools can do.
        timeout: Seconds that it may take to be there, and that each call may take; ``None`` for no limit.

    Raises:
        ConfigurationError: The ``mcp`` package is missing, it is not said which server is meant, or *env* or *headers* is
            no dict of texts.

    Example:
        >>> clock = nbchat.mcp(["python", "-m", "mcp_server_time"], approve=False)  # doctest: +SKIP
        >>> chat = nbchat.Session(tools=[clock])  # doctest: +SKIP
        >>> chat.send("What time is it in Tokyo?")  # doctest: +SKIP
    """
    # Under cover first: whatever raises below shows its locals in some tracebacks.
    env, headers = Secrets(env), SecretHeaders(headers)
    env.checked()
    headers.checked()
    try:
        from nbchat.remote.http import Address
        from nbchat.remote.server import MCPServer
        from nbchat.remote.stdio import Command
    except ImportError:
        raise ConfigurationError(
            "MCP servers need the package mcp, 2.3 or newer, which is not installed.",
            hint='Run pip install "jupyter-nbchat[mcp]".',
        ) from None
    if (command is None) == (url is None):
        raise ConfigurationError("An MCP server is a command or an address: give command=[…] or url=….")
    if timeout is not None and not timeout > 0:
        raise ConfigurationError(f"An MCP server can't have {timeout} seconds.", hint="Give more than 0, or None.")
    if url is not None:
        if env or cwd:
            raise ConfigurationError("env and cwd are a command's: a server at an address runs where it runs.")
        return MCPServer(Address(url, headers, name), prefix=name, approve=approve, timeout=timeout)
    if headers:
        raise ConfigurationError("headers are an address's: a command gets its keys in env.")
    if isinstance(command, str) or not command:
        raise ConfigurationError(
            "A command is a list of words.", hint='Write it as ["python", "-m", "mcp_server_time"].'
        )
    folder = Path(cwd).expanduser() if cwd is not None else None
    return MCPServer(Command(command, env, folder, name), prefix=name, approve=approve, timeout=timeout)
