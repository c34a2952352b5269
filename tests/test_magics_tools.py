"""Tools in the cells of a real kernel: --tools, what is shown, and who is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kernels import WIDGET, Kernel, new_name, when
from scripted import PATIENCE, TESTS, ScriptedServer, results

TOOLS = '''
import threading
import nbchat
go = threading.Event()
called = []

def add(a: int, b: int) -> int:
    """Add."""
    called.append((a, b))
    return a + b

class Table:
    def __init__(self, name):
        self.name = name
    def _repr_html_(self):
        return f"<table><tr><td>{self.name}</td></tr></table>"
    def __repr__(self):
        return f"the table {self.name}"

def table(name: str) -> Table:
    """Give a table."""
    return Table(name)

def pictures() -> dict:
    """Give pictures."""
    from PIL import Image
    return {"red": Image.new("RGB", (2, 2), "red"), "all": [Image.new("RGB", (3, 3)), 1]}

def hang() -> None:
    """Hang."""
    go.wait(30)

@nbchat.tool(approve=True)
def delete(path: str) -> str:
    """Delete."""
    called.append(path)
    return f"{path} is gone"

class Shop:
    def price(self, of: str) -> float:
        """Tell a price."""
        return 3.5
shop = Shop()
number = 3
'''


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for the module, with the extension and some functions."""
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    shown = kernel.run("%load_ext nbchat\n" + TOOLS)
    assert (shown.error, shown.stderr) == (None, "")
    yield kernel
    kernel.stop()


@pytest.fixture
def kernel(running: Kernel, server: ScriptedServer) -> Kernel:
    """The kernel with a fresh session that asks the scripted server."""
    shown = running.run(
        f"chat = nbchat.use_session(nbchat.Session('scripted', name={new_name()!r}, base_url={server.url!r}))\n"
        "called.clear(); go.clear()"
    )
    assert shown.error is None, shown.error
    return running


def test_tools_by_name(kernel: Kernel, server: ScriptedServer):
    """--tools offers functions of the notebook for one cell, in place of the session's; the fold and the text are kept."""
    kernel.run("chat.tools = [delete]")
    server.ask_for(("add", '{"a": 1, "b": 2}'), ("price", '{"of": "tea"}'))
    server.answer("3, and 3.5.")
    server.answer("None.")
    shown = kernel.run("%%chat --tools add,shop.price -o got\nHow much?")
    assert (shown.error, shown.stderr, len(shown.outputs)) == (None, "", 1)
    assert [tool["function"]["name"] for tool in server.requests[0].json["tools"]] == ["add", "price"]
    assert results(server) == ["3", "3.5"]
    assert "<summary><code>add(a=1, b=2)</code> done in" in shown.markdown
    assert shown.markdown.startswith("Let me see.")
    assert shown.markdown.endswith("3, and 3.5.")
    assert len(shown.record["rounds"]) == 1
    assert kernel.value("(got.text, called)") == ("3, and 3.5.", [(1, 2)])
    kernel.run("%%chat --tools ''\nAnd now?")
    assert "tools" not in server.requests[-1].json


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("add,nothing", "--tools: there is no nothing in this notebook"),
        ("shop.name", "--tools: there is no shop.name in this notebook"),
        ("number", "A int can't be a tool"),
    ],
)
def test_names_that_are_no_tools(kernel: Kernel, server: ScriptedServer, names: str, words: str):
    """A name that is none, or that no tool has, is one line, and nothing is sent."""
    shown = kernel.run(f"%%chat --tools {names}\nGo")
    assert words in shown.one_line_error
    assert server.requests == []


def test_names_are_completed(kernel: Kernel):
    """Tab completes the names of the notebook's functions, also the further ones of a list, and nothing of IPython's."""
    assert kernel.complete("%%chat --tools ta") == ["table"]
    offered = kernel.complete("%%chat --tools add,")
    assert {"add,table", "add,delete"} <= set(offered)
    assert not {"add,add", "add,number", "add,get_ipython", "add,exit", "add,quit"} & set(offered)


def test_the_status_names_the_tools(kernel: Kernel):
    """%chat status lists what the model may call, and before what a person is asked."""
    assert "tools:" not in kernel.run("%chat status").outputs[0]["data"]["text/plain"]
    kernel.run("chat.tools = [add, delete]")
    assert "tools: add, delete (asks first)\n" in kernel.run("%chat status").outputs[0]["data"]["text/plain"]


