"""%%chat in IPython in a terminal, where an answer streams as text."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from apart import PATIENCE, environment
from scripted import ScriptedServer, chunk

pty = pytest.importorskip("pty", reason="terminals are POSIX's")


class Terminal:
    """A real IPython on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str, **more: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner", "--no-confirm-exit", *arguments],
            env=environment(IPYTHONDIR=str(folder), TERM="xterm-256color", **more),
            cwd=folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""
        self._read = 0

    def until(self, text: str) -> str:
        """Read until this text is shown, and return what was shown since the last time, this text included."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.shown.find(text, self._read)) < 0:
            ready, _, _ = select.select([self._ours], [], [], deadline - time.monotonic())
            assert ready, f"{text!r} is not in {self.shown[self._read :]!r}"
            self.shown += os.read(self._ours, 65536).decode().replace("\r\n", "\n")
        start, self._read = self._read, found + len(text)
        return self.shown[start : self._read]

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def run(self, *lines: str) -> None:
        """Run a cell magic: in a simple terminal it ends with two empty lines."""
        self.type("\n".join(lines) + "\n\n\n")

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(tmp_path: Path, server: ScriptedServer) -> Iterator[Terminal]:
    """IPython in a terminal, with the extension loaded and the scripted server configured."""
    started = Terminal(tmp_path, "--ext=nbchat", f"--NBChat.base_url={server.url}", "--NBChat.model=m")
    started.until("In [1]: ")
    yield started
    started.close()


def test_text_streams_as_it_comes(terminal: Terminal, server: ScriptedServer):
    """Each piece is on the terminal before the next is sent, and the prompt comes back after the last."""
    gates = [threading.Event(), threading.Event(), threading.Event()]
    server.stream(chunk("**one**"), gates[0], chunk(" two"), gates[1], chunk(" three"), gates[2], chunk(finish="stop"))
    terminal.run("%%chat", "Count")
    for word, gate in zip(("**one**", " two", " three"), gates, strict=True):
        assert terminal.until(word).endswith(word)
        gate.set()
    assert terminal.until("In [2]: ").strip() == "In [2]:"
    assert server.requests[0].json["messages"] == [{"role": "user", "content": "Count"}]


def test_escape_sequences_are_seen_and_not_obeyed(terminal: Terminal, server: ScriptedServer):
    """What a model sends to rename the window, fill the clipboard or clear the screen is text, however it is cut."""
    gate = threading.Event()
    evil = "\x1b]0;title\x07 \x1b[2J \x1b]52;c;ZXZpbA==\x07 \x9b31m \u202eevil\r"
    pieces = [chunk(sign) for sign in evil]
    server.stream(*pieces, gate, chunk("end", finish="stop"))
    server.answer(evil + "end", finish="\x1b[31mred")
    for number in (2, 3):
        terminal.run("%%chat", "Go")
        gate.set()
        shown = terminal.until(f"In [{number}]: ")
        assert "␛]0;title␇" in shown
        assert "end" in shown
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)


def test_an_interrupt_keeps_the_text(terminal: Terminal, server: ScriptedServer):
    """Ctrl-C stops the answer: one line, no traceback, the text is kept, and the next question works."""
    server.stream(chunk("so far"), threading.Event())
    server.answer("fine")
    terminal.run("%%chat", "Go")
    terminal.until("so far")
    terminal.interrupt()
    shown = terminal.until("In [2]: ")
    assert "[stopped]" in shown
    assert "Stopped. What had arrived is kept." in shown
    assert "Traceback" not in shown
    assert server.requests[0].closed.wait(PATIENCE)
    terminal.run("%%chat", "Next")
    assert "fine\n" in terminal.until("In [3]: ")
    assert [message["content"] for message in server.requests[1].json["messages"]] == ["Go", "so far", "Next"]


def ipython(folder: Path, server: ScriptedServer, *cells: str, colors: str = "NoColor", **variables: str) -> str:
    """What `ipython` prints for these cells, up to the first that fails, as it stands."""
    code = f"_ = all(get_ipython().run_cell(cell).success for cell in {cells!r})"
    arguments = ["--ext=nbchat", f"--NBChat.base_url={server.url}", "--NBChat.model=m", "-c", code]
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", f"--colors={colors}", *arguments],
        env=environment(IPYTHONDIR=str(folder), **variables),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout


def bare(shown: str) -> str:
    """Return what was printed without colours and without the numbers of outputs, which IPython writes in advance."""
    return re.sub(r"\x1b\[\d*m|Out\[\d+\]: ", "", shown)


@pytest.mark.parametrize("no_color", [None, "1"])
def test_a_failure_in_a_pipe_has_no_colours(tmp_path: Path, server: ScriptedServer, no_color: str | None):
    """Where the output is no terminal an error is plain text, whatever colours IPython was started with."""
    server.error(400, {"error": "No."})
    more = {"NO_COLOR": no_color} if no_color else {}
    shown = ipython(tmp_path, server, "%%chat\nGo", colors="linux", **more)
    assert "\nBadRequestError: The server answered with status 400: No.\n" in f"\n{shown}"


def test_answers_in_a_pipe(tmp_path: Path, server: ScriptedServer):
    """Without a terminal, in a pipe, the answers are the output, in the form asked for; a turn streams there too."""
    asked = [
        ("%%chat\nGo", ("**Hi**", "stop"), "**Hi**"),
        ("%%chat\nGo", ("long", "length"), "long\n\n[cut off at max_tokens]"),
        ("%%chat --no-stream\nGo", ("whole", "stop"), "whole"),
        ("%%chat -f code\nGo", ("Look:\n```\nx\n```", "stop"), "```\nx\n```"),
        ("%%chat -f json\nGo", ('{"a":1}', "stop"), '```json\n{\n  "a": 1\n}\n```'),
        ("import nbchat\nchat = nbchat.get_session()\nprint(chat.send('a'))", ("*one* two", "stop"), "*one* two"),
        ("chat.stream('b')", ("*three* four", "stop"), "*three* four"),
    ]
    for _, (text, finish), _ in asked:
        server.answer(text, finish=finish)
    shown = bare(ipython(tmp_path, server, *(cell for cell, _, _ in asked)))
    assert shown == "".join(f"{text}\n" for _, _, text in asked)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%chat --nope\nGo", "ConfigurationError: %%chat: there is no option --nope."),
        ("%%chat\nGo", "NotFoundError: The server answered with status 404: not here"),
    ],
)
def test_a_failure_is_one_line(tmp_path: Path, server: ScriptedServer, cell: str, said: str):
    """What goes wrong is one line without a traceback, and the cells below do not run."""
    server.error(404, {"error": {"message": "not here", "code": "model_not_found"}})
    shown = bare(ipython(tmp_path, server, cell, "print('never')"))
    assert shown.startswith(said)
    assert shown.count("\n") == 1


def test_a_sweep_has_a_line_of_its_own(terminal: Terminal, server: ScriptedServer):
    """A sweep says on one line how far it is, over and over, and leaves what came of it; interrupted, it keeps what it has."""
    gate = threading.Event()
    server.stream(chunk("one"), gate, chunk(finish="stop"))
    server.stream(chunk("two"), threading.Event())
    terminal.type("import nbchat; got = nbchat.sweep('Hi', seed=[1, 2], concurrency=1)\n")
    terminal.until("\r\x1b[K0 of 2")
    gate.set()
    terminal.until("\r\x1b[K1 of 2")
    terminal.interrupt()
    assert terminal.until("1 of 2 answered, 1 stopped\n") == "\r\x1b[K1 of 2 answered, 1 stopped\n"
    terminal.until("In [2]: ")
    terminal.type("print(got)\n")
    assert "[0] seed=1: one\n[1] seed=2: " in terminal.until("In [3]: ")
