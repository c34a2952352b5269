"""Schemas as grammars: what a grammar lets through is valid, and what it can't hold is refused by name."""

import json
import random
import sys

import pytest
from llguidance import LLMatcher, LLTokenizer
from schemas import IMPOSSIBLE, POSSIBLE, is_valid, lets_through, obj

from nbchat.embedded.bounds import UNBOUNDED, Limits
from nbchat.embedded.grammar import Misfit, of_calls, of_json, term
from nbchat.embedded.refusal import Refusal
from nbchat.errors import ConfigurationError

BYTES = LLTokenizer("byte")
LIMITS = Limits(text=8, items=3)
WEATHER = term(obj(city={"type": "string"}), LIMITS)
ADD = term(obj(a={"type": "integer"}, b={"type": "integer"}), LIMITS)
PARIS = '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>'
SUM = '<tool_call>{"name": "add", "arguments": {"a": 17, "b": 25}}</tool_call>'


def wander(grammar, seed, most=4000):
    """Return a text that a grammar lets through, byte by byte, chosen at random; sooner or later for what ends it."""
    dice = random.Random(seed)
    matcher = LLMatcher(BYTES, grammar.text)
    text = bytearray()
    while not matcher.is_stopped() and not (matcher.is_accepting() and dice.random() < 0.3):
        mask = matcher.compute_bitmask()
        allowed = [byte for byte in range(256) if mask[byte // 8] >> byte % 8 & 1]
        assert allowed, text
        closing = [byte for byte in allowed if byte in b'"}]0']
        choice = dice.choice(closing if closing and dice.random() < 0.3 else allowed)
        text.append(choice)
        assert matcher.consume_token(choice)
        assert len(text) < most
    return text.decode()


@pytest.mark.parametrize("limits", [UNBOUNDED, LIMITS], ids=["as written", "with bounds"])
@pytest.mark.parametrize("name", POSSIBLE)
def test_what_is_let_through_is_valid(name, limits):
    """Whatever a schema's grammar lets through is JSON, on one line, and valid for the schema."""
    grammar = of_json(term(POSSIBLE[name], limits))
    for seed in range(10):
        text = wander(grammar, seed)
        assert is_valid(text, POSSIBLE[name]), text
        assert "\n" not in text


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_no_grammar_holds_is_refused_by_name(name):
    """A schema that can't be held to is no grammar, and the reason says in one line what is wrong with it."""
    schema, word = IMPOSSIBLE[name]
    with pytest.raises(Misfit, match=word) as caught:
        term(schema, UNBOUNDED)
    assert "\n" not in str(caught.value)


def test_a_schema_too_deep_is_refused():
    """A schema nested a hundred times or thousands of times is refused, and nothing overflows."""
    for depth in (130, 5000):
        deep = {"type": "integer"}
        for _ in range(depth):
            deep = {"type": "array", "items": deep}
        with pytest.raises(Misfit, match=r"recursion|deep"):
            term(deep, UNBOUNDED)


def test_numbers_end():
    """No number goes on for ever, nor is too large for a float."""
    grammar = of_json(term(obj(whole={"type": "integer"}, share={"type": "number"}), UNBOUNDED))
    assert lets_through(grammar, '{"whole": -123456789012345678, "share": 0.333333333}')
    assert not lets_through(grammar, '{"whole": 12345678901234567890, "share": 1}')
    assert not lets_through(grammar, '{"whole": 1, "share": 0.3333333333}')
    assert not lets_through(grammar, '{"whole": 1, "share": 1e999}')


def test_texts_and_lists_end_where_they_should():
    """Strings, lists and dictionaries without bounds get those asked for; their own are kept."""
    schema = obj(
        free={"type": "string"},
        own={"type": "string", "maxLength": 20},
        items={"type": "array", "items": {"type": "boolean"}},
        names={"type": "object", "additionalProperties": {"type": "boolean"}},
    )
    document = {"free": "x" * 8, "own": "x" * 20, "items": [True] * 3, "names": dict.fromkeys("abc", True)}
    longer = {"free": "x" * 9, "own": "x" * 21, "items": [True] * 4, "names": dict.fromkeys("abcd", True)}
    grammar, open_one = of_json(term(schema, LIMITS)), of_json(term(schema, UNBOUNDED))
    assert lets_through(grammar, json.dumps(document))
    for name, value in longer.items():
        assert not lets_through(grammar, json.dumps({**document, name: value}))
        assert lets_through(open_one, json.dumps({**document, name: value})) == (name != "own")


def test_members_without_a_name_are_left_out():
    """An object that names its members gets no others, though its schema would allow them."""
    grammar = of_json(term(obj("a", a={"type": "integer"}, b={"type": "integer"}), UNBOUNDED))
    assert lets_through(grammar, '{"a": 1, "b": 2}')
    assert lets_through(grammar, '{"a": 1}')
    assert not lets_through(grammar, '{"a": 1, "c": 2}')


@pytest.mark.parametrize(
    ("text", "needed", "free"),
    [
        (PARIS, True, True),
        (SUM, True, True),
        (f"{PARIS}\n{SUM}", True, True),
        (f"{PARIS}\n{PARIS}\n{SUM}", False, False),
        (f"{PARIS} {SUM}", False, False),
        (f"{PARIS}.", False, False),
        ("", False, True),
        ("It is < 5 <tool", False, True),
        ("Let me see.\n" + PARIS, False, True),
        ("The <tool_call> mark.", False, False),
        (PARIS.replace("weather", "whether"), False, False),
        (PARIS.replace("city", "town"), False, False),
        (PARIS.replace("weather", "add"), False, False),
        (PARIS.removesuffix("</tool_call>"), False, False),
    ],
)
def test_calls_are_let_through_where_they_fit(text, needed, free):
    """Calls must be whole, of a known function and with its arguments; what is no call is text, if that is allowed."""
    functions = {"weather": WEATHER, "add": ADD}
    assert lets_through(of_calls(functions, 2, needed=True), text) == needed
    assert lets_through(of_calls(functions, 2, needed=False), text) == free


def test_one_call_only():
    """Where one call is allowed a second is not."""
    grammar = of_calls({"weather": WEATHER}, 1, needed=True)
    assert lets_through(grammar, PARIS)
    assert not lets_through(grammar, f"{PARIS}\n{PARIS}")


def test_calls_or_json():
    """Where an answer that calls nothing has to be JSON, it is that or calls, and no other text."""
    grammar = of_calls({"weather": WEATHER}, 1, ADD, needed=False)
    assert lets_through(grammar, PARIS)
    assert lets_through(grammar, '{"a": 1, "b": 2}')
    assert not lets_through(grammar, "Hello")
    assert not lets_through(of_calls({"weather": WEATHER}, 1, ADD, needed=True), '{"a": 1, "b": 2}')


def test_what_leaves_the_grammar_is_an_error():
    """Text that the grammar does not let through, or that ends too early, is the server's failure and not an answer."""
    follower = of_json(ADD).follower()
    follower.follow('{"a": 1, ')
    with pytest.raises(Refusal, match="grammar") as caught:
        follower.end()
    assert caught.value.status == 500
    with pytest.raises(Refusal, match="grammar"):
        follower.follow("so what?")


def test_without_llguidance_the_error_says_what_to_install(monkeypatch):
    """Where llguidance is not installed, one sentence names it and the extra to install."""
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(ConfigurationError, match=r"llguidance.*jupyter-nbchat\[local\]"):
        term(obj(never_seen={"type": "string"}), UNBOUNDED)
