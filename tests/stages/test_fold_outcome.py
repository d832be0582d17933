"""One outcome per row: the first thing that went wrong, in the order fetch, bytes, hash."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pixmo.errors import BadSetting
from pixmo.stages.fold_outcome import FoldOutcome

ROWS = [
    # fetch, hash verdict, look → keep, strict
    ("ok", "equal", "ok", "ok", "ok"),
    ("ok", "none_expected", "ok", "ok", "ok"),
    ("ok", "differs", "ok", "ok", "wrong_hash"),
    ("ok", "differs", "broken_image", "broken_image", "broken_image"),
    ("ok", "equal", "decoder_hung", "decoder_hung", "decoder_hung"),
    ("ok", "equal", None, "ok", "ok"),  # nobody looked
    ("ok", None, None, "ok", "ok"),
    ("not_found", None, None, "not_found", "not_found"),
    ("timeout", "differs", "ok", "timeout", "timeout"),  # a stale look does not rescue a fetch that failed
    (None, None, None, None, None),
    (None, None, "ok", None, None),
]


def folded(policy: str, rows: list[Any]) -> list[dict[str, Any]]:
    columns = dict(zip(("fetch_outcome", "hash_verdict", "image_outcome"), zip(*rows, strict=True), strict=True))
    batch = pa.record_batch({n: pa.array(v, pa.string()) for n, v in columns.items()})
    found: list[dict[str, Any]] = FoldOutcome(hash_policy=policy)(batch).to_pylist()
    return found


@pytest.mark.parametrize(("policy", "at"), [("keep", 3), ("strict", 4)])
def test_each_row_has_the_first_thing_that_went_wrong(policy: str, at: int) -> None:
    """`ok` says whether nothing did; a row without a verdict is not ok."""
    found = folded(policy, [row[:3] for row in ROWS])
    assert [row["outcome"] for row in found] == [row[at] for row in ROWS]
    assert [row["ok"] for row in found] == [row[at] == "ok" for row in ROWS]


def test_an_unknown_policy_is_told() -> None:
    """With those that there are."""
    with pytest.raises(BadSetting, match="'lax' is none of keep, strict"):
        FoldOutcome(hash_policy="lax")
