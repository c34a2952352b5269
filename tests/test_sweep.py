"""One question asked in many ways at once."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apart import run
from kernels import Kernel, kernel, when
from local_model import model_file
from scripted import PATIENCE, Reply, Request, ScriptedServer, chunk, sse, tool_calls
from traitlets import TraitError

import nbchat
from nbchat.errors import ConfigurationError, RateLimitError
from nbchat.session.grid import Grid
from nbchat.session.row import Row

STREAM = {"content-type": "text/event-stream"}


def asked(request: Request) -> tuple[Any, ...]:
    """What of a request the tests vary."""
    return request.json["model"], request.json.get("temperature"), request.json.get("seed")


class Gate:
    """Answers each request when the test lets it, and knows how many are on their way."""

    def __init__(self, server: ScriptedServer) -> None:
        self.arrived: queue.Queue[tuple[Request, threading.Event]] = queue.Queue()
        self.now = self.most = 0
        self._lock = threading.Lock()
        server.always(self._answer)

    def _answer(self, request: Request) -> Reply:
        go = threading.Event()
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.arrived.put((request, go))
        return Reply(sse(chunk("So"), go, chunk(" be it."), chunk(finish="stop")), headers=STREAM)

    def next(self) -> tuple[Request, threading.Event]:
        return self.arrived.get(timeout=PATIENCE)

    def let(self, go: threading.Event) -> None:
        with self._lock:
            self.now -= 1
        go.set()


@pytest.fixture
def chat(server: ScriptedServer) -> nbchat.Session:
    return nbchat.Session("m", base_url=server.url)


# ---- asking ----------------------------------------------------------------------------------------------------------


def test_every_combination_is_asked_once(server: ScriptedServer):
    """Each combination is one request with its fields, and the rows come in the order of the arguments."""
    server.always(lambda request: server._answer(request, (str(asked(request)),)))
    got = nbchat.sweep(
        "Name a colour.", system="Be terse.", base_url=server.url, temperature=[0, 1.5], model=["a", "b"], seed=range(2)
    )
    expected = [(model, temperature, seed) for temperature in (0, 1.5) for model in ("a", "b") for seed in (0, 1)]
    assert [row.text for row in got] == [str(one) for one in expected]
    assert sorted(map(asked, server.requests)) == sorted(expected)
    assert {tuple(m["content"] for m in r.json["messages"]) for r in server.requests} == {
        ("Be terse.", "Name a colour.")
    }
    assert {row.status for row in got} == {"done"}
    assert (len(got), got[-1].number, [row.number for row in got[1:3]]) == (8, 7, [1, 2])
    assert got[3].parameters == {"temperature": 0, "model": "b", "seed": 1}
    assert (got.usage.total_tokens, got[0].usage.total_tokens, got.cost) == (80, 10, None)
    assert all(row.seconds is not None for row in got)
    assert repr(got) == "<Sweep of 8: 8 done>"


def test_never_more_at_once_than_allowed(server: ScriptedServer):
    """With concurrency=3, three are on their way until the end, a new one as soon as one is answered, and never four."""
    gate = Gate(server)
    got = nbchat.sweep("Hi", base_url=server.url, model="m", seed=range(9), concurrency=3, background=True)
    waiting = [gate.next() for _ in range(3)]
    for _ in range(6):
        gate.let(waiting.pop(0)[1])
        waiting.append(gate.next())
        assert gate.now == 3
    for _, go in waiting:
        gate.let(go)
    assert got.wait(PATIENCE)
    assert (gate.most, [row.text for row in got]) == (3, ["So be it."] * 9)


def test_a_failure_is_told_in_its_row(server: ScriptedServer):
    """What fails fails alone: its row has the error, and no other row is worse for it."""

    def script(request: Request) -> Reply:
        if request.json["model"] == "bad":
            return Reply([b'{"error": {"message": "no such model", "code": "model_not_found"}}'], 404)
        return server._answer(request, ("Fine.",))

    server.always(script)
    got = nbchat.sweep("Hi", base_url=server.url, model=["good", "bad", "good"])
    assert [row.status for row in got] == ["done", "failed", "done"]
    assert [row.text for row in got] == ["Fine.", "", "Fine."]
    assert "no such model" in str(got[1].error)
    assert str(got).splitlines()[1].startswith("[1] model=bad: ")
    assert "no such model" in got[1]._repr_markdown_()
    with pytest.raises(ConfigurationError, match=r"Row 1 has no answer to go on from: .*no such model"):
        got[1].branch(nbchat.Session(base_url=server.url))


def test_nothing_is_sent_where_something_is_wrong(server: ScriptedServer, chat: nbchat.Session):
    """Unknown fields, values out of bounds, and two ways to ask are errors before the first request."""
    with pytest.raises(TraitError, match="no request field 'temprature'"):
        nbchat.sweep("Hi", base_url=server.url, model="m", temprature=[0, 1])
    with pytest.raises(TraitError, match="between 0 and 2"):
        nbchat.sweep("Hi", base_url=server.url, model="m", temperature=[0, 1, 5])
    with pytest.raises(ConfigurationError, match="at least 1, not 0"):
        nbchat.sweep("Hi", base_url=server.url, model="m", concurrency=0)
    with pytest.raises(ConfigurationError, match="leave out client and base_url"):
        nbchat.sweep("Hi", session=chat, base_url=server.url)
    assert server.requests == []


def test_a_key_is_never_shown(server: ScriptedServer):
    """A key that is passed goes to the server, and is in no repr of what comes back."""
    server.always_answer("Fine.")
    got = nbchat.sweep("Hi", base_url=server.url, api_key="sk-secret", model=["a"])
    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in repr(got) + str(got) + repr(got[0]) + got._repr_html_()


# ---- rate limits -----------------------------------------------------------------------------------------------------


def limited(server: ScriptedServer, most: int, pause: float) -> tuple[list[float], list[float]]:
    """Have the server refuse what comes when it has answered so many since it last refused; the times of both."""
    answers: list[float] = []
    refusals: list[float] = []
    lock = threading.Lock()

    def script(request: Request) -> Reply:
        now = time.monotonic()
        with lock:
            if len([then for then in answers if then > now - pause]) >= most:
                refusals.append(now)
                headers = {"retry-after-ms": str(int(pause * 1000))}
                return Reply([b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'], 429, headers)
            answers.append(now)
        return server._answer(request, ("Fine.",))

    server.always(script)
    return answers, refusals


def test_all_slow_down_when_the_server_says_so(server: ScriptedServer):
    """Where only some requests are let through in a time, all rows are answered in the end."""
    # Each on its own, with the two tries that the client has, three or four of the sixteen failed.
    answers, refusals = limited(server, most=4, pause=0.3)
    got = nbchat.sweep("Hi", base_url=server.url, model="m", seed=range(16), concurrency=8)
    assert [row.status for row in got] == ["done"] * 16
    assert len(answers) == 16
    assert refusals


def test_refused_for_good_is_asked_again(server: ScriptedServer):
    """A client that does not try again leaves it to the sweep: a row that was refused is asked again after the pause."""
    answers, refusals = limited(server, most=2, pause=0.2)
    client = nbchat.Client(server.url, max_retries=0)
    got = nbchat.sweep("Hi", client=client, model="m", seed=range(6), concurrency=2)
    assert ([row.status for row in got], len(answers)) == (["done"] * 6, 6)
    assert refusals


def test_a_server_that_always_refuses_is_believed(server: ScriptedServer):
    """Refused again and again, with no answer in between, the rows fail, with the server's error."""
    body = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'
    server.always(lambda request: Reply([body], 429, {"retry-after-ms": "1"}))
    got = nbchat.sweep("Hi", client=nbchat.Client(server.url, max_retries=0), model="m", seed=range(5), concurrency=2)
    assert [(row.status, type(row.error)) for row in got] == [("failed", RateLimitError)] * 5
    assert len(server.requests) <= 20


