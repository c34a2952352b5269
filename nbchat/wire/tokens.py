"""About how many tokens a message's content has, for what no server has counted yet.

- Text: four characters a token, OpenAI's rule of thumb for English, rounded up.
- A picture: OpenAI's rule for GPT-4o ("Images and vision", calculating costs): scaled to fit a square of 2048 pixels, then
  until its shorter side is no longer than 768; 85 tokens, and 170 for every square of 512 pixels that it takes to cover it;
  85 in all with ``detail: low``. One whose size is not known counts 765, which is that of 1024 by 1024. Newer models and
  other makers count otherwise, by up to a factor of three.
- A sound: ten tokens a second, OpenAI's figure for what a user says ("Managing costs" of its Realtime guide).
- A PDF: for each page the picture of it (765), since the API gives the model text and picture of every page, and 1,500 for
  its text, the lower of Anthropic's two figures for a page. Files whose pages can't be counted count as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nbchat.wire.measures import page_count, pixel_size, seconds
from nbchat.wire.media import Medium, medium_of

__all__ = ["CHARACTERS", "content_tokens", "image_tokens", "medium_tokens", "text_tokens"]

CHARACTERS = 4  # a token
_PICTURE = 765
_GLANCE, _TILE = 85, 170
_FIT, _SHORT, _SIDE = 2048, 768, 512  # pixels
_A_SECOND = 10
_PAGE = _PICTURE + 1_500
# Where the head of a picture tells its size: of a JPEG a preview and a colour profile may stand before.
_HEAD = 1 << 16


def text_tokens(text: str) -> int:
    """Return about how many tokens a text has.

    Example:
        >>> text_tokens("What's Python?")
        4
    """
    return math.ceil(len(text) / CHARACTERS)


def image_tokens(width: int, height: int) -> int:
    """Return how many tokens a picture has, by the rule at the head of this file; its sides are in pixels.

    Example:
        >>> image_tokens(1024, 1024), image_tokens(2048, 4096)
        (765, 1105)
    """
    scale = min(1.0, _FIT / max(width, height))
    scale = min(scale, _SHORT / min(width, height))
    across, down = (math.ceil(max(1, round(side * scale)) / _SIDE) for side in (width, height))
    return _GLANCE + _TILE * across * down


def medium_tokens(medium: Medium) -> int:
    """Return about how many tokens a picture, a sound or a file has."""
    if medium.kind == "image":
        if medium.detail == "low":
            return _GLANCE
        size = pixel_size(medium.data(_HEAD)) or pixel_size(medium.data())
        return image_tokens(*size) if size else _PICTURE
    if medium.kind == "audio":
        return math.ceil(_A_SECOND * (seconds(medium.data()) or 0))
    return _PAGE * (page_count(medium.data()) or 1)


def content_tokens(content: object) -> int:
    """Return about how many tokens a message's content has: a text, or a list of parts.

    Example:
        >>> content_tokens([{"type": "text", "text": "Hello"}])
        2
    """
    if isinstance(content, str):
        return text_tokens(content)
    return sum(map(_part_tokens, content)) if isinstance(content, Sequence) else 0


def _part_tokens(part: object) -> int:
    medium = medium_of(part)
    if medium is not None:
        return medium_tokens(medium)
    text = part.get("text") if isinstance(part, Mapping) else part
    return text_tokens(text) if isinstance(text, str) else _PICTURE
