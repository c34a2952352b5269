"""Endpoints by name, Azure's form of address and key, and what may be written as an address."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apart import PATIENCE, environment
from scripted import ScriptedServer
from traitlets import TraitError

from nbchat.client.address import is_private, origin, read_address
from nbchat.client.client import Client
from nbchat.client.config import settings
from nbchat.client.endpoint import Endpoint, default_notice, endpoint_names, named, resolve, route
from nbchat.client.named import WELL_KNOWN
from nbchat.client.secret import Secret
from nbchat.errors import ConfigurationError, NbchatError, NotFoundError
from nbchat.session.session import Session

QUESTION = [{"role": "user", "content": "Hi"}]
KEY, OTHER_KEY = "sk-very-secret", "gsk-also-secret"


@pytest.fixture
def groq() -> Iterator[ScriptedServer]:
    """A second server, which the configuration calls groq."""
    scripted = ScriptedServer()
    scripted.always_answer("from groq")
    yield scripted
    scripted.stop()


@pytest.fixture
def two(server: ScriptedServer, groq: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of the first server, with a key and a header of its own, while the second is called groq."""
    monkeypatch.setenv("GROQ_API_KEY", OTHER_KEY)
    settings().endpoints = {
        "groq": {
            "base_url": groq.url,
            "api_key_env": "GROQ_API_KEY",
            "headers": {"X-Groq": "g-1"},
            "model": "llama-of-groq",
        }
    }
    server.always_answer("from the first")
    return Client(server.url, KEY, headers={"X-First": "f-1"})


def last(server: ScriptedServer) -> tuple[str, str | None]:
    return server.requests[-1].json["model"], server.requests[-1].headers.get("authorization")


# ---- asked by the name of a model ----------------------------------------------------------------------------------


def test_a_model_of_a_named_endpoint(two: Client, server: ScriptedServer, groq: ScriptedServer):
    """NAME/MODEL is asked at the endpoint of that name, with its key and headers, and none of the client's own."""
    answer = two.chat.completions.create(model="groq/llama-3.3-70b", messages=QUESTION)
    assert (answer.choices[0].message.content, server.requests) == ("from groq", [])
    assert last(groq) == ("llama-3.3-70b", f"Bearer {OTHER_KEY}")
    headers = groq.requests[0].headers
    assert (headers["x-groq"], "x-first" in headers, KEY in str(headers)) == ("g-1", False, False)
    two.chat.completions.create(model="m", messages=QUESTION)
    assert last(server) == ("m", f"Bearer {KEY}")
    assert OTHER_KEY not in str(server.requests[0].headers)
    assert "x-groq" not in server.requests[0].headers


@pytest.mark.parametrize("model", ["qwen/qwen3-8b", "Qwen/Qwen3-8B:free", "groqq/x", "deepseek/deepseek-chat", "/x"])
def test_other_names_with_a_slash_go_as_they_are(two: Client, server: ScriptedServer, groq: ScriptedServer, model: str):
    """A slash alone names no endpoint: OpenRouter's and Hugging Face's names go to the default one unchanged."""
    two.chat.completions.create(model=model, messages=QUESTION)
    assert (last(server)[0], groq.requests) == (model, [])


def test_only_the_first_slash_counts(two: Client, groq: ScriptedServer):
    """What follows the endpoint's name is the model's, with all its slashes; nothing is the endpoint's own model."""
    for model, sent in (("groq/openai/gpt-oss-120b", "openai/gpt-oss-120b"), ("groq/", "llama-of-groq")):
        two.chat.completions.create(model=model, messages=QUESTION)
        assert last(groq)[0] == sent


