"""What a notebook keeps of a turn: Markdown, readable text, and a record that the session can be rebuilt from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nbchat.attachments.seen import media_in, without_large_media
from nbchat.client.endpoint import is_local_model
from nbchat.jupyter.options import Format
from nbchat.session.code import code_blocks
from nbchat.session.markdown import plain_text, safe_markdown
from nbchat.session.markdown.media import picture_markdown
from nbchat.session.turn import Turn
from nbchat.wire.decode import without_surrogates
from nbchat.wire.messages import content_text
from nbchat.wire.tokens import content_tokens
from nbchat.wire.values import plain

__all__ = ["bundle", "ended_because", "notes", "one_line"]

_RECORD_VERSION = 1
# A medium of more bytes is not kept with the cell that sent it: a notebook is read, saved and compared whole.
_LARGE = 200_000

# What servers say of an answer that came to its own end: beside "stop" older TGI, Together, Anthropic and Cohere.
_ENDS = frozenset({"stop", "eos_token", "eos", "stop_sequence", "end_turn", "COMPLETE"})
# All other finish reasons, in words a person has.
_REASONS = {
    "length": "cut off at max_tokens",
    "max_tokens": "cut off at max_tokens",
    "MAX_TOKENS": "cut off at max_tokens",
    "model_length": "cut off where the model's context ends",  # Mistral
    "insufficient_system_resource": "cut off: the server ran out of resources",  # DeepSeek
    "content_filter": "withheld by the server's content filter",
    "tool_calls": "the model asks for tools",
    "function_call": "the model asks for a function",
}


def notes(turn: Turn) -> list[str]:
    """Return what is to be said under an answer, in plain words: how it ended, if not of itself, and who gave it."""
    completion = turn.completion
    said = []
    if turn.status == "cancelled":
        said.append("stopped")
    elif turn.status == "failed":
        said.append("broke off here")
    elif completion is not None:
        reasons = {choice.finish_reason for choice in completion.choices}
        said += sorted(words for reason in reasons if (words := ended_because(reason)))
    if turn.left_out is not None and completion is not None:
        said.append(str(turn.left_out))
    asked = turn.asked.parameters.get("model")
    by_default = turn.endpoint is not None and not turn.endpoint.chosen
    if completion is not None and by_default and asked and not is_local_model(asked):
        said.append(f"answered by {one_line(completion.model)}, not {asked}")
    said += [one_line(remark) for remark in turn.remarks]
    return [*said, *filter(None, [_sent(turn)])]


def _sent(turn: Turn) -> str:
    """Return what was sent beside a question's text, in words, and how long it is to a model."""
    content = (turn.asked.question or {}).get("content")
    if content is None or isinstance(content, str):
        return ""
    words = ", ".join(seen.words for seen in media_in(content))
    tokens = f"≈ {content_tokens(content):,} tokens"
    return one_line(f"sent with {words}: {tokens} in all") if words else f"sent {tokens}"


def ended_because(reason: str | None) -> str:
    """Return a finish reason in words a person has; nothing for an answer that came to its own end."""
    return "" if reason is None or reason in _ENDS else _REASONS.get(reason) or one_line(reason)


def one_line(text: str) -> str:
    """Return words of a server's on one line, with nothing in it that a terminal would obey."""
    return plain_text(" ".join(text.split()))


def bundle(
    turn: Turn, form: Format = "markdown", *, session: str | None = None, note: str = ""
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the MIME bundle of a turn that has ended, and its metadata.

    Args:
        turn: The turn.
        form: How the answer is shown: ``markdown``, ``text``, ``code`` (its code blocks only) or ``json``.
        session: The session's name, for the record.
        note: One more line to say below the answer.

    Returns:
        ``text/markdown`` that is safe wherever it is rendered (left out with ``text``) and ``text/plain``; as metadata
        the record of the turn under ``nbchat``.
    """
    completion = turn.completion
    below = "; ".join([*notes(turn), *([note] if note else [])])
    texts = (
        []
        if completion is None
        else [content_text(c.message.content) or c.message.refusal or "" for c in completion.choices]
    )
    texts = [_shaped(text, form) for text in texts]
    data = {"text/plain": _under(_headed([plain_text(text) for text in texts]), f"[{below}]" if below else "")}
    if form != "text" and (texts or below):
        data["text/markdown"] = _under(
            _thinking(turn, form) + _headed([safe_markdown(text) for text in texts]),
            _under(_pictures(turn, form), f"*[{safe_markdown(below)}]*" if below else ""),
        )
    return data, {"nbchat": _record(turn, session)}


def _thinking(turn: Turn, form: Format) -> str:
    """Return the model's reasoning as a fold above the answer; HTML of our own, round text that was made safe."""
    reasoning = turn.reasoning
    if not reasoning or form != "markdown":
        return ""
    return f"<details>\n<summary>Thinking</summary>\n\n{safe_markdown(reasoning)}\n\n</details>\n\n"


def _pictures(turn: Turn, form: Format) -> str:
    """Return the pictures that were sent, small: what the model saw stands beside what it said of it."""
    media = media_in((turn.asked.question or {}).get("content")) if form == "markdown" else []
    return " ".join(filter(None, map(picture_markdown, media)))


def _shaped(text: str, form: Format) -> str:
    """Return an answer in the form asked for; what has no such form stays as it is."""
    if form == "code":
        blocks = code_blocks(text)
        return "\n\n".join(_fenced(block.source, block.language) for block in blocks) if blocks else text
    if form == "json":
        try:
            return _fenced(json.dumps(json.loads(text), indent=2, ensure_ascii=False), "json")
        except (ValueError, RecursionError):
            return text
    return text


def _fenced(source: str, language: str) -> str:
    fence = "```"
    while fence in source:
        fence += "`"
    return f"{fence}{language}\n{source.rstrip()}\n{fence}"


def _headed(texts: list[str]) -> str:
    if len(texts) < 2:
        return "".join(texts)
    return "\n\n".join(f"**Choice {number} of {len(texts)}**\n\n{text}" for number, text in enumerate(texts, 1))


def _under(text: str, note: str) -> str:
    return f"{text}\n\n{note}" if text and note else text or note


def _record(turn: Turn, session: str | None) -> dict[str, Any]:
    """Return the turn as a machine reads it: enough to put it back into a session. No key and no address is in it."""
    completion = turn.completion
    record: dict[str, Any] = {
        "version": _RECORD_VERSION,
        "session": session,
        "turn": turn.id,
        "status": turn.status,
        "created": turn.created,
        "parameters": dict(turn.asked.parameters),
        "question": _kept(turn.asked.question),
    }
    if completion is not None:
        record |= {
            "model": completion.model,
            "answers": [
                {"message": choice.message.to_dict(), "finish_reason": choice.finish_reason}
                for choice in completion.choices
            ],
            "usage": completion.usage.to_dict() if completion.usage else None,
        }
    if turn.left_out is not None:
        record["left_out"] = turn.left_out.turns
    if turn.error is not None:
        record["error"] = str(turn.error)
    # A question may hold half a character, such as a file name that is no UTF-8; a notebook's message can't.
    return without_surrogates({name: value for name, value in record.items() if value is not None})  # type: ignore[no-any-return]


def _kept(question: Mapping[str, Any] | None) -> Any:
    """Return a question as a notebook keeps it: of large media no more than what they were."""
    if question is None:
        return None
    return plain({**question, "content": without_large_media(question.get("content"), _LARGE)})
