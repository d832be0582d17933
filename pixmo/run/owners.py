"""The coordinator's side of the owners: starts them when first needed, routes questions, replaces the dead."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pixmo.engines.http.guard import Place, place_of
from pixmo.engines.http.site import site_of
from pixmo.errors import BadFolder, NoSpace, PixmoError
from pixmo.run.ownership import owner_of
from pixmo.storage.journal import read_lines_at
from pixmo.storage.journal_writer import Line, encode
from pixmo.storage.store import Store

_REASONS = {"NoSpace": NoSpace, "BadFolder": BadFolder}
_MAX_DEATHS = 5  # in a row, without one answer in between


class Question(NamedTuple):
    """A question on its way: which round, where it goes next, where it has been."""

    key: str
    round: int
    url: str
    hops: tuple[str, ...] = ()


class Owners:
    """`on_answer(line, the line as bytes, journal file, offset)` is called once per question."""

    def __init__(
        self, count: int, settings: dict[str, Any], store: Store, min_free_bytes: int,
        on_answer: Callable[[Line, bytes, Path, int], None],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._store = store
        self._min_free = min_free_bytes
        self._on_answer = on_answer
        self._owners = [_Owner(self, number) for number in range(count)]
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __repr__(self) -> str:
        return f"Owners({', '.join(repr(o) for o in self._owners)})"

    def ask(self, question: Question) -> None:
        """Sends a question to the owner of its host; the answer comes to `on_answer`."""
        self._owners[self._number_of(question.url)].ask(question)

    async def close(self) -> None:
        """Ends the owners; what they had in flight will be asked again by the next run."""
        await asyncio.gather(*(owner.close() for owner in self._owners))
        if not self.failed.done():
            self.failed.cancel()

    def _number_of(self, url: str) -> int:
        if len(self._owners) == 1:
            return 0
        place = place_of(url)  # the reading of whoever asks: another would give a host a second owner
        if not isinstance(place, Place):  # not a URL: any owner will say so
            return 0
        return owner_of(site_of(place.host), len(self._owners))

    def told(self, number: int, writer: str) -> dict[str, Any]:
        """The settings line of an owner."""
        return {
            "store": str(self._store.folder), "writer": writer, "number": number, "owners": len(self._owners),
            "tombstones": sorted(self._store.tombstones), "min_free_bytes": self._min_free, "settings": self._settings,
        }  # fmt: skip

    def new_writer(self, number: int) -> str:
        """A name for an owner's files."""
        return self._store.writer_name(f"http{number}")

    def journal_path(self, writer: str) -> Path:
        """Where an owner journals."""
        return self._store.folder / "journal" / f"{writer}.jsonl"

    def answered(self, line: Line, raw: bytes, path: Path, offset: int) -> None:
        """Passes an answer on."""
        self._on_answer(line, raw, path, offset)

    def fail(self, error: Exception) -> None:
        """Ends the run with this error."""
        if not self.failed.done():
            self.failed.set_exception(error)


class _Owner:
    def __init__(self, owners: Owners, number: int) -> None:
        self._owners = owners
        self._number = number
        self._outstanding: dict[str, Question] = {}
        self._unsent: list[Question] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._journal = Path()
        self._deaths = 0
        self._closing = False

    def __repr__(self) -> str:
        return f"{self._number}: {len(self._outstanding)} asked, {'up' if self._process else 'down'}"

    def ask(self, question: Question) -> None:
        self._outstanding[question.key] = question
        self._unsent.append(question)
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        elif len(self._unsent) == 1:
            asyncio.get_running_loop().call_soon(self._send)

    async def close(self) -> None:
        self._closing = True
        if self._writer:
            self._writer.close()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._process:
            try:
                await asyncio.to_thread(self._process.wait, 1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    async def _serve(self) -> None:
        while self._outstanding and not self._closing and not self._owners.failed.done():
            await self._one_life()
            if not self._closing and self._outstanding:
                self._recover()
        self._task = None if not self._closing else self._task

    async def _one_life(self) -> None:
        ours, theirs = socket.socketpair()
        writer_name = self._owners.new_writer(self._number)
        self._journal = self._owners.journal_path(writer_name)
        command = [sys.executable, "-m", "pixmo.run.owner", str(theirs.fileno())]
        self._process = subprocess.Popen(  # noqa: ASYNC220 – returns at once
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
        )
        theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
        self._writer.write(json.dumps(self._owners.told(self._number, writer_name)).encode() + b"\n")
        self._unsent = list(self._outstanding.values())
        self._send()
        held = b""
        try:
            while data := await reader.read(1 << 18):
                *lines, held = (held + data).split(b"\n")
                for line in lines:
                    self._hear(line)
        except ConnectionError:
            pass  # the same as the end of the stream: the owner is gone
        finally:
            self._writer.close()
            self._writer = None
        await asyncio.to_thread(self._process.wait)

    def _send(self) -> None:
        if self._writer and self._unsent:
            asks = [[q.key, q.round, q.url, q.hops] for q in self._unsent]
            self._writer.write(json.dumps({"ask": asks}).encode() + b"\n")
            self._unsent = []

    def _hear(self, message: bytes) -> None:
        kind, _, rest = message.partition(b" ")
        if kind == b"A":
            offset, _, line = rest.partition(b" ")
            self._deaths = 0
            self._deliver(json.loads(line), line, int(offset))
        elif kind == b"M":
            moved = json.loads(rest)
            self._outstanding.pop(moved["key"], None)
            self._owners.ask(Question(moved["key"], moved["round"], moved["url"], tuple(moved["hops"])))
        else:
            told = json.loads(rest)
            self._owners.fail(_REASONS.get(told["kind"], PixmoError)(told["message"]))

    def _deliver(self, line: Line, raw: bytes, offset: int) -> None:
        if self._outstanding.pop(line["key"], None) is not None:
            self._owners.answered(line, raw, self._journal, offset)

    def _recover(self) -> None:
        """The owner died: take the answers it wrote but did not deliver; the rest is asked again in its next life."""
        self._deaths += 1
        if self._deaths > _MAX_DEATHS:
            self._owners.fail(
                PixmoError(
                    f"fetching process {self._number} ended {self._deaths} times in a row without one answer (out of memory, or "
                    "killed?); what was answered is kept, run the same command again"
                )
            )
            self._closing = True
            return
        if self._journal.exists():
            for offset, line in read_lines_at(self._journal):
                question = self._outstanding.get(line["key"])
                if question and question.round == line["round"]:
                    self._deliver(line, encode(line), offset)


def cpu_count() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
