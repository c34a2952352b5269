"""What a server complains of, in its own words, whatever shape they come in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nbchat.errors import APIError, APIStatusError, ContextLengthError, Kind, status_error
from nbchat.wire.overflow import Overflow, overflow_of

__all__ = ["api_error", "complains", "read_error"]

# Whatever an escape sequence for a terminal is made of, what turns the direction of writing round, and halves of
# characters: an error's words end up in a terminal, and in a notebook's message.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Gemini and xAI answer a wrong key with status 400 and no code for it.
_WRONG_KEY = re.compile(
    r"(?:incorrect|invalid|wrong) api key|api key (?:is )?(?:not valid|invalid|expired)", re.IGNORECASE
)
# A member with words in JSON, up to as many characters as are shown.
_WORDS_INSIDE = re.compile(r'"(?:message|detail|msg|error)"\s*:\s*"((?:[^"\\]|\\["\\/bfnrt]){1,1000})')
# How much of a server's own words an error repeats, in characters: a sentence, not a page.
_WORDS_LIMIT = 500
# Of a list of complaints the first few tell enough.
_MOST_COMPLAINTS = 3
# How deep complaints are nested in one another at most: gateways wrap what they get, once or twice.
_DEEPEST = 8
# Where servers put their words, whatever letters of it are large: OpenAI's, then the rest. `detail` is FastAPI's, `msg`
# pydantic's, `title` RFC 9457's, `Message` and `errorMessage` Amazon's, `fault` with a `faultstring` Apigee's, `error_msg`
# Baidu's.
_MESSAGES = (
    "message", "error", "detail", "msg", "errors", "errordescription", "errormessage", "errormsg", "reason", "title", "fault",
    "faultstring", "details", "description",
)  # fmt: skip


@dataclass(frozen=True)
class _Complaint:
    """What could be read of a complaint.

    Attributes:
        message: The server's words; empty where there are none.
        code: Its machine-readable code.
        param: The request field complained about.
        request_id: The identifier of the request, where the body has it.
        status: A number that an HTTP status can be, where the body has one.
    """

    message: str = ""
    code: str | None = None
    param: str | None = None
    request_id: str | None = None
    status: int | None = None

    def under(self, other: _Complaint) -> _Complaint:
        """Return this with what it lacks from *other*, which stood around it."""
        return _Complaint(
            self.message or other.message,
            self.code or other.code,
            self.param or other.param,
            self.request_id or other.request_id,
            self.status or other.status,
        )


def _read(said: Any, depth: int = 0) -> _Complaint:
    """Read a decoded body, or a part of one."""
    if depth > _DEEPEST:
        return _Complaint()
    if isinstance(said, str):
        inner = _json_in(said)
        return _Complaint(said) if inner is None else _read(inner, depth + 1)
    if isinstance(said, list):
        return _read_list(said, depth)
    return _read_object(said, depth) if isinstance(said, dict) else _Complaint()


def _json_in(text: str) -> Any:
    """Return the object or list that a text is, for servers that pass on another's answer as text; ``None`` if it is none."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _cut_off(text: str) -> str:
    """Return the words in an object whose end is missing, since it is long or broke off; empty where there are none."""
    found = _WORDS_INSIDE.search(text)
    return str(json.loads(f'"{found[1]}"', strict=False)) if found else ""


def _read_list(said: list[Any], depth: int) -> _Complaint:
    complaints = [found for item in said[:_MOST_COMPLAINTS] if (found := _read(item, depth + 1)).message]
    if not complaints:
        return _Complaint()
    return replace(complaints[0], message="; ".join(complaint.message for complaint in complaints))


def _read_object(said: dict[str, Any], depth: int) -> _Complaint:
    complaint = _members(said)
    by_name = {name.replace("_", "").lower(): value for name, value in said.items() if value}
    for name in _MESSAGES:
        if words := by_name.get(name):
            if isinstance(words, dict) and name == "errors":  # ASP.NET's: the fields, each with its complaints
                words = [
                    f"{field}: {'; '.join(map(str, of)) if isinstance(of, list) else of}" for field, of in words.items()
                ]
            complaint = _read(words, depth + 1).under(complaint)
            if complaint.message:
                break
    place = said.get("loc")
    if isinstance(place, list) and complaint.message:  # pydantic's: where it is, then what is wrong there
        path = [str(step) for step in place if step not in ("body", "__root__")]
        if path:
            complaint = replace(complaint, message=f"{'.'.join(path)}: {complaint.message}", param=path[0])
    return _passed_on(said, complaint, depth)


def _passed_on(said: dict[str, Any], complaint: _Complaint, depth: int) -> _Complaint:
    """Add the words of the server behind the server: OpenRouter has them in ``metadata.raw``, as text."""
    metadata = said.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    behind = _read(raw, depth + 1) if raw else _Complaint()
    if not behind.message or behind.message in complaint.message:
        return complaint
    message = f"{complaint.message.rstrip('. ')}: {behind.message}" if complaint.message else behind.message
    return replace(behind.under(complaint), message=message, status=complaint.status or behind.status)


