"""What is published: the wheel that users install and the sdist that others build from."""

import subprocess
import sys
import tarfile
import zipfile

import pytest

from scripts import wheel


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return the files of the wheel and of the sdist, both built from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(build, cwd=wheel.ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as files:
        of_wheel = set(files.namelist())
    with tarfile.open(next(folder.glob("*.tar.gz"))) as files:
        of_sdist = {name.partition("/")[2] for name in files.getnames()}
    return of_wheel, of_sdist


def test_a_wheel_holds_the_front_end_and_its_types(published):
    """Whoever installs the wheel needs no Node, and a type checker sees nbchat's types."""
    of_wheel, _ = published
    assert set(wheel.HOLDS) <= of_wheel
    assert any(name.endswith("licenses/LICENSE") for name in of_wheel)


def test_a_wheel_holds_nothing_but_the_package(published):
    """Tests, scripts and sources of the front end stay out of site-packages."""
    of_wheel, _ = published
    assert {name.partition("/")[0].partition("-")[0] for name in of_wheel} == {"nbchat", "jupyter_nbchat"}


def test_an_sdist_holds_all_that_a_build_needs(published):
    """From the sdist the wheel can be built and tested again, front end included."""
    _, of_sdist = published
    needed = {
        "pyproject.toml",
        "hatch_build.py",
        "scripts/node.py",
        "js/package-lock.json",
        "js/cell/index.ts",
        "Makefile",
    }
    assert needed | set(wheel.HOLDS) <= of_sdist
    assert not any("node_modules" in name for name in of_sdist)
