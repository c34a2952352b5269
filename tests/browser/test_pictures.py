"""Sweeps and shaded answers in a real JupyterLab, in a real Chromium."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from attack import ATTACK, requests_away
from axe import violations
from labs import Notebook, use_theme
from playwright.sync_api import Locator, Page, expect
from scripted import Reply, Request, ScriptedServer, chunk, completion, likely, sse, with_tokens

SWEEP = "import nbchat; got = nbchat.sweep('How?', session=chat, temperature=[0, 1], seed=[1, 2, 3]); got"
TOKENS = "chat.send('Hi', logprobs=True, top_logprobs=2).logprobs"


def tip(label: Locator) -> str:
    """What is shown beside a token, if anything is."""
    return label.evaluate(
        "(e) => { const s = getComputedStyle(e, '::after'); return s.display === 'none' || s.content === 'none' ? '' : s.content; }"
    )


def test_a_sweep_is_drawn(open_notebook: Any, server: ScriptedServer, page: Page):
    """The answers stand in a grid as Markdown with its mathematics set, to the left, under a line that said how far it was."""
    gate = threading.Event()

    def script(request: Request) -> Reply:
        text = f"**{request.json['seed']}** $x_1$" if request.json["temperature"] else "Blue for $5."
        return Reply(sse(chunk(text), gate, chunk(finish="stop")), headers={"content-type": "text/event-stream"})

    server.always(script)
    notebook: Notebook = open_notebook(SWEEP)
    notebook.start(1)
    output = notebook.output(1)
    expect(output.locator("progress")).to_have_attribute("max", "6")
    gate.set()
    notebook.wait(1)
    expect(output).to_contain_text("6 of 6 answered")
    expect(output.locator("progress")).to_have_count(0)
    expect(output.locator("thead th")).to_have_text(["temperature = 0", "temperature = 1"])
    expect(output.locator("tbody th")).to_have_text(["seed = 1", "seed = 2", "seed = 3"])
    expect(output.locator("td strong")).to_have_text(["1", "2", "3"])
    expect(output.locator("td mjx-container")).to_have_count(3)
    sides = output.locator("tbody td, tbody th").evaluate_all("(all) => all.map((e) => getComputedStyle(e).textAlign)")
    assert set(sides) <= {"start", "left"}
    for theme in ("Light", "Dark"):
        use_theme(page, theme)
        assert violations(page, ".nbchat-sweep") == []


@pytest.mark.thorough
def test_nothing_in_a_sweep_runs(open_notebook: Any, server: ScriptedServer, page: Page):
    """Scripts, handlers, links and pictures of answers, questions and errors do nothing."""
    away = requests_away(page)

    def script(request: Request) -> Reply:
        if request.json["temperature"]:
            return Reply([json.dumps({"error": {"message": ATTACK}}).encode()], 400)
        return Reply([json.dumps(completion(ATTACK)).encode()])

    server.always(script)
    notebook = open_notebook(f"import nbchat; nbchat.sweep([{ATTACK!r}, 'Hi'], session=chat, temperature=[0, 1])")
    notebook.run(1)
    output = notebook.output(1)
    expect(output.locator("table").first).to_contain_text("After.")
    page.wait_for_timeout(500)  # for what should not come
    assert output.locator("script, iframe, svg[onload], img, [onerror], [onmouseover], [ontoggle]").count() == 0
    assert page.evaluate("() => window.pwned") is None
    assert away == []


@pytest.mark.thorough
@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_tokens_by_mouse_and_keyboard(open_notebook: Any, server: ScriptedServer, page: Page, theme: str):
    """What there is to say of a token is shown under the mouse, and under the keyboard: one Tab, then the arrow keys."""
    tokens = [
        likely("Hello", 0.93, ("Hello", 0.93)),
        likely(" wor", 0.3, (" wor", 0.3), ("x", 0.2)),
        likely("ld", 0.04, ("ld", 0.04)),
        likely("\n", 0.9, ("\n", 0.9)),
    ]
    server.stream(*map(with_tokens, tokens), chunk(finish="stop"))
    notebook = open_notebook(TOKENS)
    use_theme(page, theme)
    notebook.run(1)
    output = notebook.output(1)
    labels = output.locator("label")
    expect(labels).to_have_text(["Hello", " wor", "ld", "⏎"])
    assert [tip(label) for label in labels.all()] == [""] * 4
    labels.nth(1).hover()
    assert "“ wor” 30 %" in tip(labels.nth(1))
    page.mouse.move(0, 0)
    labels.nth(0).locator("input").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(labels.nth(2).locator("input")).to_be_focused()
    assert [bool(tip(label)) for label in labels.all()] == [False, False, True, False]
    assert page.evaluate("() => document.activeElement.ariaDescription") == "“ld” 4 %"
    page.keyboard.press("ArrowUp")  # which would else go to the cell above
    expect(labels.nth(1).locator("input")).to_be_focused()
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.activeCellIndex") == 1
    page.keyboard.press("Tab")
    assert not page.evaluate("() => document.activeElement.matches('.nbchat-tokens input')")
    shades = labels.evaluate_all("(all) => all.map((e) => getComputedStyle(e).backgroundColor)")
    lines = labels.evaluate_all("(all) => all.map((e) => getComputedStyle(e).borderBottomStyle)")
    assert (len(set(shades)), lines) == (3, ["none", "solid", "double", "none"])
    assert violations(page, ".nbchat-tokens") == []


@pytest.mark.thorough
def test_what_is_said_of_a_token_can_be_read(open_notebook: Any, server: ScriptedServer, page: Page):
    """What is said of a token stands below its line, within the output, also in the last line."""
    words = [f" word{at}" for at in range(60)]
    tokens = [likely(word, 0.4, (word, 0.4), ("other", 0.2), ("another", 0.1)) for word in words]
    server.stream(*map(with_tokens, tokens), chunk(finish="stop"))
    notebook = open_notebook(TOKENS)
    notebook.run(1)
    output = notebook.output(1)
    area = output.locator(".nbchat-tokens")
    before = area.bounding_box()
    last = output.locator("label").last
    last.hover()
    place = last.evaluate(
        """(e) => {
            const s = getComputedStyle(e, '::after');
            const text = e.closest('.nbchat-tokens-text').getBoundingClientRect();
            return [parseFloat(s.top) + text.top, parseFloat(s.height), parseFloat(s.width), text.width];
        }"""
    )
    top, height, width, room = place
    box = last.bounding_box()
    assert top >= box["y"] + box["height"] - 2
    assert top + height <= before["y"] + before["height"]
    assert 0 < width <= room
    assert area.bounding_box() == before
