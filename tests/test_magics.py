"""%%chat and %chat in a real kernel, with a scripted server and with everything that happens to cells."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import apart
import pytest
from kernels import WIDGET, Kernel, new_name, when
from scripted import ScriptedServer, chunk


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for the module, with the extension loaded."""
    # The key comes by the environment: what is typed into a cell is in the notebook's own history.
    kernel = Kernel(tmp_path_factory.mktemp("kernel"), THE_KEY="sk-secret")
    loaded = kernel.run("%load_ext nbchat\nimport nbchat, os")
    assert (loaded.error, loaded.stderr, loaded.stdout) == (None, "", "")
    yield kernel
    kernel.stop()


@pytest.fixture
def kernel(running: Kernel, server: ScriptedServer) -> Kernel:
    """The kernel with a fresh session that asks the scripted server."""
    name = new_name()
    shown = running.run(
        f"chat = nbchat.use_session(nbchat.Session('scripted', name={name!r}, base_url={server.url!r},"
        " api_key=os.environ['THE_KEY']))"
    )
    assert shown.error is None, shown.error
    return running


def delta_with(text: str):
    """Whether a message is the widget's text message with this in it."""
    return lambda m: m["msg_type"] == "comm_msg" and text in json.dumps(m["content"]["data"].get("content", ""))


def test_a_cell_is_answered(kernel: Kernel, server: ScriptedServer):
    """The answer ends as Markdown, plain text and a record; the request is what was typed."""
    server.answer("**Hello** there")
    shown = kernel.run("%%chat\nSay hello")
    assert (shown.status, shown.error, shown.stderr) == ("ok", None, "")
    assert shown.markdown == "**Hello** there"
    assert shown.outputs[0]["data"]["text/plain"] == "**Hello** there"
    assert shown.record["question"] == {"role": "user", "content": "Say hello"}
    assert shown.record["answers"][0]["message"]["content"] == "**Hello** there"
    assert server.requests[0].json["messages"] == [{"role": "user", "content": "Say hello"}]


def test_it_streams_as_deltas(kernel: Kernel, server: ScriptedServer):
    """While it streams, a widget gets the text piece by piece; the output becomes Markdown in place."""
    gate = threading.Event()
    server.stream(chunk("first "), gate, chunk("second"), chunk(finish="stop"))
    shown = kernel.run("%%chat\nGo", seen=when(delta_with("first"), gate.set))
    assert WIDGET in shown.outputs[0]["history"][0]
    assert len(shown.outputs[0]["history"]) == 2
    deltas = shown.deltas()
    assert [delta["seq"] for delta in deltas] == list(range(1, len(deltas) + 1))
    assert len(deltas) >= 2
    assert "".join(text for delta in deltas for _, text in delta["texts"]) == "first second"
    assert shown.markdown == "first second"


def test_the_code_comes_once(kernel: Kernel, server: ScriptedServer):
    """The widget's code crosses the channel with the first cell of a kernel; a further cell is small."""
    server.always_answer("ok")
    kernel.run("%%chat\nGo")
    shown = kernel.run("%%chat\nGo again")
    assert len(json.dumps(shown.messages, default=str)) < 20_000


def test_reasoning_is_shown_apart(kernel: Kernel, server: ScriptedServer):
    """What a model thought is a fold above its answer, made safe like it, and not part of the text."""
    server.stream(
        chunk(reasoning_content="I <b>think</b> "), chunk(reasoning_content="so."), chunk("Yes."), chunk(finish="stop")
    )
    shown = kernel.run("%%chat --out got\nGo")
    assert "".join(delta.get("reasoning", "") for delta in shown.deltas()) == "I <b>think</b> so."
    fold, answer = shown.markdown.split("</details>")
    assert fold.startswith("<details>\n<summary>Thinking</summary>")
    assert "<b>" not in fold
    assert answer.strip() == "Yes."
    assert kernel.value("(got.text, got.message.reasoning)") == ("Yes.", "I <b>think</b> so.")


