"""The request that a session would send next, to be read, copied and run elsewhere: as JSON, as curl, as Python."""

from __future__ import annotations

import json
import pprint
import shlex
from typing import Any

from nbchat.client.endpoint import route
from nbchat.session.session import Session
from nbchat.wire.decode import without_surrogates

__all__ = ["next_request", "preview"]

# Where a request to the embedded model, which has no address, could be sent to as it is.
_ANYWHERE = "$OPENAI_BASE_URL"
_PRINTED = 100  # columns of the Python form


def next_request(session: Session, question: Any = None) -> dict[str, Any]:
    """Return the body that would be sent for *question*, member by member.

    Args:
        session: The session.
        question: The content of the user's message; ``None`` for none yet.

    Example:
        >>> next_request(Session("gpt-4o", temperature=0.5), "Hi")["temperature"]
        0.5
    """
    fields = session.parameters.to_dict()
    extra = fields.pop("extra_body", None) or {}
    _, model = route(session.client.endpoint, session.parameters.model)
    if model:
        fields["model"] = model
    messages = [*session.messages, *([{"role": "user", "content": question}] if question else [])]
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    return without_surrogates({**fields, "messages": messages, **streamed, **extra})  # type: ignore[no-any-return]


def preview(session: Session, question: Any = None) -> dict[str, str]:
    """Return the next request in three forms: ``json``, ``curl`` and ``python``. No key is in any of them."""
    body = next_request(session, question)
    endpoint = session.endpoint
    text = json.dumps(body, indent=2, ensure_ascii=False)
    address = _ANYWHERE if endpoint.embedded else endpoint.base_url
    quoted = f'"{address}/chat/completions"' if endpoint.embedded else shlex.quote(f"{address}/chat/completions")
    key = ' \\\n  -H "Authorization: Bearer $OPENAI_API_KEY"' if endpoint.api_key or endpoint.embedded else ""
    curl = f'curl -N {quoted} \\\n  -H "Content-Type: application/json"{key} \\\n  -d {shlex.quote(text)}'
    return {"json": text, "curl": curl, "python": _python(body, None if endpoint.embedded else endpoint.base_url)}


def _python(body: dict[str, Any], base_url: str | None) -> str:
    """Return a call that sends the body; members that the official client does not know go into extra_body."""
    lines = [
        f"    {name}={_indented(pprint.pformat(value, width=_PRINTED, sort_dicts=False), len(name) + 5)},"
        for name, value in body.items()
        if name.isidentifier()
    ]
    odd = {name: value for name, value in body.items() if not name.isidentifier()}
    if odd:
        lines.append(f"    extra_body={odd!r},")
    client = f"Client(base_url={base_url!r})" if base_url else "Client()"
    return "\n".join(
        [
            "from nbchat import Client",
            "",
            f"client = {client}",
            "for chunk in client.chat.completions.create(",
            *lines,
            "):",
            "    for choice in chunk.choices:",
            '        print(choice.delta.content or "", end="")',
        ]
    )


def _indented(text: str, width: int) -> str:
    return text.replace("\n", "\n" + " " * width)
