"""One connection to an MCP server, from its beginning to its end, which are in one task: the mcp package demands that."""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import importlib
import logging
import os
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar

import anyio
from mcp import Client, MCPError
from mcp_types import CONNECTION_CLOSED, CallToolResult, Tool, ToolListChangedNotification
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from nbchat.client import portal
from nbchat.errors import ToolError
from nbchat.remote.failures import explained
from nbchat.remote.link import Way

__all__ = ["Connection"]

T = TypeVar("T")

# How long a server has to show that it still answers, in seconds, after it did not.
_PROOF = 5.0
# How long an end may take that is told to the server, in seconds; a process that does not end by itself is killed after it.
_GRACE = 3.0
# How long the interpreter's exit waits for the servers to end, in seconds: longer than it takes to kill them.
_GOODBYE = 8.0
# How long after it was broken off a stream of changes is asked for again, in seconds: proxies end those that are idle.
_AGAIN = 30.0
# How many pages a list of tools may have: one that never ends would never be there.
_PAGES = 100

# The package and what it stands on import these only when they need them, which would hold up the answers that come in on the
# I/O thread just then.
for module in ("anyio.streams.stapled", "httpcore2", "jsonschema.validators", "truststore"):
    with suppress(ImportError):
        importlib.import_module(module)
for name in dir(anyio):
    getattr(anyio, name)

# What the package logs would be printed into a cell where nobody has set logging up; the errors say what it says.
for name in ("mcp", "client"):  # the latter is that of its sessions
    logging.getLogger(name).addHandler(logging.NullHandler())


