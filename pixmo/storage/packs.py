"""Bytes by their hash, in packs: append-only files of about 1 GiB per writer, each with an index, as Git does.

`<writer>-<n>.pack` is the bytes of pictures one after the other. `<writer>-<n>.idx` has 48 bytes for each: sha256, offset, length
(little-endian). Bytes are written before their index entry, so an entry that lies inside its pack is whole; a torn last
entry or bytes without an entry are ignored, as is an index whose pack is gone. A writer never opens another's files, so nothing needs to be cut.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np

from pixmo.ids import Digest
from pixmo.storage.compact import CompactMap, prefix
from pixmo.storage.pack_writer import ENTRY, Location
from pixmo.storage.publish import disk_errors, is_temporary, publish_bytes

_OFFSET_BITS = 40  # a location is pack number << 40 | offset: packs up to 1 TiB, 16 million of them
_EMPTY = hashlib.sha256().digest()  # the one digest of no bytes: any other entry without a length is a hole
_LENGTH_BITS = 32  # a size is 32 more bits of the digest << 32 | length: entries are told apart by 96 bits


class Packs:
    """Reads all packs of a folder. The index is loaded when first needed: a finished run opens no pack."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._map: CompactMap | None = None
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._files: OrderedDict[str, int] = OrderedDict()
        self._reading = Lock()
        self._unsynced: set[str] = set()
        self._syncing = Lock()

    def __repr__(self) -> str:
        return f"Packs({self.folder}, {'not loaded' if self._map is None else f'{len(self._map)} entries'})"

    def note(self, sha256: str, where: Location) -> None:
        """Learns of bytes that a writer has just put."""
        self._unsynced.add(where.pack)
        place = self._number(where.pack) << _OFFSET_BITS | where.offset
        self._loaded().add(prefix(sha256), place, _more(sha256) << _LENGTH_BITS | where.length)

    def sync(self) -> None:
        """Makes all bytes noted so far survive a power cut, whoever wrote them: before a file names them, and from any thread."""
        with self._syncing:  # who finds nothing to do must not go on before it is done
            found = bool(self._unsynced)
            with disk_errors(self.folder):
                while self._unsynced:  # taken out one by one: what is noted meanwhile stays
                    name = self._unsynced.pop()
                    for path in (self.folder / f"{name}.pack", self.folder / f"{name}.idx"):
                        with suppress(FileNotFoundError):
                            _fsync(path)
                if found:
                    _fsync(self.folder)

    def locate(self, sha256: str) -> Location | None:
        """Where the bytes lie; None when they are not here. Of several entries of equal 96 bits, the one that hashes right."""
        more = _more(sha256)
        found = [entry for entry in self._loaded().find(prefix(sha256)) if entry[1] >> _LENGTH_BITS == more]
        for place, size in found:
            length = size & (1 << _LENGTH_BITS) - 1
            where = Location(self._names[place >> _OFFSET_BITS], place & (1 << _OFFSET_BITS) - 1, length)
            if len(found) == 1 or hashlib.sha256(self.read(where)).hexdigest() == sha256:
                return where
        return None

    def get(self, sha256: str) -> bytes | None:
        """The bytes; None when they are not here."""
        where = self.locate(sha256)
        return None if where is None else self.read(where)

    def path(self, pack: str) -> str:
        """The file of a pack."""
        return str(self.folder / f"{pack}.pack")

    def entries(self, pack: str) -> Iterator[tuple[Digest, int, int]]:
        """(sha256, offset, length) of each entry that lies inside the pack."""
        data = (self.folder / f"{pack}.idx").read_bytes()
        size = self._size(pack)
        for sha, offset, length in ENTRY.iter_unpack(data[: len(data) // ENTRY.size * ENTRY.size]):
            if (length or sha == _EMPTY) and offset + length <= size:
                yield Digest(sha.hex()), offset, length

    def names(self) -> list[str]:
        """All packs, sorted."""
        found = self.folder.glob("*.idx") if self.folder.is_dir() else ()
        return sorted(p.stem for p in found if not is_temporary(p))

    def damaged(self) -> Iterator[tuple[str, Digest]]:
        """(pack, sha256) of every entry whose bytes do not hash to its name. Reads everything."""
        for pack in self.names():
            for sha, offset, length in self.entries(pack):
                if hashlib.sha256(self.read(Location(pack, offset, length))).hexdigest() != sha:
                    yield pack, sha

    def drop(self, unwanted: set[str]) -> int:
        """Overwrites bytes with zeros, then takes their entries out of the indexes; returns how many there were."""
        dropped = 0
        for pack in self.names():
            entries = list(self.entries(pack))
            bad = [e for e in entries if e[0] in unwanted]
            if bad:
                kept = [ENTRY.pack(bytes.fromhex(s), o, n) for s, o, n in entries if s not in unwanted]
                self._blank([(o, n) for _, o, n in bad], pack)  # first: while an entry names them they can be found
                publish_bytes(self.folder / f"{pack}.idx", b"".join(kept))
                dropped += len(bad)
        self.forget_index()
        return dropped

    def forget_index(self) -> None:
        """Loads anew when next asked."""
        self._map = None
        self.close()

    def close(self) -> None:
        """Closes the pack files."""
        while self._files:
            os.close(self._files.popitem()[1])

    def _blank(self, spans: list[tuple[int, int]], pack: str) -> None:
        fd = os.open(self.path(pack), os.O_WRONLY)
        try:
            for offset, length in spans:
                os.pwrite(fd, bytes(length), offset)
            os.fsync(fd)
        finally:
            os.close(fd)

    def read(self, where: Location) -> bytes:
        """The bytes at a place."""
        with self._reading:  # else another thread could close the file, and its number be another file's
            fd = self._files.get(where.pack)
            if fd is None:
                if len(self._files) >= 64:
                    os.close(self._files.popitem(last=False)[1])
                fd = self._files[where.pack] = os.open(self.path(where.pack), os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(fd, where.length, where.offset)

    def _loaded(self) -> CompactMap:
        if self._map is None:
            self._map = CompactMap()
            for pack in self.names():
                self._load(pack)
        return self._map

    def _load(self, pack: str) -> None:
        assert self._map is not None
        data = np.fromfile(self.folder / f"{pack}.idx", np.uint8)
        rows = data[: len(data) // ENTRY.size * ENTRY.size].reshape(-1, ENTRY.size)
        keys = rows[:, :8].copy().view(">u8").ravel().astype(np.uint64)
        offsets = rows[:, 32:40].copy().view("<u8").ravel()
        lengths = rows[:, 40:48].copy().view("<u8").ravel()
        more = rows[:, 8:12].copy().view(">u4").ravel().astype(np.uint64)
        empty = (rows[:, :32] == np.frombuffer(_EMPTY, np.uint8)).all(axis=1)
        inside = ((lengths > 0) | empty) & (offsets + lengths <= self._size(pack))
        last = inside & ~np.append(inside[1:], False)  # before the end or a hole: may be torn
        for at in np.flatnonzero(last):
            where = Location(pack, int(offsets[at]), int(lengths[at]))
            inside[at] = hashlib.sha256(self.read(where)).digest() == rows[at, :32].tobytes()
        place = offsets | np.uint64(self._number(pack) << _OFFSET_BITS)
        sizes = lengths | more << np.uint64(_LENGTH_BITS)
        self._map.add_many(keys[inside], place[inside], sizes[inside])

    def _size(self, pack: str) -> int:
        try:
            return os.path.getsize(self.path(pack))
        except FileNotFoundError:  # killed while both were removed
            return -1

    def _number(self, pack: str) -> int:
        if pack not in self._numbers:
            self._numbers[pack] = len(self._names)
            self._names.append(pack)
        return self._numbers[pack]


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _more(sha256: str) -> int:
    """The 32 bits of a digest behind its prefix."""
    return int(sha256[16:24], 16)