def test_one_session_may_change_endpoints(two: Client, server: ScriptedServer, groq: ScriptedServer):
    """Between two turns a session goes to another endpoint and back, with one conversation, and its close closes all."""
    chat = Session("m", client=two)
    assert [chat.send("1").text, chat.send("2", model="groq/llama").text] == ["from the first", "from groq"]
    chat.parameters.model = "groq/llama"
    assert (chat.endpoint.label, chat.model, chat.send("3").text) == ("groq", "groq/llama", "from groq")
    chat.model = "m"
    assert (chat.endpoint.label, chat.send("4").text) == (None, "from the first")
    assert [m["content"] for m in groq.requests[0].json["messages"]] == ["1", "from the first", "2"]
    assert len(server.requests[-1].json["messages"]) == 7
    assert chat.turn is not None
    assert chat.turn.endpoint == two.endpoint
    assert [last(one)[1] for one in (server, groq)] == [f"Bearer {KEY}", f"Bearer {OTHER_KEY}"]
    two.close()
    assert all(pool._client is None for pool in two.http._pools.values())
    assert chat.send("5").text == "from the first"


def test_a_configured_model_may_name_the_endpoint(two: Client, server: ScriptedServer, groq: ScriptedServer):
    """c.NBChat.model, NBCHAT_MODEL and parameters of the configuration may name one too."""
    settings().model = "groq/from-config"
    chat = Session()
    assert (chat.send("Hi").text, chat.endpoint.label, last(groq)[0]) == ("from groq", "groq", "from-config")
    settings().model, settings().parameters = None, {"model": "groq/from-parameters"}
    assert (Session().send("Hi").text, last(groq)[0]) == ("from groq", "from-parameters")
    assert server.requests == []


def test_timeouts_and_retries(two: Client, groq: ScriptedServer):
    """Arguments come before what the endpoint's dict says, and that before the rest of the configuration."""
    settings().timeout, settings().max_retries = 70.0, 7
    settings().endpoints = {"groq": {"base_url": groq.url, "timeout": {"connect": 3}, "max_retries": 0}}
    endpoint = named("groq", well_known=False)
    assert endpoint is not None
    assert (two.http.phases(endpoint)["connect"], two.http.phases(two.endpoint)["connect"]) == (3.0, 70.0)
    assert (two.http.retries(endpoint), two.http.retries(two.endpoint)) == (0, 7)
    given = Client("http://h/v1", timeout=5, max_retries=1).http
    assert (given.phases(endpoint)["connect"], given.retries(endpoint)) == (5.0, 1)
    assert given.phases(endpoint, timeout=2)["connect"] == 2.0


