"""Pictures and files, sent and seen, in a real JupyterLab in a real Chromium."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from labs import Notebook
from playwright.sync_api import Page, expect
from scripted import ScriptedServer, chunk

FIGURE = """
import matplotlib; matplotlib.use('agg')
import numpy as np
from matplotlib.figure import Figure
fig = Figure((8, 5), dpi=120)
axes = fig.subplots()
for k in range(4):
    axes.plot(np.sin(np.linspace(0, 9, 300) + k), label=f'phase {k}')
axes.legend(); axes.set_title('Four waves')
"""
DRAWN = "(image) => image.complete && image.naturalWidth > 0"


@pytest.fixture
def opened(open_notebook: Any) -> Any:
    """A function that opens a notebook with a figure, on a session with the scripted server."""

    def open_with_figure(*cells: str) -> Notebook:
        return open_notebook(*cells, before=FIGURE)

    return open_with_figure


@pytest.mark.thorough
def test_a_picture_is_seen_in_the_panel(opened: Any, server: ScriptedServer, page: Page):
    """A figure put into a question is seen beside it while the answer comes and after a reload; what else was sent is told."""
    notebook = opened(
        "chat.panel()",
        "turn = chat.stream('Compare:', attach=[fig, 'https://evil.example/a.png', b'%PDF-1.7 /Type /Page'])",
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    notebook.run(1)
    panel = page.locator(".nbp").first
    gate = threading.Event()
    server.stream(chunk("Four "), gate, chunk("waves."), chunk(finish="stop"))
    box = panel.get_by_label("Your question")
    box.fill("What does {{fig}} show?")
    box.press("Enter")
    picture = panel.locator(".nbp-question img")
    expect(picture).to_be_visible()
    assert picture.evaluate(DRAWN)
    gate.set()
    expect(panel.locator(".nbp-status")).to_have_attribute("data-state", "idle")
    expect(picture).to_have_attribute("alt", re.compile(r"PNG picture, 960 × 600, \d+ kB, ≈ 765 tokens"))
    expect(panel.locator(".nbp-question .nbp-note")).to_have_text("≈ 770 tokens")
    server.answer("They differ.")
    notebook.run(2)
    expect(panel.locator(".nbp-question")).to_have_count(2)
    second = panel.locator(".nbp-question").nth(1)
    expect(second.get_by_role("link", name="picture at evil.example")).to_have_attribute("rel", "noopener noreferrer")
    expect(second).to_contain_text("document.pdf, 1 page, 20 bytes")
    expect(panel.locator(".nbp-status")).to_have_attribute("data-state", "idle")
    page.get_by_role("button", name="Show the next request").click()
    expect(panel.locator(".nbp-preview code")).to_contain_text(re.compile(r"data:image/png;base64,… \(\d+ kB\)"))
    page.get_by_role("button", name="Show the next request").click()
    notebook.save()
    notebook.open()
    expect(page.locator(".nbp-question img").first).to_be_visible()
    assert [url for url in asked if "evil.example" in url] == []


@pytest.mark.thorough
def test_a_picture_is_seen_in_a_cell(opened: Any, server: ScriptedServer, page: Page):
    """A cell that sent a figure keeps a small picture of it in its Markdown, which JupyterLab draws, and the file has it."""
    notebook = opened("%%chat --attach fig\nWhat is this?")
    server.answer("Four waves.")
    notebook.run(1)
    output = notebook.output(1).locator("[data-mime-type='text/markdown']")
    picture = output.locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate(DRAWN)
    expect(output).to_contain_text(re.compile(r"\[sent with PNG picture, 960 × 600, \d+ kB: ≈ 769 tokens in all\]"))
    (saved,) = notebook.save()["cells"][1]["outputs"]
    assert "![picture](data:image/webp;base64," in "".join(saved["data"]["text/markdown"])
