"""What looks into HTML for anything that could run, load or mislead, and the attacks to try it with."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

VECTORS: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "security" / "xss.json").read_text(encoding="utf-8")
)["vectors"]
# As a server can send them: UTF-8 has no halves of characters.
SENDABLE: dict[str, list[str]] = {
    group: [vector.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for vector in vectors]
    for group, vectors in VECTORS.items()
}
EVERY_VECTOR = [*chain(*VECTORS.values())]
EVERY_SENDABLE = [*chain(*SENDABLE.values())]


class Inspector(HTMLParser):
    """Notes every element and attribute that safe Markdown has no use for.

    Args:
        html: What to look into.
        elements: Further elements that are meant to be there.
        attributes: Further attributes, likewise.
    """

    # fmt: off
    ELEMENTS = frozenset({
        "p", "a", "s", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "em", "strong", "del", "br",
        "hr", "blockquote", "input", "span", "div", "table", "thead", "tbody", "tr", "th", "td",
    })
    # fmt: on
    ATTRIBUTES = frozenset({"title", "id", "class", "style", "start", "align", "type", "disabled", "checked"})

    def __init__(self, html: str, elements: tuple[str, ...] = (), attributes: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.found: list[str] = []
        self._elements = self.ELEMENTS | set(elements)
        self._attributes = self.ATTRIBUTES | set(attributes)
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in self._elements:
            self.found.append(tag)
        for name, value in attrs:
            if name == "href":
                bare = "".join(sign for sign in value or "" if sign > " ").lower()
                scheme = bare.partition(":")[0] if ":" in bare else ""
                if scheme not in {"http", "https", "mailto", ""} and not set("/?#") & set(scheme):
                    self.found.append(value)
            elif name not in self._attributes or (name == "style" and not self._is_plain(value or "")):
                self.found.append(f"{tag} {name}={value}")

    @staticmethod
    def _is_plain(style: str) -> bool:
        return style.startswith("text-align:") or style == "opacity:0;width:0;height:0;margin:0"

    def handle_comment(self, data):
        self.found.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment
