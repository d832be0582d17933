"""Pointing with masks."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.pointing import pointing_score, pointing_scores
from pixmo.text.molmo1 import format_points
from pixmo.text.molmo2 import format_points as format_points_of_molmo2
from tests.evaluate.tasks.golden_metrics import METRICS, told

WIDTH, HEIGHT = 30, 20
PARTS = ("precision", "recall", "f1")


def score_of(example, **how):
    """The parts of the score of a golden example."""
    points = [tuple(point) for point in example["points_percent"]]
    size_px = (example["image_width"], example["image_height"])
    return pointing_score(example["prediction"], points, example["masks"], size_px, **how)._asdict()


@pytest.mark.parametrize("example", METRICS["pointing"], ids=told)
def test_score_is_the_original_or_corrected_one(example):
    """By default the corrected values, with `legacy` those of the original: nan where it fails."""
    original = {part: math.nan if example[part] is None else example[part] for part in PARTS}
    corrected = example.get("corrected", original)
    assert score_of(example, legacy=True) == pytest.approx(original, abs=1e-6, nan_ok=True)
    assert score_of(example) == pytest.approx(corrected, abs=1e-6)
    free = example.get("without_format_check", corrected)
    assert score_of(example, check_format=False) == pytest.approx(free, abs=1e-6)


def as_runs(mask):
    """The run lengths of an array."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask.ravel(), [True]]).astype(np.int8)))
    counts = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return {"size": list(mask.shape), "counts": counts.tolist()}


places = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda place: (place[0] / 10, place[1] / 10))
things = st.tuples(places, st.integers(0, 4))


def mask_around(point, radius):
    """A square around a place in percent."""
    column, row = round(point[0] * WIDTH / 100), round(point[1] * HEIGHT / 100)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (abs(rows - row) <= radius) & (abs(columns - column) <= radius)


def hits_of_any_best_matching(told_px, people_px, masks):
    """How many hits there may be: of every way to match with the least sum of distances, each tried."""
    few, many = sorted([range(len(told_px)), range(len(people_px))], key=len)
    found = []
    for chosen in permutations(many, len(few)):
        pairs = list(zip(few, chosen, strict=True))
        if len(told_px) > len(people_px):
            pairs = [(told_at, at) for at, told_at in pairs]
        cost = sum(math.dist(told_px[i], people_px[j]) for i, j in pairs)
        hits = 0
        for i, j in pairs:
            column, row = round(told_px[i][0]), round(told_px[i][1])
            hits += bool(row < HEIGHT and column < WIDTH and masks[j][row, column])
        found.append((cost, hits))
    return {hits for cost, hits in found if cost <= min(found)[0] + 1e-9}


@given(
    st.lists(st.tuples(st.lists(places, min_size=1, max_size=4), st.lists(things, min_size=1, max_size=4)), max_size=5)
)
def test_many_at_once_are_by_definition(pictures):
    """Precision, recall and F1 are those of a matching found by trying all; run lengths and arrays are the same."""
    answers = [format_points(told, "x") for told, _ in pictures]
    people = [[point for point, _ in here] for _, here in pictures]
    masks = [[mask_around(*thing) for thing in here] for _, here in pictures]
    sizes = [(WIDTH, HEIGHT)] * len(pictures)
    scores = pointing_scores(answers, people, masks, sizes)
    assert scores.shape == (len(pictures), 3)
    assert np.array_equal(
        scores, pointing_scores(answers, people, [[as_runs(mask) for mask in here] for here in masks], sizes)
    )
    for (told_points, _), here, points, score in zip(pictures, masks, people, scores.tolist(), strict=True):
        told_px, people_px = (
            [(x * WIDTH / 100, y * HEIGHT / 100) for x, y in found] for found in (told_points, points)
        )
        possible = []
        for hits in hits_of_any_best_matching(told_px, people_px, here):
            precision, recall = hits / len(told_px), hits / len(here)
            possible.append([precision, recall, 2 * hits / (len(told_px) + len(here))])
        assert any(score == pytest.approx(values) for values in possible)


def test_answer_in_words_of_molmo2_has_the_right_form():
    """The format check knows both models' points."""
    mask = np.ones((HEIGHT, WIDTH), bool)
    answer = format_points_of_molmo2([(50.0, 50.0)], "cup")
    assert pointing_score(answer, [(50.0, 50.0)], [mask], (WIDTH, HEIGHT)).f1 == 1
    assert pointing_score(answer, [(50.0, 50.0)], [mask], (WIDTH, HEIGHT), legacy=True).f1 == 0


@pytest.mark.parametrize(("x", "hit"), [(45.0, 1), (48.3, 1), (48.4, 0), (100.0, 0)])
def test_mask_may_be_lists_and_ends_at_its_edges(x, hit):
    """Plain lists do; coordinates round to the nearest pixel, halves to the even one, and the right edge of the picture is outside of it."""
    mask = [[column == 14 for column in range(WIDTH)] for _ in range(HEIGHT)]
    answer = format_points([(x, 50.0)], "x")
    assert pointing_score(answer, [(50.0, 50.0)], [mask], (WIDTH, HEIGHT)).f1 == hit


def test_points_of_people_may_be_pixels():
    """`scale` says what their coordinates count."""
    masks = [mask_around((10.0, 10.0), 1), mask_around((90.0, 90.0), 1)]
    answer = format_points([(10.0, 10.0), (90.0, 90.0)], "cup")
    assert pointing_score(answer, [(3.0, 2.0), (27.0, 18.0)], masks, (WIDTH, HEIGHT), scale=(WIDTH, HEIGHT)).f1 == 1


@pytest.mark.parametrize(
    ("masks", "told_error"),
    [
        ([np.ones((5, 5), bool)], r"masks\[0\] is 5x5, its picture 30x20"),
        ([{"size": [20, 30], "counts": [3]}], r"masks\[0\] must be"),
        ([{"size": [20, 30], "counts": "PYT3"}], r"masks\[0\] must be"),
        ([{"counts": [600]}], r"masks\[0\] must be"),
        ([], "1 points and no masks"),
    ],
)
def test_masks_that_are_not_of_the_picture_are_refused(masks, told_error):
    """A mask of another size, runs that do not fill it, or none at all: the ground truth is wrong, and it is said."""
    with pytest.raises(BadRecord, match=told_error):
        pointing_score("There are none.", [(50.0, 50.0)], masks, (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        "",
        "\x00\u202e\ud800",
        "(" * 10**6,
        "<points " * 100_000,
        '<point x="' + "9" * 10**6,
        "(1.0, 1.0)\n" * 50_000,
    ],
    ids=["none", "empty", "control", "brackets", "tags", "digits", "points"],
)
@pytest.mark.parametrize("check_format", [True, False])
def test_hostile_predictions_hit_next_to_nothing(hostile, check_format):
    """Megabytes of brackets, tags, digits or points give a score, at the price of reading them."""
    points, masks = [(50.0, 50.0)] * 3, [mask_around((50.0, 50.0), 1)] * 3
    assert pointing_score(hostile, points, masks, (WIDTH, HEIGHT), check_format=check_format).f1 == 0


def test_lists_of_different_lengths_are_refused():
    """Each answer has its picture."""
    with pytest.raises(BadRecord, match="1 predictions for 0 examples"):
        pointing_scores(["x"], [], [[]], [(1, 1)])
