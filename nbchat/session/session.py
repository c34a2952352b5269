"""The live session: one conversation and its parameters, shared by every door."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import EllipsisType
from typing import Any, Self

from traitlets import TraitError

from nbchat.attachments.attach import to_parts
from nbchat.client.capacity import limits
from nbchat.client.client import Client
from nbchat.client.config import settings
from nbchat.client.endpoint import Endpoint, default_notice, tell
from nbchat.client.refusals import Negotiation
from nbchat.client.secret import Secret
from nbchat.errors import ConfigurationError, NbchatError
from nbchat.session import export
from nbchat.session.asked import Asked, what_is_asked
from nbchat.session.attendance import Attendance
from nbchat.session.completion import Completion
from nbchat.session.context import Context, Window, checked_context
from nbchat.session.conversation import Conversation, Node, request_of
from nbchat.session.events import Event, Events, HeadMoved, ParameterChanged, SystemChanged, TurnQueued
from nbchat.session.line import Line
from nbchat.session.parameters import Parameters
from nbchat.session.prompt import Prompt, attached_as_configured, configured_limits, question_of, with_parts
from nbchat.session.replay import Receiver, seen_after
from nbchat.session.request import Request, first_cut
from nbchat.session.run import Runner, receiver_of
from nbchat.session.sources import ToolSource, listed, sorted_out
from nbchat.session.toolbox import Approve, Toolbox, calling_session, checked_rounds
from nbchat.session.turn import Turn
from nbchat.tools.results import report
from nbchat.tools.tool import as_tool, tool
from nbchat.wire.limits import RateLimits
from nbchat.wire.messages import Usage, total

__all__ = ["Prompt", "Session"]


class Session:
    """A conversation with a model, live: what happens in it is seen by every door that holds it.

    Turns run one after another in the order asked; sessions run side by side. Every method may be called from any
    thread and from a running event loop; only :meth:`send` and ``Turn.result`` wait.

    Args:
        model: The model that answers; ``None`` for the configured one, else the endpoint's.
        system: The system message; ``None`` for the configured one.
        client: The client to ask through; ``None`` for one made of the next two.
        base_url: Where the API is; ``None`` for the configured one, else the environment's, else the embedded model.
        api_key: The key for it.
        name: The name it goes by in ``%chat use NAME``.
        context: What happens when the conversation no longer fits the model: ``"error"`` has the turn fail,
            ``"trim"`` leaves the oldest turns out of the request; ``None`` for the configured one, else ``"error"``.
        tools: The tools that the model may call: functions, servers of tools (:func:`nbchat.mcp`), or dicts in the API's own
            form (see :attr:`tools`, and :func:`nbchat.tool` for how much of a result the model is told).
        approve: Whether a person is asked before a tool is called: always, never, or a function that is given the tool's
            name and the arguments and says so. Tools may ask for it themselves, with ``@tool(approve=True)``.
        tool_rounds: How many rounds of calls a turn may have; then the model is asked to answer without tools, and calls
            that it makes all the same are not run.
        **parameters: Request fields, as in :class:`~nbchat.session.parameters.Parameters`.

    Raises:
        TraitError: A parameter is out of bounds.
        ConfigurationError: The base URL is not one, the context is neither of the two, or the rounds are no number.

    Example:
        >>> chat = Session(system="You are terse.", temperature=0.2)
        >>> print(chat.send("What's Python?"))  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        system: str | None = None,
        client: Client | None = None,
        base_url: str | None = None,
        api_key: str | Secret | None = None,
        name: str | None = None,
        context: Context | None = None,
        tools: Iterable[Any] = (),
        approve: Approve = False,
        tool_rounds: int = 10,
        **parameters: Any,
    ) -> None:
        # First of all the key goes under cover: whatever raises below shows its locals in some tracebacks.
        api_key = Secret.cover(api_key)
        configured = settings()
        self.name = name
        self.parameters = Parameters(**{**configured.parameters, **parameters, **({"model": model} if model else {})})
        self._system = configured.system if system is None else system
        self._context = checked_context(configured.context if context is None else context)
        self.tools = listed(tools)
        sorted_out(self.tools)  # one that can't be a tool is said now
        self.approve = approve
        self.tool_rounds = tool_rounds
        self._attendance = Attendance()
        self._line = Line(client, base_url, api_key)
        self._conversation = Conversation()
        self._events = Events()
        self._lock = threading.RLock()
        # How each turn was asked, for those that go on from it or ask again.
        self._asks: dict[str, Asked] = {}
        self._runner = Runner(self, self._conversation, self._events, self._lock)
        self.parameters.observe(self._parameter_changed)

    # ---- asking ----------------------------------------------------------------------------------------------------

    def send(
        self, prompt: Prompt, *, attach: Any = (), tools: Iterable[Any] | None = None, **overrides: Any
    ) -> Completion:
        """Ask, and wait for the answer.

        Args:
            prompt: The question: text, a list of content parts, or a whole message.
            attach: What goes with it, one thing or a list: paths, addresses of pictures, bytes, images, arrays, figures,
                tables, or any object; see :func:`nbchat.attachments.attach.attached`.
            tools: The tools for this turn, in place of the session's.
            **overrides: Request fields for this turn only. ``response_format`` may be a type (a dataclass, a ``TypedDict``,
                ``list[City]`` …): its schema is sent, and the answer is in ``completion.parsed``.

        Returns:
            The answer.

        Raises:
            NbchatError: The turn failed or was stopped; the session is as it was, or keeps what had arrived.
            ConfigurationError: Something can't be attached; nothing is sent.
            TraitError: An override is out of bounds; nothing is sent.

        Example:
            >>> chat.send("Name a colour.", temperature=1.5).text  # doctest: +SKIP
            >>> chat.send("What do these show?", attach=["plot.png", fig, df])  # doctest: +SKIP
        """
        return self.stream(prompt, attach=attach, tools=tools, **overrides).result()

    def stream(self, prompt: Prompt, *, attach: Any = (), tools: Iterable[Any] | None = None, **overrides: Any) -> Turn:
        """Ask, and return at once with the turn to watch; arguments as in :meth:`send`."""
        found = attached_as_configured(attach)
        question = question_of(prompt, found.parts)
        tell(default_notice(self.client.endpoint, overrides.get("model") or self.parameters.model))
        return self.ask(question, overrides, tools=tools, remarks=found.notes)

    def ask(
        self,
        question: Mapping[str, Any] | None,
        overrides: Mapping[str, Any] | None = None,
        *,
        parent: str | EllipsisType | None = ...,
        system: str | None = None,
        cell: str | None = None,
        streamed: bool = True,
        tools: Iterable[Any] | None = None,
        like: str | Asked | None = None,
        remarks: Sequence[str] = (),
    ) -> Turn:
        """Start a turn: what :meth:`stream`, :meth:`regenerate`, :meth:`edit` and the cell magic have in common.

        A tool that asks the session which waits for it is refused. Only the tool's own thread is known, and what Python
        gives its context to: a thread that the tool starts and waits for is not, and if that one asks, both wait until the
        turn is stopped, or the tool's time is over. Let a tool ask another session, ``chat.fork()``.

        Args:
            question: The user's message; ``None`` to answer the question *parent* again.
            overrides: Request fields for this turn only.
            parent: The node it follows; left out, wherever the head is when it starts.
            system: The system message for this turn only.
            cell: The notebook cell that asks: its earlier turn on the way to the head is replaced.
            streamed: Whether the server is asked to stream.
            tools: The tools for this turn, in place of the session's.
            like: A turn that it is asked like, by its identifier or by what it was asked: what was given for that one alone
                counts for this one, too, where nothing else is given. Of a turn that another process asked, that is not known.
            remarks: What is to be said below the answer, of what was asked.

        Raises:
            ConfigurationError: Something can't be a tool, or a tool asks the session that waits for it.
            TraitError: An override is out of bounds.
        """
        before = like if isinstance(like, Asked) else self._asks.get(like or "", Asked(None))
        wanted = self._asked(
            question, {**before.overrides, **(overrides or {})}, before.given if tools is None else tools
        )
        asked = replace(
            wanted, parent=parent, cell=cell, streamed=streamed and before.streamed, system=system or before.system
        )
        turn = self._start(asked, remarks)
        self._events.emit(TurnQueued(turn))
        return turn

    def _start(self, asked: Asked, remarks: Sequence[str] = ()) -> Turn:
        """Have a turn run when those before it have ended; whoever calls tells of it, when they hold no lock."""
        if calling_session.get() is self:
            raise ConfigurationError(
                "A tool can't ask the session that called it, which waits for the tool.",
                hint="Ask another one: chat.fork().send(…).",
            )
        turn = Turn(asked, self)
        turn.remarks += remarks
        self._asks[turn.id] = replace(asked, question=None)
        self._runner.start(turn)
        return turn

    def _asked(
        self, question: Mapping[str, Any] | None, overrides: Mapping[str, Any], tools: Iterable[Any] | None
    ) -> Asked:
        """Return what is asked, with the session's parameters, tools and context as they are now."""
        return what_is_asked(
            question, overrides, tools, parameters=self.parameters, offered=self.tools, context=self._context
        )

    def request(
        self, prompt: Prompt = "", *, attach: Any = (), tools: Iterable[Any] | None = None, **overrides: Any
    ) -> dict[str, Any]:
        """Return the body of the request that asking would send, and send nothing.

        Args:
            prompt: The question; empty for what would be sent around it.
            attach: As for :meth:`send`.
            tools: As for :meth:`send`.
            **overrides: As for :meth:`send`.

        Returns:
            The body, with fields that the server is known to refuse left out or renamed, as they are sent. The model is
            missing in it where only the server knows which it is, and so are the tools of MCP servers, which are asked for
            theirs when a turn begins.

        Raises:
            ConfigurationError: Something in it can't be sent.
            TraitError: An override is out of bounds.

        Example:
            >>> Session("gpt-4o").request("Hi")["messages"]
            [{'role': 'user', 'content': 'Hi'}]
        """
        parts = attached_as_configured(attach).parts
        asked = self._asked(question_of(prompt, parts) if prompt or parts else None, overrides, tools)
        endpoint, served = self._line.route(asked.parameters)
        with self._lock:
            path = self._conversation.path(self._conversation.head)
        request = Request(
            asked,
            path,
            self._system,
            model=served or "",
            served=served or "",
            endpoint=endpoint,
            receiver=receiver_of(self.client.endpoint, asked.parameters.get("model")),
            offered=Toolbox(asked.tools).offer(asked.parameters, 0, self.tool_rounds),
        )
        body = request.body()
        if not served:
            return {name: value for name, value in body.items() if name != "model"}
        fixed = asked.parameters.get("extra_body") or ()
        return Negotiation(endpoint.base_url, {**body, "model": served}, fixed).body

    def regenerate(self, *, tools: Iterable[Any] | None = None, **overrides: Any) -> Turn:
        """Ask the last question again; the new answer becomes a sibling of the old one and takes the head.

        It is asked as it was for the old answer, with the tools, the form and the request fields that were given for that turn
        alone; what the session has, it has as it is now.

        Args:
            tools: The tools for this turn, in place of those.
            **overrides: Request fields for this turn only, which count over those.

        Raises:
            ConfigurationError: Nothing was asked yet.
            TraitError: An override is out of bounds.
        """
        with self._lock:
            question = self._conversation.last_question()
            head = self._conversation.nodes.get(self._conversation.head or "")
        if question is None or head is None:
            raise ConfigurationError("There is no question to ask again.")
        return self.ask(None, overrides, parent=question.id, cell=question.cell, tools=tools, like=head.turn)

    def edit(
        self, index: int, prompt: Prompt, *, attach: Any = (), tools: Iterable[Any] | None = None, **overrides: Any
    ) -> Turn:
        """Ask another question in the place of an earlier one; the old one stays in the tree as its sibling.

        It is asked as the old one was, see :meth:`regenerate`.

        Args:
            index: Where the question is in :attr:`messages`, from 0, or from the end if negative.
            prompt: The new question.
            attach: What goes with it, as in :meth:`send`; what went with the old one does not.
            tools: The tools for this turn, in place of the old one's.
            **overrides: Request fields for this turn only, which count over the old one's.

        Raises:
            ConfigurationError: There is no question at that place.
            TraitError: An override is out of bounds.
        """
        with self._lock:
            places = self._places()
            node = places[index] if -len(places) <= index < len(places) else None
        if node is None or node.role != "user":
            raise ConfigurationError(f"messages[{index}] is not a question; the questions have the role user.")
        found = attached_as_configured(attach)
        asked = question_of(prompt, found.parts)
        return self.ask(asked, overrides, parent=node.parent, tools=tools, like=node.turn, remarks=found.notes)

    def tool(self, function: Any = None, /, **settings: Any) -> Any:
        """Offer a function to the model, as a decorator that leaves the function what it is.

        The function may ask any session but the one that calls it, which waits for it (see :meth:`ask`).

        Args:
            function: The function; left out in ``@chat.tool(approve=True)``.
            **settings: ``name``, ``description``, ``approve``, ``strict`` and ``timeout``, as for :func:`nbchat.tool`.

        Raises:
            ConfigurationError: It can't be a tool, or there is another one of its name.

        Example:
            >>> @chat.tool
            ... def get_weather(city: str) -> str:
            ...     "Say what the weather is like in a city."
            ...     return "sunny"
        """
        if function is None:
            return partial(self.tool, **settings)
        marked = tool(function, **settings)
        # A cell that is run again makes its function anew: the new one takes the old one's place.
        name = as_tool(marked).name
        others = [other for other in self.tools if isinstance(other, ToolSource) or as_tool(other).name != name]
        self.tools = [*others, marked]
        return marked

    def submit(self, tool_call_id: str, result: Any) -> Turn | None:
        """Answer a call of a tool that has no function here, which was offered as a dict.

        Args:
            tool_call_id: Which call, as in ``completion.tool_calls[0].id``.
            result: What came of it, as a tool returns it: text, data, a table, a figure.

        Returns:
            The model's next turn, which begins when the last of its calls is answered; ``None`` while others are not. It
            goes on with what the turn that asks for the calls was asked with: the model and all request fields, tools and
            form, and its rounds of calls are counted on.

        Raises:
            ConfigurationError: The last answer waits for no such call, or a turn runs.
        """
        told = report(result, to_parts=partial(to_parts, limits=configured_limits()))
        with self._moving() as conversation:
            if self._runner.running:
                raise ConfigurationError(
                    "A call can't be answered while a turn runs.", hint="Wait for it first: chat.turn.wait()."
                )
            if conversation.answer_call(tool_call_id, with_parts(told.text, told.parts)):
                return None
            turn = self._start(replace(self._goes_on(conversation), parent=conversation.head))
        self._events.emit(TurnQueued(turn))
        return turn

    def _goes_on(self, conversation: Conversation) -> Asked:
        """Return how the turn was asked whose calls the head answers; of one of another process, as far as is kept of it."""
        node = conversation.asks_for_calls(conversation.head)
        known = self._asks.get(node.turn) if node is not None else None
        return known or self._asked(None, (node and node.parameters) or {}, None)

    def attend(self) -> Callable[[], None]:
        """Say that a person is there who can be asked whether a tool may be called; what is returned takes it back.

        Whoever attends watches for :class:`~nbchat.session.events.ToolChanged` with a ``run.status`` of ``"asking"``, and
        calls its ``approve()`` or ``refuse()``. While nobody does, what needs approval is refused.
        """
        return self._attendance.attend()

    @property
    def attended(self) -> bool:
        """Whether a person is there who can be asked."""
        return bool(self._attendance)

    def stop(self, turn: str | None = None) -> None:
        """Stop the running turn and those that wait behind it; what has arrived is kept.

        Args:
            turn: The identifier of the one turn to stop; ``None`` for all.
        """
        with self._lock:
            turns = list(self._runner.running)
        for other in turns:
            if turn is None or other.id == turn:
                other.cancel()

    # ---- the conversation ------------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Exactly the messages the next request would carry before its question, system message first.

        With ``context="trim"`` the turns that are known not to fit are not among them. That is what can be known before
        the question: a long one, or a model whose limit nobody has told yet, may cost some more.
        """
        with self._lock:
            return request_of(self._carried(), self._system, self._receiver)

    @property
    def left_out(self) -> int:
        """How many of the oldest turns of the conversation are not among :attr:`messages`, since they would not fit."""
        with self._lock:
            return self._left_out(self._conversation.path(self._conversation.head))

    @property
    def _receiver(self) -> Receiver:
        return receiver_of(self.endpoint, self.parameters.model)

    def _carried(self) -> list[Node]:
        """Return the nodes that the next request would carry."""
        path = self._conversation.path(self._conversation.head)
        return Window(path, self._system).without(self._left_out(path))

    def _places(self) -> list[Node | None]:
        """Return, for each of the messages, the node that it is; ``None`` for one that is no node's."""
        carried, receiver = self._carried(), self._receiver
        kept = [node.message for node in carried]
        places: list[Node | None] = [None] if self._system else []
        for number, node in enumerate(carried):
            places += [node, None] if seen_after(kept, number, receiver) else [node]
        return places

    def _left_out(self, path: list[Node]) -> int:
        """Return how many of the oldest turns the next request would do without."""
        if self._context == "error":
            return 0
        endpoint, model = self._line.route(self.parameters.to_dict())
        # Where only the server knows its model, the last answer names it.
        model = model or next((node.model for node in reversed(path) if node.model), None)
        limit = limits.known(endpoint.base_url, model)
        return first_cut(Window(path, self._system), limit, self.parameters.to_dict(), self._receiver)

    @contextmanager
    def _moving(self) -> Iterator[Conversation]:
        """Give the tree to somebody who moves its head, and tell of it when they have."""
        with self._lock:
            before = self._conversation.head
            yield self._conversation
            head = self._conversation.head
        if head != before:
            self._events.emit(HeadMoved(head))

    @property
    def conversation(self) -> Conversation:
        """The whole tree, as a copy: branches that the head is not on included."""
        with self._lock:
            return self._conversation.copy()

    @property
    def model(self) -> str | None:
        """The model that answers; ``None`` where only the server knows."""
        return self.parameters.model or self.client.endpoint.model

    @model.setter
    def model(self, model: str | None) -> None:
        self.parameters.model = model

    @property
    def system(self) -> str | None:
        """The system message."""
        return self._system

    @system.setter
    def system(self, text: str | None) -> None:
        self._system = text or None
        self._events.emit(SystemChanged(self._system))

    @property
    def context(self) -> Context:
        """What happens when the conversation no longer fits the model: ``"error"`` or ``"trim"``.

        Trimming leaves the oldest whole turns out of what is sent, never out of the conversation; ``turn.left_out`` and
        a line under the answer say so.
        """
        return self._context

    @context.setter
    def context(self, context: Context) -> None:
        self._context = checked_context(context)

    @property
    def tool_rounds(self) -> int:
        """How many rounds of calls a turn may have; with 0 the tools are offered, and none is to be called."""
        return self._tool_rounds

    @tool_rounds.setter
    def tool_rounds(self, rounds: int) -> None:
        self._tool_rounds = checked_rounds(rounds)

    def choose(self, index: int) -> None:
        """Stand on another answer to the last question, and on what followed it.

        Of several answers to one request the tools are called for the first. The calls of the one that is chosen are no
        part of the next request, unless they are answered with :meth:`submit`.

        Args:
            index: Which of the answers, from 0 in the order they were given.

        Raises:
            ConfigurationError: There are not that many.
        """
        with self._moving() as conversation:
            conversation.choose(index)

    def go(self, node: str) -> None:
        """Stand on a message of the tree, whichever branch it is on, and on what followed it.

        Args:
            node: The identifier of a node of :attr:`conversation`.

        Raises:
            ConfigurationError: There is no such message.
        """
        with self._moving() as conversation:
            conversation.go(node)

    def drop(self, turn: str) -> None:
        """Take one turn out of the conversation, wherever in it; what followed stays, on a branch of its own.

        Args:
            turn: The identifier of a turn on the way to the head. Nothing is deleted: its branch stays in the tree.

        Raises:
            ConfigurationError: There is no such turn on the way to the head.
        """
        with self._moving() as conversation:
            conversation.leave_out(turn)

    def undo(self) -> bool:
        """Take the last turn back: the head moves to before its question, or to where it was before :meth:`clear`.

        Returns:
            Whether there was anything to take back.
        """
        with self._moving() as conversation:
            return conversation.undo()

    def clear(self) -> None:
        """Begin anew. Nothing is deleted: :meth:`undo` brings the conversation back."""
        with self._moving() as conversation:
            conversation.clear()

    def graft(self, branch: Conversation, parent: str | EllipsisType | None = ...) -> None:
        """Add another conversation as a branch of this one, and stand on it; :meth:`undo` takes its last turn back.

        Args:
            branch: What to add; it is copied, so that it may be added again.
            parent: The message that it follows; left out, or where there is no such message here, the one that the
                session stands on.
        """
        with self._moving() as conversation:
            if isinstance(parent, EllipsisType) or (parent is not None and parent not in conversation.nodes):
                parent = conversation.head
            conversation.graft(branch, parent)

    def fork(self, name: str | None = None, *, client: Client | None = None) -> Session:
        """Return a new session that shares the past and has a future of its own.

        Args:
            name: Its name.
            client: The client that it asks through; ``None`` for one like this session's.
        """
        base_url, api_key = self._line.address
        other = Session(
            client=client or self._line.given,
            base_url=base_url,
            api_key=api_key,
            name=name,
            context=self._context,
            tools=self.tools,
            approve=self.approve,
            tool_rounds=self.tool_rounds,
        )
        with self._lock:
            other._asks = dict(self._asks)
            other._system = self._system
            other._conversation.take_over(self._conversation)
        other.parameters.replace(self.parameters.to_dict())
        return other

    # ---- what it uses, and what it costs ---------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The client that the next turn asks through.

        One that was not given is made anew when the configuration or the environment has come to name another server,
        so that setting a key in a cell is enough.
        """
        return self._line.client

    @property
    def endpoint(self) -> Endpoint:
        """The server that answers the next turn."""
        return self._line.route(self.parameters.to_dict())[0]

    @property
    def rate_limits(self) -> RateLimits | None:
        """What the server that answers the next turn said about its limits last; ``None`` where it said nothing."""
        return self.client.http.rate_limits(self.endpoint)

    @property
    def usage(self) -> Usage:
        """The tokens of all requests of this session that were counted, abandoned branches included."""
        with self._lock:
            return total(completion.usage for completion in self._runner.spent if completion.usage)

    @property
    def cost(self) -> float | None:
        """The price of all requests of this session in US dollars; ``None`` if that of any is not known."""
        with self._lock:
            costs = [completion.cost for completion in self._runner.spent]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None

    def known_models(self, typed: str = "") -> list[str]:
        """Return the models that the endpoints offer as far as they are known; they are asked for in the background.

        Args:
            typed: The beginning of a name: the models of a named endpoint are among them when it is typed.
        """
        return self._line.known_models(typed)

    async def learn_models(self) -> list[str]:
        """Ask the endpoint and the named ones, on the I/O thread, which models they offer; none of one that has no list."""
        return await self._line.learn_models()

    # ---- watching --------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """Call *callback* with every event of the session, in order.

        Args:
            callback: Called with each :class:`~nbchat.session.events.Event`, on any thread; it must not wait.

        Returns:
            A function that ends the subscription.

        Example:
            >>> unsubscribe = chat.subscribe(print)
            >>> chat.parameters.temperature = 0.5
            ParameterChanged(name='temperature', old=None, new=0.5)
            >>> unsubscribe()
        """
        return self._events.subscribe(callback)

    @property
    def running(self) -> list[Turn]:
        """The turn that runs and those that wait behind it, in the order asked."""
        with self._lock:
            return list(self._runner.running)

    @property
    def turn(self) -> Turn | None:
        """The turn that runs now, or that ran last."""
        with self._lock:
            running = self._runner.running
            return running[0] if running else self._runner.last

    def panel(self, **options: Any) -> Any:
        """Return the chat panel on this session, a widget.

        Args:
            **options: As for :class:`nbchat.jupyter.panel.Panel`: ``starters``, the questions that an empty panel offers.
        """
        # By its name only: this floor knows none of those above, and without a notebook no widget is imported.
        return importlib.import_module("nbchat.jupyter.panel").Panel(self, **options)

    def _parameter_changed(self, change: Mapping[str, Any]) -> None:
        self._events.emit(ParameterChanged(change["name"], change["old"], change["new"]))

    # ---- import and export -----------------------------------------------------------------------------------------

    def to_markdown(self) -> str:
        """Return the conversation as Markdown, with what models said made safe to render."""
        with self._lock:
            path = self._conversation.path(self._conversation.head)
        return export.to_markdown(self._system, path)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the session as JSON, with every branch; :meth:`from_json` makes it again. No key is in it."""
        session = export.Exported(self.name, self._system, self._context, self.parameters.to_dict(), self.conversation)
        return export.to_json(session, indent=indent)

    @classmethod
    def from_json(cls, text: str, **options: Any) -> Self:
        """Make a session from what :meth:`to_json` returned.

        Args:
            text: The JSON.
            **options: ``client``, ``base_url``, ``api_key``, ``name`` or ``context``, as for a new session.

        Raises:
            ConfigurationError: It is not a session.
        """
        try:
            read = export.from_json(text)
            session = cls(**{"name": read.name, "context": read.context, **options})
            session._system = read.system
            session.parameters.replace(read.parameters)
            session._conversation.take_over(read.conversation)
        except (ValueError, KeyError, TypeError, RecursionError, TraitError) as problem:
            raise ConfigurationError(f"This is not a session: {problem}.") from None
        return session

    def __repr__(self) -> str:
        if not hasattr(self, "_runner"):  # it could not be made, and shows in the traceback that says why
            return "<Session, not made>"
        name = f"{self.name!r}, " if self.name else ""
        try:
            return f"<Session {name}{self.model or 'no model'} at {self.endpoint.name}, {len(self.messages)} messages>"
        except NbchatError:  # the configuration or the environment has come to name no sound server
            return f"<Session {name}{self.parameters.model or 'no model'}, at no sound endpoint>"
