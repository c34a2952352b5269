"""When to try again, and how long to wait before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recordings import UNHURRIED

from nbchat.client.retry import Retrying, delay, retry_after, worth_retrying
from nbchat.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ConfigurationError,
    EmptyAnswerError,
    NbchatError,
    ProtocolError,
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
        (APIStatusError("no", status=408), True),
        (APIStatusError("no", status=409), True),
        (ServerError("no", status=500), True),
        (ServerError("no", status=503), True),
        (ServerError("no", status=529), True),
        *((APIStatusError("no", status=status), False) for status in (301, 400, 401, 403, 404, 413, 418, 422)),
        (APIStatusError("no"), False),
        (APITimeoutError("no"), False),
        (APIError("no", status=503), False),
        (TruncatedError("no"), False),
        (EmptyAnswerError("no"), False),
        (ProtocolError("no"), False),
        (ConfigurationError("no"), False),
        (TurnCancelled("no"), False),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.status}-{value.code}" if isinstance(value, NbchatError) else "",
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
        (ServerError("no", status=503), "the server answered with status 503, trying again in 3 s (1 of 2)"),
    ],
)
def test_a_retry_says_why_and_when(error: NbchatError, words: str):
    """What is shown while it waits says what went wrong, how long it takes and which try it is."""
    assert str(Retrying(error, 3.0, 1, 2)) == words
