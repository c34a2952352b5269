"""Tools in a session: the model asks for calls, gets their results, and answers; whatever the tools do."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from scripted import PATIENCE, Reply, Request, ScriptedServer, chunk, results, sse, tool_calls

from nbchat.client.config import settings
from nbchat.errors import ConfigurationError, NbchatError, ServerError, TurnCancelled
from nbchat.session.events import Event, ToolChanged
from nbchat.session.session import Session
from nbchat.session.turn import Turn
from nbchat.tools.tool import tool


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture
def ask_for(server: ScriptedServer) -> Any:
    """Have the model ask for calls, without a word if none is given."""
    return partial(server.ask_for, text="")


@pytest.fixture
def chat(server: ScriptedServer) -> Session:
    return Session("m", base_url=server.url, tools=[add])


def disobey(server: ScriptedServer) -> None:
    """Have the model ask for another call with every answer, whatever it is told."""

    def another(_: Request) -> Reply:
        asked = tool_calls((f"c{len(server.requests)}", "add", '{"a": 1, "b": 1}'))
        return Reply(sse(asked, chunk(finish="tool_calls")), headers={"content-type": "text/event-stream"})

    server.always(another)


UNWANTED = "the model asked for tools although it was to answer without, and they were not called"


def still_answers(chat: Session, server: ScriptedServer) -> bool:
    """Whether the next question is answered; every request is held against the official schema by the server."""
    server.answer("Fine.")
    return chat.send("How are you?").text == "Fine."


def test_three_rounds_of_calls_side_by_side(chat: Session, server: ScriptedServer, ask_for: Any):
    """Calls of one answer run at once, their results stand in the order of the calls, and usage is that of all requests."""
    together = threading.Barrier(2, timeout=PATIENCE)

    @chat.tool
    def meet(place: str) -> str:
        """Meet somebody: comes back when two have come."""
        together.wait()
        return f"met at {place}"

    for number in range(3):
        ask_for((f"a{number}", "meet", '{"place": "here"}'), (f"b{number}", "meet", '{"place": "there"}'))
    server.answer("Done.")
    turn = chat.stream("Meet three times.")
    assert turn.result(PATIENCE).text == "Done."
    assert results(server) == ["met at here", "met at there"] * 3
    assert [run.status for run in turn.calls] == ["done"] * 6
    assert turn.result().usage.total_tokens == 10  # the only counted answer
    assert [m["role"] for m in chat.messages] == ["user", *["assistant", "tool", "tool"] * 3, "assistant"]
    assert still_answers(chat, server)


def test_usage_is_that_of_all_requests(chat: Session, server: ScriptedServer):
    """What a turn with tools used is the sum over its requests, for the completion and for the session."""
    usage = {"usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}}
    server.stream(tool_calls(("c", "add", '{"a": 1, "b": 2}')), {**chunk(finish="tool_calls"), **usage})
    server.answer("3")
    completion = chat.send("1 + 2?")
    assert completion.usage.total_tokens == 16 == chat.usage.total_tokens
    assert completion.earlier[0].usage.total_tokens == 6


def test_calls_interleaved_by_index(chat: Session, server: ScriptedServer):
    """Two calls whose pieces come in turns are put together by their index."""
    server.stream(
        tool_calls(("x", "add", '{"a": 1,'), ("y", "add", '{"a": 10')),
        chunk(tool_calls=[{"index": 1, "function": {"arguments": ', "b": 20}'}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": '"b": 2}'}}]),
        chunk(finish="tool_calls"),
    )
    server.answer("3 and 30")
    assert chat.send("?").text == "3 and 30"
    assert results(server) == ["3", "30"]
    assert still_answers(chat, server)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("c", "add", '{"a": 1,'), "add was not called, because of its arguments"),
        (("c", "add", '{"a": "one", "b": 2}'), "add was not called, because of its arguments"),
        (("c", "subtract", "{}"), "There is no tool 'subtract'. The tools are: add"),
    ],
)
def test_a_call_that_can_not_be_made(
    chat: Session, server: ScriptedServer, ask_for: Any, asked: tuple[str, str, str], said: str
):
    """A call with broken JSON, with wrong arguments or of an unknown tool becomes a result that tells the model why."""
    ask_for(asked)
    server.answer("I see.")
    turn = chat.stream("?")
    assert turn.result(PATIENCE).text == "I see."
    assert results(server)[0].startswith(said)
    assert turn.calls[0].status == "failed"
    assert still_answers(chat, server)


def boom() -> None:
    """Fail."""
    raise ValueError("no such city")


def leave() -> None:
    """Leave."""
    raise SystemExit(3)


@pytest.mark.parametrize(("does", "said"), [(boom, "ValueError: no such city"), (leave, "SystemExit: 3")])
def test_a_tool_that_fails(chat: Session, server: ScriptedServer, ask_for: Any, does: Any, said: str):
    """What a tool raises, exit() too, is a result that the model sees, and the person sees where it was raised."""
    chat.tool(does)
    ask_for(("c", does.__name__, "{}"))
    server.answer("Sorry.")
    turn = chat.stream("?")
    assert turn.result(PATIENCE).text == "Sorry."
    assert results(server) == [said]
    assert does.__name__ in turn.calls[0].outcome.traceback
    assert still_answers(chat, server)


def test_a_key_in_what_a_tool_says(server: ScriptedServer, ask_for: Any):
    """The server's key is taken out of a tool's result and of its traceback."""
    chat = Session("m", base_url=server.url, api_key="sk-very-secret")

    @chat.tool
    def tell() -> None:
        """Tell."""
        raise ValueError("I have seen sk-very-secret.")

    ask_for(("c", "tell", "{}"))
    server.answer("Hush.")
    chat.send("?")
    assert results(server) == ["ValueError: I have seen …."]
    assert "sk-very-secret" not in chat.turn.calls[0].outcome.traceback


def test_a_tool_that_hangs(chat: Session, server: ScriptedServer, ask_for: Any):
    """A tool that takes longer than it may is stopped, and the model is told."""
    stuck = threading.Event()

    @chat.tool(timeout=0.2)
    def hang() -> None:
        """Hang."""
        stuck.wait()

    ask_for(("c", "hang", ""))
    server.answer("Never mind.")
    assert chat.send("?").text == "Never mind."
    assert results(server)[0].startswith("TimeoutError: hang was stopped")
    stuck.set()
    assert still_answers(chat, server)


def test_stopping_while_tools_run(chat: Session, server: ScriptedServer, ask_for: Any):
    """Stop ends a turn in the middle of its calls: what is over is kept, what is not is no part of the next request."""
    begun, stuck, added = threading.Event(), threading.Event(), threading.Event()
    chat.subscribe(lambda event: isinstance(event, ToolChanged) and event.run.status == "done" and added.set())

    @chat.tool
    async def slow() -> None:
        """Wait."""
        begun.set()
        await asyncio.to_thread(stuck.wait, PATIENCE)

    ask_for(("quick", "add", '{"a": 1, "b": 1}'), ("slow", "slow", "{}"))
    turn = chat.stream("?")
    assert begun.wait(PATIENCE)
    assert added.wait(PATIENCE)
    chat.stop()
    with pytest.raises(TurnCancelled):
        turn.result(PATIENCE)
    stuck.set()
    assert [run.status for run in turn.calls] == ["done", "cancelled"]
    assert still_answers(chat, server)
    sent = server.requests[-1].json["messages"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == ["quick"]
    assert sent[2]["content"] == "2"


def test_the_limit_on_rounds(server: ScriptedServer, ask_for: Any):
    """After the last round the model is asked to answer without tools, which are still offered."""
    chat = Session("m", base_url=server.url, tools=[add], tool_rounds=2, tool_choice="required")
    for number in range(2):
        ask_for((f"c{number}", "add", '{"a": 1, "b": 1}'))
    server.answer("Two.")
    assert chat.send("?").text == "Two."
    assert [request.json["tool_choice"] for request in server.requests] == ["required", "auto", "none"]
    assert all(request.json["tools"][0]["function"]["name"] == "add" for request in server.requests)
    assert chat.turn.remarks == []
    assert still_answers(chat, server)
    assert server.requests[-1].json["tool_choice"] == "required"  # rounds are those of one question


def test_a_model_that_goes_on_calling(server: ScriptedServer):
    """What is asked for after the last round is not called: the turn ends, and says so."""
    chat = Session("m", base_url=server.url, tools=[add], tool_rounds=2)
    disobey(server)
    turn = chat.stream("?")
    assert turn.result(PATIENCE).tool_calls[0].id == "c3"
    assert [request.json.get("tool_choice") for request in server.requests] == [None, None, "none"]
    assert [run.id for run in turn.calls] == ["c1", "c2"]
    assert turn.remarks == [UNWANTED]
    assert chat.conversation.nodes[turn.answers[0]].remarks == [UNWANTED]
    server.always_answer("Fine.")
    assert chat.send("How are you?").text == "Fine."


@pytest.mark.parametrize("told", [{"tool_choice": "none"}, {"extra_body": {"tool_choice": "none"}}])
def test_a_call_that_was_not_to_be_made(chat: Session, server: ScriptedServer, ask_for: Any, told: dict[str, Any]):
    """Where the choice is none, a call that comes all the same is not run, and what came with it is kept."""
    ask_for(("c", "add", '{"a": 1, "b": 1}'), text="Two, I think.")
    assert chat.send("?", **told).text == "Two, I think."
    assert (chat.turn.calls, chat.turn.remarks) == ([], [UNWANTED])
    assert still_answers(chat, server)
    assert server.requests[-1].json["messages"][1] == {"role": "assistant", "content": "Two, I think."}


def test_a_limit_that_is_none(server: ScriptedServer, ask_for: Any):
    """With no rounds the tools are told of and not to be called; what is no number of rounds is an error at once."""
    chat = Session("m", base_url=server.url, tools=[add], tool_rounds=0)
    ask_for(("c", "add", '{"a": 1, "b": 1}'))
    chat.send("?")
    assert (server.requests[0].json["tool_choice"], chat.turn.calls) == ("none", [])
    for wrong in (-1, 2.5, "3", None):
        with pytest.raises(ConfigurationError, match="tool_rounds is a whole number, not"):
            chat.tool_rounds = wrong
        with pytest.raises(ConfigurationError, match="tool_rounds"):
            Session("m", base_url=server.url, tool_rounds=wrong)
    server.answer("Fine.")
    chat.send("?", tools=[])
    assert "tool_choice" not in server.requests[-1].json


@pytest.mark.parametrize("finish", ["tool_use", "STOP", "TOOL_CALLS", "paused"])
def test_whole_calls_under_any_word(chat: Session, server: ScriptedServer, ask_for: Any, finish: str):
    """Whole calls are made whatever a server says of the answer's end, if it does not say that it was cut off."""
    ask_for(("c", "add", '{"a": 1, "b": 1}'), finish=finish)
    server.answer("2")
    assert chat.send("?").text == "2"
    assert results(server) == ["2"]
    assert still_answers(chat, server)


