"""The stage that makes smaller copies."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pixmo.errors import BadSetting, UnknownName
from pixmo.image.decode import look
from pixmo.stage import Picture
from pixmo.stages.resize_image import ResizedPicture, ResizeImage
from tests import pictures


def test_a_smaller_copy() -> None:
    """Scaled, encoded as asked, told by its own size."""
    found = ResizeImage(longest_edge_px=100, encode_as="webp").row(Picture(pictures.jpeg(size=(320, 240))))
    assert found.resized is not None
    copy = look(found.resized)
    assert (copy.format, copy.width, copy.height) == ("WEBP", 100, 75)
    assert found[1:] == ("WEBP", 100, 75)


def test_a_picture_that_fits_keeps_its_bytes() -> None:
    """Small enough, upright, of the format: encoding it again would only lose."""
    data = pictures.jpeg(size=(320, 240))
    assert ResizeImage().row(Picture(data)) == ResizedPicture(data, "JPEG", 320, 240)


@pytest.mark.parametrize(
    "data",
    [pictures.exif_rotated(6), pictures.png(), pictures.animated("MPO")],
    ids=["rotated", "other format", "two pictures"],
)
def test_a_small_picture_that_does_not_fit_is_encoded_again(data: bytes) -> None:
    """Lying down, of another format, or of several frames."""
    found = ResizeImage().row(Picture(data)).resized
    assert found is not None
    assert found != data
    assert (look(found).format, look(found).frames, look(found).exif_orientation) == ("JPEG", 1, None)


def test_what_does_not_decode_has_no_copy() -> None:
    """All nulls."""
    assert ResizeImage().row(Picture(pictures.HTML)) == ResizedPicture(None, None, None, None)


def test_its_columns() -> None:
    """Bytes are declared as such: the runner stores them and writes their digest."""
    assert ResizeImage().adds.field("resized").type == pa.binary()


@pytest.mark.parametrize("settings", [{"longest_edge_px": 0}, {"quality": 0}, {"quality": 101}])
def test_settings_out_of_range(settings: dict[str, int]) -> None:
    """Refused with the setting's name."""
    with pytest.raises(BadSetting, match=next(iter(settings))):
        ResizeImage(**settings)


def test_an_unknown_format_names_the_nearest() -> None:
    """As every unknown name."""
    with pytest.raises(UnknownName, match="did you mean 'jpeg'"):
        ResizeImage(encode_as="jpg")
