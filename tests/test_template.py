"""{{expression}}: the value of an expression of the notebook, put in once."""

from __future__ import annotations

import base64
import json
import struct
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED

from nbchat.errors import ConfigurationError
from nbchat.jupyter import template
from nbchat.jupyter.template import describe, expand

NAMES: dict[str, Any] = {
    "x": 41,
    "name": "Ada",
    "sneaky": "{{x}} and }} and {{",
    "d": {"a": {"b": [1, {"c": 2}]}},
    "s": "}}",
    "f": lambda **given: given,
}


# ---- what is replaced, and what is not -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{x}}", "41"),
        ("{{ x + 1 }}", "42"),
        ("a{{x}}b{{x}}c", "a41b41c"),
        ("{{x}}{{x}}", "4141"),
        ("{{\n  x +\n  1\n}}", "42"),
        ("{{x  # the answer, nearly\n}}", "41"),
        ("{{name.upper()[0]}}", "A"),
        ("{{[n for n in range(3)]}}", "[0, 1, 2]"),
        ("{{[x for _ in range(2)]}}", "[41, 41]"),
        ("{{(lambda n: n + x)(1)}}", "42"),
        ("{{x if x else 0}}", "41"),
        ("{{len(name)}}", "3"),
        ("{{()}}", "()"),
        ("{{1, 2}}", "(1, 2)"),
        # braces of the expression itself, spaces or none
        ('{{ {"k": [x]}["k"][0] }}', "41"),
        ('{{{"k": [x]}["k"][0]}}', "41"),
        ("{{d['a']['b'][1]['c']}}", "2"),
        ("{{ {'a': {'b': {'c': 1}}} }}", "{'a': {'b': {'c': 1}}}"),
        ("{{{'a': {'b': {'c': 1}}}}}", "{'a': {'b': {'c': 1}}}"),
        ("{{f(a={1: {2: 3}})}}", "{'a': {1: {2: 3}}}"),
        ("{{ f'{x}' }}", "41"),
        ("{{ f'{x:>{5}}' }}", "   41"),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' }}", "{{"),
        ("{{{1, 2} & {2}}}", "{2}"),
        ("{{name}}}", "Ada}"),
        # what was put in is not looked at again
        ("{{sneaky}}", "{{x}} and }} and {{"),
        ("{{sneaky}}{{x}}", "{{x}} and }} and {{41"),
        ("{{s}}x{{s}}", "}}x}}"),
        # everything else arrives as typed
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 1}}}'),
        (r"\frac{1}{2} \sqrt{x^{2}}", r"\frac{1}{2} \sqrt{x^{2}}"),
        ('f"{x}" {x!r:>{w}}', 'f"{x}" {x!r:>{w}}'),
        ("$HOME %s {0} {} }} }", "$HOME %s {0} {} }} }"),
        ("{{", "{{"),
        ("}}", "}}"),
        ("{{}}", "{{}}"),
        ("{{ }} {{x}} {{\n}}", "{{ }} 41 {{\n}}"),
        ("a {{ b", "a {{ b"),
        ("a }} b {{", "a }} b {{"),
        ("{{ {{ {{", "{{ {{ {{"),
        ("{ {x} }", "{ {x} }"),
        ("", ""),
    ],
)
def test_what_is_replaced(source: str, expected: str):
    """Double braces hold an expression, however many braces of its own it has; all else arrives as typed."""
    assert expand(source, NAMES) == expected


