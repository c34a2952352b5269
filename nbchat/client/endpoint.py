"""Which server answers, and with which key: arguments, then configuration, then the environment, then the embedded model."""

from __future__ import annotations

import os
import re
import ssl
import sys
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from nbchat.client.address import Address, host_of, is_private, origin, read_address
from nbchat.client.config import settings
from nbchat.client.named import AZURE_TOKEN, WELL_KNOWN, description, known_names
from nbchat.client.secret import Secret, SecretHeaders
from nbchat.errors import ConfigurationError

__all__ = [
    "EMBEDDED_URL",
    "Endpoint",
    "Verify",
    "default_notice",
    "endpoint_names",
    "is_local_model",
    "named",
    "resolve",
    "route",
    "tell",
]

EMBEDDED_URL = "llama://default/v1"
OPENAI_URL = "https://api.openai.com/v1"
# The model asked for where OpenAI's own API is the endpoint and none is named: its small general one.
_OPENAI_MODEL = "gpt-4o-mini"
# Where Azure has its resources, of which each has a host of its own: in the public cloud, the US government's and China's.
_AZURE = tuple(
    f".{service}.azure.{cloud}"
    for service in ("openai", "cognitiveservices", "services.ai")
    for cloud in ("com", "us", "cn")
)
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)$")

Verify = bool | str | os.PathLike[str] | ssl.SSLContext

_told: set[str] = set()


@dataclass(frozen=True)
class Endpoint:
    """A server that speaks the API, and the key that belongs to it.

    Args:
        base_url: The address that ``/chat/completions`` is appended to.
        api_key: The key, or ``None`` where none is needed.
        model: The model asked for where a request names none; ``None`` where only the server knows.
        chosen: Whether somebody named this endpoint; the embedded model is otherwise used by default.
        key_source: Where the key came from, in words.
        label: The name by which models are asked of it, as in ``"groq/llama-3.3-70b"``; ``None`` for the default one.
        headers: Headers sent with every request to it.
        query: The query string of every request to it.
        auth: Whether the key goes as ``Authorization: Bearer`` or, as with Azure, as ``api-key``.
        per_model: Whether each model has an address of its own, as Azure's deployments do.
        verify: How certificates are checked: as :class:`~nbchat.client.client.Client` takes it.
        timeout: As :class:`~nbchat.client.client.Client` takes it; ``None`` for the configured one.
        max_retries: How often a request is sent again; ``None`` for the configured number.
        max_event_bytes: How large one event of a stream, or a whole body, may be; ``None`` for the configured number.
        key_missing: The variable that should hold the key and is not set.
        trimmed: Whether ``/chat/completions`` was taken off what somebody wrote.
    """

    base_url: str
    api_key: Secret | None = None
    model: str | None = None
    chosen: bool = True
    key_source: str | None = None
    label: str | None = None
    headers: SecretHeaders = field(default_factory=SecretHeaders)
    query: str = field(default="", repr=False)
    auth: Literal["bearer", "api-key"] = "bearer"
    per_model: bool = False
    verify: Verify = True
    timeout: Any = field(default=None, hash=False)
    max_retries: int | None = None
    max_event_bytes: int | None = None
    key_missing: str | None = None
    trimmed: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.verify, bool | str | os.PathLike | ssl.SSLContext):
            raise ConfigurationError(
                f"verify is of type {type(self.verify).__name__}.",
                hint="It is True, False, the path of a file of authorities, or an ssl.SSLContext.",
            )
        if self.verify == "":
            raise ConfigurationError("verify is empty.", hint="It is False where certificates are not to be checked.")

    @property
    def embedded(self) -> bool:
        """Whether the model runs inside this process."""
        return self.base_url.startswith("llama:")

    @property
    def name(self) -> str:
        """The server's scheme, host and port, or "the embedded model"."""
        return "the embedded model" if self.embedded else origin(self.base_url) or self.base_url

    def url(self, path: str, model: str | None = None) -> str:
        """Return where a request goes.

        Args:
            path: What is asked for: ``"chat/completions"`` or ``"models"``.
            model: The model that is asked.

        Example:
            >>> Endpoint("https://gateway/v1", query="team=a").url("chat/completions")
            'https://gateway/v1/chat/completions?team=a'
        """
        base = self.base_url
        if path == "models":  # a deployment is one model, its resource has the list
            base = _DEPLOYMENT.sub("", base)
        elif self.per_model and model:
            base = f"{base}/deployments/{quote(model, safe='')}"
        return f"{base}/{path}" + (f"?{self.query}" if self.query else "")

    def credentials(self) -> dict[str, str]:
        """Return the header that carries the key, if there is one."""
        if self.api_key is None:
            return {}
        if self.auth == "api-key":
            return {"api-key": self.api_key.reveal()}
        return {"Authorization": f"Bearer {self.api_key.reveal()}"}


