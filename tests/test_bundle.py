"""What a notebook keeps of a turn: safe Markdown, readable text, and a record."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from inspector import SENDABLE, Inspector
from jupyter_client.session import json_packer
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from scripted import PATIENCE, USAGE, ScriptedServer, chunk
from test_markdown import lenient

from nbchat.errors import NbchatError
from nbchat.jupyter.bundle import bundle, notes
from nbchat.jupyter.choices import ShownChoice, in_columns
from nbchat.session.markdown import one_line
from nbchat.session.session import Session
from nbchat.session.turn import Turn

NASTY = (
    '<script>alert(1)</script> <img src=x onerror="alert(2)"> [x](javascript:alert(3)) ![y](http://evil/?q=1) \x1b[2J'
)
FORMATS = ["markdown", "text", "code", "json"]


class Columns(Inspector):
    """Notes how deep within our boxes each column begins and ends, beside what any text may do."""

    def __init__(self, *args: Any) -> None:
        self.places: list[int] = []
        self._open: list[str] = []
        super().__init__(*args)

    @staticmethod
    def _is_plain(style: str) -> bool:
        return style.startswith(("display: flex", "border: 1px", "text-align:"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "div":
            self._open.append(dict(attrs).get("class") or "")
            if self._open[-1] == "nbchat-column":
                self.places.append(self._open.count("nbchat-row") + self._open.count("nbchat-column") - 1)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._open and self._open.pop() == "nbchat-column":
            self.places.append(self._open.count("nbchat-row") + 1)


def ask(server: ScriptedServer, question: Any = "Hi", *, client_key: str = "sk-secret", **overrides: Any) -> Turn:
    """A turn that has ended, one way or another."""
    chat = Session("m", base_url=server.url, api_key=client_key)
    chat.client.http.max_retries = 0
    turn = chat.stream(question, **overrides)
    assert turn.wait(PATIENCE)
    return turn


def kept(turn: Turn, form: str = "markdown", **options: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """What is kept, after it went through what Jupyter does with a message and with a file."""
    data, metadata = bundle(turn, form, **options)
    packed = json.loads(json_packer({"data": data, "metadata": metadata}))
    assert packed == {"data": data, "metadata": metadata}
    json.dumps(packed, allow_nan=False, ensure_ascii=False).encode()
    return data, metadata["nbchat"]


def test_an_answer(server: ScriptedServer):
    """A turn that is done is its Markdown, its text, and a record of question, answer, model and usage."""
    server.answer("**Hi** there")
    turn = ask(server, temperature=0.5)
    data, record = kept(turn, session="drafts")
    assert data == {"text/markdown": "**Hi** there", "text/plain": "**Hi** there"}
    assert record["version"] == 1
    assert (record["session"], record["turn"], record["status"], record["model"]) == (
        "drafts",
        turn.id,
        "done",
        "scripted",
    )
    assert record["question"] == {"role": "user", "content": "Hi"}
    assert record["parameters"] == {"model": "m", "temperature": 0.5}
    assert record["usage"] == USAGE
    (answer,) = record["answers"]
    assert (answer["finish_reason"], answer["message"]["content"]) == ("stop", "**Hi** there")
    assert "error" not in record


@pytest.mark.parametrize("form", FORMATS)
def test_several_answers_are_told_apart(server: ScriptedServer, form: str):
    """With n answers each has its heading, and the record has them all."""
    server.answer("a", "b", "c")
    data, record = kept(ask(server, n=3), form)
    assert data["text/plain"].count("Choice") == 3
    assert "Choice 2 of 3" in data["text/plain"]
    assert ("text/markdown" in data) == (form != "text")
    assert [answer["message"]["content"] for answer in record["answers"]] == ["a", "b", "c"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("how", ["done", "cancelled", "failed", "refused", "stopped before"])
def test_every_ending_in_every_form(server: ScriptedServer, how: str, form: str):
    """However a turn ended, in every form something that can be kept comes out, says how, and holds no key."""
    if how == "done":
        server.answer(NASTY)
    elif how == "cancelled":
        server.stream(chunk(NASTY), threading.Event())
    elif how == "failed":
        server.stream(chunk(NASTY), done=False, cut=True)
    elif how == "refused":
        server.error(401, {"error": {"message": f"Bad key sk-secret. {NASTY}"}})
    else:
        server.reply(before=threading.Event())
    chat = Session("m", base_url=server.url, api_key="sk-secret")
    turn = chat.stream("Hi")
    if how == "cancelled":
        turn.pieces.wait(0, PATIENCE)
    if how in ("cancelled", "stopped before"):
        turn.cancel()
    assert turn.wait(PATIENCE)
    data, record = kept(turn, form)
    assert record["status"] == turn.status == {"refused": "failed", "stopped before": "cancelled"}.get(how, how)
    everything = json.dumps([data, record])
    assert "sk-secret" not in everything
    assert "\x1b" not in data["text/plain"]
    assert "127.0.0.1" not in json.dumps({**record, "error": ""})
    said = {
        "cancelled": "stopped",
        "failed": "broke off here",
        "stopped before": "stopped",
        "refused": "broke off here",
    }
    if how != "done":
        assert data["text/plain"].endswith(f"[{said[how]}]")
    markdown = data.get("text/markdown", "")
    assert ("text/markdown" in data) == (form != "text")
    for danger in ("<script", "<img", "](javascript:", "![", "\x1b"):
        assert danger not in markdown
    assert ("error" in record) == (turn.status == "failed")


@pytest.mark.parametrize(
    ("finish", "said"),
    [
        ("stop", ""),
        ("length", "cut off at max_tokens"),
        ("model_length", "cut off where the model's context ends"),
        ("insufficient_system_resource", "cut off: the server ran out of resources"),
        ("eos_token", ""),
        ("end_turn", ""),
        ("COMPLETE", ""),
        ("content_filter", "withheld by the server's content filter"),
        ("tool_calls", "the model asks for tools"),
        ("some_new_reason", "some_new_reason"),
        ("<b>\x1b[2J*x*", "<b>␛[2J*x*"),
    ],
)
def test_why_it_ended_is_said(server: ScriptedServer, finish: str, said: str):
    """A finish reason other than "stop" stands under the answer in plain words, one nobody knows as it is."""
    server.answer("text", finish=finish)
    data, _ = kept(ask(server))
    assert data["text/plain"] == ("text" if not said else f"text\n\n[{said}]")
    assert "<b>" not in data["text/markdown"]
    assert data["text/markdown"].startswith("text")


@pytest.mark.parametrize("group", SENDABLE)
def test_nothing_a_server_says_beside_the_text_runs(server: ScriptedServer, group: str):
    """A finish reason and a model's name are a server's words: below an answer, and in an export, they are only that."""
    for text in SENDABLE[group]:
        for count in (1, 2):
            events = [chunk("a", index=index) | {"model": text} for index in range(count)]
            server.stream(*events, *(chunk(index=index, finish=text) for index in range(count)))
            chat = Session("m", base_url=server.url)
            turn = chat.stream("Hi", n=count)
            turn.result(PATIENCE)
            for markdown in (kept(turn)[0]["text/markdown"], chat.to_markdown()):
                html = lenient.render(markdown) + markdown2html_mistune(markdown)
                assert Columns(html, ("nbchat-choices",), ("turn",)).found == [], text


def test_each_has_its_own_end(server: ScriptedServer):
    """Of several answers that ended for several reasons each has its own below it, and the turn none."""
    events = [chunk("a", index=i) for i in range(3)]
    events += [chunk(index=i, finish=finish) for i, finish in enumerate(["length", "length", "content_filter"])]
    server.stream(*events)
    turn = ask(server, n=3)
    assert notes(turn) == []
    cut, withheld = "cut off at max_tokens", "withheld by the server's content filter"
    for form, ended in (("text/plain", "[{}]"), ("text/markdown", "*[{}]*")):
        columns = re.split("Choice . of 3", kept(turn)[0][form])[1:]
        assert [
            ended.format(reason) in column for reason, column in zip((cut, cut, withheld), columns, strict=True)
        ] == [True] * 3
        assert withheld not in columns[0]


@pytest.mark.parametrize("group", SENDABLE)
def test_no_answer_leaves_its_column(group: str):
    """Whatever an answer says or ends with, the boxes round several stay three, and nothing in them does anything."""
    for text in SENDABLE[group]:
        markdown = in_columns(
            [ShownChoice(text, one_line(text)), ShownChoice(f"- {text}"), ShownChoice(f"> ```\n{text}")], "t"
        )
        for html in (lenient.render(markdown), markdown2html_mistune(markdown)):
            inspector = Columns(html, ("nbchat-choices",), ("turn",))
            assert inspector.found == [], text
            assert inspector.places == [1, 2, 1, 2, 1, 2], text


def test_the_way_to_another_answer(server: ScriptedServer):
    """Below several answers stands what to write in Python to go on from the second; it does that whenever it is written."""
    server.answer("a", "b")
    server.answer("c", "d")
    server.answer("e", "f")
    chat = Session("m", base_url=server.url)
    ways = {}
    for ask_it, expected in (
        (lambda: chat.stream("Q", n=2), "b"),
        (lambda: chat.regenerate(n=2), "d"),
        (lambda: chat.stream("And?", n=2), "f"),
    ):
        turn = ask_it()
        turn.result(PATIENCE)
        said = kept(turn, session="drafts")[0]["text/plain"].splitlines()[-1]
        ways[expected] = re.fullmatch(r"To go on from choice 2: nbchat\.get_session\('drafts'\)\.go\('(.+)'\)", said)[1]
    for expected, node in ways.items():
        chat.go(node)
        assert chat.messages[-1]["content"] == expected
    assert "To go on" not in kept(turn)[0]["text/plain"]


def test_code_only(server: ScriptedServer):
    """In the form "code" only the code blocks are left; an answer without any stays whole."""
    server.answer("Look:\n\n```python\nx = 1\n```\n\nand\n\n~~~~\n```\n~~~~\n\nDone.")
    server.answer("No code.")
    assert kept(ask(server), "code")[0]["text/plain"] == "```python\nx = 1\n```\n\n````\n```\n````"
    assert kept(ask(server), "code")[0]["text/plain"] == "No code."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a": [1], "ü": "é"}', '```json\n{\n  "a": [\n    1\n  ],\n  "ü": "é"\n}\n```'),
        ('{"a": "\\ud83d"}', '```json\n{\n  "a": "�"\n}\n```'),
        ('{"a": "```"}', '````json\n{\n  "a": "```"\n}\n````'),
        ("not JSON", "not JSON"),
        ("[" * 2_000, "[" * 2_000),
    ],
    ids=lambda value: value[:9],
)
def test_json_laid_out(server: ScriptedServer, text: str, shown: str):
    """In the form "json" a value is laid out, also one with half a character in it; anything else stays as it is."""
    server.stream(chunk(text), chunk(finish="stop"))
    assert kept(ask(server), "json")[0]["text/plain"] == shown


def test_a_question_with_half_a_character(server: ScriptedServer):
    """A name of a file that is no UTF-8 can be asked about, and the cell's message can be packed."""
    server.answer("ok")
    _, record = kept(ask(server, "What is caf\udce9.txt?"))
    assert record["question"]["content"] == "What is caf\ufffd.txt?"


