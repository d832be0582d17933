"""Pictures of every mode become upright RGB bytes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pixmo.errors import BadRecord
from pixmo.image.crops_load import rgb
from tests.pictures import encode, photo


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture from a file with that EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return Image.open(io.BytesIO(encode(image, "PNG", exif=exif.tobytes())))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "RGBA", "LA", "YCbCr", "I;16", "I", "F", "PA"])
def test_each_mode(mode):
    """Every mode gives height x width x 3 bytes, and the picture can still be seen."""
    grey = photo(size=(40, 30)).convert("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = (grey if mode in ("I", "F") else grey.convert("RGB")).convert(mode)
    made = rgb(image)
    assert (made.shape, made.dtype) == ((30, 40, 3), np.uint8)
    blocks = (
        made[..., 0].reshape(3, 10, 4, 10).mean(axis=(1, 3)),
        np.asarray(grey).reshape(3, 10, 4, 10).mean(axis=(1, 3)),
    )
    np.testing.assert_allclose(*blocks, atol=25)  # modes of few colours are dithered


@pytest.mark.parametrize("contrasting", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_exif_orientation_is_applied(contrasting, mode):
    """A picture stored lying down is turned upright."""
    image = photo(size=(40, 30)).convert(mode)
    told = np.asarray(image.transpose(Image.Transpose.ROTATE_270).convert("RGB"))
    np.testing.assert_array_equal(rgb(turned(image, 6), contrasting=contrasting), told)


@pytest.mark.parametrize(("ink", "paper"), [(255, 0), (200, 0), (0, 255), (60, 255)])
def test_background_contrasts_with_what_is_seen(ink, paper):
    """Bright writing gets a black background and dark writing a white one, whatever colour the hidden pixels have."""
    for hidden in (0, 255):
        image = Image.new("RGBA", (20, 20), (hidden, hidden, hidden, 0))
        image.paste((ink, ink, ink, 255), (5, 5, 10, 10))
        made = rgb(image)
        assert (made[0, 0].tolist(), made[6, 6].tolist()) == ([paper] * 3, [ink] * 3)


def test_transparent_palette():
    """A palette entry that is see-through is, too."""
    image = Image.new("P", (4, 1), 0)
    image.putpalette([255, 0, 0, 10, 10, 10])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 0
    assert rgb(image).tolist() == [[[255] * 3, [10] * 3, [255] * 3, [255] * 3]]
    assert rgb(image, contrasting=False)[0, 0].tolist() == [255, 0, 0]


def test_arrays():
    """Arrays may be grey, RGB or RGBA bytes."""
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.testing.assert_array_equal(rgb(grey), np.stack([grey] * 3, -1))
    colour = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)[:, ::-1]
    np.testing.assert_array_equal(rgb(colour), colour)
    assert rgb(np.zeros((3, 4, 4), np.uint8)).tolist() == np.full((3, 4, 3), 255).tolist()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (np.zeros((3, 4, 5), np.uint8), r"shape \(3, 4, 5\)"),
        (np.zeros((3, 4, 3)), "float64"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
        (b"bytes", "not bytes"),
        (None, "not NoneType"),
    ],
)
def test_what_is_no_picture_is_told(wrong, told):
    """Anything else is refused in one line."""
    with pytest.raises(BadRecord, match=told):
        rgb(wrong)


def test_a_cut_off_file_is_told():
    """A picture that Pillow opens but cannot decode is refused, not raised as Pillow's error."""
    data = encode(photo(), "JPEG")
    with pytest.raises(BadRecord, match="cannot be decoded"):
        rgb(Image.open(io.BytesIO(data[: len(data) // 2])))
