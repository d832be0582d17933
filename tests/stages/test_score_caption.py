"""Scores of a caption, computed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pixmo.judge.ai2 import consistency_verdicts, recall_verdicts
from pixmo.stages.score_caption import CaptionScores, ScoreCaption

IMAGES = json.loads((Path(__file__).parent.parent / "golden" / "judge.json").read_text())["per_image"]["images"]
YES, NO, OPEN, MISSING = "yes", "no", "cannot_tell", "unscored"


def scored(recall: Any = None, consistency: Any = None, caption: str | None = "A dog runs.") -> CaptionScores:
    return ScoreCaption().row(caption, ["a"], ["b", "c"], recall, consistency)


def test_shares_are_of_yes_and_no() -> None:
    """Two of three stated; one of two consistent, and one that people did not speak of."""
    told = scored([[YES, YES, NO]], [[YES, NO, OPEN]])
    assert (told.n_stated, told.n_recall_scored) == ([2], [3])
    assert (told.n_consistent, told.n_consistency_scored, told.n_cannot_tell) == ([1], [2], [1])
    assert (told.recall, told.consistency) == (pytest.approx(2 / 3), 0.5)
    assert told.cap_f1 == pytest.approx(4 / 7)
    assert told.unscored_share == 0.0


def test_unscored_is_outside_every_mean() -> None:
    """Counted beside them: two of six verdicts."""
    told = scored([[YES, NO, MISSING]], [[YES, MISSING, YES]])
    assert (told.recall, told.consistency, told.unscored_share) == (0.5, 1.0, pytest.approx(1 / 3))


def test_nothing_scored_is_no_zero() -> None:
    """No statements, no verdicts, or a question that was not asked."""
    for verdicts in (None, [], [[]], [[MISSING]], [[OPEN]]):
        told = scored([[YES]], verdicts)
        assert (told.recall, told.consistency, told.cap_f1) == (1.0, None, None)
    assert scored().unscored_share is None
    assert scored([[MISSING]], [[]]).unscored_share == 1.0


def test_two_zeros_have_a_mean_of_zero() -> None:
    """A caption that is wrong throughout."""
    assert scored([[NO]], [[NO]]).cap_f1 == 0.0


def test_recall_at_10_cuts_both_numbers() -> None:
    """Twelve of fifteen fill it; eight of sixteen give four fifths."""
    assert scored([[YES] * 12 + [NO] * 3]).recall_at_10 == 1.0
    assert scored([[YES] * 8 + [NO] * 8]).recall_at_10 == 0.8


def test_shares_are_means_over_repeats() -> None:
    """One in which nothing was scored is left out; counts are told for each."""
    told = scored([[YES, NO], [YES, YES], [MISSING, MISSING]])
    assert (told.n_stated, told.recall) == ([1, 2, 0], 0.75)
    assert told.unscored_share == pytest.approx(1 / 3)


def test_lengths_are_counted() -> None:
    """Words of the caption, statements on both sides; an empty caption has none."""
    assert (scored().caption_words, scored().n_statements, scored().n_reference_statements) == (3, 1, 2)
    assert scored(caption=None).caption_words == 0


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image["id"])
def test_protocol_ai2_gives_the_published_values(image: dict[str, Any]) -> None:
    """Per picture, from the answers as they were read."""
    told = scored(
        [list(recall_verdicts(image["recall_text"]))], [list(consistency_verdicts(image["consistency_text"]))]
    )
    for name in ("recall", "recall_at_10", "consistency"):
        expected = image[name]
        assert getattr(told, name) == (None if expected is None else pytest.approx(expected, abs=1e-9))
