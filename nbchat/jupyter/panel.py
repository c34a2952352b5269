"""The chat panel: a session as a chat, with controls on its request fields.

It is a door like any other: it shows the turns of all doors as they stream, and what it changes is the session's. Settled
messages, parameters and status are state, which a page that is reloaded and a second view get whole; text in flight goes
as numbered messages, some thirty a second, whose gaps the front end has repaired by asking for everything once more.

Handlers run on whichever thread the kernel gives them (a subshell's, while a cell runs), events on the I/O thread: all that
they share is behind one lock, which is never held while the session is asked for something that waits.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Dict, Int, List, TraitError, Unicode

from nbchat.client import portal
from nbchat.client.config import settings
from nbchat.client.retry import Retrying
from nbchat.errors import ConfigurationError, NbchatError
from nbchat.jupyter import requests as ask
from nbchat.jupyter.audience import Audience
from nbchat.jupyter.declarations import CONTROLS, declaration
from nbchat.jupyter.desk import Desk
from nbchat.jupyter.inflight import InFlight
from nbchat.jupyter.transcript import Transcript, call_entry
from nbchat.jupyter.uploads import Uploads, accepted
from nbchat.session.calls import live_call
from nbchat.session.events import (
    Event,
    HeadMoved,
    ParameterChanged,
    SystemChanged,
    TextAdded,
    ToolChanged,
    TurnEnded,
    TurnNoticed,
    TurnQueued,
    TurnStarted,
)
from nbchat.session.export import markdown_of
from nbchat.session.registry import given_or_current
from nbchat.session.session import Session
from nbchat.session.surroundings import current_shell, surroundings
from nbchat.session.toolbox import ToolRun
from nbchat.session.turn import Turn
from nbchat.wire.decode import without_surrogates

__all__ = ["STARTERS", "Panel", "panel", "stop"]

_STATIC = Path(__file__).parent / "static"
_MATHS = _STATIC / "maths.js"
# Seconds between two messages of text: as often as an eye tells apart (baseline.md: a twentieth of the messages that
# Jupyter's server lets through, and 0.38 MB for 4,000 tokens).
_FRAME = 1 / 30
# How many messages a page gets when it opens, and at most when it asks for earlier ones: some screens full.
_TAIL, _MOST = 40, 100
# How many messages the notebook's file keeps: a file is read and sent whole.
_SAVED = 400
STARTERS = (
    "Explain what a pandas DataFrame is, with a short example",
    "Write a Python function that reads a CSV file and plots one column",
    "What can I ask you here?",
)

_panels: weakref.WeakValueDictionary[str, Panel] = weakref.WeakValueDictionary()


class Panel(anywidget.AnyWidget):
    """The chat panel on a session. Any number of panels may show one session.

    Args:
        session: The session.
        starters: Three questions, or so, that an empty panel offers; ``None`` for those of ``c.NBChat.starters``, else
            nbchat's own.

    Example:
        >>> chat = nbchat.Session(system="You are terse.")  # doctest: +SKIP
        >>> chat.panel()  # doctest: +SKIP
    """

    _esm = _STATIC / "panel.js"
    _css = _STATIC / "panel.css"

    own_id = Unicode().tag(sync=True)
    name = Unicode().tag(sync=True)
    starters = List(Unicode()).tag(sync=True)
    fields = List(Dict()).tag(sync=True)
    parameters = Dict().tag(sync=True)
    system = Unicode().tag(sync=True)
    about = Dict().tag(sync=True)
    accepts = Dict().tag(sync=True)
    # These four are made when a front end asks for the state, and told by messages from then on.
    seq = Int().tag(sync=True)
    total = Int().tag(sync=True)
    messages: List[dict[str, Any]] = List().tag(sync=True)
    turns: List[dict[str, Any]] = List().tag(sync=True)

    # Before it subscribes, and where it could not be made: what was begun is closed all the same.
    _unsubscribe: Callable[[], None] = staticmethod(lambda: None)
    _closed = False

    def __init__(self, session: Session, *, starters: Sequence[str] | None = None, **traits: Any) -> None:
        self._session = session
        self._number = 0
        self._turns = {turn.id: InFlight(turn) for turn in session.running}
        self._costs: dict[str, float] = {}
        self._flushing = False
        self._flushed = 0.0
        self._audience = Audience(session.attend)
        self._offered: list[str] = []
        self._asked_about = 0
        self._uploads = Uploads()
        self._desk = Desk(session, _namespace(), self._uploads)
        self._lock = threading.RLock()  # the last of what there has to be for close() to close
        self._look()
        self._place_turns()
        own_id = uuid.uuid4().hex  # a front end does not tell a widget its own
        super().__init__(
            model_id=own_id,
            own_id=own_id,
            name=session.name or "Chat",
            starters=_starters(starters),
            fields=[declaration(name) for name in CONTROLS],
            parameters=session.parameters.to_dict(),
            system=session.system or "",
            about=self._about(),
            accepts=accepted(),
            **traits,
        )
        _panels[self.own_id] = self
        _hear_while_a_cell_runs(self.comm)
        self.on_msg(self._asked)
        self.comm.on_close(lambda _: self.close())
        self._unsubscribe = session.subscribe(self._told)
        with self._lock:
            # What happened between the first look and the subscription was told to nobody.
            missed = [turn for turn in session.running if turn.id not in self._turns]
            self._turns |= {turn.id: InFlight(turn) for turn in missed}
            if missed or self._changed():
                self._show_path()

    @property
    def session(self) -> Session:
        """The session that the panel shows."""
        return self._session

    def close(self) -> None:
        """Close the panel; the session goes on."""
        self._unsubscribe()
        if self._closed or not hasattr(self, "_lock"):
            return
        # An event may be on its way on another thread: it finds the panel whole, or closed.
        with self._lock:
            self._closed = True
            self._turns.clear()
            self._uploads.clear()
            self._audience.leave()
            super().close()

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the state for a front end, with the conversation as it stands now."""
        state: dict[str, Any] = without_surrogates(super().get_state(key, drop_defaults))
        with self._lock:
            now = self._snapshot()
        return {name: now.get(name, value) for name, value in state.items()}

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return the view, where there is a page to draw it, and beside it the conversation for viewers without widgets."""
        data, metadata = (super()._repr_mimebundle_(**kwargs) if _has_a_page() else None) or ({}, {})
        with self._lock:
            path = self._transcript.path
        # Of the end only, since all of a long conversation takes seconds; the front end keeps more in the file.
        texts = markdown_of(path, max(0, len(path) - _TAIL)) or ["*An empty chat.*"]
        if len(path) > _TAIL:
            texts.insert(0, f"*{len(path) - _TAIL} earlier messages are not shown.*")
        data = {**data, "text/markdown": "\n\n".join(texts), "text/plain": f"<chat panel: {self.name}>"}
        return data, {**metadata, "nbchat": {"panel": self.own_id}}

    # ---- what happens in the session -------------------------------------------------------------------------------

    def _told(self, event: Event) -> None:
        with self._lock:
            if self._closed:
                return
            match event:
                case TextAdded(turn):
                    self._begin_again(turn)
                    self._soon()
                case ToolChanged(turn, run):
                    self._show_call(turn, run)
                case TurnQueued(turn) | TurnNoticed(turn) if not turn.running:
                    self._ended(turn)  # told late: the turn was over before its beginning was said
                case TurnQueued(turn) | TurnStarted(turn):
                    self._forget_failures(turn)
                    self._show(turn, anew=isinstance(event, TurnStarted))
                case TurnNoticed(turn, notice):
                    self._show(turn, retrying=isinstance(notice, Retrying))
                case HeadMoved():
                    self._flush()
                    self._show_path()
                case TurnEnded(turn):
                    self._ended(turn)
                case ParameterChanged():
                    self.parameters = self._session.parameters.to_dict()
                    portal.start(self._renew_about())
                case SystemChanged(system):
                    self.system = system or ""

    def _soon(self) -> None:
        """Send what has arrived: now, or a frame after the last time."""
        if self._flushing:
            return
        wait = self._flushed + _FRAME - time.monotonic()
        if wait <= 0:
            self._flush()
            return
        self._flushing = True
        portal.start(self._flush_after(wait))

    async def _flush_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with self._lock:
            self._flushing = False
            if not self._closed:
                self._flush()

    def _flush(self) -> None:
        self._flushed = time.monotonic()
        for turn in self._turns.values():
            parts = turn.take()
            if parts:
                self._publish({"type": "delta", "turn": turn.turn.id, "parts": parts})

    def _show(self, turn: Turn, *, anew: bool = False, retrying: bool = False) -> None:
        """Tell how a turn stands; where it belongs is known for good only when it starts."""
        shown = self._turns.get(turn.id)
        if shown is None or anew:
            shown = self._turns[turn.id] = InFlight(turn)
            shown.place(self._session.conversation, self._transcript.path)
        shown.retrying = shown.retrying or retrying
        self._publish({"type": "turn", "turn": shown.to_dict()})

    def _begin_again(self, turn: Turn) -> None:
        """An answer without the form that was asked for is set aside, and no message that settles says so."""
        shown = self._turns.get(turn.id)
        if shown is not None and not shown.current:
            self._show(turn, anew=True)

    def _show_call(self, turn: Turn, run: ToolRun) -> None:
        """Tell how a call stands, and with it its turn."""
        place = self._transcript.place_of(turn, run)
        if place is not None:
            at, number = place
            self._publish({"type": "call", "at": at, "number": number, "call": call_entry(live_call(run))})
        if turn.id in self._turns:
            self._show(turn)

    def _forget_failures(self, turn: Turn) -> None:
        """What failed is shown until somebody asks again."""
        for other in [t.turn for t in self._turns.values() if t.state == "failed" and t.turn is not turn]:
            self._remove(other.id)

    def _remove(self, turn: str) -> None:
        if self._turns.pop(turn, None) is not None:
            self._publish({"type": "gone", "turn": turn})

    def _ended(self, turn: Turn) -> None:
        self._flush()
        kept = turn.id in {node.turn for node in self._transcript.path}
        if turn.status == "failed" and not kept:
            self._show(turn)
        else:
            self._remove(turn.id)
            if self._changed():  # its last answer asks for calls that others answer
                self._show_path()
        portal.start(self._renew_about(turn))

    def _show_path(self) -> None:
        """Tell the messages from the first that is another than before."""
        before = self._marks
        self._look()
        now = self._marks
        same = next(
            (at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new),
            min(len(before), len(now)),
        )
        for turn in {node.turn for node in self._transcript.path[same:]} & self._turns.keys():
            # One that waits for its tools has messages too, and goes on.
            if self._turns[turn].turn.status in ("queued", "running"):
                continue
            settled = self._turns.pop(turn)
            # What there is to remark stands below the answer now, if a page is there to draw it.
            if self._audience:
                settled.turn.shown()
        self._place_turns()
        self._tell_path(same)

    def _place_turns(self) -> None:
        """Have what is not settled begin where the messages end."""
        conversation = self._session.conversation
        for turn, shown in self._turns.items():
            if not shown.current:
                self._turns[turn] = InFlight(shown.turn)
            self._turns[turn].place(conversation, self._transcript.path)

    def _tell_path(self, keep: int) -> None:
        """Tell the messages from one on, and in the same breath what is not settled yet."""
        length = len(self._transcript)
        start = max(keep, length - _MOST)
        turns = [shown.to_dict() for shown in self._turns.values()]
        messages = self._transcript.entries(start)
        self._publish(
            {"type": "path", "keep": keep, "from": start, "total": length, "messages": messages, "turns": turns}
        )

    def _look(self) -> None:
        self._transcript = self._as_it_stands()
        self._marks = self._transcript.marks()

    def _changed(self) -> bool:
        """Whether the messages are others than those that were told."""
        return self._as_it_stands().marks() != self._marks

    def _as_it_stands(self) -> Transcript:
        live = {turn: shown.turn for turn, shown in self._turns.items()}
        return Transcript(self._session.conversation, self._costs, live)

    def _publish(self, message: dict[str, Any]) -> None:
        self._number += 1
        self.send(without_surrogates({**message, "seq": self._number}))

    def _snapshot(self) -> dict[str, Any]:
        transcript = self._transcript
        return without_surrogates(  # type: ignore[no-any-return]
            {
                "seq": self._number,
                "total": len(transcript),
                "messages": transcript.entries(max(0, len(transcript) - _TAIL)),
                "turns": [shown.to_dict() for shown in self._turns.values()],
            }
        )

    def _about(self) -> dict[str, Any]:
        """Return who answers, and what was used: never a key."""
        session = self._session
        usage = session.usage
        spent = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens, "cost": session.cost}
        try:
            endpoint = session.endpoint
            return {"endpoint": endpoint.name, "model": session.model, "models": self._models(), **spent}
        except NbchatError as problem:  # the environment names no sound server: said, and asking says it again
            return {"endpoint": str(problem), "model": session.parameters.model, "models": ["local"], **spent}

    async def _renew_about(self, ended: Turn | None = None) -> None:
        # Not on the I/O thread: the table of prices takes a second to load.
        self._asked_about += 1
        number = self._asked_about
        about = await asyncio.to_thread(self._about)
        with self._lock:
            if self._closed:
                return
            if number == self._asked_about:
                self.about = about
            if ended is not None and ended.completion is not None:
                self._show_cost(ended.id, ended.completion.cost)

    def _show_cost(self, turn: str, cost: float | None) -> None:
        """Tell an answer once more, as its price is known now."""
        if not cost:
            return
        self._costs[turn] = cost
        at = next((at for at, node in enumerate(self._transcript.path) if node.turn == turn), None)
        if at is None:
            return
        if len(self._transcript) - at <= _MOST:
            self._tell_path(at)

    def _models(self) -> list[str]:
        return list(dict.fromkeys(["local", *self._offered]))

    # ---- what the front end asks for -------------------------------------------------------------------------------

    def _asked(self, _: Any, content: Any, buffers: Any) -> None:
        """Answer a request, or refuse it with a reason."""
        if self._closed:
            return
        number = content.get("id") if isinstance(content, dict) else None
        with self._refusing(number):
            self._reply(number, self._answer(ask.read_request(content), buffers or ()))

    async def _later(self, number: int, work: Awaitable[Any]) -> None:
        """Answer a request with what some work gives."""
        with self._refusing(number):
            self._reply(number, await work)

    @contextmanager
    def _refusing(self, number: Any) -> Iterator[None]:
        """Refuse a request with the reason for which it failed: what a handler prints or raises would appear nowhere."""
        try:
            yield
        except (NbchatError, TraitError) as problem:
            self._refuse(number, str(problem))
        except Exception as problem:  # noqa: BLE001  a fault of ours, or of the user's code in {{…}}
            self._refuse(number, f"nbchat failed on its own: {type(problem).__name__}: {problem}.")

    def _reply(self, number: Any, result: Any) -> None:
        if result is not _LATER:
            with self._lock:
                self.send({"type": "reply", "id": number, "result": without_surrogates(result)})

    def _refuse(self, number: Any, reason: str) -> None:
        with self._lock:
            self.send({"type": "reply", "id": number, "refused": without_surrogates(reason)})

    def _answer(self, request: ask.Request, buffers: Sequence[memoryview]) -> Any:
        """Do what concerns the panel itself; all else is for the desk."""
        match request:
            case ask.Upload(file=file):
                if not self._uploads.add(request, buffers):
                    return None
                portal.start(self._later(request.id, self._uploads.read(file)))
                return _LATER
            case ask.Discard(files=files):
                self._uploads.drop(files)
            case ask.Retry(turn=turn):
                return self._desk.ask_again(self._failed(turn).asked)
            case ask.Dismiss(turn=turn):
                with self._lock:
                    self._remove(turn)
            case ask.Attend(page=page, open=is_open):
                with self._lock:
                    self._audience.note(page, is_open=is_open)
                if not is_open:
                    self._uploads.leave(page)
            case ask.Media(node=node, call=call):
                with self._lock:
                    transcript = self._transcript
                return transcript.media(node, call)
            case ask.Earlier(before=before, count=count):
                with self._lock:
                    start = max(0, before - min(count, _MOST))
                    return {"from": start, "messages": self._transcript.entries(start, max(0, before))}
            case ask.Markdown(start=start):
                return self._markdown(start)
            case ask.Models():
                portal.start(self._later(request.id, self._learn_models()))
                return _LATER
            case ask.Snapshot():
                with self._lock:
                    self.send({"type": "snapshot", **self._snapshot()})
            case ask.Maths():
                # Asked for once a page, by those that show formulas: it would double what each panel sends.
                return _MATHS.read_text("utf-8")
            case _:
                return self._desk.answer(request)
        return None

    def stop(self, turn: str | None = None) -> None:
        """Stop a turn of the session by its identifier, or all that run or wait."""
        self._session.stop(turn)

    def _failed(self, turn: str) -> Turn:
        with self._lock:
            failed = self._turns.get(turn)
        if failed is None:
            raise ConfigurationError("There is no such turn to ask again.")
        return failed.turn

    def _markdown(self, start: int) -> dict[str, Any]:
        with self._lock:
            path = self._transcript.path
        start = max(start, len(path) - _SAVED, 0)
        return {"from": start, "total": len(path), "texts": markdown_of(path, start)}

    async def _learn_models(self) -> list[str]:
        self._offered = await self._session.learn_models()
        await self._renew_about()
        return self._models()


# A request that is answered later, on another thread.
_LATER = object()


def panel(session: Session | None = None, **options: Any) -> Panel:
    """Open the chat panel on a session.

    Args:
        session: The session; ``None`` for the one that ``%%chat`` uses.
        **options: As for :class:`Panel`: ``starters``.

    Raises:
        ConfigurationError: It is no session, or the configuration names no sound server.

    Example:
        >>> nbchat.panel()  # doctest: +SKIP
    """
    return Panel(given_or_current(session), **options)


def _starters(given: Sequence[str] | None) -> list[str]:
    if isinstance(given, str):  # a sequence of letters to Python, and one question to whoever wrote it
        return [given]
    wanted: Sequence[str] | None = settings().starters if given is None else given
    return list(STARTERS if wanted is None else wanted)


def stop(panel: str, turn: str | None = None) -> None:
    """Stop what a panel shows: called by the front end on the kernel's control channel, where its messages wait behind a cell.

    Args:
        panel: The panel's model identifier.
        turn: The turn's identifier; ``None`` for all.

    Raises:
        KeyError: There is no such panel, which the front end is told.
    """
    _panels[panel].stop(turn)


def _hear_while_a_cell_runs(comm: Any) -> None:
    """Have the kernel take the panel's requests where the front end sends them, which is a subshell while a cell runs.

    ipykernel 7.4 otherwise hands a message of a comm to the shell that last published on it: behind the running cell. The
    name is private to it, so nothing depends on it: Stop has a way of its own, and the panel says when it is not heard.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _, default: default  # noqa: SLF001


def _has_a_page() -> bool:
    """Whether what is shown now is drawn somewhere: Voilà executes with nobody watching, and shows it afterwards."""
    return surroundings() != "unattended" or "VOILA_PREHEAT" in os.environ


def _namespace() -> Any:
    """Return the notebook's variables, live."""
    shell = current_shell()
    return {} if shell is None else shell.user_ns
