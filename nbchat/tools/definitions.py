"""The definitions (``$defs``) that the parts of one schema share."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["REF", "Definitions", "referred", "renamed"]

REF = "#/$defs/"


class Definitions:
    """What the parts of one schema refer to, each under a name of its own."""

    def __init__(self) -> None:
        self._names: dict[Hashable, str] = {}
        self._schemas: dict[str, dict[str, Any]] = {}

    def define(self, key: Hashable, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a reference to the definition of *key*, which *make* makes the first time; it may refer to itself."""
        if key not in self._names:
            self._names[key] = free = self._free(name)
            self._schemas[free] = {}
            self._schemas[free] = make()
        return {"$ref": f"{REF}{self._names[key]}"}

    def adopt(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Take over the definitions that a foreign schema brings along, and return it without them."""
        brought: dict[str, Any] = schema.get("$defs", {})
        # The same class, met twice, brings the same definitions twice.
        known = all(self._schemas.get(name) == definition for name, definition in brought.items())
        names: dict[str, str] = {}
        for name in brought:
            names[name] = name if known else self._free(name)
            self._schemas.setdefault(names[name], {})
        self._schemas |= {names[name]: renamed(definition, names) for name, definition in brought.items()}
        found: dict[str, Any] = renamed({key: value for key, value in schema.items() if key != "$defs"}, names)
        return found

    def _free(self, name: str) -> str:
        plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "Type"
        number = 1
        while (free := plain if number == 1 else f"{plain}_{number}") in self._schemas:
            number += 1
        return free

    def root(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a schema with all that it refers to; one that is nothing but a reference becomes what it refers to."""
        while schema.keys() == {"$ref"}:
            schema = self._schemas[schema["$ref"].removeprefix(REF)]
        needed: dict[str, dict[str, Any]] = {}
        waiting = [schema]
        while waiting:
            for name in referred(waiting.pop()) - needed.keys():
                needed[name] = self._schemas[name]
                waiting.append(needed[name])
        ordered = {name: definition for name, definition in self._schemas.items() if name in needed}
        return {**schema, **({"$defs": ordered} if ordered else {})}


def referred(schema: Any) -> set[str]:
    """Return the names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        own = schema.get("$ref")
        here = {own.removeprefix(REF)} if isinstance(own, str) and own.startswith(REF) else set()
        return here.union(*(referred(member) for member in schema.values()))
    return set[str]().union(*(referred(item) for item in schema)) if isinstance(schema, list) else set()


def renamed(schema: Any, names: dict[str, str]) -> Any:
    """Return a schema that refers to the same definitions under other names."""
    if isinstance(schema, dict):
        return {
            key: f"{REF}{names.get(value.removeprefix(REF), value.removeprefix(REF))}"
            if key == "$ref" and isinstance(value, str) and value.startswith(REF)
            else renamed(value, names)
            for key, value in schema.items()
        }
    return [renamed(item, names) for item in schema] if isinstance(schema, list) else schema