def test_a_missing_key_is_said(two: Client, groq: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """Where the variable that should hold the key is not set, that is the sentence, and nothing is sent."""
    monkeypatch.delenv("GROQ_API_KEY")
    with pytest.raises(ConfigurationError, match="There is no key for groq: GROQ_API_KEY is not set"):
        two.chat.completions.create(model="groq/llama", messages=QUESTION)
    assert groq.requests == []


def test_errors_are_about_the_one_asked(two: Client, groq: ScriptedServer):
    """An error of a named endpoint names that one, and the variable its key came from."""
    groq.error(401, {"error": {"message": f"no such key: {OTHER_KEY}"}})
    with pytest.raises(NbchatError, match="GROQ_API_KEY") as caught:
        two.chat.completions.create(model="groq/llama", messages=QUESTION)
    assert OTHER_KEY not in str(caught.value)
    groq.error(404, b"nothing here")
    with pytest.raises(NotFoundError) as missing:
        two.chat.completions.create(model="groq/llama", messages=QUESTION)
    assert groq.url in str(missing.value)


# ---- the configuration ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({"base_ulr": "http://h/v1"}, "has 'base_ulr', which means nothing. Did you mean base_url?"),
        ({"base_url": "http://h/v1", "api_key": KEY}, "holds a key"),
        ({"base_url": "http://h/v1", "apikey_env": KEY}, "Did you mean api_key_env?"),
        ({"base_url": "http://h/v1", "zzz": 1}, "There are: base_url, api_key_env"),
        ({"base_url": 5}, "is of type int"),
        ({"base_url": "http://h/v1", "headers": "X: y"}, "is of type str"),
        ({"base_url": "http://h/v1", "max_retries": True}, "is of type bool"),
        ({"base_url": "http://h/v1", "auth": "basic"}, '"bearer" or "api-key"'),
        ({"base_url": "h:80"}, "c.NBChat.endpoints['mine']['base_url'] is 'h:80', which is not an address"),
        ({"base_url": "http://h/v1", "timeout": {"conect": 3}}, "timeout has no phase 'conect'"),
        ({"base_url": "http://h/v1", "headers": {"X Y": "z"}}, "is not the name of a header"),
        ({"base_url": "http://h/v1", "verify": [1]}, "verify is of type list"),
        ({"base_url": "http://h/v1", "verify": ""}, "verify is empty"),
        ({"base_url": "http://h/v1", "max_retries": -1}, "['max_retries'] is -1. It is a number of tries"),
        ({"base_url": "http://h/v1", "max_event_bytes": 0}, "['max_event_bytes'] is 0. It is a positive number"),
        ({"model": "m"}, "names no base_url"),
        ("http://h/v1", "is not a dict"),
    ],
)
def test_what_is_wrong_with_a_dict_is_said(described: Any, said: str):
    """A dict that is not right is one sentence when its endpoint is asked, and never shows a key."""
    settings().endpoints = {"mine": described, "fine": {"base_url": "http://h/v1"}}
    with pytest.raises(ConfigurationError) as caught:
        Client("http://127.0.0.1:9/v1").chat.completions.create(model="mine/m", messages=QUESTION)
    assert said in str(caught.value)
    assert KEY not in str(caught.value)
    assert route(Endpoint("http://x/v1"), "fine/m")[0].label == "fine"


@pytest.mark.parametrize("name", ["a/b", "/", "", " ", 5, None])
def test_a_name_that_nobody_could_ask_for(name: Any):
    """A name is text without a slash: what is none is refused where it is configured."""
    with pytest.raises(TraitError, match=r"c\.NBChat\.endpoints has the name .*a name is text without a slash"):
        settings().endpoints = {name: {"base_url": "http://h/v1"}}
    settings().endpoints = {"my server": {"base_url": "http://h/v1"}}
    assert route(Endpoint("http://x/v1"), "my server/m")[0].label == "my server"


