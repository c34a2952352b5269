"""Small files of every kind, made by those who know the format, and an object that knows how it is read."""

from __future__ import annotations

import io
import wave
import zipfile
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

mpl.use("agg")


class Spoken:
    """An object that says itself how it is read."""

    def __init__(self, said: Any) -> None:
        self.said = said

    def _repr_llm_(self) -> Any:
        return self.said


def picture(form: str, size: tuple[int, int] = (30, 20), mode: str = "RGB", **options: Any) -> bytes:
    """Return an image file of Pillow's, with something in it that does not compress to nothing."""
    gradient = Image.linear_gradient("L").resize(size).convert(mode)
    buffer = io.BytesIO()
    gradient.save(buffer, form, **options)
    return buffer.getvalue()


def sound(seconds: float = 2.0, rate: int = 8000) -> bytes:
    """Return a WAV of silence."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(2 * int(seconds * rate)))
    return buffer.getvalue()


# One frame of MPEG-1, layer III: 128 kbit/s at 44.1 kHz are 417 bytes, and 26 ms.
MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)
MP3 = MP3_FRAME * 50
# The tag before it has a length of four times seven bits.
TAGGED_MP3 = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256) + MP3


def pdf(pages: int = 3) -> bytes:
    """Return a PDF of Matplotlib's."""
    buffer = io.BytesIO()
    with PdfPages(buffer) as out:
        for _ in range(pages):
            out.savefig(Figure(figsize=(2, 2)))
    return buffer.getvalue()


def office(name: str) -> bytes:
    """Return a zip with such an entry."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("[Content_Types].xml", "<Types/>")
        out.writestr(name, "<x/>")
    return buffer.getvalue()
