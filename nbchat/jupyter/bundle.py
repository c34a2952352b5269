"""What a notebook keeps of a turn: Markdown, readable text, and a record that the session can be rebuilt from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nbchat.attachments.seen import media_in, without_large_media
from nbchat.client.endpoint import is_local_model
from nbchat.jupyter.choices import ShownChoice, in_columns, in_text, way_to_another
from nbchat.jupyter.options import Format
from nbchat.session.calls import ShownCall, calls_of, live_call
from nbchat.session.code import code_blocks
from nbchat.session.endings import ended_because
from nbchat.session.markdown import as_code, as_words, one_line, plain_text, safe_markdown
from nbchat.session.markdown.media import picture_markdown
from nbchat.session.turn import Step, Turn
from nbchat.wire.decode import without_surrogates
from nbchat.wire.messages import Choice, Message, content_text
from nbchat.wire.tokens import content_tokens
from nbchat.wire.values import plain

__all__ = ["bundle", "bundle_of_rounds", "notes"]

_RECORD_VERSION = 1
# A medium of more bytes is not kept with the cell that sent it, or whose tool gave it: a notebook is read, saved and compared whole.
_LARGE = 200_000
# How much of a tool's result the plain text shows, in characters.
_RESULT = 200


def notes(turn: Turn) -> list[str]:
    """Return what is to be said under an answer, in plain words: how it ended, if not of itself, and who gave it."""
    completion = turn.completion
    said = []
    if turn.status == "cancelled":
        said.append("stopped")
    elif turn.status == "failed":
        said.append("broke off here")
    elif completion is not None and len(completion.choices) == 1:  # each of several has its own below it
        said += filter(None, [ended_because(completion.finish_reason)])
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


def bundle(
    turn: Turn, form: Format = "markdown", *, session: str | None = None, note: str = "", since: int = 0
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the MIME bundle of a turn that has ended, and its metadata.

    Args:
        turn: The turn.
        form: How the answer is shown: ``markdown``, ``text``, ``code`` (its code blocks only) or ``json``.
        session: The name by which the session is found, for the record and for the way to another answer.
        note: One more line to say below the answer.
        since: How many rounds of calls stand in outputs of their own already (see :func:`bundle_of_rounds`).

    Returns:
        ``text/markdown`` that is safe wherever it is rendered (left out with ``text``) and ``text/plain``; as metadata
        the record of the turn under ``nbchat``.
    """
    below = "; ".join(filter(None, [*notes(turn), note]))
    sections = [] if form in ("code", "json") else [_round(step) for step in turn.rounds[since:]]
    sections += _last(turn, form)
    sections.append(_Section(_pictures(turn, form), ""))
    if below:
        sections.append(_Section(f"*[{as_words(below)}]*", f"[{below}]"))
    if way := way_to_another(turn, session):
        sections.append(
            _Section(f"To go on from choice 2: <code>{as_words(way)}</code>", f"To go on from choice 2: {way}")
        )
    return _written(sections, form), {"nbchat": _record(turn, session)}


def bundle_of_rounds(turn: Turn, since: int, until: int) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the bundle of some rounds of calls, for an output above what one of their results looks like.

    The record that stands below the last output of the turn is that of the whole.
    """
    sections = [_round(step) for step in turn.rounds[since:until]]
    return _written(sections, "markdown"), {"nbchat": {"version": _RECORD_VERSION, "part_of": turn.id}}


class _Section(NamedTuple):
    """A part of what is kept, as safe Markdown and as plain text."""

    markdown: str
    plain: str


def _written(sections: Sequence[_Section], form: Format) -> dict[str, str]:
    data = {"text/plain": "\n\n".join(filter(None, (section.plain for section in sections)))}
    if form != "text" and sections:
        data["text/markdown"] = "\n\n".join(filter(None, (section.markdown for section in sections)))
    return data


def _round(step: Step) -> _Section:
    """Return an answer that asked for tools: its text, and a fold for each call."""
    message, calls = step.completion.message, [live_call(run) for run in step.runs]
    text = step.completion.text
    return _Section(
        "\n\n".join(filter(None, [_thinking(message), safe_markdown(text), *map(_fold, calls)])),
        "\n\n".join(filter(None, [plain_text(text), "\n".join(map(_told, calls))])),
    )


def _last(turn: Turn, form: Format) -> list[_Section]:
    """Return the answer that came last, with all of its choices."""
    answer = turn.fresh
    if answer is None:
        return []
    texts = [content_text(c.message.content) or c.message.refusal or "" for c in answer.choices]
    texts = [_shaped(text, form) for text in texts]
    if len(texts) > 1:
        endings = [ended_because(choice.finish_reason) for choice in answer.choices]
        shown = [ShownChoice(text, ended) for text, ended in zip(texts, endings, strict=True)]
        said = _Section(in_columns(shown, turn.id), in_text(shown))
    else:
        said = _Section("".join(map(safe_markdown, texts)), "".join(map(plain_text, texts)))
    thinking = _thinking(answer.message) if form == "markdown" else ""
    sections = [_Section("\n\n".join(filter(None, [thinking, said.markdown])), said.plain)]
    if form in ("markdown", "text"):
        calls = calls_of(answer.message.to_dict(), turn.status, answer.finish_reason)
        sections += [_Section(_fold(call), _told(call)) for call in calls]
    return sections


def _thinking(message: Message) -> str:
    """Return the model's reasoning as a fold above the answer; HTML of our own, round text that was made safe."""
    return _folded("Thinking", safe_markdown(message.reasoning)) if message.reasoning else ""


def _fold(call: ShownCall) -> str:
    """Return a call as a fold, with what it was called with and what came of it."""
    result = plain_text(call.traceback or call.result or "").rstrip("\n")
    separator = "\n" if "\n" in result else " "
    result = result and f"→{separator}{result}"
    inside = "\n\n".join(filter(None, [call.in_full, result])) or "no arguments"
    return _folded(f"<code>{as_words(call.line)}</code> {call.how}", as_code(inside))


def _folded(summary: str, inside: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{inside}\n\n</details>"


def _told(call: ShownCall) -> str:
    """Return a call and what came of it on one line."""
    result = one_line(call.result or "")
    result = f": {result[:_RESULT]}{'…' * (len(result) > _RESULT)}" if result else ""
    return f"[{call.line} {call.how}{result}]"


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
            "rounds": [_round_record(step) for step in turn.rounds] or None,
            "answers": [_answer_record(choice) for choice in (turn.fresh.choices if turn.fresh else ())],
            "usage": completion.usage.to_dict() if completion.usage else None,
        }
    if turn.left_out is not None:
        record["left_out"] = turn.left_out.turns
    if turn.error is not None:
        record["error"] = str(turn.error)
    # A question may hold half a character, such as a file name that is no UTF-8; a notebook's message can't.
    return without_surrogates({name: value for name, value in record.items() if value is not None})  # type: ignore[no-any-return]


def _kept(message: Mapping[str, Any] | None) -> Any:
    """Return a message as a notebook keeps it: of large media no more than what they were."""
    if message is None:
        return None
    return plain({**message, "content": without_large_media(message.get("content"), _LARGE)})


def _round_record(step: Step) -> dict[str, Any]:
    """Return an answer that asked for tools with what they gave: messages in the API's form, in their order."""
    results = [{"message": _kept(run.message()), "status": run.status} for run in step.runs if run.over]
    return {"answers": [_answer_record(choice) for choice in step.completion.choices], "results": results}


def _answer_record(choice: Choice) -> dict[str, Any]:
    return {"message": choice.message.to_dict(), "finish_reason": choice.finish_reason}
