"""The one door: any object becomes content parts."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.display import HTML, JSON, SVG, Audio, Image, Latex, Markdown
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image as Pillow
from recordings import UNHURRIED
from samples import MP3, Spoken, pdf, picture, sound
from scripted import validator

from nbchat.attachments.attach import attached, described, parts_of, to_parts
from nbchat.attachments.limits import Limits, megabytes
from nbchat.errors import ConfigurationError
from nbchat.tools.results import report
from nbchat.wire.media import data_url


def kinds(thing: Any) -> list[str]:
    """The types of the parts that a thing becomes, which are valid in a request."""
    parts = parts_of(thing)
    validator("request").validate({"model": "m", "messages": [{"role": "user", "content": parts}]})
    return [part["type"] for part in parts]


# ---- what is attached ----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of each kind, which is also where the notebook is."""
    files = {
        "plot.png": picture("PNG"),
        "wrong.txt": picture("JPEG"),
        "talk.wav": sound(),
        "song": MP3,
        "paper.pdf": pdf(),
        "table.csv": b"a,b\n1,2\n",
        "drawing.svg": b"<svg></svg>",
        "data.bin": bytes(10),
        "nothing": b"",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("plot.png", "image_url"), ("wrong.txt", "image_url"), ("talk.wav", "input_audio"), ("song", "input_audio"),
     ("paper.pdf", "file"), ("table.csv", "text"), ("drawing.svg", "text"), ("data.bin", "file")],
)  # fmt: skip
def test_a_file_is_what_its_bytes_are(folder: Path, name: str, kind: str):
    """A path, as text or as a Path, an open file and bytes become the same kind of part, whatever the file's name says."""
    data = (folder / name).read_bytes()
    with (folder / name).open("rb") as handle:
        for thing in (name, folder / name, f"~/{name}", f"./{name}", data, bytearray(data), io.BytesIO(data), handle):
            assert kinds(thing) == [kind]


@UNHURRIED
@given(
    st.binary(max_size=80),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF0000WEBP", b"BM", b"%PDF-", b"PK\x03\x04"]
    ),
)
def test_any_bytes_are_valid_parts_or_one_error(rest: bytes, head: bytes):
    """Whatever is attached, the outcome is a part that a request may have, or one kind of error."""
    try:
        outcome = kinds(head + rest)
    except ConfigurationError as error:
        outcome = str(error).splitlines()
    assert len(outcome) == 1


def test_what_is_told_of_a_file(folder: Path):
    """The model is told the name of a document and of a text, without the folder it lies in."""
    assert parts_of(folder / "paper.pdf")[0]["file"]["filename"] == "paper.pdf"
    assert attached(folder / "table.csv").text == "\n\ntable.csv:\n```\na,b\n1,2\n```\n"
    with (folder / "table.csv").open() as handle:
        assert attached(handle).text.startswith("\n\ntable.csv:")


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        ("nope.png", "There is no file 'nope.png', and it is no address of a picture."),
        ("What is this?\n" * 500, "There is no file 'What is this?"),
        ("a\0b", "There is no file"),
        ("~nobody_here/x", "There is no file"),
        ("ftp://a.b/c.png", "There is no file"),
        ("", "There is no file"),
        (".", " is no file."),
        (Path("missing.csv"), "missing.csv can't be read: No such file or directory."),
        ("nothing", "nothing is empty."),
        (b"", "The file is empty."),
        ("data:text/plain,hi", "A data: address is attached if its data is base64"),
        ("data:image/png;base64,@@", "A data: address is attached if its data is base64, and this one's is not."),
        (
            Audio(url="https://a.b/c.wav"),
            "The Audio only names an address; the API takes no sound by that.",
        ),
        (Audio(data=b"no sound"), "The Audio is text/plain; the API takes sounds as WAV or MP3."),
        (Image(url="file:///etc/passwd"), "The Image only names a file that is shown."),
        (Image(url="plot.png"), "Attach the file, by its path."),
        (plt, "matplotlib.pyplot is a module. Attach the figure, plt.gcf()."),
        (json, "json is a module. Take what is meant of it."),
        (object(), "an object of type object says nothing of itself but where in memory it is."),
        (
            pd.DataFrame({"a": [1]}).groupby("a"),
            "an object of type DataFrameGroupBy says nothing of itself but where in memory it is.",
        ),
        (lambda: 1, "an object of type function says nothing of itself"),
        (None, "There is nothing to attach: it is None."),
        (pl.LazyFrame({"a": [1]}), "A LazyFrame of polars is a query: attach what it finds, with .collect()."),
        (np.zeros(3), "An array of 3 is no picture"),
    ],
    ids=lambda value: re.sub(r"\W+", " ", str(value))[:20],
)
def test_what_can_not_be_attached(folder: Path, thing: Any, reason: str):
    """What is missing, empty or of no use is one sentence that names it."""
    with pytest.raises(ConfigurationError) as caught:
        attached(thing)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_device_is_not_read_for_ever():
    """What is neither a file nor a folder, such as /dev/zero, is not opened."""
    with pytest.raises(ConfigurationError, match=r"/dev/zero is no file"):
        attached(Path("/dev/zero"))


