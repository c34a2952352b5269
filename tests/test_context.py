"""What happens when a conversation no longer fits the model: told with both numbers, or left out from its beginning."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kernels import Kernel, kernel
from local_model import engine, model_file
from samples import picture
from scripted import PATIENCE, Reply, Request, ScriptedServer, chunk, sse
from test_overflow import REFUSALS

from nbchat import Client, NBChat, unload
from nbchat.client import capacity, portal
from nbchat.client.capacity import Limit, Limits
from nbchat.embedded.gguf import Plan
from nbchat.errors import ConfigurationError, ContextLengthError
from nbchat.jupyter.bundle import bundle
from nbchat.session.context import LeftOut, Window, estimate
from nbchat.session.conversation import Node
from nbchat.session.events import TurnNoticed
from nbchat.session.session import Session
from nbchat.wire.media import data_url


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of any model."""
    monkeypatch.setattr(capacity.limits, "_known", {})


@pytest.fixture
def chat(server: ScriptedServer) -> Session:
    """A session that trims, with the scripted server."""
    return Session("m", base_url=server.url, context="trim")


def tokens_of(messages: list[dict[str, Any]]) -> int:
    """Count as the model of these tests does: one token a word, and three for each message."""
    return sum(len(str(message.get("content") or "").split()) + 3 for message in messages)


Complaint = Callable[[int, int], Any]


def openai(prompt: int, limit: int) -> Any:
    words = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {prompt} tokens."
    )
    return {"error": {"message": words, "code": "context_length_exceeded", "param": "messages"}}


