"""Whose an object is, without importing anybody's library: an object of theirs exists only where theirs was imported."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["is_a", "method"]


def is_a(thing: object, module: str, *names: str) -> bool:
    """Whether an object is an instance of one of the classes of a module.

    Example:
        >>> from decimal import Decimal
        >>> is_a(Decimal(1), "decimal", "Decimal"), is_a(1, "no_such_library", "Thing")
        (True, False)
    """
    home = sys.modules.get(module)
    classes = [getattr(home, name, None) for name in names] if home is not None else []
    return any(isinstance(kind, type) and isinstance(thing, kind) for kind in classes)


def method(thing: object, name: str) -> Callable[..., Any] | None:
    """Return a method of an object, if its class has it: an object that answers to every name is not meant, nor a class."""
    if isinstance(thing, type) or not hasattr(type(thing), name):
        return None
    found = getattr(thing, name, None)
    return found if callable(found) else None
