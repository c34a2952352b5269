"""Functions in the prompt: how the model is told of them, and how it reads what was called before.

The templates of most local models know nothing of functions, so all of it is plain text, said by the system, the user or
the assistant. It has the form that models by NousResearch and Qwen have learned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nbchat.embedded.grammar import MARK, NEXT, TAIL, call_head
from nbchat.embedded.offer import Function, Offer
from nbchat.embedded.refusal import Refusal

__all__ = ["plain", "with_offer"]

_CALLING = frozenset(["tool_calls", "tool_call_id", "function_call"])
_RESULT = "<tool_response>"
# What shows a small model, right before a question, that it may choose. By itself the default one never called; after this
# it called for 19 of 19 questions that wanted it (11 calls were right), and for 2 of 8 that did not. What came last weighs
# most: with the call before the greeting it was 8 and none, and with a result and an answer behind the call none and none.
_EXAMPLE = [
    {"role": "user", "content": "Hi!"},
    {"role": "assistant", "content": "Hello! How can I help you?"},
    {"role": "user", "content": "What is 6 times 7?"},
    {"role": "assistant", "content": f'{MARK}{call_head("multiply")}{{"a": 6, "b": 7}}{TAIL}'},
]


def plain(messages: Sequence[Mapping[str, Any]], *, small: bool = False) -> list[dict[str, Any]]:
    r"""Return messages with calls and their results as text, as any template can show them.

    Args:
        messages: Messages whose content is text.
        small: Whether the model is one that repeats marks which it never learned to read.

    Raises:
        Refusal: A call has no function's name or arguments.

    Example:
        >>> plain([{"role": "tool", "tool_call_id": "1", "content": "21 degrees"}])
        [{'role': 'user', 'content': '<tool_response>\n21 degrees\n</tool_response>'}]
    """
    told: list[dict[str, Any]] = []
    question, answered = "", False
    for at, message in enumerate(messages):
        role, content = message["role"], message["content"]
        if role == "assistant":
            called = _calls(message, f"messages[{at}]")
            calls = "\n".join(map(_plain_call, called)) if small else NEXT.join(map(_call, called))
            content = "\n".join(filter(None, [content, calls]))
        elif role == "tool":
            last = at + 1 == len(messages) or messages[at + 1]["role"] != "tool"
            role, content = "user", _result(content, question if last else "") if small else _marked(content)
            if answered:  # some templates want the roles to alternate
                told[-1]["content"] += f"\n{content}"
                continue
        elif role == "user":
            question = content
        answered = message["role"] == "tool"
        rest = {name: value for name, value in message.items() if name not in _CALLING}
        told.append({**rest, "role": role, "content": content})
    return told


def _marked(result: str) -> str:
    return f"{_RESULT}\n{result}\n</tool_response>"


def _result(result: str, question: str) -> str:
    """Tell a small model of a result, and what was asked: it would go on about anything else.

    Of 20 questions with a marked result the default one repeated marks, or the call, in 7 answers and had the result in 16;
    told so, and of the call in words, in none and in 18.
    """
    again = f"\n\nNow answer the question: {question}" if question else ""
    return f"The result is: {result}{again}"


def _calls(message: Mapping[str, Any], place: str) -> list[Mapping[str, Any]]:
    """Return the functions that a message of the assistant calls, by today's API or yesterday's."""
    calls = message.get("tool_calls") or []
    if function := message.get("function_call"):
        calls = [*calls, {"function": function}]
    functions = []
    for at, call in enumerate(calls):
        match call:
            case {"function": {"name": str(), "arguments": str()} as function}:
                functions.append(function)
            case _:
                where = f"{place}.tool_calls[{at}]"
                words = f"{where} must have a function with a name and arguments, both strings."
                raise Refusal(400, words, param=where, code="invalid_value")
    return functions


def _plain_call(function: Mapping[str, Any]) -> str:
    """Tell a small model of a call that was made in no form that it could make again: it would, in place of an answer."""
    return f"I will use {function['name']}."


def _call(function: Mapping[str, Any]) -> str:
    return f"{MARK}{call_head(function['name'])}{function['arguments'] or '{}'}{TAIL}"


def with_offer(
    messages: list[dict[str, Any]], offer: Offer, *, small: bool, answered: bool = False
) -> list[dict[str, Any]]:
    """Return messages whose first one, by the system, tells of the functions that may be called.

    Args:
        messages: The conversation.
        offer: What may be called.
        small: Whether the model is one that a long text confuses.
        answered: Whether the last message was what a function gave: a small model is then told of none, or it would call
            again in place of answering.
    """
    if small and not offer.needed and messages[-1]["role"] == "user":
        if answered:
            return messages
        messages = [*messages[:-1], *_EXAMPLE, messages[-1]]
    text = (_tell_briefly if small else _tell)(offer)
    if messages[0]["role"] == "system":
        text, messages = f"{messages[0]['content']}\n\n{text}", messages[1:]
    return [{"role": "system", "content": text}, *messages]


def _tell(offer: Offer) -> str:
    """Tell of the functions in full, for models that learned to call some."""
    functions = "\n".join(
        json.dumps(
            {"name": each.name, "description": each.description, "parameters": each.parameters}, ensure_ascii=False
        )
        for each in offer.functions
    )
    call = f'{MARK}{{"name": NAME, "arguments": ARGUMENTS{TAIL}'
    return f"You can call these functions:\n<tools>\n{functions}\n</tools>\nTo call one, write {call}, both in JSON."


def _tell_briefly(offer: Offer) -> str:
    """Tell of the functions in a line each.

    Of two dozen ways to tell the default model, this one is among the shortest and had it choose best: of 36 questions it
    picked the right function for 32 and the right arguments too for 25, against 25 and 20 with all that there is to know.
    """
    return "\n".join(map(_line, offer.functions))


def _line(function: Function) -> str:
    parameters = function.parameters["properties"].items()
    call = f"{call_head(function.name)}{{{', '.join(f'{json.dumps(name)}: {_kind(schema)}' for name, schema in parameters)}}}}}"
    purpose = " ".join(function.description.partition("\n\n")[0].split()).rstrip(".")
    return f"To {purpose[0].lower()}{purpose[1:]}, use {call}" if purpose else f"Use {call}"


def _kind(schema: Any) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    return kind if isinstance(kind, str) else "value"
