"""Request fields that a server refuses: left out or renamed, remembered, and told.

Of all that can be wrong with a request only this is put right by itself, and only for the fields named below: models of
OpenAI's want ``max_completion_tokens`` and older servers want ``max_tokens``; some servers know no ``stream_options``, which a
session adds on its own; some models have one temperature. Everything else that a server refuses is the user's to decide.

What the user wrote into ``extra_body`` is never changed: it is there to say exactly what is sent.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nbchat.errors import BadRequestError, NbchatError

__all__ = ["Adjusted", "Negotiation"]

_RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_LEFT_OUT = frozenset({"stream_options", "temperature", "top_p", "presence_penalty", "frequency_penalty"})

# What servers write where they refuse a field, in one clause with its name. After their own sources and public reports:
# OpenAI, Azure ("unrecognized request argument supplied"), pydantic behind vLLM, Mistral and Anthropic ("extra inputs"),
# Go ("json: unknown field"), Rust's serde ("unknown field"), Google ("unknown name … cannot find field"), Groq
# ("property … is unsupported"), xAI ("argument not supported on this model"), Moonshot ("only 1 is allowed for this
# model"), Cohere ("not a valid field"), LiteLLM ("does not support parameters"), JSON Schema ("additional properties").
_REFUSES = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|extra_forbidden|extra (?:inputs?|fields?|parameters?|keys?)\b"
    r"|extraneous|unexpected (?:keyword|field|parameter|argument|property)|was unexpected|additional properties"
    r"|not a valid (?:field|parameter)|(?:is|are) fixed (?:at|to)|only [\d.]+ is allowed|deprecated (?:for|on|with) this model"
    r"|not (?:allowed|permitted|available) (?:for|on|with|by) this model",
    re.IGNORECASE,
)
# A value out of bounds is the user's mistake, however the sentence goes on.
_BOUNDS = re.compile(
    r"[<>≤≥]|\b(?:above|below|greater|less|larger|smaller|exceeds?|at most|at least|between|maximum|minimum|range|both)\b",
    re.IGNORECASE,
)
# Where a clause ends: a full stop, and where it goes on to name what would be right.
_CLAUSE = re.compile(
    r"[.;!](?:\s|$)|,?\s*(?:expected|did you mean|valid fields|supported (?:fields|parameters) are)\b", re.IGNORECASE
)
_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden"})
_CAMEL = re.compile(r"(?<=[a-z])([A-Z])")


@dataclass(frozen=True)
class Adjusted:
    """A request was changed because its server refuses one of its fields, and is from now on.

    Attributes:
        model: The model that was asked.
        field: The field refused.
        instead: The name it is sent under; ``None`` where it is left out.
    """

    model: str
    field: str
    instead: str | None

    def __str__(self) -> str:
        if self.instead:
            return f"{self.model} takes {self.instead} in place of {self.field}: sent so, now and from now on"
        lost = ", so its tokens may not be counted" if self.field == "stream_options" else ""
        return f"{self.model} does not take {self.field}: sent without it, now and from now on{lost}"


# Which fields which model at which address refuses, as far as this process has met it.
_learned: dict[tuple[str, str], tuple[Adjusted, ...]] = {}
_learning = threading.Lock()


class Negotiation:
    """One request, as its server takes it.

    Args:
        address: The server's base URL.
        body: The request as it was asked for.
        fixed: The fields that stay as they are: those of ``extra_body``.

    Attributes:
        body: The request as it is sent.
    """

    def __init__(self, address: str, body: Mapping[str, Any], fixed: Collection[str] = ()) -> None:
        self._key = (address, str(body["model"]))
        self._fixed = frozenset(fixed)
        self._asked_for = frozenset(body)
        self._applied: list[Adjusted] = []
        self._made: list[Adjusted] = []
        self._first: NbchatError | None = None
        self.body = dict(body)
        for change in _learned.get(self._key, ()):
            if self._changeable(change.field):
                self._apply(change)

    @property
    def changes(self) -> list[Adjusted]:
        """How what is sent differs from what was asked for, whether that was learned by this request or before."""
        return [
            change
            for change in self._applied
            if change.field in self._asked_for and (change.instead is None or change.instead in self.body)
        ]

    def _changeable(self, field: str) -> bool:
        return field in self.body and field not in self._fixed and _RENAMED.get(field) not in self._fixed

    def _apply(self, change: Adjusted) -> None:
        self._applied.append(change)
        value = self.body.pop(change.field)
        if change.instead is not None:
            self.body.setdefault(change.instead, value)

    def concede(self, error: NbchatError) -> bool:
        """Change the request as the server wants it, if that is what the error is about.

        Returns:
            Whether it was changed, and is worth sending once more.
        """
        done = {change.field for change in self._made} | {change.instead for change in self._made}
        open_to = [
            field for field in self.body if (field in _RENAMED or field in _LEFT_OUT) and self._changeable(field)
        ]
        # Each field is changed once, so that two servers behind one address can't play it back and forth.
        field = refused_field(error, [field for field in open_to if field not in done])
        if field is None:
            return False
        self._first = self._first or error
        change = Adjusted(self._key[1], field, _RENAMED.get(field))
        self._made.append(change)
        self._apply(change)
        return True

    def accepted(self) -> list[Adjusted]:
        """Say that the server took the request as it is now.

        Returns:
            What was learned by it and not known before.
        """
        with _learning:
            known = _learned.get(self._key, ())
            new = [change for change in self._made if change not in known]
            if new:
                # The reverse of what is known was learned: the server behind the address is another one.
                kept = [change for change in known if not any(change.field == other.instead for other in new)]
                _learned[self._key] = (*kept, *new)
        return new

    def cause(self, error: NbchatError) -> NbchatError:
        """Return the error to raise for a request that failed at last: what the user sent, not what was made of it.

        Args:
            error: What the server said last.
        """
        in_extra = refused_field(error, [field for field in self._fixed if field in _RENAMED or field in _LEFT_OUT])
        if in_extra is not None and error.hint is None:
            error.hint = f"{in_extra} is in extra_body, which is sent as it stands: take it out there."
        ours = [change.instead for change in self._made if change.instead]
        if self._first is not None and any(_names(str(error.param or error.message), field) for field in ours):
            return self._first
        return error


def refused_field(error: NbchatError, fields: Collection[str]) -> str | None:
    """Return which of *fields* a server refuses as such; ``None`` where it complains about something else.

    Example:
        >>> refused_field(BadRequestError("Unrecognized request argument supplied: stream_options"), ["stream_options"])
        'stream_options'
    """
    if not isinstance(error, BadRequestError) or error.status == 413:
        return None
    words = _CAMEL.sub(r"_\1", error.message).lower()
    if error.param:  # then it is about that one, whatever else the sentence names
        fields = {error.param.removeprefix("body.").partition(".")[0]} & set(fields)
        if error.code in _CODES and fields and not _BOUNDS.search(_CLAUSE.split(words)[0]):
            return fields.pop()
    for clause in _CLAUSE.split(words):
        if _REFUSES.search(clause) and not _BOUNDS.search(clause):
            named = [(found.start(), field) for field in fields if (found := _named(field).search(clause))]
            if named:
                return min(named)[1]
    return None


def _named(field: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9_]){field}(?![a-z0-9_])")


def _names(words: str, field: str) -> bool:
    return bool(_named(field).search(words.lower()))
