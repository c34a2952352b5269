"""One model in memory, asked from threads: the queue, stopping, unloading, and the ways that a process ends."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from local_model import PATIENCE, Listener, counter, engine, model_file, wait_until, wait_until_idle

from nbchat.embedded.engine import Closed, Engine
from nbchat.embedded.gguf import Plan
from nbchat.embedded.refusal import Refusal
from nbchat.embedded.shelf import Model, shelf, unload
from nbchat.errors import ConfigurationError

ROOT = Path(__file__).parent.parent
LONG = {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 3000, "ignore_eos": True}
SHORT = {**LONG, "max_tokens": 3}


@pytest.fixture
def small():
    """An engine of the test's own, with two slots."""
    engine = Engine(model_file(), Plan(slots=2, context=2048))
    yield engine
    engine.close()


class Answer:
    """Collects what a job emits."""

    def __init__(self):
        self.chunks = []
        self.begun = threading.Event()
        self.ended = threading.Event()
        self.failure = None

    def __call__(self, item):
        if isinstance(item, dict):
            self.chunks.append(item)
            if "prompt_progress" not in item:
                self.begun.set()
            return
        self.failure = item
        self.ended.set()


def submit(to, body=SHORT, width=1):
    answer = Answer()
    return to.submit(body, width, None, answer), answer


def test_jobs_beyond_the_slots_wait_their_turn(small):
    """Two slots compute two jobs; the others wait, in the order asked, and all are answered."""
    answers = [submit(small)[1] for _ in range(5)]
    assert small.running <= 2
    assert all(answer.ended.wait(PATIENCE) for answer in answers)
    assert [answer.failure for answer in answers] == [None] * 5
    wait_until_idle(small)


def test_a_wide_job_is_not_overtaken(small):
    """A job for two answers waits until both slots are free, and a narrow one behind it waits too."""
    running, _ = submit(small, LONG)
    _, wide = submit(small, SHORT, 2)
    _, narrow = submit(small)
    wait_until(small, running=1, waiting=2)
    running.cancel()
    assert wide.ended.wait(PATIENCE)
    assert narrow.ended.wait(PATIENCE)
    assert {chunk["choices"][0]["index"] for chunk in wide.chunks if chunk["choices"]} == {0, 1}


def test_a_cancelled_job_stops_within_a_token(small):
    """After cancel, llama.cpp makes at most two tokens more than were seen, and nothing more is emitted."""
    more = []
    for _ in range(5):
        before = counter(small, "tokens_predicted_total")
        job, answer = submit(small, LONG)
        assert answer.begun.wait(PATIENCE)
        job.cancel()
        seen = len(answer.chunks)
        wait_until_idle(small)
        assert len(answer.chunks) == seen
        # Chunks of progress and of the first role are no tokens, so this bound is generous by as many.
        more.append(counter(small, "tokens_predicted_total") - before - seen)
    # On a machine that is busy with something else, tokens may be made that have not been seen yet.
    assert min(more) <= 2
    assert max(more) < 50


def test_a_waiting_job_is_taken_back(small):
    """What is cancelled while it waits never reaches llama.cpp, and what runs goes on."""
    first, _ = submit(small, LONG)
    second, _ = submit(small, LONG)
    third, answer = submit(small, LONG)
    wait_until(small, running=2, waiting=1)
    third.cancel()
    assert (small.running, small.waiting) == (2, 0)
    assert answer.chunks == []
    first.cancel()
    second.cancel()
    wait_until_idle(small)


def test_what_is_dropped_takes_no_lock(small):
    """A job may be dropped by the garbage collector in any thread, also while another holds the engine and waits for it."""
    first, _ = submit(small, LONG)
    second, _ = submit(small, LONG)
    third, answer = submit(small, LONG)
    wait_until(small, running=2, waiting=1)
    with small._changed:
        dropping = threading.Thread(target=lambda: [job.drop() for job in (third, first, second)])
        dropping.start()
        dropping.join(PATIENCE)
        assert not dropping.is_alive()
    wait_until_idle(small)
    wait_until(small, running=0, waiting=0)
    assert answer.chunks == []


def test_a_prompt_is_stopped_while_it_is_read(small):
    """Cancelling a job whose long prompt is being read leaves most of the prompt unread."""
    prompt = {**SHORT, "messages": [{"role": "user", "content": "word " * 1500}]}
    read = threading.Event()
    job = small.submit(prompt, 1, None, lambda chunk: chunk["prompt_progress"]["processed"] and read.set())
    assert read.wait(PATIENCE)
    job.cancel()
    wait_until_idle(small)
    assert counter(small, "n_decode_total") < 10  # it takes 47 to read all of it


def test_a_listener_that_fails_ends_its_job(small):
    """Where chunks can't be delivered any more, as a loop is closed, nothing more is computed for it."""

    def emit(chunk):
        raise RuntimeError("Event loop is closed")

    small.submit(LONG, 1, None, emit)
    wait_until_idle(small)


def test_closing_stops_what_runs_and_what_waits(small):
    """When the model is unloaded every job fails with one sentence, and no new one is taken."""
    answers = [submit(small, LONG)[1] for _ in range(3)]
    wait_until(small, running=2, waiting=1)
    assert small.close(PATIENCE)
    for answer in answers:
        assert answer.ended.wait(PATIENCE)
        assert isinstance(answer.failure, Refusal)
        assert answer.failure.code == "model_unloaded"
    assert small.running == 0
    with pytest.raises(Closed):
        submit(small)


