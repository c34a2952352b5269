"""Which certificates are trusted: the public authorities', those the environment names, or those somebody gave."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path

import httpx

from nbchat.client.endpoint import Verify
from nbchat.errors import ConfigurationError

__all__ = ["tls_context"]

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

_lock = threading.Lock()
_contexts: dict[tuple[str | bool | None, ...], ssl.SSLContext] = {}


def tls_context(verify: Verify) -> ssl.SSLContext:
    """Return the TLS settings for a way to check certificates; clients share them, since they take 100 ms to load.

    Args:
        verify: ``True`` as ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` say, else against the public authorities; ``False``
            not at all; the path of a PEM file or folder of authorities; or the settings themselves.

    Raises:
        ConfigurationError: The file or folder can't be used.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    chosen = verify if isinstance(verify, bool) else os.fspath(verify)
    key = (chosen, *(os.environ.get(name) for name in _VARIABLES))
    with _lock:
        if key not in _contexts:
            _contexts[key] = _load(chosen)
        return _contexts[key]


def _load(verify: str | bool) -> ssl.SSLContext:
    try:
        if isinstance(verify, bool):
            return httpx.create_ssl_context(verify)
        path = Path(verify).expanduser()
        return ssl.create_default_context(
            capath=path if path.is_dir() else None, cafile=None if path.is_dir() else path
        )
    except OSError as problem:  # an SSLError, of a file that holds something else, is one of them
        reason = problem.strerror if problem.strerror and not isinstance(problem, ssl.SSLError) else "it is no PEM file"
    named = next(
        (f"{name} is {os.environ[name]!r}" for name in _VARIABLES if os.environ.get(name)), "certifi is broken"
    )
    source = named if isinstance(verify, bool) else f"verify is {verify!r}"
    raise ConfigurationError(
        f"{source}, which can't be read: {reason}.", hint="It names a file with certificates of authorities, as PEM."
    )
