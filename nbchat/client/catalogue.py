"""What the named endpoints offer: their models, as they are asked for."""

from __future__ import annotations

import asyncio

from nbchat.client import portal
from nbchat.client.endpoint import endpoint_names, named
from nbchat.client.http import Http, Options
from nbchat.errors import ConfigurationError, NbchatError

__all__ = ["Catalogue"]

# Seconds that a list of models is waited for: it is a look-up, and one endpoint that hangs must not keep the others.
_PATIENCE = 10.0


class Catalogue:
    """The models of the named endpoints.

    Args:
        http: What they are asked through.
    """

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: dict[str, list[str]] = {}

    async def learn(self, name: str) -> list[str]:
        """Ask a named endpoint for its models, and return them as they are asked: ``NAME/MODEL``.

        Raises:
            NbchatError: It can't be asked, or gave no list.
        """
        endpoint = named(name, well_known=True)
        if endpoint is None:
            raise ConfigurationError(f"There is no endpoint {name!r}.")
        offered = await self._http.models(endpoint, Options(timeout=_PATIENCE))
        self._known[name] = [f"{name}/{model.id}" for model in offered]
        return self._known[name]

    async def everything(self) -> dict[str, list[str] | NbchatError]:
        """Ask all named endpoints at once, and return the models of each or why there are none."""
        names = endpoint_names(self._http.endpoint)
        lists = await asyncio.gather(*(self._attempt(name) for name in names))
        return dict(zip(names, lists, strict=True))

    async def _attempt(self, name: str) -> list[str] | NbchatError:
        try:
            return await self.learn(name)
        except NbchatError as error:
            return error

    def known(self, typed: str) -> list[str]:
        """Return what *typed* may become, as far as it is known: names, and the models of the one that is typed.

        An endpoint is asked for its models in the background when its name has been typed, and not before.
        """
        names = endpoint_names(self._http.endpoint)
        name = typed.partition("/")[0] if "/" in typed else ""
        if name in names and name not in self._known:
            self._known[name] = []
            portal.start(self._look(name))
        return [*(f"{name}/" for name in names), *self._known.get(name, [])]

    async def _look(self, name: str) -> None:
        if isinstance(await self._attempt(name), NbchatError):
            self._known.pop(name, None)  # the next Tab asks again
