"""Running the turns of a session, one after another, on the I/O thread."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import EllipsisType
from typing import Any, Protocol

from nbchat.attachments.attach import to_parts
from nbchat.client import portal
from nbchat.client.client import Client
from nbchat.client.endpoint import Endpoint, route
from nbchat.client.http import Options
from nbchat.client.refusals import Adjusted
from nbchat.errors import (
    AnswerFormatError,
    ConfigurationError,
    ContextLengthError,
    CutOffError,
    EmptyAnswerError,
    NbchatError,
    RefusedError,
)
from nbchat.session.asked import Asked
from nbchat.session.completion import Completion
from nbchat.session.conversation import Conversation
from nbchat.session.events import (
    Events,
    HeadMoved,
    TextAdded,
    ToolChanged,
    TurnEnded,
    TurnNoticed,
    TurnStarted,
)
from nbchat.session.forms import REMARK, check, mending
from nbchat.session.growth import Growth
from nbchat.session.prompt import configured_limits
from nbchat.session.replay import Receiver, server_mark
from nbchat.session.request import Request
from nbchat.session.sources import all_tools
from nbchat.session.toolbox import Approve, Toolbox, ToolRun
from nbchat.session.turn import Step, Turn
from nbchat.wire.accumulator import Accumulator
from nbchat.wire.chunks import ChatCompletionChunk
from nbchat.wire.decode import chunk_of_completion

__all__ = ["Host", "Runner", "receiver_of"]


class Host(Protocol):
    """What a turn finds when it starts: the session's own client and system message, as they are then."""

    @property
    def client(self) -> Client:
        """The client to ask through."""

    @property
    def system(self) -> str | None:
        """The system message."""

    @property
    def approve(self) -> Approve:
        """Whether a person is asked before a tool is called."""

    @property
    def attended(self) -> bool:
        """Whether there is anybody to be asked."""

    @property
    def tool_rounds(self) -> int:
        """How many rounds of calls a turn may have."""


