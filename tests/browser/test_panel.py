"""The chat panel in a real JupyterLab and a real Notebook 7, in a real Chromium."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from attack import ATTACK, requests_away
from inspector import EVERY_VECTOR
from panels import GROW, ask, panel_of, press, ready, value
from playwright.sync_api import Page, expect
from scripted import ScriptedServer, chunk, words


@pytest.mark.parametrize("app", ["lab", pytest.param("notebooks", marks=pytest.mark.thorough)])
def test_one_session_through_three_doors(opened: Any, server: ScriptedServer, page: Page, app: str):
    """Panel, cell and Python are one session: turns stream in the panel, sliders move requests, and all survives a reload."""
    notebook = opened("%%chat\nfrom a cell", "chat.parameters.temperature", "%%chat\nfrom a cell again", app=app)
    panel = panel_of(page)
    gate = threading.Event()
    server.stream(
        *[chunk(word) for word in words("The **first** answer comes")], gate, chunk("."), chunk(finish="stop")
    )
    ask(panel, "from the panel")
    expect(panel.locator(".nbp-answer strong")).to_have_text("first")
    gate.set()
    ready(panel)

    press(panel, "Controls")
    slider = panel.get_by_label("temperature, slider")
    slider.fill("0.7")
    expect(panel.get_by_role("button", name="Do not send temperature")).to_be_visible()
    assert value(notebook, 3) == "0.7"

    gate = threading.Event()
    server.stream(chunk("Told by"), gate, chunk(" the cell."), chunk(finish="stop"))
    notebook.start(2)
    expect(panel.locator(".nbp-answer").last).to_contain_text("Told by")
    expect(panel.locator(".nbp-question").last).to_contain_text("from a cell")
    gate.set()
    notebook.wait(2)
    assert [request.json.get("temperature") for request in server.requests] == [None, 0.7]

    server.stream(chunk("A long answer that"), threading.Event())
    notebook.start(4)
    expect(panel.locator(".nbp-answer").last).to_contain_text("A long answer that")
    press(panel, "Stop")
    assert server.requests[2].closed.wait(5)
    expect(panel.locator(".nbp-answer").last).to_contain_text("Stopped")

    server.answer("The answer anew.")
    press(panel, "Regenerate")
    expect(panel.locator(".nbp-answer").last).to_contain_text("The answer anew.")
    expect(panel.locator(".nbp-branches")).to_have_text("2/2")
    press(panel, "Previous branch")
    expect(panel.locator(".nbp-answer").last).to_contain_text("A long answer that")
    expect(panel.locator(".nbp-branches")).to_have_text("1/2")

    shown = panel.locator(".nbp-list > article").all_inner_texts()
    notebook.save()
    notebook.open()
    expect(panel_of(page).locator(".nbp-list > article")).to_have_count(len(shown))
    expect(panel_of(page).locator(".nbp-answer").last).to_contain_text("A long answer that")
    press(panel_of(page), "Controls")
    expect(panel_of(page).locator("[data-field=temperature] input[type=number]")).to_have_value("0.7")


@pytest.mark.parametrize("way", ["message", "control"])
def test_stop_while_a_cell_blocks(opened: Any, server: ScriptedServer, page: Page, way: str):
    """Stop reaches a turn while a cell keeps the kernel busy: by message, and by the control channel where none is heard."""
    deaf = "" if way == "message" else "import nbchat.jupyter.panel as p\np._hear_while_a_cell_runs = lambda comm: None"
    notebook = opened("print('on')\nturn.wait()\nturn.status", "turn = chat.stream('x')", before=deaf)
    panel = panel_of(page)
    server.stream(chunk("Goes on and"), threading.Event())
    notebook.run(3)
    expect(panel.locator(".nbp-answer")).to_contain_text("Goes on and")
    notebook.start(2)
    expect(notebook.output(2)).to_contain_text("on")
    press(panel, "Stop")
    notebook.wait(2)
    expect(notebook.output(2)).to_contain_text("'cancelled'")
    expect(panel.locator(".nbp-answer")).to_contain_text("Stopped")


def test_controls_are_live_both_ways(opened: Any, server: ScriptedServer, page: Page):
    """A control sets the trait and the next request; Python moves the control; what is out of bounds is refused with its reason."""
    notebook = opened(
        "chat.parameters.update({'top_p': 0.25, 'stop': ['6.']}); chat.system = 'Be brief.'",
        "chat.parameters",
        "%chat set max_tokens 77",
        before="chat.parameters.seed = 5",
    )
    panel = panel_of(page)
    press(panel, "Controls")
    field = {
        name: panel.locator(f"[data-field={name}]")
        for name in ("seed", "top_p", "stop", "max_tokens", "n", "tool_choice")
    }
    box = {name: field[name].locator("input[type=number]") for name in ("seed", "top_p", "max_tokens", "n")}
    expect(box["seed"]).to_have_value("5")
    notebook.run(2)
    expect(box["top_p"]).to_have_value("0.25")
    expect(panel.get_by_label("top_p, slider")).to_have_value("0.25")
    expect(field["stop"].locator("li")).to_have_text("6.")
    expect(panel.get_by_label("System message")).to_have_value("Be brief.")
    notebook.run(4)
    expect(box["max_tokens"]).to_have_value("77")

    box["n"].fill("500")
    box["n"].press("Tab")
    expect(field["n"].get_by_role("alert")).to_contain_text("between 1 and 128")
    field["tool_choice"].locator("select").select_option("none")
    field["stop"].locator("input").fill("\\n\\n")
    field["stop"].locator("input").press("Enter")
    expect(field["stop"].locator("li")).to_have_count(2)
    press(panel, "Do not send seed")
    expect(box["seed"]).to_have_value("")
    expected = "Parameters(model='scripted', max_tokens=77, top_p=0.25, stop=['6.', '\\n\\n'], tool_choice='none')"
    assert value(notebook, 3) == expected

    press(panel, "Show the next request")
    told = panel.get_by_role("tabpanel")
    panel.get_by_label("Your question").fill("Say {{1 + 1}}")
    expect(told).to_contain_text("Say 2")
    body = json.loads(told.inner_text())
    server.answer("Two.")
    panel.get_by_label("Your question").press("Enter")
    ready(panel)
    expect(panel.locator(".nbp-answer")).to_contain_text("Two.")
    assert server.requests[-1].json == body
    press(panel, "Controls")
    press(panel, "Reset all")
    expect(box["max_tokens"]).to_have_value("")
    assert value(notebook, 3) == "Parameters(model='scripted')"


def test_a_reload_in_mid_stream_and_two_panels(opened: Any, server: ScriptedServer, page: Page):
    """Two panels show one conversation alike; after a reload in mid-stream both have the whole answer."""
    notebook = opened("nbchat.panel()")
    notebook.run(2)
    one, other = panel_of(page, 0), panel_of(page, 1)
    gate = threading.Event()
    server.stream(chunk("# Title\n\nThe **beginning**"), gate, chunk(" and the *end*."), chunk(finish="stop"))
    ask(one, "Hello")
    expect(other.locator(".nbp-answer strong")).to_have_text("beginning")
    notebook.save()
    notebook.open()
    expect(one.locator(".nbp-answer strong")).to_have_text("beginning")
    gate.set()
    for panel in (one, other):
        expect(panel.locator(".nbp-answer em")).to_have_text("end")
        ready(panel)
        expect(panel.locator(".nbp-answer")).to_have_count(1)
    choice = ".nbp-answer .nbchat-choice"
    assert one.locator(choice).inner_html() == other.locator(choice).inner_html()


def test_nothing_that_a_model_or_a_server_says_runs(opened: Any, server: ScriptedServer, page: Page):
    """Attacks as answer, reasoning, question, system message, model name and error do nothing, and no request leaves the page."""
    away = requests_away(page)
    server.schema = False
    notebook = opened(
        f"chat.system = {ATTACK!r}; chat.parameters.model = {ATTACK[:200]!r}", before="chat.parameters.stop = ['<b>x']"
    )
    panel = panel_of(page)
    gate = threading.Event()
    server.stream(
        chunk(reasoning_content=ATTACK), chunk(ATTACK), chunk("\n\n"), gate, chunk("End."), chunk(finish="<img src=x>")
    )
    notebook.run(2)
    press(panel, "Controls")
    ask(panel, ATTACK)
    expect(panel.locator(".nbp-answer")).to_contain_text("After.")

    def harmless() -> None:
        for link in panel.locator("a[href]").all():
            assert not (link.get_attribute("href") or "").lower().startswith(("javascript", "data"))
            assert "noopener" in (link.get_attribute("rel") or "")
        assert panel.locator("script, iframe, svg[onload], img[src^=http], [onerror], [onmouseover]").count() == 0
        assert page.evaluate("() => window.pwned") is None
        assert away == []

    harmless()
    gate.set()
    expect(panel.locator(".nbp-answer")).to_contain_text("End.")
    ready(panel)
    server.error(500, {"error": {"message": ATTACK, "type": "x", "code": "x"}}, x_should_retry="false")
    for _ in range(3):
        server.error(500, {"error": {"message": ATTACK, "type": "x", "code": "x"}})
    ask(panel, "again")
    expect(panel.locator(".nbp-error")).to_contain_text("500")
    harmless()
    notebook.save()
    notebook.open()
    expect(panel.locator(".nbp-answer").first).to_contain_text("End.")
    harmless()


def test_the_file_keeps_the_conversation(opened: Any, server: ScriptedServer, page: Page):
    """The notebook's file has the conversation as Markdown and no widget: it reads without a kernel, and with one the panel is back."""
    notebook = opened()
    panel = panel_of(page)
    server.answer("It is **kept**.")
    ask(panel, "What is kept?")
    ready(panel)
    expect(panel.locator(".nbp-answer strong")).to_have_text("kept")
    output = notebook.output(1)

    def kept() -> str:
        (saved,) = notebook.save()["cells"][1]["outputs"]
        assert "application/vnd.jupyter.widget-view+json" not in saved["data"]
        return "".join(saved["data"]["text/markdown"])

    page.wait_for_function("() => true")
    expect(panel).to_be_visible()
    for _ in range(100):  # the Markdown is fetched a moment after the answer
        if "It is **kept**." in kept():
            break
        page.wait_for_timeout(50)
    assert kept() == "**You**\n\nWhat is kept?\n\n**Assistant** (scripted)\n\nIt is **kept**.\n"
    expect(panel.locator(".nbp-answer strong")).to_have_text("kept")
    page.evaluate("async () => { await window.jupyterapp.serviceManager.sessions.shutdownAll(); }")
    notebook.path.write_text(notebook.path.read_text().replace('"python3"', '"no-such-kernel"'))
    notebook.open_without_kernel()
    expect(output.locator("[data-mime-type='text/markdown'] strong").last).to_have_text("kept")
    expect(output).not_to_contain_text("Error displaying widget")


