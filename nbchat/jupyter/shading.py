"""An answer shaded by how likely each token was, with what else the model might have said.

HTML without scripts: each token is the label of a radio button that is not seen. So all of them together are one stop of the
Tab key, the arrow keys go from token to token as they do in any group of radio buttons, and what there is to say of the
one under the mouse or the keyboard is shown below its line. Where styles and buttons are taken out, as in a notebook that
nobody here has run, what is left is the text. The panel draws the same out of plain values, with the same styles
(js/panel/shading.ts, js/cell/tokens.css).
"""

from __future__ import annotations

import html
import uuid
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from nbchat.session.logprobs import Logprobs, TokenLogprob
from nbchat.session.markdown import plain_text

__all__ = ["html_of", "page_of"]

_STYLE = Path(__file__).parent / "static" / "tokens.css"
# How many tokens are drawn, or told at once.
_MOST = 1_000
# From which probability on a token is drawn how, and what that is called. Lines tell what colours tell.
_LEVELS = (
    (0.9, "90 % and more"),
    (0.5, "50 to 90 %"),
    (0.2, "20 to 50 %"),
    (0.05, "5 to 20 %"),
    (0.0, "less than 5 %"),
)
# On each button: JupyterLab would take its arrow keys, and its own styles are gone where nobody trusts the notebook.
_BUTTON = 'type="radio" data-lm-suppress-shortcuts="" style="opacity:0;width:0;height:0;margin:0"'
# How many characters of a token there are in what is said of it; it is drawn whole.
_LONGEST = 60
# White space that would not be seen.
_SIGNS = {"\n": "⏎", "\t": "⇥", " ": "␠", "": "∅"}


class _Drawn(NamedTuple):
    """A token as it is drawn.

    Attributes:
        text: The token, so that it is seen.
        level: How likely it was, as a place in ``_LEVELS``; ``None`` where nobody told.
        said: What there is to say of it: how likely it was, and what else might have been.
        lines: How many lines end after it.
    """

    text: str
    level: int | None
    said: str
    lines: int

    @classmethod
    def of(cls, token: TokenLogprob) -> _Drawn:
        # A sign for the end of a line does not end it.
        lines = 0 if token.token.strip() else token.token.count("\n")
        return cls(_seen(token), _level(token.probability), _likely(token), lines)


def html_of(logprobs: Logprobs) -> str:
    """Return the tokens as a text to explore.

    Args:
        logprobs: The tokens.
    """
    group = f"nbchat-{uuid.uuid4().hex}"
    tokens = "".join(_label(_Drawn.of(token), group) for token in logprobs[:_MOST])
    more = len(logprobs) - _MOST
    rest = f"<p>{more:,} more tokens are not drawn: <code>to_dataframe()</code> has them all.</p>" if more > 0 else ""
    key = "".join(
        f'<span class="nbchat-token nbchat-token-{level}">{words}</span> ' for level, (_, words) in enumerate(_LEVELS)
    )
    # MathJax reads whole pages.
    return (
        f'<div class="nbchat-tokens mathjax_ignore"><style>{_style()}</style>'
        f'<div class="nbchat-tokens-text" role="radiogroup" aria-label="Tokens by probability">{tokens}</div>'
        f'{rest}<div class="nbchat-tokens-key">{key}</div></div>'
    )


def page_of(logprobs: Logprobs, start: int) -> dict[str, Any]:
    """Return the tokens from one on as the panel's front end takes them, and how many there are in all.

    Args:
        logprobs: The tokens.
        start: The first, from 0.
    """
    start = max(0, start)
    return {
        "total": len(logprobs),
        "tokens": [list(_Drawn.of(token)) for token in logprobs[start : start + _MOST]],
        "levels": [words for _, words in _LEVELS],
    }


@cache
def _style() -> str:
    return _STYLE.read_text("utf-8")


def _label(token: _Drawn, group: str) -> str:
    said = html.escape(token.said).replace("\n", "&#10;")
    level = "" if token.level is None else f" nbchat-token-{token.level}"
    return (
        f'<label class="nbchat-token{level}" data-nbchat-likely="{said}">'
        f'<input {_BUTTON} name="{group}" aria-description="{said}">{html.escape(token.text)}</label>{chr(10) * token.lines}'
    )


def _level(probability: float | None) -> int | None:
    return None if probability is None else next(at for at, (least, _) in enumerate(_LEVELS) if probability >= least)


def _likely(token: TokenLogprob) -> str:
    """Return what there is to say of a token: how likely it was, and what else."""
    said = f"{_quoted(token)} {_percent(token.probability)}"
    others = [f"{_quoted(other)} {_percent(other.probability)}" for other in token.alternatives]
    return f"{said}\nor {', '.join(others)}" if others else said


def _quoted(token: TokenLogprob) -> str:
    text = _seen(token)
    return f"“{text}”" if len(text) <= _LONGEST else f"“{text[:_LONGEST]}…”"


def _percent(probability: float | None) -> str:
    return "(not told)" if probability is None else f"{100 * probability:.3g} %"


def _seen(token: TokenLogprob) -> str:
    """Return a token so that it is seen, also where it is white space alone, or a part of a character."""
    if token.bytes is not None and not _is_text(token.bytes):
        return "".join(f"\\x{byte:02x}" for byte in token.bytes)
    text = token.token
    return plain_text(text) if text.strip() else "".join(_SIGNS.get(sign, sign) for sign in text) or _SIGNS[""]


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
