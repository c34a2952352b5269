"""A session as a file: Markdown to read, JSON to make it again from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbchat.session.calls import call_answered, calls_at
from nbchat.session.context import Context, checked_context
from nbchat.session.conversation import Conversation, Node
from nbchat.session.markdown import as_code, as_words, safe_markdown
from nbchat.session.markdown.media import media_markdown
from nbchat.wire.decode import without_surrogates

__all__ = ["Exported", "from_json", "markdown_of", "to_json", "to_markdown"]

_FORMAT = 1  # of the JSON
_NAMES = {"user": "You", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True)
class Exported:
    """What a session is made of. No key is in it.

    Attributes:
        name: The session's name.
        system: Its system message.
        context: What it does where the conversation does not fit the model.
        parameters: The request fields that are set.
        conversation: The tree, with every branch.
    """

    name: str | None
    system: str | None
    context: Context | None
    parameters: Mapping[str, Any]
    conversation: Conversation


def to_markdown(system: str | None, path: Sequence[Node]) -> str:
    """Return one branch of a conversation as Markdown, with what models and tools said made safe to render."""
    parts = [f"**System**\n\n{safe_markdown(system)}"] if system else []
    return "\n\n".join([*parts, *markdown_of(path)]) + "\n"


def markdown_of(path: Sequence[Node], start: int = 0) -> list[str]:
    """Return the messages of a branch from one on, each as Markdown that is safe wherever it is rendered."""
    return [_message(path, at) for at in range(start, len(path))]


def _message(path: Sequence[Node], at: int) -> str:
    """Return one message: who speaks, the text, what was sent with it, and the calls that it asks for."""
    node = path[at]
    who = f"**{_NAMES.get(node.role, node.role)}**" + (f" ({as_words(node.model)})" if node.model else "")
    media = media_markdown(node.message.get("content"))
    if node.role == "tool":
        call = call_answered(path, at)
        told = f" {as_words(call.title)}, {call.how}" if call else ""
        return "\n\n".join(filter(None, (f"{who}{told}", as_code(node.text), media)))
    calls = [
        f"Calls {as_words(call.title)}" + (f":\n\n{as_code(call.in_full)}" if call.in_full else "")
        for call in calls_at(path, at)
    ]
    said = [safe_markdown(node.text)] if node.text or not (calls or media) else []
    return "\n\n".join(filter(None, [who, *said, media, *calls]))


def to_json(session: Exported, *, indent: int | None = None) -> str:
    """Return a session as JSON that :func:`from_json` reads."""
    data = {
        "nbchat": _FORMAT,
        "name": session.name,
        "system": session.system,
        "context": session.context,
        "parameters": dict(session.parameters),
        "conversation": session.conversation.to_dict(),
    }
    return str(without_surrogates(json.dumps(data, ensure_ascii=False, indent=indent)))


def from_json(text: str) -> Exported:
    """Read what :func:`to_json` wrote.

    Raises:
        ValueError: It is something else; so are ``KeyError``, ``TypeError`` and ``RecursionError``.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or data.get("nbchat") != _FORMAT:
        raise ValueError("it was not written by Session.to_json")
    conversation = Conversation.from_dict(data["conversation"])
    context, name, system = data.get("context"), data.get("name"), data.get("system")
    for what, value in (("name", name), ("system", system)):
        if value is not None and not isinstance(value, str):
            raise TypeError(f"its {what} is no text")
    return Exported(
        name,
        system,
        context and checked_context(context),
        data.get("parameters", {}),
        conversation,
    )
