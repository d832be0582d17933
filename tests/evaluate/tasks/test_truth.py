"""Ground truth: the files benchmarks publish, one's own tables, sets, finished folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.errors import BadSource
from pixmo.evaluate.tasks.registry import task_named
from pixmo.evaluate.tasks.truth import ID, common_key, examples, read_truth, truth_digest

ANNOTATIONS = {
    "info": {"version": "2.0"},
    "annotations": [
        {"question_id": 1, "image_id": 9, "answer_type": "other", "answers": [{"answer": "red", "answer_id": 1}]},
        {"question_id": 2, "image_id": 9, "answer_type": "number", "answers": [{"answer": "2", "answer_id": 1}]},
    ],
}
QUESTIONS = {"questions": [{"question_id": 2, "image_id": 9, "question": "How many?"}]}


def written(path: Path, value: Any) -> str:
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def test_annotations_of_vqa_are_read_as_they_are(tmp_path: Path) -> None:
    """The challenge's annotation file gives an example a question, with the texts of its answers and its picture."""
    truth = read_truth(written(tmp_path / "annotations.json", ANNOTATIONS))
    task = task_named("vqa2")
    found = examples(truth.rows, task.fields, task.groups, ("question_id",), truth.name)
    assert [(e.id, e.picture, e.truth["answers"], e.groups) for e in found] == [
        ("1", "9", ["red"], (("answer_type", "other"),)),
        ("2", "9", ["2"], (("answer_type", "number"),)),
    ]


def test_a_second_file_adds_columns_by_id(tmp_path: Path) -> None:
    """Questions stand in a file of their own; a row the second file lacks stays as it is."""
    one, two = written(tmp_path / "a.json", ANNOTATIONS), written(tmp_path / "q.json", QUESTIONS)
    assert [row.get("question") for row in read_truth([one, two]).rows] == [None, "How many?"]


@pytest.mark.parametrize(
    ("name", "value", "ids"),
    [
        ("data.json", {"dataset_name": "docvqa", "data": [{"questionId": 5, "answers": ["x"]}]}, [5]),
        ("problems.json", {"17": {"answer": 0}, "18": {"answer": 1}}, ["17", "18"]),
        ("list.json", [{"id": "a"}, {"id": "b"}], ["a", "b"]),
        ("answers.json", {"validation_Art_1": "A"}, ["validation_Art_1"]),
    ],
)
def test_published_layouts_are_rows(tmp_path: Path, name: str, value: Any, ids: list[Any]) -> None:
    """A list under a name, an object a key, a plain list, an answer a key: each gives its rows."""
    rows = read_truth(written(tmp_path / name, value)).rows
    assert [row.get("id", row.get("questionId")) for row in rows] == ids


def test_values_of_csv_are_as_written(tmp_path: Path) -> None:
    """A time, a number with zeros in front and a word for yes keep their spelling."""
    path = tmp_path / "p.csv"
    path.write_text("id,prediction\n1,10:25\n2,007\n3,true\n4,\n", encoding="utf-8")
    assert [row["prediction"] for row in read_truth(str(path)).rows] == ["10:25", "007", "true", ""]


def test_pictures_in_a_table_are_no_columns_of_truth(tmp_path: Path) -> None:
    """A table with the pictures in it gives its other columns."""
    picture = pa.array(
        [{"bytes": b"\xff", "path": "a.jpg"}], pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    pq.write_table(pa.table({"image": picture, "id": ["a"], "answer": ["B"]}), tmp_path / "t.parquet")
    assert read_truth(str(tmp_path / "t.parquet")).rows == [{"id": "a", "answer": "B"}]


def test_a_key_is_found_whatever_it_is_called() -> None:
    """`question_id` here and `id` there name the same rows, as numbers or as text."""
    key = common_key(((ID,),), [{"question_id": 3}], [{"id": "3"}], ("truth", "predictions"))
    assert (key.here, key.there) == (("question_id",), ("id",))


def test_without_a_common_key_columns_are_named() -> None:
    """Nothing in common is told with what each file has."""
    with pytest.raises(BadSource, match=r"p\.jsonl has name, truth has image_url"):
        common_key(((ID,),), [{"image_url": "u"}], [{"name": "x"}], ("truth", "p.jsonl"))


def test_ids_that_repeat_are_refused() -> None:
    """Two rows of one id would be one example."""
    task = task_named("pixmo-count")
    rows = [{"image_url": "u", "count": 1}, {"image_url": "u", "count": 2}]
    with pytest.raises(BadSource, match=r"1 rows have an id \(image_url\) that another row has.*--id"):
        examples(rows, task.fields, task.groups, ("image_url",), "t")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"id": 1}, "no column holds the count"),
        ({"id": 1, "count": "many"}, r"row 1: count is 'many', not how many there are"),
        ({"id": 1, "count": None}, "row 1: count is null"),
        ({"id": 1, "count": 1.5}, "a whole number is needed"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_row(row: dict[str, Any], told: str) -> None:
    """A missing column, a null and a wrong value end with one line."""
    task = task_named("pixmo-count")
    with pytest.raises(BadSource, match=told):
        examples([row], task.fields, task.groups, ("id",), "t")


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "is not JSON that can be read"), ('{"a": 1, "b": [2]}', "without a list of objects"), ("[" * 10**5, "JSON")],
)
def test_broken_json_is_told(tmp_path: Path, text: str, told: str) -> None:
    """No traceback for a cut-off file, an object of something else, or brackets without end."""
    path = tmp_path / "t.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSource, match=told):
        read_truth(str(path))


def test_the_digest_is_of_the_examples(tmp_path: Path) -> None:
    """The same ground truth out of JSON and out of Parquet is the same."""
    rows = [{"id": "a", "count": 3, "label": "cats"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    task = task_named("pixmo-count")
    digests = set()
    for spec in (written(tmp_path / "t.json", rows), str(tmp_path / "t.parquet")):
        found = examples(read_truth(spec).rows, task.fields, task.groups, ("id",), spec)
        digests.add(truth_digest(found))
    assert len(digests) == 1