def test_with_nobody_watching(kernel: Kernel, server: ScriptedServer):
    """Executed by nbclient or papermill, a cell shows the same in one output, with no widget."""
    server.answer("done")
    shown = kernel.run("%%chat\nGo", watched=False)
    assert (shown.markdown, len(shown.outputs[0]["history"])) == ("done", 1)
    assert not [m for m in shown.messages if m["msg_type"].startswith("comm")]


def test_options_hold_for_one_cell(kernel: Kernel, server: ScriptedServer):
    """Every option reaches the request of its cell and no other, and never changes the session."""
    server.answer("a", "b")
    server.answer("c")
    shown = kernel.run(
        '%%chat -m other -t 0.7 --max-tokens 20 --stop "6." --stop "7." -n 2 --system "Be terse." --seed 3 --out got\nGo'
    )
    kernel.run("%%chat\nAgain")
    first, second = (request.json for request in server.requests)
    expected = {"model": "other", "temperature": 0.7, "max_tokens": 20, "stop": ["6.", "7."], "n": 2, "seed": 3}
    assert {name: first[name] for name in expected} == expected
    assert first["messages"][0] == {"role": "system", "content": "Be terse."}
    assert (second["model"], set(second) & set(expected)) == ("scripted", {"model"})
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]
    plain = shown.outputs[0]["data"]["text/plain"]
    assert plain.startswith("**Choice 1 of 2**\n\na\n\n**Choice 2 of 2**\n\nb\n\n")
    assert kernel.value("(str(got), len(got.choices), got.usage.total_tokens)") == ("a", 2, 10)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--nope", "there is no option --nope"),
        ("-t 3", "temperature must be a number between 0 and 2"),
        ("-t warm", "temperature must be a number between 0 and 2"),
        ("--max-tokens 0", "max_tokens must be a whole number at least 1"),
        ("-t", "expected one argument"),
        ("--format html", "invalid choice"),
        ("--out 2x", "--out takes the name of a variable"),
        ("--system You're", "no closing quotation"),
        ("What is Python?", "'What' is no option"),
        ("--tempe 1", "there is no option --tempe"),
    ],
)
def test_bad_options_are_one_line(kernel: Kernel, server: ScriptedServer, line: str, words: str):
    """An unknown or malformed option is one line that names it, and nothing is sent."""
    shown = kernel.run(f"%%chat {line}\nGo")
    assert shown.status == "error"
    assert words in shown.one_line_error
    assert server.requests == []


def test_expressions(kernel: Kernel, server: ScriptedServer):
    """{{…}} puts values in, once; single braces, LaTeX, f-strings and braces inside values arrive as typed."""
    server.answer("ok")
    kernel.run("x = 41\nsneaky = '{{x}} and {x}'")
    source = 'A {{x + 1}} B {{sneaky}} C {"a": 1} D \\frac{1}{2} E f"{x}" F {{ {"k": [x]}["k"][0] }} G $HOME {x}'
    kernel.run(f"%%chat\n{source}")
    sent = server.requests[0].json["messages"][0]["content"]
    assert sent == 'A 42 B {{x}} and {x} C {"a": 1} D \\frac{1}{2} E f"{x}" F 41 G $HOME {x}'


def test_a_failing_expression_sends_nothing(kernel: Kernel, server: ScriptedServer):
    """{{nope}} is one sentence that names it."""
    shown = kernel.run("%%chat\nWhat is {{nope}}?")
    assert shown.one_line_error.startswith("{{nope}} can't be put in: NameError: name 'nope' is not defined.")
    assert server.requests == []
    server.answer("ok")
    kernel.run("%%chat --raw\nWhat is {{nope}}?")
    assert server.requests[0].json["messages"][0]["content"] == "What is {{nope}}?"


