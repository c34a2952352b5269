"""Calling tools for a model: whatever the user's code does, something sensible comes of it."""

import asyncio
import contextvars
import functools
import io
import itertools
import re
import sys
import threading
import time
import traceback

import pytest
from scripted import PATIENCE

from nbchat.errors import ConfigurationError, ToolError
from nbchat.tools.calling import call, needs_approval
from nbchat.tools.results import BUDGET
from nbchat.tools.tool import Settings, as_tool

WHO = contextvars.ContextVar("WHO", default="nobody")


def outcome(function, arguments="{}", *, settings=None, **options):
    """Call a function as a model does, on a loop of its own."""
    return asyncio.run(call(as_tool(function, settings), arguments, **options))


class Loop:
    """Code that goes on for ever, and tells what becomes of it."""

    def __init__(self):
        self.running = threading.Event()
        self.left = threading.Event()
        self.error = None

    def spin(self):
        """Go on in small steps."""
        try:
            while True:
                self.running.set()
                time.sleep(0.005)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.left.set()

    async def wait(self):
        """Wait for what never comes."""
        try:
            self.running.set()
            await asyncio.Event().wait()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.left.set()

    def feed(self):
        """Give what goes on for ever when it is asked for."""
        return iter(self.spin, None)

    async def block(self):
        """Hold up the loop that it runs on."""
        self.spin()


def test_a_call_brings_text_and_value():
    """The model is told a text, and the person is shown the value."""

    def add(a: int, b: int = 1):
        return {"sum": a + b}

    found = outcome(add, '{"a": "2"}')
    assert (found.text, found.value, found.error, found.trimmed, found.parts) == (
        '{"sum":3}', {"sum": 3}, False, False, (),
    )  # fmt: skip
    assert 0 < found.duration < PATIENCE
    assert found.traceback is None


async def coroutine():
    await asyncio.sleep(0)
    return "done"


def texts():
    yield "a"
    yield "b"


def numbers():
    yield 1
    yield "b"


async def async_texts():
    yield "a"
    await asyncio.sleep(0)
    yield "b"


class Awaitable:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "awaited"


@pytest.mark.parametrize(
    ("function", "text", "value"),
    [
        (coroutine, "done", "done"),
        (functools.partial(coroutine), "done", "done"),
        (lambda: coroutine(), "done", "done"),
        (Awaitable, "awaited", "awaited"),
        (texts, "ab", "ab"),
        (numbers, '[1,"b"]', [1, "b"]),
        (async_texts, "ab", "ab"),
        (lambda: (n for n in ()), "[]", []),
        (lambda: iter([1]), "[1]", [1]),
        (lambda: map(str, [1, 2]), '["1","2"]', ["1", "2"]),
        (lambda: zip([1], "a", strict=True), '[[1,"a"]]', [(1, "a")]),
    ],
    ids=[
        "async",
        "partial",
        "lambda",
        "awaitable",
        "texts",
        "values",
        "async texts",
        "nothing",
        "iterator",
        "map",
        "zip",
    ],
)
def test_what_is_still_to_come_is_waited_for(function, text, value):
    """Coroutines are awaited, and what iterators yield is a list, or one text of a generator's texts."""
    found = outcome(function)
    assert not found.error
    assert (found.text, found.value) == (text, value)


async def async_count():
    for number in itertools.count():
        yield number


@pytest.mark.parametrize(
    "function",
    [itertools.count, async_count, lambda: itertools.repeat(""), lambda: itertools.repeat("x" * 99), lambda: itertools.repeat([])],
    ids=["numbers", "async numbers", "nothings", "texts", "lists"],
)  # fmt: skip
def test_what_never_ends_is_cut(function):
    """Of an iterator without an end no more is taken than a model is told, and that is said."""
    found = outcome(function)
    assert not found.error
    assert found.trimmed
    assert re.search(r"\n\[no more than the first [\d,]+ items were asked for\]$", found.text)
    assert len(found.text) < BUDGET + 200
    assert len(found.value) < BUDGET + 200


def test_a_generator_that_is_not_asked_for_more_tidies_up():
    """What is cut is closed within the call, and a failure at that is the call's."""
    closed = []

    def endless():
        try:
            yield from itertools.count()
        finally:
            closed.append(threading.current_thread().name)

    assert outcome(endless).trimmed
    assert closed == ["nbchat-tool-endless"]


def test_an_iterator_that_fails():
    """What an iterator raises is the failure of the call."""
    found = outcome(lambda: map(int, ["1", "x"]))
    assert found.error
    assert found.text.startswith("ValueError: invalid literal")


