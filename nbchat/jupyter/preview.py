"""The request that a session would send next, to be read, copied and run elsewhere: as JSON, as curl, as Python."""

from __future__ import annotations

import json
import keyword
import pprint
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nbchat.attachments.seen import shortened
from nbchat.client.endpoint import Endpoint, resolve
from nbchat.client.secret import Secret
from nbchat.session.session import Session
from nbchat.wire.decode import without_surrogates

__all__ = ["preview"]

_PRINTED = 100  # columns of the Python form
# Arguments of the client's method that are no fields of the request: a field of such a name goes into extra_body.
_OPTIONS = frozenset({"extra_body", "extra_headers", "extra_query", "self", "timeout"})
_CALL = "/chat/completions"
# A shell gives a command no argument of more than 128 KiB (Linux): a longer body goes in by the standard input, up to this
# line, which no JSON has.
_ARGUMENT, _END = 100_000, "END_OF_REQUEST"
# What stands around the arguments of a call, and prints its answer.
_STREAMED = (
    "for chunk in client.chat.completions.create(",
    "):",
    "    for choice in chunk.choices:",
    '        print(choice.delta.content or "", end="")',
)
_WHOLE = (
    "answer = client.chat.completions.create(",
    ")",
    "for choice in answer.choices:",
    "    print(choice.message.content)",
)
# What means something to a shell between double quotes.
_DOUBLED = re.compile(r'[\\"$`]')


@dataclass(frozen=True)
class _Variable:
    """The name of an environment variable, where something secret stands."""

    name: str


_Text = Sequence[str | _Variable]


def preview(session: Session, question: Any = None, whole: bool = False) -> dict[str, Any]:
    """Return the next request in three forms: ``json``, ``curl`` and ``python``.

    The address, the header of the key and the model's name are those of the server that answers. No key is in any form:
    a key, a header that the user set and a value in the address's query stand there as environment variables.

    Args:
        session: The session.
        question: The content of the user's message; ``None`` for none yet.
        whole: Whether the data of pictures, sounds and files is there as it is sent, or in a few words, for reading.

    Returns:
        The forms; and under ``shortened`` whether any data is missing in them.
    """
    endpoint, full = session.endpoint, without_surrogates(session.request(question or ""))
    body = full if whole else shortened(full)
    text = json.dumps(body, indent=2, ensure_ascii=False)
    forms = {"json": text, "curl": _curl(endpoint, body, text), "python": _python(endpoint, body)}
    return {**forms, "shortened": body != full}


# ---- what is in the address and the headers ------------------------------------------------------------------------


def _address(endpoint: Endpoint, model: str | None) -> tuple[str, _Text]:
    """Return where a request goes, without the name of the call, and the query behind it."""
    address, _, query = endpoint.url(_CALL[1:], model).partition("?")
    parts: list[str | _Variable] = []
    for number, pair in enumerate(query.split("&") if query else ()):
        name, equals, value = pair.partition("=")
        parts.append(f"{'&' if number else '?'}{name}{equals}")
        # Gateways have keys in it; Azure's version is none, and no request is right without it.
        parts.append(value if name == "api-version" or not value else _variable_for(name))
    return address.removesuffix(_CALL), parts


def _variable_for(name: str) -> _Variable:
    """Return a variable for a header or a member of the query, named after it."""
    return _Variable(re.sub(r"\W", "_", name, flags=re.ASCII).upper().lstrip("0123456789") or "VALUE")


def _key(endpoint: Endpoint) -> _Variable | None:
    """Return the variable that holds the server's key, or should; ``None`` where none is needed."""
    source = endpoint.key_source if endpoint.api_key is not None else endpoint.key_missing
    if source is None and not endpoint.embedded:
        return None
    if source is not None and source.isascii() and source.isidentifier():
        return _Variable(source)
    # It was given as an argument: the name that the official SDK has for it.
    return _Variable("AZURE_OPENAI_API_KEY" if endpoint.auth == "api-key" else "OPENAI_API_KEY")


