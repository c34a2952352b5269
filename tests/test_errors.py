"""Errors: each thing a user would handle differently is a class, and each says what happened and what to do."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED
from scripted import PATIENCE, TESTS, Reply, ScriptedServer, chunk

from nbchat import Client, Session
from nbchat.client.endpoint import Endpoint
from nbchat.client.failures import translate
from nbchat.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ContextLengthError,
    NbchatError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaError,
    RateLimitError,
    ServerError,
    status_error,
)
from nbchat.wire.complaints import api_error, read_error

QUESTION = [{"role": "user", "content": "Hi"}]
KEY = "sk-secret-key-0123456789"


def failure(client: Client, *, stream: bool = False, **fields: Any) -> NbchatError:
    with pytest.raises(NbchatError) as caught:
        answer = client.chat.completions.create(model="m", messages=QUESTION, stream=stream, **fields)
        if stream:
            list(answer)
    return caught.value


# ---- classes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, None, BadRequestError),
        (413, None, BadRequestError),
        (422, None, BadRequestError),
        (400, "context_length_exceeded", ContextLengthError),
        (401, None, AuthenticationError),
        (400, "invalid_api_key", AuthenticationError),
        (402, None, QuotaError),
        (403, None, PermissionDeniedError),
        (404, None, NotFoundError),
        (409, None, ConflictError),
        (429, "rate_limit_exceeded", RateLimitError),
        (429, "insufficient_quota", QuotaError),
        (500, None, ServerError),
        (502, None, ServerError),
        (503, None, OverloadedError),
        (529, "overloaded_error", OverloadedError),
        (500, "overloaded_error", OverloadedError),
        (418, None, APIStatusError),
    ],
)
def test_each_refusal_has_its_class(status: int, code: str | None, kind: type[APIStatusError]):
    """What a user would handle differently is a class of its own, by status and by code."""
    assert status_error(status, code) is kind


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        ({"message": "Slow down", "code": "rate_limit_exceeded"}, RateLimitError, "Wait a little"),
        ({"message": "Slow down", "type": "rate_limit_error"}, RateLimitError, "Wait a little"),
        ({"message": "Slow down", "code": 429}, RateLimitError, "Wait a little"),
        ({"message": "Slow down", "code": "429"}, RateLimitError, "Wait a little"),
        ({"message": "Used up", "code": "insufficient_quota"}, QuotaError, "no credit left"),
        ({"message": "Used up", "code": 402}, QuotaError, "no credit left"),
        ({"message": "Overloaded", "type": "overloaded_error"}, OverloadedError, "another model"),
        ({"message": "Busy", "code": 503}, OverloadedError, "another model"),
        ({"message": "Provider error", "code": 502}, ServerError, "the server's fault"),
        (
            {"message": "Who?", "type": "authentication_error"},
            AuthenticationError,
            "Is the key from the argument api_key",
        ),
        ({"message": "Who?", "code": 401}, AuthenticationError, "Is the key from the argument api_key"),
        ({"message": "No", "code": 403}, PermissionDeniedError, "may not do this"),
        ({"message": "prompt is too long: 9 tokens > 8 maximum"}, ContextLengthError, "fewer or shorter messages"),
        ({"message": "Something broke", "type": "server_error"}, APIError, "Try again."),
        ("Something broke", APIError, "Try again."),
    ],
)
def test_an_error_inside_an_answer_has_its_class(
    server: ScriptedServer, error: Any, kind: type[NbchatError], hint: str
):
    """What a server says inside an answer is the class that it would be as a status, where its code or status tells."""
    server.stream(chunk("so far"), {"error": error}, done=False)
    client, texts = Client(server.url, "sk-1"), []
    with pytest.raises(NbchatError) as caught:
        for piece in client.chat.completions.create(model="m", messages=QUESTION, stream=True):
            texts.append(piece.choices[0].delta.content)
    assert (type(caught.value), caught.value.kind, texts, len(server.requests)) == (kind, "api_error", ["so far"], 1)
    assert hint in str(caught.value)


def test_whoever_handles_rate_limits_need_not_know_where_they_are_told(server: ScriptedServer):
    """One except clause catches a rate limit as a status, inside a stream, and in a whole answer with status 200."""
    told = {"error": {"message": "Slow down", "code": 429}}
    server.error(429, told)
    server.stream(chunk("so far"), told, done=False)
    server.reply(json.dumps(told).encode())
    chat = Session("m", client=Client(server.url, max_retries=0))
    kinds = []
    for streamed in (True, True, False):
        with pytest.raises(RateLimitError) as caught:
            chat.ask({"role": "user", "content": "?"}, streamed=streamed).result(PATIENCE)
        kinds.append((caught.value.kind, caught.value.status))
    assert kinds == [("status", 429), ("api_error", 429), ("api_error", 429)]


def test_a_used_up_quota_is_caught_as_the_official_sdk_raises_it():
    """Code that expects RateLimitError for a used-up quota still catches it, as overload is still a server's error."""
    assert issubclass(QuotaError, RateLimitError)
    assert issubclass(OverloadedError, ServerError)
    assert issubclass(APITimeoutError, APIConnectionError)


