"""What streams are made of: the fuzzer puts these into its inputs, and the tests build theirs of them."""

from __future__ import annotations

__all__ = ["WORDS"]

WORDS = (
    # lines and their ends
    b"data: ", b"data:", b"data", b"event: ", b"event: error", b"error: ", b"id: 1", b"retry: 3", b": keep-alive", b":", b" ",
    b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb", b"\xef", b"\0",
    # what ends no line
    "\u2028".encode(), "\u0085".encode(), b"\x0b", b"\x0c", b"\x1c",
    # bytes that are no UTF-8: a half, a byte that never occurs, half of a pair written out
    b"\xc3", b"\xff", b"\xed\xa0\x80",
    # JSON, and what goes by its name
    b"{", b"}", b"[", b"]", b",", b'"', b"\\", b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0000", b"\\n", b'\\"',
    b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"9" * 310, b'"\\ud800":', b"{}", b"[DONE]",
    # chunks
    b'"choices":', b'"choices":[{', b'"index":0', b'"index":1', b'"delta":{', b'"content":"', b'"content":[{"type":"text","text":"',
    b'"role":"assistant"', b'"finish_reason":"stop"', b'"finish_reason":null', b'"usage":{"total_tokens":1}', b'"error":',
    b'"error":{"message":"no","code":429}', b'"tool_calls":[{', b'"id":"a"', b'"function":{', b'"name":"f"',
    b'"arguments":"{}"', b'"arguments":{}', b'"reasoning_content":"', b'"reasoning_details":[{', b'"thinking":[{',
    b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', b'data: {"choices":[{"delta":{"content":"\\u00e9"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n', b"data: [DONE]\n\n",
)  # fmt: skip
