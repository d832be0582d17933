"""The numbers of an evaluation, held against verdicts counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pixmo.errors import BadFolder
from pixmo.evaluate.captions.rows import judged_rows
from pixmo.evaluate.captions.summary import summarise
from pixmo.evaluate.captions.table import about
from pixmo.evaluate.captions.tally import COLUMNS
from pixmo.evaluate.statistics.formulas import columns_of, mean
from pixmo.evaluate.statistics.resample import estimate, resampled_sums
from tests.evaluate.captions.rows import finished, row

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "judge.json").read_bytes())["per_image"]


def results(folder, rows, samples=200, **stamp):
    """Of rows as an evaluation publishes them."""
    return summarise(judged_rows(finished(folder, rows), COLUMNS), stamp={"seed": 5} | stamp, samples=samples)


def values(model):
    """The means alone."""
    return {name: number.value for name, number in model.metrics.items()}


def test_means_are_over_pictures(tmp_path):
    """Recall 1/2 and 3/4, consistency 1 and 1/3: each picture weighs the same, however many statements it has."""
    (model,) = results(tmp_path, [row("a", "m", "yn", "yy"), row("b", "m", "yyyn", "ynn")]).models
    told = values(model)
    recall, consistency = 0.625, 2 / 3
    assert told["recall"] == pytest.approx(recall)
    assert told["consistency"] == pytest.approx(consistency)
    assert told["cap_f1"] == pytest.approx(2 * recall * consistency / (recall + consistency))
    assert told["cap_f1_per_picture"] == pytest.approx((2 / 3 + 0.5 / (13 / 12)) / 2)
    assert (told["n_statements"], told["caption_words"]) == (2.5, 4)


def test_recall_at_10_counts_ten_statements_at_most(tmp_path):
    """12 of 15 stated are 10 of 10."""
    (model,) = results(tmp_path, [row("a", "m", "y" * 12 + "n" * 3, "y")]).models
    assert (model.metrics["recall_at_10"].value, model.metrics["recall"].value) == (1.0, pytest.approx(0.8))


def test_what_is_unscored_is_outside_every_mean(tmp_path):
    """A picture of which nothing is scored lowers no mean; its share of unscored verdicts is told, and so is how many pictures count."""
    rows = [row("a", "m", "yy", "yn"), row("b", "m", "--", "--"), row("c", "m", "y-", "n?")]
    (model,) = results(tmp_path, rows).models
    assert (model.metrics["recall"].value, model.metrics["recall"].pictures) == (1.0, 2)
    assert (model.metrics["consistency"].value, model.metrics["consistency"].pictures) == (0.25, 2)
    assert model.metrics["unscored_share"].value == pytest.approx((0 + 1 + 0.25) / 3)
    assert model.verdicts == {"recall": {"unscored": 3, "yes": 3}, "consistency": {"cannot_tell": 1, "no": 2, "unscored": 2, "yes": 1}}  # fmt: skip


def test_repeats_of_a_picture_are_one_witness(tmp_path):
    """The mean over repeats is the picture's value, and the interval is that of pictures."""
    rows = [row(f"p{i}", "m", ["yn", "yy"] if i % 2 else ["nn", "nn"], "y") for i in range(40)]
    found = results(tmp_path, rows)
    number = found.models[0].metrics["recall"]
    alone = columns_of(np.array([0.75 if i % 2 else 0.0 for i in sorted(range(40), key=lambda i: f"p{i}")]))
    assert (number.value, number.low, number.high) == estimate(alone, resampled_sums(alone, 200, 5), mean)
    assert found.repeats == {"recall": 2, "consistency": 1}


def test_ai2_means_are_those_of_its_script(tmp_path):
    """Pictures without a parsed line drop out of that metric's mean; `num_statements` and `avg` follow; per cent."""
    rows = [of_golden(image) for image in GOLDEN["images"]]
    (model,) = results(tmp_path, rows, settings={"protocol": "ai2"}).models
    told = {name: value for name, value in model.ai2.items() if name in GOLDEN["aggregate"]}
    assert told == pytest.approx(GOLDEN["aggregate"], abs=1e-4)