def test_a_table_goes_in(kernel: Kernel, server: ScriptedServer):
    """{{df.describe()}} puts a Markdown table in, with its shape and the types of its columns."""
    server.answer("ok")
    kernel.run("import pandas as pd\ndf = pd.DataFrame({'a': [1.0, 2.0, 4.0], 'b|c': ['x', 'y', 'z']})")
    kernel.run("%%chat\nSummarise {{df.describe()}} and {{df}}.")
    sent = server.requests[0].json["messages"][0]["content"]
    assert "| mean | 2.33333 |" in sent
    assert "pandas DataFrame, 8 rows × 1 column; numbers rounded to 6 digits or to whole ones:" in sent
    assert "|  | a (float64) | b\\|c (str) |" in sent


def test_attachments(kernel: Kernel, server: ScriptedServer):
    """--attach sends an expression's value, a file and an address with the question, each time it is given."""
    server.answer("seen")
    kernel.run("import matplotlib; matplotlib.use('agg'); from matplotlib.figure import Figure; fig = Figure((2, 1))")
    kernel.run("import pandas as pd; df = pd.DataFrame({'a': [1, 2]}); open('notes.txt', 'w').write('hello')")
    shown = kernel.run(
        '%%chat --attach fig --attach "df.head(1)" --attach notes.txt --attach https://a.b/c.png\nWhat do {{1 + 1}} show?'
    )
    assert (shown.error, shown.stderr) == (None, "")
    text, figure, table, notes, address = server.requests[0].json["messages"][0]["content"]
    assert text == {"type": "text", "text": "What do 2 show?"}
    assert figure["image_url"]["url"].startswith("data:image/png;base64,")
    assert "| 0 | 1 |" in table["text"]
    assert "| 1 | 2 |" not in table["text"]
    assert "notes.txt:" in notes["text"]
    assert address["image_url"]["url"] == "https://a.b/c.png"


def test_a_picture_in_a_cell(kernel: Kernel, server: ScriptedServer):
    """A figure in the question is a part of it; the cell keeps a small picture, says what was sent, and records it."""
    server.answer("A line.")
    kernel.run("import matplotlib; matplotlib.use('agg'); from matplotlib.figure import Figure; fig = Figure((2, 1))")
    shown = kernel.run("%%chat\nWhat is {{fig}}?")
    assert [part["type"] for part in server.requests[0].json["messages"][0]["content"]] == ["text", "image_url", "text"]
    answer, picture, note = shown.markdown.split("\n\n")
    assert answer == "A line."
    assert picture.startswith("![picture](data:image/png;base64,")
    assert re.fullmatch(r"\*\[sent with PNG picture, 200 × 100, [\w ]+: ≈ 258 tokens in all\]\*", note)
    assert shown.outputs[0]["data"]["text/plain"] == f"A line.\n\n{note.strip('*')}"
    assert shown.record["question"] == server.requests[0].json["messages"][0]
    history = kernel.run("%chat history")
    assert "![picture](data:image/png;base64," in history.markdown
    assert "[PNG picture, 200 × 100" in history.outputs[0]["data"]["text/plain"]


def test_a_large_picture_is_not_kept_with_the_cell(kernel: Kernel, server: ScriptedServer):
    """A picture of a megabyte goes to the model, and the cell keeps what it was: its notebook stays small."""
    server.answer("Noise.")
    kernel.run("import numpy as np; noise = np.random.default_rng(5).integers(0, 256, (600, 600, 3), 'uint8')")
    shown = kernel.run("%%chat --attach noise\nWhat is it?")
    assert len(server.requests[0].body) > 1_000_000
    assert len(json.dumps(shown.messages, default=str)) < 150_000
    text, was = shown.record["question"]["content"]
    assert (text["text"], was["type"]) == ("What is it?", "text")
    assert was["text"].startswith("[PNG picture, 600 × 600, 1.1 MB")


