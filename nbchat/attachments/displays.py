"""What IPython's own display objects hold: they show it to a person, and print nothing of it."""

from __future__ import annotations

import json
from typing import Any

from nbchat.attachments import images
from nbchat.attachments.attachment import Attachment
from nbchat.attachments.audio import audio
from nbchat.attachments.kinds import is_a
from nbchat.attachments.limits import DEFAULT, Limits
from nbchat.errors import ConfigurationError
from nbchat.wire.media import data_in
from nbchat.wire.sniff import media_type

__all__ = ["displayed"]

_IPYTHON = "IPython.display"


def displayed(thing: Any, limits: Limits = DEFAULT) -> Attachment | None:
    """Return the picture, the sound or the text of a display object of IPython's.

    Args:
        thing: An ``Image``, ``Audio``, ``SVG``, ``HTML``, ``Markdown``, ``Latex``, ``JSON``, or another that holds text.
        limits: How large it may be.

    Returns:
        What goes to a model: HTML and SVG as their source; ``None`` for anything else.

    Raises:
        ConfigurationError: It holds nothing that a model can be sent, or too much.

    Example:
        >>> from IPython.display import HTML
        >>> displayed(HTML("<b>two</b>")).text
        '<b>two</b>'
    """
    if is_a(thing, _IPYTHON, "Image", "Audio") and not isinstance(thing.data, str):
        return _image(thing, limits) if is_a(thing, _IPYTHON, "Image") else _sound(thing, limits)
    what = f"The {type(thing).__name__}"
    if is_a(thing, _IPYTHON, "TextDisplayObject", "SVG") and isinstance(thing.data, str):
        return Attachment.of_text(thing.data, what, limits)
    if is_a(thing, _IPYTHON, "JSON"):
        return Attachment.of_text(json.dumps(thing.data, ensure_ascii=False), what, limits)
    return None


def _image(thing: Any, limits: Limits) -> Attachment:
    data = thing.data or data_in(thing.url or "")
    if data:
        return images.picture(data, "the Image", limits)
    if str(thing.url).startswith(("http://", "https://")):
        return images.address(thing.url)
    raise ConfigurationError("The Image only names a file that is shown.", hint="Attach the file, by its path.")


def _sound(thing: Any, limits: Limits) -> Attachment:
    if thing.data:
        return audio(thing.data, media_type(thing.data), "The Audio", limits)
    raise ConfigurationError(
        "The Audio only names an address; the API takes no sound by that.", hint="Download it, and attach the file."
    )
