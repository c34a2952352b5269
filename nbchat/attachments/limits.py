"""How much may be attached, with the reason for each number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from nbchat.errors import ConfigurationError

__all__ = ["DEFAULT", "Limits", "megabytes"]

# A picture that has to be scaled down may be so much larger than a file that is sent as it is.
_SCALED = 10


@dataclass(frozen=True)
class Limits:
    """The bounds of one attachment.

    Args:
        file_bytes: How large a picture, a sound or a file may be: 20 MB, which most servers take in a request. A picture
            may be ten times as large before it is scaled down.
        image_side: The longest side of a picture in pixels; what is larger is scaled down. 2048 is what OpenAI's models
            scale a picture to at most before they look at it.
        table_tokens: About how many tokens a table becomes: 2,000 are some 20 rows of 20 columns.
        text_tokens: About how many tokens the text of a file or an object may have: 100,000 are some 400 KB.

    Raises:
        ConfigurationError: One is no positive whole number.

    Example:
        >>> Limits(image_side=1024).table_tokens
        2000
    """

    file_bytes: int = 20_000_000
    image_side: int = 2048
    table_tokens: int = 2_000
    text_tokens: int = 100_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1:
                raise ConfigurationError(f"{field.name} is a whole number from 1 on, not {value!r}.")

    @classmethod
    def of(cls, bounds: Mapping[str, Any]) -> Self:
        """Return the limits that are given by name, the others as they are by default.

        Raises:
            ConfigurationError: There is no limit of that name, or it is no positive whole number.
        """
        known = [field.name for field in fields(cls)]
        for name in bounds:
            if name not in known:
                raise ConfigurationError(
                    f"There is no limit {name!r} on what is attached.", hint=f"There are: {', '.join(known)}."
                )
        return cls(**bounds)

    @property
    def picture_bytes(self) -> int:
        """How large a picture may be that is scaled down before it is sent."""
        return _SCALED * self.file_bytes

    def check_size(self, size: int, name: str, most: int | None = None) -> None:
        """Raise where something has more bytes than *most*, which is what a file may have."""
        most = self.file_bytes if most is None else most
        if size > most:
            raise ConfigurationError(
                f"{name} has {megabytes(size)}; at most {megabytes(most)} are attached.",
                hint="Attach a smaller one, or raise the limit with c.NBChat.attach = {'file_bytes': …}.",
            )


DEFAULT = Limits()


def megabytes(size: int) -> str:
    """Return a number of bytes as people read it.

    Example:
        >>> megabytes(123_456), megabytes(20_000_000)
        ('123 kB', '20 MB')
    """
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB" if size >= 1000 else f"{size} bytes"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"
