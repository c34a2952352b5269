"""What must not show: a key, the values of headers, and those of an address's query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import httpx

from nbchat.errors import ConfigurationError

__all__ = ["QuietURL", "Secret", "SecretHeaders", "Secrets"]

# What is shorter is no key, and a word of many a text: "1", "yes".
_SHORTEST = 4


class Secret:
    """A key that never shows: not in a ``repr``, an f-string, a log line or a traceback with locals.

    Args:
        value: The key. What is no text holds none, but goes under cover all the same until somebody says what is wrong.

    Attributes:
        wrong: The type of what was given, where that is no text.
    """

    __slots__ = ("__value", "wrong")

    def __init__(self, value: object) -> None:
        self.wrong = None if isinstance(value, str) else type(value).__name__
        # A key that was read from a file comes with the newline at its end.
        self.__value = value.strip() if isinstance(value, str) else ""

    @classmethod
    def cover(cls, given: Any) -> Self | None:
        """Take an argument under cover, whatever it is: this comes first, since what raises later shows its locals."""
        return given if given is None or isinstance(given, cls) else cls(given)

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
    """Named values that never show, some of which are keys: the environment variables of a program.

    Args:
        values: The values by name. Whatever else it is goes under cover all the same; :meth:`checked` says what is wrong.
    """

    __slots__ = ("_values", "_wrong")

    _what: ClassVar = "environment variable"

    def __init__(self, values: object = None) -> None:
        self._values: dict[str, Secret] = {}
        self._wrong = None if values is None or isinstance(values, Mapping) else type(values).__name__
        if isinstance(values, Mapping):
            self._values = {
                str(name): Secret(str(value) if isinstance(value, int | float) else value)
                for name, value in values.items()
            }

    def checked(self) -> Self:
        """Return them, if they are what they should be.

        Raises:
            ConfigurationError: They are no dict of texts.
        """
        if self._wrong:
            raise ConfigurationError(f"The {self._what}s are of type {self._wrong}.", hint="They are a dict of texts.")
        for name, value in self._values.items():
            if value.wrong:
                raise ConfigurationError(f"The {self._what} {name} is of type {value.wrong}.", hint="It is a text.")
        return self

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
        # A name that is none may be a whole line that was pasted there, key and all.
        return f"{type(self).__name__}({', '.join(name if _is_name(name) else '…' for name in self._values)})"


def _is_name(name: str) -> bool:
    return name.isascii() and name.replace("-", "_").isidentifier()


class SecretHeaders(Secrets):
    """Extra headers whose values never show, since gateways carry keys in headers of their own."""

    __slots__ = ()

    _what = "header"

    def checked(self) -> Self:
        """Return the headers, if they can be sent.

        Raises:
            ConfigurationError: They are no dict of texts, or a name or a value can't stand in a header.
        """
        if not all(map(_is_name, self._values)):
            raise ConfigurationError(
                "What one of the headers is called is not the name of a header.",
                hint='They are a dict such as {"X-Team": "a"}.',
            )
        super().checked()
        for name, value in self._values.items():
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
