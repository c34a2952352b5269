"""{{expression}}: the value of an expression of the notebook, put in once."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from recordings import UNHURRIED
from samples import Spoken
from scripted import ScriptedServer

from nbchat.client.config import settings
from nbchat.errors import ConfigurationError
from nbchat.jupyter import template
from nbchat.jupyter.template import attached_by_name, expand
from nbchat.session.session import Session
from nbchat.wire.measures import pixel_size
from nbchat.wire.media import medium_of

NAMES: dict[str, Any] = {
    "x": 41,
    "name": "Ada",
    "sneaky": "{{x}} and }} and {{",
    "d": {"a": {"b": [1, {"c": 2}]}},
    "s": "}}",
    "f": lambda **given: given,
}


# ---- what is replaced, and what is not -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{x}}", "41"),
        ("{{ x + 1 }}", "42"),
        ("a{{x}}b{{x}}c", "a41b41c"),
        ("{{x}}{{x}}", "4141"),
        ("{{\n  x +\n  1\n}}", "42"),
        ("{{x  # the answer, nearly\n}}", "41"),
        ("{{name.upper()[0]}}", "A"),
        ("{{[n for n in range(3)]}}", "[0, 1, 2]"),
        ("{{[x for _ in range(2)]}}", "[41, 41]"),
        ("{{(lambda n: n + x)(1)}}", "42"),
        ("{{x if x else 0}}", "41"),
        ("{{len(name)}}", "3"),
        ("{{()}}", "()"),
        ("{{1, 2}}", "(1, 2)"),
        # braces of the expression itself, spaces or none
        ('{{ {"k": [x]}["k"][0] }}', "41"),
        ('{{{"k": [x]}["k"][0]}}', "41"),
        ("{{d['a']['b'][1]['c']}}", "2"),
        ("{{ {'a': {'b': {'c': 1}}} }}", "{'a': {'b': {'c': 1}}}"),
        ("{{{'a': {'b': {'c': 1}}}}}", "{'a': {'b': {'c': 1}}}"),
        ("{{f(a={1: {2: 3}})}}", "{'a': {1: {2: 3}}}"),
        ("{{ f'{x}' }}", "41"),
        ("{{ f'{x:>{5}}' }}", "   41"),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' }}", "{{"),
        ("{{{1, 2} & {2}}}", "{2}"),
        ("{{name}}}", "Ada}"),
        # what was put in is not looked at again
        ("{{sneaky}}", "{{x}} and }} and {{"),
        ("{{sneaky}}{{x}}", "{{x}} and }} and {{41"),
        ("{{s}}x{{s}}", "}}x}}"),
        # everything else arrives as typed
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 1}}}'),
        (r"\frac{1}{2} \sqrt{x^{2}}", r"\frac{1}{2} \sqrt{x^{2}}"),
        ('f"{x}" {x!r:>{w}}', 'f"{x}" {x!r:>{w}}'),
        ("$HOME %s {0} {} }} }", "$HOME %s {0} {} }} }"),
        ("{{", "{{"),
        ("}}", "}}"),
        ("{{}}", "{{}}"),
        ("{{ }} {{x}} {{\n}}", "{{ }} 41 {{\n}}"),
        ("a {{ b", "a {{ b"),
        ("a }} b {{", "a }} b {{"),
        ("{{ {{ {{", "{{ {{ {{"),
        ("{ {x} }", "{ {x} }"),
        ("", ""),
    ],
)
def test_what_is_replaced(source: str, expected: str):
    """Double braces hold an expression, however many braces of its own it has; all else arrives as typed."""
    assert expand(source, NAMES) == (expected, ())


@pytest.mark.parametrize(
    ("source", "named", "reason"),
    [
        ("{{nope}}", "{{nope}}", "NameError: name 'nope' is not defined"),
        ("{{ 1/0 }} {{x}}", "{{1/0}}", "ZeroDivisionError: division by zero"),
        ("{{x +}}", "{{x +}}", "SyntaxError"),
        ("{{x = 1}}", "{{x = 1}}", "SyntaxError"),
        ("{{import os}}", "{{import os}}", "SyntaxError"),
        ("{{#if x}}yes{{/if}}", "{{#if x}}", "SyntaxError: this is a comment"),
        ("{{ user.name }}", "{{user.name}}", "NameError: name 'user' is not defined"),
        ("{{d['nope']}}", "{{d['nope']}}", "KeyError: 'nope'"),
        ("{{int('many\\nlines')}}", "{{int('many\\nlines')}}", "ValueError"),
        ("{{'(' * 5 + }}", "{{'(' * 5 +}}", "SyntaxError"),
        ("{{" + "(" * 900 + "}}", "{{" + "(" * 900 + "}}", "SyntaxError"),
    ],
    ids=lambda value: str(value)[:16],
)
def test_an_expression_that_fails(source: str, named: str, reason: str):
    """A failing expression is one line that names it and says why, and nothing of the question is sent."""
    with pytest.raises(ConfigurationError) as caught:
        expand(source, NAMES)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith("Nothing was sent; --raw sends double braces as typed.")
    assert said.startswith(f"{named} can't be put in: {reason}")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_value_that_can_not_be_shown_fails_too():
    """An object whose own text, table or picture fails is told like an expression that fails."""

    class Broken:
        def __str__(self) -> str:
            raise ZeroDivisionError("no text")

    class BrokenModel:
        def _repr_llm_(self) -> str:
            raise ZeroDivisionError("no text")

    class BrokenFigure:
        def savefig(self, *_: Any, **__: Any) -> None:
            raise ZeroDivisionError("no text")

    for kind in (Broken, BrokenModel, BrokenFigure):
        with pytest.raises(ConfigurationError, match=r"\{\{thing\}\} can't be put in: ZeroDivisionError: no text"):
            expand("{{thing}}", {"thing": kind()})
    for silent in (object(), warnings, (n for n in "ab")):
        with pytest.raises(ConfigurationError, match=r"\{\{thing\}\} can't be put in: A model can't read this: "):
            expand("{{thing}}", {"thing": silent})


def test_the_notebook_is_left_alone():
    """Evaluating changes no variable and prints no warning, and an interrupt is not taken for a failure."""
    names = dict(NAMES)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert expand("{{(y := x) + y}} {{ }} {{[z for z in 'ab']}}", names).content == "82 {{ }} ['a', 'b']"
    assert (names, warned) == (NAMES, [])

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        expand("{{interrupt()}}", {"interrupt": interrupt})


@UNHURRIED
@given(st.text(alphabet="{}x 1\"'#\n\\", max_size=30))
def test_any_braces_are_text_or_one_error(source: str):
    """Whatever is typed, the outcome is text or one kind of error; without double braces it is what was typed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            got = expand(source, NAMES).content
        except ConfigurationError as error:
            got = str(error)
            failed = True
        else:
            failed = False
    if "{{" not in source:
        assert got == source
    assert not failed or "can't be put in" in got


