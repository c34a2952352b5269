"""What a question may be given as, and the message that is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbchat.errors import ConfigurationError
from nbchat.wire.values import Value, plain

__all__ = ["Prompt", "question_of"]

Prompt = str | Sequence[Mapping[str, Any]] | Mapping[str, Any] | Value


def question_of(prompt: Prompt) -> dict[str, Any]:
    """Make the user's message of what they gave: text, a list of content parts, or a whole message.

    Raises:
        ConfigurationError: It is no question.

    Example:
        >>> question_of("What's Python?")
        {'role': 'user', 'content': "What's Python?"}
    """
    if isinstance(prompt, str):
        if not prompt.strip():
            raise ConfigurationError("The question is empty.")
        return {"role": "user", "content": prompt}
    if isinstance(prompt, Value | Mapping):
        return {"role": "user", **plain(prompt)}
    if isinstance(prompt, Sequence):
        return {"role": "user", "content": plain(list(prompt))}
    raise ConfigurationError(f"A question is text, a list of content parts or a message, not {type(prompt).__name__}.")