class Connection:
    """One connection, made and used on the I/O thread.

    Args:
        way: How the server is reached.
        limit: How long the server may take to be there, and for each answer, in seconds; ``None`` for as long as it takes.

    Attributes:
        usable: Whether it can be used, as far as is known.
        doubtful: Whether a call failed or was given up, so that the server may not answer any more.
    """

    def __init__(self, way: Way, limit: float | None) -> None:
        self.usable = True
        self.doubtful = False
        self._way = way
        self._link = way.link()
        self._limit = limit
        self._begun = asyncio.get_running_loop().time()
        self._client: Client | None = None
        self._tools: list[Tool] = []
        self._stale = True
        self._problem: Exception | None = None
        self._rubbish: Exception | None = None
        self._whole, self._middle = anyio.CancelScope(), anyio.CancelScope()
        self._listing = asyncio.Lock()
        self._there, self._over = asyncio.Event(), asyncio.Event()
        self._process = os.getpid()
        # Not in the context of whoever asked first: that would be kept alive by it, and may be what it is to end with.
        self._task = asyncio.get_running_loop().create_task(self._live(), context=contextvars.Context())
        _alive.add(self)

    @property
    def forgotten(self) -> bool:
        """Whether the server does not know of it any more: what was asked for last was not done."""
        return self._link.forgotten

    @property
    def mine(self) -> bool:
        """Whether it is of this process: a forked child has no part in its parent's."""
        return self._process == os.getpid()

    async def ready(self) -> Client:
        """Wait until the server is there.

        Raises:
            ToolError: It can't be reached or started, or does not answer in time.
        """
        try:
            async with asyncio.timeout_at(None if self._limit is None else self._begun + self._limit):
                await self._there.wait()
        except TimeoutError as problem:
            self.end()
            raise self._explained(self._rubbish or problem) from None
        if self._client is None:
            raise self._explained(self._problem)
        return self._client

    async def tools(self) -> list[Tool]:
        """Return the server's tools; they are listed again only when the server has said that they are others.

        Raises:
            ToolError: They can't be listed.
        """
        client = await self.ready()
        async with self._listing:
            if self._stale:
                self._stale = False  # from here on a word of theirs counts again
                try:
                    self._tools = await self._heard(_listed(client))
                except BaseException:
                    self._stale = True
                    raise
        return self._tools

    async def call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """Call a tool; cancelling tells the server to stop.

        Raises:
            ToolError: There is no result, for whatever reason.
        """
        client = await self.ready()
        return await self._heard(client.call_tool(name, arguments))

    async def prove(self) -> None:
        """Have the server show that it still answers, where that is in doubt, and end the connection if it does not."""
        if not self.doubtful:
            return
        self._stale = True
        try:
            async with asyncio.timeout(_PROOF):
                await self.tools()
        except (TimeoutError, ToolError):
            self.end()
        else:
            self.doubtful = False

    @property
    def server_name(self) -> str | None:
        """What the server calls itself, where it does."""
        info = self._client.server_info if self._client is not None and self.usable else None
        return info.name if info is not None else None

    def end(self) -> None:
        """Let it end, which goes on by itself."""
        self.usable = False
        self._middle.cancel()
        if self._there.is_set():
            self._whole.deadline = asyncio.get_running_loop().time() + _GRACE
        else:
            self._whole.cancel()

    async def close(self) -> None:
        """End it and wait until nothing is left of it."""
        self.end()
        await self._over.wait()

    async def _heard(self, work: Awaitable[T]) -> T:
        """Await what the server answers; what fails is told, and makes it doubtful whether the server still answers."""
        try:
            async with asyncio.timeout(self._limit):
                return await work
        except asyncio.CancelledError:
            self.doubtful = True
            raise
        except Exception as problem:  # noqa: BLE001  the package raises errors of many others
            self.doubtful = True
            if self.forgotten or (isinstance(problem, MCPError) and problem.code == CONNECTION_CLOSED):
                self.end()
                with suppress(TimeoutError):  # in a moment it is known how it has ended
                    await asyncio.wait_for(self._over.wait(), _GRACE)
            raise self._explained(self._problem or problem) from None

    def _explained(self, problem: Exception | None) -> ToolError:
        return explained(self._way, self._link, problem, self._limit)

    async def _live(self) -> None:
        try:
            with self._whole:
                client = Client(self._link.streams(self._gone), message_handler=self._hear, cache=None)
                async with client:
                    self._client = client
                    self._there.set()
                    with self._middle:
                        if _can_tell(client):
                            await self._listen(client)
                        await anyio.sleep_forever()
        except Exception as problem:  # noqa: BLE001  as above
            self._problem = _first(problem)
        finally:
            self.usable = False
            self._there.set()
            self._over.set()
            _alive.discard(self)

    async def _listen(self, client: Client) -> None:
        """Hear when the server's tools are others, for as long as there is a connection."""
        while True:
            with suppress(MCPError, RuntimeError, TimeoutError):
                async with client.listen(tools_list_changed=True) as changes:
                    self._stale = True  # what changed before it listened was not heard
                    async for _ in changes:
                        self._stale = True
            self.doubtful = True
            await anyio.sleep(_AGAIN)

    def _gone(self) -> None:
        """Note that the server has ended the connection; while that is being made, it fails with it by itself."""
        self.usable = False
        self._middle.cancel()

    async def _hear(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._stale = True
        elif isinstance(message, Exception):
            self._rubbish = message


def _can_tell(client: Client) -> bool:
    """Whether a server has to be asked to say when its tools are others. Before protocol 2026-07-28 they say so unasked."""
    tools = client.server_capabilities.tools
    return bool(tools and tools.list_changed and client.protocol_version in MODERN_PROTOCOL_VERSIONS)


async def _listed(client: Client) -> list[Tool]:
    tools: list[Tool] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _first(problem: Exception) -> Exception:
    """Return the failure itself, out of the groups that task groups put it in."""
    while isinstance(problem, ExceptionGroup):
        problem = problem.exceptions[0]
    return problem


# Kept here as well, since a loop keeps its tasks only weakly; and what is left at the interpreter's exit is ended then.
_alive: set[Connection] = set()


def _close_all() -> None:
    mine = [connection for connection in _alive if connection.mine]

    async def close() -> None:
        await asyncio.gather(*(connection.close() for connection in mine))

    if mine:
        with suppress(Exception):
            portal.start(close()).result(_GOODBYE)


# Later than the I/O thread's own, and so run before it.
atexit.register(_close_all)
