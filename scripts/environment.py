"""Makes the project's environment, .venv, with the packages of requirements/: `make` calls this when they changed.

It is the one file that an old Python has to read, if only to say that it is too old, and it imports nothing that
is not in the standard library.
"""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PINS = ROOT / "requirements"
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")


def main() -> None:
    """Make the environment and fill it."""
    use_a_python_that_is_new_enough()
    if not works(PYTHON):
        make()
    install(PINS / "dev.txt")
    from node import machine_has_node

    if not machine_has_node():
        install(PINS / "node.txt")
    (VENV / ".packages").touch()


def use_a_python_that_is_new_enough() -> None:
    """Go on with a newer Python of this machine, or say what is missing."""
    if sys.version_info < (3, 11):
        for name in NEWER:
            found = shutil.which(name)
            if found and works(pathlib.Path(found), "sys"):
                os.execv(found, [found, *sys.argv])  # noqa: S606 - the same script once more, with a newer Python
        stop(
            f"nbchat needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}: "
            "install one, or name it with `make PYTHON=...`."
        )
    try:
        import ensurepip
        import venv
    except ImportError:
        stop(
            f"{sys.executable} comes without venv: install it (on Debian and Ubuntu `apt install python3-venv`), "
            "or name another Python with `make PYTHON=...`."
        )
    del ensurepip, venv


def works(python: pathlib.Path, module: str = "pip") -> bool:
    """Whether a Python runs, is new enough and has a module: half an environment is made again."""
    check = f"import sys, {module}; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([str(python), "-c", check], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def make() -> None:
    """Make an empty environment."""
    say(f"Environment: .venv, with Python {sys.version.split()[0]}")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True, check=False)
    if made.returncode:
        stop("The environment could not be made: " + last_lines(made.stdout + made.stderr))


def install(pins: pathlib.Path) -> None:
    """Install exactly what a file of pins holds; every file that is fetched has to have one of its hashes."""
    total = len(re.findall(r"^[\w.-]+==", pins.read_text(encoding="utf-8"), flags=re.MULTILINE))
    what = f"Packages: {pins.relative_to(ROOT)}"
    progress = Progress(what)
    command = [PYTHON, "-m", "pip", "install", "--no-deps", "--require-hashes", "--no-input", "--progress-bar", "off"]
    pip = subprocess.Popen(
        [*command, "-r", pins], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    said = collections.deque(maxlen=200)  # type: collections.deque[str]
    seen = 0
    for line in pip.stdout or ():
        said.append(line)
        if line.startswith(("Collecting ", "Requirement already satisfied: ")):
            seen += 1
            name = re.split(r"[=<>!~; ]", line.split(": ")[-1].replace("Collecting ", ""), maxsplit=1)[0].strip()
            progress.show(f"{seen} of {total}, {name}", 0.99 * seen / total)
        elif line.startswith("Installing collected packages"):
            progress.show("unpacking all of them", 1)
    if pip.wait():
        progress.end("failed")
        stop("pip could not install the packages:\n" + last_lines("".join(said)))
    progress.end()


class Progress:
    """One line that changes on a terminal; in a log, a few lines."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.began = time.monotonic()
        self.told = 0
        self.live = sys.stdout.isatty()
        if not self.live:
            say(what)

    def show(self, state: str, share: float) -> None:
        """Say how far it is."""
        if self.live:
            sys.stdout.write(f"\r\033[K{self.what} … {state}"[: shutil.get_terminal_size().columns + 3])
            sys.stdout.flush()
        elif int(4 * share) > self.told:
            self.told = int(4 * share)
            say(f"  {state}")

    def end(self, state: str = "done") -> None:
        """Say how it ended and how long it took."""
        took = f"{state} in {time.monotonic() - self.began:.0f} s"
        say(f"\r\033[K{self.what} … {took}" if self.live else f"  {took}")


def last_lines(text: str, count: int = 12) -> str:
    """Return what a tool said last: the reason is there."""
    return "\n".join(text.strip().splitlines()[-count:])


def say(line: str) -> None:
    """Print a line at once, also into a log."""
    print(line, flush=True)


def stop(sentence: str) -> None:
    """End with a sentence instead of a traceback."""
    sys.exit(sentence)


if __name__ == "__main__":
    main()
