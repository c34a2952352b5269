"""What does not fit, in words that a model can act on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

__all__ = ["Misfit", "Problem", "Problems", "misfit"]

# How many problems are told at once, and how much of a value is repeated, in characters.
_MOST_PROBLEMS = 5
_SHOWN = 60


class Problem(msgspec.Struct, frozen=True):
    """One thing that does not fit.

    Attributes:
        words: What was expected and what came.
        path: Where: names of members and indexes of items, from the outside in.
    """

    words: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"{where.removeprefix('.')}: {self.words}" if where else self.words


class Misfit(Exception):
    """A value is not of a kind. Its text says where, what was expected and what came, for the model to mend."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems

    def __str__(self) -> str:
        told = [str(problem) for problem in self.problems[:_MOST_PROBLEMS]]
        more = len(self.problems) - len(told)
        return "; ".join([*told, *([f"and {more} more"] if more else [])])


def misfit(expected: str, value: Any) -> Misfit:
    """Say that *value* is not what was *expected*."""
    return Misfit(Problem(f"expected {expected}, got {_shown(value)}"))


def _shown(value: Any) -> str:
    if isinstance(value, list | dict) and len(value) > _SHOWN:
        return f"an {'array of' if isinstance(value, list) else 'object with'} {len(value)} values"
    text = json.dumps(value[: _SHOWN + 1] if isinstance(value, str) else value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class Problems:
    """The problems of several members, told together."""

    def __init__(self) -> None:
        self._all: list[Problem] = []

    @contextmanager
    def at(self, step: str | int) -> Iterator[None]:
        """Note what does not fit in the body, as being at *step*, and go on."""
        try:
            yield
        except Misfit as caught:
            self._all += [Problem(problem.words, (step, *problem.path)) for problem in caught.problems]

    def add(self, words: str) -> None:
        """Note a problem of the whole."""
        self._all.append(Problem(words))

    def check(self) -> None:
        """End the reading if there was a problem.

        Raises:
            Misfit: There was.
        """
        if self._all:
            raise Misfit(*self._all)
