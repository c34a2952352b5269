"""From the pieces of a streamed answer to the whole.

Pieces are kept in lists and joined when somebody asks, so that an answer costs what it is long, not its square. What
comes out has the shape that the same server's answer has where it is not streamed.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal, NamedTuple

from nbchat.wire.calls import Call, Calls
from nbchat.wire.chunks import Around, ChatCompletionChunk, TextChunk
from nbchat.wire.messages import ChatCompletion, reasoning_text
from nbchat.wire.parts import Details, Parts

__all__ = ["Accumulator", "Piece"]

# Members of a chunk, of a choice and of a delta that have a rule of their own, or that say nothing of the whole:
# padding (OpenAI), the text and token once more (Together), the message so far (Perplexity). All others are kept: the
# last one sent counts.
_CHUNK_MEMBERS = frozenset({"object", "choices", "usage", "obfuscation"})
_CHOICE_MEMBERS = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "text"})
_is_plain = _CHOICE_MEMBERS.issuperset
_DELTA_MEMBERS = frozenset(
    {"role", "content", "refusal", "reasoning", "reasoning_content", "reasoning_details", "tool_calls", "function_call",
     "audio", "token_id"}
)  # fmt: skip
# Of these the first that is not empty counts: Azure begins with a chunk that has none, some repeat or change them.
_FIRST_COUNTS = ("id", "created", "model")
# Lists that come in pieces: what a search found (OpenAI, OpenRouter), the tokens' numbers (vLLM).
_JOINED = frozenset({"annotations", "token_ids"})


class Piece(NamedTuple):
    """Some text that a chunk adds to the answer number ``choice``."""

    choice: int
    kind: Literal["text", "reasoning"]
    text: str


# A Piece without the call into Python that its own constructor makes: one is made for every token.
_piece = tuple.__new__


class _Answer:
    """One choice as far as it has come."""

    __slots__ = (
        "audio", "calls", "choice", "content", "data", "details", "finish_reason", "function", "logprobs", "parts",
        "reasoning", "refusal",
    )  # fmt: skip

    def __init__(self) -> None:
        self.content: list[str] = []
        self.parts = Parts()
        self.refusal: list[str] = []
        self.reasoning: dict[str, list[str]] = {}
        self.details = Details()
        self.calls = Calls()
        self.function: Call | None = None
        self.audio: dict[str, Any] = {}
        self.logprobs: dict[str, list[Any] | None] = {}
        self.finish_reason: str | None = None
        self.data: dict[str, Any] = {}  # other members of the message: a server may need them back
        self.choice: dict[str, Any] = {}  # other members of the choice

    @property
    def started(self) -> bool:
        return bool(
            self.content or self.parts or self.reasoning or self.details or self.calls or self.refusal or self.function
        )

    def add(self, delta: dict[str, Any], index: int, pieces: list[Piece]) -> None:
        """Take all of a delta but its content, where that is text."""
        content = delta.get("content")
        if type(content) is list and (text := self.parts.add(content, self.content)):
            pieces.append(Piece(index, "text", text))
        if thought := reasoning_text(delta):
            pieces.append(Piece(index, "reasoning", thought))
        for name, value in delta.items():
            if not value:
                continue
            if name not in _DELTA_MEMBERS:
                _keep(self.data, name, value)
            elif name in ("reasoning", "reasoning_content"):
                if type(value) is str:
                    self.reasoning.setdefault(name, []).append(value)
            elif name == "reasoning_details":
                self.details.add(value)
            elif name == "tool_calls":
                self.calls.add(value)
            elif name == "refusal" and type(value) is str:
                self.refusal.append(value)
                pieces.append(Piece(index, "text", value))
            elif name == "function_call" and type(value) is dict:
                self.function = self.function or Call(None)
                self.function.add({"function": value})
            elif name == "audio":
                self._add_audio(value)

    def _add_audio(self, audio: Any) -> None:
        for name, value in audio.items() if type(audio) is dict else ():
            if name in ("data", "transcript") and type(value) is str:
                self.audio.setdefault(name, []).append(value)
            elif value is not None:
                self.audio[name] = value

    def add_members(self, choice: dict[str, Any]) -> None:
        """Take what stands beside a delta."""
        logprobs = choice.get("logprobs")
        if logprobs and type(logprobs) is dict:
            for name, items in logprobs.items():
                known = self.logprobs.setdefault(name, None)
                if type(items) is list:
                    if known is None:
                        self.logprobs[name] = list(items)
                    else:
                        known.extend(items)
        for name, value in choice.items():
            if value is not None and name not in _CHOICE_MEMBERS:
                _keep(self.choice, name, value)

    def message(self) -> dict[str, Any]:
        calls = self.calls.to_list()
        content = self.parts.joined(self.content)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": content or (None if calls or self.function or self.refusal or self.audio else ""),
            "refusal": "".join(self.refusal) or None,
        }
        message |= {name: "".join(pieces) for name, pieces in self.reasoning.copy().items()}
        if self.details:
            message["reasoning_details"] = self.details.to_list()
        if calls:
            message["tool_calls"] = calls
        if self.function:
            message["function_call"] = self.function.to_dict()["function"]
        if self.audio:
            audio = self.audio.copy()
            message["audio"] = {k: "".join(v) if k in ("data", "transcript") else v for k, v in audio.items()}
        return message | _copied(self.data)

    def to_dict(self, index: int) -> dict[str, Any]:
        return {
            "index": index,
            "message": self.message(),
            "logprobs": {name: items and items.copy() for name, items in self.logprobs.copy().items()} or None,
            "finish_reason": self.finish_reason,
            **_copied(self.choice),
        }


def _keep(members: dict[str, Any], name: str, value: Any) -> None:
    """Keep a member that nobody knows: the last one that says something counts, lists that come in pieces are joined."""
    if name in _JOINED and type(value) is list:
        members.setdefault(name, []).extend(value)
    elif value not in ({}, []) or name not in members:  # Azure ends with content_filter_results that say nothing
        members[name] = value


def _says_once(choice: dict[str, Any]) -> bool:
    """Whether taking a choice again with another text would change nothing but the text."""
    beside = (value for name, value in choice["delta"].items() if name not in ("content", "role"))
    return not any(beside) and not choice.get("logprobs") and _is_plain(choice)


def _copied(members: dict[str, Any]) -> dict[str, Any]:
    """Return members such that lists which still grow are not the ones handed out."""
    return {name: value.copy() if name in _JOINED else value for name, value in members.copy().items()}


class Accumulator:
    """Adds chunks up to the completion that they are the pieces of.

    Example:
        >>> accumulator = Accumulator()
        >>> accumulator.feed(ChatCompletionChunk({"choices": [{"delta": {"content": "Hi"}}]}))
        [Piece(choice=0, kind='text', text='Hi')]
        >>> accumulator.completion().choices[0].message.content
        'Hi'
    """

    __slots__ = ("_answers", "_around", "_frame", "_head", "_index", "_rest", "_texts", "_usage", "_width")

    def __init__(self) -> None:
        self._answers: dict[int, _Answer] = {}
        self._head: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        # What stood around the last chunk's text, if it need not be looked at again, and where such a text goes.
        self._frame: Around | None = None
        self._texts: list[str] = []
        self._index = 0
        # What the last chunk held beside its choices, how to get that of another, and how many members it had.
        self._around: Any = 1
        self._rest: Any = len
        self._width = 1

    def feed(self, chunk: ChatCompletionChunk) -> list[Piece]:
        """Take the next chunk and return the text that it adds."""
        frame = None
        if type(chunk) is TextChunk:
            frame, text = chunk._made  # noqa: SLF001  the hot path, here and below: to ask for it makes objects
            if frame is self._frame:
                # All else was taken from the last chunk, which had the same around its text.
                if not text:
                    return []
                self._texts.append(text)
                return [_piece(Piece, (self._index, "text", text))]
        self._frame = None
        pieces: list[Piece] = []
        data = chunk._data  # noqa: SLF001
        answers = self._answers
        for choice in data.get("choices") or ():
            index = choice.get("index") or 0
            answer = answers.get(index)
            if answer is None:
                answer = answers[index] = _Answer()
            delta = choice.get("delta")
            if delta is None and not answer.started:
                delta = choice.get("message")  # a whole answer in place of its pieces
            if delta and type(delta) is dict:
                content = delta.get("content")
                if content and type(content) is str:
                    answer.content.append(content)
                    pieces.append(_piece(Piece, (index, "text", content)))
                # Text alone is what nearly every delta is.
                if len(delta) > 1 or type(content) is not str:
                    answer.add(delta, index, pieces)
            if reason := choice.get("finish_reason"):
                answer.finish_reason = reason
            if choice.get("logprobs") or not _is_plain(choice):
                answer.add_members(choice)
            if frame is not None and _says_once(choice):
                self._frame, self._texts, self._index = frame, answer.content, index
        # Around the choices, nearly every chunk says what the last one said.
        try:
            if len(data) == self._width and self._rest(data) == self._around:
                return pieces
        except KeyError:
            pass
        self._add_around(data)
        return pieces

    def _add_around(self, data: dict[str, Any]) -> None:
        head = self._head
        for key, value in data.items():
            if key in _CHUNK_MEMBERS or value is None or (key in _FIRST_COUNTS and head.get(key)):
                continue
            head[key] = value
        usage = data.get("usage")
        if not usage and type(groq := data.get("x_groq")) is dict:
            usage = groq.get("usage")
        if usage and type(usage) is dict:
            self._usage = usage
        names = [key for key in data if key != "choices"]
        self._rest = itemgetter(*names) if names else len
        self._around = self._rest(data)
        self._width = len(data) if "choices" in data else 0

    @property
    def started(self) -> bool:
        """Whether any answer has text, reasoning or tool calls yet."""
        return any(answer.started for answer in self._answers.copy().values())

    def text(self, choice: int = 0) -> str:
        """Return the text of one answer as far as it has come."""
        answer = self._answers.get(choice)
        return "".join(answer.content or answer.refusal) if answer else ""

    def completion(self) -> ChatCompletion:
        """Return what has come so far, in the shape of a whole answer."""
        choices = [answer.to_dict(index) for index, answer in sorted(self._answers.copy().items())]
        head = {"id": "", "created": 0, "model": "", **self._head, "object": "chat.completion"}
        # Moonshot counts in the choice.
        usage = self._usage or next(
            (counted for choice in choices if type(counted := choice.get("usage")) is dict), None
        )
        return ChatCompletion({**head, "choices": choices, **({"usage": usage} if usage else {})})
