"""The history of a session: a tree of messages in which nothing is ever deleted.

As in git, a message knows its parent and nothing else; a conversation is the way from a head back to the root, and a
branch is a head to stand on. Links go one way only, so there is nothing to repair.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self

from nbchat.errors import ConfigurationError
from nbchat.session.replay import Receiver, Said, request_messages
from nbchat.wire.messages import content_text
from nbchat.wire.values import plain

__all__ = ["Conversation", "Node", "Status", "new_id", "request_of", "rounds_at"]

Status = Literal["done", "cancelled", "failed", "refused"]


def new_id() -> str:
    """Return a new identifier for a node or a turn."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Node:
    """One message in the tree, with how it came about.

    Attributes:
        id: Its identifier.
        parent: The message before it; ``None`` for a first one.
        message: The message in the API's shape, with everything the server sent in it.
        turn: The turn it belongs to: a question and its answer share one.
        cell: The notebook cell that asked, where one did.
        status: ``done``, or how its turn ended before its time: ``cancelled`` or ``failed``; of what a tool gave ``done``,
            ``failed``, or ``refused``.
        finish_reason: Why the model stopped.
        model: The model that answered.
        server: The mark of the server that answered: it tells servers apart and names none.
        usage: The tokens of the whole request, with the first of its answers.
        cost: What the request cost in US dollars, with the first of its answers; ``None`` where it is not known.
        parameters: The request fields it was asked with.
        logprobs: How likely its tokens were, as the server told it (see :class:`~nbchat.session.logprobs.Logprobs`).
        left_out: How many of the oldest turns its request did without, to fit the model's context; ``None`` for none.
        first_token: Seconds from the sending of its request to the first piece of its turn's answer; ``None`` where
            none came, or where nobody measured it.
        duration: Seconds from the sending of its request to the end of its turn; ``None`` where nobody measured it.
        remarks: What is to be said below the answer: that a field of the request was refused, and what was sent instead.
        created: When it was made, in seconds since 1970.
        error: What went wrong, if something did.
    """

    id: str
    parent: str | None
    message: Mapping[str, Any]
    turn: str
    cell: str | None = None
    status: Status = "done"
    finish_reason: str | None = None
    model: str | None = None
    server: str | None = None
    usage: Mapping[str, Any] | None = None
    cost: float | None = None
    parameters: Mapping[str, Any] | None = None
    logprobs: Mapping[str, Any] | None = None
    left_out: int | None = None
    first_token: float | None = None
    duration: float | None = None
    remarks: Sequence[str] | None = None
    created: float = 0.0
    error: str | None = None

    @property
    def role(self) -> str:
        """Who speaks: user, assistant, tool and so on."""
        return str(self.message.get("role", ""))

    @property
    def text(self) -> str:
        """The text of the message."""
        return content_text(self.message.get("content")) or str(self.message.get("refusal") or "")


