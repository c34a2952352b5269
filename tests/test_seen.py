"""Sent parts as a person sees them: never their base64, and no picture but of our own making."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image
from samples import MP3, pdf, picture, sound

from nbchat.attachments import seen as module
from nbchat.attachments.attach import parts_of
from nbchat.attachments.audio import audio
from nbchat.attachments.files import file
from nbchat.attachments.seen import beside, media_in, own_text, seen_beside, shortened, without_large_media
from nbchat.wire.media import data_url


def image(url: str) -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": url}}]


def noise(side: int) -> bytes:
    """A picture that does not compress."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (side, side, 3), "uint8")).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (parts_of(picture("PNG", (640, 480))), "PNG picture, 640 × 480, 2 kB, ≈ 425 tokens"),
        (audio(sound(2.0), "audio/wav").parts, "WAV sound, 2.0 s, 32 kB, ≈ 20 tokens"),
        (audio(MP3, "audio/mpeg").parts, "MP3 sound, 1.3 s, 21 kB, ≈ 14 tokens"),
        (file(pdf(2), "application/pdf", "paper.pdf").parts, "paper.pdf, 2 pages, "),
        (file(bytes(5), "application/zip", "a.zip").parts, "a.zip, 5 bytes"),
        ([{"type": "file", "file": {"file_id": "file-1"}}], "file file-1"),
        (image("https://a.b:8/c.png?x=1"), "picture at a.b:8"),
        (image("data:image/png;base64,PHN2Zz4="), "picture of an unknown kind, 5 bytes"),
        (image("not an address"), "picture"),
    ],
    ids=["png", "wav", "mp3", "pdf", "zip", "id", "address", "broken", "nothing"],
)
def test_media_in_words(parts: Any, words: str):
    """Each medium is told by what it is, its name, its size and its tokens, as far as they are known."""
    (seen,) = media_in(list(parts))
    assert str(seen).startswith(words)


def test_text_is_not_media():
    """Of a message's content only what is no text is told, in order."""
    assert media_in("text") == media_in(None) == media_in([{"type": "text", "text": "x"}]) == []
    parts = [*image("https://a.b/c"), {"type": "text", "text": "x"}, {"type": "file", "file": {"filename": "n"}}]
    assert [seen.kind for seen in media_in(parts)] == ["image", "file"]


def test_a_small_picture_is_shown_as_it_is_and_a_large_one_small():
    """A page gets a picture of a few kilobytes as it is, and of a larger one a small picture of the same shape."""
    small, large = picture("PNG"), noise(900)
    assert media_in(parts_of(small))[0].picture == data_url("image/png", small)
    shown = media_in(parts_of(large))[0].picture
    assert shown.startswith("data:image/webp;base64,")
    assert len(shown) < 45_000 < len(large) / 10
    assert Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))).size == (256, 256)
    photo = picture("JPEG", (2000, 1000), quality=100)
    shown = media_in(parts_of(photo))[0].picture
    assert Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))).size == (384, 192)


@pytest.mark.parametrize("claimed", ["image/svg+xml", "text/html", "image/png"])
def test_what_is_shown_is_what_the_bytes_are(claimed: str):
    """A page never gets what is no picture, nor a type that only somebody claims."""
    script = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    assert media_in(image(data_url(claimed, script)))[0].picture == ""
    assert media_in(image(data_url(claimed, picture("GIF"))))[0].picture.startswith("data:image/gif;base64,")
    # What stands behind the picture's own bytes is not looked at by a browser; and nothing but base64 is in the address.
    assert set(media_in(image(data_url(claimed, picture("PNG") + script)))[0].picture.partition(",")[2]) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    )


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,<script>", "file:///etc/passwd", "//a.b/c"])
def test_only_addresses_of_the_web_are_links(url: str):
    """Any other scheme is neither a link nor a picture."""
    (seen,) = media_in(image(url))
    assert (seen.link, seen.picture) == ("", "")


def test_pictures_that_are_none():
    """What claims a size that nobody has room for, or is cut off, has words and no picture."""
    bomb = bytearray(noise(200))
    bomb[16:24] = (40_000).to_bytes(4, "big") * 2
    for data in (bytes(bomb), noise(200)[:30_000]):
        (seen,) = media_in(image(data_url("image/png", data)))
        assert seen.picture == ""
        assert seen.words.startswith("PNG picture, ")


