"""pixmo's own records in Parquet and Arrow files and finished folders; written as one Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pixmo.dataset.convert.items import Item, Loss, Settings, Size
from pixmo.dataset.load import load
from pixmo.dataset.rows import Rows
from pixmo.dataset.rows_ahead import ahead
from pixmo.dataset.rows_build import built, exploded
from pixmo.dataset.rows_chunk import pictures_of
from pixmo.errors import BadRecord, BadSource
from pixmo.image.decode import look
from pixmo.records.arrow import ANNOTATIONS, Label, batch_of, labelled, schema_of
from pixmo.records.base import Record, shapes
from pixmo.records.kinds import KINDS, kind_named
from pixmo.records.places import Orientation
from pixmo.storage.sidecar import ROW_ID

BATCH_ROWS, PICTURE_ROWS = 4096, 64
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height


def read(path: Path, told: Settings, *, sizes: bool = False) -> Iterator[Item | Loss]:
    """The records of all rows, grouped ones annotation by annotation. With `sizes` pictures in the rows are looked at for theirs.

    Raises BadSource for files that do not say what their rows are, where the settings do not either.
    """
    rows = load(path, as_=told.record, unit=told.unit, orientation=told.orientation)
    if rows.kind is None:
        raise BadSource(
            f"{path}: does not say what its rows are; say it: --set record=KIND, and for points --set unit=UNIT; kinds are {', '.join(KINDS)}"
        )
    yield from _columns(rows, path)
    with_pictures = sizes and rows.layout.picture is not None
    batches = rows.batches(PICTURE_ROWS, rows.columns) if with_pictures else rows.batches(BATCH_ROWS)
    number = 0
    for batch in ahead(batches):
        pictures = batch.column(rows.layout.picture) if with_pictures else None
        for i, found in enumerate(_records(batch, rows)):
            sized = _sizes(pictures[i]) if pictures is not None else _no_size
            yield from _row(found, f"row {number + i}", rows.grouped, sized)
        number += batch.num_rows


def _columns(rows: Rows, path: Path) -> Iterator[Loss]:
    """The columns that are no fields, each once."""
    assert rows.kind is not None
    schema = rows.layout.mapping.typed_schema(rows.schema) if rows.layout.mapping else rows.schema
    names = list(schema.names)
    if rows.grouped and ANNOTATIONS in names:
        names.remove(ANNOTATIONS)
        names += [f.name for f in schema.field(ANNOTATIONS).type.value_type]
    for name in names:
        if name not in {s.name for s in shapes(rows.kind)} | {ROW_ID}:
            yield Loss("column_left", "every row", name, "")


def _records(batch: pa.RecordBatch, rows: Rows) -> Iterator[list[Record | BadRecord]]:
    assert rows.kind is not None
    typed = rows.layout.mapping.typed(batch) if rows.layout.mapping else batch
    if not rows.grouped:
        yield from ([one] for one in built(typed, rows.kind))
        return
    inside = exploded(typed)
    flat = iter(built(inside.batch, rows.kind))
    for start, stop in zip(inside.offsets, inside.offsets[1:], strict=False):
        yield list(islice(flat, stop - start))


def _row(
    found: list[Record | BadRecord], where: str, grouped: bool, size_of: Callable[[Orientation], Size | None]
) -> Iterator[Item | Loss]:
    for i, record in enumerate(found):
        place = f"{where} {ANNOTATIONS}[{i}]" if grouped else where
        if isinstance(record, BadRecord):
            yield Loss("not_a_record", place, "", str(record))
            continue
        orientation = getattr(record, "orientation", None)
        needed = isinstance(orientation, Orientation) and getattr(record, "image_width_px", 0) is None
        yield Item(place, record, size_of(orientation) if needed and orientation is not None else None)
    if grouped and not found:
        yield Loss("nothing_said", where, ANNOTATIONS, "")


def _no_size(orientation: Orientation) -> Size | None:
    return None


def _sizes(scalar: pa.Scalar) -> Callable[[Orientation], Size | None]:
    """The size of a row's only picture, as a record's orientation has it; it is decoded once, when first asked for."""

    @cache
    def seen() -> tuple[Size, Size] | None:
        files = pictures_of(scalar)
        found = look(files[0]) if len(files) == 1 and files[0] is not None else None
        if found is None or found.image is None or not found.width or not found.height:
            return None
        stored = (found.width, found.height)
        return stored, stored[::-1] if found.exif_orientation in _TURNED else stored

    def size(orientation: Orientation) -> Size | None:
        both = seen()
        if both is None or (orientation is Orientation.UNKNOWN and both[0] != both[1]):
            return None
        return both[0] if orientation is Orientation.STORED else both[1]

    return size


def write(items: Iterable[Item], out: Path, told: Settings) -> Iterator[Loss]:
    """Writes one file of records of one kind, that of the first unless the settings say; gives what could not be carried."""
    kind = kind_named(told.record) if told.record else None
    waiting: list[Item] = []
    writer: pq.ParquetWriter | None = None
    try:
        for item in items:
            kind = kind or type(item.record)
            writer = writer or _opened(out, kind)
            if type(item.record) is not kind:
                yield item.loss("other_kind", "", f"{item.record.KIND}, but the file holds {kind.KIND}")
                continue
            waiting.append(item)
            if len(waiting) >= BATCH_ROWS:
                yield from _flush(writer, waiting, kind)
                waiting = []
        if kind is None:
            raise BadSource("nothing was read that could be written; say what the file should hold: --set record=KIND")
        writer = writer or _opened(out, kind)
        yield from _flush(writer, waiting, kind)
    finally:
        if writer is not None:
            writer.close()


def _opened(out: Path, kind: type[Record]) -> pq.ParquetWriter:
    return pq.ParquetWriter(out, labelled(schema_of(kind), Label(kind.KIND)), compression="zstd")


def _flush(writer: pq.ParquetWriter, items: list[Item], kind: type[Record]) -> Iterator[Loss]:
    """Writes a batch; when a value in it is none that Arrow holds, each record alone."""
    try:
        if items:
            writer.write_batch(batch_of((i.record for i in items), kind))
    except (OverflowError, UnicodeEncodeError, pa.ArrowException) as error:
        if len(items) == 1:
            yield items[0].loss("cannot_hold", "", " ".join(str(error).split())[:200])
            return
        half = len(items) // 2
        yield from _flush(writer, items[:half], kind)
        yield from _flush(writer, items[half:], kind)
