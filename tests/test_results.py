"""What a model reads of what a tool returned."""

import collections
import datetime as dt
import decimal
import enum
import itertools
import json
import pathlib
import time
import types
import uuid
from dataclasses import dataclass

import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.tools.results import BUDGET, cut, report

IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


class Unit(enum.Enum):
    CELSIUS = "C"


@dataclass
class City:
    name: str
    when: dt.date | None = None


class Cat(msgspec.Struct, rename="camel"):
    lives_left: int = 9
    nick: str | msgspec.UnsetType = msgspec.UNSET


class Order(pydantic.BaseModel):
    count: int = 1
    day: dt.date = dt.date(2026, 10, 18)


class Said:
    """Something that says itself how a model is to read it."""

    def __init__(self, said):
        self.said = said

    def _repr_llm_(self):
        return self.said


class Thing:
    def __repr__(self):
        return '<a "thing">'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("", "(an empty text)"),
        (None, "(done; nothing was returned)"),
        (3, "3"),
        (True, "true"),
        (1.5, "1.5"),
        (float("nan"), "null"),
        (10**5000, hex(10**5000)),
        (np.float64(1.5), "1.5"),
        (np.int64(3), "3"),
        (np.bool_(True), "true"),
        (np.datetime64("2026-10-18"), "2026-10-18"),
        (dt.date(2026, 10, 18), "2026-10-18"),
        (dt.datetime(2026, 10, 18, 10, 30), "2026-10-18T10:30:00"),
        (decimal.Decimal("0.10"), "0.10"),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (Unit.CELSIUS, '"C"'),
        ([1, "a", None, float("inf")], '[1,"a",null,null]'),
        ((1, {2}), "[1,[2]]"),
        (collections.deque([1]), "[1]"),
        ({"a": {"b": [Unit.CELSIUS]}, 1: "é"}, '{"a":{"b":["C"]},"1":"é"}'),
        (types.MappingProxyType({"a": 1}), '{"a":1}'),
        ([City("Rome", dt.date(2026, 10, 18))], '[{"name":"Rome","when":"2026-10-18"}]'),
        (Cat(), '{"livesLeft":9}'),
        (Order(), '{"count":1,"day":"2026-10-18"}'),
        ([Thing()], '["<a \\"thing\\">"]'),
        (Thing(), '<a "thing">'),
        (City, repr(City)),
        (b"\x00\xff", '"2 bytes, beginning with 00 ff"'),
        ("a\ud800", "a\ufffd"),
        ({"a\ud800": "\ud800"}, '{"a\ufffd":"\ufffd"}'),
        (pd.DataFrame({"a": [1, 2]}), "   a\n0  1\n1  2"),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        ({"v": np.array([0.5, np.nan]), "i": np.int64(1)}, '{"v":[0.5,null],"i":1}'),
        (np.array(["2026-10-18"], "datetime64[ns]"), '["2026-10-18T00:00:00.000000000"]'),
        (np.ma.array([1, 2], mask=[False, True]), "[1,null]"),
        (range(3), "[0,1,2]"),
        ({"a": 1}.keys(), '["a"]'),
        ({"a": 1}.values(), "[1]"),
        ({"a": 1}.items(), '[["a",1]]'),
        ({"pairs": zip("ab", (1, 2), strict=True)}, '{"pairs":[["a",1],["b",2]]}'),
        ([dt.timedelta(hours=1)], '["1:00:00"]'),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_becomes_text(value, text):
    """A text stays, data is JSON, and anything else is what its repr says."""
    assert report(value).text == text
    assert not report(value).trimmed


@pytest.mark.parametrize(
    ("said", "text", "parts"),
    [
        ("short", "short", ()),
        (5, "5", ()),
        (IMAGE, "(the result is attached: image)", (IMAGE,)),
        ([{"type": "text", "text": "a plot"}, IMAGE], "a plot", (IMAGE,)),
        ([1], "[1]", ()),
        ([], "[]", ()),
    ],
)
def test_an_object_may_say_itself_how_it_is_read(said, text, parts):
    """What _repr_llm_ returns, a text or content parts, comes before everything else."""
    found = report(Said(said), to_parts=lambda value: [{"type": "text", "text": "no"}])
    assert (found.text, found.parts) == (text, parts)


def test_a_class_does_not_speak_for_its_objects():
    """A class that has _repr_llm_ is shown as a class."""
    assert report(Said).text == repr(Said)


