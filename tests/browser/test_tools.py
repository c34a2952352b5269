"""Tools in a real JupyterLab: cards in the panel, lines and folds in a cell, and a person who is asked."""

from __future__ import annotations

from typing import Any

import pytest
from attack import ATTACK, requests_away
from axe import violations
from inspector import EVERY_SENDABLE
from labs import PATIENCE, Notebook, use_theme
from panels import ask, panel_of, press, ready, value
from playwright.sync_api import Locator, Page, expect
from scripted import ScriptedServer, results
from test_cell import kept

TOOLS = '''
import threading
go, called = threading.Event(), []

@chat.tool
def look(at: str) -> str:
    """Look, for as long as it takes."""
    go.wait(60)
    return f"a {at}"

@chat.tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b

@chat.tool(approve=True)
def delete(path: str) -> str:
    """Delete."""
    called.append(path)
    return f"{path} is gone"

@chat.tool
def fail(text: str = "no such thing") -> None:
    """Fail."""
    raise ValueError(text)

class Shown:
    def _repr_html_(self):
        return "<table class='shown'><tr><td>a table of the user's own</td></tr></table>"

@chat.tool
def table() -> Shown:
    """Give a table."""
    return Shown()

@chat.tool
def echo(text: str) -> str:
    """Say it."""
    return text
'''
RICH = f'''{TOOLS}
import pandas
from matplotlib.figure import Figure

@chat.tool
def cities() -> pandas.DataFrame:
    """List cities."""
    names = ["Rome", "<b>Oslo</b> | *x*", "![p](http://evil.example/p.png)"]
    return pandas.DataFrame({{"city": names, "people": [2748109, 717710, 1], "share": [4.5, 13.2, 0.1]}}).convert_dtypes()

@chat.tool
def frame(text: str) -> pandas.DataFrame:
    """Put it into a table."""
    lines = text.split("\\n\\n")
    return pandas.DataFrame({{lines[0]: lines}}, index=lines)

@chat.tool
def plot(title: str) -> Figure:
    """Plot."""
    figure = Figure((8, 5), dpi=120)
    figure.subplots().plot([1, 3, 2])
    figure.suptitle(title)
    return figure
'''


@pytest.fixture
def opened(open_notebook: Any, page: Page) -> Any:
    """A function that opens a notebook with tools and a panel, and these cells below."""

    def open_it(*cells: str, before: str = TOOLS) -> Notebook:
        notebook = open_notebook("chat.panel()", *cells, before=before)
        notebook.run(1)
        expect(panel_of(page)).to_be_visible()
        return notebook

    return open_it


def cards(panel: Locator) -> Locator:
    return panel.locator(".nbp-card")


def state(card: Locator, name: str) -> None:
    expect(card).to_have_attribute("data-state", name)


def spoken(page: Page) -> Locator:
    """What was last said to screen readers, when they had nothing else to say: a region of this role is polite."""
    return page.locator("body > [role=status]:not([aria-live])").last


def test_tools_run_in_the_panel_and_survive_a_reload(opened: Any, server: ScriptedServer, page: Page):
    """Calls are cards in two panels alike; a page reloaded while one runs has them at once, and the answer that follows."""
    notebook = opened("nbchat.panel()", "go.set()")
    notebook.run(2)
    one, other = panel_of(page, 0), panel_of(page, 1)
    server.ask_for(("look", {"at": "house"}), ("fail", {}))
    server.answer("I saw a **house**.")
    ask(one, "What is there?")
    for panel in (one, other):
        state(cards(panel).nth(0), "running")
        state(cards(panel).nth(1), "failed")
        expect(panel.locator(".nbp-state")).to_have_text("Calling tools")
        expect(panel.locator(".nbp-answer")).to_have_count(1)
    expect(cards(one).nth(0)).to_contain_text("running for")
    notebook.save()
    notebook.open()
    state(cards(one).nth(0), "running")
    expect(one.locator(".nbp-answer").first).to_contain_text("Let me see.")
    expect(one.locator(".nbp-question")).to_have_count(1)
    notebook.run(3)
    for panel in (one, other):
        ready(panel)
        state(cards(panel).nth(0), "done")
        expect(panel.locator(".nbp-answer")).to_have_count(2)
        expect(panel.locator(".nbp-answer").last.locator("strong")).to_have_text("house")
        expect(panel.get_by_role("button", name="Regenerate")).to_have_count(1)
    card = cards(one).nth(1)
    assert not card.evaluate("(card) => card.open")
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.locator("pre").last).to_have_text("ValueError: no such thing")