def _authorization(endpoint: Endpoint) -> dict[str, _Text]:
    """Return the header with the server's key, if it needs one."""
    key = _key(endpoint)
    if key is None:
        return {}
    return {"api-key": [key]} if endpoint.auth == "api-key" else {"Authorization": ["Bearer ", key]}


def _own_headers(endpoint: Endpoint) -> dict[str, _Text]:
    """Return the headers that the user set, any of which may be a key."""
    return {name: [_variable_for(name)] for name in endpoint.headers}


# ---- the forms -----------------------------------------------------------------------------------------------------


def _curl(endpoint: Endpoint, body: Mapping[str, Any], text: str) -> str:
    # A request to the embedded model, which has no address, could be sent anywhere as it is.
    address, query = ("", []) if endpoint.embedded else _address(endpoint, body.get("model"))
    place: _Text = [_Variable("OPENAI_BASE_URL"), _CALL] if endpoint.embedded else [address + _CALL, *query]
    headers = {"Content-Type": ["application/json"], **_own_headers(endpoint), **_authorization(endpoint)}
    unchecked = " --insecure" if endpoint.verify is False else ""
    return " \\\n  ".join(
        [
            f"curl -N{unchecked} {_shell(place)}",
            *(f"-H {_shell([f'{name}: ', *value])}" for name, value in headers.items()),
            f"-d {shlex.quote(text)}"
            if len(text.encode()) < _ARGUMENT
            else f"--data-binary @- <<'{_END}'\n{text}\n{_END}",
        ]
    )


def _shell(parts: _Text) -> str:
    """Return a text as one word of a shell, in which variables are replaced and nothing else is."""
    if not any(isinstance(part, _Variable) for part in parts):
        return shlex.quote("".join(map(str, parts)))
    inside = [f"${p.name}" if isinstance(p, _Variable) else _DOUBLED.sub(r"\\\g<0>", p) for p in parts]
    return f'"{"".join(inside)}"'


def _python(endpoint: Endpoint, body: Mapping[str, Any]) -> str:
    """Return a call that sends the body to its server; members that are no arguments go into extra_body."""
    # None as an argument means "not sent".
    odd = {name: value for name, value in body.items() if value is None or not _argument(name)}
    lines = [
        f"    {name}={_indented(pprint.pformat(value, width=_PRINTED, sort_dicts=False), len(name) + 5)},"
        for name, value in body.items()
        if name not in odd
    ]
    if odd:
        lines.append(f"    extra_body={odd!r},")
    client = _client(endpoint, body.get("model"))
    begin, *end = _STREAMED if body.get("stream") else _WHOLE
    imports = ["import os", ""] if "os.environ" in client else []
    return "\n".join([*imports, "from nbchat import Client", "", f"client = {client}", begin, *lines, *end])


def _argument(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name not in _OPTIONS


def _client(endpoint: Endpoint, model: str | None) -> str:
    """Return the making of a client that talks to a server in its way."""
    if endpoint.embedded:
        return "Client()"
    address, query = _address(endpoint, model)
    arguments = [_expression([address, *query])]
    headers, key = _own_headers(endpoint), _key(endpoint)
    if key is not None:
        # A client that is given an address finds out by itself how its key goes, but for what only configuration says.
        if resolve(endpoint.url(_CALL[1:], model), Secret("key")).auth == endpoint.auth:
            arguments.append(f"api_key={_expression([key])}")
        else:
            headers |= _authorization(endpoint)
    if headers:
        inside = ", ".join(f"{name!r}: {_expression(value)}" for name, value in headers.items())
        arguments.append(f"headers={{{inside}}}")
    if endpoint.verify is False:
        arguments.append("verify=False")
    if len(arguments) == 1:
        return f"Client({arguments[0]})"
    return "\n".join(["Client(", *(f"    {argument}," for argument in arguments), ")"])


def _expression(parts: _Text) -> str:
    """Return a text as an expression of Python's, in which variables are looked up."""
    texts: list[str] = []
    for kind, together in groupby(parts, type):
        if kind is str:
            texts.append(repr("".join(map(str, together))))
        else:
            texts += [f'os.environ["{part.name}"]' for part in together if isinstance(part, _Variable)]
    return " + ".join(texts)


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)
