"""%chat status, %chat models and Tab, where there are several endpoints, in a real kernel."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, kernel
from markdown_it import MarkdownIt
from scripted import PATIENCE, Reply, Request, ScriptedServer, completion

from nbchat.client import portal
from nbchat.client.config import settings
from nbchat.errors import NbchatError
from nbchat.jupyter.status import model_lines, status_bundle
from nbchat.session.session import Session

KEY, OTHER_KEY, HEADER = "sk-first-secret", "gsk-other-secret", "gw-third-secret"


def models(*names: str) -> Reply:
    data = ", ".join(f'{{"id": "{name}", "object": "model", "created": 1, "owned_by": "x"}}' for name in names)
    return Reply([f'{{"object": "list", "data": [{data}]}}'.encode()])


@pytest.fixture(scope="module")
def groq() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    scripted.always(lambda request: models("llama", "qwen/qwen3") if request.method == "GET" else busy())
    yield scripted
    scripted.stop()


def busy() -> Reply:
    return Reply([f'{{"error": {{"message": "no <b>credit</b> for `{OTHER_KEY}`"}}}}'.encode()], 402)


@pytest.fixture(scope="module")
def first() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    scripted.always(
        lambda request: (
            models("gpt-x")
            if request.method == "GET"
            else Reply(
                [json.dumps(completion("ok")).encode()],
                headers={"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"},
            )
        )
    )
    yield scripted
    scripted.stop()


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory, first: ScriptedServer, groq: ScriptedServer) -> Iterator[Kernel]:
    """A kernel with a default endpoint and one called groq, both with keys, and one that nobody answers at."""
    folder = tmp_path_factory.mktemp("status")
    profile = folder / ".ipython" / "profile_default"
    profile.mkdir(parents=True)
    endpoints = {
        "groq": {
            "base_url": groq.url,
            "api_key_env": "GROQ_API_KEY",
            "headers": {"X-Gateway": HEADER},
            "max_retries": 0,
        },
        "down": {"base_url": "http://127.0.0.1:9/v1", "max_retries": 0},
    }
    (profile / "ipython_config.py").write_text(
        f"c = get_config()\nc.NBChat.base_url = {first.url!r}\nc.NBChat.model = 'gpt-x'\nc.NBChat.api_key_env = 'MY_KEY'\n"
        f"c.NBChat.endpoints = {endpoints!r}\nc.InteractiveShellApp.extensions = ['nbchat']\n"
    )
    with kernel(folder, MY_KEY=KEY, GROQ_API_KEY=OTHER_KEY) as started:
        yield started


def status(notebook: Kernel) -> dict[str, str]:
    shown = notebook.run("%chat status")
    assert (shown.status, shown.stdout, shown.stderr) == ("ok", "", "")
    (output,) = shown.outputs
    everything = str(shown.messages)
    assert not [secret for secret in (KEY, OTHER_KEY, HEADER) if secret in everything]
    return dict(line.split(": ", 1) for line in output["data"]["text/plain"].splitlines())


def test_who_answers(notebook: Kernel, first: ScriptedServer):
    """%chat status says where a question goes, with whose key, with what, within which limits, and what was used."""
    notebook.run("%%chat --no-stream\nGo")
    notebook.run("%chat set temperature 0.2")
    notebook.run("%chat system Be *brief* and `plain`.")
    assert status(notebook) == {
        "session": "default, 3 messages",
        "endpoint": first.url,
        "key": "from MY_KEY",
        "model": "gpt-x",
        "parameters": "temperature=0.2",
        "system": "Be *brief* and `plain`.",
        "usage": "7 prompt + 3 completion tokens, price not known",
        "rate limits": "59 of 60 requests left",
    }
    notebook.run("%chat unset temperature")
    notebook.run("%chat system none")


def test_another_endpoint_and_its_last_error(notebook: Kernel, groq: ScriptedServer):
    """After %chat set model the named endpoint is the one that answers, and the last error is there in one line."""
    notebook.run("%chat set model groq/llama")
    failed = notebook.run("%%chat\nGo")
    assert failed.status == "error"
    assert OTHER_KEY not in str(failed.messages)
    lines = status(notebook)
    assert (lines["endpoint"], lines["key"]) == (f"groq, {groq.url}", "from GROQ_API_KEY")
    assert (lines["model"], lines["parameters"]) == ("groq/llama", "model='groq/llama'")
    assert "402" in lines["last error"]
    assert "<b>credit</b>" in lines["last error"]
    notebook.run("%chat unset model")


def test_models_of_all_endpoints(notebook: Kernel):
    """%chat models lists the default endpoint's as they are and the others' by name; one that is down is a line."""
    lines = notebook.run("%chat models").stdout.splitlines()
    assert lines[:3] == ["gpt-x", "groq/llama", "groq/qwen/qwen3"]
    assert len(lines) == 4
    assert lines[3].startswith("(down: http://127.0.0.1:9 can't be reached")


def test_tab_knows_endpoints(notebook: Kernel, groq: ScriptedServer):
    """Tab offers the names of endpoints, and the models of one whose name has been typed."""
    notebook.run("%chat models")  # has them at hand: Tab itself waits for nobody
    assert {"local", "groq/", "down/"} <= set(notebook.complete("%%chat -m "))
    assert notebook.complete("%%chat --model gr")[:1] == ["groq/"]
    for line in ("%%chat -m groq/", "%chat set model groq/"):
        assert {"groq/llama", "groq/qwen/qwen3"} <= set(notebook.complete(line))
    assert notebook.complete("%%chat -m groq/q") == ["groq/qwen/qwen3"]


# ---- without a kernel ----------------------------------------------------------------------------------------------


def test_tab_asks_when_the_name_is_typed(server: ScriptedServer, groq: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """No endpoint is asked for its models before its name and the slash have been typed, and then once."""
    looks: list[Any] = []
    start = portal.start
    monkeypatch.setattr("nbchat.client.catalogue.portal.start", lambda task: looks.append(start(task)))
    server.always(lambda request: models("m"))
    settings().endpoints = {"groq": {"base_url": groq.url}}
    chat, before = Session("m", base_url=server.url), len(groq.requests)
    assert "groq/" in chat.known_models("g")
    chat.known_models("groq/")
    for look in looks:
        look.result(PATIENCE)
    assert {"groq/llama", "groq/qwen/qwen3"} <= set(chat.known_models("groq/l"))
    assert len(groq.requests) == before + 1


def test_nothing_of_it_is_markdown():
    """What servers, models and users said is shown as it is: no HTML, no link, no picture comes out of it."""
    chat = Session(
        "x](http://e/)<img src=x>", base_url="http://h/v1", system="``<script>alert(1)</script>`` ![a](http://e/)\n# b"
    )
    bundle: dict[str, Any] = status_bundle(chat)
    html = MarkdownIt("commonmark", {"html": True}).render(bundle["text/markdown"])
    assert not [tag for tag in ("<script", "<img", "<a ", "<h1") if tag in html]
    assert html.count("<li>") == len(bundle["text/plain"].splitlines())
    assert "system: ``<script>alert(1)</script>`` ![a](http://e/) # b" in bundle["text/plain"]


def test_states_without_a_server(monkeypatch: pytest.MonkeyPatch):
    """The embedded model, a missing key, an unchecked certificate, and an address that is none are all said."""
    assert "endpoint: the embedded model, since no other is named" in status_bundle(Session())["text/plain"]
    assert "endpoint: the embedded model\n" in status_bundle(Session("local"))["text/plain"]
    settings().endpoints = {
        "mine": {"base_url": "https://h/v1", "api_key_env": "MY_KEY", "verify": False},
        "wrong": {"base_url": "h:1"},
    }
    shown = status_bundle(Session("mine/m"))["text/plain"]
    assert "endpoint: mine, https://h/v1 (its certificate is not checked)\nkey: none: MY_KEY is not set" in shown
    assert "which is not an address of a server" in status_bundle(Session("wrong/m"))["text/plain"]


def test_no_models_at_all_is_an_error(server: ScriptedServer, tmp_path: Path):
    """Where the default endpoint has no list and there is no other, that is the error."""
    server.error(404, b"nothing")
    with pytest.raises(NbchatError):
        model_lines(Session("m", base_url=server.url))


def test_a_conversation_that_is_trimmed(notebook: Kernel):
    """%chat status and history say how many turns requests do without; both forms of the history hold the whole."""
    assert "context" not in status(notebook)
    notebook.run("%chat set context trim")
    assert status(notebook)["context"] == "trim (nothing is left out yet)"
    notebook.run(
        "import nbchat\nfrom nbchat.client.capacity import Limit, limits\nchat = nbchat.get_session()\nchat.clear()\n"
        "for number in range(3): chat.send(f'question {number}')"
    )
    whole = notebook.run("%chat history").outputs[0]["data"]
    assert "left out" not in str(whole)
    for fits, line in ((40, "the first turn is left out"), (20, "the first 2 turns are left out")):
        notebook.run(f"limits._known[chat.endpoint.base_url, 'gpt-x'] = Limit({fits})")
        said = f"{line} of requests, to fit the model's context"
        assert notebook.value("len(chat.messages)") == 6 - 2 * int(notebook.value("chat.left_out"))
        assert status(notebook)["context"] == f"trim ({said})"
        shown = notebook.run("%chat history").outputs[0]["data"]
        assert shown["text/plain"] == f"{whole['text/plain']}\n\n[{said}]"
        assert shown["text/markdown"] == f"{whole['text/markdown']}\n*[{said}]*\n"
    assert [part in whole[kind] for kind in whole for part in ("question 0", "question 2", "ok")] == [True] * 6
    notebook.run("limits._known.clear()\nchat.clear()\n%chat unset context")


def test_limits_are_those_of_the_server_that_answers(server: ScriptedServer):
    """Each server's limits are its own: those of another, or of the list of models, are not shown for it."""
    other = ScriptedServer()

    def limited(scripted: ScriptedServer, left: int) -> Callable[[Request], Reply]:
        def answer(request: Request) -> Reply:
            if request.method == "GET":
                left_here, reply = left + 100, Reply([b'{"data": [{"id": "m"}]}'])
            else:
                left_here, reply = left, scripted.answering("ok")(request)
            reply.headers["x-ratelimit-remaining-requests"] = str(left_here)
            return reply

        return answer

    server.always(limited(server, 59))
    other.always(limited(other, 3))
    settings().endpoints = {"groq": {"base_url": other.url}}
    chat = Session("m", base_url=server.url)
    assert chat.rate_limits is None
    chat.send("Hi", model="groq/llama")
    assert (chat.rate_limits, chat.client.rate_limits) == (None, None)
    chat.send("Hi")
    chat.client.models.list()
    assert chat.rate_limits.requests.remaining == 59
    chat.model = "groq/llama"
    assert chat.rate_limits.requests.remaining == 3
    assert "3 requests left" in status_bundle(chat)["text/plain"]
    other.stop()
