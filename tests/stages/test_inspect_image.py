"""The stage that looks at pictures."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pixmo.ask import Outcome
from pixmo.errors import BadSetting
from pixmo.stage import Picture, fingerprint
from pixmo.stages.inspect_image import InspectImage
from tests import pictures


def test_a_sound_picture() -> None:
    """All that was found is told, and it is OK."""
    found = InspectImage().row(Picture(pictures.exif_rotated(8, (320, 240))))
    assert found._asdict() == {
        "image_outcome": Outcome.OK, "image_detail": "", "image_ok": True, "format": "JPEG", "width": 320,
        "height": 240, "mode": "RGB", "frames": 1, "exif_orientation": 8, "has_transparency": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "outcome", "detail"),
    [
        (b"", Outcome.EMPTY, ""),
        (pictures.HTML, Outcome.NOT_AN_IMAGE, "html"),
        (pictures.SVG, Outcome.NOT_AN_IMAGE, "svg"),
        (pictures.png_bomb(), Outcome.TOO_MANY_PIXELS, "30000 x 30000 px"),
    ],
)
def test_what_is_no_picture_is_an_outcome(data: bytes, outcome: Outcome, detail: str) -> None:
    """Not OK, with the reason."""
    found = InspectImage().row(Picture(data))
    assert (found.image_outcome, found.image_detail, found.image_ok) == (outcome, detail, False)


def test_a_cut_off_picture_is_broken() -> None:
    """Its format and size are still told."""
    found = InspectImage().row(Picture(pictures.truncated(pictures.jpeg())))
    assert (found.image_outcome, found.format, found.width) == (Outcome.BROKEN_IMAGE, "JPEG", 320)


def test_the_limit_is_a_setting_that_is_meaning() -> None:
    """Another limit is other work, and a picture over it is not decoded."""
    assert fingerprint(InspectImage()) != fingerprint(InspectImage(max_pixels=1000))
    found = InspectImage(max_pixels=1000).row(Picture(pictures.jpeg()))
    assert (found.image_outcome, found.width) == (Outcome.TOO_MANY_PIXELS, 320)
    with pytest.raises(BadSetting, match="max_pixels"):
        InspectImage(max_pixels=0)


def test_its_columns() -> None:
    """It takes a picture and no column; what it adds has these types."""
    stage = InspectImage()
    assert stage.takes_picture()
    assert stage.needs_names() == ()
    assert {f.name: f.type for f in stage.adds} == {
        "image_outcome": pa.string(), "image_detail": pa.string(), "image_ok": pa.bool_(), "format": pa.string(),
        "width": pa.int64(), "height": pa.int64(), "mode": pa.string(), "frames": pa.int64(),
        "exif_orientation": pa.int64(), "has_transparency": pa.bool_(),
    }  # fmt: skip
