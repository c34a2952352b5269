"""Chat Completions as users of the official Python SDK know them: the same calls, the same names on what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self, overload

from nbchat.client import portal
from nbchat.client.catalogue import Catalogue
from nbchat.client.endpoint import Endpoint, Verify, default_notice, resolve, tell
from nbchat.client.http import Http, Options
from nbchat.client.secret import Secret, SecretHeaders
from nbchat.client.stream import Stream
from nbchat.client.timeouts import Timeout
from nbchat.errors import ConfigurationError
from nbchat.wire.limits import RateLimits
from nbchat.wire.messages import ChatCompletion, ModelList
from nbchat.wire.values import Value, plain

__all__ = ["Client"]

Messages = Sequence[Mapping[str, Any] | Value]


class Client:
    """A client of one server that speaks the Chat Completions API.

    Args:
        base_url: Where the API is (``"http://cluster:8000/v1"``, or an :class:`httpx.URL`); ``None`` for the configured one, else
            ``OPENAI_BASE_URL``, else OpenAI if there is a key, else the embedded model.
        api_key: The key for that server; ``None`` for the configured one or ``OPENAI_API_KEY``, where they belong to
            the same server.
        timeout: Seconds to wait in each phase; or a dict of seconds with any of ``connect`` (default 10),
            ``first_byte`` (600) and ``between_chunks`` (120); or an :class:`httpx.Timeout`.
        max_retries: How often a request is sent again, after the first time, when it fails in a way that may pass
            (default 2).
        headers: Headers sent with every request to that server.
        verify: How that server's certificate is checked: ``True`` as ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` say, else
            against the public authorities; the path of a file or folder of authorities; an :class:`ssl.SSLContext`;
            ``False`` not at all, which is told once. ``None`` for the configured way.
        max_event_bytes: How large one event of a stream, or a whole answer that is not streamed, may be in bytes
            when it is unpacked (default 64 MiB): what is larger is an error, before it fills the memory.

    Models that name another endpoint (``"groq/llama-3.3-70b"``) are asked there, with the address, key, headers and
    ``verify`` of that endpoint; *timeout*, *max_retries* and *max_event_bytes* hold for them too.

    Raises:
        ConfigurationError: The address, a timeout or a size is not one.

    Example:
        >>> from nbchat import Client
        >>> client = Client()
        >>> answer = client.chat.completions.create(model="local", messages=[{"role": "user", "content": "Hi"}])
        >>> print(answer.choices[0].message.content)  # doctest: +SKIP
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | Secret | None = None,
        *,
        timeout: Timeout = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        verify: Verify | None = None,
        max_event_bytes: int | None = None,
    ) -> None:
        # First of all the secrets go under cover: whatever raises below shows its locals in some tracebacks.
        api_key = Secret.cover(api_key)
        headers = SecretHeaders(headers)
        headers.checked()
        endpoint = resolve(base_url, api_key)
        if headers:
            endpoint = replace(endpoint, headers=headers)
        if verify is not None:
            endpoint = replace(endpoint, verify=verify)
        self.http = Http(endpoint, timeout, max_retries, max_event_bytes)
        self.chat = Chat(self.http)
        self.models = Models(self.http)
        self.catalogue = Catalogue(self.http)

    def __repr__(self) -> str:
        # One that could not be made has no address yet, and shows in the traceback that says so.
        return f"Client({self.base_url!r})" if hasattr(self, "http") else "Client()"

    @property
    def endpoint(self) -> Endpoint:
        """The server this client talks to."""
        return self.http.endpoint

    @property
    def base_url(self) -> str:
        """Where the API is."""
        return self.endpoint.base_url

    @property
    def rate_limits(self) -> RateLimits | None:
        """What the server said about its limits with its last answer; ``None`` where it said nothing.

        The server is that at :attr:`base_url`; what named endpoints say is theirs.
        """
        return self.http.rate_limits(self.endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A client that is used again opens new ones."""
        portal.run(self.http.close())

    async def aclose(self) -> None:
        """Close the connections, from async code."""
        await portal.run_from_anywhere(self.http.close())

    def warm_up(self) -> None:
        """Load certificates and make the connection pool in the background, so that the first question need not."""
        portal.start(self.http.pool.open() if self.endpoint.embedded else self.http.pool.warm_up())


class Chat:
    """The namespace ``client.chat``."""

    def __init__(self, http: Http) -> None:
        self.completions = Completions(http)


class Completions:
    """``client.chat.completions``: questions and answers."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @overload
    def create(
        self, *, messages: Messages, model: str | None = None, stream: Literal[True], **fields: Any
    ) -> Stream: ...
    @overload
    def create(
        self, *, messages: Messages, model: str | None = None, stream: Literal[False] | None = None, **fields: Any
    ) -> ChatCompletion: ...
    def create(
        self, *, messages: Messages, model: str | None = None, stream: bool | None = None, **fields: Any
    ) -> ChatCompletion | Stream:
        """Ask, and wait for the answer (or, with ``stream=True``, for its beginning).

        Args:
            messages: The conversation, in the API's shape. Messages of earlier answers may be put in as they are.
            model: The model's name; ``"local"`` and ``"local:PATH.gguf"`` are the embedded model and any GGUF file,
                ``"NAME/MODEL"`` a model of the endpoint of that name.
            stream: Whether to return a :class:`Stream` of chunks.
            **fields: Every other field of the request. ``None`` means "not sent". As in the official SDK,
                ``extra_body`` is merged into the request last, ``extra_headers`` and ``extra_query`` go with it, and
                ``timeout`` holds for this request.

        Returns:
            The answer, or a stream of chunks to iterate over.

        Raises:
            NbchatError: Anything that went wrong; see :mod:`nbchat.errors`.

        Example:
            >>> for chunk in client.chat.completions.create(model="local", messages=messages, stream=True):
            ...     print(chunk.choices[0].delta.content or "", end="")  # doctest: +SKIP
        """
        tell(default_notice(self._http.endpoint, model))
        body, options = _request(messages, model, stream, fields)
        if stream:
            return Stream(self._http, body, options).wait_until_open()
        return portal.run(self._http.complete(body, options))

    @overload
    async def acreate(
        self, *, messages: Messages, model: str | None = None, stream: Literal[True], **fields: Any
    ) -> Stream: ...
    @overload
    async def acreate(
        self, *, messages: Messages, model: str | None = None, stream: Literal[False] | None = None, **fields: Any
    ) -> ChatCompletion: ...
    async def acreate(
        self, *, messages: Messages, model: str | None = None, stream: bool | None = None, **fields: Any
    ) -> ChatCompletion | Stream:
        """Do what :meth:`create` does, from async code in any event loop; a stream is read with ``async for``."""
        tell(default_notice(self._http.endpoint, model))
        body, options = _request(messages, model, stream, fields)
        if stream:
            return await Stream(self._http, body, options).wait_until_open_async()
        return await portal.run_from_anywhere(self._http.complete(body, options))


class Models:
    """``client.models``: what the server offers."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def list(self) -> ModelList:
        """Return the models that the server offers.

        Raises:
            NbchatError: The server can't be asked or gave no list.

        Example:
            >>> [model.id for model in client.models.list()]  # doctest: +SKIP
        """
        return portal.run(self._http.models())

    async def alist(self) -> ModelList:
        """Do what :meth:`list` does, from async code."""
        return await portal.run_from_anywhere(self._http.models())


def _request(
    messages: Messages, model: str | None, stream: bool | None, fields: dict[str, Any]
) -> tuple[dict[str, Any], Options]:
    """Split what a caller gave into the request's body and the options of sending it.

    Raises:
        ConfigurationError: The messages are no list of messages, a header can't be sent, or extra_body is no dict.
    """
    extra = fields.pop("extra_body", None) or {}
    if not isinstance(extra, Mapping):
        raise ConfigurationError('extra_body is a dict of request fields, such as {"top_k": 20}.')
    options = Options(
        headers=SecretHeaders(fields.pop("extra_headers", None)).checked(),
        query=fields.pop("extra_query", None),
        timeout=fields.pop("timeout", None),
        fixed=frozenset(extra),
    )
    if isinstance(messages, str | Mapping) or not isinstance(messages, Iterable):
        raise ConfigurationError('messages is a list, such as [{"role": "user", "content": "Hi"}].')
    body = {"model": model, "messages": list(messages), "stream": stream, **fields}
    return plain({**{name: value for name, value in body.items() if value is not None}, **extra}), options
