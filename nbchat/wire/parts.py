"""Content and reasoning that come as lists of parts, in fragments, put together again."""

from __future__ import annotations

from typing import Any

from nbchat.wire.messages import content_text

__all__ = ["Details", "Parts"]

# The member of a part of reasoning that comes in fragments (OpenRouter's reasoning_details, by their type). What is
# encrypted comes whole, and a signature is that of the whole text, whenever it comes.
_FRAGMENTS = ("text", "summary")


class Block:
    """A part whose text comes in fragments; of its other members the last that says something counts."""

    __slots__ = ("data", "member", "words", "wrapped")

    def __init__(self, member: str) -> None:
        self.member = member
        self.words: list[str] = []
        self.wrapped = False  # whether the text is itself a list of parts of text
        self.data: dict[str, Any] = {}

    @property
    def empty(self) -> bool:
        """Whether it says nothing but its type."""
        return not any(self.words) and self.data.keys() <= {"type"}

    def add(self, part: dict[str, Any]) -> None:
        """Take the next fragment."""
        for name, value in part.items():
            if name != self.member:
                if value is not None or name not in self.data:
                    self.data[name] = value
            elif isinstance(value, str):
                self.words.append(value)
            elif isinstance(value, list):
                self.wrapped = True
                self.words.append(content_text(value))

    def to_dict(self) -> dict[str, Any]:
        """Return the part with its text in one piece."""
        text = "".join(self.words)
        return {**self.data, self.member: [{"type": "text", "text": text}] if self.wrapped else text}


class Parts:
    """What is not text in a message's content, and where in the text it belongs (Mistral: thoughts, references)."""

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: list[tuple[int, Block | dict[str, Any]]] = []

    def __bool__(self) -> bool:
        return bool(self._places)

    def add(self, content: Any, texts: list[str]) -> str:
        """Take a delta's content, a list of parts.

        Args:
            content: The parts.
            texts: The pieces of text so far; those of the parts are added to them.

        Returns:
            The text that the parts add.
        """
        before = len(texts)
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, dict):
                continue
            kind = part.get("type")
            if kind == "thinking":
                self._add_thinking(part, len(texts))
            elif text := content_text([part]):
                texts.append(text)
            elif isinstance(kind, str) and kind != "text":
                self._places.append((len(texts), part))
        return "".join(texts[before:])

    def _add_thinking(self, part: dict[str, Any], place: int) -> None:
        at, last = self._places[-1] if self._places else (None, None)
        if at != place or not isinstance(last, Block):
            last = Block("thinking")
            self._places.append((place, last))
        last.add(part)

    def joined(self, texts: list[str]) -> str | list[dict[str, Any]]:
        """Return the content: text, if it is nothing else, or the list of parts in their order."""
        places = [(place, part) for place, part in self._places if not (isinstance(part, Block) and part.empty)]
        if not places:
            return "".join(texts)
        parts: list[dict[str, Any]] = []
        done = 0
        for place, part in [*places, (len(texts), None)]:
            if text := "".join(texts[done:place]):
                parts.append({"type": "text", "text": text})
            if part is not None:
                parts.append(part.to_dict() if isinstance(part, Block) else part)
            done = place
        return parts


class Details:
    """OpenRouter's ``reasoning_details``: blocks that come in fragments and have to be sent back whole.

    Fragments of one type and index are one block, and so are those of one type without an index that follow each other.
    A provider refuses fragments: its signature is that of the whole text.
    """

    __slots__ = ("_by_place", "_order")

    def __init__(self) -> None:
        self._order: list[Block | Any] = []
        self._by_place: dict[tuple[Any, ...], Block] = {}

    def __bool__(self) -> bool:
        return bool(self._order)

    def add(self, fragments: Any) -> None:
        """Take the fragments of one delta."""
        for fragment in fragments if isinstance(fragments, list) else ():
            kind = fragment.get("type") if isinstance(fragment, dict) else None
            member = next((name for name in _FRAGMENTS if kind == f"reasoning.{name}"), None)
            if member is None:
                self._order.append(fragment)
                continue
            block = self._known(fragment, member)
            if block is None:
                block = Block(member)
                self._order.append(block)
            block.add(fragment)
            if isinstance(index := fragment.get("index"), int):
                self._by_place[member, index] = block

    def _known(self, fragment: dict[str, Any], member: str) -> Block | None:
        if isinstance(index := fragment.get("index"), int):
            block = self._by_place.get((member, index))
        else:
            last = self._order[-1] if self._order else None
            block = last if isinstance(last, Block) and last.member == member else None
        mine = fragment.get("id")
        other = block.data.get("id") if block else None
        return None if mine and other and mine != other else block

    def to_list(self) -> list[Any]:
        """Return the blocks, whole, in the order in which they began."""
        return [block.to_dict() if isinstance(block, Block) else block for block in self._order.copy()]
