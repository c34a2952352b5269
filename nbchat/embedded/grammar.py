"""What an answer has to look like, as a grammar that llama.cpp holds the model to.

The grammars are llguidance's, which xllamacpp has inside; it reads JSON schemas too. llama.cpp goes on without a word
and without a grammar if it can't use one, so each is tried before, with llguidance's own package, and what the model says
is followed as it comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from nbchat.embedded.bounds import Limits, bounded, without_remarks
from nbchat.embedded.refusal import Refusal
from nbchat.errors import ConfigurationError

__all__ = ["MARK", "NEXT", "TAIL", "Follower", "Grammar", "Misfit", "call_head", "of_calls", "of_json", "term"]

# How a call is written, as the models that learned to call tools from texts by NousResearch or Qwen write it. The default
# model learned it from nobody, and did best with it all the same.
MARK, TAIL, NEXT = "<tool_call>", "}</tool_call>", "\n"
# OpenAI's limit for all names and values of a schema together; to make a grammar of that takes a second.
_LONGEST = 120_000
# As Python's json.dumps has it, which is what models have read most of. Other blanks would be made without end.
_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_BEGIN = "%llguidance {}\n"


class Misfit(Exception):
    """A schema that no grammar can be made of; the text says why."""


def term(schema: Any, limits: Limits) -> str:
    """Return the part of a grammar that stands for JSON which is valid for *schema*.

    Args:
        schema: A JSON schema (draft 2020-12), as far as llguidance knows it.
        limits: The bounds that it gets where it has none.

    Raises:
        Misfit: It is no schema, or asks for what a grammar can't hold.
    """
    try:
        bare = without_remarks(schema)
        as_asked = _json(bare)
    except RecursionError:
        raise Misfit("it is nested too deep") from None
    if len(as_asked) > _LONGEST:
        raise Misfit(f"it has {len(as_asked)} characters, and at most {_LONGEST} are read")
    if flaw := _flaw(as_asked):
        raise Misfit(flaw)
    within = _json(bounded(bare, limits))
    # Bounds that leave nothing, as beside a least length above them, are given up.
    return as_asked if _flaw(within) else within


def _json(schema: Any) -> str:
    styled = {**schema, "x-guidance": _STYLE} if isinstance(schema, dict) else schema
    return f"%json {json.dumps(styled)}"


@lru_cache(maxsize=256)
def _flaw(part: str) -> str | None:
    """Return why llguidance can't use a part of a grammar, or ``None`` if it can."""
    said = str(_llguidance().LLMatcher.validate_grammar(f"{_BEGIN}start: {part}"))
    if not said:
        return None
    lines = said.partition("failed to compile JSON schema: ")[2].splitlines() or said.splitlines()
    reasons = [line for line in lines if line.startswith("error: ")]  # of a regular expression, below a drawing of it
    return (reasons or lines)[0].removeprefix("error: ").strip().rstrip(".")


def of_json(part: str) -> Grammar:
    """Return the grammar of answers that are JSON."""
    return Grammar(f"{_BEGIN}start: {part}\n")


def call_head(name: str) -> str:
    """Return what stands between the mark of a call and its arguments."""
    return f'{{"name": "{name}", "arguments": '


def of_calls(functions: Mapping[str, str], most: int, otherwise: str | None = None, *, needed: bool) -> Grammar:
    """Return the grammar of answers that call functions.

    Args:
        functions: Their names, and the terms of their arguments.
        most: How many calls there may be.
        otherwise: The term of an answer that calls none, where it may not be any text.
        needed: Whether there has to be a call.
    """
    quoted = json.dumps(MARK)
    begin = quoted if needed or otherwise else "before"
    more = f" ({json.dumps(NEXT + MARK)} call){{0,{most - 1}}}" if most > 1 else ""
    rules = [
        f"start: {begin} call{more}",
        f"call: {' | '.join(f'call_{at}' for at in range(len(functions)))}",
    ]
    for at, (name, arguments) in enumerate(functions.items()):
        rules.append(f"call_{at}: {json.dumps(call_head(name))} {arguments} {json.dumps(TAIL)}")
    if not needed:
        rules[0] += f" | {otherwise or 'TEXT'}"
    if begin == "before":
        # Lazy: text up to the first mark is the beginning of a call, and can't go on as text.
        rules += ["TEXT: /(.|\\n)*/", f"before[lazy]: TEXT {quoted}"]
    return Grammar(_BEGIN + "\n".join(rules) + "\n")


class Grammar:
    """A grammar of answers.

    Args:
        text: As llama.cpp is given it.

    Raises:
        Refusal: It can't be used, as it is too large.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._matcher = _llguidance().LLMatcher(_bytes(), text)
        if flaw := self._matcher.get_error():
            raise Refusal(400, f"No grammar can be made of the schemas: {flaw.splitlines()[0].rstrip('.')}.")

    def follower(self) -> Follower:
        """Return what follows one answer."""
        return Follower(self._matcher.deep_copy())


class Follower:
    """Follows an answer along its grammar, to see that llama.cpp held the model to it."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def follow(self, piece: str) -> None:
        """Take the next piece of the answer.

        Raises:
            Refusal: It does not fit the grammar.
        """
        data = list(piece.encode())
        if self._matcher.try_consume_tokens(data) != len(data):
            raise _lost()

    def end(self) -> None:
        """Take the end of the answer.

        Raises:
            Refusal: It may not end here.
        """
        if not self._matcher.is_accepting():
            raise _lost()


def _lost() -> Refusal:
    return Refusal(500, "llama.cpp did not hold the model to the grammar of its answer.", code="grammar_lost")


def _llguidance() -> Any:
    try:
        import llguidance
    except ImportError as problem:
        raise ConfigurationError(
            f"Tools and JSON schemas of the embedded model need llguidance, which is not there ({problem}).",
            hint='Run pip install "jupyter-nbchat[local]".',
        ) from None
    return llguidance


@cache
def _bytes() -> Any:
    """Return a tokenizer whose tokens are bytes: to follow a text it needs no other."""
    return _llguidance().LLTokenizer("byte")
