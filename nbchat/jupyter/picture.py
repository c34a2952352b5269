"""A sweep as a picture: its answers in a grid, by what varies most.

HTML without scripts, in JupyterLab's own colours. Where it is shown without its styles, as in a notebook that nobody
here has run, it is a plain table. What models said is made safe; everything else is escaped.
"""

from __future__ import annotations

import html
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from nbchat.session.endings import ended_because
from nbchat.session.markdown import one_line, plain_text, safe_html
from nbchat.session.row import Row
from nbchat.session.sweep import Sweep
from nbchat.wire.values import plain

__all__ = ["html_of"]

# How many answers are drawn, and how many characters of one and of all: it is a picture to look at, which a notebook keeps.
_MOST, _LONGEST, _IN_ALL = 200, 1_200, 60_000
# How many characters of a value, a prompt for one, stand beside the answers.
_LABEL = 160

_WORDS = {"done": "answered", "running": "answering", "queued": "waiting", "cancelled": "stopped", "failed": "failed"}

# JupyterLab's own rules for tables name two classes and two elements.
_STYLE = """
.nbchat-sweep {
  --nbchat-rule: var(--jp-border-color2, var(--vscode-panel-border, GrayText));
  --nbchat-faint: var(--jp-ui-font-color2, var(--vscode-descriptionForeground, GrayText));
  color: var(--jp-content-font-color1, var(--vscode-editor-foreground, CanvasText));
}
.nbchat-sweep .nbchat-sweep-wide { overflow-x: auto; }
.nbchat-sweep .nbchat-sweep-wide table { border-collapse: collapse; margin: 0.5em 0 1em; }
.nbchat-sweep .nbchat-sweep-wide caption { caption-side: top; padding: 0.25em 0; text-align: start; }
.nbchat-sweep .nbchat-sweep-wide table tr:nth-child(n) { background: none; text-align: start; }
.nbchat-sweep .nbchat-sweep-wide table :is(th, td) {
  border: 1px solid var(--nbchat-rule); max-width: 40em; min-width: 10em; overflow-wrap: anywhere; padding: 0.4em 0.6em;
  text-align: start; vertical-align: top; white-space: normal;
}
.nbchat-sweep .nbchat-sweep-wide table th { font-weight: normal; min-width: 7em; }
.nbchat-sweep .nbchat-sweep-wide td :is(th, td) { min-width: 0; }
.nbchat-sweep td > div > :first-child { margin-top: 0; }
.nbchat-sweep td > div > :last-child { margin-bottom: 0.3em; }
.nbchat-sweep td pre { overflow-x: auto; white-space: pre-wrap; }
.nbchat-sweep-name, .nbchat-sweep-foot { color: var(--nbchat-faint); }
.nbchat-sweep-foot { font-size: var(--jp-ui-font-size1, 0.85em); }
.nbchat-sweep-failed { border-inline-start: 3px solid var(--jp-error-color1, red); padding-inline-start: 0.6em; }
"""


def html_of(sweep: Sweep) -> str:
    """Return the picture.

    The two fields with the most values are its rows and columns; for each combination of the others there is a table.

    Args:
        sweep: The sweep, as far as it has come.
    """
    picture = _Picture(sweep)
    tables = "".join(picture.tables())
    more = len(sweep) - picture.drawn
    rest = f"<p>{more} more are not drawn: <code>to_dataframe()</code> has them all.</p>" if more else ""
    # MathJax reads whole pages: what is not an answer has no mathematics in it.
    return f'<div class="nbchat-sweep mathjax_ignore"><style>{_STYLE}</style>{_head(sweep)}{tables}{rest}</div>'


