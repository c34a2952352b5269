"""A %%chat cell in a real JupyterLab and a real Notebook 7, in a real Chromium."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from attack import ATTACK, requests_away
from labs import Notebook
from playwright.sync_api import Locator, Page, expect
from scripted import ScriptedServer, chunk, words

WORDS = words("A list of things follows, each of them in its own item, with **bold** words and `code` in some of them.")
ANSWER = " ".join(word.strip() for word in WORDS) + "\n\n- one\n- two\n\n```python\nprint(1 < 2)\n```\n\nThe end."


@pytest.fixture
def opened(open_notebook: Any) -> Any:
    """A function that opens a notebook with these cells after one that connects it to the scripted server."""
    return open_notebook


def kept(output: Locator) -> Locator:
    """The output once it is the notebook's own Markdown, and no longer the widget."""
    return output.locator("[data-mime-type='text/markdown']")


def texts_as_they_grow(notebook: Notebook, server: ScriptedServer, index: int) -> list[str]:
    """Run a cell whose answer is let through word by word, and return each text that the page showed on the way."""
    gates = [threading.Event() for _ in WORDS]
    steps: list[Any] = []
    for word, gate in zip(WORDS, gates, strict=True):
        steps += [chunk(word), gate]
    rest = ANSWER.removeprefix(" ".join(word.strip() for word in WORDS))
    server.stream(*steps, chunk(rest), chunk(finish="stop"))
    notebook.start(index)
    seen = []
    for word, gate in zip(WORDS, gates, strict=True):
        bare = word.strip().strip("*`.,")
        output = notebook.output(index)
        expect(output).to_contain_text(bare)
        seen.append(output.inner_text())
        gate.set()
    notebook.wait(index)
    return seen


@pytest.mark.parametrize("app", ["lab", pytest.param("notebooks", marks=pytest.mark.thorough)])
def test_an_answer_grows_and_stays(opened: Any, server: ScriptedServer, page: Page, app: str):
    """The text grows as it streams, rendered as Markdown; it ends as the notebook's own Markdown, and is saved as such."""
    notebook = opened("%%chat\nList things", app=app)
    seen = texts_as_they_grow(notebook, server, 1)
    assert len({len(text) for text in seen}) >= 10
    output = notebook.output(1)
    expect(kept(output).locator("li")).to_have_count(2)
    expect(output.locator("strong")).to_have_text("bold")
    expect(output.locator("pre")).to_contain_text("print(1 < 2)")
    (saved,) = notebook.save()["cells"][1]["outputs"]
    assert "".join(saved["data"]["text/plain"]) == ANSWER
    assert "application/vnd.jupyter.widget-view+json" not in saved["data"]
    assert "**bold**" in "".join(saved["data"]["text/markdown"])
    assert saved["metadata"]["nbchat"]["question"]["content"] == "List things"


def test_the_markdown_is_rendered_while_it_streams(opened: Any, server: ScriptedServer, page: Page):
    """Before the answer has ended, its Markdown is drawn, not its source."""
    gate = threading.Event()
    server.stream(chunk("# Title\n\nSome **bold** text.\n\n- item\n\n"), gate, chunk("More."), chunk(finish="stop"))
    notebook = opened("%%chat\nGo")
    notebook.start(1)
    output = notebook.output(1)
    expect(output.locator("h1")).to_have_text("Title")
    expect(output.locator("strong")).to_have_text("bold")
    expect(output.locator("li")).to_have_text("item")
    gate.set()
    notebook.wait(1)


def test_no_flicker_at_the_end(opened: Any, server: ScriptedServer, page: Page):
    """When the widget gives way to the notebook's Markdown, the output never gets lower and is never empty."""
    gate = threading.Event()
    server.stream(chunk(ANSWER), gate, chunk(finish="stop"))
    notebook = opened("%%chat\nGo")
    notebook.start(1)
    output = notebook.output(1)
    expect(output).to_contain_text("The end.")
    output.evaluate(
        """(area) => {
            window.frames_seen = [];
            const look = () => {
                const at = area.isConnected ? area : document.querySelectorAll('.jp-Notebook .jp-Cell')[1].querySelector('.jp-Cell-outputArea');
                window.frames_seen.push([at.getBoundingClientRect().height, at.innerText.trim().length]);
                window.looking = requestAnimationFrame(look);
            };
            look();
        }"""
    )
    gate.set()
    notebook.wait(1)
    expect(kept(output)).to_contain_text("The end.")
    # The height is held for a second after the end; what comes after that is looked at too.
    page.wait_for_timeout(1500)
    frames = page.evaluate("() => { cancelAnimationFrame(window.looking); return window.frames_seen; }")
    heights = [height for height, _ in frames]
    assert len(frames) > 10
    assert min(heights) >= heights[0] - 3, heights
    assert abs(heights[-1] - heights[0]) <= 3, (heights[0], heights[-1])


