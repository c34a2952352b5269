"""`make kernels`: runs what depends on the kernel on every ipykernel that nbchat supports, each in an environment of its own.

The pinned environment has one of them. How a message reaches a kernel that runs a cell differs from release to release,
so Stop is proven on each: with a kernel alone, and in a real JupyterLab.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".cache" / "kernels"
# The last of each series: 6 has no subshells, 7.4 sends a widget's messages elsewhere than those before it.
RELEASES = ("6.31.0", "7.1.0", "7.2.0", "7.3.0", "7.4.0")
TESTS = ("tests/test_stop.py", "tests/browser/test_journey.py", "tests/browser/test_panel.py")
ONLY = "stop or embedded_model"


def environment(release: str) -> pathlib.Path:
    """Return the environment with one release of ipykernel and what nbchat needs; it is made where it is missing."""
    folder = ENVIRONMENTS / release
    spec = folder / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    if not spec.exists():
        print(f"Environment: {folder.relative_to(ROOT)}", flush=True)
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        needed = [*project["dependencies"], *project["optional-dependencies"]["local"], f"ipykernel=={release}"]
        python = folder / "bin" / "python"
        for command in (
            [sys.executable, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", "--quiet", "--no-input", *needed],
            [python, "-m", "ipykernel", "install", "--prefix", folder],  # the kernel then names this very Python
        ):
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return folder


def main(releases: list[str]) -> int:
    """Run the tests on these releases, or on all; return 1 if any of them failed."""
    failed = []
    for release in releases or RELEASES:
        path = environment(release) / "share" / "jupyter"
        print(f"Kernel: ipykernel {release}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", *TESTS, "-k", ONLY]
        ran = subprocess.run(command, cwd=ROOT, env={**os.environ, "JUPYTER_PATH": str(path)}, check=False)
        if ran.returncode:
            failed.append(release)
    print(f"Failed: ipykernel {', '.join(failed)}" if failed else "All of them passed", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
