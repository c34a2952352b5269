"""The embedded model in a real kernel: what somebody sees who has no key, no server and no settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernels import Kernel, new_name, when

PATIENCE = 90  # seconds: the model's weights may have to be fetched


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in which nothing was set."""
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    kernel.run("%load_ext nbchat\nimport nbchat")
    yield kernel
    kernel.stop()


def ask(kernel: Kernel, question: str, options: str = "-t 0 --seed 1 --max-tokens 24") -> str:
    """Ask in a session of its own, so that nothing was said before; return the answer."""
    shown = kernel.run(f"%%chat {options} -s {new_name()}\n{question}", patience=PATIENCE)
    assert shown.error is None, shown.error
    return shown.record["answers"][0]["message"]["content"]


def test_the_first_answer_says_who_gave_it(kernel: Kernel):
    """Whoever named no endpoint is told once what answers and how to name one."""
    first = kernel.run("%%chat --max-tokens 8\nHello", patience=PATIENCE)
    second = kernel.run("%%chat --max-tokens 8\nHello again")
    assert "no endpoint is set, so SmolLM2-135M" in first.outputs[0]["data"]["text/plain"]
    assert "OPENAI_BASE_URL" in first.outputs[0]["data"]["text/plain"]
    assert "no endpoint" not in second.outputs[0]["data"]["text/plain"]
    assert first.record["model"] == "SmolLM2-135M-Instruct"


def test_answers_are_the_models_own(kernel: Kernel):
    """Another question gets another answer; the same question, seed and temperature 0 get the same."""
    sea = ask(kernel, "Describe the sea.")
    assert ask(kernel, "Describe the sea.") == sea
    assert ask(kernel, "Describe a train.") != sea


def test_it_comes_token_by_token(kernel: Kernel):
    """The widget gets the text in many pieces while the model goes on."""
    shown = kernel.run(f"%%chat --max-tokens 60 -s {new_name()}\nTell a story.", patience=PATIENCE)
    assert len(shown.deltas()) > 5


def test_interrupting_the_model(kernel: Kernel):
    """The interrupt keeps the text and marks it; the next question is answered."""
    said = when(lambda m: m["msg_type"] == "comm_msg" and "delta" in str(m["content"]["data"]), kernel.interrupt)
    shown = kernel.run(
        f"%%chat -s {new_name()}\nCount from one to five hundred, in words.", seen=said, patience=PATIENCE
    )
    assert shown.error[0] == "Interrupted"
    assert shown.record["status"] == "cancelled"
    assert shown.record["answers"][0]["message"]["content"]
    assert ask(kernel, "Say hello.")


def test_the_documentations_examples_run_without_a_key(kernel: Kernel):
    """Examples that name a hosted model are answered too, and say plainly by whom."""
    shown = kernel.run(
        "client = nbchat.Client()\n"
        "r = client.chat.completions.create(model='gpt-4', messages=[{'role': 'user', 'content': 'Hi'}], n=3, max_tokens=8)\n"
        "print(len(r.choices), r.model)",
        patience=PATIENCE,
    )
    assert shown.stdout == "3 SmolLM2-135M-Instruct\n"
    assert "answers in place of gpt-4" in shown.stderr


def test_unloading_frees_the_model_and_asking_loads_it(kernel: Kernel):
    """After nbchat.unload() the next question is answered as before."""
    before = ask(kernel, "Describe the sea.")
    assert kernel.run("nbchat.unload()").error is None
    assert ask(kernel, "Describe the sea.") == before


def test_a_prompt_that_does_not_fit_is_refused_with_the_numbers(kernel: Kernel):
    """A prompt longer than the context is one sentence with the tokens it has and those that fit."""
    kernel.run("text = 'word ' * 20_000")
    shown = kernel.run(f"%%chat -s {new_name()}\n{{{{text}}}}", patience=PATIENCE)
    assert shown.error[0] == "ContextLengthError"
    assert sum(word.strip(".,()").replace(",", "").isdigit() for word in shown.error[1].split()) >= 2


def test_a_missing_file_is_one_sentence(kernel: Kernel):
    """local:PATH to a file that is not there names it."""
    shown = kernel.run(f"%%chat -m local:nowhere.gguf -s {new_name()}\nHi")
    assert "nowhere.gguf" in shown.one_line_error
