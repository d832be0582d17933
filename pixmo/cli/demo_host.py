"""The demo's web host: a process of its own on loopback, with every kind of trouble a crawl meets.

`python -m pixmo.cli.demo_host` prints one line of JSON (its rows and what must become of them) and serves until its
standard input ends, so that it never outlives whoever started it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from contextlib import closing, suppress
from dataclasses import asdict
from http import HTTPStatus

from pixmo.cli.demo_cases import Page, laid_out

HOSTS = 8  # 127.0.0.1 to 127.0.0.8: each is a site of its own to the fetcher
DECLARED = 10**10
DRIP_BYTES, DRIP_S = 4, 0.25


class DemoHost:
    """Serves pages by path; knows how often each was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive until something breaks it."""
        with suppress(ConnectionError, TimeoutError), closing(writer):  # a client may leave when it likes
            while path := await _request(reader):
                self.asked[path] += 1
                if not await self._answer(path, writer):
                    break

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be kept."""
        page = self.pages.get(path, Page(b"", 404, "text/plain"))
        times = self.asked[path]
        if page.manner == "hang":
            await asyncio.sleep(3600)
        if times <= len(page.first):
            writer.write(_head(page, b"", page.first[times - 1]))
            await writer.drain()
            return True
        cut = page.manner == "cut" or (page.manner == "cut_once" and times == 1)
        length = DECLARED if page.manner == "endless" else len(page.body)
        writer.write(_head(page, page.body, page.status, length))
        if page.manner == "drip":
            await _drip(page.body, writer)
        writer.write(page.body[: len(page.body) // 2] if cut else page.body)
        await writer.drain()
        return not cut and page.manner == "plain"


async def _request(reader: asyncio.StreamReader) -> str:
    """The path of the next request; empty at the end of the stream."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return ""
    return head.split(b" ", 2)[1].decode("latin-1")


def _head(page: Page, body: bytes, status: int, length: int | None = None) -> bytes:
    headers = [("Content-Type", page.content_type), ("Content-Length", str(len(body) if length is None else length))]
    headers += [h for h in page.headers if h[0] != "Retry-After" or status != HTTPStatus.OK]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def _drip(body: bytes, writer: asyncio.StreamWriter) -> None:
    for start in range(0, len(body), DRIP_BYTES):
        writer.write(body[start : start + DRIP_BYTES])
        await writer.drain()
        await asyncio.sleep(DRIP_S)


async def main() -> None:
    """Serves on the loopback addresses this machine lets us have, all on one port, until standard input ends."""
    host = DemoHost()
    servers = [await asyncio.start_server(host.serve, "127.0.0.1", 0)]
    port = servers[0].sockets[0].getsockname()[1]
    have = {1}
    for number in range(2, HOSTS):
        try:
            servers.append(await asyncio.start_server(host.serve, f"127.0.0.{number}", port))
            have.add(number)
        except OSError:  # other systems than Linux have 127.0.0.1 only: then one site has all the tempers
            continue

    def address(number: int) -> str:
        return f"http://127.0.0.{number if number in have else 1}:{port}"

    host.pages, rows = laid_out(address)
    print(json.dumps([asdict(row) for row in rows]), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
