"""Servers of tools: real ones, over stdio and over HTTP, list and call their tools through a session, and may die of it."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from apart import run
from scripted import PATIENCE, TESTS, Reply, Request, ScriptedServer, results

import nbchat
from nbchat.client import portal
from nbchat.errors import ConfigurationError, NbchatError, ToolError, TurnCancelled
from nbchat.remote.server import MCPServer
from nbchat.session.events import TurnNoticed
from nbchat.session.session import Session

REAL = [sys.executable, str(TESTS / "tool_server.py")]
KEY = "sk-hush-hush"
# How long a server may take to be there: the package that it is made with takes its time to be imported.
START = 120.0

posix = pytest.mark.skipif(os.name != "posix", reason="signals, forks and /proc are POSIX's")


def odd(what: str, **options: Any) -> MCPServer:
    """A server that does what no server should."""
    return nbchat.mcp([sys.executable, str(TESTS / "odd_server.py"), what], **{"approve": False, **options})


def ask(chat: Session, model: ScriptedServer, *calls: tuple[str, dict[str, Any]], text: str = "Done.") -> Any:
    """Ask a question to which the model answers with calls, and then with a text; return the turn."""
    if calls:
        model.ask_for(*calls, text="")
    model.answer(text)
    return chat.stream("?")


def offered(model: ScriptedServer) -> list[str]:
    """The names of the tools in the last request."""
    return [tool["function"]["name"] for tool in model.requests[-1].json.get("tools", [])]


def until(true: Callable[[], object]) -> None:
    """Wait for what another process does, which nobody here is told of."""
    limit = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether there is such a process, other than as one that has ended and nobody asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


class OverHTTP:
    """The real server on a port of its own."""

    def __init__(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*REAL, str(self.port)], stderr=subprocess.DEVNULL, env={**os.environ, "KEY": KEY}
        )
        limit = time.monotonic() + START
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert time.monotonic() < limit
                time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def over_http() -> Iterator[OverHTTP]:
    running = OverHTTP()
    yield running
    running.kill()


@pytest.fixture(scope="module", params=["stdio", "http"])
def real(request: pytest.FixtureRequest) -> Iterator[MCPServer]:
    """The real server; only these tests have the user's own word that its tools may be called."""
    if request.param == "stdio":
        server = nbchat.mcp(REAL, env={"KEY": KEY}, approve=False, timeout=START)
    else:
        port = request.getfixturevalue("over_http").port
        server = nbchat.mcp(url=f"http://127.0.0.1:{port}/mcp", headers={"X-Key": KEY}, approve=False, timeout=START)
    with server:
        yield server


@pytest.fixture
def chat(server: ScriptedServer, real: MCPServer) -> Session:
    return Session("m", base_url=server.url, tools=[real])


def test_a_published_server(server: ScriptedServer):
    """A server from the package index tells a model the time, in a session that it was given to."""
    with nbchat.mcp([sys.executable, "-m", "mcp_server_time"], approve=False, timeout=START) as clock:
        chat = Session("m", base_url=server.url, tools=[clock])
        turn = ask(
            chat, server, ("convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"})
        )
        assert turn.result(START).text == "Done."
        assert "T21:00:00+09:00" in results(server)[0]
        assert offered(server) == ["get_current_time", "convert_time"]
        assert repr(clock) == "<MCPServer python mcp_server_time, connected>".replace(
            "python", Path(sys.executable).name
        )


def test_tools_of_a_server_are_called(chat: Session, server: ScriptedServer):
    """Calls run side by side, with the arguments as they are; what comes is text and pictures, and failures say why."""
    turn = ask(chat, server, ("add", {"a": 1, "b": 2}), ("picture", {}), ("fail", {"city": "Oz"}), ("add", {"a": "x"}))
    turn.result(START)
    summed, drawn, failed, wrong = turn.calls
    assert results(server)[:2] == ["3", "a pixel"]
    assert summed.outcome.value.structured == {"result": 3}
    assert drawn.outcome.parts[0]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert results(server)[2] == "Error executing tool fail: There is no city called Oz, …."
    assert (failed.status, failed.outcome.traceback) == ("failed", None)
    assert "unable to parse string as an integer" in wrong.outcome.text
    schema = server.requests[0].json["tools"][0]["function"]["parameters"]
    assert schema["required"] == ["a", "b"]
    assert ask(chat, server).result(PATIENCE).text == "Done."


