"""From side files to published files: ranges of the plan, written when what they are made of has changed, the manifest last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadFolder
from pixmo.ids import digest
from pixmo.run import plan as plan_module
from pixmo.run import selecting as selecting_module
from pixmo.run.folder import Folder
from pixmo.run.plan import Plan, build_plan
from pixmo.run.progress import Progress
from pixmo.run.publishing import Published, Publisher
from pixmo.run.recipe import Recipe, Step, load_stage
from pixmo.run.runner import shards_of
from pixmo.run.shard import Shard
from pixmo.run.splits import Split
from pixmo.sources.columns import Columns
from pixmo.storage import manifest
from pixmo.storage import publish as publish_module
from pixmo.storage.sidecar import ROW_ID
from pixmo.storage.store import Store
from tests.pictures import jpeg

FETCHED = Recipe(
    "list", (Step("download", load_stage("download", {})), Step("select", load_stage("select", {"where": ["fetched"]})))
)
Rows = Callable[[int], dict[str, Any]]  # row → its `fetched` columns


class Listed:
    name = "list"
    expected = None
    licence = None
    splits = ()

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def schema(self) -> pa.Schema:
        return self._table.schema

    def identity(self) -> dict[str, Any]:
        return {}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        return iter(self._table.to_batches())


class Out:
    """A folder whose rows are planned; `fetch` gives them the columns of a download, row by row as told."""

    def __init__(self, out: Path, rows: int = 120, **columns: list[Any]) -> None:
        self.folder = Folder(out)
        self.folder.hidden.mkdir(parents=True)
        self.store = Store(self.folder.hidden)
        table = pa.table(
            {"url": [f"https://example.org/{n}.jpg" for n in range(rows)], "n": list(range(rows)), **columns}
        )
        splits = (Split("validation", 30, None),)
        self.plan: Plan = build_plan(
            Listed(table), Columns("url", None, None, None), splits, self.folder.side_files(), self.store, {}
        )  # type: ignore[arg-type]
        self.pictures = [jpeg(n, (24, 16)) for n in range(5)]

    def shards(self, missing: set[int]) -> list[Shard]:
        """With the columns of a download; rows whose number is in `missing` were not found."""
        sides = self.folder.side_files()
        shards = shards_of(self.plan, sides)
        for shard in shards:
            rows = shard.table(pa.schema([("n", pa.int64())]))
            there = [n not in missing for n in rows.column("n").to_pylist()]
            shas = [
                self.store.put(self.pictures[n % 5]) if ok else None
                for n, ok in zip(rows.column("n").to_pylist(), there, strict=True)
            ]
            told = {
                ROW_ID: rows.column(ROW_ID), "fetched": pa.array(there), "fetched_sha256": pa.array(shas, pa.string()),
                "outcome": pa.array(["ok" if ok else "not_found" for ok in there]), "format": pa.array(["JPEG"] * len(there)),
            }  # fmt: skip
            side = sides.write("download", shard.number, digest(repr(told).encode()), pa.table(told))
            shard.columns |= dict.fromkeys(["fetched", "fetched_sha256", "outcome", "format"], side)
        return shards

    def publish(self, missing: set[int] = frozenset(), recipe: Recipe = FETCHED) -> Published:  # type: ignore[assignment]
        publisher = Publisher(
            self.folder, self.store, recipe, self.plan, self.shards(set(missing)), Progress(quiet=True), 2
        )
        return publisher.publish([], 1.0)

    def files(self) -> dict[str, bytes]:
        """All that the manifest names, and itself."""
        told = manifest.load(self.folder.out)
        assert told is not None
        names = [manifest.NAME, *(f.path for f in told.files)]
        return {n: (self.folder.out / n).read_bytes() for n in names}

    def table(self) -> pa.Table:
        """All published rows."""
        return pa.concat_tables([pq.read_table(p) for p in sorted((self.folder.out / "data").glob("*.parquet"))])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small shards and small files, so that a hundred rows are several of each."""
    monkeypatch.setattr(plan_module, "SHARD_ROWS", 16)
    monkeypatch.setattr(selecting_module, "EXPECTED_PICTURE_BYTES", 500_000_000 // 20)
    monkeypatch.setattr(selecting_module, "EXPECTED_ROW_BYTES", 500_000_000 // 20)


@pytest.fixture
def out(tmp_path: Path) -> Out:
    return Out(tmp_path / "out")


# what is published


def test_every_selected_row_is_published_once_with_its_picture(out: Out) -> None:
    """In the files of its split; the counts add up."""
    published = out.publish({3, 50, 51})
    table = out.table()
    assert sorted(table.column("n").to_pylist()) == sorted(set(range(120)) - {3, 50, 51})
    for n, image, sha in zip(*(table.column(c).to_pylist() for c in ("n", "image", "fetched_sha256")), strict=True):
        assert image["bytes"] == out.pictures[n % 5]
        assert image["path"] == f"{sha[:16]}.jpg"
    assert (published.written, published.counts["outcome"], published.left) == (
        117,
        {"not_found": 3, "ok": 117},
        {"fetched": 3},
    )
    told = manifest.load(out.folder.out)
    assert told is not None
    assert {f.split for f in told.files if f.split} == {"train", "validation"}
    assert sum(f.rows or 0 for f in told.files if f.split == "validation") == 30 - len(
        out_of_validation(out, {3, 50, 51})
    )
    assert list(manifest.differences(out.folder.out, told)) == []


def out_of_validation(out: Out, numbers: set[int]) -> set[int]:
    shards = shards_of(out.plan, out.folder.side_files())
    rows = pa.concat_tables(
        [s.table(pa.schema([("n", pa.int64()), ("split", pa.string())])) for s in shards]
    ).to_pylist()
    return {r["n"] for r in rows if r["split"] == "validation"} & numbers


def test_the_split_of_a_row_is_its_files_name_and_no_column(out: Out) -> None:
    """Nor are columns published that only we need."""
    out.publish()
    assert out.table().column_names == ["image", ROW_ID, "url", "n", "fetched", "fetched_sha256", "outcome", "format"]
    names = {p.name.split("-")[0] for p in (out.folder.out / "data").iterdir()}
    assert names == {"train", "validation"}


def test_a_sources_own_names_are_published_back(tmp_path: Path) -> None:
    """Its `format`, `image` and `split` as they were; ours of the same name is `pixmo_…`."""
    own = {"format": ["theirs"] * 120, "image": [f"#{n}" for n in range(120)], "split": list(range(120))}
    out = Out(tmp_path / "out", **own)
    out.publish()
    table = out.table()
    assert table.column("format").to_pylist() == ["theirs"] * 120
    assert table.column("image").to_pylist() == [f"#{n}" for n in table.column("n").to_pylist()]
    assert table.column("split").to_pylist() == table.column("n").to_pylist()
    assert set(table.column("pixmo_format").to_pylist()) == {"JPEG"}
    assert table.column("pixmo_image").to_pylist()[0]["bytes"] in out.pictures
    assert len(set(table.column_names)) == len(table.column_names)


def test_names_stay_apart_even_when_a_source_uses_ours(tmp_path: Path) -> None:
    """A source with both `format` and `pixmo_format` keeps both."""
    out = Out(tmp_path / "out", format=["a"] * 120, pixmo_format=["b"] * 120)
    out.publish()
    table = out.table()
    assert len(set(table.column_names)) == len(table.column_names)
    assert set(table.column("format").to_pylist()) == {"a"}
    assert set(table.column("pixmo_format").to_pylist()) == {"b"}


def test_without_pictures_only_the_columns_are_published(out: Out) -> None:
    """As asked for with --no-images."""
    select = Step("select", load_stage("select", {"where": ["fetched"], "images": False}))
    out.publish(recipe=replace(FETCHED, steps=(FETCHED.steps[0], select)))
    assert "image" not in out.table().column_names
    assert out.table().num_rows == 120


def test_without_select_every_row_is_published(out: Out) -> None:
    """A row without a picture has a null for it."""
    out.publish({7}, replace(FETCHED, steps=FETCHED.steps[:1]))
    by_number = {r["n"]: r["image"] for r in out.table().select(["n", "image"]).to_pylist()}
    assert len(by_number) == 120
    assert [n for n, image in by_number.items() if image is None] == [7]


def test_a_set_of_which_nothing_is_left_still_has_its_files(out: Out) -> None:
    """One empty file per split, so that readers find columns and splits."""
    published = out.publish(set(range(120)))
    assert published.written == 0
    files = sorted((out.folder.out / "data").glob("*.parquet"))
    assert [pq.read_metadata(p).num_rows for p in files] == [0, 0]
    assert "image" in pq.read_schema(files[0]).names


# what is written again


def test_publishing_again_writes_nothing(out: Out) -> None:
    """The same bytes, and no file is touched."""
    out.publish({3})
    before = written_at(out)
    assert out.publish({3}).files_written == 0
    assert written_at(out) == before


def written_at(out: Out) -> dict[Path, int]:
    """When each file but the side files was written."""
    return {p: p.stat().st_mtime_ns for p in out.folder.out.rglob("*") if p.is_file() and "columns" not in p.parts}


def test_a_rescued_row_rewrites_its_own_file_only(out: Out) -> None:
    """And no file changes its name."""
    out.publish({3, 90})
    before = out.files()
    assert out.publish({3}).files_written <= 2, "at most one of each split that has rows of its shard"
    after = out.files()
    assert before.keys() == after.keys()
    changed = {n for n in after if after[n] != before[n]}
    assert len({n for n in changed if n.startswith("data/")}) == 1
    assert changed >= {manifest.NAME, "README.md"}


def test_two_machines_write_the_same_bytes(out: Out, tmp_path: Path) -> None:
    """Data, card and manifest, whatever happened on the way."""
    out.publish({3, 90})
    out.publish({3})
    other = Out(tmp_path / "other")
    other.publish({3})
    assert out.files() == other.files()


def test_a_file_that_is_gone_or_cut_off_is_written_again(out: Out) -> None:
    """As it was."""
    out.publish()
    before = out.files()
    first, second = sorted((out.folder.out / "data").iterdir())[:2]
    first.unlink()
    second.write_bytes(b"")
    assert out.publish().files_written == 2
    assert out.files() == before


def test_files_of_another_layout_are_removed(out: Out) -> None:
    """Larger files, or another format: nothing of the old ones stays, in data or among the records."""
    out.publish()
    out.publish(recipe=replace(FETCHED, shard_size=5_000_000_000))
    told = manifest.load(out.folder.out)
    assert told is not None
    assert list(manifest.differences(out.folder.out, told)) == []
    assert len(list((out.folder.hidden / "published").iterdir())) == 2
    out.publish(recipe=replace(FETCHED, format="webdataset"))
    assert {p.suffix for p in (out.folder.out / "data").rglob("*") if p.is_file()} <= {".tar", ".idx", ".json"}


def test_a_picture_that_is_gone_from_the_store_is_told(out: Out) -> None:
    """And nothing of its file is published; the manifest still speaks of what was there before."""
    out.publish(set(range(0, 120, 5)))
    before = out.files()
    shards = out.shards(set())
    out.store.packs.drop({digest(out.pictures[0])})
    publisher = Publisher(out.folder, out.store, FETCHED, out.plan, shards, Progress(quiet=True), 2)
    with pytest.raises(BadFolder, match="verify"):
        publisher.publish([], 1.0)
    assert out.files() == before
    assert not list(out.folder.out.rglob(".tmp-*"))


def test_killed_before_each_durable_step_the_next_run_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dying before each rename in turn: what is there is whole, and the rerun ends byte for byte as if nothing had been."""
    whole = Out(tmp_path / "whole", 60)
    whole.publish({3})
    replace_file = publish_module.os.replace
    for death in range(100):
        out = Out(tmp_path / f"died-{death}", 60)
        left = iter(range(death))

        def dies(source: Path, target: Path, left: Iterator[int] = left, out: Out = out) -> None:
            if Path(target).is_relative_to(out.folder.hidden / "columns"):
                return replace_file(source, target)
            if next(left, None) is None:
                raise KeyboardInterrupt
            return replace_file(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(publish_module.os, "replace", dies)
            try:
                out.publish({3})
            except KeyboardInterrupt:
                told = manifest.load(out.folder.out)
                assert told is None or not list(manifest.differences(out.folder.out, told))
            else:
                break
        out.publish({3})
        assert out.files() == whole.files()
    assert death > 10
