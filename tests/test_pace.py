"""How many work at once: all that may, and fewer while the server says that it is too many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nbchat.errors import BadRequestError, NbchatError, QuotaError, RateLimitError
from nbchat.session.pace import Pace
from nbchat.wire.limits import RateLimit, RateLimits

# Seconds; in comparisons with it, clocks are allowed a little.
SHORT = 0.2


class Crowd:
    """Tasks that each want a place, and keep it until they are let go."""

    def __init__(self, pace: Pace, number: int) -> None:
        self.pace = pace
        self.inside = 0
        self.entered = asyncio.Semaphore(0)
        self.leave = asyncio.Semaphore(0)
        self.tasks = [asyncio.create_task(self._come()) for _ in range(number)]

    async def _come(self) -> None:
        async with self.pace.place():
            self.inside += 1
            self.entered.release()
            await self.leave.acquire()
            self.inside -= 1

    async def settled(self) -> int:
        """Let every task go as far as it can without time passing, and return how many have a place."""
        for _ in range(20):
            await asyncio.sleep(0)
        return self.inside

    async def let_go(self, number: int) -> None:
        for _ in range(number):
            self.leave.release()
        await self.settled()


def within(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test that is a coroutine."""

    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), 20))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def refused(retry_after: float | None = None) -> RateLimitError:
    return RateLimitError("Too many.", status=429, retry_after=retry_after)


@within
async def test_as_many_as_may():
    """Never more than so many have a place, and who leaves makes room for another."""
    crowd = Crowd(Pace(3), 5)
    assert await crowd.settled() == 3
    await crowd.let_go(1)
    assert crowd.inside == 3
    await crowd.let_go(4)
    assert crowd.inside == 0


@within
async def test_half_as_many_after_a_refusal():
    """A refusal closes the door for as long as it says; then half as many may be inside, and one more with each answer."""
    pace = Pace(4)
    now = asyncio.get_running_loop().time
    began = now()
    pace.slow(SHORT)
    pace.slow(SHORT / 2)  # said of the same moment: it counts once
    crowd = Crowd(pace, 8)
    assert await crowd.settled() == 0
    await crowd.entered.acquire()
    assert now() - began >= SHORT * 0.95
    assert await crowd.settled() == 2
    pace.answered(None)
    assert await crowd.settled() == 3
    pace.answered(None)
    pace.answered(None)
    assert await crowd.settled() == 4
    await crowd.let_go(8)


@within
async def test_one_always_may():
    """However often the server refuses, one goes on asking."""
    pace = Pace(2)
    for _ in range(5):
        pace.slow(0.0)
    assert await Crowd(pace, 2).settled() == 1


@within
async def test_nothing_left_to_ask_for():
    """Where an answer says that nothing remains until some moment, nobody begins before it."""
    pace = Pace(2)
    began = asyncio.get_running_loop().time()
    pace.answered(RateLimits((RateLimit("requests", 10, 0, SHORT), RateLimit("tokens", 10, 5, 60.0))))
    crowd = Crowd(pace, 1)
    assert await crowd.settled() == 0
    await crowd.entered.acquire()
    assert asyncio.get_running_loop().time() - began >= SHORT * 0.95


@within
async def test_the_door_opens_for_good():
    """Where there is nothing left to do, nobody waits for a pause to be over."""
    pace = Pace(2)
    pace.slow(60)
    crowd = Crowd(pace, 2)
    assert await crowd.settled() == 0
    pace.open()
    assert await crowd.settled() == 2


@pytest.mark.parametrize(
    "error",
    [
        None,
        BadRequestError("No.", status=400),
        QuotaError("Used up.", status=429, code="insufficient_quota"),
        refused(500.0),
    ],
)
def test_what_is_not_asked_again(error: NbchatError | None):
    """Answers, other failures, used-up quotas, and pauses longer than anybody waits end a question."""

    async def ask() -> bool:
        return Pace(1).again(error)

    assert asyncio.run(ask()) is False


@within
async def test_asked_again_until_it_is_believed():
    """Refused, a question is asked again after the pause; ten times with no answer in between, and the server is believed."""
    pace = Pace(4)
    for _ in range(10):
        assert pace.again(refused(0.0))
    assert not pace.again(refused(0.0))
    pace.answered(None)
    assert pace.again(refused(0.0))


@within
async def test_refusals_of_one_moment_count_once():
    """Questions that are refused together are one refusal."""
    pace = Pace(40)
    assert all(pace.again(refused(60.0)) for _ in range(40))