# ---- stopping --------------------------------------------------------------------------------------------------------


def test_cancel_keeps_what_has_arrived(server: ScriptedServer):
    """Stopped, answers that were on their way keep their text, the rest is not asked, and the connections are closed."""
    gate = Gate(server)
    got = nbchat.sweep("Hi", base_url=server.url, model="m", seed=range(5), concurrency=2, background=True)
    begun = {request.json["seed"]: (request, go) for request, go in (gate.next(), gate.next())}
    begun[0][1].set()
    third, _ = gate.next()
    while not all(turn.text for turn in list(got._turns.values())):
        got.wait(0.01)
    got.cancel()
    assert got.wait(PATIENCE)
    assert [(row.status, row.text) for row in got] == [
        ("done", "So be it."), ("cancelled", "So"), ("cancelled", "So"), ("cancelled", ""), ("cancelled", ""),
    ]  # fmt: skip
    assert all(request.closed.wait(PATIENCE) for request in (begun[1][0], third))
    assert len(server.requests) == 3
    got.cancel()
    assert repr(got) == "<Sweep of 5: 1 done, 4 cancelled>"
    assert got[3]._repr_markdown_() == r"\[cancelled]"


def test_cancel_ends_a_pause(server: ScriptedServer):
    """While everybody waits for the server's pause to be over, stopping waits for nothing."""
    server.always(lambda request: Reply([b'{"error": {"message": "slow down"}}'], 429, {"retry-after": "60"}))
    got = nbchat.sweep("Hi", base_url=server.url, model="m", seed=range(3), concurrency=1, background=True)
    while not got.notice:
        got.wait(0.01)
    assert "rate limited" in got.notice
    got.cancel()
    assert got.wait(PATIENCE)
    assert [row.status for row in got] == ["cancelled"] * 3


