"""Smaller copies are upright, small enough, and the same bytes every time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixmo.image.decode import look
from pixmo.image.resize import resized
from tests import pictures
from tests.image.test_decode import FILES


def opened(data: bytes) -> Image.Image:
    """The decoded picture of these bytes."""
    image = look(data).image
    assert image is not None
    return image


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 200))
def test_the_longest_edge_is_kept_to(width: int, height: int, longest: int) -> None:
    """At most that long, no edge 0, the shape kept to a pixel, never larger than it was."""
    found = resized(Image.new("RGB", (width, height)), longest, "PNG", 90)
    assert (found.width, found.height) == opened(found.data).size
    assert max(found.width, found.height) == min(longest, max(width, height))
    assert min(found.width, found.height) >= 1
    assert abs(found.width * height - found.height * width) <= max(width, height)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_upright(orientation: int) -> None:
    """The orientation is applied to the pixels and no longer told."""
    found = resized(opened(pictures.exif_rotated(orientation, (320, 240))), 160, "JPEG", 95)
    assert (found.width, found.height) == ((160, 120) if orientation < 5 else (120, 160))
    assert look(found.data).exif_orientation is None
    plain = opened(pictures.exif_rotated(1, (320, 240)))
    turns = {
        1: [], 2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180], 4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE], 6: [Image.Transpose.ROTATE_270], 7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }  # fmt: skip
    for turn in turns[orientation]:
        plain = plain.transpose(turn)
    expected = np.asarray(plain.resize((found.width, found.height)), int)
    assert np.abs(np.asarray(opened(found.data), int) - expected).mean() < 4


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_picture(name: str, format: str) -> None:
    """Each mode becomes a sound file of the wanted format and size, twice the same."""
    image = opened(FILES[name])
    found = resized(image, 32, format, 90)
    again = look(found.data)
    assert (again.format, again.width, again.height) == (format, *((24, 32) if name == "rotated JPEG" else (32, 24)))
    assert resized(opened(FILES[name]), 32, format, 90).data == found.data


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    """A 16-bit grey picture keeps its greys."""
    image = opened(pictures.png(size=(64, 48), mode="I;16"))
    grey = pictures.photo(0, (64, 48)).convert("L")
    found = opened(resized(image, 64, "PNG", 90).data)
    assert np.abs(np.asarray(found, int) - np.asarray(grey, int)).max() <= 1


def test_transparency_is_kept_or_becomes_white() -> None:
    """PNG and WebP keep what can be seen through; JPEG shows it on white."""
    image = opened(pictures.png(size=(64, 48), mode="RGBA"))
    assert look(resized(image, 32, "PNG", 90).data).has_transparency is True
    assert look(resized(image, 32, "WEBP", 90).data).has_transparency is True
    flat = np.asarray(opened(resized(image, 64, "JPEG", 95).data))
    assert flat[:, :24].min() > 240
    assert flat[:, 40:].min() < 200


def test_metadata_stay_behind_but_the_colour_profile() -> None:
    """No EXIF, no comment in the copy; the profile that says what its colours mean is kept where they are the same."""
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    data = pictures.encode(pictures.photo(), "JPEG", exif=exif, comment=b"private", icc_profile=b"profile")
    with Image.open(io.BytesIO(resized(opened(data), 100, "JPEG", 90).data)) as copy:
        assert (dict(copy.getexif()), copy.info.get("comment")) == ({}, None)
        assert copy.info["icc_profile"] == b"profile"
    inks = pictures.encode(pictures.photo().convert("CMYK"), "JPEG", icc_profile=b"of inks")
    with Image.open(io.BytesIO(resized(opened(inks), 100, "JPEG", 90).data)) as copy:
        assert "icc_profile" not in copy.info
