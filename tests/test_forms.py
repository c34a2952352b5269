"""Answers in a form that the caller asks for, in a session."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import pickle
import threading
from dataclasses import dataclass, make_dataclass
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest
from scripted import PATIENCE, ScriptedServer, chunk
from traitlets import TraitError

from nbchat.errors import AnswerFormatError, ConfigurationError, CutOffError, RefusedError, ServerError
from nbchat.session.records import records
from nbchat.session.session import Session
from nbchat.tools.structured import format_of


@dataclass
class City:
    """A city."""

    name: str
    people: int


@pytest.fixture
def chat(server: ScriptedServer) -> Session:
    return Session("m", base_url=server.url)


ROME = '{"name": "Rome", "people": 2800000}'


def test_an_answer_of_a_type(chat: Session, server: ScriptedServer):
    """The schema of a type is sent, strict where it can be, and the answer is a value of the type."""
    server.answer(ROME)
    assert chat.send("A city.", response_format=City).parsed == City("Rome", 2_800_000)
    sent = server.requests[0].json["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == ("json_schema", "City", True)
    assert set(sent["json_schema"]["schema"]["properties"]) == {"name", "people"}


def test_records_become_a_dataframe(chat: Session, server: ScriptedServer):
    """A list of a type is asked for as an object, as the API wants it, and comes back as the list, or as a DataFrame."""
    server.answer('{"items": [' + ROME + ', {"name": "Oslo", "people": 700000}]}')
    completion = chat.send("Cities.", response_format=list[City])
    assert completion.parsed == [City("Rome", 2_800_000), City("Oslo", 700_000)]
    table = completion.to_dataframe()
    assert table.to_dict("list") == {"name": ["Rome", "Oslo"], "people": [2_800_000, 700_000]}


ORDER = {"price": decimal.Decimal, "day": dt.date, "at": dt.datetime, "took": dt.timedelta}


@pytest.mark.parametrize(
    "kind",
    [
        make_dataclass("Order", ORDER.items()),
        msgspec.defstruct("Order", ORDER.items()),
        pydantic.create_model("Order", **ORDER),
    ],
    ids=["dataclass", "struct", "pydantic"],
)
def test_a_table_holds_values_and_no_texts(chat: Session, server: ScriptedServer, kind: Any):
    """Amounts in a table add up and its days can be compared, whatever class the records are of."""
    orders = [
        {"price": price, "day": f"2026-01-0{day}", "at": f"2026-01-0{day}T10:00:00Z", "took": "PT1H"}
        for price, day in ((1.5, 1), (2.5, 2))
    ]
    server.answer(json.dumps({"items": orders}))
    table = chat.send("Orders.", response_format=list[kind]).to_dataframe()
    assert table.price.sum() == 4
    assert table.day.max() == dt.date(2026, 1, 2)
    assert (table["at"].max() - table["at"].min(), table.took.sum()) == (dt.timedelta(days=1), dt.timedelta(hours=2))


@pytest.mark.parametrize("kind", [dict[str, City], dict[str, list[City]]], ids=["one", "list"])
def test_a_table_keeps_what_records_stand_under(chat: Session, server: ScriptedServer, kind: Any):
    """Of a dict of records, or of lists of them, each row has its key, of one as of many."""
    rome, oslo = json.loads(ROME), {"name": "Oslo", "people": 700_000}
    for cities in ({"Italy": rome}, {"Italy": rome, "Norway": oslo}):
        server.answer(json.dumps(cities if kind == dict[str, City] else {key: [city] for key, city in cities.items()}))
        rows = chat.send("Cities.", response_format=kind).to_dataframe().to_dict("records")
        assert rows == [{"key": key, **city} for key, city in cities.items()]


def test_a_key_hides_no_member():
    """Where records have a member of that name, the key has another."""
    assert records({"a": {"key": 1}}, keyed=True) == [{"_key": "a", "key": 1}]
    assert records({"a": 1, "b": 2}, keyed=True) == [{"a": 1, "b": 2}]
    assert records([{"path": Path("a")}]) == [{"path": "a"}]


def test_what_holds_no_records(chat: Session, server: ScriptedServer):
    """An answer without records is no table, and says how to get one."""
    server.answer("Rome.")
    with pytest.raises(AnswerFormatError, match=r"There are no records in the answer\. Ask for a list"):
        chat.send("A city.").to_dataframe()


def test_one_repair(chat: Session, server: ScriptedServer):
    """What does not fit is asked for once more, with what was wrong; that is said, counted, and no part of the history."""
    server.answer('{"name": "Rome"}')
    server.answer(ROME)
    turn = chat.stream("A city.", response_format=City)
    assert turn.result(PATIENCE).parsed.name == "Rome"
    bad, wish = server.requests[1].json["messages"][-2:]
    assert bad == {"role": "assistant", "content": '{"name": "Rome"}'}
    assert "people" in wish["content"]
    assert [m["content"] for m in chat.messages] == ["A city.", ROME]
    assert turn.remarks == [
        "the first answer did not have the form that was asked for, and the model was asked once more"
    ]
    assert turn.result().usage.total_tokens == 20 == chat.usage.total_tokens
    chat.choose(0)
    assert chat.messages[-1]["content"] == '{"name": "Rome"}'


def test_no_second_repair(chat: Session, server: ScriptedServer):
    """An answer that does not fit the second time is an error that says why; both are kept."""
    server.answer("Rome.")
    server.answer("Oslo.")
    with pytest.raises(AnswerFormatError, match="The answer is not JSON") as caught:
        chat.send("A city.", response_format=City)
    assert caught.value.text == "Oslo."
    assert len(server.requests) == 2
    assert chat.messages[-1]["content"] == "Oslo."
    assert chat.turn.status == "failed"


def test_a_refusal(chat: Session, server: ScriptedServer):
    """A model that declines is not asked again: it is an error with the model's words."""
    server.stream(chunk(refusal="I can't."), chunk(finish="stop"))
    with pytest.raises(RefusedError, match="I can't") as caught:
        chat.send("A city.", response_format=City)
    assert caught.value.text == "I can't."
    assert len(server.requests) == 1


