"""Tools: functions that a model may call, and those that it only hears of."""

from __future__ import annotations

import copy
import functools
import re
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, overload

import msgspec

from nbchat.errors import ConfigurationError
from nbchat.tools.arguments import read_arguments
from nbchat.tools.signature import Signature, signature_of
from nbchat.tools.strict import strict_schema

__all__ = ["Approval", "Settings", "Tool", "as_tool", "by_name", "tool"]

F = TypeVar("F")
# Whether a call has to be approved by a person: always, never, or as a function of the arguments says.
Approval = bool | Callable[[dict[str, Any]], bool]

# The API's rule for names (FunctionObject in its OpenAPI description: a-z, A-Z, 0-9, underscores and dashes, at most 64).
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST_NAME = 64
_MARK = "__nbchat_tool__"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a function is offered; ``None`` is what it would be without being told.

    Attributes:
        name: What the model calls it by.
        description: What it does, for the model.
        approve: Whether a person is asked before each call.
        strict: Whether the model is held to the schema, where the server can do that.
        timeout: Seconds after which a call has failed.
    """

    name: str | None = None
    description: str | None = None
    approve: Approval | None = None
    strict: bool | None = None
    timeout: float | None = None

    def over(self, others: Settings) -> Settings:
        """Return these settings, and where they say nothing, the *others*."""
        mine = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        return msgspec.structs.replace(others, **mine)


@dataclass(frozen=True, eq=False, repr=False)
class Tool:
    """What a model may call. Make one with :func:`as_tool`; calling it calls the function.

    Attributes:
        name: What the model calls it by.
        description: What it does, for the model.
        parameters: The JSON Schema of its arguments.
        function: What is called; ``None`` where the caller of the session answers (:attr:`declared`).
        strict: Whether the model is held to the schema, where the server can do that; ``None`` is not sent.
        approve: Whether a person is asked first: always, or when the function of the arguments says so.
        timeout: Seconds after which a call has failed; ``None`` for no limit of its own.
        given: A tool that is no function, in the API's own form or a server's, as it is sent; ``None`` for a function.
    """

    name: str
    description: str | None
    parameters: Mapping[str, Any]
    function: Callable[..., Any] | None = None
    strict: bool | None = None
    approve: Approval = False
    timeout: float | None = None
    given: Mapping[str, Any] | None = None
    _signature: Signature | None = field(default=None)

    @property
    def declared(self) -> bool:
        """Whether it has no function: the model hears of it, and the caller answers its calls."""
        return self.function is None

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in a request's ``tools``."""
        if self.given is not None:
            return copy.deepcopy(dict(self.given))
        function: dict[str, Any] = {"name": self.name}
        if self.description:
            function["description"] = self.description
        function["parameters"] = copy.deepcopy(dict(self.parameters))
        if self.strict is not None:
            function["strict"] = self.strict
        return {"type": "function", "function": function}

    def choice(self) -> dict[str, Any]:
        """Return what stands in a request's ``tool_choice`` where it is the one to be called."""
        kind = "function" if self.given is None else self.given["type"]
        return {"type": kind, kind: {"name": self.name}} if kind in ("function", "custom") else {"type": kind}

    def bind(self, arguments: str | dict[str, Any] | None) -> functools.partial[Any]:
        """Return the call that a model asks for, its arguments checked and converted.

        Raises:
            Misfit: The function can't be called like this; the text of the error tells the model why.
            TypeError: There is no function.
        """
        if self.function is None or self._signature is None:
            raise TypeError(f"{self.name} is declared only: there is no function to call.")
        bound = self._signature.bind(read_arguments(arguments))
        return functools.partial(self.function, *bound.args, **bound.kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, as Python code does: nothing is checked."""
        if self.function is None:
            raise TypeError(f"{self.name} is declared only: there is no function to call.")
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        names = ", ".join(self.parameters.get("properties", ()))
        return f"<Tool {self.name}({names}){', declared' * self.declared}{', asks first' * bool(self.approve)}>"


@overload
def tool(
    function: F,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    approve: Approval | None = None,
    strict: bool | None = None,
    timeout: float | None = None,
) -> F: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    approve: Approval | None = None,
    strict: bool | None = None,
    timeout: float | None = None,
) -> Callable[[F], F]: ...
def tool(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    approve: Approval | None = None,
    strict: bool | None = None,
    timeout: float | None = None,
) -> Any:
    """Say how a function is offered to models. As a decorator it leaves the function what it is.

    A function of Python's (also an async one, a generator, a static or class method, or a method in its class's body)
    carries the settings with it. What can't carry anything, a bound method or a builtin, comes back as a :class:`Tool`,
    which can be called like it.

    The function may return anything, and the person is shown it as it is. The model is told it as text: a text as it is, a
    table in Markdown, data as JSON, and an object with ``_repr_llm_()`` as that says; of more than 20,000 characters the
    first, with a note that there was more. Pictures and sounds go with the text, also up to 20 in a list or a dict.
    A coroutine is awaited, and what an iterator yields is collected until it is more than the model is told.

    Args:
        function: The function; left out in ``@tool(name=…)``.
        name: What the model calls it by, of at most 64 letters, digits, ``_`` and ``-``; the function's own by default.
        description: What it does, for the model; what the docstring says by default.
        approve: Whether a person is asked before each call, or a function that is given the arguments (a dict, as the model
            sent them) and says so.
        strict: Hold the model to the schema, on servers that do so.
        timeout: Seconds after which a call has failed.

    Raises:
        ConfigurationError: It can't be a tool.

    Example:
        >>> @tool(approve=True)
        ... def delete(path: str) -> None:
        ...     "Delete a file."
        >>> as_tool(delete).approve
        True
    """
    wanted = Settings(name=name, description=description, approve=approve, strict=strict, timeout=timeout)
    _check(wanted)

    def mark(thing: Any) -> Any:
        inner = thing.__func__ if isinstance(thing, staticmethod | classmethod) else thing
        if not isinstance(inner, types.FunctionType):
            return as_tool(thing, wanted)
        setattr(inner, _MARK, wanted.over(getattr(inner, _MARK, Settings())))
        return thing

    return mark if function is None else mark(function)


def as_tool(thing: Any, settings: Settings | None = None) -> Tool:
    """Make a tool of anything that can be one.

    Args:
        thing: A function, a bound method, a class, an object that can be called, a :func:`functools.partial`, a builtin with a
            signature; a :class:`Tool`; or a dict in the API's own form, ``{"type": "function", "function": {…}}`` or
            ``{"type": "custom", "custom": {…}}``, whose calls the caller answers. A dict of another type is a tool that the
            server has itself, such as ``{"type": "web_search"}``: it is sent as it is and goes by its type.
        settings: What counts over the thing's own settings.

    Raises:
        ConfigurationError: It can't be one; the error says why.

    Example:
        >>> def add(a: int, b: int = 0) -> int:
        ...     "Add two numbers."
        ...     return a + b
        >>> as_tool(add)
        <Tool add(a, b)>
    """
    wanted = settings or Settings()
    _check(wanted)
    if isinstance(thing, Tool):
        return _changed(thing, wanted)
    if isinstance(thing, Mapping):
        return _changed(_declared(thing), wanted)
    if not callable(thing):
        raise ConfigurationError(
            f"A {type(thing).__name__} can't be a tool.", hint="Give a function, or a dict in the API's own form."
        )
    wanted = wanted.over(_settings_of(thing))
    name = wanted.name or _name_of(thing)
    signature = signature_of(thing, name)
    return _changed(Tool(name, signature.description, signature.schema(), thing, _signature=signature), wanted)


def by_name(things: Iterable[Any]) -> dict[str, Tool]:
    """Return tools by their names.

    Raises:
        ConfigurationError: One can't be a tool, or two have the same name.
    """
    found: dict[str, Tool] = {}
    for thing in things:
        made = as_tool(thing)
        known = found.setdefault(made.name, made)
        if known is not made and (made.function is None or known.function != made.function):
            raise ConfigurationError(f"There are two tools called {made.name}.", hint="Give one of them another name.")
    return found


def _changed(made: Tool, wanted: Settings) -> Tool:
    if made.given is not None and wanted != Settings():
        raise ConfigurationError(f"{made.name} is sent as it was given.", hint="Say in its dict what it is to be.")
    changes = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    if changes.get("strict"):
        changes["parameters"] = strict_schema(dict(made.parameters))
    return replace(made, **changes) if changes else made


def _declared(given: Mapping[str, Any]) -> Tool:
    kind = given.get("type")
    function = given.get(kind) if kind in ("function", "custom") else {"name": kind}
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str):
        raise ConfigurationError(
            "A dict that is a tool looks like {'type': 'function', 'function': {'name': …, 'parameters': …}}."
        )
    _check(Settings(name=name))
    if kind != "function":
        return Tool(name, function.get("description"), {}, given=copy.deepcopy(dict(given)))
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(parameters, Mapping):
        raise ConfigurationError(f"The parameters of {name} have to be a JSON Schema, which is a dict.")
    return Tool(name, function.get("description"), copy.deepcopy(dict(parameters)), strict=function.get("strict"))


def _settings_of(thing: Any) -> Settings:
    # Of a method those of its function; of a partial those of what it calls.
    while isinstance(thing, functools.partial):
        thing = thing.func
    found = getattr(thing, _MARK, None)
    return found if isinstance(found, Settings) else Settings()


def _name_of(thing: Any) -> str:
    while isinstance(thing, functools.partial):
        thing = thing.func
    name = getattr(thing, "__name__", None) or type(thing).__name__
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", str(name)).strip("_")[:_LONGEST_NAME] or "tool"


def _check(settings: Settings) -> None:
    if settings.name is not None and not _NAME.fullmatch(settings.name):
        raise ConfigurationError(
            f"{settings.name!r} can't be the name of a tool.", hint="A name is 1 to 64 letters, digits, _ and -."
        )
    if settings.timeout is not None and not settings.timeout > 0:
        raise ConfigurationError(f"A tool can't have {settings.timeout} seconds.", hint="Give more than 0, or None.")
