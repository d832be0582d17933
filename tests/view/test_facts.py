"""What batches tell of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.records.arrow import batch_of
from pixmo.records.caption import Caption
from pixmo.records.explanation import Explanation
from pixmo.records.places import Orientation, Point, Unit
from pixmo.records.points import Points
from pixmo.records.qa import QuestionAnswer
from pixmo.view.facts import SEPARATOR, Facts, Told
from pixmo.view.source import open_data
from tests.dataset.sets import GROUPED, finished, grouped

KNOWN = {"unit": Unit.PERCENT, "orientation": Orientation.UPRIGHT}


def told(path: Path, batch_rows: int = 1000) -> list[Told]:
    """What each batch of a set tells."""
    data = open_data(str(path))
    facts, first, found = Facts(data.rows.layout, data.rows.groups), 0, []
    for batch in data.rows.batches(batch_rows):
        found.append(facts.of(batch, first))
        first += batch.num_rows
    return found


def written(path: Path, table: pa.Table | pa.RecordBatch) -> Path:
    pq.write_table(table if isinstance(table, pa.Table) else pa.Table.from_batches([table]), path)
    return path


def columns(path: Path, *names: str) -> list[tuple[Any, ...]]:
    """Facts of each row."""
    (one,) = told(path)
    return list(zip(*(one.table[name].to_pylist() for name in names), strict=True))


def point(*places: tuple[float, float]) -> tuple[Point, ...]:
    return tuple(Point(x, y) for x, y in places)


def test_points_are_counted_and_their_label_is_a_fact(tmp_path: Path) -> None:
    """With the host of the picture, and the rules a row breaks."""
    records = [
        Points(image_url="https://a.org:80/x.jpg", label="cat", points=point((1, 2), (3, 4)), count=2, **KNOWN),
        Points(image_url="https://me@B.org/y", label="dog", points=(), count=3, **KNOWN),
    ]
    found = columns(
        written(tmp_path / "p.parquet", batch_of(records, Points)), "label", "points", "count", "host", "findings"
    )
    assert found == [("cat", 2, 2, "a.org", []), ("dog", 0, 3, "b.org", ["bad_url", "count_differs"])]


def test_prose_is_counted_in_words_and_is_no_fact(tmp_path: Path) -> None:
    """Captions, questions, answers; a list of them together, and how many there are."""
    records = [Caption(image_url="https://a.org/x", caption="a  red\ncar", transcripts=("um a", "car"))]
    (one,) = told(written(tmp_path / "c.parquet", batch_of(records, Caption)))
    assert "caption" not in one.table.column_names
    row = one.table.to_pylist()[0]
    assert (row["caption_words"], row["transcripts"], row["transcripts_words"]) == (3, 2, 3)
    qa = [QuestionAnswer(image_url="https://a.org/x", question="what is it", answer="a car")]
    assert columns(written(tmp_path / "q.parquet", batch_of(qa, QuestionAnswer)), "question_words", "answer_words") == [
        (3, 2)
    ]


def test_all_texts_of_a_row_can_be_searched(tmp_path: Path) -> None:
    """Texts of one row never run into each other; digests, addresses and units are none."""
    records = [Caption(image_url="https://a.org/x", image_sha256="ab" * 32, caption="A car.", transcripts=("um", "uh"))]
    (one,) = told(written(tmp_path / "c.parquet", batch_of(records, Caption)))
    assert one.texts.to_pylist() == [f"A car. {SEPARATOR} um {SEPARATOR} uh"]


def test_a_grouped_row_has_all_labels_and_all_points(tmp_path: Path) -> None:
    """And is what its picture is; a row without annotations has none of them."""
    table = grouped(0, 9)
    path = finished(tmp_path / "set", {"train": [table]})
    found = columns(path, "id", "split", "annotations", "label", "points")
    rows = table.to_pylist()
    assert found == [
        (r["row_id"], "train", len(r["annotations"]), [a["label"] for a in r["annotations"]], sum(len(a["points"]) for a in r["annotations"]))
        for r in rows
    ]  # fmt: skip


def test_places_are_counted_wherever_they_stand(tmp_path: Path) -> None:
    """Points of an explanation are lists of lists."""
    record = Explanation(
        image_url="https://a.org/x", question="q", response="r", alt_text=(), inline_text=(),
        points=(point((1, 1)), point((2, 2), (3, 3))), **KNOWN,
    )  # fmt: skip
    assert columns(written(tmp_path / "e.parquet", batch_of([record], Explanation)), "points") == [(3,)]


def test_points_are_laid_on_a_grid_by_their_unit(tmp_path: Path) -> None:
    """Percent, a thousandth, pixels of the picture's size; those outside, and not a number, nowhere."""

    def record(unit: Unit, *places: tuple[float, float], **size: int) -> Points:
        return Points(
            image_url="https://a.org/x",
            label="x",
            points=point(*places),
            unit=unit,
            orientation=Orientation.UPRIGHT,
            **size,
        )

    records = [
        record(Unit.PERCENT, (0, 0), (100, 100), (101, 0), (float("nan"), 5)),
        record(Unit.PER_MILLE, (999, 1)),
        record(Unit.UNIT_SQUARE, (0.51, 0.26)),
        record(Unit.PIXELS, (320, 120), image_width_px=640, image_height_px=480),
        record(Unit.PIXELS, (1, 1)),
    ]
    (one,) = told(written(tmp_path / "p.parquet", batch_of(records, Points)))
    assert {(int(r), int(c)): int(one.heat[r, c]) for r, c in np.argwhere(one.heat)} == {
        (0, 0): 1,
        (19, 19): 1,
        (0, 19): 1,
        (5, 10): 2,
    }


