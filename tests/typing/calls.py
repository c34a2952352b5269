"""Calls of the public API as users write them, with the types that come back: never run, only read by mypy."""

import asyncio
from collections.abc import Callable
from typing import Any, assert_type

import nbchat
from nbchat import (
    Client,
    Completion,
    NbchatError,
    Parameters,
    Session,
    Stream,
    Sweep,
    Turn,
    get_session,
    sweep,
    use_session,
)
from nbchat.attachments.attach import parts_of
from nbchat.session.events import Event, TextAdded
from nbchat.session.logprobs import Logprobs, TokenLogprob
from nbchat.session.row import Row
from nbchat.tools.calling import Outcome, call
from nbchat.tools.structured import Format, format_of
from nbchat.tools.tool import Tool, as_tool, tool
from nbchat.wire.chunks import ChatCompletionChunk, ChunkChoice, Delta, ToolCallDelta
from nbchat.wire.messages import ChatCompletion, Choice, Message, Model, ModelList, ToolCall, Usage

messages = [{"role": "user", "content": "Say this is a test"}]


def client_made_in_every_way() -> None:
    Client()
    Client("http://cluster:8000/v1", "sk-…", timeout=30, max_retries=0, headers={"X-Team": "a"})
    Client(base_url=None, api_key=None, timeout={"connect": 3.0})
    with Client() as client:
        assert_type(client, Client)
    Client(base_url=5)  # type: ignore[arg-type]
    Client(timeout="30")  # type: ignore[arg-type]


def servers_of_tools() -> None:
    server = nbchat.mcp(
        ["python", "-m", "mcp_server_time"], env={"KEY": "…"}, approve=lambda name, given: name == "add"
    )
    assert_type(list(server), list[Tool])
    Session(tools=[server, *nbchat.mcp(url="https://host/mcp", headers={"Authorization": "…"}, timeout=None)])
    nbchat.mcp(command=5)  # type: ignore[arg-type]


def whole_answers(client: Client) -> None:
    response = client.chat.completions.create(model="gpt-4", messages=messages)
    assert_type(response, ChatCompletion)
    assert_type(response.choices, list[Choice])
    assert_type(response.choices[0].message, Message)
    assert_type(response.choices[0].message.content, str | None)
    assert_type(response.choices[0].message.reasoning, str | None)
    assert_type(response.choices[0].message.tool_calls, list[ToolCall] | None)
    assert_type(response.choices[0].finish_reason, str | None)
    assert_type(response.usage, Usage | None)
    assert_type(response.to_dict(), dict[str, Any])
    assert_type(client.chat.completions.create(messages=messages, stream=False), ChatCompletion)
    assert_type(client.chat.completions.create(messages=messages, stream=None, n=3, stop=["6."]), ChatCompletion)
    client.chat.completions.create(messages=[*messages, response.choices[0].message], temperature=0.7, max_tokens=None)
    client.chat.completions.create(model="gpt-4")  # type: ignore[call-overload]
    client.chat.completions.create(messages=5)  # type: ignore[call-overload]


def streamed_answers(client: Client) -> None:
    stream = client.chat.completions.create(model="gpt-4", messages=messages, stream=True)
    assert_type(stream, Stream)
    for chunk in stream:
        assert_type(chunk, ChatCompletionChunk)
        assert_type(chunk.choices, list[ChunkChoice])
        assert_type(chunk.choices[0].delta, Delta)
        assert_type(chunk.choices[0].delta.content, str | None)
        assert_type(chunk.choices[0].delta.tool_calls, list[ToolCallDelta] | None)
    assert_type(next(stream), ChatCompletionChunk)
    with stream as same:
        assert_type(same, Stream)


async def from_async_code(client: Client) -> None:
    assert_type(await client.chat.completions.acreate(messages=messages), ChatCompletion)
    stream = await client.chat.completions.acreate(messages=messages, stream=True)
    assert_type(stream, Stream)
    async for chunk in stream:
        assert_type(chunk, ChatCompletionChunk)
    assert_type(await client.models.alist(), ModelList)
    await client.aclose()


def models(client: Client) -> None:
    for model in client.models.list():
        assert_type(model, Model)
        assert_type(model.id, str)


