"""The value of JSON that is still being written."""

from __future__ import annotations

import json
import re
from typing import Any

from nbchat.wire.decode import without_surrogates

__all__ = ["PartialJSON"]

_RUN = re.compile(r'[^"\\]+')
_BLANK = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"[-+.\w]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
# One escape, or the two that together are one character beyond U+FFFF; and what may still become one of these.
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4})')
_BEGUN_ESCAPE = re.compile(
    r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?\Z"
)
_CONSTANTS = {"true": True, "false": False, "null": None}
# How long a number may be, and how deep the nesting, before it is no answer: as in nbchat.wire.decode.
_LONGEST_WORD = 400
_DEEPEST = 100


class PartialJSON:
    """Reads a JSON object or array as its text grows, each character once.

    What is not closed is seen as if it ended here. A text grows as it comes, a number or a word is there when it has ended,
    a member when its value has begun. What stands before the first bracket is passed over (a Markdown fence, a sentence),
    and so is what follows the last; from the first mistake on nothing is read any more.

    Args:
        opening: The brackets that it may begin with.

    Example:
        >>> partial = PartialJSON()
        >>> partial.add('{"name": "Ro')
        >>> partial.value
        {'name': 'Ro'}
    """

    def __init__(self, opening: str = "{[") -> None:
        self._opening = opening
        self._root: Any = None
        # The containers that are open, and of each the key that was read last.
        self._stack: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str] = []
        self._read = self._begin
        self._rest = ""  # what can't be told yet
        self._words: list[str] | None = None  # of the text that is open
        self._text_is_key = False

    @property
    def value(self) -> Any:
        """What has come so far, ``None`` before anything has. It is the same object each time, and grows: copy it to keep it."""
        if self._words is not None and not self._text_is_key:
            self._words = ["".join(self._words)]
            self._put(self._words[0])
        return self._root

    def add(self, piece: str) -> None:
        """Take the next piece of the text."""
        text = self._rest + piece
        at = 0
        while at < len(text):
            following = self._read(text, at)
            if following == at:  # more is needed to tell what this is
                break
            at = following
        self._rest = text[at:]

    def _put(self, value: Any) -> None:
        """Set the value that is being read, where there is one already."""
        container = self._stack[-1]
        if isinstance(container, dict):
            container[self._keys[-1]] = value
        else:
            container[-1] = value

    def _put_new(self, value: Any) -> None:
        container = self._stack[-1]
        if isinstance(container, list):
            container.append(value)
        else:
            container[self._keys[-1]] = value

    def _fail(self, text: str) -> int:
        if self._words is not None and not self._text_is_key:
            self._put("".join(self._words))
        self._words = None
        self._read = self._ended
        return len(text)

    # Each of these reads one thing at a place of the text, sets what comes next, and returns the place after it.

    def _begin(self, text: str, at: int) -> int:
        found = [place for bracket in self._opening if (place := text.find(bracket, at)) >= 0]
        if not found:
            return len(text)
        return self._open(text, min(found))

    def _ended(self, text: str, at: int) -> int:
        return len(text)

    def _open(self, text: str, at: int) -> int:
        if len(self._stack) >= _DEEPEST:
            return self._fail(text)
        container: dict[str, Any] | list[Any] = {} if text[at] == "{" else []
        if self._stack:
            self._put_new(container)
        else:
            self._root = container
        self._stack.append(container)
        self._keys.append("")
        self._read = self._key if text[at] == "{" else self._value
        return at + 1

    def _close(self, at: int) -> int:
        self._stack.pop()
        self._keys.pop()
        self._read = self._after if self._stack else self._ended
        return at + 1

    def _value(self, text: str, at: int) -> int:
        if blank := _BLANK.match(text, at):
            return blank.end()
        if text[at] in "{[":
            return self._open(text, at)
        if text[at] == "]" and self._stack[-1] == []:
            return self._close(at)
        if text[at] == '"':
            self._put_new("")
            return self._open_text(at, is_key=False)
        word = _WORD.match(text, at)
        if word is None or len(word[0]) > _LONGEST_WORD:
            return self._fail(text)
        if word.end() == len(text):
            return at
        if word[0] in _CONSTANTS:
            self._put_new(_CONSTANTS[word[0]])
        elif _NUMBER.fullmatch(word[0]):
            self._put_new(json.loads(word[0]))
        else:
            return self._fail(text)
        self._read = self._after
        return word.end()

    def _after(self, text: str, at: int) -> int:
        if blank := _BLANK.match(text, at):
            return blank.end()
        within_object = isinstance(self._stack[-1], dict)
        if text[at] == ",":
            self._read = self._key if within_object else self._value
            return at + 1
        return self._close(at) if text[at] == ("}" if within_object else "]") else self._fail(text)

    def _key(self, text: str, at: int) -> int:
        if blank := _BLANK.match(text, at):
            return blank.end()
        if text[at] == '"':
            return self._open_text(at, is_key=True)
        return self._close(at) if text[at] == "}" and self._stack[-1] == {} else self._fail(text)

    def _colon(self, text: str, at: int) -> int:
        if blank := _BLANK.match(text, at):
            return blank.end()
        if text[at] != ":":
            return self._fail(text)
        self._read = self._value
        return at + 1

    def _open_text(self, at: int, *, is_key: bool) -> int:
        self._words = []
        self._text_is_key = is_key
        self._read = self._text
        return at + 1

    def _text(self, text: str, at: int) -> int:
        words = self._words if self._words is not None else []
        if run := _RUN.match(text, at):
            words.append(without_surrogates(run[0]))
            return run.end()
        if text[at] == '"':
            self._close_text("".join(words))
            return at + 1
        if _BEGUN_ESCAPE.match(text, at):
            return at
        escape = _ESCAPE.match(text, at)
        if escape is None:
            return self._fail(text)
        words.append(without_surrogates(json.loads(f'"{escape[0]}"')))
        return escape.end()

    def _close_text(self, text: str) -> None:
        self._words = None
        if self._text_is_key:
            self._keys[-1] = text
            self._read = self._colon
        else:
            self._put(text)
            self._read = self._after