@pytest.mark.parametrize(
    "words", ["Incorrect API key provided: xai-…", "API key not valid. Please pass a valid API key."]
)
def test_a_wrong_key_is_known_by_words_where_the_status_is_400(words: str):
    """xAI and Gemini answer a wrong key with status 400: it is an authentication error all the same."""
    assert isinstance(read_error(400, json.dumps({"error": words}).encode()), AuthenticationError)


def every_error() -> list[NbchatError]:
    details = {
        "status": 429, "code": "c", "param": "p", "request_id": "r", "retry_after": 3.0, "hint": "Do.", "kind": "status",
    }  # fmt: skip
    kinds, found = [NbchatError], []
    for kind in kinds:
        kinds += kind.__subclasses__()
        error = kind("No.", **details)
        error.add_note("seen")
        found.append(error)
    late = APITimeoutError("Late.", phase="first_byte")
    long = ContextLengthError("Long.", status=400)
    long.prompt_tokens, long.limit = 9, 8
    return [*found, late, long]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "through",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_errors_cross_processes_whole(error: NbchatError, through: Callable[[NbchatError], NbchatError]):
    """A copy, and what comes out of another process, has the class, the words and every attribute."""
    # What a cell hangs on an error to show it is a function, which no other process knows.
    error._render_traceback_ = lambda: ["x"]  # type: ignore[attr-defined]
    other = through(error)
    del error._render_traceback_  # type: ignore[attr-defined]
    assert type(other) is type(error)
    assert vars(other) == vars(error)
    assert (str(other), other.args) == (str(error), error.args)


# ---- the server's words --------------------------------------------------------------------------------------------


RAW = json.dumps({"error": {"message": "upstream is busy", "code": "busy"}})
BODIES: list[tuple[Any, str, str | None, str | None]] = [
    ({"error": {"message": "No.", "type": "t", "code": None, "param": None}}, "No.", "t", None),
    ({"error": {"message": "No.", "code": 400, "type": "BadRequestError"}}, "No.", "BadRequestError", None),
    ({"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}, "No.", "INVALID_ARGUMENT", None),
    ([{"error": {"code": 400, "message": "No.", "status": "INVALID_ARGUMENT"}}], "No.", "INVALID_ARGUMENT", None),
    ({"type": "error", "error": {"type": "invalid_request_error", "message": "No."}}, "No.", "invalid_request_error", None),
    ({"error": "No.", "code": "Client specified an invalid argument"}, "No.", "Client specified an invalid argument", None),
    ({"error": {"error": {"message": "No.", "param": "top_p"}}}, "No.", None, "top_p"),
    ({"detail": "No."}, "No.", None, None),
    ({"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": "Field required"}]}, "messages: Field required", "missing", "messages"),
    ({"detail": [{"loc": ["body", "n"], "msg": "No."}, {"loc": ["body", "stop", 0], "msg": "Nor this."}]}, "n: No.; stop.0: Nor this.", None, "n"),
    ({"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "No."}]}}, "x: No.", "extra_forbidden", "x"),
    ({"errors": ["No.", "Nor this."]}, "No.; Nor this.", None, None),
    ({"title": "Bad", "errors": {"n": ["No."]}}, "n: No.", None, None),
    ({"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": RAW}}}, "Provider returned error: upstream is busy", "busy", None),
    ({"error": json.dumps({"error": {"message": "No.", "code": "c"}})}, "No.", "c", None),
    ("No.", "No.", None, None),
    (b"No.", "No.", None, None),
    (b'\xef\xbb\xbf{"message": "No."}', "No.", None, None),
    (b"\xff\xfe No.", "\ufffd\ufffd No.", None, None),
    (b'{"error": {"message": "Caf\\u00e9 \\"x\\" is shut', "Caf", None, None),
    (b'{"error": {"message": "half', "half", None, None),
    (b"{", "", None, None),
    (b"", "", None, None),
    (b"<html><title>502</title></html>", "", None, None),
    (b"null", "", None, None),
    (b"[" * 100_000, "", None, None),
    (b"9" * 10_000, "9" * 500 + "…", None, None),
    ({"error": {"message": "a\ud800b\x1b[31m"}}, "a\ufffdb[31m", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "words", "code", "param"), BODIES)
