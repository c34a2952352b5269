"""What stays the same around the text of one chunk after another, so that only the text is read.

A server sends its name, the model's and a dozen punctuation marks again with every token. Where the bytes before and
after the text are those of a chunk that was read and checked already, all that can be new is the text.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from nbchat.wire.chunks import ChatCompletionChunk, text_chunk

__all__ = ["Frame", "frame_of"]

_decode = msgspec.json.Decoder().decode
_decode_text = msgspec.json.Decoder(str).decode
# Where a delta's text stands, reasoning under both of its names: of these the first that is not empty is what changes.
_TEXTS = {
    name: re.compile(rb'"%b"\s*:\s*("(?:[^"\\]|\\.)*")' % name.encode())
    for name in ("content", "reasoning_content", "reasoning")
}
# In bytes: whatever is longer than any token's chunk is not worth the look.
_LONGEST = 4096


class Frame:
    """The bytes before and after the text of a chunk, its quotes among them, and what the chunk holds beside it."""

    __slots__ = ("_choice", "_data", "_delta", "_from", "_head", "_is_content", "_name", "_tail", "_to")

    def __init__(self, head: bytes, tail: bytes, data: dict[str, Any], name: str) -> None:
        self._head = head
        self._tail = tail
        self._from = len(head) - 1
        self._to = 1 - len(tail) or None
        self._data = data
        self._name = name
        self._is_content = name == "content"
        self._choice = data["choices"][0]
        self._delta = self._choice["delta"]

    def read(self, received: bytes) -> ChatCompletionChunk | None:
        """Return the chunk, or ``None`` if this is not the frame around one text."""
        if not (received.startswith(self._head) and received.endswith(self._tail)):
            return None
        try:
            # Within its quotes, a JSON text holds no line end: what is read here is one line of one event.
            text = _decode_text(received[self._from : self._to])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return text_chunk(self, text) if self._is_content else ChatCompletionChunk(self.around(text))

    def around(self, text: str) -> dict[str, Any]:
        """Return the chunk's object with *text* in it."""
        # Half as dear as {**data, "choices": …}, and what a chunk costs is little more than this.
        delta = self._delta.copy()
        delta[self._name] = text
        choice = self._choice.copy()
        choice["delta"] = delta
        data = self._data.copy()
        data["choices"] = [choice]
        return data

    def proved(self, received: bytes) -> bool:
        """Whether decoding *received*, the same chunk with another text, gives what :meth:`read` does."""
        try:
            chunk = self.read(received)
            return chunk is not None and bool(_decode(received) == chunk.to_dict())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False

    def within(self, before: bytes) -> Frame:
        """Return the same with more bytes before it."""
        return Frame(before + self._head, self._tail, self._data, self._name)


def frame_of(payload: bytes, data: dict[str, Any]) -> Frame | None:
    r"""Return the frame around a chunk's text, if it has one that can be told.

    Args:
        payload: The chunk as it came.
        data: The chunk decoded, and checked.

    Example:
        >>> frame = frame_of(b'{"choices":[{"delta":{"content":"a"}}]}', {"choices": [{"delta": {"content": "a"}}]})
        >>> frame.read(b'{"choices":[{"delta":{"content":"\\u00e9"}}]}')
        ChatCompletionChunk(choices=[{'delta': {'content': 'é'}}])
    """
    choices = data.get("choices")
    delta = choices[0].get("delta") if choices and len(choices) == 1 else None
    if not delta or len(payload) > _LONGEST or b"\n" in payload:
        return None
    name = next((name for name in _TEXTS if delta.get(name)), "content")
    text = delta.get(name)
    found = _TEXTS[name].search(payload) if type(text) is str else None
    if found is None:
        return None
    head, tail = payload[: found.start(1) + 1], payload[found.end(1) - 1 :]
    frame = Frame(head, tail, data, name)
    # The proof that these are the text's bytes, and not those of a namesake: another text in their place is another text
    # in the chunk, and nothing else.
    return frame if frame.proved(head + msgspec.json.encode(f"{text}?")[1:-1] + tail) else None