def test_a_schema(kernel: Kernel, server: ScriptedServer):
    """--schema asks for a type of the notebook, and --out has the value; what is no type is one line, and nothing is sent."""
    kernel.run("from dataclasses import dataclass\n@dataclass\nclass City:\n    name: str")
    server.answer('{"items": [{"name": "Rome"}]}')
    shown = kernel.run('%%chat --schema "list[City]" --out cities\nName a city.')
    assert shown.error is None, shown.error
    assert kernel.value("[city.name for city in cities.parsed]") == ["Rome"]
    assert server.requests[0].json["response_format"]["type"] == "json_schema"
    shown = kernel.run("%%chat --schema Town\nName a town.")
    assert shown.error is not None
    assert "--schema: Town is no type in this notebook (NameError" in shown.error[1]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--attach nope", "--attach nope: NameError: name 'nope' is not defined. Nothing was sent"),
        ("--attach missing.png", "--attach missing.png: NameError: name 'missing' is not defined"),
        ("--attach \"'missing.png'\"", "There is no file 'missing.png'"),
        ("--attach", "expected one argument"),
    ],
)
def test_what_can_not_be_attached_is_one_line(kernel: Kernel, server: ScriptedServer, line: str, words: str):
    """A thing that can't be attached is an error of one line, and nothing is sent."""
    shown = kernel.run(f"%%chat {line}\nHi")
    assert words in shown.one_line_error
    assert server.requests == []


def test_the_conversation_follows_the_notebook(kernel: Kernel, server: ScriptedServer):
    """The first of three cells run again: its question and new answer only; then the second continues from there."""
    for text in ("a1", "a2", "a3", "b1", "b2", "b2 more"):
        server.answer(text)
    for cell in ("one", "two", "three"):
        kernel.run(f"%%chat\nq {cell}", cell=cell)
    kernel.run("%%chat\nq one, edited", cell="one")
    contents = "[m['content'] for m in chat.messages]"
    assert kernel.value(contents) == ["q one, edited", "b1"]
    kernel.run("%%chat\nq two", cell="two")
    assert kernel.value(contents) == ["q one, edited", "b1", "q two", "b2"]
    history = kernel.run("%chat history").markdown
    assert "b2" in history
    assert "a3" not in history
    kept = kernel.value("[n.text for n in chat.conversation.nodes.values() if n.role == 'assistant']")
    assert kept == ["a1", "a2", "a3", "b1", "b2"]
    kernel.run("%%chat --append\nq two", cell="two")
    assert kernel.value(contents)[-2:] == ["q two", "b2 more"]


def test_interrupting_a_stream(kernel: Kernel, server: ScriptedServer):
    """The interrupt ends the cell at once: text kept and marked, no traceback, connection closed, next question fine."""
    server.stream(chunk("so far"), threading.Event())
    shown = kernel.run("%%chat\nGo", cell="c", seen=when(delta_with("so far"), kernel.interrupt), patience=2)
    assert shown.status == "error"
    assert shown.error == ("Interrupted", "", ["Stopped. What had arrived is kept."])
    assert shown.markdown == "so far\n\n*[stopped]*"
    assert shown.record["status"] == "cancelled"
    assert server.requests[0].closed.wait(1)
    assert kernel.value("[m['content'] for m in chat.messages]") == ["Go", "so far"]
    server.answer("fine")
    assert kernel.run("%%chat\nNext").markdown == "fine"


def test_interrupting_before_the_first_token(kernel: Kernel, server: ScriptedServer):
    """Stopped while it waits, a cell leaves nothing behind."""
    server.reply(before=threading.Event())
    started = when(lambda m: WIDGET in m["content"].get("data", {}), kernel.interrupt)
    shown = kernel.run("%%chat\nGo", seen=started, patience=2)
    assert shown.error[0] == "Interrupted"
    assert kernel.value("chat.messages") == []


def test_interrupting_the_wait_for_another_try(kernel: Kernel, server: ScriptedServer):
    """The wait is shown while it lasts; the interrupt ends it at once, and the next question is asked."""
    server.error(429, {"error": "Slow down."}, retry_after="100")
    waiting = "rate limited, trying again in 100 s (1 of 2)"
    told = when(lambda m: waiting in json.dumps(m["content"].get("data", "")), kernel.interrupt)
    shown = kernel.run("%%chat\nGo", seen=told, patience=5)
    assert shown.error[0] == "Interrupted"
    assert len(server.requests) == 1
    assert kernel.value("chat.messages") == []
    server.answer("fine")
    assert kernel.run("%%chat\nNext").markdown == "fine"


