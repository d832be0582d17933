"""The stage that finds duplicates: batches in, verdicts on every row out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from pixmo.errors import BadSetting
from pixmo.ids import digest
from pixmo.image.decode import look
from pixmo.image.phash import hashes
from pixmo.stages.find_duplicates import FindDuplicates, ranked
from tests import pictures

SCHEMA = FindDuplicates().needs


def row(name: str, data: bytes | None, split: str | None = "train") -> dict[str, Any]:
    """A row as the stages before leave it."""
    if data is None:
        return dict.fromkeys(SCHEMA.names) | {"row_id": name, "split": split}
    seen = look(data)
    found = None if seen.image is None else hashes(seen.image)
    return {
        "row_id": name, "fetched_sha256": digest(data), "split": split, "width": seen.width, "height": seen.height,
        "phash": found and found.phash, "dhash": found and found.dhash,
    }  # fmt: skip


def found(
    *rows: dict[str, Any], sizes: tuple[int, ...] = (), schema: pa.Schema = SCHEMA, **settings: Any
) -> dict[str, Any]:
    """The verdict by row id; `sizes` cuts the rows into batches."""
    table = pa.Table.from_pylist(list(rows), schema)
    batches, start = [], 0
    for size in sizes or (len(rows),):
        batches += table.slice(start, size).combine_chunks().to_batches() or [pa.RecordBatch.from_pylist([], schema)]
        start += size
    out = list(FindDuplicates(**settings)(iter(batches)))
    assert [len(b) for b in out] == [len(b) for b in batches]
    assert all(b.schema == FindDuplicates().adds for b in out)
    verdicts = [tuple(v.values()) for b in out for v in b.to_pylist()]
    return dict(zip([r["row_id"] for r in rows], verdicts, strict=True))


NOTHING = (None, None, False, False)
PHOTO, OTHER = pictures.photo(1, (320, 240)), pictures.photo(2, (320, 240))
LARGE, SMALL = pictures.encode(PHOTO, "PNG"), pictures.encode(pictures.near_copies(PHOTO)["smaller"], "JPEG")


def test_exact_and_near() -> None:
    """The same bytes and the same look, each pointing to the row that stands for the picture."""
    assert found(row("a", SMALL), row("b", LARGE), row("c", pictures.encode(OTHER)), row("d", LARGE)) == {
        "a": ("b", "near", True, False),
        "b": NOTHING,
        "c": NOTHING,
        "d": ("b", "exact", True, False),
    }


def test_rows_without_a_picture_are_nobodys_duplicates() -> None:
    """Not fetched, or fetched and no picture: the same error page twice is no duplicate picture."""
    html = row("h", pictures.HTML)
    assert found(row("a", None), html, html | {"row_id": "i"}, row("b", None)) == dict.fromkeys("ahib", NOTHING)


def test_a_broken_picture_is_known_by_its_bytes() -> None:
    """A picture without a hash, as one that is cut off, is an exact duplicate of itself only."""
    cut = pictures.truncated(pictures.jpeg())
    assert found(row("a", cut), row("b", cut), row("c", pictures.truncated(pictures.jpeg(5)))) == {
        "a": NOTHING, "b": ("a", "exact", True, False), "c": NOTHING,
    }  # fmt: skip


def test_held_out_rows_win() -> None:
    """A training row gives way to a held-out one, exact and near, and is marked; validation gives way to test."""
    rows = row("a", LARGE), row("b", SMALL, "validation"), row("c", LARGE, "validation"), row("d", SMALL, "test")
    assert found(*rows) == {
        "a": ("d", "near", True, True),
        "b": ("d", "exact", True, True),
        "c": ("d", "near", True, True),
        "d": NOTHING,
    }


def test_splits_are_ranked() -> None:
    """Test, then the others by name, then train; no split is train."""
    assert ranked(["train", "validation", "test", None, "dev"]) == [3, 2, 0, 3, 1]
    assert ranked([]) == []


def test_blanks_stay_alone() -> None:
    """White pictures of different bytes are not each other's duplicates."""
    whites = [pictures.encode(pictures.flat(255, (size, size)), "PNG") for size in (40, 50, 60)]
    assert set(found(*(row(str(i), w) for i, w in enumerate(whites))).values()) == {NOTHING}


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (2, 0, 3), (0, 5)])
def test_batches_do_not_matter(sizes: tuple[int, ...]) -> None:
    """However the rows are cut, empty batches included, the verdicts are the same."""
    rows = [row("a", SMALL), row("b", None), row("c", LARGE), row("d", SMALL, "test"), row("e", pictures.HTML)]
    assert found(*rows, sizes=sizes) == found(*rows)


def test_no_rows() -> None:
    """Nothing in, nothing out."""
    assert list(FindDuplicates()(iter([]))) == []


def test_columns_that_may_be_absent() -> None:
    """Without hashes only bytes count; without splits all rows are in one."""
    few = pa.schema([f for f in SCHEMA if f.name not in FindDuplicates.optional])
    rows = [
        {k: v for k, v in row(n, d).items() if k in few.names} for n, d in (("a", LARGE), ("b", SMALL), ("c", LARGE))
    ]
    assert found(*rows, schema=few) == {"a": NOTHING, "b": NOTHING, "c": ("a", "exact", True, False)}


def test_settings() -> None:
    """The radius and whether to look are settings; a radius that is not 0 to 8 is refused."""
    assert found(row("a", SMALL), row("b", LARGE), near=False) == {"a": NOTHING, "b": NOTHING}
    with pytest.raises(BadSetting, match="radius"):
        FindDuplicates(radius=9)


def test_batches_are_let_go_as_they_come() -> None:
    """It reads its input once, forwards, and keeps no batch."""
    import gc
    import weakref

    alive: list[weakref.ref[pa.RecordBatch]] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for n in range(5):
            batch = pa.RecordBatch.from_pylist([row(str(n), LARGE)], SCHEMA)
            alive.append(weakref.ref(batch))
            yield batch
            del batch
            gc.collect()
            assert sum(a() is not None for a in alive) <= 1

    assert sum(len(b) for b in FindDuplicates()(batches())) == 5


def test_what_is_kept_is_small() -> None:
    """A row that has a picture costs its packed digest, hashes and name, and a row without one next to nothing."""
    full = pa.RecordBatch.from_pylist([row("f" * 32, LARGE)] * 4000, SCHEMA)
    empty = pa.RecordBatch.from_pylist([row("f" * 32, None)] * 4000, SCHEMA)
    assert kept_bytes(full) < 4000 * 120
    assert kept_bytes(empty) < 4000 * 4


def kept_bytes(batch: pa.RecordBatch) -> int:
    """What the stage holds after a batch, before the next, in NumPy and in Arrow."""
    import tracemalloc

    def batches() -> Iterator[pa.RecordBatch]:
        yield batch  # the first one imports and learns
        before[:] = [tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes()]
        yield batch
        after[:] = [tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes()]

    before, after = [0], [0]
    tracemalloc.start()
    try:
        list(FindDuplicates()(batches()))
    finally:
        tracemalloc.stop()
    return after[0] - before[0]
