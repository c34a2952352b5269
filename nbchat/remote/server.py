"""An MCP server whose tools a session offers to its model."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import mcp_types

from nbchat.client import portal
from nbchat.errors import ToolError
from nbchat.remote.answers import Answer, answer_of
from nbchat.remote.connection import Connection
from nbchat.remote.link import Way
from nbchat.remote.names import api_name
from nbchat.tools.tool import Settings, Tool, as_tool

__all__ = ["MCPServer"]

T = TypeVar("T")


class MCPServer:
    """A server of tools, connected when it is first needed and again whenever it has ended. Make one with ``nbchat.mcp``.

    Iterated over, it gives its tools, for ``tools=[*server, f]``; that waits for the server. In ``tools=[server]`` it is
    asked for its tools at each question, and they are named apart from those of others.

    It is closed when nothing refers to it any more, with :meth:`close` or as a context manager, and when Python ends.

    Args:
        way: How it is reached.
        prefix: What stands before the names of its tools; ``None`` for nothing, as long as they are the only ones of their
            names.
        approve: Whether a person is asked before a tool is called; a function is given the tool's name and the arguments.
        timeout: How long it may take to be there, and for each answer, in seconds; ``None`` for as long as it takes.
    """

    def __init__(
        self,
        way: Way,
        *,
        prefix: str | None,
        approve: bool | Callable[[str, dict[str, Any]], bool],
        timeout: float | None,
    ) -> None:
        self._prefix = prefix
        self._approve = approve
        self._line = line = _Line(way, timeout)
        # Of its exit Python is told by the connections themselves, which are closed while their thread still runs.
        weakref.finalize(self, line.drop).atexit = False

    @property
    def label(self) -> str:
        """What it is called in errors."""
        return self._line.way.label

    @property
    def prefix(self) -> str:
        """What is put before the name of a tool that another one has, too."""
        return self._prefix or self._line.server_name or self.label

    @property
    def connected(self) -> bool:
        """Whether it is there, so that nobody has to wait for its tools."""
        return self._line.connected

    async def offered(self) -> list[Tool]:
        """Return its tools, on the I/O thread; the server is started or reached first, where it is not there.

        Raises:
            ToolError: It can't be, or it does not list its tools.
        """
        return [self._tool(listed) for listed in await self._line.ask(Connection.tools)]

    async def call(self, name: str, arguments: dict[str, Any]) -> Answer:
        """Call a tool, on the I/O thread. Cancelling tells the server to stop.

        Raises:
            ToolError: The tool failed, or the server did; the text says how.
        """
        result = await self._line.ask(lambda connection: connection.call(name, arguments))
        answer = answer_of(result)
        if result.is_error:
            raise ToolError(self._line.way.censor(answer.text) or f"{name} failed, and did not say why.")
        return answer

    def close(self) -> None:
        """End the connection, and the process that was started for it. Using the server again starts it again."""
        portal.run(self._line.close())

    def __iter__(self) -> Iterator[Tool]:
        return iter(portal.run(self.offered()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<MCPServer {self.label}, {'connected' if self.connected else 'not connected'}>"

    def _tool(self, listed: mcp_types.Tool) -> Tool:
        return replace(
            _ANY_TOOL,
            function=_Function(self, listed.name),
            name=api_name(listed.name, self._prefix),
            description=listed.description or listed.title,
            # As the server gives it, but that the API wants the member that JSON Schema lets be missing.
            parameters={"properties": {}, **listed.input_schema},
            approve=self._approve if isinstance(self._approve, bool) else partial(self._approve, listed.name),
        )


@dataclass(frozen=True)
class _Function:
    """A tool of a server, as a function that takes whatever arguments: the server checks them."""

    server: MCPServer
    name: str

    async def __call__(self, /, **arguments: Any) -> Answer:
        return await portal.run_from_anywhere(self.server.call(self.name, arguments))


# What they have in common: each takes whatever arguments.
_ANY_TOOL = as_tool(lambda **_arguments: None, Settings(name="any"))


class _Line:
    """The connection to a server, whichever it is just now.

    Args:
        way: How the server is reached.
        limit: How long that and each answer may take, in seconds.
    """

    def __init__(self, way: Way, limit: float | None) -> None:
        self.way = way
        self._limit = limit
        self._connection: Connection | None = None

    @property
    def _usable(self) -> Connection | None:
        known = self._connection
        return known if known is not None and known.usable and known.mine else None

    @property
    def connected(self) -> bool:
        return self._usable is not None

    @property
    def server_name(self) -> str | None:
        return self._usable.server_name if self._usable else None

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Ask the server something; once more, where it was not heard because the server had been started anew."""
        connection = await self.connection()
        try:
            return await question(connection)
        except ToolError:
            if not connection.forgotten:
                raise
        return await question(await self.connection())

    async def connection(self) -> Connection:
        """Return a connection that can be used, as far as is known."""
        if self._usable is not None:
            await self._usable.prove()
        known = self._usable
        if known is None:
            known = self._connection = Connection(self.way, self._limit)
        await known.ready()
        return known

    async def close(self) -> None:
        known, self._connection = self._connection, None
        if known is not None and known.mine:
            await known.close()

    def drop(self) -> None:
        """Let go of the connection, on any thread: nobody waits for its end."""
        known = self._connection
        if known is not None and known.mine:
            portal.call_soon(known.end)
