"""What a user sets once for all notebooks: ``c.NBChat.…`` in ``ipython_config.py`` or ``--NBChat.…`` on a command line."""

from __future__ import annotations

import ast
from typing import Any

from traitlets import Bool, CInt, Dict, Enum, Float, List, TraitError, Unicode, Union, validate
from traitlets.config import Application, SingletonConfigurable

from nbchat.wire.sse import MAX_EVENT_BYTES

__all__ = ["NBChat", "settings"]


class _Literals(Dict):
    """A dict that a command line may also give item by item, as in ``--NBChat.parameters temperature=0.2``."""

    def item_from_string(self, s: str) -> dict[str, Any]:
        """Read one item; traitlets would keep every value as text."""
        items: dict[str, Any] = super().item_from_string(s)
        return {name: _literal(value) for name, value in items.items()}


def _literal(text: Any) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


class NBChat(SingletonConfigurable):
    """The defaults of every client and session that is not told otherwise.

    There is no trait for a key on purpose: configuration files are shared and shown. ``api_key_env`` names the
    environment variable that holds it.

    Example:
        In ``ipython_config.py``::

            c.NBChat.base_url = "http://cluster:8000/v1"
            c.NBChat.model = "llama-3.3-70b"
            c.NBChat.parameters = {"temperature": 0.2}
            c.NBChat.endpoints = {"groq": {"base_url": "https://api.groq.com/openai/v1", "api_key_env": "GROQ_API_KEY"}}
    """

    base_url = Unicode(None, allow_none=True, help="Where the API is, such as http://cluster:8000/v1.").tag(config=True)
    api_key_env = Unicode(None, allow_none=True, help="The environment variable that holds the key for base_url.").tag(
        config=True
    )
    model = Unicode(None, allow_none=True, help="The model that answers where none is named.").tag(config=True)
    system = Unicode(None, allow_none=True, help="The system message of new sessions.").tag(config=True)
    context = Enum(
        ["error", "trim"],
        "error",
        help="What new sessions do when a conversation no longer fits: fail, or leave the oldest turns out.",
    ).tag(config=True)
    parameters = _Literals(help="Request fields of new sessions, such as {'temperature': 0.2}.").tag(config=True)
    attach = _Literals(
        help="Bounds of what is attached to a question: file_bytes, image_side (pixels), table_tokens, text_tokens."
    ).tag(config=True)
    starters = List(
        Unicode(),
        default_value=None,
        allow_none=True,
        help="The questions that an empty panel offers, in place of nbchat's own; an empty list for none.",
    ).tag(config=True)
    headers = Dict(help="Headers sent with every request to base_url.").tag(config=True)
    verify = Union(
        [Bool(), Unicode()],
        default_value=True,
        help="Whether certificates are checked; or the file, or folder, of the authorities that sign them.",
    ).tag(config=True)
    endpoints = _Literals(
        help="Further endpoints by name, asked as model='NAME/MODEL': dicts of base_url, api_key_env, model, headers, "
        "verify, timeout, max_retries, max_event_bytes, api_version, auth."
    ).tag(config=True)
    timeout = Union(
        [Float(), _Literals()],
        default_value=None,
        allow_none=True,
        help="Seconds to wait in each phase, or a dict of seconds: connect, first_byte, between_chunks.",
    ).tag(config=True)
    max_retries = CInt(2, min=0, help="How often a request is tried again after the first time.").tag(config=True)
    max_event_bytes = CInt(
        MAX_EVENT_BYTES,
        min=1,
        help="How large one event of a stream, or a whole answer that is not streamed, may be in bytes.",
    ).tag(config=True)

    @validate("endpoints")
    def _asked_by_name(self, proposal: dict[str, Any]) -> dict[str, Any]:
        for name in proposal["value"]:
            if not isinstance(name, str) or not name.strip() or "/" in name:
                raise TraitError(
                    f"c.NBChat.endpoints has the name {name!r}: a name is text without a slash, as in model='NAME/MODEL'."
                )
        endpoints: dict[str, Any] = proposal["value"]
        return endpoints


def settings() -> NBChat:
    """Return the configuration, read from the running Jupyter or IPython application the first time."""
    if not NBChat.initialized():
        options: dict[str, Any] = {"config": Application.instance().config} if Application.initialized() else {}
        return NBChat.instance(**options)
    return NBChat.instance()
