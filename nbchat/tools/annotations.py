"""From a Python type to its kind: the one place that knows which types there are."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import functools
import math
import operator
import pathlib
import types
import typing
import uuid
from collections import abc
from collections.abc import Callable
from typing import Any

import msgspec

from nbchat.errors import ConfigurationError
from nbchat.tools.docstrings import read_docstring
from nbchat.tools.kinds import Anything, Choice, Kind, Listing, Mapping, Noted, Row, Scalar, Union, shell
from nbchat.tools.models import model_of
from nbchat.tools.notes import Note, note_of
from nbchat.tools.records import Member, Members, Record, fields_of, is_record, own_docstring

__all__ = ["kind_of"]


def _number_as_text(value: Any) -> Any:
    """Take a number for the text that it is written as: models leave out the quotes of 10115."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("this is no number")  # noqa: TRY004  what the reader of a Scalar expects
    return msgspec.json.encode(value).decode()


def _iso(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Take what ISO 8601 allows and RFC 3339 does not: a blank for the T, a time without seconds."""
    return lambda value: read(value).isoformat() if isinstance(value, str) else value


# What each type is to msgspec, and what is to add to that.
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"mend": _number_as_text},
    int: {},
    float: {},
    bool: {},
    types.NoneType: {},
    bytes: {},
    bytearray: {},
    uuid.UUID: {},
    dt.date: {"mend": _iso(dt.date.fromisoformat)},
    # msgspec names a format only where a time zone is asked for.
    dt.datetime: {"members": {"format": "date-time"}, "mend": _iso(dt.datetime.fromisoformat)},
    dt.time: {"members": {"format": "time"}, "mend": _iso(dt.time.fromisoformat)},
    dt.timedelta: {},
    # A price is a number to a model. How it was written is how it is made: 0.10 is not 0.1000000000000000055.
    decimal.Decimal: {"wire": float, "make": lambda value: decimal.Decimal(str(value))},
    pathlib.Path: {"wire": str, "make": pathlib.Path},
}

_COLLECTIONS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Iterable: list,
    abc.Collection: list,
    collections.deque: collections.deque,
    set: set,
    abc.Set: set,
    abc.MutableSet: set,
    frozenset: frozenset,
}
_SETS = (set, frozenset, abc.Set, abc.MutableSet)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)
# Words around a type that say something about a member, and nothing about its value.
_QUALIFIERS = ("Required", "NotRequired", "ReadOnly", "Final", "ClassVar")
_HINT = (
    "Types that models can write are text, numbers, booleans, None, dates, Literal, enumerations, lists, sets, tuples, "
    "dicts, dataclasses, TypedDicts, named tuples, msgspec Structs, pydantic models and unions of these. What else a "
    "function needs can be bound with functools.partial."
)


def kind_of(annotation: Any) -> Kind:
    """Return the kind of a type.

    Args:
        annotation: The type, as it stands in an annotation.

    Raises:
        ConfigurationError: No model can write a value of this type, or a part of it.

    Example:
        >>> kind_of(list[int]).read(["1", 2.0])
        [1, 2]
    """
    try:
        return _Reader().kind(annotation)
    except RecursionError:
        pass
    raise ConfigurationError("A type that contains itself has to be a class.", hint=_HINT)


class _Reader:
    """One reading of a type, in which each class is met once."""

    def __init__(self) -> None:
        self._records: dict[Any, Record] = {}

    def kind(self, annotation: Any, note: Note = Note()) -> Kind:  # noqa: B008  it is frozen
        origin, args = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Annotated:
            return self._annotated(annotation, note)
        if (inner := _unwrapped(annotation, origin)) is not None:
            return self.kind(inner, note)
        if annotation in (Any, object):
            return Anything()
        if annotation is None:
            annotation = types.NoneType
        if origin in (typing.Union, types.UnionType):
            return self._union(args, note)
        if origin is typing.Literal:
            return _literal(args)
        base = origin or annotation
        if not isinstance(base, type):
            raise ConfigurationError(f"{annotation!r} is not a type whose values a model can write.", hint=_HINT)
        if base in _SCALARS:
            return _scalar(base, note)
        if issubclass(base, enum.Enum):
            return _enumeration(base)
        if (model := model_of(base)) is not None:
            return model
        if is_record(base):
            return self._record(base, annotation)
        if base is tuple:
            return self._tuple(args, note)
        if base in _COLLECTIONS:
            return Listing(
                self.kind(args[0]) if args else Anything(), _COLLECTIONS[base], note.bounds, unique=base in _SETS
            )
        if base in _MAPPINGS:
            key, value = args or (str, Any)
            return Mapping(self.kind(key), self.kind(value), note.bounds)
        raise ConfigurationError(f"A model can't write a {base.__qualname__}.", hint=_HINT)

    def _annotated(self, annotation: Any, outer: Note) -> Kind:
        own = note_of(annotation.__metadata__)
        kind = self.kind(annotation.__origin__, Note(bounds=own.bounds | outer.bounds))
        said = {"description": own.description} if own.description else {}
        members = own.members | said
        return Noted(kind, members) if members else kind

    def _union(self, args: tuple[Any, ...], note: Note) -> Kind:
        kinds = []
        fitting = False
        for arg in args:
            if arg is msgspec.UnsetType:  # it says that a member may be missing
                continue
            try:
                kinds.append(self.kind(arg, note))
                fitting = True
            except ConfigurationError:
                # Bounds of a union are for those of it that can have them: None has no minimum.
                if not note.bounds:
                    raise
                kinds.append(self.kind(arg))
        if note.bounds and not fitting:
            raise ConfigurationError(f"The bounds {note.bounds} are for none of these types.")
        return kinds[0] if len(kinds) == 1 else Union(kinds)

    def _tuple(self, args: tuple[Any, ...], note: Note) -> Kind:
        if not args or args[-1] is Ellipsis:
            return Listing(self.kind(args[0]) if args else Anything(), tuple, note.bounds)
        return Row([self.kind(arg) for arg in args])

    def _record(self, cls: Any, alias: Any) -> Record:
        if alias in self._records:
            return self._records[alias]
        try:
            fields = fields_of(cls)
        except (NameError, SyntaxError, TypeError, AttributeError) as problem:
            raise ConfigurationError(
                f"The annotations of {cls.__name__} can't be read: {problem}.", hint="They have to name what exists."
            ) from None
        said = read_docstring(own_docstring(cls), [field.name for field in fields])
        config = getattr(cls, "__struct_config__", None)
        record = self._records[alias] = Record(
            alias,
            "_".join([cls.__name__, *(getattr(arg, "__name__", str(arg)) for arg in typing.get_args(alias))]),
            description=said.description,
            constants={config.tag_field: config.tag} if config and config.tag_field else None,
            as_array=issubclass(cls, tuple) or bool(config and config.array_like),
        )
        given = dict(zip(getattr(cls, "__parameters__", ()), typing.get_args(alias), strict=False))
        members = []
        for field in fields:
            try:
                kind = self.kind(_substituted(field.annotation, given))
            except ConfigurationError as problem:
                raise ConfigurationError(
                    f"{field.name} of {cls.__name__}: {problem.message}", hint=problem.hint
                ) from None
            members.append(
                Member(field.name, kind, field.written, said.members.get(field.name), field.default, field.required)
            )
        record.members = Members(members)
        return record


def _unwrapped(annotation: Any, origin: Any) -> Any:
    """Return the type inside of what only names or qualifies it; ``None`` where there is nothing around it."""
    if isinstance(annotation, typing.NewType):
        return annotation.__supertype__
    if isinstance(annotation, typing.TypeVar):
        if annotation.__constraints__:
            return functools.reduce(operator.or_, annotation.__constraints__)
        return annotation.__bound__ or Any
    # `type Name = …`, whose class there is from Python 3.12 on.
    if hasattr(annotation, "__value__"):
        return annotation.__value__
    if annotation is typing.LiteralString:
        return str
    return typing.get_args(annotation)[0] if str(origin).rpartition(".")[2] in _QUALIFIERS else None


def _substituted(annotation: Any, given: dict[Any, Any]) -> Any:
    """Return a type with the variables of a generic class filled in."""
    if isinstance(annotation, typing.TypeVar):
        return given.get(annotation, annotation)
    variables = getattr(annotation, "__parameters__", ())
    if given and variables and not isinstance(annotation, type):
        return annotation[tuple(given.get(variable, variable) for variable in variables)]
    return annotation


def _scalar(base: Any, note: Note) -> Scalar:
    entry = dict(_SCALARS[base])
    return Scalar(shell(entry.pop("wire", base), note.bounds), **entry)


def _plain(value: Any) -> bool:
    return value is None or type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value))


def _literal(args: tuple[Any, ...]) -> Kind:
    options = [(arg.value if isinstance(arg, enum.Enum) else arg, arg) for arg in args]
    if not all(_plain(written) for written, _ in options):
        raise ConfigurationError("What this Literal lists can't be written in JSON.", hint=_HINT)
    return Choice(options)


def _enumeration(cls: type[enum.Enum]) -> Kind:
    members = list(cls)
    if not members:
        raise ConfigurationError(f"The enumeration {cls.__name__} has no members.")
    names = {member.name: member for member in members}
    # Members whose values JSON does not know are called by their names.
    if not all(_plain(member.value) for member in members):
        return Choice(list(names.items()))
    kind = Choice([(member.value, member) for member in members], names)
    said = own_docstring(cls)
    return Noted(kind, {"description": said}) if said else kind
