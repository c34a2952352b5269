"""The pieces in which a streamed answer comes."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Protocol

from nbchat.wire.messages import CustomTool, Function, Usage, reasoning_text
from nbchat.wire.values import Value, lend, many, maybe, one

__all__ = ["Around", "ChatCompletionChunk", "ChunkChoice", "Delta", "TextChunk", "ToolCallDelta", "text_chunk"]


class ToolCallDelta(Value):
    """A piece of a tool call; the pieces with the same ``index`` belong together."""

    __slots__ = ()

    index: int | None
    id: str | None
    type: str | None
    function: Function | None
    custom: CustomTool | None

    _readers: ClassVar = {"function": maybe(Function), "custom": maybe(CustomTool)}


class Delta(Value):
    """What a chunk adds to a message."""

    __slots__ = ()

    role: str | None
    content: str | None
    refusal: str | None
    tool_calls: list[ToolCallDelta] | None
    function_call: Any

    # One call may come without a list around it (TGI, up to 2.4).
    _readers: ClassVar = {
        "tool_calls": lambda calls: (
            many(ToolCallDelta)([calls] if isinstance(calls, dict) else calls) if calls else None
        )
    }

    @property
    def reasoning(self) -> str | None:
        """The piece of reasoning text, whatever the server calls it."""
        return reasoning_text(self._data) or None


class ChunkChoice(Value):
    """What a chunk adds to one of the answers."""

    __slots__ = ()

    index: int
    delta: Delta
    finish_reason: str | None
    logprobs: Any

    _readers: ClassVar = {"delta": one(Delta)}


class ChatCompletionChunk(Value):
    """One event of a streamed answer."""

    __slots__ = ()

    id: str
    object: str
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: Usage | None
    system_fingerprint: str | None
    service_tier: str | None

    _readers: ClassVar = {"choices": many(ChunkChoice), "usage": maybe(Usage)}


# ---- chunks of text ------------------------------------------------------------------------------------------------
#
# Nearly every chunk differs from the one before it in its text alone, and is looked at once, for that text. So that is
# all that is made of it; the three classes below make the rest when they are asked for it, and are to whoever looks the
# classes that they are made from.


class Around(Protocol):
    """What a chunk holds beside its text."""

    def around(self, text: str) -> dict[str, Any]:
        """Return the chunk's object with *text* in it."""


class _Made(Value):
    """A value that is made of its text when it is looked at."""

    __slots__ = ("_made",)

    _made: tuple[Around, str]
    _kind: ClassVar[type[Value]]

    def _own(self) -> dict[str, Any]:
        around, text = self._made
        return around.around(text)

    def __getattr__(self, name: str) -> Any:
        if name == "_data":
            lend(self, self._own())
            return self._data
        return super().__getattr__(name)

    def __repr__(self) -> str:
        return repr(self._kind(self._data))

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:  # type: ignore[override]
        return self._kind(copy.deepcopy(self._data, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return self._kind, (self._data,)


class _TextDelta(_Made, Delta):
    __slots__ = ()

    _kind = Delta

    @property
    def content(self) -> str:  # type: ignore[override]  # the member of Delta is a property too
        return self._made[1]

    def _own(self) -> dict[str, Any]:
        return super()._own()["choices"][0]["delta"]  # type: ignore[no-any-return]  # decoded JSON


class _TextChoice(_Made, ChunkChoice):
    __slots__ = ()

    _kind = ChunkChoice

    @property
    def delta(self) -> Delta:  # type: ignore[override]
        delta = _new(_TextDelta)
        _set_made(delta, self._made)
        return delta

    def _own(self) -> dict[str, Any]:
        return super()._own()["choices"][0]  # type: ignore[no-any-return]


class TextChunk(_Made, ChatCompletionChunk):
    """A chunk that differs from one before it in the text of its only choice, and in nothing else."""

    __slots__ = ()

    _kind = ChatCompletionChunk

    @property
    def choices(self) -> list[ChunkChoice]:  # type: ignore[override]
        """What it adds to the answer."""
        choice = _new(_TextChoice)
        _set_made(choice, self._made)
        return [choice]


_set_made = _Made.__dict__["_made"].__set__
_new = object.__new__


def text_chunk(around: Around, text: str) -> TextChunk:
    """Return the chunk with this text.

    Args:
        around: What the chunk holds beside it.
        text: The text.
    """
    value = _new(TextChunk)
    _set_made(value, (around, text))
    return value