def test_ai2_aggregates_belong_to_that_protocol(tmp_path):
    """Protocol pixmo has none."""
    assert results(tmp_path, [row("a", "m")], settings={"protocol": "pixmo"}).models[0].ai2 is None


def test_outcomes_are_counted_by_caption(tmp_path):
    """Empty captions, those a judge refused, those that failed: a caption counts once, whatever was asked of it."""
    rows = [
        row("a", "m", "nn", None, caption=" ", statements_outcome="empty_caption"),
        row("b", "m", ["--", "--"], "y", recall_outcome=["refused", "refused"]),
        row("c", "m", "--", "--", recall_outcome=["timeout"], consistency_outcome=["server_error"]),
        row("d", "m", "y", None, statements_outcome="too_long"),
    ]
    (model,) = results(tmp_path, rows).models
    assert (model.empty, model.refused, model.failed) == (1, 1, 2)
    assert model.outcomes["recall"] == {"ok": 2, "refused": 2, "timeout": 1}
    assert model.metrics["n_statements"].pictures == 3, "a caption whose statements failed has no number of them"
    assert model.metrics["consistency"].pictures == 1


def test_questions_about_people_are_paid_once(tmp_path):
    """Statements of people are shared by all models; what is asked of a caption is the model's own."""
    used = {"reference_tokens_in": 100, "reference_tokens_out": 10, "reference_cost_usd": 0.5, "reference_by": "judge-1",
            "recall_tokens_in": 7, "recall_tokens_out": 3, "recall_cost_usd": 0.25, "recall_by": "judge-1"}  # fmt: skip
    found = results(tmp_path, [row(p, m, **used) for p in "ab" for m in ("one", "two")])
    assert found.costs["references"] == {"tokens_in": 200, "tokens_out": 20, "unpriced": 0, "usd": 1.0}
    assert found.models[0].costs["recall"] == {"tokens_in": 14, "tokens_out": 6, "unpriced": 0, "usd": 0.5}
    assert found.costs["total"] == {"tokens_in": 228, "tokens_out": 32, "unpriced": 0, "usd": 2.0}
    assert found.judges == {"references": ["judge-1"], "recall": ["judge-1"]}


def test_a_cost_that_is_not_known_is_not_zero(tmp_path):
    """Without prices the cost is null, and the rows whose questions have none are counted."""
    rows = [row(p, "m", recall_by="local", recall_tokens_in=5, recall_tokens_out=5) for p in "ab"]
    assert results(tmp_path, rows).costs["recall"] == {"tokens_in": 10, "tokens_out": 10, "unpriced": 2, "usd": None}


def test_videos_are_told_by_category(tmp_path):
    """Shares of all statements of a category, pooled over pictures; cannot tell and unscored stand outside."""
    rows = [
        row("a", "m", "yn", "yy", reference_categories=["Object", "Action"], statement_categories=["Object", "Object"]),
        row("b", "m", "ny", "n-", reference_categories=["Object", "Object"], statement_categories=["Action", "Action"]),
    ]
    (model,) = results(tmp_path, rows, settings={"kind": "video"}).models
    told = {m: {c: (n.value, n.pictures) for c, n in of.items()} for m, of in model.categories.items()}
    assert told == {
        "recall": {"Action": (0.0, 1), "Object": (pytest.approx(2 / 3), 2)},
        "consistency": {"Action": (0.0, 1), "Object": (1.0, 1)},
    }