@pytest.mark.parametrize("finish", ["length", "MAX_TOKENS", "content_filter"])
def test_calls_of_an_answer_that_was_cut_off(chat: Session, server: ScriptedServer, ask_for: Any, finish: str):
    """No call is made of an answer that was cut off, however whole it looks."""
    ask_for(("c", "add", '{"a": 1, "b": 1}'), finish=finish)
    assert chat.send("?").tool_calls[0].id == "c"
    assert (chat.turn.calls, chat.turn.remarks) == ([], [])
    assert still_answers(chat, server)


def test_broken_calls_under_an_unknown_word(chat: Session, server: ScriptedServer, ask_for: Any):
    """A call that can't be read, at an end that nobody knows, is not made, and that is said."""
    ask_for(("c", "add", '{"a": 1'), finish="paused")
    chat.send("?")
    assert not chat.turn.calls
    assert chat.turn.remarks == ["the answer broke off in a call of a tool, and none of its calls was made"]
    assert still_answers(chat, server)


def test_a_connection_that_breaks_in_a_call(chat: Session, server: ScriptedServer):
    """Where the connection is cut while a call's arguments come, nothing is run, and the next question is answered."""
    chat.client.http.max_retries = 0
    server.stream(chunk("Let me see."), tool_calls(("c", "add", '{"a": 1,')), done=False, cut=True)
    with pytest.raises(NbchatError) as caught:
        chat.send("?")
    assert caught.value.kind in ("truncated", "connection")
    assert (chat.turn.calls, chat.turn.text) == ([], "Let me see.")
    assert still_answers(chat, server)
    assert server.requests[-1].json["messages"][1] == {"role": "assistant", "content": "Let me see."}


