"""Where rows come from: sets, lists beside their pictures, folders of pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadRecord, BadSource
from pixmo.predict.rows import Given, Table, open_rows
from tests.dataset.sets import finished, grouped
from tests.predict.material import picture


def every(table: Table) -> list[Given]:
    """All rows."""
    return list(table.rows(range(len(table))))


def test_a_finished_set_gives_typed_rows_with_their_pictures(tmp_path: Path) -> None:
    """Of the split that is asked for, in order."""
    folder = finished(tmp_path / "set", {"train": [grouped(0, 12, True)], "validation": [grouped(12, 3, True)]})
    table = open_rows(folder, "validation")
    assert (len(table), table.is_typed, table.name) == (3, True, "set")
    assert [row.number for row in every(table)] == [0, 1, 2]
    first = every(table)[0]
    assert first.id == f"{12:016x}"
    assert [record.label for record in first.read_records()] == ["cat", "dog “x”"]  # type: ignore[attr-defined]
    assert first.read_pictures()[0][:4] == b"\x89PNG"  # type: ignore[index]


def test_a_share_of_the_rows_keeps_their_numbers(tmp_path: Path) -> None:
    """Every third row from the second on, over the borders of row groups."""
    table = open_rows(finished(tmp_path / "set", {"train": [grouped(0, 25, True)]}))
    some = list(table.rows(range(1, 25, 3)))
    assert [(row.number, row.id) for row in some] == [(n, f"{n:016x}") for n in range(1, 25, 3)]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "json"])
def test_a_list_leads_to_pictures_beside_it(kind: str, tmp_path: Path) -> None:
    """Paths are read from the list's own folder on, whatever folder one is in."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(picture(1))
    rows = [{"image": "in/a.png", "question": "Why?"}, {"image": "in/gone.png", "question": "How?"}]
    texts = {
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "json": json.dumps(rows),
        "csv": "image,question\n" + "".join(f"{row['image']},{row['question']}\n" for row in rows),
    }
    (tmp_path / f"list.{kind}").write_text(texts[kind])
    one, gone = every(open_rows(tmp_path / f"list.{kind}"))
    assert (one.id, one.columns["question"]) == (f"list.{kind}:0", "Why?")
    assert one.read_pictures() == (picture(1),)
    with pytest.raises(BadRecord, match="No such file"):
        gone.read_pictures()


def test_a_parquet_list_leads_to_pictures_beside_it(tmp_path: Path) -> None:
    """A plain table without embedded pictures is a list too."""
    (tmp_path / "a.png").write_bytes(picture(1))
    pq.write_table(pa.table({"file_name": ["a.png", None]}), tmp_path / "list.parquet")
    one, nothing = every(open_rows(tmp_path / "list.parquet"))
    assert one.read_pictures() == (picture(1),)
    assert nothing.read_pictures() == ()


def test_only_files_are_read(tmp_path: Path) -> None:
    """A pipe, a device or a folder in a list is that row's fault, and nothing waits for it."""
    os.mkfifo(tmp_path / "pipe")
    rows = [{"image": name} for name in ("pipe", "/dev/zero", ".", "a\0b", "")]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    *others, empty = every(open_rows(tmp_path / "list.json"))
    assert empty.read_pictures() == ()
    for row in others:
        with pytest.raises(BadRecord, match=r"no file|not the path"):
            row.read_pictures()


def test_an_address_is_no_picture(tmp_path: Path) -> None:
    """Nothing is fetched here; the line names what does."""
    (tmp_path / "list.jsonl").write_text('{"image": "https://example.org/a.png"}\n')
    (row,) = every(open_rows(tmp_path / "list.jsonl"))
    with pytest.raises(BadRecord, match="pixmo download"):
        row.read_pictures()


def test_a_list_without_paths_is_refused(tmp_path: Path) -> None:
    """With the way to pictures, where it has addresses."""
    (tmp_path / "list.jsonl").write_text('{"image_url": "https://example.org/a.png"}\n')
    with pytest.raises(
        BadSource, match=r"neither pictures nor a column with their paths.*of image_url `pixmo download`"
    ):
        open_rows(tmp_path / "list.jsonl")


def test_a_folder_of_pictures_is_walked_by_path(tmp_path: Path) -> None:
    """Files of other names are no rows; those in folders have their path as id."""
    (tmp_path / "all" / "b").mkdir(parents=True)
    for name in ("b/2.png", "a.png", "notes.txt"):
        (tmp_path / "all" / name).write_bytes(picture(3))
    assert [row.id for row in every(open_rows(tmp_path / "all"))] == ["a.png", "b/2.png"]


def test_nothing_there_is_told(tmp_path: Path) -> None:
    """A path that leads nowhere, and a folder with nothing in it."""
    (tmp_path / "empty").mkdir()
    for name in ("gone", "empty"):
        with pytest.raises(BadSource):
            open_rows(tmp_path / name)