def test_a_refused_field_is_said_under_the_answer(kernel: Kernel, server: ScriptedServer):
    """What was sent in place of what the server refused stands under the answer, once."""
    refused = "Unsupported value: 'temperature' does not support 0.2 with this model."
    server.error(400, {"error": {"message": refused, "param": "temperature", "code": "unsupported_value"}})
    server.answer("fine")
    server.answer("fine")
    shown = kernel.run("%%chat -t 0.2\nGo")
    remark = "scripted does not take temperature: sent without it, now and from now on"
    assert (shown.markdown, shown.stderr) == (f"fine\n\n*[{remark}]*", "")
    # What was said below the answer is not said again where somebody waits for it later.
    later = kernel.run("print(chat.turn.result().text, ''.join(chat.turn))")
    assert (later.stdout, later.stderr) == ("fine fine\n", "")
    assert kernel.run("%%chat -t 0.2\nNext").markdown == "fine"
    assert [request.json.get("temperature") for request in server.requests] == [0.2, None, None]


def test_an_error_has_colours_where_they_are_shown(kernel: Kernel, server: ScriptedServer):
    """A notebook's error is coloured, unless its user or the environment wants no colours."""
    for _ in range(3):
        server.error(400, {"error": "No."})
    plain = ["BadRequestError: The server answered with status 400: No."]
    assert kernel.run("%%chat\nGo").error[2] == [
        "\x1b[31mBadRequestError\x1b[0m: The server answered with status 400: No."
    ]
    before = kernel.value("get_ipython().colors")
    kernel.run("%colors nocolor")
    assert kernel.run("%%chat\nGo").error[2] == plain
    kernel.run(f"%colors {before}\n%env NO_COLOR=1")
    assert kernel.run("%%chat\nGo").error[2] == plain
    kernel.run("del os.environ['NO_COLOR']")


def test_stopped_from_elsewhere(kernel: Kernel, server: ScriptedServer):
    """A turn that another door stops is said to be stopped, and the cell has not failed."""
    server.stream(chunk("so far"), threading.Event())
    kernel.run("import threading\nchat.subscribe(lambda e: type(e).__name__ == 'TextAdded' and chat.stop())")
    shown = kernel.run("%%chat\nGo")
    assert (shown.status, shown.markdown) == ("ok", "so far\n\n*[stopped]*")


def test_an_api_error_is_one_sentence(kernel: Kernel, server: ScriptedServer):
    """An error of the server is its words on one line, the cell fails, and nothing is left of it."""
    server.error(401, {"error": {"message": "Incorrect key sk-secret."}})
    shown = kernel.run("%%chat\nGo")
    assert shown.status == "error"
    assert shown.error[0] == "AuthenticationError"
    assert shown.one_line_error.startswith("The server answered with status 401: Incorrect key …. Is the key from")
    assert "sk-secret" not in json.dumps(shown.messages, default=str)
    assert kernel.value("chat.messages") == []


def test_an_answer_that_breaks_off(kernel: Kernel, server: ScriptedServer):
    """What had come stays in the output, marked; the cell fails with the reason."""
    server.stream(chunk("half"), done=False, cut=True)
    shown = kernel.run("%%chat\nGo")
    assert (shown.status, shown.error[0], shown.markdown) == ("error", "TruncatedError", "half\n\n*[broke off here]*")


def test_finish_reasons_are_said(kernel: Kernel, server: ScriptedServer):
    """An answer that did not end of itself says why, in plain words."""
    server.answer("too long", finish="length")
    assert kernel.run("%%chat\nGo").markdown == "too long\n\n*[cut off at max_tokens]*"


def test_formats(kernel: Kernel, server: ScriptedServer):
    """text shows no Markdown, code shows the code blocks only, json shows the value laid out."""
    server.always_answer("Look:\n```python\nx = 1\n```\nDone.")
    assert "text/markdown" not in kernel.run("%%chat -f text\nGo").outputs[0]["data"]
    assert kernel.run("%%chat -f code\nGo").outputs[0]["data"]["text/plain"] == "```python\nx = 1\n```"
    server.always_answer('{"a": [1, 2]}')
    assert '"a": [\n' in kernel.run("%%chat -f json\nGo").outputs[0]["data"]["text/plain"]