@UNHURRIED
@given(st.text(max_size=50))
def test_values_arrive_as_they_are(value: str):
    """A text that is put in is in the question sign by sign, whatever signs it has."""
    assert expand("<{{value}}>", {"value": value}).content == f"<{value}>"


@pytest.mark.parametrize(
    "source", ["{{" * 50_000, "}}" * 50_000, "{{ }}" * 20_000, "{" * 100_000, "{{x" * 30_000, "{{ {" * 30_000, '{"a": {"b": {}}} ' * 20_000]
)  # fmt: skip
def test_long_text_is_read_once(source: str, monkeypatch: pytest.MonkeyPatch):
    """A long question full of braces that close nothing is not tried as Python over and over."""
    tries: list[str] = []
    real = template._is_python
    monkeypatch.setattr(template, "_is_python", lambda text: tries.append(text) or real(text))
    assert expand(source, {}).content == source
    assert tries == []


def test_a_failing_text_is_tried_within_a_page_only(monkeypatch: pytest.MonkeyPatch):
    """Where an expression never closes, what may be one is looked for within some 2,000 signs and no further."""
    tries: list[str] = []
    monkeypatch.setattr(template, "_is_python", lambda text: tries.append(text) or False)
    with pytest.raises(ConfigurationError):
        expand("{{( " + "x }}" * 100_000, {})
    assert len(tries) <= 500
    assert max(map(len, tries)) <= 2_000


# ---- what values become ---------------------------------------------------------------------------------------------


def picture(part: Any) -> bytes:
    """The bytes of an image part."""
    medium = medium_of(part)
    assert medium is not None
    return medium.data()


def test_a_table_stands_between_the_words():
    """A DataFrame is a table with empty lines around it, in a question that stays a text."""
    content = expand("Look:{{df}}Well?", {"df": pd.DataFrame({"a": [1]})}).content
    assert (
        content == "Look:\n\npandas DataFrame, 1 row × 1 column:\n\n|  | a (int64) |\n| --- | --- |\n| 0 | 1 |\nWell?"
    )


def test_a_figure_is_an_image_part():
    """A figure of matplotlib becomes a PNG between the text before and the text after it."""
    figure = Figure(figsize=(1, 2), dpi=50)
    figure.subplots().plot([1, 2])
    before, image, after = expand("What is {{fig}} on {{x}}?", {"fig": figure, "x": "it"}).content
    assert (before, after) == ({"type": "text", "text": "What is "}, {"type": "text", "text": " on it?"})
    assert pixel_size(picture(image)) == (50, 100)


def test_parts_have_text_between_them():
    """Text between pictures is joined to one part; blanks alone are none."""
    names = {"p": Image.new("L", (1, 1)), "q": Image.new("L", (2, 2)), "x": 5}
    content = expand("{{p}} {{q}}\n{{x}} is {{x}}", names).content
    assert [part.get("text", part["type"]) for part in content] == ["image_url", "image_url", "\n5 is 5"]
    assert expand("{{x}}", names).content == "5"


