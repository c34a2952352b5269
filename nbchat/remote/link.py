"""What a connection needs to know of the way to its server, whichever way that is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

__all__ = ["Link", "Way"]


class Link(Protocol):
    """The way to a server, for one connection."""

    @property
    def forgotten(self) -> bool:
        """Whether the server has said that it does not know the connection any more, so that it did not do what was asked."""

    def streams(self, gone: Callable[[], object]) -> AbstractAsyncContextManager[TransportStreams]:
        """Reach the server, and leave it at the end.

        Args:
            gone: Called when the server ends the connection while nobody waits for it.
        """

    def reason(self, problem: Exception) -> str | None:
        """Say what *problem* means on this way, as the end of a sentence about the server; ``None`` if nothing of its own."""

    def hint(self) -> str | None:
        """Say what may help whoever wonders why the server failed."""


class Way(Protocol):
    """How a server is reached.

    Attributes:
        label: What the server is called in errors; no key is in it.
    """

    label: str

    def link(self) -> Link:
        """Return the way for one connection."""

    def censor(self, text: str) -> str:
        """Return *text* without the keys that this way was given."""
