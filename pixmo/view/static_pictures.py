"""Pictures of a static site: upright, small enough that the whole site keeps to its size."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

from pixmo.image.decode import DEFAULT_MAX_PIXELS, look
from pixmo.image.headers import declared
from pixmo.image.sniff import format_of
from pixmo.page.html import shortened
from pixmo.view.card_pieces import Frame
from pixmo.view.thumbs import Pictures

MOST_PICTURES = 8  # of one row
_TOGETHER = 24  # rows read at a time
_TRIED = 24  # pictures that the size of all is told from


class Make(NamedTuple):
    """How pictures are made: the longer side, and the quality of WebP."""

    side_px: int
    quality: int

    def __str__(self) -> str:
        return f"{self.side_px} px, quality {self.quality}"


_STEPS = ((1.0, 80), (1.0, 65), (1.0, 50), (0.8, 50), (0.65, 50), (0.55, 45), (0.45, 45), (0.35, 40), (0.25, 35))


class TooLarge(Exception):
    """The pictures do not fit, however small; `smallest` bytes they would take."""

    def __init__(self, smallest: int) -> None:
        super().__init__(smallest)
        self.smallest = smallest


def steps(side_px: int) -> list[Make]:
    """From good to just recognisable."""
    return [Make(max(32, round(side_px * scale)), quality) for scale, quality in _STEPS]


def write_pictures(
    pictures: Pictures, wanted: Sequence[tuple[int, int]], folder: Path, side_px: int, room: int
) -> Make:
    """Writes `NUMBER-PICTURE.webp` for rows and how many pictures each has; a note in its place where there is none.

    Gives how they were made: as large as the room in bytes allows, `side_px` at most. Raises TooLarge.
    """
    every = max(1, len(wanted) // _TRIED)
    tried = wanted[::every][: _TRIED + 1]
    total = sum(n for _, n in wanted) or 1
    for make in steps(side_px):
        last = sum(len(data) for _, data in _made(pictures, tried, make))
        if last * total > 1.02 * room * max(1, sum(n for _, n in tried)):
            continue
        last = 0
        for name, data in _made(pictures, wanted, make):
            last += len(data)
            if last > room:
                break
            (folder / name).write_bytes(data)
        else:
            return make
        for file in folder.iterdir():
            file.unlink()
    raise TooLarge(last * total // max(1, sum(n for _, n in tried)))


def _made(pictures: Pictures, wanted: Sequence[tuple[int, int]], make: Make) -> Iterator[tuple[str, bytes]]:
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(wanted), _TOGETHER):
            part = wanted[start : start + _TOGETHER]
            pictures.expect([number for number, _ in part])
            jobs = [(number, picture) for number, several in part for picture in range(several)]
            yield from pool.map(lambda job: _one(pictures, job[0], job[1], make), jobs)


def _one(pictures: Pictures, number: int, picture: int, make: Make) -> tuple[str, bytes]:
    files = pictures.files(number)
    data = files[picture] if picture < len(files) else None
    image = upright(data, make.side_px) if data else None
    if image is None:
        image = stand_in(pictures.thumb(number, picture).why or "The picture is not there")
    return name_of(number, picture), webp(image, make)


def name_of(number: int, picture: int) -> str:
    """The file of a row's picture."""
    return f"{number}-{picture}.webp"


def stand_in(why: str) -> Image.Image:
    """A picture that says why there is none."""
    made = Image.new("RGB", (400, 300), "#ebe8e2")
    lines = wrap(shortened(why, 120), 34)
    draw, font = ImageDraw.Draw(made), ImageFont.load_default(19)
    for n, line in enumerate(lines):
        draw.text((200, 150 + 26 * n - 13 * (len(lines) - 1)), line, "#59626b", font, anchor="mm")
    return made


def upright(data: bytes, side_px: int) -> Image.Image | None:
    """A picture of at most that side, turned as its EXIF data say; None where it does not decode."""
    name = format_of(data)
    size = declared(data, name) if name else None
    image = None
    if name == "JPEG" and size is not None and size[0] * size[1] <= DEFAULT_MAX_PIXELS:
        try:
            with Image.open(io.BytesIO(data)) as opened:
                opened.draft("RGB", (side_px, side_px))  # a fraction of the work
                opened.load()
                image = opened.copy()
                image.info = dict(opened.info)
        except Exception:  # noqa: BLE001 – the boundary to Pillow; `look` below says what it is
            image = None
    image = image if image is not None else look(data).image
    if image is None:
        return None
    turned = ImageOps.exif_transpose(image)
    if turned.mode not in ("RGB", "RGBA"):
        turned = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    turned.thumbnail((side_px, side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return turned


def webp(image: Image.Image, make: Make) -> bytes:
    """The picture as a file."""
    sink = io.BytesIO()
    image.save(sink, "WEBP", quality=make.quality, method=3)
    return sink.getvalue()


def frame_of(data: bytes) -> Frame | None:
    """Size and turn of a picture, from its header; None where it has none that says so."""
    if format_of(data) is None:
        return None
    try:
        with Image.open(io.BytesIO(data)) as opened:
            turn = opened.getexif().get(0x0112)
            return Frame(*opened.size, turn if isinstance(turn, int) and 1 <= turn <= 8 else 1)
    except Exception:  # noqa: BLE001 – the boundary to Pillow: whatever hostile bytes make it raise, there is no frame
        return None
