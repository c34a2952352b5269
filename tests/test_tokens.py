"""About how many tokens a message's content has."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MP3, pdf, picture, sound

from nbchat.attachments.audio import audio
from nbchat.attachments.files import file
from nbchat.wire.media import data_url
from nbchat.wire.tokens import content_tokens, image_tokens, text_tokens


@pytest.mark.parametrize(
    ("size", "expected"),
    # The first three are OpenAI's own examples; a small picture is not made larger.
    [((1024, 1024), 765), ((2048, 4096), 1105), ((4096, 8192), 1105), ((1, 1), 255), ((512, 512), 255), ((513, 512), 425),
     ((10_000, 10), 765)],
)  # fmt: skip
def test_pictures_by_the_rule(size: tuple[int, int], expected: int):
    """A picture costs 85 tokens and 170 for each square of 512 pixels that covers it, once it is scaled to fit."""
    assert image_tokens(*size) == image_tokens(*size[::-1]) == expected


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_no_picture_costs_more_than_eight_squares(width: int, height: int):
    """Whatever its size, scaling leaves between one square and eight."""
    assert 85 + 170 <= image_tokens(width, height) <= 85 + 8 * 170


def image(data: bytes, **detail: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": data_url("image/png", data), **detail}}


def test_a_picture_counts_by_its_size_and_not_by_its_file():
    """Noise of a megabyte costs what an empty picture of that size does; looked at once, 85; of unknown size, 765."""
    empty = picture("PNG", (1024, 1024))
    assert content_tokens([image(empty)]) == content_tokens([image(empty + bytes(1_000_000))]) == 765
    assert content_tokens([image(empty, detail="low")]) == 85
    assert content_tokens([{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]) == 765
    # A preview and a profile before the size may be longer than what is looked at first.
    assert content_tokens([image(picture("JPEG", (600, 600), icc_profile=bytes(200_000)))]) == 85 + 4 * 170


def test_sounds_and_files():
    """A sound costs ten tokens a second, a PDF its pages, another file one page."""
    assert content_tokens(audio(sound(2.5), "audio/wav").parts) == 25
    assert content_tokens(audio(MP3, "audio/mpeg").parts) == math.ceil(50 * 417 * 8 / 12_800)
    assert content_tokens(file(pdf(3), "application/pdf").parts) == 3 * (765 + 1500)
    assert content_tokens(file(b"\0", "application/zip").parts) == 765 + 1500


def test_text_and_the_rest():
    """Text counts four characters a token, alone or in parts; no content is nothing."""
    assert text_tokens("x" * 41) == 11
    assert content_tokens("x" * 41) == content_tokens([{"type": "text", "text": "x" * 41}]) == 11
    assert content_tokens(None) == 0
    json.dumps(content_tokens([{"type": "something new"}]))
