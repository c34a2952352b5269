"""What a notebook and a terminal get of a model's answer: the same to look at, and harmless."""

import json
import random
import re
import shutil
import subprocess
import time
from html import unescape
from pathlib import Path

import pytest
from inspector import EVERY_SENDABLE, EVERY_VECTOR, VECTORS, Inspector
from markdown_it import MarkdownIt
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from nbchat.session.markdown import as_words, plain_text, safe, safe_html, safe_markdown
from nbchat.session.markdown.maths import read_maths
from scripts.node import npm

HERE = Path(__file__).parent
ORACLE = HERE / "security" / "marked_oracle.mjs"


# Other parsers look for what could run, load or mislead ------------------------------------------------------------------------------


lenient = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
lenient.validateLink = lambda url: True


def faults(markdown):
    """What two parsers with HTML on find in it: markdown-it, and mistune as nbconvert uses it."""
    return Inspector(lenient.render(markdown)).found + Inspector(markdown2html_mistune(markdown)).found


def rendered(markdown):
    """What markdown-it makes of it, HTML and all."""
    return lenient.render(markdown)


@pytest.mark.parametrize("group", VECTORS)
def test_no_vector_survives(group):
    """Nothing known to run, load or leave the page does so in markdown-it or mistune, whatever it was wrapped in."""
    for vector in VECTORS[group]:
        for wrapped in (vector, f"- a\n\n  {vector}", f"> {vector}", f"**{vector}**", f"x {vector} `y` $z$ {vector}"):
            assert faults(safe_markdown(wrapped)) == [], wrapped


@pytest.mark.parametrize("group", VECTORS)
def test_no_vector_survives_within_a_line(group):
    """As words they are what they were, letter by letter, wherever in a line: no parser sees a sign in them."""
    for vector in VECTORS[group]:
        for before, after in (("*[", "]*"), ("**A** (", ")"), ("<code>", "</code> b"), ("[", "](http://a.b)")):
            markdown = f"{before}{as_words(vector)}{after}"
            assert faults(markdown) == [], markdown
            text = unescape(re.sub(r"<[^>]*>", "", rendered(markdown)))
            assert "".join(plain_text(vector).split()) in "".join(text.split())


@pytest.mark.parametrize(
    "words",
    ["f(__init__)", "__x__", "___x___", "_x_", "a_b_c", "www.a.b", "WWW.a.b", "(www.a.b)", "**x**", "http://a.b"],
)
def test_words_are_words(words):
    """Neither emphasis nor a link comes of them, in either parser, and they stay as they were."""
    for html in (lenient.render(as_words(words)), markdown2html_mistune(as_words(words))):
        assert unescape(html).strip() == f"<p>{words}</p>"


@pytest.mark.parametrize("group", VECTORS)
def test_no_vector_survives_as_html(group):
    """Drawn as HTML by us, they do nothing either."""
    for vector in VECTORS[group]:
        for wrapped in (vector, f"- a\n\n  {vector}", f"> {vector}", f"x {vector} `y` $z$ {vector}"):
            assert Inspector(safe_html(wrapped)).found == [], wrapped


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("**Hi** <b>", "<p><strong>Hi</strong> &lt;b&gt;</p>"),
        ("$a*b*c < d$ costs $5", "<p>$a*b*c &lt; d$ costs <span>$</span>5</p>"),
        ("$$x<y$$", "<p>$$x&lt; y$$</p>"),
        ("| a |\n|---|\n| ~~b~~ |", "<td><s>b</s></td>"),
        ("```py\na < b\n```", '<pre><code class="language-py">a &lt; b\n</code></pre>'),
    ],
)
def test_what_is_drawn_as_html(text, drawn):
    """Markdown becomes its elements, mathematics stays between its dollars, and everything else is text."""
    assert drawn in safe_html(text)


def test_the_vectors_are_alive():
    """Shown as they came, most vectors would do something: the inspector sees what it is there to see."""
    assert sum(bool(Inspector(rendered(vector)).found) for vector in EVERY_SENDABLE) > 150
    assert len(EVERY_VECTOR) > 300


