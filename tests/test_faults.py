"""Every fault of the faulty server, met by a session and by a client: the right answer, or the right error, and nothing lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from faulty import FAULTS, TEXT, Fault, FaultyServer, tell_read
from scripted import PATIENCE, validator

from nbchat import Client, Session
from nbchat.client import retry
from nbchat.errors import NbchatError
from nbchat.session.events import TextAdded

# In seconds: what a test waits where silence is the fault, and where it is not.
_SHORT, _LONG = 0.4, PATIENCE


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """The faulty server, whose clients lose no time between two tries."""
    monkeypatch.setattr(retry, "_FIRST", 0.02)
    server = FaultyServer()
    yield server
    server.stop()


def _client(faulty: FaultyServer, name: str) -> Client:
    wait = _SHORT if name.startswith("stall") else _LONG
    return Client(faulty.url, "sk-faulty-key", timeout={"first_byte": wait, "between_chunks": wait}, max_retries=1)


def _check(error: NbchatError | None, fault: Fault) -> None:
    """Hold an error against what it has to be."""
    if fault.kind is None:
        assert error is None, f"{error!r}"
        return
    assert error is not None
    assert (error.kind, error.status) == (fault.kind, fault.status), error
    assert fault.says in str(error)
    assert 10 < len(str(error)) < 1_000
    assert "\n" not in str(error)
    assert "<" not in str(error)
    assert "sk-faulty-key" not in repr(error)


def _check_requests(faulty: FaultyServer, fault: Fault) -> None:
    """Every try was the same, byte for byte, and no connection stays open beside those that serve the next question."""
    assert len(faulty.requests) == fault.requests
    assert len({request.body for request in faulty.requests}) == 1
    validator("request").validate(faulty.requests[0].json)
    for request in faulty.requests:
        assert request.ended or request.closed.wait(PATIENCE), "the connection was left open"


@pytest.mark.parametrize("name", FAULTS)
def test_a_session_meets_it(faulty: FaultyServer, name: str):
    """The answer is right or the error is; what came is kept; the next question is answered; the history stays valid."""
    fault = FAULTS[name]
    chat = Session(name, client=_client(faulty, name))
    chat.subscribe(lambda event: fault.told and isinstance(event, TextAdded) and tell_read(faulty.url, "What now?"))
    begun = time.monotonic()
    turn = chat.ask({"role": "user", "content": "What now?"}, streamed=fault.streamed)
    assert turn.wait(PATIENCE)
    assert time.monotonic() - begun < PATIENCE / 2
    _check(turn.error, fault)
    assert turn.status == ("failed" if fault.kind else "done")
    assert turn.text == (fault.kept if fault.kind else fault.text)
    kept = [] if not turn.text else [("user", "What now?"), ("assistant", turn.text)]
    assert [(message["role"], message["content"]) for message in chat.messages] == kept
    _check_requests(faulty, fault)
    assert chat.send("And now?", model="good").text == TEXT
    validator("request").validate({"model": "m", "messages": chat.messages})
    chat.client.close()


@pytest.mark.parametrize("name", FAULTS)
def test_a_client_meets_it(faulty: FaultyServer, name: str):
    """The chunks that came are handed out before the error is raised, and the next question is answered."""
    fault = FAULTS[name]
    client = _client(faulty, name)
    question = [{"role": "user", "content": "What now?"}]
    text, error = "", None
    try:
        if fault.streamed:
            for chunk in client.chat.completions.create(model=name, messages=question, stream=True):
                text += "".join(choice.delta.content or "" for choice in chunk.choices)
                if fault.told:
                    tell_read(faulty.url, "What now?")
        else:
            text = client.chat.completions.create(model=name, messages=question).choices[0].message.content
    except NbchatError as problem:
        error = problem
    _check(error, fault)
    if not name.startswith("json-"):  # one chunk then holds the whole answer
        assert text == (fault.kept if fault.kind else fault.text)
    _check_requests(faulty, fault)
    answer = client.chat.completions.create(model="good", messages=question)
    assert answer.choices[0].message.content == TEXT
    client.close()