def test_a_server_says_that_its_tools_are_others(chat: Session, server: ScriptedServer):
    """A tool that a server has from now on is offered with the next question."""
    ask(chat, server, ("grow", {"name": "sum_up"})).result(START)
    assert "sum_up" not in offered(server)
    until(lambda: "sum_up" in [tool.name for tool in chat.tools[0]])
    ask(chat, server, ("sum_up", {"a": 2, "b": 2})).result(PATIENCE)
    assert "sum_up" in offered(server)
    assert results(server)[-1] == "4"


def test_stopping_a_call(chat: Session, server: ScriptedServer, tmp_path: Path):
    """Stop ends a call on the server, too; the next question works, and nothing was started anew for it."""
    before = ask(chat, server, ("pid", {}))
    before.result(START)
    turn = ask(chat, server, ("wait", {"folder": str(tmp_path)}))
    until((tmp_path / "begun").exists)
    chat.stop()
    with pytest.raises(TurnCancelled):
        turn.result(PATIENCE)
    until((tmp_path / "cancelled").exists)
    server._scripts.clear()  # the answer that nobody asked for any more
    after = ask(chat, server, ("pid", {}))
    after.result(PATIENCE)
    assert after.calls[0].outcome.text == before.calls[0].outcome.text


@posix
def test_a_server_that_is_killed_in_mid_call(server: ScriptedServer, tmp_path: Path):
    """Whoever waits is told, the model and the person; the next call starts the server anew."""
    with nbchat.mcp(REAL, approve=False, timeout=START, name="mine") as mine:
        chat = Session("m", base_url=server.url, tools=[mine])
        first = ask(chat, server, ("mine_pid", {}))
        first.result(START)
        pid = int(first.calls[0].outcome.text)
        turn = ask(chat, server, ("mine_wait", {"folder": str(tmp_path)}))
        until((tmp_path / "begun").exists)
        os.kill(pid, signal.SIGKILL)
        assert turn.result(PATIENCE).text == "Done."
        assert results(server)[-1] == "The MCP server mine has ended."
        again = ask(chat, server, ("mine_pid", {}), ("mine_add", {"a": 1, "b": 1}))
        again.result(START)
        assert int(again.calls[0].outcome.text) != pid
        assert results(server)[-1] == "2"
        died = ask(chat, server, ("mine_die", {}))
        died.result(PATIENCE)
        assert results(server)[-1] == "The MCP server mine has ended."
        assert died.calls[0].outcome.traceback.endswith("I can't go on.")


def test_a_server_at_an_address_that_goes_and_comes_back(server: ScriptedServer, over_http: OverHTTP, tmp_path: Path):
    """While it is away a question fails in one sentence; once it is there again, the next one works."""
    with nbchat.mcp(url=f"http://127.0.0.1:{over_http.port}/mcp", approve=False, timeout=START) as away:
        chat = Session("m", base_url=server.url, tools=[away])
        turn = ask(chat, server, ("wait", {"folder": str(tmp_path)}))
        until((tmp_path / "begun").exists)
        over_http.kill()
        turn.result(PATIENCE)
        assert results(server)[0].startswith(f"The MCP server at http://127.0.0.1:{over_http.port}/mcp ")
        with pytest.raises(ToolError, match="can't be reached"):
            chat.send("?")
        assert [message["role"] for message in chat.messages] == ["user", "assistant", "tool", "assistant"]
        over_http.start()
        ask(chat, server, ("add", {"a": 20, "b": 1})).result(PATIENCE)
        assert results(server)[-1] == "21"


