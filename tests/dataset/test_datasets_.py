"""The same rows as the `datasets` library gives them."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest

from pixmo.dataset.load import load
from pixmo.errors import BadSetting
from tests.dataset.sets import finished, grouped


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found that another test left, and nothing is left."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("format", ["parquet", "arrow"])
def test_rows_are_the_same_there(tmp_path: Path, format: str, streaming: bool) -> None:
    """All columns, pictures decoded, in the same order, with real classes of the library."""
    tables = [grouped(0, 12, True), grouped(12, 5, True)]
    rows = load(finished(tmp_path / "set", {"train": tables, "test": [grouped(40, 2, True)]}, format, 5))
    there = rows.to_datasets(streaming=streaming)
    assert isinstance(there, datasets.IterableDataset if streaming else datasets.Dataset)
    found = list(there)
    assert [{k: v for k, v in row.items() if k != "image"} for row in found] == [dict(row.columns) for row in rows]
    assert [row["image"].tobytes() for row in found] == [row.picture().tobytes() for row in rows]
    part = rows[3:15].to_datasets(streaming=streaming)
    assert [row["row_id"] for row in part] == [row.id for row in rows[3:15]]


def test_any_slice_and_some_columns(tmp_path: Path) -> None:
    """Every third backwards; only columns that were asked for; a stream of every third is refused."""
    folder = finished(tmp_path / "set", {"train": [grouped(0, 12, True)]})
    rows = load(folder, columns=["image_url"])[10:1:-3]
    there = rows.to_datasets()
    assert there.column_names == ["row_id", "image_url"]
    assert there["row_id"][:] == [row.id for row in rows]
    with pytest.raises(BadSetting, match="streaming"):
        rows.to_datasets(streaming=True)


def test_no_rows_have_columns_all_the_same(tmp_path: Path) -> None:
    """An empty set is an empty data set with its features."""
    there = load(finished(tmp_path / "set", {"train": [grouped(0, 0)]})).to_datasets()
    assert (len(there), "annotations" in there.features) == (0, True)