def test_no_stream(kernel: Kernel, server: ScriptedServer):
    """--no-stream asks for the whole answer and draws it once."""
    server.answer("whole")
    shown = kernel.run("%%chat --no-stream\nGo")
    assert "stream" not in server.requests[0].json
    assert (shown.markdown, shown.deltas()) == ("whole", [])


def test_background(kernel: Kernel, server: ScriptedServer):
    """--background gives the prompt back at once; the answer lands in the cell that asked."""
    gate = threading.Event()
    server.answer("later", gate=gate)
    shown = kernel.run("%%chat --background --out turn\nGo")
    assert kernel.value("turn.status") in ("queued", "running")
    gate.set()
    for message in kernel.late_messages():
        if message["msg_type"] in ("display_data", "update_display_data"):
            assert message["parent_header"]["msg_id"] == shown.messages[0]["parent_header"]["msg_id"]
            shown.take(message)
            if "text/markdown" in message["content"]["data"]:
                break
    assert shown.markdown == "later"
    assert kernel.value("turn.result().text") == "later"


def test_model_output_is_untrusted(kernel: Kernel, server: ScriptedServer):
    """HTML and dangerous links in an answer are text by the time they are Markdown."""
    server.answer('<img src=x onerror="alert(1)"> <script>alert(2)</script> [x](javascript:alert(3))')
    markdown = kernel.run("%%chat\nGo").markdown
    assert "<img" not in markdown
    assert "<script" not in markdown
    assert "javascript:" not in markdown


def test_set_and_unset(kernel: Kernel, server: ScriptedServer):
    """%chat set puts a field into the next request, unset takes it out; a bad value is one line."""
    server.always_answer("ok")
    assert kernel.run("%chat set temperature 0.2").stdout == "temperature = 0.2\n"
    kernel.run("%%chat\nGo")
    kernel.run("%chat unset temperature")
    kernel.run("%%chat\nGo")
    assert [request.json.get("temperature") for request in server.requests] == [0.2, None]
    shown = kernel.run("%chat set temperature 3")
    assert "temperature must be a number between 0 and 2" in shown.error[1]
    assert "no request field 'warmth'" in kernel.run("%chat set warmth 3").error[1]


def test_observe_sees_what_the_magic_sets(kernel: Kernel, server: ScriptedServer):
    """A change through one door is seen by whoever observes the parameter."""
    kernel.run("seen = []\nchat.parameters.observe(lambda c: seen.append(c['new']), 'top_p')")
    kernel.run("%chat set top_p 0.5")
    kernel.run("%chat unset top_p")
    assert kernel.value("seen") == [0.5, None]


def test_status_and_usage(kernel: Kernel, server: ScriptedServer):
    """%chat status names the endpoint and where the key came from, never the key."""
    server.answer("ok")
    kernel.run("%%chat\nGo")
    (output,) = kernel.run("%chat status").outputs
    status = output["data"]["text/plain"]
    assert "key: from the argument api_key" in status
    assert "sk-secret" not in status
    assert "model: scripted" in status
    assert kernel.run("%chat usage").stdout == "usage: 7 prompt + 3 completion tokens, price not known\n"


def test_system_undo_clear_regenerate(kernel: Kernel, server: ScriptedServer):
    """The conversation is managed from a line: system message, undo, clear, regenerate."""
    for text in ("one", "two"):
        server.answer(text)
    kernel.run("%chat system Be brief.")
    kernel.run("%%chat\nGo")
    shown = kernel.run("%chat regenerate")
    assert shown.markdown == "two"
    assert kernel.value("[m['content'] for m in chat.messages]") == ["Be brief.", "Go", "two"]
    kernel.run("%chat undo")
    kernel.run("%chat system none")
    assert kernel.value("chat.messages") == []
    assert "nothing was said" in kernel.run("%chat history").stdout
    kernel.run("%chat clear")


