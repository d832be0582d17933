"""The hashes of a mirror image."""

from __future__ import annotations

from PIL import Image, ImageOps

from pixmo.image.mirror import mirrored_hashes
from pixmo.image.phash import hashes
from tests.pictures import photo


def test_they_are_those_of_the_turned_picture():
    """Turning twice gives the picture's own hashes, and they differ from those of its mirror image."""
    picture = photo(3)
    assert mirrored_hashes(ImageOps.mirror(picture)) == hashes(picture)
    assert mirrored_hashes(picture) != hashes(picture)


def test_a_picture_without_a_way_to_grey_has_none():
    """As for the picture itself."""
    odd = Image.new("P", (8, 8))
    odd.info["transparency"] = b"\0" * 256
    assert (mirrored_hashes(odd) is None) == (hashes(odd) is None)
