"""Pointing with masks (PixMo-Points-eval): points of an answer are matched to those of people, and must lie in their masks.

Differences from the original (Molmo's first evaluator) that `legacy=True` undoes:
points of people are brought to pixels, where the original matches percent with pixels and so mixes up things in a picture;
an answer without a usable point scores 0, where the original fails if all its points are beyond 100 percent;
points of people that have no mask are left out, where the original fails;
a whole answer in Molmo2's form has the right form as well; F1 of nothing but hits is 1 and not 1 - 5e-11.
Kept as published: a point must lie in the very mask it was matched to, and two points in one mask are one hit and one miss.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pixmo.errors import BadRecord
from pixmo.evaluate.tasks.answers import require_pairs
from pixmo.evaluate.tasks.masks import Mask, covers, require_masks
from pixmo.text.molmo1 import is_point_answer
from pixmo.text.molmo1 import parse_points as parse_points_of_molmo1
from pixmo.text.molmo2 import parse_points
from pixmo.text.points import Pair, Scale, edges

EPSILON = 1e-10  # of the original's F1
_MOLMO2_TAG = re.compile(r'<points(?: alt="[^"]*+")? coords="[0-9.;: \t]++">[^<]*+</points>')


class PointingScore(NamedTuple):
    """Shares from 0 to 1: of the points of an answer that hit, of the masks that are hit, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


NOTHING, ALL = PointingScore(0.0, 0.0, 0.0), PointingScore(1.0, 1.0, 1.0)
FAILED = PointingScore(math.nan, math.nan, math.nan)


def pointing_score(
    prediction: str | None,
    points: Sequence[Pair],
    masks: Sequence[Mask],
    size_px: tuple[int, int],
    *,
    scale: Scale = 100,
    check_format: bool = True,
    legacy: bool = False,
) -> PointingScore:
    """How the points of an answer hit the masks of a picture of `size_px` (width, height); `masks[i]` belongs to `points[i]`.

    `points` in `scale`, percent unless told. Where there are none, an answer without points scores 1, any other 0. `check_format`: the
    answer must be points and nothing else, else it scores 0 (Molmo's protocol; Molmo2's does without). `legacy`: nan where the original
    fails. Raises BadRecord for masks that are no masks of this picture, and for points without any mask.
    """
    require_masks(masks, size_px)
    told = _told(prediction or "", size_px, legacy)
    if not len(points):
        return NOTHING if told else ALL
    if not len(masks):
        raise BadRecord(f"{len(points)} points and no masks: there is nothing to hit")
    if check_format and not _is_points(prediction or "", legacy):
        return NOTHING
    if not told:
        return FAILED if legacy else NOTHING
    return _score(told, _people(points, len(masks), size_px, scale, legacy), masks, legacy)


def _told(text: str, size_px: tuple[int, int], legacy: bool) -> list[Pair]:
    size = (float(size_px[0]), float(size_px[1]))
    return parse_points_of_molmo1(text, scale=size, legacy=True) if legacy else parse_points(text, scale=size)


def _is_points(text: str, legacy: bool) -> bool:
    return is_point_answer(text) or (not legacy and _MOLMO2_TAG.fullmatch(text.strip()) is not None)


def _people(points: Sequence[Pair], n_masks: int, size_px: tuple[int, int], scale: Scale, legacy: bool) -> list[Pair]:
    """The points of people as the matching wants them: in pixels, one for each mask; of the original, in percent and all."""
    edge_x, edge_y = edges(scale)
    width, height = (100, 100) if legacy else size_px
    return [(x * width / edge_x, y * height / edge_y) for x, y in (points if legacy else points[:n_masks])]


def _score(told: list[Pair], people: list[Pair], masks: Sequence[Mask], legacy: bool) -> PointingScore:
    apart = np.array(told)[:, None, :] - np.array(people)[None, :, :]
    rows, columns = linear_sum_assignment(np.sqrt((apart * apart).sum(axis=2)))
    if columns.max() >= len(masks):
        return FAILED
    hits = sum(
        covers(masks[column], round(told[row][0]), round(told[row][1]))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    )
    if not hits:
        return NOTHING
    precision, recall = hits / len(told), hits / len(masks)
    return PointingScore(precision, recall, 2 * precision * recall / (precision + recall + (EPSILON if legacy else 0)))


def pointing_scores(
    predictions: Sequence[str | None],
    points: Sequence[Sequence[Pair]],
    masks: Sequence[Sequence[Mask]],
    sizes_px: Sequence[tuple[int, int]],
    *,
    scale: Scale = 100,
    check_format: bool = True,
    legacy: bool = False,
) -> NDArray[np.float64]:
    """`pointing_score` of each answer: precision, recall, F1 [answers, 3]."""
    for other in (points, masks, sizes_px):
        require_pairs(predictions, other)
    scores = [
        pointing_score(*example, scale=scale, check_format=check_format, legacy=legacy)
        for example in zip(predictions, points, masks, sizes_px, strict=True)
    ]
    return np.array(scores, float).reshape(len(scores), 3)
