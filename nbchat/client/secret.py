"""What must not show: a key, the values of headers, and those of an address's query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from nbchat.errors import ConfigurationError

__all__ = ["QuietURL", "Secret", "SecretHeaders", "Secrets"]

# What is shorter is no key, and a word of many a text: "1", "yes".
_SHORTEST = 4


class Secret:
    """A key that never shows: not in a ``repr``, an f-string, a log line or a traceback with locals."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        # A key that was read from a file comes with the newline at its end.
        self.__value = value.strip()

    def reveal(self) -> str:
        """Return the key itself, for the one place that sends it."""
        return self.__value

    def censor(self, text: str) -> str:
        """Return *text* with the key taken out, for servers that repeat it in their errors."""
        return text.replace(self.__value, "…") if self.__value else text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __bool__(self) -> bool:
        return bool(self.__value)

    @property
    def sendable(self) -> bool:
        """Whether it can stand in a header: one line of ASCII. An error of the HTTP library would show it."""
        return self.__value.isascii() and self.__value.isprintable()

    def __repr__(self) -> str:
        return "<a key, hidden>"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key is not pickled")


class Secrets(Mapping[str, str]):
    """Named values that never show, some of which are keys."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = {str(name): Secret(str(value)) for name, value in (values or {}).items()}

    def censor(self, text: str) -> str:
        """Return *text* with all of the values taken out that may be keys."""
        for value in self._values.values():
            if len(value.reveal()) >= _SHORTEST:
                text = value.censor(text)
        return text

    def __getitem__(self, name: str) -> str:
        return self._values[name].reveal()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._values)})"


class SecretHeaders(Secrets):
    """Extra headers whose values never show, since gateways carry keys in headers of their own."""

    __slots__ = ()

    def checked(self) -> SecretHeaders:
        """Return the headers, if they can be sent.

        Raises:
            ConfigurationError: A name or a value can't stand in a header.
        """
        for name, value in self._values.items():
            if not name.isascii() or not name.replace("-", "_").isidentifier():
                raise ConfigurationError(f"{name!r} is not the name of a header.")
            if not value.sendable:
                raise ConfigurationError(f"The header {name} can't be sent: its value is not one line of plain text.")
        return self


class QuietURL(httpx.URL):
    """An address that shows without its query, where gateways have their keys: httpx logs the address of each request.

    Example:
        >>> url = QuietURL("https://gateway/v1/models?key=sk-1")
        >>> str(url), url.query
        ('https://gateway/v1/models', b'key=sk-1')
    """

    def __str__(self) -> str:
        return str(httpx.URL(self).copy_with(query=None))

    def __repr__(self) -> str:
        return f"QuietURL({str(self)!r})"
