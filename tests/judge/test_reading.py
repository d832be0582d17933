"""Structured answers: what is exactly as asked counts, all else is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.judge.asks import CONSISTENT, STATED
from pixmo.judge.reading import MOST_STATEMENTS, read_repetition, read_statements, read_verdicts
from pixmo.records.judgement import Verdict

IDS = ["s1", "s2", "s3"]


def said(*verdicts: Any) -> str:
    """An answer; a pair is an id and a label."""
    entries = [{"id": v[0], "verdict": v[1]} if isinstance(v, tuple) else v for v in verdicts]
    return json.dumps({"verdicts": entries})


def test_each_verdict_belongs_to_its_id() -> None:
    """Whatever the order."""
    read = read_verdicts(said(("s3", "stated"), ("s1", "not_stated"), ("s2", "stated")), IDS, STATED)
    assert read.verdicts == {"s1": Verdict.NO, "s2": Verdict.YES, "s3": Verdict.YES}
    assert read.faults == {}


def test_cannot_tell_is_a_verdict_of_consistency_alone() -> None:
    """For recall the word is none."""
    answer = said(("s1", "cannot_tell"), ("s2", "inconsistent"), ("s3", "consistent"))
    assert list(read_verdicts(answer, IDS, CONSISTENT).verdicts.values()) == [
        Verdict.CANNOT_TELL,
        Verdict.NO,
        Verdict.YES,
    ]
    assert read_verdicts(said(("s1", "cannot_tell")), ["s1"], STATED).faults == {"s1": "malformed"}


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([], "missing"),
        ([("s1", "stated"), ("s1", "stated")], "doubled"),
        ([("s1", "stated"), ("s1", "not_stated")], "doubled"),
        ([("s1", "Stated")], "malformed"),
        ([("s1", "stated.")], "malformed"),
        ([("s1", "")], "malformed"),
        ([("s1", True)], "malformed"),
        ([("s1", None)], "malformed"),
        ([("s1", ["stated"])], "malformed"),
        ([{"id": "s1"}], "malformed"),
        ([(1, "stated")], "missing"),
        ([("S1", "stated")], "missing"),
        (["stated"], "missing"),
        ([None], "missing"),
    ],
)
def test_what_is_not_as_asked_is_no_verdict(entries: list[Any], fault: str) -> None:
    """It is named; the other verdicts stand."""
    read = read_verdicts(said(*entries, ("s2", "stated")), ["s1", "s2"], STATED)
    assert read.verdicts == {"s2": Verdict.YES}
    assert read.faults["s1"] == fault


def test_a_key_that_stands_twice_in_an_entry_is_no_verdict() -> None:
    """JSON would let the last one win."""
    text = '{"verdicts": [{"id": "s1", "verdict": "stated", "verdict": "not_stated"}]}'
    assert read_verdicts(text, ["s1"], STATED).verdicts == {}


def test_an_unknown_id_is_named_and_changes_nothing() -> None:
    """A judge that counts on."""
    read = read_verdicts(said(("s1", "stated"), ("s9", "stated")), ["s1"], STATED)
    assert read == ({"s1": Verdict.YES}, {"s9": "unknown"})


@pytest.mark.parametrize(
    "text", ["", "prose", "[]", "{}", '"stated"', "null", '{"verdicts": {"s1": "stated"}}', '{"verdicts": null}', "[" * 100_000]
)  # fmt: skip
def test_an_answer_of_another_shape_has_no_verdict(text: str) -> None:
    """All are missing."""
    assert read_verdicts(text, IDS, STATED) == ({}, dict.fromkeys(IDS, "missing"))


@given(
    st.lists(st.tuples(st.sampled_from(["s1", "s2", "s3", "s4", ""]), st.sampled_from(["stated", "not_stated", "x"])))
)
def test_a_verdict_is_counted_only_when_it_is_the_only_one_for_its_id(entries: list[tuple[str, str]]) -> None:
    """For any answer: verdicts and faults share no id, and together name all that were asked for."""
    read = read_verdicts(said(*entries), IDS, STATED)
    assert set(IDS) <= read.verdicts.keys() | read.faults.keys()
    assert not read.verdicts.keys() & read.faults.keys()
    for at, verdict in read.verdicts.items():
        assert [STATED.get(label) for i, label in entries if i == at] == [verdict]


# statements


def stating(*texts: Any, **more: Any) -> str:
    return json.dumps({"statements": [{"text": t, **more} for t in texts]})


def test_statements_come_in_order_equal_ones_once() -> None:
    """A caption that repeats itself does not state more."""
    assert read_statements(stating("A dog.", " A cat. ", "A dog.")).texts == ["A dog.", "A cat."]
    assert read_statements(stating()).texts == []


def test_statements_of_videos_have_categories_of_the_list() -> None:
    """Another word is no category, and none is made up for it."""
    assert read_statements(stating("It turns.", category="OCR"), True) == (["It turns."], ["OCR"])
    for category in ("ocr", "", None, ["OCR"]):
        with pytest.raises(ValueError, match="statement 1 has a category that is none"):
            read_statements(stating("It turns.", category=category), True)


@pytest.mark.parametrize(
    "text", ["[]", "prose", '{"statements": "A dog."}', '{"statements": ["A dog."]}', stating(""), stating(" "), stating(1), stating(None)]
)  # fmt: skip
def test_an_answer_without_usable_statements_is_refused_whole(text: str) -> None:
    """Half of a list would make recall and consistency of another caption."""
    with pytest.raises(ValueError):
        read_statements(text)


def test_more_statements_than_any_caption_has_are_refused() -> None:
    """A judge that runs on."""
    assert len(read_statements(stating(*map(str, range(MOST_STATEMENTS)))).texts) == MOST_STATEMENTS
    with pytest.raises(ValueError, match="more than"):
        read_statements(stating(*map(str, range(MOST_STATEMENTS + 1))))


def test_repetition_is_true_or_false() -> None:
    """And nothing else."""
    assert read_repetition('{"is_repeating": true}') is True
    assert read_repetition('{"is_repeating": false}') is False
    for text in ('{"is_repeating": "true"}', "{}", "yes", '{"is_repeating": 1}'):
        with pytest.raises(ValueError):
            read_repetition(text)
