"""Parquet as the Hub and `datasets` want it."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.storage.export.features import PICTURE
from pixmo.storage.export.parquet import ParquetShard, write_parquet
from pixmo.storage.export.pictures import PictureReader, picture_batches
from tests.storage.export_rows import SCHEMA, batch, noise, pack


def test_facts_are_those_of_the_file(tmp_path: Path) -> None:
    """Rows, size and sha256 as told while writing are those found by reading."""
    path = tmp_path / "x.parquet"
    written = write_parquet(path, [batch(0, 5), batch(5, 3)], SCHEMA)
    data = path.read_bytes()
    assert (written.rows, written.bytes, written.row_groups) == (8, len(data), 2)
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    assert (
        pq.read_table(path)
        .drop_columns("score")
        .equals(pa.Table.from_batches([batch(0, 5), batch(5, 3)]).drop_columns("score"))
    )


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    """Writing twice, once from memory and once from a pack, gives one digest."""
    rows = batch(0, 40)
    first = write_parquet(tmp_path / "a", [rows], rows.schema)
    pictures = [p["bytes"] for p in rows["image"].to_pylist()]
    places = pack(tmp_path / "x.pack", pictures)
    others = pa.Table.from_batches([rows]).drop_columns("image")
    paths = [p["path"] for p in rows["image"].to_pylist()]
    second = write_parquet(tmp_path / "b", picture_batches(others, places, paths), rows.schema)
    assert first == second


def test_row_groups_stay_below_both_limits(tmp_path: Path) -> None:
    """A batch larger than a row group may be is cut by bytes as well as by rows."""
    rows = pa.record_batch({"image": pa.array([{"bytes": noise(n, 1000), "path": None} for n in range(50)], PICTURE)})
    by_bytes = write_parquet(tmp_path / "a", [rows], rows.schema, row_group_bytes=8_000)
    groups = [pq.ParquetFile(tmp_path / "a").metadata.row_group(i) for i in range(by_bytes.row_groups)]
    assert len(groups) == by_bytes.row_groups > 6
    assert max(g.total_byte_size for g in groups) <= 8_000
    write_parquet(tmp_path / "b", [rows], rows.schema, row_group_rows=20)
    counted = pq.ParquetFile(tmp_path / "b").metadata
    assert [counted.row_group(i).num_rows for i in range(counted.num_row_groups)] == [20, 20, 10]


def test_pictures_are_plain_and_the_rest_is_zstd(tmp_path: Path) -> None:
    """Picture bytes: no compression, dictionary or statistics; every other column has all three. Pages are indexed."""
    path = tmp_path / "x.parquet"
    write_parquet(path, [batch(0, 20)], SCHEMA)
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = {c.path_in_schema: c for c in map(group.column, range(group.num_columns))}
    picture = columns.pop("image.bytes")
    assert (picture.compression, picture.is_stats_set, picture.has_dictionary_page) == ("UNCOMPRESSED", False, False)
    assert {c.compression for c in columns.values()} == {"ZSTD"}
    assert all(c.is_stats_set and c.has_dictionary_page for c in columns.values())
    assert all(c.has_offset_index for c in (picture, *columns.values()))


@pytest.mark.parametrize("size", [5_000, 20_000, 70_000])
def test_pages_are_cut_by_content(tmp_path: Path, size: int) -> None:
    """A row put in front leaves most pages of the pictures as they were: the Hub stores them once."""
    pictures = [noise(n, size) for n in range(15_000_000 // size)]
    before = _pages(tmp_path / "a", pictures)
    after = _pages(tmp_path / "b", [noise(-1, size), *pictures])
    assert before.total() > 150
    assert (before & after).total() > 0.8 * before.total()


def test_large_pictures_have_pages_of_their_own(tmp_path: Path) -> None:
    """From 64 KiB on, a picture can be fetched alone with the page index."""
    assert _pages(tmp_path / "a", [noise(n, 65_536 + n) for n in range(50)]).total() == 50


def _pages(path: Path, pictures: list[bytes]) -> Counter[str]:
    """Digests of the pages' pictures: those that follow each other in the file with nothing but a length between."""
    rows = pa.record_batch({"image": pa.array([{"bytes": p, "path": None} for p in pictures], PICTURE)})
    write_parquet(path, [rows], rows.schema, row_group_rows=10_000)
    data, at, page = path.read_bytes(), 0, hashlib.sha256()
    pages: Counter[str] = Counter()
    for number, picture in enumerate(pictures):
        found = data.index(picture, at)
        if number and found != at + 4:  # a page header lies between
            pages[page.hexdigest()] += 1
            page = hashlib.sha256()
        page.update(picture)
        at = found + len(picture)
    pages[page.hexdigest()] += 1
    return pages


def test_reused_buffers_do_not_mix_row_groups(tmp_path: Path) -> None:
    """Many row groups through one reader come out as they went in."""
    pictures = [noise(n, 5_000 + n) for n in range(200)]
    places = pack(tmp_path / "x.pack", pictures)
    rows = pa.table({"n": range(200)})
    with PictureReader() as reader:
        batches = picture_batches(rows, places, [None] * 200, reader=reader, row_group_bytes=50_000)
        schema = pa.schema([pa.field("image", PICTURE), *rows.schema])
        written = write_parquet(tmp_path / "x.parquet", batches, schema)
        assert repr(reader) == "PictureReader(1 buffers, 1 files)"
    assert written.row_groups > 15
    assert [p["bytes"] for p in pq.read_table(tmp_path / "x.parquet")["image"].to_pylist()] == pictures


def test_no_rows_are_a_readable_file(tmp_path: Path) -> None:
    """A split of no rows is still a Parquet file with its schema."""
    written = write_parquet(tmp_path / "x", [], SCHEMA)
    assert (written.rows, written.row_groups) == (0, 0)
    assert pq.read_table(tmp_path / "x").schema.names == SCHEMA.names


def test_leaving_by_an_exception_closes_the_file(tmp_path: Path) -> None:
    """An interrupted shard is no Parquet file: without footer nobody can take it for a whole one."""
    with pytest.raises(KeyboardInterrupt), ParquetShard(tmp_path / "x", SCHEMA) as shard:  # noqa: PT012 - two steps are the case
        shard.write(batch(0, 3))
        raise KeyboardInterrupt
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(tmp_path / "x")
