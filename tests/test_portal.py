"""The I/O thread: work given to it from threads, loops, forks and processes that are about to end."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading

import pytest
from apart import PATIENCE, run, start
from scripted import ScriptedServer, chunk

from nbchat.client import portal

posix = pytest.mark.skipif(os.name != "posix", reason="signals and forks are POSIX's")


async def where() -> str:
    return threading.current_thread().name


def test_work_runs_on_one_thread_of_its_own():
    """Whoever asks, the work runs on the same other thread, and its result comes back."""
    names = []
    threads = [threading.Thread(target=lambda: names.append(portal.run(where()))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert names == ["nbchat-io"] * 5
    assert portal.start(where()).result(PATIENCE) == "nbchat-io"
    assert not portal.in_portal()


def test_what_the_work_raises_comes_back():
    """An exception of the work is raised where it was waited for."""

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        portal.run(fail())


@pytest.mark.parametrize("failure", [SystemExit, KeyboardInterrupt])
def test_the_thread_outlives_an_exit(failure: type[BaseException]):
    """What ends a thread or a program elsewhere ends only the work here: whoever waits is told, others go on."""

    def leave() -> None:
        raise failure

    async def fail() -> None:
        raise failure

    other = portal.start(asyncio.sleep(0.05, "done"))
    portal.call_soon(leave)
    with pytest.raises(failure):
        portal.run(fail())
    assert other.result(PATIENCE) == "done"
    assert portal.run(where()) == "nbchat-io"


def test_work_in_any_event_loop():
    """From async code the work is awaited, in whatever loop, the I/O thread's own included."""
    assert asyncio.run(portal.run_from_anywhere(where())) == "nbchat-io"
    assert portal.run(portal.run_from_anywhere(where())) == "nbchat-io"


