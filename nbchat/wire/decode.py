"""From the bytes of a server's answer to values.

Pure: bytes in, values or an :class:`~nbchat.errors.NbchatError` out. No input gives anything else.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from nbchat.errors import EmptyAnswerError, NbchatError, ProtocolError, TruncatedError
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.complaints import api_error, complains
from nbchat.wire.frame import Frame, frame_of
from nbchat.wire.sse import MAX_EVENT_BYTES, EventDecoder

__all__ = [
    "ChunkDecoder",
    "chunk_of_completion",
    "read_answer",
    "read_json",
    "read_models",
    "read_object",
    "too_large",
    "without_surrogates",
]

_decode = msgspec.json.Decoder().decode
# How much of what is no stream of events is looked at and repeated, in bytes; and how such a stream begins.
_START = 80
_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:(?:data|event|id|retry|error)?\s*(?::|[\r\n]|$)|$)")
_SURROGATE = re.compile("[\ud800-\udfff]")
# How deep JSON may be nested: no server needs more, and copying or writing what is deeper would exhaust Python's stack.
_DEEPEST = 100
# A whole number of more digits is too large for a float, whose largest is 1.8e308. In a text so many only cost time.
_MOST_DIGITS = 308
_TOO_MANY_DIGITS = re.compile(rb"(?<![0-9])[0-9]{%d}" % (_MOST_DIGITS + 1))
_ALL_BUT_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")
# How many answers a request may have, several times over: what an index counts up to is room that a view makes.
_MOST_CHOICES = 1024
# How many chunks a frame has to read, for each that was read in full, to be worth the look: it costs as much as three.
_WORTH = 8
# After how many chunks that had nothing in common a stream is looked at again.
_LONGEST_PAUSE = 1024
# In bytes: how much is cut into events at once, so that what the cutting needs does not grow with what is fed.
_WINDOW = 256 * 1024


def without_surrogates(value: Any) -> Any:
    r"""Return *value* (decoded JSON) with lone surrogates replaced: no message packer can encode them.

    Example:
        >>> without_surrogates(["a\ud800"])
        ['a\ufffd']
    """
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    return int(text) if len(text.removeprefix("-")) <= _MOST_DIGITS else None


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for parent in level
            for item in (parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ())
        ]
        if not level:
            return False
    return True


def read_json(received: bytes) -> Any:
    """Decode JSON as servers write it.

    What the strict decoder refuses but a person would understand is read more gently: bad UTF-8 and lone surrogates
    become U+FFFD; NaN, Infinity and numbers beyond a float, whole ones too, become null. Whatever comes back can be
    written as JSON again, by anybody.

    Raises:
        ProtocolError: It is not JSON, or it is nested too deeply (``kind`` is ``"invalid_json"``).
    """
    try:
        value = _read_gently(received) if _has_huge_number(received) else _decode(received)
    except RecursionError:
        raise _nested_too_deeply() from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = _read_gently(received)
    # Counting brackets costs next to nothing, and nearly always tells that there is nothing to look for.
    if len(received) - len(received.translate(None, b"[{")) >= _DEEPEST and _too_deep(value):
        raise _nested_too_deeply()
    return value


def _has_huge_number(received: bytes) -> bool:
    """Whether there are so many digits in a row; counting them all is quicker, and mostly enough."""
    return (
        len(received) > _MOST_DIGITS
        and len(received.translate(None, _ALL_BUT_DIGITS)) > _MOST_DIGITS
        and _TOO_MANY_DIGITS.search(received) is not None
    )


def _read_gently(received: bytes) -> Any:
    try:
        text = received.decode("utf-8-sig", "replace")
        value = json.loads(text, parse_constant=lambda _: None, parse_float=_finite, parse_int=_whole)
        return without_surrogates(value)
    except RecursionError:
        problem = _nested_too_deeply()
    except ValueError:
        start = received[:80].decode("utf-8", "replace")
        problem = ProtocolError(f"The server sent something that is not JSON: {start!r}.", kind="invalid_json")
    raise problem


def _nested_too_deeply() -> ProtocolError:
    return ProtocolError("The server sent JSON that is nested too deeply to be an answer.", kind="invalid_json")


def too_large(limit: int) -> ProtocolError:
    """Make the error for an event, or for a whole body, of more than *limit* bytes."""
    size = f"{limit / 2**20:.3g} MiB" if limit >= 2**20 else f"{limit} bytes"
    return ProtocolError(
        f"The server sent more than {size} in one piece.",
        hint="That is rarely an answer: look at the endpoint, or raise max_event_bytes if it is meant to be so large.",
    )


def read_object(received: bytes) -> dict[str, Any]:
    """Decode a JSON object, such as a whole answer.

    Raises:
        ProtocolError: It is not JSON, or not an object.
        APIError: It is an object that reports an error; of its own class where it says which.
    """
    data = read_json(received)
    if not isinstance(data, dict):
        raise ProtocolError(f"The server sent {type(data).__name__} where an object was due.")
    if data.get("error"):
        raise api_error(data)
    return data


def read_answer(received: bytes) -> dict[str, Any]:
    """Decode a whole answer.

    Raises:
        EmptyAnswerError: There is nothing.
        ProtocolError: It is not an answer.
        APIError: It reports an error; of its own class where it says which.
    """
    received = received.strip()
    if not received:
        raise _nothing_sent()
    # What ends a stream of events some proxies send after a whole answer, too.
    before = received.removesuffix(b"[DONE]").rstrip()
    if len(before) < len(received) and before.endswith(b"data:"):
        received = before.removesuffix(b"data:")
    return _with_choices(read_object(received))


def read_models(received: bytes) -> dict[str, Any]:
    """Decode a list of models, which some servers send bare; what has no name in it is left out.

    Raises:
        EmptyAnswerError: There is nothing.
        ProtocolError: It is not a list.
        APIError: It reports an error; of its own class where it says which.
    """
    if not received.strip():
        raise _nothing_sent()
    data = read_json(received)
    listed = {"object": "list", "data": data} if isinstance(data, list) else read_object(received)
    models = listed.get("data")
    if models is None:  # how Go writes an empty list
        models = []
        if complains(listed):
            raise api_error(listed)
    if not isinstance(models, list):
        raise ProtocolError(f"The server sent {type(models).__name__} where a list of models was due.")
    named = [model for model in models if isinstance(model, dict) and isinstance(model.get("id"), str) and model["id"]]
    return {**listed, "data": named}


def _with_choices(data: dict[str, Any]) -> dict[str, Any]:
    choices = data.get("choices")
    if not isinstance(choices, list):
        raise _no_choices(data)
    for choice in choices:
        if isinstance(choice, dict) and "message" not in choice and isinstance(choice.get("text"), str):
            raise _older_form()
    return data


def _no_choices(data: dict[str, Any]) -> NbchatError:
    """Make the error for an object in the place of an answer, in the server's words where it has any."""
    error = api_error(data) if complains(data) else ProtocolError("The server's answer has no choices.")
    error.hint = "Is the base URL that of a Chat Completions API?"
    return error