def test_from_async_code(server: ScriptedServer):
    """In the background it returns at once, can be looked at while it fills up, and awaited in any event loop."""
    gate = Gate(server)

    async def ask() -> nbchat.Sweep:
        got = nbchat.sweep("Hi", base_url=server.url, model="m", seed=range(3), concurrency=1, background=True)
        for number in range(3):
            _, go = await asyncio.to_thread(gate.next)
            assert [row.status for row in got] == ["done"] * number + ["running"] + ["queued"] * (2 - number)
            assert got.running
            gate.let(go)
        return await got

    got = asyncio.run(ask())
    assert not got.running
    assert [row.text for row in got] == ["So be it."] * 3


# ---- sessions --------------------------------------------------------------------------------------------------------


def test_after_a_conversation_that_it_leaves_alone(server: ScriptedServer, chat: nbchat.Session):
    """With a session each row follows its conversation, with its parameters; the session itself stays as it was."""
    server.always_answer("Fine.")
    chat.system = "Be terse."
    chat.parameters.max_tokens = 7
    chat.send("first")
    before = chat.to_json()
    got = nbchat.sweep("Hi", session=chat, temperature=[0, 1])
    assert chat.to_json() == before
    assert [row.status for row in got] == ["done", "done"]
    for request in server.requests[1:]:
        assert [m["content"] for m in request.json["messages"]] == ["Be terse.", "first", "Fine.", "Hi"]
        assert request.json["max_tokens"] == 7


def test_the_session_may_change_meanwhile(server: ScriptedServer, chat: nbchat.Session):
    """Everything is asked as the session was when the sweep began."""
    gate = Gate(server)
    got = nbchat.sweep("Hi", session=chat, seed=[1, 2], concurrency=1, background=True)
    request, go = gate.next()
    chat.model, chat.system = "other", "Be long."
    gate.let(go)
    request, go = gate.next()
    assert (request.json["model"], len(request.json["messages"])) == ("m", 1)
    gate.let(go)
    assert got.wait(PATIENCE)


def test_a_row_becomes_a_branch(server: ScriptedServer, chat: nbchat.Session):
    """Any row can be gone on from: beside the others, with its parameters recorded; undo leaves it."""
    server.always(lambda request: server._answer(request, (f"at {request.json.get('temperature')}",)))
    chat.send("first")
    got = nbchat.sweep("Hi", session=chat, temperature=[0, 1])
    start = chat.messages
    moved: list[Any] = []
    chat.subscribe(moved.append)
    got[1].branch(chat)
    assert chat.messages == [*start, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "at 1"}]
    assert [type(event).__name__ for event in moved] == ["HeadMoved"]
    answer = chat.conversation.nodes[chat.conversation.head]
    assert (answer.parameters["temperature"], answer.usage["total_tokens"]) == (1, 10)
    got[0].branch(chat)
    question = chat.conversation.last_question()
    assert len(chat.conversation.siblings(question)) == 2
    chat.send("and on")
    assert [m["content"] for m in server.requests[-1].json["messages"]] == ["first", "at None", "Hi", "at 0", "and on"]
    assert chat.undo()
    assert chat.undo()
    assert chat.messages == start
    assert nbchat.Session.from_json(chat.to_json()).conversation == chat.conversation