def test_the_servers_words_are_found(body: Any, words: str, code: str | None, param: str | None):
    """Whatever shape a body has, its words, code and field are read; where there are none the status stands alone."""
    error = read_error(400, body if isinstance(body, bytes) else json.dumps(body).encode())
    assert (error.message, error.code, error.param) == (
        f"The server answered with status 400: {words}" if words else "The server answered with status 400.",
        code,
        param,
    )


NAMES = st.sampled_from(
    ["error", "errors", "message", "detail", "msg", "loc", "code", "type", "param", "metadata", "raw"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just('{"error": "x"}'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
)


@UNHURRIED
@given(JSON)
def test_no_body_breaks_it(body: Any):
    """Whatever a body holds, a refusal and a failure in a stream are errors of ours, with text on one line."""
    for error in (read_error(400, json.dumps(body).encode()), api_error({"error": body})):
        assert error.kind in ("status", "api_error")
        assert all(isinstance(value, str | None) for value in (error.code, error.param, error.request_id))
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", str(error))
        str(error).encode()


def test_an_error_in_a_stream_is_read_as_well_as_a_refusal():
    """The same shapes are read inside an answer: OpenRouter's words of the server behind it, a number that is a status."""
    error = api_error(
        {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": RAW}}, "choices": []}
    )
    assert str(error) == "The server reported an error: Provider returned error: upstream is busy"
    assert (error.kind, error.status, error.code) == ("api_error", 502, "busy")


@pytest.mark.parametrize(
    "header", ["x-request-id", "request-id", "apim-request-id", "x-ms-request-id", "x-amzn-requestid", "cf-ray"]
)
def test_the_request_has_an_identifier(server: ScriptedServer, header: str):
    """Whichever header holds the request's identifier, it is on the error: of a refusal, and of a failure in a stream."""
    server.error(400, {"error": "No."}, **{header: "req-7"})
    server.stream({"error": {"message": "No."}}, headers={header: "req-8"})
    client = Client(server.url)
    assert failure(client).request_id == "req-7"
    assert failure(client, stream=True).request_id == "req-8"


def test_a_compressed_refusal_is_read(server: ScriptedServer):
    """A body in gzip is unpacked, and one that only claims to be leaves the status."""
    body = gzip.compress(b'{"error": {"message": "Too small."}}')
    server.reply(body, status=400, headers={"content-encoding": "gzip"})
    server.reply(b"plain", status=400, headers={"content-encoding": "gzip"})
    client = Client(server.url)
    assert failure(client).message == "The server answered with status 400: Too small."
    assert failure(client).message == "The server answered with status 400."


def test_a_body_without_end_is_not_read_to_its_end(server: ScriptedServer):
    """Of a refusal's body as much is read as a sentence needs, and the connection closed."""
    sent = 0

    def steps() -> Any:
        nonlocal sent
        yield b'{"error": {"message": "Too much'
        while sent < 1 << 30:
            sent += 1 << 20
            yield b"." * (1 << 20)

    server.always(lambda request: Reply(steps(), 400))
    error = failure(Client(server.url))
    assert error.message.startswith("The server answered with status 400: Too much...")
    assert len(error.message) < 600
    assert server.requests[0].closed.wait(PATIENCE)
    assert sent < 1 << 28


# ---- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [200, 401])
def test_no_key_comes_back(server: ScriptedServer, status: int, stream: bool):
    """The key and the values of custom headers are taken out of what a server says, also inside an answer, and cut short."""
    gateway, mine = "gw-0123456789abcdef", "per-request-token-42"
    words = f"Wrong: Bearer {KEY}, {gateway} or {mine}. " + "x" * 400 + f" {KEY} {KEY} {KEY}"
    body = {"error": {"message": words, "code": f"bad {KEY}", "param": gateway}}
    if status == 200 and stream:
        server.stream(body)
    else:
        server.reply(json.dumps(body).encode(), status=status)
    client = Client(server.url, KEY, headers={"X-Gateway": gateway}, max_retries=0)
    error = failure(client, stream=stream, extra_headers={"X-Token": f"Token {mine}"})
    assert "Wrong: " in error.message
    for shown in (str(error), repr(error), repr(vars(error)), repr(error.args)):
        assert not any(secret in shown for secret in (KEY, gateway, mine, KEY[:6], "Bearer sk"))


def test_common_words_stay(server: ScriptedServer):
    """Short values of headers and what every request sends are no secrets, and stay in sentences."""
    server.error(400, {"error": "Send application/json to 127.0.0.1, if true."})
    error = failure(Client(server.url, headers={"X-Flag": "true"}))
    assert "Send application/json to 127.0.0.1, if true." in error.message


# ---- hints ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (401, {"error": "No."}, "Is the key from the argument api_key right?"),
        (402, {"error": "No."}, "no credit left"),
        (403, {"error": "No."}, "The key from the argument api_key may not do this"),
        (
            404,
            {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}},
            "Is the model's name right?",
        ),
        (404, {"detail": "Not Found"}, "Is the base URL right? It is http://127.0.0.1"),
        (404, b"<html>", "Is the base URL right?"),
        (405, b"", "Is the base URL right?"),
        (407, b"", "HTTPS_PROXY"),
        (413, b"", "Send fewer or shorter messages."),
        (429, b"", "Wait a little"),
        (429, {"error": {"message": "No.", "code": "insufficient_quota"}}, "no credit left"),
        (500, b"", "the server's fault"),
        (503, b"", "another model"),
        (529, {"error": {"type": "overloaded_error"}}, "another model"),
    ],
)
def test_each_refusal_says_what_to_do(server: ScriptedServer, status: int, body: Any, hint: str):
    """What to do about a refusal stands behind what happened, on one line."""
    if body:
        server.error(status, body)
    else:
        server.reply(status=status)
    error = failure(Client(server.url, KEY, max_retries=0))
    assert hint in str(error.hint)
    assert str(error) == f"{error.message.rstrip('.')}. {error.hint}"
    assert "\n" not in str(error)


