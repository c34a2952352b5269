"""The one door: any object becomes content parts of the API.

What is meant by a thing differs with where it stands. Beside a question (``attach=[…]``) a text is a file's path or an
address, bytes are a file, and an array is a picture: :func:`attached`. Put into a question, or returned by a tool, texts,
bytes and arrays are what they say themselves, and no file is ever opened for them: :func:`described`. Everything else is the
same in both.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from nbchat.attachments import images
from nbchat.attachments.attachment import Attachment
from nbchat.attachments.audio import audio
from nbchat.attachments.displays import displayed
from nbchat.attachments.files import file, text_file
from nbchat.attachments.frames import table
from nbchat.attachments.kinds import is_a, method
from nbchat.attachments.limits import DEFAULT, Limits
from nbchat.errors import ConfigurationError
from nbchat.wire.media import Part, data_in
from nbchat.wire.sniff import media_type
from nbchat.wire.values import plain

__all__ = ["attached", "attached_file", "check_file", "described", "parts_of", "to_parts"]

_HEAD = 4096  # bytes that tell what a file is
# What Python, or IPython, prints of an object that says nothing of itself.
_SPEECHLESS = re.compile(r"<.* at 0x[0-9a-fA-F]+>|<[\w.]+ object>", re.DOTALL)


def parts_of(thing: Any, **bounds: int) -> list[Part]:
    """Return the content parts that an object becomes when it is attached.

    Args:
        thing: As in :func:`attached`.
        **bounds: Other limits than the default ones, by name: see :class:`~nbchat.attachments.limits.Limits`.

    Raises:
        ConfigurationError: It can't be attached.

    Example:
        >>> import pandas
        >>> parts_of(pandas.DataFrame({"a": [1]}), table_tokens=500)[0]["type"]
        'text'
    """
    return list(attached(thing, Limits.of(bounds)).parts)


def attached(thing: Any, limits: Limits = DEFAULT) -> Attachment:
    """Return what of an object goes to a model beside a question.

    Args:
        thing: A path, the address of a picture, bytes, an open file; an image of Pillow's, an array of NumPy's; a figure
            of Matplotlib's, Plotly's or Altair's; a table of pandas, polars or Arrow; a content part of the API; any
            object with ``_repr_llm_()`` or another representation of its own; or a list, or what yields, of these.
        limits: How large it may be.

    Raises:
        ConfigurationError: It can't be attached; the sentence says why.

    Example:
        >>> attached("https://example.org/cat.jpg").parts[0]["type"]
        'image_url'
    """
    try:
        return _attached(thing, limits)
    except ConfigurationError:
        raise
    except Exception as problem:  # noqa: BLE001  the object's own code, which may fail in any way
        reason = f"{type(problem).__name__}: {problem}".splitlines()[0]
    raise ConfigurationError(f"An object of type {type(thing).__name__} can't be attached: {reason.rstrip('.')}.")


def _attached(thing: Any, limits: Limits) -> Attachment:
    if isinstance(thing, io.IOBase):
        return _open_file(thing, limits)
    if isinstance(thing, list | tuple | Iterator):
        return Attachment.joined(attached(one, limits) for one in thing)
    if isinstance(thing, Mapping) and isinstance(thing.get("type"), str):
        return Attachment((plain(thing),))
    if isinstance(thing, str):
        return _named(thing, limits)
    if isinstance(thing, os.PathLike):
        return _read(Path(thing), limits)
    if isinstance(thing, bytes | bytearray | memoryview):
        return attached_file(bytes(thing), "", limits)
    if is_a(thing, "numpy", "ndarray") and not images.holds_axes(thing):
        return images.array(thing, limits)
    if thing is None:
        raise ConfigurationError("There is nothing to attach: it is None.")
    return _apart(described(thing, limits))


def _apart(found: Attachment) -> Attachment:
    """Return an attachment whose text does not touch that of the question: servers put text parts together as they are."""
    parts = tuple(
        {**part, "text": f"\n\n{part['text']}"}
        if part["type"] == "text" and not part["text"].startswith("\n")
        else part
        for part in found.parts
    )
    return Attachment(parts, found.notes)


def described(value: Any, limits: Limits = DEFAULT) -> Attachment:
    """Return what of a value goes to a model: a table as Markdown, a picture as a part, all else as text.

    An object with ``_repr_llm_()`` says itself how it is to be read: as a text, a content part, or a list of these. A list
    of nothing but pictures and tables is each of them. No file is opened, whatever the value is: it may be anybody's.

    Args:
        value: The value.
        limits: How large it may be; a text may have any length.

    Raises:
        ConfigurationError: It is too large, what it draws with is missing, or it says nothing of itself but its address.
        Exception: Whatever the object's own code raises.

    Example:
        >>> described([1, 2]).text
        '[1, 2]'
    """
    if isinstance(value, str):
        return Attachment(({"type": "text", "text": value},))
    if speak := method(value, "_repr_llm_"):
        return _spoken(speak())
    found = _shown(value, limits) or _each_shown(value, limits)
    if found is not None:
        return found
    text = str(value)
    if isinstance(value, ModuleType) or _SPEECHLESS.fullmatch(text):
        raise _speechless(value)
    return Attachment.of_text(text, f"A value of type {type(value).__name__}", limits)


def _each_shown(value: Any, limits: Limits) -> Attachment | None:
    """Return the pictures and tables that a list holds, if it holds nothing else."""
    found: list[Attachment] = []
    for one in value if isinstance(value, list | tuple) else ():
        shown = _shown(one, limits)
        if shown is None:
            return None
        if shown not in found:  # a figure and its axes are one picture
            found.append(shown)
    return Attachment.joined(found) if found else None


def _speechless(value: Any) -> ConfigurationError:
    if isinstance(value, ModuleType):
        what = f"{value.__name__} is a module"
        hint = "Attach the figure, plt.gcf()." if what.startswith("matplotlib.pyplot ") else "Take what is meant of it."
    else:
        what = f"an object of type {type(value).__name__} says nothing of itself but where in memory it is"
        hint = "Take what is meant of it, as text, a table or a picture; or give its class a _repr_llm_()."
    return ConfigurationError(f"A model can't read this: {what}.", hint=hint)


def to_parts(value: Any, limits: Limits = DEFAULT) -> list[Part] | None:
    """Return the content parts of what a tool returned, if it is more than data: a table, a picture, or Markdown.

    Nothing is raised: what can't be drawn is told in words, to the model too. Parts that are no text are for a user's
    message, since no other can carry them.

    Args:
        value: The result.
        limits: How large it may be.

    Returns:
        The parts; ``None`` where the value has no such form, and is best told as data.

    Example:
        >>> to_parts({"a": 1}) is None
        True
    """
    try:
        found = _shown(value, limits)
    except ConfigurationError as problem:
        return [{"type": "text", "text": str(problem)}]
    except Exception:  # noqa: BLE001  the object's own code, which may fail in any way: it is told as data then
        return None
    return None if found is None else list(found.parts)


def _spoken(said: Any) -> Attachment:
    """Return what an object says of itself; a text of its is a text, and never a path."""
    if isinstance(said, list | tuple):
        return Attachment.joined(map(_spoken, said))
    if isinstance(said, Mapping) and isinstance(said.get("type"), str):
        return Attachment((plain(said),))
    return Attachment(({"type": "text", "text": str(said)},))


def _shown(value: Any, limits: Limits) -> Attachment | None:
    """Return a value as the table, the picture or the Markdown that a notebook would show for it."""
    text = table(value, limits)
    if text is not None:
        return Attachment(({"type": "text", "text": text},))
    if is_a(value, "PIL.Image", "Image"):
        return images.image(value, limits=limits)
    if is_a(value, "polars", "LazyFrame"):
        raise ConfigurationError("A LazyFrame of polars is a query: attach what it finds, with .collect().")
    name = f"the {type(value).__name__}"
    if held := displayed(value, limits):
        return held
    drawing = images.drawn(value)
    for representation in ("_repr_png_", "_repr_jpeg_"):
        if drawing is None and (show := method(value, representation)):
            drawing = _bytes(show())
    if drawing is not None:
        return images.picture(drawing, name, limits)
    if show := method(value, "_repr_markdown_"):
        markdown = show()
        return Attachment.of_text(markdown, name, limits) if isinstance(markdown, str) else None
    return None


def _bytes(shown: Any) -> bytes | None:
    """Return a representation's bytes, which IPython's own objects give as base64."""
    if isinstance(shown, str):
        try:
            return base64.b64decode(shown, validate=True)
        except binascii.Error:
            return None
    return shown if isinstance(shown, bytes) else None


# ---- paths, addresses and files ------------------------------------------------------------------------------------


def _named(text: str, limits: Limits) -> Attachment:
    """Return what a text names: a picture somewhere, or a file here."""
    scheme = urlsplit(text).scheme.lower() if "://" in text[:20] or text.startswith("data:") else ""
    if scheme == "data":
        data = data_in(text)
        if data is None:
            raise ConfigurationError("A data: address is attached if its data is base64, and this one's is not.")
        return attached_file(data, "", limits)
    if scheme in ("http", "https"):
        return images.address(text)
    try:
        path = Path(text).expanduser()
        found = bool(text.strip()) and path.exists()
    except (OSError, ValueError, RuntimeError):  # too long for a name, a NUL in it, no such user
        found = False
    if not found:
        short = text if len(text) <= 80 else f"{text[:80]}…"
        raise ConfigurationError(
            f"There is no file {short!r}, and it is no address of a picture.",
            hint="A text belongs into the question itself.",
        )
    return _read(path, limits)


def _read(path: Path, limits: Limits) -> Attachment:
    if path.exists() and not path.is_file():  # a folder, or a device that never ends
        raise ConfigurationError(f"{path} is no file.")
    try:
        with path.open("rb") as opened:
            # What is too large is refused before all of it is in memory.
            head = opened.read(_HEAD)
            check_file(head, path.stat().st_size, path.name, limits)
            data = head + opened.read()
    except OSError as problem:
        reason = problem.strerror or str(problem)
    else:
        return attached_file(data, path.name, limits)
    raise ConfigurationError(f"{path} can't be read: {reason}.")


def _open_file(thing: Any, limits: Limits) -> Attachment:
    data = thing.read(limits.picture_bytes + 1)
    name = getattr(thing, "name", "")
    name = os.path.basename(name) if isinstance(name, str) else ""  # noqa: PTH119  it need not be a path of this system
    return attached_file(data.encode() if isinstance(data, str) else bytes(data), name, limits)


def check_file(head: bytes, size: int, name: str, limits: Limits = DEFAULT) -> None:
    """Raise where a file is too large, which is known before all of it is read.

    Args:
        head: Its first bytes, which say whether it is a picture: some thousands.
        size: How many bytes it has.
        name: What to call it in the error.
        limits: How large it may be.

    Raises:
        ConfigurationError: It is larger.
    """
    most = limits.picture_bytes if media_type(head).startswith("image/") else limits.file_bytes
    limits.check_size(size, name, most)


def attached_file(data: bytes, name: str = "", limits: Limits = DEFAULT) -> Attachment:
    """Return a file as one content part, by what its bytes are: its name says nothing about that.

    Args:
        data: Its bytes.
        name: Its name, which the model is told of all but pictures and sounds.
        limits: How large it may be.

    Raises:
        ConfigurationError: It is empty, too large, or of a kind that can't be sent.

    Example:
        >>> attached_file(b"%PDF-1.7", "paper.pdf").parts[0]["type"]
        'file'
    """
    if not data:
        raise ConfigurationError(f"{name or 'The file'} is empty.")
    kind = media_type(data)
    if kind.startswith("image/"):
        return images.picture(data, name or "the picture", limits)
    if kind.startswith("audio/"):
        return audio(data, kind, name or "The sound", limits)
    return text_file(data, name, limits) if kind == "text/plain" else file(data, kind, name, limits)
