"""The plan: a list read once, into shards of rows with ids and splits, the same on every machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.errors import BadFolder, BadSetting, BadSource
from pixmo.ids import digest
from pixmo.run import plan as plan_module
from pixmo.run.plan import Plan, PlannedShard, Roles, build_plan, load_plan, rows_file
from pixmo.run.splits import Split
from pixmo.sources.columns import Columns
from pixmo.sources.source import Expected
from pixmo.storage.sidecar import SideFiles, read
from pixmo.storage.store import Store

URLS = Columns("url", None, None, None)


class Listed:
    """A source of given batches."""

    name = "list"
    expected: Expected | None = None
    licence: str | None = None

    def __init__(self, *batches: pa.RecordBatch, splits: tuple[str, ...] = ()) -> None:
        self._batches = batches
        self.splits = splits

    def schema(self) -> pa.Schema:
        return self._batches[0].schema

    def identity(self) -> dict[str, Any]:
        return {"list": 1}

    def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
        return iter(self._batches)


def urls(numbers: Sequence[int], size: int = 10**9, **more: Any) -> Listed:
    table = pa.table({"url": pa.array([f"https://example.org/{n}.jpg" for n in numbers], pa.string()), **more})
    return Listed(*(table.to_batches(max_chunksize=size) or [pa.RecordBatch.from_pylist([], table.schema)]))


def planned(folder: Path, source: Listed, columns: Columns = URLS, splits: tuple[Split, ...] = (), **told: Any) -> Plan:
    return build_plan(source, columns, splits, SideFiles(folder / "columns"), Store(folder), {}, **told)


def rows_of(folder: Path, plan: Plan) -> pa.Table:
    sides = SideFiles(folder / "columns")
    return pa.concat_tables([read(rows_file(shard, sides)) for shard in plan.shards])


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "SHARD_ROWS", 16)


# rows


def test_every_row_is_planned_once_in_order(tmp_path: Path) -> None:
    """With an id and a split in front of its own columns, which keep their types."""
    more = {
        "n": pa.array(range(200), pa.int16()),
        "tags": pa.array([["a"]] * 200),
        "d": pa.array(["x"] * 200).dictionary_encode(),
    }
    source = urls(range(200), 37, **more)
    plan = planned(tmp_path, source)
    rows = rows_of(tmp_path, plan)
    assert rows.column_names == ["row_id", "split", "url", "n", "tags", "d"]
    assert rows.column("n").to_pylist() == list(range(200))
    assert [rows.schema.field(n).type for n in ("n", "tags", "d")] == [
        source.schema().field(n).type for n in ("n", "tags", "d")
    ]
    assert (plan.rows, plan.splits, set(rows.column("split").to_pylist())) == (200, ("train",), {"train"})
    assert [s.rows for s in plan.shards] == [
        len(read(rows_file(s, SideFiles(tmp_path / "columns")))) for s in plan.shards
    ]
    assert len(plan.shards) > 5


def test_ids_are_unique_under_exact_repeats(tmp_path: Path) -> None:
    """Repeats are counted over the whole list, across its shards."""
    plan = planned(tmp_path, urls([n % 10 for n in range(300)], 50))
    ids = rows_of(tmp_path, plan).column("row_id").to_pylist()
    assert len(set(ids)) == 300
    assert len({i.partition("-")[0] for i in ids}) == 10


@settings(max_examples=10, deadline=None)
@given(size=st.integers(1, 200))
def test_how_the_list_is_read_does_not_matter(size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Batches of any size: the same files, the same plan."""
    one, other = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other")
    half = (Split("validation", 30, None),)
    assert planned(one, urls(range(150), size), splits=half) == planned(other, urls(range(150)), splits=half)
    assert {p.name for p in (one / "columns").iterdir()} == {p.name for p in (other / "columns").iterdir()}