def _members(said: Mapping[str, Any]) -> _Complaint:
    """Read everything but the words."""
    code: str | None = None
    status: int | None = None
    for name in ("code", "type", "status", "statusCode"):
        value = said.get(name)
        number = int(value) if isinstance(value, str) and len(value) == 3 and value.isdecimal() else value
        if isinstance(number, int) and not isinstance(number, bool):
            status = number if status is None and 400 <= number < 600 else status
        elif isinstance(value, str) and value not in ("", "error") and code is None:
            code = value
    param, request_id = said.get("param"), said.get("request_id")
    return _Complaint(
        code=_short(code) if code else str(status) if status else None,
        param=_short(param) if isinstance(param, str) and param else None,
        request_id=_short(request_id) if isinstance(request_id, str) and request_id else None,
        status=status,
    )


def _words(complaint: _Complaint, said: Any) -> str:
    """Return what is told of a complaint: its words, where there are none its code, else the beginning of its JSON."""
    if complaint.message.strip():
        return complaint.message
    if complaint.code and not complaint.code.isdecimal():
        return complaint.code
    return json.dumps(said, ensure_ascii=False) if isinstance(said, dict | list) and said else ""


def _short(words: str) -> str:
    words = _SURROGATE.sub("\ufffd", _CONTROL.sub("", " ".join(words.split())))
    return words if len(words) <= _WORDS_LIMIT else f"{words[:_WORDS_LIMIT]}…"


def read_error(
    status: int, body: bytes, content_type: str = "", *, censor: Callable[[str], str] = str
) -> APIStatusError:
    """Make the error for an HTTP error answer, with the server's own words whatever shape its body has.

    Args:
        status: The HTTP status.
        body: What came with it. HTML is left out: a page is nobody's sentence.
        content_type: The ``Content-Type`` header.
        censor: Takes out of the server's words what must not show, such as the key it was sent.

    Example:
        >>> print(read_error(404, b'{"detail": "Not Found"}'))
        The server answered with status 404: Not Found
    """
    complaint, said = _Complaint(), None
    text = body.decode("utf-8-sig", "replace").strip()
    page = "html" in content_type or text.startswith("<")
    if not page:
        try:
            said = json.loads(text) if text else None
        except (ValueError, RecursionError):
            said = text if text[:1] not in ("{", "[") else _cut_off(text)
        complaint = _read(said)
    words = _short(censor(_words(complaint, said)))
    sentence = f"The server answered with status {status}" + (f": {words}" if words else ".")
    # Pages are proxies', which count bytes and no tokens.
    overflow = None if page else overflow_of(complaint.message, status=status, codes=(complaint.code,), body=said)
    if overflow is not None:
        return _too_long(overflow, sentence, complaint, status=status)
    code = "invalid_api_key" if status == 400 and _WRONG_KEY.search(words) else complaint.code
    return status_error(status, code)(
        sentence,
        status=status,
        code=complaint.code,
        param=complaint.param,
        request_id=complaint.request_id,
    )


def complains(data: Mapping[str, Any]) -> bool:
    """Whether there are words in an object that is no answer, as in ``{"detail": "Not authenticated"}``."""
    return bool(_read(dict(data)).message.strip())


def api_error(data: Mapping[str, Any]) -> APIError | APIStatusError:
    """Make the error for an answer that began well and then says that it failed.

    Args:
        data: The object with an ``error`` member, or with words in the place of choices, decoded.

    Returns:
        The error of the class that the same complaint would have been as an HTTP status, where a status in it or its code
        tells which, so that whoever handles rate limits need not know when they are told; else an
        :class:`~nbchat.errors.APIError`. Its kind is ``api_error`` either way.

    Example:
        >>> error = api_error({"error": {"message": "Slow down", "code": "rate_limit_exceeded"}})
        >>> type(error).__name__, error.kind
        ('RateLimitError', 'api_error')
    """
    complaint = _read(dict(data))
    words = _short(_words(complaint, data.get("error", data)))
    sentence = f"The server reported an error: {words or 'it gave no reason.'}"
    overflow = overflow_of(complaint.message, status=complaint.status, codes=(complaint.code,), body=data)
    if overflow is not None:
        return _too_long(overflow, sentence, complaint, kind="api_error", status=complaint.status)
    known = status_error(complaint.status, complaint.code)
    return (known or APIError)(
        sentence,
        kind="api_error",
        status=complaint.status,
        code=complaint.code,
        param=complaint.param,
        request_id=complaint.request_id,
        hint="Try again." if known is None else None,
    )


def _too_long(
    overflow: Overflow, sentence: str, complaint: _Complaint, *, kind: Kind | None = None, status: int | None
) -> ContextLengthError:
    error = ContextLengthError(
        f"{overflow} {sentence}",
        kind=kind,
        status=status,
        code=complaint.code,
        param=complaint.param,
        request_id=complaint.request_id,
        hint="Send fewer or shorter messages.",
    )
    error.prompt_tokens, error.limit, error.answer_tokens = (
        overflow.prompt_tokens,
        overflow.limit,
        overflow.answer_tokens,
    )
    return error
