"""The frozen index of held-out pictures: what it holds, its digest, and that it does not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadSetting, BadSource
from pixmo.storage.holdout import SCHEMA, Holdout, frozen, is_holdout, load, publish

ROWS: list[dict[str, Any]] = [
    {"image_url": "http://example.org/b.jpg", "image_sha256": "AB" * 32, "split": "test", "row_id": "2"},
    {"image_url": "http://example.org/a.jpg", "phash": "0f" * 8, "dhash": "f0" * 8, "split": "test"},
    {"fetched_sha256": "cd" * 32, "mirrored_phash": "1" * 16, "mirrored_dhash": "2" * 16},
]
PINNED = "1edd201f91bbdca7290a6d14d1c1bd17"


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def held(*rows: dict[str, Any], name: str = "eval") -> Holdout:
    return frozen(name, [batch(list(rows))], "somewhere", "r1")


def test_it_comes_back_as_it_was_frozen(tmp_path: Path) -> None:
    """Name, entries, where it came from, and the digest, which names its version."""
    made = held(*ROWS)
    assert publish(made, tmp_path / "eval.holdout")
    found = load(tmp_path / "eval.holdout")
    assert found == made
    assert (found.name, len(found), found.origin.source, found.origin.revision) == ("eval", 3, "somewhere", "r1")
    assert found.counts() == {"url": 2, "sha256": 2, "near": 1, "mirrored": 1}
    assert found.titles().to_pylist() == ["http://example.org/a.jpg", "http://example.org/b.jpg", "cd" * 32]


def test_its_digest_is_pinned() -> None:
    """The same pictures have this digest with any version of pixmo that writes this format: finished runs depend on it."""
    assert held(*ROWS).digest[:32] == PINNED


def test_order_batches_and_repeats_do_not_matter() -> None:
    """The same pictures, shuffled, cut otherwise, some of them twice: the same index."""
    again = frozen("eval", [batch(ROWS[2:]), batch([]), batch([ROWS[1], ROWS[0], ROWS[1]])], "elsewhere")
    assert again.digest == held(*ROWS).digest
    assert again.entries.equals(held(*ROWS).entries)


def test_other_pictures_or_another_name_are_another_version() -> None:
    """Rows marked by it say its name, so that is content too; where it was built from is not."""
    digests = {held(*ROWS).digest, held(*ROWS[:2]).digest, held(*ROWS, name="other").digest}
    changed = [ROWS[0] | {"image_url": "http://example.org/c.jpg"}, *ROWS[1:]]
    assert len(digests | {held(*changed).digest}) == 4


def test_pictures_nothing_is_known_of_are_counted() -> None:
    """A row without URL, digest and hash cannot be recognised; blanks are nothing."""
    made = held(*ROWS, {"image_url": " ", "split": "test"}, {"row_id": "7"})
    assert (len(made), made.origin.pictures, made.origin.unknown) == (3, 5, 2)


def test_frozen_means_frozen(tmp_path: Path) -> None:
    """The same content again writes nothing; another is refused, and written only on request."""
    path = tmp_path / "eval.holdout"
    publish(held(*ROWS), path)
    before = path.stat().st_mtime_ns
    assert not publish(held(*ROWS[::-1]), path)
    assert path.stat().st_mtime_ns == before
    with pytest.raises(BadSetting, match="--replace"):
        publish(held(*ROWS[:1]), path)
    assert load(path).digest == held(*ROWS).digest
    assert publish(held(*ROWS[:1]), path, replace=True)
    assert len(load(path)) == 1


def test_what_is_no_index_is_never_written_over(tmp_path: Path) -> None:
    """Not even on request: it may be somebody's list."""
    for name, data in (("a.csv", b"url\nhttp://h/a\n"), ("b", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadSetting, match="no index"):
            publish(held(*ROWS), tmp_path / name, replace=True)
        assert (tmp_path / name).read_bytes() == data


def test_a_changed_index_is_not_used(tmp_path: Path) -> None:
    """An entry taken out by another tool, metadata kept: the digest does not fit."""
    path = tmp_path / "eval.holdout"
    publish(held(*ROWS), path)
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(BadSource, match="not what it was"):
        load(path)


@pytest.mark.parametrize(
    "told",
    [
        b"", b"[]", b"{}", b'{"format": 3}', b"[" * 100_000,
        json.dumps({"format": "pixmo-holdout/1", "name": "x", "revision": None, "source": "", "pictures": 1e999}).encode(),
    ],
    ids=["empty", "list", "object", "format", "deep", "infinite"],
)  # fmt: skip
def test_hostile_metadata_are_told_in_one_line(tmp_path: Path, told: bytes) -> None:
    """Whatever the file says of itself."""
    path = tmp_path / "x.holdout"
    pq.write_table(held(*ROWS).entries.replace_schema_metadata({b"pixmo-holdout": told}), path)
    with pytest.raises(BadSource, match=r"x\.holdout"):
        load(path)


def test_hostile_entries_are_told_in_one_line(tmp_path: Path) -> None:
    """Columns that are missing or of another type, and texts that are none."""
    path = tmp_path / "x.holdout"
    publish(held(*ROWS), path)
    whole = pq.read_table(path)
    broken = pa.array([b"\xff\xfe"] * 3, pa.binary()).view(pa.string())
    for table in (
        whole.drop_columns(["phash"]),
        whole.set_column(0, "image_url", pa.array([[1]] * 3)),
        whole.set_column(0, "image_url", broken),
    ):
        pq.write_table(table.replace_schema_metadata(whole.schema.metadata), path)
        with pytest.raises(BadSource, match=r"x\.holdout"):
            load(path)


def test_what_is_an_index(tmp_path: Path) -> None:
    """By content, whatever its name; one that is not there is told with the command that makes one."""
    publish(held(*ROWS), tmp_path / "eval")
    (tmp_path / "list.holdout").write_text("url\n")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "list.parquet")
    assert is_holdout(tmp_path / "eval")
    assert not any(is_holdout(tmp_path / n) for n in ("list.holdout", "list.parquet", "nothing", "."))
    with pytest.raises(BadSource, match="build-index"):
        load(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_names_that_cannot_be_one(name: str) -> None:
    """They go into a column, lines of a terminal, and pages."""
    with pytest.raises(BadSetting, match="name"):
        held(*ROWS, name=name)
