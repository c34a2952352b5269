"""What axe-core says of a page to those who cannot look at it, or look at it in other ways."""

from __future__ import annotations

from typing import Any

from labs import ROOT
from playwright.sync_api import Page

_AXE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page, part: str) -> list[Any]:
    """Return what axe-core finds in a part of the page: of each rule its name and the elements that break it.

    Args:
        page: The browser's page.
        part: A CSS selector.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=_AXE)
    page.wait_for_timeout(400)  # colours change over a tenth of a second
    return page.evaluate(
        """async (part) => (await axe.run(part)).violations.map((v) => [v.id, ...v.nodes.map((n) => `${n.html} ${n.failureSummary}`)])""",
        part,
    )
