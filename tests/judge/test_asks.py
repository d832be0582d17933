"""The kinds of questions."""

from __future__ import annotations

import json

import pytest

from pixmo.engines.chat.shape import json_fault
from pixmo.judge.asks import ASKS, CATEGORIES, Ask, id_of, numbered
from pixmo.judge.prompt import prompt_names

EACH = {f"{kind} {name}": ask for kind, asks in ASKS.items() for name, ask in asks.items()}


@pytest.mark.parametrize("ask", EACH.values(), ids=EACH.keys())
def test_a_question_tells_the_words_it_wants_back(ask: Ask) -> None:
    """Each label, or the categories, and the key of the answer stand in the prompt as in the schema."""
    system = ask.messages({"caption": "x"})[0][1]
    (key,) = json.loads(ask.schema)["required"]
    assert f"`{key}`" in system
    assert all(f"`{label}`" in system for label in ask.labels)
    assert ask.has_categories == (", ".join(CATEGORIES) in system)
    assert "{" not in system


@pytest.mark.parametrize("ask", EACH.values(), ids=EACH.keys())
def test_a_schema_is_strict(ask: Ask) -> None:
    """An answer of another shape is refused by it, as are words that are no label."""
    assert json_fault('{"wrong": true}', ask.schema)
    if ask.labels:
        label = next(iter(ask.labels))
        assert json_fault(f'{{"verdicts": [{{"id": "s1", "verdict": "{label}"}}]}}', ask.schema) == ""
        assert json_fault('{"verdicts": [{"id": "s1", "verdict": "maybe"}]}', ask.schema)


def test_every_prompt_is_used() -> None:
    """None lies about."""
    assert sorted({ask.prompt_name for ask in EACH.values()}) == prompt_names()


def test_statements_keep_their_numbers() -> None:
    """Those of a second question are called as in the first."""
    assert numbered(["a", "b", "c"], [0, 2]) == [{"id": "s1", "text": "a"}, {"id": "s3", "text": "c"}]
    assert id_of(61) == "s62"