def test_nothing_in_an_answer_runs(opened: Any, server: ScriptedServer, page: Page):
    """Scripts, handlers, dangerous links and remote pictures do nothing: while it streams, after it, and after a reload."""
    away = requests_away(page)
    gate = threading.Event()
    server.stream(chunk(ATTACK), chunk("\n\n"), gate, chunk("End."), chunk(finish="stop"))
    notebook = opened("%%chat\nGo")
    notebook.start(1)
    output = notebook.output(1)
    expect(output).to_contain_text("After.")

    def harmless() -> None:
        for link in output.locator("a").all():
            assert not (link.get_attribute("href") or "").lower().startswith(("javascript", "data"))
            link.hover()
        assert output.locator("script, iframe, svg[onload], img[src^=http], [onerror], [onmouseover]").count() == 0
        assert page.evaluate("() => window.pwned") is None
        assert away == []

    harmless()
    gate.set()
    notebook.wait(1)
    expect(kept(output)).to_contain_text("End.")
    harmless()
    notebook.save()
    notebook.open()
    expect(output).to_contain_text("After.")
    harmless()


def test_it_reads_the_same_without_a_kernel(opened: Any, server: ScriptedServer, page: Page):
    """Saved, closed, the kernel gone: the notebook reads as it did."""
    server.stream(chunk(ANSWER), chunk(finish="stop"))
    notebook = opened("%%chat\nGo")
    notebook.run(1)
    output = notebook.output(1)
    expect(kept(output)).to_contain_text("The end.")
    page.wait_for_function("() => document.fonts.ready.then(() => true)")
    before = output.inner_text()
    saved = notebook.save()
    assert "widgets" not in saved["metadata"]
    page.evaluate("async () => { await window.jupyterapp.serviceManager.sessions.shutdownAll(); }")
    file = notebook.path.read_text().replace('"python3"', '"no-such-kernel"')
    notebook.path.write_text(file)
    notebook.open_without_kernel()
    expect(output).to_contain_text("The end.")
    assert output.inner_text() == before


def test_interrupt(opened: Any, server: ScriptedServer, page: Page):
    """The stop button: back at the prompt within a second, the text kept and marked, the connection closed."""
    server.stream(chunk("So far so good."), threading.Event())
    server.answer("Fine.")
    notebook = opened("%%chat\nGo", "%%chat\nNext")
    notebook.start(1)
    output = notebook.output(1)
    expect(output).to_contain_text("So far so good.")
    started = page.evaluate("() => performance.now()")
    notebook.command("notebook:interrupt-kernel")
    notebook.wait(1)
    assert page.evaluate("() => performance.now()") - started < 1000
    assert server.requests[0].closed.wait(1)
    expect(output).to_contain_text("[stopped]")
    expect(output).to_contain_text("Stopped. What had arrived is kept.")
    expect(output).not_to_contain_text("Traceback")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("Fine.")


def test_a_reload_in_mid_stream_loses_nothing(opened: Any, server: ScriptedServer, page: Page):
    """The page reloaded while the answer comes: in the end the notebook has the whole of it, as Markdown."""
    gate = threading.Event()
    server.stream(chunk("The beginning"), gate, chunk(" and the **end**."), chunk(finish="stop"))
    notebook = opened("%%chat\nGo")
    notebook.start(1)
    output = notebook.output(1)
    expect(output).to_contain_text("The beginning")
    notebook.save()
    notebook.open()
    gate.set()
    expect(kept(output).locator("strong")).to_have_text("end")
    (saved,) = notebook.save()["cells"][1]["outputs"]
    assert "".join(saved["data"]["text/plain"]) == "The beginning and the **end**."


def test_running_cells_again_follows_the_notebook(opened: Any, server: ScriptedServer, page: Page):
    """JupyterLab tells which cell runs: the first of two run again replaces its turn and what followed."""
    for text in ("one", "two", "one again"):
        server.answer(text)
    notebook = opened("%%chat\nfirst", "%%chat\nsecond", "[m['content'] for m in chat.messages]")
    for index in (1, 2, 1, 3):
        notebook.run(index)
    expect(notebook.output(3)).to_contain_text("['first', 'one again']")
