"""What an answer is, told by its first bytes: what a server or a proxy claims in a header is asked only where they do not."""

from __future__ import annotations

import re
from typing import Literal

__all__ = ["Form", "claimed_form", "form_of"]

# JSON, a stream of events, or a page for people.
Form = Literal["json", "events", "page"]

_BOM = b"\xef\xbb\xbf"
# How an event begins: a comment, or one of the fields of the WHATWG's standard (`error` is some servers' own).
_FIELDS = (b"data", b"event", b"id", b"retry", b"error")
_EVENT = re.compile(rb"(?:%s)?\s*(?::|[\r\n])" % b"|".join(_FIELDS))


def form_of(begun: bytes) -> Form | Literal["unknown"] | None:
    """Return what a body is that begins so.

    Args:
        begun: Its first bytes, as many as have come.

    Returns:
        The form; ``"unknown"`` where no more bytes would tell it; ``None`` where more are needed.

    Example:
        >>> form_of(b' {"choices"'), form_of(b"data: 1"), form_of(b"<html>"), form_of(b"Oops"), form_of(b"da")
        ('json', 'events', 'page', 'unknown', None)
    """
    if len(begun) < len(_BOM) and _BOM.startswith(begun):
        return None
    begun = begun.removeprefix(_BOM).lstrip()
    if begun.startswith(b"{"):
        return "json"
    if begun.startswith(b"<"):
        return "page"
    if _EVENT.match(begun):
        return "events"
    return None if any(name.startswith(begun.rstrip()) for name in _FIELDS) else "unknown"


def claimed_form(content_type: str, *, asked: Form) -> Form:
    """Return what a body is by its ``Content-Type``, or else what was *asked* for.

    Example:
        >>> claimed_form("Text/HTML; charset=utf-8", asked="json"), claimed_form("text/plain", asked="json")
        ('page', 'json')
    """
    content_type = content_type.lower()
    if "html" in content_type:
        return "page"
    if "json" in content_type:
        return "json"
    return "events" if "event-stream" in content_type else asked
