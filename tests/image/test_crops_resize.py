"""The resize is torch's: bilinear with and without antialiasing, bicubic with it; padding stands where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pixmo.errors import BadRecord
from pixmo.image.crops_resize import centred, fitted, stretched

ONES = np.ones(3, np.float32)


@pytest.mark.parametrize(
    ("kernel", "mode", "antialias"),
    [("linear", "bilinear", True), ("nearest two", "bilinear", False), ("cubic", "bicubic", True)],
)
@pytest.mark.parametrize(
    ("size", "target"),
    [((480, 640), (560, 746)), ((480, 640), (252, 336)), ((7, 1200), (3, 401)), ((1, 1), (50, 50)), ((900, 31), (1, 1)), ((64, 64), (64, 64)), ((3000, 40), (378, 910))],
)  # fmt: skip
def test_equal_to_torch(size, target, kernel, mode, antialias):
    """Each pixel is that of torch within the rounding of 32-bit floats: enlarged, shrunk, both, and unchanged."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    (found,) = fitted(image, ONES, (stretched(target),), kernel)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    told = torch.nn.functional.interpolate(planes, target, mode=mode, antialias=antialias)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, told, rtol=0, atol=4e-4)  # of 255


def test_several_fits_are_those_of_one_each():
    """Resized into two canvases at once, in strips, a picture is the same as resized into each alone."""
    image = np.random.default_rng(1).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    fits = (centred(700, 900, (336, 336)), centred(700, 900, (560, 784)))
    for found, fit in zip(fitted(image, ONES, fits, "linear"), fits, strict=True):
        np.testing.assert_array_equal(found, fitted(image, ONES, (fit,), "linear")[0])


def test_factor_is_per_channel_and_padding_is_zero():
    """Channels are scaled by their own factor; what the picture does not cover is zero."""
    image = np.full((4, 8, 3), 10, np.uint8)
    (found,) = fitted(image, np.array([1, 2, 3], np.float32), (centred(4, 8, (8, 8)),), "linear")
    assert found[2:6].reshape(-1, 3).tolist() == [[10, 20, 30]] * 32
    assert not found[:2].any()
    assert not found[6:].any()


@pytest.mark.parametrize(
    ("size", "canvas", "told"),
    [
        ((480, 640), (560, 784), (560, 746, 0, 19)),  # cut, not rounded: 746.67
        ((480, 640), (336, 336), (251, 336, 42, 0)),  # 480 x 0.525 is a little less than 252 in 32 bits
        ((3, 2), (336, 336), (336, 224, 0, 56)),
        ((5, 7), (10, 13), (9, 13, 0, 0)),  # the odd pixel of padding goes behind
    ],
)
def test_centred(size, canvas, told):
    """A picture is scaled to fit, its sides cut to whole pixels, and put in the middle."""
    assert centred(*size, canvas) == (*told, canvas)


def test_vanishing_is_refused():
    """A side that scaling would take away altogether is told with both sizes."""
    with pytest.raises(
        BadRecord, match="1000 x 2 px is too long for the model: scaled into 336 x 336 px it has no pixels left"
    ):
        centred(2, 1000, (336, 336))
