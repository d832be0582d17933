"""Crops, masks and token layouts are those of the released Molmo, number by number."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from pixmo.errors import BadRecord, BadSetting
from pixmo.image.crops import CLIP_MEAN, CLIP_STD, DISCARDED, Cropping, Kind, cropped, layout

GOLDEN = Path(__file__).parents[1] / "golden"
FACTS = json.loads((GOLDEN / "preprocess_v1.json").read_text(encoding="utf-8"))
ARRAYS = dict(np.load(GOLDEN / "preprocess_v1.npz"))
CASES = {case["id"]: case for case in FACTS["cases"]}
NAMES = {Kind.START: "<im_start>", Kind.END: "<im_end>", Kind.PATCH: "<im_patch>", Kind.COLUMN: "<im_col>"}
IDS = np.array([FACTS["special_token_ids"][NAMES[kind]] for kind in sorted(NAMES)])


def pattern(name: str, width: int, height: int, channels: int = 3) -> np.ndarray:
    """The synthetic pictures of the golden data: bytes (height, width, channels)."""
    x, y, k = np.arange(width)[None, :, None], np.arange(height)[:, None, None], np.arange(channels)
    wide, high = max(width - 1, 1), max(height - 1, 1)
    values = {
        "ramp": lambda: 3 * x + 5 * y + 70 * k,
        "gradient": lambda: np.stack(
            np.broadcast_arrays(*(plane[..., 0] for plane in (
                255 * x // wide, 255 * y // high, 128 * x // wide + 127 * y // high, 255 - 255 * x // wide))), axis=-1,
        )[..., :channels],
        "checker": lambda: 200 * ((x // 9 + y // 13 + k) % 2) + (x + 2 * y + 11 * k) % 56,
        "product": lambda: x * y // (7 + k) + 31 * k,
        "rings": lambda: ((x - width // 3) ** 2 + (y - height // 2) ** 2 + 977 * k) // (37 + k),
        "stripes": lambda: 64 * ((x + 3 * y) // (5 + 2 * k) % 4) + (2 * x + y) % 64,
    }  # fmt: skip
    return (values[name]() % 256).astype(np.uint8)


def picture(told: dict) -> np.ndarray:
    """A golden picture as the original loads it: RGB first, then turned upright."""
    if told["kind"] == "file":
        image = Image.open(GOLDEN / told["path"])
    else:
        image = Image.fromarray(
            pattern(told["pattern"], told["width"], told["height"], len(told["mode"])), told["mode"]
        )
    return np.asarray(ImageOps.exif_transpose(image.convert("RGB")))


def cropping(case: dict) -> Cropping:
    """The settings of a golden case."""
    told = case["settings"]
    return Cropping(max_crops=told["max_crops"], is_tiled=told["crop_mode"] != "resize")


@pytest.mark.parametrize("name", CASES)
def test_released_crops(name):
    """Tiling, token ids, feature positions, masks and pixels are those of the original for each golden picture."""
    case, image = CASES[name], picture(CASES[name]["image"])
    assert hashlib.sha256(image.tobytes()).hexdigest() == case["loaded"]["rgb_sha256"]
    made = cropped(image, cropping(case))
    tiling = case["tiling"] and tuple(case["tiling"])
    assert (made.layout.tiling, made.patches_NPV.shape) == (tiling, tuple(case["crops"]["shape"]))
    np.testing.assert_array_equal(IDS[made.layout.kinds_T], ARRAYS[f"{name}.image_tokens"])
    np.testing.assert_array_equal(made.layout.feature_at_NQ, ARRAYS[f"{name}.image_input_idx"])
    if made.masks_NP is None:
        assert f"{name}.image_masks" not in ARRAYS
    else:
        np.testing.assert_allclose(made.masks_NP, ARRAYS[f"{name}.image_masks"], rtol=0, atol=1e-6)
    where = ARRAYS[f"{name}.sample_index"].astype(np.int64)
    sampled = made.patches_NPV[np.arange(len(where))[:, None], where[..., 0], where[..., 1]]
    np.testing.assert_allclose(sampled, ARRAYS[f"{name}.sample_value"], rtol=0, atol=1e-5)
    exact = made.patches_NPV.astype(np.float64)
    np.testing.assert_allclose(exact.mean(axis=(1, 2)), case["crops"]["mean"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(exact.std(axis=(1, 2)), case["crops"]["std"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "tiling", "crops", "patches", "tokens"),
    [
        ((640, 480), (2, 3), 7, 704, 740), ((480, 640), (3, 2), 7, 704, 748), ((1000, 300), (1, 4), 5, 576, 604),
        ((300, 1000), (4, 1), 5, 576, 628), ((336, 336), (1, 1), 2, 288, 316), ((100, 2000), (1, 1), 2, 288, 316),
        ((112, 112), (1, 1), 2, 288, 316), ((113, 113), (1, 1), 2, 288, 316), ((560, 560), (2, 2), 5, 544, 580),
        ((1920, 1080), (3, 4), 13, 1152, 1196), ((1, 1), (1, 1), 2, 288, 316),
    ],
)  # fmt: skip
def test_layout_of_a_size(size, tiling, crops, patches, tokens):
    """The layout of a picture follows from its size, as measured on the original."""
    made = layout(size[1], size[0], Cropping())
    found = (made.tiling, len(made.feature_at_NQ), (made.kinds_T == Kind.PATCH).sum(), len(made.kinds_T))
    assert found == (tiling, crops, patches, tokens)


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([1, 2, 5, 12, 36]))
@settings(max_examples=60, deadline=None)
def test_each_patch_token_has_one_feature(height, width, max_crops):
    """Whatever the size, the features that are kept are those of the patch tokens, each once, in at most `max_crops` crops."""
    made = layout(height, width, Cropping(max_crops=max_crops))
    kept = made.feature_at_NQ[made.feature_at_NQ != DISCARDED]
    np.testing.assert_array_equal(np.sort(kept), np.flatnonzero(made.kinds_T == Kind.PATCH))
    assert len(made.feature_at_NQ) <= max_crops + 1


def test_a_small_model_has_its_own_numbers():
    """Crops of 84 px with margins of two patches: the tiling, grid and masks of the recorded tiny checkpoints."""
    small = Cropping(crop_px=84, margins=(2, 2), max_crops=2)
    made = cropped(pattern("ramp", 90, 60), small)
    assert (made.layout.tiling, made.patches_NPV.shape, made.masks_NP.shape) == ((1, 2), (3, 36, 588), (3, 36))
    assert (made.layout.kinds_T == Kind.PATCH).sum() == 9 + 3 * 4
    assert (made.masks_NP[2] == -1).all()


def test_padding_is_black_before_it_is_normalised():
    """Beside a picture the pixels are those of black, and their masks are 0."""
    made = cropped(np.full((10, 40, 3), 255, np.uint8), Cropping())
    black = np.tile(-np.array(CLIP_MEAN) / CLIP_STD, 196)
    np.testing.assert_allclose(made.patches_NPV[:, 0], np.stack([black, black]), atol=1e-6)
    assert made.masks_NP[0, 0] == 0


def test_shared_layouts_cannot_be_written():
    """A layout is shared by all pictures of its size, so nobody can change it."""
    with pytest.raises(ValueError, match="read-only"):
        layout(64, 64, Cropping()).kinds_T[0] = 1


@pytest.mark.parametrize("told", FACTS["must_fail"])
def test_a_picture_that_vanishes_is_refused(told):
    """A picture so long that scaling leaves nothing of it is refused with its size, where the original stops with a traceback."""
    with pytest.raises(BadRecord, match="1000 x 2 px is too long"):
        cropped(picture(told["image"]), Cropping())


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros((10_000, 1, 3), np.uint8), "1 x 10000 px is too long for the model: scaled into 336 x 336 px"),
        (np.zeros((0, 5, 3), np.uint8), "5 x 0 px has no pixels"),
        (np.zeros((5, 0, 3), np.uint8), "0 x 5 px has no pixels"),
        (np.zeros((5, 5), np.uint8), r"shape \(5, 5\) and uint8 is no RGB picture"),
        (np.zeros((5, 5, 4), np.uint8), r"shape \(5, 5, 4\)"),
        (np.zeros((5, 5, 3), np.float32), "float32 is no RGB picture"),
    ],
)
def test_no_picture_is_refused(array, told):
    """Arrays that hold no RGB picture, or one without pixels, are told in one line."""
    with pytest.raises(BadRecord, match=told):
        cropped(array, Cropping())


@pytest.mark.parametrize("wrong", [{"crop_px": 380}, {"margins": (3, 4)}, {"margins": (12, 12)}, {"max_crops": 0}])
def test_numbers_that_do_not_fit_are_refused(wrong):
    """Crops that are not whole patches, margins that are not whole pooled features or leave no window, and no crops at all are refused."""
    with pytest.raises(BadSetting):
        Cropping(**wrong)


# --- other towers ----------------------------------------------------------------------------------------------------

MODES = {  # as torch has them: mode, antialias, mean, deviation
    "siglip": ("bilinear", False, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "dino": ("bicubic", True, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "metaclip": ("bicubic", True, CLIP_MEAN, CLIP_STD),
}


def stretched_by_torch(image: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    """A picture stretched to a size by torch, rounded to bytes and normalised."""
    mode, antialias, mean, std = MODES[name]
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    bytes_ = torch.nn.functional.interpolate(planes, size, mode=mode, antialias=antialias).round().clamp(0, 255)
    return (bytes_[0].permute(1, 2, 0).numpy() / 255 - np.array(mean)) / np.array(std)


def put_together(crop_PV: np.ndarray, side: int) -> np.ndarray:
    """A crop from its patches."""
    lines = crop_PV.reshape(side, side, 14, 14, 3).swapaxes(1, 2)
    return lines.reshape(side * 14, side * 14, 3)


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize(("width", "height"), [(640, 480), (90, 700), (30, 20)])
def test_other_towers_see_pictures_stretched(name, width, height):
    """SigLIP, DINOv2 and MetaCLIP: the whole picture and each crop are cut from what torch's resize gives, no black beside it."""
    px = 378 if name == "siglip" else 336
    told = Cropping(crop_px=px, max_crops=4, resize=name)
    image = pattern("product", width, height)
    made = cropped(image, told)
    rows, cols = made.layout.tiling
    whole = stretched_by_torch(image, (px, px), name)
    large = stretched_by_torch(image, (rows * (px - 112) + 112, cols * (px - 112) + 112), name)
    wanted = [whole] + [
        large[top : top + px, left : left + px]
        for top in range(0, rows * (px - 112), px - 112)
        for left in range(0, cols * (px - 112), px - 112)
    ]
    found = np.stack([put_together(crop, px // 14) for crop in made.patches_NPV])
    off = np.abs(found - np.stack(wanted))
    step = 1 / 255 / min(MODES[name][3])
    assert off.max() < 1.01 * step  # a byte where rounding is undecided
    assert (off > 1e-5).mean() < 1e-3
    assert (made.masks_NP[:-1] == 1).all()


@pytest.mark.parametrize(
    ("size", "tiling", "rows", "cols"),
    [((300, 300), (1, 1), 14, 14), ((600, 600), (2, 2), 24, 24), ((900, 300), (1, 3), 14, 34)],
)
def test_odd_crops_pool_their_last_patch_alone(size, tiling, rows, cols):
    """27 patches a side, 8 of them margins: 14 pooled features of a lone crop, 12 of an outer and 10 of an inner one."""
    made = layout(size[1], size[0], Cropping(crop_px=378, resize="siglip"))
    assert (made.tiling, made.feature_at_NQ.shape) == (tiling, (1 + tiling[0] * tiling[1], 14 * 14))
    assert (made.kinds_T == Kind.PATCH).sum() == 14 * 14 + rows * cols
    kept = made.feature_at_NQ[made.feature_at_NQ != DISCARDED]
    np.testing.assert_array_equal(np.sort(kept), np.flatnonzero(made.kinds_T == Kind.PATCH))
    high = made.feature_at_NQ[1:].reshape(*tiling, 14, 14)
    lines = [np.concatenate([line[line != DISCARDED] for line in across]) for across in high[:, :, 4]]
    assert all((np.diff(line) == 1).all() and len(line) == cols for line in lines)


def test_an_unknown_resize_is_refused():
    """Only the ways that a tower was trained with."""
    with pytest.raises(BadSetting, match="default, metaclip, siglip, dino, not 'lanczos'"):
        Cropping(resize="lanczos")
