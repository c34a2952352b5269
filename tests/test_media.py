"""Content parts that carry media, and how they are read again."""

from __future__ import annotations

import pytest
from samples import picture

from nbchat.wire.media import Medium, data_url, media_parts, medium_of

PNG = picture("PNG")


def image(url: object, **more: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def test_a_picture_in_the_request():
    """A picture's bytes come back as they went in, whole or as far as they are wanted, and so does their number."""
    medium = medium_of(image(data_url("image/png", PNG), detail="low"))
    assert medium is not None
    assert (medium.kind, medium.data(), medium.size, medium.detail) == ("image", PNG, len(PNG), "low")
    assert medium.data(30) == PNG[:30]


def test_other_media():
    """An address, a sound, a file and a file's number are read; what is text or of another shape is no medium."""
    sound = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}}
    assert medium_of(image("https://a.b/c")) == Medium("image", address="https://a.b/c")
    assert medium_of(sound) == Medium("audio", "aGk=")
    assert medium_of(file) == Medium("file", "aGk=", name="a.pdf")
    assert medium_of({"type": "file", "file": {"file_id": "f-1"}}) == Medium("file", name="f-1")
    assert media_parts([{"type": "text", "text": "x"}, sound, file]) == [sound, file]
    assert media_parts("text") == []


@pytest.mark.parametrize(
    "part",
    [None, "x", {}, {"type": "text", "text": "x"}, {"type": "image_url"}, image(5), {"type": "input_audio", "input_audio": []}],
)  # fmt: skip
def test_what_is_no_medium(part: object):
    """Whatever else stands in a message's content is none, and reading it does not raise."""
    assert medium_of(part) is None


@pytest.mark.parametrize("url", ["data:image/png;base64,A", "data:image/png;base64,\ud800", "data:,text", "data:x", ""])
def test_broken_data_is_no_bytes(url: str):
    """Data that is no base64 has no bytes."""
    medium = medium_of(image(url))
    assert medium is not None
    assert medium.data() == b""
