"""``%%chat`` asks, ``%chat`` manages: the session's door in a notebook's cells."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.display import display
from traitlets import TraitError

from nbchat.errors import ConfigurationError, NbchatError
from nbchat.jupyter.options import CellOptions, Drawing, option_help, read_options

if TYPE_CHECKING:
    from nbchat.session.session import Session

__all__ = ["SUBCOMMANDS", "ChatMagics"]

# What %chat can do: name, arguments, meaning. The methods below are named after it.
SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "panel": ("", "open the session as a chat, with controls on its request fields"),
    "status": ("", "the session, its endpoint and model, where the key came from, limits, tokens and cost"),
    "models": ("", "the models that the endpoints offer"),
    "set": (
        "NAME VALUE",
        "set a request field of the session: set temperature 0.2; or what to do when it gets too long: set context trim",
    ),
    "unset": ("NAME", "take a request field out of the session's requests"),
    "system": ("[TEXT]", "show or set the system message; system none removes it"),
    "history": ("", "the conversation up to here"),
    "undo": ("", "take the last turn back"),
    "clear": ("", "begin a new conversation; undo brings the old one back"),
    "regenerate": ("", "ask the last question again"),
    "fix": ("[WORDS]", "ask what was wrong with the last cell that failed"),
    "use": ("NAME", "make a session the one that cells ask"),
    "sessions": ("", "the names of all sessions"),
    "export": ("FILE", "write the conversation to a .md or .json file"),
    "usage": ("", "tokens used and what they cost"),
    "stop": ("", "stop what is running"),
    "help": ("", "this list"),
}


@magics_class
class ChatMagics(Magics):
    """The two magics, on one shell."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._shell = shell
        # The source and the error of the last cell that failed, for %chat fix.
        self._failed: tuple[str, BaseException] | None = None
        shell.events.register("post_run_cell", self._remember_failure)

    def close(self) -> None:
        """Let the shell go, when the extension is unloaded."""
        self._shell.events.unregister("post_run_cell", self._remember_failure)

    @no_var_expand
    @line_cell_magic
    def chat(self, line: str, cell: str | None = None) -> None:
        """Ask a language model, or manage the conversation; the docstring a user sees is put in below."""
        try:
            if cell is None:
                self._manage(line)
            else:
                self._ask(read_options(line), cell)
        except NbchatError as error:
            raise _in_one_sentence(error, self._shell) from None
        except TraitError as error:
            raise _in_one_sentence(ConfigurationError(f"%chat: {error}"), self._shell) from None

    # ---- %%chat ----

    def _ask(self, options: CellOptions, source: str) -> None:
        from nbchat.jupyter.template import Question, attached_by_name, expand
        from nbchat.session.prompt import question_of
        from nbchat.session.registry import get_session

        names, text = self._shell.user_ns, source.strip("\n")
        asked = Question(text) if options.raw else expand(text, names)
        found = attached_by_name(options.attach, names)
        if not found.parts and isinstance(asked.content, str) and not asked.content.strip():
            raise ConfigurationError("%%chat: the question is empty.", hint="Write it in the lines below.")
        session = get_session(options.session)
        turn = session.ask(
            question_of(asked.content, found.parts),
            {**options.parameters, **({"response_format": self._schema(options.schema)} if options.schema else {})},
            system=options.system,
            cell=None if options.append else self._cell_id(),
            streamed=options.stream,
            remarks=[*asked.notes, *found.notes],
            tools=None if options.tools is None else [self._tool(name) for name in options.tools],
        )
        self._show(session, turn, options)

    def _tool(self, name: str) -> Any:
        """Return what a name in the notebook stands for, which may be one of an object's: ``shop.price``."""
        first, *rest = name.split(".")
        found = self._shell.user_ns.get(first)
        for part in rest:
            found = getattr(found, part, None)
        if found is None:
            raise ConfigurationError(f"%%chat --tools: there is no {name} in this notebook.")
        return found

    def _schema(self, expression: str) -> Any:
        """Return the type that an expression of the notebook names."""
        try:
            return self._shell.ev(expression)
        except Exception as problem:  # noqa: BLE001  the user's expression may fail in any way
            why = f"{type(problem).__name__}: {problem}"
        raise ConfigurationError(f"%%chat --schema: {expression} is no type in this notebook ({why}).")

    def _show(self, session: Session, turn: Any, options: CellOptions) -> None:
        from nbchat.client.endpoint import default_notice
        from nbchat.jupyter.cell import show, show_in_background

        named = options.parameters.get("model") or session.parameters.model
        note = default_notice(session.client.endpoint, named) or ""
        drawing = Drawing(options.format, session.name, options.stream, note)
        if options.background:
            if options.out:
                self._shell.user_ns[options.out] = turn
            show_in_background(turn, drawing)
            return
        try:
            show(turn, drawing)
        finally:
            if options.out and turn.completion is not None:
                self._shell.user_ns[options.out] = turn.completion

    def _cell_id(self) -> str | None:
        """Return the identifier of the cell that runs, where the front end tells it."""
        request = self._shell.get_parent() if hasattr(self._shell, "get_parent") else None
        found = ((request or {}).get("metadata") or {}).get("cellId")
        return found if isinstance(found, str) else None

    # ---- %chat ----

    def _manage(self, line: str) -> None:
        command, _, rest = line.strip().partition(" ")
        command = command or "help"
        if command not in SUBCOMMANDS:
            raise ConfigurationError(f"%chat: there is no {command!r}.", hint="%chat help shows what there is.")
        rest = rest.strip()
        wants, _ = SUBCOMMANDS[command]
        if rest and not wants:
            raise ConfigurationError(f"%chat {command} takes no words after it.")
        if not rest and wants and not wants.startswith("["):
            raise ConfigurationError(f"%chat {command} needs {wants}.")
        method: Callable[..., None] = getattr(self, f"_{command}")
        if wants:
            method(rest)
        else:
            method()

    @property
    def _session(self) -> Session:
        from nbchat.session.registry import get_session

        return get_session()

    def _panel(self) -> None:
        if not hasattr(self._shell, "kernel"):
            raise ConfigurationError("%chat panel: there is no notebook to show a panel in.")
        display(self._session.panel())

    def _status(self) -> None:
        from nbchat.jupyter.status import status_bundle

        display(status_bundle(self._session), raw=True)

    def _models(self) -> None:
        from nbchat.jupyter.status import model_lines

        _say(*model_lines(self._session))

    def _set(self, words: str) -> None:
        from nbchat.session.parameters import fields

        name, _, text = words.partition(" ")
        name = name.lstrip("-").replace("-", "_")
        if name == "context":  # no request field, and a setting like them to whoever sets it
            self._session.context = text.strip().strip("\"'")  # type: ignore[assignment]  # it is checked there
            _say(f"context = {self._session.context!r}")
            return
        if name not in fields():
            raise ConfigurationError(
                f"%chat set: there is no request field {name!r}.", hint=f"There are: {', '.join(fields())}."
            )
        if not text.strip():
            raise ConfigurationError(f"%chat set {name} needs a value.")
        text = text.strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1]
        setattr(self._session.parameters, name, fields()[name].parse(text))
        _say(f"{name} = {getattr(self._session.parameters, name)!r}")

    def _unset(self, words: str) -> None:
        from nbchat.session.parameters import fields

        name = words.lstrip("-").replace("-", "_")
        if name == "context":
            self._session.context = "error"
            _say("a conversation that is too long is an error")
            return
        if name not in fields():
            raise ConfigurationError(f"%chat unset: there is no request field {name!r}.")
        setattr(self._session.parameters, name, None)
        _say(f"{name} is not sent")

    def _system(self, text: str) -> None:
        session = self._session
        if text:
            session.system = None if text.lower() == "none" else text.strip("\"'")
        _say(session.system or "no system message")

    def _history(self) -> None:
        from nbchat.jupyter.status import left_out_line

        session = self._session
        said = session.conversation
        system = [{"role": "system", "content": session.system}] if session.system else []
        messages = [*system, *(node.message for node in said.path(said.head))]
        if not messages:
            _say("nothing was said yet")
            return
        plain = "\n\n".join(f"[{message['role']}]\n{_content(message)}" for message in messages)
        markdown, left_out = session.to_markdown(), left_out_line(session)
        if left_out:
            plain, markdown = f"{plain}\n\n[{left_out}]", f"{markdown}\n*[{left_out}]*\n"
        display({"text/markdown": markdown, "text/plain": plain}, raw=True)

    def _undo(self) -> None:
        done = self._session.undo()
        _say(f"{len(self._session.messages)} messages are left" if done else "there is nothing to take back")

    def _clear(self) -> None:
        self._session.clear()
        _say("a new conversation begins; %chat undo brings the old one back")

    def _regenerate(self) -> None:
        session = self._session
        self._show(session, session.regenerate(), CellOptions())

    def _fix(self, words: str) -> None:
        if self._failed is None:
            raise ConfigurationError("%chat fix: no cell has failed yet.")
        source, error = self._failed
        told = "".join(traceback.format_exception_only(error)).strip()
        question = (
            f"This cell of my notebook failed:\n\n```python\n{source.strip()}\n```\n\nThe error was:\n\n```\n{told}\n```\n\n"
            f"{words or 'What is wrong, and what should the cell be?'}"
        )
        session = self._session
        turn = session.ask({"role": "user", "content": question}, cell=self._cell_id())
        self._show(session, turn, CellOptions())

    def _use(self, name: str) -> None:
        from nbchat.session.registry import use_session

        session = use_session(name.strip("\"'"))
        _say(f"cells now ask {session.name} ({len(session.messages)} messages)")

    def _sessions(self) -> None:
        from nbchat.session.registry import get_session, session_names

        current = self._session
        _say(*(f"{'*' if get_session(name) is current else ' '} {name}" for name in session_names()))

    def _export(self, words: str) -> None:
        path = Path(words.strip("\"'")).expanduser()
        session = self._session
        if path.suffix not in (".md", ".json"):
            raise ConfigurationError(
                f"%chat export writes .md or .json, not {path.suffix or 'a file without an ending'!r}."
            )
        text = session.to_markdown() if path.suffix == ".md" else session.to_json(indent=1)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as problem:
            reason = problem.strerror or str(problem)
        else:
            _say(f"{len(session.messages)} messages written to {path}")
            return
        raise ConfigurationError(f"%chat export: {path} can't be written: {reason}.")

    def _usage(self) -> None:
        from nbchat.jupyter.status import usage_line

        _say(f"usage: {usage_line(self._session)}")

    def _stop(self) -> None:
        self._session.stop()

    def _help(self) -> None:
        width = max(len(f"{name} {words}") for name, (words, _) in SUBCOMMANDS.items())
        _say(
            "%%chat [options] with the question in the lines below; %%chat? shows the options. And:",
            *(f"  %chat {f'{name} {words}'.ljust(width)}  {meaning}" for name, (words, meaning) in SUBCOMMANDS.items()),
        )

    # ---- what the shell tells ----

    def _remember_failure(self, result: Any) -> None:
        error = result.error_in_exec or result.error_before_exec
        if error is not None and result.info is not None and not isinstance(error, NbchatError | KeyboardInterrupt):
            self._failed = (result.info.raw_cell, error)


