"""What of an answer goes back to a server with the next question, and to which server.

Servers differ in what they need back and in what they refuse; tests/wire/README.md names the source of each rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any, NamedTuple

from nbchat.wire.media import Part, media_parts
from nbchat.wire.messages import content_text

__all__ = ["Receiver", "request_message", "request_messages", "seen_after", "server_mark"]

# What the API itself knows in an assistant's message. Whatever else a server adds is for reading, and some refuse what
# they do not know, even if they said it themselves (Groq, Cerebras, Mistral), but for these:
_STANDARD = frozenset({"role", "content", "refusal", "name", "audio"})
# what a model goes on from, which goes back as it came: OpenRouter and MiniMax, Gemini, LiteLLM, Copilot.
_OPAQUE = frozenset({"reasoning_details", "extra_content", "thinking_blocks", "reasoning_opaque"})
_CALL = frozenset({"id", "type", "function", "custom"})


class Receiver(NamedTuple):
    """Who gets a request.

    Attributes:
        server: The server's mark, see :func:`server_mark`; ``None`` for whichever answered before.
        model: The model that is asked for, if one is.
        sees: Whether it takes anything but text. What tools gave stays in the conversation for those that do.
    """

    server: str | None = None
    model: str | None = None
    sees: bool = True

    def is_server_of(self, server: str | None) -> bool:
        """Whether a message's members of its server's own are for this one; where that is not known, they are."""
        return server is None or self.server is None or server == self.server


class Said(NamedTuple):
    """A message as it is kept, and whose it is.

    Attributes:
        message: The message.
        server: The mark of the server that said it; ``None`` where that is not known, or nobody did.
        model: The model that was asked for when it was said.
    """

    message: Mapping[str, Any]
    server: str | None = None
    model: str | None = None

    @property
    def role(self) -> Any:
        return self.message.get("role")


_ANYBODY = Receiver()


def server_mark(base_url: str) -> str:
    """Return what tells a server from others without naming it, for what is kept and may be shared.

    Example:
        >>> server_mark("https://api.openai.com/v1")
        '207e1e8e17b5'
    """
    return hashlib.blake2s(base_url.encode(), digest_size=6).hexdigest()


def request_messages(said: Sequence[Said], receiver: Receiver = _ANYBODY) -> list[dict[str, Any]]:
    """Return messages as a request to *receiver* carries them.

    The API takes nothing but text as the result of a tool: pictures follow in a message of their own.
    """
    thinking = _in_tool_turns(said)
    kept = [one.message for one in said]
    messages = []
    for number, one in enumerate(said):
        own = receiver.is_server_of(one.server)
        after = said[number + 1 : number + 2] if one.role == "assistant" else ()
        messages.append(
            request_message(
                one.message,
                # Identifiers need not be unique in a conversation: some servers count their calls from 0 in each answer.
                answered=frozenset(
                    tool.message.get("tool_call_id") for tool in takewhile(_is_result, islice(said, number + 1, None))
                ),
                own=own,
                thoughts=own and number in thinking,
                same_model=one.model == receiver.model,
                function_answered=bool(after) and after[0].role == "function",
            )
        )
        if to_see := seen_after(kept, number, receiver):
            messages.append({"role": "user", "content": to_see})
    return messages


def seen_after(messages: Sequence[Mapping[str, Any]], number: int, receiver: Receiver) -> list[Part]:
    """Return what a request has between a message and the next one: what is no text in the results that end there.

    Args:
        messages: The messages as they are kept.
        number: Which of them.
        receiver: Who gets the request; those that take only text get none of it.
    """
    after = number + 1
    if not receiver.sees or (after < len(messages) and messages[after].get("role") == "tool"):
        return []
    first = after
    while first and messages[first - 1].get("role") == "tool":
        first -= 1
    return [part for message in messages[first:after] for part in _to_see(message)]


def _to_see(result: Mapping[str, Any]) -> list[Part]:
    """Return what of a tool's result is no text, after a line that says whose it is."""
    parts = media_parts(result.get("content"))
    return [{"type": "text", "text": f"Returned by {result.get('tool_call_id')}:"}, *parts] if parts else []


def _is_result(said: Said) -> bool:
    return bool(said.role == "tool")


def _in_tool_turns(said: Sequence[Said]) -> set[int]:
    """Return which messages belong to a turn, from one question to the next, in which tools were called."""
    found: set[int] = set()
    begin = 0
    for number in range(len(said) + 1):
        if number == len(said) or said[number].role == "user":
            if any(one.role == "tool" for one in said[begin:number]):
                found.update(range(begin, number))
            begin = number
    return found


def request_message(
    message: Mapping[str, Any],
    *,
    answered: Container[Any] = frozenset(),
    own: bool = True,
    thoughts: bool = False,
    same_model: bool = True,
    function_answered: bool = False,
) -> dict[str, Any]:
    """Return a message as a request carries it.

    Args:
        message: The message as it is kept.
        answered: The identifiers of the tool calls that the messages after it answer; the others are left out, as a
            request with unanswered calls is refused.
        own: Whether the request goes to the server that said it: what only that server knows is left out otherwise.
        thoughts: Whether the text of the reasoning goes back. In a turn that called tools DeepSeek and Kimi answer 400
            without it; in one that did not, DeepSeek's first reasoning models answered 400 with it.
        same_model: Whether the model is the one that was asked then.
        function_answered: Whether the next message answers its ``function_call``, as calls were before tools.
    """
    if message.get("role") != "assistant":
        sent = {name: value for name, value in message.items() if value is not None}
        sent.setdefault("content", "")
        if message.get("role") == "tool" and not isinstance(sent["content"], str):
            sent["content"] = content_text(list(sent["content"]))
        return sent
    sent = {name: value for name, value in message.items() if value is not None and _goes_back(name, own=own)}
    if isinstance(content := sent.get("content"), list):  # thoughts and references are nothing that the API knows here
        sent["content"] = content_text(content)
    if thoughts:
        sent |= _thoughts(message, sent, same_model=same_model)
    calls = [
        dict(call) if own else {name: value for name, value in call.items() if name in _CALL}
        for call in message.get("tool_calls") or ()
        if call.get("id") in answered
    ]
    if calls:
        sent["tool_calls"] = calls
    if function_answered and message.get("function_call"):
        sent["function_call"] = message["function_call"]
    sent.setdefault("content", None if calls or "function_call" in sent else "")
    if isinstance(sent.get("audio"), Mapping):
        sent["audio"] = {"id": sent["audio"].get("id")}
    return sent


def _goes_back(name: str, *, own: bool) -> bool:
    return name in _STANDARD or (own and (name in _OPAQUE or "signature" in name))


def _thoughts(message: Mapping[str, Any], sent: Mapping[str, Any], *, same_model: bool) -> dict[str, Any]:
    """Return the text of the reasoning under the name that its server gave it, which is the one that it takes."""
    if text := message.get("reasoning_content"):
        return {"reasoning_content": text}
    # Groq refuses it with a model that does not reason; with reasoning_details it would be said twice.
    text = message.get("reasoning")
    return {"reasoning": text} if text and same_model and "reasoning_details" not in sent else {}
