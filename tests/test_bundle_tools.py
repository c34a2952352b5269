"""What a notebook keeps of a turn that called tools."""

from __future__ import annotations

import json
import re

import pytest
from inspector import EVERY_SENDABLE, Inspector
from scripted import PATIENCE, ScriptedServer, chunk, tool_calls
from test_markdown import faults

from nbchat.jupyter.bundle import bundle, bundle_of_rounds
from nbchat.session.session import Session
from nbchat.session.turn import Turn


def look(at: str = "") -> str:
    """Look."""
    return f"a {at}\n```\n</details><b>"


def fail() -> None:
    """Fail."""
    raise ValueError("no <b>")


@pytest.fixture
def turn(server: ScriptedServer) -> Turn:
    """A turn with two rounds of calls, that has ended."""
    server.stream(
        chunk(reasoning_content="Hm."),
        chunk("Let me **see**."),
        tool_calls(("look", '{"at": "<i>house</i>"}'), ("fail", "")),
        chunk(finish="tool_calls"),
    )
    server.ask_for(("look", "{}"), text="")
    server.stream(chunk(reasoning_content="So."), chunk("It is *done*."), chunk(finish="stop"))
    made = Session("m", base_url=server.url, tools=[look, fail]).stream("?")
    made.result(PATIENCE)
    return made


def timeless(text: str) -> str:
    return re.sub(r"(in|after) [\d.]+ m?s", r"\1 1 s", text)


def test_texts_and_calls_in_their_order(turn: Turn):
    """The Markdown has every answer's text, and below it a closed fold for each call with what came of it."""
    data, _ = bundle(turn)
    markdown = timeless(data["text/markdown"])
    assert markdown.startswith(
        "<details>\n<summary>Thinking</summary>\n\nHm.\n\n</details>\n\nLet me **see**.\n\n<details>\n"
        '<summary><code>look(at="&#60;i&#62;house&#60;/i&#62;")</code> done in 1 s</summary>\n\n'
        '````\nat: "<i>house</i>"\n\n→\na <i>house</i>\n```\n</details><b>\n````\n\n</details>\n\n'
        "<details>\n<summary><code>fail()</code> failed after 1 s</summary>\n\n```\n→\nTraceback"
    )
    assert markdown.count("<details>") == 5
    assert markdown.endswith("</details>\n\nIt is *done*.")
    assert [markdown.index(word) for word in ("see", "Traceback", "look()", "So.", "done*")] == sorted(
        markdown.index(word) for word in ("see", "Traceback", "look()", "So.", "done*")
    )


def test_plain_text_has_a_line_for_each_call(turn: Turn):
    """What a terminal or a diff shows of the turn: the texts, and of each call one line that is cut where it is long."""
    data, _ = bundle(turn)
    assert timeless(data["text/plain"]) == (
        'Let me **see**.\n\n[look(at="<i>house</i>") done in 1 s: a <i>house</i> ``` </details><b>]\n'
        "[fail() failed after 1 s: ValueError: no <b>]\n\n"
        "[look() done in 1 s: a ``` </details><b>]\n\nIt is *done*."
    )
    assert bundle(turn, "text")[0] == {"text/plain": data["text/plain"]}
    assert bundle(turn, "code")[0]["text/plain"] == "It is *done*."


def test_the_record_rebuilds_the_conversation(turn: Turn):
    """Question, rounds and last answer of the record are, in their order, the messages of the conversation."""
    record = bundle(turn, session="here")[1]["nbchat"]
    json.dumps(record)
    messages = [record["question"]]
    for each in record["rounds"]:
        messages += [each["answers"][0]["message"], *(result["message"] for result in each["results"])]
    messages.append(record["answers"][0]["message"])
    assert [message["role"] for message in messages] == [
        "user", "assistant", "tool", "tool", "assistant", "tool", "assistant",
    ]  # fmt: skip
    assert [result["status"] for result in record["rounds"][0]["results"]] == ["done", "failed"]
    assert messages[-1]["content"] == "It is *done*."


def test_outputs_of_some_rounds(turn: Turn):
    """Where a result stands in an output of its own, what is above and below it make up the whole, with one record."""
    above, about = bundle_of_rounds(turn, 0, 1)
    below, record = bundle(turn, since=1)
    whole, _ = bundle(turn)
    for kind in ("text/markdown", "text/plain"):
        assert f"{above[kind]}\n\n{below[kind]}" == whole[kind]
    assert about == {"nbchat": {"version": 1, "part_of": turn.id}}
    assert len(record["nbchat"]["rounds"]) == 2


def test_a_turn_that_was_stopped_between_its_answers(server: ScriptedServer):
    """Of a turn that ends while a tool runs the notebook keeps what there was, and the call as stopped."""
    chat = Session("m", base_url=server.url)

    @chat.tool
    def leave() -> None:
        """Stop the session that waits for this."""
        chat.stop()

    server.ask_for(("leave", "{}"))
    turn = chat.stream("?")
    assert turn.wait(PATIENCE)
    data, metadata = bundle(turn)
    assert "<summary><code>leave()</code> stopped</summary>" in data["text/markdown"]
    assert data["text/markdown"].endswith("*[stopped]*")
    assert (metadata["nbchat"]["answers"], metadata["nbchat"]["rounds"][0]["results"]) == ([], [])


def test_a_call_that_nobody_runs(server: ScriptedServer):
    """Calls of the last answer, which were cut off or are for the caller to answer, are folds as well."""
    declared = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    chat = Session("m", base_url=server.url, tools=[declared])
    server.ask_for(("weather", "{}"), text="")
    server.ask_for(("weather", '{"a'), text="Hm", finish="length")
    waits, cut = chat.stream("?"), chat.stream("?")
    assert waits.wait(PATIENCE)
    assert cut.wait(PATIENCE)
    assert "<code>weather()</code> no result yet</summary>" in bundle(waits)[0]["text/markdown"]
    assert "</code> cut off, not called</summary>" in bundle(cut)[0]["text/markdown"]


def test_no_vector_gets_out_of_a_fold(server: ScriptedServer):
    """Nothing known to run, load or leave the page does so as a tool's name, its arguments or its result."""
    server.schema = False
    chat = Session("m", base_url=server.url, tools=[look])
    ours = re.compile(r"</?(?:details|summary)>")
    for vector in EVERY_SENDABLE:
        server.ask_for((vector[:200], vector), ("look", {"at": vector}), text="")
        server.answer("ok")
        turn = chat.stream("?", tool_choice="auto")
        turn.result(PATIENCE)
        markdown = bundle(turn)[0]["text/markdown"]
        assert [fault for fault in faults(markdown) if not ours.fullmatch(f"<{fault}>")] == [], vector
        chat.clear()
    assert Inspector("<details><summary>x").found == ["details", "summary"]
