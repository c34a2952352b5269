"""Checks that the guide's notebooks are committed without outputs; `--fix` takes them out."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def cleaned(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook as it is committed: what people wrote, and nothing that a run or a machine left in it."""
    return {
        "cells": [_cleaned_cell(cell) for cell in notebook["cells"]],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cleaned_cell(cell: dict[str, Any]) -> dict[str, Any]:
    kept = {key: cell[key] for key in ("attachments", "cell_type", "id", "source") if key in cell}
    if isinstance(cell["source"], str):
        kept["source"] = cell["source"].splitlines(keepends=True)
    kept["metadata"] = {key: cell["metadata"][key] for key in ("tags", "jupyter") if key in cell["metadata"]}
    if cell["cell_type"] == "code":
        kept |= {"execution_count": None, "outputs": []}
    return dict(sorted(kept.items()))


def written(notebook: dict[str, Any]) -> str:
    """Return the file's text, laid out as Jupyter writes it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    """Check, or mend, the notebooks named, else all of the guide."""
    fix = "--fix" in arguments
    named = [pathlib.Path(argument) for argument in arguments if argument != "--fix"]
    unclean = 0
    for path in named or sorted((ROOT / "notebooks").glob("*.ipynb")):
        before = path.read_text(encoding="utf-8")
        after = written(cleaned(json.loads(before)))
        if before == after:
            continue
        if fix:
            path.write_text(after, encoding="utf-8")
            print(f"{path.name}: outputs taken out")
        else:
            unclean += 1
            print(f"{path.name} holds outputs or marks of a run: `make format` takes them out", file=sys.stderr)
    return 1 if unclean else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
