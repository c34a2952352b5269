"""How servers say that a prompt is too long, and what is read of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedServer, chunk

from nbchat import Client, Session
from nbchat.errors import BadRequestError, ContextLengthError, NbchatError, RateLimitError
from nbchat.wire.overflow import Overflow, overflow_of

ASKED = [{"role": "user", "content": "?"}]

# Bodies as the servers write them (the threads and sources are named in nbchat/wire/overflow.py), with the status they
# come with and the numbers in them: of the prompt, of the limit, of the answer.
REFUSALS: dict[str, tuple[int, Any, tuple[int | None, int | None, int | None]]] = {
    "openai": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 "
                "tokens. Please reduce the length of the messages.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
        (9000, 8192, None),
    ),
    "openai with an answer": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 8192 tokens. However, you requested 8554 tokens (7454 in "
                "the messages, 100 in the functions, and 1000 in the completion). Please reduce the length of the "
                "messages, functions, or completion.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
        (7554, 8192, 1000),
    ),
    "openai, newer": (
        400,
        {
            "error": {
                "message": "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300012 "
                "tokens. Please reduce the length of the messages.",
                "type": "invalid_request_error",
                "code": "context_length_exceeded",
            }
        },
        (300012, 272000, None),
    ),
    "llama.cpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size. try increasing the context size or enable "
                "context shift",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 14429,
                "n_ctx": 8192,
            }
        },
        (14429, 8192, None),
    ),
    "llama.cpp, with status 500": (
        500,
        {"error": {"code": 500, "message": "too long", "type": "exceed_context_size_error"}},
        (None, None, None),
    ),
    "llama.cpp, in words": (
        400,
        {"error": {"code": 400, "message": "request (5000 tokens) exceeds the available context size (4096 tokens)"}},
        (5000, 4096, None),
    ),
    "llama-cpp-python": (
        400,
        {"error": {"message": "Requested tokens (2285) exceed context window of 2048", "type": "BadRequestError"}},
        (2285, 2048, None),
    ),
    "vllm": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 6048 tokens. However, you requested 6616 tokens (568 in the "
            "messages, 6048 in the completion). Please reduce the length of the messages or completion.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        (568, 6048, 6048),
    ),
    "vllm, of max_tokens": (
        400,
        {
            "error": {
                "message": "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length "
                "is 4096 tokens and your request has 2104 input tokens (2000 > 4096 - 2104). None",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            }
        },
        (2104, 4096, 2000),
    ),
    "vllm, newer": (
        400,
        {
            "error": {
                "message": "You passed 8193 input tokens and requested 0 output tokens. However, the model's context length "
                "is only 8192 tokens, resulting in a maximum input length of 8192 tokens.",
                "code": 400,
            }
        },
        (8193, 8192, None),
    ),
    "vllm, of the decoder": (
        400,
        {"message": "The decoder prompt (length 10127) is longer than the maximum model length of 8192.", "code": 400},
        (10127, 8192, None),
    ),
    "sglang": (
        400,
        {
            "object": "error",
            "message": "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
            "code": 400,
        },
        (61709, 40960, None),
    ),
    "sglang, of its memory": (
        400,
        {
            "message": "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter input."
        },
        (160062, 59862, None),
    ),
    "anthropic": (
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 213462 tokens > 200000 maximum",
            },
        },
        (213462, 200000, None),
    ),
    "gemini": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (1054016) exceeds the maximum number of tokens allowed (1048576).",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        (1054016, 1048576, None),
    ),
    "groq": (
        400,
        {
            "error": {
                "message": "Please reduce the length of the messages or completion.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
        (None, None, None),
    ),
    "groq, of a minute": (
        413,
        {
            "error": {
                "message": "Request too large for model `llama-3.3-70b` on tokens per minute (TPM): Limit 6000, Requested "
                "7012, please reduce your message size and try again.",
                "type": "tokens",
                "code": "rate_limit_exceeded",
            }
        },
        (7012, 6000, None),
    ),
    "cerebras": (
        400,
        {
            "message": "Please reduce the length of the messages or completion. Current length is 42328 while limit is 40000"
        },
        (42328, 40000, None),
    ),
    "cerebras, without words": (413, None, (None, None, None)),
    "mistral": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 300000 tokens, too large for model with 131072 maximum context length",
            "code": 3051,
        },
        (300000, 131072, None),
    ),
    "xai": (
        400,
        {
            "code": "invalid-argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        },
        (537812, 131072, None),
    ),
    "openrouter": (
        400,
        {
            "error": {
                "message": "This endpoint's maximum context length is 131072 tokens. However, you requested about 138956 "
                "tokens (7884 of text input, 131072 in the output). Please reduce the length of either one.",
                "code": 400,
            }
        },
        (7884, 131072, 131072),
    ),
    "lm studio": (
        400,
        {
            "error": "Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with "
            "context length of only 32768 tokens, which is not enough."
        },
        (111490, 32768, None),
    ),
    "lm studio, newer": (
        400,
        {"error": "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)"},
        (15028, 7424, None),
    ),
    "kimi": (
        400,
        {"error": {"message": "Your request exceeded model token limit: 262144 (requested: 300000)"}},
        (300000, 262144, None),
    ),
    "text-generation-inference": (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1244 `inputs` "
            "tokens and 1000 `max_new_tokens`",
            "error_type": "validation",
        },
        (1244, 2048, 1000),
    ),
    "github": (
        413,
        {"error": {"message": "prompt token count of 130,500 exceeds the limit of 128,000", "code": "tokens_limit"}},
        (130500, 128000, None),
    ),
}


def numbers(error: ContextLengthError) -> tuple[int | None, int | None, int | None]:
    return error.prompt_tokens, error.limit, error.answer_tokens


@pytest.mark.parametrize(("status", "body", "expected"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_one_error_with_its_numbers(server: ScriptedServer, status: int, body: Any, expected: Any):
    """Whatever status and words a server has for it, it is a ContextLengthError that says both numbers, asked once."""
    if body:
        server.error(status, body)
    else:
        server.reply(status=status)
    with pytest.raises(ContextLengthError) as caught:
        Client(server.url).chat.completions.create(model="m", messages=ASKED)
    assert (numbers(caught.value), caught.value.status, len(server.requests)) == (expected, status, 1)
    for number in filter(None, expected):
        assert str(number) in caught.value.message


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, (status, body, _) in REFUSALS.items()
        # What only a status tells can't be told without one.
        if isinstance(body, dict) and body.get("error") and (status != 413 or name == "github")
    ],
)
def test_a_refusal_inside_a_stream(server: ScriptedServer, name: str):
    """A server that says it inside an answer that began with status 200 says the same."""
    _, body, expected = REFUSALS[name]
    server.stream(chunk(""), body, done=False)
    with pytest.raises(ContextLengthError) as caught:
        list(Client(server.url).chat.completions.create(model="m", messages=ASKED, stream=True))
    assert (numbers(caught.value), caught.value.kind) == (expected, "api_error")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (
            429,
            "Request too large on tokens per minute (TPM): Limit 30000, Requested 40000. Reduce the length of the messages.",
        ),
        (400, "max_tokens must be at least 1"),
        (400, "temperature exceeds the maximum of 2"),
        (400, "image 3 is too long"),
        (404, "the model with the maximum context length is gone"),
    ],
)
def test_other_complaints_are_others(status: int, words: str):
    """A complaint about rates, fields or images is not taken for one about the context."""
    assert overflow_of(words, status=status) is None


@pytest.mark.parametrize(
    "body",
    [
        b"<html>\n<head><title>413 Request Entity Too Large</title></head>\n<body><h1>413 Request Entity Too Large</h1>",
        b"Request Entity Too Large",
        b"Payload Too Large",
        b'{"error": "Content Too Large"}',
        b'{"detail": "request body too large"}',
        b'{"error": {"message": "http: request body too large", "type": "invalid_request_error"}}',
        b'{"error": {"message": "The file is too large.", "type": "invalid_request_error"}}',
        b'{"error": {"message": "Messages exceed the maximum size of 32MB", "type": "request_too_large"}}',
        b'{"type": "error", "error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}',
        b'{"message": "Request size limit exceeded: 10485760 bytes of prompt"}',
    ],
)
def test_too_many_bytes_are_not_too_many_tokens(server: ScriptedServer, body: bytes):
    """A 413 of a proxy, which counts bytes, is a bad request whose hint says so, and nothing is trimmed for it."""
    server.answer("hello")
    kind = "text/html" if body.startswith(b"<") else "application/json"
    server.error(413, body, content_type=kind)
    chat = Session("m", base_url=server.url, context="trim")
    chat.send("hi")
    with pytest.raises(BadRequestError, match="attach less") as caught:
        chat.send("and a picture")
    assert (type(caught.value), len(server.requests), len(chat.messages)) == (BadRequestError, 2, 2)


@pytest.mark.parametrize(
    "words",
    [
        "Request too large: 9000 tokens",
        "the context is too small for it",
        "Your prompt is too large.",
        "Payload has 300,000 tokens, which is more than the model reads",
    ],
)
def test_a_413_of_tokens_is_about_the_context(words: str):
    """A 413 whose words speak of tokens, a prompt or the context is about those."""
    assert overflow_of(words, status=413) is not None


def test_a_rate_is_waited_for(server: ScriptedServer):
    """A 429 stays a rate limit, whatever it says of tokens."""
    for _ in range(3):
        server.error(429, {"error": {"message": "Please reduce the length of the messages"}}, retry_after_ms="1")
    with pytest.raises(RateLimitError):
        Client(server.url).chat.completions.create(model="m", messages=ASKED)


@given(st.text() | st.sampled_from([json.dumps(body) for _, body, _ in REFUSALS.values()]))
def test_any_words_can_be_read(words: str):
    """No sentence makes the reading of it fail, and what is read are numbers a context can have."""
    found = overflow_of(words, codes=["context_length_exceeded"])
    assert isinstance(found, Overflow)
    for number in (found.prompt_tokens, found.limit, found.answer_tokens):
        assert number is None or 0 < number < 10**9


def test_long_words_are_read_fast():
    """A sentence of megabytes made to be read slowly takes no longer than its beginning."""
    for words in ("input token count " * 200_000, "1" * 4_000_000, "1," * 1_000_000, "prompt is too long: " * 100_000):
        assert overflow_of(words, status=413, codes=["context_length_exceeded"]) is not None


def test_it_is_an_error_like_the_others(server: ScriptedServer):
    """It says what happened, the server's own words, and what to do."""
    status, body, _ = REFUSALS["openai"]
    server.error(status, body)
    with pytest.raises(NbchatError) as caught:
        Client(server.url).chat.completions.create(model="m", messages=ASKED)
    assert str(caught.value) == (
        "The prompt does not fit the model's context: it has 9000 tokens, and 8192 fit. The server answered with status 400: "
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce "
        "the length of the messages. Send fewer or shorter messages."
    )
