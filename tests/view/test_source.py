"""Opening a set: by footers alone, with what is broken named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pixmo.errors import BadSource, UnknownName
from pixmo.view.source import MOST_VALUES, DataSet, Unread, open_data, shortened
from tests.view.serving import picture, points, write_set


def spoil(file: Path, at: int, size: int = 200) -> None:
    """Writes noise over a part of a file."""
    data = bytearray(file.read_bytes())
    data[at : at + size] = b"\xff" * size
    file.write_bytes(bytes(data))


def test_a_folder_of_files_is_one_set(tmp_path: Path) -> None:
    """Training rows first, each row by its number."""
    write_set(tmp_path / "validation-00000-of-00001.parquet", [points("dog")])
    write_set(tmp_path / "train-00000-of-00001.parquet", [points("cat"), points("bird")])
    data = open_data(str(tmp_path))
    assert data.broken == ()
    assert len(data.rows) == 3
    assert len(open_data(str(tmp_path), split="validation").rows) == 1
    with pytest.raises(UnknownName, match="split"):
        open_data(str(tmp_path), split="tset")


def test_a_file_with_a_broken_footer_leaves_the_others(tmp_path: Path) -> None:
    """The file is named with the reason, and the rows of the others are there."""
    for n in range(3):
        write_set(tmp_path / f"train-0000{n}-of-00003.parquet", [points(f"label {n}")])
    (tmp_path / "train-00001-of-00003.parquet").write_bytes(b"PAR1 cut off")
    data = open_data(str(tmp_path))
    assert [Path(b.file).name for b in data.broken] == ["train-00001-of-00003.parquet"]
    assert data.broken[0].why
    assert [row.columns["label"] for row in data.read([0, 1]) if not isinstance(row, Unread)] == ["label 0", "label 2"]


def test_a_file_of_other_columns_is_left_out_and_named(tmp_path: Path) -> None:
    """A set is what goes together."""
    write_set(tmp_path / "a.parquet", [points("cat")])
    write_set(tmp_path / "b.parquet", [points("cat")], extra=[1])
    write_set(tmp_path / "c.parquet", [points("cat")], extra=["text"])
    data = open_data(str(tmp_path))
    assert [Path(b.file).name for b in data.broken] == ["c.parquet"]
    assert "extra" in data.broken[0].why
    assert len(data.rows) == 2


def test_rows_behind_broken_bytes_are_told_one_by_one(tmp_path: Path) -> None:
    """The footer is sound, a row group is not: its rows say why, the others are read, the file is named."""
    file = write_set(tmp_path / "a.parquet", [points(f"label {n}" * 50) for n in range(4)], row_group=2)
    spoil(file, 4)
    data = open_data(str(file))
    assert data.broken == ()
    rows = data.read([0, 3])
    assert isinstance(rows[0], Unread)
    assert not isinstance(rows[1], Unread)
    assert rows[1].columns["label"] == "label 3" * 50
    assert [b.file for b in data.broken] == [str(file)]


def test_what_is_no_set_is_refused_in_one_line(tmp_path: Path) -> None:
    """Nothing there, an empty folder, another kind of file, only broken files."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("no Parquet")
    for path in ("nowhere.parquet", "empty", "text.parquet"):
        with pytest.raises(BadSource) as told:
            open_data(str(tmp_path / path))
        assert "\n" not in str(told.value)
        assert path.split("/")[-1] in str(told.value)


def test_a_set_that_changed_has_another_digest(tmp_path: Path) -> None:
    """Also one that is read as something else; the same files have the same."""
    file = write_set(tmp_path / "a.parquet", [points("cat")])
    before = open_data(str(file)).digest
    assert before == open_data(str(file)).digest
    write_set(tmp_path / "a.parquet", [points("cat"), points("dog")])
    assert open_data(str(file)).digest != before


def test_a_set_that_changes_while_it_is_open_says_so(tmp_path: Path) -> None:
    """A file that is replaced, or gone; what was computed is still kept by the old digest."""
    file = write_set(tmp_path / "a.parquet", [points("cat")])
    data = open_data(str(file))
    assert not data.has_changed(0)
    write_set(file, [points("cat"), points("dog")])
    assert not data.has_changed(60)
    assert data.has_changed(0)
    other = open_data(str(file))
    file.unlink()
    assert other.has_changed(0)


@pytest.mark.parametrize("path", ["", " "])
def test_no_path_at_all_is_refused(path: str) -> None:
    """As an empty variable of the shell gives; it does not mean the current folder."""
    with pytest.raises(BadSource, match="is no path"):
        open_data(path)


def test_what_the_system_refuses_in_a_folder_is_named(tmp_path: Path) -> None:
    """In a line, not with a traceback: here a link to a name that is too long for it."""
    write_set(tmp_path / "set" / "a.parquet", [points("cat")])
    (tmp_path / "set" / "within").symlink_to(tmp_path / ("x" * 300))
    with pytest.raises(BadSource) as told:
        open_data(str(tmp_path / "set"))
    assert "within" in str(told.value)
    assert "\n" not in str(told.value)


def test_long_lists_are_read_in_part_and_told_in_full(tmp_path: Path) -> None:
    """A row of 20,000 points shows 5,000, and says how many there are; lists of numbers, as masks are, stay whole."""
    many = points("dots", *[(n % 100, n % 97) for n in range(20_000)])
    file = write_set(tmp_path / "a.parquet", [many, points("cat", (1, 2))], runs=[list(range(9000)), []])
    data = open_data(str(file))
    long, short = data.read([0, 1])
    assert not isinstance(long, Unread)
    assert not isinstance(short, Unread)
    assert len(long.columns["points"]) == MOST_VALUES
    assert len(long.columns["runs"]) == 9000
    assert len(short.columns["points"]) == 1
    assert data.lengths(0) == {"points": 20_000}
    assert data.lengths(1) == {}


def test_lists_within_lists_are_shortened_and_nulls_kept() -> None:
    """Grouped rows hold lists of annotations that hold lists of points."""
    column = pa.array(
        [[{"points": [{"x": n} for n in range(5)]}, {"points": None}], None, []],
        pa.list_(pa.struct([("points", pa.list_(pa.struct([("x", pa.int64())])))])),
    )
    assert shortened(column, 3).to_pylist() == [
        [{"points": [{"x": 0}, {"x": 1}, {"x": 2}]}, {"points": None}],
        None,
        [],
    ]
    assert shortened(column, 1).to_pylist()[0] == [{"points": [{"x": 0}]}]


def test_opening_reads_no_row(tmp_path: Path) -> None:
    """A file whose every row is broken opens: only its footer was read."""
    file = write_set(tmp_path / "a.parquet", [points("cat") for _ in range(50)], [picture() for _ in range(50)])
    footer = int.from_bytes(file.read_bytes()[-8:-4], "little") + 8
    spoil(file, 4, file.stat().st_size - footer - 4)
    data = open_data(str(file))
    assert isinstance(data, DataSet)
    assert len(data.rows) == 50
    assert isinstance(data.read([0])[0], Unread)
