"""``python -m benchmarks [--quick] [NAME …]``: measure, and print tables in Markdown."""

from __future__ import annotations

import argparse

from benchmarks import chunks, concurrency, imports, latency, notebook, panel, transports

_ALL = {
    "chunks": ("CPU per streamed chunk", lambda quick: chunks.main(3 if quick else 7)),
    "concurrency": ("A thousand streams at once", lambda quick: concurrency.main(1 if quick else 5)),
    "imports": ("From nothing to the first token", lambda quick: imports.main(3 if quick else 7)),
    "latency": ("From the server's write to the user's code", lambda quick: latency.main(1 if quick else 3)),
    "transports": ("What to put beneath httpx", lambda quick: transports.main(3 if quick else 7)),
    "notebook": ("From the kernel to the page", lambda quick: notebook.main(quick=quick)),
    "panel": ("In the page", lambda quick: panel.main(quick=quick)),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which, of {', '.join(_ALL)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and faster tokens: for a first look")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(_ALL):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    for name in arguments.names or _ALL:
        title, measure = _ALL[name]
        print(f"**{title}**\n\n{measure(arguments.quick)}\n", flush=True)


if __name__ == "__main__":
    main()
