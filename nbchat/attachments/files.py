"""Files: text as a text part under its name, all else as the API's ``file`` part.

OpenAI's Chat Completions takes PDFs alone as file parts and asks for text to be sent as text ("File inputs"); other servers
take more, so that what is neither is sent as it is, and the server says whether it can read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from nbchat.attachments.attachment import Attachment
from nbchat.attachments.limits import DEFAULT, Limits
from nbchat.wire.media import data_url

__all__ = ["TextFile", "file", "read_text_file", "text_file"]

_UNNAMED = {"application/pdf": "document.pdf"}
# A whole part as `text_file` makes it.
_TEXT_FILE = re.compile(r"\n\n([^\n]+):\n(`{3,})\n(.*)\n\2\n", re.DOTALL)


class TextFile(NamedTuple):
    """The name and the text of a file that was sent as text."""

    name: str
    text: str


def file(data: bytes, media_type: str, name: str = "", limits: Limits = DEFAULT) -> Attachment:
    """Return a file as a content part.

    Args:
        data: Its bytes.
        media_type: What they are.
        name: Its name, which the model is told.
        limits: How large it may be.

    Raises:
        ConfigurationError: It is too large.

    Example:
        >>> file(b"%PDF-1.7", "application/pdf").parts[0]["file"]["filename"]
        'document.pdf'
    """
    name = name or _UNNAMED.get(media_type, "file")
    limits.check_size(len(data), name)
    return Attachment(({"type": "file", "file": {"filename": name, "file_data": data_url(media_type, data)}},))


def text_file(data: bytes, name: str = "", limits: Limits = DEFAULT) -> Attachment:
    """Return a text file as a text part: its name, then its text in a fence that nothing in it closes.

    It is read as UTF-8, or as UTF-16 where it begins so, else as Windows-1252, as a browser would read it.

    Args:
        data: Its bytes.
        name: Its name, which the model is told.
        limits: How long it may be.

    Raises:
        ConfigurationError: It is too long.

    Example:
        >>> print(text_file(b"a,b", "table.csv").text.strip())
        table.csv:
        ```
        a,b
        ```
    """
    name = name or "text"
    limits.check_size(len(data), name)
    text = _decoded(data)
    fence = "```"
    while fence in text:
        fence += "`"
    # Servers put text parts together without a space, or with one: the empty line before it is the part's own.
    return Attachment.of_text(f"\n\n{name}:\n{fence}\n{text.removesuffix(chr(10))}\n{fence}\n", name, limits)


def read_text_file(part: object) -> TextFile | None:
    """Return the file whose text a part is; ``None`` where it is no part that :func:`text_file` made.

    Example:
        >>> read_text_file(text_file(b"a,b", "table.csv").parts[0])
        TextFile(name='table.csv', text='a,b')
    """
    text = part.get("text") if isinstance(part, Mapping) else None
    found = _TEXT_FILE.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else TextFile(found[1], found[3])


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
