"""Whatever a picture comes as, the RGB bytes that a model reads: upright, and with something behind its transparent parts."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pixmo.errors import BadRecord


def rgb(image: Image.Image | NDArray[np.uint8], *, contrasting: bool = True) -> NDArray[np.uint8]:
    """The picture as an array (height, width, 3) of bytes, its EXIF orientation applied.

    With `contrasting`, transparent parts are put on black or white, whichever differs more in brightness from what is seen; else
    transparency is dropped, as when the released models were trained. Raises BadRecord for what is no picture or cannot be decoded.
    """
    if isinstance(image, np.ndarray):
        image = _of_array(image)
    elif not isinstance(image, Image.Image):
        raise BadRecord(f"a picture is a PIL image or an array of bytes, not {type(image).__name__}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a palette with alphas, a damaged EXIF block: told by the look at the file
            return np.asarray(_upright(_opaque(image) if contrasting else image.convert("RGB")))
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # the border to Pillow, which decodes when it must
        raise BadRecord(f"a picture cannot be decoded: {error}") from error


def _of_array(array: NDArray[np.uint8]) -> Image.Image:
    is_grey = array.ndim == 2
    if array.dtype != np.uint8 or not (is_grey or (array.ndim == 3 and array.shape[2] in (3, 4))) or not array.size:
        raise BadRecord(f"an array of shape {array.shape} and {array.dtype} is no picture of bytes")
    return Image.fromarray(np.ascontiguousarray(array))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 – the boundary to Pillow's EXIF reader: the pixels are sound, the metadata are not
        return image


def _opaque(image: Image.Image) -> Image.Image:
    """As RGB, with its EXIF block; 16 bits are scaled to 8, where Pillow would clip them."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    paper = Image.new("RGBA", seen.size, "black" if _brightness(seen) > 127 else "white")
    paper.alpha_composite(seen)
    made = paper.convert("RGB")
    made.info = dict(seen.info)
    return made


def _brightness(image: Image.Image) -> float:
    """The mean brightness, 0 to 255, of what is seen; 0 where nothing is."""
    alpha = np.asarray(image.getchannel("A"), np.float64)
    total = alpha.sum()
    return float((np.asarray(image.convert("L"), np.float64) * alpha).sum() / total) if total else 0.0