def test_an_answer_that_is_cut_off(chat: Session, server: ScriptedServer):
    """An answer that max_tokens ended is an error with what had arrived, which the conversation keeps."""
    server.stream(chunk('{"name": "Ro'), chunk(finish="length"))
    with pytest.raises(CutOffError, match="it was cut off at max_tokens") as caught:
        chat.send("A city.", response_format=City)
    assert caught.value.text == '{"name": "Ro'
    assert chat.messages[-1]["content"] == '{"name": "Ro'
    assert len(server.requests) == 1


@pytest.mark.parametrize("said", [{"content": ""}, {"reasoning_content": "Hm."}])
def test_an_answer_that_says_nothing(chat: Session, server: ScriptedServer, said: dict[str, str]):
    """An empty answer has no form: one that was cut off is an error, and one that was not is asked for once more."""
    server.stream(chunk(**said), chunk(finish="length"))
    with pytest.raises(CutOffError, match="it was cut off at max_tokens"):
        chat.send("A city.", response_format=City)
    assert chat.messages == []
    server.stream(chunk(**said), chunk(finish="stop"))
    server.answer(ROME)
    assert chat.send("A city.", response_format=City).parsed == City("Rome", 2_800_000)
    assert [m["role"] for m in server.requests[-1].json["messages"]] == ["user", "user"]
    for _ in range(2):
        server.stream(chunk(**said), chunk(finish="stop"))
    with pytest.raises(AnswerFormatError, match="The answer is not JSON"):
        chat.send("Another.", response_format=City)
    assert [m["content"] for m in chat.messages] == ["A city.", ROME]


def test_a_repair_that_fails(chat: Session, server: ScriptedServer):
    """Where the server fails when it is asked once more, the first answer is kept, and no question is left without one."""
    chat.client.http.max_retries = 0
    server.answer("Rome.")
    server.error(500, {"error": {"message": "oh"}})
    with pytest.raises(ServerError):
        chat.send("A city.", response_format=City)
    assert [m["content"] for m in chat.messages] == ["A city.", "Rome."]
    assert [node.status for node in chat.conversation.nodes.values()] == ["done", "failed"]


def test_the_partial_value(chat: Session, server: ScriptedServer):
    """While the answer streams, what it says so far is there, decoded."""
    gate = threading.Event()
    server.stream(chunk('{"name": "Ro'), gate, chunk('me", "people": 3}'), chunk(finish="stop"))
    turn = chat.stream("A city.", response_format=City)
    assert next(iter(turn)) == '{"name": "Ro'
    assert turn.partial == {"name": "Ro"}
    gate.set()
    assert turn.result(PATIENCE).parsed == City("Rome", 3)
    assert turn.partial == {"name": "Rome", "people": 3}


@pytest.mark.parametrize("given", ["override", "parameter"])
def test_a_form_as_the_api_has_it(chat: Session, server: ScriptedServer, given: str):
    """A dict of the API's is sent as it is, also from the session's parameters, and the answer is decoded JSON."""
    form = {"type": "json_object"}
    server.answer(ROME)
    if given == "parameter":
        chat.parameters.response_format = form
    overrides = {"response_format": form} if given == "override" else {}
    assert chat.send("A city.", **overrides).parsed == json.loads(ROME)
    assert server.requests[0].json["response_format"] == form


def test_a_type_that_has_no_schema(chat: Session, server: ScriptedServer):
    """A type that JSON can't say is an error before anything is sent."""
    with pytest.raises(ConfigurationError):
        chat.send("?", response_format=threading.Thread)
    assert not server.requests


def test_the_request_is_what_is_sent(chat: Session, server: ScriptedServer):
    """What a session says that it would send is what it then sends, with tools, a form, and an attachment in it."""

    @chat.tool
    def look() -> str:
        """Look around."""
        return "nothing"

    server.answer(ROME)
    asked = {"response_format": City, "attach": [{"a": 1}], "temperature": 0.5, "tool_choice": "look"}
    foretold = chat.request("A city.", **asked)
    assert not server.requests
    chat.send("A city.", **asked)
    assert server.requests[0].json == foretold


def test_a_type_for_a_whole_session(server: ScriptedServer):
    """A session, its forks and its parameters take a type as a question does; what is kept of it is the API's own form."""
    chat = Session("m", base_url=server.url, response_format=list[City])
    for _ in range(3):
        server.answer('{"items": [{"name": "Rome", "people": 3}]}')
    assert chat.send("One?").parsed == chat.fork().send("One?").parsed == [City("Rome", 3)]
    chat.parameters.response_format = None
    assert chat.send("One?").parsed == {"items": [{"name": "Rome", "people": 3}]}
    chat.parameters.response_format = City
    server.answer('{"name": "Rome", "people": 3}')
    assert chat.send("One?").parsed == City("Rome", 3)
    kept = json.loads(chat.to_json())["parameters"]["response_format"]
    assert kept == chat.request("One?")["response_format"] == format_of(City).to_dict()
    assert pickle.loads(pickle.dumps(chat.parameters.to_dict()))["response_format"] == kept
    with pytest.raises(TraitError, match="response_format must be a dict, or a type whose values a model can write"):
        chat.parameters.response_format = 5
