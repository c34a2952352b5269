"""Request fields that servers refuse: left out or renamed once, remembered, and told; nothing else is changed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from scripted import PATIENCE, Reply, ScriptedServer

from nbchat import Client, Session, sweep
from nbchat.client.refusals import Adjusted, refused_field
from nbchat.errors import BadRequestError, NbchatError, ServerError
from nbchat.jupyter.preview import preview
from nbchat.session.events import TurnNoticed
from nbchat.wire.complaints import read_error

QUESTION = [{"role": "user", "content": "Hi"}]
EXTRA = "Extra inputs are not permitted"


def openai(field: str, message: str, code: str = "unsupported_parameter") -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": field, "code": code}}


NO_MAX_TOKENS = openai(
    "max_tokens",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
)
NO_TEMPERATURE = openai(
    "temperature",
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
    "unsupported_value",
)

# (who says it, status, body, the field refused). After public reports of each; the first two are OpenAI's own.
DIALECTS: list[tuple[str, int, Any, str]] = [
    ("openai", 400, NO_MAX_TOKENS, "max_tokens"),
    ("openai value", 400, NO_TEMPERATURE, "temperature"),
    ("openai top_p", 400, openai("top_p", "Unsupported parameter: 'top_p' is not supported with this model."), "top_p"),
    ("openai o1", 400, {"error": {"message": "This model has beta-limitations. temperature and top_p are fixed at 1, while presence_penalty and frequency_penalty are fixed at 0.", "type": "invalid_request_error", "param": None, "code": "unsupported_value"}}, "temperature"),
    ("openai nested", 400, openai("stream_options.include_usage", "Unknown parameter: 'stream_options.include_usage'.", "unknown_parameter"), "stream_options"),
    ("azure", 400, {"error": {"message": "Unrecognized request argument supplied: stream_options", "type": "invalid_request_error", "param": None, "code": None}}, "stream_options"),
    ("azure long", 400, {"error": {"message": "Unrecognized request argument supplied: max_completion_tokens. Please contact us through a support request.", "param": ""}}, "max_completion_tokens"),
    ("azure extra", 400, {"error": {"code": "Bad Request", "message": "Extra parameters ['stream_options'] are not allowed when extra-parameters is not set."}}, "stream_options"),
    ("vllm", 400, {"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'), 'msg': '" + EXTRA + "', 'input': 8192}]", "type": "BadRequestError", "param": None, "code": 400}, "max_completion_tokens"),
    ("vllm text", 400, {"object": "error", "message": "1 validation error for ChatCompletionRequest\nstream_options\n  " + EXTRA, "code": 400}, "stream_options"),
    ("fastapi", 422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": EXTRA, "input": {}}]}, "stream_options"),
    ("mistral", 422, {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": EXTRA}]}, "type": "invalid_request_error", "code": None}, "max_completion_tokens"),
    ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "max_completion_tokens: " + EXTRA}}, "max_completion_tokens"),
    ("anthropic model", 400, {"error": {"message": "`temperature` is deprecated for this model.", "type": "invalid_request_error"}}, "temperature"),
    ("gemini", 400, [{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "frequency_penalty": Cannot find field.', "status": "INVALID_ARGUMENT"}}], "frequency_penalty"),
    ("groq", 400, {"error": {"message": "property 'stream_options' is unsupported", "type": "invalid_request_error"}}, "stream_options"),
    ("xai", 400, {"code": "Client specified an invalid argument", "error": "Argument not supported on this model: presencePenalty"}, "presence_penalty"),
    ("moonshot", 400, {"error": {"message": "invalid temperature: only 1 is allowed for this model", "type": "invalid_request_error"}}, "temperature"),
    ("go", 400, {"error": 'json: unknown field "stream_options"'}, "stream_options"),
    ("rust", 422, b"Failed to deserialize the JSON body: unknown field `max_completion_tokens`, expected one of `model`, `messages`, `temperature`, `max_tokens`", "max_completion_tokens"),
    ("cohere", 422, {"message": "unknown field: parameter 'frequency_penalty' is not a valid field"}, "frequency_penalty"),
    ("litellm", 400, {"error": {"message": "litellm.UnsupportedParamsError: openai does not support parameters: ['temperature'], for model=o1-mini.", "code": "400"}}, "temperature"),
    ("json schema", 400, {"error": {"message": "Additional properties are not allowed ('stream_options' was unexpected)"}}, "stream_options"),
]  # fmt: skip

FIELDS: dict[str, Any] = {
    "temperature": 0.2, "top_p": 0.5, "presence_penalty": 1, "frequency_penalty": 1, "stream_options": {"include_usage": True},
}  # fmt: skip


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", DIALECTS, ids=[who for who, *_ in DIALECTS])
def test_a_refused_field_is_left_out_or_renamed(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str], case: tuple[str, int, Any, str], stream: bool
):
    """In every server's words: the request goes out once more, changed in this field alone, and so do all that follow."""
    _, status, body, field = case
    limit = field if "tokens" in field else "max_tokens"
    fields = {**FIELDS, limit: 50}
    server.error(status, body)
    for _ in range(2):
        server.answer("Hello")
    client = Client(server.url)
    for _ in range(2):
        answer = client.chat.completions.create(model="m", messages=QUESTION, stream=stream, **fields)
        assert (list(answer) if stream else answer.choices) != []
    first, second, third = (request.json for request in server.requests)
    other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(field)
    wanted = {name: value for name, value in first.items() if name != field} | ({other: 50} if other else {})
    assert first[field] == fields[field]
    assert second == third == wanted
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(
        f"nbchat: m takes {other} in place of {field}" if other else f"nbchat: m does not take {field}"
    )