def test_a_name_in_other_letters(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """Large and small letters count, and whoever mixes them up is told the name that was meant."""
    settings().endpoints = {"Groq": {"base_url": server.url}}
    with pytest.raises(ConfigurationError, match=r"There is no endpoint 'groq'\. Did you mean 'Groq'"):
        Client(server.url).chat.completions.create(model="groq/m", messages=QUESTION)
    # OpenAI's own endpoint, and the embedded model, know the other groq as well.
    monkeypatch.setenv("GROQ_API_KEY", OTHER_KEY)
    assert route(resolve(), "groq/m")[0].base_url == "https://api.groq.com/openai/v1"


def test_a_name_that_was_misspelt(server: ScriptedServer):
    """A model of a misspelt endpoint goes to the default one as it is; where that has none such, the hint says what is meant."""
    settings().endpoints = {"cluster": {"base_url": "http://h/v1"}}
    server.error(404, {"error": {"message": "The model `clutser/m` does not exist", "code": "model_not_found"}})
    with pytest.raises(NotFoundError, match="Did you mean cluster/m"):
        Client(server.url).chat.completions.create(model="clutser/m", messages=QUESTION)


SHOW = """
from nbchat.client.config import settings
from nbchat.client.endpoint import named
e = named("mine", well_known=False)
print(e.base_url, e.key_source, e.timeout, e.verify, dict(e.headers), settings().verify)
"""


@pytest.mark.parametrize("form", ["whole", "item"])
def test_a_command_line_names_endpoints(tmp_path: Path, form: str):
    """--NBChat.endpoints takes the whole dict, or one endpoint after the other."""
    described = (
        "{'base_url': 'http://h/v1/', 'api_key_env': 'MY_KEY', 'timeout': 5, 'verify': False, 'headers': {'X-A': 'b'}}"
    )
    given = (
        [f"--NBChat.endpoints={{'mine': {described}}}"]
        if form == "whole"
        else ["--NBChat.endpoints", f"mine={described}"]
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor", *given, "--NBChat.verify=False", "-c", SHOW],
        env=environment(IPYTHONDIR=str(tmp_path / ".ipython"), MY_KEY="sk-mine"),
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("http://h/v1 MY_KEY 5 False {'X-A': 'b'} False\n", "")


# ---- names everybody knows -----------------------------------------------------------------------------------------


def test_well_known_names(monkeypatch: pytest.MonkeyPatch):
    """With a key of theirs the well-known names are there out of the box: at their own address, with that key alone."""
    default = resolve()
    for name, known in WELL_KNOWN.items():
        if "base_url" not in known:
            continue
        if "api_key_env" in known:
            monkeypatch.setenv(known["api_key_env"], f"sk-{name}")
        endpoint, model = route(default, f"{name}/some/model")
        assert (endpoint.label, endpoint.base_url, model) == (name, known["base_url"], "some/model")
        assert endpoint.key_source == known.get("api_key_env")
        assert (endpoint.api_key.reveal() if endpoint.api_key else None) == (
            f"sk-{name}" if "api_key_env" in known else None
        )


def test_well_known_names_give_way(monkeypatch: pytest.MonkeyPatch):
    """A server of one's own has names of its own: there a well-known name counts only if the configuration has it."""
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-d")
    elsewhere = resolve("https://openrouter.ai/api/v1")
    assert route(elsewhere, "deepseek/deepseek-chat") == (elsewhere, "deepseek/deepseek-chat")
    settings().endpoints = {"deepseek": {}}
    assert route(elsewhere, "deepseek/deepseek-chat")[0].base_url == "https://api.deepseek.com/v1"
    # Another address has nothing to do with DeepSeek, and does not get its key.
    settings().endpoints = {"deepseek": {"base_url": "http://mirror/v1"}}
    mirror, _ = route(elsewhere, "deepseek/x")
    assert (mirror.base_url, mirror.api_key) == ("http://mirror/v1", None)


def test_a_well_known_key_belongs_to_its_server(monkeypatch: pytest.MonkeyPatch):
    """Whoever names a well-known address has its key used there, and nowhere else."""
    monkeypatch.setenv("GROQ_API_KEY", OTHER_KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert resolve("https://api.groq.com/openai/v1").key_source == "GROQ_API_KEY"
    assert resolve("https://api.groq.com.example.org/v1").api_key is None
    assert resolve("http://api.groq.com/openai/v1").api_key is None
    assert resolve("https://API.openai.com:443/v1").key_source == "OPENAI_API_KEY"
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway/v1")
    settings().endpoints = {"openai": {}}
    assert named("openai", well_known=True).api_key is None  # type: ignore[union-attr]


def test_the_embedded_model_is_not_told_for_others(monkeypatch: pytest.MonkeyPatch):
    """Who names a well-known endpoint has named one: nothing is told about the embedded model."""
    monkeypatch.setenv("GROQ_API_KEY", OTHER_KEY)
    assert default_notice(resolve(), "groq/llama") is None
    assert "in place of nobody/llama" in (default_notice(resolve(), "nobody/llama") or "")


# ---- Azure ---------------------------------------------------------------------------------------------------------

RESOURCE = "https://mine.openai.azure.com"


@pytest.mark.parametrize(
    ("written", "version", "asked", "models"),
    [
        # a deployment's address, with the version in it or beside it
        (f"{RESOURCE}/openai/deployments/gpt4?api-version=V", None,
         f"{RESOURCE}/openai/deployments/gpt4/chat/completions?api-version=V", f"{RESOURCE}/openai/models?api-version=V"),
        (f"{RESOURCE}/openai/deployments/gpt4/chat/completions?api-version=V", None,
         f"{RESOURCE}/openai/deployments/gpt4/chat/completions?api-version=V", f"{RESOURCE}/openai/models?api-version=V"),
        (f"{RESOURCE}/openai/deployments/gpt4", "V",
         f"{RESOURCE}/openai/deployments/gpt4/chat/completions?api-version=V", f"{RESOURCE}/openai/models?api-version=V"),
        # a resource's address: the model is the deployment
        (f"{RESOURCE}/", "V",
         f"{RESOURCE}/openai/deployments/m%2F1/chat/completions?api-version=V", f"{RESOURCE}/openai/models?api-version=V"),
        (f"{RESOURCE}/openai", "V",
         f"{RESOURCE}/openai/deployments/m%2F1/chat/completions?api-version=V", f"{RESOURCE}/openai/models?api-version=V"),
        # the newer form, which needs no version
        (f"{RESOURCE}/openai/v1/", None, f"{RESOURCE}/openai/v1/chat/completions", f"{RESOURCE}/openai/v1/models"),
        (RESOURCE, None, f"{RESOURCE}/openai/v1/chat/completions", f"{RESOURCE}/openai/v1/models"),
        ("https://mine.services.ai.azure.com/openai/v1", None,
         "https://mine.services.ai.azure.com/openai/v1/chat/completions", "https://mine.services.ai.azure.com/openai/v1/models"),
    ],
)  # fmt: skip
def test_azure_addresses(monkeypatch: pytest.MonkeyPatch, written: str, version: str | None, asked: str, models: str):
    """Azure's addresses are known by their host, however much of them is written, and its key goes as api-key."""
    if version:
        monkeypatch.setenv("OPENAI_API_VERSION", version)
    endpoint = resolve(written, None)
    assert (endpoint.url("chat/completions", "m/1"), endpoint.url("models")) == (asked, models)
    assert endpoint.auth == "api-key"
    assert endpoint.model == ("gpt4" if "gpt4" in written else None)


def test_azure_from_the_official_variables(monkeypatch: pytest.MonkeyPatch):
    """AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and OPENAI_API_VERSION make azure/DEPLOYMENT, as the official SDK has them."""
    assert route(resolve(), "azure/gpt4") == (resolve(), "azure/gpt4")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"{RESOURCE}/")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "az-1")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    endpoint, model = route(resolve(), "azure/gpt4")
    place = f"{RESOURCE}/openai/deployments/gpt4/chat/completions?api-version=2024-10-21"
    assert (endpoint.url("chat/completions", model), endpoint.credentials()) == (place, {"api-key": "az-1"})
    assert resolve(f"{RESOURCE}/openai/v1").key_source == "AZURE_OPENAI_API_KEY"
    assert resolve("https://other.openai.azure.com/openai/v1").api_key is None


@pytest.mark.parametrize("base", ["", "/proxy", "/openai/v1"])
def test_azure_at_a_host_of_ones_own(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, base: str):
    """The official variables may name a gateway: it is asked in Azure's form, its newer one where the address has it."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url.removesuffix("/v1") + base)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "az-1")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    server.answer("ok")
    assert Session("azure/gpt4").send("Hi").text == "ok"
    (request,) = server.requests
    old = f"{base}/openai/deployments/gpt4/chat/completions?api-version=2024-10-21"
    assert request.path == ("/openai/v1/chat/completions" if base.endswith("/v1") else old)
    assert (request.headers["api-key"], "authorization" in request.headers) == ("az-1", False)


@pytest.mark.parametrize("host", ["x.openai.azure.cn", "x.openai.azure.us", "x.cognitiveservices.azure.us"])
def test_other_clouds_of_azure(host: str):
    """Azure's clouds of the US government and of China have hosts of their own, which are known likewise."""
    endpoint = resolve(f"https://{host}", Secret("k"))
    assert (endpoint.base_url, endpoint.credentials()) == (f"https://{host}/openai/v1", {"api-key": "k"})


def test_azure_with_a_token(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch):
    """AZURE_OPENAI_AD_TOKEN comes before the key and goes as a bearer's, by name and by address, and to no other resource."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url.removesuffix("/v1"))
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "az-1")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "eyJ-token")
    settings().endpoints = {"azure": {"api_version": "2024-10-21"}}
    server.always_answer("ok")
    chat = Session("azure/gpt4")
    assert (chat.send("Hi").text, chat.endpoint.key_source) == ("ok", "AZURE_OPENAI_AD_TOKEN")
    (request,) = server.requests
    assert request.path == "/openai/deployments/gpt4/chat/completions?api-version=2024-10-21"
    assert (request.headers["authorization"], "api-key" in request.headers) == ("Bearer eyJ-token", False)
    settings().endpoints = {}
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", RESOURCE)
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    for endpoint in (resolve(f"{RESOURCE}/openai/v1"), route(resolve(), "azure/gpt4")[0]):
        assert endpoint.credentials() == {"Authorization": "Bearer eyJ-token"}
    assert "azure" in endpoint_names(resolve())
    assert resolve("https://other.openai.azure.com/openai/v1").api_key is None
    monkeypatch.delenv("AZURE_OPENAI_AD_TOKEN")
    assert route(resolve(), "azure/gpt4")[0].key_missing == "AZURE_OPENAI_API_KEY"


@pytest.mark.parametrize("form", ["version", "auth"])
def test_azure_behind_a_gateway(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, form: str):
    """Elsewhere an api_version or auth="api-key" says so: what arrives is Azure's path, query, header, and no Bearer."""
    monkeypatch.setenv("GATEWAY_KEY", KEY)
    base = server.url.removesuffix("/v1")
    more = (
        {"api_version": "2024-10-21", "base_url": base}
        if form == "version"
        else {"auth": "api-key", "base_url": f"{base}/v1"}
    )
    settings().endpoints = {"azure": {"api_key_env": "GATEWAY_KEY", **more}}
    server.always_answer("ok")
    chat = Session("azure/gpt4")
    assert chat.send("Hi").text == "ok"
    (request,) = server.requests
    path = (
        "/openai/deployments/gpt4/chat/completions?api-version=2024-10-21"
        if form == "version"
        else "/v1/chat/completions"
    )
    assert (request.path, request.json["model"], request.headers["api-key"]) == (path, "gpt4", KEY)
    assert "authorization" not in request.headers


# ---- addresses -----------------------------------------------------------------------------------------------------


def test_a_query_in_an_address_is_kept(server: ScriptedServer):
    """The query of a base URL goes with every request, with extra_query beside it, and does not show."""
    server.always_answer("ok")
    client = Client(f" {server.url}/?team=a&flag ", KEY)
    client.chat.completions.create(model="m", messages=QUESTION)
    client.chat.completions.create(model="m", messages=QUESTION, extra_query={"b": "2"})
    first, second = (request.path for request in server.requests)
    assert first == "/v1/chat/completions?team=a&flag"
    assert second in ("/v1/chat/completions?team=a&flag=&b=2", "/v1/chat/completions?team=a&flag&b=2")
    assert (client.base_url, "team" in repr(client.endpoint)) == (server.url, False)


@pytest.mark.parametrize("end", ["/chat/completions", "/chat/completions/", "/chat/completions?x=1"])
def test_what_is_added_anyway_is_taken_off(server: ScriptedServer, capsys: pytest.CaptureFixture[str], end: str):
    """A base URL that ends in /chat/completions works, and is told once."""
    server.always_answer("ok")
    for _ in range(2):
        Client(server.url + end).chat.completions.create(model="m", messages=QUESTION)
    assert {request.path.partition("?")[0] for request in server.requests} == {"/v1/chat/completions"}
    told = capsys.readouterr().err
    assert told == f"nbchat: /chat/completions is added to a base URL by itself: {server.url} is enough.\n"


def test_an_address_without_a_version_is_kept(server: ScriptedServer):
    """Nothing is added to an address that does not end in /v1; when that fails, the hint says so."""
    server.error(404, b"not found")
    with pytest.raises(NotFoundError, match="most end in /v1"):
        Client(server.url.removesuffix("/v1")).chat.completions.create(model="m", messages=QUESTION)
    assert server.requests[0].path == "/chat/completions"


@pytest.mark.parametrize(
    "url", ["http://me:hunter2@h/v1", "me:hunter2@h", "http://me:hunter2@[::1", "https://me:hunter2@h:x/v1"]
)
def test_no_password_shows(url: str):
    """A password in an address is refused and not shown, also where the address is none for another reason."""
    with pytest.raises(ConfigurationError, match="user name or password") as caught:
        read_address(url, "base_url")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://API.Example.com:443/v1", "https://api.example.com"),
        ("http://h:80", "http://h"),
        ("https://h:80", "https://h:80"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("http://[::1", None),
        ("h:80", None),
        (None, None),
    ],
)
def test_origins(url: str | None, expected: str | None):
    """Scheme, host and port make an origin, in lower case and without the port that is meant anyway."""
    assert origin(url) == expected


