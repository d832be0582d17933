"""What `load` finds, and what it refuses."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from pixmo.dataset.load import load
from pixmo.errors import BadFolder, BadRecord, BadSetting, BadSource, UnknownName
from pixmo.records.arrow import batch_of
from pixmo.records.caption import Caption
from pixmo.records.points import Points
from tests.dataset.sets import PICTURES, captions, expected, finished, grouped
from tests.pictures import exif_rotated, png, truncated

FORMATS = ("parquet", "arrow")


@pytest.mark.parametrize("format", FORMATS)
def test_a_finished_folder_gives_typed_rows(tmp_path: Path, format: str) -> None:
    """Every row of every file, in order, its annotations as records that name their picture."""
    tables = [grouped(0, 25), grouped(25, 7)]
    rows = load(finished(tmp_path, {"train": tables}, format))
    whole = pa.concat_tables(tables)
    assert (len(rows), rows.kind, rows.grouped, rows.splits) == (32, Points, True, ("train",))
    assert [row.records for row in rows] == expected(whole)
    assert [row.id for row in rows] == whole.column("row_id").to_pylist()
    assert {row.split for row in rows} == {"train"}
    assert [dict(row.columns) for row in rows] == whole.to_pylist()


@pytest.mark.parametrize("format", FORMATS)
def test_splits_are_the_files_own(tmp_path: Path, format: str) -> None:
    """All follow each other, training rows first; one may be chosen; an unknown one is told with those there are."""
    finished(tmp_path, {"test": [grouped(50, 3)], "train": [grouped(0, 12)]}, format)
    assert [row.split for row in load(tmp_path)] == ["train"] * 12 + ["test"] * 3
    assert [row.id for row in load(tmp_path, "test")] == [f"{n:016x}" for n in (50, 51, 52)]
    with pytest.raises(UnknownName, match="did you mean 'train'"):
        load(tmp_path, "trian")


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    """The id besides; a record that lacks a column is told; an unknown column is told with the nearest."""
    finished(tmp_path, {"train": [grouped(0, 3, pictures=True)]})
    rows = load(tmp_path, columns=["image_url"])
    assert [dict(row.columns) for row in rows][2] == {"row_id": f"{2:016x}", "image_url": "https://example.org/2.png"}
    assert rows[0].picture_bytes is None
    with pytest.raises(BadRecord, match="annotations"):
        _ = rows[2].records
    with pytest.raises(UnknownName, match="image_url"):
        load(tmp_path, columns=["image_ulr"])


def test_files_folders_and_globs(tmp_path: Path) -> None:
    """One file, several, a pattern, a folder: the same rows; a row without an id is named by file and number."""
    pq.write_table(pa.Table.from_batches([batch_of(captions(30), Caption)]), tmp_path / "a.parquet", row_group_size=7)
    pq.write_table(pa.Table.from_batches([batch_of(captions(2), Caption)]), tmp_path / "b.parquet")
    for path in (tmp_path, str(tmp_path / "*.parquet"), [tmp_path / "a.parquet", tmp_path / "b.parquet"]):
        rows = load(path)
        assert list(rows.records()) == captions(30) + captions(2)
        assert (rows[29].id, rows[31].id, rows[31].split) == ("a.parquet:29", "b.parquet:1", None)
    assert len(load(tmp_path / "b.parquet")) == 2


def test_a_folder_shaped_as_on_the_hub(tmp_path: Path) -> None:
    """Splits are told by the names of files or of their folders."""
    for name in ("data/train-00000-of-00001.parquet", "other/test/0.parquet", "validation.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [1]}), tmp_path / name)
    assert sorted(str(row.split) for row in load(tmp_path)) == ["test", "train", "validation"]


def test_plain_rows_say_nothing(tmp_path: Path) -> None:
    """Files that do not say what their rows are give columns and no records."""
    pq.write_table(pa.table({"label": ["cat"], "points": [[{"x": 1.0, "y": 2.0}]]}), tmp_path / "a.parquet")
    (row,) = load(tmp_path)
    assert (row.records, row.columns["label"]) == ((), "cat")


def test_what_rows_are_may_be_said(tmp_path: Path) -> None:
    """`as_` with a unit makes records of plain columns; without a unit points are refused."""
    pq.write_table(pa.table({"label": ["cat"], "points": [[{"x": 1.0, "y": 2.0}]], "n": [3]}), tmp_path / "a.parquet")
    (row,) = load(tmp_path, as_="points", unit="percent")
    (record,) = row.records
    assert isinstance(record, Points)
    assert (record.label, record.points[0].y, record.unit, row.columns["n"]) == ("cat", 2.0, "percent", 3)
    with pytest.raises(BadSource, match="unit"):
        load(tmp_path, as_="points")
    with pytest.raises(UnknownName, match="points"):
        load(tmp_path, as_="pionts", unit="percent")
    with pytest.raises(BadSetting, match="as_"):
        load(tmp_path, unit="percent")


def test_a_file_that_lacks_a_later_field_is_read(tmp_path: Path) -> None:
    """A shard of an earlier version and one of a later stand beside each other: what the earlier lacks is null."""
    whole = pa.Table.from_batches([batch_of(captions(3), Caption)])
    pq.write_table(whole.drop_columns(["image_sha256"]), tmp_path / "a.parquet")
    pq.write_table(whole, tmp_path / "b.parquet")
    assert list(load(tmp_path).records()) == captions(3) * 2


def test_pictures_come_when_asked_for(tmp_path: Path) -> None:
    """Bytes as they came, decoded on request; the path beside them is never opened."""
    finished(tmp_path, {"train": [grouped(0, 25, pictures=True)]}, group_rows=4)
    rows = load(tmp_path)
    assert [row.picture_bytes for row in rows] == [PICTURES[n % 7] for n in range(25)]
    assert rows[13].picture().size == (24, 16)
    assert "image" not in rows[13].columns
    table = pa.table(
        {"image": [{"bytes": None, "path": "/etc/hostname"}]}, schema=grouped(0, 0, True).select(["image"]).schema
    )
    pq.write_table(table, tmp_path / "lost.parquet")
    (row,) = load(tmp_path / "lost.parquet")
    assert row.picture_bytes is None
    with pytest.raises(BadRecord, match=r"lost\.parquet:0: has no picture"):
        row.picture()


def test_pictures_come_along_once_one_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever in the set that is; and from the beginning where a row group is too large to be held."""
    finished(tmp_path, {"train": [grouped(0, 700, pictures=True), grouped(700, 40, pictures=True)]}, group_rows=90)
    for first in (0, 1, 255, 256, 300, 739):
        rows = [(row.id, row.picture_bytes if n >= first else None) for n, row in enumerate(load(tmp_path))]
        assert rows == [(f"{n:016x}", PICTURES[n % 7] if n >= first else None) for n in range(740)]
    monkeypatch.setattr("pixmo.dataset.rows.KEPT_BYTES", 100)
    assert [row.picture_bytes for row in load(tmp_path)[5:]] == [PICTURES[n % 7] for n in range(5, 740)]


