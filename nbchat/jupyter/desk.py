"""What a page asks of a session, carried out: questions, branches, parameters, calls that wait to be allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.attachments.seen import beside, own_text
from nbchat.client.endpoint import default_notice
from nbchat.errors import ConfigurationError
from nbchat.jupyter import requests as ask
from nbchat.jupyter.preview import preview
from nbchat.jupyter.shading import page_of
from nbchat.jupyter.template import Question, expand
from nbchat.jupyter.uploads import Uploads
from nbchat.session.asked import Asked
from nbchat.session.conversation import Node
from nbchat.session.logprobs import Logprobs
from nbchat.session.prompt import question_of, with_parts
from nbchat.session.session import Session
from nbchat.session.turn import Turn

__all__ = ["Desk"]


class Desk:
    """Carries out what a page asks of a session. What it asks of the panel itself, the panel answers.

    Args:
        session: The session.
        names: The notebook's variables, live.
        uploads: The files that pages have brought.
    """

    def __init__(self, session: Session, names: Mapping[str, Any], uploads: Uploads) -> None:
        self._session = session
        self._names = names
        self._uploads = uploads
        # Read once for all of an answer's pages: that takes longer than to show one.
        self._likely: tuple[str, Logprobs | None] | None = None

    def answer(self, request: ask.Request) -> Any:
        """Carry a request out, and return what the page is told of it.

        Raises:
            NbchatError: It can't be done; the sentence says why.
            TraitError: A parameter is out of bounds.
        """
        session = self._session
        match request:
            case ask.Ask(text=text, files=files, raw=raw):
                asked, found = self._expanded(text, raw=raw), self._uploads.attachment(files)
                remarks = (*asked.notes, *found.notes)
                started = self._session.ask(question_of(asked.content, found.parts), remarks=remarks)
                self._uploads.drop(files)
                return self._told(started)
            case ask.Edit(node=node, text=text, raw=raw):
                before = session.conversation.node(node)
                if before.role != "user":
                    raise ConfigurationError("Only a question can be edited.")
                # What was sent with it stays; what was put into its text is text by now.
                asked = self._expanded(text, own_text(before.message.get("content")), raw=raw)
                kept = beside(before.message.get("content"))
                edited = question_of(asked.content, kept)
                return self._told(session.ask(edited, parent=before.parent, like=before.turn, remarks=asked.notes))
            case ask.Regenerate(node=node):
                question, turn = self._question_of(node), session.conversation.node(node).turn
                return self._told(session.ask(None, parent=question.id, cell=question.cell, like=turn))
            case ask.Stop(turn=turn):
                session.stop(turn)
            case ask.Approve(turn=turn, call=call, allowed=allowed):
                self._approve(turn, call, allowed=allowed)
            case ask.Go(node=node):
                session.go(node)
            case ask.Drop(turn=turn):
                session.drop(turn)
            case ask.Clear(undo=undo):
                if undo:
                    session.undo()
                else:
                    session.clear()
            case ask.Set(name=name, value=value):
                session.parameters.update({name: value})
            case ask.System(text=text):
                session.system = text.strip() or None
            case ask.Reset():
                session.parameters.replace({"model": session.parameters.model})
            case ask.Preview(text=text, files=files, whole=whole):
                content = expand(text, self._names).content if text.strip() else ""
                return preview(session, with_parts(content, self._uploads.attachment(files).parts), whole)
            case ask.Probabilities(node=node, start=start):
                return self._probabilities(node, start)
            case ask.Complete(text=text):
                return sorted(name for name in self._names if name.startswith(text) and not name.startswith("_"))[:50]
        return None

    def _expanded(self, text: str, already: str = "", *, raw: bool) -> Question:
        return (
            Question(text)
            if raw
            else expand(text, self._names, already, otherwise="“Send as typed” leaves double braces as they are")
        )

    def ask_again(self, asked: Asked) -> dict[str, Any]:
        """Ask once more what failed, as it was asked and in its place."""
        return self._told(self._session.ask(asked.question, parent=asked.parent, cell=asked.cell, like=asked))

    def _approve(self, turn: str, call: str, *, allowed: bool) -> None:
        asking = [
            run
            for other in self._session.running
            if other.id == turn
            for run in other.calls
            if run.id == call and run.status == "asking"
        ]
        if not asking:
            raise ConfigurationError("This call no longer waits for an answer.")
        if allowed:
            asking[0].approve()
        else:
            asking[0].refuse()

    def _told(self, turn: Turn) -> dict[str, Any]:
        """Return what the page is told of a turn that it has asked for."""
        notice = default_notice(self._session.client.endpoint, turn.asked.parameters.get("model"))
        return {"turn": turn.id, "notice": notice}

    def _question_of(self, node: str) -> Node:
        """Return the question that a message answers, or that it is."""
        conversation = self._session.conversation
        questions = [other for other in conversation.path(conversation.node(node).id) if other.role == "user"]
        if not questions:
            raise ConfigurationError("There is no question to ask again.")
        return questions[-1]

    def _probabilities(self, node: str, start: int) -> dict[str, Any]:
        """Return how likely an answer's tokens were: asked for by whoever looks, as it is many times the answer."""
        if self._likely is None or self._likely[0] != node:
            self._likely = node, Logprobs.read(self._session.conversation.node(node).logprobs)
        found = self._likely[1]
        if found is None:
            raise ConfigurationError(
                "The server did not say how likely the tokens of this answer were.", hint="Ask again with logprobs on."
            )
        return page_of(found, start)
