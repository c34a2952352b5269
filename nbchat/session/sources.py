"""The tools of a turn: those that were given, and those of servers, which are asked for theirs when the turn begins."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from nbchat.errors import ConfigurationError
from nbchat.remote.names import api_name
from nbchat.tools.tool import Tool, by_name

__all__ = ["ToolSource", "all_tools", "listed", "sorted_out"]


@runtime_checkable
class ToolSource(Protocol):
    """What offers tools that are known only when it is asked, such as a server."""

    @property
    def label(self) -> str:
        """What it is called."""

    @property
    def prefix(self) -> str:
        """What is put before the name of a tool that another one has, too."""

    @property
    def connected(self) -> bool:
        """Whether nobody has to wait for its tools."""

    async def offered(self) -> Sequence[Tool]:
        """Return its tools, on the I/O thread."""


def listed(tools: Any) -> list[Any]:
    """Return tools as a list, also where a single one was given.

    Raises:
        ConfigurationError: It is neither a tool nor several.
    """
    if callable(tools) or isinstance(tools, Mapping | ToolSource):
        return [tools]
    if isinstance(tools, str) or not isinstance(tools, Iterable):
        raise ConfigurationError(f"{tools!r} can't be a tool.", hint="Give functions: tools=[f, g].")
    return list(tools)


def sorted_out(things: Iterable[Any]) -> tuple[dict[str, Tool], tuple[ToolSource, ...]]:
    """Return the tools among *things*, by their names, and the sources of others.

    Raises:
        ConfigurationError: One is neither, or two tools have the same name.
    """
    things = list(things)
    sources = [thing for thing in things if isinstance(thing, ToolSource)]
    return by_name(thing for thing in things if not isinstance(thing, ToolSource)), tuple(dict.fromkeys(sources))


async def all_tools(given: Mapping[str, Tool], sources: Sequence[ToolSource]) -> dict[str, Tool]:
    """Return the tools that were given and those of all *sources*, each under a name of its own.

    A source's tool whose name another tool has, too, gets its source's name before its own.

    Raises:
        NbchatError: A source does not offer any.
    """
    offers = await asyncio.gather(*(source.offered() for source in sources))
    names = Counter([*given, *(tool.name for offer in offers for tool in offer)])
    found = dict(given)
    for source, offer in zip(sources, offers, strict=True):
        for tool in offer:
            name = tool.name if names[tool.name] == 1 else api_name(tool.name, source.prefix)
            number = 1
            while name in found:  # servers of the same name
                number += 1
                name = api_name(tool.name, f"{source.prefix}_{number}")
            found[name] = replace(tool, name=name)
    return found