def test_two_calls_of_one_identifier(chat: Session, server: ScriptedServer, ask_for: Any):
    """Of two calls that a server gave the same identifier, the second gets its own, and each has its result."""
    ask_for(("c", "add", '{"a": 1, "b": 1}'), ("c", "add", '{"a": 2, "b": 2}'))
    server.answer("2 and 4")
    chat.send("?")
    sent = server.requests[-1].json["messages"]
    first, second = (call["id"] for call in sent[1]["tool_calls"])
    assert (first, second != "c") == ("c", True)
    assert [(message["tool_call_id"], message["content"]) for message in sent[2:]] == [(first, "2"), (second, "4")]
    assert still_answers(chat, server)


def test_calls_of_the_other_choices(chat: Session, server: ScriptedServer, ask_for: Any):
    """Tools are called for the first of several answers; the calls of another wait for whoever chooses it."""

    def asked(index: int, made: str) -> dict[str, Any]:
        piece = tool_calls((made, "add", '{"a": 1, "b": 1}'))
        piece["choices"][0]["index"] = index
        return piece

    server.stream(chunk("Two."), asked(1, "b"), chunk(finish="stop"), chunk(finish="tool_calls", index=1))
    turn = chat.stream("?", n=2)
    assert turn.result(PATIENCE).text == "Two."
    assert turn.remarks == ["tools are called for the first answer alone, and another asks for some, too"]
    chat.choose(1)
    assert [message["role"] for message in chat.messages] == ["user", "assistant"]
    assert still_answers(chat, server)
    chat.undo()
    server.answer("Two, says the tool.", "2.")
    assert chat.submit("b", 2).result(PATIENCE).text == "Two, says the tool."
    assert results(server) == ["2"]


