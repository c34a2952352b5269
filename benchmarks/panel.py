"""What an answer costs in the page, in a panel that already holds a thousand messages.

In a real JupyterLab in a real Chromium: the longest task of the page's main thread while it streams, how long after the
server the end of the answer is there, the frames that are lost meanwhile, and the bytes that came over the kernel's
channel. Beside it, below such a panel too, the same answer as most chat magics show it: the whole text anew, at every token
or twenty times a second. Then how long a panel with ten thousand messages takes to open, and how many nodes the page has for it.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from labs import Notebook, jupyter  # noqa: E402
from playwright.sync_api import Locator, Page, sync_playwright  # noqa: E402

from benchmarks.runs import table  # noqa: E402
from benchmarks.server import markdown, serving  # noqa: E402
from scripts import browser  # noqa: E402

_TOKENS = 4000
_RATE = 200
_HASTE = 10
# Seconds that an end may take after the server's before it counts as never arrived: JupyterLab's server drops what is
# above a megabyte a second, and what it dropped does not come later.
_PATIENCE = 10
_SETUP = """\
import pathlib
import nbchat
from nbchat.session.conversation import Node
def tell(turn):
    # By a file, since the page may be busy for long with what came before.
    turn.wait(60)
    pathlib.Path("ended").write_text(str(turn.ended))
def session(count):
    chat, parent = nbchat.Session("m", base_url={url!r}), None
    for i in range(count):
        text = f"Message {{i}} with **words** and `code`:\\n\\n- one\\n- two\\n\\n```python\\nprint({{i}})\\n```" if i % 2 else f"Question {{i}}"
        chat._conversation.add(Node(str(i), parent, {{"role": ("user", "assistant")[i % 2], "content": text}}, f"t{{i // 2}}"))
        parent = str(i)
    chat._conversation.head = parent
    return chat
