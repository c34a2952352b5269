"""What an answer costs in the page, in a panel that already holds a thousand messages.

In a real JupyterLab in a real Chromium: the longest task of the page's main thread while it streams, how long after the
server the end of the answer is there, and the bytes over the kernel's channel; then how long a panel with ten thousand
messages takes to open, and how many nodes the page has for it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from labs import Notebook, jupyter  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from benchmarks.runs import table  # noqa: E402
from benchmarks.server import markdown, serving  # noqa: E402
from scripts import browser  # noqa: E402

_TOKENS = 4000
_RATE = 200
_HASTE = 10
_SETUP = """\
import nbchat
from nbchat.session.conversation import Node
def session(count):
    chat, parent = nbchat.Session("m", base_url={url!r}), None
    for i in range(count):
        text = f"Message {{i}} with **words** and `code`:\\n\\n- one\\n- two\\n\\n```python\\nprint({{i}})\\n```" if i % 2 else f"Question {{i}}"
        chat._conversation.add(Node(str(i), parent, {{"role": ("user", "assistant")[i % 2], "content": text}}, f"t{{i // 2}}"))
        parent = str(i)
    chat._conversation.head = parent
    return chat
chat, long = session(1000), session(10_000)"""
_WATCH = """() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    window.bytes = 0;
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    kernel.iopubMessage.connect((_, message) => { window.bytes += JSON.stringify(message).length; });
}"""
_AFRESH = "() => { window.tasks.length = 0; window.bytes = 0; window.started = performance.now(); }"
# The end of the text is looked for at each frame, in what is drawn.
_ENDED = """([place, last, end]) => new Promise((resolve) => {
    const look = () => {
        const text = [...document.querySelectorAll(place)].at(-1)?.textContent.trimEnd() ?? '';
        if (text.endsWith(end) && text.includes(last)) resolve(performance.timeOrigin + performance.now());
        else requestAnimationFrame(look);
    };
    look();
})"""


def _measure(page: Page, place: str) -> tuple[float, float, int]:
    """Wait for the end of the answer; return when it was drawn, in seconds, the longest task in ms, and the bytes."""
    # The text repeats itself but for a number: the last number, and then the end.
    text = markdown(_TOKENS).rstrip()
    drawn = page.evaluate(_ENDED, [place, re.findall(r"take_\d+", text)[-1], text[-6:]]) / 1000
    page.wait_for_timeout(1000)  # what settling costs counts too
    tasks, size = page.evaluate("() => [window.tasks, window.bytes]")
    return drawn, max(tasks, default=0.0), size


def _row(name: str, ended: float, measured: tuple[float, float, int]) -> list[str]:
    drawn, longest, size = measured
    return [name, f"{longest:.0f}" if longest else "< 50", f"{drawn - ended:.2f}", f"{size / 1e6:.2f}"]


def _value(notebook: Notebook, index: int) -> float:
    notebook.run(index)
    outputs = f"window.jupyterapp.shell.currentWidget.content.model.cells.get({index}).outputs"
    notebook.page.wait_for_function(f"() => {outputs}.length > 0")
    return float(notebook.page.evaluate(f"() => {outputs}.get(0).toJSON().data['text/plain']"))


def _stream(page: Page, notebook: Notebook) -> list[list[str]]:
    for index in (0, 1):
        notebook.run(index)
    panel = page.locator(".nbp")
    panel.wait_for()
    page.wait_for_timeout(2000)
    page.evaluate(_WATCH)
    box = panel.get_by_label("Your question")
    box.fill("Go")
    box.press("Enter")
    panel.get_by_text("Go", exact=True).wait_for()
    page.evaluate(_AFRESH)
    measured = _measure(page, ".nbp-answer:last-child .nbchat-choice")
    ours = _row("the panel, with 1,000 messages", _value(notebook, 2), measured)
    return [ours]


def _open(page: Page, notebook: Notebook) -> str:
    page.evaluate(_AFRESH)
    notebook.start(3)
    page.wait_for_function(
        "() => { const all = document.querySelectorAll('.nbp'); return all.length === 2 && all[1].innerText.includes('9999'); }"
    )
    took, nodes = page.evaluate(
        "() => [performance.now() - window.started, document.querySelectorAll('.nbp')[1].querySelectorAll('*').length]"
    )
    return f"A panel with 10,000 messages opens in {took / 1000:.2f} s, its cell included, with {nodes:,} nodes."


def main(*, quick: bool = False) -> str:
    """Measure, and return the table."""
    rate = _RATE * (_HASTE if quick else 1)
    with serving() as base, tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        cells: list[Any] = [
            _SETUP.format(url=f"{base}/markdown-{_TOKENS}-{rate}/v1"),
            "chat.panel()",
            "chat.turn.wait(10) and chat.turn.ended",
            "long.panel()",
        ]
        with jupyter(folder) as url:
            chromium = playwright.chromium.launch(executable_path=browser.find())
            page = chromium.new_page()
            page.set_default_timeout(120_000)
            notebook = Notebook(page, url, folder, "panel.ipynb", cells).open()
            rows = _stream(page, notebook)
            opened = _open(page, notebook)
            chromium.close()
    head = [f"{_TOKENS:,} tokens, {rate} tokens/s", "longest task, ms", "end after the server's, s", "MB"]
    return f"{table(head, rows)}\n\n{opened}"


if __name__ == "__main__":
    print(main(quick="--quick" in sys.argv))
