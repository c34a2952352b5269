"""Certificates and proxies: what the environment, the configuration and arguments say about the way to a server."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedServer
from tunnels import AUTHORITY, Proxy, SecureServer

from nbchat.client.client import Client
from nbchat.client.config import settings
from nbchat.client.endpoint import default_notice
from nbchat.errors import APIConnectionError, ConfigurationError
from nbchat.session.session import Session

QUESTION = [{"role": "user", "content": "Hi"}]
KEY = "sk-very-secret"


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecureServer]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    server = SecureServer()
    server.always_answer("ok")
    yield server
    server.stop()


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch):
    """Start a proxy in front of a server, and let the environment name it."""
    started: list[Proxy] = []

    def start(server: ScriptedServer, variable: str, password: str = "", **more: str) -> Proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        proxy = Proxy(int(server.url.rpartition(":")[2].partition("/")[0]), password)
        started.append(proxy)
        monkeypatch.setenv(variable, proxy.url)
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        return proxy

    yield start
    for proxy in started:
        proxy.stop()


def ask(url: str, **options: Any) -> str | None:
    with Client(url, KEY, max_retries=0, **options) as client:
        return client.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content


# ---- certificates --------------------------------------------------------------------------------------------------


def test_an_unknown_authority_is_refused(secure: SecureServer):
    """A certificate of an authority that nobody named is not accepted: nothing is sent, and the hint says what to do."""
    with pytest.raises(APIConnectionError, match="can't be reached") as caught:
        ask(secure.url)
    assert "certificate" in str(caught.value)
    assert "verify" in (caught.value.hint or "") or "SSL_CERT_FILE" in (caught.value.hint or "")
    assert secure.requests == []


@pytest.mark.parametrize("form", ["text", "path", "context", "folder"])
def test_an_authority_of_ones_own(secure: SecureServer, tmp_path: Path, form: str):
    """verify= takes the file of an authority as text or path, a folder of hashed ones, or TLS settings."""
    if form == "folder":
        # Authorities in a folder are found by a hash of their name (openssl x509 -hash).
        (tmp_path / "34fdbefe.0").write_bytes(AUTHORITY.read_bytes())
    forms = {
        "text": str(AUTHORITY),
        "path": AUTHORITY,
        "context": ssl.create_default_context(cafile=AUTHORITY),
        "folder": tmp_path,
    }
    assert ask(secure.url, verify=forms[form]) == "ok"
    assert secure.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_authorities_of_the_environment(secure: SecureServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """SSL_CERT_FILE is read as httpx reads it, also when it is set in a running kernel; a wrong one is a sentence."""
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    assert ask(secure.url) == "ok"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE is .*none\.pem.*can't be read"):
        ask(secure.url)


@pytest.mark.parametrize("verify", [5, [AUTHORITY], b"ca.pem"])
def test_verify_is_one_of_few_things(verify: Any):
    """What verify= can't be is one sentence when the client is made."""
    with pytest.raises(ConfigurationError, match="verify is of type"):
        Client("https://h/v1", verify=verify)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_is_none_is_said(secure: SecureServer, tmp_path: Path, content: str | None):
    """A file of authorities that is not there, or holds none, is one sentence that names it."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"verify is '.*ca\.pem', which can't be read"):
        ask(secure.url, verify=str(path))
    assert secure.requests == []


def test_the_configuration_names_an_authority(secure: SecureServer):
    """c.NBChat.verify holds for every client that says nothing else, also for named endpoints."""
    settings().verify = str(AUTHORITY)
    assert ask(secure.url) == "ok"
    settings().endpoints = {"mine": {"base_url": secure.url}}
    assert Session("mine/m").send("Hi").text == "ok"


def test_each_named_endpoint_has_its_own_authority(secure: SecureServer):
    """The verify of one endpoint is not that of another, within one session."""
    settings().endpoints = {
        "mine": {"base_url": secure.url, "verify": str(AUTHORITY)},
        "strict": {"base_url": secure.url, "max_retries": 0},
    }
    chat = Session("mine/m")
    assert chat.send("Hi").text == "ok"
    with pytest.raises(APIConnectionError, match="can't be reached"):
        chat.send("Hi", model="strict/m")
    assert len(secure.requests) == 1


def test_unchecked_is_told_once(secure: SecureServer, capsys: pytest.CaptureFixture[str]):
    """verify=False asks any server, and says so in one line, once for each server."""
    assert ask(secure.url, verify=False) == "ok"
    assert ask(secure.url, verify=False) == "ok"
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "is not checked (verify=False)" in told
    assert KEY not in told


# ---- proxies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
def test_a_tunnel(secure: SecureServer, through: Any, variable: str):
    """An https address is asked through the proxy's tunnel: the proxy sees its name, and neither key nor question."""
    proxy = through(secure, variable)
    assert ask("https://api.example.test/v1", verify=AUTHORITY) == "ok"
    assert [line.split()[:2] for line in proxy.asked] == [["CONNECT", "api.example.test:443"]]
    assert KEY not in str(proxy.headers)
    assert secure.requests[0].headers["host"] == "api.example.test"


