"""What went wrong between here and a server, in our own words.

Foreign exceptions and refusals end here. The originals are told in words and not chained: their frames hold the key.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from nbchat.client.body import arriving, pieces
from nbchat.client.endpoint import Endpoint, endpoint_names
from nbchat.client.retry import longest_wait, retry_after, should_retry, span
from nbchat.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ConfigurationError,
    ContextLengthError,
    NbchatError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    Phase,
    ProtocolError,
    QuotaError,
    RateLimitError,
    ServerError,
    TruncatedError,
)
from nbchat.wire.complaints import read_error

__all__ = ["broken_off", "compressed", "reason", "refusal", "told_of", "translate", "web_page"]

# How much of a refusal's body is read, in bytes, and how long it is waited for, in seconds: its first sentence is in
# there, and a body that never ends must not keep a request from failing.
_BODY_LIMIT = 2**16
_BODY_PATIENCE = 5.0
# Where servers and what stands before them put the identifier of a request, the most telling first: OpenAI and most
# others; Anthropic; Azure, twice; Amazon; a proxy of Google's; Cloudflare.
_REQUEST_IDS = (
    "x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-amzn-requestid", "x-cloud-trace-context", "cf-ray",
)  # fmt: skip
# Headers whose values are nobody's secret; every other value that was sent is taken out of what is shown.
_PUBLIC = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    }
)
# The headers that carry keys, whose shortest is this long, in characters; in others only what is longer can be a key,
# and a shorter value would take common words out of sentences.
_KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key"})
_SHORTEST_KEY, _SHORTEST_VALUE = 4, 8
# What gateways call a key in an address's query; Azure's functions call theirs "code".
_KEY_PARAMETER = re.compile(r"key|token|secret|sig|auth|password|^code$", re.IGNORECASE)

_MODEL = re.compile(r"\bmodel\b|deployment", re.IGNORECASE)
# How aiohttp names its settings in the middle of a sentence.
_OBJECTS = re.compile(r"\s?ssl:(?:<[^>]*>|default|True|False|None)|<[^>]*>")
# How the libraries below say why there is no connection (aiohttp, httpcore, and the systems' own words).
_UNKNOWN_HOST = re.compile(
    r"name or service not known|nodename nor servname|getaddrinfo failed|name resolution|no address associated"
    r"|name does not resolve|dns",
    re.IGNORECASE,
)
_NO_TLS = re.compile(r"wrong.version.number|record layer|http request|unknown.protocol", re.IGNORECASE)
_TLS = re.compile(r"certificate|ssl: |sslerror|sslcert|tlsv?1", re.IGNORECASE)
_REFUSED = re.compile(r"refused|connect call failed|all connection attempts failed|10061", re.IGNORECASE)


def web_page(endpoint: Endpoint) -> ProtocolError:
    """Make the error for an answer that is a page for people."""
    return ProtocolError(
        f"{endpoint.name} answered with a web page in place of an answer.", kind="not_sse", hint=_address(endpoint)
    )


def _address(endpoint: Endpoint) -> str:
    return f"Is the base URL right? It is {endpoint.base_url}; most end in /v1."


# ---- what must not show --------------------------------------------------------------------------------------------


def _secrets(request: httpx.Request) -> Iterator[str]:
    """Return what was sent in headers or as a key in the address and is nobody else's business, the longest first."""
    values = set()
    for name, value in request.headers.items():
        if name not in _PUBLIC:
            shortest = _SHORTEST_KEY if name in _KEY_HEADERS else _SHORTEST_VALUE
            values |= {part for part in (value, value.rpartition(" ")[2]) if len(part) >= shortest}
    for name, value in request.url.params.multi_items():
        if _KEY_PARAMETER.search(name) and len(value) >= _SHORTEST_KEY:
            values.add(value)
    yield from sorted(values, key=len, reverse=True)


def _censored(text: str, request: httpx.Request) -> str:
    for secret in _secrets(request):
        text = text.replace(secret, "…")
        # One that is cut short, where the sentence is.
        for length in range(min(len(secret), len(text)) - 1, _SHORTEST_KEY - 1, -1) if text.endswith("…") else ():
            if text[:-1].endswith(secret[:length]):
                text = f"{text[: -1 - length]}…"
                break
    return text


