"""What the API says and what llama.cpp says, each in the other's words: pure functions and values.

llama.cpp speaks nearly the API's dialect. Where it differs: members that the API's schema requires are missing
(``refusal``, ``logprobs``), usage is counted for each choice, errors have forms and codes of their own, and a few
requests that the API refuses are answered with something odd (an empty ``stop``, ``max_tokens`` of 0).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "Ask", "Refusal", "encode", "read_ask", "refusal_of"]

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
# Handed on as they are: the API's fields that llama.cpp knows, then its own (they come through extra_body).
# fmt: off
_PASSED = frozenset([
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias", "response_format",
    "chat_template_kwargs", "dynatemp_exponent", "dynatemp_range", "dry_allowed_length", "dry_base",
    "dry_multiplier", "dry_penalty_last_n", "dry_sequence_breakers", "grammar", "ignore_eos", "json_schema",
    "min_keep", "min_p", "mirostat", "mirostat_eta", "mirostat_tau", "reasoning_format", "repeat_last_n",
    "repeat_penalty", "samplers", "top_k", "top_n_sigma", "typical_p", "xtc_probability", "xtc_threshold",
])
# fmt: on
# Field: whole numbers only, least, most. None: no bound.
_NUMBERS: Mapping[str, tuple[bool, float | None, float | None]] = {
    "temperature": (False, 0, 2),
    "top_p": (False, 0, 1),
    "frequency_penalty": (False, -2, 2),
    "presence_penalty": (False, -2, 2),
    "max_tokens": (True, 1, None),
    "max_completion_tokens": (True, 1, None),
    "n": (True, 1, 128),
    "seed": (True, None, None),
    "top_logprobs": (True, 0, 20),
}
# What the API calls the logarithm of nothing, which JSON has no number for.
_IMPOSSIBLE = -9999.0


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: The HTTP status.
        message: One sentence that says what is wrong.
        code: The machine-readable code.
        param: The request field in question.
    """

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        """Return the error as the API has it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def encode(value: Mapping[str, Any]) -> bytes:
    """Encode JSON; lone surrogates, which UTF-8 has no bytes for, become question marks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


# ---- requests ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a chat completion, checked and told in llama.cpp's words.

    Attributes:
        body: What llama.cpp is asked, but for ``n``, ``seed`` and what it always gets.
        model: The model named, or ``None``.
        n: How many answers are wanted.
        seed: The seed of the first answer, or ``None`` for a random one.
        max_tokens: How many tokens an answer may have, or ``None``.
        stream: Whether the answer is wanted as it comes.
        include_usage: Whether a stream ends with a count of its tokens.
        top_logprobs: How many alternatives each token has, or ``None`` for no logprobs.
    """

    body: dict[str, Any]
    model: str | None = None
    n: int = 1
    seed: int | None = None
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False
    top_logprobs: int | None = None


def read_ask(content: bytes) -> Ask:
    """Read the body of a request.

    Raises:
        Refusal: It is not one, or it asks for what the embedded model can't do.

    Example:
        >>> read_ask(b'{"messages": [{"role": "user", "content": "Hi"}], "n": 2}').n
        2
    """
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        raise Refusal(400, "The request's body is not JSON.") from None
    if not isinstance(asked, dict):
        raise Refusal(400, "The request's body is not a JSON object.")
    asked = {name: value for name, value in asked.items() if value is not None}
    for name, bounds in _NUMBERS.items():
        if name in asked:
            _check_number(name, asked[name], *bounds)
    _check_abilities(asked)
    body = {name: value for name, value in asked.items() if name in _PASSED}
    body["messages"] = _messages(asked.get("messages"))
    if stop := _stop(asked.get("stop")):
        body["stop"] = stop
    top = None
    if asked.get("logprobs"):
        top = asked.get("top_logprobs", 0)
        body["n_probs"] = max(top, 1)  # with 0, llama.cpp leaves the chosen token's out as well
    elif "top_logprobs" in asked:
        raise Refusal(400, "top_logprobs needs logprobs to be true.", param="top_logprobs")
    model, options = asked.get("model"), asked.get("stream_options")
    return Ask(
        body=body,
        model=model if isinstance(model, str) else None,
        n=asked.get("n", 1),
        seed=asked.get("seed"),
        max_tokens=asked.get("max_completion_tokens", asked.get("max_tokens")),
        stream=bool(asked.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        top_logprobs=top,
    )


def _check_number(name: str, value: Any, whole: bool, least: float | None, most: float | None) -> None:
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if fits and (least is None or value >= least) and (most is None or value <= most):
        return
    kind = "a whole number" if whole else "a number"
    bounds = f" from {least:g} to {most:g}" if most is not None else f" of at least {least:g}" if least else ""
    raise Refusal(400, f"{name} must be {kind}{bounds}, not {value!r}.", param=name, code="invalid_value")


def _check_abilities(asked: Mapping[str, Any]) -> None:
    """Refuse what would otherwise be ignored in silence, though the answer hangs on it."""
    for name in ("tools", "functions"):
        if asked.get(name):
            raise Refusal(400, "The embedded model can't call tools yet.", param=name, code="unsupported_parameter")
    if asked.get("tool_choice", "none") not in ("none", "auto"):
        raise Refusal(400, "tool_choice needs tools.", param="tool_choice", code="invalid_value")
    if "audio" in (asked.get("modalities") or ()):
        raise Refusal(400, "The embedded model writes text only.", param="modalities", code="unsupported_parameter")
    wanted = asked.get("response_format", {"type": "text"})
    if not isinstance(wanted, dict) or wanted.get("type") not in ("text", "json_object", "json_schema"):
        raise Refusal(
            400,
            "response_format must be an object whose type is text, json_object or json_schema.",
            param="response_format",
            code="invalid_value",
        )


def _stop(stop: Any) -> list[str]:
    words = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Refusal(400, "stop must be a string or a list of strings.", param="stop", code="invalid_value")
    return [word for word in words if word]  # an empty one would end every answer before it begins


def _messages(messages: Any) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not messages:
        raise Refusal(400, "messages must be a list with at least one message.", param="messages", code="invalid_value")
    return [_message(message, f"messages[{at}]") for at, message in enumerate(messages)]


def _message(message: Any, place: str) -> dict[str, Any]:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in _ROLES:
        raise Refusal(
            400, f"{place} must have a role: {', '.join(sorted(_ROLES))}.", param=f"{place}.role", code="invalid_value"
        )
    told = {**message, "content": _text(message.get("content"), role, f"{place}.content")}
    # What the templates of local models know them as.
    told["role"] = {"developer": "system", "function": "tool"}.get(role, role)
    return told


def _text(content: Any, role: str, place: str) -> str:
    """Return a message's content as one text, as the templates of text models want it."""
    if isinstance(content, str):
        return content
    if content is None and role == "assistant":  # it called tools, and said nothing
        return ""
    if not isinstance(content, list):
        raise Refusal(400, f"{place} must be a string or a list of parts.", param=place, code="invalid_value")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        text = part.get(kind) if kind in ("text", "refusal") else None
        if not isinstance(text, str):
            raise Refusal(
                400,
                f"The embedded model reads text only, and {place} has a part of type {kind!r}.",
                param=place,
                code="unsupported_content",
            )
        texts.append(text)
    return "\n".join(texts)