def test_an_open_file_is_not_read():
    """A file that a function returns is iterated by nobody."""
    assert outcome(lambda: io.StringIO("secret")).text.startswith("<_io.StringIO object")


def test_an_exception_is_told_without_the_traceback():
    """The model is told the exception's name and words; the person gets the traceback from their own code on."""

    def divide(a: float, b: float):
        return a / b

    found = outcome(divide, '{"a": 1, "b": 0}')
    assert (found.text, found.error, found.value) == ("ZeroDivisionError: float division by zero", True, None)
    assert "return a / b" in found.traceback
    assert "nbchat" not in found.traceback.replace(__file__, "")


@pytest.mark.parametrize(("failures", "traced"), [(1, True), (99, False)])
def test_a_traceback_that_python_fails_to_write(failures: int, traced: bool, monkeypatch: pytest.MonkeyPatch):
    """Up to 3.11.7 Python can't when another thread parses at that moment: once more, or else the error is told without."""
    write, left = (
        traceback.TracebackException.format,
        [SystemError("AST constructor recursion depth mismatch")] * failures,
    )

    def failing(self, **options):
        if left:
            raise left.pop()
        return write(self, **options)

    monkeypatch.setattr(traceback.TracebackException, "format", failing)
    found = outcome(lambda: 1 / 0)
    assert (found.text, found.error) == ("ZeroDivisionError: division by zero", True)
    assert ("1 / 0" in (found.traceback or "")) is traced


