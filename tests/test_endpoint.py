"""Which server answers, with which key, and that a key goes nowhere else."""

from __future__ import annotations

import copy
import itertools
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from scripted import Reply, ScriptedServer

from nbchat import mcp, sweep
from nbchat.client.client import Client
from nbchat.client.config import NBChat, settings
from nbchat.client.endpoint import (
    EMBEDDED_URL,
    Endpoint,
    default_notice,
    is_local_model,
    resolve,
    tell,
)
from nbchat.client.secret import Secret, SecretHeaders
from nbchat.errors import AuthenticationError, ConfigurationError, NbchatError, NotFoundError
from nbchat.session.session import Session

QUESTION = [{"role": "user", "content": "Hi"}]
KEY = "sk-very-secret"


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch):
    """Set the configuration and the environment, as keywords."""

    def set_them(**named: str) -> None:
        for name, value in named.items():
            if name.isupper():
                monkeypatch.setenv(name, value)
            else:
                setattr(settings(), name, value)

    return set_them


def key_of(endpoint: Endpoint) -> str | None:
    return endpoint.api_key.reveal() if endpoint.api_key else None


# ---- the order of sources ------------------------------------------------------------------------------------------


def test_the_first_address_counts(sources: Any):
    """Argument, configuration, environment, OpenAI if there is a key, the embedded model: the first that names one."""
    assert resolve() == Endpoint(EMBEDDED_URL, model="local", chosen=False)
    sources(OPENAI_API_KEY="sk-env")
    assert resolve().base_url == "https://api.openai.com/v1"
    sources(OPENAI_BASE_URL="http://env:1/v1/")
    assert resolve().base_url == "http://env:1/v1"
    sources(base_url="http://config:2/v1")
    assert resolve().base_url == "http://config:2/v1"
    assert resolve("http://argument:3/v1").base_url == "http://argument:3/v1"
    assert all(resolve(url).chosen for url in (None, "http://argument:3/v1"))


def test_the_first_model_counts(sources: Any):
    """Configuration before environment; OpenAI has a small general one, other servers only they know."""
    assert resolve("http://somewhere/v1").model is None
    assert resolve("https://api.openai.com/v1").model == "gpt-4o-mini"
    sources(NBCHAT_MODEL="from-env")
    assert resolve("http://somewhere/v1").model == "from-env"
    sources(model="from-config")
    assert resolve("https://api.openai.com/v1").model == "from-config"


def test_the_embedded_model_can_be_chosen(sources: Any):
    """Whoever names the embedded model, by address or by model, has chosen it."""
    assert resolve("llama://default/v1") == Endpoint(EMBEDDED_URL, model="local")
    assert resolve("llama://default/v1").embedded
    sources(NBCHAT_MODEL="local:mine.gguf")
    assert resolve() == Endpoint(EMBEDDED_URL, model="local:mine.gguf", chosen=True)
    assert (resolve().name, resolve("http://h:1/v1").name) == ("the embedded model", "http://h:1")


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_KEY", "NBCHAT_MODEL"])
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_is_none(sources: Any, name: str, value: str):
    """A variable that is set to nothing is as if it were not set."""
    sources(**{name: value})
    assert resolve() == Endpoint(EMBEDDED_URL, model="local", chosen=False)


@pytest.mark.parametrize("key", ["", " \n"])
def test_an_empty_key_is_none(key: str):
    """An empty key given as an argument names no endpoint and is not sent."""
    assert resolve(None, Secret(key)).base_url == EMBEDDED_URL
    assert resolve("http://h/v1", Secret(key)).api_key is None


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://h/v1", "http://", "/v1", "v1", "http://[::1", "http://h:99999/v1", "http://h:x/v1", "http://h:0/v1"]
)  # fmt: skip
def test_what_is_no_address_is_said(sources: Any, url: str):
    """An address that is none is one sentence that names where it stands."""
    for make in (lambda: resolve(url), lambda: Client(url), lambda: Session("m", base_url=url)):
        with pytest.raises(ConfigurationError, match=r"base_url is .* not an address"):
            make()
    sources(OPENAI_BASE_URL=url)
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL is"):
        resolve()
    sources(base_url=url)
    with pytest.raises(ConfigurationError, match=r"c\.NBChat\.base_url is"):
        resolve()


