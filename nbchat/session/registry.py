"""The sessions of this process by name, and the one that cells without a name use."""

from __future__ import annotations

import threading

from nbchat.errors import ConfigurationError
from nbchat.session.session import Session

__all__ = ["DEFAULT", "get_session", "given_or_current", "session_names", "use_session"]

DEFAULT = "default"

_lock = threading.Lock()
_sessions: dict[str, Session] = {}
_current = [DEFAULT]


def get_session(name: str | None = None) -> Session:
    """Return the session that ``%%chat`` uses, or the one of a name; it is made when first asked for.

    Args:
        name: The session's name; ``None`` for the current one (see :func:`use_session`).

    Example:
        >>> get_session("drafts") is get_session("drafts")
        True
    """
    with _lock:
        name = name or _current[0]
        if name not in _sessions:
            _sessions[name] = Session(name=name)
        return _sessions[name]


def given_or_current(session: Session | None) -> Session:
    """Return the session that somebody gave, or the one that ``%%chat`` uses.

    Raises:
        ConfigurationError: What they gave is no session.
    """
    if session is not None and not isinstance(session, Session):
        raise ConfigurationError(
            f"A session is meant here, and this is of type {type(session).__name__}.",
            hint='The one of a name is nbchat.get_session("NAME").',
        )
    return get_session() if session is None else session


def use_session(session: str | Session) -> Session:
    """Make a session the current one, which ``%%chat`` and ``get_session()`` then use.

    Args:
        session: A name, or a session; one without a name is called after the default one, which it replaces.
    """
    if isinstance(session, Session):
        with _lock:
            session.name = session.name or DEFAULT
            _sessions[session.name] = session
            _current[0] = session.name
        return session
    found = get_session(session)
    with _lock:
        _current[0] = session
    return found


def session_names() -> list[str]:
    """Return the names of all sessions, the current one first."""
    with _lock:
        return sorted(_sessions, key=lambda name: (name != _current[0], name))
