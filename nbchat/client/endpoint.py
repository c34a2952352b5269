"""Which server answers, and with which key: arguments, then configuration, then the environment, then the embedded model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from nbchat.client.config import settings
from nbchat.errors import ConfigurationError

__all__ = ["EMBEDDED_URL", "Endpoint", "Secret", "SecretHeaders", "default_notice", "is_local_model", "resolve", "tell"]

EMBEDDED_URL = "llama://default/v1"
OPENAI_URL = "https://api.openai.com/v1"
# The model asked for where OpenAI's own API is the endpoint and none is named: its small general one.
_OPENAI_MODEL = "gpt-4o-mini"
_SCHEMES = ("http", "https", "llama")

_told: set[str] = set()


class Secret:
    """A key that never shows: not in a ``repr``, an f-string, a log line or a traceback with locals."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        # A key that was read from a file comes with the newline at its end.
        self.__value = value.strip()

    def reveal(self) -> str:
        """Return the key itself, for the one place that sends it."""
        return self.__value

    def censor(self, text: str) -> str:
        """Return *text* with the key taken out, for servers that repeat it in their errors."""
        return text.replace(self.__value, "…") if self.__value else text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __bool__(self) -> bool:
        return bool(self.__value)

    @property
    def sendable(self) -> bool:
        """Whether it can stand in a header: one line of ASCII. An error of the HTTP library would show it."""
        return self.__value.isascii() and self.__value.isprintable()

    def __repr__(self) -> str:
        return "<a key, hidden>"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key is not pickled")


class SecretHeaders(Mapping[str, str]):
    """Extra headers whose values never show, since gateways carry keys in headers of their own."""

    __slots__ = ("_values",)

    def __init__(self, headers: Mapping[str, Any] | None = None) -> None:
        self._values = {str(name): Secret(str(value)) for name, value in (headers or {}).items()}

    def checked(self) -> SecretHeaders:
        """Return the headers, if they can be sent.

        Raises:
            ConfigurationError: A name or a value can't stand in a header.
        """
        for name, value in self._values.items():
            if not name.isascii() or not name.replace("-", "_").isidentifier():
                raise ConfigurationError(f"{name!r} is not the name of a header.")
            if not value.sendable:
                raise ConfigurationError(f"The header {name} can't be sent: its value is not one line of plain text.")
        return self

    def __getitem__(self, name: str) -> str:
        return self._values[name].reveal()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"SecretHeaders({', '.join(self._values)})"


@dataclass(frozen=True)
class Endpoint:
    """A server that speaks the API, and the key that belongs to it.

    Args:
        base_url: The address that ``/chat/completions`` is appended to.
        api_key: The key, or ``None`` where none is needed.
        model: The model asked for where a request names none; ``None`` where only the server knows.
        chosen: Whether somebody named this endpoint; the embedded model is otherwise used by default.
        key_source: Where the key came from, in words.
    """

    base_url: str
    api_key: Secret | None = None
    model: str | None = None
    chosen: bool = True
    key_source: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether the model runs inside this process."""
        return self.base_url.startswith("llama:")

    @property
    def name(self) -> str:
        """The server's host, or "the embedded model"."""
        return "the embedded model" if self.embedded else _origin(self.base_url)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_local_model(model: str | None) -> bool:
    """Whether *model* names the embedded model (``"local"``) or a GGUF file (``"local:PATH.gguf"``).

    Example:
        >>> is_local_model("local:models/llama.gguf"), is_local_model("gpt-4o-mini")
        (True, False)
    """
    return isinstance(model, str) and (model == "local" or model.startswith("local:"))


def _checked(url: str, source: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in _SCHEMES and bool(parts.netloc or parts.path) and parts.port != 0
    except ValueError:  # half an IPv6 address, a port beyond 65535
        parts, sound = urlsplit(""), False
    if "@" in parts.netloc:
        raise ConfigurationError(
            f"{source} holds a user name or password, which would show wherever the address does.",
            hint="Pass it as headers={'Authorization': …} or api_key=… instead.",
        )
    if not sound:
        raise ConfigurationError(
            f"{source} is {url!r}, which is not an address of a server.", hint="Write it as http://HOST:PORT/v1."
        )
    return url.rstrip("/")


def _environment(name: str | None) -> str | None:
    return (os.environ.get(name) or "").strip() or None if name else None


def _key(name: str | None) -> Secret | None:
    # Under cover from the first moment: what raises later may show its locals.
    return Secret(_environment(name) or "") or None


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
    env_url = _environment("OPENAI_BASE_URL")
    env_key, api_key = _key("OPENAI_API_KEY"), api_key or None
    if base_url:
        url = _checked(base_url, "base_url")
    elif configured.base_url:
        url = _checked(configured.base_url, "c.NBChat.base_url")
    elif env_url:
        url = _checked(env_url, "OPENAI_BASE_URL")
    elif env_key or api_key:
        url = OPENAI_URL
    else:
        return Endpoint(EMBEDDED_URL, model=model or "local", chosen=is_local_model(model))
    if url.startswith("llama:"):
        return Endpoint(url, model=model if is_local_model(model) else "local")
    key, source = api_key, "the argument api_key" if api_key else None
    configured_key = _key(configured.api_key_env)
    if key is None and configured_key and configured.base_url and _origin(url) == _origin(configured.base_url):
        key, source = configured_key, str(configured.api_key_env)
    # The environment's key belongs to the environment's server, and to no other that code happens to name.
    if key is None and env_key and _origin(url) == _origin(env_url or OPENAI_URL):
        key, source = env_key, "OPENAI_API_KEY"
    if key is not None and not key.sendable:
        raise ConfigurationError(
            f"The key from {source} can't be sent: it is not one line of plain text.", hint="Copy it once more."
        )
    if model is None and _origin(url) == _origin(OPENAI_URL):
        model = _OPENAI_MODEL
    return Endpoint(url, key, model, key_source=source)


def default_notice(endpoint: Endpoint, model: str | None) -> str | None:
    """Return the line for whoever uses the embedded model without having named it, once for each model meant.

    Args:
        endpoint: The server that will answer.
        model: The model the caller named; ``None`` where none was.
    """
    meant = model or ""
    if endpoint.chosen or is_local_model(model) or meant in _told:
        return None
    _told.add(meant)
    instead = f" in place of {meant}" if meant else ""
    return (
        f"nbchat: no endpoint is set, so SmolLM2-135M, a small model inside this process, answers{instead}. "
        "For another, set OPENAI_API_KEY or OPENAI_BASE_URL, or pass base_url=."
    )


def tell(line: str | None) -> None:
    """Tell the user something in one line, if there is something to tell."""
    if line:
        sys.stderr.write(f"{line}\n")
