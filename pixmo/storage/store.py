"""The store of a run: packs, journal and tombstones in one folder, used by one run at a time, maybe shared by many."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pixmo.ids import digest
from pixmo.storage.journal import Journal, Line
from pixmo.storage.packs import Location, Packs
from pixmo.storage.publish import disk_errors

TOMBSTONES = "tombstones.txt"


class Store:
    """Bytes by their hash and answers by their question. Hold the folder's lock while writing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packs = Packs(folder / "packs")
        self._journal: Journal | None = None
        self._tombstones: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"Store({self.folder})"

    @property
    def journal(self) -> Journal:
        """All answers; read when first needed."""
        if self._journal is None:
            self._journal = Journal(self.folder / "journal", self._has_bytes)
        return self._journal

    @property
    def tombstones(self) -> frozenset[str]:
        """Digests of what was taken down: of the bytes, or of the URL's UTF-8. The thing itself is not kept."""
        if self._tombstones is None:
            path = self.folder / TOMBSTONES
            self._tombstones = frozenset(path.read_text().split()) if path.is_file() else frozenset()
        return self._tombstones

    def bury(self, digests: set[str]) -> None:
        """Adds tombstones."""
        path = self.folder / TOMBSTONES
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.writelines(f"{d}\n" for d in sorted(digests - self.tombstones))
                file.flush()
                os.fsync(file.fileno())
        self._tombstones = None

    def is_buried(self, url: str) -> bool:
        """Whether this URL was taken down."""
        return bool(self.tombstones) and digest(url.encode(errors="surrogatepass")) in self.tombstones

    def writer_name(self, role: str) -> str:
        """A name for a writer's files that nobody used before."""
        return f"{role}-{secrets.token_hex(6)}"

    def close(self) -> None:
        """Closes files."""
        self.packs.close()
        if self._journal is not None:
            self._journal.close()

    def _has_bytes(self, line: Line) -> bool:
        sha = line.get("sha256")
        if sha is None:
            return True
        where = Location(line["pack"], line["offset"], line["size"])
        try:
            return digest(self.packs.read(where)) == sha
        except OSError:
            return False
