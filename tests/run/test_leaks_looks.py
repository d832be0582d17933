"""Looking at pictures at hand, in processes that may be killed."""

from __future__ import annotations

import io

from PIL import Image

from pixmo.image.decode import look
from pixmo.image.mirror import mirrored_hashes
from pixmo.image.phash import hashes
from pixmo.run.leaks_looks import LookBothWays, Lookers, MakeThumb
from tests.pictures import HTML, exif_rotated, jpeg, png, png_bomb, truncated


def test_pictures_are_looked_at_in_their_order() -> None:
    """Hashes of the picture and of its mirror image; nothing for what is no picture, none is given, or is too large."""
    pictures = [jpeg(1), None, HTML, truncated(jpeg(2)), png_bomb(), b"", png(3)]
    with Lookers(1) as lookers:
        found = [lookers.over(LookBothWays(), pictures), lookers.over(LookBothWays(), pictures[::-1])[::-1]]
    assert found[0] == found[1]
    for data, told in zip(pictures, found[0], strict=True):
        seen = look(data).image if data else None
        straight, turned = (hashes(seen), mirrored_hashes(seen)) if seen else (None, None)
        assert told == ((*straight, *turned) if straight and turned else (None,) * 4 if data else None)


def test_small_copies_are_encoded_anew() -> None:
    """Upright JPEGs of at most so many pixels, whatever came."""
    with Lookers(1) as lookers:
        turned, broken = lookers.over(MakeThumb(64), [exif_rotated(6, (320, 240)), HTML])
    assert turned is not None
    image = Image.open(io.BytesIO(turned[0]))
    assert (image.format, image.size, turned[1:]) == ("JPEG", (48, 64), (48, 64))
    assert broken == (None, None, None)


def test_nothing_is_started_for_nothing() -> None:
    """A comparison of lists of URLs needs no process."""
    with Lookers(1) as lookers:
        assert lookers.over(LookBothWays(), [None, None]) == [None, None]
        assert lookers._started is None
