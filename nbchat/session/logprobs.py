"""How likely each token of an answer was, and what else the model might have said."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from nbchat.session.records import frame
from nbchat.wire.values import plain

__all__ = ["Logprobs", "TokenLogprob"]


@dataclass(frozen=True)
class TokenLogprob:
    """One token, and how likely it was.

    Attributes:
        token: The token as text.
        logprob: The natural logarithm of its probability; ``None`` where the server did not tell.
        bytes: Its bytes: one character may be spread over several tokens. ``None`` where the server did not tell.
        top_logprobs: The likeliest tokens at its place, the likeliest first, itself mostly among them.
    """

    token: str
    logprob: float | None = None
    bytes: bytes | None = None
    top_logprobs: tuple[TokenLogprob, ...] = ()

    @property
    def probability(self) -> float | None:
        """The probability, between 0 and 1."""
        # Together's first logarithm is now and then a positive number (togethercomputer/openapi issue 5).
        return None if self.logprob is None else math.exp(min(self.logprob, 0.0))

    @property
    def alternatives(self) -> tuple[TokenLogprob, ...]:
        """What else the model might have said here, the likeliest first."""
        return tuple(other for other in self.top_logprobs if not self._is(other))

    def _is(self, other: TokenLogprob) -> bool:
        # Two parts of characters may have the same text, and only their bytes tell them apart.
        told = self.bytes is not None and other.bytes is not None
        return self.bytes == other.bytes if told else self.token == other.token


class Logprobs(Sequence[TokenLogprob]):
    """The tokens of an answer with their probabilities, in order; in a notebook, the text shaded by them.

    Args:
        tokens: The tokens.

    Example:
        >>> logprobs = Logprobs.read({"content": [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105]}]})
        >>> logprobs[0].token, round(logprobs[0].probability, 2)
        ('Hi', 0.9)
    """

    def __init__(self, tokens: Iterable[TokenLogprob]) -> None:
        self._tokens = tuple(tokens)

    @classmethod
    def read(cls, member: Any) -> Logprobs | None:
        """Read the member ``logprobs`` of a choice.

        The API has a list of tokens under ``content``, or under ``refusal`` where the model refused. Together has the lists
        of the older Completions API side by side: ``tokens``, ``token_logprobs``, ``top_logprobs``
        (togethercomputer/together-python issue 251).

        Returns:
            The tokens; ``None`` where there are none.
        """
        member = plain(member)
        if not isinstance(member, Mapping):
            return None
        said = _records(member.get("content")) or _records(member.get("refusal")) or _columns(member)
        return cls(said) if said else None

    @overload
    def __getitem__(self, index: int) -> TokenLogprob: ...
    @overload
    def __getitem__(self, index: slice) -> Logprobs: ...
    def __getitem__(self, index: int | slice) -> TokenLogprob | Logprobs:
        return Logprobs(self._tokens[index]) if isinstance(index, slice) else self._tokens[index]

    def __len__(self) -> int:
        return len(self._tokens)

    def __iter__(self) -> Iterator[TokenLogprob]:
        return iter(self._tokens)

    @property
    def total(self) -> float | None:
        """The logarithm of the probability of all these tokens together; ``None`` where that of any is not known."""
        known = [token.logprob for token in self if token.logprob is not None]
        return math.fsum(known) if len(known) == len(self) else None

    def to_dataframe(self) -> Any:
        """Return a pandas DataFrame with a row for each token.

        Its columns are ``token``, ``logprob``, ``probability`` and ``top_logprobs``, a dict of logarithms by token.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        return frame(
            [
                {
                    "token": one.token,
                    "logprob": one.logprob,
                    "probability": one.probability,
                    "top_logprobs": {other.token: other.logprob for other in one.top_logprobs},
                }
                for one in self
            ]
        )

    def __repr__(self) -> str:
        total = self.total
        return f"<Logprobs of {len(self)} tokens" + ("" if total is None else f", {total:.2f} in all") + ">"

    def _repr_html_(self) -> str:
        # By its name only: this floor knows none of those above.
        return str(importlib.import_module("nbchat.jupyter.shading").html_of(self))


def _records(items: Any) -> list[TokenLogprob]:
    """Read the list of records that the API has, passing over what is none."""
    return [_record(item) for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _record(item: Mapping[str, Any]) -> TokenLogprob:
    return TokenLogprob(
        str(item.get("token") or ""),
        _number(item.get("logprob")),
        _bytes(item.get("bytes")),
        tuple(_likeliest_first(_records(item.get("top_logprobs")))),
    )


def _columns(member: Mapping[str, Any]) -> list[TokenLogprob]:
    """Read lists that stand side by side; one that is shorter than the tokens is unknown from there on."""
    tokens = member.get("tokens")
    if not isinstance(tokens, list):
        return []
    logprobs, tops = _list(member.get("token_logprobs")), _list(member.get("top_logprobs"))
    return [
        TokenLogprob(
            str(token),
            _number(logprobs[at]) if at < len(logprobs) else None,
            None,
            tuple(_likely(tops[at])) if at < len(tops) else (),
        )
        for at, token in enumerate(tokens)
    ]


def _likely(top: Any) -> list[TokenLogprob]:
    """Read logarithms by token."""
    if not isinstance(top, Mapping):
        return []
    return _likeliest_first([TokenLogprob(str(token), _number(logprob)) for token, logprob in top.items()])


def _likeliest_first(tokens: list[TokenLogprob]) -> list[TokenLogprob]:
    return sorted(tokens, key=lambda one: -math.inf if one.logprob is None else one.logprob, reverse=True)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    return float(value) if is_number else None


def _bytes(value: Any) -> bytes | None:
    try:
        return bytes(value) if isinstance(value, list) else None
    except (TypeError, ValueError):  # not numbers of bytes
        return None
