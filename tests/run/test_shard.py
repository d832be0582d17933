"""Shards by reference: columns put before a stage, rows of several pictures flat and nested again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadFolder
from pixmo.run.plan import PlannedShard, Roles
from pixmo.run.shard import Nesting, Shard, mask_of, scatter, with_ids
from pixmo.storage.sidecar import SideFile, SideFiles

IDS = ["r0", "r1", "r2"]


def side(folder: Path, stage: str, ids: list[str] = IDS, **columns: Any) -> SideFile:
    return SideFiles(folder).write(stage, 0, stage, pa.table({"row_id": ids, **columns}))


def shard(folder: Path, roles: Roles | None = None, **more: SideFile) -> Shard:
    rows = side(folder, "rows", url=["a", "b", None], sha=["1", None, "3"])
    planned = PlannedShard(0, 3, rows.made_of, rows.is_, {"train": 3})
    roles = roles or Roles("url", None, "sha", False)
    return Shard(planned, rows, roles, 0, {"url": rows, "sha": rows} | more)


def test_a_stage_gets_its_columns_under_the_names_it_uses(tmp_path: Path) -> None:
    """From whatever files they lie in; a role's column by the role's name."""
    found = side(tmp_path, "download", fetched=[True, False, None])
    table = shard(tmp_path, fetched=found).table(
        pa.schema([("fetched", pa.bool_()), ("image_url", pa.string()), ("image_sha256", pa.string())])
    )
    assert table.to_pydict() == {
        "row_id": IDS, "fetched": [True, False, None], "image_url": ["a", "b", None], "image_sha256": ["1", None, "3"],
    }  # fmt: skip


def test_an_optional_column_that_is_not_there_is_null(tmp_path: Path) -> None:
    """Of the type the stage expects."""
    table = shard(tmp_path, Roles("url", None, None, False)).table(
        pa.schema([("image_sha256", pa.string()), ("x", pa.int8())])
    )
    assert table.select(["image_sha256", "x"]).to_pydict() == {"image_sha256": [None] * 3, "x": [None] * 3}
    assert table.schema.field("x").type == pa.int8()


def test_a_sources_own_column_is_not_taken_for_a_role(tmp_path: Path) -> None:
    """A column called `image_url` counts only when it was chosen."""
    rows = side(tmp_path, "rows", image_url=["a", "b", "c"], link=["x", "y", "z"])
    made = Shard(
        PlannedShard(0, 3, "", "", {}), rows, Roles("link", None, None, False), 0, {"image_url": rows, "link": rows}
    )
    assert made.source_of("image_url") == "link"
    assert made.table(pa.schema([("image_url", pa.string())])).column("image_url").to_pylist() == ["x", "y", "z"]


def test_files_of_other_rows_are_refused(tmp_path: Path) -> None:
    """Alignment is checked whenever columns are put together."""
    other = side(tmp_path, "download", ["r0", "r2", "r1"], fetched=[True] * 3)
    with pytest.raises(BadFolder, match="different rows"):
        shard(tmp_path, fetched=other).table(pa.schema([("fetched", pa.bool_())]))


def test_what_is_read_names_the_content(tmp_path: Path) -> None:
    """Each column by the digest of the file it comes from; one that is not there by nothing."""
    found = side(tmp_path, "download", fetched=[True, False, None])
    made = shard(tmp_path, fetched=found)
    assert made.reads(["fetched", "image_url", "phash"]) == {
        "fetched": found.is_,
        "image_url": made.rows_file.is_,
        "phash": "",
    }


# rows of several pictures

LISTS = st.lists(st.none() | st.lists(st.none() | st.sampled_from("abc"), max_size=4), min_size=1, max_size=8)


@given(LISTS)
def test_pictures_are_flat_and_nested_again(lists: list[list[str | None] | None]) -> None:
    """One row per picture, with ids of its own and the row's other columns; nested, each row has its own again."""
    urls = pa.chunked_array([pa.array(lists, pa.list_(pa.string()))])
    ids = [f"r{i}" for i in range(len(lists))]
    table = pa.table({"row_id": ids, "url": urls, "n": list(range(len(lists)))})
    nesting = Nesting.of(urls)
    flat = nesting.flat(table, {"url"})
    told = [(f"r{i}#{k}", url, i) for i, row in enumerate(lists) for k, url in enumerate(row or ())]
    assert list(zip(*flat.to_pydict().values(), strict=True)) == told
    back = nesting.nest(flat.select(["url"])).column("url").to_pylist()
    assert back == [row or [] for row in lists]


def test_a_column_without_lists_of_its_own_is_null_for_each_picture() -> None:
    """An expected digest that a source has for none of its pictures."""
    urls = pa.chunked_array([pa.array([["a", "b"], ["c"]])])
    shas = pa.chunked_array([pa.array([None, None], pa.list_(pa.string()))])
    flat = Nesting.of(urls).flat(pa.table({"row_id": ["r0", "r1"], "sha": shas}), {"sha"})
    assert flat.column("sha").to_pylist() == [None, None, None]


# when


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=10), st.booleans())
def test_rows_for_which_when_does_not_hold_get_nulls(values: list[bool | None], negated: bool) -> None:
    """A null is false; what was computed for the others stands in their places."""
    table = pa.table({"good": pa.chunked_array([pa.array(values[:1], pa.bool_()), pa.array(values[1:], pa.bool_())])})
    mask = mask_of(table, "not good" if negated else "good")
    holds = [bool(v) != negated for v in values]
    assert mask.to_pylist() == holds
    part = pa.table({"out": pa.array([i for i, h in enumerate(holds) if h], pa.int64())})
    assert scatter(part, mask).column("out").to_pylist() == [i if h else None for i, h in enumerate(holds)]


def test_added_columns_stand_behind_the_row_ids() -> None:
    """Whether a stage gives a batch, a table or arrays by name."""
    table = pa.table({"row_id": IDS, "a": [1, 2, 3]})
    added = {"b": pa.array([4, 5, 6])}
    for given_as in (added, pa.table(added), pa.record_batch(added)):
        assert with_ids(table, given_as).to_pydict() == {"row_id": IDS, "b": [4, 5, 6]}