class Runner:
    """Runs the turns of one session.

    Args:
        host: The session.
        conversation: Where the turns start from, and what they bring is put.
        events: Who is told.
        lock: Held while the conversation or any list here is read or changed.

    Attributes:
        running: The turn that runs and those that wait behind it.
        last: The turn that was asked last.
        spent: What every request so far brought.
    """

    def __init__(self, host: Host, conversation: Conversation, events: Events, lock: threading.RLock) -> None:
        self._host = host
        self._conversation = conversation
        self._events = events
        self._lock = lock
        self.running: list[Turn] = []
        self.last: Turn | None = None
        self.spent: list[Completion] = []
        self._process = os.getpid()
        self._told: set[tuple[Adjusted, str]] = set()

    def start(self, turn: Turn) -> None:
        """Run a turn as soon as those asked before it have ended; whoever holds no lock then tells of it.

        Raises:
            ConfigurationError: The interpreter is ending.
        """
        # From here on Python lends no threads, without which no name is looked up and no connection is opened.
        if not threading.main_thread().is_alive():
            raise ConfigurationError(
                "Nothing can be asked any more: the main thread has ended, and Python with it.",
                hint="Let the main thread wait for this one, with its join().",
            )
        with self._lock:
            if self._process != os.getpid():
                # A forked child: what ran when it was forked goes on in its parent alone, and would be waited for for ever.
                self._process, self.last = os.getpid(), None
                self.running.clear()
            before, self.last = self.last, turn
            self.running.append(turn)
            portal.start(self._run(turn, before))

    # ---- on the I/O thread -----------------------------------------------------------------------------------------

    async def _run(self, turn: Turn, before: Turn | None) -> None:
        """Run one turn when those before it have ended, and put what it brings into the conversation."""
        growth: Growth | None = None
        try:
            turn.begin()
            if before is not None:
                await before.settled()
                before = None  # or every turn would keep all that came before it alive
            client = self._host.client
            model, endpoint, served = await _model(client, turn.asked.parameters)
            receiver = receiver_of(client.endpoint, turn.asked.parameters.get("model"))
            with self._lock:
                growth = Growth(turn, self._conversation, self._parent_of(turn.asked))
                system = turn.asked.system or self._host.system
            toolbox = await self._toolbox(turn, endpoint)
            turn.started(endpoint)
            self._events.emit(TurnStarted(turn))
            after: list[dict[str, Any]] = []
            while True:
                with self._lock:
                    path, rounds = self._conversation.path(growth.tip), growth.rounds
                request = Request(
                    replace(turn.asked, question=growth.question),
                    path,
                    system,
                    model=model,
                    served=served,
                    endpoint=endpoint,
                    receiver=receiver,
                    offered=toolbox.offer(turn.asked.parameters, rounds, self._host.tool_rounds),
                    after=after,
                )
                await self._ask(turn, client, request)
                answer = turn.answered(endpoint)
                runs, remarks = toolbox.calls_of(answer, wanted=not request.wants_no_calls)
                turn.remarks += [remark for remark in remarks if remark not in turn.remarks]
                if runs:
                    if not await self._call(turn, growth, toolbox, answer, runs):
                        break
                elif again := self._mend(turn, growth, answer, mended=bool(after)):
                    after = again
                else:
                    break
            turn.end("done")
        except asyncio.CancelledError:
            turn.end("cancelled")
        except NbchatError as error:
            turn.end("failed", error)
        except Exception as error:  # noqa: BLE001  a fault of ours: told to whoever waits, never left on this thread
            turn.end("failed", _internal(error))
        self._settle(turn, growth)

    async def _toolbox(self, turn: Turn, endpoint: Endpoint) -> Toolbox:
        away = [source.label for source in turn.asked.sources if not source.connected]
        if away:
            self._notice(turn, f"waiting for the MCP server {', '.join(away)}")
        tools = await all_tools(turn.asked.tools, turn.asked.sources)
        if away:
            self._notice(turn, "")
        return Toolbox(
            tools,
            approve=self._host.approve,
            attended=lambda: self._host.attended or turn.attended,
            told=lambda run: self._events.emit(ToolChanged(turn, run)),
            owner=self._host,
            to_parts=partial(to_parts, limits=configured_limits()),
            censor=endpoint.api_key.censor if endpoint.api_key else str,
        )

    async def _call(
        self, turn: Turn, growth: Growth, toolbox: Toolbox, answer: Completion, runs: Sequence[ToolRun]
    ) -> bool:
        """Call the tools that an answer asks for; whether the model is to be asked again, with their results."""
        with self._lock:
            growth.answer(answer)
        turn.step(Step(answer, runs))
        self._events.emit(HeadMoved(growth.tip))
        try:
            await toolbox.perform(runs)
        finally:
            with self._lock:
                growth.results(runs)
            self._events.emit(HeadMoved(growth.tip))
        return all(run.over for run in runs)

    async def _ask(self, turn: Turn, client: Client, request: Request) -> None:
        """Send, and send again what did not fit, as long as it can be made shorter and that is wanted."""
        while True:
            turn.left_out = request.left_out
            if turn.left_out is not None:
                self._notice(turn, turn.left_out)
            accumulator = Accumulator()
            try:
                await self._send(turn, accumulator, client, request.body())
            except ContextLengthError as error:
                if accumulator.started:
                    raise
                if not request.shorten(error):
                    turn.left_out = None  # nothing was answered without them
                    raise
            else:
                return

    async def _send(self, turn: Turn, accumulator: Accumulator, client: Client, body: dict[str, Any]) -> None:
        options = Options(
            notice=lambda notice: self._notice(turn, notice),
            limits=turn.limited,
            fixed=frozenset(turn.asked.parameters.get("extra_body") or ()),
        )
        if turn.asked.streamed:
            await client.http.stream(body, options, partial(self._add, turn, accumulator))
        else:
            answer = await client.http.complete(body, options)
            self._add(turn, accumulator, [chunk_of_completion(answer.to_dict())])
        if not accumulator.completion().choices:
            raise EmptyAnswerError("The server gave no answer.", hint="Try again.")

    def _mend(self, turn: Turn, growth: Growth, answer: Completion, *, mended: bool) -> list[dict[str, Any]]:
        """Set an answer aside that has not the form that was asked for; return what asks for it once more.

        Raises:
            AnswerFormatError: It was asked for once more already, refused, or cut off: asking again would not help.
        """
        form = turn.asked.form
        if form is None:
            return []
        try:
            check(answer, form)
        except (RefusedError, CutOffError):
            raise
        except AnswerFormatError as problem:
            if mended:
                raise
            with self._lock:
                growth.set_aside(answer)
            turn.step(Step(answer))
            turn.remarks.append(REMARK)
            return mending(answer, form, problem)
        return []

    def _parent_of(self, asked: Asked) -> str | None:
        if not isinstance(asked.parent, EllipsisType):
            return asked.parent
        earlier = self._conversation.question_of_cell(asked.cell)
        return earlier.parent if earlier is not None else self._conversation.head

    def _add(self, turn: Turn, accumulator: Accumulator, chunks: list[ChatCompletionChunk]) -> None:
        if len(chunks) == 1:  # the hot path, as is the next
            pieces = accumulator.feed(chunks[0])
        else:
            pieces = []
            for chunk in chunks:
                pieces += accumulator.feed(chunk)
        turn.add(accumulator, pieces)
        if pieces and self._events.watched:
            self._events.emit(TextAdded(turn, tuple(pieces)))

    def _notice(self, turn: Turn, notice: object) -> None:
        if isinstance(notice, Adjusted):  # of the answer, not of the waiting for it: said below it, where it stays
            # A value that is left out is news again when it is another one; a new name carries every value.
            news = (notice, "" if notice.instead else repr(turn.asked.parameters.get(notice.field)))
            if news in self._told:
                return
            self._told.add(news)
            turn.remarks.append(str(notice))
        else:
            turn.notice = str(notice)
        self._events.emit(TurnNoticed(turn, notice))

    def _settle(self, turn: Turn, growth: Growth | None) -> None:
        """Put what a turn brought into the conversation and let the next one start."""
        with self._lock:
            self.running.remove(turn)
            if turn.completion is not None:
                self.spent.append(turn.completion)
            changed = growth is not None and growth.end(turn.fresh)
        if changed:
            self._events.emit(HeadMoved(self._conversation.head))
        turn.settle()
        self._events.emit(TurnEnded(turn))


