"""What one turn sends, and how it becomes shorter where it does not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from nbchat.client.capacity import Limit, limits
from nbchat.client.endpoint import Endpoint
from nbchat.errors import ContextLengthError
from nbchat.session.asked import Asked
from nbchat.session.context import LeftOut, Window
from nbchat.session.conversation import Node, request_of
from nbchat.session.replay import Receiver
from nbchat.wire.values import plain

__all__ = ["Request", "first_cut"]

# How often a request is made shorter and sent again. With numbers from the server the first time nearly always fits;
# without any, each time halves what is left, and the last leaves the question alone.
_TRIES = 4

_WAYS_OUT = (
    "Shorten the question, take turns back with chat.undo() (%chat undo), begin anew with chat.clear() (%chat clear), "
    'or have the oldest turns left out with chat.context = "trim" (%chat set context trim).'
)
_ALONE = (
    "Even without the earlier turns it does not fit: shorten the question or the system message, or ask a model with a "
    "longer context."
)
_RESULTS = (
    "Even without the earlier turns it does not fit: have the tools return less, offer fewer of them, or ask a model with a "
    "longer context."
)
_ANSWER_TOO_LONG = "The answer alone may be as long as the context: set max_tokens lower."


class Request:
    """The request of one turn.

    Args:
        asked: What was asked.
        path: The nodes of the conversation that it follows, root first.
        system: The system message.
        model: The model that is asked, as the client is told it.
        served: The name that the model has at its server.
        endpoint: The server that is asked.
        receiver: Who gets it, for what only they get back.
        offered: What it says of tools.
        after: Messages of this request alone, which follow the question.
    """

    def __init__(
        self,
        asked: Asked,
        path: Sequence[Node],
        system: str | None,
        *,
        model: str,
        served: str,
        endpoint: Endpoint,
        receiver: Receiver,
        offered: Mapping[str, Any] = MappingProxyType({}),
        after: Sequence[dict[str, Any]] = (),
    ) -> None:
        self._offered = offered
        self._after = after
        self._asked = asked
        self._system = system
        self._model = model
        self._with_results = bool(path) and path[-1].role == "tool"
        self._known_as = (endpoint.base_url, served)
        self._receiver = receiver
        self._tries = 0
        self._window = Window(path, system, asked.question, asks=asked.question is None)
        self._counted = False
        trims = asked.context == "trim"
        self._cut = first_cut(self._window, self._limit, asked.parameters, receiver) if trims else 0

    @property
    def _limit(self) -> Limit | None:
        return limits.known(*self._known_as)

    @property
    def left_out(self) -> LeftOut | None:
        """What stays out of it; ``None`` while everything is in it."""
        limit = self._limit
        if not self._cut:
            return None
        return LeftOut(self._cut, self._window.tokens, limit.tokens if limit else None, estimated=not self._counted)

    @property
    def wants_no_calls(self) -> bool:
        """Whether it tells the model to answer without tools; what goes into the body by hand can't take that back."""
        extra = self._asked.parameters.get("extra_body") or {}
        return "none" in (self._offered.get("tool_choice"), extra.get("tool_choice"))

    def body(self) -> dict[str, Any]:
        """Return it as it is sent."""
        parameters = {**self._asked.parameters, **self._offered, "model": self._model}
        extra = parameters.pop("extra_body", None) or {}
        messages = request_of(self._window.without(self._cut), self._system, self._receiver)
        if self._asked.question is not None:
            messages.append(plain(self._asked.question))
        messages += self._after
        streamed = {"stream": True, "stream_options": {"include_usage": True}} if self._asked.streamed else {}
        return {**parameters, "messages": messages, **streamed, **extra}

    def shorten(self, error: ContextLengthError) -> bool:
        """Take in what the server said of its length, and leave more turns out if that is wanted and possible.

        Args:
            error: What the server said; it is given the hint that fits.

        Returns:
            Whether it is shorter now, and worth sending again.
        """
        limits.learn(*self._known_as, error)
        error.hint = _WAYS_OUT
        if self._asked.context != "trim":
            return False
        if error.prompt_tokens:
            self._window.correct(error.prompt_tokens, self._cut)
            self._counted = True
        limit, turns = self._limit, len(self._window.turns)
        budget = limit.budget(self._asked.parameters) if limit else None
        if budget is not None and budget <= 0:
            error.hint = _ANSWER_TOO_LONG
            return False
        if self._cut >= turns or self._tries >= _TRIES:
            error.hint = _RESULTS if self._with_results else _ALONE
            return False
        self._tries += 1
        cut = turns if self._tries == _TRIES else self._window.leave_out(budget) if budget is not None else 0
        self._cut = cut if cut > self._cut else self._cut + math.ceil((turns - self._cut) / 2)
        return True


def first_cut(window: Window, limit: Limit | None, parameters: Mapping[str, Any], receiver: Receiver) -> int:
    """Return how many of the oldest turns are left out before the server was asked.

    Where its limit is not known, as many as its last answer did without: fewer would be refused again.
    """
    budget = limit.budget(parameters) if limit is not None else None
    if budget is None:
        last = next((node for node in reversed(window.path) if node.role == "assistant"), None)
        if last is None or (receiver.server, receiver.model) != (
            last.server or "",
            (last.parameters or {}).get("model"),
        ):
            return 0
        return min(last.left_out or 0, len(window.turns))
    return window.leave_out(budget) if budget > 0 else 0
