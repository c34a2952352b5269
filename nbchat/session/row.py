"""One of the answers of a sweep, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any, Literal

from nbchat.errors import ConfigurationError, NbchatError
from nbchat.session.completion import Completion
from nbchat.session.conversation import Conversation
from nbchat.session.grid import Combination
from nbchat.session.markdown import plain_text, safe_markdown
from nbchat.session.session import Session
from nbchat.wire.messages import Usage, content_text

__all__ = ["Row"]

# How much of an answer a line of text shows, in characters.
_GLIMPSE = 60


@dataclass(frozen=True)
class Row:
    """One of the answers of a sweep; in a notebook it shows as Markdown.

    Attributes:
        number: Its place in the sweep, from 0.
        asked: What was asked.
        status: ``queued``, ``running``, ``done``, ``cancelled`` or ``failed``.
        completion: The answer, or what had come of it; ``None`` where nothing came.
        error: What went wrong, if something did. It is kept and not raised.
        seconds: How long the answer took from the sending of its request; ``None`` where there is none.
        remarks: What is to be said below the answer: that the server does not take a field, say.
    """

    number: int
    asked: Combination
    status: Literal["queued", "running", "done", "cancelled", "failed"] = "queued"
    completion: Completion | None = None
    error: NbchatError | None = None
    seconds: float | None = None
    remarks: tuple[str, ...] = ()
    _grown: Conversation = field(default_factory=Conversation, repr=False)
    _after: str | EllipsisType | None = field(default=..., repr=False)

    @property
    def varied(self) -> Mapping[str, Any]:
        """What tells it from the other rows, by name."""
        return self.asked.varied

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The request fields that it was asked with, as they were given."""
        return self.asked.parameters

    @property
    def text(self) -> str:
        """The text of the answer; of the first where ``n`` asked for several."""
        return self.completion.text if self.completion is not None else ""

    @property
    def texts(self) -> list[str]:
        """The texts of all choices of the answer."""
        choices = self.completion.choices if self.completion is not None else []
        return [content_text(choice.message.content) or choice.message.refusal or "" for choice in choices]

    @property
    def usage(self) -> Usage | None:
        """The tokens that it used, if the server counted them."""
        return self.completion.usage if self.completion is not None else None

    @property
    def cost(self) -> float | None:
        """What it cost in US dollars; ``None`` where that is not known."""
        return self.completion.cost if self.completion is not None else None

    def branch(self, session: Session) -> None:
        """Make the question and the answer a branch of a session, which then stands on it; ``session.undo()`` leaves it.

        It follows the message that the sweep followed. A sweep that was asked after no session, or after another one,
        followed none that this session has: then it comes after the message that the session stands on.

        Args:
            session: The session.

        Raises:
            ConfigurationError: There is no answer.

        Example:
            >>> answers = nbchat.sweep("Name a colour.", temperature=[0, 1])  # doctest: +SKIP
            >>> answers[1].branch(chat)  # doctest: +SKIP
        """
        if self._grown.head is None:
            why = f": {self.error.args[0]}" if self.error is not None else "."
            raise ConfigurationError(f"Row {self.number} has no answer to go on from{why}")
        session.graft(self._grown, self._after)

    def to_records(self, *, numbered: bool = False) -> list[dict[str, Any]]:
        """Return it as rows of a table, one for each choice of the answer.

        Args:
            numbered: Whether the choices have their numbers in a column.
        """
        reasons = [choice.finish_reason for choice in self.completion.choices] if self.completion is not None else []
        records = []
        for number, text in enumerate(self.texts or [""]):
            usage = self.usage if number == 0 else None
            records.append(
                {
                    **self.varied,
                    **({"choice": number} if numbered else {}),
                    "status": self.status,
                    "text": text,
                    "finish_reason": reasons[number] if reasons else None,
                    "error": str(self.error) if self.error is not None else None,
                    "remarks": "; ".join(self.remarks) or None,
                    "seconds": self.seconds,
                    "prompt_tokens": usage.prompt_tokens if usage else None,
                    "completion_tokens": usage.completion_tokens if usage else None,
                    "cost": self.cost if number == 0 else None,
                }
            )
        return records

    @property
    def said(self) -> str:
        """The answer, or in its place why there is none."""
        return self.text or (str(self.error) if self.error is not None else f"[{self.status}]")

    def to_line(self) -> str:
        """Return it as one line that is safe in a terminal."""
        said = " ".join(self.said.split())
        said = said if len(said) <= _GLIMPSE else said[: _GLIMPSE - 1] + "…"
        where = ", ".join(f"{name}={value}" for name, value in self.varied.items())
        return plain_text(f"[{self.number}] {where}: {said}" if where else f"[{self.number}] {said}")

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return safe_markdown(self.said)