def test_a_line_for_each_call_while_it_runs(kernel: Kernel, server: ScriptedServer):
    """While tools run the cell's widget is told how each call stands, and where the next answer begins."""
    server.ask_for(("hang", "{}"), ("add", '{"a": 1, "b": 2}'))

    def stands(message: dict[str, Any]) -> bool:
        told = message["content"].get("data", {}).get("content", {}) if message["msg_type"] == "comm_msg" else {}
        return [(call["line"], call["state"]) for call in told.get("calls", ())] == [
            ("hang()", "running"),
            ("add(a=1, b=2)", "done"),
        ]

    shown = kernel.run("%%chat --tools hang,add\nGo", seen=when(stands, kernel.interrupt))
    assert shown.error[0] == "Interrupted"
    server.ask_for(("add", '{"a": 1, "b": 2}'))
    server.answer("Well.")
    deltas = kernel.run("%%chat --tools add\nGo").deltas()
    texts = ["".join(text for delta in deltas if delta["round"] == at for _, text in delta["texts"]) for at in (0, 1)]
    assert texts == ["Let me see.\n\n", "Well."]


def test_what_a_tool_gave_is_shown_richly(kernel: Kernel, server: ScriptedServer):
    """A table stands below the fold of its call and above the answer that goes on; the model reads it as text."""
    server.ask_for(("table", '{"name": "one"}'))
    server.ask_for(("add", '{"a": 1, "b": 2}'), ("table", '{"name": "two"}'), text="Another.")
    server.answer("Two tables.")
    for watched in (True, False):
        if not watched:
            server.ask_for(("table", '{"name": "one"}'))
            server.ask_for(("add", '{"a": 1, "b": 2}'), ("table", '{"name": "two"}'), text="Another.")
            server.answer("Two tables.")
        shown = kernel.run("%%chat --tools table,add --append\nGo", watched=watched)
        assert shown.error is None
        datas = [output["data"] for output in shown.outputs]
        html = [
            "<td>one</td>" in data.get("text/html", "") or "<td>two</td>" in data.get("text/html", "") for data in datas
        ]
        assert html == [False, True, False, True, False]
        assert all(WIDGET not in data for data in datas)
        assert datas[0]["text/markdown"].startswith("Let me see.")
        assert datas[2]["text/markdown"].startswith("Another.")
        assert datas[2]["text/markdown"].count("<details>") == 2
        assert datas[4]["text/markdown"] == "Two tables."
        turns = [output["metadata"]["nbchat"] for output in shown.outputs[::2]]
        assert turns[0]["part_of"] == turns[1]["part_of"] == turns[2]["turn"]
        assert len(turns[2]["rounds"]) == 2
        assert results(server)[-3:] == ["the table one", "3", "the table two"]


def test_pictures_within_what_a_tool_gave_are_shown(kernel: Kernel, server: ScriptedServer):
    """Pictures in a dict or a list stand below the fold of the call as they go to the model, which reads their names."""
    server.ask_for(("pictures", "{}"))
    server.answer("Two pictures.")
    shown = kernel.run("%%chat --tools pictures\nGo")
    assert shown.error is None
    assert [output["data"].keys() & {"image/png"} for output in shown.outputs] == [
        set(),
        {"image/png"},
        {"image/png"},
        set(),
    ]
    assert results(server) == ['{"red":"[picture 1]","all":["[picture 2]",1]}']
    sent = [part["image_url"]["url"] for part in server.requests[-1].json["messages"][-1]["content"][1:]]
    assert sent == [f"data:image/png;base64,{output['data']['image/png']}" for output in shown.outputs[1:3]]


def test_the_cell_asks(kernel: Kernel, server: ScriptedServer):
    """A cell asks in its own input with the arguments shown: yes runs the tool, no and anything else go to the model."""
    text = json.dumps({"path": "a\npath: b"})
    server.ask_for(("delete", '{"path": "a.txt"}'), ("delete", text), ("delete", '{"path": "c"}'))
    server.answer("One is gone.")
    asked = kernel.answers("y", "No", "keep it")
    shown = kernel.run("%%chat --tools delete\nDelete all.")
    assert shown.error is None
    assert asked[0] == 'The model wants to call delete with\n    path: "a.txt"\nAllow it? [y/N, or why not] '
    assert "with\n    path:\n        a\n        path: b\nAllow" in asked[1]
    assert kernel.value("called") == ["a.txt"]
    assert results(server) == [
        "a.txt is gone",
        "delete was not called: the user did not allow it.",
        "delete was not called: the user did not allow it (keep it).",
    ]
    assert shown.markdown.count("</code> not allowed</summary>") == 2