# ---- errors --------------------------------------------------------------------------------------------------------


def refusal_of(error: Mapping[str, Any] | Exception) -> Refusal:
    """Return llama.cpp's complaint in the API's form.

    Args:
        error: The ``error`` member of its answer, or what it raised.
    """
    if isinstance(error, Exception):
        _, found, schema = str(error).partition("JSON schema error")
        if found:
            return Refusal(
                400, f"The JSON schema can't be used{schema}.", param="response_format", code="invalid_value"
            )
        return Refusal(400, f"llama.cpp refused the request: {str(error).rstrip('.')}.")
    prompt, fits = error.get("n_prompt_tokens"), error.get("n_ctx")
    if prompt is not None and fits is not None:
        return Refusal(
            400,
            f"The messages have {prompt} tokens, and at most {fits} fit into the model's context.",
            param="messages",
            code="context_length_exceeded",
        )
    status = error.get("code")
    return Refusal(
        status if isinstance(status, int) and 400 <= status < 600 else 500, str(error.get("message") or "unknown error")
    )


# ---- answers -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Choice:
    """What has been said in one choice."""

    begun: bool = False
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
        self._choices = [_Choice() for _ in range(ask.n)]
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
        chunks = []
        for choice in raw["choices"]:
            chunk = self._say(choice, base + choice["index"])
            if chunk is not None:
                chunks.append(chunk)
        return chunks

    def _count(self, usage: Mapping[str, Any]) -> None:
        """Add the tokens of one choice: they share the prompt, which the API counts once."""
        self._completion_tokens += usage["completion_tokens"]
        self._prompt_tokens = usage["prompt_tokens"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        self._cached_tokens = max(self._cached_tokens, cached)

    def _say(self, raw: Mapping[str, Any], index: int) -> dict[str, Any] | None:
        choice = self._choices[index]
        delta = {name: value for name, value in raw["delta"].items() if value is not None and name != "role"}
        choice.finish_reason = raw["finish_reason"]
        logprobs = self._logprobs(raw.get("logprobs"))
        if not delta and not logprobs and not choice.finish_reason:
            return None
        choice.text.append(delta.get("content", ""))
        choice.reasoning.append(delta.get("reasoning_content", ""))
        choice.logprobs += logprobs
        if not choice.begun:
            choice.begun = True
            delta = {"role": "assistant", "content": "", "refusal": None, **delta}
        return self._chunk(
            [
                {
                    "index": index,
                    "delta": delta,
                    "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
                    "finish_reason": choice.finish_reason,
                }
            ]
        )

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
            message = {"role": "assistant", "content": "".join(choice.text), "refusal": None}
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


def _likely(token: Mapping[str, Any]) -> dict[str, Any]:
    logprob = token["logprob"]
    return {
        "token": token["token"],
        "logprob": _IMPOSSIBLE if logprob is None else logprob,
        "bytes": token["bytes"],
    }
