"""The table of tasks, and how values of files are read."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from pixmo.errors import BadRecord, UnknownName
from pixmo.evaluate.tasks import registry_read as read
from pixmo.evaluate.tasks.registry import TASKS, Task, task_named
from pixmo.evaluate.tasks.registry_metrics import right_option

TRUTH: dict[str, Any] = {
    "answers": ["B"], "answer": "B", "options": ["x", "y"], "count": 2, "points": [(1.0, 1.0)], "unit": None, "label": "x",
    "masks": [{"size": [2, 2], "counts": [0, 4]}], "hour": 1, "minute": 2, "second": None, "real_image": None, "question": "?",
    "abc_label": None, "has_transparent_box": None, "question_type": None, "answer_type": "text", "choices": ["A", "B"],
    "precision": None,
}  # fmt: skip


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_metric_gives_as_many_scores_as_its_task_names(task: Task, legacy: bool) -> None:
    """Every task scores an answer from its own fields alone, each score between 0 and 1."""
    truth = {field.name: TRUTH[field.name] for field in task.fields}
    if task.name == "mathvista":
        truth["question_type"] = "multi_choice"
    scores = task.metric(["the answer"], [truth], legacy=legacy)[0].scores
    assert len(scores) == len(task.scores)
    assert all(score is None or score != score or 0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_fields_of_a_task_have_names_of_their_own(task: Task) -> None:
    """No two fields share a name, what is averaged is a breakdown, and the metric takes a prediction, the truth and `legacy`."""
    names = [field.name for field in task.fields]
    assert len(set(names)) == len(names)
    assert set(task.averaged) <= {field.name for field in task.groups}
    assert len(inspect.signature(task.metric).parameters) == 3


def test_an_unknown_task_names_the_nearest() -> None:
    """A typing mistake is mended in one line."""
    with pytest.raises(UnknownName, match="no task named 'vqa'; did you mean 'vqa2'"):
        task_named("vqa")


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("red", ["red"]),
        (["red", 2], ["red", "2"]),
        ([{"answer": "red", "answer_id": 1}], ["red"]),
        ("['a', 'b']", ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ("[broken", ["[broken"]),
    ],
)
def test_texts_are_read_however_they_are_written(value: Any, texts: list[str]) -> None:
    """One text, a list, the challenge's objects, a list written as text; what only looks like a list stays a text."""
    assert read.texts(value) == texts


@pytest.mark.parametrize(
    ("value", "points"),
    [
        ([[1, 2.5]], [(1, 2.5)]),
        ([{"x": 1, "y": 2}], [(1, 2)]),
        ({"x": [1, 3], "y": [2, 4]}, [(1, 2), (3, 4)]),
        ([], []),
    ],
)
def test_points_are_read_however_they_are_written(value: Any, points: list[tuple[float, float]]) -> None:
    """Pairs, objects, and the struct of lists that PixMo-Count has."""
    assert read.points(value) == points


def test_masks_of_all_forms_are_the_same_runs() -> None:
    """Rows of booleans, the record's runs and the fixture's runs say the same pixels."""
    wanted = [{"size": [2, 3], "counts": [1, 3, 2]}]
    assert read.masks([[[False, True, True], [True, False, False]]]) == wanted
    assert read.masks([{"height_px": 2, "width_px": 3, "runs": [1, 3, 2]}]) == wanted
    assert read.masks(wanted) == wanted


@pytest.mark.parametrize(
    ("value", "subject"), [("validation_Art_Theory_12", "Art_Theory"), ("Art_Theory", "Art_Theory"), ("q17", None)]
)
def test_the_subject_of_mmmu_is_in_its_ids(value: str, subject: str | None) -> None:
    """An id of the set, a column of its own, an id of somebody else's."""
    assert read.subject(value) == subject


@pytest.mark.parametrize(
    ("options", "answer", "place"),
    [(["x", "y"], 1, 1), (["x", "y"], "1", 1), (["x", "y"], "B", 1), (["x", "y"], "y", 1), (["A", "B"], "B", 1)],
)
def test_the_right_option_is_a_number_a_letter_or_itself(options: list[str], answer: str | int, place: int) -> None:
    """All of these are the second option."""
    assert right_option({"options": options, "answer": answer}) == place


@pytest.mark.parametrize(
    ("options", "answer"), [(["x", "y"], 2), (["x", "y"], "z"), (["1", "0"], "1"), (["b", "a"], "a")]
)
def test_an_option_that_is_none_or_two_is_refused(options: list[str], answer: str | int) -> None:
    """Out of range, unknown, or a text that is one option and counts another."""
    with pytest.raises(BadRecord, match="answer_index"):
        right_option({"options": options, "answer": answer})


def test_the_page_tells_every_task() -> None:
    """docs/eval-task.md has a line for each, with its scores and the set its ground truth comes from."""
    page = (Path(__file__).parents[3] / "docs" / "eval-task.md").read_text(encoding="utf-8")
    lines = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert list(lines) == list(TASKS)
    for name, task in TASKS.items():
        assert ", ".join(f"`{score}`" for score in task.scores) in lines[name]
        assert task.truth is None or f"`{':'.join(task.truth)}`" in lines[name]
