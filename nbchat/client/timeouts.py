"""How long to wait for a server: to connect, for the first byte of an answer, and between two pieces of it."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from nbchat.errors import ConfigurationError

__all__ = ["TIMEOUTS", "Timeout", "phases_of"]

Timeout = float | Mapping[str, float] | httpx.Timeout | None

# Seconds. A model may think for minutes before its first token (the official SDK waits ten), but a server that has
# begun to answer and is silent for two minutes is gone.
TIMEOUTS = {"connect": 10.0, "first_byte": 600.0, "between_chunks": 120.0}


def phases_of(timeout: Timeout) -> dict[str, float | None]:
    """Return the seconds to wait in each phase.

    Raises:
        ConfigurationError: A phase is not known, or a time is not positive.
    """
    phases: dict[str, float | None] = dict(TIMEOUTS)
    if timeout is None:
        return phases
    if isinstance(timeout, httpx.Timeout):
        return {"connect": timeout.connect, "first_byte": timeout.read, "between_chunks": timeout.read}
    given: dict[str, object] = dict(timeout) if isinstance(timeout, Mapping) else dict.fromkeys(phases, timeout)
    for name, seconds in given.items():
        if name not in phases:
            raise ConfigurationError(f"timeout has no phase {name!r}.", hint=f"The phases are {', '.join(phases)}.")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds > 0:
            raise ConfigurationError(f"timeout must be a positive number of seconds, not {seconds!r}.")
        phases[name] = float(seconds)
    return phases