def test_a_missing_key_is_told_from_a_wrong_one(server: ScriptedServer):
    """Without a key the hint says to pass one, and with one in a header it names the headers."""
    for _ in range(2):
        server.error(401, {"error": "No."})
    assert "No key was sent" in failure(Client(server.url)).hint
    assert "key in the headers" in failure(Client(server.url, headers={"api-key": "1234567890"})).hint


def test_a_long_wait_is_told(server: ScriptedServer):
    """A server that asks to wait longer than anybody would is not asked again, and how long it wants is said."""
    server.error(429, {"error": "Tomorrow."}, retry_after="7200")
    error = failure(Client(server.url))
    assert error.hint == "The server asks to wait 2 h before asking again."
    assert (error.retry_after, len(server.requests)) == (7200.0, 1)


def test_nothing_listens_here():
    """A server of one's own that refuses the connection is most likely not running."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = failure(Client(f"http://127.0.0.1:{closed.getsockname()[1]}/v1", max_retries=0))
    assert isinstance(error, APIConnectionError)
    assert "can't be reached: it refused the connection." in error.message
    assert error.hint == "Is the server running, and at that port?"


def test_an_unknown_host_is_told():
    """A name that no host has is told from a server that does not answer."""
    error = failure(Client("http://no-such-host.invalid/v1", max_retries=0))
    assert (error.kind, error.message) == (
        "connection",
        "http://no-such-host.invalid can't be reached: there is no such host.",
    )
    assert "spelt right" in error.hint


def test_a_plain_server_asked_for_tls_is_told(server: ScriptedServer):
    """https:// where http:// is meant is what the hint says."""
    error = failure(Client(server.url.replace("http:", "https:"), max_retries=0))
    assert error.kind == "connection"
    assert "http:// is meant" in error.hint


