"""Sounds as ``input_audio`` parts, which the API takes as WAV and MP3."""

from __future__ import annotations

import base64

from nbchat.attachments.attachment import Attachment
from nbchat.attachments.limits import DEFAULT, Limits
from nbchat.errors import ConfigurationError

__all__ = ["audio"]

_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


def audio(data: bytes, media_type: str, name: str = "the sound", limits: Limits = DEFAULT) -> Attachment:
    """Return a sound as a content part.

    Args:
        data: The file's bytes.
        media_type: What they are.
        name: What to call it in an error.
        limits: How large it may be.

    Raises:
        ConfigurationError: It is too large, or of a format that the API does not take.

    Example:
        >>> audio(b"RIFF....WAVE", "audio/wav").parts[0]["input_audio"]["format"]
        'wav'
    """
    form = _FORMATS.get(media_type)
    if form is None:
        raise ConfigurationError(
            f"{name} is {media_type}; the API takes sounds as WAV or MP3.",
            hint="Convert it first, with ffmpeg -i FILE sound.mp3 for example.",
        )
    limits.check_size(len(data), name)
    return Attachment(
        ({"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": form}},)
    )
