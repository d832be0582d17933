"""WebDataset shards: tars whose members of one sample lie together, with an index of offsets.

A sample is `<key>.jpg` (by the picture's format; `<key>.0.jpg`, `<key>.1.jpg` … where a row has a list of pictures),
`<key>.txt` (the caption, when there is one) and `<key>.json` (all other columns). JSON has no NaN, bytes or dates: NaN
and infinities become null, bytes base64, dates ISO 8601, decimals text. The index is DALI's, version 1.2: a line per
sample, for each member its extension, data offset, size and name.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from pixmo.storage.export.features import PICTURE, portable, portable_schema
from pixmo.storage.export.sink import ClosesItsSink, HashingSink, Written
from pixmo.storage.export.tar import TarWriter
from pixmo.storage.sidecar import ROW_ID

_Row: TypeAlias = dict[str, Any]  # Any: whatever pyarrow gives for a column
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BY_FORMAT = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}
_BY_MAGIC = [
    (re.compile(rb"\xff\xd8\xff"), "jpg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL), "bmp"),
    (re.compile(rb"II\*\0|MM\0\*"), "tif"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "avif"),
    (re.compile(rb"....ftyphei[cx]", re.DOTALL), "heic"),
]


class WebDatasetShard(ClosesItsSink):
    """A `ShardWriter` of one tar; `Written.index` is the text of its `.idx` file.

    Keys are the values of `key_column` (row ids) where they are plain words, each once; else the row's place in the
    shard.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        image_columns: Collection[str] = ("image",),
        key_column: str = ROW_ID,
        caption_column: str = "caption",
    ) -> None:
        self._schema = portable_schema(schema, image_columns)
        self._images = [n for n in self._schema.names if n in image_columns and _is_picture(self._schema.field(n).type)]
        self._key, self._caption = key_column, caption_column
        self._sink = HashingSink(path)
        self._tar = TarWriter(self._sink)
        self._seen: set[str] = set()
        self._lines: list[str] = []

    def __repr__(self) -> str:
        return f"WebDatasetShard({len(self._lines)} rows, {self._sink!r})"

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends a sample per row."""
        fitting = portable(batch, self._schema)
        pictures = [fitting.column(name) for name in self._images]
        others = fitting.select([n for n in fitting.schema.names if n not in self._images])
        values = [_values(column) for column in others.columns]
        for row in range(fitting.num_rows):
            told = {name: value[row] for name, value in zip(others.schema.names, values, strict=True)}
            self._sample(told, [(n, p[row]) for n, p in zip(self._images, pictures, strict=True)])
        self._sink.check()

    def close(self) -> Written:
        """Ends the archive; a second call only says the same again."""
        if not self._sink.closed:
            self._tar.finish()
            self._sink.close()
        self._sink.check()
        index = f"v1.2 {len(self._lines)}\n" + "".join(self._lines)
        return Written(len(self._lines), self._sink.tell(), self._sink.digest(), 0, index.encode())

    def _sample(self, told: _Row, pictures: list[tuple[str, pa.Scalar]]) -> None:
        key = self._new_key(told.get(self._key))
        entries = []
        for extension, data in self._members(told, pictures):
            begin = self._tar.add(f"{key}.{extension}", data)
            entries.append(f"{extension} {begin} {len(data)} {key}.{extension}")
        self._lines.append(" ".join(entries) + "\n")

    def _members(self, told: _Row, pictures: list[tuple[str, pa.Scalar]]) -> Iterator[tuple[str, bytes | memoryview]]:
        formats = told.get("format")
        for name, scalar in pictures:
            prefix = "" if name == pictures[0][0] else f"{_word(name)}."
            for place, data in enumerate(_bytes_of(scalar)):
                many = isinstance(scalar, pa.ListScalar)
                known = formats[place] if many and isinstance(formats, list) and place < len(formats) else formats
                if data is not None:
                    yield f"{prefix}{f'{place}.' if many else ''}{extension_of(data, known)}", data
        caption = told.get(self._caption)
        if isinstance(caption, str):
            yield "txt", caption.encode("utf-8", "replace")
        yield "json", to_json(told)

    def _new_key(self, wanted: object) -> str:
        place = f"{len(self._lines):09d}"
        key = wanted if isinstance(wanted, str) and _KEY.fullmatch(wanted) else place
        while key in self._seen:
            key = f"{place}-{key}"[:80]
        self._seen.add(key)
        return key


def extension_of(data: bytes | memoryview, known: object = None) -> str:
    """The file extension of a picture: of its known format (Pillow's name), else of its first bytes, else `bin`."""
    if isinstance(known, str) and known.isascii() and known.isalnum():
        return _BY_FORMAT.get(known.upper(), known.lower())
    start = bytes(data[:16])
    return next((extension for magic, extension in _BY_MAGIC if magic.match(start)), "bin")


def to_json(value: Any) -> bytes:  # Any: whatever pyarrow gives for a row
    """A row as JSON that every reader reads: see the head of this module."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, allow_nan=False).encode("utf-8", "replace")


def plain(value: Any) -> Any:  # Any: as above
    """The value in JSON's own types."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.date | datetime.time):  # datetimes are dates
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    return str(value) if isinstance(value, decimal.Decimal) else value


def _values(column: pa.Array) -> list[Any]:  # Any: column values
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):  # text that is not UTF-8, a year that Python's dates do not reach
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            raw = column.cast(pa.large_binary()).to_pylist()
            return [None if b is None else b.decode("utf-8", "replace") for b in raw]
        return list(column.cast(pa.string()).to_pylist())


def _is_picture(kind: pa.DataType) -> bool:
    return bool(kind == PICTURE or (pa.types.is_list(kind) and kind.value_type == PICTURE))


def _bytes_of(scalar: pa.Scalar) -> list[memoryview | None]:
    if isinstance(scalar, pa.ListScalar):
        return [b for one in scalar for b in _bytes_of(one)] if scalar.is_valid else []
    data = scalar["bytes"] if scalar.is_valid else None
    # the scalar's buffer is the column's own: no copy of the picture
    return [None if data is None or not data.is_valid else memoryview(data.as_buffer())]


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:24] or "image"
