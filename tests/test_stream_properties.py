"""What holds for any bytes a server can send: values or an error with a kind, at a cost that grows with the bytes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import UNHURRIED

from fuzz.__main__ import SEEDS, quoted
from fuzz.properties import check, outcome, packed, without_frames
from fuzz.reference import reference_events
from fuzz.words import WORDS
from nbchat.errors import ProtocolError
from nbchat.wire.decode import ChunkDecoder, read_json, too_large
from nbchat.wire.frame import Frame, frame_of
from nbchat.wire.sse import MAX_EVENT_BYTES, Event, EventDecoder

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


def chunk(text: str = "x", **more: Any) -> bytes:
    """One event with one chunk, as servers write it."""
    data = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}
    return b"data: %b\n\n" % json.dumps(data, separators=(",", ":")).encode()


STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'

# ---- any bytes -----------------------------------------------------------------------------------------------------

SEED_FILES = sorted(SEEDS.glob("*.sse"))
# Events that are nearly right reach further than words at random.
STRAYS = st.sampled_from(WORDS) | st.binary(max_size=4)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
NUMBERS = st.sampled_from(
    ["NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 310, "-" + "9" * 5_000, "1e-999", "0.1"]
)
JSON_TEXTS = st.recursive(
    st.none().map(json.dumps) | st.booleans().map(json.dumps) | NUMBERS | TEXTS.map(json.dumps) | st.floats().map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(TEXTS, inner, max_size=3).map(
            lambda items: "{" + ",".join(f"{json.dumps(name)}:{item}" for name, item in items.items()) + "}"
        )
    ),
    max_leaves=6,
)  # fmt: skip
CHUNKS = st.builds(
    lambda text, index, extra, name, finish: (
        f'{{"choices":[{{"index":{index},"delta":{{"{name}":{json.dumps(text)}}},"x":{extra}{finish}}}]}}'
    ).encode("utf-8", "surrogatepass"),
    TEXTS,
    st.sampled_from(["0", "0", "0", "1", "null", "NaN"]),
    JSON_TEXTS,
    st.sampled_from(["content", "content", "content", "reasoning", "reasoning_content", 'content":"","reasoning', "x"]),
    st.sampled_from(["", "", "", ',"finish_reason":"stop"', ',"finish_reason":null']),
)
ENDS = st.sampled_from([b"\n", b"\n", b"\n", b"\r", b"\r\n"])
LINES = st.one_of(
    CHUNKS.map(lambda payload: b"data: " + payload),
    CHUNKS.map(lambda payload: b"data:" + payload),
    JSON_TEXTS.map(lambda payload: b"data: " + payload.encode("utf-8", "surrogatepass")),
    st.builds(lambda name, colon, value: name + colon + value,
              st.sampled_from([b"data", b"event", b"error", b"id", b"retry", b"", b"DATA", b"data "]), st.sampled_from([b"", b":", b": ", b":  "]), STRAYS),
    st.sampled_from([b"data: [DONE]", b"event: error", b": keep-alive", b""]),
    STRAYS,
)  # fmt: skip
STREAMS = st.tuples(
    st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf", b"\xef\xbb"]),
    st.lists(st.tuples(LINES, ENDS, st.just(b"") | ENDS).map(b"".join), max_size=12).map(b"".join),
).map(b"".join)


@UNHURRIED
@given(STREAMS | st.lists(STRAYS, max_size=30).map(b"".join))
def test_any_bytes_keep_the_promises(received: bytes):
    """Any bytes, cut anywhere, are the same values and the same error; the standard's own way and the long way agree."""
    check(received)


@UNHURRIED
@given(st.sampled_from(SEED_FILES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), STRAYS), max_size=4))
def test_damaged_recordings_keep_the_promises(path: Path, damage: list[tuple[float, int, bytes]]):
    """A recording with bytes put in, taken out or replaced keeps them too."""
    received = path.read_bytes()[:2500]
    for place, gone, stray in damage:
        at = int(place * len(received))
        received = received[:at] + stray + received[at + gone :]
    check(received)


