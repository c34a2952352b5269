"""What a sweep asks: which combinations, in which order, and what is refused before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

from nbchat.errors import ConfigurationError
from nbchat.session.grid import Grid


def varied(*args: Any, **options: Any) -> list[dict[str, Any]]:
    return [dict(combination.varied) for combination in Grid(*args, **options).combinations]


def test_every_combination_in_the_order_of_the_arguments():
    """What was named last varies fastest, what has one value is no axis, and the same arguments give the same."""
    fields = {"temperature": [0, 1.5], "max_tokens": 5, "model": ("a", "b")}
    grid = Grid("Hi", fields=fields)
    assert [dict(one.varied) for one in grid.combinations] == [
        {"temperature": 0, "model": "a"},
        {"temperature": 0, "model": "b"},
        {"temperature": 1.5, "model": "a"},
        {"temperature": 1.5, "model": "b"},
    ]
    assert grid.axes == {"temperature": [0, 1.5], "model": ["a", "b"]}
    assert dict(grid.combinations[2].parameters) == {"temperature": 1.5, "max_tokens": 5, "model": "a"}
    assert grid.combinations == Grid("Hi", fields=fields).combinations


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ([0, 1], [0, 1]),
        ((0, 1), [0, 1]),
        (range(2), [0, 1]),
        (np.linspace(0, 1, 3), [0.0, 0.5, 1.0]),
        (pd.Series([0, 1]), [0, 1]),
        ([None, 1], [None, 1]),
        ([0.5], [0.5]),
    ],
)
def test_several_values(given: Any, values: list[Any]):
    """Lists, tuples, ranges and arrays are several values, of Python's own kinds; None among them is not sent."""
    assert varied("Hi", fields={"temperature": given}) == [{"temperature": value} for value in values]


@pytest.mark.parametrize("given", [0.5, np.float64(0.5), None])
def test_one_value(given: Any):
    """Anything else is one value, which all have."""
    (only,) = Grid("Hi", fields={"temperature": given}).combinations
    assert (only.varied, only.parameters) == ({}, {"temperature": given})


def test_fields_that_are_lists_or_dicts():
    """A field that is a list itself takes a list of such; a dict is one value."""
    assert varied("Hi", fields={"stop": [["a", "b"], "c"]}) == [{"stop": ["a", "b"]}, {"stop": "c"}]
    bodies = [{"top_k": 1}, {"top_k": 2}]
    assert [row["extra_body"] for row in varied("Hi", fields={"extra_body": bodies})] == bodies
    assert varied("Hi", fields={"extra_body": bodies[0]}) == [{}]


@dataclass
class City:
    name: str


def test_types_to_answer_in():
    """A type for response_format stays one, also a list of a class, and is no list of values."""
    for wanted in (City, list[City], {"type": "json_object"}):
        (only,) = Grid("Hi", fields={"response_format": wanted}).combinations
        assert only.parameters == {"response_format": wanted}
    assert [row["response_format"] for row in varied("Hi", fields={"response_format": [City, None]})] == [City, None]


def test_questions_and_system_messages():
    """There may be several of both; a list of content parts is one question."""
    assert varied(["a", "b"], system=["x", None]) == [
        {"prompt": "a", "system": "x"},
        {"prompt": "a", "system": None},
        {"prompt": "b", "system": "x"},
        {"prompt": "b", "system": None},
    ]
    parts = [{"type": "text", "text": "a"}]
    assert [one.question["content"] for one in Grid(parts).combinations] == [parts]
    both = Grid([parts, {"role": "user", "content": "b"}], attach=b"data,more\n1,2\n")
    assert [one.question["content"][0] for one in both.combinations] == [*parts, {"type": "text", "text": "b"}]
    assert all(len(one.question["content"]) > 1 for one in both.combinations)


def test_the_same_again():
    """What is to be asked several times is numbered, after all else."""
    assert varied("Hi", repeat=2, fields={"seed": [3, 4]}) == [
        {"seed": 3, "repeat": 0},
        {"seed": 3, "repeat": 1},
        {"seed": 4, "repeat": 0},
        {"seed": 4, "repeat": 1},
    ]
    assert varied("Hi", repeat=1) == [{}]


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"fields": {"temperature": [0, 3]}}, TraitError, "temperature must be a number between 0 and 2"),
        ({"fields": {"temprature": [0]}}, TraitError, "no request field 'temprature'"),
        ({"fields": {"temperature": []}}, ConfigurationError, "no values of temperature"),
        ({"fields": {"response_format": [5]}}, ConfigurationError, "5"),
        ({"system": [1]}, ConfigurationError, "system is a text"),
        ({"repeat": 0}, ConfigurationError, "at least 1, not 0"),
        ({"repeat": 1.5}, ConfigurationError, "at least 1, not 1.5"),
        ({"prompt": []}, ConfigurationError, "no values of prompt"),
        ({"prompt": ["a", ""]}, ConfigurationError, "empty"),
        ({"prompt": 5}, ConfigurationError, "A question is text"),
    ],
)
def test_what_is_refused(options: dict[str, Any], kind: type[Exception], said: str):
    """What can't be asked is told at once, in one sentence that names it."""
    with pytest.raises(kind, match=said):
        Grid(**{"prompt": "Hi", **options})
