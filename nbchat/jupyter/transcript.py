"""The conversation as a panel shows it: the messages on the way to the head, with their branches, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, takewhile
from typing import Any

from nbchat.attachments.seen import Seen, media_in, own_text, seen_beside
from nbchat.session.calls import ShownCall, call_answered, calls_at, live_call, results_after
from nbchat.session.conversation import Conversation, Node
from nbchat.session.endings import asks_for_tools, ended_because
from nbchat.session.markdown import one_line, plain_text
from nbchat.session.toolbox import ToolRun
from nbchat.session.turn import Turn
from nbchat.wire.messages import reasoning_text
from nbchat.wire.tokens import content_tokens

__all__ = ["Transcript", "call_entry", "shown_media"]

# An answer that comes within so many seconds came at once, and in so little time no rate can be read.
_AT_ONCE = 0.03


class Transcript:
    """One look at a conversation: its path, and what stands beside it. Cheap to make; entries are made when asked for.

    Args:
        conversation: The tree, with its head.
        costs: What turns cost in US dollars, by their identifiers, as far as a view has learnt it.
        live: The turns that run, by their identifiers: they know how their calls stand.
    """

    def __init__(self, conversation: Conversation, costs: Mapping[str, float], live: Mapping[str, Turn]) -> None:
        self.path = conversation.path(conversation.head)
        self._costs = costs
        self._live = live
        # One pass, since looking for siblings of each message costs the square of their number.
        self._beside: dict[tuple[str | None, str], list[Node]] = {}
        for node in conversation.nodes.values():
            self._beside.setdefault((node.parent, node.role), []).append(node)

    def __len__(self) -> int:
        return len(self.path)

    def marks(self) -> list[tuple[Any, ...]]:
        """Return, for each message, what tells whether it has to be shown anew."""
        return [
            (
                node.id,
                node.status,
                len(self._beside[node.parent, node.role]),
                len(results_after(self.path, at)),
                self._goes_on(at),
            )
            for at, node in enumerate(self.path)
        ]

    def entries(self, start: int, stop: int | None = None) -> list[dict[str, Any]]:
        """Return the messages from *start* to before *stop* as the panel's front end takes them."""
        return [self._entry(at) for at in range(*slice(start, stop).indices(len(self.path)))]

    def media(self, message: str, call: int) -> list[dict[str, Any]]:
        """Return what of a tool's result is no text as the panel's front end takes it, its pictures large.

        Args:
            message: The identifier of the message that asked for the call.
            call: Which of its calls it is.
        """
        at = next((at for at, node in enumerate(self.path) if node.id == message), None)
        calls = [] if at is None else self._calls(at)[call : call + 1]
        return [_shown(seen) for each in calls for seen in media_in(each.media, large=True)]

    def place_of(self, turn: Turn, run: ToolRun) -> tuple[int, int] | None:
        """Return which message asked for a call of a turn, and which of its calls it is; ``None`` where it is not shown."""
        for number, step in enumerate(turn.rounds):
            if run in step.runs:
                mine = (at for at, node in enumerate(self.path) if (node.turn, node.role) == (turn.id, "assistant"))
                at = next(islice(mine, number, None), None)
                return None if at is None else (at, list(step.runs).index(run))
        return None

    def _entry(self, at: int) -> dict[str, Any]:
        node = self.path[at]
        beside = self._beside[node.parent, node.role]
        branches: dict[str, Node] = {}
        for other in beside:
            branches.setdefault(other.turn, other)
        choices = [other for other in beside if other.turn == node.turn]
        content = node.message.get("content")
        inside = node.role == "tool" and call_answered(self.path, at) is not None
        goes_on = self._goes_on(at)
        entry: dict[str, Any] = {
            "id": node.id,
            "turn": node.turn,
            "role": node.role,
            "round": self._round(at),
            "open": goes_on,
            "inside": inside,
            "text": "" if inside else own_text(content) if node.role == "user" else node.text,
            "status": node.status,
            "reasoning": reasoning_text(dict(node.message)),
            "media": [] if inside else shown_media(content),
            # Of a question that is only text, people know how long it is.
            "tokens": content_tokens(content) if node.role == "user" and not isinstance(content, str) else 0,
            "calls": [call_entry(call) for call in self._calls(at)],
            "note": _note(node),
            "model": node.model,
            "error": node.error,
            "cell": node.cell is not None,
            "likely": node.logprobs is not None,
            "meter": {} if goes_on else self._meter(at),
        }
        if len(branches) > 1:
            ids = [other.id for other in branches.values()]
            entry["branches"] = {"at": list(branches).index(node.turn), "ids": ids}
        if node.role == "assistant" and len(choices) > 1:
            entry["choices"] = [
                {
                    "id": other.id,
                    "text": other.text,
                    "reasoning": reasoning_text(dict(other.message)),
                    "likely": other.logprobs is not None,
                }
                for other in choices
            ]
        return {name: value for name, value in entry.items() if value not in (None, "", [], 0, False, {})}

    def _answers(self, at: int) -> list[Node]:
        """Return the answers of a message's turn up to it, the last one first."""
        turn = self.path[at].turn
        before = (self.path[place] for place in range(at, -1, -1))
        return [node for node in takewhile(lambda node: node.turn == turn, before) if node.role == "assistant"]

    def _round(self, at: int) -> int:
        """Return how many answers of the same turn there are above one."""
        return len(self._answers(at)) - 1 if self.path[at].role == "assistant" else 0

    def _goes_on(self, at: int) -> bool:
        """Whether an answer is not the last of its turn, or may not be."""
        node = self.path[at]
        if node.role != "assistant":
            return False
        after = at + 1 + len(results_after(self.path, at))
        if after < len(self.path):
            return self.path[after].turn == node.turn
        live = self._live.get(node.turn)
        return live is not None and live.status == "running"

    def _calls(self, at: int) -> list[ShownCall]:
        """Return the calls that a message asks for; those of a turn that runs as they stand just now."""
        node = self.path[at]
        live = self._live.get(node.turn)
        if live is not None and node.message.get("tool_calls"):
            rounds = live.rounds
            number = self._round(at)
            if number < len(rounds):
                return [live_call(run) for run in rounds[number].runs]
        return calls_at(self.path, at)

    def _meter(self, at: int) -> dict[str, Any]:
        """Return what a turn took: seconds to the first token, tokens, tokens a second, US dollars."""
        node = self.path[at]
        if node.role != "assistant":
            return {}
        answers = self._answers(at)
        counted = [tokens for answer in answers if (tokens := (answer.usage or {}).get("completion_tokens"))]
        tokens = sum(counted) or None
        cost = self._costs.get(node.turn, node.cost) if node.usage else node.cost
        meter: dict[str, Any] = {"tokens": tokens, "cost": cost, "first": node.first_token}
        # In a turn that called tools, most of the time is theirs.
        if tokens and node.first_token is not None and node.duration is not None and len(answers) == 1:
            writing = node.duration - node.first_token
            if writing > _AT_ONCE:
                meter["rate"] = round(tokens / writing, 1)
        return {name: value for name, value in meter.items() if value is not None}


