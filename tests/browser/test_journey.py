"""The whole way through a notebook with a panel, on the model inside the kernel: nothing scripted, nothing canned."""

from __future__ import annotations

from typing import Any

import pytest
from local_model import model_file
from panels import ask, panel_of, press, ready, value
from playwright.sync_api import Page, expect

# No answer ends of itself, so that each is as long as it may be, and the long one has to be stopped.
SETUP = """%load_ext nbchat
import nbchat
chat = nbchat.get_session()
chat.parameters.update({"max_tokens": 60, "extra_body": {"ignore_eos": True}})"""
CELLS = {
    "load": SETUP,
    "panel": "nbchat.panel()",
    "cell": "%%chat\nName three fruits.",
    "temperature": "chat.parameters.temperature",
    "long": "%%chat --max-tokens 4000\nTell me a very long story about the sea.",
    "messages": "len(chat.messages)",
}
AT = {name: index for index, name in enumerate(CELLS)}
# Follows an answer from frame to frame: what the status line says, and how long the text is.
FOLLOW = """() => {
    window.followed = [];
    const look = () => {
        const panel = document.querySelector('.nbp');
        const answer = [...panel.querySelectorAll('.nbp-answer')].at(-1);
        const seen = [panel.querySelector('.nbp-status').dataset.state, answer?.querySelector('.nbchat-choice')?.innerText.length ?? 0];
        if (String(window.followed.at(-1)) !== String(seen)) window.followed.push(seen);
        window.following = requestAnimationFrame(look);
    };
    look();
}"""
LONG_ENOUGH = "() => [...document.querySelectorAll('.nbp-answer')].at(-1).innerText.length > 100"
FOLLOWED = "() => { cancelAnimationFrame(window.following); return window.followed; }"


def streamed(page: Page) -> list[int]:
    """The lengths of an answer's text that the page showed while the panel said that it was streaming."""
    return [length for state, length in page.evaluate(FOLLOWED) if state == "streaming" and length]


@pytest.mark.parametrize("app", ["lab", "notebooks"])
def test_a_conversation_with_the_embedded_model(open_cells: Any, page: Page, app: str):
    """Ask, watch, set, ask from a cell, stop it from the panel, regenerate, walk back, reload: one session, all still there."""
    model_file()
    notebook = open_cells(*CELLS.values(), app=app)
    notebook.run(AT["load"])
    notebook.run(AT["panel"])
    panel = panel_of(page)
    expect(panel.locator(".nbp-who")).to_contain_text("embedded model")
    answers, questions = panel.locator(".nbp-answer"), panel.locator(".nbp-question")

    # Ask in the panel: the text grows while the status says so.
    page.evaluate(FOLLOW)
    ask(panel, "What is Python? Answer in a few sentences.")
    ready(panel)
    assert len(set(streamed(page))) >= 5
    expect(answers.last.locator(".nbp-meter")).to_contain_text("tokens")

    # What the slider says is what Python reads, and what the next cell sends.
    press(panel, "Controls")
    panel.get_by_label("temperature, slider").fill("0.6")
    expect(panel.get_by_role("button", name="Do not send temperature")).to_be_visible()
    assert value(notebook, AT["temperature"]) == "0.6"
    press(panel, "Controls")

    # Ask from a cell: it streams in the panel too.
    page.evaluate(FOLLOW)
    notebook.run(AT["cell"])
    expect(questions.last).to_contain_text("Name three fruits.")
    ready(panel)
    assert len(set(streamed(page))) >= 5
    record = notebook.save()["cells"][AT["cell"]]["outputs"][-1]["metadata"]["nbchat"]
    assert record["parameters"]["temperature"] == 0.6
    assert record["model"] == "SmolLM2-135M-Instruct"

    # Stop in the panel what a cell asked and still waits for.
    notebook.start(AT["long"])
    expect(questions.last).to_contain_text("a very long story")
    expect(answers).to_have_count(3)
    page.wait_for_function(LONG_ENOUGH)
    press(panel, "Stop")
    notebook.wait(AT["long"])
    expect(answers.last).to_contain_text("Stopped")
    ready(panel)
    expect(notebook.output(AT["long"])).to_contain_text("stopped")
    first = answers.last.locator(".nbchat-choice").inner_text()

    # Another answer to the same question, as long as that was to be, and back to the first, which is as it was.
    press(panel, "Regenerate")
    expect(answers.last).not_to_contain_text("Stopped")
    page.wait_for_function(LONG_ENOUGH)
    press(panel, "Stop")
    ready(panel)
    expect(panel.locator(".nbp-branches")).to_have_text("2/2")
    other = answers.last.locator(".nbchat-choice").inner_text()
    assert other
    assert other != first
    press(panel, "Previous branch")
    expect(panel.locator(".nbp-branches")).to_have_text("1/2")
    expect(answers.last.locator(".nbchat-choice")).to_have_text(first, use_inner_text=True)
    assert value(notebook, AT["messages"]) == "6"

    # A page that is loaded again has all of it.
    shown = panel.locator(".nbp-list > article .nbchat-choice, .nbp-bubble").all_inner_texts()
    assert len(shown) == 6
    notebook.save()
    notebook.open()
    expect(panel_of(page).locator(".nbp-branches")).to_have_text("1/2")
    assert panel.locator(".nbp-list > article .nbchat-choice, .nbp-bubble").all_inner_texts() == shown
    press(panel, "Controls")
    expect(panel.locator("[data-field=temperature] input[type=number]")).to_have_value("0.6")
    press(panel, "Next branch")
    expect(answers.last.locator(".nbchat-choice")).to_have_text(other, use_inner_text=True)
