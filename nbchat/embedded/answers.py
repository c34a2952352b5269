"""What llama.cpp says, in the API's words: its chunks become the API's chunks, or one completion."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbchat.embedded.calls import CallReader
from nbchat.embedded.grammar import Follower
from nbchat.embedded.shapes import Ask

__all__ = ["Answer"]

# What the API calls the logarithm of nothing, which JSON has no number for.
_IMPOSSIBLE = -9999.0


@dataclass(slots=True)
class _Choice:
    """What has been said in one choice.

    Attributes:
        follower: Follows the text along its grammar, if it has one.
        reader: Reads calls out of the text, if there may be some.
        likely: The log probabilities of text that is not told yet.
    """

    follower: Follower | None = None
    reader: CallReader | None = None
    begun: bool = False
    likely: list[dict[str, Any]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str | None = None


class Answer:
    """One answer on its way: llama.cpp's chunks in, the API's chunks or its completion out.

    Args:
        ask: What was asked.
        model: The name of the model that answers.
        fingerprint: What the model runs on.
    """

    def __init__(self, ask: Ask, model: str, fingerprint: str) -> None:
        self._ask = ask
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": fingerprint,
        }
        self._choices = [
            _Choice(ask.grammar.follower() if ask.grammar else None, CallReader() if ask.calls else None)
            for _ in range(ask.n)
        ]
        self._prompt_tokens = 0
        self._cached_tokens = 0
        self._completion_tokens = 0
        self._timings: dict[str, Any] | None = None

    def feed(self, raw: Mapping[str, Any], base: int = 0) -> list[dict[str, Any]]:
        """Take one of llama.cpp's chunks and return the API's chunks for it, which may be none.

        Args:
            raw: The chunk.
            base: What its choices' indices start at.
        """
        if usage := raw.get("usage"):
            self._count(usage)
            self._timings = raw.get("timings")
        if "prompt_progress" in raw:  # asked for so that a prompt can be stopped while it is read; nobody wants it
            return []
        return [chunk for choice in raw["choices"] for chunk in self._say(choice, base + choice["index"])]

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Add the tokens of one choice: they share the prompt, which the API counts once."""
        self._completion_tokens += usage["completion_tokens"]
        self._prompt_tokens = usage["prompt_tokens"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        self._cached_tokens = max(self._cached_tokens, cached)

    def _say(self, raw: Mapping[str, Any], index: int) -> list[dict[str, Any]]:
        choice = self._choices[index]
        delta = {name: value for name, value in raw["delta"].items() if value is not None and name != "role"}
        choice.likely += self._logprobs(raw.get("logprobs"))
        deltas = self._deltas(choice, delta, raw["finish_reason"])
        if raw["finish_reason"]:
            choice.finish_reason = _finish_reason(choice, raw["finish_reason"])
            deltas.append({})
        last = len(deltas) - 1
        return [
            self._chunk([self._piece(choice, index, delta, choice.finish_reason if at == last else None)])
            for at, delta in enumerate(deltas)
        ]

    def _deltas(self, choice: _Choice, delta: dict[str, Any], end: str | None) -> list[dict[str, Any]]:
        """Keep what is said and return it as the API has it."""
        text = delta.get("content", "")
        if choice.follower:
            choice.follower.follow(text)
            if end == "stop" and not self._ask.body.get("stop"):
                choice.follower.end()
        if choice.reader:
            delta.pop("content", None)
            read = choice.reader.feed(text) + (choice.reader.end() if end else [])
        else:
            read = []
        deltas = [delta, *read] if delta else read
        for said in deltas:
            choice.text.append(said.get("content", ""))
            choice.reasoning.append(said.get("reasoning_content", ""))
        return deltas

    def _piece(self, choice: _Choice, index: int, delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
        """Return what a chunk says of a choice."""
        logprobs, choice.likely = choice.likely, []
        if choice.reader and choice.reader.calls:  # the API has them for text only, which comes before all calls
            logprobs = []
        choice.logprobs += logprobs
        if not choice.begun:
            choice.begun = True
            content = None if "tool_calls" in delta else ""
            delta = {"role": "assistant", "content": content, "refusal": None, **delta}
        return {
            "index": index,
            "delta": delta,
            "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
            "finish_reason": finish_reason,
        }

    def _logprobs(self, raw: Mapping[str, Any] | None) -> list[dict[str, Any]]:
        if self._ask.top_logprobs is None or raw is None:
            return []
        return [
            {
                **_likely(token),
                "top_logprobs": [_likely(top) for top in token["top_logprobs"]][: self._ask.top_logprobs],
            }
            for token in raw.get("content") or []
        ]

    def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> dict[str, Any]:
        chunk = {**self._head, "object": "chat.completion.chunk", "choices": choices}
        return {**chunk, "usage": usage} if self._ask.include_usage else chunk

    @property
    def usage(self) -> dict[str, Any]:
        """The tokens read and written, of all choices together."""
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self._completion_tokens,
            "total_tokens": self._prompt_tokens + self._completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self._cached_tokens},
        }

    def last(self) -> list[dict[str, Any]]:
        """Return the chunks that a stream ends with: the usage, if it was asked for."""
        if not self._ask.include_usage:
            return []
        return [{**self._chunk([], self.usage), **self._extras()}]

    def completion(self) -> dict[str, Any]:
        """Return the whole answer."""
        choices = []
        for index, choice in enumerate(self._choices):
            calls = choice.reader.calls if choice.reader else []
            text = "".join(choice.text)
            message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else ""), "refusal": None}
            if calls:
                message["tool_calls"] = calls
            if reasoning := "".join(choice.reasoning):
                message["reasoning_content"] = reasoning
            wanted = self._ask.top_logprobs is not None
            choices.append(
                {
                    "index": index,
                    "message": message,
                    "logprobs": {"content": choice.logprobs, "refusal": None} if wanted else None,
                    "finish_reason": choice.finish_reason,
                }
            )
        return {
            **self._head,
            "object": "chat.completion",
            "choices": choices,
            "usage": self.usage,
            **self._extras(),
        }

    def _extras(self) -> dict[str, Any]:
        """Return llama.cpp's own measurement of its speed, where it is of one choice."""
        return {"timings": self._timings} if self._timings and self._ask.n == 1 else {}


def _finish_reason(choice: _Choice, told: str) -> str:
    """Return why a choice ended: one that calls says so, if its last call came to an end."""
    if told != "stop" or not choice.reader or not choice.reader.calls:
        return told
    return "length" if choice.reader.within_call else "tool_calls"


def _likely(token: Mapping[str, Any]) -> dict[str, Any]:
    logprob = token["logprob"]
    return {
        "token": token["token"],
        "logprob": _IMPOSSIBLE if logprob is None else logprob,
        "bytes": token["bytes"],
    }
