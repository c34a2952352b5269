"""A scripted server behind TLS, and an HTTP proxy: both real, on 127.0.0.1."""

from __future__ import annotations

import base64
import select
import socket
import socketserver
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripted import PATIENCE, ScriptedServer

TLS = Path(__file__).parent / "tls"
AUTHORITY = TLS / "authority.pem"


class SecureServer(ScriptedServer):
    """A scripted server that speaks TLS, with a certificate of an authority that only the tests know."""

    def __init__(self) -> None:
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "server.pem")
        accept = self.listener.get_request

        def get_request() -> tuple[Any, Any]:
            connection, address = accept()
            # The handshake is the handler's, in a thread of its own.
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        self.listener.get_request = get_request
        self.port = self.listener.server_address[1]
        self.url = f"https://localhost:{self.port}/v1"


class Proxy:
    """An HTTP proxy: tunnels for https (CONNECT), whole requests passed on for http.

    Every host that is asked for is at the same place: *port* of 127.0.0.1.

    Attributes:
        asked: The request lines it got.
        headers: The headers of each.
    """

    def __init__(self, port: int, password: str = "") -> None:
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline().decode().strip()
                headers: dict[str, str] = {}
                while (header := self.rfile.readline().decode()).strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                outer.asked.append(line)
                outer.headers.append(headers)
                expected = "Basic " + base64.b64encode(password.encode()).decode()
                if password and headers.get("proxy-authorization") != expected:
                    self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                    return
                with socket.create_connection(("127.0.0.1", port), PATIENCE) as there:
                    method, target, _ = line.split(" ")
                    if method == "CONNECT":
                        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    else:
                        parts = urlsplit(target)
                        path = parts.path + (f"?{parts.query}" if parts.query else "")
                        kept = {name: value for name, value in headers.items() if not name.startswith("proxy-")}
                        head = "".join(
                            f"{name}: {value}\r\n" for name, value in {**kept, "connection": "close"}.items()
                        )
                        there.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
                        there.sendall(self.rfile.read(int(headers.get("content-length", 0))))
                    self._pump(there)

            def _pump(self, there: socket.socket) -> None:
                here = self.connection
                while True:
                    ready, _, _ = select.select([here, there], [], [], PATIENCE)
                    for one in ready:
                        data = one.recv(65536)
                        if not data:
                            return
                        (there if one is here else here).sendall(data)
                    if not ready:
                        return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A side that goes away is what ends a tunnel."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