def receiver_of(endpoint: Endpoint, model: str | None) -> Receiver:
    """Return who gets a request for *model* where a session asks *endpoint*."""
    server, _ = route(endpoint, model)
    return Receiver(server_mark(server.base_url), model, sees=not server.embedded)


async def _model(client: Client, parameters: Mapping[str, Any]) -> tuple[str, Endpoint, str]:
    """Return the model that is asked, its server, and its name there; a server that serves one alone is asked which it is."""
    extra = parameters.get("extra_body") or {}
    named = extra.get("model") or parameters.get("model")
    endpoint, served = route(client.endpoint, None if named is None else str(named))
    if served is not None:
        return str(named or client.endpoint.model), endpoint, served
    served = await _only_model(client, endpoint)
    return _called(endpoint, served), endpoint, served


async def _only_model(client: Client, endpoint: Endpoint) -> str:
    offered = (await client.http.models(endpoint)).data
    models: list[str] = [model.id for model in offered]
    if len(models) == 1:
        return models[0]
    if not models:
        raise ConfigurationError(f"{endpoint.name} lists no models: name the one that is meant.")
    some = ", ".join(_called(endpoint, model) for model in models[:5]) + (", …" if len(models) > 5 else "")
    raise ConfigurationError(f"{endpoint.name} has {len(models)} models: name one of {some}.")


def _called(endpoint: Endpoint, model: str) -> str:
    """Return what a model of a server is asked by."""
    return f"{endpoint.label}/{model}" if endpoint.label else model


def _internal(error: Exception) -> NbchatError:
    return NbchatError(f"nbchat failed on its own: {type(error).__name__}: {error}.", hint="Please report this.")