def told_of(error: NbchatError, response: httpx.Response) -> None:
    """Add to an error what its answer's headers tell, and take out of it what was sent in those of the request."""
    headers, request = response.headers, response.request
    error.message = _censored(error.message, request)
    error.args = (error.message,)
    error.hint = error.hint and _censored(error.hint, request)
    error.code = error.code and _censored(error.code, request)
    error.param = error.param and _censored(error.param, request)
    if error.hint is None and isinstance(error, APIStatusError):  # one that was told of inside an answer
        error.hint = _hint(error, request.extensions["nbchat.endpoint"], request)
    if error.request_id is None:
        error.request_id = next((headers[name] for name in _REQUEST_IDS if headers.get(name)), None)


# ---- refusals ------------------------------------------------------------------------------------------------------


async def refusal(response: httpx.Response, endpoint: Endpoint) -> APIStatusError:
    """Read an answer whose status is not 200 as far as is sensible, and make the error of it."""
    headers, request = response.headers, response.request
    error = read_error(
        response.status_code,
        await _beginning(response),
        headers.get("content-type", ""),
        censor=lambda words: _censored(words, request),
    )
    error.retry_after = retry_after(headers)
    error.should_retry = should_retry(headers)
    error.hint = error.hint or _hint(error, endpoint, request)
    told_of(error, response)
    return error


async def _beginning(response: httpx.Response) -> bytes:
    """Read the beginning of a body; what breaks on the way leaves what had come, since the status says enough."""
    parts: list[bytes] = []
    size = 0
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(_BODY_PATIENCE):
            async for part in pieces(response, arriving(response)):
                parts.append(part)
                size += len(part)
                if size >= _BODY_LIMIT:
                    break
    return b"".join(parts)[:_BODY_LIMIT]


def _hint(error: APIStatusError, endpoint: Endpoint, request: httpx.Request) -> str | None:
    """Say what to do about a refusal."""
    if isinstance(error, ContextLengthError):  # has words of its own
        return None
    if isinstance(error, QuotaError):
        return "The account has no credit left: top it up, or use another key or model."
    if isinstance(error, RateLimitError) or (error.retry_after or 0) > longest_wait():
        return _wait(error)
    if isinstance(error, AuthenticationError):
        return _about_the_key(endpoint, request)
    if isinstance(error, PermissionDeniedError):
        return (
            f"The key from {endpoint.key_source} may not do this: another key or model may."
            if endpoint.key_source
            else None
        )
    if isinstance(error, NotFoundError) and _MODEL.search(f"{error.code} {error.message}"):
        asked = str(request.extensions.get("nbchat.model", "")).partition("/")
        meant = get_close_matches(asked[0], endpoint_names(endpoint), n=1) if asked[1] and not endpoint.label else []
        if meant:  # of a name that is no endpoint's, all goes to the default one
            return f"Did you mean {meant[0]}/{asked[2]}?"
        return f"Is the model's name right? client.models.list() shows what {endpoint.name} has."
    if isinstance(error, NotFoundError) or error.status == 405:
        return _address(endpoint)
    if isinstance(error, OverloadedError):
        return "The server has too much to do: try again later, or use another model."
    if isinstance(error, ServerError):
        return "That is the server's fault: try again later."
    return {
        407: "The proxy between here and the server asks for a name and a password: they belong into HTTPS_PROXY.",
        408: "Try again.",
        413: "It is too large for the server or a proxy before it: attach less, or smaller pictures and files.",
    }.get(error.status or 0)


def _wait(error: APIStatusError) -> str:
    if error.retry_after is None:
        return "Wait a little before asking again, or ask less at once."
    return f"The server asks to wait {span(error.retry_after)} before asking again."


def _about_the_key(endpoint: Endpoint, request: httpx.Request) -> str:
    if endpoint.key_source:
        return f"Is the key from {endpoint.key_source} right?"
    if _KEY_HEADERS & set(request.headers):
        return "Is the key in the headers right?"
    return f"No key was sent to {endpoint.name}: pass api_key=."


# ---- failures of others --------------------------------------------------------------------------------------------


def reason(problem: BaseException) -> str:
    """Return what an exception of somebody else's says, as a part of a sentence."""
    said = _OBJECTS.sub("", " ".join(str(problem).split()))
    return (said or type(problem).__name__).rstrip(".")


