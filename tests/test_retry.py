"""When to try again, and how long to wait before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recordings import UNHURRIED
from scripted import PATIENCE, Reply, ScriptedServer

from nbchat import Client, Session, Turn
from nbchat.client import retry
from nbchat.client.retry import Retrying, delay, retry_after, should_retry, span, worth_retrying
from nbchat.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ConfigurationError,
    EmptyAnswerError,
    NbchatError,
    OverloadedError,
    ProtocolError,
    QuotaError,
    RateLimitError,
    ServerError,
    TruncatedError,
    TurnCancelled,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:30"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 13:00:30 +0100"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "later"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Thu, 99 Foo 2026 99:99:99 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 2026 00:00:00 +9999999999"}, None),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], seconds: float | None):
    """The wait is read from milliseconds, seconds or a date; what makes no sense is as if it were not there."""
    assert retry_after(headers, NOW) == seconds


def test_a_date_counts_from_now():
    """Without a time to count from, it is the clock's."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < (retry_after({"retry-after": soon}) or 0) <= 60


@UNHURRIED
@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d+ (Jan|Feb) \d+ \d+:\d+:\d+ ([+-]\d+|GMT)", fullmatch=True))
@example("01 Jan 0001 00:00:00 +2359")
def test_no_header_breaks_it(value: str):
    """Whatever stands in the header, the outcome is a number of seconds from 0 on, or None."""
    for name in ("retry-after", "retry-after-ms"):
        seconds = retry_after({name: value}, NOW)
        assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("error", "worth"),
    [
        (APIConnectionError("no"), True),
        (RateLimitError("no", status=429), True),
        (RateLimitError("no", status=429, code="insufficient_quota"), False),
        (RateLimitError("no", status=429, code="billing_hard_limit_reached"), False),
        (QuotaError("no", status=402), False),
        (OverloadedError("no", status=529), True),
        (APIStatusError("no", status=408), True),
        (APIStatusError("no", status=409), True),
        (ServerError("no", status=500), True),
        (ServerError("no", status=503), True),
        (ServerError("no", status=529), True),
        *((APIStatusError("no", status=status), False) for status in (301, 400, 401, 403, 404, 413, 418, 422)),
        (APIStatusError("no"), False),
        (APITimeoutError("no", phase="connect"), True),
        (APITimeoutError("no", phase="first_byte"), False),
        (APITimeoutError("no", phase="between_chunks"), False),
        (APIError("no", status=503), False),
        (TruncatedError("no"), False),
        (EmptyAnswerError("no"), False),
        (ProtocolError("no"), False),
        (ConfigurationError("no"), False),
        (TurnCancelled("no"), False),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{value.status or getattr(value, 'phase', '')}-{value.code}"
        if isinstance(value, NbchatError)
        else ""
    ),
)
def test_what_is_worth_another_try(error: NbchatError, worth: bool):
    """Connection failures, 408, 409, 429 and 5xx may pass; a used-up quota and everything else will not."""
    assert worth_retrying(error) is worth


def test_waits_grow_and_differ():
    """Without a word of the server waits double from half a second to eight, with jitter that only shortens."""
    for attempt, longest in enumerate([0.5, 1, 2, 4, 8, 8, 8], start=1):
        waits = [delay(attempt, None) or 0 for _ in range(50)]
        assert all(0.75 * longest <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1
    assert delay(100_000, None) <= 8


@pytest.mark.parametrize(("asked", "wait"), [(0.0, 0.0), (3.5, 3.5), (120.0, 120.0), (120.1, None), (86_400.0, None)])
def test_a_server_is_obeyed_within_reason(asked: float, wait: float | None):
    """What the server asks for is waited for exactly, up to two minutes; more is an error now."""
    assert delay(1, asked) == wait


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RateLimitError("no", status=429), "rate limited, trying again in 3 s (1 of 2)"),
        (APIConnectionError("no"), "the server can't be reached, trying again in 3 s (1 of 2)"),
        (ServerError("no", status=500), "the server answered with status 500, trying again in 3 s (1 of 2)"),
        (OverloadedError("no", status=503), "the server is overloaded, trying again in 3 s (1 of 2)"),
    ],
)
def test_a_retry_says_why_and_when(error: NbchatError, words: str):
    """What is shown while it waits says what went wrong, how long it takes and which try it is."""
    assert str(Retrying(error, 3.0, 1, 2)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "at once"), (0.001, "at once"), (0.43, "in 0.5 s"), (2.0, "in 2 s"), (3.01, "in 3.1 s"), (74.2, "in 75 s")],
)
def test_a_wait_is_never_told_as_nothing(seconds: float, words: str):
    """No retry is announced "in 0 s", and none for sooner than it comes."""
    assert f"trying again {words} (" in str(Retrying(RateLimitError("no", status=429), seconds, 1, 2))


