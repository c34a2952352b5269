"""What a turn adds to the conversation: its question, its answers, and what tools gave in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbchat.session.completion import Completion
from nbchat.session.conversation import Conversation, Node, new_id, rounds_at
from nbchat.session.replay import server_mark
from nbchat.session.toolbox import ToolRun
from nbchat.wire.values import plain, shared

if TYPE_CHECKING:
    from nbchat.session.turn import Turn

__all__ = ["Growth"]


class Growth:
    """The part of the tree that one turn grows. Whoever calls holds the session's lock.

    Args:
        turn: The turn.
        conversation: The tree.
        parent: Where in it the turn begins.

    Attributes:
        tip: The last message that it has added, or its beginning.
        question: The question, as long as it is not in the tree: a turn that brings nothing leaves no trace.
    """

    def __init__(self, turn: Turn, conversation: Conversation, parent: str | None) -> None:
        self.tip = parent
        self.question = turn.asked.question
        self._last: str | None = None
        self._turn = turn
        self._conversation = conversation

    @property
    def rounds(self) -> int:
        """How many rounds of calls the question has had, those of earlier turns that answered it among them."""
        return 0 if self.question is not None else rounds_at(self._conversation.path(self.tip))

    def answer(self, completion: Completion) -> bool:
        """Add a model's answers, and the question before the first; the head moves to the first answer.

        Returns:
            Whether there was anything to add: a turn that brought no text leaves the conversation as it was, so that asking
            again asks once.
        """
        turn = self._turn
        if turn.status in ("cancelled", "failed") and not any(
            _has_text(choice.message) for choice in completion.choices
        ):
            return False
        if self.question is not None:
            self.tip = self._add(plain(self.question))
            self.question = None
        over = turn.status in ("done", "cancelled", "failed")
        first_token, duration = turn.took if over else (None, None)
        usage = completion.answer.usage
        answers = [
            self._add(
                choice.message.to_dict(),
                status=turn.status if over else "done",
                finish_reason=choice.finish_reason,
                model=completion.model or None,
                left_out=turn.left_out.turns if turn.left_out else None,
                server=server_mark(turn.endpoint.base_url) if turn.endpoint else None,
                usage=usage.to_dict() if usage and number == 0 else None,
                parameters=dict(turn.asked.parameters) or None,
                logprobs=shared(choice.logprobs),
                first_token=first_token,
                duration=duration,
                remarks=list(turn.remarks) or None,
                error=str(turn.error) if turn.error else None,
            )
            for number, choice in enumerate(completion.choices)
        ]
        turn.answers = answers
        if answers:
            self.tip = self._last = answers[0]
        self._conversation.head = self.tip
        return True

    def end(self, completion: Completion | None) -> bool:
        """Add what came last, if anything did; a turn that broke off between its answers says so in the last one.

        Returns:
            Whether the conversation is another than before.
        """
        if completion is not None and self.answer(completion):
            return True
        turn, nodes = self._turn, self._conversation.nodes
        if self._last is None or turn.status not in ("cancelled", "failed"):
            return False
        nodes[self._last] = replace(
            nodes[self._last], status=turn.status, error=str(turn.error) if turn.error else None
        )
        return True

    def set_aside(self, completion: Completion) -> None:
        """Add an answer that another one is to take the place of: it stays in the tree, as that one's sibling.

        The head stays on it until the other has come, which may never be; one that says nothing leaves no trace.
        """
        if any(_has_text(choice.message) for choice in completion.choices):
            self.answer(completion)
            self.tip = self._conversation.nodes[self.tip or ""].parent

    def results(self, runs: Sequence[ToolRun]) -> None:
        """Add what tools gave, in the order of the calls; what is not over is not among it."""
        for run in runs:
            if run.outcome is not None:
                status = run.status if run.status in ("done", "refused") else "failed"
                took = None if run.begun is None else round(run.outcome.duration, 3)
                self.tip = self._add(run.message(), status=status, duration=took)
        self._conversation.head = self.tip

    def _add(self, message: Mapping[str, Any], **about: Any) -> str:
        turn = self._turn
        node = Node(
            new_id(), self.tip, message, **{"turn": turn.id, "cell": turn.asked.cell, "created": turn.created, **about}
        )
        self._conversation.add(node)
        return node.id


def _has_text(message: Any) -> bool:
    return bool(message.content or message.refusal)
