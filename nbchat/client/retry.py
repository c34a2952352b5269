"""When to try again, and how long to wait before.

This is a hundred lines of our own on purpose. tenacity and stamina bring the loop, which is the ten lines of
``Http._answer``; what a server asks for (three headers, a date among them, up to a limit beyond which one gives up), what may
pass and what is told while waiting would all be handed to them as functions of ours. stamina tells of a retry only through
hooks of the whole process, not to the turn that waits; httpx-retries does it in a transport, below where a turn could be
told, and reads ``Retry-After`` alone. That the wait can be stopped is asyncio's own doing, here as there.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from nbchat.errors import (
    QUOTA_CODES,
    APIStatusError,
    APITimeoutError,
    ContextLengthError,
    NbchatError,
    OverloadedError,
    QuotaError,
)

__all__ = ["Retrying", "delay", "longest_wait", "retry_after", "should_retry", "span", "worth_retrying"]

# Statuses that say "not now" and not "no": the ones the official SDK tries again.
_STATUSES = frozenset({408, 409, 429})
# Exponential back-off with jitter, in seconds, as the official SDK has it: 0.5, 1, 2, 4, 8, then 8.
_FIRST, _LONGEST = 0.5, 8.0
# The longest wait that a server may ask for, in seconds.
_OBEYED = 120.0


@dataclass(frozen=True)
class Retrying:
    """A request failed in a way that may pass, and will be sent again.

    Attributes:
        error: What went wrong.
        delay: Seconds until the next try.
        attempt: Which of the further tries it will be, from 1.
        attempts: How many further tries there are.
    """

    error: NbchatError
    delay: float
    attempt: int
    attempts: int

    def __str__(self) -> str:
        when = "at once" if self.delay < 0.05 else f"in {span(self.delay)}"
        return f"{self._why()}, trying again {when} ({self.attempt} of {self.attempts})"

    def _why(self) -> str:
        if isinstance(self.error, OverloadedError):
            return "the server is overloaded"
        if self.error.status == 429:
            return "rate limited"
        if self.error.status is not None:
            return f"the server answered with status {self.error.status}"
        return "the server can't be reached"


def span(seconds: float) -> str:
    """Return a time to wait in words, never shorter than it is.

    Example:
        >>> span(0.43), span(3.0), span(75), span(7200)
        ('0.5 s', '3 s', '75 s', '2 h')
    """
    tenths = math.ceil(round(seconds * 10, 3))
    if tenths < 100:
        return f"{tenths / 10:g} s"
    if seconds <= 120:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min" if seconds <= 5400 else f"{math.ceil(seconds / 3600)} h"


def worth_retrying(error: NbchatError) -> bool:
    """Whether the same request may succeed a little later."""
    if error.kind == "connection":
        return True
    if isinstance(error, APITimeoutError):  # a server that thinks too long would think as long again
        return error.phase == "connect"
    if error.kind != "status" or error.status is None or isinstance(error, ContextLengthError):
        return False
    # A used-up quota answers 429 too, and waiting does not fill it.
    if isinstance(error, QuotaError) or error.code in QUOTA_CODES:
        return False
    if isinstance(error, APIStatusError) and error.should_retry is not None:
        return error.should_retry
    return error.status in _STATUSES or error.status >= 500


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what a server says about another try, if it does: OpenAI's ``x-should-retry``, which the official SDK obeys."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def longest_wait() -> float:
    """Return the longest wait that a server may ask for, in seconds."""
    return _OBEYED


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return how many seconds a server asks to wait, or ``None`` where it does not say or makes no sense.

    Args:
        headers: The answer's headers: ``retry-after-ms``, or ``retry-after`` in seconds or as a date.
        now: The time to count a date from.

    Example:
        >>> retry_after({"retry-after": "3"})
        3.0
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None


def delay(attempt: int, asked: float | None) -> float | None:
    """Return the seconds to wait before the further try number *attempt*, or ``None`` to give up.

    Args:
        attempt: Which of the further tries it will be, from 1.
        asked: What the server asked for, if it did. More than 120 s is not waited for.
    """
    if asked is not None:
        return asked if asked <= _OBEYED else None
    longest: float = min(_FIRST * 2 ** min(attempt - 1, 10), _LONGEST)
    return longest * random.uniform(0.75, 1.0)  # noqa: S311  jitter needs no secrecy
