"""The chat panel's Python side: what it tells a front end, and what it answers or refuses."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from kernels import kernel
from PIL import Image
from scripted import PATIENCE, ScriptedServer, chunk
from traitlets import TraitError

import nbchat
from nbchat.attachments.attach import parts_of
from nbchat.client import refusals
from nbchat.client.config import settings
from nbchat.embedded.weights import Progress
from nbchat.errors import ConfigurationError, NbchatError
from nbchat.jupyter import desk
from nbchat.jupyter import panel as module
from nbchat.jupyter.declarations import CONTROLS, declaration
from nbchat.jupyter.panel import Panel
from nbchat.jupyter.preview import preview
from nbchat.jupyter.requests import read_request
from nbchat.session.asked import Asked
from nbchat.session.conversation import Node
from nbchat.session.events import TurnEnded, TurnNoticed, TurnQueued
from nbchat.session.parameters import fields

USED = {"prompt_tokens": 5, "completion_tokens": 20, "total_tokens": 25}
NO_TEMPERATURE = {
    "error": {
        "message": "Unsupported parameter: 'temperature' is not supported with this model.",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "unsupported_parameter",
    }
}

# A picture that does not compress, of 1.1 MB.
NOISE = np.random.default_rng(6).integers(0, 256, (600, 600, 3), "uint8")


class Front:
    """What a browser would be: it keeps what is sent to it, and asks.

    Args:
        session: The session that its panel shows.
        names: The notebook's variables.
    """

    def __init__(self, session: nbchat.Session, names: dict[str, Any] | None = None) -> None:
        self.got: list[dict[str, Any]] = []
        self.news = threading.Condition()
        self.panel = Panel(session)
        self.panel.send = self._take  # type: ignore[method-assign]
        if names is not None:
            self.panel._desk._names = names
        self.number = 0

    def _take(self, message: dict[str, Any], *_: Any) -> None:
        json.dumps(message, allow_nan=False).encode()  # what can't be sent fails here, in the sender's thread
        with self.news:
            self.got.append(message)
            self.news.notify_all()

    def wait(self, wanted: Any) -> dict[str, Any]:
        """Wait for the first message that is wanted."""
        with self.news:
            assert self.news.wait_for(lambda: any(map(wanted, self.got)), PATIENCE), self.got
            return next(filter(wanted, self.got))

    def ask(self, do: str, buffers: list[memoryview] | None = None, **fields: Any) -> Any:
        """Make a request and return its answer, or the reason as a string in a list where it is refused."""
        self.number += 1
        mine = self.number
        self.panel._asked(self.panel, {"id": mine, "do": do, **fields}, buffers)
        reply = self.wait(lambda m: m["type"] == "reply" and m["id"] == mine)
        return [reply["refused"]] if "refused" in reply else reply["result"]

    def path(self, total: int) -> dict[str, Any]:
        return self.wait(lambda m: m["type"] == "path" and m["total"] == total)

    @property
    def numbered(self) -> list[dict[str, Any]]:
        return [message for message in self.got if "seq" in message and message["type"] != "snapshot"]


@pytest.fixture
def chat(server: ScriptedServer) -> nbchat.Session:
    """A session that asks the scripted server."""
    return nbchat.Session("scripted", base_url=server.url)


@pytest.fixture
def front(chat: nbchat.Session) -> Front:
    """A front end with a panel on the session."""
    return Front(chat)


def test_a_turn_is_told_as_deltas_without_a_gap(front: Front, server: ScriptedServer):
    """The text comes as numbered deltas whose offsets meet, in UTF-16 units, and ends as settled messages."""
    server.answer("Hello 👋 there, how are you?")
    front.ask("ask", text="Hi")
    settled = front.path(2)
    assert [message["seq"] for message in front.numbered] == list(range(1, len(front.numbered) + 1))
    text = ""
    for message in front.numbered:
        if message["type"] == "delta":
            for choice, kind, offset, part in message["parts"]:
                assert (choice, kind, offset) == (0, "text", len(text.encode("utf-16-le")) // 2)
                text += part
    assert text == "Hello 👋 there, how are you?"
    assert [(m["role"], m["text"]) for m in settled["messages"]] == [("user", "Hi"), ("assistant", text)]
    assert settled["messages"][1]["meter"]["tokens"] == 3


def test_every_panel_finds_what_an_answer_took(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """The meter is the conversation's: a panel opened later shows it, and one on a session read from a file."""
    gate = threading.Event()
    server.stream(chunk("Hello"), gate, chunk(" you"), chunk(finish="stop"), {"choices": [], "usage": USED})
    front.ask("ask", text="Hi")
    front.wait(lambda m: m["type"] == "delta")
    # As if it had been asked and had begun that long ago: an answer that takes no time has no rate.
    chat.turn.sent -= 0.2
    chat.turn.first_text -= 0.1
    gate.set()
    seen = front.path(2)["messages"][1]["meter"]
    assert seen["tokens"] == 20
    assert seen["first"] >= 0
    assert 0 < seen["rate"] <= 200
    for session in (chat, nbchat.Session.from_json(chat.to_json(), base_url=server.url)):
        assert Front(session).panel.get_state(["messages"])["messages"][1]["meter"] == seen


