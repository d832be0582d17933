"""Pictures that came inside the rows get the columns a download would give."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from pixmo.stages.download import FACTS
from pixmo.stages.unpack_pictures import UnpackPictures

SHA = "ab" * 32


def unpacked(sha: str | None, size: int | None, expected: str | None = None) -> dict[str, Any]:
    batch = pa.record_batch(
        {
            "embedded_sha256": pa.array([sha], pa.string()),
            "embedded_bytes": pa.array([size], pa.int64()),
            "image_sha256": pa.array([expected], pa.string()),
        }
    )
    out = UnpackPictures()(batch)
    assert out.schema == FACTS
    row: dict[str, Any] = out.to_pylist()[0]
    return {k: v for k, v in row.items() if v is not None}


def test_a_picture_is_there_with_its_digest_and_size() -> None:
    """As if it had been fetched, without a status or an address."""
    assert unpacked(SHA, 5) == {
        "fetched": True, "fetch_outcome": "ok", "fetched_sha256": SHA, "fetched_bytes": 5, "hash_verdict": "none_expected",
    }  # fmt: skip


def test_a_row_without_a_picture_says_so() -> None:
    """No bytes at all, or none in them."""
    assert unpacked(None, None) == {"fetched": False, "fetch_outcome": "no_url"}
    assert unpacked("", 0, SHA) == {"fetched": False, "fetch_outcome": "empty"}


def test_the_expected_digest_is_compared_as_for_a_download() -> None:
    """Case and white space aside; an empty one expects nothing."""
    told = [unpacked(SHA, 5, e)["hash_verdict"] for e in (SHA, SHA.upper(), f" {SHA} ", "cd" * 32, "", None)]
    assert told == ["equal", "equal", "equal", "differs", "none_expected", "none_expected"]
