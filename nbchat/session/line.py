"""A session's line to whoever answers it: through which client, at which server, and which models there are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import chain
from typing import Any

from nbchat.client import portal
from nbchat.client.client import Client
from nbchat.client.endpoint import Endpoint, resolve, route
from nbchat.client.secret import Secret
from nbchat.errors import NbchatError

__all__ = ["Line"]


class Line:
    """The way from a session to the server that answers its next turn.

    Args:
        client: The client that was given; ``None`` for one made of the next two.
        base_url: Where the API is; ``None`` for the configured one, else the environment's, else the embedded model.
        api_key: The key for it, under cover already.

    Raises:
        ConfigurationError: The base URL is not one.
    """

    def __init__(self, client: Client | None, base_url: str | None, api_key: Secret | None) -> None:
        self.given = client
        self.address = (base_url, api_key)
        self._client = client or Client(base_url, api_key)
        self._models: list[str] = []
        self._asked: Client | None = None

    @property
    def client(self) -> Client:
        """The client that the next turn asks through.

        One that was not given is made anew when the configuration or the environment has come to name another server,
        so that setting a key in a cell is enough.
        """
        if self.given is None and resolve(*self.address) != self._client.endpoint:
            self._client = Client(*self.address)
        return self._client

    def route(self, fields: Mapping[str, Any]) -> tuple[Endpoint, str | None]:
        """Return the server that answers a request of these fields, and the model's name there, where that is known."""
        named = (fields.get("extra_body") or {}).get("model") or fields.get("model")
        return route(self.client.endpoint, None if named is None else str(named))

    def known_models(self, typed: str) -> list[str]:
        """Return the models that are known; they are asked for in the background, those of a named endpoint when it is *typed*."""
        client = self.client
        if client is not self._asked and not client.endpoint.embedded:
            self._asked = client
            portal.start(self._learn())
        return [*self._models, *client.catalogue.known(typed)]

    async def learn_models(self) -> list[str]:
        """Ask the server and the named endpoints, on the I/O thread, which models they offer; none of one that has no list."""
        mine, others = await asyncio.gather(self._learn(), self.client.catalogue.everything())
        return [*mine, *chain(*(models for models in others.values() if isinstance(models, list)))]

    async def _learn(self) -> list[str]:
        try:
            offered = (await self.client.http.models()).data
            self._models = [model.id for model in offered]
        except NbchatError:  # a server without a list; the models can still be typed
            self._models = []
        return list(self._models)
