"""The JSON of a call's arguments, as models write it."""

import pytest

from nbchat.tools.arguments import read_arguments
from nbchat.tools.misfits import Misfit


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('{"city": "Rome"}', {"city": "Rome"}),
        ({"city": "Rome"}, {"city": "Rome"}),
        ("", {}),
        (" \n", {}),
        (None, {}),
        ("null", {}),
        ("{}", {}),
        ('"{\\"city\\": \\"Rome\\"}"', {"city": "Rome"}),
        ('{"text": "a\nb"}', {"text": "a\nb"}),
        ('{"text": "\\ud800"}', {"text": "\ufffd"}),
        ({"text": "\ud800"}, {"text": "\ufffd"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_arguments_are_read(given, expected):
    """Arguments are an object; its text, nothing at all, and an object within a text count as one."""
    assert read_arguments(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("[1]", "the arguments have to be a JSON object, not an array"),
        ("5", "the arguments have to be a JSON object, not 5"),
        ('"Rome"', "the arguments are not valid JSON: Expecting value at line 1, column 1, between '' and 'Rome'"),
        (
            '{"city": "Rome", "unit": }',
            """the arguments are not valid JSON: Expecting value at line 1, column 26, between 'y": "Rome", "unit": ' and '}'""",
        ),
        ('{"city": "Ro', "the arguments are not valid JSON: Unterminated string starting at"),
        ("[" * 100_000, "the arguments are nested too deeply, or have a number of too many digits"),
        ('{"n": ' + "9" * 5000 + "}", "the arguments are nested too deeply, or have a number of too many digits"),
    ],
    ids=["array", "number", "text", "hole", "cut", "deep", "digits"],
)
def test_what_is_no_object_is_told_with_its_place(given, words):
    """What is no JSON object is an error that says where it goes wrong."""
    with pytest.raises(Misfit) as caught:
        read_arguments(given)
    assert str(caught.value).startswith(words)
