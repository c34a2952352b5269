"""How servers say that a prompt does not fit the model's context, read into numbers.

Chat Completions has a code for it (``context_length_exceeded``) and no numbers; llama.cpp has members for both; everybody
else writes a sentence. The sentences are those of the servers' own sources and of reports in public threads (vLLM 20409,
llama.cpp 15780, gemini-cli 12214, OpenHands 9937, cline 5140, sglang 8096, lmstudio-bug-tracker 546,
text-generation-inference 628 and 695), each named where it is read below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Overflow", "overflow_of"]

_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "model_context_window_exceeded"})
# Statuses with which nobody says it: what is written there about tokens and limits is about keys, quotas and rates.
_OTHERS = frozenset({401, 402, 403, 404, 429})
# With this one, which says that something is too large, the words tell what: a prompt, or so many bytes for a proxy. Without
# any it is a prompt, as with Cerebras: a proxy sends a page.
_TOO_LARGE = 413
_OF_A_PROMPT = re.compile(r"token|context|prompt|messages", re.IGNORECASE)
_OF_BYTES = re.compile(
    r"(?:entity|payload|body|content|file|image) (?:is )?too (?:large|big)|\bbytes?\b|(?<![a-z])[kmg]i?b\b",
    re.IGNORECASE,
)
# A sentence is read so far, in characters: the numbers come first.
_READ = 2000


def _any(*forms: str) -> re.Pattern[str]:
    return re.compile("|".join(forms), re.IGNORECASE)


_SAYS = _any(
    r"maximum (?:context|model|prompt) length",  # OpenAI, vLLM, DeepSeek, OpenRouter, Mistral; vLLM; xAI
    r"exceeds? the (?:available context size|context window|configured limit)",  # llama.cpp; OpenAI
    r"exceed context window",  # llama-cpp-python
    r"(?:longer|greater) than the (?:model's )?context length",  # SGLang; LM Studio
    r"context length (?:is|of) only",  # vLLM; LM Studio
    r"context[ _](?:length|window)[ _]exceed",  # proxies; MiniMax
    r"exceeds the maximum allowed length \(",  # SGLang
    r"prompt is too long",  # Anthropic
    r"prompt too long",  # Ollama
    r"input is too long for requested model",  # Bedrock
    r"(?:input|prompt) token count .{0,40}exceeds",  # Gemini; GitHub's models
    r"exceeded model token limit",  # Kimi
    r"reduce the length of the messages",  # Groq, Cerebras
    r"n_keep \(\d+\) >= n_ctx",  # LM Studio
    r"range of input length should be",  # DashScope
    r"`inputs` (?:must have less than|tokens \+ `max_new_tokens` must be)",  # text-generation-inference
)
_LIMIT = _any(
    r"maximum (?:context|model|prompt) length (?:is|of) (\d+)",
    r"(\d+) maximum context length",  # Mistral
    r"> (\d+) maximum",  # Anthropic
    r"maximum number of tokens allowed \(?(\d+)",  # Gemini
    r"(?:than the model's context length|exceeds the maximum allowed length) \((\d+)",  # SGLang
    r"exceeds the available context size \((\d+)",  # llama.cpp
    r"exceed context window of (\d+)",  # llama-cpp-python
    r"context length (?:is|of) only (\d+)",  # vLLM; LM Studio
    r"while limit is (\d+)",  # Cerebras
    r"(?:configured limit of|exceeds the limit of) (\d+)",  # OpenAI; GitHub's models
    r"model token limit: (\d+)",  # Kimi
    r">= n_ctx \((\d+)",  # LM Studio
    r"input length should be \[\d+, (\d+)",  # DashScope
    r"must have less than (\d+)",  # text-generation-inference
    r"`max_new_tokens` must be <= (\d+)",  # the same
    r"at most (\d+) fit",  # our own embedded model
    r"limit (\d+), requested",  # Groq, of what one request may have in a minute
)
_PROMPT = _any(
    r"messages resulted in (\d+)",  # OpenAI
    r"(?:has|passed) (\d+) input tokens",  # vLLM
    r"prompt \(length (\d+)",  # vLLM
    r"prompt contains (\d+)",  # Mistral
    r"request contains (\d+)",  # xAI
    r"too long: (\d+)",  # Anthropic
    r"token count (?:of )?\(?(\d+)",  # Gemini; GitHub's models
    r"input (?:length )?\((\d+) tokens",  # SGLang
    r"request \((\d+) tokens",  # llama.cpp
    r"requested tokens \((\d+)",  # llama-cpp-python
    r"keep the first (\d+) tokens",  # LM Studio
    r"n_keep \((\d+)",  # LM Studio
    r"current length is (\d+)",  # Cerebras
    r"\(requested: (\d+)",  # Kimi
    r"given: (\d+)",  # text-generation-inference
    r"messages have (\d+) tokens",  # our own embedded model
    r"limit \d+, requested (\d+)",  # Groq
)
# What is asked for as a whole, with room for the answer in it: OpenAI, vLLM, DeepSeek, OpenRouter.
_WHOLE = _any(r"you requested (?:about )?(\d+) tokens")
_ANSWER = _any(
    r"(\d+) (?:in|for|of) (?:the|your) (?:completion|output)",  # the same four
    r"requested (\d+) output tokens",  # vLLM
    r"is too large: (\d+)",  # vLLM, of max_tokens
    r"and (\d+) `max_new_tokens`",  # text-generation-inference
)
_SEPARATORS = re.compile(r"(?<=\d)[,_](?=\d{3})")


@dataclass(frozen=True)
class Overflow:
    """A prompt that does not fit, as far as the server tells.

    Attributes:
        prompt_tokens: How many tokens the prompt has.
        limit: How many fit.
        answer_tokens: How many of those are set aside for the answer, where the server counts them.
    """

    prompt_tokens: int | None = None
    limit: int | None = None
    answer_tokens: int | None = None

    def __str__(self) -> str:
        """Say it in one sentence."""
        if self.limit is None and self.prompt_tokens is None:
            return "The prompt does not fit the model's context."
        had = "" if self.prompt_tokens is None else f"it has {self.prompt_tokens} tokens"
        aside = f", {self.answer_tokens} more are asked for the answer" if self.answer_tokens else ""
        fits = "" if self.limit is None else f"{', and ' if had else ''}{self.limit} fit"
        return f"The prompt does not fit the model's context: {had}{aside}{fits}."


def overflow_of(
    words: str, *, status: int | None = None, codes: Iterable[str | None] = (), body: object = None
) -> Overflow | None:
    """Return what a server's complaint says about the length of the prompt, or ``None`` where it is about something else.

    Args:
        words: The server's sentence.
        status: The HTTP status, where there is one.
        codes: The complaint's code and type.
        body: The error's object, for the members that llama.cpp puts beside the sentence.

    Example:
        >>> overflow_of("prompt is too long: 213462 tokens > 200000 maximum")
        Overflow(prompt_tokens=213462, limit=200000, answer_tokens=None)
    """
    if status in _OTHERS:
        return None
    members = _members(body)
    words = _SEPARATORS.sub("", words[:_READ])
    too_large = status == _TOO_LARGE and (
        not words or (_OF_A_PROMPT.search(words) is not None and _OF_BYTES.search(words) is None)
    )
    if not (too_large or members or _CODES.intersection(code for code in codes if code) or _SAYS.search(words)):
        return None
    if members:
        return members
    prompt, limit, answer = _number(_PROMPT, words), _number(_LIMIT, words), _number(_ANSWER, words)
    whole = _number(_WHOLE, words)
    if prompt is None and whole is not None and whole > (answer or 0):
        prompt = whole - (answer or 0)
    return Overflow(prompt, limit, answer)


def _members(body: object) -> Overflow | None:
    error = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    prompt, limit = _count(error.get("n_prompt_tokens")), _count(error.get("n_ctx"))
    return Overflow(prompt, limit) if prompt and limit else None


def _number(form: re.Pattern[str], words: str) -> int | None:
    found = form.search(words)
    return _count(int(next(group for group in found.groups() if group))) if found else None


def _count(value: Any) -> int | None:
    # No context is anywhere near so long: a larger number is an identifier, or nonsense.
    return value if type(value) is int and 0 < value < 10**9 else None
