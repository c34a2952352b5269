"""How large what is in bytes is: an image in pixels, a sound in seconds, a PDF in pages.

Only heads are read, nothing is decoded: what is broken, or of a kind not known here, has no size.
"""

from __future__ import annotations

import re
import struct
import zlib

from nbchat.wire.sniff import mp3_frame

__all__ = ["page_count", "pixel_size", "seconds"]

# Of JPEG's segments those that begin a frame and so tell its size (ITU-T T.81, table B.1); and those without a length.
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE = frozenset({0x01, *range(0xD0, 0xDA)})
# A page in a PDF, which is no "/Pages"; the objects that are packed together since PDF 1.5; and how much is unpacked.
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_PACKED = re.compile(rb"/ObjStm\b.{0,300}?>>\s*stream\r?\n", re.DOTALL)
_UNPACKED = 20_000_000


def pixel_size(data: bytes) -> tuple[int, int] | None:
    """Return the width and height of a PNG, JPEG, GIF or WebP in pixels.

    Example:
        >>> pixel_size(b"GIF89a" + bytes([3, 0, 2, 0]))
        (3, 2)
    """
    try:
        if data.startswith(b"\x89PNG") and data[12:16] == b"IHDR":
            width, height = struct.unpack(">II", data[16:24])
        elif data.startswith(b"GIF8"):
            width, height = struct.unpack("<HH", data[6:10])
        elif data.startswith(b"\xff\xd8"):
            width, height = _jpeg_size(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            width, height = _webp_size(data)
        else:
            return None
    except (struct.error, ValueError, IndexError):
        return None
    return (width, height) if width and height else None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker where one has to be")
        marker = data[at + 1]
        at += 1 if marker == 0xFF else 2  # any number of 0xFF may stand before a marker
        if marker in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 3 : at + 7])
            return width, height
        if marker != 0xFF and marker not in _BARE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", data[26:30])
    return width & 0x3FFF, height & 0x3FFF


def seconds(data: bytes) -> float | None:
    """Return how long a WAV or an MP3 is, in seconds; of an MP3 as if all of it had the bit rate of its first frame."""
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        form = data.find(b"fmt ", 12)
        samples = data.find(b"data", 12)
        if form < 0 or samples < 0 or len(data) < form + 20:
            return None
        rate = int.from_bytes(data[form + 16 : form + 20], "little")  # bytes a second
        # A stream's head says any length: what is there counts.
        length = min(int.from_bytes(data[samples + 4 : samples + 8], "little"), len(data) - samples - 8)
        return length / rate if rate else None
    start = 0
    if data.startswith(b"ID3") and len(data) > 10:  # its length is four times seven bits
        start = 10 + sum((byte & 0x7F) << 7 * place for place, byte in enumerate(reversed(data[6:10])))
    frame = mp3_frame(data[start : start + 4])
    return (len(data) - start) * 8 / frame[1] if frame else None


def page_count(data: bytes) -> int | None:
    """Return how many pages a PDF has; ``None`` where they can't be counted, as in one that is encrypted."""
    found = len(_PAGE.findall(data))
    left = _UNPACKED
    for packed in _PACKED.finditer(data):
        unpack = zlib.decompressobj()
        try:
            objects = unpack.decompress(memoryview(data)[packed.end() :], max(1, left))
        except zlib.error:
            continue
        left -= len(objects)
        found += len(_PAGE.findall(objects))
        if left <= 0:
            return None
    return found or None