def test_a_file_that_is_too_large_is_not_read(folder: Path):
    """A file above its limit is refused by its size; a picture, which can be scaled down, from ten times that on."""
    with (folder / "huge.bin").open("wb") as sparse:
        os.truncate(sparse.fileno(), 50_000_000_000)
    with pytest.raises(ConfigurationError, match=r"huge.bin has 50000 MB; at most 20 MB are attached"):
        attached(folder / "huge.bin")
    (folder / "huge.png").write_bytes(picture("PNG"))
    os.truncate(folder / "huge.png", 201_000_000)
    with pytest.raises(ConfigurationError, match=r"huge.png has 201 MB; at most 200 MB are attached"):
        attached(folder / "huge.png")


def test_addresses():
    """The address of a picture stays one; data in an address is what it is, whatever type it claims."""
    assert parts_of("https://a.b/c.png") == [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]
    assert parts_of(data_url("text/html", picture("GIF")))[0]["image_url"]["url"].startswith("data:image/gif;base64,")
    assert kinds(data_url("image/png", pdf())) == ["file"]


def test_objects_of_a_notebook():
    """Figures, images, arrays, tables, sounds and what shows itself in a notebook become what they are."""
    figure = Figure(figsize=(1, 1))
    png = picture("PNG")
    assert kinds(figure) == ["image_url"]
    assert kinds(figure.subplots()) == ["image_url"]
    assert kinds(Pillow.new("RGB", (3, 3))) == ["image_url"]
    assert kinds(np.zeros((3, 3))) == ["image_url"]
    assert kinds(Image(data=png)) == ["image_url"]
    assert kinds(Image(data=picture("JPEG"), format="jpeg")) == ["image_url"]
    assert kinds(Audio(data=sound())) == ["input_audio"]
    assert attached(Markdown("*hi*")).text == "\n\n*hi*"
    assert kinds(Image(data=picture("GIF"), format="gif")) == ["image_url"]
    assert parts_of(Image(url="https://a.b/c.png")) == parts_of("https://a.b/c.png")
    assert parts_of(Image(url=data_url("image/png", png))) == parts_of(png)
    assert attached(SVG(data="<svg></svg>")).text == "\n\n<svg/>"
    assert attached(HTML("<b>hi</b>")).text == "\n\n<b>hi</b>"
    assert attached(Latex("$x$")).text == "\n\n$x$"
    assert attached(JSON({"a": [None]})).text == '\n\n{"a": [null]}'
    assert attached(pd.DataFrame({"a": [1]}).style) == attached(pd.DataFrame({"a": [1]}))
    assert attached(pd.DataFrame({"a": [1]})).text.startswith("\n\npandas DataFrame, 1 row")


