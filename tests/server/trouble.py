"""A web server that misbehaves on request, and remembers who asked what and when.

What it does stands in the path: `/<behaviour>:<arguments>/<what is served in the end>`. Pictures are registered by name
and served as `/p/<name>`. So `/unready:2/p/cat.jpg` answers 503 twice and then the cat, for each path anew.

    with TroubleServer() as server:
        server.pictures["cat.jpg"] = jpeg_bytes
        url = server.url("/stall:1000/p/cat.jpg", host="slow.test")
        …
        server.log[0].path

It speaks HTTP/1.1 with keep-alive over raw sockets, in a thread of its own, and serves any `Host`. Alone:
`python -m tests.server.trouble --port 8000 FOLDER…` registers the files of the folders and serves until it is stopped.

behaviour              what happens
/p/NAME                the picture; /chunked/… chunked, /close/… HTTP/1.0 without a length, /slow:0.1/… after 0.1 s
/limited:60:1/…        429 above 60 per second of this host, `Retry-After: 1`; `:date2` a date in 2 s, `:none` no header
/unready:2/…           503 for the first 2 requests of this path; `:5` adds `Retry-After: 5`; /flaky:2:reset/… resets
/status:404            that status; `/status:429?Retry-After=x` with headers from the query
/redirect:3/…          3 hops, then the rest; /loop:2 a circle of 2; /to:302?u=URL anywhere; /nowhere no Location
/hang /reset /garbage  no answer; connection reset; bytes that are no HTTP
/stall:1000/…          1,000 bytes of the body, then nothing; /drip:16/… 16 bytes a second
/cut:1000/…            closes after 1,000 bytes of the declared length; `:once` only the first time
/short:10/…            declares 10 bytes fewer than it sends
/html /svg /empty      200 with such a body, as image/jpeg
/gzip/… /deflate/… /br/…    encoded though not asked to be; /bomb:100 gzip of 100 MB; /badgzip says gzip and is not
/declare:10000000000   declares that many bytes and sends some; /endless chunks without end
/noai/… /tdm/… /header?NAME=VALUE&…#…   opt-out headers; any headers (with /p/NAME as `path`)
/cookie/…              sets a cookie
/robots.txt            `server.robots[host]`, else 404
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import ssl
import threading
import time
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit


class Seen(NamedTuple):
    """One request as it arrived; `at` is `time.monotonic()`."""

    at: float
    host: str
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Request:
    """A request on its way through the behaviours; `path` is what is left of the path."""

    seen: Seen
    path: str
    query: dict[str, str]
    writer: asyncio.StreamWriter
    args: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)

    def arg(self, number: int, default: str = "") -> str:
        """The behaviour's argument, or the default."""
        return self.args[number] if len(self.args) > number else default


class Hangup(Exception):
    """Close this connection now."""