def test_approval_by_keyboard_alone(opened: Any, server: ScriptedServer, page: Page):
    """A call that asks is spoken of and reached with Tab: Enter on Allow runs it, on Don't allow the model is told."""
    opened()
    panel = panel_of(page)
    server.ask_for(("delete", {"path": "a.txt"}))
    server.ask_for(("delete", {"path": "b.txt"}), text="And now the other.")
    server.answer("One is gone.")
    box = panel.get_by_label("Your question")
    box.focus()
    page.keyboard.type("Delete both.")
    page.keyboard.press("Enter")
    expect(spoken(page)).to_contain_text("The model asks to call delete")
    group = panel.get_by_role("group", name="May delete be called?")
    expect(group).to_be_visible()
    expect(cards(panel)).to_contain_text('path: "a.txt"')
    expect(box).to_be_focused()  # nobody's typing allows anything
    page.keyboard.press("Shift+Tab")
    expect(panel.get_by_role("button", name="Attach files")).to_be_focused()
    for name in ("Don't allow", "Allow"):
        page.keyboard.press("Shift+Tab")
        expect(group.get_by_role("button", name=name, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    state(cards(panel).nth(0), "done")
    expect(cards(panel).nth(0).locator("summary")).to_be_focused()
    expect(cards(panel).nth(1)).to_contain_text('path: "b.txt"')
    group.get_by_role("button", name="Don't allow").focus()
    page.keyboard.press("Space")
    state(cards(panel).nth(1), "refused")
    ready(panel)
    assert results(server) == ["a.txt is gone", "delete was not called: the user did not allow it."]


@pytest.mark.thorough
def test_a_question_outlives_its_page_and_is_one_in_all_panels(opened: Any, server: ScriptedServer, page: Page):
    """A page reloaded while a call asks asks again; a word in one panel settles it in the other, which says what became of it."""
    notebook = opened("nbchat.panel()", "called")
    notebook.run(2)
    one, other = panel_of(page, 0), panel_of(page, 1)
    server.ask_for(("delete", {"path": "a.txt"}), ("delete", {"path": "b.txt"}))
    server.answer("One is gone.")
    ask(one, "Delete both.")
    for panel in (one, other):
        expect(panel.get_by_role("group", name="May delete be called?")).to_have_count(2)
    notebook.save()
    notebook.open()
    groups = [panel.get_by_role("group", name="May delete be called?") for panel in (one, other)]
    for group in groups:
        expect(group).to_have_count(2)
    expect(one.locator(".nbp-state")).to_have_text("A tool waits for your word")
    groups[1].nth(1).get_by_role("button", name="Don't allow").click()
    for panel, group in zip((one, other), groups, strict=True):
        state(cards(panel).nth(1), "refused")
        expect(group).to_have_count(1)
    groups[0].get_by_role("button", name="Allow", exact=True).click()
    for panel in (one, other):
        state(cards(panel).nth(0), "done")
        ready(panel)
        expect(panel.get_by_role("group", name="May delete be called?")).to_have_count(0)
    assert results(server) == ["a.txt is gone", "delete was not called: the user did not allow it."]
    assert value(notebook, 3) == "['a.txt']"


@pytest.mark.thorough
def test_tables_and_pictures_stand_below_the_cards(opened: Any, server: ScriptedServer, page: Page):
    """A DataFrame is a table and a figure a picture in each panel, also after a reload; the model read text, then saw the picture."""
    away = requests_away(page)
    notebook = opened("nbchat.panel()", before=RICH)
    notebook.run(2)
    one, other = panel_of(page, 0), panel_of(page, 1)
    server.ask_for(("cities", {}), ("plot", {"title": "<img src=x onerror=pwned=1>"}), ("add", {"a": 1, "b": 2}))
    server.answer("So it is.")
    ask(one, "Show me.")

    def complete(panel: Locator) -> None:
        expect(panel.locator(".nbp-table figcaption")).to_have_text("pandas DataFrame, 3 rows × 3 columns")
        expect(panel.locator(".nbp-table thead th")).to_have_text(["city string", "people Int64", "share Float64"])
        expect(panel.locator(".nbp-table tbody td")).to_have_text(
            [
                "Rome",
                "2748109",
                "4.5",
                "<b>Oslo</b> | *x*",
                "717710",
                "13.2",
                "![p](http://evil.example/p.png)",
                "1",
                "0.1",
            ]
        )
        picture = panel.locator(".nbp-given img")
        expect(picture).to_have_count(1)
        page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=picture.element_handle())
        assert picture.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [960, 600]

    for panel in (one, other):
        ready(panel)
        complete(panel)
    assert not any(card.evaluate("(card) => card.open") for card in cards(one).all())
    table, drawn, _ = results(server)
    assert table.startswith("\n\npandas DataFrame, 3 rows × 3 columns:\n\n|  | city (string) | people (Int64) |")
    assert drawn == "(the result is attached: image)"
    (seen,) = [m["content"] for m in server.requests[-1].json["messages"] if isinstance(m["content"], list)]
    assert seen[1]["image_url"]["url"].startswith("data:image/png;base64,")
    notebook.save()
    notebook.open()
    for panel in (one, other):
        complete(panel)
    assert away == []
    assert page.evaluate("() => window.pwned") is None


def test_a_cell_asks_and_shows_what_tools_gave(opened: Any, server: ScriptedServer, page: Page):
    """A cell has a line for each call, asks by its own input, and keeps folds, the user's own table, and the answer below."""
    notebook = opened("%%chat\nGo")
    server.ask_for(("add", {"a": 1, "b": 2}), ("delete", {"path": "a.txt"}), ("table", {}))
    server.answer("So it is.")
    notebook.start(2)
    output = notebook.output(2)
    expect(output.locator("input")).to_be_focused()
    expect(output.locator(".nbchat-calls")).to_contain_text("add(a=1, b=2) done in")
    expect(output.locator(".nbchat-calls")).to_contain_text('delete(path="a.txt") asks to be allowed')
    expect(output).to_contain_text('The model wants to call delete with\n    path: "a.txt"\nAllow it?')
    page.keyboard.type("y")
    page.keyboard.press("Enter")
    notebook.wait(2)
    expect(output.locator("table.shown")).to_be_visible()
    expect(kept(output).last).to_contain_text("So it is.")
    folds = kept(output).first.locator("details")
    expect(folds).to_have_count(3)
    assert not folds.first.evaluate("(fold) => fold.open")
    folds.nth(1).locator("summary").click()
    expect(folds.nth(1).locator("pre")).to_have_text('path: "a.txt"\n\n→ a.txt is gone\n')
    outputs = notebook.save()["cells"][2]["outputs"]
    assert [next(iter(out.get("data", {"stream": 1}))) for out in outputs] == [
        "text/markdown", "stream", "text/html", "text/markdown",
    ]  # fmt: skip
    assert [result["status"] for result in outputs[3]["metadata"]["nbchat"]["rounds"][0]["results"]] == ["done"] * 3


@pytest.mark.thorough
@pytest.mark.parametrize("answer", ["Allow", "Don't allow"])
def test_a_cell_has_buttons_to_ask(open_notebook: Any, server: ScriptedServer, page: Page, answer: str):
    """With no panel there, a call in a %%chat --tools cell asks with its arguments and two buttons; the model is told what was pressed."""
    notebook = open_notebook("%%chat --tools delete\nGo", "called", before=TOOLS)
    server.ask_for(("delete", {"path": "a.txt"}))
    server.answer("So it is.")
    notebook.start(1)
    output = notebook.output(1)
    expect(output.locator(".jp-Stdin-prompt")).to_contain_text('The model wants to call delete with\n    path: "a.txt"')
    output.get_by_role("button", name=answer, exact=True).click()
    notebook.wait(1)
    expect(kept(output)).to_contain_text("So it is.")
    allowed = answer == "Allow"
    assert results(server) == ["a.txt is gone" if allowed else "delete was not called: the user did not allow it."]
    assert value(notebook, 2) == ("['a.txt']" if allowed else "[]")


@pytest.mark.thorough
def test_the_panel_answers_for_a_cell(opened: Any, server: ScriptedServer, page: Page):
    """Where a cell and the panel ask the same, a word in the panel is enough: the cell goes on, and so does the notebook."""
    notebook = opened("chat.send('Go').text", "called")
    panel = panel_of(page)
    server.ask_for(("delete", {"path": "a.txt"}))
    server.answer("Gone.")
    notebook.start(2)
    expect(notebook.output(2).locator("input")).to_be_visible()
    press(panel, "Allow")
    notebook.wait(2)
    expect(notebook.output(2)).to_contain_text("'Gone.'")
    expect(notebook.output(2).locator("input")).to_have_count(0)
    notebook.run(3)
    expect(notebook.output(3)).to_contain_text("['a.txt']")


@pytest.mark.thorough
@pytest.mark.parametrize("door", ["panel", "kernel"])
def test_stop_while_a_tool_hangs(opened: Any, server: ScriptedServer, page: Page, door: str):
    """A tool that hangs in a cell's turn is stopped by the panel's button and by the kernel's; the next question works."""
    notebook = opened("%%chat\nGo", "%%chat\nNext")
    panel = panel_of(page)
    server.ask_for(("look", {"at": "x"}))
    notebook.start(2)
    state(cards(panel), "running")
    expect(notebook.output(2).locator(".nbchat-calls")).to_contain_text('look(at="x") running')
    if door == "panel":
        press(panel, "Stop")
    else:
        notebook.command("notebook:interrupt-kernel")
    notebook.wait(2)
    state(cards(panel), "cancelled")
    ready(panel)
    expect(panel.locator(".nbp-answer")).to_contain_text("Stopped")
    expect(kept(notebook.output(2)).locator("summary")).to_have_text('look(at="x") stopped')
    server.answer("Fine.")
    notebook.run(3)
    expect(kept(notebook.output(3))).to_contain_text("Fine.")
    expect(panel.locator(".nbp-answer").last).to_contain_text("Fine.")


@pytest.mark.thorough
def test_no_attack_gets_out_of_a_card_or_a_fold(opened: Any, server: ScriptedServer, page: Page):
    """Every known attack as a tool's name, arguments, result, error and table does nothing in panel, cell and saved notebook."""
    away = requests_away(page)
    page.on("dialog", lambda dialog: (away.append(dialog.message), dialog.dismiss()))
    server.schema = False
    attacks = [ATTACK, *("\n\n".join(EVERY_SENDABLE[at::10]) for at in range(10))]
    notebook = opened("%%chat\nGo", before=RICH)
    # No tool has such a name, which the error says; what a tool says, raises or puts into a table is the attack itself.
    calls: list[tuple[str, Any]] = [(vector, vector) for vector in EVERY_SENDABLE]
    calls += [(tool, {"text": attack}) for attack in attacks for tool in ("echo", "fail", "frame")]
    server.ask_for(*calls, ("delete", {"path": ATTACK}))
    server.answer("End.")
    notebook.start(2)
    panel, output = panel_of(page), notebook.output(2)
    expect(output.locator("input")).to_be_visible(timeout=PATIENCE)

    def harmless(*places: Locator) -> None:
        for place in places:
            inside = "script, iframe, object, embed, svg[onload], img, form, video, audio, base, meta, link, a"
            assert place.locator(f":is(.nbp-card, .nbp-given, .nbchat-calls, details) :is({inside})").count() == 0
            attributes = place.evaluate(
                """(root) => [...root.querySelectorAll(':is(.nbp-card, .nbp-given, .nbchat-calls, details) *')]
                    .flatMap((each) => [...each.attributes]).map(({ name }) => name).filter((name) => /^on|style/.test(name))"""
            )
            assert attributes == []
        assert page.evaluate("() => window.pwned") is None
        assert away == []

    expect(cards(panel)).to_have_count(len(calls) + 1)
    expect(panel.locator(".nbp-table")).to_have_count(len(attacks))
    harmless(panel, output)
    press(panel, "Don't allow")
    notebook.wait(2)
    expect(kept(output).last).to_contain_text("End.")
    for place in (panel, output):
        place.evaluate("(root) => { for (const fold of root.querySelectorAll('details')) fold.open = true; }")
    harmless(panel, output)
    notebook.save()
    notebook.open()
    expect(kept(output).last).to_contain_text("End.")
    harmless(panel_of(page), output)


@pytest.mark.thorough
@pytest.mark.parametrize("theme", ["Light", "Dark", "Dark High Contrast"])
def test_axe_finds_nothing_in_calls(opened: Any, server: ScriptedServer, page: Page, theme: str):
    """axe-core finds no violation in cards of every state and in a cell's lines, in each theme."""
    notebook = opened("%%chat\nGo", before=RICH)
    use_theme(page, theme)
    panel = panel_of(page)
    asked = [("look", {"at": "x"}), ("delete", {"path": "a"}), ("fail", {}), ("cities", {}), ("plot", {"title": "Up"})]
    server.ask_for(*asked)
    notebook.start(2)
    for at, name in enumerate(("running", "asking", "failed", "done", "done")):
        state(cards(panel).nth(at), name)
        cards(panel).nth(at).evaluate("(card) => { card.open = true; }")
    expect(panel.locator(".nbp-given img")).to_be_visible()
    expect(panel.locator(".nbp-given table")).to_be_visible()
    expect(notebook.output(2).get_by_role("button", name="Allow", exact=True)).to_be_visible()
    assert violations(page, ".nbp") == []
    assert violations(page, ".nbchat-answer .nbchat-calls") == []
    press(panel, "Stop")
    notebook.wait(2)
    for at in (0, 1):
        state(cards(panel).nth(at), "cancelled")
    assert violations(page, ".nbp") == []
