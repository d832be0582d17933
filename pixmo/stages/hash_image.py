"""Compute 64-bit perceptual hashes, pHash and dHash, as imagehash does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pixmo.stage import Picture, RowStage


class Hashed(NamedTuple):
    """16 hexadecimal digits each; null for what does not decode or has no way to grey."""

    phash: str | None
    dhash: str | None


@dataclass(frozen=True)
class HashImage(RowStage):
    """The EXIF orientation is not applied: the hashes are those of the decoded picture."""

    def row(self, picture: Picture) -> Hashed:
        """The hashes of one picture, from the decode that other stages share."""
        from pixmo.image.phash import hashes

        image = picture.any_look.image
        found = None if image is None else hashes(image)
        return Hashed(None, None) if found is None else Hashed(found.phash, found.dhash)
