"""What went wrong between here and a server, in our own words.

Foreign exceptions and refusals end here. The originals are told in words and not chained: their frames hold the key.
"""

from __future__ import annotations

import httpx

from nbchat.client.endpoint import Endpoint
from nbchat.client.retry import retry_after
from nbchat.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    NbchatError,
    ProtocolError,
    TruncatedError,
)
from nbchat.wire.complaints import read_error

__all__ = ["broken_off", "reason", "refusal", "translate", "web_page"]


def web_page(endpoint: Endpoint) -> ProtocolError:
    """Make the error for an answer that is a page for people."""
    return ProtocolError(
        f"{endpoint.name} answered with a web page in place of an answer.",
        kind="not_sse",
        hint=f"Is the base URL right? It is {endpoint.base_url}; most end in /v1.",
    )


def refusal(response: httpx.Response, body: bytes, endpoint: Endpoint) -> NbchatError:
    """Make the error for an answer whose status is not 200."""
    headers = response.headers
    censor = endpoint.api_key.censor if endpoint.api_key is not None else str
    error = read_error(response.status_code, body, headers.get("content-type", ""), censor=censor)
    error.request_id = headers.get("x-request-id")
    error.retry_after = retry_after(headers)
    if response.has_redirect_location:
        error.hint = f"It points to {headers.get('location')}: if that is right, make it the base URL."
    elif response.status_code == 401:
        error.hint = (
            f"Is the key from {endpoint.key_source} right?"
            if endpoint.key_source
            else f"No key was sent to {endpoint.name}: pass api_key=."
        )
    elif response.status_code == 404 and error.code is None:
        error.hint = f"Is the base URL right? It is {endpoint.base_url}; most end in /v1."
    return error


def reason(problem: BaseException) -> str:
    """Return what an exception of somebody else's says, as a part of a sentence."""
    return (str(problem).strip() or type(problem).__name__).rstrip(".")


def translate(problem: httpx.HTTPError | httpx.InvalidURL, endpoint: Endpoint, waiting: str) -> NbchatError:
    """Turn httpx's failure into ours. The original is told in words and not chained: its frames hold the key."""
    if isinstance(problem, httpx.ConnectTimeout | httpx.PoolTimeout):
        return APIConnectionError(
            f"{endpoint.name} did not accept a connection in time.", hint="Is it running, and is the base URL right?"
        )
    if isinstance(problem, httpx.TimeoutException):
        return APITimeoutError(
            f"{endpoint.name} kept us waiting {waiting} longer than the timeout allows.",
            hint="Raise timeout= if the model needs longer.",
        )
    if isinstance(problem, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return ConfigurationError(f"{endpoint.base_url!r} is not an address: {reason(problem)}.")
    if isinstance(problem, httpx.ConnectError | httpx.ProxyError):
        return APIConnectionError(
            f"{endpoint.name} can't be reached: {reason(problem)}.", hint="Is it running, and is the base URL right?"
        )
    return APIConnectionError(f"The connection to {endpoint.name} broke: {reason(problem)}.", hint="Try again.")


def broken_off(problem: httpx.HTTPError) -> NbchatError:
    """Make the error for an answer that began and then failed."""
    if isinstance(problem, httpx.TimeoutException):
        return APITimeoutError(
            "The answer stopped coming for longer than the timeout allows.",
            hint="Raise timeout={'between_chunks': …} if the model pauses that long.",
        )
    return TruncatedError(f"The answer was cut off: {reason(problem)}.")
