"""Decode each picture whole and tell its format, size, mode, frames, orientation, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pixmo.ask import Outcome
from pixmo.errors import BadSetting
from pixmo.stage import Picture, RowStage, meaning


class Inspected(NamedTuple):
    """What was found; see `pixmo.image.decode.Look` for the meaning of each."""

    image_outcome: Outcome
    image_detail: str
    image_ok: bool
    format: str | None
    width: int | None
    height: int | None
    mode: str | None
    frames: int | None
    exif_orientation: int | None
    has_transparency: bool | None


@dataclass(frozen=True)
class InspectImage(RowStage):
    """A picture of more than `max_pixels` is not decoded; its size is told all the same."""

    max_pixels: int = meaning(89_478_485, "pictures of more pixels are not decoded")

    def __post_init__(self) -> None:
        if self.max_pixels < 1:
            raise BadSetting(f"max_pixels is {self.max_pixels}; give at least 1")

    def row(self, picture: Picture) -> Inspected:
        """The look at one picture, without the pixels."""
        look = picture.look(self.max_pixels)
        return Inspected(
            look.outcome, look.detail, look.outcome is Outcome.OK, look.format, look.width, look.height, look.mode,
            look.frames, look.exif_orientation, look.has_transparency,
        )  # fmt: skip
