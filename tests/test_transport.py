"""The embedded model as a server: real requests through httpx, answered by the real model."""

import asyncio
import gc
import json
from pathlib import Path

import httpx
import pytest
from local_index import LocalIndex, need_downloader
from local_model import (
    CHAT,
    PATIENCE,
    URL,
    Listener,
    ask,
    body,
    counter,
    engine,
    events,
    model_file,
    talks,
    text,
    wait_until,
    wait_until_idle,
)
from scripted import validator

from nbchat.embedded.shelf import Model, shelf, unload
from nbchat.embedded.transport import EmbeddedTransport

# Answers that go on until they are stopped.
ENDLESS = {"max_tokens": 3000, "ignore_eos": True, "stream": True}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "people": {"type": "integer", "maximum": 999}},
    "required": ["city", "people"],
    "additionalProperties": False,
}


@pytest.fixture(autouse=True, scope="module")
def _model():
    model_file()
    yield
    unload()


async def stream(client, prompt="Tell me about the sea.", **fields):
    """Ask for a stream and return its events, each valid."""
    response = await client.post(CHAT, json=body(prompt, stream=True, **fields))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    chunks = events(response.content)
    for chunk in chunks:
        validator("chunk").validate(chunk)
    return chunks


def texts(chunks, n=1):
    """Join a stream's text, choice by choice."""
    said = [""] * n
    for chunk in chunks:
        for choice in chunk["choices"]:
            said[choice["index"]] += choice["delta"].get("content") or ""
    return said


# ---- answers -------------------------------------------------------------------------------------------------------


@talks
async def test_an_answer_is_valid_and_says_who_gave_it(client):
    """Whatever model is asked for, the address's own answers, honestly, with what the schema demands."""
    answer = await ask(client, model="gpt-4")
    validator("response").validate(answer)
    assert answer["model"] == "SmolLM2-135M-Instruct"
    assert text(answer)
    assert answer["usage"]["completion_tokens"] <= 8


@talks
async def test_a_stream_says_the_same_as_a_whole_answer(client):
    """Token by token or at once, the same seed gives the same text; a stream tells no usage unless asked."""
    whole = await ask(client, seed=5, temperature=1)
    chunks = await stream(client, seed=5, temperature=1)
    assert texts(chunks) == [text(whole)]
    assert len(chunks) > 5
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}
    assert not any("usage" in chunk for chunk in chunks)


@talks
async def test_a_stream_ends_with_its_usage_if_asked(client):
    """With include_usage the last chunk has no choices and counts what a whole answer counts."""
    whole = await ask(client, seed=5)
    *chunks, last = await stream(client, seed=5, stream_options={"include_usage": True})
    assert {chunk["usage"] for chunk in chunks} == {None}
    assert last["choices"] == []
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        assert last["usage"][name] == whole["usage"][name]


@pytest.mark.parametrize("n", [3, 6])
@talks
async def test_several_answers_at_once(client, n):
    """Answers come side by side under their own indices, more than there are slots too, and all are counted."""
    fields = {"n": n, "seed": 1, "temperature": 1.5, "max_tokens": 5, "ignore_eos": True}
    chunks = await stream(client, **fields, stream_options={"include_usage": True})
    indices = [chunk["choices"][0]["index"] for chunk in chunks[:-1]]
    assert set(indices) == set(range(n))
    assert indices != sorted(indices)
    assert chunks[-1]["usage"]["completion_tokens"] == 5 * n
    assert len(set(texts(chunks, n))) > 1
    whole = await ask(client, **fields)
    validator("response").validate(whole)
    assert [choice["message"]["content"] for choice in whole["choices"]] == texts(chunks, n)
    assert whole["usage"] == chunks[-1]["usage"] | {"prompt_tokens_details": whole["usage"]["prompt_tokens_details"]}


@talks
async def test_a_seed_repeats_an_answer(client):
    """The same seed gives the same answer, any whole number is one, and another gives another."""
    hot = {"temperature": 1.5, "max_tokens": 12}
    for seed in (7, -1, 2**32 - 1, 2**70):
        assert text(await ask(client, seed=seed, **hot)) == text(await ask(client, seed=seed, **hot))
    assert len({text(await ask(client, seed=seed, **hot)) for seed in range(3)}) > 1
    assert len({text(await ask(client, **hot)) for _ in range(3)}) > 1