def test_a_person_is_asked_first(server: ScriptedServer):
    """A server's tools need approval unless the user says otherwise, always or by a rule of theirs."""
    with odd("ok", approve=True) as asks, odd("ok", approve=lambda name, given: name == "add" and "b" in given) as some:
        chat = Session("m", base_url=server.url, tools=[asks])
        ask(chat, server, ("add", {})).result(PATIENCE)
        assert results(server) == ["add was not called: it needs a person's approval, and nobody is there to give it."]
        chat = Session("m", base_url=server.url, tools=[some])
        turn = ask(chat, server, ("add", {"a": 1}), ("add", {"b": 1}), ("files_read", {}))
        turn.result(PATIENCE)
        assert [call.status for call in turn.calls] == ["done", "refused", "done"]


def test_names(server: ScriptedServer):
    """A tool has its own name, made fit for the API; the server's goes before it where another has it, or always by name=."""

    def add() -> None:
        """Add."""

    with odd("ok") as one, odd("ok") as two, odd("ok", name="three") as three:
        chat = Session("m", base_url=server.url, tools=[one])
        ask(chat, server, ("files_read", {})).result(PATIENCE)
        assert offered(server) == ["files_read", "add"]
        assert results(server)[0].startswith("files/read in ")
        chat.tools += [add, two, three]
        ask(chat, server).result(PATIENCE)
        assert offered(server) == [
            "add", "odd_files_read", "odd_add", "odd_2_files_read", "odd_2_add", "three_files_read", "three_add"
        ]  # fmt: skip

        @chat.tool
        def add() -> None:
            """Add, written once more in the same cell."""

        assert chat.tools == [one, two, three, add]


def test_tools_one_by_one(server: ScriptedServer):
    """A server is also a row of tools: some of them can be given, and Python code can call them."""
    with odd("ok") as given:
        add = next(tool for tool in given if tool.name == "add")
        assert str(asyncio.run(add())).startswith("add in ")
        chat = Session("m", base_url=server.url, tools=[add])
        ask(chat, server, ("add", {})).result(PATIENCE)
        assert offered(server) == ["add"]
        assert results(server)[0].startswith("add in ")


def test_whoever_waits_is_told_for_what(server: ScriptedServer):
    """While a server starts, the turn says so, and no longer once it is there."""
    told: list[str] = []
    with odd("ok", name="mine") as mine:
        chat = Session("m", base_url=server.url, tools=[mine])
        chat.subscribe(lambda event: isinstance(event, TurnNoticed) and told.append(str(event.notice)))
        turn = ask(chat, server)
        turn.result(PATIENCE)
        ask(chat, server).result(PATIENCE)
    assert told == ["waiting for the MCP server mine", ""]


@pytest.mark.parametrize(
    ("what", "said", "hint"),
    [
        ("ends", "has ended", "line 1\n    No database at …."),
        ("silent", "did not answer within 0.5 s", None),
        ("babbles", "answered with what is not MCP: 'Hello!'", None),
    ],
)
def test_a_server_that_does_not_come_up(server: ScriptedServer, what: str, said: str, hint: str | None):
    """The question fails in one sentence, with what the server said last, and leaves the session as it was."""
    bad = odd(what, env={"KEY": KEY}, name="mine", timeout=None if what == "ends" else 0.5)
    chat = Session("m", base_url=server.url, tools=[bad])
    with pytest.raises(ToolError) as caught:
        chat.send("?")
    assert caught.value.message == f"The MCP server mine {said}."
    assert caught.value.hint == (hint and f"The last that it wrote to stderr:\n    {hint}")
    assert (chat.messages, server.requests) == ([], [])
    chat.tools.remove(bad)
    assert ask(chat, server).result(PATIENCE).text == "Done."
    bad.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"command": ["no-such-program", "--key", KEY]},
            "no-such-program can't be started: there is no program 'no-such-",
        ),
        ({"command": ["ls"], "cwd": "/no/such/folder"}, "ls can't be started: there is no folder /no/such/folder."),
        ({"command": [str(TESTS / "odd_server.py")]}, "odd_server.py can't be started: Permission denied."),
    ],
)
def test_a_command_that_can_not_be_started(options: dict[str, Any], said: str):
    """One sentence says what is missing."""
    with pytest.raises(ToolError) as caught:
        list(nbchat.mcp(**options))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nonsense", "The MCP server mine answered with what is not MCP: 'no list'."),
        ("refuses", "The MCP server mine refused: Never heard of it, …."),
    ],
)
def test_a_server_that_answers_a_call_badly(server: ScriptedServer, what: str, said: str):
    """The model is told in one sentence, and the next question works."""
    with odd(what, name="mine", env={"KEY": KEY}) as mine:
        chat = Session("m", base_url=server.url, tools=[mine])
        ask(chat, server, ("mine_add", {})).result(PATIENCE)
        assert results(server) == [said]
        assert ask(chat, server).result(PATIENCE).text == "Done."


