"""Pictures of rows, large and small."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from pixmo.records.places import Mask
from pixmo.view.card_pieces import Frame
from pixmo.view.masks import mask_png
from pixmo.view.source import open_data
from pixmo.view.thumbs import THUMB_PX, Kept, Pictures, Served
from tests.view.serving import picture, points, write_set


def pictures(tmp_path: Path, *files: bytes | None, row_group: int = 100) -> Pictures:
    """The pictures of a set that holds these."""
    data = open_data(str(write_set(tmp_path / "set.parquet", [points() for _ in files], files, row_group)))
    return Pictures(data)


def colour_at(data: bytes, x: float, y: float) -> tuple[int, ...]:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    found = image.getpixel((int(x / 100 * image.width), int(y / 100 * image.height)))
    assert isinstance(found, tuple)
    return tuple(int(part) for part in found)


@pytest.mark.parametrize("exif", [1, 3, 6, 8])
def test_thumbnails_are_upright_and_small(tmp_path: Path, exif: int) -> None:
    """What stands at 25, 75 of the upright picture stands there."""
    small = pictures(tmp_path, picture(1600, 1200, exif=exif)).thumb(0)
    assert small.kind == "image/jpeg"
    assert max(Image.open(io.BytesIO(small.data)).size) == THUMB_PX
    red, green, _ = colour_at(small.data, 25, 75)
    assert min(red, green) > 150
    for x, y in ((75, 75), (25, 25), (75, 25)):
        assert colour_at(small.data, x, y)[0] < 80


def test_large_pictures_are_the_files_themselves_where_browsers_know_them(tmp_path: Path) -> None:
    """TIFF is made anew, a JPEG that is turned is left to the browser."""
    sink = io.BytesIO()
    Image.open(io.BytesIO(picture())).save(sink, "TIFF")
    png, turned = picture(), picture(exif=6)
    shown = pictures(tmp_path, png, turned, sink.getvalue())
    assert shown.large(0) == (png, "image/png", "")
    assert shown.large(1) == (turned, "image/jpeg", "")
    assert shown.large(2).kind == "image/jpeg"
    assert shown.frame(1) == Frame(300, 400, 6)


@pytest.mark.parametrize(
    ("data", "why"), [(b"<html>", "html"), (None, "not there"), (picture()[:200], "broken_image"), (b"", "empty")]
)
def test_pictures_that_do_not_decode_say_why(tmp_path: Path, data: bytes | None, why: str) -> None:
    """In a drawing in their place, large and small."""
    shown = pictures(tmp_path, data)
    for found in (shown.thumb(0), shown.large(0)):
        assert found.kind == "image/svg+xml"
        assert why in found.why.lower()
    assert pictures(tmp_path, picture()).thumb(0, 5).kind == "image/svg+xml"


def test_a_page_is_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for one row of a page, the rows of its row group come along; others are left where they are."""
    shown = pictures(tmp_path, *[picture(n=n) for n in range(12)], row_group=4)
    read: list[int] = []
    batches = shown._batches
    monkeypatch.setattr(shown, "_batches", lambda group: (read.append(group), batches(group))[1])
    shown.expect([0, 1, 2, 3, 8])
    for number in (1, 0, 3, 8, 2):
        assert colour_at(shown.thumb(number).data, 90, 10) == pytest.approx(colour_at(picture(n=number), 90, 10), abs=6)
    assert read == [0, 2]


def test_masks_are_seen_through_where_they_are_not() -> None:
    """In the colour of their expression; one that is broken is left out, of only broken ones nothing is drawn."""
    sound = Mask(height_px=2, width_px=3, runs=(1, 2, 3))
    drawn = mask_png([sound, Mask(height_px=2, width_px=3, runs=(99,))], "#0b5cad")
    assert drawn is not None
    image = Image.open(io.BytesIO(drawn)).convert("RGBA")
    assert [image.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0, 0), (11, 92, 173, 255), (11, 92, 173, 255)]
    turned = mask_png([sound], "#0b5cad", turn=6)
    assert turned is not None
    assert Image.open(io.BytesIO(turned)).size == (2, 3)
    assert mask_png([Mask(height_px=2, width_px=3, runs=(-1, 7))], "#0b5cad") is None
    assert mask_png([Mask(height_px=10**6, width_px=10**6, runs=(10**12,))], "#0b5cad") is None


def test_what_two_threads_made_at_once_is_counted_once() -> None:
    """Else less and less would be kept."""
    kept = Kept(100)
    for _ in range(50):
        kept.add((0, 0), Served(b"x" * 40, "image/png"))
    kept.add((1, 0), Served(b"y" * 40, "image/png"))
    assert list(kept) == [(0, 0), (1, 0)]
