"""An answer shaded by how likely each token was, with what else the model might have said.

HTML without scripts: each token is the label of a radio button that is not seen. So all of them together are one stop of the
Tab key, the arrow keys go from token to token as they do in any group of radio buttons, and what there is to say of the
one under the mouse or the keyboard is shown below its line. Where styles and buttons are taken out, as in a notebook that
nobody here has run, what is left is the text.
"""

from __future__ import annotations

import html
import uuid

from nbchat.session.logprobs import Logprobs, TokenLogprob
from nbchat.session.markdown import plain_text

__all__ = ["html_of"]

# How many tokens are drawn.
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
# White space that would not be seen.
_SIGNS = {"\n": "⏎", "\t": "⇥", " ": "␠", "": "∅"}

_STYLE = """
.nbchat-tokens {
  --nbchat-shade: var(--jp-warn-color1, var(--vscode-charts-orange, orange));
  color: var(--jp-content-font-color1, var(--vscode-editor-foreground, CanvasText));
}
.nbchat-tokens-text {
  line-height: 2; overflow-wrap: anywhere; padding-bottom: 2em; position: relative; white-space: pre-wrap;
}
.nbchat-token { background: color-mix(in srgb, var(--nbchat-shade) var(--nbchat-much, 0%), transparent); }
.nbchat-tokens .nbchat-token-1 { --nbchat-much: 10%; border-bottom: 1px dotted; }
.nbchat-tokens .nbchat-token-2 { --nbchat-much: 20%; border-bottom: 1px solid; }
.nbchat-tokens .nbchat-token-3 { --nbchat-much: 32%; border-bottom: 2px solid; }
.nbchat-tokens .nbchat-token-4 { --nbchat-much: 45%; border-bottom: 4px double; }
.nbchat-tokens input { appearance: none; position: absolute; }
.nbchat-tokens label:is(:hover, :focus-within) { outline: 2px solid var(--jp-brand-color1, Highlight); }
.nbchat-tokens label:is(:hover, :focus-within)::after {
  background: var(--jp-layout-color2, var(--vscode-editorHoverWidget-background, Canvas));
  border: 1px solid var(--jp-border-color1, GrayText); box-shadow: 0 2px 6px rgb(0 0 0 / 25%);
  content: attr(data-nbchat-likely); content: attr(data-nbchat-likely) / ""; display: block; left: 0; line-height: 1.4;
  margin-top: 0.4em; max-width: 100%; padding: 0.3em 0.6em; pointer-events: none; position: absolute; white-space: pre-wrap;
  z-index: 1;
}
.nbchat-tokens-text:has(label:hover) label:focus-within:not(:hover)::after { display: none; }
.nbchat-tokens-key { font-size: var(--jp-ui-font-size1, 0.85em); margin-bottom: 1em; }
.nbchat-tokens-key span { margin-inline-end: 1em; }
"""


def html_of(logprobs: Logprobs) -> str:
    """Return the tokens as a text to explore.

    Args:
        logprobs: The tokens.
    """
    group = f"nbchat-{uuid.uuid4().hex}"
    tokens = "".join(_token(token, group) for token in logprobs[:_MOST])
    more = len(logprobs) - _MOST
    rest = f"<p>{more:,} more tokens are not drawn: <code>to_dataframe()</code> has them all.</p>" if more > 0 else ""
    key = "".join(
        f'<span class="nbchat-token nbchat-token-{level}">{words}</span> ' for level, (_, words) in enumerate(_LEVELS)
    )
    # MathJax reads whole pages.
    return (
        f'<div class="nbchat-tokens mathjax_ignore"><style>{_STYLE}</style>'
        f'<div class="nbchat-tokens-text" role="radiogroup" aria-label="Tokens by probability">{tokens}</div>'
        f'{rest}<div class="nbchat-tokens-key">{key}</div></div>'
    )


def _token(token: TokenLogprob, group: str) -> str:
    likely = html.escape(_likely(token)).replace("\n", "&#10;")
    # A sign for the end of a line does not end it.
    ends = "" if token.token.strip() else "\n" * token.token.count("\n")
    return (
        f'<label class="nbchat-token{_level(token.probability)}" data-nbchat-likely="{likely}">'
        f'<input {_BUTTON} name="{group}" aria-description="{likely}">{html.escape(_seen(token.token))}</label>{ends}'
    )


def _level(probability: float | None) -> str:
    """Return the class of how likely a token was."""
    if probability is None:
        return ""
    return f" nbchat-token-{next(level for level, (least, _) in enumerate(_LEVELS) if probability >= least)}"


def _likely(token: TokenLogprob) -> str:
    """Return what there is to say of a token: how likely it was, and what else."""
    said = f"{_quoted(token)} {_percent(token.probability)}"
    others = [f"{_quoted(other)} {_percent(other.probability)}" for other in token.alternatives]
    return f"{said}\nor {', '.join(others)}" if others else said


def _quoted(token: TokenLogprob) -> str:
    return f"“{_seen(token.token)}”"


def _percent(probability: float | None) -> str:
    return "(not told)" if probability is None else f"{100 * probability:.3g} %"


def _seen(token: str) -> str:
    """Return a token so that it is seen, also where it is white space alone."""
    return plain_text(token) if token.strip() else "".join(_SIGNS.get(sign, sign) for sign in token) or _SIGNS[""]