@talks
async def test_temperature_0_is_the_same_in_company(client):
    """An answer at temperature 0 does not depend on what is answered beside it."""
    alone = await ask(client, temperature=0, max_tokens=16)
    others = [ask(client, f"Tell me about {number} dogs.", max_tokens=24) for number in range(3)]
    together = await asyncio.gather(ask(client, temperature=0, max_tokens=16), *others)
    assert text(together[0]) == text(alone)


@talks
async def test_a_stop_word_ends_the_answer(client):
    """The answer ends before the stop word, which is not in it, and says that it stopped."""
    fields = {"prompt": "Count from 1 to 9, with commas.", "temperature": 0, "max_tokens": 40}
    word = text(await ask(client, **fields)).split()[3]
    answer = await ask(client, stop=["nowhere to be found", word], **fields)
    assert word not in text(answer)
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert texts(await stream(client, stop=word, **fields)) == [text(answer)]


@pytest.mark.parametrize("top", [None, 0, 2])
@talks
async def test_logprobs_are_those_of_the_text(client, top):
    """Each token has its logprob and as many alternatives as asked for; together they are the text."""
    fields = {"logprobs": True, "seed": 3} | ({} if top is None else {"top_logprobs": top})
    answer = await ask(client, **fields)
    validator("response").validate(answer)
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == text(answer)
    assert bytes(byte for token in tokens for byte in token["bytes"]).decode() == text(answer)
    assert {len(token["top_logprobs"]) for token in tokens} == {top or 0}
    assert all(token["logprob"] <= 0 for token in tokens)
    chunks = await stream(client, **fields)
    assert [token for chunk in chunks for token in (chunk["choices"][0]["logprobs"] or {}).get("content", [])] == tokens


@talks
async def test_an_answer_follows_a_schema(client):
    """With a JSON schema the answer is JSON that is valid for it, streamed or not."""
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}
    fields = {"response_format": wanted, "max_tokens": 60, "seed": 1}
    answer = json.loads(text(await ask(client, "Name a city.", **fields)))
    assert set(answer) == {"city", "people"}
    assert isinstance(answer["people"], int)
    assert json.loads(texts(await stream(client, "Name a city.", **fields))[0]) == answer


@talks
async def test_an_answer_is_some_json(client):
    """With json_object every answer that came to its own end is a JSON object, and one that was cut off began as one."""
    ended = 0
    for seed in range(4):
        answer = await ask(
            client,
            'Reply with {"city": "Rome"} and nothing else.',
            response_format={"type": "json_object"},
            max_tokens=60,
            seed=seed,
        )
        assert text(answer).lstrip().startswith("{")
        if answer["choices"][0]["finish_reason"] == "stop":
            assert isinstance(json.loads(text(answer)), dict)
            ended += 1
    assert ended


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@talks
async def test_an_answer_is_cut_where_asked(client, name):
    """Either name of the limit cuts the answer and says so."""
    answer = await ask(client, **{"max_tokens": None, name: 3, "ignore_eos": True})
    assert answer["usage"]["completion_tokens"] == 3
    assert answer["choices"][0]["finish_reason"] == "length"


@talks
async def test_sampling_fields_reach_the_model(client):
    """A bias makes a token certain, penalties change what temperature 0 says, top_p of 0 takes the likeliest."""
    certain = await ask(client, logit_bias={"504": 100}, temperature=0, max_tokens=2)
    assert text(certain) == "TheThe"
    greedy = text(await ask(client, temperature=0, max_tokens=40))
    assert text(await ask(client, temperature=0, max_tokens=40, frequency_penalty=2, presence_penalty=2)) != greedy
    assert text(await ask(client, temperature=2, top_p=0, max_tokens=40)) == greedy


