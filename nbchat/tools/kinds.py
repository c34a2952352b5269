"""What a value of a type is in JSON: its schema, and how it is read back.

A *kind* is made of a type once (:mod:`nbchat.tools.annotations`). It gives the JSON Schema that a model is shown, and turns
the JSON that the model writes into the Python value. Both come from one object, so they can't contradict each other. What
one value may be (a number, a date, a length) is msgspec's business; the kinds here know how values are put together.

A value is read strictly or gently. Gently, what models often write in place of what was asked is taken as it was meant,
wherever only one meaning is possible: ``"3"`` and ``3.0`` for 3, ``3`` for ``"3"``, ``"true"`` for true, an array or an
object as JSON text, a choice in other letter cases, an enumeration's name for its value, and null for what may be left out.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec

from nbchat.errors import ConfigurationError
from nbchat.tools.definitions import Definitions
from nbchat.tools.misfits import Misfit, Problem, Problems, misfit

__all__ = [
    "Anything",
    "Choice",
    "Kind",
    "Listing",
    "Mapping",
    "Noted",
    "Row",
    "Scalar",
    "Union",
    "from_text",
]

# How many options an error lists: the model knows them all from the schema.
_MOST_OPTIONS = 20
_JSON_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class Kind(ABC):
    """What a value of a type is in JSON.

    Attributes:
        json_type: What it is written as, where that is always the same: ``"object"``, ``"array"``, ``"string"`` …
        expected: What it is, in the words of an error.
    """

    json_type: str | None = None
    expected: str

    @abstractmethod
    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the JSON Schema, which may refer to *definitions*."""

    @abstractmethod
    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Return the Python value of decoded JSON.

        Args:
            value: The decoded JSON.
            gently: Whether what is only nearly right is taken as it was meant.

        Raises:
            Misfit: It does not fit.
        """


class Anything(Kind):
    """Any JSON, as it comes: of ``Any`` and of what has no annotation."""

    expected = "anything"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Allow everything."""
        return {}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Return the decoded JSON."""
        return value


def shell(wire: Any, bounds: dict[str, Any]) -> Any:
    """Return msgspec's type for a value with bounds.

    Raises:
        ConfigurationError: Values of this type can't have such bounds.
    """
    if not bounds:
        return wire
    bounded = Annotated[wire, msgspec.Meta(**bounds)]
    try:
        msgspec.json.schema(bounded)
    except TypeError as problem:
        raise ConfigurationError(f"The bounds {bounds} are not for this type: {problem}.") from None
    return bounded


class Scalar(Kind):
    """A value with no parts: text, a number, a date.

    Args:
        wire: msgspec's type for it, with its bounds.
        members: What the schema says beyond what msgspec does.
        mend: Turns what does not fit into what may; tried when reading gently.
        make: Makes the Python value of the JSON one, where msgspec does not.
    """

    def __init__(
        self,
        wire: Any,
        members: dict[str, Any] | None = None,
        *,
        mend: Callable[[Any], Any] | None = None,
        make: Callable[[Any], Any] | None = None,
    ) -> None:
        self._wire = wire
        self._schema: dict[str, Any] = msgspec.json.schema(wire) | (members or {})
        self._mend = mend
        self._make = make
        self.json_type = self._schema.get("type")
        bounds = ", ".join(f"{name} {value}" for name, value in self._schema.items() if name != "type")
        self.expected = f"{self.json_type} ({bounds})" if bounds else f"{self.json_type}"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return what msgspec says, and what there is to add."""
        return self._schema.copy()

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Have msgspec check and convert it."""
        try:
            found = self._convert(value, gently)
            return found if self._make is None else self._make(value)
        except (msgspec.ValidationError, ValueError, ArithmeticError):
            raise misfit(self.expected, value) from None

    def _convert(self, value: Any, gently: bool) -> Any:
        try:
            return msgspec.convert(value, self._wire, strict=not gently)
        except msgspec.ValidationError:
            if not gently or self._mend is None:
                raise
        return msgspec.convert(self._mend(value), self._wire, strict=False)


def _word(value: Any) -> str:
    """Return what options are compared by when reading gently: 3, 3.0 and "3" are one."""
    if isinstance(value, str):
        return value.strip().casefold()
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


class Choice(Kind):
    """One of some values: of ``Literal`` and of enumerations.

    Args:
        options: What is written in JSON, and what it stands for in Python.
        names: Other words for the options, which count when reading gently.
    """

    def __init__(self, options: Sequence[tuple[Any, Any]], names: dict[str, Any] | None = None) -> None:
        self._options = list(options)
        self._words = [(_word(written), meant) for written, meant in [*options, *(names or {}).items()]]
        types = list(dict.fromkeys(_JSON_NAMES[type(written)] for written, _ in options))
        self.json_type = types[0] if len(types) == 1 else None
        self._type: str | list[str] = self.json_type or types
        values = ", ".join(json.dumps(written, ensure_ascii=False) for written, _ in options[:_MOST_OPTIONS])
        values += ", …" if len(options) > _MOST_OPTIONS else ""
        self.expected = f"one of {values}" if len(options) > 1 else values

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """List the values."""
        return {"type": self._type, "enum": [written for written, _ in self._options]}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Find the option that is written like this."""
        for written, meant in self._options:
            # True is 1 in Python, and not in JSON.
            if type(written) is type(value) and written == value:
                return meant
        if gently and not isinstance(value, list | dict):
            word = _word(value)
            found = [meant for name, meant in self._words if name == word]
            if found and all(meant is found[0] for meant in found):
                return found[0]
        raise misfit(self.expected, value)