def sessions() -> None:
    chat = Session(model="gpt-4o-mini", system="You are terse.", temperature=0.2)
    completion = chat.send("What's Python?")
    assert_type(completion, Completion)
    assert_type(completion.text, str)
    assert_type(completion.code, list[str])
    assert_type(completion.cost, float | None)
    assert_type(completion.usage, Usage | None)
    assert_type(completion.tool_calls, list[ToolCall])
    assert_type(completion.choices, list[Choice])
    assert_type(completion.to_dict(), dict[str, Any])
    assert_type(chat.messages, list[dict[str, Any]])
    assert_type(chat.parameters, Parameters)
    assert_type(chat.system, str | None)
    assert_type(chat.model, str | None)
    assert_type(chat.cost, float | None)
    assert_type(chat.usage, Usage)
    assert_type(chat.fork(), Session)
    assert_type(chat.undo(), bool)
    assert_type(Session.from_json(chat.to_json()), Session)
    assert_type(chat.to_markdown(), str)
    chat.send([{"type": "text", "text": "Hi"}])
    chat.send({"role": "user", "content": "Hi"})
    chat.send(completion.message)
    chat.send("What is this?", attach=["plot.png", b"", {"a": 1}], temperature=1)
    chat.send("What is this?", ["plot.png"])  # type: ignore[call-arg]
    assert_type(parts_of(5, table_tokens=100), list[dict[str, Any]])
    chat.model = None
    chat.send(5)  # type: ignore[arg-type]


def turns(chat: Session) -> None:
    turn = chat.stream("How do I learn it?", temperature=1)
    assert_type(turn, Turn)
    for text in turn:
        assert_type(text, str)
    assert_type(turn.result(), Completion)
    assert_type(turn.result(timeout=1.5), Completion)
    assert_type(turn.completion, Completion | None)
    assert_type(turn.error, NbchatError | None)
    assert_type(turn.text, str)
    assert_type(chat.regenerate(), Turn)
    assert_type(chat.edit(0, "Else?"), Turn)
    assert_type(turn.status == "nonsense", bool)  # type: ignore[comparison-overlap]


async def awaited(chat: Session) -> None:
    assert_type(await chat.stream("a"), Completion)
    async for text in chat.stream("b"):
        assert_type(text, str)
    await asyncio.gather(chat.stream("c"), chat.stream("d"))


def watched(chat: Session) -> None:
    def see(event: Event) -> None:
        if isinstance(event, TextAdded):
            assert_type(event.turn, Turn)

    assert_type(chat.subscribe(see), Callable[[], None])


def the_front_door() -> None:
    assert_type(get_session(), Session)
    assert_type(get_session("drafts"), Session)
    assert_type(use_session("drafts"), Session)
    assert_type(nbchat.unload(), None)


@tool
def doubled(number: int) -> int:
    return 2 * number


@tool(approve=lambda arguments: arguments["path"] != "x", timeout=3)
async def removed(path: str) -> None: ...


async def tools() -> None:
    assert_type(doubled(2), int)
    await removed("x")
    assert_type(as_tool(doubled), Tool)
    assert_type(as_tool({"type": "function", "function": {"name": "f"}}).to_dict(), dict[str, Any])
    assert_type(await call(as_tool(removed), "{}"), Outcome)
    assert_type(format_of(list[int]), Format)
    tool(approve="yes")  # type: ignore[call-overload]


async def sweeps(chat: Session) -> None:
    answers = sweep("Name a colour.", temperature=[0, 0.7], model="a", seed=range(3))
    assert_type(answers, Sweep)
    assert_type(answers[0], Row)
    assert_type(answers[:2], list[Row])
    assert_type([row.text for row in answers], list[str])
    assert_type(answers[0].error, NbchatError | None)
    answers[0].branch(chat)
    assert_type(await sweep(["a", "b"], session=chat, system=["x", None], background=True), Sweep)
    sweep()  # type: ignore[call-arg]
    answers[0].branch("drafts")  # type: ignore[arg-type]


def probabilities(completion: Completion) -> None:
    assert_type(completion.logprobs, Logprobs | None)
    if completion.logprobs is not None:
        assert_type(completion.logprobs[0], TokenLogprob)
        assert_type(completion.logprobs[0].probability, float | None)
        assert_type(completion.logprobs[:2], Logprobs)