def test_a_list_is_each_of_its_things():
    """Several things become their parts in order, lists in lists too, and all notes are kept."""
    found = attached([np.zeros((3000, 3)), [{"type": "text", "text": "mine"}, ("https://a.b/c.png",)], {"k": 1}])
    assert [part["type"] for part in found.parts] == ["image_url", "text", "image_url", "text"]
    assert found.text == "mine\n\n{'k': 1}"
    assert len(found.media) == 2
    assert found.notes == ("the array was scaled down from 3 × 3000 to 2 × 2048 pixels",)
    assert attached([]).parts == ()


def test_what_yields_is_each_of_its_things(folder: Path):
    """The files that a pattern finds are attached as they are found."""
    assert kinds(sorted(folder.glob("*.png"))) == kinds(folder.glob("*.png")) == ["image_url"]


def test_a_list_that_contains_itself():
    """A list without an end is one sentence, and no endless recursion."""
    endless: list[Any] = [1]
    endless.append(endless)
    with pytest.raises(ConfigurationError, match="can't be attached: RecursionError"):
        attached(endless)


def test_a_part_of_the_api_is_sent_as_it_is():
    """A content part that somebody wrote by hand is not looked into, and not changed."""
    part = {"type": "image_url", "image_url": {"url": "https://a.b/c.png", "detail": "low"}}
    assert parts_of(part) == [part]


def test_an_object_that_fails():
    """An object whose own representation raises is one sentence with its type and the reason."""

    class Broken:
        def __str__(self) -> str:
            raise ZeroDivisionError("no text\nat all")

    with pytest.raises(ConfigurationError) as caught:
        attached([1, Broken()])
    assert str(caught.value) == "An object of type Broken can't be attached: ZeroDivisionError: no text."
    assert caught.value.__cause__ is caught.value.__context__ is None


# ---- what an object says itself ------------------------------------------------------------------------------------


def test_an_object_says_how_it_is_read():
    """_repr_llm_ comes before everything else: text, a part, or a list of both."""

    class Frame(pd.DataFrame):
        def _repr_llm_(self) -> str:
            return "a frame of mine"

    part = {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}
    assert described(Frame({"a": [1]})).text == "a frame of mine"
    assert described(Spoken(part)).parts == (part,)
    assert described(Spoken(["a", part, 5])).parts == (
        {"type": "text", "text": "a"},
        part,
        {"type": "text", "text": "5"},
    )
    assert described(Spoken({"no": "type"})).text == "{'no': 'type'}"


def test_what_an_object_says_is_no_path(folder: Path):
    """A text of an object's is a text, even if there is a file of that name: objects may be anybody's."""
    (folder / "secret").write_text("password")
    assert attached(Spoken("secret")).text == "\n\nsecret"
    assert attached(Spoken(["secret"])).text == "\n\nsecret"
    assert described("secret").text == "secret"
    assert described(Path("secret")).text == "secret"
    assert described(b"secret").text == "b'secret'"


def test_objects_that_answer_to_every_name():
    """A mock that has every method is not a figure, and a class is not an instance of itself."""

    class Anything:
        def __getattr__(self, name: str) -> Any:
            return lambda *_, **__: "anything"

        def __str__(self) -> str:
            return "as text"

    assert described(Anything()).text == "as text"
    assert described(Spoken).text == str(Spoken)
    assert described(Figure).text == str(Figure)


@pytest.mark.parametrize("value", [3.14159265, None, [1, 2], {"a": 1}, np.zeros((2, 2)), pd.DataFrame, [object], 5j])
def test_a_value_is_its_text(value: Any):
    """What has no other form is put in as its text."""
    assert described(value).text == str(value)


def test_axes_are_the_figure_they_are_in():
    """What plt.subplots() gives, axes one by one or many at once, is the picture of the figure in both places."""
    figure = Figure(figsize=(1, 1))
    axes = figure.subplots(2, 2)
    assert parts_of(axes) == parts_of(figure) == list(described(axes).parts)
    assert described((figure, axes)).parts == described(figure).parts
    with pytest.raises(ConfigurationError, match="An array of object is no picture"):
        attached(np.array([[None]]))


