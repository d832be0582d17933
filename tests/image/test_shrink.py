"""Shrinking is Pillow's, to the byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixmo.image import shrink
from pixmo.image.shrink import LANCZOS, across, is_exact, shrunk

SIZES = [(32, 32), (9, 8)]


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 1200), st.floats(0.01, 3), st.integers(0, 2**32 - 1), st.booleans())
def test_any_shape_is_equal_to_pillow(width: int, tallness: float, seed: int, is_hard: bool) -> None:
    """Noise, and black-and-white noise that makes the kernel overshoot, of any shape give the very bytes of Pillow."""
    height = max(1, min(1500, int(width * tallness)))
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    grey = Image.fromarray(np.where(pixels > 127, 255, 0).astype(np.uint8) if is_hard else pixels)
    for ours, size in zip(shrunk(grey, SIZES), SIZES, strict=True):
        assert ours.tobytes() == grey.resize(size, LANCZOS).tobytes()


@pytest.mark.parametrize("width", [100, 101, 128, 240, 480, 720, 1080])
def test_portraits_up_to_the_tallest_are_equal(width: int) -> None:
    """Where Pillow changes the order of its passes, the picture is Pillow's: just below, at and above our limit."""
    for height in range(int(1.9 * width) - 66, int(2.1 * width), max(1, width // 24)):
        grey = Image.fromarray(np.random.default_rng(height).integers(0, 256, (height, width), dtype=np.uint8))
        for ours, size in zip(shrunk(grey, SIZES), SIZES, strict=True):
            assert ours.tobytes() == grey.resize(size, LANCZOS).tobytes()


@pytest.mark.parametrize("width", [64, 100, 333, 640, 1000, 1920, 4001, 12_000])
def test_widths_of_the_wild(width: int) -> None:
    """Rows of common and of absurd widths, taken in parts and whole, are Pillow's."""
    pixels = np.random.default_rng(width).integers(0, 256, (9, width), dtype=np.uint8)
    for ours, out in zip(across(pixels, (32, 9)), (32, 9), strict=True):
        assert np.array_equal(ours, np.asarray(Image.fromarray(pixels).resize((out, 9), LANCZOS)))


def test_doubtful_roundings_are_settled_by_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sine that errs by less than what counts as doubtful changes no weight; asking nobody, it would change some."""
    widths = range(300, 340)
    right = {width: shrink.weights_of(width, 9)[1] for width in widths}
    sine = np.sin
    monkeypatch.setattr(np, "sin", lambda x: sine(x) * (1 + 2.0**-26 * np.cos(x * 1e6)))
    monkeypatch.setattr(shrink, "_DOUBT", 0.01)
    assert all(np.array_equal(right[width], shrink.weights_of(width, 9)[1]) for width in widths)
    monkeypatch.setattr(shrink, "_DOUBT", 0.0)
    assert not all(np.array_equal(right[width], shrink.weights_of(width, 9)[1]) for width in widths)


def test_another_pillow_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the installed Pillow computes otherwise, it is asked instead."""
    assert is_exact()
    monkeypatch.setattr(shrink, "is_exact", lambda: False)
    monkeypatch.setattr(shrink, "across", None)
    grey = Image.fromarray(np.arange(40_000, dtype=np.uint8).reshape(100, 400))
    assert shrunk(grey, [(9, 8)])[0].tobytes() == grey.resize((9, 8), LANCZOS).tobytes()