@pytest.mark.parametrize(
    ("source", "named", "reason"),
    [
        ("{{nope}}", "{{nope}}", "NameError: name 'nope' is not defined"),
        ("{{ 1/0 }} {{x}}", "{{1/0}}", "ZeroDivisionError: division by zero"),
        ("{{x +}}", "{{x +}}", "SyntaxError"),
        ("{{x = 1}}", "{{x = 1}}", "SyntaxError"),
        ("{{import os}}", "{{import os}}", "SyntaxError"),
        ("{{#if x}}yes{{/if}}", "{{#if x}}", "SyntaxError: this is a comment"),
        ("{{ user.name }}", "{{user.name}}", "NameError: name 'user' is not defined"),
        ("{{d['nope']}}", "{{d['nope']}}", "KeyError: 'nope'"),
        ("{{int('many\\nlines')}}", "{{int('many\\nlines')}}", "ValueError"),
        ("{{'(' * 5 + }}", "{{'(' * 5 +}}", "SyntaxError"),
        ("{{" + "(" * 900 + "}}", "{{" + "(" * 900 + "}}", "SyntaxError"),
    ],
    ids=lambda value: str(value)[:16],
)
def test_an_expression_that_fails(source: str, named: str, reason: str):
    """A failing expression is one line that names it and says why, and nothing of the question is sent."""
    with pytest.raises(ConfigurationError) as caught:
        expand(source, NAMES)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith("Nothing was sent; --raw sends double braces as typed.")
    assert said.startswith(f"{named} can't be put in: {reason}")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_value_that_can_not_be_shown_fails_too():
    """An object whose own text, table or picture fails is told like an expression that fails."""

    class Broken:
        def __str__(self) -> str:
            raise ZeroDivisionError("no text")

    class BrokenModel:
        def _repr_llm_(self) -> str:
            raise ZeroDivisionError("no text")

    class BrokenTable:
        @property
        def columns(self) -> Any:
            raise ZeroDivisionError("no text")

    class BrokenFigure:
        def savefig(self, *_: Any, **__: Any) -> None:
            raise ZeroDivisionError("no text")

    for kind in (Broken, BrokenModel, BrokenTable, BrokenFigure):
        with pytest.raises(ConfigurationError, match=r"\{\{thing\}\} can't be put in: ZeroDivisionError: no text"):
            expand("{{thing}}", {"thing": kind()})


def test_the_notebook_is_left_alone():
    """Evaluating changes no variable and prints no warning, and an interrupt is not taken for a failure."""
    names = dict(NAMES)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert expand("{{(y := x) + y}} {{ }} {{[z for z in 'ab']}}", names) == "82 {{ }} ['a', 'b']"
    assert (names, warned) == (NAMES, [])

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        expand("{{interrupt()}}", {"interrupt": interrupt})


