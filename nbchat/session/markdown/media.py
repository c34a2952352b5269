"""What was sent with a question, as Markdown that is safe wherever it is rendered."""

from __future__ import annotations

from typing import Any

from nbchat.attachments.seen import Seen, media_in
from nbchat.session.markdown.safe import safe_markdown
from nbchat.session.markdown.writer import as_words

__all__ = ["media_markdown", "picture_markdown"]


def media_markdown(content: Any) -> str:
    """Return the media of a message's content: pictures small, as pictures; all else in words.

    Example:
        >>> media_markdown([{"type": "file", "file": {"filename": "a.pdf", "file_id": "f-1"}}])
        '*[file a.pdf]*'
    """
    return "\n\n".join(map(_one, media_in(content)))


def _one(seen: Seen) -> str:
    if seen.link:
        return safe_markdown(f"[{seen.words}]({seen.link})")
    return "\n\n".join(filter(None, (picture_markdown(seen), f"*[{as_words(str(seen))}]*")))


def picture_markdown(seen: Seen) -> str:
    """Return a small picture of what was sent; nothing where there is none."""
    # Its address was made of the picture's own bytes, see nbchat.attachments.seen: no text of anybody's is in it.
    return f"![picture]({seen.picture})" if seen.picture else ""
