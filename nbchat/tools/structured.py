"""Answers in a form that the caller asks for: what is sent as ``response_format``, and how the answer is read."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbchat.errors import AnswerFormatError, ConfigurationError
from nbchat.tools.annotations import kind_of
from nbchat.tools.definitions import Definitions
from nbchat.tools.kinds import Kind
from nbchat.tools.misfits import Misfit
from nbchat.tools.partial import PartialJSON
from nbchat.tools.strict import strict_schema
from nbchat.wire.decode import without_surrogates

__all__ = ["Format", "PartialAnswer", "TypedForm", "format_of"]

# The API's own forms; a dict with another type, or with none, is a JSON Schema.
_FORMS = ("text", "json_object", "json_schema")
_FENCE = re.compile(r"```[ \t]*[\w-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_BRACKETS = re.compile(r"[{\[].*[}\]]", re.DOTALL)
# How much of an answer an error repeats, in characters.
_SHOWN = 80


@dataclass(frozen=True, eq=False)
class Format:
    """The form that an answer is asked for in. Make one with :func:`format_of`.

    Attributes:
        type: ``"text"``, ``"json_object"`` or ``"json_schema"``.
        name: What the schema is called in the request.
        schema: The JSON Schema that is sent; ``None`` where none is.
        strict: Whether the server is asked to hold the model to the schema.
        member: The member of the answer that is the value: the API wants an object, and a list, say, is put into one.
    """

    type: str
    name: str = "answer"
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    member: str | None = None
    _kind: Kind | None = field(default=None, repr=False)
    _sent: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def keyed(self) -> bool:
        """Whether the members of the value are named by the data, as those of a ``dict[str, City]`` are."""
        schema = self.schema or {}
        return "properties" not in schema and isinstance(schema.get("additionalProperties"), Mapping)

    def to_dict(self) -> dict[str, Any]:
        """Return what stands in the request's ``response_format``."""
        if self._sent is not None:
            return copy.deepcopy(dict(self._sent))
        inner = {"name": self.name, "schema": copy.deepcopy(dict(self.schema or {})), "strict": bool(self.strict)}
        return {"type": "json_schema", "json_schema": inner}

    def parse(self, text: str) -> Any:
        """Return the value that an answer is.

        A Markdown fence or sentences around the JSON are passed over, as models write them on servers that do not hold
        them to the schema.

        Args:
            text: The whole text of the answer.

        Returns:
            A value of the type that was asked for; decoded JSON where only a schema was given, or none; the text itself for
            the form ``"text"``.

        Raises:
            AnswerFormatError: It is not JSON, or does not fit; the error's text says what, so that the model can mend it.
        """
        if self.type == "text":
            return text
        value = _decoded(text)
        if self._kind is None:
            return value
        if self.member is None:
            return self._read(self._kind, value, text)
        if isinstance(value, dict) and value.keys() == {self.member}:
            return self._read(self._kind, value[self.member], text)
        try:  # the value alone, from a model that was not held to the schema
            return self._kind.read(value)
        except Misfit:
            raise AnswerFormatError(
                f'The answer does not fit: expected an object with the member "{self.member}".', text=text
            ) from None

    def _read(self, kind: Kind, value: Any, text: str) -> Any:
        try:
            return kind.read(value)
        except Misfit as problem:
            raise AnswerFormatError(f"The answer does not fit: {problem}.", text=text) from None

    def watch(self) -> PartialAnswer:
        """Return what reads an answer while it comes."""
        return PartialAnswer(self)

    def partial(self, text: str) -> Any:
        """Return what an answer says so far: decoded JSON, closed where the text ends. For many looks, :meth:`watch`."""
        return self.watch().read(text)


class TypedForm(dict[str, Any]):
    """What stands in a request for a form, which remembers the form: a type that is kept as plain values stays a type.

    Args:
        form: The form.
    """

    def __init__(self, form: Format) -> None:
        super().__init__(form.to_dict())
        self.form = form

    def __deepcopy__(self, memo: dict[int, Any]) -> TypedForm:
        return TypedForm(self.form)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # another process may not have the type


