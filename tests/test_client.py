"""The client: the API as users of the official SDK know it."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import threading

import pytest
from scripted import PATIENCE, USAGE, Reply, ScriptedServer, chunk, completion, validator

from nbchat.client.client import Client
from nbchat.errors import (
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    NbchatError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from nbchat.wire.chunks import ChatCompletionChunk

QUESTION = [{"role": "user", "content": "Say this is a test"}]


@pytest.fixture
def client(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client made as the documentation's examples make it: from the environment."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    return Client(max_retries=0)


def test_simple_request(client: Client, server: ScriptedServer):
    """The documentation's first example works, and the key goes with it."""
    server.answer("This is a test!")
    response = client.chat.completions.create(model="gpt-4", messages=QUESTION)
    assert response.choices[0].message.content == "This is a test!"
    assert response.choices[0].finish_reason == "stop"
    assert response.usage.total_tokens == 10
    assert server.requests[0].headers["authorization"] == "Bearer sk-test"
    assert server.requests[0].json == {"model": "gpt-4", "messages": QUESTION}


def test_multi_turn(client: Client, server: ScriptedServer):
    """An answer's message goes back into the next request as it is."""
    server.answer("Python is a language.")
    server.answer("Read a book.")
    messages = [{"role": "system", "content": "Be brief."}, *QUESTION]
    first = client.chat.completions.create(model="gpt-4", messages=messages)
    second = client.chat.completions.create(
        model="gpt-4", messages=[*messages, first.choices[0].message, {"role": "user", "content": "How to learn it?"}]
    )
    assert second.choices[0].message.content == "Read a book."
    assert server.requests[1].json["messages"][2]["content"] == "Python is a language."


def test_only_what_is_set_is_sent(client: Client, server: ScriptedServer):
    """None means "not sent", and extra_body goes in last, past everything."""
    server.answer("ok")
    client.chat.completions.create(
        model="gpt-4", messages=QUESTION, temperature=0.7, max_tokens=None, extra_body={"top_k": 5}
    )
    assert server.requests[0].json == {"model": "gpt-4", "messages": QUESTION, "temperature": 0.7, "top_k": 5}


def test_streaming(client: Client, server: ScriptedServer):
    """The documentation's streaming example prints the answer piece by piece."""
    server.answer("one two three")
    pieces = [
        part.choices[0].delta.content or ""
        for part in client.chat.completions.create(model="gpt-4", messages=QUESTION, stream=True)
    ]
    assert "".join(pieces) == "one two three"
    assert len(pieces) == 5


def test_n_and_stop(client: Client, server: ScriptedServer):
    """The documentation's n=3 and stop examples: three choices come back, and stop is sent as given."""
    server.answer("a", "b", "c")
    response = client.chat.completions.create(model="gpt-4", messages=QUESTION, n=3, stop=["6."])
    assert [choice.message.content for choice in response.choices] == ["a", "b", "c"]
    assert (server.requests[0].json["n"], server.requests[0].json["stop"]) == (3, ["6."])


def test_async(client: Client, server: ScriptedServer):
    """Async code asks, streams and lists with the same client, in a loop of its own."""
    server.answer("whole")
    server.answer("in pieces")
    server.reply(b'{"object": "list", "data": [{"id": "m1", "object": "model", "created": 1, "owned_by": "x"}]}')

    async def main() -> tuple[str, str, list[str]]:
        answer = await client.chat.completions.acreate(model="m", messages=QUESTION)
        stream = await client.chat.completions.acreate(model="m", messages=QUESTION, stream=True)
        text = "".join([part.choices[0].delta.content or "" async for part in stream])
        return answer.choices[0].message.content, text, [model.id for model in await client.models.alist()]

    assert asyncio.run(main()) == ("whole", "in pieces", ["m1"])


def test_models(client: Client, server: ScriptedServer):
    """models.list() gives the models, by iteration and in .data."""
    server.reply(b'{"object": "list", "data": [{"id": "m1", "object": "model"}, {"id": "m2", "object": "model"}]}')
    models = client.models.list()
    assert [model.id for model in models] == ["m1", "m2"] == [model.id for model in models.data]
    assert server.requests[0].path == "/v1/models"


def test_unknown_members_are_kept(client: Client, server: ScriptedServer):
    """What no class knows is still there, by name and in to_dict(), at every depth."""
    sent = completion("hi")
    sent["x_meta"] = {"region": "eu"}
    sent["choices"][0]["message"]["x_score"] = [1, {"a": 2}]
    server.always(lambda request: Reply([json.dumps(sent).encode()]))
    got = client.chat.completions.create(model="m", messages=QUESTION)
    assert got.to_dict() == sent
    assert got.x_meta.region == "eu"
    assert got.choices[0].message.x_score[1].a == 2


def test_values_are_immutable(client: Client, server: ScriptedServer):
    """Nothing that came from a server can be changed in place, and copies do not share anything with it."""
    server.answer("hi")
    got = client.chat.completions.create(model="m", messages=QUESTION)
    with pytest.raises(AttributeError, match="immutable"):
        got.id = "other"
    with pytest.raises(AttributeError, match="immutable"):
        del got.choices[0].message.content
    got.to_dict()["choices"].clear()
    assert len(got.choices) == 1
    assert copy.deepcopy(got) == got