def translate(problem: httpx.HTTPError | httpx.InvalidURL, endpoint: Endpoint, request: httpx.Request) -> NbchatError:
    """Turn httpx's failure before an answer into ours."""
    waits = request.extensions.get("timeout", {})
    if isinstance(problem, httpx.ConnectTimeout | httpx.PoolTimeout):
        return APITimeoutError(
            f"{endpoint.name} did not accept a connection{_within(waits.get('connect'))}.",
            phase="connect",
            hint=_running(endpoint),
        )
    if isinstance(problem, httpx.TimeoutException):
        return _no_first_byte(endpoint.name, waits.get("read"))
    if isinstance(problem, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return ConfigurationError(f"{endpoint.base_url!r} is not an address: {reason(problem)}.")
    if isinstance(problem, httpx.ConnectError | httpx.ProxyError):
        return _unreachable(problem, endpoint)
    return APIConnectionError(f"The connection to {endpoint.name} broke: {reason(problem)}.", hint="Try again.")


def _unreachable(problem: httpx.TransportError, endpoint: Endpoint) -> APIConnectionError:
    said = reason(problem)
    if isinstance(problem, httpx.ProxyError):
        why = f"the proxy does not let it through ({said})"
        hint = "Are HTTPS_PROXY and its like right? Hosts named in NO_PROXY are reached without a proxy."
    elif _UNKNOWN_HOST.search(said):
        why, hint = "there is no such host", "Is its name spelt right, and is there a network?"
    elif _NO_TLS.search(said):
        why, hint = "it does not speak TLS", "Does the base URL begin with https:// where http:// is meant?"
    elif _TLS.search(said):
        why, hint = _untrusted(said)
    elif said.endswith("[None]"):  # aiohttp's, where TLS began and nothing came back
        why = "it closed the connection"
        hint = "Does the base URL begin with https:// where http:// is meant?"
    elif _REFUSED.search(said):
        why, hint = "it refused the connection", _running(endpoint)
    else:
        why, hint = said, _running(endpoint)
    return APIConnectionError(f"{endpoint.name} can't be reached: {why}.", hint=hint)


def _untrusted(said: str) -> tuple[str, str]:
    """Return what is wrong with a server's certificate, and what to do about it."""
    words = said.lower()
    if "expired" in words or "not yet valid" in words:
        return "its certificate is not valid today", "Is this computer's clock right? If so, its owner has to renew it."
    if "mismatch" in words or "not valid for" in words or "doesn't match" in words:
        return "its certificate is another host's", "Is the host in the base URL the one that is meant?"
    return (
        "its certificate is not trusted" if "certificate" in words else f"TLS failed ({said})",
        "If it is signed by your organisation, let SSL_CERT_FILE name the file with that certificate.",
    )


def _running(endpoint: Endpoint) -> str:
    """Ask what is most likely wrong where nothing answers: with a server of one's own, that it is not started."""
    if _is_here(endpoint):
        return "Is the server running, and at that port?"
    return "Is it running, and is the base URL right?"


def _is_here(endpoint: Endpoint) -> bool:
    host = urlsplit(endpoint.base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _within(seconds: float | None) -> str:
    return f" within {span(seconds)}" if seconds else " in time"


def _no_first_byte(name: str, seconds: float | None) -> APITimeoutError:
    phase: Phase = "first_byte"
    return APITimeoutError(
        f"{name} did not send the first byte of an answer{_within(seconds)}.",
        phase=phase,
        hint="Raise timeout={'first_byte': …} if the model needs longer.",
    )


def broken_off(problem: httpx.HTTPError, endpoint: Endpoint, *, begun: bool = True) -> NbchatError:
    """Make the error for an answer that failed after its headers.

    Args:
        problem: What httpx says.
        endpoint: The server.
        begun: Whether anything of the answer had come: many servers send headers at once, and then think.
    """
    if isinstance(problem, httpx.TimeoutException):
        seconds = problem.request.extensions.get("timeout", {}).get("read")
        if not begun:
            return _no_first_byte(endpoint.name, seconds)
        return APITimeoutError(
            f"The answer stopped coming: nothing more came{_within(seconds)}.",
            phase="between_chunks",
            hint="Raise timeout={'between_chunks': …} if the model pauses that long.",
        )
    if isinstance(problem, httpx.DecodingError):
        return ProtocolError(
            f"The answer of {endpoint.name} can't be decompressed: {reason(problem)}.",
            kind="not_sse",
            hint="A proxy between here and there may have damaged it.",
        )
    return TruncatedError(f"The answer was cut off: {reason(problem)}.", hint="Try again.")


def compressed(encoding: str, endpoint: Endpoint) -> ProtocolError:
    """Make the error for an answer that is compressed in a way that was not asked for."""
    return ProtocolError(
        f"{endpoint.name} compressed its answer as {encoding!r}, which it was not asked for and which can't be read here.",
        kind="not_sse",
        hint="Have the server or the proxy before it compress as the request's Accept-Encoding says, or not at all.",
    )
