"""Recordings on their way: pieces in order, then the digest of the whole; nothing is acknowledged that a power cut could take back.

A browser names its recording by a token of its own making, asks how many bytes are here, sends the next piece, and at the end the digest.
Whatever was lost on the way, it does the same again. The truth about how much is here is the size of the file; whether it is right, the
digest. At the end the database says so first, then the file gets its name: a process that is killed in between does that at its next
start (`settle`).
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

from pixmo.annotate.folder import RECORDINGS, UPLOADS, sync
from pixmo.annotate.manifest import publish_manifest
from pixmo.annotate.sound import suffix_of
from pixmo.annotate.store import Store
from pixmo.annotate.tasks import Tasks
from pixmo.ids import short
from pixmo.web.refused import Refused

MAX_PIECE_BYTES = 2**20
MAX_BEGUN = 4  # unfinished recordings of one picture by one person; more would only fill the disk
_TOKEN = re.compile(r"[0-9a-f]{32}")
_ALREADY = "this picture has your description already"


class Uploads:
    """The recordings that come in. All methods may be called from any thread."""

    def __init__(self, out: Path, images: Path, store: Store, tasks: Tasks, max_bytes: int) -> None:
        self._out, self._images = out, images
        self._store = store
        self._tasks = tasks
        self._max_bytes = max_bytes

    def have(self, person: str, token: str) -> int:
        """How many bytes of a recording are here."""
        with self._store.change():
            found = self._find(person, token)
            return 0 if found is None else found[1] if found[1] is not None else _size(self._part(found[0]))

    def append(self, person: str, token: str, picture: int, offset: int, piece: bytes) -> int:
        """Adds a piece; how many bytes are here now, durably.

        Refused with 409 and `have` when the piece does not begin there, with 409 when the picture is not open to them, with 413
        when the recording is too long.
        """
        with self._store.change():
            self._must_be_open(person, picture)
            part = self._part(self._begun(person, token, picture))
            have = _size(part)
            if offset != have:
                raise Refused(409, "the piece does not begin where the last one ended", have=have)
            if have + len(piece) > self._max_bytes:
                raise Refused(413, f"a recording may have {self._max_bytes:,} bytes", have=have)
            _write(part, have, piece)
            return have + len(piece)

    def finish(self, person: str, token: str, picture: int, sha256: str, consent: str) -> None:
        """Takes a recording that is whole; the same again changes nothing.

        Refused with 422 when the digest is another one, and with 415 when it is no recording: it begins anew then.
        """
        with self._store.change():
            found = self._find(person, token)
            if found is None or found[1] is None or found[2] != picture:  # else the answer of last time was lost
                self._take(found, person, picture, sha256, consent)
        with self._store.change():
            for number, file in self._store.rows(
                "SELECT id, file FROM uploads WHERE person = ? AND token = ?", person, token
            ):
                self._name(number, file)
            publish_manifest(self._out, self._images, self._store)

    def settle(self) -> None:
        """At the start: does what a killed process left half done, and drops what nobody will finish."""
        with self._store.change():
            for number, file in self._store.rows("SELECT id, file FROM uploads WHERE file IS NOT NULL"):
                self._name(number, file)
            known = {n for (n,) in self._store.rows("SELECT id FROM uploads WHERE file IS NULL")}
            for path in (self._out / UPLOADS).iterdir():
                if not (path.stem.isdecimal() and int(path.stem) in known):
                    path.unlink()
            publish_manifest(self._out, self._images, self._store)

    def _take(
        self, found: tuple[int, int | None, int] | None, person: str, picture: int, sha256: str, consent: str
    ) -> None:
        self._must_be_open(person, picture)
        if found is None or found[2] != picture:
            raise Refused(409, "nothing of this recording is here", have=0)
        actual, suffix = _read(self._part(found[0]))
        if actual != sha256 or suffix is None:
            self._drop(found[0])
            status, why = (422, "it arrived changed") if actual != sha256 else (415, "it is no recording")
            raise Refused(status, f"{why}; nothing of it was kept here", have=0)
        self._accept(found[0], person, picture, sha256, f"{RECORDINGS}/{short(sha256)}.{suffix}", consent)

    def _accept(self, number: int, person: str, picture: int, sha256: str, file: str, consent: str) -> None:
        self._store.do(
            "UPDATE uploads SET sha256 = ?, file = ?, bytes = ?, consent = ?, at = ? WHERE id = ?",
            sha256, file, _size(self._part(number)), consent, time.time(), number,
        )  # fmt: skip
        self._tasks.finish(picture, person)
        others = "SELECT id FROM uploads WHERE picture = ? AND person = ? AND file IS NULL"  # of another tab
        for (other,) in self._store.rows(others, picture, person):
            self._drop(other)

    def _name(self, number: int, file: str) -> None:
        """Moves an accepted recording to its place, if it is not there yet."""
        if self._part(number).exists():
            os.replace(self._part(number), self._out / file)
            sync(self._out / RECORDINGS)

    def _must_be_open(self, person: str, picture: int) -> None:
        state = self._tasks.state(picture, person)
        if state != "open":
            raise Refused(
                409, _ALREADY if state == "done" else "this picture is not yours to describe", state=state or ""
            )

    def _find(self, person: str, token: str) -> tuple[int, int | None, int] | None:
        """(number, bytes when it is whole, picture)."""
        if not _TOKEN.fullmatch(token):
            raise Refused(400, "no name of a recording")
        found = self._store.one("SELECT id, bytes, picture FROM uploads WHERE person = ? AND token = ?", person, token)
        return None if found is None else (found[0], found[1], found[2])

    def _begun(self, person: str, token: str, picture: int) -> int:
        found = self._find(person, token)
        if found is not None and (found[2] != picture or found[1] is not None):
            raise Refused(409, "this recording is of another picture")
        if found is not None:
            return found[0]
        begun = self._store.rows(
            "SELECT id FROM uploads WHERE person = ? AND picture = ? AND file IS NULL ORDER BY id", person, picture
        )
        for (number,) in begun[: max(0, len(begun) + 1 - MAX_BEGUN)]:
            self._drop(number)
        return self._store.do(
            "INSERT INTO uploads (person, token, picture, at) VALUES (?, ?, ?, ?)", person, token, picture, time.time()
        )

    def _drop(self, number: int) -> None:
        self._store.do("DELETE FROM uploads WHERE id = ?", number)
        self._part(number).unlink(missing_ok=True)

    def _part(self, number: int) -> Path:
        return self._out / UPLOADS / f"{number}.part"


def _write(path: Path, offset: int, piece: bytes) -> None:
    is_new = not path.exists()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            left = memoryview(piece)
            while left:
                written = os.pwrite(fd, left, offset + len(piece) - len(left))
                left = left[written:]
            os.fsync(fd)
        except OSError:
            os.ftruncate(fd, offset)  # a full disk: half a piece would count as here
            raise
    finally:
        os.close(fd)
    if is_new:
        sync(path.parent)


def _read(path: Path) -> tuple[str, str | None]:
    """The digest of a file, and the suffix its beginning asks for."""
    if not path.exists():
        return "", None
    with path.open("rb") as file:
        suffix = suffix_of(file.read(4096))
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest(), suffix


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
