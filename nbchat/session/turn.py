"""One question with its whole answer, while it comes and after."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from nbchat.client import portal
from nbchat.client.endpoint import Endpoint, tell
from nbchat.client.feed import Feed
from nbchat.errors import NbchatError, TurnCancelled
from nbchat.session.asked import Asked
from nbchat.session.attendance import Attendance
from nbchat.session.completion import Completion
from nbchat.session.context import LeftOut
from nbchat.session.conversation import new_id
from nbchat.session.keyboard import at_keyboard, wait_asking
from nbchat.session.toolbox import ToolRun
from nbchat.tools.structured import PartialAnswer
from nbchat.wire.accumulator import Accumulator, Piece
from nbchat.wire.limits import RateLimits

if TYPE_CHECKING:
    from nbchat.session.session import Session

__all__ = ["Step", "Turn"]


class Step(NamedTuple):
    """One request of a turn that was not its last.

    Attributes:
        completion: The answer.
        runs: The calls that it asked for; none of one that did not have the form that was asked for, and was set aside.
        pieces: How many of the turn's pieces there were when it ended.
    """

    completion: Completion
    runs: Sequence[ToolRun] = ()
    pieces: int = 0


class Turn:
    """A question and its answer, live.

    Iterate over it for the pieces of the text as they come (``for`` or ``async for``), ``await`` it or call
    :meth:`result` for the whole. Any number of readers may do so at once, each from the beginning.

    Attributes:
        id: Its identifier; the nodes it adds to the conversation carry it.
        asked: What was asked, and how.
        status: ``queued``, ``running``, ``done``, ``cancelled`` or ``failed``.
        error: What went wrong, when it failed.
        left_out: The turns that its request did without, to fit the model's context; ``None`` for none.
        notice: One line about what goes on while no text comes: a retry, a download.
        remarks: What is to be said below the answer: that a field of the request was refused, and what was sent instead.
        answers: The identifiers of the nodes that its last answers are in the conversation, one for each choice; none before.
        steps: The requests so far whose answers were not the last: they asked for tools, or lacked the form.
        rate_limits: What the server said about its limits when it began to answer; ``None`` where it said nothing.
        created: When it was asked, in seconds since 1970.
        sent: When its request was sent, which those asked before it may have delayed, in the same seconds; ``None`` before.
        first_text: When the first piece came, in the same seconds; ``None`` before.
        ended: When it ended, in the same seconds; ``None`` before.

    Example:
        >>> turn = chat.stream("How do I learn it?")  # doctest: +SKIP
        >>> for text in turn:  # doctest: +SKIP
        ...     print(text, end="")
    """

    def __init__(self, asked: Asked, session: Session | None = None) -> None:
        self.id = new_id()
        self.asked = asked
        self._session: Callable[[], Session | None] = weakref.ref(session) if session is not None else lambda: None
        self.status: Literal["queued", "running", "done", "cancelled", "failed"] = "queued"
        self.error: NbchatError | None = None
        self.created = time.time()
        self.notice = ""
        self.remarks: list[str] = []
        self._remarked = 0
        self.answers: list[str] = []
        self.steps: list[Step] = []
        self._partial: PartialAnswer | None = None
        self.rate_limits: RateLimits | None = None
        self.left_out: LeftOut | None = None
        self.sent: float | None = None
        self.first_text: float | None = None
        self.ended: float | None = None
        self.pieces: Feed[Piece] = Feed()
        self._settled: Feed[None] = Feed()
        self._attendance = Attendance()
        self._accumulator = Accumulator()
        self._came = False
        self._endpoint: Endpoint | None = None
        self._final: Completion | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False

    # ---- for those who watch ----

    @property
    def session(self) -> Session | None:
        """The session that asks; ``None`` when nobody holds it any more."""
        return self._session()

    @property
    def text(self) -> str:
        """The text of the answer so far; where tools were called, of all of the turn's answers."""
        texts = [step.completion.text for step in self.steps if step.runs]
        return "\n\n".join(filter(None, [*texts, self._accumulator.text()]))

    @property
    def partial(self) -> Any:
        """What an answer in a form says so far, decoded: where the text breaks off, it is closed. ``None`` before.

        It is one object that grows while the answer comes, not checked yet; the whole is ``completion.parsed``.
        """
        form = self.asked.form
        if form is None:
            return None
        if self._partial is None:
            self._partial = form.watch()
        return self._partial.read(self._accumulator.text())

    @property
    def reasoning(self) -> str:
        """The model's reasoning so far."""
        return "".join(piece.text for piece in self.pieces.since(0) if piece.kind == "reasoning" and piece.choice == 0)

    @property
    def completion(self) -> Completion | None:
        """What has come so far, also after a failure; ``None`` before anything came."""
        if self._final is not None:
            return self._final
        *earlier, last = [*(step.completion for step in self.steps), self.fresh]
        if last is None and earlier:
            last = earlier.pop()
        return last and last.after(earlier)

    @property
    def fresh(self) -> Completion | None:
        """What has come of the request that is on its way, or was the last; ``None`` before anything came."""
        if self._endpoint is None or not (self._accumulator.started or (self._came and self.status == "done")):
            return None
        return self.answered(self._endpoint)

    @property
    def settled_pieces(self) -> int:
        """How many of the pieces belong to :attr:`steps`."""
        return self.steps[-1].pieces if self.steps else 0

    @property
    def rounds(self) -> list[Step]:
        """The steps that asked for tools."""
        return [step for step in self.steps if step.runs]

    @property
    def calls(self) -> list[ToolRun]:
        """The calls of tools that the model has asked for so far."""
        return [run for step in self.steps for run in step.runs]

    @property
    def endpoint(self) -> Endpoint | None:
        """The server that answers; ``None`` until the turn runs."""
        return self._endpoint

    @property
    def took(self) -> tuple[float | None, float | None]:
        """Seconds from the sending of its request to the first piece, and to the end; ``None`` for what has not been."""
        return self._since_sent(self.first_text), self._since_sent(self.ended)

    def _since_sent(self, moment: float | None) -> float | None:
        # A clock may be set meanwhile, and no wait is shorter than none.
        return None if moment is None or self.sent is None else round(max(0.0, moment - self.sent), 3)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._settled.closed

    def __iter__(self) -> Iterator[str]:
        seen = 0
        with at_keyboard(self) as keyboard:
            while True:
                try:
                    wait_asking(partial(self.pieces.wait, seen), None, keyboard)
                except KeyboardInterrupt:
                    self.cancel()
                    raise
                pieces = self.pieces.since(seen)
                if not pieces:
                    break
                seen += len(pieces)
                yield from [text for choice, kind, text in pieces if kind == "text" and choice == 0]
        self._raise_failure()

    async def __aiter__(self) -> AsyncIterator[str]:
        seen = 0
        while True:
            await self.pieces.wait_async(seen)
            pieces = self.pieces.since(seen)
            if not pieces:
                break
            seen += len(pieces)
            for choice, kind, text in pieces:
                if kind == "text" and choice == 0:
                    yield text
        self._raise_failure()

    def __await__(self) -> Generator[Any, None, Completion]:
        return self._whole().__await__()

    async def _whole(self) -> Completion:
        await self.settled()
        return self._outcome()

    async def settled(self) -> None:
        """Wait, in any event loop, until the turn has ended, however it ends."""
        await self._settled.wait_async(0)

    def result(self, timeout: float | None = None) -> Completion:
        """Wait for the whole answer. Interrupting the wait stops the turn.

        In a notebook's cell and in a terminal, whoever waits is asked with ``input()`` where a tool needs approval; so they
        are where they iterate over the turn. Where it is awaited nobody is asked here: that would hold up the loop.

        Args:
            timeout: Seconds to wait at most; the turn goes on if they are over.

        Raises:
            NbchatError: The turn failed, or was stopped (``TurnCancelled``); what had come is in :attr:`completion`.
            TimeoutError: It is not done in time.
        """
        try:
            with at_keyboard(self) as keyboard:
                settled = wait_asking(self.wait, timeout, keyboard)
        except BaseException:
            self.cancel()
            raise
        if not settled:
            raise TimeoutError(f"The turn is not done after {timeout} s; it goes on.")
        return self._outcome()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the turn has ended, however it ends.

        Args:
            timeout: Seconds to wait at most; ``None`` for as long as it takes.

        Returns:
            Whether it has ended.
        """
        return self._settled.wait(0, timeout)

    def attend(self) -> Callable[[], None]:
        """Say that a person is there who is asked before a tool is called, of this turn alone; see :meth:`Session.attend`."""
        return self._attendance.attend()

    @property
    def attended(self) -> bool:
        """Whether a person is there who can be asked about this turn."""
        return bool(self._attendance)

    def cancel(self) -> None:
        """Stop the turn: what has come is kept, and the connection is closed so that the server stops too."""
        if not self._cancelled and self.running:
            self._cancelled = True
            portal.call_soon(self._cancel_task)

    def _cancel_task(self) -> None:
        # Before its task exists there is nothing to cancel: the task then finds the mark when it begins.
        if self._task is not None and self.running:
            self._task.cancel()

    def _outcome(self) -> Completion:
        if self.status == "cancelled":
            raise TurnCancelled("The turn was stopped.", hint="What had arrived is in its completion.")
        self._raise_failure()
        completion = self.completion
        if completion is None:  # a turn that is done has an answer, if only an empty one
            raise NbchatError("The turn has no answer.", kind="empty")
        return completion

    def shown(self) -> None:
        """Say that what there is to remark was shown below the answer: nobody need be told again."""
        self._remarked = len(self.remarks)

    def _raise_failure(self) -> None:
        # Whoever waits in Python has no line below the answer: they are told once, on stderr.
        untold = self.remarks[self._remarked :]
        self.shown()
        for remark in untold:
            tell(f"nbchat: {remark}.")
        if self.error is not None:
            # Whoever asks again is told the same again, and not how often and where it was told before.
            raise self.error.with_traceback(None)

    def __repr__(self) -> str:
        return f"<Turn {self.status}: {self.text[:60]!r}>"

    # ---- for the session, on the I/O thread ----

    def begin(self) -> None:
        """Note the task that runs the turn, and stop at once if the turn was cancelled before."""
        self._task = asyncio.current_task()
        if self._cancelled:
            raise asyncio.CancelledError

    def started(self, endpoint: Endpoint) -> None:
        """Note that the request is being sent."""
        self._endpoint = endpoint
        self.sent = time.time()
        self.status = "running"

    def limited(self, limits: RateLimits | None) -> None:
        """Note what the server says about its limits."""
        self.rate_limits = limits

    def add(self, accumulated: Accumulator, pieces: list[Piece]) -> None:
        """Take over what one read held."""
        self._accumulator, self._came = accumulated, True
        if pieces:
            if self.first_text is None:
                self.first_text = time.time()
            self.pieces.extend(pieces)

    def answered(self, endpoint: Endpoint) -> Completion:
        """Return what the request brought that has just ended, even if that says nothing."""
        answer = self._accumulator.completion()
        return Completion(answer, endpoint, rate_limits=self.rate_limits, form=self.asked.form)

    def step(self, step: Step) -> None:
        """Note an answer that is not the last; what comes next is another."""
        if step.completion.text:  # what is read as it comes keeps the answers apart
            self.pieces.extend([Piece(0, "text", "\n\n")])
        # Whoever has read a piece of the next answer finds this one among the steps.
        self.steps.append(step._replace(pieces=len(self.pieces)))
        self._accumulator, self._came, self._partial = Accumulator(), False, None

    def end(self, status: Literal["done", "cancelled", "failed"], error: NbchatError | None = None) -> None:
        """Fix how the turn ended; readers are told by :meth:`settle`."""
        self.status = status
        self.error = error
        self.ended = time.time()
        self._final = self.completion

    def settle(self) -> None:
        """Let everybody who waits go on."""
        self.pieces.close()
        self._settled.close()
