"""What servers sent, byte for byte, and what it has to become: ``tests/wire/*.sse``, each with a ``.json`` beside it.

The ``.json`` holds the ``completion``; where the stream goes wrong, the ``error`` (kind, status, message); and, as
``replayed``, the answer's message as the next request carries it. A ``.whole.json`` is the same answer where it is not
streamed. Where each comes from is in ``tests/wire/README.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from nbchat.errors import NbchatError
from nbchat.wire.accumulator import Accumulator
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.decode import ChunkDecoder

# A busy machine is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cut(received: bytes, size: int) -> list[bytes]:
    """Cut bytes into pieces of one size."""
    return [received[at : at + size] for at in range(0, len(received), size)]


@dataclass(frozen=True)
class Recording:
    name: str
    received: bytes
    completion: dict[str, Any]
    error: dict[str, Any] | None
    replayed: dict[str, Any]
    whole: dict[str, Any] | None


WIRE = Path(__file__).parent / "wire"


def _read(path: Path) -> Recording:
    expected = _json(path.with_suffix(".json"))
    whole = path.with_suffix(".whole.json")
    return Recording(
        path.stem,
        path.read_bytes(),
        expected["completion"],
        expected.get("error"),
        expected["replayed"],
        _json(whole) if whole.exists() else None,
    )


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


RECORDINGS = [_read(path) for path in sorted(WIRE.glob("*.sse"))]


def chunks_of(pieces: Iterable[bytes]) -> tuple[list[ChatCompletionChunk], NbchatError | None]:
    """Decode a stream as the client does: the chunks, and the error that ends it, if one does."""
    decoder = ChunkDecoder()
    chunks: list[ChatCompletionChunk] = []
    for piece in pieces:
        chunks += decoder.feed(piece)
        if decoder.done:
            break
    try:
        decoder.end()
    except NbchatError as error:
        return chunks, error
    return chunks, None


def told(error: NbchatError | None) -> dict[str, Any] | None:
    """An error as a recording writes it."""
    return error and {"kind": error.kind, "status": error.status, "message": error.message}


def whole(chunks: Iterable[ChatCompletionChunk]) -> dict[str, Any]:
    """Add chunks up to a completion."""
    accumulator = Accumulator()
    for chunk in chunks:
        accumulator.feed(chunk)
    return accumulator.completion().to_dict()
