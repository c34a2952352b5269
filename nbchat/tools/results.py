"""What a tool returned, as a model reads it."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbchat.tools.writing import ToParts, Writer, count
from nbchat.wire.decode import without_surrogates

__all__ = ["BUDGET", "Report", "cut", "report"]

# How much of a result a model gets where nothing else is said, in characters: some 5,000 tokens at four characters each
# (the rule of thumb of OpenAI's tokenizer page for English). A few such results leave room in a context of 32,000 tokens.
BUDGET = 20_000


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
    a text as it is; what *to_parts* makes of it; data (also dataclasses, Structs, pydantic models, dates, arrays) as JSON,
    in which *to_parts* is asked for what is no data, a picture then leaving its name in its place; its ``repr``. What it
    costs depends on the budget and not on the size of the value, as far as that is up to us.

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
    writer = Writer(budget, to_parts)
    text, more = writer.write(value)
    found = Report(_clean(text), tuple(writer.parts), more)
    if not more:
        return found
    items = count(value)
    size = "" if items is None else f" of {items:,} items"
    return dataclasses.replace(found, text=f"{found.text}\n[cut after {budget:,} characters{size}]")


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