FRAGMENTS = [
    *("<img src=x onerror=alert(1)>", "<script>", "<b onclick=x>", '<a href="', "<!--", "-->", "</p>", "<br>"),
    *("</code></pre>", "<pre><code>", "<code>", "</code>", "<span>$</span>", "<http://a.b/$>", "<javascript:x>"),
    *("$", "$$", "$x$", "\\(", "\\)", "\\[", "\\]", "\\\\(", "\\\\)", "\\\\[", "\\\\]", "\\begin{align}"),
    *("\\end{align}", "\\begin{x}", "\\end{x}", "{", "}", "\\$", "@@0@@", "@@", "~T", "~D", "$5 "),
    *("`", "``", "```", "\n```\n", "\n~~~\n", "~~", "~", "*", "**", "_", "[", "](", ")", "![", "!", "|", "\n|-|-|\n"),
    *("](javascript:alert(1))", '[a](http://b "t")', "![x](http://e/i.png)", "[x]: javascript:alert(1)\n", "[x]"),
    *("\n", "\n\n", "\n> ", "\n- ", "\n1. ", "\n    ", "\n# ", "\n---\n", "\n===\n", "  \n", "\\\n", "\t", "\r"),
    *("&lt;", "&#60;", "&#36;", "&#96;", "&#64;", "&colon;", "&#10;", "&#27;", "&", ";", "\\", '"', "'"),
    *("http://x.y", "www.a.b", "a@b.co", "://", "a", "b c", "5", "漢", "「", "」", "é", "😀", "\u2028", "\x1b[0m"),
]


def shuffled(seed, count):
    """Documents of fragments thrown together: few kinds each, so that pairs are found."""
    dice = random.Random(seed)
    for _ in range(count):
        kinds = dice.sample(FRAGMENTS, dice.choice([4, 8, 16, len(FRAGMENTS)]))
        yield "".join(dice.choice(kinds) for _ in range(dice.choice([5, 10, 20, 40])))


def test_no_mixture_of_fragments_survives():
    """However pieces of Markdown, HTML and mathematics are thrown together, two other parsers find nothing in it."""
    for text in shuffled(1, 800):
        assert faults(safe_markdown(text)) == [], text


