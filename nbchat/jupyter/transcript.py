"""The conversation as a panel shows it: the messages on the way to the head, with their branches, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.attachments.seen import media_in
from nbchat.jupyter.bundle import ended_because, one_line
from nbchat.session.conversation import Conversation, Node
from nbchat.wire.messages import reasoning_text
from nbchat.wire.tokens import content_tokens

__all__ = ["Transcript", "shown_media"]

# An answer that comes within so many seconds came at once, and in so little time no rate can be read.
_AT_ONCE = 0.03


class Transcript:
    """One look at a conversation: its path, and what stands beside it. Cheap to make; entries are made when asked for.

    Args:
        conversation: The tree, with its head.
        costs: What turns cost in US dollars, by their identifiers, as far as a view has learnt it.
    """

    def __init__(self, conversation: Conversation, costs: Mapping[str, float]) -> None:
        self.path = conversation.path(conversation.head)
        self._costs = costs
        # One pass, since looking for siblings of each message costs the square of their number.
        self._beside: dict[tuple[str | None, str], list[Node]] = {}
        for node in conversation.nodes.values():
            self._beside.setdefault((node.parent, node.role), []).append(node)

    def __len__(self) -> int:
        return len(self.path)

    def marks(self) -> list[tuple[str, int]]:
        """Return, for each message, what tells whether it has to be shown anew: itself and the number of its siblings."""
        return [(node.id, len(self._beside[node.parent, node.role])) for node in self.path]

    def entries(self, start: int, stop: int | None = None) -> list[dict[str, Any]]:
        """Return the messages from *start* to before *stop* as the panel's front end takes them."""
        return [self._entry(node) for node in self.path[start:stop]]

    def _entry(self, node: Node) -> dict[str, Any]:
        beside = self._beside[node.parent, node.role]
        branches: dict[str, Node] = {}
        for other in beside:
            branches.setdefault(other.turn, other)
        choices = [other for other in beside if other.turn == node.turn]
        content = node.message.get("content")
        entry: dict[str, Any] = {
            "id": node.id,
            "turn": node.turn,
            "role": node.role,
            "text": node.text,
            "status": node.status,
            "reasoning": reasoning_text(dict(node.message)),
            "media": shown_media(content),
            # Of a question that is only text, people know how long it is.
            "tokens": content_tokens(content) if node.role == "user" and not isinstance(content, str) else 0,
            "calls": [_call(call) for call in node.message.get("tool_calls") or ()],
            "note": _note(node),
            "model": node.model,
            "error": node.error,
            "cell": node.cell is not None,
            "meter": self._meter(node),
        }
        if len(branches) > 1:
            ids = [other.id for other in branches.values()]
            entry["branches"] = {"at": list(branches).index(node.turn), "ids": ids}
        if node.role == "assistant" and len(choices) > 1:
            entry["choices"] = [
                {"id": other.id, "text": other.text, "reasoning": reasoning_text(dict(other.message))}
                for other in choices
            ]
        return {name: value for name, value in entry.items() if value not in (None, "", [], 0, False, {})}

    def _meter(self, node: Node) -> dict[str, Any]:
        """Return what the answer took: seconds to the first token, tokens, tokens a second, US dollars."""
        if node.role != "assistant":
            return {}
        tokens = (node.usage or {}).get("completion_tokens")
        cost = self._costs.get(node.turn, node.cost) if node.usage else node.cost
        meter: dict[str, Any] = {"tokens": tokens, "cost": cost, "first": node.first_token}
        if tokens and node.first_token is not None and node.duration is not None:
            writing = node.duration - node.first_token
            if writing > _AT_ONCE:
                meter["rate"] = round(tokens / writing, 1)
        return {name: value for name, value in meter.items() if value is not None}


def _note(node: Node) -> str:
    """Return how an answer ended, if not of itself, what its request did without, and what else is to remark."""
    ended = ended_because(node.finish_reason) if node.status == "done" else ""
    left = f"{node.left_out} earlier turn{'s' if node.left_out != 1 else ''} left out" if node.left_out else ""
    return "; ".join(filter(None, (ended, left, *(one_line(remark) for remark in node.remarks or ()))))


def _call(call: Any) -> dict[str, str]:
    function = call.get("function") or {} if isinstance(call, Mapping) else {}
    return {"name": str(function.get("name") or ""), "arguments": str(function.get("arguments") or "")}


def shown_media(content: Any) -> list[dict[str, Any]]:
    """Return the media of a message's content as the panel's front end takes them; what is empty is left out."""
    return [
        {name: value for name, value in (("words", str(seen)), ("picture", seen.picture), ("link", seen.link)) if value}
        for seen in media_in(content)
    ]
