"""Who is there to be asked whether a tool may be called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

__all__ = ["Attendance"]


class Attendance:
    """The doors at which somebody is. It is true as long as there is one, and may be used from any thread."""

    def __init__(self) -> None:
        self._doors: list[object] = []

    def attend(self) -> Callable[[], None]:
        """Say that somebody is there; what is returned takes it back, however often it is called."""
        door = object()
        self._doors.append(door)

        def leave() -> None:
            with suppress(ValueError):
                self._doors.remove(door)

        return leave

    def __bool__(self) -> bool:
        return bool(self._doors)
