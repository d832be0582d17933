"""The store of a run: packs, journal and tombstones in one folder, used by one run at a time, maybe shared by many."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from pixmo.ask import Outcome
from pixmo.ids import Digest, digest
from pixmo.storage.journal import Journal
from pixmo.storage.journal_writer import JournalWriter, Line, encode
from pixmo.storage.pack_writer import Location, PackWriter
from pixmo.storage.packs import Packs
from pixmo.storage.publish import publish_bytes

TOMBSTONES = "tombstones.txt"


class Store:
    """Bytes by their hash and answers by their question. Hold the folder's lock while writing.

    `fallback` gives bytes that are not in the packs any more but stand in published files. Who does not hold the lock
    says so with `looks_only`: then answers without their bytes are left to whoever holds it.
    """

    def __init__(
        self, folder: Path, fallback: Callable[[str], bytes | None] = lambda sha: None, looks_only: bool = False
    ) -> None:
        self.folder = folder
        self.packs = Packs(folder / "packs")
        self._fallback = fallback
        self._looks_only = looks_only
        self._journal: Journal | None = None
        self._tombstones: frozenset[str] | None = None
        self._own: tuple[PackWriter, JournalWriter] | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Store({self.folder})"

    @property
    def journal(self) -> Journal:
        """All answers."""
        if self._journal is None:
            self._journal = Journal(self.folder / "journal", self._has_bytes)
        return self._journal

    def locate(self, sha256: str) -> Location | None:
        """Where the bytes lie, brought back from published files if need be; None when they are lost."""
        where = self.packs.locate(sha256)
        if where is None and (data := self._fallback(sha256)) is not None:
            self.put(data)
            where = self.packs.locate(sha256)
        return where

    def put(self, data: bytes) -> Digest:
        """Keeps bytes that no owner fetched (embedded, derived), once, unless they were taken down; their digest either way."""
        sha = digest(data)
        with self._lock:
            if sha not in self.tombstones and self.packs.locate(sha) is None:
                self.packs.note(sha, self._files()[0].put(data, bytes.fromhex(sha)))
        return sha

    def answer(self, key: Digest, rnd: int, data: bytes, origin: str) -> Line:
        """Journals bytes at hand as the answer to a question; `forgotten` when they were taken down."""
        sha = digest(data)
        buried = sha in self.tombstones
        outcome = Outcome.FORGOTTEN if buried else Outcome.OK
        line: Line = {"key": key, "round": rnd, "outcome": str(outcome), "detail": origin}
        packs, _ = self._files()
        if not buried:
            where = packs.put(data, bytes.fromhex(sha))
            line |= {"sha256": sha, "pack": where.pack, "offset": where.offset, "size": where.length}
            self.packs.note(sha, where)
        self.record(line)
        return line

    def record(self, line: Line) -> None:
        """Journals an answer; a killed process does not lose it, and `sync` makes it survive a power cut."""
        with self._lock:
            journal = self._files()[1]
            offset = journal.size
            journal.write(encode(line))
            self.journal.note(line, journal.path, offset)

    @property
    def tombstones(self) -> frozenset[str]:
        """Digests of what was taken down: of the bytes, or of the URL's UTF-8. The thing itself is not kept."""
        if self._tombstones is None:
            path = self.folder / TOMBSTONES
            self._tombstones = frozenset(path.read_text().split()) if path.is_file() else frozenset()
        return self._tombstones

    def bury(self, digests: set[str]) -> None:
        """Adds tombstones."""
        text = "".join(f"{d}\n" for d in sorted(digests | self.tombstones))
        publish_bytes(self.folder / TOMBSTONES, text.encode())
        self._tombstones = None

    def is_buried(self, url: str) -> bool:
        """Whether this URL was taken down."""
        return bool(self.tombstones) and digest(url.encode(errors="surrogatepass")) in self.tombstones

    def writer_name(self, role: str) -> str:
        """A name for a writer's files that nobody used before."""
        return f"{role}-{secrets.token_hex(6)}"

    def sync(self) -> None:
        """Before a file names bytes or answers: makes them survive a power cut. From any thread."""
        covered = self._own[1].size if self._own else 0
        self.packs.sync()
        if self._own:
            with self._lock:
                self._own[1].sync(covered)
        if self._journal is not None:
            self._journal.sync()

    def close(self) -> None:
        """Syncs the own pack, then the own journal, and closes files."""
        if self._own:
            self._own[0].close()
            self._own[1].close()
            self._own = None
        self.packs.close()
        if self._journal is not None:
            self._journal.close()

    def _files(self) -> tuple[PackWriter, JournalWriter]:
        if self._own is None:
            name = self.writer_name("own")
            self._own = PackWriter(self.folder / "packs", name), JournalWriter(self.folder / "journal", name)
        return self._own

    def _has_bytes(self, line: Line) -> bool:
        sha = line.get("sha256")
        if sha is None or self._looks_only:
            return True
        with suppress(OSError):  # the pack is gone: `clean` took it, or it never reached the disk
            if digest(self.packs.read(Location(line["pack"], line["offset"], line["size"]))) == sha:
                return True
        return self._fallback(sha) is not None
