"""The arguments of a function: their schema, and how what a model sends is bound to them."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from nbchat.errors import ConfigurationError
from nbchat.tools.annotations import kind_of
from nbchat.tools.definitions import Definitions
from nbchat.tools.docstrings import Docstring, read_docstring
from nbchat.tools.kinds import Anything, Kind, Listing
from nbchat.tools.misfits import Problems
from nbchat.tools.records import MISSING, Member, Members, own_docstring

__all__ = ["Signature", "signature_of"]

_TYPES_OF_DEFAULTS = (str, bool, int, float)


class Signature:
    """What a function can be called with.

    ``*args`` is an array under its own name, ``**kwargs`` any further members of the object, and an argument that can only
    be given by its position is given by its name like the others.

    Args:
        signature: The signature, as Python has it.
        kinds: The kind of each argument, by its name.
        docstring: What the function's docstring says.
        fills: What gives an argument that is left out, where the function's own default is not the value.
    """

    def __init__(
        self,
        signature: inspect.Signature,
        kinds: Mapping[str, Kind],
        docstring: Docstring,
        fills: Mapping[str, Callable[[], Any]] = types.MappingProxyType({}),
    ) -> None:
        self.description = docstring.description
        self._signature = signature
        self._fills = fills
        self._rest: Kind | None = None
        members = []
        for name, parameter in signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                self._rest = kinds[name]
                continue
            many = parameter.kind is parameter.VAR_POSITIONAL
            members.append(
                Member(
                    name,
                    Listing(kinds[name], tuple, {}) if many else kinds[name],
                    name,
                    docstring.members.get(name),
                    MISSING if parameter.default is parameter.empty else parameter.default,
                    not many and parameter.default is parameter.empty,
                )
            )
        self._members = Members(members)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments, which are one object."""
        definitions = Definitions()
        schema = self._members.schema(definitions)
        rest = True if self._rest is None else self._rest.schema(definitions) or True
        return definitions.root({**schema, "additionalProperties": False if self._rest is None else rest})

    def bind(self, given: Mapping[str, Any]) -> inspect.BoundArguments:
        """Turn what a model sends into arguments: ``function(*bound.args, **bound.kwargs)``.

        Raises:
            Misfit: It can't be called with these; what is wrong with each is said.
        """
        problems = Problems()
        values = self._members.read(given, problems)
        names = [member.written for member in self._members.all]
        rest = {name: value for name, value in given.items() if name not in names}
        if self._rest is not None:
            further = {}
            for name, value in rest.items():
                with problems.at(name):
                    further[name] = self._rest.read(value)
            values |= {self._rest_name: further} if further else {}
        elif rest:
            known = f"they are {', '.join(names)}" if names else "there are none"
            problems.add(f"no such argument{'s' * (len(rest) > 1)}: {', '.join(rest)} ({known})")
        problems.check()
        values = {name: fill() for name, fill in self._fills.items() if name not in values} | values
        bound = inspect.BoundArguments(self._signature, values)
        if self._by_position:
            # What stands before a value that is given by its position has to be given too.
            bound.apply_defaults()
        return bound

    @functools.cached_property
    def _by_position(self) -> bool:
        by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
        return any(parameter.kind in by_position for parameter in self._signature.parameters.values())

    @functools.cached_property
    def _rest_name(self) -> str:
        return list(self._signature.parameters)[-1]