ChatMagics.chat.__doc__ = f"""Ask a language model (%%chat), or manage the conversation (%chat).

    %%chat -m gpt-4o-mini -t 0.7 --max-tokens 200 --stop "6." --system "You are terse." --out answer
    Summarise {{{{df.describe()}}}} in two sentences.

The answer streams into the output. {{{{expression}}}} is replaced by the value of a Python expression of the notebook;
single braces are left alone. Running the cell again replaces its turn in the conversation; --append asks at the end.

{option_help()}
%chat followed by one of these manages the conversation:

{chr(10).join(f"  {name} {words}".ljust(24) + f"  {meaning}" for name, (words, meaning) in SUBCOMMANDS.items())}
"""


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


def _content(message: Mapping[str, Any]) -> str:
    from nbchat.attachments.seen import media_in
    from nbchat.session.markdown import plain_text
    from nbchat.wire.messages import content_text

    content = message.get("content")
    return plain_text("\n".join([content_text(content), *(f"[{seen}]" for seen in media_in(content))]))


def _in_one_sentence(error: NbchatError, shell: Any) -> NbchatError:
    """Have IPython show an error as what it says, without the frames of our own code."""
    name = type(error).__name__

    def render() -> list[str]:
        return [f"\x1b[31m{name}\x1b[0m: {error}" if _coloured(shell) else f"{name}: {error}"]

    error._render_traceback_ = render  # type: ignore[attr-defined]
    return error


def _coloured(shell: Any) -> bool:
    """Whether what the shell prints may have colours: a notebook shows them, a pipe would keep their codes."""
    if os.environ.get("NO_COLOR") or str(getattr(shell, "colors", "")).lower() == "nocolor":
        return False
    return hasattr(shell, "kernel") or sys.stdout.isatty()