class PartialAnswer:
    """An answer while it comes: each character is read once, however often one looks."""

    def __init__(self, form: Format) -> None:
        self._format = form
        self._json = PartialJSON("{[" if form.schema is None else "{")
        self._seen = 0

    def read(self, text: str) -> Any:
        """Return what the answer says so far.

        Args:
            text: All of the text until now; it has only grown since the last call.

        Returns:
            Decoded JSON, which is not checked yet; ``None`` before there is any. It is one object that grows from call to
            call: copy it to keep it. For the form ``"text"``, the text.
        """
        if self._format.type == "text":
            return text
        self._json.add(text[self._seen :])
        self._seen = len(text)
        value = self._json.value
        if self._format.member is None:
            return value
        return value.get(self._format.member) if isinstance(value, dict) else None


def format_of(wanted: Any, *, name: str | None = None, strict: bool | None = None) -> Format:
    """Make a form of anything that says one.

    Args:
        wanted: A type (see :func:`nbchat.tools.schema.schema_of`); a dict in the API's own form (``{"type": "json_schema",
            "json_schema": {…}}``, ``{"type": "json_object"}``), which is sent as it is; a JSON Schema as a dict; or a
            :class:`Format`.
        name: What the schema is called in the request; the type's own name by default.
        strict: Whether the server shall hold the model to the schema. By default where the schema can be said in the strict
            subset; ``True`` makes it an error where it can't.

    Raises:
        ConfigurationError: It says no form, or not a strict one.

    Example:
        >>> form = format_of(list[int])
        >>> form.to_dict()["json_schema"]["schema"]["properties"]
        {'items': {'type': 'array', 'items': {'type': 'integer'}}}
        >>> form.parse('{"items": [1, 2]}')
        [1, 2]
    """
    if isinstance(wanted, Format):
        return wanted
    if isinstance(wanted, TypedForm):
        return wanted.form
    if isinstance(wanted, Mapping):
        return _of_dict(wanted, name, strict)
    kind = kind_of(wanted)
    definitions = Definitions()
    inner = kind.schema(definitions)
    schema = definitions.root(inner)
    member = None
    if schema.get("type") != "object":
        member = "items" if schema.get("type") == "array" else "value"
        schema = definitions.root(
            {"type": "object", "properties": {member: inner}, "required": [member], "additionalProperties": False}
        )
    schema, strict = _held(schema, strict)
    return Format("json_schema", name or _name_of(wanted), schema, strict, member, kind)


def _of_dict(wanted: Mapping[str, Any], name: str | None, strict: bool | None) -> Format:
    form = wanted.get("type")
    if form not in _FORMS:
        if not wanted.keys() & {"type", "properties", "$ref", "anyOf", "enum", "const", "allOf", "oneOf"}:
            raise ConfigurationError(
                "A response_format is a type, a JSON Schema, or a dict like {'type': 'json_object'}.",
            )
        schema, strict = _held(dict(wanted), strict)
        return Format("json_schema", name or _plain_name(str(wanted.get("title", "answer"))), schema, strict)
    sent = copy.deepcopy(dict(wanted))
    if form != "json_schema":
        return Format(form, _sent=sent)
    inner = sent.get("json_schema")
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise ConfigurationError(
            "A response_format with a schema looks like "
            "{'type': 'json_schema', 'json_schema': {'name': …, 'schema': {…}, 'strict': True}}."
        )
    return Format(form, inner["name"], inner.get("schema"), inner.get("strict"), _sent=sent)


def _held(schema: dict[str, Any], strict: bool | None) -> tuple[dict[str, Any], bool]:
    """Return the schema to send, strict if that is wanted or can be."""
    if strict is False:
        return schema, False
    try:
        return strict_schema(schema), True
    except ConfigurationError:
        if strict:
            raise
    return schema, False


def _name_of(wanted: Any) -> str:
    name = getattr(wanted, "__name__", None)
    return _plain_name(name) if isinstance(wanted, type) and isinstance(name, str) else "answer"


def _plain_name(name: str) -> str:
    # The rule of the API for names of schemas is that for names of tools.
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", name).strip("_")[:64] or "answer"


def _decoded(text: str) -> Any:
    fenced = _FENCE.search(text)
    within = _BRACKETS.search(text)
    problem: ValueError | RecursionError | None = None
    for candidate in (text, fenced and fenced[1], within and within[0]):
        if not candidate:
            continue
        try:
            return without_surrogates(json.loads(candidate, strict=False))
        except (ValueError, RecursionError) as error:
            problem = error
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    raise AnswerFormatError(f"The answer is not JSON ({problem or 'it is empty'}): {shown!r}.", text=text)