def test_a_certificate_that_is_not_trusted_names_the_variable():
    """A certificate nobody here trusts names SSL_CERT_FILE."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TESTS / "tls" / "server.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        error = failure(Client(f"https://127.0.0.1:{listener.getsockname()[1]}/v1", max_retries=0))
        thread.join(PATIENCE)
    assert "its certificate is not trusted" in error.message
    assert "SSL_CERT_FILE" in error.hint


@pytest.mark.parametrize(
    ("said", "why", "hint"),
    [
        ("[Errno -2] Name or service not known", "there is no such host", "spelt right"),
        ("Cannot connect to host x:443 ssl:<ssl.SSLContext object at 0x7f> [nodename nor servname provided, or not known]", "there is no such host", "spelt right"),
        ("[Errno 11001] getaddrinfo failed", "there is no such host", "spelt right"),
        ("[Errno -3] Temporary failure in name resolution", "there is no such host", "is there a network"),
        ("[WinError 10061] No connection could be made because the target machine actively refused it", "it refused the connection", "Is it running"),
        ("All connection attempts failed", "it refused the connection", "Is it running"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "it does not speak TLS", "http:// is meant"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate", "its certificate is not trusted", "SSL_CERT_FILE"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired", "its certificate is not valid today", "clock"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'x'", "its certificate is another host's", "the one that is meant"),
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version", "TLS failed ([SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version)", "SSL_CERT_FILE"),
        ("Cannot connect to host x:443 ssl:default [Network is unreachable]", "Cannot connect to host x:443 [Network is unreachable]", "Is it running"),
    ],
)  # fmt: skip
def test_every_systems_words_for_no_connection(said: str, why: str, hint: str):
    """Linux, macOS, Windows and both HTTP libraries say it their own way; a user reads one of a few sentences."""
    endpoint = Endpoint("https://x/v1")
    error = translate(httpx.ConnectError(said), endpoint, httpx.Request("POST", "https://x/v1"))
    assert (error.kind, error.message) == ("connection", f"https://x can't be reached: {why}.")
    assert hint in error.hint


# ---- time-outs -----------------------------------------------------------------------------------------------------


def test_a_connection_that_is_not_taken_in_time():
    """Waiting for a connection has a phase of its own, and says how long it waited."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        # The queue of connections that nobody accepts is full after these.
        waiting = [socket.socket() for _ in range(8)]
        for filler in waiting:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        error = failure(Client(f"http://127.0.0.1:{port}/v1", max_retries=0, timeout={"connect": 0.2}))
        for filler in waiting:
            filler.close()
    assert isinstance(error, APITimeoutError)
    assert (error.kind, error.phase) == ("timeout", "connect")
    assert "did not accept a connection within 0.2 s." in error.message


@pytest.mark.parametrize("headers_first", [False, True])
def test_a_first_byte_that_does_not_come(server: ScriptedServer, headers_first: bool):
    """A server that sends nothing, or headers and then nothing, is late with its first byte."""
    if headers_first:
        server.stream(threading.Event())
    else:
        server.reply(before=threading.Event())
    error = failure(Client(server.url, max_retries=2, timeout={"first_byte": 0.2}), stream=True)
    assert (error.kind, error.phase) == ("timeout", "first_byte")
    assert "did not send the first byte of an answer within 0.2 s. Raise timeout={'first_byte'" in str(error)
    server.wait_for_request()
    assert len(server.requests) == 1


def test_a_chunk_that_does_not_come(server: ScriptedServer):
    """A server that falls silent in the middle is late with its next chunk, and one number holds for each phase alone."""
    server.stream(chunk("one"), threading.Event())
    error = failure(Client(server.url, timeout=0.2), stream=True)
    assert (error.kind, error.phase) == ("timeout", "between_chunks")
    assert "nothing more came within 0.2 s. Raise timeout={'between_chunks'" in str(error)


