"""One reply of a model, as a person uses it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from nbchat.client.endpoint import Endpoint
from nbchat.errors import AnswerFormatError, ConfigurationError, ProtocolError
from nbchat.session.code import code_blocks
from nbchat.session.logprobs import Logprobs
from nbchat.session.markdown import safe_markdown
from nbchat.session.pricing import price
from nbchat.session.records import frame, records
from nbchat.tools.structured import Format
from nbchat.wire.decode import read_json
from nbchat.wire.limits import RateLimits
from nbchat.wire.messages import ChatCompletion, Choice, Message, ToolCall, Usage, content_text, total

__all__ = ["Completion"]


class Completion:
    """What the model answered. ``str()`` of it is the text; in a notebook it shows as Markdown.

    Args:
        answer: The answer as the API gives it.
        endpoint: The server it came from.
        choice: Which of its choices is the reply.
        rate_limits: What the answer's headers told of the server's limits.
        earlier: The answers of the same turn before this one, which asked for tools.
        form: The form that it was asked for in.

    Attributes:
        rate_limits: What the server said about its limits with this answer (``.requests``, ``.tokens``); ``None`` where it
            said nothing. It is about that moment, and not saved with the answer.
        answer: The answer as the API gives it.
        earlier: The answers of the same turn before this one, which asked for tools.

    Example:
        >>> completion = chat.send("What's Python?")  # doctest: +SKIP
        >>> completion.text, completion.usage.total_tokens  # doctest: +SKIP
    """

    def __init__(
        self,
        answer: ChatCompletion,
        endpoint: Endpoint,
        choice: int = 0,
        *,
        rate_limits: RateLimits | None = None,
        earlier: Sequence[Completion] = (),
        form: Format | None = None,
    ) -> None:
        self.answer = answer
        self._endpoint = endpoint
        self._index = choice
        self.rate_limits = rate_limits
        self.earlier = tuple(earlier)
        self._form = form

    def after(self, earlier: Sequence[Completion]) -> Completion:
        """Return the same reply as the last of several."""
        return self._with(choice=self._index, earlier=earlier)

    @property
    def choices(self) -> list[Choice]:
        """All answers of the request: ``n`` of them, as the API gives them; see :meth:`choice`."""
        return self.answer.choices

    def choice(self, index: int) -> Completion:
        """Return another of the answers as the reply, with a text, a value, probabilities and all else of its own.

        Args:
            index: Which of the ``n`` answers, from 0.

        Raises:
            ConfigurationError: There are not that many.

        Example:
            >>> completion = chat.send("A city?", n=3)  # doctest: +SKIP
            >>> [completion.choice(k).text for k in range(3)]  # doctest: +SKIP
        """
        if not any((choice.index or 0) == index for choice in self.choices):
            raise ConfigurationError(
                f"There is no answer {index}: they are numbered from 0 to {len(self.choices) - 1}."
            )
        return self._with(choice=index)

    def _with(self, *, choice: int, earlier: Sequence[Completion] | None = None) -> Completion:
        return Completion(
            self.answer,
            self._endpoint,
            choice,
            rate_limits=self.rate_limits,
            earlier=self.earlier if earlier is None else earlier,
            form=self._form,
        )

    @property
    def _choice(self) -> Choice:
        return next((c for c in self.choices if (c.index or 0) == self._index), None) or Choice({"message": {}})

    @property
    def message(self) -> Message:
        """The assistant's message."""
        return self._choice.message

    @cached_property
    def text(self) -> str:
        """The text of the answer."""
        return content_text(self.message.content) or self.message.refusal or ""

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended: ``stop``, ``length``, ``tool_calls``, ``content_filter``; ``None`` if it did not."""
        return self._choice.finish_reason

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls of tools that the model asks for."""
        return self.message.tool_calls or []

    @property
    def usage(self) -> Usage | None:
        """The tokens used, if the server counted them; where tools were called, those of all requests of the turn."""
        counted = [answer.usage for answer in (*(one.answer for one in self.earlier), self.answer) if answer.usage]
        return counted[0] if len(counted) == 1 else total(counted) if counted else None

    @property
    def model(self) -> str:
        """The model that answered, as the server names it."""
        return self.answer.model or ""

    @property
    def id(self) -> str:
        """The server's identifier of the answer."""
        return self.answer.id or ""

    @cached_property
    def parsed(self) -> Any:
        """The value that the answer is: of the type that was asked for, else decoded JSON; ``None`` where it is none."""
        try:
            if self._form is not None:
                return self._form.parse(self.text)
            return read_json(self.text.encode("utf-8", "replace"))
        except (AnswerFormatError, ProtocolError):
            return None

    @cached_property
    def logprobs(self) -> Logprobs | None:
        """How likely each token was, with what else the model might have said; ``None`` where the server told nothing.

        Ask for it with ``logprobs=True``, and with ``top_logprobs=5`` for five tokens at each place. In a notebook it shows
        as the text, shaded.
        """
        return Logprobs.read(self._choice.logprobs)

    def to_dataframe(self) -> Any:
        """Return the records that the answer is, as a pandas DataFrame.

        A list of records becomes a row each; so does the one list within an object; a single record becomes one row. Of a
        ``dict[str, list[City]]`` or ``dict[str, City]`` each row says in its column ``key`` what it stood under. Decimals,
        dates and times stay what they are.

        Raises:
            AnswerFormatError: The answer holds no records.
            ConfigurationError: pandas is not installed.

        Example:
            >>> chat.send("Three cities, please.", response_format=list[City]).to_dataframe()  # doctest: +SKIP
        """
        keyed = self._form is not None and self._form.keyed
        return frame(records(self.parsed, self.text, keyed=keyed))

    @cached_property
    def code(self) -> list[str]:
        """The fenced code blocks of the text, in order."""
        return [block.source for block in code_blocks(self.text)]

    @cached_property
    def cost(self) -> float | None:
        """The price in US dollars of the request, or of all requests of the turn; ``None`` where one's is not known."""
        prices = [one.cost for one in self.earlier] + [price(self.answer.usage, self.model, self._endpoint)]
        known = [one for one in prices if one is not None]
        return sum(known) if len(known) == len(prices) else None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as the API gives it."""
        return self.answer.to_dict()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Completion {self.text[:60]!r} from {self.model or 'no model'}, finish_reason={self.finish_reason!r}>"

    def _repr_llm_(self) -> str:
        # Put into another question it is what was said, not what was made safe to show.
        return self.text

    def _repr_markdown_(self) -> str:
        return safe_markdown(self.text)
