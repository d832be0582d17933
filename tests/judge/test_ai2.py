"""The published rules of reading free text, line by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pixmo.judge.ai2 import consistency_verdicts, is_repeating, lines_of, recall_verdicts, statements_of
from pixmo.records.judgement import Verdict

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent.parent / "golden" / "judge.json").read_text())
AS_TOLD = {Verdict.YES: True, Verdict.NO: False, Verdict.UNSCORED: None}


def counted(verdicts: list[Verdict]) -> list[int]:
    """Yes, and all that count."""
    return [verdicts.count(Verdict.YES), verdicts.count(Verdict.YES) + verdicts.count(Verdict.NO)]


@pytest.mark.parametrize("line", GOLDEN["lines"], ids=lambda line: repr(line["text"])[:40])
def test_an_answer_is_read_as_the_published_script_reads_it(line: dict[str, Any]) -> None:
    """Line by line and in counts, for both questions."""
    recall, consistency = recall_verdicts(line["text"]), consistency_verdicts(line["text"])
    assert [AS_TOLD[v] for v in recall] == line["recall_lines"]
    assert [AS_TOLD[v] for v in consistency] == line["consistency_lines"]
    assert (counted(recall), counted(consistency)) == (line["recall"], line["consistency"])


@pytest.mark.parametrize("image", GOLDEN["per_image"]["images"], ids=lambda image: image["id"])
def test_answers_about_a_picture_are_counted_as_published(image: dict[str, Any]) -> None:
    """More or fewer lines than statements are counted as they come."""
    assert counted(recall_verdicts(image["recall_text"])) == [image["num_covered"], image["num_recall_statements"]]
    assert counted(consistency_verdicts(image["consistency_text"])) == [
        image["num_consistent"],
        image["num_consistency_statements"],
    ]


def test_lines_end_at_line_feeds_alone() -> None:
    """Other separators are part of a line, as in the script."""
    assert lines_of(" a \n\n\t\nb\u2028c\r\n") == ["a", "b\u2028c"]
    assert recall_verdicts("1. Stated\u20282. Not Stated") == [Verdict.NO]


def test_a_long_answer_is_read_in_linear_time() -> None:
    """A megabyte in one line: nothing backtracks."""
    assert recall_verdicts("not st1 " * 125_000) == [Verdict.UNSCORED]
    assert consistency_verdicts("2. inconsis " * 80_000) == [Verdict.UNSCORED]


@pytest.mark.parametrize(
    ("text", "verdict"), [("Yes", True), (" yes.", True), ("No", False), ("I cannot say", False), ("-", None), ("Eyes", True)]
)  # fmt: skip
def test_repetition_is_the_first_of_yes_and_no_that_occurs(text: str, verdict: bool | None) -> None:
    """Anywhere, also inside other words."""
    assert is_repeating(text) is verdict


def test_statements_lose_their_numbers_only() -> None:
    """What a line says beside its number stays, numbers of its own too."""
    assert statements_of("1. A dog.\n\n2) 3 cats\n- a bird\n4 trees\n10: x\n11.") == [
        "A dog.",
        "3 cats",
        "- a bird",
        "4 trees",
        "x",
    ]
