"""The fenced code blocks of an answer."""

import copy
import pickle

import pytest

from nbchat.session.code import CodeBlock, code_blocks


def test_blocks_come_in_order_with_their_language():
    """Each fence gives a block, in the order of the text, with the first word after the fence as its language."""
    blocks = code_blocks('a\n```Python title="x"\nprint(1)\n```\nb `c`\n\n    no fence\n\n~~~\nq\n~~~\n')
    assert [(block.source, block.language) for block in blocks] == [("print(1)", "python"), ("q", "")]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("1. do\n\n   ```\n   if x:\n\n       y\n   ```", "if x:\n\n    y"),
        ("> ```\n> a\n> ```", "a"),
        ("- - ```\n    a\n    ```", "a"),
        ("````\n```\na\n```\n````", "```\na\n```"),
        ("```\ncut off", "cut off"),
        ("```\n```", ""),
        ("<div>\n```\na\n```\n</div>", "a"),
    ],
)
def test_a_fence_is_found_where_it_stands(text, source):
    """In lists and quotes the indentation is not part of the code; a fence cut off counts to its end."""
    assert code_blocks(text) == [source]


@pytest.mark.parametrize("text", ["", "`a`", "    a", "``\na\n``", "text ``` text ``` text"])
def test_what_is_no_fence_gives_no_block(text):
    """Indented code, code within a line and plain text are not blocks."""
    assert code_blocks(text) == []


def test_a_block_is_a_string_and_a_value():
    """A block can be run, compared, copied and pickled, and not changed."""
    block = CodeBlock("x = 1", "python")
    assert block == "x = 1"
    assert type(block.source) is str
    assert repr(block) == "CodeBlock('x = 1', language='python')"
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert (twin, twin.language) == (block, "python")
    with pytest.raises(AttributeError, match="immutable"):
        block.language = "r"


def test_depth_and_length_cost_little():
    """Ten thousand quotes in one another, and a megabyte of fences, are read without ado."""
    assert code_blocks(">" * 10_000 + "```\n") == []
    assert len(code_blocks("```\na\n```\n" * 20_000)) == 20_000
