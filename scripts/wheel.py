"""`make build`: makes the wheel and the sdist, and tries the wheel as a user would, in an environment of its own."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
HOLDS = ("nbchat/py.typed", *(f"nbchat/jupyter/static/{name}.js" for name in ("cell", "maths", "panel")))
TRY = """
import importlib.resources, IPython, nbchat
shell = IPython.InteractiveShell.instance()
shell.run_line_magic("load_ext", "nbchat")
assert "chat" in shell.magics_manager.magics["cell"]
assert importlib.resources.files("nbchat").joinpath("jupyter/static/cell.js").is_file()
print("Wheel: nbchat", nbchat.__version__, "installs alone, loads, and brings its front end")
"""


def make() -> pathlib.Path:
    """Build both from a clean slate; return the wheel's path."""
    shutil.rmtree(DIST, ignore_errors=True)
    print("Build: dist/", flush=True)
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST, ROOT])
    return next(DIST.glob("*.whl"))


def inspect(wheel: pathlib.Path) -> None:
    """Fail if something is missing that only a build puts in."""
    with zipfile.ZipFile(wheel) as files:
        missing = set(HOLDS) - set(files.namelist())
    if missing:
        sys.exit(f"{wheel.name} lacks {', '.join(sorted(missing))}")


def try_out(wheel: pathlib.Path) -> None:
    """Install the wheel and what it depends on into an empty environment, away from the sources, and load it."""
    with tempfile.TemporaryDirectory() as folder:
        python = pathlib.Path(folder, "venv", "bin", "python")
        run([sys.executable, "-m", "venv", pathlib.Path(folder, "venv")])
        run([python, "-m", "pip", "install", "--quiet", "--no-input", wheel])
        run([python, "-m", "pip", "check"])
        tried = subprocess.run([python, "-c", TRY], cwd=folder, check=False)
    if tried.returncode:
        sys.exit(f"{wheel.name} does not work where nothing else is installed: see above")


def run(command: list[str | pathlib.Path]) -> None:
    """Run a command quietly; what it said comes out only if it failed."""
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{ran.stdout}\n{' '.join(map(str, command))} failed")


if __name__ == "__main__":
    wheel = make()
    inspect(wheel)
    try_out(wheel)
