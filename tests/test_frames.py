"""Tables of pandas, polars and Arrow as compact Markdown."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED

from nbchat.attachments.frames import table
from nbchat.attachments.limits import Limits
from nbchat.wire.tokens import text_tokens

FIXTURES = Path(__file__).parent / "fixtures" / "tables.json"


def lines(value: Any, tokens: int = 2000) -> list[str]:
    """The lines of what a table becomes."""
    text = table(value, Limits(table_tokens=tokens))
    assert text is not None
    assert text.startswith("\n\n")
    assert text.endswith(("|\n", " 0 columns.\n"))
    return text.strip("\n").split("\n")


def rows(value: Any, tokens: int = 2000) -> list[list[str]]:
    """The cells of the rows that are shown."""
    return [[cell.strip() for cell in line[1:-1].split(" | ")] for line in lines(value, tokens)[4:]]


@pytest.mark.parametrize("example", json.loads(FIXTURES.read_text("utf-8")), ids=lambda example: example["said"])
def test_the_panel_reads_what_is_written_here(example: dict[str, Any]):
    """A table is what the panel's reader of tables is tested with (js/tests/table.test.ts): bars, breaks, marks and all."""
    frame = pd.DataFrame(example["data"]).convert_dtypes()
    assert table(frame.set_index(example["index"]) if "index" in example else frame) == example["text"]


def test_a_small_frame_is_shown_whole():
    """What it is, how large, and that digits are left out stands above; each column has its type, each row its label."""
    assert lines(pd.DataFrame({"a": [1, 2], "b": [0.5, 1 / 3]}, index=["u", "v"])) == [
        "pandas DataFrame, 2 rows × 2 columns; numbers rounded to 6 digits or to whole ones:",
        "",
        "|  | a (int64) | b (float64) |",
        "| --- | --- | --- |",
        "| u | 1 | 0.5 |",
        "| v | 2 | 0.333333 |",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pl.DataFrame({"a": [1, None], "b": ["x", "y"]}),
         ["polars DataFrame, 2 rows × 2 columns:", "", "| a (Int64) | b (String) |", "| --- | --- |", "| 1 | x |", "| None | y |"]),
        (pl.Series("s", [1.5]), ["polars Series, 1 row × 1 column:", "", "| s (Float64) |", "| --- |", "| 1.5 |"]),
        (pa.table([[1], [2]], names=["a", "a"]),
         ["Arrow Table, 1 row × 2 columns:", "", "| a (int64) | a (int64) |", "| --- | --- |", "| 1 | 2 |"]),
        (pa.record_batch({"a": ["x"]}), ["Arrow RecordBatch, 1 row × 1 column:", "", "| a (string) |", "| --- |", "| x |"]),
        (pa.chunked_array([[1], [2]]), ["Arrow ChunkedArray, 2 rows × 1 column:", "", "|  (int64) |", "| --- |", "| 1 |", "| 2 |"]),
        (pd.Series([1], index=["u"], name="n"),
         ["pandas Series, 1 row × 1 column:", "", "|  | n (int64) |", "| --- | --- |", "| u | 1 |"]),
        (pd.Index([7], name="i"), ["pandas Index, 1 row × 1 column:", "", "| i (int64) |", "| --- |", "| 7 |"]),
        (pl.DataFrame(), ["polars DataFrame, 0 rows × 0 columns."]),
        (pa.table({}), ["Arrow Table, 0 rows × 0 columns."]),
        (pd.DataFrame(), ["pandas DataFrame, 0 rows × 0 columns."]),
        (pl.DataFrame({"a": []}), ["polars DataFrame, 0 rows × 1 column:", "", "| a (Null) |", "| --- |"]),
    ],
    ids=["polars", "polars series", "arrow", "batch", "column", "series", "index",
         "polars nothing", "arrow nothing", "pandas nothing", "no rows"],
)  # fmt: skip
def test_tables_of_everybody(value: Any, expected: list[str]):
    """Frames, series and columns of the three libraries are told alike."""
    assert lines(value) == expected


