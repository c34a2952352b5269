"""How large what is in bytes is: pixels, seconds, pages."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED
from samples import MP3, TAGGED_MP3, pdf, picture, sound

from nbchat.wire.measures import page_count, pixel_size, seconds


@pytest.mark.parametrize(
    "data",
    [
        picture("PNG"),
        picture("GIF"),
        picture("JPEG"),
        picture("JPEG", progressive=True),
        picture("JPEG", exif=b"Exif\x00\x00" + bytes(60_000)),
        picture("JPEG", icc_profile=bytes(100_000)),
        picture("WEBP"),
        picture("WEBP", lossless=True),
        picture("WEBP", mode="RGBA", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00"),
    ],
    ids=["png", "gif", "jpeg", "progressive", "exif", "profile", "webp", "lossless", "extended"],
)
def test_a_picture_tells_its_size(data: bytes):
    """The four kinds of pictures tell their width and height in their heads, wherever those end."""
    assert pixel_size(data) == (30, 20)


def test_what_tells_no_size_has_none():
    """Other pictures, other files, a head that is cut off and a size of nothing are no size."""
    for data in (picture("BMP"), pdf(), b"", picture("PNG")[:20], picture("JPEG")[:8], b"GIF89a\0\0\0\0"):
        assert pixel_size(data) is None


@UNHURRIED
@given(st.binary(max_size=60), st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF0000WEBP", b"RIFF0000WAVEfmt ", b"ID3\x04", b"%PDF-/ObjStm>>stream\n"]))  # fmt: skip
def test_broken_files_have_no_size(rest: bytes, head: bytes):
    """Whatever stands behind the beginning of a file, measuring it never raises."""
    for measure in (pixel_size, seconds, page_count):
        measure(head + rest)


def test_a_sound_tells_its_length():
    """A WAV's length is its bytes by its rate, an MP3's by the rate of its first frame; a tag before it is no sound."""
    assert seconds(sound(2.5)) == 2.5
    assert seconds(MP3) == pytest.approx(50 * 417 * 8 / 128_000)
    assert seconds(TAGGED_MP3) == pytest.approx(seconds(MP3))
    assert seconds(b"fLaC\x00") is None
    assert seconds(b"RIFF0000WAVEdata") is None


def test_a_wav_that_was_streamed_is_as_long_as_what_is_there():
    """Where a head claims four gigabytes, the bytes that came count."""
    data = bytearray(sound(1.0))
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    assert seconds(bytes(data)) == 1.0


def packed(*objects: bytes) -> bytes:
    """A PDF whose objects are packed together, as LaTeX and Word write them."""
    body = zlib.compress(b" ".join(objects))
    return (
        b"%PDF-1.5\n1 0 obj\n<< /Type /ObjStm /N 3 /First 20 /DecodeParms << /Columns 4 >> /Filter /FlateDecode >>\n"
        b"stream\r\n" + body + b"\nendstream\nendobj\n"
    )


def test_a_pdf_tells_its_pages():
    """Pages are counted where they stand openly and where they are packed; what can't be unpacked has no number."""
    assert page_count(pdf(3)) == 3
    assert page_count(pdf(1)) == 1
    assert page_count(packed(b"<< /Type /Pages /Count 2 >>", b"<< /Type/Page >>", b"<< /Type /Page /X 1 >>")) == 2
    assert page_count(b"%PDF-1.5\n<< /Type /ObjStm >>\nstream\nencrypted\nendstream") is None
    assert page_count(b"") is None


def test_a_pdf_that_unpacks_to_gigabytes_is_not_unpacked():
    """A stream that grows without end is given up, and its pages are not known."""
    assert page_count(packed(bytes(30_000_000), b"<< /Type /Page >>")) is None
