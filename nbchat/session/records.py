"""Records out of answers, and tables out of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nbchat.errors import AnswerFormatError, ConfigurationError

__all__ = ["frame", "records"]


def records(value: Any, text: str = "") -> list[dict[str, Any]]:
    """Return the records that a value is: a list of them, the one list within an object, or a single one.

    Args:
        value: The value: plain data, dataclasses, or structs.
        text: The answer that it was, for the error.

    Raises:
        AnswerFormatError: There are no records in it.

    Example:
        >>> records({"cities": [{"name": "Rome"}, {"name": "Oslo"}]})
        [{'name': 'Rome'}, {'name': 'Oslo'}]
    """
    plain = msgspec.to_builtins(value, enc_hook=_dumped)
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


def _dumped(value: Any) -> Any:
    if hasattr(value, "model_dump"):  # a pydantic model, whose package need not be here
        return value.model_dump()
    raise NotImplementedError  # msgspec's word for a type that the hook does not know either
