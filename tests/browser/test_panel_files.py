"""Files on their way into a question: pasted, dropped, chosen, removed and sent, in a real JupyterLab in a real Chromium."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from typing import Any

import pytest
from axe import violations
from panels import ask, panel_of, press, ready
from playwright.sync_api import Locator, Page, expect
from samples import pdf, picture
from scripted import ScriptedServer, chunk
from test_panel_looks import LOOKS, dress

PNG = picture("PNG", (640, 480))
MARKUP = "<img src=x onerror=hurt()>.csv"
DRAWN = "(image) => image.complete && image.naturalWidth > 0"

# What a browser makes of a paste or a drop: an event with a transfer of real files.
GIVE = """
async (element, [how, files, texts]) => {
    const transfer = new DataTransfer();
    for (const [name, type, data] of files) {
        const bytes = typeof data === 'number'
            ? new Uint8Array(data).map((_, at) => at % 256)
            : Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name, {type}));
    }
    for (const [type, text] of Object.entries(texts)) transfer.items.add(text, type);
    const more = {bubbles: true, cancelable: true};
    const event = how === 'paste'
        ? new ClipboardEvent(how, {...more, clipboardData: transfer})
        : new DragEvent(how, {...more, dataTransfer: transfer});
    return !element.dispatchEvent(event);
}
"""


def give(target: Locator, how: str, *files: tuple[str, str, bytes | int], **texts: str) -> bool:
    """Paste or drop files of a name, a type and bytes, or so many bytes; true if it was taken, and not left to the page."""
    given = [
        [name, kind, base64.b64encode(data).decode() if isinstance(data, bytes) else data] for name, kind, data in files
    ]
    return bool(target.evaluate(GIVE, [how, given, {f"text/{kind}": text for kind, text in texts.items()}]))


# What the page sends of a megabyte is counted, and lost from the third on while the line is cut.
COUNT = """(cut) => {
const send = WebSocket.prototype.send;
window.sizes = [];
window.cut = cut;
WebSocket.prototype.send = function (message) {
    const size = message.byteLength ?? message.length;
    if (window.cut && size >= 1e6 && window.sizes.filter((sent) => sent >= 1e6).length >= 3) return;
    window.sizes.push(size);
    send.call(this, message);
};
}"""


def chip(panel: Locator, name: str) -> Locator:
    return panel.locator(".nbp-chip", has_text=name)


def test_pictures_and_files_go_with_a_question(opened: Any, server: ScriptedServer, page: Page):
    """What is pasted and dropped becomes chips that say what each is and costs; what is not removed is sent and seen."""
    opened()
    panel = panel_of(page)
    box = panel.get_by_label("Your question")
    assert give(box, "paste", ("image.png", "image/png", PNG))
    first = chip(panel, "image.png")
    expect(first).to_have_attribute("data-state", "ready")
    expect(first).to_contain_text("PNG picture, 640 × 480, 2 kB, ≈ 425 tokens")
    assert first.locator("img").evaluate(DRAWN)
    expect(box).to_be_focused()
    sign = panel.locator(".nbp-drop")
    assert give(panel.locator(".nbp-scroller"), "dragenter", ("a", "", b"a"))
    expect(sign).to_be_visible()
    # The names' endings and the browser's types say nothing: these are text and a PDF.
    assert give(panel.locator(".nbp-scroller"), "drop", (MARKUP, "image/png", b"a,b\n1,2"), ("x.png", "", pdf(3)))
    expect(sign).to_be_hidden()
    expect(chip(panel, MARKUP)).to_contain_text("text, 7 bytes, ≈ 13 tokens")
    expect(chip(panel, "x.png")).to_contain_text("3 pages")
    expect(chip(panel, "x.png")).to_contain_text("≈ 6,795 tokens")
    assert panel.locator("img[onerror]").count() == 0
    press(panel, "Remove x.png")
    expect(panel.locator(".nbp-chip")).to_have_count(2)
    expect(panel.get_by_role("button", name=f"Remove {MARKUP}")).to_be_focused()
    press(panel, "Show the next request")
    expect(panel.locator(".nbp-preview code")).to_contain_text("data:image/png;base64,… (2 kB)")
    press(panel, "Show the next request")
    server.answer("A grey square.")
    ask(panel, "What is this?")
    ready(panel)
    expect(panel.locator(".nbp-chip")).to_have_count(0)
    own, image, text = server.requests[0].json["messages"][0]["content"]
    assert own == {"type": "text", "text": "What is this?"}
    assert base64.b64decode(image["image_url"]["url"].removeprefix("data:image/png;base64,")) == PNG
    assert MARKUP in text["text"]
    assert "a,b\n1,2" in text["text"]
    question = panel.locator(".nbp-question")
    expect(question.locator(".nbp-bubble")).to_have_text("What is this?")
    expect(question.locator("img")).to_have_attribute("alt", "PNG picture, 640 × 480, 2 kB, ≈ 425 tokens")
    assert question.locator("img").evaluate(DRAWN)
    expect(question.locator(".nbp-media li").nth(1)).to_have_text(f"{MARKUP}, text, 7 bytes, ≈ 13 tokens")
    expect(question.locator(".nbp-note")).to_have_text(re.compile(r"≈ 44\d tokens"))
    server.answer("Again.")
    press(panel, "Edit and ask again")
    panel.get_by_label("Edit the question").fill("And now?")
    press(panel, "Ask again")
    expect(panel.locator(".nbp-bubble")).to_have_text(["And now?"])
    ready(panel)
    assert [part["type"] for part in server.requests[1].json["messages"][0]["content"]] == ["text", "image_url", "text"]


@pytest.mark.thorough
def test_text_is_pasted_as_text(opened: Any, page: Page):
    """Pasted text is typed as ever, also where a spreadsheet puts a picture of it beside it; a picture alone is attached."""
    opened()
    panel = panel_of(page)
    box = panel.get_by_label("Your question")
    cells = ("image.png", "image/png", PNG)
    assert not give(box, "paste", plain="a\tb")
    assert not give(box, "paste", cells, plain="a\tb", html="<table><tr><td>a</td><td>b</td></tr></table>")
    press(panel, "Controls")
    assert not give(panel.get_by_label("system"), "paste", cells)
    expect(panel.locator(".nbp-chip")).to_have_count(0)
    press(panel, "Controls")
    assert give(box, "paste", cells, html="<img src='http://evil.example/a.png'>")
    expect(chip(panel, "image.png")).to_have_attribute("data-state", "ready")


@pytest.mark.thorough
def test_files_are_chosen_with_the_keyboard(opened: Any, server: ScriptedServer, page: Page):
    """Who does not drag presses a button; a question may be files alone, and one that is too large says so and is not sent."""
    opened()
    panel = panel_of(page)
    button = panel.get_by_role("button", name="Attach files")
    with page.expect_file_chooser() as choosing:
        button.press("Enter")
    chooser = choosing.value
    assert chooser.is_multiple()
    chooser.set_files(
        [
            {"name": "a.png", "mimeType": "image/png", "buffer": PNG},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"},
        ]
    )
    expect(panel.locator(".nbp-chip[data-state=ready]")).to_have_count(2)
    give(panel, "drop", ("big.zip", "application/zip", 21_000_000), ("none.txt", "text/plain", b""))
    expect(chip(panel, "big.zip")).to_contain_text("big.zip has 21 MB; at most 20 MB are attached.")
    expect(chip(panel, "none.txt")).to_contain_text("none.txt is empty")
    expect(panel.get_by_role("button", name="Send")).to_be_disabled()
    box = panel.get_by_label("Your question")
    box.press("Enter")
    expect(panel.locator(".nbp-said")).to_contain_text("Remove what could not be attached")
    press(panel, "Remove none.txt")
    press(panel, "Remove big.zip")
    server.answer("Two files.")
    box.press("Enter")
    expect(panel.locator(".nbp-question .nbp-media li")).to_have_count(2)
    ready(panel)
    assert [part["type"] for part in server.requests[0].json["messages"][0]["content"]] == ["image_url", "text"]


@pytest.mark.thorough
def test_more_than_a_message_holds_arrives_whole(opened: Any, server: ScriptedServer, page: Page):
    """A file larger than Jupyter's server lets through in a message comes in pieces, none of it as text, and its bytes are its own."""
    data = bytes(range(256)) * 50_000
    opened()
    panel = panel_of(page)
    page.evaluate(COUNT, False)
    give(panel, "drop", ("data.bin", "", len(data)))
    expect(chip(panel, "data.bin")).to_have_attribute("data-state", "ready")
    sent = page.evaluate("window.sizes")
    assert max(sent) < 2_010_000
    assert 12_800_000 < sum(sent) < 13_000_000
    server.schema = False  # it knows no file of another kind than PDF
    server.answer("Bytes.")
    ask(panel, "What is in it?")
    ready(panel)
    file = server.requests[0].json["messages"][0]["content"][1]["file"]
    encoded = file["file_data"].partition(",")[2]
    assert hashlib.sha256(base64.b64decode(encoded)).digest() == hashlib.sha256(data).digest()


