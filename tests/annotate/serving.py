"""A real `pixmo annotate` in a process of its own, and plain HTTP to it with every header in our hands."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

COLOURS = ("#8a2b2b", "#2b8a3e", "#2b4c8a", "#c9a227", "#6b2b8a", "#2b8a86")


def make_pictures(folder: Path, count: int = 3) -> Path:
    """Pictures that differ at first sight: `a.png`, `b.jpg`, …"""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(count):
        gradient = Image.linear_gradient("L").resize((640, 480))
        picture = Image.composite(
            Image.new("RGB", gradient.size, COLOURS[n]), Image.new("RGB", gradient.size, "#eee"), gradient
        )
        picture.save(folder / f"{'abcdef'[n]}.{'png' if n % 2 == 0 else 'jpg'}")
    return folder


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


class Served:
    """The command, running; `links` by name. `kill` and `start` as often as one likes, on the same port."""

    def __init__(self, images: Path, out: Path, *options: str, kind: str = "speech") -> None:
        self.out, self.port = out, free_port()
        self.command = [
            sys.executable,
            "-m",
            "pixmo",
            "annotate",
            kind,
            str(images),
            str(out),
            "--port",
            str(self.port),
        ]
        self.command += options
        self.start()

    def start(self) -> None:
        """Starts it, and waits until it says where it is."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.told: list[str] = []
        for line in self.process.stdout:
            self.told.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                break
        found = (re.fullmatch(r"  (\S+) +(http\S+)", line) for line in self.told)
        self.links = {match[1]: match[2] for match in found if match}
        assert self.links, self.process.communicate()[1]

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.communicate()

    def stop(self, with_signal: int = signal.SIGINT) -> tuple[int, str]:
        """As a user does: exit code, and what was said at the end."""
        self.process.send_signal(with_signal)
        told = self.process.communicate(timeout=20)[1]
        return self.process.returncode, told

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The lines of a list in OUT."""
        return [json.loads(line) for line in (self.out / name).read_text().splitlines()]

    def manifest(self) -> list[dict[str, Any]]:
        """recordings.jsonl."""
        return self.rows("recordings.jsonl")


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Somebody who speaks HTTP by hand; `enter` opens a link and keeps its cookie, as a browser would."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie, self.room = port, "", "/"

    def ask(self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, **headers: str | None) -> Answer:
        """One request, with the headers our own pages send; one given as None is left out, `_` in a name means `-`."""
        origin = f"http://127.0.0.1:{self.port}"
        usual: dict[str, str | None] = {"host": origin[7:], "cookie": self.cookie or None}
        if method not in ("GET", "HEAD"):
            usual |= {"origin": origin, "x-pixmo": "1"}
        usual |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path if path.startswith("/") else self.room + path, skip_host=True)
            data = body if isinstance(body, bytes) else b"" if body is None else None
            for name, value in usual.items():
                if value is not None:
                    connection.putheader(name, value)
            if data is not None and "content-length" not in usual:
                connection.putheader("content-length", str(len(data)))
            elif data is None:
                connection.putheader("transfer-encoding", "chunked")
            connection.endheaders(data if data is not None else body, encode_chunked=data is None)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def enter(self, link: str) -> Answer:
        """Opens a personal link."""
        answer = self.ask("GET", "/" + link.split("/", 3)[3])
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
            self.room = re.search(r"path=([^;]+)", answer.headers["set-cookie"], re.IGNORECASE)[1]  # type: ignore[index]
        return answer

    def post(self, path: str, **values: Any) -> Answer:
        """A JSON object to one's room."""
        return self.ask("POST", path, json.dumps(values).encode())

    def agree(self) -> Caller:
        """Consents to the text that is shown."""
        version = re.search(rb'data-version="([^"]+)"', self.ask("GET", "").body)
        if version:
            assert self.post("consent", version=version[1].decode()).status == 200
        return self

    def picture(self) -> int | None:
        """The picture that should be described now; None when there is none."""
        found = re.search(rb'data-picture="(\d+)"', self.ask("GET", "").body)
        return None if found is None else int(found[1])

    def append(self, token: str, picture: int, offset: int, piece: bytes) -> Answer:
        """The next piece of a recording."""
        return self.ask("PATCH", f"uploads/{token}?picture={picture}&offset={offset}", piece)

    def submit(self, picture: int, token: str | None = None, **value: Any) -> Answer:
        """Hands an answer in."""
        return self.post(f"answers/{token or secrets.token_hex(16)}", picture=picture, **value)

    def describe(self, picture: int, sound: bytes) -> Answer:
        """Hands a whole recording in; the last answer."""
        token = secrets.token_hex(16)
        for at in range(0, len(sound), 2**20):
            assert self.append(token, picture, at, sound[at : at + 2**20]).status == 200
        return self.post(f"uploads/{token}", picture=picture, sha256=hashlib.sha256(sound).hexdigest())


def annotator(served: Served, name: str) -> Caller:
    """Somebody who opened their link and agreed."""
    caller = Caller(served.port)
    caller.enter(served.links[name])
    return caller.agree()
