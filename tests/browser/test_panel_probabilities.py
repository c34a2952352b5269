"""How likely an answer's tokens were, looked at in the panel with mouse and keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from attack import ATTACK, requests_away
from axe import violations
from panels import ask, panel_of, press, ready
from playwright.sync_api import Locator, Page, expect
from scripted import ScriptedServer, chunk, likely, with_tokens
from test_panel_looks import LOOKS, dress

TOGGLE = "Show how likely each token was"
TOKENS = [
    likely("The", 0.97, ("The", 0.97), ("A", 0.02)),
    likely(" sky", 0.6, (" sky", 0.6), (" sea", 0.3)),
    likely(" is", 0.3, (" was", 0.4), (" is", 0.3)),
    likely(" **", 0.1, (" blue", 0.6), (" **", 0.1)),
    likely("green", 0.02, ("blue", 0.9), ("green", 0.02)),
    likely("**", 0.99, ("**", 0.99)),
    likely(".\n\n", 0.5, (".", 0.5), (".\n\n", 0.5)),
    likely("Now and then.", 0.8, ("Now and then.", 0.8)),
]


def said(token: Locator) -> str:
    """What is shown of a token at the moment; nothing where nothing is."""
    return token.evaluate(
        """(token) => {
            const shown = getComputedStyle(token, '::after');
            return shown.content === 'none' || shown.display === 'none' ? '' : token.dataset.nbchatLikely;
        }"""
    )


def shaded(panel: Locator, server: ScriptedServer) -> Locator:
    """Ask for an answer with probabilities, and return its tokens, which are shown."""
    server.stream(*(with_tokens(token) for token in TOKENS), chunk(finish="stop"))
    ask(panel, "What colour is the sky?")
    ready(panel)
    press(panel, TOGGLE)
    tokens = panel.locator(".nbp-answer label.nbchat-token")
    expect(tokens).to_have_count(len(TOKENS))
    return tokens


def test_by_mouse_and_keyboard(opened: Any, server: ScriptedServer, page: Page):
    """The button shows the tokens and the text again; what a token might have been is told on hover and by the arrow keys."""
    opened(before="chat.parameters.logprobs = True")
    panel = panel_of(page)
    tokens = shaded(panel, server)
    text = panel.locator(".nbp-answer .nbchat-choice")
    expect(text).to_be_hidden()
    tokens.nth(1).hover()
    assert said(tokens.nth(1)) == "“ sky” 60 %\nor “ sea” 30 %"
    assert said(tokens.nth(4)) == ""
    page.mouse.move(0, 0)
    grounds = tokens.evaluate_all("(all) => all.slice(0, 5).map((token) => getComputedStyle(token).backgroundColor)")
    lines = tokens.evaluate_all("(all) => all.slice(0, 5).map((token) => getComputedStyle(token).borderBottom)")
    assert len(set(grounds)) == len(set(lines)) == 5

    # One stop of the Tab key, right after the buttons' row before it; then the arrows.
    tokens.first.locator("input").focus()
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert said(tokens.nth(4)) == "“green” 2 %\nor “blue” 90 %"
    expect(tokens.nth(4).get_by_role("radio")).to_be_focused()
    expect(tokens.nth(4).get_by_role("radio")).to_have_accessible_description("“green” 2 % or “blue” 90 %")
    page.keyboard.press("ArrowLeft")
    expect(tokens.nth(3).get_by_role("radio")).to_be_focused()
    page.keyboard.press("Tab")
    expect(panel.locator(".nbp-answer label:focus-within")).to_have_count(0)

    press(panel, TOGGLE)
    expect(text.locator("strong")).to_have_text("green")
    expect(tokens.first).to_be_hidden()
    server.answer("Without.")
    ask(panel, "Again")
    ready(panel)
    expect(panel.get_by_role("button", name=TOGGLE)).to_have_count(1)


@pytest.mark.thorough
def test_axe_finds_nothing_in_shaded_tokens(opened: Any, server: ScriptedServer, page: Page):
    """However the panel is looked at, axe-core finds no violation in tokens that are shown, and none is outside the panel."""
    opened(before="chat.parameters.logprobs = True")
    panel = panel_of(page)
    tokens = shaded(panel, server)
    tokens.nth(2).locator("input").focus()
    for look in LOOKS:
        dress(page, panel, look)
        assert (look, violations(page, ".nbp")) == (look, [])
        inside = "(root) => root.querySelector('.nbp-scroller').scrollWidth <= root.querySelector('.nbp-scroller').clientWidth"
        assert panel.evaluate(inside), look


@pytest.mark.thorough
def test_nothing_in_a_token_runs(opened: Any, server: ScriptedServer, page: Page):
    """Tokens and alternatives that are attacks are text in the panel."""
    away = requests_away(page)
    opened(before="chat.parameters.logprobs = True")
    panel = panel_of(page)
    server.stream(with_tokens(likely(ATTACK, 0.5, (ATTACK, 0.5), (f"{ATTACK} ", 0.2))), chunk(finish="stop"))
    ask(panel, "Attack")
    ready(panel)
    press(panel, TOGGLE)
    token = panel.locator(".nbp-answer label.nbchat-token")
    expect(token).to_contain_text("<script>window.pwned=2</script>")
    token.hover(position={"x": 5, "y": 5})
    assert token.locator("img, script, iframe, svg, a").count() == 0
    assert page.evaluate("() => window.pwned") is None
    assert away == []
