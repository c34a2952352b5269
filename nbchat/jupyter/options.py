"""The line of ``%%chat``, read into options: one for each request field, from the field's own declaration."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, Literal, NoReturn

from traitlets import TraitError

from nbchat.errors import ConfigurationError
from nbchat.session.parameters import fields

__all__ = ["FORMATS", "CellOptions", "Drawing", "Format", "option_help", "option_names", "read_options"]

Format = Literal["markdown", "text", "code", "json"]
FORMATS: tuple[Format, ...] = ("markdown", "text", "code", "json")


@dataclass(frozen=True)
class Drawing:
    """How a turn is drawn.

    Attributes:
        form: How the answer is shown.
        session: The name by which the session is found, for what is kept.
        live: Whether to draw while it streams.
        note: One line to say while the answer is waited for, and to keep below it.
    """

    form: Format = "markdown"
    session: str | None = None
    live: bool = True
    note: str = ""


@dataclass(frozen=True)
class CellOptions:
    """What a ``%%chat`` line asks for; everything holds for this cell only."""

    session: str | None = None
    system: str | None = None
    format: Format = "markdown"
    out: str | None = None
    raw: bool = False
    append: bool = False
    stream: bool = True
    background: bool = False
    attach: list[str] = field(default_factory=list)
    tools: tuple[str, ...] | None = None
    schema: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


class _Parser(argparse.ArgumentParser):
    """argparse, which would print a page and leave the interpreter."""

    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"%%chat: {message}.", hint="%%chat? shows the options.")


def _parser() -> _Parser:
    # Abbreviations are off: --temp would be one today and an error when another option begins like that.
    parser = _Parser(prog="%%chat", add_help=False, allow_abbrev=False)
    parser.add_argument(
        "-s", "--session", metavar="NAME", help="the session to ask; made if there is none of that name"
    )
    parser.add_argument("--system", metavar="TEXT", help="the system message, for this cell only")
    parser.add_argument(
        "--attach",
        metavar="EXPR",
        action="append",
        default=[],
        help="send the value of an expression (a figure, an image, a table), a file, or a picture's address with the question; "
        "may be given several times",
    )
    parser.add_argument("-f", "--format", choices=FORMATS, default="markdown", help="how the answer is shown")
    parser.add_argument("-o", "--out", metavar="VAR", help="the variable that gets the answer, a Completion")
    parser.add_argument("--raw", action="store_true", help="send {{double braces}} as typed")
    parser.add_argument("--append", action="store_true", help="ask at the end, even if this cell was run before")
    parser.add_argument("--no-stream", dest="stream", action="store_false", help="show the answer when it is whole")
    parser.add_argument(
        "--tools",
        metavar="NAMES",
        type=_names,
        help="functions of the notebook that the model may call, in place of the session's: f,g, or '' for none",
    )
    parser.add_argument(
        "--schema",
        metavar="EXPR",
        help="the type of the answer, such as a class of the notebook, or list[City]; --out VAR, then VAR.parsed is the value",
    )
    parser.add_argument("--background", action="store_true", help="go on with the notebook while the answer comes")
    group = parser.add_argument_group("request fields")
    for name, trait in fields().items():
        names = [trait.flag, trait.option] if trait.flag else [trait.option]
        bounds = "" if trait.bounds == (None, None) else f" ({_range(*trait.bounds)})"
        group.add_argument(
            *names,
            dest=f"parameter_{name}",
            metavar="TEXT" if name == "stop" else "VALUE",
            action="append" if name == "stop" else "store",
            help=f"{(trait.help or '').rstrip('.')}{bounds}".replace("%", "%%"),
        )
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def _range(low: float | None, high: float | None) -> str:
    return f"{low} to {high}" if high is not None else f"at least {low}"


def read_options(line: str) -> CellOptions:
    """Read a ``%%chat`` line.

    Args:
        line: What stands after ``%%chat``.

    Raises:
        ConfigurationError: An option is unknown or malformed; the sentence names it.

    Example:
        >>> read_options('-t 0.7 --max-tokens 200 --stop "6."').parameters
        {'temperature': 0.7, 'max_tokens': 200, 'stop': '6.'}
    """
    try:
        words = shlex.split(line)
    except ValueError as problem:
        reason = str(problem).lower()
    else:
        return _read(words)
    raise ConfigurationError(f"%%chat: {reason} in {line!r}.", hint='Write texts as "in quotes".')


def _read(words: list[str]) -> CellOptions:
    found, rest = _parser().parse_known_args(words)
    if rest:
        what = f"there is no option {rest[0]}" if rest[0].startswith("-") else f"{rest[0]!r} is no option"
        hint = "The question goes in the lines below; %%chat? shows the options."
        raise ConfigurationError(f"%%chat: {what}.", hint=hint)
    values = vars(found)
    parameters = {}
    for name, trait in fields().items():
        text = values.pop(f"parameter_{name}")
        if text is None:
            continue
        try:
            # --stop may be given several times; any other option counts as last written.
            several = isinstance(text, list) and len(text) > 1
            parameters[name] = (
                trait.validate(None, text) if several else trait.parse(text[0] if name == "stop" else text)
            )
        except TraitError as problem:
            reason = str(problem)
        else:
            continue
        raise ConfigurationError(f"%%chat: {reason}")
    if values["out"] is not None and (not values["out"].isidentifier() or iskeyword(values["out"])):
        raise ConfigurationError(f"%%chat: --out takes the name of a variable, not {values['out']!r}.")
    return CellOptions(**values, parameters=parameters)


def option_names() -> list[str]:
    """Return every option of ``%%chat``, for completion."""
    # argparse has no public list of its options; its help has them, but as prose.
    return sorted(name for action in _parser()._actions for name in action.option_strings)  # noqa: SLF001


def option_help() -> str:
    """Return the options as text, for ``%%chat?``."""
    return _parser().format_help()
