"""The stage that marks the rows people flagged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadSource
from pixmo.stage import fingerprint
from pixmo.stages.mark_flagged import MarkFlagged


def flags(path: Path, *rows: tuple[str | None, bool, str | None]) -> str:
    columns = ("id", "is_flagged", "note")
    pq.write_table(pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows]), path)
    return str(path)


def marked(stage: MarkFlagged, *ids: str) -> list[tuple[Any, ...]]:
    """(is_flagged, note) per row."""
    out = stage(pa.RecordBatch.from_pylist([{"row_id": one} for one in ids], schema=stage.needs))
    assert out.schema == stage.adds
    return [tuple(row.values()) for row in out.to_pylist()]


def test_flagged_rows_are_marked_with_their_note(tmp_path: Path) -> None:
    """Others, and those whose flag was taken away, are not; without files nobody flagged anything."""
    path = flags(tmp_path / "f", ("a", True, "blurred"), ("b", False, "was"), ("c", True, ""), (None, True, "x"))
    told = [(True, "blurred"), (False, None), (True, None), (False, None)]
    assert marked(MarkFlagged((path,)), "a", "b", "c", "d") == told
    assert marked(MarkFlagged(), "a") == [(False, None)]


def test_notes_of_several_people_stand_together(tmp_path: Path) -> None:
    """Each once, in the order of the files."""
    one, two = (
        flags(tmp_path / "1", ("a", True, "dark")),
        flags(tmp_path / "2", ("a", True, "dark"), ("a", True, "cut")),
    )
    assert marked(MarkFlagged((one, two)), "a") == [(True, "dark; cut")]


def test_what_the_files_say_is_in_the_fingerprint_not_where_they_lie(tmp_path: Path) -> None:
    """So a copy repeats no work, and another flag does."""
    path, copy = flags(tmp_path / "f", ("a", True, "x")), flags(tmp_path / "g", ("a", True, "x"))
    before = fingerprint(MarkFlagged((path,)))
    assert before == fingerprint(MarkFlagged((copy,))) != fingerprint(MarkFlagged())
    flags(tmp_path / "f", ("a", True, "x"), ("b", True, ""))
    assert fingerprint(MarkFlagged((path,))) != before


def test_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is taken up again where it was not begun."""
    flags(tmp_path / "f", ("a", True, "x"))
    monkeypatch.chdir(tmp_path)
    stage = MarkFlagged(("f",))
    monkeypatch.chdir("/")
    assert marked(stage, "a") == [(True, "x")]


@pytest.mark.parametrize("data", [b"", b"PAR1 no", None])
def test_a_file_without_flags_is_refused_in_one_line(tmp_path: Path, data: bytes | None) -> None:
    """Empty, of another kind, or gone."""
    if data is not None:
        (tmp_path / "f").write_bytes(data)
    with pytest.raises(BadSource, match="export them with") as told:
        fingerprint(MarkFlagged((str(tmp_path / "f"),)))
    assert "\n" not in str(told.value)


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    """It would flag nothing, silently."""
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "f")
    with pytest.raises(BadSource, match="holds no flags"):
        marked(MarkFlagged((str(tmp_path / "f"),)), "a")