@pytest.mark.parametrize("value", [np.zeros((2, 2)), b"bytes", Path("plot.png"), "plot.png"])
def test_what_is_attached_otherwise_is_text_here(value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An array, bytes and a path in a question are what they say; no file is opened for them."""
    monkeypatch.chdir(tmp_path)
    Path("plot.png").write_bytes(b"secret")
    assert expand("{{it}}", {"it": value}).content == str(value)


def test_what_was_done_to_a_picture_is_said():
    """A picture that is scaled down for the model is a note beside the question."""
    found = expand("{{a}} and {{b}}", {"a": Image.new("L", (4096, 2)), "b": 1})
    assert found.notes == ("the picture was scaled down from 4096 × 2 to 2048 × 1 pixels",)


def test_the_hint_of_a_value_that_can_not_be_sent():
    """Where a value's own trouble has a way out, it is said in the place of the general one."""
    with pytest.raises(ConfigurationError) as caught:
        expand("{{im}}", {"im": Image.new("F", (2, 2))})
    assert str(caught.value) == (
        "{{im}} can't be put in: the picture has mode F, whose values have no range. "
        'Scale it to 0 … 255 and convert("L") it.'
    )


def test_limits_are_the_configured_ones(monkeypatch: pytest.MonkeyPatch):
    """c.NBChat.attach bounds what is put into a question."""
    monkeypatch.setattr(settings(), "attach", {"image_side": 100, "table_tokens": 30})
    found = expand("{{im}}{{df}}", {"im": Image.new("L", (200, 100)), "df": pd.DataFrame({"a": range(1000)})})
    assert pixel_size(picture(found.content[0])) == (100, 50)
    assert len(found.content[1]["text"]) < 300
    monkeypatch.setattr(settings(), "attach", {"side": 100})
    with pytest.raises(ConfigurationError, match="There is no limit 'side'"):
        expand("{{im}}", {"im": 1})


@pytest.mark.parametrize(
    ("said", "expected"),
    [("as I like", "a as I like b"), (5, "a 5 b"), ("{{x}}", "a {{x}} b"), ({"type": "text", "text": "t"}, "a t b")],
)
def test_an_object_says_how_it_is_read(said: Any, expected: str):
    """_repr_llm_ decides: its text is put in and never expanded again, a dict is a content part."""
    assert expand("a {{it}} b", {"it": Spoken(said)}).content == expected


def test_an_answer_is_put_in_as_it_was_given(server: ScriptedServer):
    """What a model said goes into the next question as it was, not as it was made safe to be shown."""
    server.answer("<b>bold</b> & ![x](http://a.b/c.png)")
    answer = Session("m", base_url=server.url).send("?")
    assert expand("{{answer}}", {"answer": answer}).content == "<b>bold</b> & ![x](http://a.b/c.png)"


def test_what_stands_already_is_not_put_in():
    """In a question that is edited, braces that came out of a value are text; those that are typed anew are expressions."""
    before = "Explain: {{boom()}} and {{x}}"
    names = {"x": 41, "boom": lambda: 1 / 0}
    assert expand("Explain: {{boom()}} and {{x}}, or {{x + 1}}?", names, before).content == (
        "Explain: {{boom()}} and {{x}}, or 42?"
    )


# ---- what is named by --attach ---------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files, where the notebook is."""
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("from the file")
    Path("x").write_text("from the file")
    return tmp_path


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("{'a': 1}", "\n\n{'a': 1}"),
        ("len(d)", "\n\n1"),
        ("notes.txt", "\n\nnotes.txt:\n```\nfrom the file\n```\n"),
        ("./notes.txt", "\n\nnotes.txt:\n```\nfrom the file\n```\n"),
        ("'notes.txt'", "\n\nnotes.txt:\n```\nfrom the file\n```\n"),
        ("x", "\n\n41"),  # the variable, although there is a file
    ],
)
def test_attach_takes_an_expression_or_a_file(folder: Path, word: str, expected: str):
    """A word is a variable, else a file if there is one, else an expression."""
    assert attached_by_name([word], NAMES).text == expected


def test_attach_takes_an_address():
    """An address of a picture stands without quotes, and several things keep their order."""
    found = attached_by_name(["https://a.b/c.png", "[d, x]"], NAMES)
    assert [part["type"] for part in found.parts] == ["image_url", "text", "text"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("nope", "--attach nope: NameError: name 'nope' is not defined. Nothing was sent; it takes an expression"),
        ("plot.png", "--attach plot.png: NameError: name 'plot' is not defined. Nothing was sent"),
        ("1 +", "--attach 1 +: SyntaxError"),
        ("'plot.png'", "There is no file 'plot.png'"),
        ("None", "There is nothing to attach"),
    ],
)
def test_attach_says_what_is_wrong(folder: Path, word: str, reason: str):
    """What fails is one line that names it."""
    with pytest.raises(ConfigurationError) as caught:
        attached_by_name([word], NAMES)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)