@pytest.mark.parametrize("path", SEED_FILES, ids=lambda path: path.stem)
def test_recordings_keep_the_promises(path: Path):
    """What the fuzzer begins with passes the fuzzer's own question, without the fuzzer."""
    check(path.read_bytes())


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b"\0" * 50,
        b"\xef\xbb\xbf" + chunk() + STOP,
        b"\xef\xbb\xbf\xef\xbb\xbf" + chunk() + chunk() + STOP,
        (chunk("a") + chunk("b\u2028c\u0085d")).replace(b"\n", b"\r\n") + chunk().replace(b"\n", b"\r") + STOP,
        chunk("\ud800") + chunk("x", **{"\udfff": {"\ud800": "\udc00"}}) + STOP,
        chunk().replace(b"x", b"\xff\xed\xa0\x80\xc3") + chunk("y") + STOP,
        chunk(a=float("nan"), b=[float("inf"), {"c": -float("inf")}]) * 3 + STOP,
        chunk().replace(b"null", b"9" * 5_000) * 3 + STOP,
        chunk("9" * 5_000) * 3 + STOP,
        chunk().replace(b'"index":0', b'"index":' + b"9" * 5_000),
        b'data: {"error":' + b"9" * 5_000 + b"}\n\n",
        chunk() + b"data: " + b"[" * 100_000 + b"\n\n",
        chunk() + b'data: {"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}\n\n",
        b'event: error\ndata: {"message":' + b"[" * 100_000 + b"\n\n",
        # a frame's text that ends its string early, and one that holds the frame
        chunk("a") + chunk("b") + chunk("X").replace(b"X", b'","content":"Y') + STOP,
        chunk("a") + chunk("b") + chunk("X").replace(b"X", b"\\") + chunk("c") + STOP,
        chunk("a") + chunk("b") + chunk("X").replace(b'"X"', b'"') + chunk("c") + STOP,
        chunk("a") * 2 + chunk("b")[:-1] + chunk("c") + STOP,
        chunk(chunk("a").decode()) * 3 + STOP,
        chunk("a") * 3 + b"data: [DONE]\n\n" + chunk("late") + b"data: {broken\n\n",
    ],
    ids=range(21),
)  # fmt: skip
def test_hostile_bytes_keep_the_promises(received: bytes):
    """What is known to have broken some client or other breaks no promise here."""
    check(received)


@UNHURRIED
@given(st.lists(st.tuples(TEXTS | st.just("x" * 400), st.integers(0, 2)), min_size=1, max_size=12), st.integers(1, 900))
def test_the_short_cut_is_the_long_way(deltas: list[tuple[str, int]], size: int):
    """Chunks read by their frame are those read in full, whatever the texts, and however often the frame changes."""
    received = b"".join(chunk(text, created=frame) for text, frame in deltas) + STOP
    pieces = [received[at : at + size] for at in range(0, len(received), size)]
    expected, _ = outcome([received], without_frames())
    assert (outcome([received])[0], outcome(pieces)[0]) == (expected, expected)


@pytest.mark.parametrize("name", ["content", "reasoning_content", "reasoning"])
def test_nearly_every_chunk_takes_the_short_cut(name: str, monkeypatch: pytest.MonkeyPatch):
    """Of a thousand chunks in reads of any size and with any line end, only the first ones are read in full."""
    count = 0

    def counted(self: Frame, received: bytes) -> dict[str, Any] | None:
        nonlocal count
        data = read(self, received)
        count += data is not None
        return data

    read = Frame.read
    monkeypatch.setattr(Frame, "read", counted)
    for end in (b"\n", b"\r\n", b"\r"):
        received = b"".join(chunk(f" {number}") for number in range(1000)).replace(b"\n", end)
        received = received.replace(b"content", name.encode())
        for size in (len(chunk(" 0")), 5_000, len(received)):
            count = 0
            chunks = outcome([received[at : at + size] for at in range(0, len(received), size)])[1]
            assert len(chunks) == 1000
            assert count >= 0.8 * 1000, (end, size)


def test_choices_that_take_turns_are_not_looked_at_each_time(monkeypatch: pytest.MonkeyPatch):
    """Where every other chunk has another frame, the search for a frame is soon a rare one, and half the chunks have one."""
    looks = []
    monkeypatch.setattr("nbchat.wire.decode.frame_of", lambda *given: looks.append(frame_of(*given)) or looks[-1])
    received = b"".join(chunk("a") + chunk("b").replace(b'"index":0', b'"index":1') for _ in range(1000))
    assert len(outcome([received])[1]) == 2000
    assert len(looks) < 15
    assert None not in looks


def test_the_reference_is_the_standards():
    """The standard's own examples come out of the slow reader that the quick one is held against."""
    received = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event"
    assert reference_events(received) == ([("message", b"first event"), ("message", b"second event")], False)
    assert reference_events(b"data\n\ndata\ndata\n\ndata:") == ([("message", b""), ("message", b"\n")], False)
    assert reference_events(b"data: YHOO\rdata: +2\r\ndata: 10\n\n") == ([("message", b"YHOO\n+2\n10")], False)