def _older_form() -> ProtocolError:
    return ProtocolError(
        "The server answered in the form of the older completions API, with texts in the place of messages.",
        hint="Is the base URL that of a Chat Completions API?",
    )


def _nothing_sent() -> EmptyAnswerError:
    return EmptyAnswerError("The server closed the answer before it sent anything.", hint="Try again.")


def _bad_chunk(what: str) -> ProtocolError:
    return ProtocolError(f"The server sent a chunk that is not one of the API's: {what}.")


def _checked(data: Any, seen: set[int], finished: set[int]) -> dict[str, Any]:
    """Return a chunk's object if everything that looks at it later may rely on its shape.

    Which choices it speaks of is added to *seen*, and to *finished* which of them end: one pass does both.
    """
    if not isinstance(data, dict):
        raise _bad_chunk(f"{type(data).__name__} in place of an object")
    if data.get("error"):
        raise api_error(data)
    choices = data.get("choices")
    if choices is None:
        return data
    if not isinstance(choices, list):
        raise _bad_chunk("choices is not a list")
    for choice in choices:
        if type(choice) is not dict:
            raise _bad_chunk("a choice is not an object")
        index = choice.get("index")
        if index is not None and (type(index) is not int or not 0 <= index < _MOST_CHOICES):
            raise _bad_chunk("a choice's index is not a small number")
        seen.add(index or 0)
        if reason := choice.get("finish_reason"):
            if not isinstance(reason, str):
                raise _bad_chunk("a finish reason is not text")
            finished.add(index or 0)
        delta = choice.get("delta")
        if delta is None:
            if "message" not in choice and isinstance(choice.get("text"), str) and choice["text"]:
                raise _older_form()
            continue
        if type(delta) is not dict:
            raise _bad_chunk("a delta is not an object")
        content = delta.get("content")
        if type(content) is not str and content is not None and type(content) is not list:
            raise _bad_chunk("content is neither text nor a list of parts")
        calls = delta.get("tool_calls")
        if type(calls) is dict:  # TGI, up to 2.4
            calls = [calls]
        if calls is not None and not (isinstance(calls, list) and all(isinstance(call, dict) for call in calls)):
            raise _bad_chunk("tool_calls is not a list of objects")
    return data