def test_calls_one_at_a_time(server: ScriptedServer):
    """That calls are to come one at a time reaches every request, and what comes all the same is run."""
    chat = Session("m", base_url=server.url, tools=[add], parallel_tool_calls=False)
    server.ask_for(("c", "add", '{"a": 1, "b": 1}'), text="")
    server.answer("2")
    chat.send("?")
    assert [request.json["parallel_tool_calls"] for request in server.requests] == [False, False]


def test_a_choice_of_one_tool(server: ScriptedServer, ask_for: Any):
    """A tool is named by its name alone; one that is not there is said before anything is sent."""
    chat = Session("m", base_url=server.url, tools=[add])
    ask_for(("c", "add", '{"a": 1, "b": 1}'))
    server.answer("2")
    chat.send("?", tool_choice="add")
    assert server.requests[0].json["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    with pytest.raises(ConfigurationError, match="There is no tool 'sub': they are add"):
        chat.send("?", tool_choice="sub")
    assert len(server.requests) == 2


def test_a_call_that_was_cut_off_is_never_run(chat: Session, server: ScriptedServer, ask_for: Any):
    """A call that max_tokens cut off is kept for show, and neither run nor sent."""
    ask_for(("c", "add", '{"a": 1'), finish="length", text="Let me add.")
    completion = chat.send("?")
    assert completion.tool_calls[0].function.arguments == '{"a": 1'
    assert not chat.turn.calls
    assert still_answers(chat, server)
    assert "tool_calls" not in server.requests[-1].json["messages"][1]


def test_the_server_fails_after_a_round(chat: Session, server: ScriptedServer, ask_for: Any):
    """A turn that fails after its tools have run keeps what they did, and says what failed."""
    chat.client.http.max_retries = 0
    ask_for(("c", "add", '{"a": 1, "b": 1}'))
    server.error(500, {"error": {"message": "oh"}})
    with pytest.raises(ServerError):
        chat.send("?")
    assert [m["role"] for m in chat.messages] == ["user", "assistant", "tool"]
    assert chat.turn.completion.tool_calls[0].id == "c"
    assert still_answers(chat, server)


def test_a_tool_that_asks_its_own_session(chat: Session, server: ScriptedServer, ask_for: Any):
    """A tool that would wait for the session that waits for it is told what to do instead."""

    @chat.tool
    def think() -> str:
        """Think."""
        return str(chat.send("Hm?"))

    @chat.tool
    def think_aside() -> str:
        """Think, in another session."""
        return str(chat.fork().send("Hm?"))

    ask_for(("c", "think", "{}"))
    server.answer("Odd.")
    chat.send("?")
    assert "chat.fork()" in results(server)[0]
    ask_for(("d", "think_aside", "{}"))
    server.answer("Hm.")
    server.answer("Better.")
    assert chat.send("?").text == "Better."
    assert results(server)[-1] == "Hm."


def test_a_tool_whose_thread_asks_its_session(chat: Session, server: ScriptedServer, ask_for: Any):
    """A thread of a tool's that asks the session which waits for the tool is not known: both wait until Stop ends them."""
    asked: list[Turn] = []
    waits = threading.Event()

    @chat.tool
    def think() -> None:
        """Think, in a thread."""

        def ask() -> None:
            asked.append(chat.stream("Hm?"))
            waits.set()
            asked[0].wait(PATIENCE)

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(PATIENCE)

    ask_for(("c", "think", "{}"))
    turn = chat.stream("?")
    assert waits.wait(PATIENCE)
    assert (turn.status, asked[0].status) == ("running", "queued")
    chat.stop()
    assert all(stopped.wait(PATIENCE) and stopped.status == "cancelled" for stopped in (turn, asked[0]))
    assert still_answers(chat, server)


def test_a_tool_that_returns_far_too_much(chat: Session, server: ScriptedServer, ask_for: Any):
    """Of a result of 50 MB the model gets a beginning that says so; the person has all of it."""

    @chat.tool
    def flood() -> str:
        """Return a lot."""
        return "water " * 8_000_000

    ask_for(("c", "flood", "{}"))
    server.answer("Enough.")
    turn = chat.stream("?")
    assert turn.result(PATIENCE).text == "Enough."
    assert len(server.requests[-1].body) < 100_000
    assert turn.calls[0].outcome.trimmed
    assert len(turn.calls[0].outcome.value) == 48_000_000


def test_a_tool_that_draws(chat: Session, server: ScriptedServer, ask_for: Any):
    """A figure that a tool returns goes to the model as a picture, after the results, for those can be nothing but text."""
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([1, 2])
    chat.tool(lambda: figure, name="plot")
    ask_for(("c", "plot", "{}"), ("d", "add", '{"a": 1, "b": 1}'))
    server.answer("Up.")
    chat.send("?")
    sent = server.requests[-1].json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "tool", "user"]
    assert isinstance(sent[2]["content"], str)
    assert sent[4]["content"][0] == {"type": "text", "text": "Returned by c:"}
    assert sent[4]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert still_answers(chat, server)
    assert [message["role"] for message in server.requests[-1].json["messages"]][2:] == [
        "tool",
        "tool",
        "user",
        "assistant",
        "user",
    ]