def test_what_is_put_into_a_question_is_never_an_address_in_memory():
    """A sound goes as a sound, several pictures each as one, and what says nothing is an error."""
    assert [part["type"] for part in described(Audio(data=sound())).parts] == ["input_audio"]
    several = described([Figure(figsize=(1, 1)), Pillow.new("L", (2, 2)), pd.DataFrame({"a": [1]})])
    assert [part["type"] for part in several.parts] == ["image_url", "image_url", "text"]
    with pytest.raises(ConfigurationError, match="an object of type object says nothing of itself"):
        described(object())


def test_a_representation_of_nothing():
    """An object that has no picture or Markdown after all is its text."""

    class Shy:
        def _repr_png_(self) -> Any:
            return None

        def _repr_jpeg_(self) -> Any:
            return "not base64!"

        def _repr_markdown_(self) -> Any:
            return None

        def __str__(self) -> str:
            return "as text"

    assert described(Shy()).text == "as text"


def test_what_a_tool_returns():
    """A table and a figure that a tool returned become parts, and reach the model with its report; data has none."""
    assert to_parts({"a": 1}) is to_parts("text") is to_parts(None) is to_parts([Figure()]) is None
    frame, figure = pd.DataFrame({"a": [1]}), Figure(figsize=(1, 1))
    told = report(frame, to_parts=to_parts)
    assert "| 0 | 1 |" in told.text
    assert told.parts == ()
    assert [part["type"] for part in report(figure, to_parts=to_parts).parts] == ["image_url"]


def test_what_a_tool_returns_never_raises():
    """A result that can't be drawn is told in words, and one whose own code fails is told as data."""

    class Broken:
        def savefig(self, *_: Any, **__: Any) -> None:
            raise ZeroDivisionError

    assert "takes no sound by that" in report(Audio(url="https://a.b/c.wav"), to_parts=to_parts).text
    parts = to_parts(Pillow.new("F", (2, 2)))
    assert parts is not None
    assert "has mode F" in parts[0]["text"]
    assert to_parts(Broken()) is None


# ---- limits --------------------------------------------------------------------------------------------------------


def test_limits_are_given_by_name():
    """A bound is an argument of parts_of; one that does not exist, or is no number, says which there are."""
    frame = pd.DataFrame({"a": range(1000)})
    few, many = (len(json.dumps(parts_of(frame, table_tokens=tokens))) for tokens in (100, 1000))
    assert 200 < few < 700 < many
    with pytest.raises(
        ConfigurationError, match=r"no limit 'rows' on what is attached. There are: file_bytes, image_side"
    ):
        parts_of(frame, rows=5)
    for wrong in (0, -1, 1.5, "5", True, None):
        with pytest.raises(ConfigurationError, match=r"table_tokens is a whole number from 1 on"):
            parts_of(frame, table_tokens=wrong)  # type: ignore[arg-type]


def test_the_text_of_an_object_is_bounded():
    """An object with a text of megabytes is refused with both figures; a text itself may have any length."""
    limits = Limits(text_tokens=1000)
    with pytest.raises(ConfigurationError, match=r"A value of type list is text of about [\d,]+ tokens; at most 1,000"):
        described(list(range(5000)), limits)
    assert len(described("x" * 500_000, limits).text) == 500_000


def test_what_it_costs_is_told():
    """An attachment tells about how many tokens it is."""
    assert attached(np.zeros((1024, 1024))).tokens == 765
    assert 10 < attached(pd.DataFrame({"a": [1]})).tokens < 30


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (123_456, "123 kB"),
        (1_250_000, "1.2 MB"),
        (20_000_000, "20 MB"),
    ],
)
def test_sizes_in_words(size: int, expected: str):
    """Bytes are told in the unit that people use for as many."""
    assert megabytes(size) == expected
