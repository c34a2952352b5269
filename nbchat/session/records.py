"""Records out of answers, and tables out of records."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from nbchat.errors import AnswerFormatError, ConfigurationError

__all__ = ["frame", "records"]

# What a table can hold as it is: amounts add up, and days can be compared.
_KEPT = (bytes, dt.date, dt.datetime, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID)


def records(value: Any, text: str = "", *, keyed: bool = False) -> list[dict[str, Any]]:
    """Return the records that a value is: a list of them, the one list within an object, or a single one.

    Args:
        value: The value: plain data, dataclasses, or structs.
        text: The answer that it was, for the error.
        keyed: Whether it is an object whose members are named by the data: each record then begins with that name, as
            ``key``.

    Raises:
        AnswerFormatError: There are no records in it.

    Example:
        >>> records({"cities": [{"name": "Rome"}, {"name": "Oslo"}]})
        [{'name': 'Rome'}, {'name': 'Oslo'}]
        >>> records({"Italy": [{"name": "Rome"}]}, keyed=True)
        [{'key': 'Italy', 'name': 'Rome'}]
    """
    plain = msgspec.to_builtins(value, enc_hook=_dumped, builtin_types=_KEPT)
    if keyed and isinstance(plain, dict):
        plain = _with_keys(plain) or plain
    if isinstance(plain, dict):
        lists = [member for member in plain.values() if _are_records(member)]
        plain = lists[0] if len(lists) == 1 and len(plain) == 1 else [plain]
    if not _are_records(plain):
        raise AnswerFormatError(
            "There are no records in the answer.", hint="Ask for a list of them: response_format=list[City].", text=text
        )
    return list(plain)


def frame(rows: Sequence[dict[str, Any]]) -> Any:
    """Return records as a pandas DataFrame.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise ConfigurationError("A DataFrame needs pandas.", hint="Install it: pip install pandas.") from None
    return pd.DataFrame.from_records(rows)


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _with_keys(plain: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the records under all names, each with its own; ``None`` where there is anything else."""
    lists = {key: member if isinstance(member, list) else [member] for key, member in plain.items()}
    if not all(map(_are_records, lists.values())):
        return None
    taken = {name for rows in lists.values() for row in rows for name in row}
    column = "key"
    while column in taken:
        column = f"_{column}"
    return [{column: key, **row} for key, rows in lists.items() for row in rows]


def _dumped(value: Any) -> Any:
    if hasattr(value, "model_dump"):  # a pydantic model, whose package need not be here
        return value.model_dump()
    return str(value)  # a path, or a type of pydantic's
