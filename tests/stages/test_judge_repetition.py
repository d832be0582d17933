"""Captions that repeat themselves, by rule or by a judge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixmo.errors import BadSetting
from pixmo.stages.judge_repetition import JudgeRepetition
from tests.server.chat import ChatServer
from tests.stages.judging import HOSTILE, judged, run, stage_of, unasked

PLAIN = "A dog runs. A cat sits on the wall. The sky is grey."
LOOP = " ".join(
    f"The man in the {c} suit stands next to a man in a suit and holds a bag." for c in ("black", "blue") * 9
)


async def test_by_rule_nobody_is_asked() -> None:
    """The share of what is said again decides, and is told."""
    plain, loop, empty = await unasked(JudgeRepetition(), {"caption": PLAIN}, {"caption": LOOP}, {"caption": None})
    assert (plain["repeated_share"], plain["is_repeating"]) == (0.0, False)
    assert (loop["repeated_share"] > 0.8, loop["is_repeating"]) == (True, True)
    assert (empty["repeated_share"], empty["is_repeating"]) == (0.0, False)
    assert (loop["repetition_by"], loop["repetition_outcome"], loop["repetition_tokens_in"]) == ("rule", None, None)


async def test_the_share_that_may_be_repeated_is_a_setting() -> None:
    """Above it a caption repeats itself."""
    caption = {"caption": "A dog runs. A cat sits. A dog runs. A bird."}
    (mild,), (strict,) = [await unasked(JudgeRepetition(max_repeated=m), caption) for m in (0.25, 0.2)]
    assert (mild["is_repeating"], strict["is_repeating"]) == (False, True)
    with pytest.raises(BadSetting, match="max_repeated must be a share"):
        JudgeRepetition(max_repeated=2)


async def test_a_judge_decides_when_it_is_wanted(tmp_path: Path) -> None:
    """The share is told all the same; an empty caption repeats nothing, one too long to send is not known."""
    plain, loop, empty, huge = await judged(
        JudgeRepetition, tmp_path, {"caption": PLAIN}, {"caption": "A dog. A dog."}, {"caption": ""}, {"caption": "ab " * 30_000},
        repetition="judge",
    )  # fmt: skip
    assert [r["is_repeating"] for r in (plain, loop, empty, huge)] == [False, True, False, None]
    assert [r["repetition_outcome"] for r in (plain, loop, empty, huge)] == ["ok", "ok", "empty_caption", "too_long"]
    assert (plain["repetition_by"], loop["repeated_share"], empty["repetition_by"]) == ("m-0001", 0.5, None)


async def test_an_answer_that_is_none_leaves_it_open(tmp_path: Path) -> None:
    """Asked for once more first."""
    with ChatServer(answer=lambda body: json.dumps({"is_repeating": "yes"})) as server:
        (row,) = await run(stage_of(JudgeRepetition, server, repetition="judge"), tmp_path, {"caption": PLAIN})
        assert server.times() == 2
    assert (row["is_repeating"], row["repetition_outcome"]) == (None, "unparsable")


async def test_ai2_answers_yes_or_no(tmp_path: Path) -> None:
    """Read as the published script reads it."""
    settings = {"repetition": "judge", "protocol": "ai2"}
    yes, no = await judged(
        JudgeRepetition, tmp_path / "a", {"caption": "A dog. A dog."}, {"caption": PLAIN}, **settings
    )
    assert (yes["is_repeating"], no["is_repeating"]) == (True, False)
    (odd,) = await judged(JudgeRepetition, tmp_path / "b", {"caption": PLAIN}, judge=lambda body: "Perhaps", **settings)
    assert (odd["is_repeating"], odd["repetition_outcome"]) == (None, "unparsable")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_no_form_of_a_caption_changes_the_verdict(tmp_path: Path, text: str) -> None:
    """By rule and by judge."""
    for settings in ({}, {"repetition": "judge"}):
        (row,) = await judged(JudgeRepetition, tmp_path, {"caption": f"A dog runs. {text}"}, **settings)
        assert row["is_repeating"] is False


async def test_a_megabyte_is_looked_at_in_linear_time() -> None:
    """By rule nothing is too long."""
    one, other = await unasked(JudgeRepetition(), {"caption": "a dog " * 170_000}, {"caption": "x" * 10**6})
    assert (one["is_repeating"], other["is_repeating"]) == (True, False)


def test_who_decides_is_one_of_two() -> None:
    """And only a judge needs a name, and has a prompt."""
    with pytest.raises(BadSetting, match="repetition 'both' is none of rule, judge"):
        JudgeRepetition(repetition="both")
    JudgeRepetition().check()
    assert JudgeRepetition().content() == []
    with pytest.raises(BadSetting, match="--judge NAME"):
        JudgeRepetition(repetition="judge").check()
