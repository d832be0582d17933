"""Statements of people: given, or asked for once per picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmo.errors import BadSetting, PixmoError
from pixmo.judge.asks import ASKS
from pixmo.stage import fingerprint
from pixmo.stages.judge_consistency import JudgeConsistency
from pixmo.stages.judge_recall import JudgeRecall
from pixmo.stages.judge_repetition import JudgeRepetition
from pixmo.stages.state_caption import StateCaption
from pixmo.stages.state_references import StateReferences
from tests.server.chat import ChatServer
from tests.server.judge import Judge, facts_in
from tests.stages.judging import HOSTILE, judged, run, stage_of, unasked

JUDGES = [StateReferences, StateCaption, JudgeRecall, JudgeConsistency, JudgeRepetition]
ANNA, BEN = "A brown dog stands. There are two windows.", "A brown dog stands. A ball lies left."


async def test_what_several_people_told_is_stated_once(tmp_path: Path) -> None:
    """With who listed it, and what that took."""
    (row,) = await judged(
        StateReferences, tmp_path, {"transcripts": [ANNA, BEN]}, usd_per_mtok_in=1.0, usd_per_mtok_out=2.0
    )
    assert row["reference_statements"] == ["A brown dog stands", "There are two windows", "A ball lies left"]
    assert (row["reference_outcome"], row["reference_by"]) == ("ok", "m-0001")
    assert row["reference_cost_usd"] == pytest.approx(
        (row["reference_tokens_in"] + 2 * row["reference_tokens_out"]) / 1e6
    )
    assert (row["reference_categories"], row["reference_text"], row["reference_detail"]) == ([], None, None)


async def test_a_picture_is_asked_about_once_however_many_models_captioned_it(tmp_path: Path) -> None:
    """The same transcripts are the same question."""
    with ChatServer(answer=Judge()) as server:
        rows = await run(stage_of(StateReferences, server), tmp_path, *[{"transcripts": [ANNA]}] * 3)
        assert server.times() == 1
    assert rows[0] == rows[1] == rows[2]


async def test_given_statements_are_taken_as_they_are() -> None:
    """Nobody is asked; blanks and nulls are none, and a category stays with its statement."""
    one, none, odd = await unasked(
        StateReferences(),
        {
            "transcripts": [ANNA],
            "given_statements": ["B.", None, " ", "a"],
            "given_categories": ["OCR", "x", "y", None],
        },
        {"transcripts": [ANNA], "given_statements": []},
        {"given_statements": ["B."], "given_categories": ["OCR", "Pose"]},
    )
    assert (one["reference_statements"], one["reference_categories"]) == (["B.", "a"], ["OCR", ""])
    assert (none["reference_statements"], none["reference_outcome"]) == ([], "given")
    assert (odd["reference_statements"], odd["reference_categories"]) == (["B."], [])


@pytest.mark.parametrize("protocol", ["pixmo", "ai2"])
async def test_a_given_text_stays_as_it_is(protocol: str) -> None:
    """Byte for byte, beside the statements that are its lines."""
    text = " 1. A dog.\n\n2. A cat. \r\n"
    (row,) = await unasked(StateReferences(protocol=protocol), {"given_text": text})
    assert (row["reference_text"], row["reference_statements"]) == (text, ["A dog.", "A cat."])


async def test_a_picture_nobody_spoke_of_has_no_statements() -> None:
    """Nor one of which too much was said to send."""
    rows = await unasked(
        StateReferences(), {"transcripts": None}, {"transcripts": []}, {"transcripts": [None, " "]},
        {"transcripts": ["x" * 30_000, "y" * 30_001]},
    )  # fmt: skip
    assert [r["reference_outcome"] for r in rows] == ["no_transcripts"] * 3 + ["too_long"]
    assert [r["reference_statements"] for r in rows] == [[]] * 4


async def test_statements_of_videos_have_categories(tmp_path: Path) -> None:
    """One each."""
    (row,) = await judged(StateReferences, tmp_path, {"transcripts": [ANNA]}, kind="video")
    assert row["reference_categories"] == ["Object", "Action"]


async def test_ai2_gets_a_numbered_text(tmp_path: Path) -> None:
    """Kept as it came, with the statements read from it."""
    (row,) = await judged(StateReferences, tmp_path, {"transcripts": [ANNA, BEN]}, protocol="ai2")
    assert row["reference_text"] == "1. A brown dog stands\n2. There are two windows\n3. A ball lies left"
    assert row["reference_statements"] == ["A brown dog stands", "There are two windows", "A ball lies left"]


async def test_an_answer_of_another_shape_is_asked_for_once_more(tmp_path: Path) -> None:
    """Then it is right, or there are no statements and an outcome that says why."""
    with ChatServer(answer=Judge()) as server:
        stage = stage_of(StateReferences, server)
        server.script = ["wrong_schema", "ok", "prose", "prose", "refusal"]
        rows = [(await run(stage, tmp_path, {"transcripts": [f"A dog {n}."]}))[0] for n in range(3)]
    assert [r["reference_outcome"] for r in rows] == ["ok", "unparsable", "refused"]
    assert [r["reference_statements"] for r in rows] == [["A dog 0"], [], []]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_what_is_said_is_material_whatever_it_says(tmp_path: Path, text: str) -> None:
    """A transcript of orders, marks or answers leaves the statements of the others as they were."""
    (row,) = await judged(StateReferences, tmp_path, {"transcripts": [ANNA, text]})
    assert (row["reference_outcome"], row["reference_statements"][0]) == ("ok", "A brown dog stands")
    assert row["reference_statements"] == [s.strip() for s in facts_in(f"{ANNA} {text}")]


# what all judges share


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"protocol": "strict"}, "protocol 'strict' is none of pixmo, ai2"),
        ({"kind": "audio"}, "kind 'audio' is none of image, video"),
        ({"protocol": "ai2", "kind": "video"}, "for video take protocol pixmo"),
        ({"prompts": "[recall]"}, "belong to protocol ai2"),
        ({"protocol": "ai2", "prompts": "[recall]"}, r"there is no table \[statements\]"),
        ({"structured": "maybe"}, "structured must be one of"),
        ({"batch_poll_s": 0}, "batch_poll_s must be above 0"),
        ({"budget_usd": 1.0}, "a budget needs prices"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, object], why: str) -> None:
    """In one line, of every judge."""
    for kind in JUDGES:
        with pytest.raises(BadSetting, match=why):
            kind(**settings)


def test_a_run_without_a_judge_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name; no key, unless answers come from the journal or the judge is on this machine."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BadSetting, match="--judge NAME"):
        StateReferences().check()
    with pytest.raises(PixmoError, match="OPENAI_API_KEY"):
        StateReferences(judge="m").check()
    StateReferences(judge="m", replay=True).check()
    StateReferences(judge="m", base_url="http://localhost:8000/v1").check()


def test_all_judges_share_one_engine() -> None:
    """Their settings for it are equal, so the budget and the limits are one."""
    told = [
        k(judge="m", seed=1, chat_concurrency=8, budget_usd=1, usd_per_mtok_in=1, usd_per_mtok_out=1) for k in JUDGES
    ]
    assert all(stage.chat_settings() == told[0].chat_settings() for stage in told)
    assert told[0].chat_settings()["concurrency"] == 8


def test_another_prompt_is_another_stage() -> None:
    """Work done with one is not taken for work of the other; how hard to try changes nothing."""
    ai2 = [StateReferences(protocol="ai2", judge="m", prompts=p) for p in ("", PROMPTS)]
    assert ai2[0].content() == ai2[1].content()  # this one they leave to us
    assert fingerprint(ai2[0]) != fingerprint(ai2[1])
    assert StateReferences().content() == [ASKS["image"]["references"].prompt.id]
    assert fingerprint(StateReferences(replay=True, chat_concurrency=1)) == fingerprint(StateReferences())


PROMPTS = """
statements.user = "{caption}"
recall.user = "{statements} {caption}"
consistency.user = "{transcripts} {statements}"
repetition.user = "{caption}"
"""
