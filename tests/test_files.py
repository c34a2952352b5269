"""Files as content parts: text as text, the rest as files."""

from __future__ import annotations

import base64

import pytest
from samples import pdf

from nbchat.attachments.files import file, read_text_file, text_file
from nbchat.attachments.limits import Limits
from nbchat.errors import ConfigurationError


def test_a_pdf_is_a_file_part():
    """A PDF goes out whole, with its name and its type."""
    data = pdf()
    (part,) = file(data, "application/pdf", "paper.pdf").parts
    assert part["file"]["filename"] == "paper.pdf"
    head, _, encoded = part["file"]["file_data"].partition(",")
    assert (head, base64.b64decode(encoded)) == ("data:application/pdf;base64", data)
    assert file(data, "application/pdf").parts[0]["file"]["filename"] == "document.pdf"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a,b\r\n1,2", "a,b\r\n1,2"),
        ("\ufeffgrün".encode(), "grün"),
        ("grün 👋".encode("utf-16"), "grün 👋"),
        ("grün €".encode("cp1252"), "grün €"),
        (b"end\n", "end"),
        (b"", ""),
    ],
    ids=["bytes", "mark", "utf-16", "windows", "newline", "empty"],
)
def test_text_in_any_encoding(data: bytes, expected: str):
    """A text file is read by its mark, as UTF-8, or as Windows wrote it; its lines stay as they are."""
    assert text_file(data, "n.txt").text == f"\n\nn.txt:\n```\n{expected}\n```\n"


def test_no_text_closes_its_own_fence():
    """Fences within a file leave it whole: the one around it is longer than any."""
    text = text_file(b"```python\n1\n```\n````\n", "a.md").text
    assert text.startswith("\n\na.md:\n`````\n```python")
    assert text.endswith("\n````\n`````\n")


def test_files_that_are_too_large():
    """A file or a text above its limit is refused with both figures, and with the name of the setting."""
    with pytest.raises(ConfigurationError, match=r"big.zip has 2 kB; at most 1 kB are attached.*c\.NBChat\.attach"):
        file(bytes(2000), "application/zip", "big.zip", Limits(file_bytes=1000))
    with pytest.raises(
        ConfigurationError, match=r"log.txt is text of about 1,0\d\d tokens; at most 1,000 are attached.*part of it"
    ):
        text_file(b"word" * 1000, "log.txt", Limits(text_tokens=1000))


@pytest.mark.parametrize(
    "text", ["a,b\n1,2", "ends here\n", "has ``` and ```` in it", "\n\nb.csv:\n```\ny\n```\n", "x:\n"]
)
def test_a_text_file_is_read_back(text: str):
    """The part that a text file became gives its name and its text again, whatever is in it."""
    (part,) = text_file(text.encode(), "notes: today.csv").parts
    assert read_text_file(part) == ("notes: today.csv", text.removesuffix("\n"))


@pytest.mark.parametrize("text", ["Look:\n```\nx\n```\n", "\n\na.csv:\n```\nx\n````\n", "\n\n| a |\n", None])
def test_what_is_no_text_file_is_not_read_as_one(text: str | None):
    """Text that somebody typed, with or without a fence, and a table are no files."""
    assert read_text_file({"type": "text", "text": text}) is None
