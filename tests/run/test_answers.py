"""Answers of an evaluation as a file: what is taken from one that others made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pixmo.errors import BadSource
from pixmo.run.answers import ANSWERS, take_answers
from pixmo.storage.store import Store

LINE: dict[str, Any] = {
    "key": "ab" * 32, "round": 0, "outcome": "ok", "detail": "", "text": "é\u2028{}", "model": "m-1", "prompt": "recall-1@00",
    "tokens_in": 5, "tokens_out": 7, "cost_usd": 0.25,
}  # fmt: skip


def written(folder: Path, *lines: str) -> Path:
    """A file of these lines."""
    (folder / ANSWERS).write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
    return folder / ANSWERS


def test_an_answer_is_taken_once_and_as_it_was(tmp_path):
    """It stands in the journal with all its facts; a second time nothing is taken."""
    store = Store(tmp_path / "store")
    path = written(tmp_path, json.dumps(LINE, ensure_ascii=False))
    assert take_answers(path, store) == 1
    assert store.journal.get(LINE["key"]) == LINE
    assert take_answers(path, store) == 0
    store.close()


def test_facts_that_no_judge_gives_are_left_behind(tmp_path):
    """A file from elsewhere cannot put places of bytes, or what an answer is about, into the journal."""
    store = Store(tmp_path / "store")
    take_answers(written(tmp_path, json.dumps({**LINE, "sha256": "00" * 32, "pack": "../x", "about": ["y"]})), store)
    assert store.journal.get(LINE["key"]) == LINE
    store.close()


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        "7",
        "<html>",
        *(
            json.dumps({**LINE, **wrong})
            for wrong in (
                {"open": True}, {"key": "Z" * 64}, {"key": 5}, {"outcome": "fine"}, {"outcome": ["ok"]}, {"text": None}, {"text": 5},
                {"text": "\ud800"}, {"model": {"a": 1}}, {"round": -1}, {"round": True}, {"round": None}, {"tokens_in": "5"},
                {"tokens_in": 10**30}, {"cost_usd": float("inf")}, {"cost_usd": float("nan")}, {"cost_usd": -1}, {"cost_usd": "1"},
            )
        ),
    ],
    ids=lambda line: str(len(line)),  # the rest would be no name
)  # fmt: skip
def test_a_line_that_is_no_answer_is_named_and_nothing_is_taken(tmp_path, line):
    """Whatever stands in it: one error with file and line, and not even the good lines before it are kept."""
    store = Store(tmp_path / "store")
    with pytest.raises(BadSource, match=rf"{ANSWERS}:2: is no answer"):
        take_answers(written(tmp_path, json.dumps(LINE), line), store)
    assert store.journal.get(LINE["key"]) is None
    store.close()
