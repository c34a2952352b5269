"""How answers end: what servers say of it, whether calls that came are whole, and the words a person has for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbchat.session.markdown import one_line
from nbchat.tools.arguments import read_arguments
from nbchat.tools.misfits import Misfit

__all__ = ["asks_for_tools", "cut_off", "ended_because"]

# What servers say of an answer that came to its own end: beside "stop" older TGI, Together, Anthropic and Cohere. Case
# tells nothing: Gemini shouts.
_ENDS = frozenset({"stop", "eos_token", "eos", "stop_sequence", "end_turn", "complete"})
# Of one that did not.
_CUT_OFF = {
    "length": "cut off at max_tokens",
    "max_tokens": "cut off at max_tokens",
    "model_length": "cut off where the model's context ends",  # Mistral
    "insufficient_system_resource": "cut off: the server ran out of resources",  # DeepSeek
    "content_filter": "withheld by the server's content filter",
}
# And of one that waits for results.
_ASKS = {
    "tool_calls": "the model asks for tools",
    "tool_use": "the model asks for tools",  # Anthropic
    "function_call": "the model asks for a function",
}


def cut_off(reason: str | None) -> str:
    """Return in words why an answer is not whole; nothing for one that may be."""
    return _CUT_OFF.get((reason or "").lower(), "")


def asks_for_tools(message: Mapping[str, Any], reason: str | None) -> bool:
    """Whether a model's message asks for calls that are whole.

    Servers say many a thing of an answer with calls, ``stop`` among them. Where the word is not known, calls whose arguments
    can be read are whole; where it says that the answer was cut off, none is.

    Args:
        message: The message.
        reason: Its finish reason.

    Example:
        >>> call = {"function": {"name": "add", "arguments": '{"a": 1'}}
        >>> asks_for_tools({"tool_calls": [call]}, "tool_calls"), asks_for_tools({"tool_calls": [call]}, "paused")
        (True, False)
    """
    calls = message.get("tool_calls")
    if not calls or cut_off(reason):
        return False
    return reason is None or reason.lower() in _ENDS or reason.lower() in _ASKS or all(map(_is_whole, calls))


def ended_because(reason: str | None) -> str:
    """Return a finish reason in words a person has; nothing for an answer that came to its own end."""
    if reason is None or reason.lower() in _ENDS:
        return ""
    return cut_off(reason) or _ASKS.get(reason.lower()) or one_line(reason)


def _is_whole(call: Mapping[str, Any]) -> bool:
    function = call.get("function")
    if function is None:  # a custom tool's input is any text
        return True
    try:
        read_arguments(function.get("arguments"))
    except Misfit:
        return False
    return True
