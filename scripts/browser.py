"""Finds a Chromium for the browser tests, or gets one: `make test` calls this, and the tests ask it where it is.

The machine's own comes first; Debian's package next, when this is root; then the one that Playwright brings. Where none
of these can be had, the tests fail with a sentence rather than being skipped: a green run has to mean that the
journeys in a real JupyterLab were made.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable")
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
DEBIAN = ("chromium", "fonts-dejavu-core", "fonts-liberation")  # without fonts a screenshot has boxes for letters
MISSING = (
    "The browser tests need Chromium or Chrome and none could be had: install one "
    "(`apt install chromium`, `brew install --cask chromium`), or give its path in NBCHAT_CHROMIUM."
)


def find() -> str | None:
    """Return the path of a browser that starts, or None."""
    named = os.environ.get("NBCHAT_CHROMIUM")
    if named:
        return named if _starts(named) else None
    for candidate in (*filter(None, map(shutil.which, NAMES)), *APPLICATIONS):
        if _starts(candidate):
            return candidate
    own = _playwrights_own()
    return own if own and _starts(own) else None


def get() -> str | None:
    """Install a browser where none is found, and return its path."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    apt = shutil.which("apt-get") is not None
    if root and apt and _is_debian():
        print("Chromium: none found, installing Debian's package", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if _did(["apt-get", "update"], env=quiet) and _did(
            ["apt-get", "install", "-y", "--no-install-recommends", *DEBIAN], env=quiet
        ):
            found = find()
            if found:
                return found
    print("Chromium: none found, installing Playwright's", flush=True)
    with_libraries = ["--with-deps"] if root and apt else []
    _did([sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"])
    return find()


def _starts(path: str) -> bool:
    """Whether it is a browser and not, say, Ubuntu's stub that only names a snap."""
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _playwrights_own() -> str | None:
    """Return where Playwright keeps its Chromium; asked in a process of its own, a test may be running one here."""
    ask = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as playwright: print(playwright.chromium.executable_path)"
    )
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=120, check=False)
    path = asked.stdout.strip()
    return path if path and pathlib.Path(path).exists() else None


def _is_debian() -> bool:
    """Whether apt's chromium is a real package here; Ubuntu's is a stub for a snap."""
    try:
        lines = pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return "ID=debian" in lines


def _did(command: list[str], env: dict[str, str] | None = None) -> bool:
    """Run an installer quietly; what it said comes out only if it failed."""
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        check=False,
    )
    if ran.returncode:
        print("\n".join(ran.stdout.strip().splitlines()[-8:]), file=sys.stderr)
    return ran.returncode == 0


def main() -> None:
    """Say where the browser is, after getting one if need be."""
    path = find()
    if path is None and os.environ.get("NBCHAT_CHROMIUM"):
        sys.exit("NBCHAT_CHROMIUM names no browser that starts: " + os.environ["NBCHAT_CHROMIUM"])
    path = path or get()
    if path is None:
        sys.exit(MISSING)
    print(path)


if __name__ == "__main__":
    main()
