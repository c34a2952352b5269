"""The value of JSON that is still being written."""

import itertools
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbchat.tools.partial import PartialJSON

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
).filter(lambda value: isinstance(value, list | dict))


def partial(*pieces, **options):
    reader = PartialJSON(**options)
    for piece in pieces:
        reader.add(piece)
    return reader.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("  ", None),
        ("Here you are: ", None),
        ("{", {}),
        ('{"na', {}),
        ('{"name"', {}),
        ('{"name":', {}),
        ('{"name": "', {"name": ""}),
        ('{"name": "Ro', {"name": "Ro"}),
        ('{"name": "Rome"', {"name": "Rome"}),
        ('{"name": "Rome", ', {"name": "Rome"}),
        ('{"n": 12', {}),
        ('{"n": 12,', {"n": 12}),
        ('{"n": -1.5e3}', {"n": -1500.0}),
        ('{"n": tru', {}),
        ('{"n": true ', {"n": True}),
        ('{"a": [1, [2, "x', {"a": [1, [2, "x"]]}),
        ('{"a": [], "b": {}}', {"a": [], "b": {}}),
        ("[]", []),
        ("[1]", [1]),
        ('["a\\', ["a"]),
        ('["a\\n', ["a\n"]),
        ('["a\\u00e', ["a"]),
        ('["a\\u00e9', ["aé"]),
        ('["a\\ud83d', ["a"]),
        ('["a\\ud83d\\u', ["a"]),
        ('["a\\ud83d\\ude00', ["a😀"]),
        ('["a\\ud83d"', ["a\ufffd"]),
        ('["a\\ud83dx', ["a\ufffdx"]),
        ('["a\\ud83d\\n', ["a\ufffd\n"]),
        ('["a\\ude00', ["a\ufffd"]),
        ('["a\ud800b', ["a\ufffdb"]),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('{"a": 1} and {"b": 2}', {"a": 1}),
        ('{"a": "b\nc"}', {"a": "b\nc"}),
        ('{"a": 1, "a": "x', {"a": "x"}),
    ],
)
def test_what_has_come_so_far_is_seen(text, value):
    """What is open is seen as if it were closed; a number or a word only when it has ended."""
    assert partial(text) == value
    assert partial(*text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, b: 2, "c": 3}', {"a": 1}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a" 1}', {}),
        ('{"a": "x" "b": 2}', {"a": "x"}),
        ('{"a": "x\\q", "b": 2}', {"a": "x"}),
        ("[1, 2}", [1, 2]),
        ("[01, 2]", []),
        ("[nan, 1]", []),
        ("[,1]", []),
        ("[1,]", [1]),
        ('{"a": 1]', {"a": 1}),
        ("[" + "9" * 500 + ",1]", []),
    ],
)
def test_from_the_first_mistake_on_nothing_is_read(text, value):
    """What comes before a mistake stays, what follows is not guessed, and nothing raises."""
    assert partial(text) == value
    assert partial(*text) == value
    assert partial(text, '{"c": 1}', "]") == value


def test_too_deep_is_a_mistake():
    """JSON that is nested too deeply is not followed."""
    value = partial("[" * 100_000)
    for _ in range(99):
        (value,) = value
    assert value == []


def test_only_the_asked_brackets_begin():
    """Where an object is due, an array in a sentence before it is passed over."""
    assert partial('See [1]: {"a": 1}', opening="{") == {"a": 1}


def test_the_value_is_one_object_that_grows():
    """Looking between two pieces changes nothing, and what one looks at is always the same object."""
    reader = PartialJSON()
    reader.add('{"a": ["x')
    first = reader.value
    reader.add("y")
    assert reader.value is first
    assert first == {"a": ["xy"]}
    reader.add('z", "')
    reader.add('k"]}')
    assert reader.value == {"a": ["xyz", "k"]}


def prefix(part, whole):
    """Whether a partial value can become the whole one by growing."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and prefix(part[name], whole[name]) for name in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) <= len(whole) and all(map(prefix, part, whole))
    if isinstance(part, str):
        return isinstance(whole, str) and whole.startswith(part)
    return part == whole and type(part) is type(whole)


@settings(max_examples=200, deadline=None)
@given(JSON, st.booleans(), st.lists(st.integers(1, 8), min_size=1, max_size=20))
def test_any_split_gives_the_same_value(value, ascii_only, lengths):
    """However the text is cut, each look sees a beginning of the value, and the last sees all of it."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    reader = PartialJSON()
    at = 0
    for length in itertools.cycle(lengths):
        reader.add(text[at : at + length])
        at += length
        assert reader.value is None or prefix(reader.value, value)
        if at >= len(text):
            break
    assert reader.value == value


@settings(deadline=None)
@given(st.lists(st.text(alphabet='{}[]":,\\u0123dDe-tfn \n`'), max_size=20))
def test_nothing_raises(pieces):
    """No text, however broken, is an error, and cutting it elsewhere changes nothing."""
    assert partial(*pieces) == partial("".join(pieces)) == partial(*"".join(pieces))


def test_many_looks_cost_little():
    """Looking after each of 50,000 pieces costs as much as reading does: nothing is read again."""
    text = json.dumps({"items": [{"name": f"n{n}", "text": "x" * 20} for n in range(4000)], "long": "y" * 20_000})
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    reader = PartialJSON()
    begun = time.perf_counter()
    for piece in pieces:
        reader.add(piece)
        assert reader.value is not None
    took = time.perf_counter() - begun
    assert reader.value == json.loads(text)
    begun = time.perf_counter()
    for _ in range(2):
        reader = PartialJSON()
        for piece in pieces:
            reader.add(piece)
    assert took < 10 * (time.perf_counter() - begun)