# ---- sessions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        lambda server: server.error(401, {"error": "No."}),
        lambda server: server.error(400, {"error": "No."}),
        lambda server: server.error(429, {"error": {"code": "insufficient_quota"}}),
        lambda server: server.error(529, {"error": {"type": "overloaded_error"}}),
        lambda server: server.reply(b"<html>", headers={"content-type": "text/html"}),
        lambda server: server.reply(b"{", status=500),
        lambda server: server.stream({"error": {"message": "No."}}),
        lambda server: server.stream(done=False),
        lambda server: server.reply(cut=True),
        lambda server: server.reply(before=threading.Event()),
    ],
)
def test_a_session_goes_on_after_it(server: ScriptedServer, fault: Callable[[ScriptedServer], None]):
    """After a failure the messages are as before and the next question is answered."""
    chat = Session("m", client=Client(server.url, max_retries=0, timeout={"first_byte": 0.5}))
    server.answer("One.")
    chat.send("First?")
    before = chat.messages
    fault(server)
    turn = chat.stream("Second?")
    assert turn.wait(PATIENCE)
    assert (turn.status, chat.messages) == ("failed", before)
    assert turn.error.hint or turn.error.status == 400
    server.answer("Three.")
    assert chat.send("Third?").text == "Three."


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"code": "model_overloaded"}}, "model_overloaded"),
        ({"error": {"message": None, "type": "server_error"}}, "server_error"),
        ({"Message": "Too bad."}, "Too bad."),
        ({"errorMessage": "Too bad."}, "Too bad."),
        ({"fault": {"faultstring": "Too bad.", "detail": {"errorcode": "policies.ratelimit"}}}, "Too bad."),
        ({"error_msg": "Too bad.", "error_code": 336003}, "Too bad."),
        ({"error": {"details": "Too bad."}}, "Too bad."),
        ({"error": {"code": 400}}, '{"error": {"code": 400}}'),
        ({"problem": ["Too", "bad"]}, '{"problem": ["Too", "bad"]}'),
    ],
)
def test_no_words_of_a_server_are_lost(body: dict[str, Any], said: str):
    """Words under any name are told; where there are none the code is, and else the body itself."""
    assert str(read_error(418, json.dumps(body).encode())) == f"The server answered with status 418: {said}"
    inside = api_error(body if "error" in body else {"error": body})
    assert said in inside.message or json.dumps(body["error"]) in inside.message


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("form", ["json", "events"])
@pytest.mark.parametrize("body", [{"detail": "Not authenticated"}, {"message": "no Route matched", "request_id": "r"}])
def test_words_in_the_place_of_an_answer(server: ScriptedServer, body: dict[str, str], form: str, streamed: bool):
    """What a gateway says with status 200 is told, rather than that its words are no choices."""
    said = next(iter(body.values()))
    if form == "json":
        server.reply(json.dumps(body).encode())
    else:
        server.stream(body)
    turn = Session("m", base_url=server.url).ask({"role": "user", "content": "Hi"}, streamed=streamed)
    with pytest.raises(APIError, match=f"The server reported an error: {said}. Is the base URL that of"):
        turn.result(PATIENCE)
    assert turn.text == ""


@pytest.mark.parametrize("streamed", [False, True])
def test_the_form_of_the_older_api(server: ScriptedServer, streamed: bool):
    """Choices with a text and no message are the older API's: that is said, and no empty answer made of it."""
    choice = {"index": 0, "text": "Hello", "finish_reason": "stop"}
    if streamed:
        server.stream({"choices": [choice]})
    else:
        server.reply(json.dumps({"choices": [choice]}).encode())
    turn = Session("m", base_url=server.url).ask({"role": "user", "content": "Hi"}, streamed=streamed)
    with pytest.raises(ProtocolError, match="the form of the older completions API"):
        turn.result(PATIENCE)


@pytest.mark.parametrize(
    ("body", "models"),
    [
        (b'[{"id": "a"}, {"id": null}, {"id": ""}, {"name": "b"}, "c"]', ["a"]),
        (b'{"object": "list", "data": [{"id": "a"}, null]}', ["a"]),
        (b'{"object": "list", "data": null}', []),
        (b"[]", []),
    ],
)
def test_a_list_of_models(server: ScriptedServer, body: bytes, models: list[str]):
    """A bare list is one too, and what has no name in it is left out."""
    server.reply(body)
    assert [model.id for model in Client(server.url).models.list()] == models


@pytest.mark.parametrize(
    ("body", "kind"), [(b"", "empty"), (b'{"detail": "no"}', "api_error"), (b'{"data": {}}', "invalid_chunk")]
)
def test_no_list_of_models(server: ScriptedServer, body: bytes, kind: str):
    """What is no list of models is an error of the kind that it is."""
    server.reply(body)
    with pytest.raises(NbchatError) as caught:
        Client(server.url).models.list()
    assert caught.value.kind == kind


def test_addresses_in_other_types():
    """An address of httpx's is one; what is no address by its type is one sentence."""
    assert Client(httpx.URL("http://h/v1?team=a")).endpoint.url("models") == "http://h/v1/models?team=a"
    for wrong in (5, Path("/v1"), b"http://h/v1"):
        with pytest.raises(ConfigurationError, match=f"base_url is of type {type(wrong).__name__}. Write it as http"):
            Client(wrong)  # type: ignore[arg-type]