def test_what_is_told_does_not_depend_on_the_batches(tmp_path: Path) -> None:
    """The same columns, rows and grid, however the set is cut."""
    path = finished(tmp_path / "set", {"train": [grouped(0, 20), grouped(20, 7)], "test": [grouped(27, 6)]})
    whole, cut = told(path), told(path, 4)
    assert len(cut) > len(whole)
    assert pa.concat_tables(t.table for t in whole) == pa.concat_tables(t.table for t in cut)
    assert sum(int(t.heat.sum()) for t in whole) == sum(int(t.heat.sum()) for t in cut)
    assert pa.concat_tables(t.table for t in cut)["number"].to_pylist() == list(range(33))


def test_rows_of_no_kind_are_told_by_their_columns(tmp_path: Path) -> None:
    """Numbers, yes and no, times, short texts as they are, long ones in words; pictures and bytes not at all."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({
        "url": ["http://h.org/1", None], "score": pa.array([1.5, None], pa.float32()), "big": pa.array([2**64 - 1, 0], pa.uint64()),
        "ok": [True, None], "when": pa.array([0, None], pa.timestamp("s")), "title": ["x" * 300, "y"], "notes": ["many words " * 20, ""],
        "raw": [b"1", b"2"], "tags": [["a", "b"], None], "word": pa.array(["w", "v"]).dictionary_encode(),
        "image": pa.array([{"bytes": b"x", "path": "p"}, None], image),
    })  # fmt: skip
    data = written(tmp_path / "t.parquet", table.slice(0, 2))
    found = told(data)[0].table.to_pylist()
    assert set(found[0]) == {
        "number", "id", "split", "host", "url", "score", "big", "ok", "when", "title_words", "notes_words", "tags", "word",
    }  # fmt: skip
    assert (found[0]["score"], found[0]["ok"], found[0]["when"], found[0]["tags"]) == (
        1.5,
        True,
        "1970-01-01 00:00:00.000",
        2,
    )
    assert (found[1]["score"], found[1]["ok"], found[1]["host"], found[1]["tags"]) == (None, None, None, None)


def test_text_that_is_not_utf8_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    """One broken value breaks nothing else."""
    broken = pa.StringArray.from_buffers(2, pa.array([0, 2, 4], pa.int32()).buffers()[1], pa.py_buffer(b"a\xffok"))
    (one,) = told(written(tmp_path / "t.parquet", pa.table({"word": broken})))
    assert one.table["word"].to_pylist() == ["a\ufffd", "ok"]


def test_a_row_of_very_many_points_is_counted_but_made_no_record(tmp_path: Path) -> None:
    """It would take a minute and all the memory."""
    many = pa.array(
        [[{"x": 1.0, "y": 1.0}] * 20_000, [{"x": 500.0, "y": 1.0}]],
        GROUPED.field("annotations").type.value_type.field("points").type,
    )
    batch = batch_of([Points(image_url="https://a.org/x", label="x", points=(), **KNOWN)] * 2, Points)
    at = batch.schema.get_field_index("points")
    batch = batch.set_column(at, batch.schema.field(at), many)
    assert columns(written(tmp_path / "p.parquet", batch), "points", "findings") == [
        (20_000, ["many_points"]),
        (1, ["point_far_outside"]),
    ]


def test_a_row_that_is_no_record_says_so(tmp_path: Path) -> None:
    """Its other facts are there."""
    batch = batch_of([Points(image_url="https://a.org/x", label="x", points=(), **KNOWN)] * 2, Points)
    at = batch.schema.get_field_index("label")
    batch = batch.set_column(at, batch.schema.field(at), pa.array([None, "x"], pa.string()))
    assert columns(written(tmp_path / "p.parquet", batch), "host", "findings") == [
        ("a.org", ["no_record"]),
        ("a.org", []),
    ]


@pytest.mark.parametrize("name", ["number", "id", "points", "findings", "host"])
def test_a_column_called_as_one_of_ours_does_not_hide_it(tmp_path: Path, name: str) -> None:
    """The row's own number stays its number."""
    (one,) = told(written(tmp_path / "t.parquet", pa.table({name: ["x", "y"], "a": [1, 2]})))
    assert one.table["number"].to_pylist() == [0, 1]
    assert one.table[f"source:{name}"].to_pylist() == ["x", "y"]
    assert len(set(one.table.column_names)) == len(one.table.column_names)