chat, long = session(1000), session(10_000)"""
# The peers: what each does with the whole text, and how often a second at most; 0 for at every token.
_PEERS = {
    "whole Markdown per token, `display.update`": ("place.update(Markdown(text))", 0),
    "the same, 20 times a second": ("place.update(Markdown(text))", 20),
    "ipywidgets' HTML value per token": ("area.value = f'<pre>{html.escape(text)}</pre>'", 0),
}
_PEER = """\
import html, time
import ipywidgets
from IPython.display import Markdown, display
{first}
text, shown = "", 0.0
turn = nbchat.Session("m", base_url={url!r}).stream("Go")
for piece in turn:
    text += piece
    if {often} and time.monotonic() - shown < 1 / ({often} or 1):
        continue
    shown = time.monotonic()
    {update}
{update}
tell(turn)"""
_WATCH = """() => {
    window.tasks = [];
    window.frames = [];
    const frame = (now) => { window.frames.push(now); requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    window.bytes = 0;
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    kernel.iopubMessage.connect((_, message) => { window.bytes += JSON.stringify(message).length; });
}"""
_AFRESH = (
    "() => { window.tasks.length = 0; window.frames.length = 0; window.bytes = 0; window.started = performance.now(); }"
)
# The end of the text is looked for at each frame, in what is drawn.
_ENDED = """([place, last, end, seconds]) => new Promise((resolve) => {
    const look = (now) => {
        const text = [...document.querySelectorAll(place)].at(-1)?.textContent.trimEnd() ?? '';
        if (text.endsWith(end) && text.includes(last)) resolve(performance.timeOrigin + performance.now());
        else if (now > window.started + seconds * 1000) resolve(null);
        else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
})"""
# A frame is 1/60 s, which is what Chromium draws where nobody says otherwise.
_LOST = """() => {
    const gaps = window.frames.slice(1).map((at, index) => Math.max(1, Math.round((at - window.frames[index]) * 0.06)));
    return 1 - gaps.length / gaps.reduce((sum, gap) => sum + gap, 0);
}"""


class _Drawn(NamedTuple):
    at: float | None  # in seconds since 1970; None if the end never came
    longest: float  # of the main thread's tasks, in ms
    lost: float  # of the frames, from 0 to 1
    size: int  # of what came over the channel, in bytes


def _measure(page: Page, place: str, rate: int) -> _Drawn:
    """Wait for the end of the answer, and return what it took."""
    # The text repeats itself but for a number: the last number, and then the end.
    text = markdown(_TOKENS).rstrip()
    last = re.findall(r"take_\d+", text)[-1]
    at = page.evaluate(_ENDED, [place, last, text[-6:], _TOKENS / rate + _PATIENCE])
    page.wait_for_timeout(1000)  # what settling costs counts too
    tasks, size, lost = page.evaluate(f"() => [window.tasks, window.bytes, ({_LOST})()]")
    return _Drawn(at and at / 1000, max(tasks, default=0.0), lost, size)


def _row(name: str, ended: float, drawn: _Drawn) -> list[str]:
    return [
        name,
        f"{drawn.longest:.0f}" if drawn.longest else "< 50",
        f"never, in {_PATIENCE} s" if drawn.at is None else f"{drawn.at - ended:.2f}",
        f"{drawn.lost:.0%}",
        f"{drawn.size / 1e6:.2f}",
    ]


def _ended(folder: Path) -> float:
    """Return when the server had sent all, as the kernel saw it, in seconds since 1970."""
    told, late = folder / "ended", time.monotonic() + 60
    while not told.exists():
        if time.monotonic() > late:
            raise TimeoutError("the kernel does not say when the answer ended")
        time.sleep(0.1)  # a file offers no event to wait for
    time.sleep(0.1)
    text = told.read_text()
    told.unlink()
    return float(text)


def _with_panel(page: Page, notebook: Notebook) -> Locator:
    """Open the panel that all figures are taken beside, and begin to watch the page."""
    for index in (0, 1):
        notebook.run(index)
    panel = page.locator(".nbp")
    panel.wait_for()
    page.wait_for_timeout(2000)
    page.evaluate(_WATCH)
    return panel


def _ours(page: Page, notebook: Notebook, folder: Path, rate: int) -> list[str]:
    panel = _with_panel(page, notebook)
    box = panel.get_by_label("Your question")
    box.fill("Go")
    box.press("Enter")
    panel.get_by_text("Go", exact=True).wait_for()
    page.evaluate(_AFRESH)
    drawn = _measure(page, ".nbp-answer:last-child .nbchat-choice", rate)
    notebook.run(2)
    return _row("the panel, with 1,000 messages", _ended(folder), drawn)


def _peer(page: Page, notebook: Notebook, folder: Path, name: str, rate: int) -> list[str]:
    """Stream the same answer as a peer shows it, in a cell below the panel."""
    _with_panel(page, notebook)
    page.evaluate(_AFRESH)
    notebook.start(2)
    drawn = _measure(page, '[data-windowed-list-index="2"] .jp-OutputArea-output', rate)
    return _row(name, _ended(folder), drawn)


def _peer_source(update: str, often: int, url: str) -> str:
    first = (
        'place = display(Markdown(""), display_id=True)'
        if "place" in update
        else "area = ipywidgets.HTML(); display(area)"
    )
    return _PEER.format(first=first, update=update, often=often, url=url)


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
    with serving() as base, tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        address = f"{base}/markdown-{_TOKENS}-{rate}/v1"
        beside = [_SETUP.format(url=address), "chat.panel()"]
        with jupyter(folder) as url:
            chromium = playwright.chromium.launch(executable_path=browser.find())

            def opened(name: str, *cells: str) -> tuple[Page, Notebook]:
                page = chromium.new_page()
                page.set_default_timeout(120_000)
                return page, Notebook(page, url, folder, f"{name}.ipynb", [*beside, *cells]).open()

            page, notebook = opened("panel", "tell(chat.turn)", "long.panel()")
            rows = [_ours(page, notebook, folder, rate)]
            says = _open(page, notebook)
            page.close()
            # Each in a page and with a kernel of its own: what one has left to do is not the next one's.
            for number, (name, (update, often)) in enumerate(_PEERS.items()):
                page, notebook = opened(f"peer{number}", _peer_source(update, often, address))
                rows.append(_peer(page, notebook, folder, name, rate))
                page.close()
            chromium.close()
    head = [
        f"{_TOKENS:,} tokens, {rate} tokens/s",
        "longest task, ms",
        "end after the server's, s",
        "frames lost",
        "MB that came",
    ]
    return f"{table(head, rows)}\n\n{says}"


if __name__ == "__main__":
    print(main(quick="--quick" in sys.argv))
