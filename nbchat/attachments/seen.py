"""Sent parts as a person sees them: in words, with a small picture of a picture; never their base64.

A conversation may come from a file that anybody wrote. What is shown as a picture is therefore made here: of bytes that are a
PNG, JPEG, GIF or WebP whatever the part says of them, under the type that they have. An address is a link, and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nbchat.attachments.files import TextFile, read_text_file
from nbchat.attachments.limits import megabytes
from nbchat.wire.measures import page_count, pixel_size, seconds
from nbchat.wire.media import Medium, Part, data_url, medium_of
from nbchat.wire.messages import content_text
from nbchat.wire.sniff import IMAGES, media_type
from nbchat.wire.tokens import medium_tokens, text_tokens

__all__ = ["Seen", "beside", "media_in", "own_text", "seen_beside", "shortened", "without_large_media"]

# What a page gets of a picture: as it is, if it has no more than so many bytes; else with the first of these sides, in
# pixels, that leaves it twice as many at most, and that a screen with two pixels to the dot has use for.
_SMALL, _SIDES = 16_000, (384, 256, 128)
_DRAWN = 50_000_000  # pixels of what is decoded for it: a file of a few bytes may claim to have any number
# And of one that is looked at alone: what a figure for print has, and far below what a server of notebooks lets through.
_LARGE = 2_000_000
_REMEMBERED = 200  # media: their pictures are a few megabytes together
_WEB = re.compile(r"https?://", re.IGNORECASE)
# Longer data than this, in characters, says nothing to a reader.
_READABLE = 200


@dataclass(frozen=True)
class Seen:
    """A picture, a sound or a file that was sent.

    Attributes:
        kind: ``image``, ``audio`` or ``file``.
        about: What it is, with its size.
        tokens: About how many tokens it is to a model; ``None`` where its size is not known.
        picture: A small picture of a picture, as an address that holds it; empty where there is none.
        link: Where a picture is, if it is not in the request.
        name: The name of a file.
    """

    kind: str
    about: str
    tokens: int | None = None
    picture: str = ""
    link: str = ""
    name: str = ""

    @property
    def words(self) -> str:
        """What it is, with its name and its size."""
        return f"{self.name}, {self.about}" if self.name else self.about

    def __str__(self) -> str:
        return self.words if self.tokens is None else f"{self.words}, ≈ {self.tokens:,} tokens"


def media_in(content: Any, *, large: bool = False) -> list[Seen]:
    """Return the pictures, sounds and files of a message's content, in order.

    Args:
        content: The content: a text, or a list of content parts.
        large: Whether pictures are as large as they are, if they have no more than 2 MB.

    Example:
        >>> [str(seen) for seen in media_in([{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}])]
        ['picture at a.b']
    """
    if not isinstance(content, list | tuple):
        return []
    return [_seen(medium, large=large) for medium in map(medium_of, content) if medium is not None]


def seen_beside(content: Any) -> list[Seen]:
    r"""Return what of a message's content is not its own words: its media, and the files that went as text, in order.

    Example:
        >>> [str(seen) for seen in seen_beside([{"type": "text", "text": "\n\na.csv:\n```\n1,2\n```\n"}])]
        ['a.csv, text, 3 bytes, ≈ 6 tokens']
    """
    return list(map(_seen_part, beside(content)))


def beside(content: Any) -> list[Part]:
    """Return the parts of a message's content that are not its own words."""
    return [part for part in content if _is_beside(part)] if isinstance(content, list | tuple) else []


def own_text(content: Any) -> str:
    """Return the text of a message's content without that of the files beside it."""
    if isinstance(content, list | tuple):
        content = [part for part in content if not _is_beside(part)]
    return content_text(content)


def _is_beside(part: Any) -> bool:
    return medium_of(part) is not None or read_text_file(part) is not None


def _seen_part(part: Part) -> Seen:
    medium = medium_of(part)
    if medium is not None:
        return _seen(medium)
    name, text = read_text_file(part) or TextFile("", "")
    size = megabytes(len(text.encode("utf-8", "replace")))
    return Seen("file", f"text, {size}", text_tokens(part["text"]), name=name)


