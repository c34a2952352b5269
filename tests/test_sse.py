"""Server-sent events: bytes to events, as the WHATWG standard has them."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import RECORDINGS, UNHURRIED, Recording, cut

from nbchat.wire.sse import Event, EventDecoder


def events(*pieces: bytes) -> list[Event]:
    """Every event of a stream that comes in these pieces."""
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        # the standard's own examples
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("message", b"YHOO\n+2\n10")]),
        (b"data\n\ndata\ndata\n\ndata:", [("message", b""), ("message", b"\n")]),
        (b"data:test\n\ndata: test\n\n", [("message", b"test")] * 2),
        (b": comment\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n", [b"first", b"second", b" third"]),
        # the three line ends, also mixed
        (b"data: a\r\rdata: b\r\n\r\ndata: c\n\ndata: d\r\n\n", [b"a", b"b", b"c", b"d"]),
        (b"data: a\rdata: b\n\r", [b"a\nb"]),
        # nothing else ends a line
        ("data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\0h\n\n".encode(), ["a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\0h".encode()]),
        # one byte order mark, and only at the very start
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [b"b"]),
        (b"data: \xef\xbb\xbfa\n\n", [b"\xef\xbb\xbfa"]),
        (b"\xef\xbbdata: a\n\ndata: b\n\n", [b"b"]),
        # types
        (b"event: ping\ndata: a\n\ndata: b\n\n", [("ping", b"a"), ("message", b"b")]),
        (b"event: ping\n\ndata: b\n\n", [("message", b"b")]),
        (b"event: ping\nevent:\ndata: b\n\n", [("message", b"b")]),
        (b"event: \xff\ndata: b\n\n", [("\ufffd", b"b")]),
        # our one addition
        (b'error: {"message": "no"}\n\n', [("error", b'{"message": "no"}')]),
        # what is no event
        (b"\n\n\n:\n\nretry: 3\n\nid: 7\n\nnonsense\n\nDATA: x\n\n data: y\n\n", []),
        (b"data: open", []),
        (b"data: open\n", []),
        (b"", []),
    ],
)  # fmt: skip
def test_the_standard(received: bytes, expected: list[bytes | tuple[str, bytes]]):
    """Each rule of the standard holds, with the whole stream in one piece and byte by byte."""
    wanted = [Event("message", event) if isinstance(event, bytes) else Event(*event) for event in expected]
    assert events(received) == wanted
    assert events(*cut(received, 1)) == wanted


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_any_split_gives_the_same_events(recording: Recording):
    """Wherever the network cuts a recording, once or at every so many bytes, the events are the same."""
    received, expected = recording.received, events(recording.received)
    for size in (1, 2, 3, 7, 4096):
        assert events(*cut(received, size)) == expected
    for at in range(len(received)):
        assert events(received[:at], received[at:]) == expected


@UNHURRIED
@given(
    st.lists(
        st.sampled_from(
            [b"data", b"event", b"error", b"id", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"x", b"\xef\xbb\xbf", b"\xef", b"data: {}\n\n", b"\0"]
        ),
        max_size=40,
    ).map(b"".join),
    st.lists(st.integers(0, 200), max_size=6),
)  # fmt: skip
def test_arbitrary_splits_change_nothing(received: bytes, places: list[int]):
    """Any bytes cut at any places, empty pieces included, give the events of the whole."""
    edges = [0, *sorted(min(place, len(received)) for place in places), len(received)]
    pieces = [received[start:end] for start, end in pairwise(edges)]
    assert events(*pieces) == events(received)


def test_many_lines_of_data_are_one_event():
    """An event of a hundred thousand lines is joined once."""
    (event,) = events(b"data: x\n" * 100_000, b"\n")
    assert event.data == b"\n".join([b"x"] * 100_000)


def test_shuffled_sizes():
    """Pieces of uneven sizes, as a network has them, are pieces like any other."""
    received = b"".join(recording.received.lstrip(b"\xef\xbb\xbf") + b"\n\n" for recording in RECORDINGS)
    expected = events(received)
    dice = random.Random(7)
    for _ in range(5):
        pieces, at = [], 0
        while at < len(received):
            size = dice.choice([1, 2, 5, 60, 1000])
            pieces.append(received[at : at + size])
            at += size
        assert events(*pieces) == expected
