"""What a tool's function has not given yet when it returns: a coroutine's result, and what iterators yield."""

from __future__ import annotations

import inspect
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from nbchat.tools.results import report
from nbchat.tools.worker import Job

__all__ = ["Collected", "collected"]


@dataclass(frozen=True)
class Collected:
    """What came of a call in the end.

    Attributes:
        value: What the function returned; of an iterator what it yielded.
        stopped_after: After how many items nothing more was asked of an iterator; ``None`` where all there was is here.
    """

    value: Any
    stopped_after: int | None = None


def collected(job: Job[Any], value: Any, budget: int) -> Collected:
    """Wait for what is still to come, in the thread of the call.

    A coroutine is awaited. What an iterator yields, an async one too, is taken until it is more than a model is told, so
    that one without an end has one: it becomes a list, or one text where a generator yields nothing but texts. An open file
    stays what it is.

    Args:
        job: The call.
        value: What the function returned.
        budget: How much a model is told, in characters.

    Raises:
        BaseException: Whatever the user's code raises.
    """
    if inspect.isawaitable(value):
        return collected(job, job.wait_for(value), budget)
    taken = _Taken(budget)
    if isinstance(value, AsyncIterator):
        job.wait_for(taken.take_async(value))
    elif isinstance(value, Iterator) and not isinstance(value, io.IOBase):
        taken.take(value)
    else:
        return Collected(value)
    items = taken.items
    # Pieces of one text come from what was written to give them, and the texts of any other iterator are several.
    written = inspect.isgenerator(value) or inspect.isasyncgen(value)
    whole = "".join(items) if written and items and all(isinstance(item, str) for item in items) else items
    return Collected(whole, len(items) if taken.full else None)


class _Taken:
    def __init__(self, budget: int) -> None:
        self.items: list[Any] = []
        self._room = budget

    @property
    def full(self) -> bool:
        return self._room < 0

    def take(self, source: Iterator[Any]) -> None:
        for item in source:
            self._add(item)
            if self.full:
                break
        if inspect.isgenerator(source):  # what it has to tidy up is part of the call
            source.close()

    async def take_async(self, source: AsyncIterator[Any]) -> None:
        async for item in source:
            self._add(item)
            if self.full:
                break

    def _add(self, item: Any) -> None:
        self.items.append(item)
        # Even nothing counts, or an endless number of them would go on for ever.
        text = item if isinstance(item, str) else report(item, budget=self._room).text
        self._room -= max(1, len(text))