@dataclass
class Conversation:
    """The tree, and the head: where in it the session stands. Whoever changes it holds the session's lock."""

    nodes: dict[str, Node] = field(default_factory=dict)
    head: str | None = None
    # Where the head was before each clear().
    _cleared: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def add(self, node: Node) -> None:
        """Put a node into the tree; its parent is in it already.

        Raises:
            ValueError: Its parent is not, or another node of its identifier is.
        """
        if node.id in self.nodes:
            raise ValueError(f"there are two nodes {node.id}")
        if node.parent is not None and node.parent not in self.nodes:
            raise ValueError(f"the parent of {node.id} is not in the tree")
        self.nodes[node.id] = node

    def path(self, head: str | None) -> list[Node]:
        """Return the nodes from the root to *head*."""
        nodes: list[Node] = []
        at = head
        while at is not None:
            nodes.append(self.nodes[at])
            at = nodes[-1].parent
        nodes.reverse()
        return nodes

    def siblings(self, node: Node) -> list[Node]:
        """Return the nodes of the same role and parent, *node* among them, oldest first."""
        return [other for other in self.nodes.values() if other.parent == node.parent and other.role == node.role]

    def question_of_cell(self, cell: str | None) -> Node | None:
        """Return the question that a cell asked on the way to the head, if it did."""
        if cell is None:
            return None
        return next((node for node in self.path(self.head) if node.cell == cell and node.role == "user"), None)

    def last_question(self) -> Node | None:
        """Return the question that the head answers."""
        return next((node for node in reversed(self.path(self.head)) if node.role == "user"), None)

    def answers(self) -> list[Node]:
        """Return the answers to the last question that the head may choose from, the one that it stands on among them."""
        siblings: list[Node] = []
        for node in reversed(self.path(self.head)):
            if node.role == "user":
                break
            if node.role == "assistant" and len(siblings) < 2:
                siblings = self.siblings(node)
        return siblings

    def tip(self, node: Node) -> str:
        """Return the end of the newest branch that goes through *node*."""
        # Parents come before their children in the dict, so one pass from there finds all that descend from it.
        family, tip = {node.id}, node.id
        for other in self.nodes.values():
            if other.parent in family:
                family.add(other.id)
                tip = other.id
        return tip

    def unanswered(self, head: str | None) -> list[str]:
        """Return the identifiers of the calls that the last answer on the way to *head* asks for and nothing answers yet."""
        answered: set[Any] = set()
        for node in reversed(self.path(head)):
            if node.role != "tool":
                calls = node.message.get("tool_calls") or () if node.role == "assistant" else ()
                return [call["id"] for call in calls if call["id"] not in answered]
            answered.add(node.message.get("tool_call_id"))
        return []

    def asks_for_calls(self, head: str | None) -> Node | None:
        """Return the message on the way to *head* whose calls the results there answer, if any do."""
        return next((node for node in reversed(self.path(head)) if node.role != "tool"), None)

    def answer_call(self, call: str, content: str | Sequence[Mapping[str, Any]]) -> bool:
        """Add the answer to a call of the last answer.

        Args:
            call: The identifier of the call.
            content: What came of it.

        Returns:
            Whether there are other calls that wait.

        Raises:
            ConfigurationError: The last answer waits for no such call.
        """
        waiting = self.unanswered(self.head)
        if call not in waiting:
            raise ConfigurationError(f"The last answer waits for no call {call!r}.")
        last = self.nodes[self.head or ""]
        message = {"role": "tool", "tool_call_id": call, "content": content}
        answer = Node(new_id(), last.id, message, last.turn, last.cell, created=time.time())
        self.add(answer)
        self.head = answer.id
        return waiting != [call]

    def choose(self, index: int) -> None:
        """Move the head to another answer to the last question, and to what followed it.

        Raises:
            ConfigurationError: There are not that many.
        """
        siblings = self.answers()
        if not 0 <= index < len(siblings):
            raise ConfigurationError(f"There is no answer {index}: they are numbered from 0 to {len(siblings) - 1}.")
        self.head = self.tip(siblings[index])

    def node(self, node: str) -> Node:
        """Return a message of any branch.

        Args:
            node: Its identifier.

        Raises:
            ConfigurationError: There is no such message.
        """
        if node not in self.nodes:
            raise ConfigurationError("There is no such message in this conversation.")
        return self.nodes[node]

    def go(self, node: str) -> None:
        """Move the head to a message of any branch, and to what followed it.

        Raises:
            ConfigurationError: There is no such message.
        """
        self.head = self.tip(self.node(node))

    def undo(self) -> bool:
        """Move the head to before the last question, or to where it was before :meth:`clear`.

        Returns:
            Whether there was anything to take back.
        """
        question = self.last_question()
        if question is not None:
            self.head = question.parent
        elif self._cleared:
            self.head = self._cleared.pop()
        else:
            return False
        return True

    def clear(self) -> None:
        """Move the head to before everything."""
        if self.head is not None:
            self._cleared.append(self.head)
            self.head = None

    def leave_out(self, turn: str) -> None:
        """Move the head to a branch that is the same without one turn: what followed it is grafted on what was before it.

        Raises:
            ConfigurationError: There is no such turn on the way to the head.
        """
        path = self.path(self.head)
        first = next((at for at, node in enumerate(path) if node.turn == turn), None)
        if first is None:
            raise ConfigurationError("There is no such turn in this conversation.")
        # An answer that was given again belongs to a turn of its own, and goes with its question.
        if path[first].role != "user":
            first = max((at for at in range(first) if path[at].role == "user"), default=first)
        last = next((at for at in range(first + 1, len(path)) if path[at].role == "user"), len(path))
        parent = path[first].parent
        for node in path[last:]:
            copy = replace(node, id=new_id(), parent=parent)
            self.add(copy)
            parent = copy.id
        self.head = parent

    def turn_alone(self, turn: str) -> Conversation:
        """Return a conversation of one turn of this one, with all of its answers, that stands where this one stands."""
        nodes = [node for node in self.nodes.values() if node.turn == turn]
        ids = {node.id for node in nodes}
        alone = Conversation({node.id: node if node.parent in ids else replace(node, parent=None) for node in nodes})
        alone.head = self.head if self.head in ids else None
        return alone

    def graft(self, branch: Conversation, parent: str | None) -> None:
        """Put a copy of another conversation below a node, and the head where its head is.

        What is copied gets identifiers of its own: the same branch may be put in twice.
        """
        ids = {node.id: new_id() for node in branch.nodes.values()}
        turns = {node.turn: new_id() for node in branch.nodes.values()}
        for node in branch.nodes.values():
            above = parent if node.parent is None else ids[node.parent]
            self.add(replace(node, id=ids[node.id], parent=above, turn=turns[node.turn]))
        self.head = ids[branch.head] if branch.head is not None else parent

    def messages(self, head: str | None, receiver: Receiver | None = None) -> list[dict[str, Any]]:
        """Return the messages on the way to *head*, as a request to *receiver* carries them."""
        return request_of(self.path(head), None, receiver)

    def to_dict(self) -> dict[str, Any]:
        """Return the tree as plain values."""
        nodes = [
            {name: value for name, value in asdict(node).items() if value is not None} for node in self.nodes.values()
        ]
        return {"head": self.head, "nodes": nodes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the tree again from what :meth:`to_dict` returned.

        Raises:
            ValueError: It is not such a thing.
        """
        conversation = cls()
        try:
            for item in data["nodes"]:
                node = Node(**{"parent": None, **item})
                if not isinstance(node.message, Mapping):
                    raise TypeError(f"the message of {node.id} is not an object")
                _check_measured(node)
                conversation.add(node)
            head = data["head"]
            if head is not None and head not in conversation.nodes:
                raise ValueError("the head is not in the tree")
        except (KeyError, TypeError) as problem:
            raise ValueError(f"this is not a conversation: {problem}") from None
        conversation.head = head
        return conversation

    def copy(self) -> Conversation:
        """Return a conversation with the same past and a future of its own."""
        return replace(self, nodes=dict(self.nodes))

    def take_over(self, other: Conversation) -> None:
        """Become what *other* is now; from there each goes its own way."""
        self.nodes, self.head = dict(other.nodes), other.head


def _check_measured(node: Node) -> None:
    """Raise where what is shown below an answer is of another kind than it says: a view calculates with it."""
    for seconds in (node.first_token, node.duration):
        if seconds is not None and (type(seconds) not in (int, float) or not math.isfinite(seconds) or seconds < 0):
            raise ValueError(f"the seconds of {node.id} are not a number of seconds")
    remarks = node.remarks or ()
    if isinstance(remarks, str) or not all(isinstance(remark, str) for remark in remarks):
        raise ValueError(f"the remarks of {node.id} are not a list of sentences")


def rounds_at(path: Sequence[Node]) -> int:
    """Return how many rounds of calls there were since the last question on the way to the end of a path."""
    rounds, before = 0, ""
    for node in path:
        if node.role == "user":
            rounds = 0
        elif node.role == "tool" and before != "tool":
            rounds += 1
        before = node.role
    return rounds


def request_of(path: Sequence[Node], system: str | None, receiver: Receiver | None = None) -> list[dict[str, Any]]:
    """Return what a request to *receiver* carries before its question: the system message, then those of *path*."""
    first = [{"role": "system", "content": system}] if system else []
    said = [Said(node.message, node.server, (node.parameters or {}).get("model")) for node in path]
    return plain(first + request_messages(said, receiver or Receiver()))  # type: ignore[no-any-return]  # a list stays one
