"""When to try again, and how long to wait before."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from nbchat.errors import ContextLengthError, NbchatError

__all__ = ["Retrying", "delay", "retry_after", "worth_retrying"]

# Statuses that say "not now" and not "no": the ones the official SDK tries again.
_STATUSES = frozenset({408, 409, 429})
# A used-up quota answers 429 too, and waiting does not fill it.
_FINAL_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
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
        why = "rate limited" if self.error.status == 429 else "the server can't be reached"
        if self.error.status not in (None, 429):
            why = f"the server answered with status {self.error.status}"
        return f"{why}, trying again in {self.delay:.0f} s ({self.attempt} of {self.attempts})"


def worth_retrying(error: NbchatError) -> bool:
    """Whether the same request may succeed a little later."""
    if error.kind == "connection":
        return True
    if isinstance(error, ContextLengthError):  # some servers say that with status 500
        return False
    if error.kind != "status" or error.status is None or error.code in _FINAL_CODES:
        return False
    return error.status in _STATUSES or error.status >= 500


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