def test_each_medium_is_looked_at_once(monkeypatch: pytest.MonkeyPatch):
    """However often and from however many threads views ask, a picture is made small once; few are remembered."""
    looked: list[Any] = []
    real = module._looked_at
    monkeypatch.setattr(module, "_looked_at", lambda medium: looked.append(medium) or real(medium))
    monkeypatch.setattr(module, "_memory", module._Memory())
    parts = parts_of(noise(300))
    assert media_in(parts) == media_in(parts)
    threads = [threading.Thread(target=media_in, args=(parts,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looked) == 1
    for number in range(module._REMEMBERED + 5):
        media_in([{"type": "file", "file": {"file_data": data_url("text/plain", b"%d" % number)}}])
    assert len(module._memory._known) == module._REMEMBERED


def test_a_picture_that_is_looked_at_alone():
    """Asked for large, a picture is its own bytes, and one of more than 2 MB the small one; no address is looked at."""
    kinds = [noise(300), noise(900)]
    parts = [part for data in kinds for part in image(data_url("image/jpeg", data))] + image("https://a.b/c.png")
    small, large = media_in(parts), media_in(parts, large=True)
    assert len(kinds[1]) > 2_000_000
    assert large[0].picture == data_url("image/png", kinds[0])
    assert large[1:] == small[1:]
    assert [seen.words for seen in large] == [seen.words for seen in small]


def test_without_pillow():
    """Where Pillow is missing a small picture is still shown, and a large one is told in words."""
    script = """
import sys, base64
sys.modules["PIL"] = None
from nbchat.attachments.seen import media_in
for line in sys.stdin:
    (seen,) = media_in([{"type": "image_url", "image_url": {"url": line.strip()}}])
    print(bool(seen.picture), seen)
"""
    urls = "\n".join(data_url("image/png", data) for data in (picture("PNG"), noise(300)))
    done = subprocess.run([sys.executable, "-c", script], input=urls, capture_output=True, text=True, check=True)
    small, large = done.stdout.splitlines()
    assert small.startswith("True PNG picture, 30 × 20")
    assert large.startswith("False PNG picture, 300 × 300")


# ---- values with less data in them ---------------------------------------------------------------------------------


def test_a_request_for_reading():
    """Data is a few words with its size, wherever in a request it stands; everything else is as it was."""
    content = [*parts_of(noise(100)), *audio(sound(), "audio/wav").parts, *file(pdf(), "application/pdf").parts]
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x" * 500}, *content]}],
        "n": 1,
    }
    read = shortened(body)
    assert read["messages"][0]["content"][0] == {"type": "text", "text": "x" * 500}
    assert len(json.dumps(read)) < 1200
    said = [json.dumps(part, ensure_ascii=False) for part in read["messages"][0]["content"][1:]]
    assert '"data:image/png;base64,… (3' in said[0]
    assert '"data": "… (32 kB)", "format": "wav"' in said[1]
    assert '"data:application/pdf;base64,… (' in said[2]
    assert body["messages"][0]["content"][1:] == content


def test_what_is_short_is_left():
    """A text that speaks of data, and data of a few bytes, stay as they are."""
    short = {"content": "data: it is long " + "x" * 500, "parts": image("data:image/png;base64,AAAA")}
    assert shortened(short)["parts"] == short["parts"]
    assert shortened({"url": "https://a.b/" + "c" * 500}) == {"url": "https://a.b/" + "c" * 500}


def test_large_media_are_left_out_of_what_is_kept():
    """A medium above the limit becomes a line of text that says what it was; the rest stays, and the content is valid."""
    large, small = parts_of(noise(300)), parts_of(picture("PNG"))
    text = [{"type": "text", "text": "Look:"}]
    kept = without_large_media([*text, *large, *small], 10_000)
    assert kept == [*text, {"type": "text", "text": f"[{media_in(large)[0]}]"}, *small]
    assert without_large_media("text", 1) == "text"
    assert without_large_media(None, 1) is None


def test_what_stands_beside_a_question_is_not_in_its_words():
    """A file that went as text is told like the other media, in order, and the question's own words are without it."""
    content = [
        {"type": "text", "text": "Compare "},
        *parts_of(picture("PNG")),
        {"type": "text", "text": " with:"},
        *parts_of(b"1,2"),
    ]
    assert own_text(content) == "Compare  with:"
    assert [seen.words for seen in seen_beside(content)] == ["PNG picture, 30 × 20, 113 bytes", "text, text, 3 bytes"]
    assert beside(content) == [content[1], content[3]]
    assert (own_text("plain"), beside("plain"), seen_beside(None)) == ("plain", [], [])
