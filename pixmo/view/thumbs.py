"""The pictures of rows, large and small: those of a page are read together, what was read or made last is kept.

Row groups are read a few rows at a time and never held: one of them may be larger than all the memory there is to have.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageOps

from pixmo.dataset.load_files import arrow_batches
from pixmo.dataset.rows_chunk import pictures_of
from pixmo.errors import PixmoError
from pixmo.image.decode import DEFAULT_MAX_PIXELS, look
from pixmo.image.headers import declared
from pixmo.image.sniff import format_of
from pixmo.page.html import shortened, tag
from pixmo.view.card_pieces import Frame
from pixmo.view.source import DataSet

THUMB_PX = 480  # twice what a card is wide, for dense screens
KEPT_FILES, KEPT_THUMBS = 40 * 2**20, 16 * 2**20  # bytes
BATCH_ROWS = 8

SHOWN = {
    "JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp", "AVIF": "image/avif", "BMP": "image/bmp",
    "ICO": "image/x-icon",
}  # fmt: skip
"""Formats that browsers show, and the type they are served as."""

Files = tuple[bytes | None, ...]
Key = tuple[int, int]


class Served(NamedTuple):
    """What a browser is given; `why` is set where it is only a stand-in for a picture that cannot be shown."""

    data: bytes
    kind: str
    why: str = ""


class Kept(OrderedDict[Key, Served]):
    """What was used last, up to so many bytes."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._held = most, 0

    def add(self, key: Key, value: Served) -> Served:
        """Keeps it, in place of what had the key before."""
        self._held += len(value.data) - (len(self[key].data) if key in self else 0)
        self[key] = value
        while self._held > self._most and len(self) > 1:
            self._held -= len(self.popitem(last=False)[1].data)
        return value

    def found(self, key: Key) -> Served | None:
        """What is kept under the key, as used just now."""
        if key in self:
            self.move_to_end(key)
        return self.get(key)


class Pictures:
    """The pictures of a set, by row and number in the row. Used by many threads."""

    def __init__(self, data: DataSet) -> None:
        self._data = data
        self.column = data.rows.layout.picture
        self._files: OrderedDict[int, Files] = OrderedDict()
        self._held = 0
        self._thumbs = Kept(KEPT_THUMBS)
        self._pages: OrderedDict[int, tuple[int, ...]] = OrderedDict()  # a row to the rows it was shown with
        self._reading, self._keeping = threading.Lock(), threading.Lock()

    def expect(self, numbers: Sequence[int]) -> None:
        """Says that these rows stand on one page: when one is asked for, those that are cheap to read with it are."""
        with self._keeping:
            for number in numbers:
                self._pages[number] = tuple(numbers)
                self._pages.move_to_end(number)
            while len(self._pages) > 2000:
                self._pages.popitem(last=False)

    def files(self, number: int) -> Files:
        """The files of a row's pictures; none where the set has no pictures, or cannot be read there."""
        if self.column is None:
            return ()
        with self._reading:
            with self._keeping:
                if number in self._files:
                    self._files.move_to_end(number)
                    return self._files[number]
                others = [n for n in self._pages.get(number, ()) if n not in self._files]
            found: Files = ()
            try:
                for at, files in self._read(number, others):
                    self._keep(at, files)
                    found = files if at == number else found
            except (PixmoError, pa.ArrowException, OSError):
                return ()
            return found

    def frame(self, number: int, picture: int = 0) -> Frame | None:
        """Size and turn of a picture, from its header; None where it has none that says so."""
        files = self.files(number)
        data = files[picture] if picture < len(files) else None
        if not data or format_of(data) is None:
            return None
        try:
            with Image.open(io.BytesIO(data)) as opened:
                turn = opened.getexif().get(0x0112)
                return Frame(*opened.size, turn if isinstance(turn, int) and 1 <= turn <= 8 else 1)
        except Exception:  # noqa: BLE001 – the boundary to Pillow: whatever hostile bytes make it raise, there is no frame
            return None

    def large(self, number: int, picture: int = 0) -> Served:
        """A picture as a browser shows it upright: the file itself, made anew where browsers do not know it."""
        data = self._one(number, picture)
        if data is None:
            return _stand_in(self._missing(number))
        seen = look(data)
        if seen.image is None:
            return _stand_in(f"does not decode: {seen.outcome} {seen.detail}")
        kind = SHOWN.get(format_of(data) or "")
        is_turned = (seen.exif_orientation or 1) != 1
        if kind is not None and (kind == "image/jpeg" or not is_turned):
            return Served(data, kind)
        return _encoded(ImageOps.exif_transpose(seen.image))

    def thumb(self, number: int, picture: int = 0) -> Served:
        """A picture some 480 px wide, upright."""
        with self._keeping:
            kept = self._thumbs.found((number, picture))
        if kept is not None:
            return kept
        data = self._one(number, picture)
        made = small(data) if data is not None else _stand_in(self._missing(number))
        with self._keeping:
            return self._thumbs.add((number, picture), made)

    def _one(self, number: int, picture: int) -> bytes | None:
        files = self.files(number)
        return files[picture] if picture < len(files) else None

    def _missing(self, number: int) -> str:
        return "the set has no pictures" if self.column is None else "is not there"

    def _keep(self, number: int, files: Files) -> None:
        with self._keeping:
            self._files[number] = files
            self._held += sum(len(f or b"") for f in files)
            while self._held > KEPT_FILES and len(self._files) > 1:
                _, gone = self._files.popitem(last=False)
                self._held -= sum(len(f or b"") for f in gone)

    def _read(self, number: int, others: Sequence[int]) -> Iterator[tuple[int, Files]]:
        """This row, and those others of its row group that fit into half of what is kept."""
        groups = self._data.rows.groups
        group = groups.group_of(number)
        start, end = int(groups.starts[group]), int(groups.starts[group + 1])
        wanted = sorted({number, *(n for n in others if start <= n < end)})
        room, at = KEPT_FILES // 2, start
        for batch in self._batches(group):
            here = [n for n in wanted if at <= n < at + batch.num_rows]
            for one in here:
                files = pictures_of(batch.column(0)[one - at])
                room -= sum(len(f or b"") for f in files)
                if room > 0 or one == number:
                    yield one, files
            at += batch.num_rows
            if at > wanted[-1] or (room <= 0 and at > number):
                return

    def _batches(self, group: int) -> Iterator[pa.RecordBatch]:
        file_number, inside = self._data.rows.groups.place[group]
        file = self._data.rows.groups.files[file_number]
        if self.column not in file.schema.names:
            return
        if file.is_arrow:
            batch = arrow_batches(file.path)[inside].select([self.column])
            batch.validate(full=True)
            yield batch
            return
        with pq.ParquetFile(file.path, buffer_size=2**20, pre_buffer=False) as opened:
            yield from opened.iter_batches(batch_size=BATCH_ROWS, row_groups=[inside], columns=[self.column])


