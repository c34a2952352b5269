"""The pieces in which a streamed answer comes."""

from __future__ import annotations

from typing import Any, ClassVar

from nbchat.wire.messages import CustomTool, Function, Usage, reasoning_text
from nbchat.wire.values import Value, many, maybe, one

__all__ = ["ChatCompletionChunk", "ChunkChoice", "Delta", "ToolCallDelta"]


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

    _readers: ClassVar = {"tool_calls": lambda calls: many(ToolCallDelta)(calls) if calls else None}

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
