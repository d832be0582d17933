"""Look at a picture's bytes: what they are, whether they decode whole, and the decoded picture.

Header first: a file that declares more pixels than allowed is never decoded. `ok` means that Pillow opens these bytes and decodes their
first picture to the end, so a trainer that reads them with Pillow will too. Nothing that bytes can hold makes `look` raise. Pillow's
process-wide switches are neither changed nor relied on: its own pixel limit is not asked, cut-off files are errors, and its
warnings are silenced here, where each is a finding or nothing.
"""

from __future__ import annotations

import importlib
import io
import re
import warnings
from dataclasses import dataclass
from typing import cast

from PIL import Image
from PIL.ImageFile import ImageFile

from pixmo.ask import Outcome
from pixmo.image.headers import declared, gif_frames, ico_is_cut, tiff_frames
from pixmo.image.sniff import format_of, look_of

DEFAULT_MAX_PIXELS = 89_478_485  # a quarter GiB of RGB: where Pillow begins to warn

# raster formats only: EPS, PDF or WMF would start other programs
_PLUGINS = {
    "AVIF": "AvifImagePlugin", "BMP": "BmpImagePlugin", "GIF": "GifImagePlugin", "ICO": "IcoImagePlugin",
    "JPEG": "JpegImagePlugin", "JPEG2000": "Jpeg2KImagePlugin", "PNG": "PngImagePlugin", "PPM": "PpmImagePlugin",
    "TIFF": "TiffImagePlugin", "WEBP": "WebPImagePlugin",
}  # fmt: skip
_ORIENTATION, _TILE_WIDTH, _TILE_HEIGHT = 0x0112, 322, 323
_PNG_END = b"IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Look:
    """What was found; fields are None where the bytes do not say (no picture) or were not read (too many pixels).

    width and height are those of the decoded picture, before its EXIF orientation is applied. exif_orientation (1..8) is what
    is left to apply: None when the file says nothing, and for TIFF, where Pillow applies it while decoding. has_transparency
    says that a pixel of the first frame may be seen through, not merely that there is an alpha channel.
    """

    outcome: Outcome
    detail: str = ""
    format: str | None = None
    width: int | None = None
    height: int | None = None
    mode: str | None = None
    frames: int | None = None
    exif_orientation: int | None = None
    has_transparency: bool | None = None
    image: Image.Image | None = None  # of the first frame, loaded; only when the outcome is OK


class _TooManyPixels(Exception):
    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height


class _CutOff(Exception):
    """The decoder is content, but the file ends before its format says so."""


def look(data: bytes, max_pixels: int = DEFAULT_MAX_PIXELS) -> Look:
    """What these bytes are, decoded whole if they are a picture of at most `max_pixels`."""
    if not data:
        return Look(Outcome.EMPTY)
    name = format_of(data)
    if name is None:
        return Look(Outcome.NOT_AN_IMAGE, look_of(data))
    found: list[ImageFile] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decoded(data, name, max_pixels, found)
    except _TooManyPixels as over:
        detail = f"{over.width} x {over.height} px"
        return Look(Outcome.TOO_MANY_PIXELS, detail, _format(found, name), over.width, over.height)
    except Image.DecompressionBombError as error:  # met inside a plugin, whatever our limit is
        return Look(Outcome.TOO_MANY_PIXELS, _reason(error), _format(found, name))
    except Exception as error:  # noqa: BLE001 – the boundary to Pillow: whatever hostile bytes make it raise is a finding
        return _broken(data, name, error, found)


def _decoded(data: bytes, name: str, max_pixels: int, found: list[ImageFile]) -> Look:
    extent = declared(data, name)
    if extent is not None:
        _check_pixels(*extent, max_pixels)
    image = _opened(data, name)
    found.append(image)
    _check_pixels(*image.size, max_pixels)
    if name == "TIFF":
        tags = getattr(image, "tag_v2", {})
        _check_pixels(int(tags.get(_TILE_WIDTH, 1)), int(tags.get(_TILE_HEIGHT, 1)), max_pixels)
    image.load()
    frames = _frames(data, name, image)
    width, height = image.size
    return Look(
        Outcome.OK, "", image.format, width, height, image.mode, frames,
        _orientation(image), _is_see_through(image), image,
    )  # fmt: skip


def _opened(data: bytes, name: str) -> ImageFile:
    """As Image.open with one format, but without its process-wide pixel limit: ours is checked instead."""
    if name not in Image.OPEN:
        importlib.import_module(f"PIL.{_PLUGINS[name]}")
    factory, accept = Image.OPEN[name]
    if accept is not None and accept(data[:16]) is not True:
        raise SyntaxError(f"a kind of {name} that Pillow does not open")
    return factory(io.BytesIO(data), "")


def _check_pixels(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise _TooManyPixels(width, height)


def _frames(data: bytes, name: str, image: ImageFile) -> int:
    """How many pictures the file holds; raises _CutOff where the first decoded but the file is not whole.

    An MPO's second picture is not asked for: sites strip it and leave its directory, and the first is then all there is.
    """
    frames, is_cut = 1, False
    if name == "GIF":
        frames, is_cut = gif_frames(data)
    elif name == "TIFF":
        frames, is_cut = tiff_frames(data)
    else:
        frames = int(getattr(image, "n_frames", 1))
        is_cut = (name == "PNG" and data.rfind(_PNG_END) < 0) or (name == "ICO" and ico_is_cut(data))
    if is_cut:
        raise _CutOff("the file is cut off behind its first picture")
    return frames


def _orientation(image: ImageFile) -> int | None:
    """The EXIF (or XMP) orientation as ImageOps.exif_transpose would apply it; a damaged EXIF block says nothing."""
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001 – the boundary to Pillow's EXIF reader: the pixels are sound, the metadata are not
        return None
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def _is_see_through(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        return cast("tuple[tuple[int, int], ...]", image.getextrema())[-1][0] < 255
    alphas = image.info.get("transparency")
    if image.mode != "P" or alphas is None:
        return True  # a see-through colour, or a palette with alphas: whether a pixel has it is not worth another pass
    used = image.histogram()
    if isinstance(alphas, bytes):
        return any(count and alpha < 255 for count, alpha in zip(used, alphas, strict=False))
    return isinstance(alphas, int) and 0 <= alphas < len(used) and used[alphas] > 0


def _broken(data: bytes, name: str, error: Exception, found: list[ImageFile]) -> Look:
    """Broken, unless nothing was recognised and the bytes read as text: two letters do not make a BMP."""
    if not found and name in ("BMP", "PPM") and (kind := look_of(data)) != "binary":
        return Look(Outcome.NOT_AN_IMAGE, kind)
    width, height = found[0].size if found else (None, None)
    return Look(Outcome.BROKEN_IMAGE, _reason(error), _format(found, name), width, height)


def _format(found: list[ImageFile], name: str) -> str:
    return (found[0].format if found else None) or name


def _reason(error: Exception) -> str:
    """One line, the same on every machine: no addresses, no control characters, at most 200 characters."""
    text = re.sub(r" at 0x[0-9A-Fa-f]+", "", " ".join(str(error).split()))
    text = "".join(c if c.isprintable() else "?" for c in text)
    plain = isinstance(error, (_CutOff, OSError, SyntaxError)) and text
    return (text if plain else f"{type(error).__name__}: {text}".rstrip(": "))[:200]