class TroubleServer:
    """See the module. A context manager: the server lives in a thread of its own while the block runs."""

    def __init__(
        self, port: int = 0, tls: ssl.SSLContext | None = None, addresses: tuple[str, ...] = ("127.0.0.1",)
    ) -> None:
        self.port = port
        self._addresses = addresses  # loopback ones: each is a host of its own to who asks by address
        self.pictures: dict[str, bytes] = {}
        self.robots: dict[str, str] = {}
        self.log: list[Seen] = []
        self.connections = 0  # ever opened
        self.sent: Counter[str] = Counter()  # body bytes by path
        self._tls = tls
        self._times: Counter[str] = Counter()
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._tasks: dict[asyncio.Task[None], tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve_thread, name="trouble", daemon=True)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a path; another host needs a resolver that leads here."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    @property
    def open(self) -> int:
        """Connections that the other side has not closed."""
        return sum(not (r.at_eof() or w.is_closing()) for r, w in list(self._tasks.values()))

    def asked(self, part: str = "") -> list[Seen]:
        """The requests so far whose path contains `part`."""
        return [seen for seen in self.log if part in seen.path]

    def __enter__(self) -> TroubleServer:
        self._thread.start()
        if not self._started.wait(10):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve_thread(self) -> None:
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """Serves until `__exit__` or cancellation."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        servers = []
        for address in self._addresses:
            server = await asyncio.start_server(self._connected, address, self.port, ssl=self._tls, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            servers.append(server)
        self._started.set()
        try:
            await self._stop.wait()
        finally:
            for server in servers:
                server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks[task] = reader, writer
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (Hangup, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, a behaviour hung up, or the server stops: each ends the connection
        finally:
            self._tasks.pop(task, None)
            writer.transport.abort() if not writer.is_closing() and writer.transport.get_write_buffer_size() else None
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:]) if k}
        if target.startswith("http://"):  # asked as a proxy
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        host = headers.get("host", "").rsplit(":", 1)[0]
        seen = Seen(time.monotonic(), host, method, target, headers)
        self.log.append(seen)
        parts = urlsplit(target)
        await self._serve(Request(seen, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), writer))
        await writer.drain()
        return headers.get("connection", "").lower() != "close"

    async def _serve(self, request: Request) -> None:
        """Takes the first part off the path and does what it says."""
        first, _, rest = request.path.removeprefix("/").partition("/")
        if first == "p":
            return await self._reply(request, self.pictures.get(unquote(rest)))
        name, *request.args = first.split(":")
        request.path = "/" + rest
        behaviour: Callable[[Request], Awaitable[None]] | None = getattr(self, "_do_" + name.replace(".", "_"), None)
        if behaviour is None:
            return await self._reply(request, None)
        return await behaviour(request)

    async def _reply(
        self, request: Request, body: bytes | None, status: int = 200, declared: int | None = None
    ) -> None:
        """A whole answer; None is a 404."""
        if body is None:
            status, body = 404, b"no such page"
        await self._head(request, status, len(body) if declared is None else declared, kind_of(body))
        await self._send(request, body)

    async def _head(self, request: Request, status: int, length: int | None, kind: str = "text/plain") -> None:
        lines = [f"HTTP/1.1 {status} Because", f"Content-Type: {kind}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"Content-Length: {length}"] if length is not None else []
        lines += [f"{name}: {value}" for name, value in request.headers]
        request.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8"))

    async def _send(self, request: Request, data: bytes) -> None:
        request.writer.write(data)
        self.sent[request.seen.path] += len(data)
        await request.writer.drain()

    def _picture(self, request: Request) -> bytes:
        return self.pictures.get(unquote(request.path.removeprefix("/p/")), b"")

    def _count(self, request: Request) -> int:
        """How often this path of this host was asked, this time included."""
        key = request.seen.host + request.seen.path
        self._times[key] += 1
        return self._times[key]

    # what is served in the end, in other manners

    async def _do_chunked(self, request: Request) -> None:
        request.headers.append(("Transfer-Encoding", "chunked"))
        body = self._picture(request)
        await self._head(request, 200, None, kind_of(body))
        for start in range(0, len(body), 4096):
            piece = body[start : start + 4096]
            await self._send(request, b"%x\r\n%s\r\n" % (len(piece), piece))
        await self._send(request, b"0\r\n\r\n")

    async def _do_close(self, request: Request) -> None:
        body = self._picture(request)
        request.writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: " + kind_of(body).encode() + b"\r\n\r\n")
        await self._send(request, body)
        raise Hangup

    async def _do_slow(self, request: Request) -> None:
        await asyncio.sleep(float(request.arg(0, "0.1")))
        await self._serve(request)

    async def _do_cookie(self, request: Request) -> None:
        request.headers.append(("Set-Cookie", "visited=yes; Path=/"))
        await self._serve(request)

    async def _do_noai(self, request: Request) -> None:
        who = request.arg(0)
        request.headers.append(("X-Robots-Tag", f"{who}: noai, noimageai" if who else "noai"))
        await self._serve(request)

    async def _do_tdm(self, request: Request) -> None:
        request.headers.append(("TDM-Reservation", request.arg(0, "1")))
        await self._serve(request)

    async def _do_header(self, request: Request) -> None:
        request.headers += request.query.items()
        await self._serve(request)

    async def _do_robots_txt(self, request: Request) -> None:
        text = self.robots.get(request.seen.host)
        await self._reply(request, None if text is None else text.encode())

    # refusals

    async def _do_limited(self, request: Request) -> None:
        now, recent = time.monotonic(), self._recent[request.seen.host]
        while recent and now - recent[0] >= 1:
            recent.popleft()
        if len(recent) < float(request.arg(0)):
            recent.append(now)
            return await self._serve(request)
        wait = request.arg(1, "1")
        if wait != "none":
            date = formatdate(time.time() + float(wait[4:] or 1), usegmt=True) if wait.startswith("date") else wait
            request.headers.append(("Retry-After", date))
        return await self._reply(request, b"slow down", 429)

    async def _do_unready(self, request: Request) -> None:
        if self._count(request) > int(request.arg(0)):
            return await self._serve(request)
        if request.arg(1):
            request.headers.append(("Retry-After", request.arg(1)))
        return await self._reply(request, b"later", 503)

    async def _do_flaky(self, request: Request) -> None:
        if self._count(request) > int(request.arg(0)):
            return await self._serve(request)
        return await self._do_reset(request)

    async def _do_status(self, request: Request) -> None:
        request.headers += request.query.items()
        await self._reply(request, b"" if request.arg(0) in ("204", "304") else b"as you say", int(request.arg(0)))

    # redirects

    async def _go(self, request: Request, where: str, status: int = 302) -> None:
        request.headers.append(("Location", where))
        await self._reply(request, b"over there", status)

    async def _do_redirect(self, request: Request) -> None:
        left = int(request.arg(0, "1")) - 1
        await self._go(request, f"/redirect:{left}{request.path}" if left else request.path)

    async def _do_loop(self, request: Request) -> None:
        size, at = int(request.arg(0, "2")), int(request.arg(1, "0"))
        await self._go(request, f"/loop:{size}:{(at + 1) % size}")

    async def _do_to(self, request: Request) -> None:
        await self._go(request, request.query["u"], int(request.arg(0, "302")))

    async def _do_nowhere(self, request: Request) -> None:
        await self._reply(request, b"somewhere", 302)

    # broken conversations

    async def _do_hang(self, request: Request) -> None:
        await asyncio.sleep(3600)

    async def _do_reset(self, request: Request) -> None:
        request.writer.transport.abort()
        raise Hangup

    async def _do_garbage(self, request: Request) -> None:
        await self._send(request, b"\x00\xffthis is no HTTP\r\n\r\n" * 4)
        raise Hangup

    async def _do_stall(self, request: Request) -> None:
        body = self._picture(request)
        await self._head(request, 200, len(body), kind_of(body))
        await self._send(request, body[: int(request.arg(0, "1000"))])
        await asyncio.sleep(3600)

    async def _do_drip(self, request: Request) -> None:
        body, per_s = self._picture(request), float(request.arg(0, "16"))
        await self._head(request, 200, len(body), kind_of(body))
        for number in range(len(body)):
            await self._send(request, body[number : number + 1])
            await asyncio.sleep(1 / per_s)

    async def _do_cut(self, request: Request) -> None:
        if request.arg(1) == "once" and self._count(request) > 1:
            return await self._serve(request)
        body = self._picture(request)
        await self._head(request, 200, len(body), kind_of(body))
        await self._send(request, body[: int(request.arg(0, "1000"))])
        raise Hangup

    async def _do_short(self, request: Request) -> None:
        body = self._picture(request)
        await self._reply(request, body, declared=len(body) - int(request.arg(0, "10")))
        raise Hangup

    # bodies that are no pictures, or too much

    async def _do_html(self, request: Request) -> None:
        await self._head(request, 200, len(_HTML), "image/jpeg")
        await self._send(request, _HTML)

    async def _do_svg(self, request: Request) -> None:
        await self._head(request, 200, len(_SVG), "image/svg+xml")
        await self._send(request, _SVG)

    async def _do_empty(self, request: Request) -> None:
        await self._reply(request, b"")

    async def _encoded(self, request: Request, how: str, body: bytes) -> None:
        request.headers.append(("Content-Encoding", how))
        await self._head(request, 200, len(body), "image/jpeg")
        await self._send(request, body)

    async def _do_gzip(self, request: Request) -> None:
        await self._encoded(request, "gzip", gzip.compress(self._picture(request)))

    async def _do_deflate(self, request: Request) -> None:
        await self._encoded(request, "deflate", zlib.compress(self._picture(request), wbits=int(request.arg(0, "15"))))

    async def _do_br(self, request: Request) -> None:
        await self._encoded(request, "br", b"\x8b\x02\x80" + self._picture(request))

    async def _do_badgzip(self, request: Request) -> None:
        await self._encoded(request, "gzip", self._picture(request))

    async def _do_bomb(self, request: Request) -> None:
        squeeze = zlib.compressobj(9, wbits=31)
        start = squeeze.compress(b"") + squeeze.flush(zlib.Z_FULL_FLUSH)
        megabyte = squeeze.compress(b"\0" * 1_000_000) + squeeze.flush(zlib.Z_FULL_FLUSH)  # stands alone: repeat it
        body = start + megabyte * int(request.arg(0, "100")) + squeeze.flush()
        await self._encoded(request, "gzip", body)

    async def _do_declare(self, request: Request) -> None:
        await self._head(request, 200, int(request.arg(0, str(10**10))), "image/jpeg")
        while True:
            await self._send(request, b"\xff" * 65_536)

    async def _do_endless(self, request: Request) -> None:
        request.headers.append(("Transfer-Encoding", "chunked"))
        await self._head(request, 200, None, "image/jpeg")
        while True:
            await self._send(request, b"10000\r\n" + b"\xff" * 65_536 + b"\r\n")


_HTML = b"<!DOCTYPE html><html><head><title>Not here</title></head><body>This picture has moved.</body></html>"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'


def kind_of(body: bytes) -> str:
    """The content type by the first bytes."""
    starts = {b"\xff\xd8": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}
    return next((kind for start, kind in starts.items() if body.startswith(start)), "text/plain")


@contextlib.contextmanager
def running(pictures: dict[str, bytes] | None = None) -> Iterator[TroubleServer]:
    """A server with these pictures."""
    with TroubleServer() as server:
        server.pictures.update(pictures or {})
        yield server


def main() -> None:
    """Serves folders of pictures, with trouble, until stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with TroubleServer(options.port) as server:
        for folder in options.folders:
            server.pictures |= {
                p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
            }
        print(server.url("/p/"), *(quote(name) for name in list(server.pictures)[:5]), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