def test_a_row_of_a_sweep_of_its_own(server: ScriptedServer, chat: nbchat.Session):
    """A row that followed no conversation comes after the one that the session stands on, as often as one likes."""
    server.always_answer("Fine.")
    (row,) = nbchat.sweep("Hi", base_url=server.url, model="m", seed=[1])
    chat.send("first")
    row.branch(chat)
    row.branch(chat)
    assert [m["content"] for m in chat.messages] == ["first", "Fine.", "Hi", "Fine.", "Hi", "Fine."]
    assert len({node.turn for node in chat.conversation.nodes.values()}) == 3


def test_choices_and_broken_answers_as_branches(server: ScriptedServer, chat: nbchat.Session):
    """All choices of a row come with it, and an answer that broke off is marked as one."""
    server.stream(
        *(chunk(text, index=at) for text, at in (("left", 0), ("right", 1))),
        *(chunk(finish="stop", index=at) for at in (0, 1)),
    )
    (row,) = nbchat.sweep("Hi", session=chat, n=2)
    assert (row.text, row.texts) == ("left", ["left", "right"])
    row.branch(chat)
    chat.choose(1)
    assert chat.messages[-1]["content"] == "right"
    server.stream(chunk("So far"), done=False)
    (row,) = nbchat.sweep("Hi", session=chat, seed=1)
    assert (row.status, row.text) == ("failed", "So far")
    row.branch(chat)
    assert chat.conversation.nodes[chat.conversation.head].status == "failed"


def test_tools_and_remarks(server: ScriptedServer):
    """Each row calls the session's tools for itself, and says below what is to be said."""

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    def script(request: Request) -> Reply:
        if request.json["messages"][-1]["role"] == "tool":
            return server._answer(request, (f"It is {request.json['messages'][-1]['content']}.",))
        return Reply(sse(tool_calls(("c", "add", {"a": 1, "b": 2})), chunk(finish="tool_calls")), headers=STREAM)

    server.always(script)
    chat = nbchat.Session("m", base_url=server.url, tools=[add])
    got = nbchat.sweep("Hi", session=chat, seed=[1, 2])
    assert [row.text for row in got] == ["It is 3."] * 2
    got[1].branch(chat)
    assert [m["role"] for m in chat.messages] == ["user", "assistant", "tool", "assistant"]


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_as_a_dataframe(server: ScriptedServer):
    """One row for each answer, one column for each field that was swept, then what came of it."""

    def script(request: Request) -> Reply:
        if request.json["model"] == "b":
            return Reply([b'{"error": {"message": "no"}}'], 400)
        return server._answer(request, (request.json["messages"][-1]["content"],), finish="length")

    server.always(script)
    frame = nbchat.sweep(["x", "y"], base_url=server.url, model=["a", "b"], max_tokens=3).to_dataframe()
    assert list(frame.columns) == [
        "prompt", "model", "status", "text", "finish_reason", "error", "remarks", "seconds", "prompt_tokens", "completion_tokens", "cost",
    ]  # fmt: skip
    assert frame[["prompt", "model", "text", "finish_reason"]].fillna("").to_numpy().tolist() == [
        ["x", "a", "x", "length"], ["x", "b", "", ""], ["y", "a", "y", "length"], ["y", "b", "", ""],
    ]  # fmt: skip
    assert "status 400" in frame.error[1]
    assert frame.completion_tokens.sum() == 6


def test_choices_in_a_dataframe(server: ScriptedServer):
    """Several choices have a row each, and share their tokens, which are counted once."""
    server.always(lambda request: server._answer(request, ("left", "right")))
    frame = nbchat.sweep("Hi", base_url=server.url, model="m", n=2, seed=[1, 2]).to_dataframe()
    assert frame[["seed", "choice", "text"]].to_numpy().tolist() == [
        [1, 0, "left"], [1, 1, "right"], [2, 0, "left"], [2, 1, "right"],
    ]  # fmt: skip
    assert frame.completion_tokens.sum() == 6


def test_without_pandas():
    """Where pandas is not installed everything else works, and a table is one sentence that says what is missing."""
    code = """
import sys
sys.modules["pandas"] = None
import nbchat
from nbchat.session.grid import Grid
from nbchat.session.logprobs import Logprobs
from nbchat.session.sweep import Sweep
for thing in (Logprobs([]), nbchat.sweep("Hi", base_url="http://127.0.0.1:1/v1", client=None, model="m")):
    try:
        thing.to_dataframe()
    except nbchat.NbchatError as error:
        print(error)
"""
    stdout, stderr, status = run(code)
    assert (status, stdout.count("needs pandas")) == (0, 2), stderr