def test_messages_after_a_figure_keep_their_numbers(chat: Session, server: ScriptedServer, ask_for: Any):
    """The message that a tool's figure comes in is no question; those after it are edited under the numbers they have."""
    chat.tool(lambda: Figure(figsize=(1, 1)), name="plot")
    ask_for(("c", "plot", "{}"))
    server.answer("Up.")
    chat.send("Plot!")
    assert still_answers(chat, server)
    roles = [message["role"] for message in chat.messages]
    assert roles == ["user", "assistant", "tool", "user", "assistant", "user", "assistant"]
    with pytest.raises(ConfigurationError, match="is not a question"):
        chat.edit(3, "No question.")
    server.answer("Still fine.")
    chat.edit(5, "And now?").result(PATIENCE)
    assert chat.messages[5] == {"role": "user", "content": "And now?"}
    chat.undo()
    assert chat.conversation.last_question().text == "Plot!"


def test_results_within_the_configured_limits(chat: Session, server: ScriptedServer, ask_for: Any):
    """A table that a tool returns is as long as c.NBChat.attach allows."""
    settings().attach = {"table_tokens": 50}
    chat.tool(lambda: pd.DataFrame({"a": range(1000)}), name="rows")
    ask_for(("c", "rows", "{}"))
    server.answer("Many.")
    chat.send("?")
    (told,) = results(server)
    assert "pandas DataFrame, 1,000 rows × 1 column; the first" in told
    assert len(told) < 400


