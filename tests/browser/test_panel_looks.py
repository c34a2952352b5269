"""How the chat panel looks and what it offers where room, colours, directions or motion are others than usual."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from axe import violations
from labs import use_theme
from panels import ask, panel_of, press, ready
from playwright.sync_api import Locator, Page, expect
from scripted import ScriptedServer, chunk

EVERYTHING = (
    "# Title\n\nText with `code` and \\(E = mc^2\\).\n\n- [x] done\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> said\n\n"
    "```python\nx = 'a line of code that is longer than a narrow panel is wide'\n```\n\n"
    "$$\n\\begin{aligned} a &= b + c + d + e + f + g + h + i + j + k + l + m + n + o + p \\end{aligned}\n$$\n\n"
    "![p](http://evil.example/p.png)"
)
ARABIC = (
    "مرحبا! هذه قائمة:\n\n1. استعمل `len()` هنا.\n2. ثم \\(x^2\\) وهكذا.\n\n> اقتباس\n\n"
    "Latin text in between.\n\n```python\nvalue = len([1, 2])  # تعليق\n```\n\n| العمود | القيمة |\n|---|---|\n| أ | 1 |"
)
ENGLISH = "A list in Hebrew:\n\n- שלום `len()` עולם.\n\nעברית, ואז *English*."


LOOKS = [
    *("JupyterLab Dark", "JupyterLab Dark High Contrast", "JupyterLab Light"),
    *("narrow", "zoomed to 200 %", "forced colours", "forced dark colours"),
]


def dress(page: Page, panel: Locator, look: str) -> None:
    """Show the page as somebody has it who needs it so."""
    if look.startswith("JupyterLab"):
        use_theme(page, look.removeprefix("JupyterLab "))
    panel.evaluate("(root, width) => { root.style.width = width; }", "260px" if look == "narrow" else "")
    # What a page sees of the zoom is its size, here that of a window of 1280 by 800.
    page.set_viewport_size({"width": 640, "height": 400} if "zoomed" in look else {"width": 1280, "height": 800})
    page.emulate_media(
        forced_colors="active" if "forced" in look else "none", color_scheme="dark" if "dark" in look else "light"
    )


def show_everything(panel: Locator, server: ScriptedServer) -> None:
    """Have the panel show an answer with all that an answer can have, and an error."""
    server.stream(chunk(reasoning_content="Hm."), chunk(EVERYTHING), chunk(finish="length"))
    ask(panel, "everything")
    ready(panel)
    expect(panel.locator(".nbp-answer .nbp-code-language").last).to_be_visible()
    expect(panel.locator(".nbp-answer math[display=block]")).to_have_count(1)
    server.error(400, {"error": {"message": "no", "type": "x", "code": "x"}})
    ask(panel, "an error")
    expect(panel.locator(".nbp-error")).to_be_visible()


def extent(panel: Locator, selector: str, text: str) -> tuple[float, float]:
    """Return how far from the left edge of its element a text within begins and ends, as shares of its width."""
    left, right = panel.locator(selector, has_text=text).last.evaluate(
        """(element, text) => {
            const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
            while (!walker.nextNode().data.includes(text));
            const range = document.createRange();
            const at = walker.currentNode.data.indexOf(text);
            range.setStart(walker.currentNode, at);
            range.setEnd(walker.currentNode, at + text.length);
            const [all, part] = [element.getBoundingClientRect(), range.getBoundingClientRect()];
            return [(part.left - all.left) / all.width, (part.right - all.left) / all.width];
        }""",
        text,
    )
    return left, right


def test_axe_finds_nothing(opened: Any, server: ScriptedServer, page: Page):
    """axe-core finds no violation in a panel that shows everything it has, in each theme and however it is looked at."""
    notebook = opened("chat.parameters.update({'stop': ['6.'], 'temperature': 0.2})")
    panel = panel_of(page)
    server.answer(ARABIC)
    ask(panel, "كيف أقرأ ملف CSV؟")
    ready(panel)
    show_everything(panel, server)
    notebook.run(2)
    for look in LOOKS:
        dress(page, panel, look)
        assert (look, violations(page, ".nbp")) == (look, [])
        for button in ("Controls", "Show the next request"):
            press(panel, button)
            assert (look, button, violations(page, ".nbp")) == (look, button, [])
        press(panel, button)


@pytest.mark.thorough
@pytest.mark.parametrize("look", ["narrow", "zoomed to 200 %"])
def test_nothing_is_cut_off(opened: Any, server: ScriptedServer, page: Page, look: str):
    """In a panel of 260 pixels, and on a page at 200 %, everything is within the panel, and what is opened has its width."""
    opened()
    panel = panel_of(page)
    dress(page, panel, look)
    show_everything(panel, server)

    def outside() -> Any:
        return panel.evaluate(
            """(root) => {
                const all = root.getBoundingClientRect();
                const shown = [...root.querySelectorAll('*')].filter((e) => e.checkVisibility() && !e.closest('pre, math, svg'));
                return shown.filter((e) => {
                    const { left, right } = e.getBoundingClientRect();
                    return left < all.left - 1 || right > all.right + 1;
                }).map((e) => e.outerHTML.slice(0, 200));
            }"""
        )

    assert outside() == []
    for button in ("Controls", "Show the next request"):
        press(panel, button)
        assert outside() == []
        width = "(root) => root.querySelector('.nbp-drawer').clientWidth / root.clientWidth"
        assert panel.evaluate(width) > 0.99
    press(panel, "Show the next request")
    box = panel.get_by_label("Your question")
    box.click()
    expect(box).to_be_in_viewport(ratio=1)
    scroller = panel.locator(".nbp-scroller")
    assert scroller.evaluate("(element) => element.clientHeight") > 100


@pytest.mark.thorough
def test_each_text_runs_in_its_own_direction(opened: Any, server: ScriptedServer, page: Page):
    """Arabic and Hebrew begin at the right and Latin at the left, within one answer; code is never turned round."""
    opened()
    panel = panel_of(page)
    server.answer(ARABIC)
    ask(panel, "كيف أقرأ ملف CSV؟")
    ready(panel)
    expect(panel.locator(".nbp-answer math")).to_have_count(1)
    assert extent(panel, ".nbp-answer p", "مرحبا")[1] > 0.99
    assert extent(panel, ".nbp-answer p", "Latin")[0] < 0.01
    assert extent(panel, ".nbp-answer p", "Latin")[1] < extent(panel, ".nbp-answer p", "between.")[0]
    assert extent(panel, ".nbp-answer li", "استعمل")[1] > 0.99
    assert extent(panel, ".nbp-answer code", "len")[1] < extent(panel, ".nbp-answer code", "()")[1]
    assert extent(panel, ".nbp-answer pre", "value")[0] < 0.1
    assert extent(panel, ".nbp-answer table", "العمود")[0] > extent(panel, ".nbp-answer table", "القيمة")[1]
    bars = "(quotation) => [getComputedStyle(quotation).borderLeftWidth, getComputedStyle(quotation).borderRightWidth]"
    assert panel.locator(".nbp-answer blockquote").evaluate(bars) == ["0px", "5px"]

    server.answer(ENGLISH)
    ask(panel, "English first")
    ready(panel)
    expect(panel.locator(".nbp-answer em")).to_have_text("English")
    answer = ".nbp-answer:last-child"
    assert extent(panel, f"{answer} p", "A list")[0] < 0.01
    assert extent(panel, f"{answer} li", "שלום")[1] > 0.99
    assert extent(panel, f"{answer} p", "עברית")[1] > 0.99
    box = panel.get_by_label("Your question")
    box.fill("שלום")
    assert box.evaluate("(box) => getComputedStyle(box).direction") == "rtl"


@pytest.mark.thorough
def test_forced_colours_show_what_grounds_showed(opened: Any, server: ScriptedServer, page: Page):
    """Where the system gives the colours, a question, a pressed button and the chosen tab still look like what they are."""
    opened()
    panel = panel_of(page)
    dress(page, panel, "forced colours")
    show_everything(panel, server)
    style = "(element, name) => getComputedStyle(element)[name]"
    ground = panel.evaluate(style, "backgroundColor")
    assert panel.locator(".nbp-bubble").first.evaluate(style, "borderTopColor") != ground
    press(panel, "Show the next request")
    panel.get_by_label("Your question").click()
    buttons = panel.locator(".nbp-head button[aria-pressed]")
    grounds = {
        button.get_attribute("aria-pressed"): button.evaluate(style, "backgroundColor") for button in buttons.all()
    }
    assert grounds["true"] != grounds["false"]
    tabs = [tab.evaluate(style, "borderBottomColor") for tab in panel.get_by_role("tab").all()]
    assert tabs[0] != ground
    assert tabs[1:] == [ground] * (len(tabs) - 1)


@pytest.mark.thorough
@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_those_who_want_no_motion(opened: Any, server: ScriptedServer, page: Page, motion: Any):
    """With reduced motion nothing is animated, waiting or streaming, and no colour fades; without, something shows life."""
    opened()
    panel = panel_of(page)
    page.emulate_media(reduced_motion=motion)
    moving = """(root) => document.getAnimations().filter((a) => root.contains(a.effect.target)).length > 0
        || getComputedStyle(root.querySelector('.nbp-button')).transitionDuration !== '0s'"""
    gates = [threading.Event(), threading.Event()]
    server.stream(gates[0], chunk("It is on its way"), gates[1], chunk("."), chunk(finish="stop"))
    ask(panel, "Hello")
    expect(panel.locator(".nbp-status")).to_have_attribute("data-state", "waiting")
    assert panel.evaluate(moving) is (motion == "no-preference")
    gates[0].set()
    expect(panel.locator(".nbp-answer")).to_contain_text("on its way")
    assert panel.evaluate(moving) is (motion == "no-preference")
    gates[1].set()
    ready(panel)
