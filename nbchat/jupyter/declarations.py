"""The request fields that are drawn as controls: what their declarations say, for any kind of control."""

from __future__ import annotations

from typing import Any

from nbchat.session.parameters import fields

__all__ = ["CONTROLS", "declaration"]

# In the order they are drawn.
CONTROLS = (
    "model",
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "n",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "verbosity",
    "logprobs",
    "top_logprobs",
    "service_tier",
)
# Where a control stands when it is switched on: the value that the API reference gives as the default, where it has one.
_START = {
    "temperature": 1,
    "top_p": 1,
    "max_tokens": 512,
    "n": 1,
    "seed": 0,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "top_logprobs": 3,
}
# How far a slider goes where the field itself has no end, or one that a slider can't be aimed with.
_REACH = {"max_tokens": (1, 4096), "n": (1, 8), "seed": (0, 100)}


def declaration(name: str) -> dict[str, Any]:
    """Return how a request field is drawn: its control, bounds, step, choices and help, and where a slider begins.

    Example:
        >>> declaration("temperature")["high"]
        2
    """
    field = fields()[name]
    low, high = field.bounds
    return {
        "name": name,
        "control": "slider" if name in _REACH else field.control,
        "low": low,
        "high": high,
        "reach": list(_REACH.get(name, (low, high))),
        "step": field.step,
        "start": _START.get(name),
        "choices": list(field.choices),
        "help": str(field.help),
    }
