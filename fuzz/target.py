"""The fuzzer's own process: libFuzzer, through atheris, against :func:`fuzz.properties.check`.

``python -m fuzz.target FOLDER … [-flag=value …]`` with the folders and flags of libFuzzer; :mod:`fuzz.__main__` gives them.
"""

from __future__ import annotations

import sys

import atheris

# What is imported in here reports which of its branches an input takes.
with atheris.instrument_imports(include=["nbchat"]):
    from fuzz.properties import check

if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
