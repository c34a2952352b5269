"""An MCP server made with the official package, in a process of its own: over stdio, or over HTTP on the port it is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.utilities.types import Image

# The smallest PNG there is: one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364600000000600023081d02f0000000049454e44ae426082"
)

server = MCPServer("test tools", log_level="ERROR")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def pid() -> int:
    """Say in which process this is."""
    return os.getpid()


@server.tool()
def picture() -> list:
    """Draw."""
    return ["a pixel", Image(data=PIXEL, format="png")]


@server.tool()
def fail(city: str) -> str:
    """Fail."""
    raise ToolError(f"There is no city called {city}, {os.environ.get('KEY')}.")


@server.tool()
def die() -> None:
    """End the server in the middle of the call."""
    print("\x1b[31mI can't go on.\x1b[0m", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
async def wait(folder: str) -> None:
    """Wait for ever: files in the folder say that this has begun, and that it was cancelled."""
    (Path(folder) / "begun").touch()
    try:
        await anyio.sleep_forever()
    finally:
        (Path(folder) / "cancelled").touch()


@server.tool()
async def grow(name: str, context: Context) -> str:
    """Have one more tool from now on."""
    server.add_tool(add, name=name)
    await context.notify_tools_changed()
    return f"there is {name} now"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run()