def test_long_waits_are_told_in_units_people_use():
    """Beyond two minutes a wait is told in minutes, then in hours."""
    assert [span(seconds) for seconds in (120, 121, 5400, 86_400)] == ["120 s", "3 min", "90 min", "24 h"]


@pytest.mark.parametrize(
    ("header", "said", "worth"),
    [("true", True, True), ("FALSE", False, False), ("perhaps", None, False), ("", None, False)],
)
def test_the_server_may_say_whether_to_retry(header: str, said: bool | None, worth: bool):
    """x-should-retry is obeyed as the official SDK does: over the status, but never for a used-up quota."""
    error = APIStatusError("no", status=418)
    error.should_retry = should_retry({"x-should-retry": header})
    assert (error.should_retry, worth_retrying(error)) == (said, worth)
    quota = QuotaError("no", status=429)
    quota.should_retry = True
    assert not worth_retrying(quota)


# ---- over the wire -------------------------------------------------------------------------------------------------

QUESTION = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server does not say how long, waits are short."""
    monkeypatch.setattr(retry, "_FIRST", 0.01)


@pytest.mark.usefixtures("_hurried")
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry_after": "0"},
        {"retry_after": "-5"},
        {"retry_after": "soon"},
        {"retry_after": "Thu, 01 Jan 2015 00:00:00 GMT"},
        {"retry_after_ms": "5"},
        {"retry_after_ms": "garbage", "retry_after": "0"},
    ],
)
def test_what_may_pass_is_tried_again(server: ScriptedServer, headers: dict[str, str], stream: bool):
    """Whatever the server says about when, a busy one is asked twice more with the same bytes."""
    server.error(429, {"error": "Slow down."}, **headers)
    server.reply(cut=True, status=503)
    server.answer("at last")
    answer = Client(server.url).chat.completions.create(model="m", messages=QUESTION, stream=stream)
    text = (
        "".join(part.choices[0].delta.content or "" for part in answer) if stream else answer.choices[0].message.content
    )
    assert text == "at last"
    assert len({request.body for request in server.requests}) == 1
    assert len(server.requests) == 3


@pytest.mark.parametrize(("said", "status", "requests"), [("false", 503, 1), ("true", 404, 2)])
def test_the_servers_word_on_retries_counts(server: ScriptedServer, said: str, status: int, requests: int):
    """x-should-retry decides in both directions."""
    server.error(status, {"error": "No."}, x_should_retry=said, retry_after_ms="1")
    server.answer("at last")
    client = Client(server.url)
    if requests == 1:
        with pytest.raises(OverloadedError):
            client.chat.completions.create(model="m", messages=QUESTION)
    else:
        client.chat.completions.create(model="m", messages=QUESTION)
    assert len(server.requests) == requests


@pytest.mark.usefixtures("_hurried")
def test_nothing_is_sent_again_after_the_first_byte(server: ScriptedServer):
    """An answer that began and broke is an error: asking again would pay twice, and might answer otherwise."""
    server.stream(b"data: {", done=False, cut=True)
    with pytest.raises(NbchatError) as caught:
        list(Client(server.url).chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert (caught.value.kind, len(server.requests)) == ("truncated", 1)


@pytest.mark.usefixtures("_hurried")
def test_a_connection_that_breaks_before_the_answer_is_opened_again(server: ScriptedServer):
    """A server that hangs up before its status line is asked again."""

    def hang_up(_: object) -> Reply:
        raise ConnectionResetError

    server._scripts.append(hang_up)
    server.answer("at last")
    answer = Client(server.url).chat.completions.create(model="m", messages=QUESTION)
    assert answer.choices[0].message.content == "at last"
    assert server.requests[0].body == server.requests[1].body


@pytest.mark.parametrize(
    "end", [lambda chat, turn: chat.stop(), lambda chat, turn: turn.cancel()], ids=["Session.stop", "Turn.cancel"]
)
def test_the_wait_is_shown_and_can_be_stopped(server: ScriptedServer, end: Callable[[Session, Turn], None]):
    """While it waits the turn says so; stopping ends the wait at once, and leaves the session as it was."""
    server.error(429, {"error": "Slow down."}, retry_after="100")
    chat = Session("m", base_url=server.url)
    told = threading.Event()
    chat.subscribe(lambda event: told.set() if "TurnNoticed" in type(event).__name__ else None)
    turn = chat.stream("Hi")
    assert told.wait(PATIENCE)
    assert turn.notice == "rate limited, trying again in 100 s (1 of 2)"
    begun = time.monotonic()
    end(chat, turn)
    assert turn.wait(PATIENCE)
    assert time.monotonic() - begun < PATIENCE
    assert (turn.status, chat.messages, len(server.requests)) == ("cancelled", [], 1)
    server.answer("Hello")
    assert chat.send("Hi").text == "Hello"
