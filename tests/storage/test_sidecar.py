"""Side files: named by what they are made of and what they are, aligned row by row."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixmo.errors import BadFolder
from pixmo.ids import digest, short
from pixmo.storage.sidecar import SideFiles, is_whole, parse, read, side_by_side

MADE_OF = str(digest(b"made of this"))


def table(**columns: object) -> pa.Table:
    rows = len(next(iter(columns.values())))  # type: ignore[arg-type]
    return pa.table({"row_id": [f"r{i}" for i in range(rows)], **columns})


def test_the_same_table_gives_the_same_name(tmp_path: Path) -> None:
    """Whoever writes it, wherever: one name, one content."""
    ours = [SideFiles(tmp_path / who).write("hash", 3, MADE_OF, table(a=[1, 2])) for who in "xy"]
    assert ours[0].path.name == ours[1].path.name
    assert ours[0].path.read_bytes() == ours[1].path.read_bytes()


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 300), max_size=4))
def test_how_a_table_was_cut_does_not_matter(cuts: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A table in one piece or many, with slices of other buffers: the same bytes."""
    whole = table(
        n=list(range(300)), s=[f"{i % 7}" * (i % 50) for i in range(300)], x=[[i] * (i % 3) for i in range(300)]
    )
    bounds = [0, *sorted(cuts), 300]
    pieces = pa.concat_tables([whole.slice(a, b - a) for a, b in pairwise(bounds)])
    folder = tmp_path_factory.mktemp("sides")
    assert SideFiles(folder).write("s", 0, MADE_OF, pieces).is_ == SideFiles(folder).write("s", 0, MADE_OF, whole).is_


def test_a_name_says_what_the_file_is(tmp_path: Path) -> None:
    """Stage, shard, what it is made of, and the digest of its bytes."""
    side = SideFiles(tmp_path).write("hash", 3, MADE_OF, table(a=[1]))
    assert side.path.name == f"hash.00003.{short(MADE_OF)}.{short(digest(side.path.read_bytes()))}.parquet"
    assert parse(side.path) == side


@pytest.mark.parametrize(
    "name", ["lock", "a.parquet", "a.b.c.d.parquet", ".tmp-1-0-a.00001.x.y.parquet", "a.1.x.y.txt"]
)
def test_other_files_are_no_side_files(name: str, tmp_path: Path) -> None:
    """Unfinished and foreign ones are not read."""
    (tmp_path / name).write_bytes(b"")
    assert parse(tmp_path / name) is None
    assert list(SideFiles(tmp_path)) == []


def test_work_is_found_by_stage_and_what_it_is_made_of(tmp_path: Path) -> None:
    """By the run that did it and by the next; another setting or another stage is other work."""
    sides = SideFiles(tmp_path)
    side = sides.write("hash", 3, MADE_OF, table(a=[1]))
    for found in (sides, SideFiles(tmp_path)):
        assert found.find("hash", MADE_OF) == side
        assert found.find("hash", str(digest(b"other"))) is None
        assert found.find("inspect", MADE_OF) is None
    sides.remove(side)
    assert (sides.find("hash", MADE_OF), len(sides), len(SideFiles(tmp_path))) == (None, 0, 0)


def test_a_table_comes_back_with_its_types(tmp_path: Path) -> None:
    """Nested, dictionary, binary and empty ones, with nulls and the schema's metadata."""
    columns = {
        "n": pa.array([1, None], pa.int16()),
        "d": pa.array(["a", None]).dictionary_encode(),
        "b": pa.array([b"\x00\xff", None]),
        "l": pa.array([[{"x": 1.5, "y": "é"}], None]),
        "t": pa.array([0, None], pa.timestamp("us", "UTC")),
        "z": pa.nulls(2),
    }
    whole = table(**columns).replace_schema_metadata({"k": "v"})
    for written in (whole, whole.slice(0, 0)):
        got = read(SideFiles(tmp_path).write("s", 0, str(digest(b"%d" % len(written))), written))
        assert got.schema.equals(written.schema)
        assert got.schema.metadata == {b"k": b"v"}
        assert got.equals(written)


def test_some_columns_come_with_the_row_ids(tmp_path: Path) -> None:
    """Only what is asked for is read, the ids always; a name with a dot is a name and no path into a struct."""
    names = {"a": [1], "a.b": [2], "c": pa.array([{"d": 3}]), "ü ": [4]}
    side = SideFiles(tmp_path).write("s", 0, MADE_OF, table(**names))
    assert read(side, ["a"]).column_names == ["row_id", "a"]
    assert read(side, ["a.b", "row_id"]).to_pydict() == {"row_id": ["r0"], "a.b": [2]}
    assert read(side, ["c"]).to_pydict() == {"row_id": ["r0"], "c": [{"d": 3}]}
    assert read(side, ["ü "]).to_pydict() == {"row_id": ["r0"], "ü ": [4]}
    assert read(side, []).column_names == ["row_id"]


def test_damage_is_seen(tmp_path: Path) -> None:
    """One flipped bit makes the name a lie; a cut-off or missing file is no whole one and cannot be read."""
    side = SideFiles(tmp_path).write("s", 0, MADE_OF, table(a=list(range(100))))
    assert is_whole(side)
    data = bytearray(side.path.read_bytes())
    data[len(data) // 2] ^= 1
    side.path.write_bytes(data)
    assert not is_whole(side)
    side.path.write_bytes(data[:-20])
    with pytest.raises(BadFolder, match="verify --repair"):
        read(side)
    side.path.unlink()
    assert not is_whole(side)
    with pytest.raises(BadFolder, match="verify --repair"):
        read(side)


def test_columns_are_put_side_by_side(tmp_path: Path) -> None:
    """In order; a later file's column replaces an earlier one of its name, in its place."""
    one, two = table(a=[1, 2], b=[3, 4]), table(c=["x", "y"], a=[True, None])
    assert side_by_side([one, two]).to_pydict() == {
        "row_id": ["r0", "r1"],
        "a": [True, None],
        "b": [3, 4],
        "c": ["x", "y"],
    }


@pytest.mark.parametrize("ids", [["r1", "r0"], ["r0"], ["r0", "r1", "r2"], ["r0", "rX"]])
def test_files_of_other_rows_are_refused(ids: list[str]) -> None:
    """Another order, fewer rows, more rows, other rows: alignment is sacred."""
    with pytest.raises(BadFolder, match="different rows"):
        side_by_side([table(a=[1, 2]), pa.table({"row_id": ids, "b": [0] * len(ids)})])


def test_rows_in_other_chunks_are_the_same_rows() -> None:
    """Only the ids count, not how they lie in memory."""
    two = pa.concat_tables([table(b=[1]), pa.table({"row_id": ["r1"], "b": [2]})])
    assert side_by_side([table(a=[1, 2]), two]).column_names == ["row_id", "a", "b"]