def test_what_came_at_once_has_no_rate(front: Front, chat: nbchat.Session):
    """Tokens are not divided by next to nothing: an answer that came whole has a time, and no tokens a second."""
    grow(chat, 1)
    answer = {"role": "assistant", "content": "x"}
    used = {"completion_tokens": 500}
    for name, duration in (("whole", 1.0), ("streamed", 3.0)):
        chat._conversation.add(Node(name, "n0", answer, name, usage=used, first_token=1.0, duration=duration))
    meters = []
    for name in ("whole", "streamed"):
        front.ask("go", node=name)
        meters.append(front.panel.get_state(["messages"])["messages"][1]["meter"])
    assert meters == [{"tokens": 500, "first": 1.0}, {"tokens": 500, "first": 1.0, "rate": 250.0}]


def test_what_is_remarked_in_the_panel_is_not_repeated(
    front: Front, chat: nbchat.Session, server: ScriptedServer, capsys: pytest.CaptureFixture[str]
):
    """A remark stands below the answer in the panel, and result() says it on stderr only where no page drew it."""
    remark = "scripted does not take temperature: sent without it, now and from now on"
    server.error(400, NO_TEMPERATURE)
    server.answer("fine")
    front.ask("attend", page="p", open=True)
    turn = chat.stream("Q", temperature=0.2)
    assert front.path(2)["messages"][1]["note"] == remark
    turn.result(PATIENCE)
    assert capsys.readouterr().err == ""
    refusals._learned.clear()
    server.error(400, NO_TEMPERATURE)
    server.answer("fine")
    other = nbchat.Session("scripted", base_url=server.url)
    unseen = Front(other)
    turn = other.stream("Q", temperature=0.2)
    unseen.path(2)
    turn.result(PATIENCE)
    assert capsys.readouterr().err == f"nbchat: {remark}.\n"


def test_text_is_sent_thirty_times_a_second(front: Front, server: ScriptedServer):
    """However many chunks come at once, they go out in few messages."""
    server.stream(*[chunk(f"{number} ") for number in range(3000)], chunk(finish="stop"))
    front.ask("ask", text="count")
    front.path(2)
    deltas = [message for message in front.numbered if message["type"] == "delta"]
    assert len(deltas) < 100