def test_a_question_in_parts(server: ScriptedServer):
    """A question with a picture is in the record as it was asked."""
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    server.answer("A dog.")
    assert kept(ask(server, parts))[1]["question"] == {"role": "user", "content": parts}


def test_an_answer_in_parts(server: ScriptedServer):
    """A whole answer whose content is a list of parts shows their text."""
    message = {"role": "assistant", "content": [{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]}
    server.reply(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode())
    turn = Session("m", base_url=server.url).ask({"role": "user", "content": "Hi"}, streamed=False)
    assert turn.wait(PATIENCE)
    assert kept(turn)[0] == {"text/markdown": "in parts", "text/plain": "in parts"}


def test_calls_and_refusals(server: ScriptedServer):
    """An answer without text, because it asks for tools or refuses, is kept too."""
    server.ask_for(("x", "f", "{}"), text="")
    server.stream(chunk(refusal="I can't."), chunk(finish="stop"))
    data, record = kept(ask(server))
    assert data["text/plain"] == "[f() no result yet]\n\n[the model asks for tools]"
    assert record["answers"][0]["message"]["tool_calls"][0]["function"]["name"] == "f"
    assert kept(ask(server))[0]["text/plain"] == "I can't."


def test_a_turn_that_runs_has_no_end_yet(server: ScriptedServer):
    """Asked for in the middle of a stream, what is there is kept, and the status says so."""
    server.stream(chunk("so far"), threading.Event())
    turn = Session("m", base_url=server.url).stream("Hi")
    turn.pieces.wait(0, PATIENCE)
    data, record = kept(turn)
    assert (data["text/plain"], record["status"]) == ("so far", "running")
    turn.cancel()
    with pytest.raises(NbchatError):
        turn.result(PATIENCE)
