"""Tables of pandas, polars and Arrow as compact Markdown: their shape, the columns with their types, and some rows.

Whatever the table's size, no more of it is touched than is shown: a table of a billion rows costs what one of a hundred does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nbchat.attachments.kinds import is_a
from nbchat.attachments.limits import DEFAULT, Limits
from nbchat.wire.tokens import CHARACTERS

__all__ = ["table"]

# Of each end of a table so many rows are looked at, and of a cell or a name so many characters are shown.
_MOST_ROWS, _MOST_TEXT = 50, 120
# Every column has to be worth its place: so many rows are wanted before a further column is.
_WANTED_ROWS = 5
# What a cell costs beside its text, in characters, and the rule below the head of a column.
_BORDER, _RULE = 3, 6
# A number is written in full if that takes no more characters, as an amount of money does; else with so many digits, and all
# of those before its point. From this size on a float may stand for another whole number: it is written as the float it is.
_FULL, _DIGITS, _EXACT = 12, 6, 2**53
# Columns beyond these are not even named.
_MOST_COLUMNS = 500
# Whatever anybody takes for the end of a line, which in a table is the end of a row.
_BREAK = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")

_Row = Sequence[Any]


@dataclass(frozen=True)
class _Table:
    """Anybody's table, as it is needed here.

    Attributes:
        what: Whose it is.
        shape: Its rows and columns.
        columns: The names and types of its first columns.
        rows: Gives rows from one to before another, with so many columns, each behind its labels.
        labels: The names of the labels before a row's values, as the levels of pandas' index are; ``None`` for one without.
        across: What the names of the columns are, where that has a name.
    """

    what: str
    shape: tuple[int, int]
    columns: Sequence[tuple[Any, Any]]
    rows: Callable[[int, int, int], Sequence[_Row]]
    labels: Sequence[Any] = ()
    across: str = ""


def table(thing: Any, limits: Limits = DEFAULT) -> str | None:
    """Return a table as Markdown, with what is left out said above it.

    A whole number is written as one, whatever its type: an integer column of pandas' is one of floats as soon as a value is
    missing. Where digits of a number are left out, that is said too.

    Args:
        thing: A DataFrame, Series or Index of pandas, or a frame that it styles; a DataFrame or Series of polars; a Table,
            RecordBatch or column of Arrow.
        limits: About how many tokens it may become; a single row of a single column is always shown.

    Returns:
        The text; ``None`` for what is no table.

    Example:
        >>> import pandas
        >>> print(table(pandas.DataFrame({"a": [1, 2]})).strip())
        pandas DataFrame, 2 rows × 1 column:
        <BLANKLINE>
        |  | a (int64) |
        | --- | --- |
        | 0 | 1 |
        | 1 | 2 |
    """
    found = _pandas(thing) or _polars(thing) or _arrow(thing)
    return None if found is None else _written(found, limits.table_tokens * CHARACTERS)


# ---- whose it is ---------------------------------------------------------------------------------------------------


def _pandas(thing: Any) -> _Table | None:
    if is_a(thing, "pandas.io.formats.style", "Styler"):
        frame, what = _not_hidden(thing), "DataFrame"
    elif is_a(thing, "pandas", "DataFrame"):
        frame, what = thing, "DataFrame"
    elif is_a(thing, "pandas", "Series"):
        frame, what = thing.to_frame(), "Series"
    elif is_a(thing, "pandas", "Index"):
        frame, what = thing.to_frame(index=False), "Index"
    else:
        return None
    labels = [] if what == "Index" else list(frame.index.names)

    def rows(start: int, stop: int, width: int) -> Sequence[_Row]:
        found = frame.iloc[start:stop, :width].itertuples(name=None, index=bool(labels))
        return [(*row[0], *row[1:]) for row in found] if len(labels) > 1 else list(found)

    names = [_levels(name) for name in frame.columns[:_MOST_COLUMNS]]
    columns = list(zip(names, frame.dtypes.iloc[:_MOST_COLUMNS], strict=True))
    across = _levels(tuple(name for name in frame.columns.names if name is not None))
    return _Table(f"pandas {what}", frame.shape, columns, rows, labels, across)


def _not_hidden(styled: Any) -> Any:
    """Return what of a frame is left to see where some of it is hidden by its style."""
    frame = styled.data
    if not len(styled.hidden_rows) and not len(styled.hidden_columns):
        return frame
    hidden = (set(styled.hidden_rows), set(styled.hidden_columns))
    rows, columns = ([at for at in range(size) if at not in out] for size, out in zip(frame.shape, hidden, strict=True))
    return frame.iloc[rows, columns]


def _levels(name: Any) -> Any:
    """Return a name of several levels as one: ``sales / 2026``."""
    return " / ".join(str(level) for level in name if level != "") if isinstance(name, tuple) else name


def _polars(thing: Any) -> _Table | None:
    if is_a(thing, "polars", "Series"):
        frame, what = thing.to_frame(), "Series"
    elif is_a(thing, "polars", "DataFrame"):
        frame, what = thing, "DataFrame"
    else:
        return None

    def rows(start: int, stop: int, width: int) -> Sequence[_Row]:
        return frame[:, :width].slice(start, stop - start).rows()  # type: ignore[no-any-return]

    columns = list(zip(frame.columns[:_MOST_COLUMNS], frame.dtypes[:_MOST_COLUMNS], strict=True))
    return _Table(f"polars {what}", frame.shape, columns, rows)


def _arrow(thing: Any) -> _Table | None:
    if is_a(thing, "pyarrow", "Array", "ChunkedArray"):
        held, columns = [thing], [("", thing.type)]
    elif is_a(thing, "pyarrow", "Table", "RecordBatch"):
        held = thing.columns
        columns = [(field.name, field.type) for field in list(thing.schema)[:_MOST_COLUMNS]]
    else:
        return None

    def rows(start: int, stop: int, width: int) -> Sequence[_Row]:
        values = [column.slice(start, stop - start).to_pylist() for column in held[:width]]
        return list(zip(*values, strict=True))

    return _Table(f"Arrow {type(thing).__name__}", (len(thing), len(held)), columns, rows)


# ---- how it is written ---------------------------------------------------------------------------------------------


def _written(found: _Table, room: int) -> str:
    """Return a table in about so many characters."""
    count, labels = found.shape[0], len(found.labels)
    if not any(found.shape):
        return f"\n\n{found.what}, {_said(found, 0, 0, 0, ())}.\n"
    first = found.rows(0, min(count, _MOST_ROWS), len(found.columns))
    last = found.rows(max(count - _MOST_ROWS, len(first)), count, len(found.columns))
    values = [*first, *last]
    head = [_label(name) for name in found.labels] + [f"{_cell(name)} ({kind})" for name, kind in found.columns]
    lines = [head, *([_cell(value) for value in row] for row in values)]
    width = _columns_that_fit(lines, room, 1 + labels)
    lines = [line[:width] for line in lines]
    names, *lengths = [sum(map(len, line)) + _BORDER * width for line in lines]
    above, below = _rows_that_fit(lengths[: len(first)], lengths[len(first) :][::-1], room - names - _RULE * width)
    shown = [*range(above), *range(len(values) - below, len(values))]
    rows = [lines[0], ["---"] * width, *(lines[1 + at] for at in shown)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    said = _said(found, width - labels, above, below, [value for at in shown for value in values[at][:width]])
    return f"\n\n{found.what}, {said}:\n\n{text}\n"


def _label(name: Any) -> str:
    """Return the head above the labels of rows, which says that they are no column."""
    return "" if name is None else f"{_cell(_levels(name))} (index)"


def _columns_that_fit(lines: list[list[str]], room: int, least: int) -> int:
    """Return how many columns leave room for some rows."""
    some = lines[: 1 + _WANTED_ROWS]
    taken = 0
    for column in range(len(lines[0])):
        taken += _RULE + sum(len(line[column]) + _BORDER for line in some)
        if taken > room and column >= least:
            return column
    return len(lines[0])


def _rows_that_fit(beginning: list[int], end: list[int], room: int) -> tuple[int, int]:
    """Return how many rows of the beginning and of the end fit: two of the beginning for each one of the end.

    Args:
        beginning: The lengths of the first rows.
        end: Those of the last ones, the last of all first.
        room: How many characters there are for them.
    """
    above = below = 0
    while above < len(beginning) or below < len(end):
        from_end = below < len(end) and (above == len(beginning) or 2 * below < above - 1)
        room -= end[below] if from_end else beginning[above]
        if room < 0 and above:
            break
        above, below = above + (not from_end), below + from_end
    return above, below


def _said(found: _Table, width: int, above: int, below: int, values: Sequence[Any]) -> str:
    """Return the shape of a table, and what of it is shown, if not all is.

    Args:
        found: The table.
        width: How many columns are shown.
        above: How many of the first rows.
        below: How many of the last ones.
        values: What stands in them.
    """
    rows, columns = found.shape
    words = [f"{_counted(rows, 'row')} × {_counted(columns, 'column')}"]
    if above + below < rows:
        words.append(f"the first {above:,}" + (f" and the last {below:,}" if below else "") + " rows shown")
    if width < columns:
        names = [_cell(name) for name, _ in found.columns[width:]]
        more = _within(names, _MOST_TEXT * 4)
        words.append(f"the first {_counted(width, 'column')} shown, and not {more}")
    if found.across:
        words.append(f"the columns are by {_cell(found.across)}")
    if any(isinstance(value, float) and _is_rounded(value) for value in values):
        words.append(f"numbers rounded to {_DIGITS} digits or to whole ones")
    return "; ".join(words)


def _within(names: list[str], room: int) -> str:
    """Return names, as many as there is room for in characters."""
    text = ", ".join(names)
    return text if len(text) <= room else f"{text[:room].rpartition(', ')[0]}, …"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _cell(value: Any) -> str:
    text = _number(value) if isinstance(value, float) else str(value)
    if len(text) > _MOST_TEXT:
        text = f"{text[:_MOST_TEXT]}…"
    return _BREAK.sub(" ", text).replace("|", "\\|")


def _number(value: float) -> str:
    full = repr(float(value))
    if not abs(value) < _EXACT:  # no number at all, too
        return full
    if not value.is_integer():
        before = len(str(int(abs(value))))
        text = full if len(full) <= _FULL else f"{value:.{max(_DIGITS, before)}g}"
        if not float(text).is_integer():
            return text
        value = float(text)
    return str(int(value))


def _is_rounded(value: float) -> bool:
    return math.isfinite(value) and float(_number(value)) != value
