"""What holds for every sequence of bytes that a server can send.

The tests and the fuzzer ask the same question: :func:`check`.
"""

from __future__ import annotations

import contextlib
import json
import random
import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from fuzz.reference import reference_events
from nbchat.errors import NbchatError
from nbchat.wire.accumulator import Accumulator
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.complaints import read_error
from nbchat.wire.decode import ChunkDecoder, chunk_of_completion, read_json, read_object
from nbchat.wire.sse import EventDecoder

__all__ = ["Outcome", "check", "check_body", "check_events", "outcome", "packed", "splits"]

# The kinds that an answer's bytes can lead to.
KINDS = frozenset({"api_error", "status", "not_sse", "invalid_json", "invalid_chunk", "truncated", "empty"})
# In bytes. Up to here an input is also fed byte by byte.
_SHORT = 1024

# The chunks as JSON, then the kind and the words of the error that ends the stream, if one does.
Outcome = tuple[list[bytes], str | None, str | None]


def packed(value: Any) -> bytes:
    """Pack decoded JSON as a notebook's message is: no NaN and no lone surrogate gets through."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


def outcome(pieces: Iterable[bytes], decoder: ChunkDecoder | None = None) -> tuple[Outcome, list[ChatCompletionChunk]]:
    """Decode a stream to its end, and then feed it again what may not count any more."""
    decoder = decoder or ChunkDecoder()
    chunks = [chunk for piece in pieces for chunk in decoder.feed(piece)]
    kind = words = None
    try:
        decoder.end()
    except NbchatError as error:
        kind, words = error.kind, str(error)
        packed(words)
        assert kind in KINDS, kind
        assert not decoder.complete
    else:
        assert decoder.complete
    if decoder.done:
        assert decoder.feed(b'\n\ndata: {"choices":[]}\n\ndata: {broken\n\n') == []
        assert decoder.complete == (kind is None)
    return ([packed(chunk._data) for chunk in chunks], kind, words), chunks


def without_frames(max_event_bytes: int | None = None) -> ChunkDecoder:
    """Return a decoder that reads every chunk in full."""
    decoder = ChunkDecoder() if max_event_bytes is None else ChunkDecoder(max_event_bytes)
    decoder._wait = 0  # the count goes down at each chunk, and would have to be 0 then
    return decoder


def splits(received: bytes) -> list[list[bytes]]:
    """Cut bytes in several ways, which only the bytes decide: byte by byte, at every blank line, and by dice."""
    dice = random.Random(zlib.crc32(received))
    cuts = [_cut(received, sorted(dice.randrange(len(received) + 1) for _ in range(count))) for count in (1, 2, 8)]
    cuts.append([piece + b"\n\n" for piece in received.split(b"\n\n")])
    cuts[-1][-1] = cuts[-1][-1][:-2]
    if len(received) <= _SHORT:
        cuts.append([received[at : at + 1] for at in range(len(received))])
    return cuts


def _cut(received: bytes, places: list[int]) -> list[bytes]:
    return [received[start:end] for start, end in pairwise([0, *places, len(received)])]


def check(received: bytes) -> Outcome:
    """Hold everything that is true of any bytes against these; return what they are as a stream.

    Raises:
        AssertionError: Something is not true. Any other exception is a failure as well.
    """
    expected, chunks = outcome([received])
    cuts = splits(received)
    for pieces in cuts:
        assert outcome(pieces)[0] == expected, "where the bytes are cut matters"
    assert outcome([received], without_frames())[0] == expected, "the short cut and the long way differ"
    assert outcome(cuts[3], without_frames())[0] == expected, "the short cut and the long way differ"
    # One of a few limits, so that every input is soon tried with each; the bytes decide, so that it can be seen again.
    limit = (10, 30, 100, 300)[zlib.crc32(received[::-1]) % 4]
    small = outcome([received], ChunkDecoder(limit))[0]
    assert outcome([received], without_frames(limit))[0] == small, "the limit depends on the way taken"
    for pieces in cuts:
        assert outcome(pieces, ChunkDecoder(limit))[0] == small, "the limit depends on the cuts"
    for most in (None, limit):
        check_events(received, cuts, most)
    accumulator = Accumulator()
    with contextlib.suppress(NbchatError):
        for chunk in chunks:
            accumulator.feed(chunk)
        packed(accumulator.completion().to_dict())
    check_body(received)
    return expected


def check_events(received: bytes, cuts: list[list[bytes]], limit: int | None = None) -> None:
    """Hold the decoder of events against the standard's own way.

    Args:
        received: The bytes of a stream.
        cuts: The same bytes in pieces, in several ways.
        limit: How large an event may be, in bytes.

    Raises:
        AssertionError: They differ.
    """
    expected = reference_events(received, limit)
    for pieces in ([received], *cuts):
        decoder = EventDecoder() if limit is None else EventDecoder(limit)
        events = [tuple(event) for piece in pieces for event in decoder.feed(piece)]
        assert (events, decoder.overflowed) == expected, "not as the standard has it"


def check_body(received: bytes) -> None:
    """Read the same bytes as a whole body, of an answer and of a refusal.

    Raises:
        AssertionError: Something came of it that is neither a value nor an error of a kind.
    """
    for read in (read_json, read_object, _read_completion):
        try:
            packed(read(received))
        except NbchatError as error:
            assert error.kind in KINDS, error.kind  # noqa: PT017  this is no test of pytest's
            packed(str(error))
    refused = read_error(400, received)
    assert refused.kind == "status", refused.kind
    packed(str(refused))


def _read_completion(received: bytes) -> Any:
    return chunk_of_completion(read_object(received)).to_dict()