# ---- how large an event may be -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param(b"data: " + b"x" * 5_000, id="a line that never ends"),
        pytest.param(b"data: x\n" * 1_000, id="lines of data without end"),
        pytest.param(b"data:\n" * 1_000, id="empty lines of data"),
        pytest.param(b": x\n" * 2_000, id="comments"),
        pytest.param(b": " + b"x" * 5_000, id="one comment"),
        pytest.param(b"event: x\n" * 1_000, id="types"),
        pytest.param(b"data: " + b"x" * 5_000 + b"\n\n", id="a whole event"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_an_event_has_a_limit(endless: bytes, size: int):
    """An event without end ends the answer with an error that says what to do, and keeps what came before it."""
    decoder = ChunkDecoder(max_event_bytes=4_000)
    received = chunk("kept") + endless + b"\n\n" + chunk("lost")
    chunks = [got for at in range(0, len(received), size) for got in decoder.feed(received[at : at + size])]
    assert [got.choices[0].delta.content for got in chunks] == ["kept"]
    assert decoder.done
    with pytest.raises(ProtocolError, match=r"more than 4000 bytes in one piece\. .*max_event_bytes") as caught:
        decoder.end()
    assert caught.value.kind == "invalid_chunk"
    assert caught.value.hint


def test_the_limit_is_exact():
    """An event as large as the limit is taken, and one that is a byte larger is not, in one piece and in many."""
    event = b"data: " + b"x" * 93 + b"\n"
    for size in (1, 3, 1_000):
        for limit, taken in ((len(event), [Event("message", b"x" * 93)]), (len(event) - 1, [])):
            decoder = EventDecoder(limit)
            received = event + b"\n"
            got = [found for at in range(0, len(received), size) for found in decoder.feed(received[at : at + size])]
            assert (got, decoder.overflowed) == (taken, not taken)


def test_many_events_are_not_one():
    """The limit is on one event: a stream may be as long as it likes, in one read or in many."""
    received = chunk("x" * 50) * 100
    for size in (1, 1_000, len(received)):
        decoder = ChunkDecoder(max_event_bytes=200)
        assert sum(len(decoder.feed(received[at : at + size])) for at in range(0, len(received), size)) == 100


def test_the_limit_is_told_as_people_count():
    """The error names the limit in MiB where it has any."""
    assert "more than 64 MiB" in str(too_large(MAX_EVENT_BYTES))
    assert "more than 1.5 MiB" in str(too_large(3 * MIB // 2))


def test_an_event_of_64_mib():
    """The largest event that is taken by default is a chunk like any other, and twice as much is an error."""
    head, tail = chunk("|").split(b"|")
    text = "y" * (MAX_EVENT_BYTES - len(head) - len(tail) + 1)
    received = head + text.encode() + tail
    decoder = ChunkDecoder()
    (got,) = [found for at in range(0, len(received), 1 * MIB) for found in decoder.feed(received[at : at + MIB])]
    assert got.choices[0].delta.content == text
    received = received.replace(b"y", b"yy", 1)
    assert decoder.feed(received) == []
    with pytest.raises(ProtocolError, match="64 MiB"):
        decoder.end()


# ---- what it costs -------------------------------------------------------------------------------------------------


def peak(pieces: Any) -> int:
    """How many bytes at most are in use at once while a decoder reads these pieces."""
    decoder = ChunkDecoder()
    tracemalloc.start()
    for piece in pieces:
        decoder.feed(piece)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def in_pieces(length: int, size: int, line: bytes) -> Any:
    """An event of so many bytes that never ends, made as it is read."""
    yield b"data: "
    endless = line * (size // len(line) + 1)
    for _ in range(length // size):
        yield endless[:size]


@pytest.mark.parametrize("line", [b"x", b"xxxxx\n", b"\ndata:", b"\ndata: ab"], ids=["line", "lines", "empty", "short"])
@pytest.mark.parametrize("size", [2, 1_000, 100_000])
def test_memory_grows_with_the_bytes(line: bytes, size: int):
    """What an open event needs is a small multiple of its bytes, whatever its lines and in however many pieces."""
    length = 20_000 if size == 2 else 400_000
    once, twice = peak(in_pieces(length, size, line)), peak(in_pieces(2 * length, size, line))
    # Up to two pieces that grow in place and are copied when they end, each with an eighth to spare, and one read.
    assert once < 4 * length + 20 * size
    assert twice < 2.5 * once + 100_000


def test_an_event_that_is_refused_is_let_go():
    """After an event that is too large nothing of it is kept, however much of it is still to come."""
    decoder = ChunkDecoder(max_event_bytes=MIB)
    tracemalloc.start()
    for _ in range(50):
        decoder.feed(b"x" * MIB)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert decoder.done
    assert kept < 20_000
    assert most < 8 * MIB


class Counted(bytearray):
    """The piece in which an open line grows, counting how many bytes are put into it."""

    written = 0

    def __iadd__(self, more: Any) -> Any:
        Counted.written += len(more)
        return super().__iadd__(more)


def test_a_byte_at_a_time_costs_no_more_than_its_bytes():
    """Of a large event that comes byte by byte every byte is written once, and none is read again."""
    decoder = EventDecoder()
    Counted.written = 0
    decoder.feed(b"d")
    decoder._open_line = Counted(decoder._open_line)
    line = b"data: " + b"x" * 300_000
    for at in range(1, len(line)):
        assert decoder.feed(line[at : at + 1]) == []
    assert type(decoder._open_line) is Counted
    assert Counted.written == len(line) - 1
    assert decoder.feed(b"\n\n") == [Event("message", b"x" * 300_000)]
    assert decoder._open_line == b""
    assert decoder._data is None


def calls(received: bytes, size: int) -> int:
    """How many calls of functions, Python's and C's, it takes to read a stream in pieces of a size."""
    count = 0

    def note(frame: object, event: str, function: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    decoder = ChunkDecoder()
    pieces = [received[at : at + size] for at in range(0, len(received), size)]
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for piece in pieces:
            decoder.feed(piece)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize(
    "unit",
    [
        chunk(),
        chunk() + chunk(created=1),
        chunk().replace(b"\n", b"\r\n"),
        b"data: x\n",
        b"data\n\n",
        b"\n",
        b": \r\n\r\n",
        chunk("\ud800"),
        chunk(a=float("nan")),
        b"data: {}\n\n",
        chunk("[" * 200 + "9" * 400),
    ],
    ids=range(11),
)
def test_work_grows_with_the_bytes(unit: bytes):
    """Twice the stream is twice the calls, in reads of any size."""
    for size in (1, 100, 100_000):
        once, twice = calls(unit * 100, size), calls(unit * 200, size)
        assert twice <= 2.2 * once + 100, size


def test_ten_thousand_lines_are_one_chunk():
    """A chunk may be spread over ten thousand lines of data, and cost what its bytes cost."""
    received = b'data: {"choices":[{"delta":{"content":"a"}\n' + b"data:\n" * 10_000 + b"data: }]}\n\n"
    chunks = outcome([received])[1]
    assert [got.choices[0].delta.content for got in chunks] == ["a"]
    assert calls(received, 1_000) < 10 * 10_000


def test_huge_numbers_are_found_at_once():
    """Looking for a number that is too long passes once over digits, be they one long row or many short ones."""
    for digits in (b"1" * MIB, (b"1" * 308 + b" ") * (MIB // 309), b"1.5," * (MIB // 4)):
        assert read_json(b'["' + digits + b'"]') == [digits.decode()]


def test_what_is_read_can_be_written():
    """The longest number that is taken can be printed and packed, and a longer one is null."""
    taken = read_json(b"[" + b"9" * 308 + b",-" + b"9" * 308 + b"," + b"9" * 309 + b"]")
    assert taken == [10**308 - 1, 1 - 10**308, None]
    assert float(taken[0]) == 1e308
    packed(taken)


# ---- the fuzzer ----------------------------------------------------------------------------------------------------


def test_the_fuzzer_says_where_it_cannot_run():
    """Without atheris the verb says so in one sentence, and is no failure."""
    blocked = "import sys; sys.modules['atheris'] = None; sys.argv = ['fuzz']; import runpy; runpy.run_module('fuzz', run_name='__main__')"
    process = subprocess.run([sys.executable, "-c", blocked], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.stderr == ""
    assert process.returncode == 0
    assert (
        process.stdout == "The fuzzer needs atheris, which is published for Linux on x86-64 only: nothing was fuzzed.\n"
    )


def test_the_fuzzers_words_are_quoted():
    """Every word is written for libFuzzer so that it reads the same bytes back."""
    for word in WORDS:
        said = quoted(word)
        assert said.isascii()
        read = re.sub(rb"\\x([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), said.encode())
        assert read == word


def test_the_property_can_fail(monkeypatch: pytest.MonkeyPatch):
    """A decoder that loses a line end at a cut, or lets NaN out, does not pass."""
    check(b"data: {}\r\n\r\n")
    with monkeypatch.context() as broken:
        broken.setattr(EventDecoder, "unified", lambda self, received: received.replace(b"\r", b"\n"))
        with pytest.raises(AssertionError):
            check(b"data: {}\r\ndata: 1\r\n\r\n")
    with monkeypatch.context() as broken:
        broken.setattr("nbchat.wire.decode._finite", float)
        with pytest.raises(ValueError, match="Out of range"):
            check(b'data: {"a": 1e999}\n\n')
