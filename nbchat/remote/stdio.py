"""The way to a server that is started here, and spoken to through its standard input and output."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

import anyio
from mcp import MCPError, StdioServerParameters, stdio_client
from mcp_types import CONNECTION_CLOSED

from nbchat.client.secret import Secrets

if TYPE_CHECKING:
    from mcp.client._transport import ReadStream, TransportStreams
    from mcp.shared.message import SessionMessage

__all__ = ["Command"]

# How much is kept of what a server writes to stderr: lines, and characters of each.
_LINES = 5
_LINE = 300
# How long the end of stderr is waited for once the server has ended, in seconds: what it started may hold it open.
_REST = 0.5
# What moves the cursor and makes colours (ECMA-48), and other characters that are no text.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[^\S ]|[\x00-\x1f\x7f]")


class Command:
    """A server that is a command.

    Args:
        command: The program and its arguments.
        env: Environment variables beside the few that any program needs.
        cwd: The folder it runs in.
        name: What it is called in errors.
    """

    def __init__(self, command: Sequence[str], env: Secrets, cwd: Path | None, name: str | None) -> None:
        self.label = name or _label(command)
        self._command = [str(word) for word in command]
        self._env = env
        self._cwd = cwd

    def link(self) -> _Process:
        """Return the way to a process that does not run yet."""
        program, *arguments = self._command
        return _Process(StdioServerParameters(command=program, args=arguments, env=dict(self._env), cwd=self._cwd))

    def censor(self, text: str) -> str:
        """Return *text* without the values of its environment variables."""
        return self._env.censor(text)


def _label(command: Sequence[str]) -> str:
    """Return the program and what it runs, as in ``python server.py``. Options are left out: keys may be among them."""
    program, *rest = (str(word) for word in command)
    if rest[:1] in (["-m"], ["-y"]):
        rest = rest[1:]
    runs = [Path(word).name for word in rest[:1] if not word.startswith("-")]
    return " ".join([Path(program).name, *runs])


class _Process:
    """One run of a command."""

    forgotten = False  # a process that has forgotten everything is another one

    def __init__(self, parameters: StdioServerParameters) -> None:
        self._parameters = parameters
        self._words: _LastWords | None = None

    @asynccontextmanager
    async def streams(self, gone: Callable[[], object]) -> AsyncIterator[TransportStreams]:
        """Start the process, and end it and all that it started at the end."""
        self._words = words = _LastWords()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(words.rest)
            with words.pipe:  # the process has an end of its own
                read, write = await stack.enter_async_context(stdio_client(self._parameters, words.pipe))
            yield _Watched(read, gone), write

    def reason(self, problem: Exception) -> str | None:
        """Say why it could not be started, or that it has ended."""
        parameters = self._parameters
        if isinstance(problem, MCPError) and problem.code == CONNECTION_CLOSED:
            return "has ended"
        if isinstance(problem, FileNotFoundError) and parameters.cwd and not Path(parameters.cwd).exists():
            return f"can't be started: there is no folder {parameters.cwd}"
        if isinstance(problem, FileNotFoundError):
            return f"can't be started: there is no program {parameters.command!r}"
        if isinstance(problem, OSError) and problem.strerror:  # a TimeoutError is one, too
            return f"can't be started: {problem.strerror}"
        return None

    def hint(self) -> str | None:
        """Tell what it wrote last to its standard error."""
        lines = self._words.lines if self._words else ()
        return "\n    ".join(["The last that it wrote to stderr:", *lines]) if lines else None


class _Watched:
    """A stream of what a server says, and a word when that is over: whoever idles does not read it."""

    def __init__(self, stream: ReadStream[SessionMessage | Exception], gone: Callable[[], object]) -> None:
        self._stream = stream
        self._gone = gone

    async def receive(self) -> SessionMessage | Exception:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._gone()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stream.__aexit__(kind, problem, trace)


class _LastWords:
    """The last lines that a process wrote to stderr, which is read to its end lest the process wait for a reader.

    It is read in a thread: on Windows no event loop reads such a pipe.

    Attributes:
        pipe: What the process writes to.
        lines: The last lines so far.
    """

    def __init__(self) -> None:
        source, sink = os.pipe()
        self.pipe: TextIO = os.fdopen(sink, "w", encoding="utf-8")
        self.lines: deque[str] = deque(maxlen=_LINES)
        self._complete = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(source,), name="nbchat-mcp-stderr", daemon=True).start()

    def _read(self, source: int) -> None:
        with os.fdopen(source, "rb") as stream:
            # A line that does not end is taken in pieces.
            while line := stream.readline(_LINE):
                if text := _CONTROL.sub(" ", line.decode(errors="replace")).strip():
                    self.lines.append(text)
        with suppress(RuntimeError):  # the loop is gone, as is whoever would have read them
            self._loop.call_soon_threadsafe(self._complete.set)

    async def rest(self) -> None:
        """Wait for the rest of what a process wrote that has ended."""
        with anyio.move_on_after(_REST, shield=True):
            await self._complete.wait()