def test_a_front_end_that_comes_late_gets_everything(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """The state holds the conversation and the text so far, and deltas go on from exactly there."""
    gate = threading.Event()
    server.stream(chunk("So far"), gate, chunk(" and on"), chunk(finish="stop"))
    front.ask("ask", text="Hi")
    front.wait(lambda m: m["type"] == "delta")
    state = front.panel.get_state(["seq", "turns", "messages", "total"])
    assert state["turns"][0]["texts"] == ["So far"]
    assert state["turns"][0]["state"] == "streaming"
    late = Front(chat)
    assert late.panel.get_state(["turns"])["turns"][0]["question"] == "Hi"
    gate.set()
    rest = front.wait(lambda m: m["type"] == "delta" and m["seq"] > state["seq"])
    assert rest["parts"] == [[0, "text", 6, " and on"]]
    front.path(2)
    late.path(2)
    for one in (front, late):
        assert one.panel.get_state(["messages"])["messages"][1]["text"] == "So far and on"


def test_turns_of_other_doors_are_told_too(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """What Python asks appears in the panel while it streams."""
    server.answer("Yes.")
    chat.send("From Python?")
    told = front.path(2)
    assert [m["text"] for m in told["messages"]] == ["From Python?", "Yes."]


def test_parameters_are_live_both_ways(front: Front, chat: nbchat.Session):
    """A request sets the session's field, a field that is set is the panel's state, and bounds hold with their reason."""
    assert front.ask("set", name="temperature", value=0.3) is None
    assert chat.parameters.temperature == 0.3
    assert front.panel.parameters == {"model": "scripted", "temperature": 0.3}
    assert front.ask("set", name="temperature", value=3) == [
        "temperature must be a number between 0 and 2 (or None, which is not sent), not 3."
    ]
    assert front.ask("set", name="base_url", value="http://evil.example")[0].startswith("there is no request field")
    chat.parameters.top_p = 0.5
    assert front.panel.parameters["top_p"] == 0.5
    chat.system = "Be brief."
    assert front.panel.system == "Be brief."
    assert front.ask("system", text=" ") is None
    assert chat.system is None
    front.ask("reset")
    assert chat.parameters.to_dict() == {"model": "scripted"}


@pytest.mark.parametrize(
    "content",
    [None, [], "ask", {}, {"do": "ask"}, {"do": "ask", "id": 1}, {"do": "eval", "id": 1}, {"do": "ask", "id": 1, "text": 5},
     {"do": "earlier", "id": 1, "before": "x", "count": 1}, {"do": "set", "id": 1, "name": ["x"], "value": 1}],
)  # fmt: skip
def test_what_is_no_request_is_refused(content: Any, front: Front):
    """Anything a browser may send that is no request is answered with a reason, and nothing happens."""
    with pytest.raises(ConfigurationError, match="does not know"):
        read_request(content)
    front.panel._asked(front.panel, content, None)
    assert "refused" in front.got[-1]


def test_a_failure_inside_is_answered(front: Front, monkeypatch: pytest.MonkeyPatch):
    """An error that nobody foresaw comes back as a reason, since what a handler raises is shown nowhere."""
    monkeypatch.setattr(desk, "preview", lambda *_: 1 / 0)
    assert front.ask("preview", text="x") == ["nbchat failed on its own: ZeroDivisionError: division by zero."]


def test_a_template_is_expanded_once_and_its_error_told(chat: nbchat.Session, server: ScriptedServer):
    """Double braces in a question are Python, as in the magic; an expression that fails sends nothing."""
    front = Front(chat, {"name": "{{1 + 1}}", "other": 2})
    server.answer("ok")
    front.ask("ask", text="Say {{name}}")
    front.path(2)
    assert server.requests[0].json["messages"][-1]["content"] == "Say {{1 + 1}}"
    (reason,) = front.ask("ask", text="{{nothing}}")
    assert "nothing" in reason
    assert front.ask("ask", text="  ") == ["The question is empty."]
    assert front.ask("complete", text="na") == ["name"]
    assert len(server.requests) == 1


def test_branches(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Regenerating and editing make siblings that can be walked; only what changed is told."""
    for text in ("one", "two", "edited"):
        server.answer(text)
    front.ask("ask", text="Q")
    first = front.path(2)["messages"][1]
    front.ask("regenerate", node=first["id"])
    second = front.wait(lambda m: m["type"] == "path" and m["messages"][-1]["text"] == "two")
    assert second["from"] == 1
    assert second["messages"][0]["branches"]["at"] == 1
    assert second["messages"][0]["branches"]["ids"][0] == first["id"]
    front.ask("go", node=first["id"])
    assert chat.messages[-1]["content"] == "one"
    question = front.path(2)["messages"][0]["id"]
    front.ask("edit", node=question, text="Q2")
    third = front.wait(lambda m: m["type"] == "path" and m["messages"][-1]["text"] == "edited")
    assert third["messages"][0]["branches"]["at"] == 1
    assert front.ask("go", node="nowhere") == ["There is no such message in this conversation."]
    assert front.ask("edit", node="nowhere", text="x") == ["There is no such message in this conversation."]
    assert front.ask("edit", node=front.path(2)["messages"][1]["id"], text="x") == ["Only a question can be edited."]


def test_double_braces_as_text(front: Front, server: ScriptedServer):
    """What is no value of the notebook's is refused with the way to send it all the same, which does that."""
    server.always_answer("ok")
    for name, more in (("nope", {}), ("other", {"node": None})):
        if more:
            more["node"] = front.path(2)["messages"][0]["id"]
        do, question = ("edit" if more else "ask"), f"Why does {{{{ {name} }}}} not render?"
        (refused,) = front.ask(do, text=question, **more)
        assert refused == (
            f"{{{{{name}}}}} can't be put in: NameError: name '{name}' is not defined. "
            "Nothing was sent; “Send as typed” leaves double braces as they are."
        )
        front.ask(do, text=question, raw=True, **more)
        front.wait(lambda m, question=question: m["type"] == "path" and m["messages"][0].get("text") == question)
        assert server.requests[-1].json["messages"] == [{"role": "user", "content": question}]


def test_the_models_to_choose_from(front: Front, server: ScriptedServer):
    """The chooser has the models of the endpoint, and those of named endpoints as they are asked."""
    settings().endpoints = {"mine": {"base_url": f"{server.url}/mine"}}
    models = {"object": "list", "data": [{"id": "a", "object": "model", "created": 0, "owned_by": "x"}]}
    for _ in range(2):
        server.reply(json.dumps(models).encode(), headers={"Content-Type": "application/json"})
    assert front.ask("models") == ["local", "a", "mine/a"]


def test_a_turn_is_taken_out_of_the_middle(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """What followed a deleted turn stays, and the deleted one can be walked back to."""
    for text in ("a", "b", "c"):
        server.answer(text)
        chat.send(f"ask {text}")
    turns = {node.text: node.turn for node in chat.conversation.nodes.values()}
    front.ask("drop", turn=turns["b"])
    assert [m["content"] for m in chat.messages] == ["ask a", "a", "ask c", "c"]
    front.ask("drop", turn=turns["a"])
    assert [m["content"] for m in chat.messages] == ["ask c", "c"]
    assert front.ask("drop", turn="none") == ["There is no such turn in this conversation."]
    last = front.wait(lambda m: m["type"] == "path" and m["total"] == 2 and m["messages"][0]["text"] == "ask c")
    front.ask("go", node=last["messages"][0]["branches"]["ids"][0])
    assert [m["content"] for m in chat.messages] == ["ask a", "a", "ask c", "c"]


def test_choices_stand_side_by_side(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Of n choices all are told with the first, as one branch, and any can be gone on from."""
    server.answer("left", "right")
    chat.send("Q", n=2)
    answer = front.path(2)["messages"][1]
    assert [choice["text"] for choice in answer["choices"]] == ["left", "right"]
    assert "branches" not in answer
    front.ask("go", node=answer["choices"][1]["id"])
    assert chat.messages[-1]["content"] == "right"


def test_a_failed_turn_is_shown_until_it_is_asked_again(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """A turn without text stays with its error; Retry asks the same once more; Dismiss forgets it."""
    server.error(401, {"error": {"message": "no key"}})
    turn = front.ask("ask", text="Q")["turn"]
    failed = front.wait(lambda m: m["type"] == "turn" and m["turn"]["state"] == "failed")
    assert "no key" in failed["turn"]["error"]
    server.answer("Now.")
    front.ask("retry", turn=turn)
    front.path(2)
    assert front.wait(lambda m: m["type"] == "gone")["turn"] == turn
    assert [m["content"] for m in chat.messages] == ["Q", "Now."]
    server.error(401, {"error": {"message": "no key"}})
    again = front.ask("ask", text="Q2")["turn"]
    front.wait(lambda m: m["type"] == "turn" and m["turn"]["state"] == "failed" and m["turn"]["id"] == again)
    front.ask("dismiss", turn=again)
    assert front.panel.get_state(["turns"])["turns"] == []


def test_what_the_panel_asks_again_is_asked_as_before(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Retry, Regenerate and Edit ask with what was given for the turn alone: its model, its tools, its form."""

    def look() -> str:
        """Look around."""
        return "nothing"

    chat.client.http.max_retries = 0
    server.error(500, {"error": {"message": "oh"}})
    turn = chat.stream("Q", tools=[look], model="big", temperature=1.5, response_format=list[int])
    turn.wait(PATIENCE)
    server.always_answer('{"items": [1]}')
    front.ask("retry", turn=turn.id)
    question, answer = front.path(2)["messages"]
    front.ask("regenerate", node=answer["id"])
    chat.turn.wait(PATIENCE)
    front.ask("edit", node=question["id"], text="Q2")
    chat.turn.wait(PATIENCE)
    first, *others = (request.json for request in server.requests)
    assert len(others) == 3
    assert all({**other, "messages": first["messages"]} == first for other in others)


def test_only_another_try_is_called_one(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """A turn waits, and says what for; that it is tried again is said only of a request that failed."""
    gate = threading.Event()
    server.reply(gate, status=503)
    server.stream(chunk("Some text"), threading.Event())
    turn = chat.stream("Q")
    front.wait(lambda m: m["type"] == "turn" and m["turn"]["state"] == "waiting")
    front.panel._told(TurnNoticed(turn, Progress("loading", 1)))
    assert front.got[-1]["turn"]["state"] == "waiting"
    gate.set()
    notice = front.wait(lambda m: m["type"] == "turn" and m["turn"]["state"] == "retrying")["turn"]["note"]
    assert "trying again" in notice


def test_stop(front: Front, server: ScriptedServer):
    """Stop ends what runs, by request or by the function that the control channel calls; the text is kept and marked."""
    server.stream(chunk("Some text"), threading.Event())
    turn = front.ask("ask", text="Q")["turn"]
    front.wait(lambda m: m["type"] == "delta")
    with pytest.raises(KeyError):
        module.stop("no such panel")
    module.stop(front.panel.own_id, turn)
    assert front.path(2)["messages"][1]["status"] == "cancelled"
    assert server.requests[0].closed.wait(PATIENCE)


def test_a_long_conversation_is_told_in_parts(chat: nbchat.Session):
    """The state holds the last messages; earlier ones are given when asked for, not all at once."""
    grow(chat, 500)
    panel = Front(chat)
    state = panel.panel.get_state(["total", "messages"])
    assert (state["total"], len(state["messages"]), state["messages"][-1]["text"]) == (500, 40, "499")
    earlier = panel.ask("earlier", before=460, count=30)
    assert (earlier["from"], earlier["messages"][0]["text"]) == (430, "430")
    assert len(panel.ask("earlier", before=460, count=10_000)["messages"]) == 100
    assert panel.ask("earlier", before=0, count=5)["messages"] == []


def test_the_markdown_for_the_file_is_safe_and_bounded(chat: nbchat.Session):
    """What the notebook keeps is the end of the conversation, with nothing in it that would run."""
    grow(chat, 500, "<script>x</script> ")
    told = Front(chat).ask("markdown", start=0)
    assert (told["from"], told["total"], len(told["texts"])) == (100, 500, 400)
    assert "<script>" not in "".join(told["texts"])


def run_python(source: str) -> None:
    """Run the Python form of a request as somebody who copied it would."""
    exec(compile(source, "preview", "exec"), {"print": lambda *a, **k: None})


def run_curl(source: str) -> None:
    """Run the curl form of a request in a shell."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    direct = {**os.environ, "NO_PROXY": "*"}
    done = subprocess.run(["sh"], input=source.encode(), capture_output=True, timeout=PATIENCE, check=False, env=direct)
    assert done.returncode == 0, done.stderr


def test_the_request_that_would_be_sent_is_the_one_that_is(
    chat: nbchat.Session, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
):
    """The preview is the body of the next request, and no form of it has the key."""
    chat = nbchat.Session("scripted", base_url=server.url, api_key="sk-secret", temperature=0.5, stop=["it's"])
    chat.system = "Be 'brief'.\nAlways."
    server.answer("ok")
    told, body = preview(chat, "What's $HOME?"), chat.request("What's $HOME?")
    chat.send("What's $HOME?")
    assert server.requests[0].json == body == json.loads(told["json"])
    assert "sk-secret" not in json.dumps(told)
    words = shlex.split(told["curl"])
    assert words[:3] == ["curl", "-N", f"{server.url}/chat/completions"]
    assert json.loads(words[-1]) == body
    assert "Authorization: Bearer $OPENAI_API_KEY" in words
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    server.stream(chunk("done"), chunk(finish="stop"))
    run_python(told["python"])
    assert server.requests[1].json == body


@pytest.mark.parametrize(
    ("model", "described", "key"),
    [
        ("mine/qwen/qwen3", {"api_key_env": "MY_KEY"}, "authorization"),
        ("mine/", {"api_key_env": "MY_KEY", "model": "own"}, "authorization"),
        ("mine/m", {}, None),
        ("mine/gpt 4", {"api_key_env": "MY_KEY", "api_version": "V"}, "api-key"),
        ("mine/m", {"api_key_env": "MY_KEY", "auth": "api-key", "headers": {"X-Team": "team-secret"}}, "api-key"),
        ("mine/m", {"api_key_env": "MY_KEY", "base_url": "?subscription-key=query-secret&x="}, "authorization"),
    ],
)
def test_each_form_is_the_request_to_the_endpoint_that_answers(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, model: str, described: dict[str, Any], key: str | None
):
    """curl and Python, run as they are, send what the session sends: where, with which key and header, for which model."""
    secrets = {"MY_KEY": "sk-secret", "X_TEAM": "team-secret", "SUBSCRIPTION_KEY": "query-secret"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    settings().endpoints = {"mine": {**described, "base_url": server.url + described.get("base_url", "")}}
    chat = nbchat.Session(model, base_url="http://127.0.0.1:9/v1", api_key="sk-other", temperature=0.5)
    told = preview(chat, "Hi")
    assert not [value for value in (*secrets.values(), "sk-other") if value in json.dumps(told)]
    server.always_answer("ok")
    chat.send("Hi")
    run_curl(told["curl"])
    settings().endpoints = {}  # whoever copies it may be anywhere
    run_python(told["python"])
    asked, *copies = server.requests
    assert json.loads(told["json"]) == asked.json
    assert {
        name: "secret" in value for name, value in asked.headers.items() if name in ("authorization", "api-key")
    } == ({key: True} if key else {})
    for copy in copies:
        assert (copy.path, copy.json) == (asked.path, asked.json)
        for header in ("authorization", "api-key", "x-team"):
            assert copy.headers.get(header) == asked.headers.get(header)


def test_azure_by_its_own_variables(monkeypatch: pytest.MonkeyPatch):
    """An Azure deployment is shown at its address, with its version, and its key in Azure's header."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "az-secret")
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")
    place = "https://mine.openai.azure.com/openai/deployments/gpt4"
    told = preview(nbchat.Session("azure/gpt4"), "Hi")
    words = shlex.split(told["curl"])
    assert words[2] == f"{place}/chat/completions?api-version=2024-10-21"
    assert [words[at + 1] for at, word in enumerate(words) if word == "-H"][1:] == ["api-key: $AZURE_OPENAI_API_KEY"]
    assert json.loads(told["json"])["model"] == "gpt4"
    assert (
        f"    '{place}?api-version=2024-10-21',\n    api_key=os.environ[\"AZURE_OPENAI_API_KEY\"],\n" in told["python"]
    )
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "eyJ-secret")
    told = preview(nbchat.Session("azure/gpt4"), "Hi")
    assert "Authorization: Bearer $AZURE_OPENAI_AD_TOKEN" in shlex.split(told["curl"])
    assert "'Authorization': 'Bearer ' + os.environ[\"AZURE_OPENAI_AD_TOKEN\"]" in told["python"]
    assert "secret" not in json.dumps(told)
    monkeypatch.delenv("AZURE_OPENAI_AD_TOKEN")
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    assert "api-key: $AZURE_OPENAI_API_KEY" in preview(nbchat.Session("azure/gpt4"), "Hi")["curl"]


def test_a_request_with_pictures_is_read_short_and_copied_whole(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
):
    """For reading, data is a few words; whole, curl and Python send it all, however large."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    chat = nbchat.Session("scripted", base_url=server.url)
    content = [{"type": "text", "text": "It's $HOME"}, *parts_of(NOISE)]
    read = preview(chat, content)
    assert read["shortened"]
    for form in ("json", "curl", "python"):
        assert len(read[form]) < 2000
        assert "data:image/png;base64,… (1.1 MB)" in read[form]
    told = preview(chat, content, whole=True)
    assert not told["shortened"]
    server.always_answer("ok")
    run_curl(told["curl"])
    run_python(told["python"])
    assert [request.json for request in server.requests] == [json.loads(told["json"])] * 2
    assert server.requests[0].json["messages"][0]["content"] == content
    assert not preview(chat, "Hi")["shortened"]


def test_the_panel_reads_short_and_copies_whole(chat: nbchat.Session):
    """The front end asks for the request as it is read, and for the whole of it to copy."""
    front = Front(chat, {"noise": Image.fromarray(NOISE)})
    assert len(json.dumps(front.ask("preview", text="{{noise}}"))) < 5000
    assert len(front.ask("preview", text="{{noise}}", whole=True)["json"]) > 1_000_000


def test_the_embedded_model_has_no_address(monkeypatch: pytest.MonkeyPatch):
    """A request to the embedded model is shown as one to anywhere; a field of an odd name goes as one."""
    told = preview(nbchat.Session(extra_body={"timeout": 5, "top-k": 3, "top_k": 4}), "Hi")
    words = shlex.split(told["curl"])
    assert words[2] == "$OPENAI_BASE_URL/chat/completions"
    assert "client = Client()\n" in told["python"]
    assert "    extra_body={'timeout': 5, 'top-k': 3},\n" in told["python"]
    assert "    top_k=4,\n" in told["python"]
    other = preview(nbchat.Session(extra_body={"model": "local"}, base_url="http://127.0.0.1:9/v1"))
    assert json.loads(other["json"])["model"] == "local"
    assert "$OPENAI_BASE_URL" in other["curl"]


def test_no_key_is_in_the_state(server: ScriptedServer):
    """Nothing that goes to a browser or into a notebook is a key."""
    chat = nbchat.Session("scripted", base_url=server.url, api_key="sk-secret")
    front = Front(chat)
    server.answer("ok")
    front.ask("ask", text="Q")
    front.path(2)
    bundle = front.panel._repr_mimebundle_()
    assert "sk-secret" not in json.dumps([front.panel.get_state(), bundle, front.got], default=str)


def test_the_output_reads_without_widgets(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Beside the view, the output has the conversation as Markdown, for viewers that draw no widgets."""
    server.answer("**Yes**")
    chat.send("Q")
    data, metadata = front.panel._repr_mimebundle_()
    assert "**Yes**" in data["text/markdown"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert metadata["nbchat"]["panel"] == front.panel.own_id


def test_a_closed_panel_hears_nothing_more(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Closing a panel ends its subscription; the session goes on."""
    front.panel.close()
    server.answer("ok")
    chat.send("Q")
    assert front.got == []


def test_a_panel_that_is_closed_leaves_nothing(
    front: Front, chat: nbchat.Session, server: ScriptedServer, caplog: pytest.LogCaptureFixture
):
    """Closed while a turn runs, from Python or by the page, a panel ends its subscription; the turn goes on, without a word."""
    gate = threading.Event()
    server.stream(chunk("Some"), gate, chunk(" text"), chunk(finish="stop"))
    other = Front(chat)
    turn = front.ask("ask", text="Q")["turn"]
    for one in (front, other):
        one.wait(lambda m: m["type"] == "delta")
    front.panel.close()
    front.panel.close()
    other.panel.comm.handle_close({})
    assert chat._events._subscribers == []
    told = (len(front.got), len(other.got))
    front.panel._told(TurnEnded(chat.turn))  # as one that was on its way
    front.panel._asked(front.panel, {"id": 9, "do": "snapshot"}, None)
    gate.set()
    assert chat.turn.result(PATIENCE).text == "Some text"
    assert chat.turn.id == turn
    assert (len(front.got), len(other.got)) == told
    assert front.panel.get_state(["turns"])["turns"] == []
    assert caplog.records == []


@pytest.mark.filterwarnings("error")
def test_a_panel_that_could_not_be_made_is_closed_too(chat: nbchat.Session):
    """What is wrong with its arguments is said, and nothing more is, when it is thrown away."""
    with pytest.raises(TypeError, match="session"):
        Panel()
    with pytest.raises(TraitError, match="starters"):
        Panel(chat, starters=[5])
    gc.collect()
    assert chat._events._subscribers == []


def test_a_turn_that_was_over_before_its_beginning_was_told(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Whoever asks tells it on a thread of their own, which may be late: no turn stays that has ended, and no failure is lost."""
    server.answer("ok")
    chat.send("Q")
    front.path(2)
    front.panel._told(TurnQueued(chat.turn))
    assert front.panel.get_state(["turns"])["turns"] == []
    front.panel.close()
    late = Front(chat)
    server.error(401, {"error": {"message": "no key"}})
    with pytest.raises(NbchatError):
        chat.send("Q")
    late.wait(lambda m: m["type"] == "turn" and m["turn"]["state"] == "failed")
    late.ask("dismiss", turn=chat.turn.id)
    late.panel._told(TurnQueued(chat.turn))
    assert [turn["state"] for turn in late.panel.get_state(["turns"])["turns"]] == ["failed"]


def test_what_happens_while_a_panel_is_made_is_in_it(chat: nbchat.Session, monkeypatch: pytest.MonkeyPatch):
    """A message that comes between the first look and the subscription is not missed."""
    subscribe = chat.subscribe

    def later(callback: Any) -> Any:
        grow(chat, 2)
        return subscribe(callback)

    monkeypatch.setattr(chat, "subscribe", later)
    assert Panel(chat).get_state(["total"])["total"] == 2


def test_a_kernel_that_ends_while_a_turn_runs_says_nothing(server: ScriptedServer, tmp_path: Path):
    """A restart in mid-answer leaves no word of ours on stderr, and the server is let go."""
    server.stream(chunk("Some"), threading.Event())
    with kernel(tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="none") as running:
        log = "import logging, os; os.dup2(os.open('log', os.O_CREAT | os.O_WRONLY), 2); logging.basicConfig(filename='log')"
        shown = running.run(
            f"{log}\nimport nbchat\nchat = nbchat.Session('m')\npanel = chat.panel()\nturn = chat.stream('Q')\nnext(iter(turn))"
        )
        assert shown.error is None
        running.manager.shutdown_kernel()
    assert server.requests[0].closed.wait(PATIENCE)
    assert (tmp_path / "log").read_text() == ""


def test_many_threads_at_once(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Requests on many threads while turns run leave one numbering without gaps and the state that Python has."""
    server.always_answer("some words of an answer")
    threads = [
        threading.Thread(target=front.panel._asked, args=(front.panel, content, None))
        for number in range(20)
        for content in (
            {"id": number, "do": "ask", "text": f"Q{number}"},
            {"id": 100 + number, "do": "set", "name": "top_p", "value": number / 20},
            {"id": 200 + number, "do": "snapshot"},
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    front.path(40)
    assert [message["seq"] for message in front.numbered] == list(range(1, len(front.numbered) + 1))
    assert front.panel.parameters == chat.parameters.to_dict()
    assert len(front.panel.get_state(["messages"])["messages"]) == 40


def test_each_control_is_its_fields_own_declaration():
    """Bounds, step, choices and help of every control are the request field's."""
    for name in CONTROLS:
        drawn, field = declaration(name), fields()[name]
        assert ((drawn["low"], drawn["high"]), drawn["step"], tuple(drawn["choices"])) == (
            field.bounds,
            field.step,
            field.choices,
        )
        assert drawn["help"] == field.help
        for end in filter(None, drawn["reach"]):
            field.validate(None, end)


def test_starters_are_given_or_configured(chat: nbchat.Session):
    """An empty panel offers the questions it is given, else those of the configuration, else three of its own."""
    assert Panel(chat).starters == list(module.STARTERS)
    settings().starters = ["Configured?"]
    assert chat.panel().starters == ["Configured?"]
    assert nbchat.panel(chat, starters=("One?", "Two?")).starters == ["One?", "Two?"]
    assert Panel(chat, starters="One?").starters == ["One?"]
    settings().starters = []
    assert Panel(chat).starters == []


def test_the_notice_is_of_the_default_endpoint(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer):
    """A model of a named endpoint has been chosen: nothing is told about the embedded model, and once where it answers."""
    settings().endpoints = {"mine": {"base_url": server.url}}
    server.answer("ok")
    front = Front(nbchat.Session("mine/model"))
    assert front.ask("ask", text="Q")["notice"] is None
    front.path(2)
    assert server.requests[0].json["model"] == "model"
    plain = Front(nbchat.Session())
    monkeypatch.setattr(
        plain.panel.session, "ask", lambda *_, **__: SimpleNamespace(id="t", asked=Asked(None))
    )  # no model is loaded for it
    assert "no endpoint is set" in plain.ask("ask", text="Q")["notice"]
    assert plain.ask("ask", text="Q")["notice"] is None


def test_what_sets_formulas_in_type_is_sent_to_those_who_ask(front: Front):
    """The code for formulas is as much again as the panel's own, so no panel carries it, and a page gets it whole."""
    code = front.ask("maths")
    assert code == (Path(module.__file__).parent / "static" / "maths.js").read_text("utf-8")
    assert len(code) > 100_000
    assert code not in front.panel.get_state()["_esm"]
    assert len(front.panel.get_state()["_esm"]) < 260_000


def rows_of(chat: nbchat.Session) -> dict[str, Any]:
    """The rows of nbchat.controls, by the field that each is for."""
    return {name: row.children for name, row in zip(["system", *CONTROLS], nbchat.controls(chat).children, strict=True)}


def test_stock_widgets_are_bound_both_ways(chat: nbchat.Session):
    """nbchat.controls gives ipywidgets that move the session and are moved by it, with an off state."""
    rows = rows_of(chat)
    composed = {name for name in rows if type(rows[name][0]).__name__ == "HBox"}
    label, tags = rows["stop"][0].children
    named = {name: (rows[name][0].children[0] if name in composed else rows[name][0]) for name in rows}
    shown = {name: widget.value if widget is label else widget.description for name, widget in named.items()}
    assert shown == {name: name for name in rows}
    (slider, number), sent, problem = rows["temperature"][0].children, *rows["temperature"][1:]
    assert (type(slider).__name__, slider.min, slider.max, sent.value) == ("FloatSlider", 0, 2, False)
    slider.value = 0.4
    assert (chat.parameters.temperature, number.value) == (0.4, 0.4)
    assert sent.value
    sent.value = False
    assert chat.parameters.temperature is None
    tags.value = ["a", "b", "c", "d", "e"]
    assert "1 to 4" in rows["stop"][2].value
    assert chat.parameters.stop is None
    tags.value = ["a"]
    assert (chat.parameters.stop, rows["stop"][1].value, rows["stop"][2].value) == (["a"], True, "")
    rows["system"][0].value = "Be brief."
    assert chat.system == "Be brief."
    chat.system = None
    assert rows["system"][0].value == ""
    rows["model"][0].value = "other"
    assert chat.model == "other"
    assert problem.value == ""


@pytest.mark.parametrize(
    ("name", "value", "reached"), [("max_tokens", 9000, 4096), ("seed", 20240607123, 100), ("n", 20, 8)]
)
def test_a_number_beyond_the_slider(chat: nbchat.Session, name: str, value: int, reached: int):
    """What is typed, or set, is what is sent; a slider that can't go so far stands at its end, and goes no further."""
    (slider, number), sent, problem = (row := rows_of(chat)[name])[0].children, *row[1:]
    number.value = value
    assert (getattr(chat.parameters, name), slider.value, slider.max) == (value, reached, reached)
    setattr(chat.parameters, name, value + 1)
    assert (number.value, slider.value, sent.value, problem.value) == (value + 1, reached, True, "")
    slider.value = 2
    assert (getattr(chat.parameters, name), number.value) == (2, 2)


def test_a_number_out_of_bounds_is_refused(chat: nbchat.Session):
    """A box says what its field takes, and the session's value stays."""
    (_, number), _, problem = (row := rows_of(chat)["temperature"])[0].children, *row[1:]
    number.value = 3
    assert "between 0 and 2" in problem.value
    assert chat.parameters.temperature is None
    number.value = 1.5
    assert (chat.parameters.temperature, problem.value) == (1.5, "")


def test_a_choice_that_is_a_dict(chat: nbchat.Session):
    """A tool_choice is shown and read as JSON; what is empty is not sent, and says so."""
    box, sent, problem = rows_of(chat)["tool_choice"]
    chosen = {"type": "function", "function": {"name": "f"}}
    chat.parameters.tool_choice = chosen
    assert json.loads(box.value) == chosen
    sent.value = False
    assert chat.parameters.tool_choice is None
    sent.value = True
    assert chat.parameters.tool_choice == chosen
    box.value = "  "
    assert (chat.parameters.tool_choice, sent.value, problem.value) == (None, False, "")
    sent.value = True
    assert (chat.parameters.tool_choice, sent.value) == (None, False)


def grow(chat: nbchat.Session, count: int, before: str = "") -> None:
    """Give a session a past."""
    parent = None
    for number in range(count):
        message = {"role": "assistant" if number % 2 else "user", "content": f"{before}{number}"}
        chat._conversation.add(Node(f"n{number}", parent, message, f"t{number // 2}"))
        parent = f"n{number}"
    chat._conversation.head = parent


# ---- pictures and other media --------------------------------------------------------------------------------------


def test_what_was_sent_is_shown_small(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """While an answer comes and after it, the question has a small picture and words, and never the picture itself."""
    gate = threading.Event()
    server.stream(chunk("So far"), gate, chunk(finish="stop"))
    turn = chat.stream("Look:", attach=[NOISE, {"type": "file", "file": {"filename": "a.pdf", "file_id": "f-1"}}])
    shown = front.wait(lambda m: m["type"] == "turn")["turn"]
    gate.set()
    turn.result(PATIENCE)
    question = front.path(2)["messages"][0]
    picture, file = question["media"]
    assert shown["media"] == question["media"]
    assert (shown["question"], question["text"]) == ("Look:", "Look:")
    assert picture["words"] == "PNG picture, 600 × 600, 1.1 MB, ≈ 765 tokens"
    assert picture["picture"].startswith("data:image/webp;base64,")
    assert file == {"words": "file a.pdf"}
    assert question["tokens"] == 2 + 765 + 2265
    assert len(json.dumps(front.got)) < 300_000
    assert "media" not in front.path(2)["messages"][1]


def test_what_the_notebook_keeps_has_small_pictures(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """The panel's saved form has the small picture of what was sent, made by us, and what it was."""
    server.answer("ok")
    chat.send("Look:", attach=[NOISE])
    (question, _) = front.ask("markdown", start=0)["texts"]
    assert re.fullmatch(
        r"\*\*You\*\*\n\nLook:\n\n!\[picture\]\(data:image/webp;base64,[\w+/=]+\)\n\n\*\[PNG picture, [^\n]+ tokens\]\*",
        question,
    )
    assert len(question) < 60_000


def test_a_picture_in_the_composer(chat: nbchat.Session, server: ScriptedServer):
    """{{name}} in the panel sends a picture as one, and says below the answer what was done to it."""
    front = Front(chat, {"photo": Image.new("L", (4096, 2))})
    server.answer("ok")
    front.ask("ask", text="What is {{photo}}?")
    question, answer = front.path(2)["messages"]
    assert [part["type"] for part in server.requests[0].json["messages"][0]["content"]] == ["text", "image_url", "text"]
    assert question["text"] == "What is ?"
    assert answer["note"] == "the picture was scaled down from 4096 × 2 to 2048 × 1 pixels"


def test_an_edited_question_keeps_its_pictures(front: Front, chat: nbchat.Session, server: ScriptedServer):
    """Whoever edits the text of a question asks it with the same pictures, also where no text is left."""
    server.always_answer("ok")
    chat.send("Look:", attach=[NOISE])
    node = front.path(2)["messages"][0]["id"]
    for text, kinds in (("Look again:", ["text", "image_url"]), ("", ["image_url"])):
        front.ask("edit", node=node, text=text)
        front.wait(
            lambda m, text=text: m["type"] == "path" and m["messages"] and m["messages"][0].get("text", "") == text
        )
        assert [part["type"] for part in server.requests[-1].json["messages"][0]["content"]] == kinds
    assert front.ask("ask", text=" ") == ["The question is empty."]


def test_what_a_file_says_is_not_run_when_its_question_is_edited(
    chat: nbchat.Session, server: ScriptedServer, tmp_path: Path
):
    """A file that went as text stays beside an edited question, and the double braces in it are text for good."""
    ran: list[int] = []
    front = Front(chat, {"trap": lambda: ran.append(1)})
    (tmp_path / "page.html").write_text("<p>{{ trap() }}{{1 + 1}}</p>")
    server.always_answer("ok")
    chat.send("Explain:", attach=tmp_path / "page.html")
    question = front.path(2)["messages"][0]
    assert (question["text"], question["media"]) == ("Explain:", [{"words": "page.html, text, 28 bytes, ≈ 13 tokens"}])
    front.ask("edit", node=question["id"], text="Explain {{1 + 1}}:")
    front.wait(lambda m: m["type"] == "path" and m["messages"] and m["messages"][0].get("text") == "Explain 2:")
    assert ran == []
    own, page = server.requests[1].json["messages"][0]["content"]
    assert (own["text"], "{{ trap() }}" in page["text"]) == ("Explain 2:", True)


@pytest.mark.parametrize("door", [nbchat.panel, nbchat.controls])
def test_a_panel_is_of_a_session(door: Callable[[Any], Any]):
    """The name of a session is none: a sentence says how to get it."""
    with pytest.raises(ConfigurationError, match=r"is of type str\. .*get_session"):
        door("notes")


def test_a_panel_that_could_not_be_made_is_dropped_in_silence(recwarn: pytest.WarningsRecorder):
    """What was begun of it is closed without a word when it is collected."""
    with pytest.raises(AttributeError):
        Panel("notes")  # type: ignore[arg-type]
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_the_python_form_sends_what_the_others_do(server: ScriptedServer):
    """Also null, a member named self, and no stream: the call sends the same body, and prints what comes."""
    server.always_answer("Hello there")
    chat = nbchat.Session("m", base_url=server.url)
    for extra in ({"x": None, "self": 4}, {"stream": False}):
        body = chat.request("Hi", extra_body=extra)
        chat.parameters.extra_body = extra
        program = preview(chat, "Hi", whole=True)["python"]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program, {})
        assert server.requests[-1].json == body
        assert printed.getvalue().strip() == "Hello there"
