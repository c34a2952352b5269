"""Classes that bring their own schema and their own checks: pydantic's, known by their methods and never imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec

from nbchat.tools.definitions import REF, Definitions
from nbchat.tools.kinds import Kind, from_text
from nbchat.tools.misfits import Misfit, Problem

__all__ = ["Model", "model_of"]


def model_of(cls: type[Any]) -> Model | None:
    """Return the kind of a class of pydantic 2: a model, or one of its dataclasses; ``None`` for any other."""
    if hasattr(cls, "model_json_schema") and hasattr(cls, "model_validate_json"):
        return Model(cls, cls.model_json_schema, cls.model_validate_json)
    if hasattr(cls, "__pydantic_validator__") and "pydantic" in sys.modules:
        adapter = sys.modules["pydantic"].TypeAdapter(cls)
        return Model(cls, adapter.json_schema, adapter.validate_json)
    return None


class Model(Kind):
    """A value that its own class describes, checks and makes."""

    def __init__(self, cls: type, describe: Callable[[], dict[str, Any]], validate: Callable[..., Any]) -> None:
        self._class = cls
        self._schema = describe()
        self._validate = validate
        root = self._schema
        if "$ref" in root:  # the schema of a class that contains itself
            root = root["$defs"][root["$ref"].removeprefix(REF)]
        self._names: set[str] | None = None if root.get("additionalProperties") else set(root.get("properties", ()))
        self.json_type = root.get("type")
        self.expected = f"{self.json_type} ({cls.__name__})"

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return its own schema, with its definitions among the others."""
        return definitions.define(self._class, self._class.__name__, lambda: definitions.adopt(self._schema))

    def read(self, value: Any, *, gently: bool = True) -> Any:
        """Have the class read it, as JSON: there a strict model takes a date as text."""
        value = from_text(value, list if self.json_type == "array" else dict, gently=gently)
        if (
            not gently
            and self._names is not None
            and isinstance(value, dict)
            and (strange := value.keys() - self._names)
        ):
            raise Misfit(Problem(f"there is no {', '.join(sorted(strange))}"))
        try:
            return self._validate(msgspec.json.encode(value), strict=None if gently else True)
        except ValueError as problem:
            errors = getattr(problem, "errors", None)
            if not callable(errors):  # a check of the class's own, around pydantic's
                raise Misfit(Problem(str(problem))) from None
            told = errors(include_url=False, include_context=False, include_input=False)
            raise Misfit(*(Problem(error["msg"], tuple(error["loc"])) for error in told)) from None