@pytest.mark.parametrize("code", ["%%chat --tools clock\nAdd.", "chat.send('Add.', tools=[clock]).text"])
def test_the_cell_asks_for_a_server_of_tools(kernel: Kernel, server: ScriptedServer, code: str):
    """The tools of an MCP server ask as functions do, also where there are no functions beside them."""
    command = [sys.executable, str(TESTS / "tool_server.py")]
    assert kernel.run(f"clock = nbchat.mcp({command!r}, timeout=120)\nlen(list(clock))").error is None
    server.ask_for(("add", '{"a": 1, "b": 2}'))
    server.answer("Three.")
    asked = kernel.answers("y")
    shown = kernel.run(code)
    assert (shown.error, len(asked), results(server)) == (None, 1, ["3"])
    assert kernel.run("clock.close()").error is None


@pytest.mark.parametrize("code", ["chat.send('Delete it.').text", "print(*chat.stream('Delete it.'))"])
def test_whoever_waits_is_asked(kernel: Kernel, server: ScriptedServer, code: str):
    """A cell that waits for a turn in Python, or reads it as it comes, asks as well."""
    server.ask_for(("delete", '{"path": "a.txt"}'))
    server.answer("Gone.")
    asked = kernel.answers("yes")
    shown = kernel.run(f"chat.tools = [delete]\n{code}")
    assert (shown.error, len(asked)) == (None, 1)
    assert kernel.value("called") == ["a.txt"]


@pytest.mark.parametrize("code", ["%%chat --tools delete\nDelete it.", "chat.send('Delete it.', tools=[delete]).text"])
def test_nobody_is_asked_where_nobody_is(kernel: Kernel, server: ScriptedServer, code: str):
    """With nobody in front of it, as in nbclient, a cell does not ask: the call is refused."""
    server.ask_for(("delete", '{"path": "a.txt"}'))
    server.answer("Well.")
    assert kernel.run(code, watched=False).error is None
    assert results(server) == ["delete was not called: it needs a person's approval, and nobody is there to give it."]
    assert kernel.value("called") == []


def test_a_question_that_was_answered_elsewhere(kernel: Kernel, server: ScriptedServer):
    """Where another door answers first, the cell gives its question up and goes on; what was interrupted is only that."""
    server.ask_for(("delete", '{"path": "a.txt"}'))
    server.answer("Gone.")
    kernel.run(
        "from nbchat.session.events import ToolChanged\n"
        "def allow(event):\n"
        "    if isinstance(event, ToolChanged) and event.run.status == 'asking':\n"
        "        threading.Timer(0.3, event.run.approve).start()\n"
        "unsubscribe = chat.subscribe(allow)"
    )
    shown = kernel.run("%%chat --tools delete\nDelete it.\n")
    assert shown.error is None
    assert shown.markdown.endswith("Gone.")
    assert kernel.client.get_stdin_msg(timeout=PATIENCE)["msg_type"] == "input_request"
    assert kernel.run("1 + 1").error is None


def test_an_interrupt_while_it_asks(kernel: Kernel, server: ScriptedServer):
    """■ at the question stops the turn, as it does at any other moment; the call is not made."""
    server.ask_for(("delete", '{"path": "a.txt"}'))

    kernel.answers(kernel.interrupt)
    shown = kernel.run("%%chat --tools delete\nDelete it.")
    assert shown.error[0] == "Interrupted"
    assert "</code> stopped</summary>" in shown.markdown
    assert shown.markdown.endswith("*[stopped]*")
    assert kernel.value("called") == []


def test_an_interrupt_while_a_tool_hangs(kernel: Kernel, server: ScriptedServer):
    """■ while a tool runs stops the turn at once, keeps what was said, and the next question works."""
    server.ask_for(("hang", "{}"))
    server.answer("Fine.")

    def runs(message: dict[str, Any]) -> bool:
        return message["msg_type"] == "comm_msg" and '"running"' in json.dumps(
            message["content"]["data"].get("content")
        )

    shown = kernel.run("%%chat --tools hang\nGo", seen=when(runs, kernel.interrupt))
    assert shown.error[0] == "Interrupted"
    assert "<code>hang()</code> stopped</summary>" in shown.markdown
    assert kernel.run("%%chat\nAnd now?").markdown == "Fine."


def test_in_the_background_nobody_is_asked(kernel: Kernel, server: ScriptedServer):
    """A turn in the background has no cell that could ask, so that what needs approval is refused."""
    server.ask_for(("delete", '{"path": "a.txt"}'))
    server.answer("Well.")
    kernel.run("%%chat --tools delete --background -o turn\nDelete it.")
    # Who asks for its result would be asked.
    assert kernel.value("turn.wait(20) and turn.text") == "Let me see.\n\nWell."
    assert "nobody is there" in results(server)[0]