def test_an_inserted_row_writes_few_new_files(tmp_path: Path) -> None:
    """The other shards keep their files, whatever their number is now."""
    before = planned(tmp_path, urls(range(400)))
    files = {p.name for p in (tmp_path / "columns").iterdir()}
    after = planned(tmp_path, urls([*range(100), 9999, *range(100, 400)]))
    new = {p.name for p in (tmp_path / "columns").iterdir()} - files
    assert 1 <= len(new) <= 3
    assert len({s.made_of for s in after.shards} - {s.made_of for s in before.shards}) == len(new)
    assert 9999 in [int(u[20:-4]) for u in rows_of(tmp_path, after).column("url").to_pylist()]


def test_a_column_of_another_name_or_type_is_another_table(tmp_path: Path) -> None:
    """Though all values are the same: the new list's columns are what later steps see."""
    planned(tmp_path, urls(range(20), title=pa.array([str(n) for n in range(20)])))
    renamed = planned(tmp_path, urls(range(20), caption=pa.array([str(n) for n in range(20)])))
    assert "caption" in rows_of(tmp_path, renamed).column_names
    retyped = planned(tmp_path, urls(range(20), caption=pa.array(range(20))))
    assert rows_of(tmp_path, retyped).schema.field("caption").type == pa.int64()


def test_a_list_without_rows_is_refused(tmp_path: Path) -> None:
    """And nothing is left behind."""
    with pytest.raises(BadSource, match="list: has no rows"):
        planned(tmp_path, urls([]))
    assert list((tmp_path / "columns").iterdir()) == []


