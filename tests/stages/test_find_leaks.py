"""The stage that marks training pictures which are held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pixmo.errors import BadSetting, BadSource
from pixmo.run.recipe import Step, load_stage
from pixmo.stage import fingerprint
from pixmo.stages.find_leaks import FindLeaks
from pixmo.storage.holdout import SCHEMA, frozen, publish

NEEDS = FindLeaks().needs
LOOK = {"phash": "0f1e2d3c4b5a6978", "dhash": "1" * 16}
MIRRORED = {"phash": "a5a5c3c30f0f9669", "dhash": "2" * 16}
HELD = [
    {"image_url": "http://eval.org/a.jpg", "image_sha256": "ab" * 32},
    {"fetched_sha256": "cd" * 32, **LOOK, "mirrored_phash": MIRRORED["phash"], "mirrored_dhash": MIRRORED["dhash"]},
]
NOTHING = (False, None, None, None)


def index(path: Path, rows: list[dict[str, Any]], name: str) -> str:
    publish(frozen(name, [pa.RecordBatch.from_pylist(rows, schema=SCHEMA)], "test"), path, replace=True)
    return str(path)


@pytest.fixture
def eval_index(tmp_path: Path) -> str:
    return index(tmp_path / "eval.holdout", HELD, "eval")


def found(stage: FindLeaks, *rows: dict[str, Any], schema: pa.Schema = NEEDS) -> list[tuple[Any, ...]]:
    """(is_leak, kind, of, set) per row."""
    out = stage(pa.RecordBatch.from_pylist(list(rows), schema=schema))
    assert out.schema == stage.adds
    return [tuple(row.values()) for row in out.to_pylist()]


def test_every_way_of_recognising_is_told(eval_index: str) -> None:
    """With the held-out picture's URL, or its digest where it has none, and the index's name."""
    rows = [
        {"image_url": "https://EVAL.org/a.jpg"},
        {"image_sha256": "cd" * 32},
        LOOK,
        MIRRORED,
        {"image_url": "http://h/b"},
        {},
    ]
    assert found(FindLeaks((eval_index,)), *rows) == [
        (True, "url", "http://eval.org/a.jpg", "eval"),
        (True, "sha256", "cd" * 32, "eval"),
        (True, "near", "cd" * 32, "eval"),
        (True, "mirrored", "cd" * 32, "eval"),
        NOTHING,
        NOTHING,
    ]


def test_rows_of_held_out_splits_are_no_leaks(eval_index: str) -> None:
    """They are not trained on; `train` and rows of no split are."""
    rows = [{"image_url": "http://eval.org/a.jpg", "split": split} for split in ("train", None, "validation", "test")]
    assert [told[0] for told in found(FindLeaks((eval_index,)), *rows)] == [True, True, False, False]


def test_several_indexes(eval_index: str, tmp_path: Path) -> None:
    """The plainest way over all of them, then the first index that knows the picture."""
    other = index(
        tmp_path / "o",
        [{"image_url": "http://other.org/x.jpg", **LOOK}, {"image_url": "http://eval.org/a.jpg"}],
        "other",
    )
    rows = [LOOK | {"image_url": "http://other.org/x.jpg"}, {"image_url": "http://eval.org/a.jpg"}, LOOK]
    one, two = FindLeaks((eval_index, other)), FindLeaks((other, eval_index))
    assert [(k, s) for _, k, _, s in found(one, *rows)] == [("url", "other"), ("url", "eval"), ("near", "eval")]
    assert [(k, s) for _, k, _, s in found(two, *rows)] == [("url", "other"), ("url", "other"), ("near", "other")]


def test_without_an_index_nothing_is_held_out() -> None:
    """No set, no leak."""
    assert found(FindLeaks(), {"image_url": "http://eval.org/a.jpg"}) == [NOTHING]


def test_columns_that_may_be_absent(eval_index: str) -> None:
    """A list of URLs alone, pictures of one's own without any URL, and a batch of no rows."""
    urls = pa.schema([("image_url", pa.string())])
    assert found(FindLeaks((eval_index,)), {"image_url": "http://eval.org/a.jpg"}, schema=urls)[0][1] == "url"
    looks = pa.schema([("phash", pa.string()), ("dhash", pa.string())])
    assert found(FindLeaks((eval_index,)), LOOK, {}, schema=looks)[0][1] == "near"
    assert found(FindLeaks((eval_index,))) == []


def test_the_fingerprint_holds_what_the_index_is(eval_index: str, tmp_path: Path) -> None:
    """Not where it lies: moved, nothing is done again; changed, the rows are looked at anew."""
    before = fingerprint(FindLeaks((eval_index,)))
    moved = index(tmp_path / "elsewhere", HELD, "eval")
    assert fingerprint(FindLeaks((moved,))) == before
    others = [
        FindLeaks((index(tmp_path / "less", HELD[:1], "eval"),)),
        FindLeaks((eval_index, moved)),
        FindLeaks((eval_index,), radius=3),
        FindLeaks(),
    ]
    assert before not in {fingerprint(stage) for stage in others}


def test_an_index_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Before any row is looked at: by the fingerprint already."""
    stage = FindLeaks((str(tmp_path / "gone.holdout"),))
    with pytest.raises(BadSource, match=r"gone\.holdout"):
        fingerprint(stage)
    with pytest.raises(BadSetting, match="radius"):
        FindLeaks(radius=9)


def test_it_is_a_stage_of_recipes(eval_index: str) -> None:
    """`use = "find_leaks"` with the files as a list, shard by shard."""
    stage = load_stage("find_leaks", {"against": [eval_index], "radius": 2})
    assert (Step("find_leaks", stage).kind, stage.against, stage.radius) == ("stage", (eval_index,), 2)
