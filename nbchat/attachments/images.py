"""Pictures as ``image_url`` parts: files and bytes, arrays, what draws itself, and addresses.

The API takes PNG, JPEG, GIF and WebP ("Images and vision"). What is another picture is converted, and what is too large is
scaled down, with Pillow if it is installed; that is said, and what is within the limits goes out byte for byte.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from mimetypes import MimeTypes
from typing import Any
from urllib.parse import urlsplit

from nbchat.attachments.attachment import Attachment
from nbchat.attachments.kinds import is_a, method
from nbchat.attachments.limits import DEFAULT, Limits, megabytes
from nbchat.errors import ConfigurationError
from nbchat.wire.measures import pixel_size
from nbchat.wire.media import Part, data_url
from nbchat.wire.sniff import IMAGES, media_type

__all__ = ["address", "array", "drawn", "holds_axes", "image", "picture"]

# More pixels are no picture that somebody means to show a model: Pillow warns of an attack from 89.5 million on.
_MOST_PIXELS = 89_000_000
# What PNG holds of Pillow's modes as it is; and what is a picture in none, since its values have no range.
_PLAIN = frozenset({"1", "L", "LA", "RGB", "RGBA", "I;16"})
_BOUNDLESS = frozenset({"I", "F"})
# What names of files say, for addresses alone: of anything else the bytes are at hand. Python's own table, not the system's.
_NAMES = MimeTypes()
_SMALLEST = 16  # pixels, below which scaling further down is no help
_NO_KALEIDO = 'Plotly draws with kaleido and a Chrome: pip install "kaleido>=1"; or attach fig.to_json() as text.'
_NO_CONVERTER = "Altair draws with vl-convert: pip install vl-convert-python; or attach chart.to_json() as text."


def picture(data: bytes, name: str = "the picture", limits: Limits = DEFAULT) -> Attachment:
    """Return an image file as a content part.

    Args:
        data: Its bytes.
        name: What to call it in a note or an error.
        limits: How many pixels and bytes it may have; what has more is scaled down.

    Raises:
        ConfigurationError: It can't be read; or it would have to be converted or scaled down, and Pillow is missing.

    Example:
        >>> picture(open("plot.png", "rb").read(), "plot.png")  # doctest: +SKIP
    """
    kind, size = media_type(data), pixel_size(data)
    if kind in IMAGES and size and max(size) <= limits.image_side and len(data) <= limits.file_bytes:
        return Attachment((_part(kind, data),))
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        _check_pixels(size or (0, 0), name)
        try:
            with Image.open(io.BytesIO(data)) as opened:
                return image(opened, name, limits, kind)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            pass  # Pillow's own words name its buffers
        raise ConfigurationError(f"{name} can't be read as a picture: it is {kind}, broken or far too large.")
    if kind in IMAGES and size:
        raise ConfigurationError(
            f"{name} has {_by(size)} pixels and {megabytes(len(data))}; at most {limits.image_side} pixels a side and "
            f"{megabytes(limits.file_bytes)} are attached.",
            hint="Install Pillow to have it scaled down, or attach a smaller one.",
        )
    raise ConfigurationError(
        f"{name} is {kind}; the API takes PNG, JPEG, GIF and WebP.",
        hint="Install Pillow to have it converted, or convert it first.",
    )


def address(url: str) -> Attachment:
    """Return a picture that stays where it is: the server fetches it from there.

    Raises:
        ConfigurationError: Its name is that of something else: the API takes nothing but pictures by their address.

    Example:
        >>> address("https://example.org/cat.jpg").parts[0]["image_url"]["url"]
        'https://example.org/cat.jpg'
    """
    named, _ = _NAMES.guess_type(urlsplit(url).path)
    if named is not None and not named.startswith("image/"):
        raise ConfigurationError(
            f"{url} is {named} by its name; the API takes nothing but pictures by their address.",
            hint="Download it, and attach the file.",
        )
    return Attachment(({"type": "image_url", "image_url": {"url": url}},))


def image(thing: Any, name: str = "the picture", limits: Limits = DEFAULT, kind: str = "") -> Attachment:
    """Return an image of Pillow's as a content part: a JPEG as JPEG, all else as PNG.

    Args:
        thing: The image.
        name: What to call it in a note or an error.
        limits: How many pixels and bytes it may have; what has more is scaled down.
        kind: The media type of the file that it was read from, if it is another than can be sent.

    Raises:
        ConfigurationError: Its values have no range, so that nobody knows what is black.
    """
    if thing.mode in _BOUNDLESS:
        raise ConfigurationError(
            f"{name} has mode {thing.mode}, whose values have no range.",
            hint='Scale it to 0 … 255 and convert("L") it.',
        )
    from PIL import ImageOps

    before, frames = thing.size, getattr(thing, "n_frames", 1)
    jpeg = kind == "image/jpeg" or thing.format in ("JPEG", "MPO")
    upright = ImageOps.exif_transpose(thing)
    if upright.mode not in _PLAIN:
        clear = "transparency" in upright.info or upright.mode in ("PA", "La", "RGBa")
        upright = upright.convert("RGBA" if clear else "RGB")
    data, after = _fitted(upright, limits, jpeg=jpeg and upright.mode in ("L", "RGB"))
    notes = [f"of {name} the first of {frames} frames was sent"] if frames > 1 else []
    if max(after) < max(before):
        notes.append(f"{name} was scaled down from {_by(before)} to {_by(after)} pixels")
    elif kind and kind not in IMAGES:
        notes.append(f"{name} was converted from {kind}")
    return Attachment((_part("image/jpeg" if data.startswith(b"\xff\xd8") else "image/png", data),), tuple(notes))


def _fitted(thing: Any, limits: Limits, *, jpeg: bool) -> tuple[bytes, tuple[int, int]]:
    """Return an image's file within the limits, and its size in pixels."""
    side = limits.image_side
    while True:
        size = thing.size
        if max(size) > side:
            scale = side / max(size)
            size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        buffer = io.BytesIO()
        scaled = thing if size == thing.size else thing.resize(size)
        scaled.save(buffer, "JPEG" if jpeg else "PNG", **({"quality": 90} if jpeg else {}))
        data = buffer.getvalue()
        if len(data) <= limits.file_bytes or max(size) <= _SMALLEST:
            limits.check_size(len(data), "the picture")
            return data, size
        # A file grows about as its pixels do, somewhat less the fewer there are.
        side = int(max(size) * min(0.9, (limits.file_bytes / len(data)) ** 0.5))