def test_cancelling_the_caller_cancels_the_work():
    """When the coroutine that awaits is cancelled, the work is cancelled where it runs."""
    cancelled = threading.Event()

    async def work(running: threading.Event) -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def main() -> None:
        running = threading.Event()
        task = asyncio.create_task(portal.run_from_anywhere(work(running)))
        await asyncio.to_thread(running.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cancelled.wait(PATIENCE)


def test_the_io_thread_does_not_wait_for_itself():
    """Work that would wait for other work is refused at once, in place of a deadlock, and nothing is left unawaited."""

    async def ask() -> str:
        with pytest.raises(RuntimeError, match="use the async form"):
            portal.run(where())
        with pytest.raises(RuntimeError, match="can't wait for itself"):
            portal.Gate().wait()
        return "refused"

    assert portal.run(ask()) == "refused"


def test_the_context_of_the_caller_goes_along():
    """Context variables of the caller are the work's: output it makes belongs to the cell that asked."""
    cell = contextvars.ContextVar("cell", default="none")
    cell.set("mine")

    async def read() -> str:
        return cell.get()

    assert portal.run(read()) == "mine"


def test_call_soon():
    """A function can be left to the I/O thread without waiting for it."""
    told: list[bool] = []
    done = threading.Event()
    portal.call_soon(lambda: (told.append(portal.in_portal()), done.set()))
    assert done.wait(PATIENCE)
    assert told == [True]


def test_waiting_ends_with_the_time():
    """A wait with a time ends with it and says so."""
    gate = portal.Gate()
    assert not gate.wait(0.01)
    assert not gate.wait(-1)
    gate.open()
    gate.open()
    assert gate.wait()
    gate.open()
    assert gate.wait(1e12)


@posix
def test_an_interrupt_ends_the_wait_and_the_work():
    """Ctrl-C while a call waits: KeyboardInterrupt where it waits, and the work is cancelled where it runs."""
    code = """
import asyncio, threading
from nbchat.client import portal

cancelled = threading.Event()

async def work():
    print("waiting", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        cancelled.set()

try:
    portal.run(work())
except KeyboardInterrupt:
    print("interrupted", cancelled.wait(10), flush=True)
"""
    process = start(code)
    try:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("interrupted True\n", "")
    finally:
        process.kill()
    assert process.returncode == 0


@posix
def test_an_interrupt_ends_a_stream(server: ScriptedServer):
    """Ctrl-C in a loop over a stream or in send: the server sees the connection closed, and the next question works."""
    server.stream(chunk("one"), threading.Event())
    server.stream(chunk("two"), threading.Event())
    server.answer("fine")
    code = """
import sys, nbchat
chat = nbchat.Session("m", base_url=sys.argv[1])
try:
    for part in chat.client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a"}], stream=True):
        print(part.choices[0].delta.content, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
unsubscribe = chat.subscribe(lambda event: hasattr(event, "pieces") and print(event.pieces[0].text, flush=True))
try:
    chat.send("b")
except KeyboardInterrupt:
    chat.turn.wait(10)
    print("interrupted", chat.turn.status, flush=True)
unsubscribe()
print(chat.send("c").text, [message["content"] for message in chat.messages], flush=True)
"""
    process = start(code, server.url)
    try:
        for text, number in (("one\n", 0), ("two\n", 1)):
            assert process.stdout.readline() == text
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline().startswith("interrupted")
            assert server.requests[number].closed.wait(PATIENCE)
        assert process.communicate(timeout=PATIENCE) == ("fine ['b', 'two', 'c', 'fine']\n", "")
    finally:
        process.kill()


@posix
def test_a_fork_has_a_thread_of_its_own(server: ScriptedServer):
    """A forked child, where the thread does not exist, starts its own, on connections of its own; the parent goes on."""
    server.always_answer("ok")
    code = """
import os, sys, warnings, nbchat
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: that a process with threads forks is our point
chat = nbchat.Session("m", base_url=sys.argv[1])
def ask():
    answer = chat.client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    return answer.choices[0].message.content
before, pool = ask(), chat.client.http.pool._client
child = os.fork()
if child == 0:
    answer = ask()
    print("child", answer, chat.client.http.pool._client is not pool, chat.send("hi").text, flush=True)
    os._exit(0)
_, status = os.waitpid(child, 0)
print("parent", before, ask(), chat.client.http.pool._client is pool, chat.send("hi").text, status, flush=True)
"""
    stdout, stderr, status = run(code, server.url)
    assert (stdout, stderr, status) == ("child ok True ok\nparent ok ok True ok 0\n", "", 0)


@posix
def test_a_fork_does_not_wait_for_its_parents_turns(server: ScriptedServer):
    """A child forked in the middle of a turn asks at once: the turn goes on in the parent alone."""
    gate = threading.Event()
    server.answer("slow", gate=gate)
    server.always_answer("ok")
    code = """
import os, sys, warnings, nbchat
warnings.simplefilter("ignore", DeprecationWarning)  # as above
chat = nbchat.Session("m", base_url=sys.argv[1])
turn = chat.stream("hi")
next(iter(turn))
child = os.fork()
if child == 0:
    print("child", chat.stream("hi").result(10).text, flush=True)
    os._exit(0)
_, status = os.waitpid(child, 0)
print("parent", status, turn.status, flush=True)
print(turn.result().text, flush=True)
"""
    process = start(code, server.url)
    try:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["child ok\n", "parent 0 running\n"]
        gate.set()
        assert process.communicate(timeout=PATIENCE) == ("slow\n", "")
    finally:
        process.kill()


@pytest.mark.parametrize("how", ["turn", "stream", "waiting", "idle"])
def test_leaving_while_it_streams(server: ScriptedServer, how: str):
    """The interpreter ends while an answer comes: it does not hang, prints nothing, and the server sees it gone."""
    asks = {
        "turn": "chat.stream('a').pieces.wait(0)",
        "stream": "s = chat.client.chat.completions.create(model='m', messages=[], stream=True); next(s)",
        "waiting": "import threading; started = threading.Event()\n"
        "chat.subscribe(lambda event: type(event).__name__ == 'TurnStarted' and started.set())\n"
        "chat.stream('a'); started.wait()",
        "idle": "chat.send('a')",
    }
    server.schema = False
    if how == "waiting":
        server.reply(before=threading.Event())
    elif how == "idle":
        server.answer("ok")
    else:
        server.stream(chunk("one"), threading.Event())
    code = f"import nbchat, sys\nchat = nbchat.Session('m', base_url=sys.argv[1])\n{asks[how]}\n"
    assert run(code, server.url) == ("", "", 0)
    if how in ("turn", "stream"):
        assert server.requests[0].closed.wait(PATIENCE)


def test_leaving_by_an_error(server: ScriptedServer):
    """A script that fails while an answer comes ends with its own traceback and nothing else."""
    server.stream(chunk("one"), threading.Event())
    code = "import nbchat, sys\nt = nbchat.Session('m', base_url=sys.argv[1]).stream('a')\nt.pieces.wait(0)\n1 / 0\n"
    stdout, stderr, status = run(code, server.url)
    assert (stdout, status) == ("", 1)
    assert stderr.startswith("Traceback")
    assert stderr.endswith("ZeroDivisionError: division by zero\n")
    assert stderr.count("Traceback") == 1