@talks
async def test_a_conversation_may_have_every_role(client):
    """Developers, tools and calls made elsewhere are read, and parts of text are one text."""
    messages = [
        {"role": "developer", "content": "Be terse."},
        {"role": "user", "content": [{"type": "text", "text": "Weather in"}, {"type": "text", "text": "Rome?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "Sunny."},
        {"role": "assistant", "content": "Sunny."},
    ]
    answer = await ask(client, messages=messages)
    validator("response").validate(answer)


@talks
async def test_more_requests_than_slots_are_all_answered(client):
    """Requests side by side share the slots, and those beyond them wait: none is refused."""
    answers = await asyncio.gather(*(ask(client, f"Say {number}.", max_tokens=4) for number in range(9)))
    assert all(text(answer) for answer in answers)


@talks
async def test_the_loop_goes_on_while_the_model_computes(client):
    """While a long prompt is read and answered, the event loop does other things."""
    task = asyncio.ensure_future(ask(client, "word " * 300))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > 30


# ---- other addresses, and what is refused --------------------------------------------------------------------------


@talks
async def test_the_list_of_models_has_the_one_that_answers(client):
    """The list is valid, and is told without loading the model."""
    unload()
    response = await client.get(f"{URL}/models")
    validator("models").validate(response.json())
    assert [model["id"] for model in response.json()["data"]] == ["SmolLM2-135M-Instruct"]
    assert shelf.engines() == {}


@talks
async def test_any_file_can_answer(client, tmp_path, monkeypatch):
    """A GGUF file is reached by its address and by the request's model, relative to the working directory too."""
    (tmp_path / "my model.gguf").symlink_to(model_file())
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my model.gguf"
    answers = [
        await ask(client, model=f"local:{file}"),
        await ask(client, model="local:my model.gguf"),
        (await client.post(f"llama://file{file}/v1/chat/completions", json=body())).json(),
        (await client.post(f"llama://file{file}/chat/completions", json=body(model="local"))).json(),
    ]
    async with httpx.AsyncClient(base_url=f"llama://{file}/v1", mounts={"llama://": EmbeddedTransport()}) as other:
        answers.append((await other.post("chat/completions", json=body())).json())
        listed = (await other.get("models")).json()
    assert {answer["model"] for answer in answers} == {"my model"}
    assert listed["data"][0]["id"] == "my model"
    assert set(shelf.engines()) >= {Model(file)}
    unload()


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", f"{URL}/chat/completions", 405),
        ("POST", f"{URL}/models", 405),
        ("POST", f"{URL}/embeddings", 404),
        ("GET", "llama://default/", 404),
        ("GET", "llama://elsewhere/v1/models", 404),
        ("GET", "llama://file/v1/models", 404),
        ("GET", "llama://default/some/model.gguf/v1/models", 404),
        ("GET", "llama://file/no/such/model.gguf/v1/models", 404),
        ("POST", "llama://file/no/such/model.gguf/v1/chat/completions", 404),
        ("POST", f"llama://file{Path(__file__).absolute()}/v1/chat/completions", 400),
    ],
)
@talks
async def test_what_is_not_there_is_refused(client, method, address, status):
    """Other paths, methods and models get the API's form of error, in one sentence, with an identifier."""
    response = await client.request(method, address, json=body() if method == "POST" else None)
    assert response.status_code == status
    validator("error").validate(response.json())
    assert response.json()["error"]["message"].endswith(".")
    assert response.headers["x-request-id"].startswith("req_")
    assert status != 405 or response.headers["allow"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"messages": []}, "invalid_value"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "invalid_value"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "thing"}}}}, "invalid_value"),
        ({"grammar": "this is none"}, None),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "unsupported_content"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
@talks
async def test_what_cant_be_done_is_refused(client, fields, code, streamed):
    """A request that the model can't answer is a 400 in one sentence, and never a stream."""
    response = await client.post(CHAT, json=body(**fields, stream=streamed))
    assert response.status_code == 400, response.text
    validator("error").validate(response.json())
    assert response.json()["error"]["code"] == code
    assert "\n" not in response.json()["error"]["message"]


@pytest.mark.parametrize("streamed", [False, True])
@talks
async def test_a_prompt_beyond_the_context_is_refused_with_the_numbers(client, streamed):
    """Too long a prompt is a 400 that says how many tokens it has and how many fit."""
    response = await client.post(CHAT, json=body("hi " * 6000, stream=streamed))
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"
    assert "6031 tokens" in response.json()["error"]["message"]
    assert f"at most {engine().plan.context} fit" in response.json()["error"]["message"]


# ---- stopping ------------------------------------------------------------------------------------------------------


async def idle():
    await asyncio.to_thread(wait_until_idle, engine())


@talks
async def test_closing_a_stream_stops_the_model(client):
    """After a stream is closed the model is idle, having computed little more than was read; the next is served."""
    await ask(client)
    await idle()
    before = counter(engine(), "tokens_predicted_total")
    async with client.stream("POST", CHAT, json=body(**ENDLESS)) as response:
        read = 0
        async for piece in response.aiter_raw():
            read += piece.count(b"data: ")
            if read >= 5:
                break
    await idle()
    assert counter(engine(), "tokens_predicted_total") - before < read + 20
    assert text(await ask(client))