def test_keys_stay_in_the_panel(opened: Any, server: ScriptedServer, page: Page):
    """What is typed in the panel runs, deletes and leaves no cell: Enter sends, Shift+Enter breaks the line, up recalls, Esc stops."""
    notebook = opened("1 + 1")
    panel = panel_of(page)
    box = panel.get_by_label("Your question")
    server.answer("Fine.")
    box.click()
    page.keyboard.type("line one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("dd aa 00 mm")
    assert box.input_value() == "line one\ndd aa 00 mm"
    page.keyboard.press("Enter")
    ready(panel)
    expect(panel.locator(".nbp-answer")).to_contain_text("Fine.")
    assert server.requests[0].json["messages"][-1]["content"] == "line one\ndd aa 00 mm"
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("line one\ndd aa 00 mm")
    box.fill("")
    panel.get_by_role("button", name="Controls").focus()
    for key in ("d", "d", "a", "b", "Shift+Enter", "x"):
        page.keyboard.press(key)
    gate = threading.Event()
    server.stream(chunk("Until it is"), gate)
    ask(panel, "go on")
    ask(panel, "typed ahead")
    expect(panel.locator(".nbp-queued")).to_contain_text("typed ahead")
    expect(panel.locator(".nbp-answer").last).to_contain_text("Until it is")
    page.keyboard.press("Escape")
    assert server.requests[1].closed.wait(5)
    expect(box).to_have_value("typed ahead")
    ready(panel)
    assert len(notebook.save()["cells"]) == 3
    assert notebook.output(2).inner_text().strip() == ""


def test_messages_can_be_changed(opened: Any, server: ScriptedServer, page: Page):
    """Edit and ask again makes a branch, a turn can be deleted from the middle, and of several choices any can be gone on from."""
    notebook = opened("[m['content'] for m in chat.messages]", "chat.parameters.n = 2")
    panel = panel_of(page)
    for text in ("one", "two", "two again"):
        server.answer(text)
    ask(panel, "first")
    ready(panel)
    expect(panel.locator(".nbp-answer")).to_contain_text("one")
    ask(panel, "second")
    expect(panel.locator(".nbp-answer").last).to_contain_text("two")
    ready(panel)
    press(panel, "Edit and ask again")
    page.keyboard.type(", edited")
    page.keyboard.press("Enter")
    expect(panel.locator(".nbp-answer").last).to_contain_text("two again")
    ready(panel)
    expect(panel.locator(".nbp-question .nbp-branches")).to_have_text("2/2")
    assert value(notebook, 2) == "['first', 'one', 'second, edited', 'two again']"
    delete = panel.locator(".nbp-question").first.get_by_role("button", name="Delete this turn")
    delete.focus()
    delete.press("Enter")
    expect(panel.locator(".nbp-question")).to_have_count(1)
    assert value(notebook, 2) == "['second, edited', 'two again']"
    notebook.run(3)
    server.answer("left", "right")
    ask(panel, "both")
    ready(panel)
    choices = panel.locator(".nbp-answer").last.locator(".nbp-choice")
    expect(choices).to_have_count(2)
    expect(choices.last).to_contain_text("right")
    press(panel, "Continue from this one")
    expect(choices.first.get_by_role("button", name="Continue from this one")).to_be_visible()
    assert value(notebook, 2) == "['second, edited', 'two again', 'both', 'right']"


def test_code_goes_into_the_notebook(opened: Any, server: ScriptedServer, page: Page):
    """A block of code names its language and goes into a new cell below the panel, or is downloaded."""
    notebook = opened("'last'")
    panel = panel_of(page)
    server.answer("Run this:\n\n```python\nprint('<b>hi</b>')\n```")
    ask(panel, "code, please")
    ready(panel)
    expect(panel.locator(".nbp-code-language")).to_have_text("python")
    press(panel, "Insert as a cell below")
    page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-CodeCell').length === 4")
    assert ["".join(cell["source"]) for cell in notebook.save()["cells"]][2:] == ["print('<b>hi</b>')", "'last'"]
    with page.expect_download() as download:
        press(panel, "Download")
    assert download.value.suggested_filename == "code.py"
    assert Path(download.value.path()).read_text() == "print('<b>hi</b>')"


@pytest.mark.thorough
def test_names_are_completed(opened: Any, server: ScriptedServer, page: Page):
    """In double braces the notebook's variables are offered, and what is put in is the variable's value."""
    opened(before="my_number, my_other = 42, 43")
    panel = panel_of(page)
    panel.get_by_label("Your question").click()
    page.keyboard.type("Is {{my_n")
    expect(panel.get_by_role("option")).to_have_text("my_number")
    page.keyboard.press("Tab")
    page.keyboard.type(" even?")
    server.answer("Yes.")
    page.keyboard.press("Enter")
    expect(panel.locator(".nbp-bubble")).to_have_text(["Is 42 even?"])
    ready(panel)
    panel.get_by_label("Your question").fill("{{no_such_name}}")
    page.keyboard.press("Enter")
    expect(panel.locator(".nbp-said")).to_contain_text("no_such_name")
    expect(panel.get_by_label("Your question")).to_have_value("{{no_such_name}}")
    assert len(server.requests) == 1


def test_a_failure_can_be_retried(opened: Any, server: ScriptedServer, page: Page):
    """A turn that failed stays with its question and its error, and Retry asks it again once."""
    notebook = opened("[m['content'] for m in chat.messages]")
    panel = panel_of(page)
    server.error(401, {"error": {"message": "no such key", "type": "x", "code": "x"}})
    ask(panel, "try")
    expect(panel.locator(".nbp-error")).to_contain_text("no such key")
    expect(panel.locator(".nbp-status")).to_have_attribute("data-state", "failed")
    server.answer("Now it works.")
    press(panel, "Retry")
    expect(panel.locator(".nbp-answer")).to_contain_text("Now it works.")
    expect(panel.locator(".nbp-error")).to_have_count(0)
    assert value(notebook, 2) == "['try', 'Now it works.']"


def test_the_kernel_is_gone(opened: Any, server: ScriptedServer, page: Page):
    """After a restart of the kernel the panel says so, and the conversation can still be read."""
    opened()
    panel = panel_of(page)
    server.answer("Still here.")
    ask(panel, "Hello")
    ready(panel)
    expect(panel.locator(".nbp-answer")).to_contain_text("Still here.")
    page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    expect(panel.locator(".nbp-state")).to_have_text("The kernel is gone")
    expect(panel.locator(".nbp-answer")).to_contain_text("Still here.")
    expect(panel.get_by_label("Your question")).to_be_disabled()


@pytest.mark.thorough
def test_a_long_conversation_stays_light(opened: Any, server: ScriptedServer, page: Page):
    """Of 10,000 messages the page holds some screens full; earlier ones come when the reader scrolls to them."""
    grow = f"{GROW}\ngrow([f'Message {{i}} with **words**' for i in range(10_000)])"
    opened(before=grow)
    panel = panel_of(page)
    expect(panel.locator(".nbp-list > article").last).to_contain_text("Message 9999")
    scroller = panel.locator(".nbp-scroller")
    assert scroller.evaluate("(e) => e.scrollHeight - e.scrollTop - e.clientHeight") < 40
    for _ in range(6):
        first = panel.locator(".nbp-list > article").first.inner_text()
        scroller.evaluate("(e) => { e.scrollTop = 0; }")
        page.wait_for_function(
            "(first) => document.querySelector('.nbp-list > article').innerText !== first", arg=first
        )
        assert panel.locator(".nbp-list > article").count() <= 120
        assert panel.locator("*").count() < 8000
    gate = threading.Event()
    server.stream(chunk("Something new"), gate, chunk("."), chunk(finish="stop"))
    press(panel, "Regenerate")
    gate.set()
    press(panel, "New text below")
    expect(panel.locator(".nbp-list > article").last).to_contain_text("Something new")


def test_the_reader_keeps_place_and_selection(opened: Any, server: ScriptedServer, page: Page):
    """While text streams, a reader who scrolled up stays there with what was selected, and is told of new text."""
    opened()
    panel = panel_of(page)
    gates = [threading.Event() for _ in range(3)]
    lines = "\n\n".join(f"Paragraph {number} with some words." for number in range(60))
    server.stream(
        chunk(lines), gates[0], chunk("\n\nMore text."), gates[1], chunk("\n\nThe end."), gates[2], chunk(finish="stop")
    )
    ask(panel, "much")
    scroller = panel.locator(".nbp-scroller")
    expect(panel.get_by_text("Paragraph 59")).to_be_in_viewport()
    scroller.hover()
    page.mouse.wheel(0, -900)
    page.wait_for_function(
        "() => { const e = document.querySelector('.nbp-scroller'); return e.scrollTop < e.scrollHeight - e.clientHeight - 500; }"
    )
    top = scroller.evaluate(
        """(e) => { const p = [...e.querySelectorAll('p')][40]; getSelection().selectAllChildren(p); return e.scrollTop; }"""
    )
    gates[0].set()
    expect(panel.get_by_role("button", name="New text below")).to_be_visible()
    gates[1].set()
    gates[2].set()
    ready(panel)
    assert scroller.evaluate("(e) => e.scrollTop") == top
    assert page.evaluate("() => getSelection().toString()").startswith("Paragraph")
    panel.get_by_role("button", name="New text below").click()
    expect(panel.get_by_text("The end.")).to_be_in_viewport()


def test_no_known_attack_does_anything(opened: Any, server: ScriptedServer, page: Page):
    """Each of some hundred attacks as question, answer, system message, model name, tool call and error: nothing runs or is loaded."""
    away: list[str] = []
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    notebook = opened(
        "from nbchat.session.conversation import Node\n"
        "parent = chat._conversation.head\n"
        f"for i, text in enumerate({EVERY_VECTOR!r}):\n"
        "    for role in ('user', 'assistant'):\n"
        "        call = {'id': 'c', 'type': 'function', 'function': {'name': text, 'arguments': text}}\n"
        "        message = {'role': role, 'content': text, 'reasoning': text, 'tool_calls': [call]}\n"
        "        node = Node(f'{i}{role}', parent, message, f't{i}', status='failed', model=text, error=text, finish_reason=text)\n"
        "        chat._conversation.add(node)\n"
        "        parent = node.id\n"
        "chat.go(parent)",
        f"chat.system = '\\n'.join({EVERY_VECTOR!r})",
    )
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("http://127.0.0.1", "data:", "blob:")) else away.append(request.url)
        ),
    )
    notebook.run(2)
    panel = panel_of(page)
    messages = panel.locator(".nbp-list > article")
    expect(messages.last).to_contain_text("Broke off here")

    def harmless() -> None:
        bad = panel.locator(
            "script, iframe, object, embed, form:not(.nbp-composer), style, base, meta, link, img, video, audio"
        )
        assert bad.count() == 0, bad.first.evaluate("(e) => e.outerHTML")
        found = panel.evaluate(
            """(root) => [...root.querySelectorAll('*')].flatMap((e) => [...e.attributes].map((a) => [e, a.name, a.value]))
                .filter(([e, name, value]) => name.startsWith('on') || name === 'style' && !e.closest('textarea, input, math')
                    || ['href', 'src', 'action', 'formaction', 'xlink:href'].includes(name) && !/^(https?:|mailto:)/i.test(value))
                .map(([e, name, value]) => [e.tagName, name, value])"""
        )
        assert found == []

    seen: set[str] = set()
    while True:
        harmless()
        first = messages.first.inner_text()
        if first in seen or messages.count() == 0:
            break
        seen.add(first)
        before = messages.first.evaluate(
            "(e) => { e.dataset.seen = 'yes'; e.closest('.nbp-scroller').scrollTop = 0; return e.innerText; }"
        )
        if before.startswith(EVERY_VECTOR[0][:10]):
            break
        page.wait_for_function("() => !document.querySelector('.nbp-list > article').dataset.seen")
    # As the system message they are in the box of the controls, and in what would be sent next.
    notebook.run(3)
    press(panel, "Controls")
    expect(panel.locator(".nbp-system textarea")).to_have_value(re.compile(re.escape(EVERY_VECTOR[0])))
    harmless()
    press(panel, "Show the next request")
    expect(panel.get_by_role("tabpanel")).to_contain_text("alert(1)")
    harmless()
    assert page.evaluate("() => window.pwned") is None
    assert (away, dialogs) == ([], [])
