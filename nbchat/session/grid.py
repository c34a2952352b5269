"""What a sweep asks: every combination of what it was given several values of."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbchat.errors import ConfigurationError
from nbchat.session.parameters import Parameters
from nbchat.session.prompt import Prompt, attached_as_configured, question_of
from nbchat.tools.structured import format_of
from nbchat.wire.values import Value, plain

__all__ = ["Combination", "Grid"]


@dataclass(frozen=True)
class Combination:
    """One thing that a sweep asks.

    Attributes:
        prompt: The question as it was given.
        question: The question as a message.
        system: The system message; ``None`` for the session's.
        parameters: The request fields, those that are the same everywhere included.
        varied: What tells it from the others, by name: each field that a list was given for, and ``prompt``, ``system``
            and ``repeat`` where there are several.
    """

    prompt: Any
    question: Mapping[str, Any] = field(repr=False)
    system: str | None
    parameters: Mapping[str, Any]
    varied: Mapping[str, Any]


class Grid:
    """All combinations, in an order that the arguments alone decide: what was named last varies fastest.

    Args:
        prompt: The question, or a list of questions.
        system: The system message, or a list of them.
        attach: What goes with every question, as in :meth:`nbchat.session.session.Session.send`.
        repeat: How often each combination is asked.
        fields: Request fields, each a value or several: a list, tuple, range or array.

    Attributes:
        axes: The values of what varies, by name.
        combinations: What is asked, in order.
        remarks: What is to be said below each answer, of what was attached.

    Raises:
        ConfigurationError: A question or a system message is none, something can't be attached, or a list is empty.
        TraitError: A value is out of bounds, or there is no such field.

    Example:
        >>> grid = Grid("Name a colour.", fields={"temperature": [0, 1], "max_tokens": 5})
        >>> [combination.varied for combination in grid.combinations]
        [{'temperature': 0}, {'temperature': 1}]
    """

    def __init__(
        self,
        prompt: Prompt | Sequence[Prompt],
        *,
        system: str | Sequence[str | None] | None = None,
        attach: Any = (),
        repeat: int = 1,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        if type(repeat) is not int or repeat < 1:
            raise ConfigurationError(f"repeat is how often to ask the same, at least 1, not {repeat!r}.")
        attached = attached_as_configured(attach)
        fields = fields or {}
        given = {
            "prompt": ([prompt], False) if _is_one_question(prompt) else _spread(prompt),
            "system": _spread(system),
            **{name: _spread(value) for name, value in fields.items()},
            "repeat": (list(range(repeat)), repeat > 1),
        }
        for name, (values, _) in given.items():
            if not values:
                raise ConfigurationError(f"There are no values of {name}.", hint="Give at least one, or leave it out.")
        for name in fields:
            given[name] = ([_checked(name, value) for value in given[name][0]], given[name][1])
        if not all(text is None or isinstance(text, str) for text in given["system"][0]):
            raise ConfigurationError("system is a text, or a list of texts.")
        self.axes = {name: values for name, (values, listed) in given.items() if listed}
        self.remarks = tuple(attached.notes)
        self.combinations = [
            Combination(
                prompt=chosen["prompt"],
                question=question_of(chosen["prompt"], attached.parts),
                system=chosen["system"],
                parameters={name: chosen[name] for name in fields},
                varied={name: chosen[name] for name in self.axes},
            )
            for row in itertools.product(*(values for values, _ in given.values()))
            for chosen in [dict(zip(given, row, strict=True))]
        ]


def _spread(value: Any) -> tuple[list[Any], bool]:
    """Return the values, and whether they came as several. Arrays become lists; texts and dicts are single values."""
    if not isinstance(value, type) and hasattr(value, "tolist"):
        value = value.tolist()
    return (list(value), True) if isinstance(value, list | tuple | range) else ([value], False)


def _is_one_question(prompt: Any) -> bool:
    """Whether it is a single question, be it as a list of content parts."""
    return not isinstance(prompt, list | tuple) or (
        bool(prompt) and all(isinstance(part, Mapping | Value) and "type" in plain(part) for part in prompt)
    )


def _checked(name: str, value: Any) -> Any:
    """Return a field's value as it is asked with."""
    if name == "response_format" and value is not None:
        Parameters.checked({name: format_of(value).to_dict()})
        return value  # a type stays one: the session makes its schema, and reads the answer with it
    return Parameters.checked({name: value})[name]
