"""What a model's file says of itself, and how much room it gets."""

import pytest
from local_model import model_file

from nbchat.embedded.gguf import Plan, check, plan_for, read_header
from nbchat.embedded.refusal import Refusal


def llama(**facts):
    return {
        "general.architecture": "llama",
        **{f"llama.{name.replace('__', '.')}": fact for name, fact in facts.items()},
    }


LLAMA3_8B = llama(
    context_length=131_072, block_count=32, embedding_length=4096, attention__head_count=32, attention__head_count_kv=8
)


def test_the_header_of_a_model_is_read():
    """Numbers, texts and lists before the vocabulary are read, and the vocabulary is not."""
    header = read_header(model_file())
    assert header["general.architecture"] == "llama"
    assert header["general.languages"] == ["en"]
    assert header["llama.context_length"] == 8192
    assert not any(name.startswith("tokenizer.") for name in header)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + b"\xff" * 100, b"GGUF" + bytes(100), b"text " * 50])
def test_a_damaged_header_is_read_as_far_as_it_goes(tmp_path, content):
    """No file is too damaged to be looked at."""
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content)
    assert set(read_header(path)) <= {""}


def test_a_small_model_has_four_slots_of_its_own_context():
    """What fits is given in full: four slots, and the context that the model was trained on."""
    assert plan_for(llama(context_length=2048, block_count=30, embedding_length=576, attention__head_count=9)) == Plan(
        slots=4, context=2048
    )


def test_a_large_model_has_fewer_slots():
    """Where the memory for four slots would be too much, there are fewer, down to one."""
    assert plan_for(LLAMA3_8B) == Plan(slots=2, context=4096)
    assert plan_for({**LLAMA3_8B, "llama.block_count": 320}) == Plan(slots=1, context=4096)


def test_a_header_that_says_nothing_counts_as_a_large_model():
    """What is not known is taken to be dear."""
    assert plan_for({}) == Plan(slots=1, context=4096)


def test_numbers_by_layer_count_as_the_largest():
    """An architecture whose layers differ gets room for the largest in each."""
    assert plan_for({**LLAMA3_8B, "llama.attention.head_count_kv": [0, 8, 0, 8]}) == plan_for(LLAMA3_8B)


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [("nothing.gguf", 404, "There is no file"), ("text.gguf", 400, "is not a GGUF file"), (".", 400, "it is a folder")],
)
def test_what_is_no_model_is_one_sentence(tmp_path, name, status, sentence):
    """A missing file is a 404, anything but GGUF a 400, each with the path."""
    (tmp_path / "text.gguf").write_text("Once upon a time")
    with pytest.raises(Refusal, match=sentence) as caught:
        check(tmp_path / name)
    assert caught.value.status == status
    assert str(tmp_path) in caught.value.message
