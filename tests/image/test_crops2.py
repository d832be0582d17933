"""Crops, pooling indices and token layouts are those of the released Molmo2, number by number."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.errors import BadRecord, BadSetting
from pixmo.image.crops import Kind
from pixmo.image.crops2 import NO_PATCH, Cropping2, cropped2, frame_grid, frame_patches, frame_pooling, layout2

GOLDEN = Path(__file__).parents[1] / "golden"
FACTS = json.loads((GOLDEN / "preprocess_molmo2.json").read_text(encoding="utf-8"))


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """The picture of the golden data's formula: bytes (height, width, 3)."""
    x, y = np.arange(width)[None], np.arange(height)[:, None]
    planes = (
        127.5 + 127.5 * np.sin((x + seed) / 17) * np.cos(y / 23),
        255 * x / max(width - 1, 1),
        255 * y / max(height - 1, 1),
    )
    return np.stack(np.broadcast_arrays(*planes), axis=-1).round().astype(np.uint8)


def digest(pooling: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pooling, "<i8").tobytes()).hexdigest()


@pytest.mark.parametrize("case", FACTS["images"], ids=lambda case: f"{case['width']}x{case['height']}")
def test_released_crops(case):
    """Grids, pooling indices and pixels are those of the original for each golden picture."""
    made = cropped2(picture(case["width"], case["height"], case["seed"]), Cropping2())
    assert list(made.patches_NPV.shape) == case["pixel_values_shape"]
    assert ([list(made.layout.grid)], [len(made.patches_NPV)]) == (case["image_grids"], case["image_num_crops"])
    pooling = made.layout.pooling_KS
    assert (list(pooling.shape), digest(pooling)) == (case["pooling_shape"], case["pooling_sha256"])
    assert {number: pooling[int(number)].tolist() for number in case["pooling_rows"]} == case["pooling_rows"]
    assert (made.layout.kinds_T == Kind.PATCH).sum() == len(pooling)
    np.testing.assert_allclose(made.patches_NPV.mean(axis=(1, 2)), case["crop_mean"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(made.patches_NPV.std(axis=(1, 2)), case["crop_std"], rtol=0, atol=1e-5)
    sampled = made.patches_NPV.ravel()[case["sample_index"]]
    np.testing.assert_allclose(sampled, case["sample_value"], rtol=0, atol=FACTS["tolerance"]["pixel"])


@pytest.mark.parametrize(
    ("size", "tiling", "grid", "rows", "tokens"),
    [
        ((640, 480), (2, 2), (23, 23), 725, 752), ((1000, 300), (1, 4), (14, 42), 784, 802),
        ((300, 1000), (4, 1), (42, 14), 784, 830), ((112, 112), (1, 1), (14, 14), 392, 410),
        ((50, 50), (1, 1), (14, 14), 392, 410), ((500, 112), (1, 2), (14, 23), 518, 536),
        ((1920, 1080), (2, 4), (23, 42), 1162, 1189), ((4000, 3000), (2, 3), (23, 33), 955, 982),
        ((112, 2000), (8, 1), (80, 14), 1316, 1400), ((100, 2000), (1, 1), (14, 14), 392, 410),
        ((2000, 100), (1, 1), (14, 14), 392, 410), ((10_000, 1), (1, 1), (14, 14), 392, 410),
    ],
)  # fmt: skip
def test_layout_of_a_size(size, tiling, grid, rows, tokens):
    """The layout of a picture follows from its size, as measured on the original."""
    made = layout2(size[1], size[0], Cropping2())
    assert (made.tiling, made.grid, len(made.pooling_KS), len(made.kinds_T)) == (tiling, (14, 14, *grid), rows, tokens)


@pytest.mark.parametrize(("size", "tiling"), [((100, 2000), (8, 1)), ((2000, 100), (1, 8)), ((640, 480), (2, 2))])
def test_training_cuts_narrow_pictures(size, tiling):
    """As in training, a picture narrower than the margins is cut along its length, unlike in the released processor."""
    assert layout2(size[1], size[0], Cropping2(clamps_narrow=True)).tiling == tiling


def test_features_may_take_patches_of_two_crops():
    """In the stitched grid a window straddles crops: for 640 x 480, the twelfth of the first row."""
    pooling = layout2(480, 640, Cropping2()).pooling_KS[196:]
    assert pooling[0].tolist() == [729, 730, 756, 757]
    assert pooling[11].tolist() == [751, 1462, 778, 1489]
    assert pooling[-1].tolist() == [3616, 3617, 3643, 3644]


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 24))
@settings(max_examples=40, deadline=None)
def test_each_feature_has_a_token_and_each_patch_one_feature(height, width, max_crops):
    """Whatever the size, there is one token per feature, and no patch is pooled twice."""
    made = layout2(height, width, Cropping2(max_crops=max_crops))
    used = made.pooling_KS[made.pooling_KS != NO_PATCH]
    assert (made.kinds_T == Kind.PATCH).sum() == len(made.pooling_KS)
    assert len(np.unique(used)) == len(used)
    assert made.tiling[0] * made.tiling[1] <= max_crops


def test_flags_of_other_checkpoints():
    """A whole picture may have column tokens and the common start, as its processor's settings say."""
    made = layout2(480, 640, Cropping2(low_has_columns=True, low_has_own_start=False))
    assert (made.kinds_T == Kind.COLUMN).sum() == 14 + 23
    assert Kind.LOW_START not in made.kinds_T


@pytest.mark.parametrize("case", FACTS["videos"], ids=lambda case: f"{case['width']}x{case['height']}")
def test_released_frames(case):
    """The pooling of a video's frames is that of the original, and their patches have its means."""
    count = len(case["frame_indices"])
    pooling = frame_pooling(count, Cropping2())
    assert (list(pooling.shape), digest(pooling)) == (case["pooling_shape"], case["pooling_sha256"])
    assert [[count, *frame_grid(Cropping2())]] == case["video_grids"]
    patches = np.empty(case["pixel_values_shape"], np.float32)
    for out, number in zip(patches, case["frame_indices"], strict=True):
        frame_patches(picture(case["width"], case["height"], case["seed"] + 3 * number), Cropping2(), out)
    bytes_mean = (patches.mean(axis=(1, 2), dtype=np.float64) + 1) * 127.5
    np.testing.assert_allclose(bytes_mean, case["frame_mean"], rtol=0, atol=1e-3)  # of 255


@pytest.mark.parametrize("array", [np.zeros((0, 5, 3), np.uint8), np.zeros((5, 5), np.uint8), np.zeros((2, 2, 3))])
def test_no_picture_is_refused(array):
    """An array that is no RGB picture, or has no pixels, is told in one line, as picture and as frame."""
    with pytest.raises(BadRecord, match=r"no pixels|no RGB picture"):
        cropped2(array, Cropping2())
    with pytest.raises(BadRecord, match=r"no pixels|no RGB picture"):
        frame_patches(array, Cropping2(), np.empty((729, 588), np.float32))


def test_no_frames_are_refused():
    """A video without frames is told."""
    with pytest.raises(BadRecord, match="without frames"):
        frame_pooling(0, Cropping2())


@pytest.mark.parametrize("wrong", [{"crop_px": 380}, {"margins": (14, 14)}, {"max_crops": 0}, {"pool": 0}])
def test_numbers_that_do_not_fit_are_refused(wrong):
    """Crops that are not whole patches, margins that leave no window, no crops at all are refused."""
    with pytest.raises(BadSetting):
        Cropping2(**wrong)