@pytest.mark.parametrize("how", ["break", "close", "drop", "with"])
def test_a_stream_that_is_left_closes_its_connection(client: Client, server: ScriptedServer, how: str):
    """Broken out of, closed, dropped or left by its with-block: the server sees the connection closed."""
    server.stream(chunk("one"), threading.Event(), chunk("two"))
    stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
    if how == "break":
        for _ in stream:
            break
    elif how == "close":
        next(stream)
        stream.close()
    elif how == "with":
        with stream:
            next(stream)
    else:
        del stream
        gc.collect()
    assert server.requests[0].closed.wait(PATIENCE)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_stream_that_was_begun_and_dropped_closes_its_connection(
    client: Client, server: ScriptedServer, asynchronous: bool, request: pytest.FixtureRequest
):
    """After one next() the stream is closed as soon as nobody holds it, and not when Python next looks for cycles."""
    server.stream(chunk("one"), threading.Event(), chunk("two"))
    request.addfinalizer(gc.enable)
    gc.disable()

    async def begin() -> None:
        stream = await client.chat.completions.acreate(model="m", messages=QUESTION, stream=True)
        await anext(stream)

    if asynchronous:
        asyncio.run(begin())
    else:
        next(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert server.requests[0].closed.wait(PATIENCE)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_loop_goes_on_where_next_left_off(client: Client, server: ScriptedServer, asynchronous: bool):
    """A loop after a next() gets all other chunks, also those that came in one read with the first."""
    pieces = [f"{number} " for number in range(10)]
    whole = b"".join(f"data: {json.dumps(chunk(piece))}\n\n".encode() for piece in pieces)
    server.stream(whole, chunk(finish="stop"))

    async def collect() -> list[ChatCompletionChunk]:
        stream = await client.chat.completions.acreate(model="m", messages=QUESTION, stream=True)
        first = await anext(stream)
        return [first, *[chunk async for chunk in stream]]

    if asynchronous:
        got = asyncio.run(collect())
    else:
        stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
        got = [next(stream), *stream]
    assert [one.choices[0].delta.content for one in got] == [*pieces, None]


def test_an_async_stream_that_is_cancelled_closes_its_connection(client: Client, server: ScriptedServer):
    """Cancelling the task that reads a stream is enough for the server to see it."""
    server.stream(chunk("one"), threading.Event())

    async def read(first: asyncio.Event) -> None:
        async for _ in await client.chat.completions.acreate(model="m", messages=QUESTION, stream=True):
            first.set()

    async def main() -> None:
        first = asyncio.Event()
        task = asyncio.create_task(read(first))
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert server.requests[0].closed.wait(PATIENCE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (404, NotFoundError),
        (429, RateLimitError),
        (500, ServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_one_sentence_with_the_servers_words(
    client: Client, server: ScriptedServer, status: int, kind: type[NbchatError], stream: bool
):
    """Each status has its class, and what the server said about it is in the sentence."""
    body = {"error": {"message": "Not like this.", "type": "t", "code": "c", "param": "model"}}
    validator("error").validate(body)
    server.error(status, body, x_request_id="req-7")
    with pytest.raises(kind, match=r"Not like this\.") as caught:
        client.chat.completions.create(model="m", messages=QUESTION, stream=stream)
    error = caught.value
    assert (error.kind, error.status, error.code, error.param, error.request_id) == (
        "status",
        status,
        "c",
        "model",
        "req-7",
    )


def test_retries_are_the_same_request(server: ScriptedServer):
    """A busy server is asked again with the same bytes, after the time it named, and the user is none the wiser."""
    server.error(429, {"error": {"message": "slow down"}}, retry_after_ms="1")
    server.error(503, b"<html>", retry_after="0")
    server.answer("at last")
    answer = Client(server.url, max_retries=2).chat.completions.create(model="m", messages=QUESTION)
    assert answer.choices[0].message.content == "at last"
    assert len({request.body for request in server.requests}) == 1
    assert len(server.requests) == 3


def test_retries_end(server: ScriptedServer):
    """After the last retry the server's answer is the error."""
    for _ in range(2):
        server.error(500, {"error": {"message": "broken"}}, retry_after_ms="1")
    with pytest.raises(ServerError, match="broken"):
        Client(server.url, max_retries=1).chat.completions.create(model="m", messages=QUESTION)
    assert len(server.requests) == 2


def test_a_used_up_quota_is_not_asked_again(server: ScriptedServer):
    """429 for a quota is final: waiting does not fill it."""
    server.error(429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
    with pytest.raises(RateLimitError, match="quota"):
        Client(server.url).chat.completions.create(model="m", messages=QUESTION)
    assert len(server.requests) == 1


def test_nothing_listens(server: ScriptedServer):
    """A server that is not there is one sentence that names it."""
    server.stop()
    with pytest.raises(NbchatError, match=r"127\.0\.0\.1:\d+ can't be reached") as caught:
        Client(server.url, max_retries=0).chat.completions.create(model="m", messages=QUESTION)
    assert caught.value.kind == "connection"


def test_a_proxy_that_is_not_found_is_told_from_the_server(monkeypatch: pytest.MonkeyPatch):
    """Where it is the proxy that has no address, the sentence is about the proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:80")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(APIConnectionError, match=r"the proxy does not let it through.*proxy\.invalid"):
        Client("http://server.invalid/v1", max_retries=0).chat.completions.create(model="m", messages=QUESTION)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_a_name_that_cant_be_asked_for_is_no_host(host: str):
    """A host that no name server could be asked about is told of like one that it does not know."""
    client = Client(f"http://{host}/v1", max_retries=0)
    with pytest.raises(APIConnectionError, match="there is no such host"):
        client.chat.completions.create(model="m", messages=QUESTION)


@pytest.mark.parametrize(("phase", "words"), [("first_byte", "first byte"), ("between_chunks", "stopped coming")])
def test_each_timeout_has_its_own_words(server: ScriptedServer, phase: str, words: str):
    """Waiting for the first byte and waiting between chunks are limited apart and told apart."""
    if phase == "first_byte":
        server.reply(before=threading.Event())
    else:
        server.stream(chunk("one"), threading.Event())
    client = Client(server.url, max_retries=0, timeout={phase: 0.1})
    with pytest.raises(NbchatError, match=words) as caught:
        list(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert caught.value.kind == "timeout"
    assert server.requests[0].closed.wait(PATIENCE)


def test_what_arrived_is_delivered_before_the_error(client: Client, server: ScriptedServer):
    """A stream that dies half-way gives all that came, then says that it was cut off."""
    server.stream(chunk("one"), chunk(" two"), done=False, cut=True)
    seen = []
    with pytest.raises(NbchatError) as caught:
        for part in client.chat.completions.create(model="m", messages=QUESTION, stream=True):
            seen.append(part.choices[0].delta.content)
    assert (seen, caught.value.kind) == (["one", " two"], "truncated")


def test_a_server_that_does_not_stream(client: Client, server: ScriptedServer):
    """A whole answer where a stream was asked for is a stream of one chunk."""
    server.reply(json.dumps(completion("all at once")).encode())
    stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
    assert [part.choices[0].delta.content for part in stream] == ["all at once"]


def test_a_server_that_always_streams(client: Client, server: ScriptedServer):
    """A stream where a whole answer was asked for is put together."""
    server.stream(chunk("all"), chunk(" in pieces"), chunk(finish="stop"))
    answer = client.chat.completions.create(model="m", messages=QUESTION)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("all in pieces", "stop")


def test_a_web_page_is_told_from_an_answer(client: Client, server: ScriptedServer):
    """HTML with status 200 is a wrong base URL, and the sentence says so."""
    server.reply(b"<html>hello</html>", headers={"content-type": "text/html"})
    with pytest.raises(NbchatError, match="Is the base URL right") as caught:
        client.chat.completions.create(model="m", messages=QUESTION)
    assert caught.value.kind == "not_sse"


def test_usage_comes_with_the_last_chunk(client: Client, server: ScriptedServer):
    """stream_options={"include_usage": True} gives a last chunk with usage and no choices."""
    server.answer("hi")
    *_, last = client.chat.completions.create(
        model="m", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    assert last.choices == []
    assert last.usage.to_dict() == USAGE


def test_a_model_must_be_named_somewhere(server: ScriptedServer):
    """Without a model nothing is sent, and the sentence says what to do."""
    with pytest.raises(ConfigurationError, match="Name one"):
        Client(server.url).chat.completions.create(messages=QUESTION)
    assert server.requests == []


def test_lone_surrogates_do_not_leave(client: Client, server: ScriptedServer):
    """Half a character in a prompt is sent as U+FFFD, since it has no UTF-8."""
    server.answer("ok")
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a\ud800b"}])
    assert server.requests[0].json["messages"][0]["content"] == "a\ufffdb"


def test_a_thousand_chunks_for_a_slow_reader(client: Client, server: ScriptedServer):
    """A reader that stands still does not make the client hoard the answer, and loses nothing of it."""
    events = [chunk(f"{number} ") for number in range(20_000)]
    server.stream(*events, chunk(finish="stop"))
    stream = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
    text = "".join(part.choices[0].delta.content or "" for part in stream)
    assert text == "".join(f"{number} " for number in range(20_000))


def test_what_is_no_number_of_tries_and_no_dict_is_told(server: ScriptedServer):
    """A wrong kind of argument is one sentence, and nothing is sent."""
    for wrong in (-1, "2", True, 1.5):
        with pytest.raises(ConfigurationError, match="max_retries"):
            Client(server.url, max_retries=wrong)
    with pytest.raises(ConfigurationError, match="extra_body"):
        Client(server.url).chat.completions.create(model="m", messages=[], extra_body=[1])
    assert server.requests == []