def llama(prompt: int, limit: int) -> Any:
    return {"error": {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": prompt, "n_ctx": limit}}


def groq(prompt: int, limit: int) -> Any:
    words = "Please reduce the length of the messages or completion."
    return {"error": {"message": words, "code": "context_length_exceeded"}}


def model_with(limit: int, complaint: Complaint = openai, *, inside: bool = False, status: int = 400) -> Any:
    """A server's script: a model that reads so many tokens, counts them, and answers with four words."""

    def script(request: Request) -> Reply:
        prompt = tokens_of(request.json["messages"])
        if prompt > limit:
            body = complaint(prompt, limit)
            if inside:
                return Reply(
                    sse(chunk("", role="assistant"), body, done=False), headers={"content-type": "text/event-stream"}
                )
            return Reply([json.dumps(body).encode()], status)
        usage = {"prompt_tokens": prompt, "completion_tokens": 4, "total_tokens": prompt + 4}
        events = [chunk("one two three four"), chunk(finish="stop"), {**chunk(), "choices": [], "usage": usage}]
        return Reply(sse(*events), headers={"content-type": "text/event-stream"})

    return script


def sent(server: ScriptedServer, request: int = -1) -> list[str]:
    return [f"{message['role'][0]}:{message['content']}" for message in server.requests[request].json["messages"]]


def words(number: int, of: str = "word") -> str:
    return " ".join([of] * number)


# ---- an error ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai", "llama.cpp", "vllm", "anthropic", "gemini", "mistral", "openrouter"])
def test_the_error_has_both_numbers_and_the_ways_out(server: ScriptedServer, name: str):
    """By default the turn fails, says how many tokens there were and how many fit, and what can be done; nothing is lost."""
    status, body, (prompt, limit, _) = REFUSALS[name]
    chat = Session("m", base_url=server.url)
    server.answer("hello")
    chat.send("hi")
    before = chat.messages
    server.error(status, body)
    with pytest.raises(ContextLengthError) as caught:
        chat.send("and a long one")
    said = str(caught.value)
    for part in (
        f"it has {prompt} tokens",
        f"{limit} fit",
        "chat.undo()",
        "%chat clear",
        'context = "trim"',
        "Shorten",
    ):
        assert part in said
    assert (caught.value.prompt_tokens, caught.value.limit) == (prompt, limit)
    assert (chat.messages, len(server.requests)) == (before, 2)


def test_context_is_one_of_two(server: ScriptedServer):
    """Anything but error and trim is refused at once, wherever it is set; forks and files keep what was set."""
    chat = Session("m", base_url=server.url)
    assert chat.context == "error"
    with pytest.raises(ConfigurationError, match="context is 'error' or 'trim', not 'cut'"):
        chat.context = "cut"
    with pytest.raises(ConfigurationError, match="not 'cut'"):
        Session(context="cut")
    chat.context = "trim"
    assert [chat.fork().context, Session.from_json(chat.to_json()).context] == ["trim", "trim"]
    old = {name: value for name, value in json.loads(chat.to_json()).items() if name != "context"}
    assert Session.from_json(json.dumps(old)).context == "error"
    NBChat.instance().context = "trim"
    assert Session().context == "trim"


# ---- trimming ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("complaint", [openai, llama, groq], ids=lambda complaint: complaint.__name__)
@pytest.mark.parametrize(("inside", "status"), [(False, 400), (False, 413), (False, 422), (True, 200)])
def test_the_oldest_turns_stay_out(
    chat: Session, server: ScriptedServer, complaint: Complaint, inside: bool, status: int
):
    """Whole turns are left out from the beginning until the request fits, never the system message, never the question."""
    chat.system = "be brief"
    server.always(model_with(100, complaint, inside=inside, status=status))
    for number in range(6):
        chat.send(words(12, f"q{number}"))
    turn = chat.stream(words(12, "q6"))
    assert turn.result(PATIENCE).text == "one two three four"
    assert tokens_of(server.requests[-1].json["messages"]) <= 100
    said = sent(server)
    assert said[0] == "s:be brief"
    assert said[-1] == f"u:{words(12, 'q6')}"
    assert [line[0] for line in said[1:-1]] == ["u", "a"] * ((len(said) - 2) // 2)
    assert turn.left_out is not None
    assert said[1] == f"u:{words(12, f'q{turn.left_out.turns}')}"
    # The tree has it all.
    assert [node.text.split()[0] for node in chat.conversation.path(chat.conversation.head) if node.role == "user"] == [
        f"q{number}" for number in range(7)
    ]


def test_a_known_limit_is_asked_once(chat: Session, server: ScriptedServer):
    """What the server refused once is not sent again: the next request is trimmed before."""
    server.always(model_with(100))
    for number in range(5):
        chat.send(words(12, f"q{number}"))
    refused = [request for request in server.requests if tokens_of(request.json["messages"]) > 100]
    assert len(refused) == 1
    fork = Session("m", base_url=server.url, context="trim")
    fork._conversation.take_over(chat.conversation)
    before = len(server.requests)
    assert fork.stream("more").result(PATIENCE).text
    assert len(server.requests) == before + 1
    other = Session("other", base_url=server.url, context="trim")
    other._conversation.take_over(chat.conversation)
    assert len(other.messages) == 10


def test_without_numbers_it_still_ends(chat: Session, server: ScriptedServer):
    """A server that tells no number is asked again with half of what is left, a few times at most, and remembered."""
    server.always(model_with(30, groq))
    chat._conversation.take_over(history(40))
    turn = chat.stream("q")
    assert turn.result(PATIENCE).text
    assert len(server.requests) <= 5
    before = len(server.requests)
    chat.send("q")
    assert len(server.requests) <= before + 2


def history(turns: int, *, size: int = 1) -> Any:
    made = Session("m")
    parent = None
    for number in range(turns):
        for role in ("user", "assistant"):
            node = Node(
                f"{role}{number}", parent, {"role": role, "content": words(size, f"{role[0]}{number}")}, str(number)
            )
            made._conversation.add(node)
            parent = node.id
    made._conversation.head = parent
    return made.conversation


def test_a_tool_exchange_stays_together(chat: Session, server: ScriptedServer):
    """A call of a tool and its result are left out together or sent together."""
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    exchange = [
        {"role": "user", "content": words(20, "q0")},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": words(20, "result")},
        {"role": "assistant", "content": "noon"},
    ]
    parent = None
    for number, message in enumerate(
        [*exchange, {"role": "user", "content": "q1"}, {"role": "assistant", "content": "a1"}]
    ):
        chat._conversation.add(Node(str(number), parent, message, str(number // 4)))
        parent = str(number)
    chat._conversation.head = parent
    server.always(model_with(50))
    chat.send("q2")
    assert sent(server) == ["u:q1", "a:a1", "u:q2"]
    server.always(model_with(500))
    capacity.limits._known.clear()
    chat.undo()
    chat._conversation.head = parent
    capacity.limits._known.clear()
    chat.send("q2")
    assert [line[0] for line in sent(server)] == ["u", "a", "t", "a", "u", "a", "u"]


def test_what_a_tool_says_keeps_its_question(server: ScriptedServer):
    """Where the question is the result of a tool, the turn that called it is not left out."""
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    path = [
        Node("0", None, {"role": "user", "content": "q0"}, "0"),
        Node("1", "0", {"role": "assistant", "content": "a0"}, "0"),
        Node("2", "1", {"role": "user", "content": "q1"}, "1"),
        Node("3", "2", {"role": "assistant", "content": None, "tool_calls": [call]}, "1"),
    ]
    window = Window(path, None, {"role": "tool", "tool_call_id": "c1", "content": "noon"})
    assert window.turns == [[0, 1]]
    assert [node.id for node in window.without(window.leave_out(0))] == ["2", "3"]


def test_system_messages_of_the_conversation_stay(server: ScriptedServer):
    """Messages of the roles system and developer stay wherever they are, though the turns around them go."""
    roles = ["developer", "user", "assistant", "system", "user", "assistant"]
    path = [
        Node(str(n), str(n - 1) if n else None, {"role": role, "content": "x"}, "t") for n, role in enumerate(roles)
    ]
    assert [node.role for node in Window(path, None, {"role": "user", "content": "?"}).without(2)] == [
        "developer",
        "system",
    ]


def test_the_last_question_stays(chat: Session, server: ScriptedServer):
    """A question that does not fit alone fails, with everything else left out and a hint that says so; the tree is as it was."""
    server.always(model_with(40))
    chat.send("hi")
    with pytest.raises(ContextLengthError, match="Even without the earlier turns") as caught:
        chat.send(words(60))
    assert (caught.value.prompt_tokens, caught.value.limit) == (63, 40)
    assert sent(server) == [f"u:{words(60)}"]
    assert [message["content"] for message in chat.messages] == ["hi", "one two three four"]


def test_a_result_that_is_too_long_alone(server: ScriptedServer):
    """Where what a tool gave back does not fit, the way out is the tool's and not the question's."""

    def look() -> str:
        """Look."""
        return words(90)

    serve = model_with(40)
    calls = [{"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}]

    def script(request: Request) -> Reply:
        if request.json["messages"][-1]["role"] == "user":
            return Reply(
                sse(chunk(tool_calls=calls), chunk(finish="tool_calls")), headers={"content-type": "text/event-stream"}
            )
        return serve(request)

    server.always(script)
    chat = Session("m", base_url=server.url, context="trim", tools=[look])
    with pytest.raises(ContextLengthError, match="have the tools return less"):
        chat.send("hi")


def test_asking_again_keeps_the_question(chat: Session, server: ScriptedServer):
    """regenerate() sends the question that is answered again, whatever has to stay out before it."""
    chat._conversation.take_over(history(10, size=5))
    server.always(model_with(50))
    turn = chat.regenerate()
    assert turn.result(PATIENCE).text
    assert sent(server)[-1] == f"u:{words(5, 'u9')}"
    assert turn.left_out is not None


def test_an_answer_as_long_as_the_context_is_told(chat: Session, server: ScriptedServer):
    """Where max_tokens takes the whole context, leaving turns out would not help: that is said, and nothing is left out."""
    chat._conversation.take_over(history(5))
    status, body, _ = REFUSALS["vllm"]
    server.error(status, body)
    with pytest.raises(ContextLengthError, match="set max_tokens lower"):
        chat.send("hi", max_tokens=6048)
    assert len(server.requests) == 1


def test_room_for_the_answer_counts_where_the_server_counts_it(chat: Session, server: ScriptedServer):
    """A server that counts max_tokens among what fits gets a prompt that leaves them room."""
    chat._conversation.take_over(history(10, size=5))
    complaint = (
        "This model's maximum context length is 100 tokens. However, you requested 213 tokens (163 in the messages, 50 in the "
        "completion)."
    )
    server.error(400, {"error": {"message": complaint, "code": "context_length_exceeded"}})
    server.always(model_with(50))
    assert chat.send("hi", max_tokens=50).text
    assert len(server.requests) == 2


def test_messages_are_what_the_next_request_carries(chat: Session, server: ScriptedServer):
    """messages is shorter when a limit is known, the next request carries exactly it, and edit() counts as it does."""
    chat.system = "s"
    server.always(model_with(60))
    for number in range(5):
        chat.send(words(8, f"q{number}"))
    carried = chat.messages
    assert len(carried) < 11
    chat.send("q")
    assert server.requests[-1].json["messages"] == [*carried, {"role": "user", "content": "q"}]
    place = next(at for at, message in enumerate(chat.messages) if message["role"] == "user")
    said = chat.messages[place]["content"]
    turn = chat.edit(place, "instead")
    assert turn.result(PATIENCE).text
    asked = [node.text for node in chat.conversation.path(chat.conversation.head)]
    assert asked[-2] == "instead"
    assert said not in asked
    chat.context = "error"
    assert len(chat.messages) == len(asked) + 1


def test_it_is_said(chat: Session, server: ScriptedServer):
    """Who watches is told, the turn has it, the tree marks it, and the cell says it under the answer."""
    heard: list[Any] = []
    chat.subscribe(heard.append)
    chat._conversation.take_over(history(10, size=5))
    server.always(model_with(100))
    turn = chat.stream("hi")
    turn.result(PATIENCE)
    left_out = turn.left_out
    assert left_out is not None
    assert (left_out.limit, left_out.tokens, left_out.estimated) == (100, 164, False)
    assert [event.notice for event in heard if isinstance(event, TurnNoticed)] == [left_out]
    assert chat.conversation.nodes[chat.conversation.head].left_out == left_out.turns
    data, metadata = bundle(turn)
    note = f"the first {left_out.turns} turns were left out to fit the model's context"
    assert data["text/plain"].endswith(f"[{note}]")
    assert note in data["text/markdown"]
    assert metadata["nbchat"]["left_out"] == left_out.turns
    assert str(LeftOut(1, 5)) == "the first turn was left out to fit the model's context"


def test_a_stopped_turn_is_not_sent_again(chat: Session, server: ScriptedServer):
    """Stop ends a turn that was about to be sent again."""
    chat._conversation.take_over(history(10))
    seen = threading.Event()
    chat.subscribe(lambda event: isinstance(event, TurnNoticed) and seen.set())
    server.error(400, openai(500, 100))
    server.reply(before=threading.Event())
    turn = chat.stream("hi")
    assert seen.wait(PATIENCE)
    turn.cancel()
    assert turn.wait(PATIENCE)
    assert (turn.status, len(chat.conversation.nodes)) == ("cancelled", 20)


def test_text_that_came_is_not_asked_for_again(chat: Session, server: ScriptedServer):
    """An answer that outgrows the context half-way is kept as far as it came, and not begun anew."""
    chat._conversation.take_over(history(10))
    server.stream(chunk("half"), openai(500, 100), done=False)
    turn = chat.stream("hi")
    assert turn.wait(PATIENCE)
    assert (turn.status, turn.text, len(server.requests)) == ("failed", "half", 1)


# ---- counting ------------------------------------------------------------------------------------------------------


def test_the_servers_counts_come_first():
    """What stands between two answers costs the difference of their prompts; only the question is estimated."""
    path = []
    for number, (prompt, answer) in enumerate([(50, 10), (200, 30), (260, 7)]):
        usage = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
        parent = path[-1].id if path else None
        path.append(Node(f"q{number}", parent, {"role": "user", "content": "x" * 40}, str(number)))
        path.append(
            Node(f"a{number}", f"q{number}", {"role": "assistant", "content": "y" * 40}, str(number), usage=usage)
        )
    question = {"role": "user", "content": "z" * 40}
    window = Window(path, "system", question)
    assert window.tokens == 260 + 7 + estimate(question)
    # Leaving the first turn out saves its question, of the first prompt's share, and its answer, of the difference's.
    assert window.leave_out(window.tokens) == 0
    assert window.leave_out(window.tokens - 1) == 1
    assert window.leave_out(0) == 3


def test_counts_of_shortened_prompts_are_no_counts_of_the_whole():
    """The count of a request that did without some turns is not taken for the cost of all that came before it."""
    usage = {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35}
    path = [
        Node("q0", None, {"role": "user", "content": "x" * 4000}, "0"),
        Node("a0", "q0", {"role": "assistant", "content": "y"}, "0"),
        Node("q1", "a0", {"role": "user", "content": "z"}, "1"),
        Node("a1", "q1", {"role": "assistant", "content": "w"}, "1", usage=usage, left_out=1),
    ]
    assert Window(path).tokens > 1000


def test_reasoning_does_not_go_back():
    """Tokens of reasoning are in an answer's usage and not in the next prompt."""
    usage = {"prompt_tokens": 10, "completion_tokens": 500, "completion_tokens_details": {"reasoning_tokens": 490}}
    path = [
        Node("q", None, {"role": "user", "content": "x"}, "0"),
        Node("a", "q", {"role": "assistant", "content": "y"}, "0", usage=usage),
    ]
    assert Window(path).tokens == 20


def test_estimates():
    """Four characters a token, four tokens a message, an image by its size and not its file, and the calls of tools."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    assert estimate({"role": "user", "content": "x" * 41}) == 4 + 11
    assert estimate({"role": "user", "content": [{"type": "text", "text": "x" * 8}, image]}) == 4 + 2 + 765
    shown = {
        "type": "image_url",
        "image_url": {"url": data_url("image/png", picture("PNG", (2000, 1000)) + bytes(10**6))},
    }
    assert estimate({"role": "user", "content": [shown]}) == 4 + 85 + 6 * 170
    assert estimate({"role": "assistant", "content": None, "tool_calls": [{"id": "x" * 400}]}) > 100


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ({"id": "a", "max_model_len": 4096}, 4096),
        ({"id": "a", "context_length": 131072}, 131072),
        ({"id": "a", "context_window": 8192}, 8192),
        ({"id": "a", "max_context_length": 32768}, 32768),
        ({"id": "a", "meta": {"n_ctx_train": 8192}}, 8192),
        ({"id": "a", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}, 2048),
        ({"id": "a", "context_length": "long", "meta": 3}, None),
    ],
    ids=["vllm", "openrouter", "groq", "mistral", "llama.cpp", "llama.cpp, newer", "nonsense"],
)
def test_lists_of_models_tell_limits(model: dict[str, Any], tokens: int | None):
    """What a list of models says of a context is taken, until the server itself says otherwise."""
    limits = Limits()
    limits.read("http://x", [model])
    assert limits.known("http://x", "a") == (Limit(tokens) if tokens else None)
    refused = ContextLengthError("no")
    refused.limit = 7
    limits.learn("http://x", "a", refused)
    limits.read("http://x", [model])
    assert limits.known("http://x", "a") == Limit(7)


def test_the_only_models_limit_is_known_before(server: ScriptedServer):
    """A server that is asked which model it serves tells the limit with it: the first request fits."""
    models = json.dumps({"object": "list", "data": [{"id": "scripted", "max_model_len": 100}]}).encode()
    answers = model_with(100)
    chat = Session(base_url=server.url, context="trim")
    chat._conversation.take_over(history(20, size=5))
    server.always(lambda request: Reply([models]) if request.method == "GET" else answers(request))
    turn = chat.stream("hi")
    turn.result(PATIENCE)
    assert len(server.requests) == 2
    assert turn.left_out is not None
    assert turn.left_out.estimated
    carried = chat.messages
    chat.send("hi")
    assert server.requests[-1].json["messages"][:-1] == carried


# ---- endpoints by name ---------------------------------------------------------------------------------------------


def listing(*models: dict[str, Any]) -> Reply:
    return Reply([json.dumps({"object": "list", "data": list(models)}).encode()])


def serving(*models: dict[str, Any], limit: int = 100) -> Any:
    """A server's script: a list of models, and answers of a model that reads so many tokens."""
    answers = model_with(limit)
    return lambda request: listing(*models) if request.method == "GET" else answers(request)


@pytest.mark.parametrize("how", ["list", "Tab", "models", "error"])
def test_the_limits_of_a_named_endpoint(server: ScriptedServer, how: str):
    """What a named endpoint's lists and errors tell of a model counts for NAME/MODEL, as for a client of that server."""
    NBChat.instance().endpoints = {"lab": {"base_url": server.url}}
    server.always(serving({"id": "x", "max_model_len": 100}, {"id": "y"}))
    asks = Session("lab/x", base_url="http://127.0.0.1:9/v1", context="trim")
    asks._conversation.take_over(history(20, size=5))
    if how == "list":
        portal.run(asks.client.catalogue.learn("lab"))
    elif how == "Tab":
        portal.run(asks.client.catalogue.everything())
    elif how == "models":
        Client(server.url).models.list()
    else:
        asks.send("hi")
        assert len(server.requests) == 2  # one was refused, and told how much fits
    before = len(server.requests)
    assert asks.left_out > 0
    carried = asks.messages
    turn = asks.stream("and now?")
    assert turn.result(PATIENCE).text == "one two three four"
    assert (len(server.requests), server.requests[-1].json["model"]) == (before + 1, "x")
    assert turn.left_out is not None
    assert turn.left_out.limit == 100
    said = server.requests[-1].json["messages"][:-1]
    assert said == carried[-len(said) :]
    # The same model is the same by whatever name.
    direct = Session("x", base_url=server.url, context="trim")
    direct._conversation.take_over(asks.conversation)
    assert direct.left_out == asks.left_out
    assert Session("lab/y", base_url="http://127.0.0.1:9/v1", context="trim").left_out == 0


def test_the_same_name_elsewhere_is_another_model(server: ScriptedServer):
    """A limit belongs to one server: a model of that name at another has its own, or none that is known."""
    NBChat.instance().endpoints = {"lab": {"base_url": server.url}}
    server.always(serving({"id": "x", "max_model_len": 100}))
    chat = Session("x", base_url="http://127.0.0.1:9/v1", context="trim")
    chat._conversation.take_over(history(20, size=5))
    portal.run(chat.client.catalogue.learn("lab"))
    assert chat.left_out == 0
    chat.model = "lab/x"
    assert chat.left_out > 0


def test_the_only_model_of_a_named_endpoint(server: ScriptedServer):
    """NAME/ where the endpoint has no model of its own asks it which it has, and takes the only one, with its limit."""
    NBChat.instance().endpoints = {"lab": {"base_url": server.url}}
    server.always(serving({"id": "org/x", "max_model_len": 100}))
    chat = Session("lab/", base_url="http://127.0.0.1:9/v1", context="trim")
    chat._conversation.take_over(history(20, size=5))
    turn = chat.stream("hi")
    assert turn.result(PATIENCE).text == "one two three four"
    assert [(request.method, request.path) for request in server.requests] == [
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
    ]
    assert server.requests[-1].json["model"] == "org/x"
    assert turn.left_out is not None
    assert chat.model == "lab/"


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ([{"id": "a"}, {"id": "b"}], "has 2 models: name one of lab/a, lab/b."),
        ([{"id": str(number)} for number in range(9)], "has 9 models: name one of lab/0, .*lab/4, …."),
        ([], "lists no models"),
    ],
)
def test_several_models_of_a_named_endpoint(server: ScriptedServer, models: list[dict[str, Any]], said: str):
    """Where it has several, or none, the error says so, with some by the names that they are asked by."""
    NBChat.instance().endpoints = {"lab": {"base_url": server.url}}
    server.always(serving(*models))
    with pytest.raises(ConfigurationError, match=said):
        Session("lab/").send("hi")
    assert [request.method for request in server.requests] == ["GET"]
    with pytest.raises(ConfigurationError, match='model="lab/…"'):
        Client("http://127.0.0.1:9/v1").chat.completions.create(model="lab/", messages=[])


# ---- the embedded model, and a real cell ---------------------------------------------------------------------------


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The embedded model with a small context, so that filling it takes no minute; how many tokens fit."""
    model_file()
    unload()
    monkeypatch.setattr("nbchat.embedded.shelf._DEFAULT_PLAN", Plan(slots=1, context=512, cache="q8_0"))
    yield engine().plan.context
    unload()


def test_the_embedded_model_says_both_numbers(fits: int):
    """The model in this process refuses what does not fit, with the tokens it counted and those that fit."""
    chat = Session("local", max_tokens=8)
    chat._conversation.take_over(history(12, size=40))
    with pytest.raises(ContextLengthError) as caught:
        chat.send("And now?")
    assert caught.value.limit == fits
    assert caught.value.prompt_tokens > fits
    assert f"it has {caught.value.prompt_tokens} tokens, and {fits} fit" in str(caught.value)


def test_the_embedded_model_answers_what_is_trimmed(fits: int):
    """With trim the same conversation is answered, within the context, and says what was left out."""
    chat = Session("local", context="trim", max_tokens=8)
    chat._conversation.take_over(history(12, size=40))
    turn = chat.stream("And now?")
    completion = turn.result(90)
    assert completion.text
    assert completion.usage.prompt_tokens <= fits
    assert turn.left_out is not None
    assert turn.left_out.limit == fits
    again = chat.stream("And then?")
    assert again.result(90).usage.prompt_tokens <= fits


@pytest.fixture
def started(tmp_path: Path, server: ScriptedServer) -> Iterator[Kernel]:
    """A kernel whose endpoint is the scripted server."""
    with kernel(tmp_path, OPENAI_BASE_URL=server.url, NBCHAT_MODEL="m") as started:
        started.run("%load_ext nbchat")
        yield started


def test_the_cell_says_it(started: Kernel, server: ScriptedServer):
    """In a notebook the error names the ways out, one of them is a magic, and after it the cell answers and says so."""
    server.always(model_with(60))
    for number in range(3):
        shown = started.run(f"%%chat\n{words(10, f'q{number}')}")
        assert shown.error is None
    shown = started.run(f"%%chat\n{words(10, 'q3')}")
    assert shown.error[0] == "ContextLengthError"
    assert "it has 73 tokens, and 60 fit" in shown.error[1]
    assert "%chat set context trim" in shown.error[1]
    assert started.run("%chat set context trim").stdout == "context = 'trim'\n"
    assert "not 'cut'" in started.run("%chat set context cut").error[1]
    shown = started.run(f"%%chat\n{words(10, 'q3')}")
    assert shown.error is None
    assert "turns were left out to fit the model's context" in shown.markdown
    assert shown.record["left_out"] == 2
    assert "is an error" in started.run("%chat unset context").stdout
    assert started.complete("%chat set context t") == ["trim"]