def test_parts_come_from_whoever_makes_them():
    """The hook turns pictures and tables into parts: their texts are the text, the others go with it."""

    def to_parts(value):
        return {
            "plot": None,
            Thing: [IMAGE, IMAGE, {"type": "input_audio"}],
            City: [{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b"}],
        }.get(value if isinstance(value, str) else type(value))

    assert report(Thing(), to_parts=to_parts).text == "(the result is attached: 2 × image, input audio)"
    assert report(Thing(), to_parts=to_parts).parts == (IMAGE, IMAGE, {"type": "input_audio"})
    assert report(City("Rome"), to_parts=to_parts).text == "a\nb"
    assert report([1], to_parts=to_parts).text == "[1]"


def drawn(value):
    """What draws a thing as a picture, a city as a map, and frames as tables."""
    if isinstance(value, Thing):
        return [IMAGE]
    if isinstance(value, complex):
        return [{"type": "input_audio", "input_audio": {"data": str(value)}}]
    return [{"type": "text", "text": "\n\na table\n"}] if isinstance(value, pd.DataFrame) else None


@pytest.mark.parametrize(
    ("value", "text", "count"),
    [
        (("see", Thing()), '["see","[picture 1]"]', 1),
        ({"plot": Thing(), "n": 1}, '{"plot":"[picture 1]","n":1}', 1),
        (City(name=[Thing()]), '{"name":["[picture 1]"],"when":null}', 1),
        ([Thing(), Thing(), 1j], '["[picture 1]","[picture 1]","[sound 2]"]', 2),
        ({"found": pd.DataFrame({"a": [1]})}, '{"found":"a table"}', 0),
        (np.array([Thing()]), '["[picture 1]"]', 1),
    ],
    ids=["tuple", "dict", "dataclass", "twice", "table", "array"],
)
def test_pictures_within_data_go_with_it(value, text, count):
    """A picture anywhere in what was returned is a part, whose name stands in its place; the same one goes once."""
    found = report(value, to_parts=drawn)
    assert (found.text, len(found.parts)) == (text, count)


def test_no_more_pictures_than_a_request_has_room_for():
    """Of many pictures the first go, and where others were it is said."""
    found = report([complex(n) for n in range(30)], to_parts=drawn)
    assert len(found.parts) == 20
    assert '"[sound 20]","[a further sound, left out]"' in found.text


@pytest.mark.parametrize(
    ("value", "note"),
    [
        ("x" * 50_000_000, "[cut after 20,000 of 50,000,000 characters]"),
        (list(range(1_000_000)), "[cut after 20,000 characters of 1,000,000 items]"),
        ({str(n): n for n in range(1_000_000)}, "[cut after 20,000 characters of 1,000,000 items]"),
        (["x" * 50_000_000], "[cut after 20,000 characters of 1 items]"),
        (City("x" * 50_000_000), "[cut after 20,000 characters]"),
        ([[n] * 1000 for n in range(1000)], "[cut after 20,000 characters of 1,000 items]"),
        (np.zeros(50_000_000, "int8"), "[cut after 20,000 characters of 50,000,000 items]"),
        (range(10**12), "[cut after 20,000 characters of 1,000,000,000,000 items]"),
        ({"n": itertools.count()}, "[cut after 20,000 characters of 1 items]"),
    ],
    ids=["text", "list", "dict", "item", "member", "lists", "array", "range", "endless"],
)
def test_what_is_too_long_is_cut_and_said(value, note):
    """A long result is cut at the budget with a note, and writing it costs no more than that."""
    begun = time.perf_counter()
    found = report(value)
    assert time.perf_counter() - begun < 1
    assert found.trimmed
    text, _, last = found.text.rpartition("\n")
    assert (len(text), last) == (BUDGET, note)


def test_the_budget_is_exact():
    """What fits the budget is not cut, and one character more is."""
    assert cut("x" * 10, 10) == ("x" * 10, False)
    assert cut("x" * 11, 10) == ("x" * 10 + "\n[cut after 10 of 11 characters]", True)
    assert report([11111111], budget=10).text == "[11111111]"
    assert report([111111111], budget=10).text == "[111111111\n[cut after 10 characters of 1 items]"


def test_what_contains_itself_ends():
    """A value that contains itself is told down to some depth."""
    loop = []
    loop.append(loop)
    assert report(loop).text.count("[") == 31
    assert '"…"' in report(loop).text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(JSON.filter(lambda value: isinstance(value, list | dict)))
def test_data_is_told_as_the_json_it_is(value):
    """Data is written as JSON that says the same."""
    assert json.loads(report(value, budget=10**9).text) == value


@settings(deadline=None)
@given(JSON, st.integers(1, 50))
def test_no_more_is_told_than_the_budget_allows(value, budget):
    """Whatever the value, the text is within the budget, or cut with a note."""
    found = report(value, budget=budget)
    assert found.trimmed == ("[cut after" in found.text) or value in ("", None)
    assert len(found.text.rpartition("\n[cut")[0] if found.trimmed else found.text) <= max(budget, 30)
