"""How much the models of servers read at once, as their servers say: in lists of models, and in errors.

A model is known by the address of its server and the name that it has there, whatever a user calls the two: what
``groq/x`` and a client of that same server learn of ``x`` is one thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nbchat.errors import ContextLengthError

__all__ = ["Limit", "Limits", "limits"]

# What is kept free for an answer whose length is not bounded, in tokens, but never more than a quarter of the context.
_ROOM = 1024
_MOST_ROOM = 4
# The members by which lists of models tell a context: vLLM's; OpenRouter's, Together's and LM Studio's; Groq's; Mistral's.
_MEMBERS = ("max_model_len", "context_length", "context_window", "max_context_length")
# The same in the ``meta`` of llama.cpp's server: what it was started with, else what the model was trained with.
_META = ("n_ctx", "n_ctx_train")


@dataclass(frozen=True)
class Limit:
    """How many tokens fit.

    Attributes:
        tokens: The number.
        with_answer: Whether the server counts the tokens asked for the answer among them.
    """

    tokens: int
    with_answer: bool = False

    def budget(self, parameters: Mapping[str, Any]) -> int:
        """Return how long a prompt may be that leaves room for its answer, in tokens."""
        asked = parameters.get("max_completion_tokens") or parameters.get("max_tokens")
        if self.with_answer and asked:
            return self.tokens - int(asked)
        return self.tokens - min(int(asked or _ROOM), self.tokens // _MOST_ROOM)


class Limits:
    """What is known of the contexts of models, by the address of their server and their name there."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Limit] = {}

    def known(self, base_url: str, model: str | None) -> Limit | None:
        """Return a model's limit, if it is known."""
        return self._known.get((base_url, model or ""))

    def learn(self, base_url: str, model: str | None, error: ContextLengthError) -> None:
        """Remember what a server said when a prompt did not fit."""
        if error.limit:
            self._known[base_url, model or ""] = Limit(error.limit, with_answer=error.answer_tokens is not None)

    def read(self, base_url: str, models: Iterable[Mapping[str, Any]]) -> None:
        """Take what a list of models tells of their contexts; what a server said in an error has precedence."""
        for model in models:
            name, meta = model.get("id"), model.get("meta")
            told = [model.get(member) for member in _MEMBERS]
            told += [meta.get(member) for member in _META] if isinstance(meta, Mapping) else []
            tokens = next((value for value in told if type(value) is int and value > 0), None)
            if isinstance(name, str) and tokens is not None:
                self._known.setdefault((base_url, name), Limit(tokens))


#: What every client of this process knows.
limits = Limits()
