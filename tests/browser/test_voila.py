"""A dashboard in a real Voilà: the panel, and the stock controls, with no notebook round them."""

from __future__ import annotations

from pathlib import Path

import nbformat
from labs import PATIENCE, voila
from panels import ask, panel_of, press, ready
from playwright.sync_api import Locator, Page, expect
from scripted import ScriptedServer, chunk

CELLS = ["import nbchat\nchat = nbchat.get_session()", "nbchat.controls(chat)", "chat.panel()"]


def test_a_dashboard(page: Page, server: ScriptedServer, tmp_path: Path):
    """Stock sliders move the panel's and the next request, the panel's move them, and a question is answered."""
    file = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    file.cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(file, tmp_path / "dashboard.ipynb")
    # Voilà's page has fonts fetched from elsewhere, and goes without.
    page.route(lambda url: not url.startswith("http://127.0.0.1"), lambda route: route.abort())
    expect.set_options(timeout=PATIENCE)
    with voila(
        tmp_path / "dashboard.ipynb", OPENAI_BASE_URL=server.url, OPENAI_API_KEY="none", NBCHAT_MODEL="m"
    ) as url:
        page.goto(url, timeout=PATIENCE)
        panel = panel_of(page)
        expect(panel).to_be_visible()
        press(panel, "Controls")

        def stock_number(field: str) -> Locator:
            slider = page.locator(".widget-slider", has_text=field)
            return page.locator(".widget-hbox", has=slider).locator("input[type=number]").first

        stock = stock_number("temperature")
        stock.fill("0.3")
        stock.press("Enter")
        expect(panel.locator("[data-field=temperature] input[type=number]")).to_have_value("0.3")
        panel.get_by_label("top_p, slider").fill("0.5")
        expect(stock_number("top_p")).to_have_value("0.5")

        server.stream(chunk("It is **answered**"), chunk("."), chunk(finish="stop"))
        ask(panel, "Is it?")
        expect(panel.locator(".nbp-answer strong")).to_have_text("answered")
        ready(panel)
    sent = server.requests[-1].json
    assert (sent["temperature"], sent["top_p"]) == (0.3, 0.5)
    assert sent["messages"] == [{"role": "user", "content": "Is it?"}]
