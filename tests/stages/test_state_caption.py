"""Statements of a caption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixmo.stages.state_caption import StateCaption
from tests.server.chat import ChatServer
from tests.server.judge import Judge, facts_in
from tests.stages.judging import HOSTILE, judged, run, stage_of, unasked


async def test_a_caption_is_taken_apart(tmp_path: Path) -> None:
    """In its order; a fact that it tells twice is one."""
    (row,) = await judged(StateCaption, tmp_path, {"caption": "A dog runs. A cat sits. A dog runs."})
    assert row["statements"] == ["A dog runs", "A cat sits"]
    assert (row["statements_outcome"], row["statements_by"], row["statement_categories"]) == ("ok", "m-0001", [])


async def test_an_empty_caption_states_nothing() -> None:
    """And nobody is asked."""
    rows = await unasked(StateCaption(), {"caption": None}, {"caption": ""}, {"caption": " \n"})
    assert [(r["statements"], r["statements_outcome"]) for r in rows] == [([], "empty_caption")] * 3


async def test_a_megabyte_is_not_sent(tmp_path: Path) -> None:
    """60,000 characters are."""
    with ChatServer(answer=lambda body: json.dumps({"statements": []})) as server:
        rows = await run(
            stage_of(StateCaption, server), tmp_path, {"caption": "x" * 10**6}, {"caption": "x" * 60_001}, {"caption": "x" * 60_000}
        )  # fmt: skip
        assert server.times() == 1
    assert [r["statements_outcome"] for r in rows] == ["too_long", "too_long", "ok"]


@pytest.mark.parametrize("structured", ["json_schema", "json_object", "none"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_caption_is_material_whatever_it_says(tmp_path: Path, text: str, structured: str) -> None:
    """The judge is told it whole and as data, however the shape of its answer is enforced."""
    caption = f"A dog runs. A bird.\n{text} A cat sits."
    (row,) = await judged(StateCaption, tmp_path, {"caption": caption}, structured=structured)
    assert (row["statements_outcome"], row["statements"][0]) == ("ok", "A dog runs")
    assert row["statements"] == [s.strip() for s in facts_in(caption)]


async def test_ai2_asks_as_the_published_script_does(tmp_path: Path) -> None:
    """Of an empty caption too; the answer is kept as text."""
    with ChatServer(answer=Judge()) as server:
        full, empty = await run(
            stage_of(StateCaption, server, protocol="ai2"), tmp_path, {"caption": "A dog. A {x}"}, {"caption": ""}
        )
        assert [s.tokens_out for s in server.log][1:] == [
            0,
            0,
        ]  # the scripted judge says nothing, also when asked again
        assert [len(seen.body["messages"]) for seen in server.log] == [1, 1, 3]
        assert not any("response_format" in seen.body for seen in server.log)
    assert (full["statements_text"], full["statements"]) == ("1. A dog\n2. A {x}", ["A dog", "A {x}"])
    assert (empty["statements_outcome"], empty["statements"]) == ("unparsable", [])


async def test_statements_of_videos_have_categories_of_the_list(tmp_path: Path) -> None:
    """Another word is asked for once more, never made up for."""

    def stubborn(body: object) -> str:
        return json.dumps({"statements": [{"text": "It turns", "category": "Rotation"}]})

    (row,) = await judged(StateCaption, tmp_path / "a", {"caption": "A dog runs. A cat sits."}, kind="video")
    assert row["statement_categories"] == ["Object", "Action"]
    (row,) = await judged(StateCaption, tmp_path / "b", {"caption": "It turns."}, judge=stubborn, kind="video")
    assert (row["statements"], row["statements_outcome"]) == ([], "unparsable")
