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
from typing import Any

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


def ipython(folder: Path, server: ScriptedServer, code: str) -> tuple[str, str]:
    """What `ipython -c` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor", "--ext=nbchat", f"--NBChat.base_url={server.url}", "--NBChat.model=m", "-c", code],
        env=environment(IPYTHONDIR=str(folder)),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "steps", "stdout", "stderr"),
    [
        ("", {"texts": ("**Hi**",)}, "**Hi**\n", ""),
        ("", {"texts": ("long",), "finish": "length"}, "long\n\n[cut off at max_tokens]\n", ""),
        ("--no-stream", {"texts": ("whole",)}, "whole\n", ""),
        ("-f code", {"texts": ("Look:\n```\nx\n```",)}, "```\nx\n```\n", ""),
        ("-f json", {"texts": ('{"a":1}',)}, '```json\n{\n  "a": 1\n}\n```\n', ""),
        ("--nope", None, "", "ConfigurationError: %%chat: there is no option --nope."),
        ("", "error", "", "RateLimitError: The server answered with status 429: slow down"),
    ],
)
def test_one_question_from_a_script(
    tmp_path: Path, server: ScriptedServer, *, line: str, steps: Any, stdout: str, stderr: str
):
    """Without a terminal, in a pipe, the answer is the output; what is wrong is one line."""
    if steps == "error":
        for _ in range(3):
            server.error(429, {"error": {"message": "slow down"}}, retry_after_ms="1")
    elif steps:
        server.answer(*steps["texts"], finish=steps.get("finish", "stop"))
    out, err = ipython(tmp_path, server, f"%%chat {line}\nGo")
    assert "Traceback" not in out + err
    if stderr:
        assert stderr in re.sub(r"\x1b\[\d*m", "", out + err)
    else:
        assert (out, err) == (stdout, "")


def test_python_prints_a_completion(tmp_path: Path, server: ScriptedServer):
    """In a terminal session a completion is its text when printed, and a turn at the end of a cell streams."""
    server.always_answer("*one* two")
    out, err = ipython(
        tmp_path, server, "import nbchat\nchat = nbchat.get_session()\nprint(chat.send('a'))\nchat.stream('b')"
    )
    # The number is IPython's, which writes it before it knows what will be shown.
    assert (re.sub(r"Out\[\d+\]: ", "", out), err) == ("*one* two\n*one* two\n", "")