INNOCENT: list[tuple[int, Any]] = [
    (400, openai("temperature", "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.", "decimal_above_max_value")),
    (400, openai("max_tokens", "max_tokens is too large: 5000. This model supports at most 4096 completion tokens.", "invalid_value")),
    (400, openai("temperature", "Unsupported value: 'temperature' must be below 1.", "unsupported_value")),
    (400, {"error": "`temperature` and `top_p` cannot both be specified for this model."}),
    (400, {"error": "temperature: range: 0..1 is supported"}),
    (400, openai("tools", "Unsupported parameter: 'tools' is not supported with this model, whatever the temperature.")),
    (400, openai("logprobs", "Unsupported parameter: 'logprobs' is not supported with this model.")),
    (400, {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": EXTRA}]}),
    (400, {"error": "unknown field `top_k`, expected one of `temperature`, `max_tokens`, `stream_options`"}),
    (400, {"error": "Something about temperature."}),
    (404, NO_TEMPERATURE),
    (403, NO_TEMPERATURE),
    (413, NO_TEMPERATURE),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body"), INNOCENT)
def test_nothing_else_is_changed(server: ScriptedServer, status: int, body: Any):
    """A value out of bounds, another field, another status: the error is the user's, and nothing is sent again."""
    server.error(status, body)
    with pytest.raises(NbchatError):
        Client(server.url).chat.completions.create(model="m", messages=QUESTION, max_tokens=9, seed=1, **FIELDS)
    assert len(server.requests) == 1


def test_several_refusals_in_a_row(server: ScriptedServer, capsys: pytest.CaptureFixture[str]):
    """Each refusal is answered in turn; what was learned is one line each, and the retries are not used up by it."""
    server.error(400, NO_MAX_TOKENS)
    server.error(500, {"error": "Hiccup."}, retry_after_ms="1")
    server.error(400, NO_TEMPERATURE)
    server.answer("Hello")
    answer = Client(server.url, max_retries=1).chat.completions.create(
        model="m", messages=QUESTION, max_tokens=50, temperature=0.2
    )
    assert answer.choices[0].message.content == "Hello"
    assert server.requests[1].body == server.requests[2].body
    assert server.requests[3].json == {"model": "m", "messages": QUESTION, "max_completion_tokens": 50}
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_server_that_takes_neither_name(server: ScriptedServer):
    """Two names that are both refused end after the second, with what the server said about the one the user gave."""
    server.error(400, NO_MAX_TOKENS)
    server.error(400, {"error": "Unrecognized request argument supplied: max_completion_tokens"})
    client = Client(server.url)
    with pytest.raises(BadRequestError, match="Use 'max_completion_tokens' instead") as caught:
        client.chat.completions.create(model="m", messages=QUESTION, max_tokens=50)
    assert caught.value.param == "max_tokens"
    assert len(server.requests) == 2
    server.answer("Hello")
    client.chat.completions.create(model="m", messages=QUESTION, max_tokens=50)
    assert server.requests[2].json["max_tokens"] == 50


def test_what_failed_is_not_remembered(server: ScriptedServer):
    """Only what the server then took is remembered: after another failure the next request is as the user asked."""
    server.error(400, NO_TEMPERATURE)
    server.error(500, {"error": "Broken."})
    client = Client(server.url, max_retries=0)
    with pytest.raises(ServerError, match="Broken"):
        client.chat.completions.create(model="m", messages=QUESTION, temperature=0.2)
    server.answer("Hello")
    client.chat.completions.create(model="m", messages=QUESTION, temperature=0.2)
    assert server.requests[2].json["temperature"] == 0.2


def test_each_model_is_remembered_by_itself(server: ScriptedServer):
    """What one model refuses another may take; another client of the same server need not ask again."""
    server.error(400, NO_TEMPERATURE)
    for _ in range(3):
        server.answer("Hello")
    for client, model in [(Client(server.url), "o3"), (Client(server.url), "gpt"), (Client(server.url), "o3")]:
        client.chat.completions.create(model=model, messages=QUESTION, temperature=0.2)
    assert [request.json.get("temperature") for request in server.requests] == [0.2, None, 0.2, None]


def test_a_server_that_changed_its_mind(server: ScriptedServer):
    """Where the remembered name comes to be refused, the other one is tried and remembered in its place."""
    server.error(400, NO_MAX_TOKENS)
    server.answer("Hello")
    client = Client(server.url)
    client.chat.completions.create(model="m", messages=QUESTION, max_tokens=50)
    server.error(400, {"error": "Unrecognized request argument supplied: max_completion_tokens"})
    server.answer("Hello")
    server.answer("Hello")
    for _ in range(2):
        client.chat.completions.create(model="m", messages=QUESTION, max_tokens=50)
    assert ["max_tokens" in request.json for request in server.requests] == [True, False, False, True, True]


def test_extra_body_is_sent_as_it_stands(server: ScriptedServer):
    """What the user wrote into extra_body is not changed, also where it is known that the server refuses it."""
    client = Client(server.url)
    server.error(400, NO_TEMPERATURE)
    with pytest.raises(BadRequestError, match="temperature is in extra_body") as caught:
        client.chat.completions.create(model="m", messages=QUESTION, extra_body={"temperature": 0.2})
    assert "take it out there" in caught.value.hint
    server.error(400, NO_TEMPERATURE)
    server.answer("Hello")
    server.answer("Hello")
    client.chat.completions.create(model="m", messages=QUESTION, temperature=0.2)
    client.chat.completions.create(model="m", messages=QUESTION, extra_body={"temperature": 0.2})
    assert [request.json.get("temperature") for request in server.requests] == [0.2, 0.2, None, 0.2]


@pytest.mark.parametrize("streamed", [True, False])
def test_a_session_is_told_once(server: ScriptedServer, capsys: pytest.CaptureFixture[str], streamed: bool):
    """The turn has a remark, whoever watches gets an event, whoever waits in Python a line; the parameters stay."""
    server.error(400, NO_TEMPERATURE)
    server.answer("Hello")
    server.answer("Again")
    chat = Session("m", base_url=server.url, temperature=0.2)
    seen: list[Any] = []
    chat.subscribe(seen.append)
    turn = chat.ask({"role": "user", "content": "Hi"}, streamed=streamed)
    assert turn.result(PATIENCE).text == "Hello"
    assert [event.notice for event in seen if isinstance(event, TurnNoticed)] == [Adjusted("m", "temperature", None)]
    line = "m does not take temperature: sent without it, now and from now on"
    assert turn.remarks == [line]
    turn.result()
    assert capsys.readouterr().err == f"nbchat: {line}.\n"
    assert chat.send("Once more").text == "Again"
    assert chat.turn.remarks == []
    assert capsys.readouterr().err == ""
    assert chat.parameters.temperature == 0.2
    assert [message["content"] for message in chat.messages] == ["Hi", "Hello", "Once more", "Again"]


def test_every_session_is_told(server: ScriptedServer):
    """What the process knows already each session is told of all the same: once, and again when the value is another one."""
    server.error(400, NO_TEMPERATURE)
    server.always_answer("Hello")
    line = "m does not take temperature: sent without it, now and from now on"
    for _ in range(2):
        chat = Session("m", base_url=server.url, temperature=0.2)
        told = []
        for value in (0.2, 0.2, 0.9, 0.9, None):
            chat.parameters.temperature = value
            chat.send("Hi")
            told.append(chat.turn.remarks)
        assert told == [[line], [], [line], [], []]
    assert ["temperature" in request.json for request in server.requests] == [True] + 10 * [False]


def test_a_new_name_is_told_once(server: ScriptedServer):
    """A field that only has another name carries every value: its second value is no news."""
    server.error(400, NO_MAX_TOKENS)
    server.always_answer("Hello")
    chat = Session("m", base_url=server.url)
    told = [chat.stream("Hi", max_tokens=limit).result(PATIENCE) and chat.turn.remarks for limit in (50, 60)]
    assert told == [["m takes max_completion_tokens in place of max_tokens: sent so, now and from now on"], []]
    assert server.requests[-1].json["max_completion_tokens"] == 60


def test_a_name_that_came_back_is_no_news(server: ScriptedServer):
    """Where the server takes again what was asked for, nothing was changed, and nothing is told."""
    server.error(400, NO_MAX_TOKENS)
    server.answer("Hello")
    Session("m", base_url=server.url).send("Hi", max_tokens=50)
    server.error(400, {"error": "Unrecognized request argument supplied: max_completion_tokens"})
    server.answer("Hello")
    chat = Session("m", base_url=server.url)
    chat.send("Hi", max_tokens=50)
    assert (server.requests[-1].json["max_tokens"], chat.turn.remarks) == (50, [])


def test_every_row_of_a_sweep_is_told(server: ScriptedServer):
    """A sweep over a field that is left out says so in every row, in its table too, also where it was known before."""
    server.always(
        lambda request: (
            Reply([json.dumps(NO_TEMPERATURE).encode()], 400)
            if "temperature" in request.json
            else server.answering("ok")(request)
        )
    )
    for _ in range(2):
        rows = sweep("Hi", model="m", temperature=[0, 0.7, 1.5], base_url=server.url)
        line = "m does not take temperature: sent without it, now and from now on"
        assert [row.remarks for row in rows] == [(line,)] * 3
        assert [record["remarks"] for row in rows for record in row.to_records()] == [line] * 3


def test_a_request_shows_what_is_sent(server: ScriptedServer):
    """Once it is known what a model refuses, session.request() and each form of the preview have the body that is sent."""
    server.error(400, NO_MAX_TOKENS)
    server.error(400, NO_TEMPERATURE)
    server.always_answer("Hello")
    chat = Session("m", base_url=server.url, max_tokens=50, temperature=0.2)
    assert chat.request("Hi")["temperature"] == 0.2
    chat.send("Hi")
    shown, forms = chat.request("And now?"), preview(chat, "And now?", whole=True)
    kept = chat.request("And now?", extra_body={"temperature": 0.3})
    other = chat.request("And now?", model="other")
    chat.send("And now?")
    assert shown == json.loads(forms["json"]) == server.requests[-1].json
    assert ("temperature" in forms["curl"], "max_tokens" in forms["python"]) == (False, False)
    assert (kept["temperature"], other["temperature"], other["max_tokens"]) == (0.3, 0.2, 50)


def test_a_session_without_counts(server: ScriptedServer):
    """A server that takes no stream_options, which a session adds on its own, streams without, and the remark says what is lost."""
    server.error(422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": EXTRA}]})
    server.answer("Hello")
    turn = Session("m", base_url=server.url).stream("Hi")
    assert turn.result(PATIENCE).usage is None
    assert turn.remarks == [
        "m does not take stream_options: sent without it, now and from now on, so its tokens may not be counted"
    ]


def test_async_code_is_told(server: ScriptedServer, capsys: pytest.CaptureFixture[str]):
    """Whoever awaits a turn is told as well."""
    server.error(400, NO_TEMPERATURE)
    server.answer("Hello")

    async def ask() -> str:
        return (await Session("m", base_url=server.url, temperature=0.2).stream("Hi")).text

    assert asyncio.run(ask()) == "Hello"
    assert "does not take temperature" in capsys.readouterr().err


def test_the_first_field_named_counts():
    """Of several fields in one sentence the first is refused; a field that was not sent never is."""
    error = read_error(400, b'{"error": "Unrecognized request arguments supplied: top_p, temperature"}')
    assert refused_field(error, ["temperature", "top_p"]) == "top_p"
    assert refused_field(error, ["temperature"]) == "temperature"
    assert refused_field(error, ["stream_options"]) is None
