"""What ``%chat status`` and ``%chat models`` show: who answers, with whose key, and what was used; never a key."""

from __future__ import annotations

import re
from typing import Any

from nbchat.client import portal
from nbchat.client.endpoint import Endpoint
from nbchat.errors import NbchatError
from nbchat.session.session import Session
from nbchat.session.sources import sorted_out

__all__ = ["left_out_line", "model_lines", "status_bundle", "usage_line"]


def status_bundle(session: Session) -> dict[str, Any]:
    """Return the state of a session, to display: one line each as plain text, a list as Markdown."""
    lines = _status(session)
    return {
        "text/plain": "\n".join(f"{name}: {value}" for name, value in lines.items()),
        "text/markdown": "\n".join(f"- **{name}**: {_code(value)}" for name, value in lines.items()),
    }


def _status(session: Session) -> dict[str, str]:
    name = session.name or "without a name"
    try:
        endpoint, model, limits = session.endpoint, session.model, session.rate_limits
        name = f"{name}, {len(session.messages)} messages"
    except NbchatError as problem:  # the configuration or the environment names no sound server
        answers, model, key, limits = str(problem), session.parameters.model, "", None
    else:
        answers, key = _address(endpoint), _key(endpoint)
    lines = {
        "session": name,
        "endpoint": answers,
        "key": key,
        "model": model or "the only one the endpoint has",
        "parameters": ", ".join(f"{name}={value!r}" for name, value in session.parameters.to_dict().items())
        or "none set",
        "system": session.system or "none",
        "context": _context(session),
        "tools": _tools(session),
        "usage": usage_line(session),
        "rate limits": str(limits or ""),
    }
    turn = session.turn
    if turn is not None and turn.error is not None:
        lines["last error"] = f"{type(turn.error).__name__}: {turn.error}"
    return {name: " ".join(value.split()) for name, value in lines.items() if value}


def _context(session: Session) -> str:
    return f"trim ({left_out_line(session) or 'nothing is left out yet'})" if session.context == "trim" else ""


def _tools(session: Session) -> str:
    """Return what the model may call, and before which of it a person is asked."""
    try:
        tools, sources = sorted_out(session.tools)
    except NbchatError as problem:
        return str(problem)
    first = " (asks first)"
    own = [tool.name + first * bool(tool.approve or session.approve is True) for tool in tools.values()]
    return ", ".join([*own, *(f"those of {source.label}" for source in sources)])


def left_out_line(session: Session) -> str:
    """Return how many turns requests do without, in words; nothing where all are sent."""
    try:
        turns = session.left_out
    except NbchatError:  # the configuration or the environment names no sound server
        return ""
    which = "the first turn is" if turns == 1 else f"the first {turns} turns are"
    return f"{which} left out of requests, to fit the model's context" if turns else ""


def _address(endpoint: Endpoint) -> str:
    if endpoint.embedded:
        return endpoint.name if endpoint.chosen else f"{endpoint.name}, since no other is named"
    label = f"{endpoint.label}, " if endpoint.label else ""
    unchecked = " (its certificate is not checked)" if endpoint.verify is False else ""
    return f"{label}{endpoint.base_url}{unchecked}"


def _key(endpoint: Endpoint) -> str:
    if endpoint.embedded:
        return ""
    if endpoint.key_missing:
        return f"none: {endpoint.key_missing} is not set"
    if endpoint.key_source:
        return f"from {endpoint.key_source}"
    return f"none; headers {', '.join(endpoint.headers)}" if endpoint.headers else "none"


def usage_line(session: Session) -> str:
    """Return what a session has used so far, in one line."""
    usage, cost = session.usage, session.cost
    price = "price not known" if cost is None else f"${cost:.4f}"
    return f"{usage.prompt_tokens} prompt + {usage.completion_tokens} completion tokens, {price}"


def _code(value: str) -> str:
    """Return a value as a code span: what a server or a model said is shown, and nothing of it is Markdown or HTML."""
    fence = "`" * (max(map(len, re.findall("`+", value)), default=0) + 1)
    return f"{fence} {value} {fence}" if "`" in value else f"{fence}{value}{fence}"


def model_lines(session: Session) -> list[str]:
    """Ask the endpoints which models they have; those of named ones as they are asked for, ``NAME/MODEL``.

    Raises:
        NbchatError: The default endpoint has no such list, and no named one has either.
    """
    client = session.client
    default, others = portal.run(_ask(session))
    lines = list(default) if isinstance(default, list) else []
    failed = {} if isinstance(default, list) else {client.endpoint.name: default}
    for name, models in others.items():
        if isinstance(models, list):
            lines += models
        else:
            failed[name] = models
    if not lines and isinstance(default, NbchatError):
        raise default
    return [*lines, *(f"({name}: {problem})" for name, problem in failed.items())]


async def _ask(session: Session) -> tuple[list[str] | NbchatError, dict[str, list[str] | NbchatError]]:
    client = session.client
    default: list[str] | NbchatError
    try:
        default = [model.id for model in await client.http.models()]
    except NbchatError as error:
        default = error
    return default, await client.catalogue.everything()