@pytest.mark.thorough
def test_each_draft_keeps_its_own_files(opened: Any, server: ScriptedServer, page: Page):
    """Two panels on a session, and two views of a panel, do not mix what is attached; what waits in line keeps its own."""
    notebook = opened("chat.panel()", "panel", "[list(p._uploads._files) for p in (panel, _1)]")
    notebook.run(2)
    notebook.run(3)
    first, second, third = (panel_of(page, at) for at in range(3))
    give(first, "drop", ("one.txt", "", b"one"))
    give(second, "drop", ("two.txt", "", b"two"))
    give(third, "drop", ("three.txt", "", b"three"))
    for panel in (first, second, third):
        expect(panel.locator(".nbp-chip[data-state=ready]")).to_have_count(1)
    gate = threading.Event()
    server.stream(chunk("Wait"), gate, chunk("."), chunk(finish="stop"))
    server.always_answer("ok")
    ask(first, "First")
    ask(second, "Second")
    expect(first.locator(".nbp-queued .nbp-media")).to_contain_text("two.txt")
    ask(third, "Third")
    # Esc takes back what was asked here and waits: its file comes with it.
    third.get_by_label("Your question").press("Escape")
    expect(third.get_by_label("Your question")).to_have_value("Third")
    expect(chip(third, "three.txt")).to_have_attribute("data-state", "ready")