def test_a_figure_for_a_model_that_reads_text_alone(chat: Session, server: ScriptedServer, ask_for: Any):
    """To the embedded model no picture is sent, which it would refuse; it stays in the conversation for those that see."""
    chat.tool(lambda: Figure(figsize=(1, 1)), name="plot")
    ask_for(("c", "plot", "{}"))
    server.answer("Up.")
    chat.send("Plot!")
    assert [message["role"] for message in chat.messages] == ["user", "assistant", "tool", "user", "assistant"]
    chat.model = "local"
    assert [message["role"] for message in chat.messages] == ["user", "assistant", "tool", "assistant"]
    chat.model = "scripted"
    assert len(chat.messages) == 5


def test_approval(server: ScriptedServer, ask_for: Any):
    """What needs approval waits for a person's word, and the model is told of a refusal."""
    chat = Session("m", base_url=server.url)

    @chat.tool(approve=True)
    def delete(path: str) -> str:
        """Delete a file."""
        return f"{path} is gone"

    asked: list[str] = []

    def answer(event: Event) -> None:
        if isinstance(event, ToolChanged) and event.run.status == "asking":
            asked.append(event.run.arguments)
            event.run.approve() if "a.txt" in event.run.arguments else event.run.refuse("keep it")

    leave = chat.attend()
    chat.subscribe(answer)
    ask_for(("c", "delete", '{"path": "a.txt"}'), ("d", "delete", '{"path": "b.txt"}'))
    server.answer("One is gone.")
    turn = chat.stream("?")
    turn.result(PATIENCE)
    assert sorted(asked) == ['{"path": "a.txt"}', '{"path": "b.txt"}']
    assert results(server) == ["a.txt is gone", "delete was not called: the user did not allow it (keep it)."]
    assert [run.status for run in turn.calls] == ["done", "refused"]
    leave()
    ask_for(("e", "delete", '{"path": "c.txt"}'))
    server.answer("Well.")
    chat.send("?")
    assert results(server)[-1] == "delete was not called: it needs a person's approval, and nobody is there to give it."
    assert len(asked) == 2


def test_a_session_that_asks_before_some_calls(server: ScriptedServer, ask_for: Any):
    """A session's own rule asks for the calls that it means, and a rule that fails asks."""

    def rule(name: str, arguments: dict[str, Any]) -> bool:
        return 10 / arguments["a"] > 5

    chat = Session("m", base_url=server.url, tools=[add], approve=rule)
    ask_for(("c", "add", '{"a": 5, "b": 1}'), ("d", "add", '{"a": 1, "b": 1}'), ("e", "add", '{"a": 0, "b": 1}'))
    server.answer("Well.")
    turn = chat.stream("?")
    turn.result(PATIENCE)
    assert [run.status for run in turn.calls] == ["done", "refused", "refused"]


def test_a_tool_that_is_declared_only(server: ScriptedServer, ask_for: Any):
    """A dict in the API's form is offered, and its calls are answered by whoever asked, in any order."""
    weather = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    chat = Session("m", base_url=server.url, tools=[weather, add])
    ask_for(("c", "weather", "{}"), ("d", "add", '{"a": 1, "b": 1}'), ("e", "weather", "{}"))
    completion = chat.send("?")
    assert [call.id for call in completion.tool_calls] == ["c", "d", "e"]
    assert chat.submit("e", {"sky": "blue"}) is None
    with pytest.raises(ConfigurationError, match="waits for no call 'e'"):
        chat.submit("e", "again")
    server.answer("Blue.")
    turn = chat.submit("c", "grey")
    assert turn is not None
    assert turn.result(PATIENCE).text == "Blue."
    assert results(server) == ["2", '{"sky":"blue"}', "grey"]
    assert still_answers(chat, server)


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def test_an_answer_goes_on_as_it_was_asked(server: ScriptedServer, ask_for: Any):
    """After a submitted result the model is asked with all that the turn was asked with, but a choice that forces a call."""
    chat = Session("small", base_url=server.url, context="trim")
    own = {"model": "big", "temperature": 0.1, "response_format": list[int], "tool_choice": "weather"}
    ask_for(("c", "weather", "{}"))
    chat.send("?", tools=[WEATHER], **own)
    chat.context = "error"
    server.answer('{"items": [1]}')
    turn = chat.submit("c", "sunny")
    assert turn.result(PATIENCE).parsed == [1]
    first, second = (request.json for request in server.requests)
    assert first["tool_choice"]["function"]["name"] == "weather"
    assert second == {**first, "tool_choice": "auto", "messages": second["messages"]}
    assert turn.asked.context == "trim"
    server.answer("Plain.")
    assert chat.send("And now?").text == "Plain."
    assert server.requests[-1].json["model"] == "small"


