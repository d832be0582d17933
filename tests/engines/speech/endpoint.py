"""A transcription endpoint on loopback that answers from a script and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """One answer; `body` is text, or a value that becomes JSON. `drops` breaks the connection instead."""

    body: Any = ""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    drops: bool = False
    waits_s: float = 0.0


class Request(NamedTuple):
    """What came: the path, the headers in lower case, the form's fields (lists keep their order), the file."""

    path: str
    headers: dict[str, str]
    fields: dict[str, list[str]]
    file: bytes


class Endpoint:
    """`url` is the base URL; `replies` are given in order, the last one for ever."""

    def __init__(self, url: str, replies: list[Reply]) -> None:
        self.url, self.replies, self.requests = url, replies, list[Request]()
        self.closing = threading.Event()


@contextmanager
def endpoint(*replies: Reply) -> Iterator[Endpoint]:
    """Serves on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.told = Endpoint(f"http://127.0.0.1:{server.server_port}/v1", list(replies))  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.told  # type: ignore[attr-defined]
    finally:
        server.told.closing.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        told: Endpoint = self.server.told  # type: ignore[attr-defined]
        told.requests.append(self._request())
        reply = told.replies[min(len(told.requests), len(told.replies)) - 1]
        told.closing.wait(reply.waits_s)
        self.close_connection = True
        if reply.drops:
            return
        is_text = isinstance(reply.body, str)
        body = (reply.body if is_text else json.dumps(reply.body)).encode()
        self.send_response(reply.status)
        plain = {"Content-Type": "text/plain" if is_text else "application/json", "Content-Length": str(len(body))}
        for name, value in (plain | {"Connection": "close"} | dict(reply.headers)).items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # whoever asked may have left
            self.end_headers()
            self.wfile.write(body)

    def _request(self) -> Request:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        form = BytesParser().parsebytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\n\n" + body)
        fields: dict[str, list[str]] = {}
        file = b""
        for part in form.get_payload():
            content = part.get_payload(decode=True)
            if part.get_filename():
                file = content
            else:
                fields.setdefault(part.get_param("name", header="content-disposition"), []).append(content.decode())
        return Request(self.path, {k.lower(): v for k, v in self.headers.items()}, fields, file)

    def log_message(self, *told: object) -> None:
        """Silent."""
