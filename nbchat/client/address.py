"""Addresses of servers: what is one, where two are the same place, and which are not out on the internet."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from nbchat.errors import ConfigurationError

__all__ = ["Address", "host_of", "is_private", "origin", "read_address"]

_SCHEMES = {"http": 80, "https": 443, "llama": None}
# What many a page on servers shows as the address, although it is added to it.
_ADDED = "/chat/completions"
# Names that no public server can have: multicast DNS (RFC 6762), loopback (RFC 6761), private use (ICANN, 2024) and home
# networks (RFC 8375).
_PRIVATE_SUFFIXES = (".local", ".localhost", ".internal", ".home.arpa")


@dataclass(frozen=True)
class Address:
    """Where an API is.

    Attributes:
        base_url: What ``/chat/completions`` is appended to, without a slash at its end.
        query: The query string that goes with every request, without its question mark. Gateways put keys there.
        trimmed: Whether ``/chat/completions`` was taken off its end.
    """

    base_url: str
    query: str = field(default="", repr=False)
    trimmed: bool = False


def read_address(url: object, source: str) -> Address:
    """Read the address of a server.

    Args:
        url: What somebody wrote, as text, around which spaces do not count, or as an :class:`httpx.URL`.
        source: Where they wrote it, for the error.

    Raises:
        ConfigurationError: It is not an address, or there is a password in it.

    Example:
        >>> read_address(" https://gateway/v1/chat/completions?team=a ", "base_url").base_url
        'https://gateway/v1'
    """
    if isinstance(url, httpx.URL):
        url = str(url)
    if not isinstance(url, str):
        raise ConfigurationError(f"{source} is of type {type(url).__name__}.", hint="Write it as http://HOST:PORT/v1.")
    url = url.strip()
    try:
        parts = urlsplit(url)
        sound = parts.scheme in _SCHEMES and bool(parts.hostname or parts.scheme == "llama") and parts.port != 0
    except ValueError:  # half an IPv6 address, a port beyond 65535
        parts, sound = urlsplit(""), False
    sound = sound and not any(character.isspace() or not character.isprintable() for character in url)
    if "@" in parts.netloc or (not sound and "@" in url):
        raise ConfigurationError(
            f"{source} holds a user name or password, which would show wherever the address does.",
            hint="Pass it as headers={'Authorization': …} or api_key=… instead.",
        )
    if not sound:
        raise ConfigurationError(
            # Without its query, where gateways have keys.
            f"{source} is {url.partition('?')[0]!r}, which is not an address of a server.",
            hint="Write it as http://HOST:PORT/v1.",
        )
    path = parts.path.rstrip("/")
    trimmed = path.endswith(_ADDED)
    if trimmed:
        path = path.removesuffix(_ADDED).rstrip("/")
    return Address(f"{parts.scheme}://{parts.netloc}{path}", parts.query, trimmed)


def origin(url: str | None) -> str | None:
    """Return the scheme, host and port of an address, which is what a key belongs to; ``None`` where it is no address.

    Example:
        >>> origin("HTTPS://API.example.com:443/v1")
        'https://api.example.com'
    """
    try:
        parts = urlsplit((url or "").strip())
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not host:
        return None
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, _SCHEMES[parts.scheme]) else "")


def host_of(url: str) -> str:
    """Return the host that a sound address names, in lower case."""
    return urlsplit(url).hostname or ""


def is_private(host: str) -> bool:
    """Whether a host is this machine or on a network of one's own, as far as its name tells: no name is looked up.

    That is: addresses that are not routed on the internet (loopback, private, link-local, shared), names with no dot in
    them, as in compose files and clusters, and those that end in ``.local``, ``.localhost``, ``.internal`` or
    ``.home.arpa``.

    Example:
        >>> is_private("127.0.0.1"), is_private("vllm"), is_private("gpu.local"), is_private("api.example.com")
        (True, True, True, False)
    """
    host = host.rstrip(".").lower()
    try:
        return not ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_SUFFIXES)
