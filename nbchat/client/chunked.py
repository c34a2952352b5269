"""The body of an answer out of the HTTP chunks in which it comes, as RFC 9112 has them in its section 7.1.

https://www.rfc-editor.org/rfc/rfc9112#section-7.1

Pure: bytes in, bytes out. A server that streams sends each event in a chunk of its own: what is done for a chunk is done
for every token, and nearly every chunk is read in one look.
"""

from __future__ import annotations

import re

__all__ = ["ChunkReader"]

# A chunk's size with nothing behind it, of fewer digits than would count more bytes than there are.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
# What becomes one when more has come.
_BEGUN = re.compile(rb"[0-9A-Fa-f]{0,15}\r?")
_LINE_END = b"\r\n"
# In bytes: as long as the chunk of a token is.
_SHORT = 1024


class ChunkReader:
    r"""Takes the chunks of one body out of the bytes of its connection.

    Only chunks of the plainest form are read here. Whatever else comes (the last chunk with what follows it, an extension,
    anything broken) is left as it came, from the beginning of a chunk on, where any other parser can begin.

    Attributes:
        rest: What is left to the other parser; ``None`` as long as it is not its turn.
        broken: Whether a chunk did not end where it said: what follows has no meaning.

    Example:
        >>> reader = ChunkReader()
        >>> reader.feed(b"5\r\nhello\r\n"), reader.feed(b"7\r\n, wo"), reader.feed(b"rld\r\n0\r\n\r\n"), reader.rest
        (b'hello', b', wo', b'rld', b'0\r\n\r\n')
    """

    __slots__ = ("_begun", "_left", "_lines", "broken", "rest")

    def __init__(self) -> None:
        self.rest: bytes | None = None
        self.broken = False
        self._left = 0  # bytes of the open chunk that have not come, the two of its line end among them
        self._begun = b""  # what there is of the next chunk's size
        # The lines in which sizes came, by the length of such a chunk with all that surrounds it.
        self._lines: dict[int, bytes] = {}

    def feed(self, received: bytes) -> bytes:
        """Take the next bytes of the connection, as long as there is no rest and nothing broke; return those of the body."""
        # What nearly every read of a server that is slower than we is: one whole chunk, of a length that was read before.
        if (
            (line := self._lines.get(len(received))) is not None
            and received.startswith(line)
            and received.endswith(_LINE_END)
            and not self._left
            and not self._begun
        ):
            return received[len(line) : -2]
        received, self._begun = self._begun + received, b""
        pieces: list[bytes] = []
        at = self._go_on(received, 0, pieces) if self._left else 0
        while at < len(received):
            size = _SIZE.match(received, at)
            length = int(size[1], 16) if size else 0
            if size is None or not length:
                self._stop(received[at:])
                break
            start, end = size.end(), size.end() + length
            if received.startswith(_LINE_END, end):  # all of it is here
                if length <= _SHORT and not pieces:
                    self._lines[end + 2 - at] = size[0]
                pieces.append(received[start:end])
                at = end + 2
            else:
                self._left = length + 2
                at = self._go_on(received, start, pieces)
        return b"".join(pieces)

    def _go_on(self, received: bytes, at: int, pieces: list[bytes]) -> int:
        """Take what has come of the open chunk, and return where that ends."""
        part = received[at : at + self._left]
        self._left -= len(part)
        # How much of the line end is in it, which may itself come in pieces.
        end = min(max(0, 2 - self._left), len(part))
        pieces.append(part[: len(part) - end])
        if part[len(part) - end :] != _LINE_END[2 - self._left - end : 2 - self._left]:
            self.broken = True
            return len(received)
        return at + len(part)

    def _stop(self, line: bytes) -> None:
        """Wait for the rest of a line that may yet be a size; leave any other to another parser."""
        if _BEGUN.fullmatch(line):
            self._begun = line
        else:
            self.rest = line
