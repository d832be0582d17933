"""Predictions against ground truth: what is tied to what, the scores of all golden examples, intervals, comparisons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pixmo.errors import BadSetting, BadSource
from pixmo.evaluate.tasks.registry import task_named
from pixmo.evaluate.tasks.run import AVERAGE, Results, Settings, evaluate
from pixmo.evaluate.tasks.truth import Truth

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "metrics.json").read_text(encoding="utf-8"))
QUICK = Settings(samples=200)
TRUTH = [{"id": i, "count": i % 4, "image_url": f"u{i // 2}"} for i in range(8)]


def lines(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def scored(tmp_path: Path, task: str, truth: Sequence[dict[str, Any]], said: Sequence[str], **more: Any) -> Results:
    """Rows numbered by their place, and what one model said to each."""
    rows = [row | {"id": i} for i, row in enumerate(truth)]
    path = lines(tmp_path / "p.jsonl", [{"id": i, "prediction": text} for i, text in enumerate(said)])
    return evaluate(task_named(task), [path], Truth("golden", rows), Settings(samples=200, **more))


def each(results: Results, which: int = 0) -> list[float | None]:
    return [one.scores[which] for one in results.models[0].scored if one is not None]


@pytest.mark.parametrize(
    ("task", "entries", "score"),
    [("vqa2", "vqa_score", "score"), ("docvqa", "anls", "score"), ("chartqa", "relaxed_accuracy", "score")],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_short_answers_have_their_golden_scores(
    tmp_path: Path, task: str, entries: str, score: str, legacy: bool
) -> None:
    """Every golden example of the metric, read from a file, scores what it should; with `legacy` what the original gives."""
    golden = GOLDEN[entries]
    found = scored(
        tmp_path, task, [{"answers": g["answers"]} for g in golden], [g["prediction"] for g in golden], legacy=legacy
    )
    wanted = [g[score] if legacy else g.get("corrected", g[score]) for g in golden]
    assert [score for score in each(found) if score is not None] == pytest.approx(
        [w for w in wanted if w is not None], abs=1e-6
    )
    assert [score is None for score in each(found)] == [w is None for w in wanted]  # where the original fails


def test_counting_is_summed_up_as_published(tmp_path: Path) -> None:
    """Means over all examples, per true count, and their plain mean are those of the original."""
    golden, wanted = GOLDEN["counting"], GOLDEN["counting_aggregate"]
    model = scored(tmp_path, "pixmo-count", [{"count": g["count"]} for g in golden], [g["prediction"] for g in golden], legacy=True).models[0]  # fmt: skip
    assert [model.line(s).estimate.value for s in ("correct", "close", "valid")] == pytest.approx(
        [wanted["correct"], wanted["close"], wanted["valid"]], abs=1e-6
    )
    per_count = {k: model.line("correct", ("count", k)).estimate.value for k in wanted["correct_per_count"]}
    assert per_count == pytest.approx(wanted["correct_per_count"], abs=1e-6)
    average = model.line("correct", ("count", AVERAGE)).estimate.value
    assert average == pytest.approx(wanted["per_category_average"], abs=1e-6)


def test_options_are_selected_as_published(tmp_path: Path) -> None:
    """The right option, told by its number, is found in every golden answer."""
    golden = GOLDEN["multiple_choice"]
    truth = [{"options": g["options"], "answer": g["index"]} for g in golden]
    assert set(each(scored(tmp_path, "scienceqa", truth, [g["prediction"] for g in golden]))) == {1.0}


def test_pointing_has_its_golden_scores(tmp_path: Path) -> None:
    """Precision, recall and F1 of every golden answer, from percent and run lengths in a file."""
    golden = GOLDEN["pointing"]
    truth = [{"points": g["points_percent"], "masks": g["masks"]} for g in golden]
    found = scored(tmp_path, "points-eval", truth, [g["prediction"] for g in golden])
    for place, name in enumerate(("f1", "precision", "recall")):
        assert each(found, place) == pytest.approx([g.get("corrected", g)[name] for g in golden], abs=1e-6)


def test_clocks_have_their_golden_scores(tmp_path: Path) -> None:
    """Each part of the time that was asked, on synthetic faces and on photographs, as the original gives it; none where it fails."""
    golden = GOLDEN["clock"]
    found = scored(tmp_path, "clocks", golden, [g["prediction"] for g in golden], legacy=True)
    names = found.task.scores
    for entry, one in zip(golden, found.models[0].scored, strict=True):
        assert one is not None
        told = {name: value for name, value in zip(names, one.scores, strict=True) if value is not None}
        assert told == pytest.approx(entry["scores"] or {}, abs=1e-6)


def test_letters_in_boxes_count_in_their_own_condition(tmp_path: Path) -> None:
    """AI2D: a question about letters counts where its boxes are as asked, any other question in both."""
    options = ["A", "B"]
    truth = [
        {"options": options, "answer": 0, "abc_label": True, "has_transparent_box": True},
        {"options": options, "answer": 1, "abc_label": True, "has_transparent_box": False},
        {"options": options, "answer": 0, "abc_label": False, "has_transparent_box": False},
    ]
    model = scored(tmp_path, "ai2d", truth, ["A", "A", "A"]).models[0]
    assert [(line.score, line.n, line.estimate.value) for line in model.lines] == [
        ("transparent", 2, 1.0),
        ("opaque", 2, 0.5),
    ]


def test_an_answer_that_could_be_a_number_or_an_option_is_refused(tmp_path: Path) -> None:
    """Options 1, 2, 3 and the answer "2": nobody can say which is meant."""
    with pytest.raises(BadSource, match=r"ground truth of '0'.*could be several.*answer_index"):
        scored(tmp_path, "scienceqa", [{"options": ["1", "2", "3"], "answer": "2"}], ["1"])


def test_mmmu_options_are_read_as_the_set_writes_them(tmp_path: Path) -> None:
    """Options written as a Python list, open questions without any, subjects out of ids, unread answers told and wrong."""
    truth = [
        {"id": "validation_Art_1", "options": "['a fox', 'a hen']", "answer": "B", "question_type": "multiple-choice"},
        {"id": "validation_Art_2", "options": "['x', 'y']", "answer": "A", "question_type": "multiple-choice"},
        {"id": "validation_Math_1", "options": "[]", "answer": "12.5", "question_type": "open"},
    ]
    said = {"validation_Art_1": "(B)", "validation_Art_2": "no idea", "validation_Math_1": "so it is 12.50"}
    path = tmp_path / "p.json"
    path.write_text(json.dumps(said), encoding="utf-8")
    model = evaluate(task_named("mmmu"), [str(path)], Truth("mmmu", truth), QUICK).models[0]
    assert [one.scores for one in model.scored if one] == [(1.0, 1.0), (0.0, 0.0), (1.0, None)]
    assert model.line("accuracy", ("subject", "Art")).estimate.value == 0.5


def test_missing_predictions_are_an_error_that_counts_them(tmp_path: Path) -> None:
    """How many, and the first five."""
    path = lines(tmp_path / "p.jsonl", [{"id": 0, "prediction": "0"}])
    with pytest.raises(
        BadSource, match=r"7 of 8 examples have no prediction, the first '1', '2', '3', '4', '5'; --allow-missing"
    ):
        evaluate(task_named("pixmo-count"), [path], Truth("t", TRUTH), QUICK)


def test_with_allow_missing_the_rest_is_scored(tmp_path: Path) -> None:
    """Examples without an answer are outside of every mean."""
    path = lines(tmp_path / "p.jsonl", [{"id": 1, "prediction": "1"}, {"id": 2, "prediction": "7"}])
    found = evaluate(task_named("pixmo-count"), [path], Truth("t", TRUTH), Settings(allow_missing=True, samples=200))
    line = found.models[0].line("correct")
    assert (line.n, line.estimate.value, len(found.models[0].answers.missing)) == (2, 0.5, 6)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{"id": 0, "prediction": "0"}, {"id": 0, "prediction": "1"}],
            r"1 predictions for ids \(id\) that have one, namely '0'",
        ),
        ([{"id": 99, "prediction": "0"}], r"1 ids \(id\) are not in the ground truth, namely '99'"),
        ([{"id": 0, "caption": "0"}], r"no column prediction.*there are caption, id.*--column"),
        ([{"id": 0, "prediction": {"a": 1}}], "row 1: prediction is .* a text is needed"),
        ([{"name": "x", "prediction": "0"}], "share no column"),
        ([{"id": 0, "prediction": "0"}, {"prediction": "1"}], r"p\.jsonl: row 2: has no id"),
    ],
)
def test_wrong_predictions_are_told_in_one_line(tmp_path: Path, rows: list[dict[str, Any]], told: str) -> None:
    """Doubled and unknown ids, no prediction, no text, no id."""
    with pytest.raises(BadSource, match=told):
        evaluate(task_named("pixmo-count"), [lines(tmp_path / "p.jsonl", rows)], Truth("t", TRUTH), QUICK)


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    """The names stand in every table."""
    path = lines(tmp_path / "p.jsonl", [{"id": 0, "prediction": "0"}])
    with pytest.raises(BadSetting, match="two models are called 'p'"):
        evaluate(task_named("pixmo-count"), [path, path], Truth("t", TRUTH), QUICK)


def test_an_empty_answer_is_scored_and_counted(tmp_path: Path) -> None:
    """Null and white space are answers without words: wrong, not missing."""
    path = lines(tmp_path / "p.jsonl", [{"id": i, "prediction": None if i else " "} for i in range(8)])
    model = evaluate(task_named("pixmo-count"), [path], Truth("t", TRUTH), QUICK).models[0]
    assert (model.answers.empty, model.line("correct").n, model.line("correct").estimate.value) == (8, 8, 0.0)


def test_questions_about_one_picture_are_drawn_together(tmp_path: Path) -> None:
    """Answers that agree within a picture say less than as many about different ones: the interval is wider."""
    right = [i // 10 % 2 for i in range(400)]
    said = [str(i % 4 if ok else 9) for i, ok in zip(range(400), right, strict=True)]
    widths = []
    for per_picture in (10, 1):
        truth = [{"count": i % 4, "image_url": f"u{i // per_picture}"} for i in range(400)]
        low, high = scored(tmp_path, "pixmo-count", truth, said).models[0].line("correct").estimate[1:]
        widths.append((high or 0) - (low or 0))
    assert widths[0] > 2 * widths[1]


def test_models_are_compared_on_what_both_answered(tmp_path: Path) -> None:
    """The difference is of the second less the first, over examples that both have."""
    one = lines(tmp_path / "a.jsonl", [{"id": i, "prediction": str(i % 4)} for i in range(8)])
    two = lines(tmp_path / "b.jsonl", [{"id": i, "prediction": str(i % 4 if i < 2 else 9)} for i in range(4)])
    found = evaluate(
        task_named("pixmo-count"), [one, two], Truth("t", TRUTH), Settings(allow_missing=True, samples=200)
    )
    (difference,) = found.differences
    assert (difference.first, difference.model, difference.n) == ("a", "b", 4)
    assert difference.paired.difference.value == pytest.approx(-0.5)


def test_hostile_answers_are_scored(tmp_path: Path) -> None:
    """A megabyte, control characters and half a surrogate pair are answers like others."""
    truth = [{"answers": ["red"]}] * 3
    found = scored(tmp_path, "vqa2", truth, ["red " * 250_000, "\x00\x1b[31mred", "red"])
    assert each(found)[2] == pytest.approx(1 / 3)