def test_a_tunnel_is_no_trust(secure: SecureServer, through: Any):
    """Through a proxy too, a certificate of an unknown authority is refused before anything is sent."""
    through(secure, "HTTPS_PROXY")
    with pytest.raises(APIConnectionError, match="can't be reached"):
        ask("https://api.example.test/v1")
    assert secure.requests == []


def test_plain_http_through_a_proxy(server: ScriptedServer, through: Any):
    """An http address is asked by the proxy, and international names go as they are in DNS."""
    proxy = through(server, "HTTP_PROXY")
    server.always_answer("ok")
    for url in ("http://bücher.example/v1", "http://[2001:db8::7]:8080/v1"):
        assert ask(url) == "ok"
    assert [line.split()[1] for line in proxy.asked] == [
        "http://xn--bcher-kva.example/v1/chat/completions",
        "http://[2001:db8::7]:8080/v1/chat/completions",
    ]


def test_no_proxy(server: ScriptedServer, through: Any):
    """Hosts in NO_PROXY are asked directly."""
    proxy = through(server, "HTTP_PROXY", NO_PROXY="127.0.0.1,localhost")
    server.answer("ok")
    assert ask(server.url) == "ok"
    assert proxy.asked == []


def test_a_proxy_with_a_password(secure: SecureServer, through: Any, monkeypatch: pytest.MonkeyPatch):
    """The password in the proxy's address goes to the proxy alone; without it the sentence is about the proxy."""
    proxy = through(secure, "HTTPS_PROXY", "me:hunter2")
    with pytest.raises(APIConnectionError, match=r"407|proxy") as caught:
        ask("https://api.example.test/v1", verify=AUTHORITY)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("://", "://me:hunter2@"))
    assert ask("https://api.example.test/v1", verify=AUTHORITY) == "ok"
    assert "proxy-authorization" not in secure.requests[0].headers


def test_a_password_where_the_proxy_reads_along(server: ScriptedServer, through: Any, monkeypatch: pytest.MonkeyPatch):
    """For an http address the proxy is shown the password with the request, and takes it out."""
    proxy = through(server, "HTTP_PROXY", "me:hunter2")
    server.always_answer("ok")
    monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("://", "://me:hunter2@"))
    assert ask("http://gpu/v1") == "ok"
    assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("address", ["gopher://me:hunter2@proxy:1", "http://me:hunter2@proxy:x"])
def test_a_proxy_that_is_none_is_said(
    server: ScriptedServer, through: Any, monkeypatch: pytest.MonkeyPatch, address: str
):
    """A proxy's address that is none is one sentence, without the password that is in it."""
    through(server, "HTTP_PROXY")
    monkeypatch.setenv("HTTP_PROXY", address)
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        ask("http://api.example.test/v1")
    assert "hunter2" not in str(caught.value)


def test_the_notice_of_plain_http_is_once_a_host(
    capsys: pytest.CaptureFixture[str], server: ScriptedServer, through: Any
):
    """A key that goes over the internet unencrypted is told in one line, once for each host; a local server is not."""
    through(server, "HTTP_PROXY")
    server.always_answer("ok")
    for url in ("http://api.example.org/v1", "http://api.example.org/v1", "http://other.example.org/v1"):
        assert ask(url) == "ok"
    for url in ("http://gpu:8000/v1", "http://gpu.local/v1", "http://10.1.2.3/v1"):
        assert ask(url) == "ok"
    assert default_notice(Client("http://third.example.org/v1").endpoint, "m") is None  # no key, nothing to tell
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all("unencrypted" in line and KEY not in line for line in told)


def test_a_folder_of_authorities_of_the_environment(
    secure: SecureServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """SSL_CERT_DIR names a folder as c_rehash makes it: authorities by the hash of their name, and nothing else counts."""
    (tmp_path / "authority.pem").write_bytes(AUTHORITY.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with pytest.raises(APIConnectionError, match="certificate"):
        ask(secure.url)
    other = tmp_path / "hashed"
    other.mkdir()
    (other / "authority.pem").write_bytes(AUTHORITY.read_bytes())
    (other / "34fdbefe.0").symlink_to("authority.pem")
    monkeypatch.setenv("SSL_CERT_DIR", str(other))
    assert ask(secure.url) == "ok"
    assert len(secure.requests) == 1
