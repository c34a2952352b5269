"""What a tool returned, as a model reads it."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pathlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from nbchat.wire.decode import without_surrogates

__all__ = ["BUDGET", "Report", "ToParts", "cut", "report"]

# How much of a result a model gets where nothing else is said, in characters: some 5,000 tokens at four characters each
# (the rule of thumb of OpenAI's tokenizer page for English). A few such results leave room in a context of 32,000 tokens.
BUDGET = 20_000
# How deep values are followed; what contains itself ends here.
_DEEPEST = 30
_SCALARS = (dt.date, dt.time, uuid.UUID, decimal.Decimal, pathlib.PurePath)

# Turns a value into content parts of the API; ``None`` for one that is none.
ToParts = Callable[[Any], "list[dict[str, Any]] | None"]


@dataclass(frozen=True)
class Report:
    """A result for a model.

    Attributes:
        text: What it reads.
        parts: Content parts that are no text.
        trimmed: Whether the text is not all there was.
    """

    text: str
    parts: tuple[dict[str, Any], ...] = ()
    trimmed: bool = False


def report(value: Any, *, budget: int = BUDGET, to_parts: ToParts | None = None) -> Report:
    r"""Return a value as a model can read it.

    The first of these that there is: what the object's ``_repr_llm_()`` says (a text, a content part or a list of parts);
    a text as it is; what *to_parts* makes of it; data (also dataclasses, Structs, pydantic models, dates) as JSON; its
    ``repr``. What it costs depends on the budget and not on the size of the value, as far as that is up to us.

    Args:
        value: What a tool returned.
        budget: How much of it is told, in characters; a note at the end says that there was more.
        to_parts: See above.

    Example:
        >>> report({"a": [1, float("nan")]}).text
        '{"a":[1,null]}'
        >>> report("x" * 100, budget=10).text
        'xxxxxxxxxx\n[cut after 10 of 100 characters]'
    """
    own = getattr(type(value), "_repr_llm_", None)
    if callable(own):
        said = own(value)
        value = [said] if isinstance(said, Mapping) else said
        if not (
            isinstance(value, list) and value and all(isinstance(part, Mapping) and "type" in part for part in value)
        ):
            return _told(value if isinstance(value, str) else str(value), budget)
        return _parted([dict(part) for part in value], budget)
    if isinstance(value, str):
        return _told(value or "(an empty text)", budget)
    if value is None:
        return Report("(done; nothing was returned)")
    parts = to_parts(value) if to_parts is not None else None
    if parts is not None:
        return _parted(parts, budget)
    text, more = _limited(_pieces(value, budget, 0), budget)
    if not more:
        return Report(_clean(text))
    size = f" of {len(value):,} items" if isinstance(value, list | tuple | set | frozenset | Mapping) else ""
    return Report(f"{_clean(text)}\n[cut after {budget:,} characters{size}]", trimmed=True)


def cut(text: str, budget: int) -> tuple[str, bool]:
    """Return as much of a text as the budget allows, with a note if that is not all, and whether it is not."""
    if len(text) <= budget:
        return _clean(text), False
    return f"{_clean(text[:budget])}\n[cut after {budget:,} of {len(text):,} characters]", True


def _clean(text: str) -> str:
    return str(without_surrogates(text))


def _told(text: str, budget: int) -> Report:
    told, trimmed = cut(text, budget)
    return Report(told, trimmed=trimmed)


def _parted(parts: list[dict[str, Any]], budget: int) -> Report:
    """Tell of content parts: their text is text, the others go with it."""
    words = "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    others = tuple(part for part in parts if part.get("type") != "text")
    kinds = collections.Counter(str(part.get("type")).removesuffix("_url").replace("_", " ") for part in others)
    counted = ", ".join(f"{count} × {kind}" if count > 1 else kind for kind, count in kinds.items())
    told = _told(words or f"(the result is attached: {counted})", budget)
    return dataclasses.replace(told, parts=others)


def _limited(pieces: Iterable[str], budget: int) -> tuple[str, bool]:
    """Join pieces until the budget is used up, and say whether that happened."""
    taken: list[str] = []
    room = budget
    for piece in pieces:
        if len(piece) > room:
            return "".join([*taken, piece[:room]]), True
        taken.append(piece)
        room -= len(piece)
    return "".join(taken), False


def _pieces(value: Any, budget: int, depth: int) -> Iterator[str]:
    """Write a value as JSON, piece by piece, so that no more is written than is wanted."""
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        yield json.dumps(value)
    elif isinstance(value, str):
        # A longer text does not fit whatever follows; it need not be written to the end.
        yield json.dumps(value[: budget + 1], ensure_ascii=False)
    elif isinstance(value, int):
        yield (
            str(value) if value.bit_length() < 10_000 else hex(value)
        )  # Python refuses to write more than 4,300 digits
    elif isinstance(value, float):
        yield repr(float(value)) if math.isfinite(value) else "null"
    elif isinstance(value, _SCALARS):
        text = value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)
        yield json.dumps(text, ensure_ascii=False) if depth else text
    elif isinstance(value, bytes | bytearray):
        yield json.dumps(f"{len(value)} bytes, beginning with {bytes(value[:16]).hex(' ')}")
    elif depth > _DEEPEST:
        yield '"…"'
    elif (members := _members(value)) is not None:
        yield "{"
        for number, (name, member) in enumerate(members):
            yield f"{',' * (number > 0)}{json.dumps(str(name)[: budget + 1], ensure_ascii=False)}:"
            yield from _pieces(member, budget, depth + 1)
        yield "}"
    elif isinstance(value, list | tuple | set | frozenset | collections.deque):
        yield "["
        for number, item in enumerate(value):
            yield "," * (number > 0)
            yield from _pieces(item, budget, depth + 1)
        yield "]"
    elif hasattr(type(value), "dtype") and getattr(value, "shape", None) == ():  # one number of NumPy's
        yield from _pieces(value.item(), budget, depth)
    else:
        yield json.dumps(repr(value), ensure_ascii=False) if depth else repr(value)


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