@talks
async def test_dropping_a_stream_stops_the_model(client):
    """A stream that is neither read nor closed, but forgotten, stops the model too."""
    response = await client.send(client.build_request("POST", CHAT, json=body(**ENDLESS)), stream=True)
    assert engine().running == 1
    await response.aclose()
    response = await EmbeddedTransport().handle_async_request(client.build_request("POST", CHAT, json=body(**ENDLESS)))
    assert response.status_code == 200
    del response
    gc.collect()
    await idle()


@pytest.mark.parametrize("prompt", ["Hi", "word " * 1500])
@talks
async def test_cancelling_stops_the_model(client, prompt):
    """A task cancelled while its answer is computed, or its prompt read, leaves the model idle for the next."""
    engine()
    task = asyncio.create_task(client.post(CHAT, json=body(prompt, **{**ENDLESS, "stream": False})))
    await asyncio.to_thread(wait_until, engine(), 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await idle()
    assert text(await ask(client))


@talks
async def test_cancelling_takes_a_request_out_of_the_queue(client):
    """A request that waits for a slot is gone when it is cancelled; those before it go on."""
    streams = [
        await client.send(client.build_request("POST", CHAT, json=body(**ENDLESS)), stream=True)
        for _ in range(engine().plan.slots)
    ]
    task = asyncio.create_task(client.post(CHAT, json=body()))
    await asyncio.to_thread(wait_until, engine(), 4, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (engine().running, engine().waiting) == (4, 0)
    for response in streams:
        await response.aclose()
    await idle()


@talks
async def test_cancelling_during_the_load_leaves_the_model_for_the_next(client):
    """A request given up while the model loads is gone, and the next one is answered."""
    unload()
    loading = asyncio.Event()
    request = client.build_request("POST", CHAT, json=body(), extensions={"nbchat.progress": lambda _: loading.set()})
    task = asyncio.create_task(client.send(request))
    await loading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert text(await ask(client))


@talks
async def test_unload_ends_a_stream_with_an_error(client):
    """A stream whose model is unloaded ends with an error event and no [DONE]; the next request loads it again."""
    async with client.stream("POST", CHAT, json=body(**ENDLESS)) as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        await asyncio.to_thread(unload)
        rest = b"".join([piece async for piece in pieces])
    last = json.loads(rest.decode().strip().split("\n\n")[-1].removeprefix("data: "))
    validator("error").validate(last)
    assert last["error"]["code"] == "model_unloaded"
    assert text(await ask(client))


@talks
async def test_unload_from_the_loop_itself(client):
    """Unload may be called on the event loop's own thread: requests in the making fail and it returns."""
    engine()
    task = asyncio.create_task(client.post(CHAT, json=body(**{**ENDLESS, "stream": False})))
    await asyncio.to_thread(wait_until, engine(), 1)
    unload()
    response = await task
    assert (response.status_code, response.json()["error"]["code"]) == (410, "model_unloaded")


# ---- progress ------------------------------------------------------------------------------------------------------


def test_progress_is_told_on_the_loop():
    """The transport's listener and the request's hear of the load, on the thread of the loop."""
    unload()
    ours, theirs = Listener(), Listener()

    async def within():
        async with httpx.AsyncClient(mounts={"llama://": EmbeddedTransport(progress=ours)}) as client:
            response = await client.post(CHAT, json=body(), extensions={"nbchat.progress": theirs})
            assert response.status_code == 200

    asyncio.run(within())
    assert ours.heard == theirs.heard
    assert {at.stage for at in ours.heard} == {"loading"}
    assert ours.heard[-1].done == ours.heard[-1].total
    assert {thread.name for thread in ours.threads | theirs.threads} == {"MainThread"}


def test_a_download_goes_on_for_whoever_still_waits(tmp_path, monkeypatch):
    """One of two waiting requests given up changes nothing; when both are, the download stops."""
    need_downloader()
    index = LocalIndex(tmp_path)
    index.held.clear()
    for name, value in {**index.environment, "NBCHAT_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)

    async def within():
        transport = EmbeddedTransport(weights=index.artefact)
        async with httpx.AsyncClient(mounts={"llama://": transport}) as client:
            first, second = (asyncio.create_task(client.post(CHAT, json=body())) for _ in range(2))
            assert await asyncio.to_thread(index.halfway.wait, PATIENCE)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert not await asyncio.to_thread(index.dropped.wait, 0.3)  # three looks at whether it is still wanted
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert await asyncio.to_thread(index.dropped.wait, PATIENCE)

    asyncio.run(within())
    index.close()
    unload()
    assert not list((tmp_path / "cache" / "models").glob("*.gguf"))
