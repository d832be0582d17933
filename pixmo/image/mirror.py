"""Perceptual hashes of a picture's mirror image: a copy turned left to right hashes like these and not like the picture."""

from __future__ import annotations

from PIL import Image, ImageOps

from pixmo.image.phash import Hashes, hashes


def mirrored_hashes(image: Image.Image) -> Hashes | None:
    """pHash and dHash of the decoded picture mirrored left to right; None when Pillow cannot make it grey."""
    return hashes(ImageOps.mirror(image))
