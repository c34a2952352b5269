"""What tools of MCP servers answer: all kinds of content, as parts that a model takes."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp_types import CallToolResult

from nbchat.remote.answers import answer_of
from nbchat.tools.results import report

DATA = base64.b64encode(b"data").decode()


def read(*content: dict[str, Any], **members: Any) -> Any:
    return answer_of(CallToolResult.model_validate({"content": content, **members}))


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ({"type": "text", "text": "Hi"}, {"type": "text", "text": "Hi"}),
        (
            {"type": "image", "data": DATA, "mimeType": "image/PNG; a=b"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
        ),
        (
            {"type": "audio", "data": DATA, "mimeType": "audio/mpeg"},
            {"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}},
        ),
        (
            {"type": "resource", "resource": {"uri": "file:///a.pdf", "blob": DATA, "mimeType": "application/pdf"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}},
        ),
    ],
)
def test_content_becomes_parts(block: dict[str, Any], part: dict[str, Any]):
    """Text, pictures, sounds and PDFs are the API's own parts."""
    assert read(block).parts == [part]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "audio", "data": DATA, "mimeType": "audio/ogg"}, "[audio: 4 bytes of audio/ogg, which a model can't be given]"),
        ({"type": "image", "data": DATA, "mimeType": "image/svg+xml"}, "[image: 4 bytes of image/svg+xml, which a model can't be given]"),
        ({"type": "image", "data": "§", "mimeType": "image/png"}, "[image: its data can't be read]"),
        ({"type": "resource", "resource": {"uri": "file:///a", "blob": DATA}}, "[resource file:///a: 4 bytes of an unknown kind, which a model can't be given]"),
        ({"type": "resource", "resource": {"uri": "file:///a.txt", "text": "A"}}, "[resource file:///a.txt]\nA"),
        ({"type": "resource_link", "uri": "file:///a.txt", "name": "a", "description": "Letters"}, "[resource a at file:///a.txt: Letters]"),
        ({"type": "text", "text": "a\ud800"}, "a�"),
    ],
)  # fmt: skip
def test_what_a_model_can_not_be_given_is_named(block: dict[str, Any], text: str):
    """Whatever is no part of the API is told of in the text, and nothing makes the request invalid."""
    assert read(block).text == text


def test_data_and_text():
    """Data counts for the model only where there is no other content; for Python it is always there."""
    assert read(structuredContent={"n": [1]}).text == '{"n": [1]}'
    both = read({"type": "text", "text": "one"}, structuredContent={"n": [1]})
    assert (both.text, both.structured) == ("one", {"n": [1]})


def test_what_the_model_and_the_person_get():
    """The model gets text and parts apart; the person sees the picture, or the text."""
    picture = {"type": "image", "data": DATA, "mimeType": "image/png"}
    drawn = read({"type": "text", "text": "A line"}, {"type": "text", "text": "and"}, picture)
    told = report(drawn)
    assert told.text == "A line\nand"
    assert [part["type"] for part in told.parts] == ["image_url"]
    assert drawn._repr_mimebundle_() == {"text/plain": "A line\nand", "image/png": DATA}
    assert read({"type": "text", "text": "Hi"})._repr_mimebundle_() == {"text/plain": "Hi"}
    assert report(read()).text == "(done; nothing was returned)"
