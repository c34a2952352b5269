"""What fits a model's context: counting what a request would cost, and choosing which old turns stay out of it.

Pure. Nothing here changes a conversation: a turn that is left out of a request stays in the tree.

Tokens are the server's own counts where it gave them. ``usage.prompt_tokens`` of an earlier answer counts everything
before that answer, so the difference of two such counts is the cost of what stands between them; it is spread over those
messages by their length. What no server has counted yet, such as the question about to be asked, is estimated: its
content by the rules of :mod:`nbchat.wire.tokens`, and four tokens a message for its role and the marks around it (OpenAI's
cookbook counts three or four, by model).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from nbchat.errors import ConfigurationError
from nbchat.session.conversation import Node
from nbchat.wire.tokens import content_tokens, text_tokens

__all__ = ["Context", "LeftOut", "Window", "checked_context", "estimate"]

Context = Literal["error", "trim"]

_OVERHEAD = 4  # tokens a message


def checked_context(value: object) -> Context:
    """Return *value* if it says what to do with a conversation that does not fit.

    Raises:
        ConfigurationError: It does not.
    """
    for known in get_args(Context):
        if value == known:
            return known  # type: ignore[no-any-return]  # typing can't tell what get_args returns
    raise ConfigurationError(f"context is 'error' or 'trim', not {value!r}.")


@dataclass(frozen=True)
class LeftOut:
    """Turns that were not sent, so that the others fit.

    Attributes:
        turns: How many of the oldest turns.
        tokens: How long the whole prompt would have been.
        limit: How many tokens fit; ``None`` where the server did not say.
        estimated: Whether ``tokens`` is an estimate, rather than the server's count.
    """

    turns: int
    tokens: int
    limit: int | None = None
    estimated: bool = True

    def __str__(self) -> str:
        which = "the first turn was" if self.turns == 1 else f"the first {self.turns} turns were"
        return f"{which} left out to fit the model's context"


def estimate(message: Mapping[str, Any]) -> int:
    """Return about how many tokens a message has, by the rule at the head of this file.

    Example:
        >>> estimate({"role": "user", "content": "What's Python?"})
        8
    """
    tokens = _OVERHEAD + content_tokens(message.get("content"))
    if calls := message.get("tool_calls"):
        tokens += text_tokens(json.dumps(calls, default=str))
    return tokens


@dataclass
class _Item:
    """One message of a request: its cost in tokens, and whether the server counted it."""

    cost: float
    counted: bool = False


@dataclass
class Window:
    """The messages that one request may carry, weighed.

    Args:
        path: The nodes on the way to where the request starts, root first.
        system: The system message.
        question: The question that will follow them; ``None`` where it is the path's own last one, or not known yet.
        asks: Whether the path ends in the question that is asked.
    """

    path: Sequence[Node]
    system: str | None = None
    question: Mapping[str, Any] | None = None
    asks: bool = False

    @cached_property
    def _weights(self) -> tuple[list[_Item], list[_Item]]:
        """What each node of the path costs, and each of the others; weighed only where somebody asks."""
        items = [_Item(estimate(node.message)) for node in self.path]
        system = {"content": self.system} if self.system else None
        others = [_Item(estimate(message)) for message in (system, self.question) if message]
        _count(self.path, items, others[:1] if system else [])
        return items, others

    @property
    def turns(self) -> list[list[int]]:
        """The places on the path of each turn that may be left out, oldest first.

        A turn is a question and everything up to the next one, so that the results of tools stay with their calls. System
        messages belong to none, and neither does what the question of this request answers.
        """
        turns: list[list[int]] = []
        for place, node in enumerate(self.path):
            if node.role in ("system", "developer"):
                continue
            if node.role == "user" or not turns:
                turns.append([])
            turns[-1].append(place)
        follows = self.question is not None and self.question.get("role") != "user"
        return turns[:-1] if self.asks or follows else turns

    @property
    def tokens(self) -> int:
        """How long the prompt is when nothing is left out."""
        return math.ceil(sum(item.cost for items in self._weights for item in items))

    def correct(self, said: int, left_out: int) -> None:
        """Take the server's count of what was sent when *left_out* turns were not in it."""
        gone = {place for turn in self.turns[:left_out] for place in turn}
        items, others = self._weights
        sent = [item for place, item in enumerate(items) if place not in gone] + others
        unknown = [item for item in sent if not item.counted]
        rest = said - sum(item.cost for item in sent if item.counted)
        _spread(rest, unknown) if unknown and rest > 0 else _spread(said, sent)

    def leave_out(self, budget: float) -> int:
        """Return how many of the oldest turns have to stay out for a prompt of *budget* tokens; all if that is too little."""
        items, others = self._weights
        rest: float = sum(item.cost for item in (*items, *others))
        turns = self.turns
        for number, turn in enumerate(turns):
            if rest <= budget:
                return number
            rest -= sum(items[place].cost for place in turn)
        return len(turns)

    def without(self, left_out: int) -> list[Node]:
        """Return the path without its first *left_out* turns."""
        gone = {place for turn in self.turns[:left_out] for place in turn}
        return [node for place, node in enumerate(self.path) if place not in gone]


def _count(path: Sequence[Node], items: Sequence[_Item], system: Sequence[_Item]) -> None:
    """Put the server's counts in the place of estimates, as far as there are any."""
    before: tuple[int, int, int] | None = None
    for place, node in enumerate(path):
        total = (node.usage or {}).get("prompt_tokens")
        if node.role != "assistant" or type(total) is not int or total <= 0:
            continue
        left_out = node.left_out or 0
        if before is None and not left_out:
            _spread(total, [*system, *items[:place]])
        elif before is not None and before[2] == left_out:
            _spread(total - before[1], items[before[0] : place])
        before = (place, total, left_out)
    if before is not None:
        last = path[before[0]]
        if (last.parameters or {}).get("n") in (None, 1):
            _spread(_answer_tokens(last.usage or {}), items[before[0] : before[0] + 1])


def _spread(total: float, items: Sequence[_Item]) -> None:
    """Let items cost *total* together, each by its estimated share; a total that can't be is left alone."""
    estimated = sum(item.cost for item in items)
    if total <= 0 or not estimated:
        return
    for item in items:
        item.cost *= total / estimated
        item.counted = True


def _answer_tokens(usage: Mapping[str, Any]) -> int:
    """Return how many tokens of an answer go back to the server: those of its reasoning do not."""
    answer = usage.get("completion_tokens")
    details = usage.get("completion_tokens_details")
    thought = details.get("reasoning_tokens") if isinstance(details, Mapping) else None
    return answer - (thought if type(thought) is int else 0) if type(answer) is int else 0
