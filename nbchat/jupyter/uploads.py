"""Files on their way from a page into a question: they come in pieces, and wait here until they are asked with.

Jupyter's server closes the connection of whoever sends a message of more than 10 MiB (Tornado's
``websocket_max_message_size``), so a page sends a file as the binary buffers of many messages, each when the one before it
was answered. What a file is its bytes say: neither its name nor the type that a browser gives it is asked.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbchat.attachments.attach import attached_file, check_file
from nbchat.attachments.attachment import Attachment
from nbchat.attachments.limits import DEFAULT, megabytes
from nbchat.attachments.seen import seen_beside
from nbchat.errors import ConfigurationError
from nbchat.jupyter.requests import Upload
from nbchat.session.prompt import configured_limits
from nbchat.wire.decode import without_surrogates

__all__ = ["Uploads", "accepted"]

# Bytes of a message: a fifth of what Tornado lets through. Each costs a round trip; a slow line (3 Mbit/s) has sent one before
# the page says that the kernel is silent.
_PIECE = 2_000_000
_LONGEST_NAME = 200
_FOLDER = re.compile(r".*[/\\]", re.DOTALL)
# What would break the line that the name stands in: control characters and Unicode's own ends of lines.
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def accepted() -> dict[str, int]:
    """Return what a page is told: how many bytes a file, a picture and one message may have."""
    try:
        limits = configured_limits()
    except ConfigurationError:  # said to whoever uploads, and no reason to have no panel
        limits = DEFAULT
    return {"file": limits.file_bytes, "picture": limits.picture_bytes, "piece": _PIECE}


@dataclass(eq=False)
class _File:
    """One file: the pieces that have come, and then what is made of them."""

    page: str
    name: str
    size: int
    pieces: list[bytes] = field(default_factory=list)
    received: int = 0
    attachment: Attachment | None = None


class Uploads:
    """The files that pages have uploaded and not sent yet. Any thread may call any method.

    All of them together are no larger than the largest picture may be: a page whose files come to more is refused, and
    those of other pages, which may have gone without a word, make room, the oldest first.
    """

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._lock = threading.Lock()

    def add(self, piece: Upload, buffers: Sequence[memoryview]) -> bool:
        """Take the next piece of a file; the first one, at offset 0, begins it.

        Args:
            piece: Which file it is of, and where in it.
            buffers: Its bytes, as the one buffer of the message.

        Returns:
            Whether the file is whole, and can be read.

        Raises:
            ConfigurationError: The file is too large, or too much with the others, or the piece is not its next one. Nothing
                of it is kept.
        """
        try:
            return self._add(piece, b"".join(buffers))
        except ConfigurationError:
            self.drop([piece.file])
            raise

    def _add(self, piece: Upload, data: bytes) -> bool:
        if piece.offset == 0:
            self._begin(piece, data)
        with self._lock:
            file = self._files.get(piece.file)
            if file is None or file.received != piece.offset or piece.offset + len(data) > file.size or not data:
                raise ConfigurationError(
                    f"Parts of {_shown(piece.name)} are missing or out of order.", hint="Attach it again."
                )
            file.pieces.append(data)
            file.received += len(data)
            return file.received == file.size

    def _begin(self, piece: Upload, data: bytes) -> None:
        name, limits = _shown(piece.name), configured_limits()
        if piece.size < 1:
            raise ConfigurationError(f"{name} is empty.")
        check_file(data, piece.size, name, limits)
        with self._lock:
            self._files.pop(piece.file, None)
            self._make_room(piece.page, piece.size, name, limits.picture_bytes)
            self._files[piece.file] = _File(piece.page, name, piece.size)

    def _make_room(self, page: str, size: int, name: str, most: int) -> None:
        mine = sum(file.size for file in self._files.values() if file.page == page)
        if mine + size > most:
            raise ConfigurationError(
                f"{name} has {megabytes(size)}, and {megabytes(mine)} are attached already; at most {megabytes(most)} are "
                "held until they are sent.",
                hint="Send or remove the others first.",
            )
        others = [key for key, file in self._files.items() if file.page != page]
        for key in others:
            if sum(file.size for file in self._files.values()) + size <= most:
                break
            del self._files[key]

    async def read(self, key: str) -> dict[str, Any]:
        """Read a file that is whole, as what it is to a model; off the kernel's own thread, since a picture takes long.

        Args:
            key: Which file.

        Returns:
            What a page shows of it: its ``kind``, in words what it is (``about``), about how many ``tokens`` it costs, a small
            ``picture`` of a picture, and ``notes`` of what was changed. What is empty is left out.

        Raises:
            ConfigurationError: It can't be attached, or was removed meanwhile.
        """
        with self._lock:
            file = self._files.get(key)
        try:
            if file is None:
                raise ConfigurationError("The file was removed.")
            data = b"".join(file.pieces)
            file.pieces.clear()
            found = await asyncio.to_thread(attached_file, data, file.name, configured_limits())
            entry = await asyncio.to_thread(_entry, found)
        except BaseException:
            self.drop([key])
            raise
        with self._lock:
            file.attachment = found
        return entry

    def attachment(self, keys: Iterable[str]) -> Attachment:
        """Return what files are to a model, in this order.

        Raises:
            ConfigurationError: One is not held, or not read yet.
        """
        with self._lock:
            files = [self._files.get(key) for key in keys]
        found = [file.attachment for file in files if file is not None and file.attachment is not None]
        if len(found) < len(files):
            raise ConfigurationError(
                "A file that belongs to this question is not in the kernel any more.",
                hint="Remove it, and attach it again.",
            )
        return Attachment.joined(found)

    def drop(self, keys: Iterable[str]) -> None:
        """Forget files, whole or not."""
        with self._lock:
            for key in keys:
                self._files.pop(key, None)

    def leave(self, page: str) -> None:
        """Forget the files of a page that shows the panel no more."""
        with self._lock:
            self._files = {key: file for key, file in self._files.items() if file.page != page}

    def clear(self) -> None:
        """Forget all files."""
        with self._lock:
            self._files.clear()


def _shown(name: str) -> str:
    """Return a file's name as one short line: browsers give it without its folders, and nobody holds them to it."""
    line = _UNPRINTED.sub(" ", _FOLDER.sub("", without_surrogates(name))).strip()
    return line[:_LONGEST_NAME] or "file"


def _entry(found: Attachment) -> dict[str, Any]:
    (seen,) = seen_beside(found.parts)
    entry = {
        "kind": seen.kind,
        "about": seen.about,
        "tokens": seen.tokens,
        "picture": seen.picture,
        "notes": list(found.notes),
    }
    return {name: value for name, value in entry.items() if value}