def test_a_server_that_hangs(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """A call that takes too long fails; the next question starts the server anew, since it does not answer any more."""
    monkeypatch.setattr("nbchat.remote.connection._PROOF", 0.3)
    with odd("stuck", timeout=3, name="mine") as stuck:
        chat = Session("m", base_url=server.url, tools=[stuck])
        turn = ask(chat, server, ("mine_files_read", {}), ("mine_add", {}))
        turn.result(PATIENCE)
        before, failed = results(server)
        assert failed == "The MCP server mine did not answer within 3 s."
        ask(chat, server, ("mine_files_read", {})).result(PATIENCE)
        assert results(server)[-1].startswith("files/read in ")
        assert results(server)[-1] != before


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"{}", "refused: HTTP 401 X. Give its key in headers={'Authorization': 'Bearer …'}, or another one."),
        (404, b"{}", "refused: HTTP 404 X. Look at the path, /v1: it is often /mcp."),
        (500, b"{}", "refused: HTTP 500 X."),
        (200, b"Hello!", "answered with what is not MCP."),
        (307, b"", "refused: Redirect to http://127.0.0.1:1/x not followed"),
    ],
)
def test_an_address_that_is_no_server(server: ScriptedServer, status: int, body: bytes, said: str):
    """One sentence says what came, and a hint what to do; no key goes to another origin, and none is in what is said."""
    elsewhere = {"location": f"http://127.0.0.1:1/x?key={KEY}"}
    server.always(lambda _: Reply([body], status, elsewhere))
    with pytest.raises(ToolError) as caught:
        list(nbchat.mcp(url=f"{server.url}?key={KEY}", headers={"Authorization": KEY}))
    assert str(caught.value).startswith(f"The MCP server at {server.url} {said}")
    assert KEY not in str(caught.value)
    assert server.requests[0].headers["authorization"] == KEY
    assert server.requests[0].path == f"/v1?key={KEY}"