@pytest.mark.parametrize("url", ["http://h /v1", "http://h\n/v1", "http://h/v 1", "http://h/\x00"])
def test_an_address_has_no_spaces_within(url: str):
    """Spaces and control characters are no part of an address; around it they do not count."""
    with pytest.raises(ConfigurationError, match="not an address"):
        read_address(url, "base_url")
    assert read_address("\t http://h/v1/#x \n", "base_url").base_url == "http://h/v1"


@pytest.mark.parametrize(
    ("host", "private"),
    [("127.0.0.1", True), ("::1", True), ("10.0.0.8", True), ("192.168.1.4", True), ("172.20.0.2", True),
     ("169.254.1.1", True), ("fe80::1%eth0", True), ("fd00::1", True), ("100.64.0.3", True), ("0.0.0.0", True),
     ("localhost", True), ("vllm", True), ("GPU.local", True), ("a.b.internal", True), ("nas.home.arpa", True),
     ("x.localhost", True), ("8.8.8.8", False), ("172.32.0.1", False), ("2606:4700::1111", False),
     ("api.example.com", False), ("local.example.com", False), ("notlocal", True), ("example.com.", False)],
)  # fmt: skip
def test_which_hosts_are_private(host: str, private: bool):
    """This machine, networks of one's own and names that no public server can have are private; the rest is not."""
    assert is_private(host) is private


@pytest.fixture
def sixth() -> Iterator[ScriptedServer]:
    """A server on ::1."""
    try:
        scripted = ScriptedServer("::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    scripted.always_answer("from six")
    yield scripted
    scripted.stop()


def test_an_address_of_six(sixth: ScriptedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """http://[::1]:PORT is an address like others: asked with its key, by argument and by name, redirects included."""
    host = sixth.url.removesuffix("/v1")
    client = Client(sixth.url, KEY)
    assert client.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content == "from six"
    assert last(sixth) == ("m", f"Bearer {KEY}")
    assert sixth.requests[0].headers["host"] == host.removeprefix("http://")
    assert client.endpoint.name == host
    sixth.reply(status=307, headers={"location": f"{host}/v2/chat/completions"})
    assert client.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content == "from six"
    assert sixth.requests[-1].path == "/v2/chat/completions"
    monkeypatch.setenv("SIX_KEY", OTHER_KEY)
    settings().endpoints = {"six": {"base_url": sixth.url, "api_key_env": "SIX_KEY"}}
    assert Session("six/m").send("Hi").text == "from six"
    assert last(sixth) == ("m", f"Bearer {OTHER_KEY}")
    assert capsys.readouterr().err == ""
