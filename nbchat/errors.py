"""Every way a request can fail, as one tree.

::

    NbchatError
    ├── ConfigurationError       nothing was sent: an endpoint, a model or an option is wrong or missing
    ├── APIConnectionError       no connection, or it broke before an answer began
    │   └── APITimeoutError      nothing came within the time allowed (``.phase`` says where)
    ├── APIStatusError           the server answered with an HTTP error status
    │   ├── BadRequestError            400, 422
    │   │   └── ContextLengthError     the prompt is longer than the model's context
    │   ├── AuthenticationError        401
    │   ├── PermissionDeniedError      403
    │   ├── NotFoundError              404
    │   ├── ConflictError              409
    │   ├── RateLimitError             429
    │   └── ServerError                5xx
    ├── APIError                 an error inside an answer that began well
    ├── ProtocolError            the answer is not what the API says it is
    ├── TruncatedError           the answer ended before it was complete
    ├── EmptyAnswerError         the answer ended before it began
    └── TurnCancelled            the turn was stopped by somebody

Foreign exceptions are translated into these where they are met, so that nothing else reaches a caller.
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ContextLengthError",
    "EmptyAnswerError",
    "Kind",
    "NbchatError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProtocolError",
    "RateLimitError",
    "ServerError",
    "TruncatedError",
    "TurnCancelled",
    "status_error",
]

Kind = Literal[
    "configuration",
    "connection",
    "timeout",
    "status",
    "api_error",
    "not_sse",
    "invalid_json",
    "invalid_chunk",
    "truncated",
    "empty",
    "cancelled",
]


class NbchatError(Exception):
    """The root of everything nbchat raises on purpose.

    Args:
        message: One sentence that says what happened, with the server's own words where there are any.
        kind: Which failure of contract section 8 this is; each class has its own default.
        status: The HTTP status, where the server gave one.
        code: The server's machine-readable error code (``"rate_limit_exceeded"``).
        param: The request field that the server complains about.
        request_id: The server's identifier of the request, for its support.
        retry_after: Seconds the server asked to wait before another try.
        hint: One sentence that says what to do about it.
    """

    kind: Kind = "configuration"

    def __init__(
        self,
        message: str,
        *,
        kind: Kind | None = None,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        if kind is not None:
            self.kind = kind
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.request_id = request_id
        self.retry_after = retry_after
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class ConfigurationError(NbchatError):
    """Nothing was sent: an endpoint, a model, a parameter or an installation is missing or wrong."""


class APIConnectionError(NbchatError):
    """The server could not be reached, or the connection broke before an answer began."""

    kind: Kind = "connection"


class APITimeoutError(APIConnectionError):
    """Nothing came within the time allowed."""

    kind: Kind = "timeout"


class APIStatusError(NbchatError):
    """The server refused the request with an HTTP error status."""

    kind: Kind = "status"


class BadRequestError(APIStatusError):
    """The server understood the request and will not do it as it stands (400, 422)."""


class ContextLengthError(BadRequestError):
    """The prompt is longer than what the model can read at once, whatever status the server says it with.

    Attributes:
        prompt_tokens: How many tokens the prompt has; ``None`` where the server does not say.
        limit: How many fit; ``None`` where the server does not say.
        answer_tokens: How many of those are set aside for the answer, where the server counts them.
    """

    prompt_tokens: int | None = None
    limit: int | None = None
    answer_tokens: int | None = None


class AuthenticationError(APIStatusError):
    """The key is missing or not accepted (401)."""


class PermissionDeniedError(APIStatusError):
    """The key is known and may not do this (403)."""


class NotFoundError(APIStatusError):
    """There is no such model or no such address on the server (404)."""


class ConflictError(APIStatusError):
    """The request clashes with another one (409)."""


class RateLimitError(APIStatusError):
    """Too many requests or tokens in a time, or the quota is used up (429)."""


class ServerError(APIStatusError):
    """The server failed (5xx)."""


class APIError(NbchatError):
    """The server reported an error inside an answer that had begun with status 200."""

    kind: Kind = "api_error"


class ProtocolError(NbchatError):
    """What the server sent is not a Chat Completions answer (``not_sse``, ``invalid_json``, ``invalid_chunk``)."""

    kind: Kind = "invalid_chunk"


class TruncatedError(NbchatError):
    """The answer ended without a finish reason: the server or a proxy cut it off."""

    kind: Kind = "truncated"


class EmptyAnswerError(NbchatError):
    """The server closed the answer before it sent anything."""

    kind: Kind = "empty"


class TurnCancelled(NbchatError):
    """Somebody stopped the turn; what had arrived is in the turn's ``completion``."""

    kind: Kind = "cancelled"


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: BadRequestError,
    429: RateLimitError,
}

# The codes by which servers say "the prompt does not fit": OpenAI's, then llama.cpp's.
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})


def status_error(status: int, code: str | None = None) -> type[APIStatusError]:
    """Return the class for an HTTP error status.

    Args:
        status: The HTTP status, 400 or above.
        code: The server's error code, which may tell more than the status does.

    Example:
        >>> status_error(429).__name__
        'RateLimitError'
    """
    if code in _CONTEXT_CODES:
        return ContextLengthError
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, APIStatusError)