class _Picture:
    """The tables of a sweep, and how much of it they show.

    Args:
        sweep: The sweep.

    Attributes:
        drawn: How many rows of the sweep are in the tables so far.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._axes = sweep.axes
        # The sweep goes through its axes as this does.
        places = itertools.product(*(range(len(values)) for values in sweep.axes.values()))
        self._rows = dict(zip(places, sweep, strict=True))
        varying = [name for name, values in sweep.axes.items() if len(values) > 1]
        varying.sort(key=lambda name: -len(sweep.axes[name]))
        # A long text reads better beside a row than above a column.
        grid = sorted(varying[:2], key=lambda name: name not in ("prompt", "system"))
        self._down = grid[0] if grid else None
        self._across = grid[1] if len(grid) > 1 else None
        self._others = [name for name in sweep.axes if name in varying[2:]]
        self._left = _IN_ALL
        self.drawn = 0

    def tables(self) -> Iterator[str]:
        """Yield a table for each combination of what is neither row nor column."""
        for place in itertools.product(*(self._along(name) for name in self._others)):
            if self._full:
                return
            yield self._table(dict(zip(self._others, place, strict=True)))

    @property
    def _full(self) -> bool:
        return self.drawn >= _MOST or self._left <= 0

    def _along(self, name: str | None) -> range:
        return range(len(self._axes[name]) if name is not None else 1)

    def _table(self, place: dict[str, int]) -> str:
        caption = ", ".join(self._label(name, at) for name, at in place.items())
        lines = [f"<caption>{caption}</caption>"] if caption else []
        if self._across is not None:
            heads = "".join(f'<th scope="col">{self._label(self._across, at)}</th>' for at in self._along(self._across))
            lines.append(f"<thead><tr><td></td>{heads}</tr></thead>")
        lines.append("<tbody>")
        for down in self._along(self._down):
            if self._full:
                break
            head = f'<th scope="row">{self._label(self._down, down)}</th>' if self._down is not None else ""
            cells = [
                self._cell({**place, self._down or "": down, self._across or "": across})
                for across in self._along(self._across)
            ]
            lines.append(f"<tr>{head}{''.join(cells)}</tr>")
        table = f"<table>{''.join(lines)}</tbody></table>"
        # What is wider than the page is scrolled, by keyboard too.
        label = ", ".join(["Answers", *(f"{name} = {_value(self._axes[name][at])}" for name, at in place.items())])
        return (
            f'<div class="nbchat-sweep-wide" role="region" tabindex="0" aria-label="{html.escape(label)}">{table}</div>'
        )

    def _label(self, name: str, at: int) -> str:
        return _named(name, self._axes[name][at])

    def _cell(self, place: Mapping[str, int]) -> str:
        row = self._rows[tuple(place.get(name, 0) for name in self._axes)]
        self.drawn += 1
        texts = [self._text(text) for text in row.texts]
        if len(texts) > 1:
            texts = [f"<p><b>Choice {at} of {len(texts)}</b></p>{text}" for at, text in enumerate(texts, 1)]
        failed = f'<p class="nbchat-sweep-failed">{_text(str(row.error))}</p>' if row.error is not None else ""
        foot = " · ".join(_text(said) for said in _foot(row))
        answer = f'<div class="mathjax_process">{"".join(texts)}</div>'
        # JupyterLab's tables are set to the right, also where our styles are gone.
        return f'<td style="text-align:left">{answer}{failed}<div class="nbchat-sweep-foot">{foot}</div></td>'

    def _text(self, text: str) -> str:
        longest = min(_LONGEST, max(self._left, 0))
        self._left -= len(text)
        return safe_html(text if len(text) <= longest else f"{text[:longest].rstrip()} …")


def _head(sweep: Sweep) -> str:
    """Return what is the same everywhere, and what it took."""
    first = sweep[0]
    same = {"prompt": first.asked.prompt, "system": first.asked.system, **first.parameters}
    fixed = [_named(name, value) for name, value in same.items() if value is not None and name not in sweep.axes]
    statuses: Counter[str] = Counter(row.status for row in sweep)
    took = [f"{statuses[status]} {word}" for status, word in _WORDS.items() if statuses[status]]
    cost = sweep.cost
    took += [f"${cost:.4f}"] if cost else []
    return f"<p>{', '.join(fixed)}{'<br>' if fixed else ''}{_faint(' · '.join(took))}</p>"


def _foot(row: Row) -> list[str]:
    """Return what is to be said below an answer: its number, how it ended, what it took."""
    said = [f"[{row.number}]"]
    if row.status != "done":
        said.append(_WORDS[row.status])
    elif row.completion is not None:
        reasons = {ended_because(choice.finish_reason) for choice in row.completion.choices}
        said += sorted(reason for reason in reasons if reason)
    if row.seconds is not None:
        said.append(f"{row.seconds:.1f} s")
    if row.usage is not None and row.usage.completion_tokens:
        said.append(f"{row.usage.completion_tokens} tokens")
    if any(len(text) > _LONGEST for text in row.texts):
        said.append(f"{sum(map(len, row.texts)):,} characters")
    return said + [one_line(remark) for remark in row.remarks]


def _faint(text: str) -> str:
    return f'<span class="nbchat-sweep-name">{text}</span>'


def _named(name: str, value: Any) -> str:
    """Return a field and its value as they are told beside the answers."""
    return f"{_faint(f'{name} =')} {_text(_value(value))}"


def _value(value: Any) -> str:
    """Return a value as text, which is cut where it is long."""
    if value is None:
        text = "not sent"
    elif isinstance(value, type):
        text = value.__name__
    else:
        text = value if isinstance(value, str) else json.dumps(plain(value), default=str, ensure_ascii=False)
    return text if len(text) <= _LABEL else f"{text[:_LABEL]}…"


def _text(text: str) -> str:
    return html.escape(plain_text(text))
