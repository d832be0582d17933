"""The choice of rows and columns."""

from __future__ import annotations

import pytest

from pixmo.image.crops_tiling import tiling


@pytest.mark.parametrize(
    ("size", "window", "most", "told"),
    [
        ((368, 528), 224, 12, (2, 3)), ((200, 200), 224, 12, (1, 1)),
        ((-12, 1888), 224, 12, (1, 1)), ((1888, -12), 224, 12, (1, 1)),  # narrower than the margins
        ((0, 0), 224, 12, (1, 1)), ((0, 388), 266, 8, (1, 2)), ((1, 1888), 266, 8, (1, 8)),
        ((968, 1808), 266, 8, (2, 4)), ((5000, 5000), 224, 12, (3, 3)), ((5000, 5000), 224, 1, (1, 1)),
    ],
)  # fmt: skip
def test_least_scaling(size, window, most, told):
    """The tiling enlarges least or, where all shrink, shrinks least; sizes that are not positive choose one window."""
    assert tiling(*size, window, most) == told