def test_a_password_in_an_address_is_refused():
    """An address with a password in it would show wherever the address does; the refusal does not show it."""
    with pytest.raises(ConfigurationError, match="user name or password") as caught:
        resolve("http://me:hunter2@h/v1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "local"), [("local", True), ("local:a.gguf", True), ("localhost", False), ("", False), (None, False)]
)
def test_local_models(model: str | None, local: bool):
    """Only "local" and "local:PATH" are the embedded model's names."""
    assert is_local_model(model) is local


# ---- a key belongs to one origin -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "named", "key"),
    [
        # the environment's key is its server's, by default OpenAI's
        (None, {"OPENAI_API_KEY": "sk-env"}, "sk-env"),
        (None, {"OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "http://env/v1"}, "sk-env"),
        ("http://env/other", {"OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "http://env/v1"}, "sk-env"),
        ("https://api.openai.com/v1", {"OPENAI_API_KEY": "sk-env"}, "sk-env"),
        ("http://elsewhere/v1", {"OPENAI_API_KEY": "sk-env"}, None),
        ("http://env:81/v1", {"OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "http://env/v1"}, None),
        ("https://env/v1", {"OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "http://env/v1"}, None),
        ("https://api.openai.com/v1", {"OPENAI_API_KEY": "sk-env", "OPENAI_BASE_URL": "http://env/v1"}, None),
        ("http://api.openai.com/v1", {"OPENAI_API_KEY": "sk-env"}, None),
        ("https://api.openai.com.evil.org/v1", {"OPENAI_API_KEY": "sk-env"}, None),
        ("llama://default/v1", {"OPENAI_API_KEY": "sk-env"}, None),
        # the configured key is the configured server's
        (None, {"base_url": "http://config/v1", "api_key_env": "MY_KEY", "MY_KEY": "sk-mine"}, "sk-mine"),
        ("http://elsewhere/v1", {"base_url": "http://config/v1", "api_key_env": "MY_KEY", "MY_KEY": "sk-mine"}, None),
        (None, {"base_url": "http://config/v1", "OPENAI_API_KEY": "sk-env"}, None),
        (None, {"base_url": "http://config/v1", "api_key_env": "OPENAI_API_KEY", "OPENAI_API_KEY": "sk-env"}, "sk-env"),
        (None, {"base_url": "https://api.openai.com/v1", "OPENAI_API_KEY": "sk-env"}, "sk-env"),
        (None, {"base_url": "http://config/v1", "api_key_env": "NOT_SET"}, None),
    ],
)
def test_a_key_is_for_its_own_server(sources: Any, base_url: str | None, named: dict[str, str], key: str | None):
    """A key from the environment goes to the server it belongs to, and to no other that code happens to name."""
    sources(**named)
    endpoint = resolve(base_url)
    assert key_of(endpoint) == key
    assert (endpoint.key_source is not None) == (key is not None)
    # A key given as an argument comes before all others, but never to the embedded model.
    given = resolve(base_url, Secret("sk-given"))
    assert key_of(given) == (None if given.embedded else "sk-given")


def test_a_redirect_takes_no_key_along(server: ScriptedServer):
    """A server that points elsewhere is not followed: the sentence says where it points, and the key stays here."""
    other = ScriptedServer()
    try:
        server.reply(status=307, headers={"location": f"{other.url}/chat/completions"})
        with pytest.raises(NbchatError, match="It points to") as caught:
            Client(server.url, KEY).chat.completions.create(model="m", messages=QUESTION)
        assert (caught.value.status, other.requests) == (307, [])
    finally:
        other.stop()


def test_the_embedded_model_gets_no_key_of_a_server(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer):
    """A request for model="local" through a client with a key goes to this process and takes no key along."""
    seen: list[Any] = []

    async def handle(self: Any, request: Any) -> Any:
        seen.append(dict(request.headers))
        raise NotFoundError("it ends here", status=404)

    monkeypatch.setattr("nbchat.client.pool.EmbeddedTransport.handle_async_request", handle)
    with pytest.raises(NotFoundError):
        Client(server.url, KEY).chat.completions.create(model="local", messages=QUESTION)
    assert server.requests == []
    assert KEY not in json.dumps(seen)


def test_configured_headers_are_for_the_configured_server(sources: Any, server: ScriptedServer):
    """Headers of the configuration go to its own server only; those of a client to the client's."""
    server.always_answer("ok")
    sources(base_url=server.url, headers={"X-Gateway": "g-1"})
    Client().chat.completions.create(model="m", messages=QUESTION)
    Client(headers={"X-Mine": "m-1"}).chat.completions.create(
        model="m", messages=QUESTION, extra_headers={"X-Once": "o-1"}
    )
    other = ScriptedServer()
    try:
        other.always_answer("ok")
        Client(other.url).chat.completions.create(model="m", messages=QUESTION)
        assert "x-gateway" not in other.requests[0].headers
    finally:
        other.stop()
    first, second = (request.headers for request in server.requests)
    assert first["x-gateway"] == "g-1"
    assert ("x-gateway" in second, second["x-mine"], second["x-once"]) == (False, "m-1", "o-1")


# ---- a key never shows ---------------------------------------------------------------------------------------------


def test_a_secret_never_shows():
    """Not by repr, str, format, logging, vars, copying or pickling; only revealing it reveals it."""
    secret = Secret(f" {KEY}\n")
    assert secret.reveal() == KEY
    headers = SecretHeaders({"X-Key": KEY})
    endpoint = Endpoint("http://h/v1", secret)
    shown = [
        f"{x}{x!r}{x!s}{x:}"
        + logging.Formatter().format(logging.makeLogRecord({"msg": "%s %r", "args": (x, x)}))
        + str([x])
        for x in (secret, headers, endpoint, Client("http://h", KEY))
    ]
    shown.append(
        logging.Formatter("%(message)s").format(logging.makeLogRecord({"msg": "%s %r", "args": (secret, headers)}))
    )
    for attempt in (
        lambda: pickle.dumps(secret),
        lambda: pickle.dumps(headers),
        lambda: pickle.dumps(endpoint),
        lambda: copy.deepcopy(secret),
        lambda: asdict(endpoint),
        lambda: json.dumps(secret),
        lambda: vars(secret),
        lambda: format(secret, ">40"),
    ):
        with pytest.raises(TypeError) as caught:
            attempt()
        shown.append(str(caught.value))
    assert not [text for text in shown if KEY in text]
    assert dict(headers) == {"X-Key": KEY}


def test_secrets_compare():
    """Endpoints with the same key are the same; an empty secret is false."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert hash(Secret("a")) == hash(Secret(" a"))
    assert Secret("a") != "a"
    assert (bool(Secret("a")), bool(Secret(""))) == (True, False)
    assert Secret("a").censor("an a") == "…n …"
    assert Secret("").censor("an a") == "an a"
    assert replace(resolve("http://h", Secret("a"))) == resolve("http://h", Secret("a"))


def every_local(error: BaseException) -> str:
    """A traceback with all locals of nbchat's and other libraries' frames, causes and contexts included."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    own = str(Path(__file__))

    def strip(one: traceback.TracebackException | None) -> None:
        if one is not None:
            for frame in one.stack:
                if frame.filename == own:  # the test's own variables hold the key
                    frame.locals = None
            strip(one.__cause__)
            strip(one.__context__)

    strip(shown)
    return "".join(shown.format())


@pytest.fixture(scope="module")
def refusing() -> Iterator[str]:
    """The address of a server that refuses every key, and repeats it."""
    scripted = ScriptedServer()
    scripted.always(lambda request: Reply([json.dumps({"error": f"no: {KEY}"}).encode()], 401))
    yield scripted.url
    scripted.stop()


@pytest.mark.parametrize("key", [KEY, f"{KEY}“typed”", f"{KEY}\nand more", f"{KEY}\x00"])
@pytest.mark.parametrize("where", ["argument", "environment", "config", "header", "extra_header"])
@pytest.mark.parametrize("fault", ["refused", "status", "body", "url", "query"])
def test_no_traceback_shows_a_key(sources: Any, refusing: str, *, key: str, where: str, fault: str):
    """Whatever goes wrong, and also if it is the key itself, neither the error nor any frame's locals hold it."""
    url = {"refused": "http://127.0.0.1:9/v1", "url": "http://127.0.0.1:x/v1"}.get(fault, refusing)
    arguments: dict[str, Any] = {"max_retries": 0}
    fields: dict[str, Any] = {"model": "m", "messages": QUESTION}
    if where == "argument":
        arguments["api_key"] = key
    elif where == "environment":
        if "\x00" in key:
            return  # no environment can hold it
        sources(OPENAI_API_KEY=key, OPENAI_BASE_URL=url)
    elif where == "config":
        if "\x00" in key:
            return
        sources(MY_KEY=key, api_key_env="MY_KEY", base_url=url)
    elif where == "header":
        arguments["headers"] = {"X-Key": key}
    else:
        fields["extra_headers"] = {"X-Key": key}
    if fault == "body":
        fields["seed"] = object()
    elif fault == "query":
        fields["extra_query"] = 5
    with pytest.raises(NbchatError) as caught:
        Client(url, **arguments).chat.completions.create(**fields)
    if where in ("header", "extra_header") and fault == "status" and key == KEY:
        return  # a server that repeats another header than Authorization in its words is beyond us
    assert KEY not in str(caught.value)
    assert KEY not in every_local(caught.value)


_LEAKS: dict[str, Any] = {
    "key in bytes": lambda: Client("http://h/v1", KEY.encode()),
    "session's key in bytes": lambda: Session("m", base_url="http://h/v1", api_key=KEY.encode()),
    "sweep's key in bytes": lambda: sweep("Hi", base_url="http://h/v1", api_key=KEY.encode()),
    "key as a function": lambda: Client("http://h/v1", partial(str, KEY)),
    "headers in a list": lambda: Client("http://h/v1", headers=[("Authorization", KEY)]),
    "headers in a text": lambda: Client("http://h/v1", headers=f"Authorization: {KEY}"),
    "header in its name": lambda: Client("http://h/v1", headers={f"Authorization: {KEY}": ""}),
    "header in bytes": lambda: Client("http://h/v1", headers={"Authorization": KEY.encode()}),
    "header that is none": lambda: Client("http://h/v1", headers={"Authorization": None, "X-Key": KEY}),
    "extra headers in a list": lambda: Client("http://h/v1").chat.completions.create(
        messages=QUESTION, extra_headers=[("Authorization", KEY)]
    ),
    "headers of a server of tools": lambda: mcp(url="http://h/mcp", headers=[("Authorization", KEY)]),
    "variables of a server of tools": lambda: mcp(["python"], env=[("MY_KEY", KEY)]),
    "variable in bytes": lambda: mcp(["python"], env={"MY_KEY": KEY.encode()}),
    "endpoint's key": lambda: _ask_named(api_key=KEY),
    "endpoint's headers in a list": lambda: _ask_named(headers=[("Authorization", KEY)]),
    "endpoint that is wrong elsewhere": lambda: _ask_named(headers={"Authorization": KEY}, auth="basic"),
    "endpoint at no address": lambda: _ask_named(headers={"Authorization": KEY}, base_url="nowhere"),
}


def _ask_named(**described: Any) -> None:
    settings().endpoints = {"mine": {"base_url": "http://127.0.0.1:9/v1", **described}}
    Client("http://h/v1").chat.completions.create(model="mine/m", messages=QUESTION)


@pytest.mark.parametrize("leak", _LEAKS)
def test_no_traceback_shows_a_key_of_the_wrong_form(leak: str):
    """What should hold a key and is of another type is one sentence, in which and in whose frames it does not show."""
    with pytest.raises(ConfigurationError) as caught:
        _LEAKS[leak]()
    assert KEY not in str(caught.value)
    assert KEY not in every_local(caught.value)


def test_a_function_of_azures_shows_no_key(server: ScriptedServer):
    """The parameter named code is a key, too: a server that repeats it gets no further."""
    server.error(401, {"error": {"message": f"Wrong: {KEY}"}})
    with pytest.raises(AuthenticationError, match="Wrong: …"):
        Client(f"{server.url}?code={KEY}").chat.completions.create(model="m", messages=QUESTION)


@pytest.mark.parametrize("name", ["X Key", "", "X-Key:", "X-Kéy", "X\nY"])
def test_a_header_that_is_none_is_said(name: str):
    """A header's name that can't be one is a sentence without it, before anything is sent."""
    with pytest.raises(ConfigurationError, match="is not the name of a header") as caught:
        Client("http://h/v1", headers={name: "x"})
    assert not name or name not in str(caught.value)


def test_a_number_may_stand_in_a_header(server: ScriptedServer):
    """A value that is no text is sent as its text."""
    server.answer("ok")
    Client(server.url, headers={"X-Team": 7}).chat.completions.create(model="m", messages=QUESTION)
    assert server.requests[0].headers["x-team"] == "7"


def test_nothing_is_logged(server: ScriptedServer, caplog: pytest.LogCaptureFixture):
    """At DEBUG no logger, httpx's and httpcore's among them, writes the key down."""
    server.always_answer("ok")
    with caplog.at_level(logging.DEBUG):
        client = Client(server.url, KEY, headers={"X-Key": KEY})
        client.chat.completions.create(model="m", messages=QUESTION)
        list(client.chat.completions.create(model="m", messages=QUESTION, stream=True))
    assert len(server.requests) == 2
    assert caplog.records
    assert KEY not in caplog.text
    assert KEY not in str([vars(record) for record in caplog.records])


# ---- the embedded model says once that it is one -------------------------------------------------------------------


def test_the_default_is_told_once():
    """Whoever gets the embedded model without having named it is told so, once for each model they meant."""
    default = resolve()
    first, again = default_notice(default, None), default_notice(default, None)
    assert again is None
    assert first is not None
    assert first.count("\n") == 0
    assert "no endpoint is set" in first
    assert "OPENAI_API_KEY" in first
    meant, again = default_notice(default, "gpt-4o"), default_notice(default, "gpt-4o")
    assert again is None
    assert "in place of gpt-4o" in (meant or "")


@pytest.mark.parametrize("model", [None, "gpt-4o", "local"])
def test_who_named_one_is_not_told(sources: Any, server: ScriptedServer, model: str | None):
    """Naming an endpoint or the embedded model, by whatever source, is an answer to the question: nothing is told."""
    assert default_notice(resolve(server.url), model) is None
    assert default_notice(resolve("llama://default/v1"), model) is None
    assert default_notice(resolve(), "local") is None
    sources(NBCHAT_MODEL="local")
    assert default_notice(resolve(), model) is None


def test_telling_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str], server: ScriptedServer):
    """What is to be told goes to stderr; with an endpoint that was named there is nothing to tell."""
    tell("a line")
    tell(None)
    server.always_answer("ok")
    Client(server.url).chat.completions.create(model="m", messages=QUESTION)
    Session("m", base_url=server.url).send("Hi")
    assert capsys.readouterr() == ("", "a line\n")


def test_every_pair_of_sources(sources: Any):
    """With all sources set at once, taking the first away leaves the next, down to the embedded model."""
    sources(OPENAI_API_KEY="sk", OPENAI_BASE_URL="http://env/v1", base_url="http://config/v1")
    seen = [resolve("http://argument/v1").base_url, resolve().base_url]
    NBChat.clear_instance()
    seen.append(resolve().base_url)
    sources(OPENAI_BASE_URL="")
    seen.append(resolve().base_url)
    sources(OPENAI_API_KEY="")
    seen.append(resolve().base_url)
    assert seen == [
        "http://argument/v1",
        "http://config/v1",
        "http://env/v1",
        "https://api.openai.com/v1",
        EMBEDDED_URL,
    ]
    assert all(first != second for first, second in itertools.pairwise(seen))