def test_rounds_of_submitted_results_are_counted(server: ScriptedServer, ask_for: Any):
    """The rounds of a question are limited, whoever answers its calls."""
    chat = Session("m", base_url=server.url, tools=[WEATHER], tool_rounds=2)
    ask_for(("a", "weather", "{}"))
    chat.send("?")
    ask_for(("b", "weather", "{}"))
    chat.submit("a", "sunny").result(PATIENCE)
    server.answer("Sunny.")
    assert chat.submit("b", "still sunny").result(PATIENCE).text == "Sunny."
    assert [request.json.get("tool_choice") for request in server.requests] == [None, None, "none"]


def test_what_is_submitted_is_told_as_what_a_tool_returns(server: ScriptedServer, ask_for: Any):
    """A submitted figure goes to the model as a picture, and a table as a table."""
    chat = Session("m", base_url=server.url, tools=[WEATHER])
    ask_for(("c", "weather", "{}"), ("d", "weather", "{}"))
    chat.send("?")
    server.answer("I see.")
    chat.submit("c", Figure(figsize=(1, 1)))
    chat.submit("d", pd.DataFrame({"a": range(3)})).result(PATIENCE)
    assert "pandas DataFrame, 3 rows × 1 column" in results(server)[1]
    shown = server.requests[-1].json["messages"][-1]["content"]
    assert shown[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert still_answers(chat, server)


def test_a_result_while_a_turn_runs(server: ScriptedServer, ask_for: Any):
    """A result is not taken while a turn runs, whose place it would take: the turn's exchange stays what it is."""
    chat = Session("m", base_url=server.url, tools=[WEATHER])
    ask_for(("c", "weather", "{}"))
    chat.send("?")
    gate = threading.Event()
    server.stream(chunk("Other"), gate, chunk(finish="stop"))
    turn = chat.stream("Something else.")
    assert next(iter(turn)) == "Other"
    with pytest.raises(ConfigurationError, match="can't be answered while a turn runs"):
        chat.submit("c", "late")
    gate.set()
    turn.result(PATIENCE)
    assert [message["content"] for message in chat.messages] == ["?", "", "Something else.", "Other"]


def test_a_result_after_a_restart(server: ScriptedServer, ask_for: Any):
    """A session that was read from a file goes on with the request fields that the conversation holds."""
    chat = Session("small", base_url=server.url, tools=[WEATHER])
    ask_for(("c", "weather", "{}"))
    chat.send("?", model="big", temperature=0.1, response_format=list[int])
    read = Session.from_json(chat.to_json(), base_url=server.url, tools=[WEATHER])
    server.answer('{"items": [1]}')
    assert read.submit("c", "sunny").result(PATIENCE).parsed == {"items": [1]}
    first, second = (request.json for request in server.requests)
    assert second == {**first, "messages": second["messages"]}


def test_a_custom_tool(server: ScriptedServer):
    """A custom tool is offered, and its call, whose input is any text, is answered by whoever asked."""
    vote = {"type": "custom", "custom": {"name": "vote"}}
    chat = Session("m", base_url=server.url, tools=[vote, add])
    asked = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "vote", "input": "yes, {"}}
    server.stream(chunk(tool_calls=[asked]), chunk(finish="tool_calls"))
    assert chat.send("?", tool_choice="vote").tool_calls[0].custom.input == "yes, {"
    assert server.requests[0].json["tools"][0] == vote
    assert server.requests[0].json["tool_choice"] == vote
    server.answer("Counted.")
    assert chat.submit("c", "one vote").result(PATIENCE).text == "Counted."
    assert still_answers(chat, server)