def signature_of(function: Callable[..., Any], name: str) -> Signature:
    """Read what a function can be called with.

    Args:
        function: Anything that can be called and has a signature. What :func:`functools.partial` binds by name is not
            offered to the model, and ``self`` of a bound method is not either.
        name: What it is called in an error.

    Raises:
        ConfigurationError: It has no signature, or a model can't write one of its arguments.
    """
    try:
        signature = inspect.signature(function)
    except NameError as problem:  # from Python 3.14 on annotations are evaluated here
        raise _unreadable(name, problem) from None
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{name} can't be a tool: Python does not know its arguments.", hint="Wrap it in a function of your own."
        ) from None
    bound = function.keywords if isinstance(function, functools.partial) else {}
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name not in bound]
    source = _source(function)
    first = parameters[0] if parameters else None
    if source is function and first is not None and first.name == "self" and first.annotation is first.empty:
        raise ConfigurationError(
            f"{name} is a method of a class, with nobody to call it on.", hint="Give the method of an object."
        )
    hints = _hints(source, parameters, name)
    fills: dict[str, Callable[[], Any]] = {}
    for at, parameter in enumerate(parameters):
        if _is_field(parameter.default):
            field = parameter.default
            hints[parameter.name] = typing.Annotated[hints.get(parameter.name, Any), field]
            default = parameter.empty
            if not field.is_required():
                default = field.get_default(call_default_factory=True)
                fills[parameter.name] = functools.partial(field.get_default, call_default_factory=True)
            parameters[at] = parameter.replace(default=default)
    kinds = {}
    for parameter in parameters:
        try:
            kinds[parameter.name] = _kind(hints.get(parameter.name, parameter.empty), parameter.default)
        except ConfigurationError as problem:
            raise ConfigurationError(
                f"The argument {parameter.name} of {name}: {problem.message}", hint=problem.hint
            ) from None
    docstring = read_docstring(_doc(function, source), [parameter.name for parameter in parameters])
    # Not checked: an argument that pydantic wants may follow one that has a default.
    return Signature(inspect.Signature(parameters, __validate_parameters__=False), kinds, docstring, fills)


def _is_field(default: Any) -> bool:
    """Whether a default is pydantic's ``Field(…)``, which tells of the argument and holds its default: FastMCP's way."""
    kind = type(default)
    return kind.__name__ == "FieldInfo" and kind.__module__.startswith("pydantic.")


def _source(function: Any) -> Any:
    """Return the function that has the annotations and the docstring."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            function = function.__func__
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        else:
            break
    if isinstance(function, type):
        return inspect.getattr_static(function, "__init__")
    if isinstance(function, types.FunctionType | types.BuiltinFunctionType):
        return function
    return getattr(function.__call__, "__func__", function)


def _doc(function: Any, source: Any) -> str | None:
    while isinstance(function, functools.partial):  # whose own docstring tells of partial
        function = function.func
    if isinstance(function, type):
        return own_docstring(function)
    # That of an object is its class's, where its __call__ has none.
    return getattr(source, "__doc__", None) or inspect.getdoc(function)


def _hints(source: Any, parameters: list[inspect.Parameter], name: str) -> dict[str, Any]:
    """Return the types of the arguments, those that are written as text looked up where the function was written."""
    annotations = {p.name: p.annotation for p in parameters if p.annotation is not p.empty}

    # Only of the arguments: what a function returns may name what is imported for type checkers only.
    def holder() -> None: ...

    holder.__annotations__ = annotations
    try:
        return typing.get_type_hints(
            holder, globalns=getattr(source, "__globals__", {}), localns=_enclosed(source), include_extras=True
        )
    except (NameError, SyntaxError, TypeError, AttributeError) as problem:
        raise _unreadable(name, problem) from None


def _unreadable(name: str, problem: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The annotations of {name} can't be read: {problem}.", hint="They have to name what exists."
    )


def _enclosed(source: Any) -> dict[str, Any]:
    """Return the variables that a function takes from around it, and those of its own types (``def f[T]``)."""
    variables = {variable.__name__: variable for variable in getattr(source, "__type_params__", ())}
    if isinstance(source, types.FunctionType):
        for cell_name, cell in zip(source.__code__.co_freevars, source.__closure__ or (), strict=True):
            try:
                variables[cell_name] = cell.cell_contents
            except ValueError:  # not set yet
                continue
    return variables


def _kind(hint: Any, default: Any) -> Kind:
    if hint is not inspect.Parameter.empty:
        return kind_of(hint)
    # A default tells the type where nothing else does.
    return kind_of(type(default)) if type(default) in _TYPES_OF_DEFAULTS else Anything()