def _seen(medium: Medium, *, large: bool = False) -> Seen:
    if medium.encoded:
        seen = _memory.recall(medium)
        return _enlarged(medium, seen) if large and seen.picture else seen
    if medium.kind == "image" and _WEB.match(medium.address):
        host = medium.address.split("/")[2]
        return Seen("image", f"picture at {host}", link=medium.address)
    return Seen(medium.kind, f"{_NOUNS[medium.kind]} {medium.name}".strip())


def _enlarged(medium: Medium, seen: Seen) -> Seen:
    if medium.size > _LARGE:
        return seen
    data = medium.data()
    return replace(seen, picture=data_url(media_type(data), data))


_NOUNS = {"image": "picture", "audio": "sound", "file": "file"}


class _Memory:
    """What media look like, by what they are: looking takes long, and views ask often and from any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[bytes, Medium], Seen] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, medium: Medium) -> Seen:
        """Return what a medium looks like."""
        # Its digest in the place of its data, which may be large.
        digest = hashlib.blake2b(medium.encoded.encode("utf-8", "replace"), digest_size=16).digest()
        key = (digest, Medium(medium.kind, name=medium.name, detail=medium.detail))
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        seen = _looked_at(medium)
        with self._lock:
            self._known[key] = seen
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return seen


_memory = _Memory()


def _looked_at(medium: Medium) -> Seen:
    data, kind = medium.data(), medium.kind
    found = media_type(data)
    form = found.partition("/")[2].upper()
    size, tokens = megabytes(len(data)), medium_tokens(medium)
    if kind == "image":
        pixels = pixel_size(data)
        if found not in IMAGES or pixels is None:
            return Seen(kind, f"picture of an unknown kind, {size}")
        small = _small(data, found) if pixels[0] * pixels[1] <= _DRAWN else ""
        return Seen(kind, f"{form} picture, {pixels[0]} × {pixels[1]}, {size}", tokens, small)
    if kind == "audio":
        length = seconds(data)
        words = f"{'MP3' if form == 'MPEG' else form} sound, " + (f"{length:.1f} s, " if length else "") + size
        return Seen(kind, words, tokens if length else None)
    pages = page_count(data)
    counted = f"{pages} page{'' if pages == 1 else 's'}, " if pages else ""
    return Seen(kind, f"{counted}{size}", tokens if pages else None, name=medium.name or "file")


def _small(data: bytes, found: str) -> str:
    """Return a picture small enough for a page, as an address; nothing where it would have to be made and can't be."""
    if len(data) <= _SMALL:
        return data_url(found, data)
    try:
        from PIL import Image, ImageOps
    except ImportError:
        return ""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "GIF", "WEBP")) as opened:
            small = ImageOps.exif_transpose(opened).convert("RGBA")
        for side in _SIDES:
            small.thumbnail((side, side))
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=80)
            if buffer.tell() <= 2 * _SMALL:
                break
    except (OSError, ValueError, SyntaxError):
        return ""
    return data_url("image/webp", buffer.getvalue())


# ---- values with less data in them ---------------------------------------------------------------------------------


def shortened(value: Any) -> Any:
    """Return a request, or a part of one, for reading: its media's data in a few words.

    Example:
        >>> shortened({"url": "data:image/png;base64," + "A" * 4000})
        {'url': 'data:image/png;base64,… (3 kB)'}
    """
    if isinstance(value, Mapping):
        medium = medium_of(value)
        if medium is not None and medium.kind == "audio" and len(medium.encoded) > _READABLE:
            sound = {**value["input_audio"], "data": f"… ({megabytes(medium.size)})"}
            return {**value, "input_audio": sound}
        return {name: shortened(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(item) for item in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > _READABLE:
        head, _, data = value.partition(",")
        return f"{head},… ({megabytes(len(data) * 3 // 4)})"
    return value


def without_large_media(content: Any, most: int) -> Any:
    """Return a message's content with a line of text in the place of each medium that has more than *most* bytes."""
    if not isinstance(content, list | tuple):
        return content
    return [_or_words(part, most) for part in content]


def _or_words(part: Any, most: int) -> Any:
    medium = medium_of(part)
    return part if medium is None or medium.size <= most else {"type": "text", "text": f"[{_seen(medium)}]"}