AGAIN = {
    "regenerate": lambda chat, **own: chat.regenerate(**own),
    "edit": lambda chat, **own: chat.edit(0, "!", **own),
    "regenerate in a fork": lambda chat, **own: chat.fork().regenerate(**own),
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
def test_asking_again_asks_as_before(server: ScriptedServer, again: Any):
    """Whoever asks again keeps a turn's own tools, form and fields; what the session has is as it is now."""
    chat = Session("small", base_url=server.url, seed=1)
    server.always_answer('{"items": [1]}')
    own = {"model": "big", "response_format": list[int]}
    chat.ask({"role": "user", "content": "?"}, own, tools=[add], system="Be terse.").result(PATIENCE)
    chat.parameters.seed = 2
    assert again(chat).result(PATIENCE).parsed == [1]
    assert server.requests[1].json["messages"][0] == {"role": "system", "content": "Be terse."}
    assert again(chat, tools=[boom], model="other", response_format=None).result(PATIENCE).parsed == {"items": [1]}
    sent = [request.json for request in server.requests]
    assert [body["tools"][0]["function"]["name"] for body in sent] == ["add", "add", "boom"]
    assert [(body["model"], body["seed"]) for body in sent] == [("big", 1), ("big", 2), ("other", 2)]
    assert ["response_format" in body for body in sent] == [True, True, False]


def test_asking_again_what_was_read_from_a_file(chat: Session, server: ScriptedServer):
    """Of a conversation from a file the last question is asked with what the session has."""
    server.answer("a")
    chat.send("?", tools=[boom], model="big")
    read = Session.from_json(chat.to_json(), base_url=server.url, tools=[add])
    server.answer("b")
    assert read.regenerate().result(PATIENCE).text == "b"
    sent = server.requests[-1].json
    assert (sent["model"], sent["tools"][0]["function"]["name"]) == ("m", "add")


def test_tools_for_one_turn(chat: Session, server: ScriptedServer):
    """Tools given with a question take the place of the session's, and none are none."""
    server.answer("a")
    server.answer("b")
    chat.send("?", tools=[])
    assert "tools" not in server.requests[-1].json
    chat.send("?", tools=[tool(boom, name="fail")])
    assert [offered["function"]["name"] for offered in server.requests[-1].json["tools"]] == ["fail"]


def test_texts_between_calls_are_read_apart(chat: Session, server: ScriptedServer, ask_for: Any):
    """Whoever reads a turn as it comes gets the text of every answer, with a blank line between them."""
    ask_for(("c", "add", '{"a": 1, "b": 1}'), text="Let me see.")
    server.answer("It is 2.")
    turn = chat.stream("?")
    assert "".join(turn) == "Let me see.\n\nIt is 2." == turn.text
    assert turn.result().text == "It is 2."


def test_what_can_not_be_a_tool(server: ScriptedServer):
    """What can't be a tool is said when it is given, before anything is asked."""
    with pytest.raises(NbchatError, match="can't be a tool"):
        Session("m", base_url=server.url, tools=[3])


def test_a_cell_that_is_run_again_offers_the_new_function(chat: Session, server: ScriptedServer):
    """A tool that is made anew under its name takes the old one's place, and stays a function."""

    def make(version: int) -> Any:
        @chat.tool
        def version_of() -> int:
            """Say which version this is."""
            return version

        return version_of

    assert make(1)() == 1
    make(2)
    server.ask_for(("c", "version_of", {}), text="")
    server.answer("2")
    chat.send("?")
    assert results(server) == ["2"]
    assert len(chat.tools) == 2


@pytest.mark.parametrize("alone", [add, {"type": "function", "function": {"name": "add", "parameters": {}}}])
def test_a_single_tool_needs_no_list(server: ScriptedServer, alone: Any):
    """One function, or one dict, is offered as a list of it is; what is neither is said."""
    chat = Session("m", base_url=server.url, tools=alone)
    for offered in (chat.request("?"), Session("m", base_url=server.url).request("?", tools=alone)):
        assert [tool["function"]["name"] for tool in offered["tools"]] == ["add"]
    for wrong in ("add", 5):
        with pytest.raises(ConfigurationError, match="can't be a tool"):
            chat.stream("?", tools=wrong)
