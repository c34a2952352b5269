"""One question asked in many ways at once: every combination of values of request fields, side by side."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from types import EllipsisType
from typing import Any, Self, overload

from nbchat.client import portal
from nbchat.client.client import Client
from nbchat.client.endpoint import default_notice, tell
from nbchat.client.feed import Feed
from nbchat.client.retry import Retrying
from nbchat.client.secret import Secret
from nbchat.errors import ConfigurationError, NbchatError
from nbchat.session.events import Event, TurnNoticed
from nbchat.session.grid import Grid
from nbchat.session.pace import Pace
from nbchat.session.records import frame
from nbchat.session.row import Row
from nbchat.session.session import Session
from nbchat.session.turn import Turn
from nbchat.wire.messages import Usage, total

__all__ = ["Sweep"]


class Sweep(Sequence[Row]):
    """The answers to one question asked in many ways, live: a sequence of rows that fills up.

    Make one with :func:`nbchat.sweep`. In a notebook it is drawn as a grid of the answers.

    Attributes:
        axes: The values of what varies, by name.
        ended: The numbers of the rows that have ended, in the order in which they did.
        notice: One line about what goes on: a retry, a download; empty where nothing is to say.

    Args:
        grid: What is asked.
        base: The session after whose conversation it is asked; it is left as it is.
        after: The message of it that every question follows; ``Ellipsis`` where that means nothing to other sessions.
        concurrency: How many questions are on their way at once, at most.
    """

    def __init__(self, grid: Grid, base: Session, after: str | EllipsisType | None, concurrency: int) -> None:
        self.axes = grid.axes
        self.ended: list[int] = []
        self._settled: Feed[None] = Feed()
        self.notice = ""
        self._base = base
        self._remarks = grid.remarks
        self._rows = [Row(at, asked, _after=after) for at, asked in enumerate(grid.combinations)]
        self._queue = deque(range(len(self._rows)))
        self._turns: dict[int, Turn] = {}
        self._cancelled = False
        self._pace = Pace(concurrency)
        self._workers = min(concurrency, len(self._rows))
        self._future: concurrent.futures.Future[None] = portal.start(self._run())

    @classmethod
    def start(
        cls,
        grid: Grid,
        *,
        concurrency: int = 8,
        session: Session | None = None,
        client: Client | None = None,
        base_url: str | None = None,
        api_key: Secret | None = None,
    ) -> Self:
        """Begin to ask, and return at once.

        Args:
            grid: What is asked.
            concurrency: How many questions are on their way at once, at most.
            session: The session after whose conversation it is asked, through whose client, with its parameters and tools.
            client: The client to ask through where there is no session.
            base_url: Where the API is, where there is neither.
            api_key: The key for it.

        Raises:
            ConfigurationError: The number is none, or there is a session and something else to ask through.
        """
        if type(concurrency) is not int or concurrency < 1:
            raise ConfigurationError(f"concurrency is how many to ask at once, at least 1, not {concurrency!r}.")
        if session is not None and (client, base_url, api_key) != (None, None, None):
            raise ConfigurationError("A sweep after a session asks through its client: leave out client and base_url.")
        origin = session or Session(client=client, base_url=base_url, api_key=api_key)
        # One client for all, and everything as it is now, whatever becomes of the session meanwhile.
        base = origin.fork(client=origin.client)
        models = [asked.parameters.get("model") or base.parameters.model for asked in grid.combinations]
        for model in dict.fromkeys(models):
            tell(default_notice(base.client.endpoint, model))
        return cls(grid, base, base.conversation.head if session is not None else ..., concurrency)

    # ---- for those who watch ----

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows))

    @property
    def running(self) -> bool:
        """Whether some rows have not ended yet."""
        return not self._settled.closed

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all rows have ended.

        Args:
            timeout: Seconds to wait at most; ``None`` for as long as it takes.

        Returns:
            Whether they have.
        """
        if not self._settled.wait(0, timeout):
            return False
        self._future.result()  # nothing but a fault of ours
        return True

    def __await__(self) -> Generator[Any, None, Self]:
        return self._whole().__await__()

    async def _whole(self) -> Self:
        await self._settled.wait_async(0)
        return self

    def cancel(self) -> None:
        """Stop what runs and leave the rest; what has arrived is kept."""
        portal.call_soon(self._cancel)

    @property
    def usage(self) -> Usage:
        """The tokens of all rows that were counted."""
        return total(row.usage for row in self if row.usage)

    @property
    def cost(self) -> float | None:
        """The price of all answers in US dollars; ``None`` if that of any is not known."""
        costs = [row.cost for row in self if row.completion is not None]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame with a row for each answer, in the order asked.

        Its columns are what varies, under its own names, then ``status``, ``text``, ``finish_reason``, ``error``,
        ``remarks``, ``seconds``, ``prompt_tokens``, ``completion_tokens`` and ``cost`` (US dollars). Where ``n`` asked for several
        choices each has a row of its own, numbered in ``choice``; tokens and cost, which they share, stand in the first.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        several = any(len(row.texts) > 1 for row in self)
        return frame([record for row in self for record in row.to_records(numbered=several)])

    def __str__(self) -> str:
        return "\n".join(row.to_line() for row in self)

    def __repr__(self) -> str:
        counts = Counter(row.status for row in self)
        return f"<Sweep of {len(self)}: {', '.join(f'{count} {status}' for status, count in counts.items())}>"

    def _repr_html_(self) -> str:
        # By its name only: this floor knows none of those above.
        return str(importlib.import_module("nbchat.jupyter.picture").html_of(self))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}

    # ---- on the I/O thread ----

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._workers):
                    workers.create_task(self._work())
        finally:
            self._settled.close()

    async def _work(self) -> None:
        while self._queue:
            async with self._pace.place():
                if self._queue:
                    await self._ask(self._queue.popleft())

    async def _ask(self, number: int) -> None:
        """Ask one question, in a session of its own."""
        row = self._rows[number]
        session = self._base.fork(client=self._base.client)
        session.subscribe(self._heard)
        try:
            turn = session.ask(row.asked.question, row.asked.parameters, system=row.asked.system, remarks=self._remarks)
        except NbchatError as error:
            self._end(replace(row, status="failed", error=error))
            return
        self._rows[number], self._turns[number] = replace(row, status="running"), turn
        await turn.settled()
        del self._turns[number]
        if not self._cancelled and self._pace.again(turn.error):
            self._rows[number] = row
            self._queue.appendleft(number)
            return
        if turn.status == "done":
            self._pace.answered(turn.rate_limits)
            self.notice = ""
        self._end(
            replace(
                row,
                status=turn.status,
                completion=turn.completion,
                error=turn.error,
                seconds=turn.took[1],
                remarks=tuple(turn.remarks),
                _grown=session.conversation.turn_alone(turn.id),
            )
        )

    def _end(self, row: Row) -> None:
        self._rows[row.number] = row
        self.ended.append(row.number)

    def _heard(self, event: Event) -> None:
        if isinstance(event, TurnNoticed):
            self.notice = event.turn.notice
            if isinstance(event.notice, Retrying) and event.notice.error.status == 429:
                self._pace.slow(event.notice.delay)

    def _cancel(self) -> None:
        self._cancelled = True
        while self._queue:
            self._end(replace(self._rows[self._queue.popleft()], status="cancelled"))
        for turn in self._turns.values():
            turn.cancel()
        self._pace.open()
