"""What the API says and what llama.cpp says, each in the other's words: pure functions and values.

llama.cpp speaks nearly the API's dialect. Where it differs: members that the API's schema requires are missing
(``refusal``, ``logprobs``), usage is counted for each choice, errors have forms and codes of their own, and a few
requests that the API refuses are answered with something odd (an empty ``stop``, ``max_tokens`` of 0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbchat.embedded.bounds import ANY_OBJECT, UNBOUNDED, Limits
from nbchat.embedded.briefing import plain, with_offer
from nbchat.embedded.grammar import Grammar, Misfit, of_json, term
from nbchat.embedded.offer import read_offer
from nbchat.embedded.refusal import Refusal

__all__ = ["Ask", "encode", "read_ask", "read_json", "refusal_of"]

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
# Handed on as they are: the API's fields that llama.cpp knows, then its own (they come through extra_body).
# fmt: off
_PASSED = frozenset([
    "temperature", "top_p", "frequency_penalty", "presence_penalty", "logit_bias",
    "chat_template_kwargs", "dynatemp_exponent", "dynatemp_range", "dry_allowed_length", "dry_base",
    "dry_multiplier", "dry_penalty_last_n", "dry_sequence_breakers", "grammar", "ignore_eos",
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
# What a small model gets where a schema sets no bounds: enough for a paragraph and for the rows of a little table, and
# together not more than the tokens of one answer.
_SMALL = Limits(text=300, items=10)


def encode(value: Mapping[str, Any]) -> bytes:
    """Encode JSON; lone surrogates, which UTF-8 has no bytes for, become question marks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


# ---- requests ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a chat completion, checked and told in llama.cpp's words.

    Attributes:
        body: What llama.cpp is asked, but for ``n``, ``seed`` and what it always gets.
        n: How many answers are wanted.
        seed: The seed of the first answer, or ``None`` for a random one.
        max_tokens: How many tokens an answer may have, or ``None``.
        stream: Whether the answer is wanted as it comes.
        include_usage: Whether a stream ends with a count of its tokens.
        top_logprobs: How many alternatives each token has, or ``None`` for no logprobs.
        grammar: The grammar that the answer follows, or ``None`` if it is any text.
        calls: Whether the answer may call functions.
    """

    body: dict[str, Any]
    n: int = 1
    seed: int | None = None
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False
    top_logprobs: int | None = None
    grammar: Grammar | None = None
    calls: bool = False


def read_json(content: bytes) -> dict[str, Any]:
    """Read the body of a request; what is null in it counts as absent.

    Raises:
        Refusal: It is not a JSON object.
    """
    try:
        asked = json.loads(content)
    except (ValueError, RecursionError):
        raise Refusal(400, "The request's body is not JSON.") from None
    if not isinstance(asked, dict):
        raise Refusal(400, "The request's body is not a JSON object.")
    return {name: value for name, value in asked.items() if value is not None}


def read_ask(asked: Mapping[str, Any], *, small: bool = False) -> Ask:
    """Read a request. If it has schemas, grammars are made of them, which may take a while.

    Args:
        asked: The request, as :func:`read_json` returns it.
        small: Whether the model is one that long texts confuse, and that may go on for ever.

    Raises:
        Refusal: It asks for what the embedded model can't do.
        ConfigurationError: It has schemas, and llguidance is not installed.

    Example:
        >>> read_ask({"messages": [{"role": "user", "content": "Hi"}], "n": 2}).n
        2
    """
    for name, bounds in _NUMBERS.items():
        if name in asked:
            _check_number(name, asked[name], *bounds)
    if "audio" in (asked.get("modalities") or ()):
        raise Refusal(400, "The embedded model writes text only.", param="modalities", code="unsupported_parameter")
    body = {name: value for name, value in asked.items() if name in _PASSED}
    said = _messages(asked.get("messages"))
    messages = plain(said, small=small)
    limits = _SMALL if small else UNBOUNDED
    offer, json_term = read_offer(asked, small=small), _json_term(asked, limits)
    grammar = of_json(json_term) if json_term else None
    if offer:
        messages = with_offer(messages, offer, small=small, answered=said[-1]["role"] in ("tool", "function"))
        grammar = offer.grammar(limits, json_term)
    if grammar:
        if "grammar" in body:
            raise Refusal(400, "grammar has no place beside tools or response_format.", param="grammar")
        body["grammar"] = grammar.text
    body["messages"] = messages
    # They end a text; in an answer of nothing but calls they would only break one off.
    if (stop := _stop(asked.get("stop"))) and not (offer and offer.needed):
        body["stop"] = stop
    top = None
    if asked.get("logprobs"):
        top = asked.get("top_logprobs", 0)
        body["n_probs"] = max(top, 1)  # with 0, llama.cpp leaves the chosen token's out as well
    elif "top_logprobs" in asked:
        raise Refusal(400, "top_logprobs needs logprobs to be true.", param="top_logprobs")
    options = asked.get("stream_options")
    return Ask(
        body=body,
        n=asked.get("n", 1),
        seed=asked.get("seed"),
        max_tokens=asked.get("max_completion_tokens", asked.get("max_tokens")),
        stream=bool(asked.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        top_logprobs=top,
        grammar=grammar,
        calls=offer is not None,
    )


def _check_number(name: str, value: Any, whole: bool, least: float | None, most: float | None) -> None:
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if fits and (least is None or value >= least) and (most is None or value <= most):
        return
    kind = "a whole number" if whole else "a number"
    bounds = f" from {least:g} to {most:g}" if most is not None else f" of at least {least:g}" if least else ""
    raise Refusal(400, f"{name} must be {kind}{bounds}, not {value!r}.", param=name, code="invalid_value")


def _json_term(asked: Mapping[str, Any], limits: Limits) -> str | None:
    """Return what a grammar calls the JSON that is asked for, or ``None`` if it need not be JSON."""
    wanted = asked.get("response_format", {"type": "text"})
    match wanted:
        case {"type": "text"}:
            schema, name = asked.get("json_schema"), None  # llama.cpp's own field
        case {"type": "json_object"}:
            schema, name = wanted.get("schema", ANY_OBJECT), None  # a schema here is llama.cpp's own custom
        case {"type": "json_schema", "json_schema": {**told}}:
            schema, name = told.get("schema", ANY_OBJECT), told.get("name")
        case _:
            raise Refusal(
                400,
                "response_format must be an object of type text or json_object, or of type json_schema with a json_schema.",
                param="response_format",
                code="invalid_value",
            )
    if schema is None:
        return None
    try:
        return term(schema, limits)
    except Misfit as flaw:
        of = f"response_format '{name}'" if name else "response_format"
        raise Refusal(400, f"Invalid schema for {of}: {flaw}.", param="response_format", code="invalid_value") from None


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
