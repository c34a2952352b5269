"""What a model's file says of itself, and how much room it gets in memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from nbchat.embedded.refusal import Refusal

__all__ = ["Plan", "check", "plan_for", "read_header"]

_MAGIC = b"GGUF"
# GGUF's types of value and their form; 8 is text, 9 a list.
_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
# No key and no value that is wanted here is longer; a damaged file may claim terabytes.
_LONGEST = 1 << 16

# What the keys and values of all slots together may take, in bytes, and what a slot gets, in tokens. A model that
# needs more has fewer slots; its last one gets the least whatever it takes, as less holds no conversation.
_BUDGET = 1 << 30
_LEAST, _MOST = 4096, 8192


@dataclass(frozen=True, slots=True)
class Plan:
    """The room that a model gets.

    Attributes:
        slots: How many answers are generated side by side.
        context: How many tokens each of them may have, the prompt's included.
        cache: In which form the keys and values of past tokens are kept.
    """

    slots: int
    context: int
    cache: Literal["f16", "q8_0"] = "f16"


def check(path: Path) -> None:
    """Make sure that there is a GGUF file.

    Raises:
        Refusal: There is none, or it is something else.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise Refusal(404, f"There is no file {path}.", code="model_not_found", param="model") from None
    except OSError as problem:
        why = "it is a folder" if path.is_dir() else problem.strerror
        raise Refusal(400, f"{path} can't be read: {why}.", code="invalid_model", param="model") from None
    if magic != _MAGIC:
        raise Refusal(400, f"{path} is not a GGUF file.", code="invalid_model", param="model")


def read_header(path: Path) -> dict[str, Any]:
    """Return what the file says of its model: names such as ``"llama.block_count"`` and their values.

    Reading ends at the vocabulary, which by custom comes last and is large. Of a damaged file it is what is readable.
    """
    header: dict[str, Any] = {}
    try:
        with path.open("rb") as file:
            magic, _, _, count = struct.unpack("<4sIQQ", file.read(24))
            while magic == _MAGIC and len(header) < count:
                name = _text(file)
                if name.startswith("tokenizer."):
                    break
                header[name] = _value(file, *struct.unpack("<I", file.read(4)))
    except (OSError, struct.error, ValueError, KeyError):
        pass
    return header


def _text(file: IO[bytes]) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > _LONGEST:
        file.seek(length, 1)
        return ""
    return file.read(length).decode("utf-8", "replace")


def _value(file: IO[bytes], kind: int) -> Any:
    if kind == _TEXT:
        return _text(file)
    if kind == _LIST:
        of, length = struct.unpack("<IQ", file.read(12))
        if length > _LONGEST:
            raise ValueError("a list too long to be of use")
        return [_value(file, of) for _ in range(length)]
    form = f"<{_FORMS[kind]}"
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def plan_for(header: dict[str, Any]) -> Plan:
    """Return the room for a model.

    Args:
        header: What its file says, as :func:`read_header` reads it.

    Example:
        >>> plan_for({"general.architecture": "llama", "llama.context_length": 2048})
        Plan(slots=4, context=2048, cache='f16')
    """
    number = _numbers(header)
    trained = number("context_length", _LEAST)
    least = min(_LEAST, trained)
    token = _bytes_of_a_token(number)
    slots = next((slots for slots in (4, 2) if slots * least * token <= _BUDGET), 1)
    context = min(trained, _MOST, max(least, _BUDGET // (slots * token) // 256 * 256))
    return Plan(slots, context)


def _bytes_of_a_token(number: Callable[[str, int], int]) -> int:
    """Return what the keys and values of one token take, in f16; one that grows where a header says little."""
    heads = number("attention.head_count", 32)
    head = number("embedding_length", 4096) // max(heads, 1)
    size = number("attention.key_length", head) + number("attention.value_length", head)
    return max(1, 2 * number("block_count", 32) * number("attention.head_count_kv", heads) * size)


def _numbers(header: dict[str, Any]) -> Callable[[str, int], int]:
    """Return a look-up of the architecture's numbers. Where they differ by layer, the largest counts."""
    architecture = header.get("general.architecture")

    def number(name: str, otherwise: int) -> int:
        value = header.get(f"{architecture}.{name}", otherwise)
        if isinstance(value, list):
            value = max(value, default=otherwise)
        return value if isinstance(value, int) and value > 0 else otherwise

    return number