def test_pictures_are_turned_as_their_exif_says(tmp_path: Path) -> None:
    """Upright unless asked as stored, for each way a camera is held; what does not decode is told with the row."""
    files = [exif_rotated(turn, (32, 20)) for turn in range(1, 9)] + [truncated(png(1))]
    pq.write_table(pa.table({"image": [{"bytes": f, "path": None} for f in files]}), tmp_path / "a.parquet")
    rows = load(tmp_path)
    assert [rows[n].picture().size for n in range(8)] == [(32, 20)] * 4 + [(20, 32)] * 4
    assert rows[5].picture(upright=False).size == (32, 20)
    for n in range(8):
        with Image.open(io.BytesIO(files[n])) as image:
            assert ImageOps.exif_transpose(image).tobytes() == rows[n].picture().tobytes()
    with pytest.raises(BadRecord, match="does not decode: broken_image"):
        rows[8].picture()


def test_a_row_of_several_pictures(tmp_path: Path) -> None:
    """Each by its number; one that is missing among them is None."""
    files = [[{"bytes": png(1, (9, 8)), "path": None}, None, {"bytes": png(2, (7, 6)), "path": None}], []]
    pq.write_table(pa.table({"images": files, "n": [1, 2]}), tmp_path / "a.parquet")
    several, none = load(tmp_path)
    assert several.pictures_bytes == (png(1, (9, 8)), None, png(2, (7, 6)))
    assert (several.picture(2).size, several.picture(-1).size) == ((7, 6), (7, 6))
    assert none.pictures_bytes == ()
    with pytest.raises(BadRecord, match="no picture 1"):
        several.picture(1)


def test_what_cannot_be_loaded_is_told_with_the_remedy(tmp_path: Path) -> None:
    """Tars, an unfinished folder, a damaged one, a text file, a name of the catalogue, nothing."""
    finished(tmp_path / "tars", {"train": [grouped(0, 2)]}, "webdataset")
    with pytest.raises(BadSource, match="pixmo export"):
        load(tmp_path / "tars")
    (tmp_path / "begun" / ".pixmo").mkdir(parents=True)
    with pytest.raises(BadFolder, match="not finished"):
        load(tmp_path / "begun")
    finished(tmp_path / "cut", {"train": [grouped(0, 2)]})
    (tmp_path / "cut/data/train-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadFolder, match="verify --repair"):
        load(tmp_path / "cut")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(BadSource, match=r"bad\.parquet: is cut off"):
        load(tmp_path / "bad.parquet")
    (tmp_path / "urls.csv").write_text("url\nhttps://example.org/1\n")
    with pytest.raises(BadSource, match="is csv"):
        load(tmp_path / "urls.csv")
    with pytest.raises(BadSource, match="pixmo download points"):
        load("points")
    with pytest.raises(BadSource, match="no such file"):
        load(tmp_path / "nowhere.parquet")
    with pytest.raises(BadSource, match="no file"):
        load([])


def test_an_arrow_file_that_lies_does_not_end_the_process(tmp_path: Path) -> None:
    """Offsets that lead outside of the file's own values are told, walked through and by number."""
    offsets = pa.py_buffer(np.array([0, 2**30, 3, 6], np.int32).tobytes())
    liar = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"abcdef")])
    with (
        pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, pa.schema([("x", pa.string())])) as writer,
    ):
        writer.write_batch(pa.record_batch([liar], names=["x"]))
    rows = load(tmp_path / "a.arrow")
    with pytest.raises(BadSource, match=r"a\.arrow: cannot be read"):
        list(rows)
    with pytest.raises(BadSource, match=r"a\.arrow: cannot be read"):
        _ = rows[1]
