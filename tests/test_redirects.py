"""A server that points elsewhere is followed on its own origin, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scripted import Reply, Request, ScriptedServer
from tunnels import AUTHORITY, SecureServer

from nbchat.client.client import Client
from nbchat.errors import APIStatusError

QUESTION = [{"role": "user", "content": "Hi"}]
KEY = "sk-very-secret"


@pytest.fixture
def other() -> Iterator[ScriptedServer]:
    """Another server: the same host, another port."""
    scripted = ScriptedServer()
    scripted.always_answer("taken")
    yield scripted
    scripted.stop()


def ask(client: Client, *, stream: bool = False) -> str:
    if stream:
        chunks = client.chat.completions.create(model="m", messages=QUESTION, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    return client.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content or ""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("form", ["absolute", "path", "relative"])
def test_the_same_origin_is_followed(server: ScriptedServer, *, status: int, form: str, stream: bool):
    """307 and 308 to the same origin are followed with the same method, body and key."""
    place = "/v1/chat/completions/"
    location = {"absolute": server.url.removesuffix("/v1") + place, "path": place, "relative": "completions/"}[form]
    server.reply(status=status, headers={"location": location})
    server.answer("ok")
    assert ask(Client(server.url, KEY), stream=stream) == "ok"
    first, second = server.requests
    assert (first.path, second.path) == ("/v1/chat/completions", place)
    assert (first.method, first.body) == (second.method, second.body)
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_list_of_models_is_followed(server: ScriptedServer, status: int):
    """A look at the models is followed by any redirect on the same origin: it carries nothing that could be dropped."""
    server.reply(status=status, headers={"location": "/api/models"})
    server.reply(b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "me"}]}')
    assert [model.id for model in Client(server.url, KEY).models.list()] == ["m"]
    assert [request.path for request in server.requests] == ["/v1/models", "/api/models"]


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_redirect_that_drops_the_question(server: ScriptedServer, status: int):
    """301, 302 and 303 turn a question into a look at a page: refused, with the base URL that would be right."""
    server.reply(status=status, headers={"location": "/api/v2/chat/completions?token=t0ken"})
    with pytest.raises(APIStatusError, match="drops the question") as caught:
        ask(Client(server.url, KEY))
    right = server.url.removesuffix("/v1") + "/api/v2"
    assert caught.value.hint == f"It points to {right}: if that is right, make it the base URL."
    assert (caught.value.status, len(server.requests)) == (status, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("what", ["question", "stream", "models"])
def test_another_origin_gets_nothing(server: ScriptedServer, other: ScriptedServer, status: int, what: str):
    """To another origin nothing is sent, whatever the status: not the key, not the headers, not the question."""
    server.always(lambda request: Reply([], status, {"location": f"{other.url}/{request.path.removeprefix('/v1/')}"}))
    client = Client(server.url, KEY, headers={"X-Gateway": "g-1"})
    with pytest.raises(APIStatusError, match="redirects to another server") as caught:
        client.models.list() if what == "models" else ask(client, stream=what == "stream")
    assert (other.requests, len(server.requests)) == ([], 1)
    assert other.url in str(caught.value)
    assert KEY not in str(caught.value)


def test_the_scheme_and_the_name_are_part_of_it(server: ScriptedServer):
    """https is another origin than http, and localhost another than 127.0.0.1, though it may be the same machine."""
    secure = SecureServer()
    secure.always_answer("taken")
    try:
        port = server.url.rpartition(":")[2]
        for url, place in (
            (server.url, f"{secure.url}/chat/completions"),
            (server.url, f"http://localhost:{port}/chat/completions"),
        ):
            server.reply(status=308, headers={"location": place})
            with pytest.raises(APIStatusError, match="redirects to another server"):
                ask(Client(url, KEY))
        secure.reply(status=307, headers={"location": f"{server.url}/chat/completions"})
        with pytest.raises(APIStatusError, match="redirects to another server"):
            ask(Client(secure.url, KEY, verify=AUTHORITY))
        assert (len(secure.requests), len(server.requests)) == (1, 2)
    finally:
        secure.stop()


def test_the_second_step_is_watched_too(server: ScriptedServer, other: ScriptedServer):
    """A redirect that is followed leads to no other origin by a second one."""
    server.reply(status=307, headers={"location": "/v1/there"})
    server.reply(status=307, headers={"location": f"{other.url}/chat/completions"})
    with pytest.raises(APIStatusError, match="redirects to another server"):
        ask(Client(server.url, KEY))
    assert other.requests == []


@pytest.mark.parametrize("what", ["question", "models"])
def test_a_loop_ends(server: ScriptedServer, what: str):
    """A circle ends after five requests, with a sentence; it is not tried again."""

    def round_and_round(request: Request) -> Reply:
        return Reply([], 307, {"location": "/v1/b" if request.path.endswith("a") else "/v1/a"})

    server.always(round_and_round)
    client = Client(server.url, KEY)
    with pytest.raises(APIStatusError, match="5 times without an answer") as caught:
        client.models.list() if what == "models" else ask(client)
    assert (len(server.requests), caught.value.status) == (5, 307)


@pytest.mark.parametrize(
    "headers",
    [{}, {"location": ""}, {"location": "javascript:alert(1)"}, {"location": "http://"}, {"location": "http://[::1"},
     {"location": "file:///etc/passwd"}, {"location": "http://me:pw@127.0.0.1/"},
     {"location": "data:text/plain,x"}],
)  # fmt: skip
@pytest.mark.parametrize("status", [302, 307])
def test_a_place_that_is_none(server: ScriptedServer, headers: dict[str, str], status: int):
    """A redirect without a place, or to none that a server could be at, is one sentence."""
    server.reply(status=status, headers=headers)
    with pytest.raises(APIStatusError, match="leads nowhere") as caught:
        ask(Client(server.url, KEY))
    assert (caught.value.status, len(server.requests)) == (status, 1)


@pytest.mark.parametrize("status", [300, 304])
def test_other_statuses_of_that_kind(server: ScriptedServer, status: int):
    """What is no redirect, although its status begins with a 3, is a status like another."""
    server.reply(status=status, cut=status == 304)  # that one has no body, and nothing that would end it
    with pytest.raises(APIStatusError) as caught:
        ask(Client(server.url, KEY, max_retries=0))
    assert caught.value.status == status


def test_a_place_that_repeats_the_key(server: ScriptedServer, other: ScriptedServer):
    """A key that a server repeats in the place it points to is not shown."""
    server.reply(status=307, headers={"location": f"{other.url}/{KEY}/x?key={KEY}"})
    with pytest.raises(APIStatusError) as caught:
        ask(Client(server.url, KEY))
    assert KEY not in str(caught.value)


def test_after_a_redirect_a_retry_begins_anew(server: ScriptedServer):
    """A try that fails after a redirect is repeated from the first place, with the same bytes."""
    server.reply(status=307, headers={"location": "/v1/there"})
    server.error(503, {"error": "busy"}, retry_after_ms="1")
    server.answer("ok")
    client: Any = Client(server.url, KEY)
    assert ask(client) == "ok"
    assert [request.path for request in server.requests] == [
        "/v1/chat/completions", "/v1/there", "/v1/chat/completions"
    ]  # fmt: skip
    assert len({request.body for request in server.requests}) == 1