def small(data: bytes) -> Served:
    """A thumbnail. JPEG is decoded at a fraction of its size; what Pillow does not like is looked at whole, to say why."""
    name = format_of(data)
    size = declared(data, name) if name else None
    if name == "JPEG" and size is not None and size[0] * size[1] <= DEFAULT_MAX_PIXELS:
        try:
            with Image.open(io.BytesIO(data)) as opened:
                opened.draft("RGB", (2 * THUMB_PX, 2 * THUMB_PX))
                opened.load()
                return _encoded(_shrunk(opened))
        except Exception:  # noqa: BLE001, S110 – the boundary to Pillow; `look` below says what it is
            pass
    seen = look(data)
    if seen.image is None:
        return _stand_in(f"does not decode: {seen.outcome} {seen.detail}")
    return _encoded(_shrunk(seen.image))


def _shrunk(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("P", "1", "LA", "PA", "RGBa", "La"):
        upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    upright.thumbnail((THUMB_PX, THUMB_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return upright


def _encoded(image: Image.Image) -> Served:
    sink = io.BytesIO()
    if image.has_transparency_data:
        image.convert("RGBA").save(sink, "PNG", compress_level=3)
        return Served(sink.getvalue(), "image/png")
    image.convert("RGB").save(sink, "JPEG", quality=85)
    return Served(sink.getvalue(), "image/jpeg")


def _stand_in(why: str) -> Served:
    """A picture that says why there is none."""
    told = shortened(" ".join(f"The picture {why}".split()), 120)
    lines = wrap(told, 34)
    texts = [
        tag("text", line, x=200, y=165 - 13 * len(lines) + 26 * n, text_anchor="middle", fill="#59626b", font_size=19, font_family="sans-serif")
        for n, line in enumerate(lines)
    ]  # fmt: skip
    ground = tag("rect", width=400, height=300, fill="#ebe8e2")
    drawn = tag("svg", ground, *texts, xmlns="http://www.w3.org/2000/svg", viewBox="0 0 400 300", width=400, height=300)
    return Served(drawn.encode(), "image/svg+xml", told)