# ---- the embedded model, notebooks, terminals --------------------------------------------------------------------------


def test_the_embedded_model():
    """The model in this process answers a sweep too, and gives the same for the same seed."""
    model_file()
    got = nbchat.sweep("Say hello.", model="local", seed=[1, 1, 2], temperature=[0, 1], max_tokens=6, concurrency=4)
    assert [row.status for row in got] == ["done"] * 6
    assert all(row.text for row in got)
    assert got[1].text == got[3].text
    assert got.cost == 0.0


@pytest.fixture
def shell(tmp_path: Path, server: ScriptedServer) -> Iterator[Kernel]:
    with kernel(tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-secret", NBCHAT_MODEL="m") as started:
        started.run("import nbchat")
        yield started


def texts(output: dict[str, Any]) -> list[str]:
    return [data["text/plain"] for data in output["history"]]


def test_in_a_notebook(shell: Kernel, server: ScriptedServer):
    """While it runs a bar says how far it is; in the end one line stays, and the cell's value is the picture."""
    server.always_answer("Fine <b>.")
    shown = shell.run("got = nbchat.sweep('Hi', seed=range(3), concurrency=1)\ngot")
    assert shown.error is None, shown.error
    bar, picture = shown.outputs
    assert texts(bar)[0].startswith("0 of 3")
    assert texts(bar)[-1].startswith("3 of 3 answered in ")
    assert '<progress max="3" value="0"' in bar["history"][0]["text/html"]
    assert "<progress" not in bar["data"]["text/html"]
    assert picture["data"]["text/plain"].splitlines()[1] == "[1] seed=1: Fine <b>."
    assert "Fine &lt;b" in picture["data"]["text/html"]
    assert "sk-secret" not in str(shown.messages)


def test_nobody_in_front_of_it(shell: Kernel, server: ScriptedServer):
    """Where nobody watches, nothing is shown but the value."""
    server.always_answer("Fine.")
    shown = shell.run("got = nbchat.sweep('Hi', seed=range(3))", watched=False)
    assert (shown.outputs, shown.stdout, shown.stderr, shown.error) == ([], "", "", None)


def test_interrupted(shell: Kernel, server: ScriptedServer):
    """Interrupting the kernel keeps what is there and returns it, the rest marked; connections close, no traceback."""

    def script(request: Request) -> Reply:
        if request.json["seed"] < 2:
            return server._answer(request, ("Fine.",))
        return Reply(sse(chunk("So far"), threading.Event()), headers=STREAM)

    server.always(script)
    shown = shell.run(
        "got = nbchat.sweep('Hi', seed=range(6), concurrency=2)",
        seen=when(lambda message: "2 of 6" in str(message["content"]), shell.interrupt),
    )
    assert (shown.error, shown.status) == (None, "ok")
    assert shell.value("[row.status for row in got]") == ["done"] * 2 + ["cancelled"] * 4
    assert shell.value("[row.text for row in got][:2]") == ["Fine."] * 2
    assert texts(shown.outputs[0])[-1] == "2 of 6 answered, 4 stopped"
    assert all(request.closed.wait(PATIENCE) for request in server.requests if request.json["seed"] > 1)
    assert len(server.requests) <= 4


def test_in_the_background_of_a_notebook(shell: Kernel, server: ScriptedServer):
    """In the background the notebook goes on, and the line in the first cell's output says when it is over."""
    go = threading.Event()
    server.always(lambda request: Reply(sse(chunk("Fine."), go, chunk(finish="stop")), headers=STREAM))
    shown = shell.run("got = nbchat.sweep('Hi', seed=range(2), background=True)\ngot.running")
    assert shown.outputs[-1]["data"]["text/plain"] == "True"
    assert shell.value("[row.status for row in got]") != ["done", "done"]
    go.set()
    assert shell.value(f"got.wait({PATIENCE})") is True
    assert shell.value("[row.text for row in got]") == ["Fine."] * 2


def test_a_row_is_a_value():
    """A row of which nothing has come can be looked at, and nobody changes one."""
    (asked_for,) = Grid("Hi").combinations
    row = Row(0, asked_for)
    assert (row.text, row.texts, row.usage, row.cost, str(row)) == ("", [], None, None, "")
    with pytest.raises(AttributeError):
        row.status = "done"
