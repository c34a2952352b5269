"""Formulas in the chat panel, set in type as MathML by a real Chromium."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from attack import requests_away
from inspector import VECTORS
from panels import GROW, ask, panel_of, press, ready
from playwright.sync_api import Page, expect
from scripted import ScriptedServer, chunk, words

ANSWER = (
    "Energy is \\(E = mc^2\\), at $5 and $10.\n\n"
    "$$\n\\begin{aligned} a &= \\frac{b}{c} \\\\ d &= e \\end{aligned}\n$$\n\n"
    "And $\\boxed{x_1}$"
)


def put_policy(page: Page, policy: str) -> None:
    """Put a content security policy on the page as it stands: what is loaded from now on has to obey it."""
    page.evaluate(
        """(policy) => {
            const meta = document.createElement('meta');
            meta.httpEquiv = 'Content-Security-Policy';
            meta.content = policy;
            document.head.append(meta);
        }""",
        policy,
    )


def test_formulas_are_set_in_type_as_they_stream(opened: Any, server: ScriptedServer, page: Page):
    """A formula is set in type while the answer streams, once its block is whole; the reader copies what was written."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened()
    panel = panel_of(page)
    gate = threading.Event()
    server.stream(*[chunk(word) for word in words(ANSWER)], gate, chunk("."), chunk(finish="stop"))
    ask(panel, "formulas, please")
    formulas = panel.locator(".nbp-answer math")
    expect(formulas).to_have_count(2)
    expect(panel.locator(".nbp-answer .nbchat-math").last).to_have_text("$\\boxed{x_1}$")
    gate.set()
    ready(panel)
    expect(formulas).to_have_count(3)
    assert [formula.get_attribute("alttext") for formula in formulas.all()][::2] == ["E = mc^2", "\\boxed{x_1}"]
    expect(panel.locator(".nbp-answer")).to_contain_text("at $5 and $10.")
    press(panel, "Copy as Markdown")
    expect(panel.locator(".nbp-answer .nbp-icon-check")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == f"{ANSWER}."


@pytest.mark.thorough
def test_a_strict_page_shows_formulas_as_they_were_typed(opened: Any, server: ScriptedServer, page: Page):
    """Where a policy forbids code that came as text, formulas stay source, and the panel does all else."""
    opened()
    panel = panel_of(page)
    put_policy(page, "script-src 'self' 'unsafe-eval'; style-src 'self'")
    server.answer(ANSWER)
    with page.expect_console_message(lambda message: "formulas stay as they were typed" in message.text):
        ask(panel, "formulas, please")
    ready(panel)
    assert panel.locator(".nbp-answer .nbchat-math").all_inner_texts() == [
        "\\(E = mc^2\\)",
        "$$ \\begin{aligned} a &= \\frac{b}{c} \\\\ d &= e \\end{aligned} $$",
        "$\\boxed{x_1}$",
    ]
    server.answer("**Still** here, $x_2$.")
    ask(panel, "and now?")
    ready(panel)
    expect(panel.locator(".nbp-answer strong")).to_have_text("Still")
    expect(panel.locator(".nbp-answer math")).to_have_count(0)


@pytest.mark.thorough
def test_a_page_without_inline_styles_sets_formulas_all_the_same(opened: Any, server: ScriptedServer, page: Page):
    """What a formula needs of style does not go through attributes, which a policy may refuse."""
    opened()
    panel = panel_of(page)
    put_policy(page, "style-src 'self'")
    server.answer(ANSWER)
    ask(panel, "formulas, please")
    ready(panel)
    expect(panel.locator(".nbp-answer math")).to_have_count(3)
    cells = "(root) => [...root.querySelectorAll('mtd')].map((cell) => getComputedStyle(cell).paddingLeft)"
    assert panel.evaluate(cells) == ["0px"] * 4
    box = "(root) => getComputedStyle([...root.querySelectorAll('math')].at(-1).firstElementChild).borderTopStyle"
    assert panel.evaluate(box) == "solid"


@pytest.mark.thorough
def test_formulas_do_nothing_but_stand_there(opened: Any, server: ScriptedServer, page: Page):
    """No formula runs, links, loads, or leaves its place, and one that is made to grow ends at once."""
    away = requests_away(page)
    opened()
    panel = panel_of(page)
    attacks = [
        vector
        for group, vectors in VECTORS.items()
        if "mathematics" in group or "formulas" in group
        for vector in vectors
    ]
    doubling = "".join(f"\\def\\{chr(97 + at)}#1{{\\{chr(98 + at)}{{#1#1}}}}" for at in range(20))
    bombs = [f"$${doubling}\\a{{x}}$$", "$$" + "\\Huge{" * 300 + "x" + "}" * 300 + "$$"]
    server.answer("\n\n".join([*attacks, *bombs, "The last one: $z_1$."]))
    ask(panel, "attack")
    ready(panel)
    expect(panel.locator('.nbp-answer math[alttext="z_1"]')).to_be_visible()
    found = panel.evaluate(
        """(root) => [...root.querySelectorAll('math, math *')].flatMap((element) => {
            const style = getComputedStyle(element);
            const names = element.getAttributeNames().filter((name) => /^(on|href|src|id$|name$|xlink)/.test(name));
            return [...names, style.position, style.transform, style.backgroundImage];
        }).filter((said) => !['static', 'none'].includes(said))"""
    )
    assert found == []
    assert (
        panel.locator(".nbp-answer :is(script, iframe, img, style), .nbchat-math :is(a, button, maction)").count() == 0
    )
    assert page.evaluate("() => window.pwned") is None
    assert away == []
    answer = panel.locator(".nbp-answer").bounding_box()
    assert answer is not None
    for formula in panel.locator(".nbp-answer math").all():
        box = formula.bounding_box()
        assert box is not None
        assert box["x"] >= answer["x"] - 1
        assert box["x"] + box["width"] <= answer["x"] + answer["width"] + 1


@pytest.mark.thorough
def test_the_reader_keeps_the_place_while_formulas_are_set(opened: Any, page: Page):
    """Formulas that are set above what the reader looks at move nothing of it, and what was selected stays selected."""
    fraction = "\\cfrac{1}{1+\\cfrac{1}{1+\\cfrac{1}{1+x_1}}}"
    answer = f"Before {{i}} \\({fraction}\\).\n\n$$\n{fraction}\n$$\n\nAfter {{i}}."
    opened(before=f"{GROW}\ngrow([{answer!r}.replace('{{i}}', str(i)) for i in range(200)])")
    panel = panel_of(page)
    every = "() => [...document.querySelectorAll('.nbp-answer .nbchat-math')].every((f) => f.firstElementChild)"
    expect(panel.locator(".nbp-answer math").last).to_be_visible()
    page.wait_for_function(every)
    first = panel.locator(".nbp-list > article").first.inner_text()
    # The reader goes up: earlier messages are put above, and their formulas are set in type there.
    before = panel.locator(".nbp-scroller").evaluate(
        """(scroller) => {
            scroller.scrollTop = 500;
            const top = scroller.getBoundingClientRect().top;
            window.read = [...scroller.querySelectorAll('.nbp-answer p')].find((p) => p.getBoundingClientRect().top > top + 20);
            getSelection().selectAllChildren(window.read);
            return window.read.getBoundingClientRect().top;
        }"""
    )
    page.wait_for_function("(first) => document.querySelector('.nbp-list > article').innerText !== first", arg=first)
    page.wait_for_function(every)
    assert abs(page.evaluate("() => window.read.getBoundingClientRect().top") - before) < 2
    assert page.evaluate("() => getSelection().anchorNode === window.read && !getSelection().isCollapsed")
