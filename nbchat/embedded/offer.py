"""The functions that a request offers its model: read, checked, and made into a grammar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbchat.embedded.bounds import Limits
from nbchat.embedded.grammar import Grammar, Misfit, of_calls, term
from nbchat.embedded.refusal import Refusal

__all__ = ["Function", "Offer", "read_offer"]

# OpenAI's rule for names, and its limit for their number.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MOST_FUNCTIONS = 128
# How many calls an answer may have where it may have several. A small model does not know when it has made enough.
_MOST_CALLS, _MOST_OF_SMALL = 8, 3


@dataclass(frozen=True, slots=True)
class Function:
    """A function that the model may call.

    Attributes:
        name: Its name.
        description: What it does, or nothing.
        parameters: The JSON schema of its arguments, which are an object.
        place: Where the request tells of it.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    place: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What the model may call.

    Attributes:
        functions: At least one.
        needed: Whether it has to call one.
        most: How many calls an answer may have.
    """

    functions: tuple[Function, ...]
    needed: bool
    most: int

    def grammar(self, limits: Limits, otherwise: str | None = None) -> Grammar:
        """Return the grammar of answers.

        Args:
            limits: The bounds of arguments whose schemas have none.
            otherwise: The term of an answer that calls nothing, where that may not be any text.

        Raises:
            Refusal: A function's schema can't be used.
        """
        terms = {}
        for function in self.functions:
            try:
                terms[function.name] = term(function.parameters, limits)
            except Misfit as flaw:
                raise _misfit(function.name, function.place, str(flaw)) from None
        return of_calls(terms, self.most, otherwise, needed=self.needed)


def read_offer(asked: Mapping[str, Any], *, small: bool = False) -> Offer | None:
    """Return what a request offers the model to call, or ``None`` if that is nothing.

    Args:
        asked: The request.
        small: Whether the model calls once and the same again and again if it may, so that it may if asked for only.

    Raises:
        Refusal: ``tools``, ``tool_choice`` or ``parallel_tool_calls`` is malformed, or they do not fit together.

    Example:
        >>> tools = [{"type": "function", "function": {"name": "now"}}]
        >>> read_offer({"tools": tools, "tool_choice": "required"}).needed
        True
    """
    if asked.get("functions"):
        raise _wrong("functions", "functions is out of date: the embedded model takes tools.", "unsupported_parameter")
    functions = {function.name: function for function in _functions(asked.get("tools", []))}
    mode, names = _choice(asked.get("tool_choice", "auto" if functions else "none"))
    several = asked.get("parallel_tool_calls", not small)
    if not isinstance(several, bool):
        raise _wrong("parallel_tool_calls", f"parallel_tool_calls must be true or false, not {several!r}.")
    if mode == "required" and not functions:
        # OpenAI's own words, here and for names and schemas below.
        words = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise _wrong("tool_choice", words)
    for name in names or ():
        if name not in functions:
            raise _wrong("tool_choice", f"tool_choice must name one of the tools, and {name!r} is none of them.")
    if mode == "none" or not functions:
        return None
    chosen = tuple(functions[name] for name in names or functions)
    most = _MOST_OF_SMALL if small else _MOST_CALLS
    return Offer(chosen, needed=mode == "required", most=most if several else 1)


def _functions(tools: Any) -> list[Function]:
    if not isinstance(tools, list) or len(tools) > _MOST_FUNCTIONS:
        raise _wrong("tools", f"tools must be a list of at most {_MOST_FUNCTIONS} tools.")
    functions: list[Function] = []
    for at, tool in enumerate(tools):
        function = _function(tool, f"tools[{at}]")
        if any(function.name == other.name for other in functions):
            raise _wrong(f"{function.place}.name", f"Two of the tools are named {function.name!r}.")
        functions.append(function)
    return functions


def _function(tool: Any, place: str) -> Function:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind != "function":
        raise _wrong(f"{place}.type", f"{place}.type must be 'function', not {kind!r}.")
    place = f"{place}.function"
    told = tool.get("function")
    name = told.get("name") if isinstance(told, dict) else None
    if name is None:
        raise _wrong(f"{place}.name", f"Missing required parameter: '{place}.name'.", "missing_required_parameter")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        rule = f"Expected a string that matches the pattern '^{_NAME.pattern}$'."
        raise _wrong(f"{place}.name", f"Invalid '{place}.name': string does not match pattern. {rule}")
    description, parameters = told.get("description") or "", told.get("parameters") or {}
    if not isinstance(description, str):
        raise _wrong(f"{place}.description", f"{place}.description must be a string.")
    if not isinstance(parameters, dict) or parameters.get("type", "object") != "object":
        raise _misfit(name, place, "schema must be a JSON Schema of 'type: \"object\"'")
    # Without names of arguments there are none, and the model need not make some up.
    return Function(name, description, {"properties": {}, **parameters, "type": "object"}, place)


def _choice(choice: Any) -> tuple[str, list[str] | None]:
    """Return ``none``, ``auto`` or ``required``, and the names of the functions that it is about, if not of all."""
    if choice in ("none", "auto", "required"):
        return choice, None
    match choice:
        case {"type": "function", "function": {"name": str(name)}}:
            return "required", [name]
        case {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto" | "required" as mode, "tools": [_, *_] as tools},
        }:
            return mode, [name for tool in tools for name in _choice(tool)[1] or ()]
    raise _wrong(
        "tool_choice",
        "tool_choice must be 'none', 'auto', 'required' or an object that names a function or the allowed tools.",
    )


def _wrong(param: str, message: str, code: str = "invalid_value") -> Refusal:
    return Refusal(400, message, param=param, code=code)


def _misfit(name: str, place: str, flaw: str) -> Refusal:
    words = f"Invalid schema for function '{name}': {flaw}."
    return _wrong(f"{place}.parameters", words, "invalid_function_parameters")
