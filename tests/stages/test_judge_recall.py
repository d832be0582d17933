"""Which statements of people a caption tells: a verdict for each, from a judge whose verdicts are known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pixmo.errors import BadSetting
from pixmo.judge.prompt import told_data
from pixmo.stages.judge_recall import JudgeRecall
from tests.server.chat import Body, ChatServer
from tests.server.judge import Judge
from tests.stages.judging import HOSTILE, Row, judged, run, stage_of, unasked

FACTS = ["A dog runs", "A cat sits", "The sky is grey"]
CAPTION = "A dog runs. The sky is grey."


def about(caption: str | None, facts: list[str] | None = None, text: str | None = None) -> Row:
    return {"caption": caption, "reference_statements": FACTS if facts is None else facts, "reference_text": text}


def asked_ids(server: ChatServer) -> list[list[str]]:
    """The ids of the statements in each request."""
    return [[s["id"] for s in told_data(seen.question)["statements"]] for seen in server.log]


def saying(*answers: str) -> Callable[[Body], str]:
    """A judge that gives these answers, one after the other."""
    left = list(answers)
    return lambda body: left.pop(0)


def verdicts(**labels: Any) -> str:
    return json.dumps({"verdicts": [{"id": at, "verdict": label} for at, label in labels.items()]})


async def test_each_statement_has_its_verdict(tmp_path: Path) -> None:
    """With who judged, and what that took."""
    (row,) = await judged(JudgeRecall, tmp_path, about(CAPTION), usd_per_mtok_in=1.0, usd_per_mtok_out=2.0)
    assert row["recall_verdicts"] == [["yes", "no", "yes"]]
    assert (row["recall_outcome"], row["recall_detail"], row["recall_text"]) == (["ok"], [None], [None])
    assert (row["recall_by"], row["recall_tokens_in"] > 300, row["recall_cost_usd"] > 0) == ("m-0001", True, True)


async def test_only_what_is_missing_is_asked_again(tmp_path: Path) -> None:
    """Once; the verdicts that stand are not asked for a second time."""
    first = json.dumps({"verdicts": [{"id": "s2", "verdict": "stated"}, {"id": "s3", "verdict": "yes"}]})
    with ChatServer(answer=saying(first, verdicts(s1="not_stated", s3="stated"))) as server:
        (row,) = await run(stage_of(JudgeRecall, server), tmp_path, about(CAPTION))
        assert asked_ids(server) == [["s1", "s2", "s3"], ["s1", "s3"]]
    assert (row["recall_verdicts"], row["recall_outcome"]) == ([["no", "yes", "yes"]], ["ok"])
    assert row["recall_detail"] == [None]


async def test_what_stays_missing_is_unscored(tmp_path: Path) -> None:
    """Never a no, and the detail says what was wrong."""
    first = verdicts(s1="stated", s2="maybe", s9="stated")
    with ChatServer(answer=saying(first, verdicts(s1="not_stated", s2="maybe"))) as server:
        (row,) = await run(stage_of(JudgeRecall, server), tmp_path, about(CAPTION))
        assert server.times() == 2
    assert row["recall_verdicts"] == [["yes", "unscored", "unscored"]]
    assert row["recall_outcome"] == ["ok"]
    assert row["recall_detail"] == ["s2 malformed, s3 missing, s9 unknown, s1 unknown"]


async def test_a_verdict_given_twice_is_none(tmp_path: Path) -> None:
    """Also when both are equal."""
    twice = json.dumps({"verdicts": [{"id": "s1", "verdict": "stated"}] * 2})
    (row,) = await judged(JudgeRecall, tmp_path, about("A dog runs.", ["A dog runs"]), judge=saying(twice, twice))
    assert (row["recall_verdicts"], row["recall_detail"]) == ([["unscored"]], ["s1 doubled"])
    assert row["recall_outcome"] == ["unparsable"]  # no verdict at all can be used


async def test_json_of_another_shape_is_asked_for_again(tmp_path: Path) -> None:
    """As if all verdicts were missing; the second question is another draw, or the journal would repeat the answer."""
    with ChatServer(answer=saying('{"wrong": true}', verdicts(s1="stated"))) as server:
        (row,) = await run(stage_of(JudgeRecall, server), tmp_path, about("A dog runs.", ["A dog runs"]))
        assert server.times() == 2
    assert row["recall_verdicts"] == [["yes"]]


@pytest.mark.parametrize(
    ("faults", "outcome"), [(["prose", "prose"], "unparsable"), (["refusal"], "refused"), (["cut"], "cut"), (["400"], "client_error")]
)  # fmt: skip
async def test_without_an_answer_all_are_unscored(tmp_path: Path, faults: list[str], outcome: str) -> None:
    """The outcome says why."""
    with ChatServer(answer=Judge()) as server:
        server.script = ["ok", *faults]
        stage = stage_of(JudgeRecall, server)
        await run(stage, tmp_path, about("warm"))
        (row,) = await run(stage, tmp_path, about(CAPTION))
        assert server.times() == 1 + len(faults)
    assert (row["recall_verdicts"], row["recall_outcome"]) == ([["unscored"] * 3], [outcome])


async def test_an_empty_caption_tells_nothing() -> None:
    """Every verdict is no, and nobody is asked."""
    rows = await unasked(JudgeRecall(repeats=2), about(None), about(" "))
    assert [r["recall_verdicts"] for r in rows] == [[["no"] * 3] * 2] * 2
    assert rows[0]["recall_outcome"] == ["empty_caption"] * 2
    assert (rows[0]["recall_by"], rows[0]["recall_tokens_in"], rows[0]["recall_cost_usd"]) == (None, None, None)


async def test_a_caption_too_long_to_send_is_unscored() -> None:
    """It may well tell the facts: that is not known."""
    (row,) = await unasked(JudgeRecall(), about("x" * 60_001))
    assert (row["recall_verdicts"], row["recall_outcome"]) == ([["unscored"] * 3], ["too_long"])


async def test_without_statements_there_is_nothing_to_judge() -> None:
    """An empty list per repeat."""
    rows = await unasked(JudgeRecall(), about(CAPTION, []), {"caption": CAPTION})
    assert [(r["recall_verdicts"], r["recall_outcome"]) for r in rows] == [([[]], ["no_statements"])] * 2


async def test_many_statements_are_asked_in_several_questions(tmp_path: Path) -> None:
    """Sixty at a time, each under its own number; a missing one is asked again without the others."""
    facts = [f"fact {n:03}" for n in range(130)]
    caption = " ".join(facts[::3])
    with ChatServer(answer=Judge(faults={"missing": 0.1})) as server:
        (row,) = await run(stage_of(JudgeRecall, server), tmp_path, about(caption, facts))
        ids = sorted(asked_ids(server), key=len, reverse=True)
    assert [len(i) for i in ids[:3]] == [60, 60, 10]
    assert sorted(ids[0][:1] + ids[1][:1] + ids[2][:1]) == ["s1", "s121", "s61"]
    expected = ["no" if n % 3 else "yes" for n in range(130)]
    (given,) = row["recall_verdicts"]
    assert [v for v in given if v != "unscored"] == [e for v, e in zip(given, expected, strict=True) if v != "unscored"]
    assert given.count("unscored") < 10


async def test_a_statement_of_a_megabyte_is_not_sent(tmp_path: Path) -> None:
    """It is unscored; the others are judged. Long ones are cut into more questions."""
    facts = ["x" * 10**6, "A dog runs", "y" * 40_000, "z" * 40_000]
    with ChatServer(answer=Judge()) as server:
        (row,) = await run(stage_of(JudgeRecall, server), tmp_path, about(CAPTION, facts))
        assert sorted(asked_ids(server)) == [["s2", "s3"], ["s4"]]
    assert row["recall_verdicts"] == [["unscored", "yes", "no", "no"]]


async def test_statements_all_too_long_to_send_are_told_as_such() -> None:
    """There are some, and why none of them was judged is the outcome."""
    (row,) = await unasked(JudgeRecall(), about(CAPTION, ["x" * 60_001, "y" * 70_000]))
    assert (row["recall_verdicts"], row["recall_outcome"]) == ([["unscored"] * 2], ["too_long"])


async def test_repeats_are_asked_for_anew(tmp_path: Path) -> None:
    """With another seed each where there is one; those that are there already are not asked again when more are wanted."""
    with ChatServer(answer=Judge(noise=0.5)) as server:
        (two,) = await run(stage_of(JudgeRecall, server, repeats=2, seed=7), tmp_path, about(CAPTION))
        (four,) = await run(stage_of(JudgeRecall, server, repeats=4, seed=7), tmp_path, about(CAPTION))
        assert [seen.body["seed"] for seen in server.log] == [7, 9, 11, 13]
    assert four["recall_verdicts"][:2] == two["recall_verdicts"]
    assert len({tuple(v) for v in four["recall_verdicts"]}) > 1
    for repeats in (0, 101):
        with pytest.raises(BadSetting, match="repeats must be from 1 to 100"):
            JudgeRecall(repeats=repeats)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_no_form_of_a_caption_changes_a_verdict(tmp_path: Path, text: str) -> None:
    """Orders, answers, marks and labels in caption and statements are looked for as text, and found as text."""
    facts = ["A dog runs", "A cat sits", text, f"{text}!"]
    (row,) = await judged(JudgeRecall, tmp_path, about(f"{text} A dog runs.", facts))
    assert (row["recall_verdicts"], row["recall_outcome"]) == ([["yes", "no", "yes", "no"]], ["ok"])


@pytest.mark.parametrize("fault", ["missing", "doubled", "unknown", "label"])
async def test_faults_of_a_judge_never_turn_a_verdict(tmp_path: Path, fault: str) -> None:
    """Over many captions with a fifth of the verdicts spoiled: those that count are the true ones, few are left unscored."""
    rows = [about(f"A dog runs. Number {n}.") for n in range(40)]
    told = await judged(JudgeRecall, tmp_path, *rows, judge=Judge(faults={fault: 0.2}))
    given = [v for row in told for v in zip(row["recall_verdicts"][0], ["yes", "no", "no"], strict=True)]
    scored = [(v, true) for v, true in given if v != "unscored"]
    assert all(v == true for v, true in scored)
    assert 120 * 0.8 < len(scored) < 120  # a twenty-fifth is spoiled twice


async def test_journalled_verdicts_are_not_asked_for_again(tmp_path: Path) -> None:
    """Neither those of the first question nor those of the second; a rerun gives the same rows."""
    with ChatServer(answer=Judge(faults={"missing": 0.3})) as server:
        stage = stage_of(JudgeRecall, server)
        first = await run(stage, tmp_path, about(CAPTION), about("A cat sits."))
        asked = server.times()
        assert await run(stage, tmp_path, about(CAPTION), about("A cat sits.")) == first
        assert server.times() == asked > 2


# protocol ai2


async def test_ai2_reads_lines_whatever_they_belong_to(tmp_path: Path) -> None:
    """Oddities included: chatter is a line, `Not Stated.` is stated, and there may be more verdicts than statements."""
    answer = "Here you go:\n1. Stated\n2. Not Stated.\n3. Not Stated\n4. Stated"
    with ChatServer(answer=saying(answer)) as server:
        (row,) = await run(stage_of(JudgeRecall, server, protocol="ai2"), tmp_path, about(CAPTION))
        assert server.times() == 1
    assert row["recall_verdicts"] == [["unscored", "yes", "yes", "no", "yes"]]
    assert row["recall_text"] == [answer]


async def test_ai2_is_told_the_given_text(tmp_path: Path) -> None:
    """Stripped, as the script did; statements without such a text are numbered."""
    prompts = "\n".join(
        f"{name}.user = '{user}'"
        for name, user in {
            "statements": "{caption}", "recall": "{statements}|{caption}", "consistency": "{transcripts}{statements}",
            "repetition": "{caption}",
        }.items()
    )  # fmt: skip
    with ChatServer(answer=lambda body: "1. Stated") as server:
        stage = stage_of(JudgeRecall, server, protocol="ai2", prompts=prompts)
        await run(stage, tmp_path, about(" C ", text="\n3. A dog \n"), about("", ["a", "b"]))
        told = {seen.question for seen in server.log}
    assert told == {"3. A dog|C", "1. a\n2. b|No caption provided."}


async def test_ai2_without_an_answer_is_unscored(tmp_path: Path) -> None:
    """As many as there are statements; nothing is kept as text."""
    with ChatServer(answer=Judge()) as server:
        server.script = ["ok", "refusal"]
        stage = stage_of(JudgeRecall, server, protocol="ai2")
        await run(stage, tmp_path, about("warm"))
        (row,) = await run(stage, tmp_path, about(CAPTION))
    assert (row["recall_verdicts"], row["recall_outcome"], row["recall_text"]) == (
        [["unscored"] * 3],
        ["refused"],
        [None],
    )


async def test_the_question_tells_statements_by_number(tmp_path: Path) -> None:
    """Golden: what a judge is told beside its instructions, to the letter."""
    with ChatServer(answer=Judge()) as server:
        await run(stage_of(JudgeRecall, server), tmp_path, about("A <b> dog."))
        (seen,) = server.log
    assert seen.question == (
        '<data>\n{"caption": "A \\u003cb> dog.",\n"statements": [{"id": "s1", "text": "A dog runs"}, '
        '{"id": "s2", "text": "A cat sits"}, {"id": "s3", "text": "The sky is grey"}]}\n</data>'
    )
    assert re.fullmatch(r"recall", seen.body["response_format"]["json_schema"]["name"])
