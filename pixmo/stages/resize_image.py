"""Make a smaller copy of each picture, upright and re-encoded; the original's digest is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pixmo.errors import BadSetting, UnknownName
from pixmo.stage import Picture, RowStage, meaning


class ResizedPicture(NamedTuple):
    """The runner keeps `resized` in the store: the column that is written is its digest, `resized_sha256`."""

    resized: bytes | None
    resized_format: str | None
    resized_width: int | None
    resized_height: int | None


@dataclass(frozen=True)
class ResizeImage(RowStage):
    """A picture that is upright, small enough and of the wanted format keeps its own bytes, metadata included."""

    longest_edge_px: int = meaning(1024, "the longest edge afterwards, in pixels; smaller pictures are not enlarged")
    quality: int = meaning(90, "quality of JPEG and WebP, 1 to 100")
    encode_as: str = meaning("jpeg", "format of the copies: jpeg, png or webp")

    def __post_init__(self) -> None:
        if self.longest_edge_px < 1:
            raise BadSetting(f"longest_edge_px is {self.longest_edge_px}; give at least 1")
        if not 1 <= self.quality <= 100:
            raise BadSetting(f"quality is {self.quality}; give 1 to 100")
        if self.encode_as not in ("jpeg", "png", "webp"):
            raise UnknownName("picture format", self.encode_as, ("jpeg", "png", "webp"))

    def row(self, picture: Picture) -> ResizedPicture:
        """The copy, or nulls for what does not decode."""
        look = picture.any_look
        if look.image is None:
            return ResizedPicture(None, None, None, None)
        wanted = self.encode_as.upper()
        is_small = max(look.image.size) <= self.longest_edge_px
        if is_small and look.format == wanted and look.frames == 1 and look.exif_orientation in (None, 1):
            return ResizedPicture(picture.data, wanted, look.width, look.height)
        from pixmo.image.resize import resized

        return ResizedPicture(*resized(look.image, self.longest_edge_px, wanted, self.quality))
