"""A sweep as a picture: a grid of answers, of which nothing runs."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from inspector import EVERY_VECTOR, Inspector
from scripted import Reply, Request, ScriptedServer

import nbchat


class Tables(HTMLParser):
    """The tables of a page as rows of texts; a cell is one text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.captions: list[str] = []
        self._into: list[str] | None = None
        self.feed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.tables.append([])
            self.captions.append("")
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
        if tag in ("th", "td", "caption"):
            self._into = self.captions if tag == "caption" else self.tables[-1][-1]

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "caption"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data


def echo(server: ScriptedServer) -> None:
    """Answer each request with what it varies."""

    def script(request: Request) -> Reply:
        body = request.json
        return server._answer(request, (f"{body['model']} {body.get('temperature')} {body.get('seed')}",))

    server.always(script)


def cells(html: str) -> list[list[list[str]]]:
    """What stands in the tables, without what stands below the answers."""
    return [[[re.sub(r"\s*\[\d+\].*", "", text) for text in row] for row in table] for table in Tables(html).tables]


def test_what_varies_most_is_rows_and_columns(server: ScriptedServer):
    """The field with the most values goes down, the next one across, and each combination of the others has a table."""
    echo(server)
    got = nbchat.sweep("Hi", base_url=server.url, seed=[1, 2], temperature=[0, 1, 2], model=["a", "b"], max_tokens=5)
    html = got._repr_html_()
    assert Tables(html).captions == ["model = a", "model = b"]
    assert cells(html)[1] == [
        ["", "seed = 1", "seed = 2"],
        ["temperature = 0", "b 0 1", "b 0 2"],
        ["temperature = 1", "b 1 1", "b 1 2"],
        ["temperature = 2", "b 2 1", "b 2 2"],
    ]
    assert "max_tokens =" in html.partition("<table")[0]
    assert got._repr_mimebundle_() == {"text/plain": str(got), "text/html": html}


def test_one_axis_and_none(server: ScriptedServer):
    """One field with several values is a column of answers; with none there is one answer alone."""
    echo(server)
    assert cells(nbchat.sweep("Hi", base_url=server.url, model=["a", "b"])._repr_html_()) == [
        [["model = a", "a None None"], ["model = b", "b None None"]]
    ]
    assert cells(nbchat.sweep("Hi", base_url=server.url, model="a")._repr_html_()) == [[["a None None"]]]


def test_questions_stand_beside_their_answers(server: ScriptedServer):
    """Questions, which are long, are rows, also where something else has more values."""
    echo(server)
    got = nbchat.sweep(["One?", "Two?"], base_url=server.url, model=["a", "b", "c"])
    assert [row[0] for row in cells(got._repr_html_())[0]] == ["", "prompt = One?", "prompt = Two?"]


def test_what_stands_below_an_answer(server: ScriptedServer):
    """Each answer has its number, how it ended and what it took; a failure its sentence; several choices stand together."""

    def script(request: Request) -> Reply:
        if request.json["model"] == "bad":
            return Reply([b'{"error": {"message": "no such <b>model</b>"}}'], 400)
        return server._answer(request, ("left", "right"), finish="length")

    server.always(script)
    html = nbchat.sweep("Hi", base_url=server.url, model=["good", "bad"], n=2)._repr_html_()
    (((_, good), (_, bad)),) = Tables(html).tables
    assert re.fullmatch(
        r"Choice 1 of 2left\s*Choice 2 of 2right\s*\[0\] · cut off at max_tokens · \d\.\d s · 3 tokens", good
    )
    assert re.search(r"status 400: no such <b>model</b>.*\[1\] · failed", bad)
    assert "1 answered · 1 failed" in html


def test_answers_are_drawn_as_markdown(server: ScriptedServer):
    """Answers are drawn as Markdown, with mathematics for the notebook to set; labels are never read as either."""
    server.always_answer("**bold** $x_1$ and <b>")
    html = nbchat.sweep("*Hi* $x$", base_url=server.url, model=["a"])._repr_html_()
    assert '<div class="mathjax_process"><p><strong>bold</strong> $x_1$ and &lt;b&gt;</p>' in html
    assert html.startswith('<div class="nbchat-sweep mathjax_ignore">')
    assert "*Hi* $x$" in html


def test_long_answers_are_cut(server: ScriptedServer):
    """Of a long answer the beginning is drawn, and below it how long it is; of very many, the first ones."""
    server.always_answer("word " * 2000)
    html = nbchat.sweep("Hi", base_url=server.url, model="m", seed=range(60))._repr_html_()
    assert len(html) < 100_000
    assert "10,000 characters" in html
    drawn = len(Tables(html).tables[0])
    assert 5 <= drawn < 60
    assert f"{60 - drawn} more are not drawn" in html


def test_while_it_runs(server: ScriptedServer):
    """It can be drawn before anything has come."""
    got = nbchat.sweep("Hi", base_url="http://127.0.0.1:9/v1", model="m", seed=[1, 2], background=True)
    got.cancel()
    assert len(cells(got._repr_html_())[0]) == 2
    got.wait()
    assert "2 stopped" in got._repr_html_()


@pytest.mark.parametrize("part", range(3))
def test_nothing_runs_in_it(server: ScriptedServer, part: int):
    """No attack does anything, be it an answer, a question, a value or an error's words."""
    vectors = [vector for vector in EVERY_VECTOR if vector.strip()][part::3]
    server.schema = False

    def script(request: Request) -> Reply:
        said = request.json["messages"][-1]["content"]
        if request.json["model"] == "bad":
            return Reply([json.dumps({"error": {"message": said}}).encode()], 400)
        return server._answer(request, (said,))

    server.always(script)
    got = nbchat.sweep(vectors, base_url=server.url, model=["good", "bad"], user=vectors[0])
    other = nbchat.sweep("Hi", base_url=server.url, model="good", user=vectors[:40], stop=[vectors[:2], None])
    for html in (got._repr_html_(), other._repr_html_()):
        found = Inspector(html, ("style", "caption"), ("role", "tabindex", "aria-label", "scope")).found
        assert found == []
        assert html.count("<style") == html.count("</style") == 1