def call_entry(call: ShownCall) -> dict[str, Any]:
    """Return a call as the panel's front end takes it."""
    entry = {
        "id": call.id,
        "name": call.title,
        "line": call.line,
        "arguments": call.in_full,
        "state": call.state,
        "seconds": call.seconds,
        "result": None if call.result is None else plain_text(call.result),
        # Making pictures small takes long, and large ones are long: a page asks for those that it shows.
        "media": len(call.media) or None,
        # A cell may ask the same: its question is taken back when it is answered here.
        "question": call.question or None,
    }
    return {name: value for name, value in entry.items() if value is not None}


def _note(node: Node) -> str:
    """Return how an answer ended, if not of itself, what its request did without, and what else is to remark."""
    # That it asks for tools its calls say themselves.
    asks = asks_for_tools(node.message, node.finish_reason)
    ended = ended_because(node.finish_reason) if node.status == "done" and not asks else ""
    left = f"{node.left_out} earlier turn{'s' if node.left_out != 1 else ''} left out" if node.left_out else ""
    return "; ".join(filter(None, (ended, left, *(one_line(remark) for remark in node.remarks or ()))))


def shown_media(content: Any) -> list[dict[str, Any]]:
    """Return what stands beside a message's words as the panel's front end takes it."""
    return list(map(_shown, seen_beside(content)))


def _shown(seen: Seen) -> dict[str, Any]:
    entry = {"words": str(seen), "picture": seen.picture, "link": seen.link}
    return {name: value for name, value in entry.items() if value}
