"""Values as JSON, piece by piece, so that no more is written than is wanted."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import io
import json
import math
import pathlib
import uuid
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, Sized, ValuesView
from typing import Any

import msgspec

__all__ = ["ToParts", "Writer", "count"]

# How deep values are followed; what contains itself ends here.
_DEEPEST = 30
# How many pictures, sounds and files go with one result: 20 pictures of 1024 pixels a side are some 15,000 tokens.
_MOST_PARTS = 20
_SCALARS = (dt.date, dt.time, dt.timedelta, uuid.UUID, decimal.Decimal, pathlib.PurePath)
_LISTS = (list, tuple, set, frozenset, collections.deque, range, KeysView, ValuesView, ItemsView, Iterator)
_NAMES = {"image_url": "picture", "input_audio": "sound"}

# Turns a value into content parts of the API; ``None`` for one that is none.
ToParts = Callable[[Any], "list[dict[str, Any]] | None"]


class Writer:
    """Writes one value.

    Args:
        budget: How much is wanted, in characters.
        to_parts: What a table or a picture within the value becomes.

    Attributes:
        parts: The content parts within the value that are no text; where one was stands its name, ``[picture 1]``.
    """

    def __init__(self, budget: int, to_parts: ToParts | None = None) -> None:
        self.parts: list[dict[str, Any]] = []
        self._budget = budget
        self._to_parts = to_parts

    def write(self, value: Any) -> tuple[str, bool]:
        """Return as much of a value as the budget allows, and whether that is not all."""
        taken: list[str] = []
        room = self._budget
        for piece in self._pieces(value, 0):
            if len(piece) > room:
                return "".join([*taken, piece[:room]]), True
            taken.append(piece)
            room -= len(piece)
        return "".join(taken), False

    def _pieces(self, value: Any, depth: int) -> Iterator[str]:
        if isinstance(value, enum.Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            yield json.dumps(value)
        elif isinstance(value, str):
            # A longer text does not fit whatever follows; it need not be written to the end.
            yield self._quoted(value)
        elif isinstance(value, int):
            # Python refuses to write more than 4,300 digits.
            yield str(value) if value.bit_length() < 10_000 else hex(value)
        elif isinstance(value, float):
            yield repr(float(value)) if math.isfinite(value) else "null"
        elif isinstance(value, _SCALARS):
            yield _told(value.isoformat() if isinstance(value, dt.date | dt.time) else str(value), depth)
        elif isinstance(value, bytes | bytearray):
            yield json.dumps(f"{len(value)} bytes, beginning with {bytes(value[:16]).hex(' ')}")
        elif depth > _DEEPEST:
            yield '"…"'
        elif (members := _members(value)) is not None:
            yield "{"
            for number, (name, member) in enumerate(members):
                yield f"{',' * (number > 0)}{self._quoted(str(name))}:"
                yield from self._pieces(member, depth + 1)
            yield "}"
        elif isinstance(value, _LISTS) and not isinstance(value, io.IOBase):
            yield from self._listed(value, depth)
        elif depth and (shown := self._shown(value)) is not None:
            yield json.dumps(shown, ensure_ascii=False)
        elif _is_array(value):
            yield from self._array(value, depth)
        else:
            yield _told(repr(value), depth)

    def _listed(self, items: Iterable[Any], depth: int) -> Iterator[str]:
        yield "["
        for number, item in enumerate(items):
            yield "," * (number > 0)
            yield from self._pieces(item, depth + 1)
        yield "]"

    def _array(self, value: Any, depth: int) -> Iterator[str]:
        if value.shape:
            yield from self._listed(value, depth)
        elif getattr(value.dtype, "kind", None) in ("m", "M"):  # a time in nanoseconds would become a number
            yield _told(str(value), depth)
        else:
            yield from self._pieces(value.tolist(), depth)

    def _quoted(self, text: str) -> str:
        return json.dumps(text[: self._budget + 1], ensure_ascii=False)

    def _shown(self, value: Any) -> str | None:
        """Return the text of a table or a picture within the value."""
        parts = self._to_parts(value) if self._to_parts is not None else None
        if parts is None:
            return None
        return "\n".join(part["text"].strip() if part.get("type") == "text" else self._named(part) for part in parts)

    def _named(self, part: dict[str, Any]) -> str:
        """Return the name of a part that goes with the text: the same one where a figure and its axes are both there."""
        name = _NAMES.get(str(part.get("type")), "file")
        if part not in self.parts:
            if len(self.parts) == _MOST_PARTS:
                return f"[a further {name}, left out]"
            self.parts.append(part)
        return f"[{name} {self.parts.index(part) + 1}]"


def count(value: Any) -> int | None:
    """Return how many items a value has; ``None`` for one that has none, or does not know."""
    many = isinstance(value, (*_LISTS, Mapping)) or (_is_array(value) and value.shape)
    return len(value) if many and isinstance(value, Sized) else None


def _told(text: str, depth: int) -> str:
    return json.dumps(text, ensure_ascii=False) if depth else text


def _is_array(value: Any) -> bool:
    """Whether a value is an array, or one item of such: NumPy's, or made like it."""
    return all(hasattr(type(value), name) for name in ("dtype", "shape", "tolist"))


def _members(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """Return the members of what is an object in JSON, as they are asked for; ``None`` for anything else."""
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return (
            (field.encode_name, member)
            for field in fields
            if (member := getattr(value, field.name)) is not msgspec.UNSET
        )
    if callable(dump := getattr(type(value), "model_dump", None)):  # pydantic
        dumped = dump(value, mode="json")
        return dumped.items() if isinstance(dumped, Mapping) else None
    return None
