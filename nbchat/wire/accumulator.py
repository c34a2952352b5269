"""From the pieces of a streamed answer to the whole.

Pieces are kept in lists and joined when somebody asks, so that an answer costs what it is long, not its square.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, Literal, NamedTuple

from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.messages import ChatCompletion, content_text, reasoning_text

__all__ = ["Accumulator", "Piece"]

# Members of a chunk and of a delta that have a rule of their own; all others are kept: the last one sent counts.
_CHUNK_MEMBERS = frozenset({"object", "choices", "usage"})
# Of these the first that is not empty counts: Azure begins with a chunk that has none, some repeat or change them.
_FIRST_COUNTS = ("id", "created", "model")
_DELTA_MEMBERS = frozenset(
    {"role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details", "tool_calls", "function_call"}
)


class Piece(NamedTuple):
    """Some text that a chunk adds to the answer number ``choice``."""

    choice: int
    kind: Literal["text", "reasoning"]
    text: str


class _Call:
    """A tool call as far as it has come."""

    __slots__ = ("arguments", "data", "id", "index", "name")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.id: str | None = None
        self.name: str | None = None
        self.arguments: list[str] = []
        self.data: dict[str, Any] = {}  # members that a server may need back, such as thought signatures

    def add(self, delta: dict[str, Any]) -> None:
        self.id = _name(delta.get("id")) or self.id
        function = delta.get("function")
        if isinstance(function, dict):
            self.name = _name(function.get("name")) or self.name
            arguments = function.get("arguments")
            if isinstance(arguments, str):
                self.arguments.append(arguments)
            elif arguments is not None:
                self.arguments.append(json.dumps(arguments))
        self.data.update({k: v for k, v in delta.items() if k not in ("id", "index", "type", "function")})

    def to_dict(self) -> dict[str, Any]:
        if self.id is None:
            self.id = f"call_{secrets.token_hex(12)}"
        function = {"name": self.name or "", "arguments": "".join(self.arguments)}
        return {"id": self.id, "type": "function", "function": function, **self.data}


def _name(value: Any) -> str | None:
    """Return a name or an identifier; numbers, which some servers count calls in, become text."""
    return value if isinstance(value, str) else str(value) if type(value) is int else None


class _Answer:
    """One choice as far as it has come."""

    __slots__ = ("calls", "content", "data", "finish_reason", "function", "logprobs", "reasoning", "refusal", "role")

    def __init__(self) -> None:
        self.role = "assistant"
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.reasoning: dict[str, list[Any]] = {}
        self.calls: list[_Call] = []
        self.function: _Call | None = None
        self.logprobs: dict[str, list[Any] | None] = {}
        self.finish_reason: str | None = None
        self.data: dict[str, Any] = {}

    def add(self, delta: dict[str, Any], choice: int, pieces: list[Piece]) -> None:
        content = delta.get("content")
        if content:
            text = content if isinstance(content, str) else content_text(content)
            if text:
                self.content.append(text)
                pieces.append(Piece(choice, "text", text))
        # Text alone is what nearly every delta is; parts of content may be thoughts.
        if len(delta) > 1 or not isinstance(content, str):
            self._add_others(delta, choice, pieces)

    def _add_others(self, delta: dict[str, Any], choice: int, pieces: list[Piece]) -> None:
        if thought := reasoning_text(delta):
            pieces.append(Piece(choice, "reasoning", thought))
        for name in ("reasoning_content", "reasoning"):
            if isinstance(text := delta.get(name), str) and text:
                self.reasoning.setdefault(name, []).append(text)
        if isinstance(details := delta.get("reasoning_details"), list):
            self.reasoning.setdefault("reasoning_details", []).extend(details)
        if thought and not self.reasoning:  # it came as a thinking part of the content
            self.reasoning.setdefault("reasoning_content", []).append(thought)
        elif thought and isinstance(delta.get("content"), list) and "reasoning_content" in self.reasoning:
            self.reasoning["reasoning_content"].append(thought)
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            self.refusal.append(refusal)
            pieces.append(Piece(choice, "text", refusal))
        for call in delta.get("tool_calls") or ():
            self._call_of(call).add(call)
        if isinstance(function := delta.get("function_call"), dict):
            self.function = self.function or _Call(None)
            self.function.add({"function": function})
        for name, value in delta.items():
            if name not in _DELTA_MEMBERS and value is not None:
                self.data[name] = value

    def _call_of(self, delta: dict[str, Any]) -> _Call:
        """Find the call that a piece belongs to (contract section 8, item 4)."""
        index, call_id = delta.get("index"), _name(delta.get("id"))
        if index is None:
            known = next((call for call in reversed(self.calls) if call.id == call_id), None) if call_id else None
            if known is None and not call_id and self.calls:
                known = self.calls[-1]
        else:
            known = next((call for call in reversed(self.calls) if call.index == index), None)
            if known is not None and call_id and known.id not in (None, call_id):
                known = None
        if known is None:
            known = _Call(index)
            self.calls.append(known)
        return known

    def add_logprobs(self, logprobs: dict[str, Any]) -> None:
        for name, items in logprobs.items():
            known = self.logprobs.setdefault(name, None)
            if isinstance(items, list):
                if known is None:
                    self.logprobs[name] = list(items)
                else:
                    known.extend(items)

    def message(self) -> dict[str, Any]:
        text = "".join(self.content)
        message: dict[str, Any] = {"role": self.role, "content": text or (None if self.calls or self.refusal else "")}
        message["refusal"] = "".join(self.refusal) or None
        for name, pieces in self.reasoning.items():
            message[name] = list(pieces) if name == "reasoning_details" else "".join(pieces)
        if self.calls:
            message["tool_calls"] = [call.to_dict() for call in self.calls]
        if self.function:
            message["function_call"] = self.function.to_dict()["function"]
        return {**message, **self.data}


class Accumulator:
    """Adds chunks up to the completion that they are the pieces of.

    Example:
        >>> accumulator = Accumulator()
        >>> accumulator.feed(ChatCompletionChunk({"choices": [{"delta": {"content": "Hi"}}]}))
        [Piece(choice=0, kind='text', text='Hi')]
        >>> accumulator.completion().choices[0].message.content
        'Hi'
    """

    __slots__ = ("_answers", "_head", "_usage")

    def __init__(self) -> None:
        self._answers: dict[int, _Answer] = {}
        self._head: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None

    def feed(self, chunk: ChatCompletionChunk) -> list[Piece]:
        """Take the next chunk and return the text that it adds."""
        pieces: list[Piece] = []
        data = chunk._data  # noqa: SLF001  the hot path: attribute access would make an object per level
        for choice in data.get("choices") or ():
            index = choice.get("index") or 0
            answer = self._answers.get(index)
            if answer is None:
                answer = self._answers[index] = _Answer()
            delta = choice.get("delta")
            if delta:
                answer.add(delta, index, pieces)
            if reason := choice.get("finish_reason"):
                answer.finish_reason = reason
            logprobs = choice.get("logprobs")
            if logprobs and isinstance(logprobs, dict):
                answer.add_logprobs(logprobs)
        usage = data.get("usage")
        if usage and isinstance(usage, dict):
            self._usage = usage
        head = self._head
        for key, value in data.items():
            if key in _CHUNK_MEMBERS or value is None or (key in _FIRST_COUNTS and head.get(key)):
                continue
            head[key] = value
        return pieces

    @property
    def started(self) -> bool:
        """Whether any answer has text, reasoning or tool calls yet."""
        return any(
            a.content or a.reasoning or a.calls or a.refusal or a.function for a in self._answers.copy().values()
        )

    def text(self, choice: int = 0) -> str:
        """Return the text of one answer as far as it has come."""
        answer = self._answers.get(choice)
        return "".join(answer.content or answer.refusal) if answer else ""

    def completion(self) -> ChatCompletion:
        """Return what has come so far, in the shape of a whole answer."""
        choices = [
            {
                "index": index,
                "message": answer.message(),
                "logprobs": {name: items and items.copy() for name, items in answer.logprobs.items()} or None,
                "finish_reason": answer.finish_reason,
            }
            for index, answer in sorted(self._answers.copy().items())
        ]
        head = {"id": "", "created": 0, "model": "", **self._head, "object": "chat.completion"}
        return ChatCompletion({**head, "choices": choices, **({"usage": self._usage} if self._usage else {})})