def is_local_model(model: str | None) -> bool:
    """Whether *model* names the embedded model (``"local"``) or a GGUF file (``"local:PATH.gguf"``).

    Example:
        >>> is_local_model("local:models/llama.gguf"), is_local_model("gpt-4o-mini")
        (True, False)
    """
    return isinstance(model, str) and (model == "local" or model.startswith("local:"))


# ---- from what is said to an endpoint ------------------------------------------------------------------------------


def _environment(name: str | None) -> str | None:
    return (os.environ.get(name) or "").strip() or None if name else None


def _key(name: str | None) -> Secret | None:
    # Under cover from the first moment: what raises later may show its locals.
    return Secret(_environment(name) or "") or None


def _key_for(url: str) -> tuple[Secret | None, str | None]:
    """Return the key that the configuration or the environment has for a server, and its variable.

    Each belongs to one server, and to no other that code happens to name.
    """
    configured, here = settings(), origin(url)
    owners = [
        (configured.api_key_env, configured.base_url),
        ("OPENAI_API_KEY", _environment("OPENAI_BASE_URL") or OPENAI_URL),
        (AZURE_TOKEN, _environment("AZURE_OPENAI_ENDPOINT")),
        ("AZURE_OPENAI_API_KEY", _environment("AZURE_OPENAI_ENDPOINT")),
        *((known["api_key_env"], known.get("base_url")) for known in WELL_KNOWN.values() if "api_key_env" in known),
    ]
    for variable, owner in owners:
        if here is not None and here == origin(owner) and (key := _key(variable)):
            return key, str(variable)
    return None, None


def _endpoint(address: Address, key: Secret | None, source: str | None, **described: Any) -> Endpoint:
    """Make an endpoint of an address and what is said about it, in Azure's form where it is Azure's."""
    if key is not None and not key.sendable:
        raise ConfigurationError(
            f"The key from {source} can't be sent: it is not one line of plain text.", hint="Copy it once more."
        )
    url, query = address.base_url, address.query
    azure = host_of(url).endswith(_AZURE)
    version, auth = described.pop("api_version", None), described.pop("auth", None)
    headers = SecretHeaders(described.pop("headers", None)).checked()
    if azure and "api-version=" not in query and not version and not url.endswith("/v1"):
        version = _environment("OPENAI_API_VERSION")
    if version and "api-version=" not in query:
        query = f"{query}&api-version={quote(version)}".lstrip("&")
    per_model = False
    if (azure or version) and not url.endswith(("/v1", "/models")) and not _DEPLOYMENT.search(url):
        url = url.removesuffix("/openai") + "/openai"
        per_model = "api-version=" in query
        url += "" if per_model else "/v1"  # the newer form, which needs no version
    if deployment := _DEPLOYMENT.search(url):
        described["model"] = described.get("model") or deployment[1]
    return Endpoint(
        url,
        key,
        key_source=source if key else None,
        headers=headers,
        query=query,
        auth=auth or ("api-key" if (azure or version) and source != AZURE_TOKEN else "bearer"),
        per_model=per_model,
        trimmed=address.trimmed,
        **described,
    )


def resolve(base_url: str | None = None, api_key: Secret | None = None) -> Endpoint:
    """Find the endpoint: each part from the first place that names it, and a key only for the server it belongs to.

    Args:
        base_url: The address given as an argument, if any.
        api_key: The key given as an argument, if any.

    Returns:
        The endpoint; the embedded model where nothing names another.

    Raises:
        ConfigurationError: An address is not one.
    """
    configured = settings()
    model = configured.model or _environment("NBCHAT_MODEL")
    if api_key is not None and api_key.wrong:
        raise ConfigurationError(f"api_key is of type {api_key.wrong}.", hint="It is the key itself, as text.")
    api_key = api_key or None
    if base_url:
        address = read_address(base_url, "base_url")
    elif configured.base_url:
        address = read_address(configured.base_url, "c.NBChat.base_url")
    elif env_url := _environment("OPENAI_BASE_URL"):
        address = read_address(env_url, "OPENAI_BASE_URL")
    elif _key("OPENAI_API_KEY") or api_key:
        address = Address(OPENAI_URL)
    else:
        return Endpoint(EMBEDDED_URL, model=model or "local", chosen=is_local_model(model))
    url = address.base_url
    if url.startswith("llama:"):
        return Endpoint(url, model=model if is_local_model(model) else "local")
    key, source = (api_key, "the argument api_key") if api_key else _key_for(url)
    if model is None and origin(url) == origin(OPENAI_URL):
        model = _OPENAI_MODEL
    described: dict[str, Any] = {"model": model, "verify": configured.verify}
    if configured.base_url and url == read_address(configured.base_url, "c.NBChat.base_url").base_url:
        described["headers"] = SecretHeaders(configured.headers)
    return _endpoint(address, key, source, **described)


