"""Make a smaller file of a picture: turned upright, scaled, encoded again; the same bytes every time."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from PIL import Image, ImageOps


class Resized(NamedTuple):
    """A file and what it is."""

    data: bytes
    format: str
    width: int
    height: int


def resized(image: Image.Image, longest_edge_px: int, format: str, quality: int) -> Resized:
    """The picture with its EXIF orientation applied and its longest edge at most that long, encoded.

    Never made larger. Only the first frame is kept. Metadata are dropped, save the colour profile where it still describes
    the colours. JPEG has no transparency: see-through parts become white. The bytes are those of the installed Pillow.
    """
    upright = ImageOps.exif_transpose(image)
    plain = _plain(upright, may_be_see_through=format != "JPEG")
    longest = max(plain.size)
    if longest > longest_edge_px:
        size = tuple(max(1, round(edge * longest_edge_px / longest)) for edge in plain.size)
        plain = plain.resize((size[0], size[1]), Image.Resampling.LANCZOS)
    plain.info = {}  # writers take comments and times from here
    out = io.BytesIO()
    plain.save(out, format, **_options(format, quality), **_profile(upright, plain))
    return Resized(out.getvalue(), format, *plain.size)


def _plain(image: Image.Image, may_be_see_through: bool) -> Image.Image:
    """The picture as L, RGB or RGBA."""
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        if may_be_see_through:
            return colours
        paper = Image.new("RGBA", colours.size, "white")
        return Image.alpha_composite(paper, colours).convert("RGB")
    if image.mode.startswith("I;16"):
        # Pillow's own way from 16 bits to 8 clips at 255 instead of scaling
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("1", "L", "I", "F"):
        return image.convert("L")
    return image.convert("RGB")


def _options(format: str, quality: int) -> dict[str, Any]:  # Any: Pillow's own options
    if format == "PNG":
        return {"compress_level": 6}
    return {"quality": quality} if format == "JPEG" else {"quality": quality, "method": 4}


def _profile(before: Image.Image, after: Image.Image) -> dict[str, Any]:  # Any: as above
    """The colour profile, if converting did not leave its colour space."""
    profile = before.info.get("icc_profile")
    was_same = before.mode.startswith(after.mode[:1]) or (before.mode == "P" and after.mode.startswith("RGB"))
    return {"icc_profile": profile if was_same and profile else None}
