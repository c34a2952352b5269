"""An answer shaded by how likely its tokens were."""

from __future__ import annotations

import math
import re
from html import unescape
from pathlib import Path

from inspector import EVERY_VECTOR, Inspector
from kernels import kernel
from scripted import ScriptedServer, chunk

from nbchat.jupyter.shading import page_of
from nbchat.session.logprobs import Logprobs, TokenLogprob


def token(text: str, probability: float | None, *others: tuple[str, float]) -> TokenLogprob:
    tops = tuple(TokenLogprob(other, math.log(likely)) for other, likely in others)
    return TokenLogprob(text, None if probability is None else math.log(probability), None, tops)


def labels(html: str) -> list[tuple[str, str, str]]:
    """The tokens as they are drawn: the class, what is said of them, and the text."""
    found = re.findall(r'<label class="([^"]*)" data-nbchat-likely="([^"]*)"><input [^>]*>([^<]*)</label>', html)
    return [(level.removeprefix("nbchat-token").strip(), unescape(said), unescape(text)) for level, said, text in found]


def test_shades_lines_and_words():
    """How likely a token was is told by a shade, by a line, and in words with the alternatives."""
    drawn = Logprobs(
        [
            token("Hi", 0.95),
            token(" there", 0.6, (" there", 0.6), (" you", 0.25), (" all", 0.001)),
            token(",", 0.3),
            token(" friend", 0.1),
            token("!", 0.01),
            token("?", None),
        ]
    )._repr_html_()
    assert labels(drawn) == [
        ("nbchat-token-0", "“Hi” 95 %", "Hi"),
        ("nbchat-token-1", "“ there” 60 %\nor “ you” 25 %, “ all” 0.1 %", " there"),
        ("nbchat-token-2", "“,” 30 %", ","),
        ("nbchat-token-3", "“ friend” 10 %", " friend"),
        ("nbchat-token-4", "“!” 1 %", "!"),
        ("", "“?” (not told)", "?"),
    ]
    for level in range(1, 5):
        assert re.search(rf"nbchat-token-{level} ?{{[^}}]*border-bottom", drawn)
    assert "less than 5 %" in drawn


def test_white_space_is_seen():
    """A token that is nothing but white space is drawn as a sign, and a line still ends where it ended."""
    html = Logprobs([token("\n\n", 0.9), token(" ", 0.9), token("", 0.9), token(" a", 0.9)])._repr_html_()
    assert [text for _, _, text in labels(html)] == ["⏎⏎", "␠", "∅", " a"]
    assert "⏎⏎</label>\n\n<label" in html


def test_one_stop_of_the_tab_key():
    """All tokens are radio buttons of one group, so that Tab stops once and the arrows go from one to the next."""
    drawn = [Logprobs([token("a", 0.9, ("b", 0.05)), token("b", 0.5)])._repr_html_() for _ in range(2)]
    groups = [set(re.findall(r'<input type="radio"[^>]* name="([^"]*)"', html)) for html in drawn]
    assert [len(group) for group in groups] == [1, 1]
    assert groups[0] != groups[1]
    assert 'role="radiogroup" aria-label="Tokens by probability"' in drawn[0]
    assert 'aria-description="“a” 90 %&#10;or “b” 5 %"' in drawn[0]


def test_very_many_tokens():
    """Of very many tokens the first are drawn, and the rest is counted."""
    html = Logprobs([token("a", 0.9)] * 5000)._repr_html_()
    assert len(labels(html)) == 1000
    assert "4,000 more tokens are not drawn" in html


def test_parts_of_characters_and_long_tokens():
    """A token that is no whole character is drawn as its bytes, and told from others; what is said of a long one is cut."""
    parts = [TokenLogprob("\ufffd", math.log(0.6), data) for data in (b"\xf0\x9f", b"\x91")]
    long = token("a" * 500, 0.5, ("b" * 500, 0.2))
    (part, whole) = page_of(Logprobs([TokenLogprob("\ufffd", math.log(0.6), b"\xf0\x9f", tuple(parts)), long]), 0)[
        "tokens"
    ]
    assert part == ["\\xf0\\x9f", 1, "“\\xf0\\x9f” 60 %\nor “\\x91” 60 %", 0]
    assert whole == ["a" * 500, 1, f"“{'a' * 60}…” 50 %\nor “{'b' * 60}…” 20 %", 0]


def test_tokens_as_a_panel_takes_them():
    """The panel gets the same in plain values, a thousand at a time."""
    logprobs = Logprobs([token("\n", 0.9), *([token("a\u202eb\x1b", 0.01)] * 1200), token("?", None)])
    page = page_of(logprobs, 0)
    assert (page["total"], len(page["tokens"]), page["levels"][4]) == (1202, 1000, "less than 5 %")
    assert page["tokens"][:2] == [["⏎", 0, "“⏎” 90 %", 1], ["a\ufffdb␛", 4, "“a\ufffdb␛” 1 %", 0]]
    assert [len(page_of(logprobs, start)["tokens"]) for start in (-5, 1000, 1202, 10**9)] == [1000, 202, 0, 0]
    assert page_of(logprobs, 1201)["tokens"] == [["?", None, "“?” (not told)", 0]]


def test_nothing_runs_in_it():
    """No attack does anything, be it a token or an alternative."""
    html = Logprobs([token(vector, 0.5, (vector, 0.5), (f"{vector} ", 0.2)) for vector in EVERY_VECTOR])._repr_html_()
    allowed = ("role", "aria-label", "data-nbchat-likely", "aria-description", "name", "data-lm-suppress-shortcuts")
    assert Inspector(html, ("style", "label"), allowed).found == []
    assert len(labels(html)) == len(EVERY_VECTOR)
    assert html.count("</style") == 1


def test_below_a_cell_that_asks_for_it(tmp_path: Path, server: ScriptedServer):
    """A %%chat cell with logprobs has the answer as Markdown and, below it, the answer shaded; others have no such thing."""
    event = chunk("**Hi**")
    event["choices"][0]["logprobs"] = {
        "content": [{"token": "**Hi**", "logprob": -0.5, "bytes": None, "top_logprobs": []}]
    }
    for _ in range(2):
        server.stream(event, chunk(finish="stop"))
    server.answer("Hi")
    with kernel(tmp_path, OPENAI_BASE_URL=server.url, OPENAI_API_KEY="sk-secret", NBCHAT_MODEL="m") as shell:
        shell.run("%load_ext nbchat")
        for watched in (True, False):
            shown = shell.run("%%chat --logprobs true --top-logprobs 3\nGo", cell="a", watched=watched)
            answer, shaded = shown.outputs
            assert answer["data"]["text/markdown"] == "**Hi**"
            assert shaded["data"]["text/plain"] == "<Logprobs of 1 tokens, -0.50 in all>"
            assert "nbchat-tokens" in shaded["data"]["text/html"]
        assert server.requests[0].json["top_logprobs"] == 3
        assert len(shell.run("%%chat\nGo", cell="b").outputs) == 1
