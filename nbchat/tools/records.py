"""Objects with named members: dataclasses, TypedDicts, named tuples and msgspec's Structs."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NotRequired, Required

import msgspec

from nbchat.tools.definitions import Definitions
from nbchat.tools.kinds import Kind, from_text
from nbchat.tools.misfits import Misfit, Problem, Problems, misfit

__all__ = ["MISSING", "Field", "Member", "Members", "Record", "fields_of", "is_record", "own_docstring"]

# What stands for "there is no default"; None is a default.
MISSING: Any = dataclasses.MISSING


class Field(msgspec.Struct, frozen=True):
    """What a class declares about one member.

    Attributes:
        name: Its name in Python.
        annotation: Its type, as declared.
        written: Its name in JSON.
        default: Its default, or ``MISSING``, also where a factory makes one.
        required: Whether it must be given.
    """

    name: str
    annotation: Any
    written: str
    default: Any = MISSING
    required: bool = True


class Member(msgspec.Struct, frozen=True):
    """One member of an object, or one argument of a function.

    Attributes:
        name: Its name in Python.
        kind: What it may be.
        written: Its name in JSON.
        description: What it is, for the model.
        default: What counts where it is left out, or ``MISSING``.
        required: Whether it must be given.
    """

    name: str
    kind: Kind
    written: str
    description: str | None = None
    default: Any = MISSING
    required: bool = True

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the kind's schema with the description and, where JSON can say it, the default."""
        found = self.kind.schema(definitions)
        if self.description and "description" not in found:
            found["description"] = self.description
        # Not every default can be written in JSON, and what is written has to mean it.
        with suppress(TypeError, ValueError, msgspec.MsgspecError, Misfit):
            if self.default is not MISSING:
                written = msgspec.json.decode(msgspec.json.encode(self.default))
                self.kind.read(written)
                found["default"] = written
        return found


class Members:
    """The members of an object, and how they are read."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.all = list(members)

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema of the object."""
        required = [member.written for member in self.all if member.required]
        return {
            "type": "object",
            "properties": {member.written: member.schema(definitions) for member in self.all},
            **({"required": required} if required else {}),
        }

    def read(self, value: Mapping[str, Any], problems: Problems, *, gently: bool = True) -> dict[str, Any]:
        """Read what is there of the members, by their names in Python; what does not fit goes to *problems*."""
        found = {}
        for member in self.all:
            if member.written not in value:
                if member.required:
                    problems.add(f'"{member.written}" is missing ({member.kind.expected})')
                continue
            given = value[member.written]
            with problems.at(member.written):
                try:
                    found[member.name] = member.kind.read(given, gently=gently)
                except Misfit:
                    # Models write null for what they leave out; in a strict schema there is no other way to say it.
                    if given is not None or member.required:
                        raise
        return found


class Record(Kind):
    """An object that becomes a value of a class.

    Args:
        cls: The class, or a generic one with its arguments; it has one definition in a schema.
        name: The definition's name.
        description: What it is, for the model.
        constants: Members that only tell what it is, such as the tag of a Struct.
        as_array: Whether the values may come as an array too, as those of a named tuple do.
    """

    json_type = "object"

    def __init__(
        self,
        cls: Any,
        name: str,
        *,
        description: str | None = None,
        constants: Mapping[str, Any] | None = None,
        as_array: bool = False,
    ) -> None:
        self._class = cls
        self._name = name
        self._description = description
        self._constants = dict(constants or {})
        self._as_array = as_array
        # Set when they are known: they may be of this very class.
        self.members = Members([])
        self.expected = f"object ({name})"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Refer to the definition of the class."""
        return definitions.define(self._class, self._name, lambda: self._define(definitions))

    def _define(self, definitions: Definitions) -> dict[str, Any]:
        found = self.members.schema(definitions)
        if self._constants:
            tags = {name: {"type": _json_type(value), "enum": [value]} for name, value in self._constants.items()}
            found["properties"] = tags | found["properties"]
            found["required"] = [*tags, *found.get("required", [])]
        return {**({"description": self._description} if self._description else {}), **found}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Read the members and make the value; its class's own checks count too."""
        value = from_text(value, dict, gently=gently)
        if self._as_array and isinstance(value, list) and len(value) <= len(self.members.all):
            value = dict(zip((member.written for member in self.members.all), value, strict=False))
        if not isinstance(value, dict):
            raise misfit(self.expected, value)
        problems = Problems()
        for name, constant in self._constants.items():
            # Gently, an object without its tag is what was asked for.
            if value.get(name, constant if gently else None) != constant:
                with problems.at(name):
                    raise misfit(repr(constant), value.get(name))
        if not gently:
            known = {member.written for member in self.members.all} | self._constants.keys()
            for name in value.keys() - known:
                problems.add(f'there is no "{name}"')
        found = self.members.read(value, problems, gently=gently)
        problems.check()
        try:
            return self._class(**found)
        except (TypeError, ValueError, msgspec.ValidationError) as problem:
            raise Misfit(Problem(str(problem))) from None


def _json_type(value: Any) -> str:
    return "string" if isinstance(value, str) else "integer"


def _is_typed_dict(cls: type) -> bool:
    # That of typing_extensions is another one, and known by the same attributes.
    return issubclass(cls, dict) and hasattr(cls, "__required_keys__")


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_field_defaults")


def is_record(cls: Any) -> bool:
    """Whether *cls* is a class whose members are known by name."""
    return isinstance(cls, type) and (
        dataclasses.is_dataclass(cls) or issubclass(cls, msgspec.Struct) or _is_typed_dict(cls) or _is_named_tuple(cls)
    )


def fields_of(cls: Any) -> list[Field]:
    """Return what a record's class declares, in order.

    Raises:
        NameError: A type is named that does not exist (any more).
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    if issubclass(cls, msgspec.Struct):
        return [
            Field(f.name, hints[f.name], f.encode_name, _default(f.default, msgspec.NODEFAULT), f.required)
            for f in msgspec.structs.fields(cls)
        ]
    if dataclasses.is_dataclass(cls):
        return [
            Field(
                f.name,
                hints[f.name],
                f.name,
                _default(f.default),
                f.default is MISSING and f.default_factory is MISSING,
            )
            for f in dataclasses.fields(cls)
            if f.init
        ]
    if _is_named_tuple(cls):
        defaults = cls._field_defaults
        return [
            Field(name, hints.get(name, Any), name, defaults.get(name, MISSING), name not in defaults)
            for name in cls._fields
        ]
    return [
        Field(name, hint, name, MISSING, _required(hint, name in cls.__required_keys__)) for name, hint in hints.items()
    ]


def _default(value: Any, none: Any = MISSING) -> Any:
    return MISSING if value is none or value is msgspec.UNSET else value


def _required(hint: Any, default: bool) -> bool:
    """Look for Required and NotRequired, which Python itself does not see in annotations that are text."""
    while args := typing.get_args(hint):
        if (origin := typing.get_origin(hint)) in (Required, NotRequired):
            return origin is Required
        hint = args[0]  # ReadOnly and Annotated may stand outside
    return default


def own_docstring(cls: type) -> str | None:
    """Return the docstring that somebody wrote for a class; those that Python makes up for some say nothing."""
    said = cls.__dict__.get("__doc__")
    made_up = f"{cls.__name__}("
    return said if isinstance(said, str) and not said.startswith(made_up) else None