@pytest.mark.thorough
def test_a_file_outlives_a_connection_and_a_kernel(opened: Any, page: Page):
    """Where pieces are lost, or the kernel ends, the chip stays and says so; another try sends the file from its beginning."""
    opened()
    panel = panel_of(page)
    page.evaluate(COUNT, True)
    scan = chip(panel, "scan.bin")
    give(panel, "drop", ("scan.bin", "", 8_000_000))
    expect(scan).to_contain_text("No answer from the kernel yet")
    assert 0 < panel.get_by_role("progressbar").evaluate("(bar) => bar.position") < 1
    page.evaluate("window.cut = false")
    press(panel, "Try scan.bin again")
    expect(scan).to_have_attribute("data-state", "ready")
    page.evaluate("window.cut = true")
    give(panel, "drop", ("late.bin", "", 8_000_000))
    late = chip(panel, "late.bin")
    expect(late.get_by_role("progressbar")).to_be_visible()
    page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    expect(late).to_have_attribute("data-state", "failed")
    expect(late).to_contain_text("The kernel is gone")
    press(panel, "Try late.bin again")
    expect(late).to_contain_text("run the cell again")


@pytest.mark.thorough
def test_axe_finds_nothing_in_what_is_attached(opened: Any, page: Page):
    """axe-core finds no violation in chips of every state, in each theme and however the panel is looked at."""
    opened()
    panel = panel_of(page)
    give(
        panel, "drop", ("image.png", "image/png", PNG), (MARKUP, "", b"a,b"), ("big.zip", "application/zip", 21_000_000)
    )
    expect(panel.locator(".nbp-chip[data-state=ready]")).to_have_count(2)
    for look in LOOKS:
        dress(page, panel, look)
        assert (look, violations(page, ".nbp")) == (look, [])
        give(panel, "dragenter", ("a", "", b"a"))
        assert (look, violations(page, ".nbp")) == (look, [])
        give(panel, "dragleave")
