"""Every way a request can fail, as one tree.

::

    NbchatError
    ├── ConfigurationError       nothing was sent: an endpoint, a model or an option is wrong or missing
    ├── APIConnectionError       no connection, or it broke before an answer began
    │   └── APITimeoutError      nothing came within the time allowed (``.phase`` says where)
    ├── APIStatusError           the server answered with an HTTP error status, or told of one inside an answer
    │   ├── BadRequestError            400, 413, 422
    │   │   └── ContextLengthError     the prompt is longer than the model's context
    │   ├── AuthenticationError        401
    │   ├── PermissionDeniedError      403
    │   ├── NotFoundError              404
    │   ├── ConflictError              409
    │   ├── RateLimitError             429
    │   │   └── QuotaError             402, or 429 because the account's credit is used up: waiting does not help
    │   └── ServerError                5xx
    │       └── OverloadedError        503, 529
    ├── APIError                 an error inside an answer that began well, and which of those above it is was not said
    ├── ProtocolError            the answer is not what the API says it is
    ├── TruncatedError           the answer ended before it was complete
    ├── EmptyAnswerError         the answer ended before it began
    ├── AnswerFormatError        the answer is not in the form that was asked for
    │   ├── RefusedError               the model declined to answer
    │   └── CutOffError                it is not whole
    ├── ToolError                a tool failed, or the server that it is on, and says all there is to know
    └── TurnCancelled            the turn was stopped by somebody

What ``.kind`` is tells where an error was met: ``"status"`` in place of an answer, ``"api_error"`` inside one that had begun
with status 200. A rate limit is a ``RateLimitError`` either way, and so with the others.

Foreign exceptions are translated into these where they are met, so that nothing else reaches a caller.
"""

from __future__ import annotations

from typing import Any, Literal, overload

__all__ = [
    "QUOTA_CODES",
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AnswerFormatError",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "ContextLengthError",
    "CutOffError",
    "EmptyAnswerError",
    "Kind",
    "NbchatError",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "Phase",
    "ProtocolError",
    "QuotaError",
    "RateLimitError",
    "RefusedError",
    "ServerError",
    "ToolError",
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
    "format",
    "tool",
    "cancelled",
]

Phase = Literal["connect", "first_byte", "between_chunks"]


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

    def __reduce__(self) -> tuple[Any, ...]:
        # All of it goes along to another process, but for the way in which a notebook shows it, which is a function.
        state = {name: value for name, value in vars(self).items() if name != "_render_traceback_"}
        return type(self), (self.message,), state

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        # A server's own words may end without a full stop.
        return f"{self.message}{'' if self.message.endswith(('.', '!', '?', '…', ')')) else '.'} {self.hint}"


class ConfigurationError(NbchatError):
    """Nothing was sent: an endpoint, a model, a parameter or an installation is missing or wrong."""


class APIConnectionError(NbchatError):
    """The server could not be reached, or the connection broke before an answer began."""

    kind: Kind = "connection"


class APITimeoutError(APIConnectionError):
    """Nothing came within the time allowed.

    Args:
        message: As for every error.
        phase: What was waited for: the connection, the first byte of the answer, or the next piece of it.
        **details: As for every error.
    """

    kind: Kind = "timeout"

    def __init__(self, message: str, *, phase: Phase | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.phase = phase


class APIStatusError(NbchatError):
    """The server refused the request with an HTTP error status, or told of such a refusal inside an answer.

    Attributes:
        should_retry: Whether the server says that another try makes sense; ``None`` where it does not say.
    """

    kind: Kind = "status"
    should_retry: bool | None = None


class BadRequestError(APIStatusError):
    """The server understood the request and will not do it as it stands (400, 413, 422)."""


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
    """Too many requests or tokens in a time (429)."""


class QuotaError(RateLimitError):
    """The account's credit or quota is used up (402, or 429 with a code that says so): waiting does not help.

    A ``RateLimitError`` too, since that is what the official SDK raises here.
    """


class ServerError(APIStatusError):
    """The server failed (5xx)."""


class OverloadedError(ServerError):
    """The server has too much to do just now (503, 529)."""


class APIError(NbchatError):
    """The server reported an error inside an answer that had begun with status 200, with no status or code that is known."""

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


class AnswerFormatError(NbchatError):
    """The answer is not in the form that was asked for.

    Args:
        message: As for every error; it says what does not fit, so that the model can mend it.
        text: The answer.
        **details: As for every error.
    """

    kind: Kind = "format"

    def __init__(self, message: str, *, text: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.text = text


class RefusedError(AnswerFormatError):
    """The model declined to answer in the form that was asked for, and said so."""


class CutOffError(AnswerFormatError):
    """The answer was ended before it had the form that was asked for."""


class ToolError(NbchatError):
    """A tool failed, or the server that it is on, and its words are all there is to know.

    What a tool raises as this is told to the model as it is, with no name of an error and no traceback; the hint is for the
    person alone.

    Example:
        >>> def weather(city: str) -> str:
        ...     "Say what the weather is like in a city."
        ...     raise ToolError(f"There is no city called {city}.")
    """

    kind: Kind = "tool"


class TurnCancelled(NbchatError):
    """Somebody stopped the turn; what had arrived is in the turn's ``completion``."""

    kind: Kind = "cancelled"


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: QuotaError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}

# The codes by which servers say "the prompt does not fit": OpenAI's, then llama.cpp's.
_CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
# The codes by which servers say "your credit is used up" with status 429: OpenAI's, and what compatible ones took over.
QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "credits_exhausted"}
)
# The codes of a key that is not accepted, which some servers answer with status 400.
_KEY_CODES = frozenset({"invalid_api_key", "authentication_error", "missing_api_key"})
# The codes of too much at once: OpenAI's, then Anthropic's. With an HTTP status they come with 429.
_RATE_CODES = frozenset({"rate_limit_exceeded", "rate_limit_error"})


@overload
def status_error(status: int, code: str | None = None) -> type[APIStatusError]: ...
@overload
def status_error(status: int | None, code: str | None = None) -> type[APIStatusError] | None: ...
def status_error(status: int | None, code: str | None = None) -> type[APIStatusError] | None:
    """Return the class for an HTTP error status.

    Args:
        status: The HTTP status, 400 or above; ``None`` where there is none.
        code: The server's error code, which may tell more than the status does.

    Returns:
        The class; ``None`` where there is no status and the code alone does not tell.

    Example:
        >>> status_error(429).__name__
        'RateLimitError'
    """
    if code in _CONTEXT_CODES:
        return ContextLengthError
    if code in QUOTA_CODES:
        return QuotaError
    if code in _KEY_CODES:
        return AuthenticationError
    if code == "overloaded_error":
        return OverloadedError
    if status is None:
        return RateLimitError if code in _RATE_CODES else None
    return _BY_STATUS.get(status, ServerError if status >= 500 else APIStatusError)
