"""A session as a file: Markdown to read, JSON to make it again from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nbchat.session.context import Context, checked_context
from nbchat.session.conversation import Conversation, Node
from nbchat.session.markdown import safe_markdown
from nbchat.session.markdown.media import media_markdown
from nbchat.wire.decode import without_surrogates

__all__ = ["Exported", "from_json", "message_markdown", "to_json", "to_markdown"]

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


def to_markdown(system: str | None, path: Iterable[Node]) -> str:
    """Return one branch of a conversation as Markdown, with what models said made safe to render."""
    parts = [f"**System**\n\n{safe_markdown(system)}"] if system else []
    return "\n\n".join([*parts, *map(message_markdown, path)]) + "\n"


def message_markdown(node: Node) -> str:
    """Return one message as Markdown that is safe wherever it is rendered: who speaks, the text, and what was sent with it."""
    who = f"**{_NAMES.get(node.role, node.role)}**" + (f" ({safe_markdown(node.model)})" if node.model else "")
    return "\n\n".join(filter(None, (who, safe_markdown(node.text), media_markdown(node.message.get("content")))))


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
    context = data.get("context")
    return Exported(
        data.get("name"),
        data.get("system"),
        context and checked_context(context),
        data.get("parameters", {}),
        conversation,
    )
