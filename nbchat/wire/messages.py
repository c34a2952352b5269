"""Messages and whole answers, under the names the API gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from nbchat.wire.values import Value, many, maybe, one

__all__ = [
    "ChatCompletion",
    "Choice",
    "CustomTool",
    "Function",
    "Message",
    "Model",
    "ModelList",
    "ToolCall",
    "Usage",
    "content_text",
    "reasoning_text",
    "total",
]

# Under which names servers send reasoning text: DeepSeek, vLLM and llama.cpp the first; OpenRouter, Ollama and newer
# vLLM the second. `reasoning_details` (OpenRouter) and thinking parts (Mistral) are read where neither is there.
_REASONING_NAMES = ("reasoning_content", "reasoning")


def content_text(content: Any) -> str:
    """Return the text of a message's content, which is a string, null, or a list of parts.

    Example:
        >>> content_text([{"type": "text", "text": "Hello"}])
        'Hello'
    """
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            _part_text(part) for part in content if isinstance(part, dict | Value) and part.get("type") != "thinking"
        )
    return ""


def _part_text(part: dict[str, Any] | Value) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""


def reasoning_text(data: dict[str, Any]) -> str:
    """Return the reasoning in a message or a delta, whatever the server calls it; empty where there is none."""
    for name in _REASONING_NAMES:
        text = data.get(name)
        if isinstance(text, str) and text:
            return text
    details = data.get("reasoning_details")
    if isinstance(details, list):
        return "".join(str(part.get("text") or part.get("summary") or "") for part in details if isinstance(part, dict))
    content = data.get("content")
    if isinstance(content, list):
        thinking = [
            part.get("thinking") for part in content if isinstance(part, dict) and part.get("type") == "thinking"
        ]
        return "".join(content_text(item) for item in thinking)
    return ""


class Function(Value):
    """The function a tool call names, with its arguments as JSON text."""

    __slots__ = ()

    name: str
    arguments: str


class CustomTool(Value):
    """The custom tool a call names, with its input, which is any text."""

    __slots__ = ()

    name: str
    input: str


class ToolCall(Value):
    """One call of a tool that the model asks for: of a ``function``, or, where ``type`` says so, a ``custom`` one."""

    __slots__ = ()

    id: str
    type: str
    function: Function
    custom: CustomTool | None
    index: int | None

    _readers: ClassVar = {"function": one(Function), "custom": maybe(CustomTool)}


class Message(Value):
    """One message of a conversation.

    ``content`` is what the server sent (text, or a list of parts); ``reasoning`` is the model's reasoning text,
    whatever the server calls it, or ``None``.
    """

    __slots__ = ()

    role: str
    content: str | None
    refusal: str | None
    name: str | None
    tool_call_id: str | None
    tool_calls: list[ToolCall] | None
    annotations: list[Any] | None
    audio: Any
    function_call: Any

    _readers: ClassVar = {"tool_calls": lambda calls: many(ToolCall)(calls) if calls else None}

    @property
    def reasoning(self) -> str | None:
        """The model's reasoning text, whatever the server calls it."""
        return reasoning_text(self._data) or None


class Choice(Value):
    """One of the answers to a request (there are ``n`` of them)."""

    __slots__ = ()

    index: int
    message: Message
    finish_reason: str | None
    logprobs: Any

    _readers: ClassVar = {"message": one(Message)}


class Usage(Value):
    """How many tokens a request used, as the server counts them."""

    __slots__ = ()

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: Any
    completion_tokens_details: Any


def total(usages: Iterable[Usage]) -> Usage:
    """Return the tokens of several requests together.

    Example:
        >>> total([Usage({"total_tokens": 3}), Usage({"total_tokens": 4})]).total_tokens
        7
    """
    counted = list(usages)
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return Usage({name: sum(usage.get(name) or 0 for usage in counted) for name in names})


class ChatCompletion(Value):
    """A whole answer of a server."""

    __slots__ = ()

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    usage: Usage | None
    system_fingerprint: str | None
    service_tier: str | None

    _readers: ClassVar = {"choices": many(Choice), "usage": maybe(Usage)}


class Model(Value):
    """One model that a server offers."""

    __slots__ = ()

    id: str
    object: str
    created: int | None
    owned_by: str | None


class ModelList(Value):
    """The models that a server offers; iterating gives each :class:`Model`."""

    __slots__ = ()

    data: list[Model]
    object: str

    _readers: ClassVar = {"data": many(Model)}

    def __iter__(self) -> Iterator[Model]:
        return iter(self.data)
