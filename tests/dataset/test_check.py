"""What a check finds, counts and shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.dataset.check import BATCH_ROWS, Checked, RuleCount, check
from pixmo.dataset.check_source import Said, opened
from pixmo.dataset.check_work import EXAMPLES, POINT_EDGES
from pixmo.errors import BadFolder, BadSetting, BadSource, UnknownName
from pixmo.records.arrow import Label, batch_of, labelled, schema_of
from pixmo.records.base import Level
from pixmo.records.caption import Caption
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from tests.dataset.sets import GROUPED, annotation, captions, finished, grouped, picture_row

PLAIN = Said()


def points(*places: tuple[float, float], **others: Any) -> Points:
    """A sound record, but for what is told."""
    told: dict[str, Any] = {"image_url": f"https://example.org/{id(others)}.jpg", "label": "cat", "count": len(places)}
    made = tuple(Point(x, y) for x, y in places)
    return Points(**(told | {"points": made, "unit": Unit.PERCENT, "orientation": Orientation.UPRIGHT} | others))


def written(path: Path, records: list[Points]) -> str:
    pq.write_table(pa.Table.from_batches([batch_of(records, Points)]), path, row_group_size=1000)
    return str(path)


def checked(path: str | Path, said: Said = PLAIN, **options: Any) -> Checked:
    return check(opened(str(path), said), **options)


def rule_about(found: Checked, path: str) -> RuleCount:
    """The one rule whose examples are about a value."""
    (rule,) = (r for r in found.rules if r.examples[0].path == path)
    return rule


def test_sound_records_have_no_findings(tmp_path: Path) -> None:
    """Counted, with how many points they have."""
    sound = [
        points(*[(float(i), 2.0 * i) for i in range(n % 7)], image_url=f"https://example.org/{n}.jpg")
        for n in range(70)
    ]
    found = checked(written(tmp_path / "a.parquet", sound))
    assert (found.rules, found.rows, found.records, found.record, found.grouped) == ((), 70, 70, "points", False)
    assert found.points == {edge: 10 if edge < 7 else 0 for edge in POINT_EDGES}


def test_findings_are_counted_by_rule_with_the_first_examples(tmp_path: Path) -> None:
    """Each says which row, which value, what is wrong with it, and of which picture; the level says how bad it is."""
    rows = [points((1.0, 2.0), image_url=f"https://example.org/{n}.jpg") for n in range(20)]
    for n in range(4, 20, 2):
        rows[n] = points((1.0, 2.0), image_url=f"https://example.org/{n}.jpg", count=9)
    found = checked(written(tmp_path / "a.parquet", rows))
    rule = rule_about(found, "count")
    assert (rule.level, rule.count, rule.rows) == (Level.ERROR, 8, 8)
    assert [e.row for e in rule.examples] == [4, 6, 8, 10, 12][:EXAMPLES]
    assert rule.examples[0].url == "https://example.org/4.jpg"
    assert found.errors == 8
    assert json.loads(json.dumps(found.as_json()))["rules"][0]["examples"][0]["row"] == 4


def test_warnings_may_be_left_out(tmp_path: Path) -> None:
    """From the level `error` on only errors are told."""
    rows = [points((1.0, 100.5)), points((1.0, 900.0))]
    every = checked(written(tmp_path / "a.parquet", rows))
    assert (every.errors, every.warnings > 0) == (1, True)
    errors = checked(tmp_path / "a.parquet", level=Level.ERROR)
    assert (errors.errors, errors.warnings) == (1, 0)


def test_rows_that_are_no_records_are_findings(tmp_path: Path) -> None:
    """A null where a value is needed, text that is not UTF-8; the others are looked at all the same."""
    schema = labelled(schema_of(Caption), Label("caption"))
    text = pa.array([b"A dog sleeps under an old table in the sun.", None, b"\xff\xfe"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 3, text.buffers())
    said = pa.array([["a dog"], ["x"], ["x"]], schema.field("transcripts").type)
    table = pa.table([pa.array(["https://example.org/1"] * 3), pa.nulls(3, pa.string()), broken, said], schema=schema)
    pq.write_table(table, tmp_path / "a.parquet")
    (rule,) = (r for r in checked(tmp_path / "a.parquet").rules if r.rule == "not_a_record")
    assert (rule.count, rule.level) == (2, Level.ERROR)
    assert [(e.row, e.path, e.detail[:10]) for e in rule.examples] == [
        (1, "caption", "is missing"),
        (2, "", "cannot be "),
    ]


def test_annotations_are_told_by_their_place_in_the_row(tmp_path: Path) -> None:
    """In grouped rows; several findings of one row count as one row; a row whose list is null is no record."""
    rows: list[dict[str, Any]] = [
        picture_row(n, 0) | {"annotations": [annotation(1) | {"label": "a"}]} for n in range(6)
    ]
    rows[3]["annotations"] = [annotation(1) | {"label": f"x{n}", "count": 7} for n in range(3)]
    rows[5]["annotations"] = None
    table = pa.Table.from_pylist(rows, schema=pa.schema([pa.field("row_id", pa.string()), *GROUPED], GROUPED.metadata))
    found = checked(finished(tmp_path, {"train": [table]}))
    assert (found.grouped, found.rows, found.records) == (True, 6, 7)
    rule = rule_about(found, "annotations[0].count")
    assert (rule.count, rule.rows) == (3, 1)
    assert [(e.row, e.id, e.path) for e in rule.examples][2] == (3, f"{3:016x}", "annotations[2].count")
    assert [(e.row, e.path) for e in rule_about(found, "annotations").examples] == [(5, "annotations")]


def test_rows_are_compared_with_each_other(tmp_path: Path) -> None:
    """The same picture and label twice is found wherever the rows stand; in grouped rows too."""
    rows = [points((1.0, 2.0), image_url=f"https://example.org/{n}.jpg") for n in range(2 * BATCH_ROWS)]
    rows[-1] = points((1.0, 2.0), image_url="https://example.org/5.jpg")
    doubled = checked(written(tmp_path / "a.parquet", rows))
    assert {e.row for r in doubled.rules for e in r.examples} & {2 * BATCH_ROWS - 1, 5}
    one = annotation(1) | {"label": "a"}
    again = [picture_row(0, 0) | {"annotations": [one]}, picture_row(1, 0) | {"annotations": [one, one]}]
    table = pa.Table.from_pylist(again, schema=pa.schema([pa.field("row_id", pa.string()), *GROUPED], GROUPED.metadata))
    found = checked(finished(tmp_path / "set", {"train": [table]}))
    told = {(e.row, e.path.partition(".")[0]) for r in found.rules for e in r.examples}
    assert told == {(1, "annotations[1]")}


def test_what_pandas_left_is_found(tmp_path: Path) -> None:
    """A column of a data frame's index is no field and no column of anybody's."""
    table = pa.Table.from_batches([batch_of([points((1.0, 2.0))], Points)])
    pq.write_table(table.append_column("__index_level_0__", pa.array([7])), tmp_path / "a.parquet")
    assert any(
        "__index_level_0__" in e.path + e.detail for r in checked(tmp_path / "a.parquet").rules for e in r.examples
    )


@pytest.mark.slow
def test_many_processes_find_what_one_finds(tmp_path: Path) -> None:
    """The same counts and the same first examples, whoever looked; a limit looks at the first rows only."""
    rows = [
        points((1.0, 2.0), image_url=f"https://example.org/{n}.jpg", count=1 + (n % 1000 == 7)) for n in range(70_000)
    ]
    path = written(tmp_path / "a.parquet", rows)
    seen: list[int] = []
    alone = checked(path)
    together = check(opened(path, Said()), n_proc=2, on_rows=seen.append)
    assert together == alone
    assert rule_about(alone, "count").count == 70
    assert (seen[-1], seen == sorted(seen)) == (70_000, True)
    assert check(opened(path, Said(), limit=1500)).rows == 1500


def test_a_list_of_ones_own_is_typed_on_request(tmp_path: Path) -> None:
    """JSON lines and CSV say nothing of themselves: what rows are is told, and a unit where there are points."""
    lines = [{"what": "cat", "points": [{"x": 1, "y": 2}], "count": 3}, {"what": None, "points": [], "count": 0}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = checked(tmp_path / "a.jsonl", Said("points", "percent", fields=("label=what",)))
    assert rule_about(found, "count").count == 1
    assert [(e.row, e.path) for e in rule_about(found, "label").examples] == [(1, "label")]
    (tmp_path / "a.csv").write_text("question,answer\nWhat?,That.\n,\n")
    asked = checked(tmp_path / "a.csv", Said("qa"))
    assert (asked.rows, asked.errors > 0) == (2, True)


def test_wrong_requests_are_told(tmp_path: Path) -> None:
    """With the thing and the remedy."""
    (tmp_path / "a.csv").write_text("question,answer\nWhat?,That.\n")
    with pytest.raises(BadSource, match="--as"):
        opened(str(tmp_path / "a.csv"), Said())
    with pytest.raises(UnknownName, match="did you mean 'qa'"):
        opened(str(tmp_path / "a.csv"), Said("q&a"))
    with pytest.raises(BadSetting, match="--as KIND"):
        opened(str(tmp_path / "a.csv"), Said(unit="percent"))
    with pytest.raises(BadSetting, match="FIELD=COLUMN"):
        opened(str(tmp_path / "a.csv"), Said("qa", fields=("question",)))
    (tmp_path / "b.jsonl").write_text('{"label": "cat", "points": [{"x": 1, "y": 2}]}')
    with pytest.raises(BadSource, match=r"b\.jsonl: does not say what its coordinates count"):
        opened(str(tmp_path / "b.jsonl"), Said("points"))
    written(tmp_path / "a.parquet", [points()])
    with pytest.raises(BadSetting, match="holds no pictures"):
        opened(str(tmp_path / "a.parquet"), Said(), pictures=True)
    with pytest.raises(BadSetting, match="1 or more"):
        opened(str(tmp_path / "a.parquet"), Said(), limit=0)
    with pytest.raises(BadSource, match="no such file"):
        opened(str(tmp_path / "nowhere.parquet"), Said())
    (tmp_path / "begun" / ".pixmo").mkdir(parents=True)
    with pytest.raises(BadFolder, match="not finished"):
        opened(str(tmp_path / "begun"), Said())


def test_a_label_that_lies_is_told(tmp_path: Path) -> None:
    """A file that calls itself grouped without a list of annotations is refused; other missing columns are findings."""
    table = pa.table({"image_url": ["x"], "annotations": ["text"]})
    pq.write_table(table.replace_schema_metadata(GROUPED.metadata), tmp_path / "a.parquet")
    with pytest.raises(BadSource, match="annotations"):
        opened(str(tmp_path / "a.parquet"), Said())
    whole = pa.Table.from_batches([batch_of(captions(3), Caption)])
    pq.write_table(whole.drop_columns(["caption"]), tmp_path / "b.parquet")
    (rule,) = (r for r in checked(tmp_path / "b.parquet").rules if r.rule == "not_a_record")
    assert (rule.count, rule.examples[0].path, rule.examples[0].detail) == (3, "caption", "is missing")


def test_no_rows_have_no_findings(tmp_path: Path) -> None:
    """An empty set is sound."""
    found = checked(finished(tmp_path, {"train": [grouped(0, 0)]}))
    assert (found.rows, found.rules, found.points) == (0, (), {})