@pytest.mark.parametrize(
    ("frame", "shape", "shown"),
    [
        (pd.DataFrame({"a": []}), "0 rows × 1 column", []),
        (pd.DataFrame(index=[1]), "1 row × 0 columns", [["1"]]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "1 row × 2 columns", [["0", "1", "2"]]),
        (pd.DataFrame({"a": [None, 1.0], "b": [pd.NaT, pd.Timestamp("2026-01-02")], "c": pd.array([pd.NA, 5], dtype="Int64")}),
         "2 rows × 3 columns", [["0", "nan", "NaT", "<NA>"], ["1", "1", "2026-01-02 00:00:00", "5"]]),
        (pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 1)])), "1 row × 1 column", [["x", "1", "1"]]),
        (pd.DataFrame({"a|b": ["c|d", "e\nf\r\n g"], 5: ["{{x}}", "\\|"]}), "2 rows × 2 columns",
         [["0", "c\\|d", "{{x}}"], ["1", "e f g", "\\\\|"]]),
        (pd.DataFrame({"a": ["x" * 5000]}), "1 row × 1 column", [["0", "x" * 120 + "…"]]),
    ],
    ids=["no rows", "no columns", "the same name twice", "missing", "levels", "signs", "long"],
)  # fmt: skip
def test_frames_of_all_kinds(frame: pd.DataFrame, shape: str, shown: list[list[str]]):
    """Empty frames, missing values, several levels, names twice, odd signs and long texts all become a table."""
    assert lines(frame)[0] == f"pandas DataFrame, {shape}:"
    assert rows(frame) == shown


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2748109.0, "2748109"),
        (20240115.0, "20240115"),
        (1234567.89, "1234567.89"),
        (2.0**53 - 1, "9007199254740991"),
        (1.5, "1.5"),
        (-0.0, "0"),
        (1e-9, "1e-09"),
        (1e300, "1e+300"),
        (2.0**60, "1.152921504606847e+18"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_is_what_it_is(number: float, text: str):
    """A whole number is written as one though its column holds floats, and none that fits its cell loses a digit."""
    head, *_ = lines(pd.DataFrame({"n": [number, None]}))
    assert rows(pd.DataFrame({"n": [number, None]})) == [["0", text], ["1", "nan"]]
    assert head == "pandas DataFrame, 2 rows × 1 column:"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_never_far_from_what_it_is(number: float):
    """Of any number at least six digits and all before the point stand there, and what is left out is said once."""
    head, *_ = lines(pd.DataFrame({"n": [number, number]}))
    shown = float(rows(pd.DataFrame({"n": [number]}))[0][1])
    assert abs(shown - number) <= min(0.5, abs(number) * 5e-6)
    assert ("; numbers rounded to 6 digits or to whole ones:" in head) == (shown != number)


def test_it_is_said_what_rows_and_columns_are():
    """The names of an index stand above it, level by level, and several levels of columns are one name that reads."""
    sold = pd.DataFrame({"city": ["Rome", "Rome"], "year": [2025, 2026], "sold": [3, 4]})
    assert lines(sold.groupby("city")[["sold"]].sum())[2:] == [
        "| city (index) | sold (int64) |", "| --- | --- |", "| Rome | 7 |",
    ]  # fmt: skip
    assert lines(sold.set_index(["city", "year"]))[2:] == [
        "| city (index) | year (index) | sold (int64) |", "| --- | --- | --- |", "| Rome | 2025 | 3 |", "| Rome | 2026 | 4 |",
    ]  # fmt: skip
    assert lines(sold.pivot_table(index="city", columns="year", values=["sold"], aggfunc="sum")) == [
        "pandas DataFrame, 1 row × 2 columns; the columns are by year:", "",
        "| city (index) | sold / 2025 (int64) | sold / 2026 (int64) |", "| --- | --- | --- |", "| Rome | 3 | 4 |",
    ]  # fmt: skip


def test_a_styled_frame_is_what_its_style_leaves_to_see():
    """A Styler is the table of its frame, without the rows and columns that it hides."""
    frame = pd.DataFrame({"a": [1, 2], "secret": [3, 4]})
    assert lines(frame.style) == lines(frame)
    assert rows(frame.style.hide(["secret"], axis=1).hide([0])) == [["1", "2"]]


def test_of_a_long_frame_both_ends_are_shown():
    """Of many rows the first and the last are shown, two to one, each once and in order, and it is said how many."""
    frame = pd.DataFrame({"n": range(1000)})
    head, *_ = lines(frame, 200)
    labels = [int(row[0]) for row in rows(frame, 200)]
    assert labels == sorted(set(labels))
    first = [label for label in labels if label < 500]
    last = [label for label in labels if label >= 500]
    assert (first[0], last[-1]) == (0, 999)
    assert (len(first), len(last)) == (first[-1] + 1, 1000 - last[0])
    assert len(last) <= len(first) / 2 <= len(last) + 2
    assert head == (
        f"pandas DataFrame, 1,000 rows × 1 column; the first {len(first)} and the last {len(last)} rows shown:"
    )


def test_of_a_wide_frame_the_first_columns_are_shown():
    """Columns for which there is no room are named, as far as there is room for that."""
    frame = pd.DataFrame(np.zeros((50, 300)), columns=[f"column{number}" for number in range(300)])
    head, _, names, *_ = lines(frame)
    width = names.count("(float64)")
    assert 20 < width < 250
    assert f"the first {width} columns shown, and not column{width}, column{width + 1}, " in head
    assert head.endswith(", …:")
    assert len(rows(frame)) >= 5


@UNHURRIED
@given(st.integers(0, 300), st.integers(1, 80), st.integers(1, 3000), st.sampled_from(["", "x" * 30, "{{x}}|\n", "👋"]))
def test_it_fits_the_budget(height: int, width: int, tokens: int, text: str):
    """Whatever the shape, the table is as long as allowed, but for what names the rest and one row that always stands."""
    frame = pl.DataFrame({f"c{number}": [f"{text}{row}" for row in range(height)] for number in range(width)})
    written = table(frame, Limits(table_tokens=tokens))
    assert written is not None
    assert text_tokens(written) <= tokens + 250
    assert len(rows(frame, tokens)) >= min(height, 1)


@pytest.mark.parametrize("tokens", [1, 50, 500])
def test_a_budget_for_nothing_still_shows_something(tokens: int):
    """However small the budget, one row of one column stands there, and the shape."""
    head, _, _, _, *shown = lines(pd.DataFrame(np.zeros((1000, 1000))), tokens)
    assert "1,000 rows × 1,000 columns" in head
    assert shown[0].startswith("| 0 | 0 |")


def test_a_huge_frame_costs_what_a_small_one_does():
    """Of 50 million rows and of 100,000 columns no more is touched than is shown."""
    began = time.perf_counter()
    assert "50,000,000 rows" in lines(pd.DataFrame({"a": np.zeros(50_000_000, "int8")}))[0]
    assert "50,000,000 rows" in lines(pa.table({"a": np.zeros(50_000_000, "int8")}))[0]
    assert "100,000 columns" in lines(pd.DataFrame(np.zeros((10, 100_000))))[0]
    assert time.perf_counter() - began < 5


def test_subclasses_are_tables_too():
    """A frame of a class of the user's own is a frame."""

    class Mine(pd.DataFrame):
        pass

    assert lines(Mine({"a": [1]}))[0].startswith("pandas DataFrame")


@pytest.mark.parametrize("value", [pd.DataFrame, pd, np.zeros((2, 2)), {"columns": [1]}, [[1]], None, "x"])
def test_what_is_no_table(value: Any):
    """Classes, modules, arrays, dicts and lists are none."""
    assert table(value) is None


def test_nobody_is_imported():
    """Asking whether something is a table imports none of the three libraries."""
    script = (
        "import sys; from nbchat.attachments.attach import parts_of; parts_of({'a': 1}); "
        "print(sorted({'pandas', 'polars', 'pyarrow', 'numpy', 'PIL', 'matplotlib', 'plotly', 'altair'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
