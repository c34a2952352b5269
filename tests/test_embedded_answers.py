"""Calls of tools and structured answers by the embedded model: real requests through httpx, answered by the real model."""

import asyncio
import json

import jsonschema
import pytest
from local_model import CHAT, ask, body, engine, events, model_file, talks, text, wait_until, wait_until_idle
from schemas import CITY, IMPOSSIBLE, POSSIBLE, is_valid, obj
from scripted import validator

from nbchat.embedded.shelf import unload

COLUMNS = ["city", "country", "population"]


def tool(name, description, **parameters):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": obj(**parameters)}}


TOOLS = [
    tool("get_weather", "Get the current weather of a city.", city={"type": "string"}),
    tool("add", "Add two numbers.", a={"type": "number"}, b={"type": "number"}),
    tool("mean", "Return the mean of a column.", column={"enum": COLUMNS}),
]
SCHEMAS = {each["function"]["name"]: each["function"]["parameters"] for each in TOOLS}
MUST = {"tools": TOOLS, "tool_choice": "required", "max_tokens": 100}
# Schemas that are open to so much that the model may go on as long as it is let.
OPEN = {
    "long text", "list of anything", "dictionary", "dictionary of anything", "anything", "an object", "joined", "recursion",
    "required, but unknown",
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _model():
    model_file()
    yield
    unload()


def calls(answer, choice=0):
    """Return the functions that an answer calls and their arguments, each valid for its schema."""
    found = []
    for call in answer["choices"][choice]["message"]["tool_calls"]:
        arguments = json.loads(call["function"]["arguments"])
        jsonschema.validate(arguments, SCHEMAS[call["function"]["name"]])
        found.append((call["function"]["name"], arguments))
    return found


async def stream(client, prompt, **fields):
    """Ask for a stream and return its choices, each in a valid chunk."""
    response = await client.post(CHAT, json=body(prompt, stream=True, **fields))
    chunks = events(response.content)
    for chunk in chunks:
        validator("chunk").validate(chunk)
    return [choice for chunk in chunks for choice in chunk["choices"]]


# ---- structured answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POSSIBLE)
@talks
async def test_an_answer_is_valid_for_its_schema(client, name):
    """Whatever schema is asked for, an answer is valid for it, unless it was cut off and says so; few answers are."""
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": POSSIBLE[name]}}
    fields = {"response_format": wanted, "max_tokens": 120, "seed": 1}
    prompt = "Tell me about the city of Rome as JSON."
    cold, hot = await asyncio.gather(*(ask(client, prompt, temperature=heat, **fields) for heat in (0, 1)))
    for answer in (cold, hot):
        validator("response").validate(answer)
        if answer["choices"][0]["finish_reason"] == "stop":
            assert is_valid(text(answer), POSSIBLE[name]), text(answer)
    assert cold["choices"][0]["finish_reason"] == "stop" or name in OPEN, text(cold)


@talks
async def test_any_object_ends(client):
    """Where any JSON object will do, one comes that is not empty."""
    fields = {"response_format": {"type": "json_object"}, "temperature": 0, "max_tokens": 1000}
    answer = await ask(client, "Describe Rome in JSON.", **fields)
    assert json.loads(text(answer))


@talks
async def test_a_structured_answer_streams_as_content(client):
    """The pieces of a streamed answer are the whole answer; each is content."""
    wanted = {"type": "json_schema", "json_schema": {"name": "cities", "strict": True, "schema": CITY}}
    fields = {"response_format": wanted, "temperature": 0, "max_tokens": 60}
    choices = await stream(client, "Which city is the capital of Italy?", **fields)
    said = "".join(choice["delta"].get("content", "") for choice in choices)
    assert said == text(await ask(client, "Which city is the capital of Italy?", **fields))
    assert is_valid(said, CITY)
    assert len(choices) > 5


@pytest.mark.parametrize("streamed", [False, True])
@talks
async def test_an_impossible_schema_is_refused(client, streamed):
    """A schema that can't be held to is a 400 that names what is wrong, for answers and for tools."""
    for schema, word in IMPOSSIBLE.values():
        if schema is False:
            continue
        wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        response = await client.post(CHAT, json=body(response_format=wanted, stream=streamed))
        assert response.status_code == 400
        validator("error").validate(response.json())
        assert response.json()["error"]["param"] == "response_format"
        assert word in response.json()["error"]["message"]
    bad = {"type": "function", "function": {"name": "f", "parameters": obj(a={"not": {}})}}
    response = await client.post(CHAT, json=body(tools=[bad], stream=streamed))
    assert response.json()["error"]["code"] == "invalid_function_parameters"


# ---- calls ---------------------------------------------------------------------------------------------------------


QUESTIONS = {
    "What's the weather in Paris?": ("get_weather", {"city": "Paris"}),
    "How warm is it in Cairo?": ("get_weather", {"city": "Cairo"}),
    "Add 3 and 4.": ("add", {"a": 3, "b": 4}),
    "What is 17 plus 25?": ("add", {"a": 17, "b": 25}),
    "What is the mean of population?": ("mean", {"column": "population"}),
    "Calculate the mean of population.": ("mean", {"column": "population"}),
}


@talks
async def test_the_model_chooses_a_tool_and_its_arguments(client):
    """With a call required, the model itself picks the function for a question and its arguments, right for most."""
    right = 0
    for question, call in QUESTIONS.items():
        answer = await ask(client, question, temperature=0, **MUST)
        validator("response").validate(answer)
        (choice,) = answer["choices"]
        assert (choice["finish_reason"], choice["message"]["content"]) == ("tool_calls", None)
        right += calls(answer) == [call]
    assert right >= 4


@pytest.mark.parametrize("seed", range(4))
@talks
async def test_calls_are_valid_however_hot(client, seed):
    """At any temperature the calls are of the functions offered, with arguments that fit their schemas."""
    answer = await ask(client, "Do something.", temperature=2, seed=seed, n=3, **{**MUST, "max_tokens": 400})
    for choice in range(3):
        assert len(calls(answer, choice)) == 1


@talks
async def test_a_named_tool_is_called(client):
    """The function that the request names is called, whatever was asked."""
    choice = {"type": "function", "function": {"name": "mean"}}
    answer = await ask(client, "What's the weather in Paris?", **{**MUST, "tool_choice": choice})
    assert [name for name, _ in calls(answer)] == ["mean"]


@talks
async def test_a_streamed_call_is_the_whole_one(client):
    """Streamed as a server does it: who and what first, then pieces of the arguments, which are those of a whole answer."""
    question = "What's the weather in Paris?"
    ((name, arguments),) = calls(await ask(client, question, temperature=0, **MUST))
    first, *others, last = await stream(client, question, temperature=0, **MUST)
    assert first["delta"]["content"] is None
    (call,) = first["delta"]["tool_calls"]
    assert call["function"] == {"name": name, "arguments": ""}
    assert (last["delta"], last["finish_reason"]) == ({}, "tool_calls")
    pieces = [choice["delta"]["tool_calls"][0]["function"]["arguments"] for choice in others]
    assert len(pieces) > 3
    assert json.loads("".join(pieces)) == arguments


@talks
async def test_a_seed_repeats_a_call(client):
    """The same seed gives the same call, up to its identifier."""
    hot = {**MUST, "temperature": 1.5}
    once, again = [calls(await ask(client, "Surprise me.", seed=7, **hot)) for _ in range(2)]
    assert once == again
    assert len({str(calls(await ask(client, "Surprise me.", seed=seed, **hot))) for seed in range(3)}) > 1


@talks
async def test_a_call_cut_off_is_not_complete(client):
    """At max_tokens the answer ends with the reason length, and its call has the arguments that came until then."""
    answer = await ask(client, "Add 17 and 25.", temperature=0, **{**MUST, "max_tokens": 16})
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "length"
    arguments = choice["message"]["tool_calls"][0]["function"]["arguments"]
    assert arguments.startswith("{") or not arguments
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(arguments)


@talks
async def test_several_calls_if_asked_for(client):
    """With parallel_tool_calls an answer may have several calls, each with its identifier, and no end of them."""
    answer = await ask(
        client, "Weather in Paris and Rome?", temperature=0, **{**MUST, "parallel_tool_calls": True, "max_tokens": 400}
    )
    assert 1 <= len(calls(answer)) <= 3
    identifiers = [call["id"] for call in answer["choices"][0]["message"]["tool_calls"]]
    assert len(set(identifiers)) == len(identifiers)


@talks
async def test_where_none_is_chosen_nothing_is_called(client):
    """With the choice of none the answer is the one that comes without tools."""
    without = await ask(client, "What is 2 plus 2?", temperature=0)
    assert text(await ask(client, "What is 2 plus 2?", temperature=0, tools=TOOLS, tool_choice="none")) == text(without)


@talks
async def test_automatically_there_is_text_or_a_call(client):
    """Where a call is neither required nor forbidden, the model calls for most questions to a tool and seldom else."""
    called = {}
    for question in [*QUESTIONS, "Hello!", "Who are you?", "Explain recursion briefly."]:
        answer = await ask(client, question, temperature=0, tools=TOOLS, max_tokens=60)
        validator("response").validate(answer)
        (choice,) = answer["choices"]
        called[question] = choice["finish_reason"] == "tool_calls"
        if called[question]:
            assert calls(answer)
        else:
            assert "<tool_call>" not in choice["message"]["content"]
    assert sum(called[question] for question in QUESTIONS) >= 4
    assert sum(called.values()) <= sum(called[question] for question in QUESTIONS) + 1


@talks
async def test_a_result_is_answered(client):
    """What a tool returned is in the model's answer, and another question to other tools follows it."""
    call = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        {"role": "user", "content": "What's the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "21 degrees and sunny"},
    ]
    answer = await ask(client, messages=messages, temperature=0, max_tokens=40)
    assert "21 degrees" in text(answer)
    messages += [answer["choices"][0]["message"], {"role": "user", "content": "Now add 3 and 4."}]
    assert len(calls(await ask(client, messages=messages, temperature=0, **MUST))) == 1


@talks
async def test_calls_or_structured_answers(client):
    """With a format beside tools an answer is a call or follows the format."""
    wanted = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
    answer = await ask(client, "Tell me of Rome.", tools=TOOLS, response_format=wanted, temperature=0, max_tokens=80)
    message = answer["choices"][0]["message"]
    assert message.get("tool_calls") or is_valid(message["content"], CITY)
    assert calls(await ask(client, "Add 3 and 4.", response_format=wanted, temperature=0, **MUST))


@talks
async def test_cancelling_stops_a_call(client):
    """A request cancelled within a call leaves the model idle for the next."""
    engine()
    endless = obj(essay={"type": "string", "minLength": 5000})
    fields = {"tools": [{"type": "function", "function": {"name": "write", "parameters": endless}}], "max_tokens": 3000}
    task = asyncio.create_task(client.post(CHAT, json=body(tool_choice="required", **fields)))
    await asyncio.to_thread(wait_until, engine(), 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(wait_until_idle, engine())
    assert calls(await ask(client, "Add 3 and 4.", temperature=0, **MUST))
