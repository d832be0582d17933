"""Picture columns read straight from packs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixmo.errors import BadFolder
from pixmo.storage.export.features import PICTURE
from pixmo.storage.export.pictures import PictureReader, cut, picture_batches
from tests.storage.export_rows import noise, pack


def test_column_holds_the_bytes_of_its_places(tmp_path: Path) -> None:
    """Pictures of two packs, in another order than they lie in, with a null and an empty one, are read as they are."""
    first = pack(tmp_path / "a.pack", [noise(n, 50 + n) for n in range(4)])
    second = pack(tmp_path / "b.pack", [noise(9, 1000)])
    places = [first[3], second[0], None, first[0], (first[0][0], 0, 0)]
    with PictureReader() as reader:
        column = reader.pictures(places, ["d.jpg", "e.jpg", None, "a.jpg", ""])
        column.validate(full=True)
        assert column.type == PICTURE
        assert column.to_pylist() == [
            {"bytes": noise(3, 53), "path": "d.jpg"},
            {"bytes": noise(9, 1000), "path": "e.jpg"},
            None,
            {"bytes": noise(0, 50), "path": "a.jpg"},
            {"bytes": b"", "path": ""},
        ]


def test_buffer_is_used_again_when_nobody_looks_at_it(tmp_path: Path) -> None:
    """A column that was let go leaves its memory to the next."""
    places = pack(tmp_path / "a.pack", [noise(n, 100) for n in range(2)])
    with PictureReader() as reader:
        address = reader.pictures(places[:1], ["0"]).field("bytes").buffers()[2].address
        assert reader.pictures(places[1:], ["1"]).field("bytes").buffers()[2].address == address


def test_kept_column_keeps_its_bytes(tmp_path: Path) -> None:
    """Columns that are kept, even beyond the reader's life, are never written over."""
    places = pack(tmp_path / "a.pack", [noise(n, 100) for n in range(20)])
    with PictureReader() as reader:
        kept = [reader.pictures([place], ["x"]) for place in places]
    assert [column[0]["bytes"].as_py() for column in kept] == [noise(n, 100) for n in range(20)]


def test_slice_of_a_dropped_column_keeps_its_bytes(tmp_path: Path) -> None:
    """It is the memory that counts, not the object: a slice protects it as well."""
    places = pack(tmp_path / "a.pack", [noise(n, 100) for n in range(4)])
    with PictureReader() as reader:
        piece = reader.pictures(places[:2], ["0", "1"]).slice(1)
        reader.pictures(places[2:], ["2", "3"])
        assert piece[0]["bytes"].as_py() == noise(1, 100)


def test_lists_of_pictures(tmp_path: Path) -> None:
    """A row may hold several pictures, none, or no list at all."""
    places = pack(tmp_path / "a.pack", [noise(n, 10) for n in range(3)])
    with PictureReader() as reader:
        column = reader.picture_lists([places[:2], [], None, [None, places[2]]], [["a", "b"], [], None, [None, "c"]])
    column.validate(full=True)
    assert column.type == pa.list_(PICTURE)
    assert [row and [p and p["bytes"] for p in row] for row in column.to_pylist()] == [
        [noise(0, 10), noise(1, 10)], [], None, [None, noise(2, 10)],
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["shorter", "missing"])
def test_damaged_pack_is_told(tmp_path: Path, damage: str) -> None:
    """A pack that ends too early or is gone is an error that says which and what to do, not a wrong picture."""
    path = tmp_path / "a.pack"
    places = pack(path, [noise(0, 100)])
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:50])
    with PictureReader() as reader, pytest.raises(BadFolder, match=r"a\.pack.*verify --repair"):
        reader.pictures(places, ["x"])


def test_batches_are_row_groups(tmp_path: Path) -> None:
    """Batches hold all rows in order, the picture first, and no more bytes and rows than asked."""
    places = pack(tmp_path / "a.pack", [noise(n, 100) for n in range(10)])
    rows = pa.table({"n": pa.chunked_array([[0, 1, 2], [3, 4, 5, 6, 7, 8, 9]])})
    batches = picture_batches(rows, places, ["x"] * 10, row_group_bytes=350, row_group_rows=100)
    seen = [([p["bytes"] for p in b["image"].to_pylist()], b["n"].to_pylist()) for b in batches]
    assert [numbers for _, numbers in seen] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert [picture for pictures, _ in seen for picture in pictures] == [noise(n, 100) for n in range(10)]


@given(st.lists(st.integers(0, 50)), st.integers(1, 100), st.integers(1, 10))
def test_cut_covers_all_rows_within_limits(sizes: list[int], max_bytes: int, max_rows: int) -> None:
    """Ranges follow each other without gap, are never empty, and exceed the limits only as a single row."""
    ranges = list(cut(sizes, max_bytes, max_rows))
    assert [n for start, stop in ranges for n in range(start, stop)] == list(range(len(sizes)))
    for start, stop in ranges:
        assert stop - start <= max_rows
        assert stop - start == 1 or sum(sizes[start:stop]) <= max_bytes


@given(st.lists(st.integers(0, 50), min_size=1), st.lists(st.integers(0, 50)))
def test_cut_does_not_look_ahead(sizes: list[int], more: list[int]) -> None:
    """Rows that follow change no range but the last: a grown part renames nothing before it."""
    assert list(cut(sizes + more, 100))[: len(list(cut(sizes, 100))) - 1] == list(cut(sizes, 100))[:-1]
