"""Several answers to one question in a cell: side by side while they stream and after, and to go on from any of them."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import pytest
from labs import Notebook
from playwright.sync_api import Locator, Page, expect
from scripted import ScriptedServer, chunk

LONG = "A line of text that is as long as lines of answers are, and a little longer than that."
CODE = (
    "```python\nvalue = sum(number * number for number in range(1000) if number % 7 == 0 and number % 5 != 0)\n```\n\n"
)


def held_back(server: ScriptedServer) -> list[threading.Event]:
    """Answer with three choices whose words come in turns; after each the server waits for the next event."""
    gates = [threading.Event() for _ in range(3)]
    server.stream(
        *(chunk(text, index=index) for index, text in enumerate(("**Left**", "**Middle**", "**Right**"))),
        gates[0],
        chunk(f" one. {LONG}\n\n", index=1),
        gates[1],
        chunk(f" two. {LONG}\n\n{CODE}", index=0),
        gates[2],
        chunk(f" three. {LONG}\n\n- $x^2$\n- item", index=2),
        *(chunk(finish=reason, index=index) for index, reason in ((1, "length"), (0, "stop"), (2, "stop"))),
    )
    return gates


def answered(notebook: Notebook, server: ScriptedServer, index: int = 1) -> Locator:
    """Run a cell that asks for three choices to its end, and return the columns that the notebook keeps."""
    for gate in held_back(server):
        gate.set()
    notebook.run(index)
    columns = notebook.output(index).locator("nbchat-choices .nbchat-column")
    expect(columns).to_have_count(3)
    return columns


def places(columns: Locator) -> list[dict[str, float]]:
    return [column.bounding_box() or {} for column in columns.all()]


def beside(columns: Locator) -> bool:
    """Whether all begin at one height, each to the right of the one before it."""
    boxes = places(columns)
    tops, lefts = [box["y"] for box in boxes], [box["x"] for box in boxes]
    ends = [box["x"] + box["width"] for box in boxes]
    return max(tops) - min(tops) < 2 and all(end <= left for end, left in zip(ends, lefts[1:], strict=False))


@pytest.mark.parametrize("app", ["lab", pytest.param("notebooks", marks=pytest.mark.thorough)])
def test_they_grow_side_by_side(open_notebook: Any, server: ScriptedServer, page: Page, app: str):
    """While they stream they stand side by side and grow in turns; so they stand when they have ended, each with its end."""
    notebook = open_notebook("%%chat -n 3\nGo", app=app)
    gates = held_back(server)
    notebook.start(1)
    output = notebook.output(1)
    live = output.locator(".nbchat-row > .nbchat-choice")
    expect(live.nth(2).locator("strong").last).to_have_text("Right")
    seen = [live.all_inner_texts()]
    for gate, word in zip(gates[:2], ("one", "two"), strict=True):
        gate.set()
        expect(live.filter(has_text=word)).to_have_count(1)
        assert beside(live), places(live)
        seen.append(live.all_inner_texts())
    grown = [[len(now) > len(then) for then, now in zip(*two, strict=True)] for two in itertools.pairwise(seen)]
    assert grown == [[False, True, False], [True, False, False]]
    widths = [box["width"] for box in places(live)]
    gates[2].set()
    notebook.wait(1)
    columns = output.locator("nbchat-choices .nbchat-column")
    expect(columns).to_have_count(3)
    assert beside(columns), places(columns)
    assert [box["width"] for box in places(columns)] == pytest.approx(widths, abs=3)
    heads = columns.locator("p:first-child strong")
    expect(heads).to_have_text(["Choice 1 of 3", "Choice 2 of 3", "Choice 3 of 3"])
    expect(columns.nth(1)).to_contain_text("cut off at max_tokens")
    expect(columns.nth(0)).not_to_contain_text("cut off")
    expect(columns.nth(0).locator("pre")).to_contain_text("value = sum")


def test_continue_from_this_one(open_notebook: Any, server: ScriptedServer, page: Page):
    """The button below the second has the next question go on from it; the mark moves with whatever else chooses."""
    notebook = open_notebook("%%chat -n 3\nGo", "%%chat\nAnd then?", "chat.choose(2)")
    columns = answered(notebook, server)
    expect(columns.nth(0)).to_contain_text("The conversation goes on from here")
    press(columns.nth(1))
    expect(columns.nth(1)).to_contain_text("The conversation goes on from here")
    expect(columns.nth(0).get_by_role("button")).to_have_count(1)
    notebook.run(3)
    expect(columns.nth(2)).to_contain_text("The conversation goes on from here")
    press(columns.nth(1))
    expect(columns.nth(1)).to_contain_text("The conversation goes on from here")
    assert columns.nth(1).evaluate("(column) => column.contains(document.activeElement)")
    server.answer("Then this.")
    notebook.run(2)
    said = [message["content"] for message in server.requests[-1].json["messages"]]
    assert [said[0], said[1].split()[0], said[2]] == ["Go", "**Middle**", "And then?"]


@pytest.mark.thorough
def test_after_a_reload_and_without_a_kernel(open_notebook: Any, server: ScriptedServer, page: Page):
    """After a reload the buttons are there again; nothing of them is in the file; with the kernel they go, the text stays."""
    notebook = open_notebook("%%chat -n 3\nGo")
    answered(notebook, server)
    (saved,) = notebook.save()["cells"][1]["outputs"]
    assert "Continue from" not in str(saved)
    assert "goes on from here" not in str(saved)
    notebook.open()
    columns = notebook.output(1).locator("nbchat-choices .nbchat-column")
    press(columns.nth(2))
    expect(columns.nth(2)).to_contain_text("The conversation goes on from here")
    page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    expect(columns.locator(".nbchat-go-on")).to_have_count(0)
    assert beside(columns)
    expect(notebook.output(1)).to_contain_text("nbchat.get_session('here').go('")


@pytest.mark.thorough
def test_they_stand_side_by_side_where_nobody_trusts_the_notebook(
    open_notebook: Any, server: ScriptedServer, page: Page
):
    """In a notebook of somebody else's, whose styles are checked, they still stand side by side, with no button."""
    notebook = open_notebook("%%chat -n 3\nGo")
    answered(notebook, server)
    notebook.save()
    page.evaluate("async () => { await window.jupyterapp.serviceManager.sessions.shutdownAll(); }")
    file = notebook.path.read_text().replace('"python3"', '"no-such-kernel"').replace("Left", "Links")
    notebook.path.write_text(file)
    notebook.open_without_kernel()
    columns = notebook.output(1).locator(".nbchat-column")
    expect(columns).to_have_count(3)
    expect(columns.nth(0)).to_contain_text("Links")
    expect(notebook.output(1).locator("nbchat-choices")).to_have_count(0)
    assert beside(columns)
    expect(notebook.output(1).get_by_role("button")).to_have_count(0)


@pytest.mark.thorough
def test_where_there_is_little_room(open_notebook: Any, server: ScriptedServer, page: Page):
    """In a narrow page they stand one beneath the other, each as wide as there is room, and nothing is cut off."""
    page.set_viewport_size({"width": 560, "height": 900})
    notebook = open_notebook("%%chat -n 3\nGo")
    columns = answered(notebook, server)
    boxes = places(columns)
    assert all(above["y"] + above["height"] <= below["y"] for above, below in itertools.pairwise(boxes))
    assert len({round(box["x"]) for box in boxes}) == 1
    row = notebook.output(1).locator(".nbchat-row")
    assert row.evaluate("(row) => row.scrollWidth <= row.clientWidth")


def press(column: Locator) -> None:
    button = column.get_by_role("button", name="Continue from this one")
    button.focus()
    button.press("Enter")
