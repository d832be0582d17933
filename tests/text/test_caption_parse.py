"""What a model answered: a draft, or a reason it can act on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.text.caption_parse import Draft, DraftSentence, parse

UNITS = {"1.1", "1.2", "2.1"}


def told(sentences: Any = (("A dog.", ["1.1"]),), omitted: Any = ()) -> str:
    return json.dumps(
        {
            "sentences": [{"text": text, "units": units} for text, units in sentences],
            "omitted": [{"unit": unit, "reason": reason} for unit, reason in omitted],
        }
    )


def test_an_answer_becomes_a_draft() -> None:
    """Sentences with their units, white space made plain, units named twice counted once."""
    answer = told([(" A dog\nsleeps. ", ["1.2", "1.1", "1.2"]), ("It is brown.", ["2.1"])], [("1.1", "repeated")])
    draft = parse(answer, UNITS)
    assert draft == Draft(
        (DraftSentence("A dog sleeps.", ("1.2", "1.1")), DraftSentence("It is brown.", ("2.1",))),
        (("1.1", "repeated"),),
    )
    assert draft.caption == "A dog sleeps. It is brown."


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (told([]), "at least one sentence"),
        (told([("A dog.", ["1.1"]), (" ", ["1.1"])]), "sentence 2 has no words"),
        (told([("...", ["1.1"])]), "sentence 1 has no words"),
        (told([("A dog.", [])]), "sentence 1 names no unit"),
        (told([("A dog.", ["1.1", "1.9"])]), "sentence 1 names unit '1.9', which does not exist"),
        (told(omitted=[("3.1", "aside")]), "`omitted` names unit '3.1'"),
        (told(omitted=[("1.1", "boring")]), "`reason` must be one of artefact, aside"),
        (told([("A dog \ud83d.", ["1.1"])]), "half a character"),
        ("A dog.", "it is no JSON"),
        ("[]", '"sentences"'),
        ('{"sentences": [{"text": 3, "units": ["1.1"]}], "omitted": []}', '"sentences"'),
        ('{"sentences": [{"text": "A dog.", "units": [["1.1"]]}], "omitted": []}', '"sentences"'),
        ('{"sentences": [{"text": "A dog.", "units": [1.1]}], "omitted": []}', "names unit '1.1'"),
        ("[" * 100_000, '"sentences"'),
    ],
    ids=range(14),
)
def test_what_is_wrong_is_said(answer: str, why: str) -> None:
    """In words fit for asking once more."""
    with pytest.raises(ValueError, match=why.replace("[", r"\[")):
        parse(answer, UNITS)


ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(sorted(UNITS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["sentences", "omitted", "text", "units", "unit", "reason"]), inner),
    max_leaves=20,
)  # fmt: skip


@given(ANY)
def test_no_answer_is_a_crash(value: Any) -> None:
    """Any JSON is a draft or a ValueError."""
    try:
        outcome = len(parse(json.dumps(value), UNITS).sentences)
    except ValueError as error:
        outcome = len(str(error))
    assert outcome
