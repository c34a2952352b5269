"""What to do where a server points elsewhere: follow it on the same origin, and take no key to another."""

from __future__ import annotations

import httpx

from nbchat.client.endpoint import Endpoint
from nbchat.client.secret import QuietURL
from nbchat.errors import APIStatusError

__all__ = ["send"]

# How many requests one question may become: a gateway that adds a slash and a version needs three.
_LONGEST = 5
# These say "the same request, over there"; the others turn a question into a mere look at another page.
_SAME_REQUEST = frozenset({307, 308})
_LONGEST_SHOWN = 200  # characters of an address


async def send(client: httpx.AsyncClient, request: httpx.Request, endpoint: Endpoint) -> httpx.Response:
    """Send a request, and again where the same server says that the place is another one.

    Args:
        client: What it is sent through.
        request: The request; its address is that of the last place when this returns.
        endpoint: The server that is meant.

    Returns:
        An open answer that points nowhere.

    Raises:
        APIStatusError: It points to another origin, where nothing was sent; or nowhere; or in circles; or asks to forget
            the question.
        httpx.HTTPError: As httpx does.
    """
    for _ in range(_LONGEST):
        response = await client.send(request, stream=True)
        if response.status_code not in (301, 302, 303, 307, 308):
            return response
        await response.aclose()
        request.url = QuietURL(_target(response, request, endpoint))
    raise APIStatusError(
        f"{endpoint.name} redirected the request {_LONGEST} times without an answer.",
        status=response.status_code,
        hint=f"Is the base URL right? It is {endpoint.base_url}.",
    )


def _target(response: httpx.Response, request: httpx.Request, endpoint: Endpoint) -> httpx.URL:
    """Return where an answer points, if the request may go there.

    Raises:
        APIStatusError: It may not.
    """
    status, location = response.status_code, response.headers.get("location", "").strip()
    try:
        named, target = httpx.URL(location), request.url.join(location)
    except (httpx.InvalidURL, ValueError):
        named = target = httpx.URL()
    sound = target.scheme in ("http", "https") and target.host and not target.userinfo
    if not location or not sound or (named.scheme and not named.host):
        raise APIStatusError(
            f"{endpoint.name} answered with a redirect (status {status}) that leads nowhere.",
            status=status,
            hint=f"Is the base URL right? It is {endpoint.base_url}.",
        )
    if _origin(target) != _origin(request.url):
        raise APIStatusError(
            f"{endpoint.name} redirects to another server (status {status}), and a key is not taken there.",
            status=status,
            hint=_advice(target, endpoint),
        )
    if request.method != "GET" and status not in _SAME_REQUEST:
        raise APIStatusError(
            f"{endpoint.name} redirects in a way that drops the question (status {status}).",
            status=status,
            hint=_advice(target, endpoint),
        )
    return target


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _advice(target: httpx.URL, endpoint: Endpoint) -> str:
    """Name the place, without its query, which may hold what is nobody's business."""
    base = str(target.copy_with(query=None, fragment=None))
    for added in ("/chat/completions", "/models"):
        base = base.rstrip("/").removesuffix(added)
    if endpoint.api_key is not None:
        base = endpoint.api_key.censor(base)
    return f"It points to {base[:_LONGEST_SHOWN]}: if that is right, make it the base URL."
