"""Pictures of every kind as content parts, within the limits."""

from __future__ import annotations

import importlib.util
import io
import shutil
import subprocess
import sys
from typing import Any

import altair as alt
import numpy as np
import plotly.graph_objects
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from samples import picture, sound

from nbchat.attachments import images
from nbchat.attachments.attachment import Attachment
from nbchat.attachments.limits import Limits
from nbchat.errors import ConfigurationError
from nbchat.wire.media import medium_of
from nbchat.wire.sniff import media_type


def opened(attachment: Attachment) -> Image.Image:
    """The picture that goes to the model."""
    (part,) = attachment.parts
    medium = medium_of(part)
    assert medium is not None
    data = medium.data()
    assert part["image_url"]["url"].startswith(f"data:{media_type(data)};base64,")
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


# ---- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_the_api_takes_goes_out_byte_for_byte(form: str):
    """A picture of the four kinds within the limits is not written anew, and there is nothing to say."""
    data = picture(form)
    found = images.picture(data)
    medium = medium_of(found.parts[0])
    assert medium is not None
    assert (medium.data(), found.notes) == (data, ())


@pytest.mark.parametrize("form", ["BMP", "TIFF", "AVIF"])
def test_other_pictures_are_converted(form: str):
    """A picture that the API does not take becomes a PNG, which is said."""
    found = images.picture(picture(form), "scan")
    assert opened(found).format == "PNG"
    assert found.notes == (f"scan was converted from image/{form.lower()}",)


@pytest.mark.parametrize(("form", "kept"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("WEBP", "PNG"), ("GIF", "PNG")])
def test_large_pictures_are_scaled_down(form: str, kept: str):
    """A side longer than the limit is brought to it with the other in proportion, a photo stays a JPEG, and it is said."""
    found = images.picture(picture(form, (4000, 1000)), "photo")
    assert (opened(found).size, opened(found).format) == ((2048, 512), kept)
    assert found.notes == ("photo was scaled down from 4000 × 1000 to 2048 × 512 pixels",)


def test_a_file_that_is_too_large_is_scaled_down():
    """Where it is the bytes that are too many, a picture gets smaller until they are not."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 600, 3), "uint8"))
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    found = images.picture(buffer.getvalue(), limits=Limits(file_bytes=100_000))
    medium = medium_of(found.parts[0])
    assert medium is not None
    assert 50_000 < medium.size <= 100_000
    assert "scaled down from 600 × 600" in found.notes[0]
    with pytest.raises(ConfigurationError, match=r"the picture has \d+ bytes; at most 20 bytes are attached"):
        images.picture(buffer.getvalue(), limits=Limits(file_bytes=20))


def test_a_photo_that_lies_on_its_side_stands_when_it_is_scaled():
    """The turn that a camera notes beside the picture is carried out, as the note is lost."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    found = images.picture(picture("JPEG", (3000, 1500), exif=exif.tobytes()))
    assert opened(found).size == (1024, 2048)