def array(thing: Any, limits: Limits = DEFAULT) -> Attachment:
    """Return an array of NumPy's as a content part: height × width, or height × width × 3 (RGB) or 4 (RGBA).

    Args:
        thing: The array, of ``uint8`` from 0 to 255, floats from 0 to 1, or booleans.
        limits: How many pixels and bytes it may have; what has more is scaled down.

    Raises:
        ConfigurationError: Its shape or its values are no picture's.
    """
    shape = " × ".join(map(str, thing.shape))
    if thing.ndim == 3 and thing.shape[2] == 1:
        thing = thing[:, :, 0]
    channels = 1 if thing.ndim == 2 else thing.shape[2] if thing.ndim == 3 else 0
    if channels not in _COLOURS or 0 in thing.shape:
        raise ConfigurationError(
            f"An array of {shape or 'no dimension'} is no picture: that is height × width, with 3 or 4 colours or none.",
            hint="To send its numbers, put {{name}} into the question.",
        )
    height, width = thing.shape[:2]
    _check_pixels((width, height), "the array")
    rows = b"".join(b"\0" + row.tobytes() for row in _levels(thing))
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return picture(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks), "the array", limits)


def _check_pixels(size: tuple[int, int], name: str) -> None:
    if size[0] * size[1] > _MOST_PIXELS:
        raise ConfigurationError(
            f"{name} has {_by(size)} pixels; at most {_MOST_PIXELS // 1_000_000} million are attached.",
            hint="Take a part of them, or every tenth: a[::10, ::10] of an array.",
        )


# PNG's colour types by the number of channels (W3C, PNG, 11.2.1).
_COLOURS = {1: 0, 3: 2, 4: 6}


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _levels(thing: Any) -> Any:
    """Return an array's values from 0 to 255."""
    if thing.dtype == "uint8":
        return thing
    if thing.dtype.kind == "b":
        return thing.astype("uint8") * 255
    if thing.dtype.kind != "f":
        raise ConfigurationError(
            f"An array of {thing.dtype} is no picture: that is uint8 from 0 to 255, or floats from 0 to 1.",
            hint='Scale it first, and make it .astype("uint8").',
        )
    low, high = float(thing.min()), float(thing.max())
    if not (low >= 0 and high <= 1):  # so that a value that is no number fails too
        raise ConfigurationError(
            f"An array of floats from {low:g} to {high:g} is no picture: they go from 0 to 1.",
            hint="Scale it first, as (a - a.min()) / (a.max() - a.min()).",
        )
    return (thing * 255).round().astype("uint8")


def drawn(thing: Any) -> bytes | None:
    """Return what an object draws as PNG: a figure of Matplotlib's, Plotly's or Altair's, or what has ``savefig``.

    Returns:
        The image file; ``None`` for what draws nothing.

    Raises:
        ConfigurationError: What it draws with is missing.
    """
    buffer = io.BytesIO()
    if is_a(thing, "plotly.basedatatypes", "BaseFigure"):
        buffer = io.BytesIO(_with_help("A Plotly figure", lambda: thing.to_image(format="png"), _NO_KALEIDO))
    elif is_a(thing, "altair", "TopLevelMixin"):
        _with_help("An Altair chart", lambda: thing.save(buffer, format="png"), _NO_CONVERTER)
    elif savefig := method(_figure(thing), "savefig"):
        savefig(buffer, format="png")
    return buffer.getvalue() or None


def holds_axes(thing: Any) -> bool:
    """Whether an array is one of axes, as ``plt.subplots()`` gives them, and no picture itself."""
    return bool(thing.dtype.hasobject and thing.size and is_a(thing.flat[0], "matplotlib.artist", "Artist"))


def _figure(thing: Any) -> Any:
    """Return the figure that an axes, several or a line of Matplotlib's is drawn in; anything else as it is."""
    if is_a(thing, "numpy", "ndarray") and holds_axes(thing):
        thing = thing.flat[0]
    # That of a figure within a figure is the outer one, that of the outer one itself.
    return getattr(thing.figure, "figure", thing) if is_a(thing, "matplotlib.artist", "Artist") else thing


def _with_help(what: str, draw: Callable[[], Any], hint: str) -> Any:
    try:
        return draw()
    except Exception as problem:  # noqa: BLE001  each of the helpers that may be missing has its own
        reason = next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
    raise ConfigurationError(f"{what} can't be drawn: {reason.strip().rstrip('.,: ')}.", hint=hint)


def _part(kind: str, data: bytes) -> Part:
    return {"type": "image_url", "image_url": {"url": data_url(kind, data)}}


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
