"""The line of %%chat: what each option takes, and what is said of one that is wrong."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED

from nbchat.errors import ConfigurationError
from nbchat.jupyter.options import FORMATS, CellOptions, option_help, option_names, read_options
from nbchat.session.parameters import fields


@pytest.mark.parametrize("line", ["", "   ", "\n"])
def test_a_bare_line(line: str):
    """Without options everything is as the session has it."""
    assert read_options(line) == CellOptions()
    assert CellOptions().parameters == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-s drafts", {"session": "drafts"}),
        ("--session 'my drafts'", {"session": "my drafts"}),
        ('--system "You are terse."', {"system": "You are terse."}),
        ("--system ''", {"system": ""}),
        ("-f text", {"format": "text"}),
        ("--format=json", {"format": "json"}),
        ("-o answer", {"out": "answer"}),
        ("--raw", {"raw": True}),
        ("--append", {"append": True}),
        ("--no-stream", {"stream": False}),
        ("--background", {"background": True}),
        ("-m gpt-4o -t 0.7 -n 2", {"parameters": {"model": "gpt-4o", "temperature": 0.7, "n": 2}}),
        ("-t0.7", {"parameters": {"temperature": 0.7}}),
        ("-t .5 -t 1", {"parameters": {"temperature": 1.0}}),
        ("--presence-penalty -0.5", {"parameters": {"presence_penalty": -0.5}}),
        ("--presence-penalty=-2", {"parameters": {"presence_penalty": -2.0}}),
        ("--seed -3", {"parameters": {"seed": -3}}),
        ('--stop "6."', {"parameters": {"stop": "6."}}),
        ('--stop "6." --stop "7."', {"parameters": {"stop": ["6.", "7."]}}),
        ("--stop '[\"a\", \"b\"]'", {"parameters": {"stop": ["a", "b"]}}),
        ("--stop=---", {"parameters": {"stop": "---"}}),
        ("--logprobs true --top-logprobs 3", {"parameters": {"logprobs": True, "top_logprobs": 3}}),
        ("--tool-choice none", {"parameters": {"tool_choice": "none"}}),
        ("--reasoning-effort none", {"parameters": {"reasoning_effort": "none"}}),
        ("--temperature none", {"parameters": {"temperature": None}}),
        ("""--response-format '{"type": "json_object"}'""", {"parameters": {"response_format": {"type": "json_object"}}}),
        ("""--extra-body '{"top_k": 5}'""", {"parameters": {"extra_body": {"top_k": 5}}}),
        ("--user 'Ünïcode 世界'", {"parameters": {"user": "Ünïcode 世界"}}),
    ],
)  # fmt: skip
def test_what_options_say(line: str, expected: dict[str, Any]):
    """Each option is read into its own place, request fields as their own declarations read them."""
    assert read_options(line) == CellOptions(**expected)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--nope", "there is no option --nope"),
        ("-x 3", "there is no option -x"),
        ("-h", "there is no option -h"),
        ("--help", "there is no option --help"),
        ("--temp 1", "there is no option --temp"),
        ("What is Python?", "'What' is no option"),
        ("-t 0.5 hello", "'hello' is no option"),
        ("-t", "expected one argument"),
        ("-t 3", "temperature must be a number between 0 and 2 (or None, which is not sent), not 3.0"),
        ("-t warm", "temperature must be a number between 0 and 2 (or None, which is not sent), not 'warm'"),
        ("--max-tokens 0", "max_tokens must be a whole number at least 1"),
        ("--stop a --stop ''", "stop must be a text or a list of 1 to 4 texts"),
        ("--stop 1 --stop 2 --stop 3 --stop 4 --stop 5", "stop must be"),
        ("--extra-body [1]", "extra_body must be a dict"),
        ("--format html", "invalid choice: 'html'"),
        ("--raw=1", "ignored explicit argument '1'"),
        ("--out 2x", "--out takes the name of a variable, not '2x'"),
        ("--out a.b", "--out takes the name of a variable, not 'a.b'"),
        ("--out class", "--out takes the name of a variable, not 'class'"),
        ("--system You're", "no closing quotation"),
        ("--system 'a", "no closing quotation"),
        ("a\\", "no escaped character"),
        ("--", "there is no option --"),
    ],
)
def test_what_is_wrong_is_one_line(line: str, words: str):
    """An unknown or malformed option is one line that names it; nothing is printed and nothing exits."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(ConfigurationError) as caught:
        read_options(line)
    said = str(caught.value)
    assert said.startswith("%%chat: ")
    assert words in said
    assert "\n" not in said
    assert (out.getvalue(), err.getvalue()) == ("", "")


@UNHURRIED
@given(
    st.lists(
        st.sampled_from([*option_names(), "0.5", "x", "'", '"', "=", "--", "-", "none", "\\", "3", "\0", "é"])
    ).map(" ".join)
)
def test_any_line_is_options_or_one_error(line: str):
    """Whatever stands on the line, it is options or one kind of error."""
    try:
        options = read_options(line)
    except ConfigurationError as error:
        said = str(error)
    else:
        said = "%%chat: "
        assert options.format in FORMATS
        assert set(options.parameters) <= set(fields())
    assert said.startswith("%%chat: ")


def test_every_request_field_is_an_option():
    """A request field is an option under its own name with dashes, with its help and its bounds."""
    help_ = " ".join(option_help().split())
    names = option_names()
    assert names == sorted(set(names))
    for name, field in fields().items():
        assert field.option in names
        assert field.option in help_
        assert (field.help or "").rstrip(".") in help_
        assert field.flag is None or field.flag in names
        assert name.replace("_", "-") in field.option
    assert "(0 to 2)" in help_
    assert "(at least 1)" in help_


def test_the_help_can_be_shown():
    """The help names every option once where it is explained, and has no left-over of its templates."""
    help_ = option_help()
    for name in option_names():
        assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", help_)
    assert "%(" not in help_
    assert "==SUPPRESS==" not in help_


def test_options_are_a_value():
    """What a cell asked for can't be changed after it was read."""
    with pytest.raises(AttributeError):
        read_options("").raw = True  # type: ignore[misc]