def in_browsers(texts):
    """What marked as JupyterLab uses it, and markdown-it in JavaScript, make of texts in a page."""
    _, environment = npm()  # the one that `make` uses, be it the machine's or the Python package's
    node = shutil.which("node", path=environment["PATH"])
    if node is None or not (HERE.parent / "js" / "node_modules" / "marked").is_dir():
        pytest.fail("js/node_modules is not there: run `make js` first.")
    done = subprocess.run([node, ORACLE], input=json.dumps(texts), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_nothing_survives_in_jupyterlab_and_vs_code():
    """JupyterLab's way round marked, with mathematics taken out and put back, makes nothing of it but text."""
    texts = [safe_markdown(text) for text in [*EVERY_VECTOR, *shuffled(2, 800)]]
    assert {text: found for text, found in zip(texts, in_browsers(texts), strict=True) if found} == {}


def test_jupyterlab_would_run_the_vectors():
    """The same way shows that the vectors would run there: its eyes are open."""
    assert sum(bool(found) for found in in_browsers(EVERY_SENDABLE)) > 190


# What an author of Markdown expects ------------------------------------------------------------------------------

ORDINARY = """\
# A title

Some *emphasis*, **strong words**, ***both***, `code`, ~~struck~~ and **in**side a w*or*d.
A second line\\
and a hard break. A [link](http://example.org/a_b?c=d&e=f#g "Its title"), <http://example.org> and snake_case_name.

Setext
------

- tight
- list with `code`
  - nested
    1. deeper
    2. still
- end

3. starts at three

   with a paragraph

4. loose

> A quote
> over lines
>
> > nested

```python
def f(x):

    return "<b>" * x  # ``` inside
```

| left | right | both |
|:-----|------:|:----:|
| `a\\|b` | **2** | x \\| y |

***

2 * 3 * 4 = 24, 1 < 2 > 0, a & b, "quotes" – dashes, [brackets] and C# 😀 1\\. x
"""


def test_ordinary_markdown_looks_the_same():
    """Headings, lists, tables, code, quotes, links and emphasis are rendered as they were before."""
    assert rendered(safe_markdown(ORDINARY)) == rendered(ORDINARY)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain, with (brackets), 50 % and snake_case.", "plain, with (brackets), 50 % and snake_case."),
        ("a <b>bold</b> claim", "a &lt;b>bold&lt;/b> claim"),
        ("- [ ] to do\n- [x] done", "- [ ] to do\n- [x] done"),
        ("* a\n* b\n\n+ c", "* a\n* b\n\n+ c"),
        ("7) a\n8) b", "7) a\n8) b"),
        ("```js hidden\nx\n```", "```js\nx\n```"),
        ("    indented", "```\nindented\n```"),
        ("see https://example.org/a_b.", "see <https://example.org/a_b>."),
        ("mail me@example.org!", "mail <me@example.org>!"),
        ("[a]: http://example.org\n\n[a], [b][a]", "[a](http://example.org), [b](http://example.org)"),
        ("![A cat](http://example.org/cat.png)", "[🖼 A cat (example.org)](http://example.org/cat.png)"),
        ("![A cat](data:image/png;base64,AAAA)", "🖼 A cat"),
        ("[site](HTTPS://example.org) [x](javascript:alert(1))", "[site](HTTPS://example.org) x"),
        ("[f](data/a b.csv)", "\\[f&#93;(data/a b.csv)"),
        ("[f](<data/a b.csv>) [h](#there)", "[f](data/a%20b.csv) [h](#there)"),
        ("| a |\n|---|\n| x<br>y |", "| a |\n| --- |\n| x<br>y |"),
        ("x<br>y", "x&lt;br>y"),
        ("`` a`b ``", "<code>a&#96;b</code>"),
        ("**「強調」**です", "**「強調」**&#12391;す"),
        ("これは**「強調」**です", "これ&#12399;**「強調」**&#12391;す"),
        ("*_a_*", "*_a_*"),
        ("", ""),
    ],
)
def test_what_is_written(text, written):
    """Each kind of Markdown has one plain form, and text is escaped only where it could be read as something else."""
    assert safe_markdown(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("$x^2$ and $a_1*b_1*c$", "$x^2$ and $a_1*b_1*c$"),
        ("\\(a_1 < b\\), the $n$th", "$a_1 < b$, the $n$&#116;h"),
        ("$$E = mc^2$$", "$$E = mc^2$$"),
        ("\\[\n\\begin{aligned}\na &= b \\\\\n- c &= d\n\\end{aligned}\n\\]", None),
        ("$$\n= x % note\n$$", "$$= x$$"),
        ("$50%$", "$50\\%$"),
        ("$a<b$", "$a< b$"),
        ("| a |\n|---|\n| $\\|x\\|$ |", "| a |\n| --- |\n| $\\vert x\\vert $ |"),
        ("$\\text{if $x$}$", "$\\text{if $x$}$"),
        ("\\begin{align}a\\end{align}", "$$\\begin{align}a\\end{align}$$"),
    ],
)
def test_maths_stays_maths(text, written):
    """Formulas keep their backslashes and underscores, stand on one line and have the delimiters all viewers know."""
    aligned = "$$\\begin{aligned} a &= b \\\\ - c &= d \\end{aligned}$$"
    assert safe_markdown(text) == (aligned if written is None else written)


@pytest.mark.parametrize(
    "text",
    [
        *("$5 and $10", "US$5 or A$7", "between $5-$10", "$HOME/$USER", "$100 (or 90) vs 100$", "a $ b $ c"),
        *("`$x` and `$y`", "\\[1\\] and \\[^note\\]", "\\$x\\$", "$5/month, 50$", "$$ and $$"),
    ],
)
def test_prices_and_variables_are_no_maths(text):
    """Dollars that open no formula are out of MathJax's sight: alone in their element, or escaped."""
    written = safe_markdown(text).replace("<span>\\$</span>", "").replace("\\$", "").replace("`$", "`")
    assert "$" not in written


@pytest.mark.parametrize(("text", "formulas"), json.loads((HERE / "fixtures" / "formulas.json").read_text("utf-8")))
def test_what_is_a_formula_is_the_same_as_in_the_browser(text, formulas):
    """One list of formulas, prices and variables is read here and by vitest, so that the two sides cannot drift apart."""
    parser = MarkdownIt("commonmark").enable("table")
    read_maths(parser)
    tokens = [inner for token in parser.parse(text, {}) for inner in (token, *(token.children or ()))]
    assert [token.markup for token in tokens if token.type.startswith("math_")] == formulas