def from_text(value: Any, kind: type, *, gently: bool) -> Any:
    """Return the array or object that a text is the JSON of, where one was asked for; all else as it is."""
    if gently and isinstance(value, str):
        try:
            decoded = json.loads(value, strict=False)
        except (ValueError, RecursionError):
            return value
        return decoded if isinstance(decoded, kind) else value
    return value


class Listing(Kind):
    """Any number of items of one kind.

    Args:
        item: What each is.
        make: Makes the Python collection of a list.
        bounds: Limits of the length, as arguments of :class:`msgspec.Meta`.
        unique: Whether no item may come twice.
    """

    json_type = "array"

    def __init__(
        self, item: Kind, make: Callable[[list[Any]], Any], bounds: dict[str, Any], *, unique: bool = False
    ) -> None:
        self._item = item
        self._make = make
        self._shell = Scalar(shell(list[Any], bounds), {"uniqueItems": True} if unique else None)
        self.expected = self._shell.expected

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Describe the array and its items."""
        items = self._item.schema(definitions)
        return {**self._shell.schema(definitions), **({"items": items} if items else {})}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Read each item, and put them into the collection."""
        items = self._shell.read(from_text(value, list, gently=gently), gently=gently)
        problems = Problems()
        found = []
        for index, item in enumerate(items):
            with problems.at(index):
                found.append(self._item.read(item, gently=gently))
        problems.check()
        try:
            return self._make(found)
        except TypeError as problem:  # what can't be hashed is in no set
            raise Misfit(Problem(f"the items can't be collected: {problem}")) from None


class Row(Kind):
    """A fixed number of items, each of its own kind: of ``tuple[int, str]``."""

    json_type = "array"

    def __init__(self, items: Sequence[Kind]) -> None:
        self._items = list(items)
        self.expected = f"array of exactly {len(items)} items"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Describe each place."""
        count = len(self._items)
        places = [item.schema(definitions) for item in self._items]
        return {"type": "array", "prefixItems": places, "minItems": count, "maxItems": count}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Read each item by its place."""
        items = from_text(value, list, gently=gently)
        if not isinstance(items, list) or len(items) != len(self._items):
            raise misfit(self.expected, value)
        problems = Problems()
        found = []
        for index, (kind, item) in enumerate(zip(self._items, items, strict=True)):
            with problems.at(index):
                found.append(kind.read(item, gently=gently))
        problems.check()
        return tuple(found)


class Mapping(Kind):
    """An object with any keys: of ``dict[str, int]``."""

    json_type = "object"

    def __init__(self, key: Kind, value: Kind, bounds: dict[str, Any]) -> None:
        self._key = key
        self._value = value
        self._shell = Scalar(shell(dict[str, Any], bounds))
        self.expected = self._shell.expected

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Describe the values, and the keys where they are not just any text."""
        found = self._shell.schema(definitions)
        keys = self._key.schema(definitions)
        if keys.get("type") == "string" and len(keys) > 1:
            found["propertyNames"] = keys
        return {**found, "additionalProperties": self._value.schema(definitions) or True}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Read each key and each value."""
        members = self._shell.read(from_text(value, dict, gently=gently), gently=gently)
        problems = Problems()
        found = {}
        for name, member in members.items():
            with problems.at(name):
                # A key is always text in JSON: that of a number is one that is read gently.
                found[self._key.read(name, gently=True)] = self._value.read(member, gently=gently)
        problems.check()
        return found


class Union(Kind):
    """One of several kinds: the first that fits strictly, else the first that fits gently."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = list(kinds)
        self.expected = " or ".join(dict.fromkeys(kind.expected for kind in kinds))

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """List what it may be."""
        found: list[dict[str, Any]] = []
        for kind in self._kinds:
            if (schema := kind.schema(definitions)) not in found:
                found.append(schema)
        return {} if {} in found else found[0] if len(found) == 1 else {"anyOf": found}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Find the kind that fits."""
        caught: dict[Kind, Misfit] = {}
        for gentle in (False, True) if gently else (False,):
            for kind in self._kinds:
                try:
                    return kind.read(value, gently=gentle)
                except Misfit as problem:
                    caught[kind] = problem
        # Of "an object or null" an object with a mistake in it was meant to be the object: that mistake is worth telling.
        written = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else None
        meant = [kind for kind in self._kinds if written and kind.json_type == written]
        raise caught[meant[0]] if len(meant) == 1 else misfit(self.expected, value)


class Noted(Kind):
    """A kind with something to say about it."""

    def __init__(self, kind: Kind, members: dict[str, Any]) -> None:
        self._kind = kind
        self._members = members
        self.json_type = kind.json_type
        self.expected = kind.expected

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Add what is said."""
        return {**self._kind.schema(definitions), **self._members}

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Read as the kind does."""
        return self._kind.read(value, gently=gently)
