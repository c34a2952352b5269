r"""Mathematics in an answer: where it is, and how it is written so that it can't be anything else.

Models write `$x$`, `$$x$$`, `\(x\)`, `\[x\]` and bare `\begin{align}`. JupyterLab takes mathematics out of the source
before its Markdown parser runs and puts it back into the HTML afterwards, escaping `&`, `<` and `>` only (`removeMath`
and `replaceMath` in `@jupyterlab/rendermime`, `latex.ts`). What we call mathematics must therefore be what JupyterLab
calls so, stand where text stands, and do no harm in a viewer that knows no mathematics and reads Markdown there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

__all__ = ["plain_tex", "read_maths"]

_LONGEST_INLINE = 2_000
_MOST_LINES = 200

_ENVIRONMENT = (
    r"(?:equation|align(?:at|ed|edat)?|gather(?:ed)?|multline|eqnarray|flalign|split|[dr]?cases|(?:sub)?array"
    r"|(?:small|[pbvBV])?matrix)\*?"
)
_OPENING = re.compile(r"\$\$?|\\\\?[(\[]|\\begin\{(?P<name>" + _ENVIRONMENT + r")\}")
_STEP = re.compile(r"\\[\s\S]|\$\$?|[{}`]")  # what matters between two dollars
_TURN = re.compile(r"\\\\?[()\[\]]|\\[\s\S]|`")  # what matters between two brackets

# What only mathematics has: a command, a script, a relation.
_STRONG = re.compile(r"\\[A-Za-z,;:!|{}]|[\^_=]")
# A word of prose: no function's name, and not in capitals as units, elements and tickers are.
_WORD = re.compile(r"(?<![\\A-Za-z])(?!(?:sin|cos|tan|log|ln|exp|min|max|mod|lim|det|dim|gcd)\b)[A-Za-z]*[a-z]{2}")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
# What stands between brackets that were escaped: `\[1\]`, `\[^note\]`.
_NOTE = re.compile(r"\^?\d+|\^\w+")
# Commands that reach out of the formula: links, attributes, styles, files, and definitions that last for the page.
_REACHES_OUT = re.compile(
    r"\\(?:href|url|require|class|cssId|style|data|mmlToken|unicode|includegraphics|bbox|html[A-Za-z]*|texttip|mathtip"
    r"|toggle|[egx]?def|let|global|futurelet|catcode|csname|input|include|openout|write|(?:re|provide)?newcommand"
    r"|renewcommand|providecommand|(?:re)?newenvironment|Declare[A-Za-z]+|newcolumntype)(?![A-Za-z])"
)
_PAIR_BEFORE_BRACE = re.compile(r"(\\[\s\S])(?=([{}$])?)")
_NESTING = re.compile(r"\\[\s\S]|[{}$]")


def read_maths(parser: MarkdownIt) -> None:
    r"""Teach a parser mathematics: tokens `math_inline`, `math_display` (within a line) and `math_block`.

    The TeX is in the token's `content`, the whole as it was typed in its `markup`. A dollar opens a formula by the
    rules that keep prices apart (pandoc's `tex_math_dollars` and a little more): "$5 and $10" is text.

    Args:
        parser: it gets two rules more. Its `env` may carry `fuel`, how many characters may be searched in vain.
    """
    parser.inline.ruler.before("escape", "maths", _inline)
    parser.block.ruler.before("fence", "maths", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def plain_tex(tex: str, *, cell: bool = False) -> str | None:
    r"""TeX on one line that reads as text in every Markdown parser, or `None` where that can't be had.

    One line, because lists and quotes put their prefixes before each line. No `<` before a letter, no `](`, no
    double quote. Braces balance, and no escape hides a brace or the closing dollar in the way JupyterLab counts them.
    Commands that reach out of the formula (`\href`, `\require`, `\def` ...) are refused.

    Args:
        tex: the formula without its delimiters.
        cell: whether it stands in a table, where a bar ends the cell.

    Returns:
        The formula, to be put between dollars.

    Example:
        >>> plain_tex(r"a<b \\{c}")
        'a< b \\\\ {c}'
        >>> plain_tex(r"\href{javascript:alert(1)}{x}") is None
        True
    """
    if "`" in tex or _REACHES_OUT.search(tex):
        return None
    if "\n" in tex:
        tex = re.sub(r"(?<!\\)%[^\n]*", "", tex)  # on one line a comment would hide the rest
    tex = " ".join(tex.split())
    tex = re.sub(r"(?<!\\)((?:\\\\)*)%", r"\1\\%", tex)
    tex = re.sub(r"<(?! )", "< ", tex).replace('"', "''")
    tex = re.sub(r"\](?=[(\[:])", "] ", tex)
    tex = re.sub(r"!(?=\[)", "! ", tex)
    tex = re.sub(r"@(?=@)", "@ ", tex)
    tex = _PAIR_BEFORE_BRACE.sub(lambda pair: pair[1] + (" " if pair[1] == "\\\\" and pair[2] else ""), tex)
    if cell:
        tex = tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
    if tex.endswith("\\"):
        tex += " {}"
    return tex if tex and _balances(tex) else None


class _Formula(NamedTuple):
    """What was found: the TeX, where the whole ends, and whether it stands on its own line when shown."""

    tex: str
    end: int
    display: bool


def _formula(source: str, start: int, limit: int) -> _Formula | None:
    """The formula that starts at `start` and ends before `limit`, if there is one."""
    opening = _OPENING.match(source, start, limit)
    if opening is None:
        return None
    begin = opening.end()
    if opening["name"]:
        closing = f"\\end{{{opening['name']}}}"
        end = source.find(closing, begin, limit)
        if end < 0 or "`" in source[start:end]:
            return None
        end += len(closing)
        return _Formula(source[start:end], end, display=True)
    if opening[0][0] == "$":
        end = _dollar(source, begin, limit, opening[0])
        display = opening[0] == "$$"
    else:
        display = opening[0][-1] == "["
        closing = opening[0][:-1] + ("]" if display else ")")
        if source.find(closing, begin, limit) < 0:
            return None
        end = _bracket(source, begin, limit, closing)
    if end < 0 or not any(map(str.isalnum, source[begin:end])):
        return None
    return _Formula(source[begin:end], end + len(opening[0]), display)


def _dollar(source: str, begin: int, limit: int, closing: str) -> int:
    """Where the dollars close, -1 where they don't: the first ones outside braces decide."""
    depth = 0
    for step in _STEP.finditer(source, begin, limit):
        if step[0] == "{":
            depth += 1
        elif step[0] == "}":
            depth -= 1
        elif step[0] == "`" or depth < 0:
            return -1
        elif step[0][0] == "$" and depth == 0:
            return step.start() if step[0] == closing else -1
    return -1


def _bracket(source: str, begin: int, limit: int, closing: str) -> int:
    r"""Where `\(` or `\[` closes, -1 where another one opens before that."""
    for turn in _TURN.finditer(source, begin, limit):
        if turn[0] == closing:
            return turn.start()
        if turn[0] == "`" or (turn[0][0] == "\\" and turn[0] == closing[:-1] + ("[" if closing[-1] == "]" else "(")):
            return -1
    return -1


def _is_formula(tex: str, before: str, after: str) -> bool:
    """Whether what stands between single dollars is a formula and not two prices or two shell variables."""
    strong = _STRONG.search(tex) is not None
    if not (before or after):
        tex = tex.strip()
    if before.isalnum() or before == "$" or after.isdigit() or after == "$" or _TAG.search(tex) or "://" in tex:
        return False
    if tex[0].isspace() or tex[-1].isspace():
        return strong and tex[0].isspace() and tex[-1].isspace()
    if strong:
        return True
    if after.isalpha():
        return len(tex) == 1  # "the $n$th"
    words = len(_WORD.findall(tex))
    return words == 0 or (words == 1 and not tex[0].isdigit() and " " not in tex)


def _is_displayed(tex: str) -> bool:
    r"""Whether what stands between `$$` or `\[` and `\]` is a formula and not prose, or the number of a note."""
    words = len(_WORD.findall(tex))
    if words > (0 if tex[0].isspace() else 1):
        return _STRONG.search(tex) is not None
    return not _NOTE.fullmatch(tex.strip())


def _inline(state: StateInline, silent: bool) -> bool:
    """Read one formula within a line, if one starts here."""
    source, start = state.src, state.pos
    if source[start] not in "$\\" or state.env.get("fuel", 1) <= 0:
        return False
    limit = min(state.posMax, start + _LONGEST_INLINE)
    found = _formula(source, start, limit)
    if found is not None:
        before, after = source[max(start - 1, 0) : start], source[found.end : found.end + 1]
        if source[start] == "\\" or found.display:
            before = after = ""
        if not (_is_displayed(found.tex) if found.display else _is_formula(found.tex, before, after)):
            return False
    if found is None:
        _spend(state, start, limit)
        return False
    if not silent:
        token = state.push("math_display" if found.display else "math_inline", "math", 0)
        token.content = found.tex
        token.markup = source[start : found.end]
    state.pos = found.end
    return True


def _spend(state: StateInline, start: int, limit: int) -> None:
    """Count what was searched in vain, so that a text made of openings does not cost its square."""
    rest = state.src[start + 1 : limit]
    far = "{" in rest.partition("$")[0] if state.src[start] == "$" else "\\)" in rest or "\\]" in rest
    state.env["fuel"] = state.env.get("fuel", 100_000) - (len(rest) if far else 10)


def _block(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Read one formula that has its lines to itself; blank lines are allowed where its delimiters stand alone."""
    if state.is_code_block(first) or state.env.get("fuel", 1) <= 0:
        return False
    start = state.bMarks[first] + state.tShift[first]
    opening = _OPENING.match(state.src, start, state.eMarks[first])
    if opening is None or opening[0] == "$" or opening[0][-1] == "(":
        return False
    closing = f"\\end{{{opening['name']}}}" if opening["name"] else opening[0].replace("[", "]")
    lines: list[str] = []
    alone = False
    for line in range(first, min(last, first + _MOST_LINES)):
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
        if line == first:
            alone = text == opening[0]
        elif (state.sCount[line] < state.blkIndent if text else not alone) or text == opening[0] != closing:
            return False
        lines.append(text)
        if text.endswith(closing) and (line > first or not alone):
            whole = "\n".join(lines)
            found = _formula(whole, 0, len(whole))
            if found is None or found.end != len(whole) or not (alone or _is_displayed(found.tex)):
                return False
            if not silent:
                token = state.push("math_block", "math", 0)
                token.block = True
                token.map = [first, line + 1]
                token.content = found.tex
                token.markup = whole
            state.line = line + 1
            return True
    state.env["fuel"] = state.env.get("fuel", 100_000) - 50 * len(lines)
    return False


def _balances(tex: str) -> bool:
    r"""Whether braces balance, and dollars come singly, in pairs and only within braces (`\text{if $x$}`)."""
    depth = dollars = 0
    last = -2
    for step in _NESTING.finditer(tex):
        if step[0] == "{":
            depth += 1
        elif step[0] == "}":
            depth -= 1
        elif step[0] == "$":
            if depth == 0 or step.start() == last + 1:
                return False
            last = step.start()
            dollars += 1
        if depth < 0:
            return False
    return depth == 0 and dollars % 2 == 0
