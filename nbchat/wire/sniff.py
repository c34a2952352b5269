"""What bytes are, told by the bytes themselves: a name's ending and the type that somebody claims are never asked.

The signatures are those of the WHATWG's MIME Sniffing Standard where it has them, and of each format's own specification
elsewhere, with as many bytes as keep plain text that begins likewise ("BMW", "ID3 tags") from being taken for one.
"""

from __future__ import annotations

__all__ = ["IMAGES", "UNKNOWN", "media_type", "mp3_frame"]

# The pictures that the API takes and every browser draws.
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"fLaC\x00", "audio/flac"),
    (b"OggS\x00", "audio/ogg"),
    (b"%PDF-", "application/pdf"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (b"ARROW1\x00\x00", "application/vnd.apache.arrow.file"),
)
# The four letters behind RIFF and its length, and those behind "ftyp" (ISO/IEC 14496-12).
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"mif1": "image/heic"}
_SOUNDS = (b"M4A ", b"M4B ")
# An Office document is a zip that has this name among its entries, which are not compressed themselves.
_OFFICE = "application/vnd.openxmlformats-officedocument."
_ZIPPED = (
    (b"word/document.xml", f"{_OFFICE}wordprocessingml.document"),
    (b"xl/workbook.xml", f"{_OFFICE}spreadsheetml.sheet"),
    (b"ppt/presentation.xml", f"{_OFFICE}presentationml.presentation"),
)
_BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
# Every byte that text may have: all but the "binary data bytes" of the standard.
_TEXT = bytes(byte for byte in range(256) if byte >= 0x20 or byte in b"\t\n\f\r\x1b")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def media_type(data: bytes) -> str:
    """Return the media type of *data*: ``text/plain`` for any text, ``application/octet-stream`` for what is not known.

    Example:
        >>> media_type(b"%PDF-1.7 ...")
        'application/pdf'
    """
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    return _container(data) or (UNKNOWN if _is_binary(data) else "text/plain")


def _container(data: bytes) -> str | None:
    """Return what a container holds, and the type of what takes more than a few bytes to recognise."""
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12])
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12]) or ("audio/mp4" if data[8:12] in _SOUNDS else "video/mp4")
    if data.startswith(b"PK\x03\x04"):
        return next((kind for name, kind in _ZIPPED if name in data), "application/zip")
    if data.startswith(b"PAR1") and data.endswith(b"PAR1") and len(data) > 8:
        return "application/vnd.apache.parquet"
    if data.startswith(b"BM") and data[6:10] == bytes(4) and int.from_bytes(data[14:18], "little") in _BITMAP_HEADERS:
        return "image/bmp"
    if data.startswith(b"FORM") and data[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if data.startswith(b"ID3") and data[3:4] in (b"\x02", b"\x03", b"\x04"):
        return "audio/mpeg"
    frame = mp3_frame(data)
    if frame is not None and (len(data) == frame[0] or mp3_frame(data[frame[0] :]) is not None):
        return "audio/mpeg"
    return None


def _is_binary(data: bytes) -> bool:
    return not data.startswith(_UTF16) and bool(data.translate(None, _TEXT))


# Bits a second by their index, in thousands, of layer III of MPEG-1 and of MPEG-2 and 2.5; samples a second of MPEG-1.
_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LOW_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLES = (44_100, 48_000, 32_000)


def mp3_frame(data: bytes) -> tuple[int, int] | None:
    """Read the head of an MP3 frame (ISO/IEC 11172-3).

    Returns:
        The frame's length in bytes and its bits a second; ``None`` where there is no such head.
    """
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:  # eleven set bits, and layer III
        return None
    version = data[1] >> 3 & 3  # 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5
    rate, sampling = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or rate in (0, 15) or sampling == 3:
        return None
    bits = (_RATES if version == 3 else _LOW_RATES)[rate] * 1000
    samples = _SAMPLES[sampling] // {3: 1, 2: 2, 0: 4}[version]
    padding = data[2] >> 1 & 1
    return (144 if version == 3 else 72) * bits // samples + padding, bits
