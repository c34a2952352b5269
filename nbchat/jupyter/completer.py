"""Tab in ``%%chat`` and ``%chat`` lines: options, their values, sub-commands, session and model names."""

from __future__ import annotations

import re

from IPython import get_ipython
from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from nbchat.jupyter.magics import SUBCOMMANDS
from nbchat.jupyter.options import FORMATS, option_names
from nbchat.session.parameters import fields

__all__ = ["complete_chat"]

_LINE = re.compile(r"\s*(%%?chat)\b(.*)", re.DOTALL)


@context_matcher()
def complete_chat(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the line of a chat magic; on every other line, nothing."""
    line = context.line_with_cursor[: context.cursor_position]
    found = _LINE.fullmatch(line)
    if found is None:
        return {"completions": [], "suppress": False}
    magic, text = found[1], found[2]
    words = text.split()
    typed = words.pop() if words and not text.endswith(" ") else ""
    choices = _options(words, typed) if magic == "%%chat" else _commands(words, typed)
    return {
        "completions": [SimpleCompletion(text=choice, type="nbchat") for choice in choices if choice.startswith(typed)],
        "matched_fragment": typed,
        "suppress": True,
    }


def _options(words: list[str], typed: str) -> list[str]:
    before = words[-1] if words else ""
    if before in ("-f", "--format"):
        return list(FORMATS)
    if before in ("-s", "--session"):
        return _sessions()
    if before in ("-m", "--model"):
        return _models(typed)
    if before == "--tools":
        return _functions(typed)
    trait = next((trait for trait in fields().values() if before in (trait.flag, trait.option)), None)
    if trait is not None:
        return list(trait.choices)
    return [name for name in option_names() if name not in words]


def _commands(words: list[str], typed: str) -> list[str]:
    if not words:
        return list(SUBCOMMANDS)
    if words == ["use"]:
        return _sessions()
    if words in (["set"], ["unset"]):
        return [*fields(), "context"]
    if words == ["set", "context"]:
        return ["error", "trim"]
    if len(words) == 2 and words[0] == "set" and words[1] in fields():
        return _models(typed) if words[1] == "model" else list(fields()[words[1]].choices)
    return []


def _functions(typed: str) -> list[str]:
    """Return what a list of names may go on with: the notebook's own functions that are not in it yet."""
    shell = get_ipython()
    if shell is None:
        return []
    named, comma, _ = typed.rpartition(",")
    hidden = {*shell.user_ns_hidden, *named.split(",")}
    return [
        f"{named}{comma}{name}"
        for name, value in shell.user_ns.items()
        if callable(value) and not name.startswith("_") and name not in hidden
    ]


def _sessions() -> list[str]:
    from nbchat.session.registry import session_names

    return session_names()


def _models(typed: str) -> list[str]:
    """Return the models of the current session's endpoints, as far as they were asked: Tab waits for no server."""
    from nbchat.session.registry import get_session

    session = get_session()
    return ["local", *session.known_models(typed)]
