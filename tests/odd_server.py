"""MCP servers over stdio that do what no server should, written by hand: ``python odd_server.py WHAT``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOOLS = [{"name": "files/read", "inputSchema": {"type": "object"}}, {"name": "add", "inputSchema": {"type": "object"}}]
SERVER = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "odd", "version": "1"}}


def answers() -> None:
    """Answer as a server from before the protocol of 2026 does, but for what *what* says of calls."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = given(message["method"], message.get("params", {}))
        reply = (
            {"error": {"code": -32601, "message": f"Never heard of it, {KEY}."}}
            if result is None
            else {"result": result}
        )
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)


def given(method: str, params: dict[str, Any]) -> Any:
    if method == "initialize":
        return SERVER
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call" and WHAT == "nonsense":
        return {"content": "no list"}
    if method == "tools/call" and WHAT == "environment":
        return {"content": [{"type": "text", "text": json.dumps([dict(os.environ), str(Path.cwd())])}]}
    if method == "tools/call" and WHAT == "stays":
        return {"content": [{"type": "text", "text": f"{os.getpid()} {other.pid}"}]}
    if method == "tools/call" and WHAT == "dies" and params["name"] == "add":
        os._exit(3)
    if method == "tools/call" and WHAT == "stuck" and params["name"] == "add":
        time.sleep(1000)
    if method == "tools/call" and WHAT != "refuses":
        return {"content": [{"type": "text", "text": f"{params['name']} in {os.getpid()}"}]}
    return None


WHAT, KEY = sys.argv[1], os.environ.get("KEY")
if WHAT == "ends":
    print(f"line 1\nNo database at {KEY}.", file=sys.stderr)
    sys.exit(2)
elif WHAT == "silent":
    time.sleep(1000)
elif WHAT == "babbles":
    for _ in sys.stdin:
        print("Hello!", flush=True)
elif WHAT == "stays":
    # It started another process and does not mind that its input has ended.
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    answers()
    time.sleep(1000)
else:
    answers()
