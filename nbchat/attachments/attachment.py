"""What of one object goes to a model: content parts, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from nbchat.attachments.limits import DEFAULT, Limits
from nbchat.errors import ConfigurationError
from nbchat.wire.media import Part
from nbchat.wire.tokens import content_tokens, text_tokens

__all__ = ["Attachment"]


@dataclass(frozen=True)
class Attachment:
    """What of one object, or of several, goes to a model.

    Attributes:
        parts: Content parts of the API, for a user's message.
        notes: What was changed on the way, in words: that a picture was scaled down.
    """

    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of_text(cls, text: str, what: str, limits: Limits = DEFAULT) -> Self:
        """Return a text as an attachment.

        Args:
            text: The text.
            what: What it is the text of, for the error.
            limits: How long it may be.

        Raises:
            ConfigurationError: It is longer.
        """
        tokens = text_tokens(text)
        if tokens > limits.text_tokens:
            raise ConfigurationError(
                f"{what} is text of about {tokens:,} tokens; at most {limits.text_tokens:,} are attached.",
                hint="Attach a part of it, or raise the limit with c.NBChat.attach = {'text_tokens': …}.",
            )
        return cls(({"type": "text", "text": text},))

    @classmethod
    def joined(cls, attachments: Iterable[Self]) -> Self:
        """Return several as one."""
        every = list(attachments)
        return cls(
            tuple(part for one in every for part in one.parts), tuple(note for one in every for note in one.notes)
        )

    @property
    def text(self) -> str:
        """The text of its parts that are text."""
        return "".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def media(self) -> list[Part]:
        """Its parts that are no text, which only a user's message can carry: not a system's, an assistant's or a tool's."""
        return [part for part in self.parts if part["type"] != "text"]

    @property
    def tokens(self) -> int:
        """About how many tokens it has, by the rules of :mod:`nbchat.wire.tokens`."""
        return content_tokens(self.parts)