def test_progress_counts_the_rows_read(tmp_path: Path) -> None:
    """It ends with all of them."""
    seen: list[int] = []
    planned(tmp_path, urls(range(100)), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_the_temporary_folder_goes(tmp_path: Path) -> None:
    """Whether the list can be read to its end or not."""

    class Breaks(Listed):
        def batches(self, batch_rows: int = 8192) -> Iterator[pa.RecordBatch]:
            yield from super().batches()
            raise BadSource("line 7")

    with pytest.raises(BadSource, match="line 7"):
        planned(tmp_path, Breaks(*urls(range(100)).batches()))
    planned(tmp_path, urls(range(100)))
    assert not [p for p in (tmp_path / "columns").iterdir() if not p.name.startswith("rows.")]


# columns that mean something


def test_names_that_stages_use_are_kept_aside(tmp_path: Path) -> None:
    """A source's own `format`, `split` or `image` travels along under another name, whatever it holds."""
    source = urls(range(5), format=pa.array(list("abcde")), split=pa.array(["own"] * 5), row_id=pa.array(range(5)))
    rows = rows_of(tmp_path, planned(tmp_path, source))
    assert rows.column_names == ["row_id", "split", "url", "source:format", "source:split", "source:row_id"]
    assert rows.column("source:format").to_pylist() == list("abcde")


OWN_SOURCES = {
    "listen", "find_repeated_recordings", "check_recording", "transcribe", "transcribe_again", "check_transcript", "write_caption",
    "check_caption", "state_references", "state_caption", "judge_recall", "judge_consistency", "judge_repetition", "score_caption",
}  # fmt: skip


def test_every_name_a_stage_adds_is_reserved() -> None:
    """Else a source's column of that name would be taken for ours. Stages of speech and of judging meet rows of their own sources: a clash is refused there."""
    from pixmo.run.pictures import adds_schema
    from pixmo.run.recipe import Step, load_stage, stage_names

    for name in stage_names():
        step = Step(name, load_stage(name, {}))
        if step.kind != "select" and name not in OWN_SOURCES:
            added = adds_schema(step).names if step.kind == "picture" else step.stage.adds.names
            assert set(added) <= plan_module.RESERVED, name


def test_roles_are_named_as_in_the_rows_files(tmp_path: Path) -> None:
    """Also when the source calls its URL column as one of ours."""
    source = urls(
        range(5), image=pa.array([f"https://example.org/{n}" for n in range(5)]), sum=pa.array([digest(b"")] * 5)
    )
    plan = planned(tmp_path, source, Columns("image", None, "sum", None))
    assert plan.roles == Roles("source:image", None, "sum", False)
    assert not plan.many


def test_embedded_pictures_go_into_the_store(tmp_path: Path) -> None:
    """Their rows keep digest, size and path; no bytes and no picture are told apart."""
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    shown = [{"bytes": b"one", "path": "1.jpg"}, {"bytes": None, "path": "2.jpg"}, {"bytes": b"", "path": None}, None]
    source = urls(range(4), image=pa.array(shown, struct))
    plan = planned(tmp_path, source, Columns(None, None, None, "image"))
    rows = rows_of(tmp_path, plan).select(["embedded_sha256", "embedded_bytes", "embedded_path"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (digest(b"one"), 3, "1.jpg"), (None, None, "2.jpg"), ("", 0, None), (None, None, None),
    ]  # fmt: skip
    assert plan.roles.embedded
    assert "image" not in rows_of(tmp_path, plan).column_names


# splits


def of_url(folder: Path, plan: Plan) -> dict[str, set[str]]:
    rows = rows_of(folder, plan)
    found: dict[str, set[str]] = {}
    for url, split in zip(rows.column("url").to_pylist(), rows.column("split").to_pylist(), strict=True):
        found.setdefault(url, set()).add(split)
    return found


def test_a_picture_stands_in_one_split(tmp_path: Path) -> None:
    """The same URL in other spellings, and other URLs of one expected digest: together, and so many as asked for."""
    names = [
        f"https://example.org/{n % 40}.jpg" if n < 60 else f"HTTPS://Example.org:443/{n % 40}.jpg#x" for n in range(80)
    ]
    table = pa.table({"url": names, "sha": [digest(b"%d" % (n % 20)) for n in range(80)]})
    source = Listed(*table.to_batches())
    plan = planned(tmp_path, source, Columns("url", None, "sha", None), (Split("validation", 5, None),))
    assert plan.splits == ("train", "validation")
    assert all(len(splits) == 1 for splits in of_url(tmp_path, plan).values())
    assert sum(s.splits.get("validation", 0) for s in plan.shards) == 5 * 4


def test_a_list_of_urls_keeps_its_pictures_together(tmp_path: Path) -> None:
    """Rows that share any of their pictures are in one split; a null list and an empty one train."""
    lists = [["a", "b"], ["b", "c"], ["c"], ["d"], ["e", None], None, []]
    source = Listed(pa.record_batch({"urls": pa.array(lists, pa.list_(pa.string()))}))
    plan = planned(
        tmp_path, source, Columns(None, "urls", None, None), (Split("validation", 1, None), Split("test", 1, None))
    )
    splits = rows_of(tmp_path, plan).column("split").to_pylist()
    assert splits[0] == splits[1] == splits[2]
    assert len({splits[0], splits[3], splits[4]}) == 3
    assert splits[5:] == ["train", "train"]
    assert plan.many


def test_splits_of_the_source_itself_are_kept(tmp_path: Path) -> None:
    """A set that has splits brings them along as a column; none of the rows moves."""
    source = urls(range(4), split=pa.array(["train", "test", "test", "validation"]))
    source.splits = ("train", "validation", "test")
    plan = planned(tmp_path, source)
    assert plan.splits == ("train", "validation", "test")
    assert rows_of(tmp_path, plan).column("split").to_pylist() == ["train", "test", "test", "validation"]


def test_own_splits_are_not_mixed_with_ours(tmp_path: Path) -> None:
    """Asked for a split of a set that has several already: told, not silently left out."""
    source = urls(range(4), split=pa.array(["train", "test", "test", "validation"]))
    source.splits = ("train", "validation", "test")
    with pytest.raises(BadSetting, match="has splits of its own"):
        planned(tmp_path, source, splits=(Split("validation", 1, None),))


def test_a_set_that_is_all_train_may_be_split(tmp_path: Path) -> None:
    """A Hub set with the one split `train` is like a file: part of it can be held out."""
    source = urls(range(40), split=pa.array(["train"] * 40))
    source.splits = ("train",)
    plan = planned(tmp_path, source, splits=(Split("validation", 3, None),))
    assert plan.splits == ("train", "validation")
    assert rows_of(tmp_path, plan).column("split").to_pylist().count("validation") == 3


# plan.json


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    """Every field; without a file there is no plan."""
    plan = planned(tmp_path, urls(range(100)), splits=(Split("validation", 10, None),))
    assert load_plan(tmp_path / "plan.json") is None
    plan.publish(tmp_path / "plan.json")
    assert load_plan(tmp_path / "plan.json") == plan
    assert plan.digest == load_plan(tmp_path / "plan.json").digest  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": "pixmo-plan/1"}'])
def test_a_damaged_plan_is_told(damage: str, tmp_path: Path) -> None:
    """As a damaged folder, with what to do."""
    (tmp_path / "plan.json").write_text(damage)
    with pytest.raises(BadFolder, match="run again"):
        load_plan(tmp_path / "plan.json")


def test_a_plan_of_another_format_is_told(tmp_path: Path) -> None:
    """A later version's plan is not read as this one's."""
    planned(tmp_path, urls(range(10))).publish(tmp_path / "plan.json")
    told = json.loads((tmp_path / "plan.json").read_text()) | {"format": "pixmo-plan/9"}
    (tmp_path / "plan.json").write_text(json.dumps(told))
    with pytest.raises(BadFolder, match="pixmo-plan/9"):
        load_plan(tmp_path / "plan.json")


def test_missing_rows_are_told(tmp_path: Path) -> None:
    """Which shard, and what to do."""
    plan = planned(tmp_path, urls(range(100)))
    rows_file(plan.shards[1], SideFiles(tmp_path / "columns")).path.unlink()
    with pytest.raises(BadFolder, match="rows of shard 1 are missing"):
        rows_file(plan.shards[1], SideFiles(tmp_path / "columns"))


# ranges

SHARDS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(any), min_size=1, max_size=30)


def plan_of(shards: list[tuple[int, int]]) -> Plan:
    told = tuple(
        PlannedShard(n, a + b, "", "", {k: v for k, v in (("train", a), ("validation", b)) if v})
        for n, (a, b) in enumerate(shards)
    )
    return Plan("list", {}, Roles("url", None, None, False), ("train", "validation"), told)


@given(SHARDS, st.integers(1, 60))
def test_ranges_cover_each_row_of_a_split_once(shards: list[tuple[int, int]], per_file: int) -> None:
    """In order, none overlaps, none is empty, and a shard that has rows of the split is covered whole."""
    plan = plan_of(shards)
    for split, at in (("train", 0), ("validation", 1)):
        ranges = plan.ranges(split, per_file)
        assert all(a < b for a, b in ranges)
        assert all(before[1] <= after[0] for before, after in pairwise(ranges))
        covered = {row for a, b in ranges for row in range(a, b)}
        start = 0
        for shard in shards:
            if shard[at]:
                assert set(range(start, start + sum(shard))) <= covered
            start += sum(shard)
        assert max(covered, default=-1) < start


@given(SHARDS, st.integers(1, 60))
def test_ranges_hold_about_as_many_rows_as_asked_for(shards: list[tuple[int, int]], per_file: int) -> None:
    """At most one and a half times as many where whole shards are taken."""
    plan = plan_of([(a + b, 0) for a, b in shards])
    assert all(b - a <= max(1.5 * per_file, per_file + 1) for a, b in plan.ranges("train", per_file))


def test_a_split_without_rows_has_no_ranges() -> None:
    """Nothing is written for it."""
    assert plan_of([(3, 0), (4, 0)]).ranges("validation", 10) == []


def test_ranges_depend_on_the_plan_alone(tmp_path: Path) -> None:
    """What could be fetched is not asked: a rescued row never moves a border."""
    plan = planned(tmp_path, urls(range(300)))
    plan.publish(tmp_path / "plan.json")
    again = load_plan(tmp_path / "plan.json")
    assert again is not None
    assert plan.ranges("train", 40) == again.ranges("train", 40)
    assert len(plan.ranges("train", 40)) > 4
