"""Which statements of a caption agree with what people said."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmo.stages.judge_consistency import JudgeConsistency
from tests.server.chat import ChatServer
from tests.server.judge import Judge
from tests.stages.judging import HOSTILE, Row, judged, run, stage_of, unasked

SAID = ["A dog runs. not: A cat sits.", "The sky is grey."]
FACTS = ["A dog runs", "A cat sits", "The sky is grey", "There is a lake"]


def about(transcripts: list[str | None] | None, statements: list[str] | None = None, text: str | None = None) -> Row:
    return {
        "transcripts": transcripts,
        "statements": FACTS if statements is None else statements,
        "statements_text": text,
    }


async def test_a_statement_is_consistent_inconsistent_or_cannot_be_told(tmp_path: Path) -> None:
    """What nobody spoke of is neither."""
    (row,) = await judged(JudgeConsistency, tmp_path, about(SAID))
    assert row["consistency_verdicts"] == [["yes", "no", "yes", "cannot_tell"]]
    assert (row["consistency_outcome"], row["consistency_by"]) == (["ok"], "m-0001")


async def test_statements_of_videos_are_stated_by_people_or_not(tmp_path: Path) -> None:
    """Nothing is left open there."""
    (row,) = await judged(JudgeConsistency, tmp_path, about(["A dog runs. The sky is grey."]), kind="video")
    assert row["consistency_verdicts"] == [["yes", "no", "yes", "no"]]


async def test_without_transcripts_nothing_is_known() -> None:
    """Every statement is unscored."""
    rows = await unasked(JudgeConsistency(), about(None), about([]), about([" ", None]), about(["x" * 60_001]))
    assert [r["consistency_outcome"] for r in rows] == [["no_transcripts"]] * 3 + [["too_long"]]
    assert [r["consistency_verdicts"] for r in rows] == [[["unscored"] * 4]] * 4


async def test_without_statements_there_is_nothing_to_judge() -> None:
    """A caption that states nothing, or whose statements did not come."""
    (row,) = await unasked(JudgeConsistency(repeats=2), about(SAID, []))
    assert (row["consistency_verdicts"], row["consistency_outcome"]) == ([[], []], ["no_statements"] * 2)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_no_form_of_what_was_said_changes_a_verdict(tmp_path: Path, text: str) -> None:
    """Orders, answers, marks and labels in transcripts and statements are text."""
    (row,) = await judged(JudgeConsistency, tmp_path, about([*SAID, text], [*FACTS, text, f"not: {text}"]))
    assert row["consistency_verdicts"] == [["yes", "no", "yes", "cannot_tell", "yes", "cannot_tell"]]


async def test_noise_of_a_judge_comes_out_at_its_rate(tmp_path: Path) -> None:
    """A scripted judge that errs in a fifth of its verdicts is found to do so."""
    facts = [f"fact {n:02}." for n in range(50)]
    rows = [about([" ".join(facts), f"Picture {n}."], facts) for n in range(20)]
    told = await judged(JudgeConsistency, tmp_path, *rows, judge=Judge(noise=0.2))
    wrong = sum(v == "no" for row in told for v in row["consistency_verdicts"][0])
    assert 150 < wrong < 250  # of 1,000; the draw is seeded


async def test_ai2_tells_transcripts_and_list_as_they_are(tmp_path: Path) -> None:
    """Transcripts with an empty line between them, the list byte for byte; `Not enough information` is unscored."""
    listed = "1. A dog runs\n2. A cat sits\n\n3. There is a lake "
    with ChatServer(answer=Judge()) as server:
        (row,) = await run(stage_of(JudgeConsistency, server, protocol="ai2"), tmp_path, about(SAID, text=listed))
        question = server.log[0].question
    assert f"what 2 people said aloud about one picture.\n\n{SAID[0]}\n\n{SAID[1]}\n\n" in question
    assert question.endswith(f"The statements:\n{listed}")
    assert row["consistency_verdicts"] == [["yes", "no", "unscored"]]
    assert row["consistency_text"] == ["1. Consistent\n2. Inconsistent\n3. Not enough information"]