def test_sessions(kernel: Kernel, server: ScriptedServer):
    """Cells ask the session in use; -s asks another for one cell; both are listed."""
    server.always_answer("ok")
    mine, other = kernel.value("chat.name"), new_name()
    kernel.run(f"{other} = nbchat.Session('m', base_url={server.url!r}, name={other!r})\nnbchat.use_session({other})")
    kernel.run(f"%chat use {mine}")
    kernel.run(f"%%chat -s {other}\nGo")
    assert kernel.value(f"(len(chat.messages), len({other}.messages))") == (0, 2)
    listed = kernel.run("%chat sessions").stdout
    assert f"* {mine}\n" in listed
    assert f"  {other}\n" in listed


def test_export(kernel: Kernel, server: ScriptedServer):
    """%chat export writes Markdown or JSON that makes the session again; another ending is refused."""
    server.answer("**yes**")
    kernel.run("%%chat\nReally?")
    kernel.run("%chat export talk.md")
    kernel.run("%chat export talk.json")
    assert kernel.value("open('talk.md').read()").startswith("**You**\n\nReally?")
    assert kernel.value("nbchat.Session.from_json(open('talk.json').read()).messages == chat.messages")
    assert "'.txt'" in kernel.run("%chat export talk.txt").error[1]


def test_fix_asks_about_the_last_error(kernel: Kernel, server: ScriptedServer):
    """%chat fix sends the source and the error of the cell that failed last."""
    server.answer("Divide by something else.")
    kernel.run("one = 1\none / 0")
    shown = kernel.run("%chat fix")
    asked = server.requests[0].json["messages"][-1]["content"]
    assert "one / 0" in asked
    assert "ZeroDivisionError: division by zero" in asked
    assert shown.markdown == "Divide by something else."


def test_help(kernel: Kernel, server: ScriptedServer):
    """%chat help lists every sub-command, %%chat? every option; an unknown sub-command is one line."""
    assert "%chat export FILE" in kernel.run("%chat help").stdout
    assert "there is no 'nope'" in kernel.run("%chat nope").error[1]
    shown = kernel.run("get_ipython().magics_manager.magics['cell']['chat'].__doc__")
    assert "--frequency-penalty" in shown.outputs[0]["data"]["text/plain"]


def test_an_ipython_without_matchers_goes_without_them():
    """IPython before 8.6 has no such completion: the extension loads, works and unloads there all the same."""
    stdout, stderr, status = apart.run(
        "import IPython\n"
        "from IPython.core import completer\n"
        "del completer.context_matcher\n"
        "shell = IPython.InteractiveShell.instance()\n"
        "shell.run_line_magic('load_ext', 'nbchat')\n"
        "shell.run_line_magic('chat', 'sessions')\n"
        "shell.run_line_magic('unload_ext', 'nbchat')\n"
        "print('chat' in shell.magics_manager.magics['line'])"
    )
    assert (stdout.splitlines(), stderr, status) == (["* default", "False"], "", 0)


def test_completion(kernel: Kernel, server: ScriptedServer):
    """Tab completes options, their values, sub-commands and session names."""
    assert "--temperature" in kernel.complete("%%chat --te")
    assert kernel.complete("%%chat --format m") == ["markdown"]
    assert set(kernel.complete("%chat un")) == {"undo", "unset"}
    assert kernel.value("chat.name") in kernel.complete("%chat use s")
    assert "temperature" in kernel.complete("%chat set te")


def test_python_and_cells_share_the_session(kernel: Kernel, server: ScriptedServer):
    """What a cell asked is in Python's messages, and what Python asked goes with the next cell."""
    server.always_answer("ok")
    kernel.run("%%chat\nfrom the cell")
    kernel.run("chat.send('from Python')")
    kernel.run("%%chat\nfrom the cell again")
    sent = [message["content"] for message in server.requests[-1].json["messages"]]
    assert sent == ["from the cell", "ok", "from Python", "ok", "from the cell again"]


