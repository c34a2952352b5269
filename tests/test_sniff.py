"""What bytes are, told by the bytes themselves."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED
from samples import MP3, MP3_FRAME, TAGGED_MP3, office, pdf, picture, sound

from nbchat.wire.sniff import media_type, mp3_frame


def parquet() -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame({"a": [1]}).to_parquet(buffer)
    return buffer.getvalue()


def arrow() -> bytes:
    buffer = io.BytesIO()
    pyarrow.feather.write_feather(pa.table({"a": [1]}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (picture("PNG"), "image/png"),
        (picture("JPEG"), "image/jpeg"),
        (picture("GIF"), "image/gif"),
        (picture("WEBP"), "image/webp"),
        (picture("BMP"), "image/bmp"),
        (picture("TIFF"), "image/tiff"),
        (picture("AVIF"), "image/avif"),
        (sound(), "audio/wav"),
        (MP3, "audio/mpeg"),
        (MP3_FRAME, "audio/mpeg"),
        (TAGGED_MP3, "audio/mpeg"),
        (b"fLaC\x00\x00\x00\x22" + bytes(34), "audio/flac"),
        (b"OggS\x00\x02" + bytes(20), "audio/ogg"),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00", "audio/mp4"),
        (b"\x00\x00\x00\x1cftypisom\x00\x00", "video/mp4"),
        (b"FORM\x00\x00\x00\x04AIFF", "audio/aiff"),
        (pdf(), "application/pdf"),
        (office("word/document.xml"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (office("xl/workbook.xml"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (office("ppt/presentation.xml"), "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
        (office("anything"), "application/zip"),
        (parquet(), "application/vnd.apache.parquet"),
        (arrow(), "application/vnd.apache.arrow.file"),
        (b"\x7fELF\x02\x01\x01\x00", "application/octet-stream"),
        (b"\x00\x01", "application/octet-stream"),
    ],
    ids=lambda value: value.rpartition(".")[2] if isinstance(value, str) else "",
)
def test_files_are_what_their_bytes_say(data: bytes, expected: str):
    """A file of each kind, made by whoever writes such files, is known by its bytes."""
    assert media_type(data) == expected


@pytest.mark.parametrize(
    "text",
    [
        "BMW and Audi, both of them cars",
        "ID3 tags are explained here",
        "RIFF raff",
        "PAR1 is a word, and not at the end",
        "%PDX",
        "FORM 1040, AIFF included",
        "GIF8",
        "a,b\n1,2\n",
        '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        "grüße 👋",
        "",
    ],
)
def test_text_is_text(text: str):
    """A text that begins like a file of some kind is a text, and so are those in other encodings, and SVG."""
    assert media_type(text.encode()) == "text/plain"
    assert media_type(text.encode("utf-16")) == "text/plain"
    assert media_type(text.encode("cp1252", "ignore")) == "text/plain"


@UNHURRIED
@given(st.binary(max_size=200))
def test_any_bytes_have_a_type(data: bytes):
    """Whatever the bytes, there is an answer; and behind the signature of a picture they are that picture."""
    assert "/" in media_type(data)
    assert media_type(b"\x89PNG\r\n\x1a\n" + data) == "image/png"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("fffb9000", (417, 128_000)),
        ("fffb9200", (418, 128_000)),  # padded
        ("fff38000", (208, 64_000)),  # MPEG-2 at 22.05 kHz
        ("ffe34000", (208, 32_000)),  # MPEG-2.5 at 11.025 kHz
        ("fffe0000", None),  # layer I, and UTF-16's mark
        ("fffbf000", None),  # no such rate
        ("fffb9c00", None),  # no such frequency
        ("fffb", None),
    ],
)
def test_the_head_of_an_mp3_frame(head: str, expected: tuple[int, int] | None):
    """The length of a frame and its rate are those of the standard's tables."""
    assert mp3_frame(bytes.fromhex(head)) == expected