# ---- endpoints by name ---------------------------------------------------------------------------------------------


def named(name: str, *, well_known: bool) -> Endpoint | None:
    """Return the endpoint of a name, with the key that belongs to it; ``None`` where there is none.

    Args:
        name: Its name in ``c.NBChat.endpoints``, or a well-known one.
        well_known: Whether the well-known names count.

    Raises:
        ConfigurationError: What the configuration says about it is not right.
    """
    described = description(name, well_known=well_known)
    if described is None:
        return None
    address = read_address(described.pop("base_url"), f"c.NBChat.endpoints[{name!r}]['base_url']")
    variable = described.pop("api_key_env", None)
    key, source = (_key(variable), variable) if variable else _key_for(address.base_url)
    described = {"verify": settings().verify, **described}
    return _endpoint(address, key, source, label=name, key_missing=None if key else variable, **described)


def endpoint_names(default: Endpoint) -> list[str]:
    """Return the names of the endpoints that can be asked beside the default one."""
    return known_names(well_known=_knows_well(default))


def _knows_well(default: Endpoint) -> bool:
    # Other servers have models whose own names begin like that: OpenRouter and LiteLLM a "deepseek/deepseek-chat".
    return default.embedded or origin(default.base_url) == origin(OPENAI_URL)


def route(default: Endpoint, model: str | None) -> tuple[Endpoint, str | None]:
    """Return the endpoint that answers for a model, and the model's name there.

    ``NAME/MODEL`` goes to the endpoint of that name, ``NAME/`` to its own model. Any other name with a slash in it, as
    OpenRouter and Hugging Face have them, goes to the default endpoint as it is.

    Args:
        default: The endpoint that answers for all names that say nothing else.
        model: The model as it was named; ``None`` where none was.

    Raises:
        ConfigurationError: What the configuration says about the endpoint is not right.

    Example:
        >>> route(Endpoint("https://openrouter.ai/api/v1"), "qwen/qwen3-8b")[1]
        'qwen/qwen3-8b'
    """
    if is_local_model(model):
        return Endpoint(EMBEDDED_URL, model="local"), model
    model = model or default.model
    if is_local_model(model):
        return (default if default.embedded else Endpoint(EMBEDDED_URL, model="local")), model
    name, slash, rest = model.partition("/") if isinstance(model, str) else ("", "", "")
    if slash and (found := named(name, well_known=_knows_well(default))) is not None:
        return found, rest or found.model
    return default, model


# ---- what the user is told -----------------------------------------------------------------------------------------


def _notices(endpoint: Endpoint, model: str | None) -> dict[str, str]:
    """Return what is to be told about an endpoint, by what it is told once for."""
    lines: dict[str, str] = {}
    if not endpoint.chosen and not is_local_model(model):
        meant = model or ""
        instead = f" in place of {meant}" if meant else ""
        lines[meant] = (
            f"nbchat: no endpoint is set, so SmolLM2-135M, a small model inside this process, answers{instead}. "
            "For another, set OPENAI_API_KEY or OPENAI_BASE_URL, or pass base_url=."
        )
    if endpoint.embedded:
        return lines
    host = endpoint.name
    if endpoint.trimmed:
        lines[f"{host} trimmed"] = (
            f"nbchat: /chat/completions is added to a base URL by itself: {endpoint.base_url} is enough."
        )
    secret = endpoint.api_key is not None or not {"authorization", "api-key", "x-api-key"}.isdisjoint(
        name.lower() for name in endpoint.headers
    )
    if secret and host.startswith("http:") and not is_private(host_of(endpoint.base_url)):
        lines[f"{host} plain"] = (
            f"nbchat: the key for {host} goes over the network unencrypted; use https:// if you can."
        )
    if endpoint.verify is False and host.startswith("https:"):
        lines[f"{host} unverified"] = (
            f"nbchat: the certificate of {host} is not checked (verify=False), so anybody on the way could read the key."
        )
    return lines


def default_notice(endpoint: Endpoint, model: str | None) -> str | None:
    """Return what whoever asks is to be told before, each line once.

    That is: that the embedded model answers although nobody named it, that a key goes over the internet unencrypted,
    that a certificate is not checked.

    Args:
        endpoint: The default endpoint.
        model: The model the caller named; ``None`` where none was.
    """
    try:
        answers, _ = route(endpoint, model)
    except ConfigurationError:  # it is raised where the question is asked
        return None
    lines = {what: line for what, line in _notices(answers, model).items() if what not in _told}
    _told.update(lines)
    return "\n".join(lines.values()) or None


def tell(line: str | None) -> None:
    """Tell the user something in one line, if there is something to tell."""
    if line:
        sys.stderr.write(f"{line}\n")
