"""The stage that hashes pictures."""

from __future__ import annotations

import imagehash

from pixmo.image.decode import look
from pixmo.stage import Picture
from pixmo.stages.hash_image import Hashed, HashImage
from pixmo.stages.inspect_image import InspectImage
from tests import pictures


def test_both_hashes() -> None:
    """Those of imagehash, on the decoded picture."""
    data = pictures.jpeg(3)
    image = look(data).image
    assert HashImage().row(Picture(data)) == Hashed(str(imagehash.phash(image)), str(imagehash.dhash(image)))


def test_nothing_to_hash_is_null() -> None:
    """Bytes that do not decode have no hash."""
    assert HashImage().row(Picture(pictures.HTML)) == Hashed(None, None)


def test_the_decode_is_shared() -> None:
    """Hashing uses the picture that inspection decoded, under its limit."""
    picture = Picture(pictures.jpeg(size=(640, 480)))
    InspectImage(max_pixels=1000).row(picture)
    assert HashImage().row(picture) == Hashed(None, None)


def test_the_hashes_are_fixed() -> None:
    """A digest of output: what moves these must raise the stage's version."""
    image = pictures.encode(pictures.photo(11, (200, 150)), "PNG")
    assert HashImage().row(Picture(image)) == Hashed("b0da6ed0b5699a61", "1c294bde9c380306")
