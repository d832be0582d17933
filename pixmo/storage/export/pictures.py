"""Picture columns built straight from packs: each byte is read once into a buffer that Arrow borrows.

Fresh memory costs more than reading (a page fault per 4 kB: 460 µs for a 70 kB picture against 12 µs), so a reader
keeps its buffers. A buffer is filled again only when no Arrow array refers to it any more; until then another is taken.
So a caller who keeps batches gets right bytes, and one who lets them go gets speed.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from pixmo.errors import BadFolder

Place: TypeAlias = "tuple[str, int, int]"  # file, offset, length: where a picture's bytes lie
Places: TypeAlias = "Sequence[Place | None]"

ROW_GROUP_BYTES = 16 * 2**20  # cheaper than larger ones (caches), and a reader of one row reads a whole group
ROW_GROUP_ROWS = 1_000
_OPEN_FILES = 16


class _Lease:
    """Owns a buffer's memory in Arrow's eyes: lives as long as an array refers to it."""

    __slots__ = ("__weakref__", "buffer")

    def __init__(self, buffer: pa.Buffer) -> None:
        self.buffer = buffer


class _Room:
    """A buffer, and whether Arrow still looks at it."""

    def __init__(self, size: int) -> None:
        self.buffer = pa.allocate_buffer(size)
        self.view = memoryview(self.buffer)
        self._lease: weakref.ref[_Lease] | None = None

    @property
    def is_free(self) -> bool:
        return self._lease is None or self._lease() is None

    def lend(self, size: int) -> pa.Buffer:
        lease = _Lease(self.buffer)
        self._lease = weakref.ref(lease)
        return pa.foreign_buffer(self.buffer.address, size, base=lease)


class PictureReader:
    """Reads pictures from their files into reused buffers. Not for several threads; close it or use it in `with`."""

    def __init__(self) -> None:
        self._rooms: list[_Room] = []
        self._files: dict[str, int] = {}

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PictureReader({len(self._rooms)} buffers, {len(self._files)} files)"

    def close(self) -> None:
        """Closes the files and gives the buffers back."""
        while self._files:
            os.close(self._files.popitem()[1])
        self._rooms.clear()

    def pictures(self, places: Places, paths: Sequence[str | None]) -> pa.StructArray:
        """A column of PICTURE: bytes read from their places, and the path beside them. None is a null row.

        Raises BadFolder when a file is missing or ends before the picture does.
        """
        lengths = np.fromiter((p[2] if p else 0 for p in places), np.int64, len(places))
        ends = np.cumsum(lengths)
        total = int(ends[-1]) if len(ends) else 0
        if total >= 2**31:
            raise ValueError(f"{total} bytes in one column: cut it first (Arrow's binary holds 2 GiB)")
        offsets = np.zeros(len(places) + 1, np.int32)
        offsets[1:] = ends
        room = self._room(total)
        self._fill(room.view, places, offsets)
        data = pa.Array.from_buffers(pa.binary(), len(places), [None, pa.py_buffer(offsets), room.lend(total)])
        missing = pa.array([p is None for p in places], pa.bool_())
        return pa.StructArray.from_arrays([data, pa.array(paths, pa.string())], ["bytes", "path"], mask=missing)

    def picture_lists(
        self, places: Sequence[Places | None], paths: Sequence[Sequence[str | None] | None]
    ) -> pa.ListArray:
        """As `pictures`, for rows that hold lists of pictures."""
        offsets = np.zeros(len(places) + 1, np.int32)
        np.cumsum([len(row or ()) for row in places], out=offsets[1:])
        flat = self.pictures([p for row in places for p in row or ()], [p for row in paths for p in row or ()])
        missing = pa.array([row is None for row in places], pa.bool_())
        return pa.ListArray.from_arrays(pa.array(offsets), flat, mask=missing)

    def _room(self, size: int) -> _Room:
        self._rooms = [r for r in self._rooms if r.buffer.size >= size or not r.is_free]
        for room in self._rooms:
            if room.is_free:
                return room
        self._rooms.append(_Room(max(size, ROW_GROUP_BYTES)))
        return self._rooms[-1]

    def _fill(self, view: memoryview, places: Places, offsets: np.ndarray[tuple[int], np.dtype[np.int32]]) -> None:
        starts = offsets.tolist()
        wanted = sorted((*place, start) for place, start in zip(places, starts, strict=False) if place and place[2])
        for path, group in groupby(wanted, key=lambda w: w[0]):  # in file order: kind to disks that turn
            fd = self._file(path)
            for _, offset, length, start in group:
                if _read(fd, view[start : start + length], offset) != length:
                    raise BadFolder(f"{path}: ends before byte {offset + length}; pixmo verify --repair mends it")

    def _file(self, path: str) -> int:
        fd = self._files.get(path)
        if fd is None:
            if len(self._files) >= _OPEN_FILES:
                os.close(self._files.pop(next(iter(self._files))))
            try:
                fd = self._files[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise BadFolder(f"{path}: is missing; pixmo verify --repair mends it") from error
        return fd


def _read(fd: int, view: memoryview, offset: int) -> int:
    done = 0
    while done < len(view):
        got = os.preadv(fd, [view[done:]], offset + done)
        if got == 0:
            break
        done += got
    return done


def picture_batches(
    rows: pa.Table,
    places: Sequence[Any],  # Any: a place or None, or a list of them, as `is_list` says
    paths: Sequence[Any],  # Any: a string or None, or a list of them
    *,
    column: str = "image",
    is_list: bool = False,
    reader: PictureReader | None = None,
    row_group_bytes: int = ROW_GROUP_BYTES,
    row_group_rows: int = ROW_GROUP_ROWS,
) -> Iterator[pa.RecordBatch]:
    """The rows with their pictures as first column, in batches of one row group each.

    `places` and `paths` have one entry per row (a list of them, if `is_list`). A batch is best written before the next
    is asked for.
    """
    with PictureReader() if reader is None else nullcontext(reader) as reading:
        build = reading.picture_lists if is_list else reading.pictures
        sizes = (sum(p[2] for p in (row or () if is_list else (row,)) if p) for row in places)
        for start, stop in cut(sizes, row_group_bytes, row_group_rows):
            others = rows.slice(start, stop - start).combine_chunks()
            columns = [build(places[start:stop], paths[start:stop])]
            columns += [_one_chunk(c) for c in others.columns]
            yield pa.RecordBatch.from_arrays(columns, [column, *rows.column_names])
            del columns


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def cut(sizes: Iterable[int], max_bytes: int, max_rows: int | None = None) -> Iterator[tuple[int, int]]:
    """Half-open ranges of consecutive rows that hold at most `max_bytes` and `max_rows`; a larger row stands alone.

    Also tells a shard's parts: the ranges depend on the sizes from the first row on and on nothing else.
    """
    start = stop = held = 0
    for size in sizes:
        if stop > start and (held + size > max_bytes or stop - start == max_rows):
            yield start, stop
            start, held = stop, 0
        held += size
        stop += 1
    if stop > start:
        yield start, stop
