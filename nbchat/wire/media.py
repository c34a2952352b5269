"""Content parts that carry media: made from bytes, and read again without looking at more than is needed.

The shapes are those of the API reference for a user's message: ``image_url``, ``input_audio`` and ``file``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Medium", "Part", "data_in", "data_url", "media_parts", "medium_of"]

Part = dict[str, Any]

_PREFIX = "data:"
_BASE64 = ";base64"


def data_url(media_type: str, data: bytes) -> str:
    """Return bytes as an address that holds them.

    Example:
        >>> data_url("text/plain", b"hi")
        'data:text/plain;base64,aGk='
    """
    return f"{_PREFIX}{media_type}{_BASE64},{base64.b64encode(data).decode()}"


def data_in(url: str) -> bytes | None:
    """Return the bytes that an address holds as base64; ``None`` where it holds none, or no base64.

    Example:
        >>> data_in("data:text/plain;base64,aGk=")
        b'hi'
    """
    try:
        return base64.b64decode("".join(_encoded(url).split()), validate=True) or None
    except ValueError:
        return None


@dataclass(frozen=True)
class Medium:
    """What a content part that is not text carries.

    Attributes:
        kind: What the part says it is.
        encoded: Its bytes as base64; empty where the part only names them.
        address: Where it is, for a picture that is not in the request.
        name: The name of a file.
        detail: How closely a picture is to be looked at.
    """

    kind: Literal["image", "audio", "file"]
    encoded: str = ""
    address: str = ""
    name: str = ""
    detail: str = ""

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.encoded) * 3 // 4 - self.encoded[-2:].count("=")

    def data(self, most: int | None = None) -> bytes:
        """Return its bytes.

        Args:
            most: How many are wanted, about; ``None`` for all.

        Returns:
            The bytes; none where they are no base64.
        """
        text = self.encoded if most is None else self.encoded[: most // 3 * 4]
        try:
            return base64.b64decode(text)
        except (binascii.Error, ValueError):
            return b""


def medium_of(part: object) -> Medium | None:
    """Read a content part; ``None`` for text and for what is none of the three.

    Example:
        >>> medium_of({"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlh"}}).data()
        b'GIF89a'
    """
    if not isinstance(part, Mapping):
        return None
    match part:
        case {"type": "image_url", "image_url": {"url": str(url)} as image}:
            encoded = _encoded(url)
            detail = str(image.get("detail") or "")
            return Medium("image", encoded, "" if url.startswith(_PREFIX) else url, detail=detail)
        case {"type": "input_audio", "input_audio": {"data": str(encoded)}}:
            return Medium("audio", encoded)
        case {"type": "file", "file": Mapping() as file}:
            name = str(file.get("filename") or file.get("file_id") or "")
            return Medium("file", _encoded(str(file.get("file_data") or "")), name=name)
    return None


def media_parts(content: object) -> list[Part]:
    """Return the parts of a message's content that carry media.

    Example:
        >>> media_parts([{"type": "text", "text": "Look:"}])
        []
    """
    return [part for part in content if medium_of(part) is not None] if isinstance(content, list | tuple) else []


def _encoded(url: str) -> str:
    head, _, encoded = url.partition(",")
    return encoded if head.startswith(_PREFIX) and head.endswith(_BASE64) else ""
