"""The base of everything that a server sends: a frozen view of its JSON.

A value *is* the server's JSON object, seen through attributes. Nothing is converted when a chunk arrives (most members
of most chunks are never looked at) and nothing is lost: members that no class here knows stay readable under their own
names and come back from :meth:`Value.to_dict`.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

import msgspec

from nbchat.errors import ConfigurationError

__all__ = ["Value", "lend", "many", "maybe", "one", "plain", "shared"]

Reader = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """Return *value* with every :class:`Value` in it turned back into a dict, ready to be sent.

    Raises:
        ConfigurationError: It contains itself, or is nested too deeply to be sent.

    Example:
        >>> plain([Value({"role": "user"})])
        [{'role': 'user'}]
    """
    try:
        return _plain(value)
    except RecursionError:
        pass
    raise ConfigurationError("What is to be sent is nested too deeply, or contains itself.")


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        value = value._data  # noqa: SLF001  to_dict() would copy it only to be walked again
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def shared(value: Value | None) -> Mapping[str, Any] | None:
    """Return the dict that a value is made of, as it stands: for what is long, and kept, and changed by nobody.

    Returns:
        The dict; ``None`` where it is empty or there is no value.
    """
    return (value._data or None) if value is not None else None  # noqa: SLF001  to_dict() would copy it


def many(kind: type[Value]) -> Reader:
    """Return a reader that sees a JSON array of objects as a list of *kind*; null or anything else is an empty list."""

    def read(items: Any) -> list[Value]:
        return [kind(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    return read


def one(kind: type[Value]) -> Reader:
    """Return a reader that sees a JSON object as a *kind*; null or anything else is an empty one."""
    return lambda item: kind(item if isinstance(item, dict) else {})


def maybe(kind: type[Value]) -> Reader:
    """Return a reader that sees a JSON object as a *kind*; null, an empty one or anything else is ``None``."""
    return lambda item: kind(item) if isinstance(item, dict) and item else None


def _member(name: str, reader: Reader | None) -> property:
    """Make the property that shows one declared member."""
    if reader is not None:
        return property(lambda self: reader(self._data.get(name)))

    def show(self: Value) -> Any:
        value = self._data.get(name)
        # Text is what is asked for at every chunk of every answer.
        return value if type(value) is str else _unknown(value)

    return property(show)


def _unknown(value: Any) -> Any:
    """See a member that no class declares: objects as values, arrays as lists, the rest as it is."""
    kind = type(value)
    if kind is dict:
        return Value(value)
    if kind is list:
        return [_unknown(item) for item in value]
    return value


class Value:
    """A JSON object whose members are attributes.

    Subclasses declare the members they know as annotations (their types, for people and type checkers; a declared member
    that is missing reads as ``None``) and, for members that hold objects, how to see them in ``_readers``.

    Args:
        data: The object as decoded from JSON. It is not copied: whoever makes a value hands the dict over.

    Example:
        >>> answer = Value({"id": "x", "usage": {"total_tokens": 3}})
        >>> answer.usage.total_tokens
        3
    """

    __slots__ = ("_data",)

    _data: dict[str, Any]
    _readers: ClassVar[Mapping[str, Reader]] = {}
    _members: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        own = [name for name in inspect.get_annotations(cls) if not name.startswith("_")]
        cls._members = (*cls._members, *own)
        for name in own:
            setattr(cls, name, _member(name, cls._readers.get(name)))

    def __init__(self, data: Mapping[str, Any] | None = None, /) -> None:
        _set_data(self, data if type(data) is dict else dict(data or {}))

    def __getattr__(self, name: str) -> Any:
        # Only reached for members that no class declares.
        if name != "_data" and name in self._data:
            return _unknown(self._data[name])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; to_dict() gives a copy that can be changed")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __getitem__(self, name: str) -> Any:
        # A member that is called like a method ("keys") is still the member here.
        return getattr(self, name) if name in self._members and name in self._data else _unknown(self._data[name])

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def get(self, name: str, default: Any = None) -> Any:
        """Return the member *name*, or *default* where the server sent none."""
        return self[name] if name in self._data else default

    def keys(self) -> Iterator[str]:
        """Return the names of the members the server sent."""
        return iter(self._data)

    def to_dict(self) -> dict[str, Any]:
        """Return the object as the server sent it, as a new dict."""
        return copy.deepcopy(self._data)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the object as JSON text.

        Args:
            indent: Spaces per level; ``None`` for one line.
        """
        text = msgspec.json.encode(self._data)
        return (msgspec.json.format(text, indent=indent) if indent is not None else text).decode()

    # The names under which users of the official SDK know these two.
    model_dump = to_dict
    model_dump_json = to_json

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._members, *self._data})

    def __eq__(self, other: object) -> bool:
        return self._data == other._data if isinstance(other, Value) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in self._data.items())
        return f"{type(self).__name__}({members})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(copy.deepcopy(self._data, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._data,)


# The slot's own setter: how a value gets its data although setting attributes is refused.
_set_data = Value.__dict__["_data"].__set__


def lend(value: Value, data: dict[str, Any]) -> None:
    """Give a value that was made without its object the object, when somebody asks for it."""
    _set_data(value, data)
