"""What an answer is, told by its first bytes, however they come."""

from __future__ import annotations

import pytest

from nbchat.wire.opening import claimed_form, form_of

BEGINNINGS: list[tuple[bytes, str]] = [
    (b'{"choices": []}', "json"),
    (b' \r\n\t{"choices": []}', "json"),
    (b'\xef\xbb\xbf{"error": "no"}', "json"),
    (b'data: {"choices": []}\n\n', "events"),
    (b"data\n\n", "events"),
    (b"event: error\ndata: no\n\n", "events"),
    (b"id:1\n", "events"),
    (b"retry: 100\n", "events"),
    (b"error: no\n", "events"),
    (b": OPENROUTER PROCESSING\n\n", "events"),
    (b"\xef\xbb\xbf\r\n\r\ndata: 1\n\n", "events"),
    (b"<!doctype html>", "page"),
    (b"\n<?xml version='1.0'?>", "page"),
    (b"upstream connect error", "unknown"),
    (b"database is down", "unknown"),
    (b"identity: unknown", "unknown"),
    (b'["a"]', "unknown"),
    (b"\xff\xfe{", "unknown"),
]


@pytest.mark.parametrize(("body", "form"), BEGINNINGS)
def test_the_first_bytes_tell(body: bytes, form: str):
    """Every form is told by its beginning, by nothing before enough has come, and the same however much more there is."""
    told = [form_of(body[:length]) for length in range(len(body) + 1)]
    enough = told.index(form)
    assert told[:enough] == [None] * enough
    assert set(told[enough:]) == {form}


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("text/html; charset=utf-8", "page"),
        ("Application/JSON", "json"),
        ("application/problem+json", "json"),
        ("Text/Event-Stream; charset=UTF-8", "events"),
        ("text/plain", "asked"),
        ("", "asked"),
    ],
)
def test_a_claim(content_type: str, form: str):
    """A header counts as far as it names one of the forms; else it is what was asked for."""
    for asked in ("json", "events"):
        assert claimed_form(content_type, asked=asked) == (asked if form == "asked" else form)
