"""Rate limits, as each server's headers tell them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED
from scripted import PATIENCE, ScriptedServer, chunk, completion

from nbchat import Client, Session
from nbchat.errors import RateLimitError
from nbchat.wire.limits import RateLimit, RateLimits, rate_limits

NOW = datetime(2026, 1, 1, tzinfo=UTC)
X = "x-ratelimit"

DIALECTS: dict[str, tuple[dict[str, str], list[RateLimit]]] = {
    "openai": (
        {f"{X}-limit-requests": "60", f"{X}-limit-tokens": "150000", f"{X}-remaining-requests": "59", f"{X}-remaining-tokens": "149984", f"{X}-reset-requests": "1s", f"{X}-reset-tokens": "6m0s"},
        [RateLimit("requests", 60, 59, 1.0), RateLimit("tokens", 150_000, 149_984, 360.0)],
    ),
    "durations": ({f"{X}-reset-requests": "1m30.5s", f"{X}-reset-tokens": "6ms"}, [RateLimit("requests", reset=90.5), RateLimit("tokens", reset=0.006)]),
    "groq": ({f"{X}-limit-requests": "14400", f"{X}-remaining-requests": "14370", f"{X}-reset-requests": "2m59.56s"}, [RateLimit("requests", 14_400, 14_370, 179.56)]),
    "long": ({f"{X}-reset-requests": "1d2h3m4s"}, [RateLimit("requests", reset=93_784.0)]),
    "azure": ({f"{X}-remaining-requests": "9", f"{X}-remaining-tokens": "900", f"{X}-reset-requests": "10"}, [RateLimit("requests", None, 9, 10.0), RateLimit("tokens", None, 900)]),
    "anthropic": (
        {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "49", "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:30Z", "anthropic-ratelimit-input-tokens-remaining": "39000"},
        [RateLimit("requests", 50, 49, 30.0), RateLimit("input-tokens", None, 39_000)],
    ),
    "openrouter": ({f"{X}-limit": "20", f"{X}-remaining": "0", f"{X}-reset": "1767225660000"}, [RateLimit("requests", 20, 0, 60.0)]),
    "github": ({f"{X}-reset": "1767225660"}, [RateLimit("requests", None, None, 60.0)]),
    "cerebras": ({f"{X}-remaining-requests-day": "99", f"{X}-reset-tokens-minute": "11.4"}, [RateLimit("requests-day", None, 99), RateLimit("tokens-minute", reset=11.4)]),
    "ietf": ({"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "50", "ratelimit-reset": "30"}, [RateLimit("requests", 100, 50, 30.0)]),
    "ietf newer": ({"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'}, [RateLimit("requests", 100, 50, 30.0)]),
    "ietf between": ({"ratelimit": "limit=100, remaining=50, reset=5"}, [RateLimit("requests", 100, 50, 5.0)]),
    "past": ({f"{X}-remaining-tokens": "5", "anthropic-ratelimit-tokens-reset": "2025-12-31T23:00:00Z"}, [RateLimit("tokens", None, 5, 0.0)]),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "limits"), DIALECTS.values(), ids=DIALECTS)
def test_each_servers_headers_are_read(headers: dict[str, str], limits: list[RateLimit]):
    """Counts, and times to wait as seconds, durations and moments, become one value for each thing counted."""
    assert rate_limits(headers, NOW) == RateLimits(tuple(limits))


@pytest.mark.parametrize(
    "headers", [{}, {"x-ratelimit-remaining-requests": "many"}, {"x-ratelimit-reset": "soon"}, {"ratelimit": "?"}]
)
def test_where_nothing_is_told_there_is_nothing(headers: dict[str, str]):
    """Without such headers, and where they make no sense, there are no limits."""
    assert rate_limits(headers, NOW) is None


@UNHURRIED
@given(
    st.dictionaries(
        st.sampled_from([*(name for headers, _ in DIALECTS.values() for name in headers)]), st.text(max_size=30)
    )
)
def test_no_header_breaks_it(headers: dict[str, str]):
    """Whatever stands in the headers, the outcome is limits with sound numbers, or None."""
    limits = rate_limits(headers, NOW)
    for limit in limits.limits if limits else ():
        assert all(
            number is None or 0 <= number < float("inf") for number in (limit.limit, limit.remaining, limit.reset)
        )


def test_the_tightest_counts():
    """Where requests or tokens are counted in several ways, the one with the smallest share left is meant."""
    limits = RateLimits(
        (RateLimit("requests-day", 100, 90), RateLimit("requests-minute", 10, 1), RateLimit("input-tokens", 9, 9))
    )
    assert (limits.requests.counted, limits.tokens.counted) == ("requests-minute", "input-tokens")
    assert RateLimits(()).requests is None


def test_limits_are_one_line():
    """What is shown of limits is a line in words."""
    headers, _ = DIALECTS["openai"]
    assert (
        str(rate_limits(headers))
        == "59 of 60 requests left, reset in 1 s; 149,984 of 150,000 tokens left, reset in 6 min"
    )


HEADERS: dict[str, Any] = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"}


@pytest.mark.parametrize("streamed", [True, False])
def test_a_completion_has_the_limits_of_its_answer(server: ScriptedServer, streamed: bool):
    """completion.rate_limits is what came with it, streamed or not, and None where nothing came; the session has the last."""
    import json

    if streamed:
        server.stream(chunk("Hi", finish="stop"), headers=HEADERS)
    else:
        server.reply(json.dumps(completion("Hi")).encode(), headers=HEADERS)
    server.answer("Hi")
    chat = Session("m", base_url=server.url)
    first = chat.ask({"role": "user", "content": "Hi"}, streamed=streamed).result(PATIENCE)
    assert chat.rate_limits == first.rate_limits == RateLimits((RateLimit("requests", 60, 59),))
    second = chat.send("Hi")
    assert (second.rate_limits, chat.rate_limits, first.rate_limits.requests.remaining) == (None, None, 59)
    assert "rate" not in chat.to_json()


def test_a_client_has_the_limits_of_a_refusal(server: ScriptedServer):
    """A client knows the last answer's limits, also where that was "too many"."""
    server.error(429, {"error": "Slow down."}, x_ratelimit_remaining_requests="0")
    client = Client(server.url, max_retries=0)
    assert client.rate_limits is None
    with pytest.raises(RateLimitError):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert client.rate_limits.requests.remaining == 0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.006, "0.006 s"), (90.5, "90.5 s"), (360, "6 min"), (7200, "2 h"), (2.28e9, "26,389 days")],
)
def test_a_reset_is_told_in_a_unit_that_is_read(seconds: float, said: str):
    """However far away it is, nobody has to count it in seconds."""
    assert str(RateLimit("requests", reset=seconds)) == f"requests left, reset in {said}"