def test_the_judge_is_held_against_itself(tmp_path):
    """Every pair of repeats of every statement: 3 of 4 the same; a pair without an answer is apart."""
    rows = [row("a", "m", ["yyn-", "ynny"], "y"), row("b", "m", ["y", "y"], "y")]
    found = results(tmp_path, rows).self_agreement
    assert set(found) == {"recall"}, "what was asked once has no partner"
    recall = found["recall"]
    assert (recall.pairs, recall.unscored, recall.share.value) == (4, 1, 0.75)
    assert recall.kappa.value == pytest.approx((0.75 - (0.625**2 + 0.375**2)) / (1 - (0.625**2 + 0.375**2)))


def test_lines_of_free_answers_pair_only_when_they_are_as_many(tmp_path):
    """Nobody knows which line of five belongs to which of four: they have no partner."""
    rows = [row("a", "m", ["yyyyy", "yyyy"], "y"), row("b", "m", ["yn", "yn"], "y")]
    found = results(tmp_path, rows).self_agreement["recall"]
    assert (found.pairs, found.unmatched, found.share.value) == (2, 5, 1.0)


def test_models_are_compared_with_the_first_over_shared_pictures(tmp_path):
    """The difference is that of the pictures both have; a metric no picture of both has is not told."""
    rows = [
        row("a", "one", "yn", "y"),
        row("a", "two", "yy", None),
        row("b", "two", "nn", "y"),
        row("c", "one", "nn", "y"),
    ]
    found = results(tmp_path, rows)
    told = {d.metric: (d.first, d.model, d.difference.value, d.difference.pictures) for d in found.differences}
    assert told["recall"] == ("one", "two", 0.5, 1)
    assert "consistency" not in told
    assert (found.models[0].missing, found.models[1].missing, found.missing) == (1, 1, 2)


def test_a_better_model_is_found_better(tmp_path):
    """Six pictures, each a little better: p is 2 of 64 swaps, and few pictures would do."""
    rows = [row(p, m, "yynn" if m == "one" else "yyyn", "yyny") for p in "abcdef" for m in ("one", "two")]
    found = next(d for d in results(tmp_path, rows).differences if d.metric == "recall")
    assert (found.difference.value, found.p) == (0.25, 2 / 64)
    assert found.pictures_needed["0.05"] == 2


def test_an_evaluation_of_nothing_has_no_numbers(tmp_path):
    """A folder without rows gives results without models; a metric that was not asked is null."""
    assert results(tmp_path / "none", []).models == []
    told = values(results(tmp_path / "one", [row("a", "m", "y", None)]).models[0])
    assert (told["recall"], told["consistency"], told["cap_f1"]) == (1.0, None, None)


def test_two_rows_of_a_picture_are_no_evaluation(tmp_path):
    """They would count twice: the folder is refused, naming both."""
    with pytest.raises(BadFolder, match="'m' has two rows of the picture 'a'"):
        results(tmp_path, [row("a", "m"), row("a", "m")])


def test_a_folder_of_something_else_is_refused(tmp_path):
    """No data, and data that no judge saw, each in one line."""
    with pytest.raises(BadFolder, match="holds no judged captions; `pixmo eval caption`"):
        list(judged_rows(tmp_path, COLUMNS))
    finished(tmp_path, [row("a", "m")])
    path = next((tmp_path / "data").iterdir())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadFolder, match=r"cannot be read .* --repair"):
        list(judged_rows(tmp_path, COLUMNS))


def of_golden(image):
    """The row that protocol ai2 makes of these counts: a verdict for each line that was parsed."""
    recall, consistency = (
        "y" * yes + "n" * (of - yes)
        for yes, of in (
            (image["num_covered"], image["num_recall_statements"]),
            (image["num_consistent"], image["num_consistency_statements"]),
        )
    )
    return row(image["id"], "m", recall, consistency)


def test_a_rule_costs_nothing_and_is_no_judge(tmp_path):
    """Repetition found by rule: nobody was asked, so no price is missing, and nobody judged."""
    found = results(tmp_path, [row("a", "m", repetition_by="rule")])
    assert found.costs["total"]["unpriced"] == 0
    assert "judged by nobody" in about(found)
