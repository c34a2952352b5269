"""The house as a whole: who may know whom, what an import costs, and what the files around the code promise."""

import ast
import gc
import json
import pathlib
import re
import subprocess
import sys
import tomllib

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEST_FILES = sorted((ROOT / "tests").rglob("test_*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rooms():
    """Return who imports whom in nbchat."""
    return grimp.build_graph("nbchat", cache_dir=None)


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.relative_to(ROOT / "tests").as_posix())
def test_every_test_says_its_truth(path):
    """Each test has a docstring that is one sentence."""
    # A collection in the middle of it, whose finalizers parse something in turn, is an error in Python 3.11.
    gc.disable()
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            sentence = ast.get_docstring(node) or ""
            assert re.fullmatch(r"\S[^\n]*(\n[^\n]+)*[.!?]", sentence), (
                f"{node.name} (line {node.lineno}): {sentence!r}"
            )


def test_magics_and_panel_do_not_know_each_other(rooms):
    """Two doors of one session never reach each other, not even by a third room."""
    doors = {"nbchat.jupyter.magics", "nbchat.jupyter.panel"}
    for door in doors & rooms.modules:
        for other in (doors - {door}) & rooms.modules:
            assert rooms.find_shortest_chain(door, other) is None


def test_no_room_imports_the_front_door(rooms):
    """The front door knows the rooms, no room knows it: otherwise every room would know all the others."""
    assert rooms.find_modules_that_directly_import("nbchat") == set()


def test_importing_nbchat_imports_nothing_dear():
    """`import nbchat` loads no other distribution, no event loop, no database and no TLS."""
    ask = (
        "import sys; before = set(sys.modules); import nbchat; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = set(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split())
    foreign = loaded - sys.stdlib_module_names - {"nbchat"}
    dear = loaded & {"asyncio", "concurrent", "email", "http", "multiprocessing", "sqlite3", "ssl", "urllib"}
    assert (foreign, dear) == (set(), set())


def test_the_pins_satisfy_the_project():
    """Every requirement of pyproject.toml is pinned, at a release that satisfies it."""
    pinned = {}
    for file in ("dev.txt", "node.txt", "fuzz.txt"):
        for line in (ROOT / "requirements" / file).read_text(encoding="utf-8").splitlines():
            if found := re.match(r"([\w.-]+)==(\S+)", line):
                pinned.setdefault(canonicalize_name(found[1]), set()).add(found[2])
    extras = PROJECT["project"]["optional-dependencies"]
    asked = [
        *PROJECT["project"]["dependencies"],
        *(line for name in extras if name != "all" for line in extras[name]),
        *(line for group in PROJECT["dependency-groups"].values() for line in group),
    ]
    for requirement in map(Requirement, asked):
        releases = pinned.get(canonicalize_name(requirement.name), set())
        assert any(requirement.specifier.contains(release) for release in releases), (str(requirement), releases)


def test_the_lock_holds_every_platform():
    """What a package of the front end brings for other platforms is locked too, or `npm ci` would refuse there."""
    locked = json.loads((ROOT / "js" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = {name for package in locked.values() for name in package.get("optionalDependencies", {})}
    assert {name for name in wanted if f"node_modules/{name}" not in locked} == set()


def test_the_pins_name_no_host():
    """Whoever installs chooses the index: the pins say what to fetch and its hash, never from where."""
    pins = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "requirements").iterdir())
    lock = json.loads((ROOT / "js" / "package-lock.json").read_text(encoding="utf-8"))
    assert "://" not in pins
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
