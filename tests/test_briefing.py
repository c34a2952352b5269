"""What the model is told of functions, and of what came of them."""

from nbchat.embedded.briefing import plain, with_offer
from nbchat.embedded.offer import read_offer

WEATHER = {
    "name": "get_weather",
    "description": "Get the weather of a city.\n\nIt asks a service.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Its name."}, "day": {"anyOf": [{"type": "string"}]}},
    },
}
TOOLS = [{"type": "function", "function": each} for each in (WEATHER, {"name": "now"})]
MAY, MUST = read_offer({"tools": TOOLS}), read_offer({"tools": TOOLS, "tool_choice": "required"})
USER = {"role": "user", "content": "Hi"}


def test_a_small_model_is_told_in_a_line_each():
    """What a function is for and how it is called, and no more."""
    assert with_offer([USER], MUST, small=True) == [
        {
            "role": "system",
            "content": 'To get the weather of a city, use {"name": "get_weather", "arguments": {"city": string, "day": value}}'
            '\nUse {"name": "now", "arguments": {}}',
        },
        USER,
    ]


def test_a_small_model_that_may_choose_is_shown_that_it_may():
    """Where no call is required, an answer in words and a call stand right before a question, but not before a result."""
    first, *example, last = with_offer([USER], MAY, small=True)
    assert (first, last) == (with_offer([USER], MUST, small=True)[0], USER)
    assert [message["role"] for message in example] == ["user", "assistant"] * 2
    assert ["<tool_call>" in message["content"] for message in example] == [False, False, False, True]
    earlier = [USER, {"role": "assistant", "content": "Hello."}]
    assert with_offer([*earlier, USER], MAY, small=True) == [first, *earlier, *example, last]
    called = [USER, *plain([{"role": "tool", "tool_call_id": "1", "content": "one"}], small=True)]
    assert with_offer(called, MAY, small=True, answered=True) == called
    alike = {"role": "user", "content": called[-1]["content"]}
    assert with_offer([alike], MAY, small=True) == [first, *example, alike]


def test_a_small_model_reads_results_without_marks():
    """It is told of calls and results in plain words, and after the last one what was asked."""
    call = {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    results = [{"role": "tool", "tool_call_id": "1", "content": text} for text in ("one", "two")]
    told = plain([USER, {"role": "assistant", "content": "", "tool_calls": [call]}, *results], small=True)
    assert [message["content"] for message in told] == [
        USER["content"],
        "I will use f.",
        f"The result is: one\nThe result is: two\n\nNow answer the question: {USER['content']}",
    ]


def test_other_models_are_told_everything():
    """Descriptions and schemas are told as JSON, behind what the system said already."""
    first, second = with_offer([{"role": "system", "content": "Be terse."}, USER], MAY, small=False)
    assert first["role"] == "system"
    assert first["content"].startswith("Be terse.\n\n")
    assert '"description": "Its name."' in first["content"]
    assert '<tool_call>{"name": NAME, "arguments": ARGUMENTS}</tool_call>' in first["content"]
    assert second == USER


def call(identifier, name, arguments):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_calls_and_results_are_text():
    """A template that knows no tools shows what was called as the model wrote it, and the results in the user's turn."""
    messages = [
        USER,
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call("1", "f", '{"a": 1}'), call("2", "g", "")]},
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "assistant", "content": "Done."},
        {"role": "assistant", "content": "", "function_call": {"name": "h", "arguments": "{}"}},
        {"role": "tool", "name": "h", "content": "three"},
    ]
    assert plain(messages) == [
        USER,
        {
            "role": "assistant",
            "content": 'Let me see.\n<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>'
            '\n<tool_call>{"name": "g", "arguments": {}}</tool_call>',
        },
        {
            "role": "user",
            "content": "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>",
        },
        {"role": "assistant", "content": "Done."},
        {"role": "assistant", "content": '<tool_call>{"name": "h", "arguments": {}}</tool_call>'},
        {"role": "user", "name": "h", "content": "<tool_response>\nthree\n</tool_response>"},
    ]
