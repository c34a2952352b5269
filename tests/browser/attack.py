"""A text that tries everything, and what a page would ask of another host if any of it came off."""

from __future__ import annotations

from playwright.sync_api import Page

# What would happen if any of it were taken for more than text: a mark on the window, or a request to another host.
ATTACK = """Before <img src=x onerror="window.pwned=1"> between <script>window.pwned=2</script>

<img src="http://evil.example/track.png"><iframe srcdoc="<script>parent.pwned=3</script>"></iframe>

[click](javascript:window.pwned=4) [entity](java&#115;cript:window.pwned=5) [data](data:text/html,<script>window.pwned=6</script>)

![picture](http://evil.example/picture.png) <svg onload="window.pwned=7"></svg> $\\href{javascript:window.pwned=8}{x}$

<details open ontoggle="window.pwned=9">x</details> [a](u$" onmouseover="window.pwned=10$)

After."""


def requests_away(page: Page) -> list[str]:
    """Return the addresses on the attack's host that the page asks for; the list gets them as they come."""
    away: list[str] = []
    page.on("request", lambda request: away.append(request.url) if "evil.example" in request.url else None)
    return away
