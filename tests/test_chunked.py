"""The chunks of a body, taken out of the bytes of a connection."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbchat.client.chunked import ChunkReader

# Bodies that look like what surrounds them.
BODIES = st.lists(st.binary(min_size=1, max_size=40) | st.text("\r\n0a5;", min_size=1).map(str.encode), max_size=8)


def read(received: list[bytes]) -> tuple[bytes, bytes | None, bool]:
    """What a reader makes of the reads of a connection: the body, what it left to another parser, whether it broke."""
    reader, body, rest = ChunkReader(), b"", None
    for read in received:
        if rest is not None:
            rest += read
        elif not reader.broken:
            body += reader.feed(read)
            rest = reader.rest
    return body, rest, reader.broken


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes into reads."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


@given(
    BODIES,
    st.sampled_from([b"%x", b"%X", b"000%x"]),
    st.sampled_from(
        [b"0\r\n\r\n", b"000\r\nx-took: 17\r\n\r\n", b"2;of=use\r\nab\r\n", b"zz\r\n", b"-1\r\n", b"f" * 16 + b"\r\n"]
    ),
    st.lists(st.integers(0, 500)),
)
def test_every_split_gives_the_same(pieces: list[bytes], size: bytes, rest: bytes, places: list[int]):
    """Wherever the reads are cut, the body is whole, and what is no plain chunk is left as it came."""
    wire = b"".join(size % len(piece) + b"\r\n" + piece + b"\r\n" for piece in pieces) + rest
    assert read(cut(wire, places)) == (b"".join(pieces), rest, False)


@given(st.sampled_from([b"\rx", b"x\n", b"\n\n", b"x\r\n", b"\r\r\n"]), st.lists(st.integers(0, 20)))
def test_a_chunk_that_is_longer_than_it_says(end: bytes, places: list[int]):
    """Where a chunk does not end as it said, its bytes were handed out, and the connection is told to be broken."""
    assert read(cut(b"3\r\nabc" + end, places)) == (b"abc", None, True)


def test_what_has_come_of_a_chunk_is_handed_out():
    """A large chunk need not be whole for its beginning to be read."""
    reader = ChunkReader()
    assert [reader.feed(b"ff\r\nab"), reader.feed(b"c"), reader.feed(b"d" * 252), reader.feed(b"\r\n1\r")] == [
        b"ab", b"c", b"d" * 252, b"",
    ]  # fmt: skip
    assert reader.feed(b"\ne\r\n") == b"e"


@pytest.mark.parametrize("size", [b"0x5", b"+5", b" 5", b"5_0", "٥".encode(), b""])
def test_only_digits_are_a_size(size: bytes):
    """What Python, but no server, would take for a hexadecimal number is not one."""
    wire = size + b"\r\nhello\r\n"
    assert read([wire]) == (b"", wire, False)
