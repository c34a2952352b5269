"""What a turn is asked, frozen at that moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Any

from nbchat.session.context import Context
from nbchat.session.parameters import Parameters
from nbchat.session.sources import ToolSource, listed, sorted_out
from nbchat.tools.structured import Format, format_of
from nbchat.tools.tool import Tool

__all__ = ["Asked", "what_is_asked"]


@dataclass(frozen=True)
class Asked:
    """What a turn was asked, frozen at that moment.

    Attributes:
        question: The user's message; ``None`` to answer the one that *parent* names again.
        parameters: The request fields, overrides included.
        parent: Where in the conversation it belongs; ``Ellipsis`` for wherever the head is when it starts.
        cell: The notebook cell that asked; its earlier turn on the way to the head is replaced.
        streamed: Whether the server is asked to stream.
        system: The system message in place of the session's.
        tools: The tools that the model may call, by their names.
        form: The form that the answer is to have.
        context: What to do where the conversation does not fit: fail, or leave the oldest turns out.
        sources: Servers whose tools it may call, too.
        overrides: The request fields that were given for this turn alone, as they were given.
        given: The tools that were given for this turn alone; ``None`` where they are the session's.
    """

    question: Mapping[str, Any] | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parent: str | EllipsisType | None = ...
    cell: str | None = None
    streamed: bool = True
    system: str | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    form: Format | None = None
    context: Context = "error"
    sources: Sequence[ToolSource] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    given: Sequence[Any] | None = None


def what_is_asked(
    question: Mapping[str, Any] | None,
    overrides: Mapping[str, Any],
    tools: Iterable[Any] | None,
    *,
    parameters: Parameters,
    offered: Iterable[Any],
    context: Context,
) -> Asked:
    """Return what a turn is asked, with its own fields and tools over those of its session.

    Args:
        question: The user's message; ``None`` to answer an earlier one again.
        overrides: Request fields for this turn only; ``response_format`` may be a type.
        tools: The tools for this turn, in place of the session's.
        parameters: The session's request fields.
        offered: The session's tools.
        context: What to do where the conversation does not fit.

    Raises:
        ConfigurationError: Something can't be a tool, or a type has no schema.
        TraitError: An override is out of bounds.
    """
    given = None if tools is None else tuple(listed(tools))
    wanted = overrides.get("response_format", parameters.response_format)
    form = None if wanted is None else format_of(wanted)
    own = overrides if form is None else {**overrides, "response_format": form.to_dict()}
    fields = {**parameters.to_dict(), **Parameters.checked(own)}
    named, sources = sorted_out(offered if given is None else given)
    return Asked(
        question,
        {name: value for name, value in fields.items() if value is not None},
        tools=named,
        form=form,
        context=context,
        sources=sources,
        overrides=dict(overrides),
        given=given,
    )
