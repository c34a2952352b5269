"""How much a server lets one ask for, as the headers of its answers say."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["RateLimit", "RateLimits", "rate_limits"]

# OpenAI, Azure and most others write `x-ratelimit-remaining-tokens`; the IETF's drafts leave the `x-` and what is counted
# away; Anthropic has it the other way round, `anthropic-ratelimit-tokens-remaining`.
_HEADER = re.compile(r"(?:x-)?ratelimit-(limit|remaining|reset)(?:-(.+))?")
_ANTHROPIC = re.compile(r"anthropic-ratelimit-(.+)-(limit|remaining|reset)")
# "1h2m59.56s", "6ms": durations as Go writes them, which OpenAI and Groq send.
_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?"
)
_UNITS = (86_400.0, 3600.0, 60.0, 1.0, 0.001)
# A plain number beyond ten years of seconds is a moment, in seconds or in milliseconds since 1970.
_MOMENT, _MILLISECONDS = 3.2e8, 1e11
# What counts requests alone where the header does not say what is counted.
_UNNAMED = "requests"


def _span(seconds: float) -> str:
    """Write a time in the largest unit of which there are two: nobody counts a day in seconds."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.3g} s"


@dataclass(frozen=True)
class RateLimit:
    """One thing a server counts.

    Attributes:
        counted: What is counted: ``requests``, ``tokens``, ``input-tokens``, ``requests-day`` …
        limit: How many are allowed in a time; ``None`` where the server does not say.
        remaining: How many are left.
        reset: Seconds from the answer until all are allowed again.
    """

    counted: str
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None

    def __str__(self) -> str:
        left = "" if self.remaining is None else f"{self.remaining:,} "
        of = "" if self.limit is None else f"of {self.limit:,} "
        again = "" if self.reset is None else f", reset in {_span(self.reset)}"
        return f"{left}{of}{self.counted.replace('-', ' ')} left{again}"


@dataclass(frozen=True)
class RateLimits:
    """What a server said about its limits with one answer; ``str()`` of it is one line.

    Attributes:
        limits: One for each thing counted.

    Example:
        >>> limits = rate_limits({"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"})
        >>> limits.requests.remaining, str(limits)
        (59, '59 of 60 requests left')
    """

    limits: tuple[RateLimit, ...]

    @property
    def requests(self) -> RateLimit | None:
        """The limit of requests, if there is one; the tightest where they are counted in several ways."""
        return self._tightest("requests")

    @property
    def tokens(self) -> RateLimit | None:
        """The limit of tokens, if there is one; the tightest where they are counted in several ways."""
        return self._tightest("tokens")

    def _tightest(self, what: str) -> RateLimit | None:
        those = [limit for limit in self.limits if what in limit.counted.split("-")]
        return min(
            those, key=lambda one: math.inf if one.remaining is None else one.remaining / (one.limit or 1), default=None
        )

    def __str__(self) -> str:
        return "; ".join(map(str, self.limits))


def rate_limits(headers: Mapping[str, str], now: datetime | None = None) -> RateLimits | None:
    """Read the limits that an answer's headers tell; ``None`` where they tell none.

    Args:
        headers: The headers, by their names in small letters.
        now: The time to count moments from.
    """
    now = now or datetime.now(UTC)
    found: dict[str, dict[str, float]] = {}
    for name, text in headers.items():
        if "ratelimit" not in name:
            continue
        if (match := _ANTHROPIC.fullmatch(name)) is not None:
            counted, what = match[1], match[2]
        elif (match := _HEADER.fullmatch(name)) is not None:
            counted, what = match[2] or _UNNAMED, match[1]
        else:
            continue
        value = _seconds(text, now) if what == "reset" else _count(text)
        if value is not None:
            found.setdefault(counted, {})[what] = value
    found |= _structured(headers, found)
    limits = tuple(
        RateLimit(counted, _whole(of.get("limit")), _whole(of.get("remaining")), of.get("reset"))
        for counted, of in found.items()
    )
    return RateLimits(limits) if limits else None


def _structured(headers: Mapping[str, str], found: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """Read the IETF's later drafts: ``RateLimit: "default";r=50;t=30`` with ``RateLimit-Policy: "default";q=100;w=60``."""
    now, policy = headers.get("ratelimit"), headers.get("ratelimit-policy")
    if not now or _UNNAMED in found:
        return {}
    members = {**_members(policy or ""), **_members(now)}
    names = {"q": "limit", "r": "remaining", "t": "reset", "limit": "limit", "remaining": "remaining", "reset": "reset"}
    read = {names[name]: value for name, value in members.items() if name in names}
    return {_UNNAMED: read} if "remaining" in read else {}


def _members(text: str) -> dict[str, float]:
    first = text.split(",", maxsplit=1)[0] if ";" in text else text
    pairs = (part.strip().partition("=") for part in re.split(r"[;,]", first))
    return {name: number for name, _, value in pairs if (number := _count(value)) is not None}


def _count(text: str) -> float | None:
    # The earlier drafts put the policy behind the number: "100, 100;w=60".
    text = text.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0].strip()
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e18 else None


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _seconds(text: str, now: datetime) -> float | None:
    """Read a time to wait: a number of seconds, a duration, or a moment."""
    number = _count(text)
    if number is not None:
        if number < _MOMENT:
            return number
        return max(0.0, (number / 1000 if number > _MILLISECONDS else number) - now.timestamp())
    text = text.strip()
    match = _DURATION.fullmatch(text)
    if match is not None and text:
        return sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS, strict=True) if part)
    try:
        moment = datetime.fromisoformat(text)
        return max(0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())
    except (ValueError, OverflowError):
        return None