def test_a_file_that_llama_cpp_refuses_is_one_sentence(tmp_path, capfd):
    """A model cut off, or with damaged insides, is refused with its path, and nothing is printed."""
    whole = model_file().read_bytes()
    for content in (whole[:1_000_000], whole[:50_000_000], whole[:200] + b"\xff" * 64 + whole[264:]):
        path = tmp_path / "broken.gguf"
        path.write_bytes(content)
        ticket = shelf.request(Model(path))
        with pytest.raises(Refusal, match=f"llama.cpp can't load {path}"):
            ticket.future.result(PATIENCE)
        ticket.release()
    assert capfd.readouterr() == ("", "")


def test_a_model_is_loaded_once_for_all_who_ask(capfd):
    """Threads that ask at once get the same engine; who asks later gets it at once; nothing is printed."""
    unload()
    listener = Listener()
    tickets = [shelf.request(Model(), listener) for _ in range(4)]
    engines = {ticket.future.result(PATIENCE) for ticket in tickets}
    for ticket in tickets:
        ticket.release()
    assert engines == {engine()}
    assert {at.stage for at in listener.heard} == {"loading"}
    assert listener.heard[-1].done == listener.heard[-1].total == model_file().stat().st_size
    assert capfd.readouterr() == ("", "")


def test_giving_up_while_it_loads_leaves_the_model_for_the_next():
    """Who gives up during the load concerns nobody else: the model arrives and the next question finds it."""
    unload()
    loading = threading.Event()
    first = shelf.request(Model(), lambda _: loading.set())
    assert loading.wait(PATIENCE)
    first.future.cancel()
    first.release()
    assert engine() in shelf.engines().values()


def test_unloading_while_it_loads_ends_the_load():
    """Unload during a load fails whoever waits with one sentence, and leaves nothing in memory."""
    unload()
    loading = threading.Event()
    ticket = shelf.request(Model(), lambda _: loading.set())
    assert loading.wait(PATIENCE)
    unload()
    with pytest.raises(Refusal, match="unloaded"):
        ticket.future.result(PATIENCE)
    assert shelf.engines() == {}


def test_unload_frees_the_memory():
    """The memory of the process falls by most of what the model took, and the next request loads it again."""
    code = """
import psutil
from local_model import engine
from nbchat.embedded.shelf import unload
from nbchat.embedded.engine import require_llama
require_llama()
size = lambda: psutil.Process().memory_info().rss
before = size()
for _ in range(2):
    engine()
    loaded = size()
    unload()
    unloaded = size()
    print((loaded - before) // 1_000_000, (unloaded - before) // 1_000_000)
"""
    for line in run(code).splitlines():
        loaded, unloaded = map(int, line.split())
        assert loaded > 200
        assert unloaded < loaded / 3


def run(code, status=0):
    """Run *code* in a fresh interpreter, which must end by itself, in silence, with *status*."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


ASKED = """
import os, sys, threading
from local_model import engine
begun = threading.Event()
body = {"messages": [{"role": "user", "content": "Count."}], "max_tokens": 3000, "ignore_eos": True}
for _ in range(6):
    engine().submit(body, 1, None, lambda chunk: "prompt_progress" in chunk or begun.set())
begun.wait()
"""


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise KeyboardInterrupt"])
def test_the_interpreter_exits_while_it_generates(end):
    """Jobs running and waiting keep no interpreter from exiting, whatever its status."""
    if end.startswith("raise"):
        end = f"try: {end}\nexcept KeyboardInterrupt: sys.exit(130)"
    run(f"{ASKED}\n{end}", {"pass": 0, "sys.exit(3)": 3}.get(end, 130))


def test_the_interpreter_exits_while_it_loads():
    """A model on its way into memory keeps no interpreter from exiting."""
    code = "import threading; from nbchat.embedded.shelf import *; loading = threading.Event();"
    run(f"{code} shelf.request(Model(), lambda _: loading.set()); loading.wait()")


@pytest.mark.skipif(sys.platform != "linux", reason="forks of processes with threads are Linux' custom")
def test_a_forked_child_forgets_the_model():
    """A child made by fork exits by itself, while its parent goes on with the model."""
    code = f"""{ASKED}
from nbchat.embedded.shelf import shelf
parent = engine()
child = os.fork()
if not child:
    assert shelf.engines() == {{}}
    sys.exit(5)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
assert engine() is parent
assert parent.running
"""
    run(code)


def test_nothing_listens():
    """The server inside llama.cpp has no port, its socket has no name left, and no file stays behind."""
    code = """
import os, psutil, tempfile
from local_model import engine
engine()
process = psutil.Process()
print([c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN])
print([c.laddr for c in process.net_connections("unix") if os.path.exists(c.laddr)])
print([name for name in os.listdir(tempfile.gettempdir()) if name.startswith("nbchat-")])
"""
    assert run(code).split() == ["[]"] * 3


def test_without_llama_cpp_the_error_says_what_to_do(monkeypatch):
    """Where xllamacpp is not installed, one sentence names the extra to install and the variables to set."""
    unload()
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    ticket = shelf.request(Model())
    with pytest.raises(ConfigurationError, match=r"jupyter-nbchat\[local\].*OPENAI_API_KEY or OPENAI_BASE_URL"):
        ticket.future.result(PATIENCE)
    ticket.release()


def test_the_process_stays_small(small):
    """Two slots of 2,048 tokens take less than 300 MB on top of the file itself."""
    before = psutil.Process().memory_info().rss
    other = Engine(model_file(), Plan(slots=2, context=2048))
    assert psutil.Process().memory_info().rss - before < 300_000_000
    other.close()
