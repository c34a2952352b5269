"""Endpoints that have names: those of the configuration, and a few that everybody means by theirs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from nbchat.client.config import settings
from nbchat.client.secret import SecretHeaders
from nbchat.errors import ConfigurationError

__all__ = ["AZURE_TOKEN", "KEYS", "WELL_KNOWN", "description", "known_names"]

# The variable for Azure's other sort of key, a token of its directory (Entra ID, once Active Directory): as the official SDK
# reads it, it comes before AZURE_OPENAI_API_KEY and goes as a bearer's.
AZURE_TOKEN = "AZURE_OPENAI_AD_TOKEN"  # noqa: S105  the name of a variable

# What an endpoint's dict may hold, and the types of it.
KEYS: dict[str, type | tuple[type, ...]] = {
    "base_url": str,
    "api_key_env": str,
    "model": str,
    "headers": Mapping,
    "verify": object,  # Pool checks it, which also knows what it means
    "timeout": object,  # phases_of checks it
    "max_retries": int,
    "max_event_bytes": int,
    "api_version": str,
    "auth": str,
}

# Only where the address and the variable are what the provider's own documentation names, or the local server's own
# default port. OPENAI_API_KEY is not among them: it belongs to OPENAI_BASE_URL where that is set.
WELL_KNOWN: dict[str, dict[str, str]] = {
    "openai": {"base_url": "https://api.openai.com/v1"},
    "azure": {
        "api_key_env": "AZURE_OPENAI_API_KEY",
        "auth": "api-key",
    },  # at AZURE_OPENAI_ENDPOINT: everybody has an address of their own
    "groq": {"base_url": "https://api.groq.com/openai/v1", "api_key_env": "GROQ_API_KEY"},
    "openrouter": {"base_url": "https://openrouter.ai/api/v1", "api_key_env": "OPENROUTER_API_KEY"},
    "mistral": {"base_url": "https://api.mistral.ai/v1", "api_key_env": "MISTRAL_API_KEY"},
    "deepseek": {"base_url": "https://api.deepseek.com/v1", "api_key_env": "DEEPSEEK_API_KEY"},
    "gemini": {
        "base_url": "https://generativelanguage.googleapis.com/v1beta/openai",
        "api_key_env": "GEMINI_API_KEY",
    },
    "xai": {"base_url": "https://api.x.ai/v1", "api_key_env": "XAI_API_KEY"},
    "together": {"base_url": "https://api.together.ai/v1", "api_key_env": "TOGETHER_API_KEY"},
    "ollama": {"base_url": "http://localhost:11434/v1"},
    "lmstudio": {"base_url": "http://localhost:1234/v1"},
}


def known_names(*, well_known: bool) -> list[str]:
    """Return the names of endpoints that can be asked, those of the configuration first.

    Args:
        well_known: Whether the well-known ones count: those whose key is set are then among them.
    """
    names = list(settings().endpoints)
    if well_known:
        names += [
            name
            for name in WELL_KNOWN
            if name not in names and os.environ.get(_well_known(name).get("api_key_env", ""), "").strip()
        ]
    return names


def description(name: str, *, well_known: bool) -> dict[str, Any] | None:
    """Return what is said about an endpoint of a name; ``None`` where there is none.

    Args:
        name: Its name.
        well_known: Whether the well-known names count where the configuration does not have it.

    Raises:
        ConfigurationError: Something in the configuration's dict is not right, and the sentence names it; or the
            configuration has the name in other letters, large or small.
    """
    if name in settings().endpoints:
        # Raised out here: what is wrong may hold a key, and is in no frame then.
        if (problem := _problem(name, settings().endpoints[name])) is not None:
            raise problem
        given = {str(key): value for key, value in settings().endpoints[name].items() if value is not None}
        if "headers" in given:
            given["headers"] = SecretHeaders(given["headers"])
        # An address of one's own has nothing to do with the well-known place: least of all its key.
        described = given if "base_url" in given else {**_well_known(name), **given}
        if not described.get("base_url"):
            raise ConfigurationError(f"{_place(name)} names no base_url.", hint="Write it as http://HOST:PORT/v1.")
        return described
    if well_known and (known := _well_known(name)):
        return known
    meant = next((other for other in settings().endpoints if other.lower() == name.lower()), None)
    if meant is not None:
        raise ConfigurationError(f"There is no endpoint {name!r}.", hint=f"Did you mean {meant!r}?")
    return None


def _well_known(name: str) -> dict[str, Any]:
    """Return a well-known endpoint, or nothing where there is none of that name or it has no address."""
    known: dict[str, Any] = dict(WELL_KNOWN.get(name, {}))
    if name == "azure":
        address, version = (
            os.environ.get(variable, "").strip() for variable in ("AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION")
        )
        known["base_url"] = address
        # Whatever its host: it may be a gateway's, which is spoken to as Azure is.
        if version and not address.rstrip("/").endswith("/v1"):
            known["api_version"] = version
        if os.environ.get(AZURE_TOKEN, "").strip():
            known |= {"api_key_env": AZURE_TOKEN, "auth": "bearer"}
    return known if known.get("base_url") else {}


def _place(name: str) -> str:
    return f"c.NBChat.endpoints[{name!r}]"


def _problem(name: str, given: Any) -> ConfigurationError | None:
    """Return what is wrong with what the configuration says about an endpoint; ``None`` where nothing is."""
    place = _place(name)
    if not isinstance(given, Mapping):
        return ConfigurationError(f"{place} is not a dict.", hint=f"It may hold {', '.join(KEYS)}.")
    for key, value in given.items():
        if key == "api_key":  # its value is not in the sentence
            return ConfigurationError(
                f"{place} holds a key, and configuration is shared and shown.",
                hint="Put the key into an environment variable and name that in api_key_env.",
            )
        if key not in KEYS:
            meant = get_close_matches(str(key), KEYS, n=1)
            hint = f"Did you mean {meant[0]}?" if meant else f"There are: {', '.join(KEYS)}."
            return ConfigurationError(f"{place} has {key!r}, which means nothing.", hint=hint)
        if value is not None and (not isinstance(value, KEYS[key]) or (KEYS[key] is int and isinstance(value, bool))):
            return ConfigurationError(f"{place}[{key!r}] is of type {type(value).__name__}.", hint=_EXPECTED[key])
        if value is not None and key in _SOUND and not _SOUND[key](value):
            return ConfigurationError(f"{place}[{key!r}] is {value!r}.", hint=_EXPECTED[key])
    return None


_SOUND: dict[str, Callable[[Any], bool]] = {
    "max_retries": lambda tries: tries >= 0,
    "max_event_bytes": lambda size: size >= 1,
    "auth": lambda way: way in ("bearer", "api-key"),
}
_EXPECTED = {
    "base_url": "It is a text such as http://HOST:PORT/v1.",
    "api_key_env": "It is the name of an environment variable.",
    "model": "It is a model's name.",
    "headers": 'It is a dict such as {"X-Team": "a"}.',
    "max_retries": "It is a number of tries after the first.",
    "max_event_bytes": "It is a positive number of bytes.",
    "api_version": 'It is a text such as "2024-10-21".',
    "auth": 'It is "bearer" or "api-key".',
}