def test_the_first_frame_of_several():
    """What moves is sent as its first frame where it has to be written anew, and it is said."""
    frames = [Image.new("L", (3000, 10), shade) for shade in (0, 99, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    found = images.picture(buffer.getvalue(), "film.gif")
    assert found.notes[0] == "of film.gif the first of 3 frames was sent"


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\nbroken", picture("PNG")[:20], sound(), b"text", b""])
def test_what_is_no_picture(data: bytes):
    """Bytes that Pillow can't read are one sentence that says what they are, and names no buffer of Pillow's."""
    with pytest.raises(ConfigurationError, match=r"plot.png can't be read as a picture: it is [a-z]+/") as caught:
        images.picture(data, "plot.png")
    assert "0x" not in str(caught.value)


def test_a_picture_that_claims_to_be_huge():
    """A head that promises a billion pixels is refused before anybody makes room for them."""
    data = bytearray(picture("PNG"))
    data[16:24] = (50_000).to_bytes(4, "big") * 2
    with pytest.raises(ConfigurationError, match=r"x.png has 50000 × 50000 pixels; at most 89 million"):
        images.picture(bytes(data), "x.png")


def test_without_pillow(tmp_path: Any):
    """Where Pillow is missing, what fits goes out, and what does not is refused with the figures and the way out."""
    (tmp_path / "fits.png").write_bytes(picture("PNG"))
    (tmp_path / "large.png").write_bytes(picture("PNG", (3000, 20)))
    (tmp_path / "scan.tiff").write_bytes(picture("TIFF"))
    script = """
import sys
sys.modules["PIL"] = None
from pathlib import Path
from nbchat.attachments.images import picture
from nbchat.errors import ConfigurationError
for name in ("fits.png", "large.png", "scan.tiff"):
    try:
        print(len(picture(Path(name).read_bytes(), name).parts))
    except ConfigurationError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    fits, large, scan = done.stdout.splitlines()
    assert fits == "1"
    assert large.startswith("large.png has 3000 × 20 pixels and ")
    assert large.endswith(
        "at most 2048 pixels a side and 20 MB are attached. Install Pillow to have it scaled down, or attach a smaller one."
    )
    assert scan.startswith("scan.tiff is image/tiff; the API takes PNG, JPEG, GIF and WebP. Install Pillow")


# ---- Pillow's images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "sent"),
    [("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "L"), ("LA", "LA"), ("1", "1"), ("P", "RGB"), ("CMYK", "RGB"),
     ("YCbCr", "RGB"), ("HSV", "RGB"), ("PA", "RGBA"), ("I;16", "I;16")],
)  # fmt: skip
def test_images_of_every_mode(mode: str, sent: str):
    """An image of Pillow's is sent as PNG whatever its mode, large or not."""
    assert opened(images.image(Image.new(mode, (9, 5)))).mode == sent
    assert opened(images.image(Image.new(mode, (4096, 4)))).size == (2048, 2)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_images_without_a_range(mode: str):
    """Values of which nobody knows what is black are refused with the way out."""
    with pytest.raises(ConfigurationError, match=rf"has mode {mode}, whose values have no range\. Scale it"):
        images.image(Image.new(mode, (9, 5)))


def test_the_image_is_left_alone():
    """The user's own image has the size and the mode that it had before."""
    mine = Image.new("P", (4000, 10))
    images.image(mine)
    assert (mine.size, mine.mode) == ((4000, 10), "P")


# ---- arrays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "mode", "corner"),
    [
        (np.full((5, 7), 200, "uint8"), "L", 200),
        (np.full((5, 7, 1), 200, "uint8"), "L", 200),
        (np.full((5, 7, 3), 200, "uint8"), "RGB", (200, 200, 200)),
        (np.full((5, 7, 4), 200, "uint8"), "RGBA", (200, 200, 200, 200)),
        (np.full((5, 7), 0.5), "L", 128),
        (np.full((5, 7, 3), 1.0, "float16"), "RGB", (255, 255, 255)),
        (np.full((5, 7), True), "L", 255),
        (np.full((7, 5), 9, "uint8").T, "L", 9),
        (np.ma.masked_array(np.full((5, 7), 9, "uint8")), "L", 9),
    ],
    ids=["grey", "one channel", "rgb", "rgba", "floats", "half floats", "mask", "transposed", "masked"],
)
def test_arrays_are_pictures(array: Any, mode: str, corner: Any):
    """Height × width, with no colours or 3 or 4, of bytes, floats from 0 to 1 or booleans, is a picture pixel by pixel."""
    found = opened(images.array(array))
    assert (found.size, found.mode, found.getpixel((6, 4))) == ((7, 5), mode, corner)


def test_an_array_keeps_its_rows():
    """The first row of an array is the top of the picture, and no pixel changes its place."""
    array = np.random.default_rng(2).integers(0, 256, (11, 13, 3), "uint8")
    assert (np.asarray(opened(images.array(array))) == array).all()


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(5), "An array of 5 is no picture"),
        (np.zeros((2, 3, 2)), "An array of 2 × 3 × 2 is no picture"),
        (np.zeros((2, 3, 4, 5)), "An array of 2 × 3 × 4 × 5 is no picture"),
        (np.zeros((0, 5)), "An array of 0 × 5 is no picture"),
        (np.array(1.0), "An array of no dimension is no picture"),
        (np.zeros((2, 2), "int64"), "An array of int64 is no picture"),
        (np.zeros((2, 2), "uint16"), "An array of uint16 is no picture"),
        (np.zeros((2, 2), "complex64"), "An array of complex64 is no picture"),
        (np.array([["a"]]), "An array of <U1 is no picture"),
        (np.array([[0.0, 255.0]]), "An array of floats from 0 to 255 is no picture"),
        (np.array([[-1.0, 0.0]]), "An array of floats from -1 to 0 is no picture"),
        (np.array([[0.5, np.nan]]), "An array of floats from nan to nan is no picture"),
        (np.broadcast_to(np.uint8(0), (100_000, 1000)), "the array has 1000 × 100000 pixels; at most 89 million"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_that_are_no_picture(array: Any, reason: str):
    """Any other shape or range is one sentence with the figures in it, and what to do."""
    with pytest.raises(ConfigurationError) as caught:
        images.array(array)
    assert str(caught.value).startswith(reason)
    assert caught.value.hint


# ---- figures -------------------------------------------------------------------------------------------------------


@pytest.fixture
def figure() -> Any:
    """A figure of Matplotlib's with two axes, one of them in a figure within it."""
    made = plt.figure(figsize=(4, 2), dpi=50)
    yield made
    plt.close(made)


def size_of(drawing: bytes | None) -> tuple[int, int]:
    assert drawing is not None
    assert media_type(drawing) == "image/png"
    return Image.open(io.BytesIO(drawing)).size


def test_figures_of_matplotlib(figure: Any):
    """A figure is drawn, and so is the figure of an axes, of a line in it and of a figure within a figure."""
    inner = figure.subfigures(1, 2)[0]
    axes = inner.subplots()
    (line,) = axes.plot([1, 2])
    for thing in (figure, inner, axes, line):
        assert size_of(images.drawn(thing)) == (200, 100)
    assert images.drawn(plt.Line2D([], [])) is None


def test_charts_of_altair():
    """A chart of Altair's is drawn by vl-convert."""
    assert size_of(images.drawn(alt.Chart().mark_point().properties(width=50, height=40))) > (50, 40)


def test_what_a_chart_is_drawn_with_is_missing(monkeypatch: pytest.MonkeyPatch):
    """Without vl-convert the sentence says how to get it."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(
        ConfigurationError, match=r"An Altair chart can't be drawn: .*vl-convert.*pip install vl-convert-python"
    ):
        images.drawn(alt.Chart().mark_point())


def test_what_a_figure_is_drawn_with_is_missing(monkeypatch: pytest.MonkeyPatch):
    """Without kaleido the sentence says how to get it, in one line."""
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(
        ConfigurationError, match=r"A Plotly figure can't be drawn: [^\n]*Kaleido[^\n]*pip install \"kaleido"
    ) as caught:
        images.drawn(plotly.graph_objects.Figure())
    assert ",." not in str(caught.value)


@pytest.mark.skipif(
    importlib.util.find_spec("kaleido") is None or not any(map(shutil.which, ("chromium", "google-chrome", "chrome"))),
    reason="Plotly draws with kaleido, which is no dependency of the tests, and a Chrome",
)
def test_a_figure_of_plotly():
    """With kaleido and a Chrome a figure of Plotly's is drawn like any other."""
    script = (
        "import sys, plotly.graph_objects as go; from nbchat.attachments.images import drawn; "
        "sys.stdout.buffer.write(drawn(go.Figure(go.Bar(y=[1, 2]), {'width': 300, 'height': 200})))"
    )
    # Plotly looks for kaleido once in a process.
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert size_of(done.stdout) == (300, 200)


def test_what_draws_nothing():
    """Classes, numbers and texts draw nothing."""
    for thing in (plt.Figure, 5, "x", None, [1]):
        assert images.drawn(thing) is None


# ---- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://a.b/cat.jpg", "http://a.b/chart?id=5", "https://a.b", "https://a.b/x.webp#y"])
def test_an_address_is_sent_as_it_stands(url: str):
    """A picture that lies elsewhere is not fetched: the server gets its address."""
    assert images.address(url).parts == ({"type": "image_url", "image_url": {"url": url}},)


@pytest.mark.parametrize(
    ("url", "named"), [("https://a.b/x.pdf", "application/pdf"), ("https://a.b/d.csv?x=.png", "text/csv")]
)
def test_an_address_of_something_else_is_refused(url: str, named: str):
    """What is a document by its name is not sent as a picture."""
    with pytest.raises(ConfigurationError, match=f"is {named} by its name; .* Download it, and attach the file"):
        images.address(url)