class ChunkDecoder:
    r"""Turns the bytes of a streamed answer into chunks, and knows whether the answer is complete.

    Complete means that ``[DONE]`` came, or a finish reason for every choice seen; anything else that ends is truncated.

    Args:
        max_event_bytes: How large one event may be, in bytes; what is larger ends the answer with a
            :class:`~nbchat.errors.ProtocolError`.

    Attributes:
        done: Whether the answer is over and nothing that follows counts: ``[DONE]`` came, or something that is no
            chunk. :meth:`end` tells which.

    Example:
        >>> decoder = ChunkDecoder()
        >>> [chunk.choices[0].delta.content for chunk in decoder.feed(b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n')]
        ['Hi']
    """

    __slots__ = (
        "_event_frame", "_events", "_failure", "_finished", "_frame", "_hits", "_instead", "_nothing_yet", "_pause", "_seen", "_start", "_wait", "done",
    )  # fmt: skip

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.done = False
        self._events = EventDecoder(max_event_bytes)
        self._failure: NbchatError | None = None
        self._nothing_yet = True
        self._start = b""  # of what came before the first chunk
        self._instead: dict[str, Any] | None = None  # the first object that is no chunk, where chunks should begin
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        # What was the same in the last chunks: around a payload, and around an event that is nothing but one.
        self._frame: Frame | None = None
        self._event_frame: Frame | None = None
        # How many chunks to read in full before the next look at what is the same, and how many there were to be since
        # the last one; how many could be read by their frame since then.
        self._wait = self._pause = 1
        self._hits = 0

    def feed(self, received: bytes) -> list[ChatCompletionChunk]:
        """Take the next bytes and return the chunks that they complete.

        An error that comes in the same bytes waits for :meth:`end`: what had arrived before it is never lost.
        """
        # What nearly every read of a server that is slower than we is: one whole event with another text in its frame.
        if (
            (frame := self._event_frame) is not None
            and received.endswith(b"\n\n")
            and (chunk := frame.read(received[:-2])) is not None
            and self._events.between
            and len(received) <= self._events.max_event_bytes
            and not self.done
        ):
            self._hits += 1
            return [chunk]
        if self._nothing_yet and len(self._start) < _START:
            self._start += received[: _START - len(self._start)]
        if len(received) <= _WINDOW:
            return self._feed(received)
        starts = range(0, len(received), _WINDOW)
        return [chunk for start in starts for chunk in self._feed(received[start : start + _WINDOW])]

    def _feed(self, received: bytes) -> list[ChatCompletionChunk]:
        chunks: list[ChatCompletionChunk] = []
        if self.done:
            return chunks
        events = self._events
        received = events.unified(received)
        frame = self._event_frame
        if len(received) > events.max_event_bytes or (
            frame is None and received.find(b"\n\n", 0, len(received) - 2) < 0  # no more than one event
        ):
            self._take(received, chunks)
            return chunks
        whole = received.split(b"\n\n")
        rest = whole.pop()
        for event in whole:
            # And what nearly every event of a longer read is.
            if frame is not None and events.between and (chunk := frame.read(event)) is not None:
                chunks.append(chunk)
                self._hits += 1
                continue
            if not self._take(event + b"\n\n", chunks):
                break
            frame = self._event_frame
        else:
            self._take(rest, chunks)
        return chunks

    def _take(self, received: bytes, chunks: list[ChatCompletionChunk]) -> bool:
        """Take bytes whose line ends are unified, with nothing known about them.

        Args:
            received: The bytes.
            chunks: Where the chunks go that they complete.

        Returns:
            Whether what follows them counts.
        """
        try:
            for kind, payload in self._events.take(received):
                chunk = self._read(kind, payload)
                if chunk is not None:
                    chunks.append(chunk)
                elif self.done:
                    return False
            if self._events.overflowed:
                raise too_large(self._events.max_event_bytes)
        except NbchatError as failure:
            # Without its traceback, whose frames hold what was read.
            self._failure, self.done = failure.with_traceback(None), True
            return False
        return True

    def _read(self, kind: str, payload: bytes) -> ChatCompletionChunk | None:
        if kind == "error":
            raise self._reported(payload)
        if payload[:1] != b"{":  # not what every chunk is: blank (a keep-alive), [DONE], or something broken
            payload = payload.strip()
            if not payload:
                return None
            if payload == b"[DONE]":
                self.done = True
                return None
        if self._frame is not None and (chunk := self._frame.read(payload)) is not None:
            self._hits += 1
            return chunk
        data = _checked(read_json(payload), self._seen, self._finished)
        self._nothing_yet = False
        if not self._seen and data.get("choices") is None and self._instead is None:
            self._instead = data
        self._look(payload, data)
        return ChatCompletionChunk(data)

    def _look(self, payload: bytes, data: dict[str, Any]) -> None:
        """Look for what will be the same in the next chunk: ever less often where that came to nothing."""
        self._wait -= 1
        if self._wait == 0:
            self._frame = frame = frame_of(payload, data)
            self._event_frame = frame.within(b"data: ") if frame is not None else None
            # Two choices that take turns have a frame each: looking at every turn would cost more than it brings.
            self._wait = self._pause = 1 if self._hits >= _WORTH * self._pause else min(2 * self._pause, _LONGEST_PAUSE)
            self._hits = 0

    def _reported(self, payload: bytes) -> NbchatError:
        try:
            body = read_json(payload)
        except ProtocolError:
            body = payload.decode("utf-8", "replace")
        return api_error(body if isinstance(body, dict) else {"error": str(body)})

    @property
    def complete(self) -> bool:
        """Whether the answer may end here."""
        return self._failure is None and (self.done or (bool(self._seen) and self._seen <= self._finished))

    def end(self) -> None:
        """Say that no more bytes will come, or that the answer is over.

        Raises:
            APIError: The server reported an error in the stream; of its own class where it says which.
            ProtocolError: What it sent is not a chunk (``invalid_json``, ``invalid_chunk``).
            EmptyAnswerError: Nothing had come, or nothing but keep-alives.
            TruncatedError: The answer is not complete.
        """
        if self._failure is None and not self._seen and self._instead is not None and complains(self._instead):
            raise _no_choices(self._instead)
        if self.complete:
            return
        if self._failure is not None:
            raise self._failure
        if self._nothing_yet and _FIELD.match(self._start) is None:
            begun = self._start.decode("utf-8", "replace").strip()
            what = "a web page" if begun.startswith("<") else repr(begun)
            raise ProtocolError(
                f"The server sent {what}, which is not a stream of events.",
                kind="not_sse",
                hint="Is the base URL right?",
            )
        if self._nothing_yet:
            raise _nothing_sent()
        raise TruncatedError("The answer was cut off: the connection ended before the server said it had finished.")


def chunk_of_completion(data: dict[str, Any]) -> ChatCompletionChunk:
    """See a whole answer as one chunk, for servers that do not stream when asked to.

    Raises:
        ProtocolError: It is not an answer.
    """
    choices = [
        {**{key: value for key, value in choice.items() if key != "message"}, "delta": choice.get("message") or {}}
        for choice in _with_choices(data)["choices"]
        if isinstance(choice, dict)
    ]
    return ChatCompletionChunk(_checked({**data, "object": "chat.completion.chunk", "choices": choices}, set(), set()))
