"""What a request costs, where anybody knows."""

from __future__ import annotations

from typing import Any

import genai_prices
import pytest
from scripted import ScriptedServer

from nbchat.client.endpoint import EMBEDDED_URL, Endpoint
from nbchat.session.pricing import price
from nbchat.session.session import Session
from nbchat.wire.messages import Usage

OPENAI = Endpoint("https://api.openai.com/v1")
MILLION = {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000}


def listed(model: str, **tokens: int) -> float:
    """What the price list itself says."""
    return float(genai_prices.calc_price(genai_prices.Usage(**tokens), model, provider_id="openai").total_price)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "gpt-4o"])
def test_a_known_model_at_its_own_server(model: str):
    """At OpenAI's address a model costs what the list says, also under its dated name."""
    cost = price(Usage(MILLION), model, OPENAI)
    assert cost == pytest.approx(listed(model, input_tokens=1_000_000, output_tokens=1_000_000))
    assert cost > 0.1


def test_cached_tokens_cost_less():
    """Tokens that were read from the provider's cache are counted at their own price."""
    cached = Usage({**MILLION, "prompt_tokens_details": {"cached_tokens": 500_000, "audio_tokens": 0}})
    cost, full = price(cached, "gpt-4o", OPENAI), price(Usage(MILLION), "gpt-4o", OPENAI)
    assert cost == pytest.approx(
        listed("gpt-4o", input_tokens=1_000_000, cache_read_tokens=500_000, output_tokens=1_000_000)
    )
    assert cost < full


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("no-such-model", "https://api.openai.com/v1"),
        ("", "https://api.openai.com/v1"),
        ("gpt-4o", "http://localhost:8000/v1"),
        ("gpt-4o", "https://gateway.example/v1"),
    ],
)
def test_what_nobody_knows_is_none(model: str, url: str):
    """An unknown model has no price, nor has a known one on a server that is not its provider's."""
    assert price(Usage(MILLION), model, Endpoint(url)) is None


def test_without_tokens_there_is_no_price():
    """A server that did not count tokens leaves the price unknown."""
    assert price(None, "gpt-4o", OPENAI) is None


def test_the_embedded_model_costs_nothing():
    """The model in this process costs 0, counted or not."""
    assert price(None, "SmolLM2-135M-Instruct", Endpoint(EMBEDDED_URL)) == 0.0
    assert price(Usage(MILLION), "gpt-4o", Endpoint(EMBEDDED_URL)) == 0.0


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": "7", "completion_tokens": None},
        {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": "none"},
        {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": "2"}},
        {"prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 50}},
        {"prompt_tokens": -5, "completion_tokens": -5},
        {"prompt_tokens": 1.5, "completion_tokens": []},
        {"x": 1},
    ],
)
def test_odd_counts_break_nothing(usage: dict[str, Any]):
    """Counts that make no sense give a price or None, never an exception."""
    cost = price(Usage(usage), "gpt-4o", OPENAI)
    assert cost is None or isinstance(cost, float)


def test_a_session_adds_up(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """A session's cost is that of its requests; one unknown among them makes the whole unknown."""
    server.always_answer("ok")
    chat = Session("m", base_url=server.url)
    assert chat.cost == 0
    chat.send("a")
    assert chat.cost is None
    assert chat.send("b").cost is None
