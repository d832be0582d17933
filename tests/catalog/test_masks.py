"""Masks as nested booleans and as run lengths."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.catalog import masks
from pixmo.catalog.masks import MASK, PIXELS, masks_of, pixels_of

Pixels = list[list[bool | None] | None] | None
NOTHING = {"height_px": 0, "width_px": 0, "runs": []}


def rectangles(pixel: st.SearchStrategy[bool | None]) -> st.SearchStrategy[Pixels]:
    sizes = st.tuples(st.integers(0, 4), st.integers(0, 5))
    return sizes.flatmap(
        lambda s: st.lists(st.lists(pixel, min_size=s[1], max_size=s[1]), min_size=s[0], max_size=s[0])
    )


def runs_of(flat: list[bool]) -> list[int]:
    """Lengths of alternating runs, outside first, one pixel after the other."""
    runs = [0] if flat else []
    now = False
    for pixel in flat:
        if pixel != now:
            runs.append(0)
            now = pixel
        runs[-1] += 1
    return runs


@given(st.lists(st.none() | rectangles(st.booleans())), st.integers(0, 3), st.sampled_from([2**24, 4]))
def test_masks_become_runs_and_come_back(told: list[Pixels], start: int, at_once: int) -> None:
    """As a walk over the pixels counts them; nulls and empty masks too, in slices, and when looked at piece by piece."""
    column = pa.array(told, PIXELS).slice(start)
    told = told[start:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "AT_ONCE", at_once)
        made = masks_of(column)
        assert pixels_of(made).equals(column)
    for got, rows in zip(made.to_pylist(), told, strict=True):
        if rows is None:
            assert got is None
        else:
            assert (got["height_px"], got["width_px"]) == (len(rows), len(rows[0]) if rows else 0)
            assert got["runs"] == runs_of([pixel for row in rows for pixel in row])


@pytest.mark.parametrize(
    "broken",
    [[[True], [True, False]], [[True, False], []], [[], [True]], [[True, None]], [[True], None], [None]],
    ids=["longer", "empty last", "empty first", "null pixel", "null row", "only null"],
)
def test_what_is_no_rectangle_is_an_empty_mask(broken: Pixels) -> None:
    """Its neighbours are not touched."""
    good = [[False, True], [True, True]]
    made = masks_of(pa.array([good, broken, good], PIXELS)).to_pylist()
    assert made == [{"height_px": 2, "width_px": 2, "runs": [1, 3]}, NOTHING, made[0]]


def test_runs_that_do_not_add_up_are_told() -> None:
    """Which mask it is; nothing is drawn from such runs."""
    told = [{"height_px": 1, "width_px": 2, "runs": [2]}, {"height_px": 2, "width_px": 2, "runs": [1, 2]}]
    with pytest.raises(ValueError, match="mask 1: its runs do not add up to its size"):
        pixels_of(pa.array(told, MASK))
