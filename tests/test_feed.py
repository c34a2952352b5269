"""Handing items from the I/O thread to those who wait, threads and coroutines."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest
from scripted import PATIENCE

from nbchat.client import portal
from nbchat.client.feed import Feed


def follow(feed: Feed[int]) -> list[int]:
    """All items of a feed until it is closed."""
    seen: list[int] = []
    while feed.wait(len(seen), PATIENCE) and (news := feed.since(len(seen))):
        seen += news
    return seen


async def follow_async(feed: Feed[int]) -> list[int]:
    seen: list[int] = []
    while True:
        await feed.wait_async(len(seen))
        news = feed.since(len(seen))
        if not news:
            return seen
        seen += news


def test_it_is_a_list_that_ends():
    """Items stay in order and can be read from any position; closing twice is closing once."""
    feed: Feed[int] = Feed()
    feed.extend([1, 2])
    feed.extend([])
    feed.extend([3])
    assert (len(feed), feed.since(0), feed.since(2), feed.since(9), feed.closed) == (3, [1, 2, 3], [3], [], False)
    feed.close()
    feed.close()
    assert feed.closed
    assert feed.wait(3, 0)


def test_waiting_takes_no_longer_than_asked():
    """Without news a wait ends with its time and says that there are none, and leaves nothing behind."""
    feed: Feed[int] = Feed()
    assert not feed.wait(0, 0.01)
    feed.extend([1])
    assert feed.wait(0, 0)
    assert not feed.wait(1, 0.01)
    assert feed._wakers == []


def test_what_comes_too_early_ends_no_wait():
    """Who waits for the third item is not told of the first."""
    feed: Feed[int] = Feed()
    told: list[int] = []

    async def follow() -> None:
        await feed.wait_async(2)
        told.append(len(feed))

    thread = threading.Thread(target=lambda: feed.wait(2, PATIENCE) and told.append(len(feed)))
    thread.start()
    inside = portal.start(follow())
    for item in range(3):
        while len(feed._wakers) < 2:  # both wait
            pass
        feed.extend([item])
    thread.join()
    inside.result(PATIENCE)
    assert told == [3, 3]


def test_one_reader_takes():
    """What was taken is gone, what comes later is not."""
    feed: Feed[int] = Feed()
    feed.extend([1, 2])
    assert feed.take() == [1, 2]
    assert feed.take() == []
    feed.extend([3])
    assert (feed.take(), len(feed)) == ([3], 0)


def test_every_reader_gets_everything():
    """Threads, loops and the I/O thread's own coroutines read side by side, each all of it, in order."""
    feed: Feed[int] = Feed()
    total = 5_000
    got: list[list[int]] = []
    readers = [threading.Thread(target=lambda: got.append(follow(feed))) for _ in range(4)]
    readers += [threading.Thread(target=lambda: got.append(asyncio.run(follow_async(feed)))) for _ in range(2)]
    inside = portal.start(follow_async(feed))
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for reader in readers:
            reader.start()
        for number in range(total):
            feed.extend([number])
        feed.close()
        for reader in readers:
            reader.join(PATIENCE)
    finally:
        sys.setswitchinterval(old)
    assert got == [list(range(total))] * 6
    assert inside.result(PATIENCE) == list(range(total))
    assert feed._wakers == []


def test_nothing_taken_is_lost():
    """A reader that takes while a writer writes gets each item once."""
    feed: Feed[int] = Feed()
    got: list[int] = []

    def read() -> None:
        while feed.wait(0, PATIENCE) and (news := feed.take()):
            got.extend(news)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20_000):
        feed.extend([number])
    feed.close()
    reader.join(PATIENCE)
    assert got == list(range(20_000))


def test_closing_wakes_all():
    """Whoever waits when nothing more will come is woken."""
    feed: Feed[int] = Feed()
    ready = threading.Barrier(4)
    results: list[bool] = []

    def wait() -> None:
        ready.wait(PATIENCE)
        results.append(feed.wait(0, PATIENCE))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait(PATIENCE)
    feed.close()
    for thread in threads:
        thread.join(PATIENCE)
    assert results == [True] * 3


def test_a_cancelled_wait_leaves_nothing_behind():
    """A coroutine that is cancelled while it waits is not woken later, and neither is a loop that is gone."""
    feed: Feed[int] = Feed()

    async def main() -> None:
        task = asyncio.create_task(feed.wait_async(0))
        await asyncio.sleep(0)
        assert len(feed._wakers) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert feed._wakers == []

    asyncio.run(main())
    feed.extend([1])


def test_a_reader_whose_loop_is_gone():
    """A loop that was closed while its reader waited is passed over; the writer and the others go on."""
    feed: Feed[int] = Feed()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(feed.wait_async(0))
    loop.run_until_complete(asyncio.sleep(0))
    assert len(feed._wakers) == 1
    loop.close()
    feed.extend([1])
    assert feed.since(0) == [1]
    waiting._log_destroy_pending = False  # it was left pending on purpose
    waiting.get_coro().close()


def test_the_io_thread_does_not_wait_by_blocking():
    """On the I/O thread a blocking wait is refused in place of a deadlock, with a time or without one."""

    async def ask() -> None:
        for timeout in (None, 1.0):
            with pytest.raises(RuntimeError, match="can't wait for itself"):
                Feed[int]().wait(0, timeout)

    portal.run(ask())
