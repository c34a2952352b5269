"""Answers in a form that the caller asked for: whether one is, and what the model is told where it is not."""

from __future__ import annotations

import json
from typing import Any

from nbchat.errors import AnswerFormatError, CutOffError, RefusedError
from nbchat.session.completion import Completion
from nbchat.session.endings import cut_off
from nbchat.tools.structured import Format

__all__ = ["REMARK", "check", "mending"]

# Said below an answer that was asked for twice; its tokens count twice, too.
REMARK = "the first answer did not have the form that was asked for, and the model was asked once more"


def check(completion: Completion, form: Format) -> None:
    """See whether an answer has its form.

    Raises:
        RefusedError: The model declined to answer.
        CutOffError: It was ended before its end.
        AnswerFormatError: It has another form; the error's text says what does not fit.
    """
    text = completion.text
    if completion.message.refusal:
        raise RefusedError(f"The model declined to answer: {completion.message.refusal}", text=text)
    if why := cut_off(completion.finish_reason):
        raise CutOffError(
            f"The answer is not whole: it was {why}.", hint="What had arrived is in the error's text; a larger max_tokens may do.",
            text=text,
        )  # fmt: skip
    form.parse(text)


def mending(completion: Completion, form: Format, problem: AnswerFormatError) -> list[dict[str, Any]]:
    """Return the messages that ask for an answer once more: what was wrong with it, and what it has to be."""
    wanted = f"JSON that fits this schema: {json.dumps(dict(form.schema))}" if form.schema else "JSON"
    said = [{"role": "assistant", "content": completion.text}] if completion.text else []
    return [*said, {"role": "user", "content": f"{problem.args[0]} Answer again, with nothing but {wanted}"}]