@UNHURRIED
@given(st.text(alphabet="{}x 1\"'#\n\\", max_size=30))
def test_any_braces_are_text_or_one_error(source: str):
    """Whatever is typed, the outcome is text or one kind of error; without double braces it is what was typed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            got = expand(source, NAMES)
        except ConfigurationError as error:
            got = str(error)
            failed = True
        else:
            failed = False
    if "{{" not in source:
        assert got == source
    assert not failed or "can't be put in" in got


@UNHURRIED
@given(st.text(max_size=50))
def test_values_arrive_as_they_are(value: str):
    """A text that is put in is in the question sign by sign, whatever signs it has."""
    assert expand("<{{value}}>", {"value": value}) == f"<{value}>"


@pytest.mark.parametrize(
    "source", ["{{" * 50_000, "}}" * 50_000, "{{ }}" * 20_000, "{" * 100_000, "{{x" * 30_000, "{{ {" * 30_000, '{"a": {"b": {}}} ' * 20_000]
)  # fmt: skip
def test_long_text_is_read_once(source: str, monkeypatch: pytest.MonkeyPatch):
    """A long question full of braces that close nothing is not tried as Python over and over."""
    tries: list[str] = []
    real = template._is_python
    monkeypatch.setattr(template, "_is_python", lambda text: tries.append(text) or real(text))
    assert expand(source, {}) == source
    assert tries == []


def test_a_failing_text_is_tried_within_a_page_only(monkeypatch: pytest.MonkeyPatch):
    """Where an expression never closes, what may be one is looked for within some 2,000 signs and no further."""
    tries: list[str] = []
    monkeypatch.setattr(template, "_is_python", lambda text: tries.append(text) or False)
    with pytest.raises(ConfigurationError):
        expand("{{( " + "x }}" * 100_000, {})
    assert len(tries) <= 500
    assert max(map(len, tries)) <= 2_000


# ---- tables --------------------------------------------------------------------------------------------------------


def table(value: Any) -> list[str]:
    """The lines of what a value becomes."""
    text = describe(value)
    assert isinstance(text, str)
    assert text.startswith("\n")
    assert text.endswith("\n")
    return text.strip("\n").split("\n")


def test_a_data_frame():
    """A DataFrame is a Markdown table with its index, and its shape below."""
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1 / 3]}, index=["u", "v"])
    assert table(frame) == [
        "|  | a | b |",
        "| --- | --- | --- |",
        "| u | 1 | 0.5 |",
        "| v | 2 | 0.333333 |",
        "",
        "(2 rows × 2 columns)",
    ]
    assert expand("Look:{{df}}Well?", {"df": frame}).startswith("Look:\n|  | a")


def test_a_large_frame_shows_its_beginning():
    """Of many rows and columns the first are shown, and it is said so."""
    lines = table(pd.DataFrame(np.zeros((1000, 60))))
    assert len(lines) == 2 + 20 + 2
    assert lines[0].count("|") == 1 + 1 + 30
    assert {line.count("|") for line in lines[:22]} == {32}
    assert lines[-1] == "(1000 rows × 60 columns; the first 20 rows shown; the first 30 columns shown)"


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (pd.DataFrame(), ["|  |", "| --- |", "", "(0 rows × 0 columns)"]),
        (pd.DataFrame({"a": []}), ["|  | a |", "| --- | --- |", "", "(0 rows × 1 columns)"]),
        (pd.DataFrame(index=[1]), ["|  |", "| --- |", "| 1 |", "", "(1 rows × 0 columns)"]),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            ["|  | a | a |", "| --- | --- | --- |", "| 0 | 1 | 2 |", "", "(1 rows × 2 columns)"],
        ),
        (
            pd.DataFrame({"a": [None, 1.0], "b": [pd.NaT, pd.Timestamp("2026-01-02")], "c": pd.array([pd.NA, 5], dtype="Int64")}),
            ["|  | a | b | c |", "| --- | --- | --- | --- |", "| 0 | nan | NaT | <NA> |", "| 1 | 1 | 2026-01-02 00:00:00 | 5 |", "", "(2 rows × 3 columns)"],
        ),
        (
            pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)])),
            ["|  | a |", "| --- | --- |", "| ('x', 1) | 1 |", "| ('y', 2) | 2 |", "", "(2 rows × 1 columns)"],
        ),
        (
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("x", "a"), ("x", "b")])),
            ["|  | ('x', 'a') | ('x', 'b') |", "| --- | --- | --- |", "| 0 | 1 | 2 |", "", "(1 rows × 2 columns)"],
        ),
        (
            pd.DataFrame({"a|b": ["c|d", "e\nf\r\n g"], 5: ["{{x}}", "\\|"]}),
            ["|  | a\\|b | 5 |", "| --- | --- | --- |", "| 0 | c\\|d | {{x}} |", "| 1 | e f g | \\\\| |", "", "(2 rows × 2 columns)"],
        ),
        (
            pd.DataFrame({f"c{i}": [i] for i in range(300)}).iloc[:, 295:],
            ["|  | c295 | c296 | c297 | c298 | c299 |", "| --- | --- | --- | --- | --- | --- |", "| 0 | 295 | 296 | 297 | 298 | 299 |", "", "(1 rows × 5 columns)"],
        ),
    ],
    ids=["nothing", "no rows", "no columns", "the same name twice", "missing", "index", "columns", "signs", "wide"],
)  # fmt: skip
def test_frames_of_all_kinds(frame: pd.DataFrame, expected: list[str]):
    """Empty frames, missing values, several levels, names twice and odd signs all become a table."""
    assert table(frame) == expected


def test_a_frame_of_three_hundred_columns():
    """A frame wider than Python lets a named tuple be is a table too."""
    assert table(pd.DataFrame(np.zeros((2, 300))))[-1] == "(2 rows × 300 columns; the first 30 columns shown)"


def test_a_series_and_an_index_are_tables():
    """A Series is a table of one column under its name; an Index too."""
    series = pd.Series([1, 2], index=["a", "b"], name="n")
    assert table(series)[:3] == ["|  | n |", "| --- | --- |", "| a | 1 |"]
    assert table(series)[-1] == "(2 rows × 1 columns)"
    assert table(pd.Series([1.5]))[0] == "|  | 0 |"
    assert table(pd.Index(["x"], name="i"))[0] == "|  | i |"
    assert table(series.to_frame().describe())[-1] == "(8 rows × 1 columns)"


class Polars:
    """What of polars' DataFrame counts here: columns, shape, head and rows, and no index."""

    def __init__(self, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        self.columns, self._rows = columns, rows
        self.shape = (len(rows), len(columns))

    def head(self, count: int) -> Polars:
        return Polars(self.columns, self._rows[:count])

    def rows(self) -> list[tuple[Any, ...]]:
        return self._rows


class PolarsSeries:
    def __init__(self, name: str, values: list[Any]) -> None:
        self.name, self.values = name, values

    def to_frame(self) -> Polars:
        return Polars([self.name], [(value,) for value in self.values])


def test_a_frame_without_an_index():
    """A frame of polars has no index and so no column for one."""
    assert table(Polars(["a", "b"], [(1, None), (2, 0.25)])) == [
        "| a | b |",
        "| --- | --- |",
        "| 1 | None |",
        "| 2 | 0.25 |",
        "",
        "(2 rows × 2 columns)",
    ]
    assert table(PolarsSeries("s", list(range(30))))[-1] == "(30 rows × 1 columns; the first 20 rows shown)"
    assert table(Polars([f"c{i}" for i in range(40)], [tuple(range(40))]))[2].count("|") == 31


@pytest.mark.parametrize(
    "value", [pd.DataFrame, pd, np.zeros((2, 2)), {"columns": [1]}, [1, 2], 3.14159265, None, b"x", type("T", (), {})]
)
def test_what_is_no_table_is_text(value: Any):
    """Classes, modules, arrays and everything else are their text."""
    assert describe(value) == str(value)


# ---- pictures ------------------------------------------------------------------------------------------------------


def picture(part: Any) -> bytes:
    """The bytes of an image part."""
    assert part["type"] == "image_url"
    head, _, data = part["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    return base64.b64decode(data)


def test_a_figure_is_an_image_part():
    """A figure of matplotlib becomes a PNG between the text before and the text after it."""
    figure_module = pytest.importorskip("matplotlib.figure")
    figure = figure_module.Figure(figsize=(1, 2), dpi=50)
    figure.subplots().plot([1, 2])
    before, image, after = expand("What is {{fig}} on {{x}}?", {"fig": figure, "x": "it"})
    assert (before, after) == ({"type": "text", "text": "What is "}, {"type": "text", "text": " on it?"})
    data = picture(image)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (50, 100)


class Picture:
    def __init__(self, data: Any) -> None:
        self.data = data

    def _repr_png_(self) -> Any:
        return self.data

    def __str__(self) -> str:
        return "a picture"


def test_what_shows_itself_as_png_is_a_picture():
    """An object that a notebook shows as PNG is an image part; one that has none after all is its text."""
    assert picture(describe(Picture(b"\x89PNG"))) == b"\x89PNG"
    assert describe(Picture(None)) == "a picture"
    assert describe(Picture) == str(Picture)


def test_parts_have_text_between_them():
    """Text between pictures is joined to one part; blanks alone are none."""
    names = {"p": Picture(b"1"), "q": Picture(b"2"), "x": 5}
    kinds = [part.get("text", part["type"]) for part in expand("{{p}} {{q}}\n{{x}} is {{x}}", names)]
    assert kinds == ["image_url", "image_url", "5 is 5"]
    assert expand("{{x}}", names) == "5"
    json.dumps(expand("{{p}}{{q}}", names))


# ---- objects that speak for themselves -----------------------------------------------------------------------------


class Spoken:
    def __init__(self, said: Any) -> None:
        self.said = said

    def _repr_llm_(self) -> Any:
        return self.said


@pytest.mark.parametrize(
    ("said", "expected"),
    [("as I like", "a as I like b"), (5, "a 5 b"), ("{{x}}", "a {{x}} b"), ({"type": "text", "text": "t"}, None), ({"no": "type"}, None)],
)  # fmt: skip
def test_an_object_says_how_it_is_read(said: Any, expected: str | None):
    """_repr_llm_ decides: its text is put in and never expanded again, a dict is a content part."""
    got = expand("a {{it}} b", {"it": Spoken(said)})
    if expected is None:
        assert said in got or "".join(part.get("text", "") for part in got) == "a t b"
    else:
        assert got == expected


def test_it_comes_before_a_table():
    """A frame that says itself how it is read is not made a table of."""

    class Frame(pd.DataFrame):
        def _repr_llm_(self) -> str:
            return "a frame of mine"

    assert describe(Frame({"a": [1]})) == "a frame of mine"
