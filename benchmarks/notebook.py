"""What an answer costs on its way from the kernel to the page: bytes, messages and the kernel's CPU.

%%chat sends what is new, some thirty times a second. The peer shows the whole text anew at every token, as most chat
magics do, and gets its tokens from openai-python.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from benchmarks.kernel import Kernel, Traffic, fresh_kernel
from benchmarks.runs import table
from benchmarks.server import markdown, serving

_RATE = 200
# How much faster the tokens come with --quick.
_HASTE = 10
_PEER = """\
import openai
from IPython.display import Markdown, display
client = openai.OpenAI()
handle, text = display(Markdown(""), display_id=True), ""
for chunk in client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}], stream=True):
    if chunk.choices[0].delta.content:
        text += chunk.choices[0].delta.content
        handle.update(Markdown(text))"""


@dataclass
class _Cost:
    size: int
    messages: int
    cpu: float

    def row(self) -> list[str]:
        return [f"{self.size / 1e6:.2f}", f"{self.messages:,}", f"{self.cpu:.2f}"]


def _cpu(kernel: Kernel) -> float:
    return float(kernel.value("__import__('time').process_time()"))


def _chat(base: str, tokens: int, rate: int) -> _Cost:
    with fresh_kernel(f"{base}/markdown-{tokens}-{rate}/v1") as kernel:
        kernel.run("%load_ext nbchat\nimport nbchat.jupyter.live")
        before = _cpu(kernel)
        with Traffic(kernel) as traffic:
            shown = kernel.run("%%chat -m m\nHello")
        text = "".join(text for delta in shown.deltas() for _, text in delta["texts"])
        assert text == markdown(tokens), f"not all of the text came: {shown.stderr} {shown.error}"
        assert shown.record["answers"][0]["message"]["content"] == text, "what is kept is not what came"
        return _Cost(traffic.size, traffic.messages, _cpu(kernel) - before)


def _display_update(base: str, tokens: int, rate: int) -> _Cost:
    with fresh_kernel(f"{base}/markdown-{tokens}-{rate}/v1") as kernel:
        kernel.run("import openai; openai.OpenAI().chat.completions")
        before = _cpu(kernel)
        with Traffic(kernel) as traffic:
            shown = kernel.run(_PEER)
        assert shown.markdown == markdown(tokens), f"not all of the text came: {shown.stderr} {shown.error}"
        return _Cost(traffic.size, traffic.messages, _cpu(kernel) - before)


def main(*, quick: bool = False) -> str:
    """Measure, and return the table."""
    rate = _RATE * (_HASTE if quick else 1)
    with serving() as base:
        short, long, peer = _chat(base, 4000, rate), _chat(base, 16000, rate), _display_update(base, 4000, rate)
    rows = [
        ["`%%chat`, 4,000 tokens", *short.row(), f"{peer.size / short.size:.0f}"],
        ["`%%chat`, 16,000 tokens", *long.row(), f"({long.size / short.size:.1f} × the bytes of 4,000)"],
        ["whole Markdown per token, 4,000 tokens", *peer.row(), "1"],
    ]
    return table([f"{rate} tokens/s", "MB", "messages", "kernel CPU, s", "peer's bytes ÷ its"], rows)


if __name__ == "__main__":
    print(main(quick="--quick" in sys.argv))
