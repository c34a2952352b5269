"""The fields of a request, each declared once.

A declaration makes the trait with its bounds, the magic's option, the slider and the member of the request. Bounds and
meanings are those of the API reference of Chat Completions. ``None``, the default of every field, is "not sent".
"""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

from traitlets import HasTraits, TraitError, TraitType

from nbchat.errors import ConfigurationError
from nbchat.tools.structured import TypedForm, format_of

__all__ = ["Field", "Parameters", "fields"]


class Field(TraitType[Any, Any]):
    """A request field: a trait that also knows how it is written on a command line and drawn as a control.

    Args:
        check: Returns the value to keep, or raises ``ValueError`` with what it must be.
        parse: Reads the value from text; ``ValueError`` where it can't be.
        help: What the field does, in one sentence.
        flag: A short option of the magic, such as ``"-t"``.
        control: How a panel draws it: ``slider``, ``number``, ``choice``, ``switch``, ``tags``, ``text`` or ``json``.
        bounds: The least and the greatest value, where there are such.
        step: The slider's step.
        choices: The values to choose from; others may exist.
    """

    def __init__(
        self,
        check: Callable[[Any], Any],
        parse: Callable[[str], Any],
        *,
        help: str,  # noqa: A002  traitlets' own name for it
        control: str,
        flag: str | None = None,
        bounds: tuple[float | None, float | None] = (None, None),
        step: float | None = None,
        choices: tuple[str, ...] = (),
    ) -> None:
        super().__init__(default_value=None, allow_none=True, help=help)
        self.check = check
        self.parse_text = parse
        self.flag = flag
        self.control = control
        self.bounds = bounds
        self.step = step
        self.choices = choices

    @property
    def option(self) -> str:
        """The field as an option of the magic.

        Example:
            >>> fields()["max_tokens"].option
            '--max-tokens'
        """
        return f"--{self.name.replace('_', '-')}" if self.name else ""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return *value* as it is kept, or raise ``TraitError`` with the field, the bounds and the value."""
        if value is None:
            return None
        try:
            return self.check(value)
        except ValueError as problem:
            reason = str(problem)
        raise TraitError(f"{self.name} must be {reason} (or None, which is not sent), not {value!r}.")

    def parse(self, text: str) -> Any:
        """Read the field's value from text, as on a magic's line; ``none`` is "not sent" where it is no value itself.

        Raises:
            TraitError: The text is not such a value, or it is out of bounds.

        Example:
            >>> fields()["temperature"].parse("0.2")
            0.2
        """
        if text.strip().lower() == "none" and "none" not in self.choices:
            return None
        try:
            value = self.parse_text(text)
        except ValueError:
            value = text
        return self.validate(None, value)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(text) from None


def _span(low: float | None, high: float | None) -> str:
    if high is None:
        return f"at least {low}" if low is not None else ""
    return f"between {low} and {high}"


def _number(
    low: float,
    high: float,
    step: float,
    help: str,  # noqa: A002
    flag: str | None = None,
) -> Field:
    def check(value: Any) -> float:
        number = None
        if isinstance(value, int | Real) and not isinstance(value, bool):
            # Numbers of NumPy and of pandas, which no encoder of JSON knows, become Python's own.
            number = value if isinstance(value, int) else float(value)
        if number is None or not low <= number <= high:
            raise ValueError(f"a number {_span(low, high)}")
        return number

    return Field(check, float, help=help, flag=flag, control="slider", bounds=(low, high), step=step)


def _integer(low: int | None, high: int | None, help: str, flag: str | None = None) -> Field:  # noqa: A002
    def check(value: Any) -> int:
        try:
            whole = int(value) if not isinstance(value, bool) and value == int(value) else None
        except (TypeError, ValueError, OverflowError):
            whole = None
        if whole is None or (low is not None and whole < low) or (high is not None and whole > high):
            raise ValueError(f"a whole number {_span(low, high)}".strip())
        return whole

    return Field(check, int, help=help, flag=flag, control="number", bounds=(low, high), step=1)


def _text(help: str, *choices: str, flag: str | None = None) -> Field:  # noqa: A002
    def check(value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"one of {', '.join(choices)}" if choices else "a text that is not empty")
        return str.__str__(value)

    return Field(check, str, help=help, flag=flag, control="choice" if choices else "text", choices=choices)


def _switch(help: str) -> Field:  # noqa: A002
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("true or false")  # noqa: TRY004  one kind of failure, told as TraitError
        return value

    def parse(text: str) -> bool:
        words = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.lower() not in words:
            raise ValueError(text)
        return words[text.lower()]

    return Field(check, parse, help=help, control="switch", choices=("true", "false"))


def _object(help: str, *choices: str, or_text: bool = False) -> Field:  # noqa: A002
    def check(value: Any) -> Any:
        if or_text and isinstance(value, str) and value:
            return value
        if not isinstance(value, Mapping):
            # A ValueError like the others: Field.validate makes one kind of failure of them all.
            raise ValueError("a text or a dict" if or_text else "a dict")  # noqa: TRY004
        try:
            # There and back: what the caller changes in it later is not what was set.
            return json.loads(json.dumps(dict(value), allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise ValueError("a dict that can be written as JSON") from None

    def parse(text: str) -> Any:
        if or_text and not text.lstrip().startswith("{"):
            return text
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return _literal(text)

    return Field(check, parse, help=help, control="json", choices=choices)


def _form(help: str) -> Field:  # noqa: A002
    plain = _object(help)

    def check(value: Any) -> Any:
        if isinstance(value, TypedForm):
            return value
        if isinstance(value, Mapping):
            return plain.check(value)
        try:
            return TypedForm(format_of(value))
        except ConfigurationError:
            raise ValueError("a dict, or a type whose values a model can write") from None

    return Field(check, plain.parse_text, help=help, control="json")


def _stop_sequences(help: str) -> Field:  # noqa: A002
    def check(value: Any) -> str | list[str]:
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list | tuple) and 1 <= len(value) <= 4 and all(isinstance(s, str) and s for s in value):
            return list(value)
        raise ValueError("a text or a list of 1 to 4 texts")

    def parse(text: str) -> str | list[str]:
        return _literal(text) if text.lstrip().startswith("[") else text

    return Field(check, parse, help=help, control="tags")


class Parameters(HasTraits):
    """The request fields of a session. Setting one to ``None`` takes it out of the request.

    Args:
        **values: Fields to set at once.

    Raises:
        TraitError: A value is out of bounds (the sentence names the field, the bounds and the value), or there is no
            such field.

    Example:
        >>> parameters = Parameters(temperature=0.2)
        >>> parameters.temperature = 3
        Traceback (most recent call last):
        ...
        traitlets.traitlets.TraitError: temperature must be a number between 0 and 2 (or None, which is not sent), not 3.
    """

    model = _text("Which model answers.", flag="-m")
    temperature = _number(0, 2, 0.05, "How freely the model chooses its words: 0 is nearly repeatable.", flag="-t")
    max_tokens = _integer(1, None, "The most tokens an answer may have.")
    max_completion_tokens = _integer(1, None, "The most tokens an answer may have, reasoning included.")
    top_p = _number(0, 1, 0.01, "Only the likeliest tokens that together have this probability are drawn from.")
    frequency_penalty = _number(-2, 2, 0.1, "Above 0, tokens become less likely the more often they were used.")
    presence_penalty = _number(-2, 2, 0.1, "Above 0, tokens that were used at all become less likely.")
    stop = _stop_sequences("Texts at which the answer ends; they are not part of it.")
    n = _integer(1, 128, "How many answers to give.", flag="-n")
    seed = _integer(None, None, "With the same seed and parameters, models that can answer the same.")
    logprobs = _switch("Whether to give the probability of each token.")
    top_logprobs = _integer(0, 20, "How many likely tokens to give at each position; needs logprobs.")
    tool_choice = _object(
        "Which tool to call: none, auto, required, or one named.", "none", "auto", "required", or_text=True
    )
    parallel_tool_calls = _switch("Whether the model may call several tools at once.")
    response_format = _form("The form of the answer, such as {'type': 'json_object'}, or a type.")
    reasoning_effort = _text("How long a reasoning model thinks.", "none", "minimal", "low", "medium", "high", "xhigh")
    verbosity = _text("How long the answer is.", "low", "medium", "high")
    user = _text("A stable name of the person who asks, for the provider's abuse checks.")
    service_tier = _text("How the provider schedules the request.", "auto", "default", "flex", "scale", "priority")
    extra_body = _object("Members merged into the request last, for what only one server knows.")

    def __init__(self, **values: Any) -> None:
        super().__init__()
        self.update(values)

    def __setattr__(self, name: str, value: Any) -> None:
        # A misspelt field would otherwise be an attribute that nothing ever sends.
        if not name.startswith("_") and not self.has_trait(name):
            raise AttributeError(f"there is no request field {name!r}; there are {', '.join(fields())}.")
        super().__setattr__(name, value)

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several fields, all or none.

        Raises:
            TraitError: A value is out of bounds or there is no such field; nothing is set then.
        """
        for name, value in self.checked(values).items():
            setattr(self, name, value)

    def replace(self, values: Mapping[str, Any]) -> None:
        """Set these fields and unset all others."""
        self.update({**dict.fromkeys(fields()), **values})

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return *values* as the fields would keep them.

        Raises:
            TraitError: A value is out of bounds, or there is no such field.
        """
        known = fields()
        for name in values:
            if name not in known:
                raise TraitError(f"there is no request field {name!r}; use extra_body for what only one server knows.")
        return {name: known[name].validate(None, value) for name, value in values.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are set, in the order they are declared."""
        values = {name: getattr(self, name) for name in fields()}
        return {name: copy.deepcopy(value) for name, value in values.items() if value is not None}

    def __repr__(self) -> str:
        return f"Parameters({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items())})"


def fields() -> dict[str, Field]:
    """Return every request field by name, in the order of declaration."""
    return {name: trait for name, trait in vars(Parameters).items() if isinstance(trait, Field)}