def test_a_server_that_has_forgotten_its_sessions(server: ScriptedServer):
    """A server from before the protocol of 2026, started anew, gets a call again in a session that it knows."""
    known: list[str] = []
    answers = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "serverInfo": {"name": "old", "version": "1"},
        },
        "tools/list": {"tools": [{"name": "add", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": "added"}]},
    }

    def answer(request: Request) -> Reply:
        if request.method != "POST":
            return Reply([], 405)
        asked = request.json
        if asked["method"] == "initialize":
            known.append(f"session-{len(known)}")
        elif request.headers.get("mcp-session-id") not in known[-1:]:
            return Reply([], 404)
        result = {"jsonrpc": "2.0", "id": asked.get("id"), "result": answers.get(asked["method"])}
        return Reply([json.dumps(result).encode()], 200 if "id" in asked else 202, {"mcp-session-id": known[-1]})

    server.always(answer)
    with nbchat.mcp(url=server.url) as old:
        assert str(portal.run(old.call("add", {}))) == "added"
        known.append("somebody else's")
        assert str(portal.run(old.call("add", {}))) == "added"
    assert known == ["session-0", "somebody else's", "session-2"]


def test_keys_show_nowhere(server: ScriptedServer, caplog: pytest.LogCaptureFixture):
    """No value of env, of headers or of the address's query is in a repr, an error, a verbose traceback or a log line."""
    repeats = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": f"Not with {KEY}."}})
    server.always(lambda _: Reply([repeats.encode()], 403))
    with caplog.at_level(logging.DEBUG):
        for made in (odd("ends", env={"KEY": KEY}), nbchat.mcp(url=f"{server.url}?key={KEY}", headers={"X-Key": KEY})):
            with pytest.raises(ToolError) as caught:
                list(made)
            trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
            own = [frame for frame in trace.stack if frame.filename != __file__]
            trace.stack = traceback.StackSummary.from_list(own)
            assert KEY not in "".join(trace.format()) + repr(caught.value) + repr(made)
    assert "POST" in caplog.text
    assert KEY not in caplog.text


@posix
def test_what_a_command_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It runs in its folder with its own variables, and gets of the notebook's only those that any program needs."""
    monkeypatch.setenv("SOMEBODYS_KEY", KEY)
    with odd("environment", env={"GIVEN": "1"}, cwd=tmp_path) as given:
        variables, folder = json.loads(portal.run(given.call("add", {})).text)
    assert folder == str(tmp_path)
    assert variables["GIVEN"] == "1"
    assert variables["PATH"] == os.environ["PATH"]
    assert "SOMEBODYS_KEY" not in variables


@posix
def test_closing_leaves_nothing():
    """After a server was closed there is no process of it, nor of what it started, no thread and no descriptor."""
    code = """
import sys, threading, nbchat
from collections import Counter
from pathlib import Path
from nbchat.client import portal

def held():
    return Counter(entry.readlink() for entry in Path("/proc/self/fd").iterdir() if entry.exists()), threading.enumerate()

made = lambda what: nbchat.mcp([sys.executable, sys.argv[1], what])
with made("ok") as server:
    list(server)  # the loop itself keeps a descriptor once it has started a process
before = held()
with made("stays") as server:
    print(portal.run(server.call("pids", {})), flush=True)
print(server, held() == before)
server.close()
"""
    stdout, stderr, status = run(code, str(TESTS / "odd_server.py"), patience=START)
    pids, rest = stdout.splitlines()
    assert (rest.endswith("not connected> True"), stderr, status) == (True, "", 0), stdout
    assert len(pids.split()) == 2
    assert not any(alive(int(pid)) for pid in pids.split())


@posix
def test_a_server_ends_with_its_session(server: ScriptedServer):
    """When nothing refers to a session and its server any more, the server's process ends, whichever call had started it."""
    chat = Session("m", base_url=server.url, tools=[odd("dies")])
    for name in ("add", "files_read"):
        server.ask_for((name, name, "{}"), text="")
    ask(chat, server).result(PATIENCE)
    died, started_anew = results(server)
    assert died.endswith("has ended.")
    pid = int(started_anew.split()[-1])
    assert alive(pid)
    del chat
    until(lambda: gc.collect() is not None and not alive(pid))


@posix
def test_python_ends_while_servers_run():
    """The interpreter's exit ends every server and what it started, also in mid-call, and says nothing."""
    code = """
import sys, nbchat
from nbchat.client import portal
first, second = (nbchat.mcp([sys.executable, sys.argv[1], what]) for what in ("stays", "stuck"))
print(portal.run(first.call("pids", {})), str(portal.run(second.call("files/read", {}))).split()[-1], flush=True)
portal.start(second.call("add", {}))
"""
    stdout, stderr, status = run(code, str(TESTS / "odd_server.py"), patience=START)
    assert (stderr, status) == ("", 0)
    pids = [int(pid) for pid in stdout.split()]
    assert len(pids) == 3
    assert not any(alive(pid) for pid in pids)


@posix
def test_a_fork_has_a_server_of_its_own():
    """A forked child starts its own process of the server; the parent's goes on."""
    code = """
import os, sys, warnings, nbchat
from nbchat.client import portal
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: that a process with threads forks is our point
server = nbchat.mcp([sys.executable, sys.argv[1], "ok"])
before = str(portal.run(server.call("add", {})))
child = os.fork()
if child == 0:
    print("child", str(portal.run(server.call("add", {}))) != before, flush=True)
    server.close()
    os._exit(0)
os.waitpid(child, 0)
print("parent", str(portal.run(server.call("add", {}))) == before, flush=True)
"""
    assert run(code, str(TESTS / "odd_server.py"), patience=START) == ("child True\nparent True\n", "", 0)


@pytest.mark.parametrize("way", ["stdio", "http"])
def test_nothing_is_imported_while_others_stream(way: str, request: pytest.FixtureRequest):
    """What servers need is there before they are reached: an import would hold up all answers that come in just then."""
    code = """
import sys, threading, nbchat
where = [sys.executable, sys.argv[1]] if sys.argv[1].endswith(".py") else None
server = nbchat.mcp(where, url=None if where else sys.argv[1], approve=False)
late = []
def hear(event, given):
    if event == "import" and threading.current_thread().name == "nbchat-io" and given[0] not in sys.modules:
        late.append(given[0])
sys.addaudithook(hear)
with server:
    print(len(list(server)) > 2, late)
"""
    where = REAL[1] if way == "stdio" else f"http://127.0.0.1:{request.getfixturevalue('over_http').port}/mcp"
    stdout, stderr, status = run(code, where, patience=START)
    assert (stdout, stderr, status) == ("True []\n", "", 0)


def test_nothing_is_printed():
    """What a server writes where it should not, and what the mcp package logs of that, stays out of the cell."""
    code = """
import sys, nbchat
for what in ("babbles", "ends", "nonsense"):
    with nbchat.mcp([sys.executable, sys.argv[1], what], timeout=2) as server:
        try:
            print(list(server))
        except nbchat.NbchatError as error:
            print(error.message)
"""
    stdout, stderr, status = run(code, str(TESTS / "odd_server.py"), patience=START)
    assert (len(stdout.splitlines()), stderr, status) == (3, "", 0)


def test_without_the_package():
    """Where the mcp package is not installed, or is too old, one sentence names the extra to install."""
    code = """
import sys, types
sys.modules["mcp"] = None if sys.argv[1] == "missing" else types.ModuleType("mcp")
import nbchat
try:
    nbchat.mcp(["python"])
except nbchat.NbchatError as error:
    print(type(error).__name__, error)
"""
    said = (
        "ConfigurationError MCP servers need the package mcp, 2.3 or newer, which is not installed. "
        'Run pip install "jupyter-nbchat[mcp]".\n'
    )
    assert run(code, "missing", patience=START) == run(code, "old", patience=START) == (said, "", 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "An MCP server is a command or an address"),
        ({"command": ["a"], "url": "http://a"}, "An MCP server is a command or an address"),
        ({"command": "python server.py"}, "A command is a list of words"),
        ({"command": []}, "A command is a list of words"),
        ({"command": ["a"], "headers": {"A": "b"}}, "headers are an address's"),
        ({"url": "http://a", "env": {"A": "b"}}, "env and cwd are a command's"),
        ({"url": "http://a", "headers": {"A": "b\nc"}}, "The header A can't be sent"),
        ({"url": "ftp://a"}, "'ftp://a' is not an address of an MCP server"),
        ({"url": f"http://me:{KEY}@a"}, "holds a user name or password"),
        ({"command": ["a"], "timeout": 0}, "An MCP server can't have 0 seconds"),
    ],
)
def test_what_is_no_server(options: dict[str, Any], said: str):
    """What can't be a server is said at once, before anything is started."""
    with pytest.raises(ConfigurationError, match=said) as caught:
        nbchat.mcp(**options)
    assert KEY not in str(caught.value)


def test_a_server_is_no_tool_by_itself():
    """A list of tools is what a session takes; what is neither a tool nor a server is said when it is given."""
    with pytest.raises(NbchatError, match="can't be a tool"):
        Session("m", tools=[3])
