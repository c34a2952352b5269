"""A turn while it runs, as a panel shows it: its question, its text so far, and what has not been sent yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbchat.attachments.seen import own_text
from nbchat.jupyter.transcript import shown_media
from nbchat.session.conversation import Conversation, Node
from nbchat.session.turn import Turn

__all__ = ["InFlight"]


class InFlight:
    """A turn that waits, runs, or failed before it brought anything; of one that calls tools, the answer that comes next.

    Args:
        turn: The turn.

    Attributes:
        keep: How many of the messages shown stay above it; ``None`` for all.
        retrying: Whether its request is being sent again.
    """

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.keep: int | None = None
        self.retrying = False
        self._settled = len(turn.steps)
        self._round = len(turn.rounds)
        self._asked = True  # whether its question is still its own, and no message yet
        self._begin = self._seen = turn.settled_pieces
        self._texts: dict[tuple[int, str], list[str]] = {}
        self._lengths: dict[tuple[int, str], int] = {}

    @property
    def current(self) -> bool:
        """Whether the turn's text still goes on from what is here, and not with another answer."""
        return self._settled == len(self.turn.steps)

    def place(self, conversation: Conversation, path: Sequence[Node]) -> None:
        """Note where it stands among the messages that are shown."""
        mine = [at for at, node in enumerate(path) if node.turn == self.turn.id]
        self._asked = not mine
        self.keep = mine[-1] + 1 if mine else _place_of(self.turn, conversation, path)

    def take(self) -> list[list[Any]]:
        """Return what has come since the last time: parts of ``[choice, kind, offset, text]``.

        Offsets count UTF-16 units, as a browser counts characters.
        """
        pieces = self.turn.pieces.since(self._seen)
        if not self.current:  # the rest of it is settled, and shown as such
            return []
        self._seen += len(pieces)
        fresh: dict[tuple[int, str], list[str]] = {}
        for piece in pieces:
            fresh.setdefault((piece.choice, piece.kind), []).append(piece.text)
        parts: list[list[Any]] = []
        for key, texts in fresh.items():
            text = "".join(texts)
            offset = self._lengths.get(key, 0)
            self._lengths[key] = offset + len(text.encode("utf-16-le", "replace")) // 2
            self._texts.setdefault(key, []).append(text)
            parts.append([*key, offset, text])
        return parts

    @property
    def state(self) -> str:
        """``queued``, ``waiting`` for the first text, ``streaming``, ``retrying``, ``calling``, ``asking`` or ``failed``."""
        turn = self.turn
        if turn.status in ("queued", "failed"):
            return turn.status
        if self._seen > self._begin:
            return "streaming"
        runs = turn.steps[-1].runs if turn.steps else ()
        if turn.fresh is None and any(run.status == "asking" for run in runs):
            return "asking"
        if turn.fresh is None and not all(run.over for run in runs):
            return "calling"
        return "retrying" if self.retrying else "waiting"

    def to_dict(self) -> dict[str, Any]:
        """Return the turn as the panel's front end takes it, with its text as far as it was sent."""
        turn = self.turn
        question, error = turn.asked.question, turn.error
        choices = max([turn.asked.parameters.get("n") or 1, *(choice + 1 for choice, _ in self._texts)])
        return {
            "id": turn.id,
            "state": self.state,
            "note": turn.notice if self.state in ("waiting", "retrying", "queued") else "",
            "round": self._round,
            "question": None if question is None or not self._asked else own_text(question.get("content")),
            "media": [] if question is None or not self._asked else shown_media(question.get("content")),
            "model": turn.asked.parameters.get("model"),
            "keep": self.keep,
            "created": turn.created,
            "texts": ["".join(self._texts.get((choice, "text"), ())) for choice in range(choices)],
            "reasoning": ["".join(self._texts.get((choice, "reasoning"), ())) for choice in range(choices)],
            "error": None if error is None else str(error),
        }


def _place_of(turn: Turn, conversation: Conversation, path: Sequence[Node]) -> int | None:
    """Return how many messages of the path stay above a turn; ``None`` for all of them."""
    asked = turn.asked
    parent = asked.parent
    if parent is ...:
        earlier = conversation.question_of_cell(asked.cell)
        if earlier is None:
            return None
        parent = earlier.parent
    if parent is None:
        return 0
    return next((at + 1 for at, node in enumerate(path) if node.id == parent), None)
