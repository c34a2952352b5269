"""What a question may be given as, what is attached to it, and the message that is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbchat.attachments.attach import attached
from nbchat.attachments.attachment import Attachment
from nbchat.attachments.limits import Limits
from nbchat.client.config import settings
from nbchat.errors import ConfigurationError
from nbchat.wire.media import Part
from nbchat.wire.values import Value, plain

__all__ = ["Prompt", "attached_as_configured", "configured_limits", "question_of", "with_parts"]

Prompt = str | Sequence[Mapping[str, Any]] | Mapping[str, Any] | Value


def question_of(prompt: Prompt, parts: Sequence[Part] = ()) -> dict[str, Any]:
    """Make the user's message of what they gave: text, a list of content parts, or a whole message.

    Args:
        prompt: The question; it may be empty where something is attached to it.
        parts: The content parts of what is attached to it, which come after it.

    Raises:
        ConfigurationError: It is no question.

    Example:
        >>> question_of("What's Python?")
        {'role': 'user', 'content': "What's Python?"}
    """
    if isinstance(prompt, str):
        if not prompt.strip() and not parts:
            raise ConfigurationError("The question is empty.")
        return {"role": "user", "content": with_parts(prompt, parts)}
    if isinstance(prompt, Value | Mapping):
        message = {"role": "user", **plain(prompt)}
        return {**message, "content": with_parts(message.get("content") or "", parts)} if parts else message
    if isinstance(prompt, Sequence):
        return {"role": "user", "content": with_parts(plain(list(prompt)), parts)}
    raise ConfigurationError(f"A question is text, a list of content parts or a message, not {type(prompt).__name__}.")


def with_parts(content: str | Sequence[Part], parts: Sequence[Part]) -> str | list[Part]:
    """Return a message's content with further parts: the text first; a text alone stays one.

    Example:
        >>> with_parts("Look:", [{"type": "text", "text": "a table"}])
        [{'type': 'text', 'text': 'Look:'}, {'type': 'text', 'text': 'a table'}]
    """
    if isinstance(content, str):
        if not parts:
            return content
        content = [{"type": "text", "text": content}] if content.strip() else []
    return [*content, *parts]


def attached_as_configured(things: Any) -> Attachment:
    """Return what is attached to a question, one object or a list of them, within the configured limits.

    Raises:
        ConfigurationError: One can't be attached, or a limit is none.
    """
    return attached(() if things is None else things, configured_limits())


def configured_limits() -> Limits:
    """Return the limits of what is attached, ``c.NBChat.attach``.

    Raises:
        ConfigurationError: There is no such limit, or it is no positive whole number.
    """
    return Limits.of(settings().attach)
