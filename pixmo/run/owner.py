"""The process that owns hosts: asks, keeps bytes in packs of its own, journals, tells the coordinator.

Started as `python -m pixmo.run.owner FD`. Lines come in over the socket: first the settings, then `{"ask": [[key, round, url, hops], …]}`.
Lines go out: `A <offset in journal> <journal line>` for an answer, `M <json>` for a redirect to a host of another owner, `F <json>` when
it must stop (a full disk). The end of the stream, on either side, ends it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from pixmo.ask import Outcome
from pixmo.engines.http.fetch import Ask, Fetcher, Reply
from pixmo.engines.http.settings import HttpSettings
from pixmo.errors import PixmoError
from pixmo.run.ownership import owner_of
from pixmo.storage.journal_writer import JournalWriter, encode
from pixmo.storage.pack_writer import PackWriter, sync_all
from pixmo.storage.publish import disk_errors, require_free

SYNC_S = 2.0


class Owner:
    """Joins a fetcher with the packs and the journal of this process."""

    def __init__(self, told: dict[str, Any], sock: socket.socket) -> None:  # Any: plain JSON
        self._sock = sock
        self._out = bytearray()
        store = Path(told["store"])
        self._packs = PackWriter(store / "packs", told["writer"])
        self._journal = JournalWriter(store / "journal", told["writer"])
        self._number, self._owners = told["number"], told["owners"]
        self._buried = frozenset(told["tombstones"])
        self._min_free = told["min_free_bytes"]
        self._folder = store
        self._failed: Exception | None = None
        settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told["settings"].items()}
        self._allow_hosts = settings.get("allow_hosts", ())
        self._fetcher = Fetcher(HttpSettings(**settings), self._deliver, owns=self._owns)

    async def run(self) -> None:
        """Until the coordinator closes its end."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(None)
        self._sock.setblocking(False)
        async with self._fetcher:
            beat = asyncio.create_task(self._beat())
            try:
                await self._listen(loop)
            finally:
                beat.cancel()
                await asyncio.gather(beat, return_exceptions=True)
        self._packs.close()
        self._journal.close()

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        held = b""
        with suppress(ConnectionResetError):  # the coordinator left before it had read all: it left all the same
            while data := await loop.sock_recv(self._sock, 1 << 18):
                *lines, held = (held + data).split(b"\n")
                for line in lines:
                    asks = json.loads(line)["ask"]
                    self._fetcher.submit(Ask(f"{key}:{rnd}", url, tuple(hops)) for key, rnd, url, hops in asks)

    def _owns(self, site: str) -> bool:
        return bool(owner_of(site, self._owners) == self._number)

    def _deliver(self, ask: Ask, reply: Reply) -> None:
        if self._failed:
            return
        key, _, rnd = ask.key.partition(":")
        if reply.moved_to is not None:
            moved = {"key": key, "round": int(rnd), "url": reply.moved_to, "hops": reply.facts["hops"]}
            self._tell(b"M " + json.dumps(moved).encode() + b"\n")
            return
        try:
            line = self._line(key, int(rnd), reply)
            offset = self._journal.size
            self._journal.write(line)
        except (PixmoError, OSError) as error:
            self._fail(error)
            return
        self._tell(b"A %d %s" % (offset, line))

    def _line(self, key: str, rnd: int, reply: Reply) -> bytes:
        line: dict[str, Any] = {"key": key, "round": rnd, "outcome": str(reply.outcome), **reply.facts}
        if reply.outcome is Outcome.REFUSED_ADDRESS:
            line["allow_hosts"] = self._allow_hosts  # so that it is asked again when others are allowed
        if reply.body is not None and reply.outcome is Outcome.OK:
            sha = sha256(reply.body)
            if self._buried and sha.hexdigest() in self._buried:
                line["outcome"] = str(Outcome.FORGOTTEN)
            else:
                where = self._packs.put(reply.body, sha.digest())
                line |= {"sha256": sha.hexdigest(), "pack": where.pack, "offset": where.offset, "size": where.length}
        return encode(line)

    def _tell(self, message: bytes) -> None:
        if not self._out:
            asyncio.get_running_loop().call_later(0.005, self._flush)
        self._out += message

    def _flush(self) -> None:
        data, self._out = bytes(self._out), bytearray()
        self._sock.setblocking(True)  # the coordinator always reads; a local socket's buffer drains at once
        try:
            self._sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)
        finally:
            self._sock.setblocking(False)

    def _fail(self, error: Exception) -> None:
        self._failed = error
        self._tell(_failure(error))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            covered, descriptors = self._journal.size, self._packs.duplicates()
            try:
                with disk_errors(self._folder):
                    await asyncio.to_thread(sync_all, descriptors)
                self._journal.sync(covered)
                require_free(self._folder, self._min_free)
            except (PixmoError, OSError) as error:
                self._fail(error)


def _failure(error: Exception) -> bytes:
    return b"F " + json.dumps({"kind": type(error).__name__, "message": str(error)}).encode() + b"\n"


def main(fd: int) -> None:
    """Reads the settings line and serves until the coordinator leaves."""
    gc.set_threshold(
        20_000, 50, 50
    )  # most of what lives here are questions that wait; looking through them often is waste
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a connection kept per host is a file
    sock = socket.socket(fileno=fd)
    first = bytearray()
    while not first.endswith(b"\n"):
        data = sock.recv(1)
        if not data:
            return
        first += data
    told = cast("dict[str, Any]", json.loads(first))
    try:
        with disk_errors(Path(told["store"])):
            owner = Owner(told, sock)
    except (PixmoError, OSError) as error:  # no files of its own: told, so that it is not started again and again
        sock.sendall(_failure(error))
        return
    asyncio.run(owner.run())


if __name__ == "__main__":
    main(int(sys.argv[1]))
