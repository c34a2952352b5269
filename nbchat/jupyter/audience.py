"""The pages that show a panel: as long as there is one, somebody can be asked whether a tool may be called."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Audience"]


class Audience:
    """Who looks at a panel. It is true as long as anybody does.

    Args:
        attend: Says at the session that somebody is there; what it returns takes that back.
    """

    def __init__(self, attend: Callable[[], Callable[[], None]]) -> None:
        self._attend = attend
        self._pages: set[str] = set()
        self._leave: Callable[[], None] | None = None

    def note(self, page: str, *, is_open: bool) -> None:
        """Note that a page shows the panel, or does no more; saying it twice is saying it once."""
        if is_open:
            self._pages.add(page)
            self._leave = self._leave or self._attend()
        else:
            self._pages.discard(page)
            if not self._pages:
                self.leave()

    def leave(self) -> None:
        """Nobody looks any more."""
        self._pages.clear()
        if self._leave is not None:
            self._leave()
            self._leave = None

    def __bool__(self) -> bool:
        return bool(self._pages)
