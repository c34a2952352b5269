"""Sounds as content parts."""

from __future__ import annotations

import base64

import pytest
from samples import MP3, sound

from nbchat.attachments.audio import audio
from nbchat.attachments.limits import Limits
from nbchat.errors import ConfigurationError


@pytest.mark.parametrize(("data", "kind", "form"), [(sound(), "audio/wav", "wav"), (MP3, "audio/mpeg", "mp3")])
def test_a_sound(data: bytes, kind: str, form: str):
    """A WAV and an MP3 go out as they are, under the two names that the API has for them."""
    (part,) = audio(data, kind).parts
    assert part["input_audio"]["format"] == form
    assert base64.b64decode(part["input_audio"]["data"]) == data


def test_other_sounds_are_refused():
    """A format that the API does not take is said, and how to convert it."""
    with pytest.raises(ConfigurationError, match=r"a.flac is audio/flac; the API takes sounds as WAV or MP3\. Convert"):
        audio(b"fLaC", "audio/flac", "a.flac")


def test_a_sound_that_is_too_large():
    """A sound can't be made smaller: it is refused with both figures."""
    with pytest.raises(ConfigurationError, match=r"talk.wav has 16 kB; at most 1 kB are attached"):
        audio(sound(1.0), "audio/wav", "talk.wav", Limits(file_bytes=1000))