def test_a_turn_shows_itself_live(kernel: Kernel, server: ScriptedServer):
    """A turn at the end of a cell streams there; a completion shows as Markdown."""
    server.always_answer("*hello*")
    shown = kernel.run("chat.stream('hi')")
    assert shown.markdown == "*hello*"
    assert shown.deltas()
    assert kernel.run("chat.send('hi')").markdown == "*hello*"


def test_the_name_is_taken_with_a_word(tmp_path: Path):
    """Where another extension has %%chat, loading says so in one line; unloading gives the name up."""
    kernel = Kernel(tmp_path)
    try:
        kernel.run(
            "from IPython.core.magic import register_cell_magic\n@register_cell_magic\ndef chat(line, cell): ..."
        )
        shown = kernel.run("%load_ext nbchat")
        assert shown.stderr.startswith("nbchat: %%chat was")
        assert shown.stderr.count("\n") == 1
        assert kernel.run("%reload_ext nbchat").stderr == ""
        kernel.run("%unload_ext nbchat")
        assert "not found" in kernel.run("%%chat\nhi").stderr
    finally:
        kernel.stop()


def test_a_wrong_address_is_told_by_the_cell_that_asks(tmp_path: Path):
    """Loading with a broken OPENAI_BASE_URL says nothing; asking says which setting is wrong."""
    kernel = Kernel(tmp_path, OPENAI_BASE_URL="cluster:8000")
    try:
        loaded = kernel.run("%load_ext nbchat")
        assert (loaded.stderr, loaded.error) == ("", None)
        shown = kernel.run("%%chat\nHello")
        assert "OPENAI_BASE_URL is 'cluster:8000', which is not an address" in shown.one_line_error
    finally:
        kernel.stop()


def test_configuration(tmp_path: Path, server: ScriptedServer):
    """c.NBChat in ipython_config.py sets the endpoint, the model and parameters of every session."""
    profile = tmp_path / ".ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(
        f"c = get_config()\nc.NBChat.base_url = {server.url!r}\nc.NBChat.model = 'configured'\n"
        "c.NBChat.parameters = {'temperature': 0.4}\nc.NBChat.api_key_env = 'MY_KEY'\n"
        "c.InteractiveShellApp.extensions = ['nbchat']\n"
    )
    server.answer("ok")
    kernel = Kernel(tmp_path, MY_KEY="sk-mine")
    try:
        assert kernel.run("%%chat\nGo").markdown == "ok"
        (output,) = kernel.run("%chat status").outputs
        assert "key: from MY_KEY" in output["data"]["text/plain"]
    finally:
        kernel.stop()
    request = server.requests[0]
    assert (request.json["model"], request.json["temperature"]) == ("configured", 0.4)
    assert request.headers["authorization"] == "Bearer sk-mine"


def test_nothing_shown_holds_a_key(kernel: Kernel, server: ScriptedServer):
    """No message of the kernel, whatever is shown, printed or logged at DEBUG, has the key in it."""
    server.answer("ok")
    server.error(400, {"error": {"message": "sk-secret is no good"}})
    shown = [
        kernel.run("import logging\nlogging.basicConfig(level=logging.DEBUG, force=True)"),
        kernel.run("%%chat\nGo"),
        kernel.run("%%chat\nGo"),
        kernel.run("chat, chat.client, chat.endpoint, chat.client.http, vars(chat.client.http), chat.to_json()"),
        kernel.run("%xmode Verbose\nchat.send('again')"),
        kernel.run(
            "import traceback, sys\nprint(''.join(traceback.TracebackException(type(sys.last_value), sys.last_value,"
            " sys.last_value.__traceback__, capture_locals=True).format()))"
        ),
        kernel.run("%xmode Context\nlogging.getLogger().setLevel(logging.WARNING)"),
    ]
    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"
    everything = json.dumps([one.messages for one in shown], default=str)
    assert "Traceback" in everything
    at = everything.find("sk-secret")
    assert at < 0, everything[at - 300 : at + 20]