def test_commands_that_reach_out_of_a_formula_are_shown_as_code():
    """Formulas that link, fetch, style or define for the whole page are not typeset."""
    for command in ("\\href{javascript:alert(1)}{x}", "\\require{html}", "\\def\\x{y}", "\\style{a}{b}"):
        assert safe_markdown(f"a ${command}$").startswith("a `$\\")
        assert safe_markdown(f"$$\n{command}\n$$").startswith(("```latex", "<pre>"))


def test_code_in_a_list_keeps_its_dollars():
    """JupyterLab sees mathematics in the code of a list, so that there code with dollars is HTML made of entities."""
    assert safe_markdown("- ```sh\n  echo $A $B\n  ```") == "- <pre><code>echo &#36;A &#36;B</code></pre>"
    assert safe_markdown("```sh\necho $A $B\n```") == "```sh\necho $A $B\n```"


def test_a_diagram_that_fetches_is_shown_as_text():
    """Mermaid is drawn where it only draws: a picture or a style in it would be fetched from its host."""
    assert safe_markdown("```mermaid\nflowchart LR\nA-->B\n```").startswith("```mermaid")
    assert safe_markdown('```mermaid\nflowchart LR\nA@{ img: "http://e/x" }\n```').startswith("```text")


def test_reading_it_again_changes_nothing():
    """Safe Markdown is its own safe Markdown: what was escaped is not escaped again."""
    for text in [ORDINARY, *EVERY_VECTOR, "$5 and $10, \\\\[x\\\\], `` a`b ``", "- ```\n  $x\n  ```"]:
        once = safe_markdown(text)
        assert safe_markdown(once) == once


# Whatever comes ------------------------------------------------------------------------------


def test_no_surrogate_and_no_control_character_leaves():
    """Lone surrogates, NUL, escape sequences and bidirectional overrides don't pass, entities or not."""
    hostile = "a\ud800\x00\x1b]0;t\x07\x9b31m\u202e&#27;&#x202E;&#0; `\u2066`"
    for text in (safe_markdown(hostile), plain_text(hostile)):
        assert text.encode()
        assert not {sign for sign in text if sign < " " or "\x7f" <= sign < "\xa0" or sign in "\u202e\u2066"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\r\nlines\rand\u2028three\tindented", "two\nlines\nand\nthree\tindented"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]52;c;Zm9v\x07", "␛]52;c;Zm9v␇"),
        ("nul\x00, c1\x9b, del\x7f", "nul\ufffd, c1\ufffd, del␡"),
        ("x\u202egnp.exe", "x\ufffdgnp.exe"),
        ("\ud83d \U0001f600 é", "\ufffd \U0001f600 é"),
    ],
)
def test_plain_text_is_seen_and_not_obeyed(text, shown):
    """In a terminal control characters are pictures: nothing sets its title, colour or clipboard."""
    assert plain_text(text) == shown


@pytest.mark.parametrize(
    "piece",
    [
        *("[", "![", "![[]()", "> ", ">", "- ", "*a _b", "**a* ", "~~[", "_[", "[a](", "[a](<b", "`a", "``a`", "<a "),
        *("$", "${", "$$x\n", "\\(", "\\[", "\\[\n", "\\begin{align}\n", "&", "\\", "@", "a@", "http://", "www.", "|"),
        *("|\n", "|a", "1. a\n", "\n- a\n  - b", "a\n=", "[x]: y\n", "***a ", "漢**「", "\n```\n", "#", "\t"),
    ],
)
def test_no_input_costs_more_than_its_length(piece):
    """Twenty thousand characters of any repeated sign are written in seconds, and half a million at once."""
    began = time.monotonic()
    safe_markdown((piece * 20_000)[:20_000])
    safe_markdown((piece * 500_000)[:500_000])
    assert time.monotonic() - began < 20  # some 2 s on a quiet machine; a square would take minutes


def test_what_is_too_deep_or_too_long_is_shown_as_it_came():
    """A text that can't be read in time or depth is one block of code, with nothing lost."""
    for text in (">" * 100_000 + "x", "- " * 5_000 + "x", "a **b** ``` " * 50_000):
        written = safe_markdown(text)
        assert text in written
        assert written.startswith("```")
        assert faults(written[:5_000] if len(written) > 300_000 else written) == []


def test_a_second_reading_has_the_last_word(monkeypatch):
    """If what was written were not tame after all, the whole answer would be shown as code."""
    monkeypatch.setattr(safe, "write", lambda tokens: "<img src=x onerror=alert(1)>")
    assert safe_markdown("hi") == "```\nhi\n```"