def test_a_tool_error_with_a_hint():
    """The model is told the error's own words; the person gets them with what to do about it."""

    def look(city: str):
        raise ToolError(f"There is no city {city}.", hint="Use English.")

    found = outcome(look, '{"city": "Roma"}')
    assert (found.text, found.traceback) == ("There is no city Roma.", "There is no city Roma. Use English.")


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (SystemExit(2), "SystemExit: 2"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (StopIteration("x"), "StopIteration: x"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError(), "CancelledError"),
        (RecursionError("deep"), "RecursionError: deep"),
        (ConfigurationError("No.", hint="Do it."), "ConfigurationError: No. Do it."),
        (ExceptionGroup("two", [ValueError("a"), ValueError("b")]), "ExceptionGroup: two (2 sub-exceptions)"),
        (ValueError("a\ud800"), "ValueError: a\ufffd"),
        (ValueError("x" * 100), f"ValueError: {'x' * 38}\n[cut after 50 of 112 characters]"),
        (Unspeakable(), "Unspeakable"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_whatever_is_raised_is_an_outcome(error, text, asynchronous):
    """No exception of a tool, not even an exit, is more than the failure of its call."""

    def fail():
        raise error

    async def fail_later():
        await asyncio.sleep(0)
        raise error

    found = outcome(fail_later if asynchronous else fail, budget=50)
    assert found.error
    assert found.text == text or (asynchronous and isinstance(error, StopIteration) and "StopIteration" in found.text)


def test_arguments_that_do_not_fit_are_told():
    """A call that can't be made is not made, and the model is told what to mend."""
    made = []

    def f(count: int):
        made.append(count)

    assert outcome(f, '{"count": "many"}').text == (
        'f was not called, because of its arguments: count: expected integer, got "many".'
    )
    assert outcome(f, "{").text.startswith(
        "f was not called, because of its arguments: the arguments are not valid JSON"
    )
    assert outcome(f, '{"count": "many"}').error
    assert made == []


def test_the_loop_is_never_held_up():
    """While a tool blocks, an async one too, the loop that awaits it goes on."""

    async def main():
        for function in (Loop().spin, Loop().block):
            task = asyncio.create_task(call(as_tool(function), "{}"))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_calls_run_side_by_side():
    """Two calls that wait for each other both end."""
    barrier = threading.Barrier(2, timeout=PATIENCE)

    async def main():
        return await asyncio.gather(*(call(as_tool(barrier.wait, Settings(name="wait")), "{}") for _ in range(2)))

    assert [found.error for found in asyncio.run(main())] == [False, False]


@pytest.mark.parametrize("way", ["spin", "wait", "block", "feed"])
def test_a_tool_that_takes_too_long_has_failed_and_is_stopped(way):
    """After its time a call has failed, and what runs is stopped, if it takes steps or awaits."""
    loop = Loop()

    async def main():
        found = await call(as_tool(getattr(loop, way), Settings(timeout=0.05)), "{}")
        assert await asyncio.to_thread(loop.left.wait, PATIENCE)
        return found

    found = asyncio.run(main())
    assert (found.text, found.error) == (f"TimeoutError: {way} was stopped because it took more than 0.05 s.", True)


@pytest.mark.parametrize(
    ("way", "error"), [("spin", KeyboardInterrupt), ("feed", KeyboardInterrupt), ("wait", asyncio.CancelledError)]
)
def test_a_cancelled_call_ends_at_once_and_its_code_is_stopped(way, error):
    """Cancelling raises what an interrupt does in code that runs, and cancels what awaits."""
    loop = Loop()

    async def main():
        task = asyncio.create_task(call(as_tool(getattr(loop, way)), "{}"))
        assert await asyncio.to_thread(loop.running.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(loop.left.wait, PATIENCE)

    asyncio.run(main())
    assert isinstance(loop.error, error)


def test_what_can_not_be_stopped_is_not_waited_for():
    """A call that sits in C is left to end by itself: the caller goes on, and the result is dropped."""
    gate = threading.Lock()
    gate.acquire()
    entered = threading.Event()
    ended = []

    def hang():
        entered.set()
        gate.acquire()
        ended.append(True)

    async def main():
        task = asyncio.create_task(call(as_tool(hang), "{}"))
        assert await asyncio.to_thread(entered.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "nbchat-tool-hang"]
    assert thread.daemon
    gate.release()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert ended == []


def test_a_limit_for_all_counts_where_a_tool_has_none():
    """The time-out of the call is for tools without their own."""
    assert "more than 0.05 s" in outcome(Loop().spin, timeout=0.05).text
    assert not outcome(coroutine, settings=Settings(timeout=PATIENCE), timeout=0.000001).error


def test_a_stop_hits_nothing_else():
    """Calls that end just when they are stopped leave no interrupt behind for other code."""

    def quick():
        return sum(range(200))

    async def main():
        for turn in range(300):
            task = asyncio.create_task(call(as_tool(quick), "{}"))
            for _ in range(turn % 7):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return await call(as_tool(quick), "{}")

    assert asyncio.run(main()).value == sum(range(200))


def test_the_context_of_the_caller_goes_along(capsys):
    """A tool runs in the context of whoever asked, so that its prints land in the right cell; they are not swallowed."""

    def who():
        print("hello")
        return WHO.get()

    async def later():
        return WHO.get()

    WHO.set("me")
    assert outcome(who).text == "me"
    assert outcome(later).text == "me"
    assert capsys.readouterr().out == "hello\n"


def test_showing_a_result_is_the_user_s_code_too():
    """What shows a result runs in the thread of the call, and its failure is the call's."""

    class Shy:
        def __repr__(self):
            raise ValueError("do not look")

    seen = []

    def to_parts(value):
        seen.append(threading.current_thread().name)
        return [{"type": "image_url", "image_url": {"url": "data:,"}}]

    assert outcome(Shy).text == "ValueError: do not look"
    found = outcome(lambda: 5, settings=Settings(name="five"), to_parts=to_parts)
    assert found.parts == ({"type": "image_url", "image_url": {"url": "data:,"}},)
    assert seen == ["nbchat-tool-five"]


def test_a_huge_result_costs_no_seconds():
    """A result of 50 MB is cut at the budget, quickly, and kept whole for the person."""
    huge = "x" * 50_000_000
    begun = time.perf_counter()
    found = outcome(lambda: huge)
    assert time.perf_counter() - begun < 1
    assert len(found.text) < 20_100
    assert found.text.endswith("[cut after 20,000 of 50,000,000 characters]")
    assert found.trimmed
    assert found.value is huge
    assert len(repr(found)) < 200


def test_a_tool_may_ask_for_a_call_itself():
    """A tool that calls another one, and waits for it, gets its answer."""
    assert outcome(lambda: outcome(coroutine).text * 2).text == "donedone"


def test_approval_is_decided_apart():
    """What decides whether to ask runs in a thread of its own, and asks when it fails."""
    names = []

    def decide(arguments):
        names.append(threading.current_thread().name)
        return arguments["path"] != "safe"

    def ask(approve, **arguments):
        return asyncio.run(needs_approval(as_tool(coroutine, Settings(approve=approve)), arguments))

    assert [ask(decide, path="safe"), ask(decide, path="x"), ask(decide), ask(sys.exit), ask(True), ask(False)] == [
        False, True, True, True, True, False,
    ]  # fmt: skip
    assert set(names) == {"nbchat-approve-coroutine"}
