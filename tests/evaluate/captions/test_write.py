"""What an evaluation publishes: results.json, statements.parquet, eval.html."""

from __future__ import annotations

import json
import random

import pyarrow.parquet as pq

from pixmo.evaluate.captions.write import write_results
from tests.evaluate.captions.rows import finished, row

STAMP = {
    "seed": 3,
    "references": "ab" * 32,
    "missing": 0,
    "settings": {"protocol": "pixmo", "kind": "image", "judge": "j"},
}


def rows_of(pictures=30, models=("one", "two"), seed=1):
    """Pictures with verdicts by chance."""
    draw = random.Random(seed)

    def verdicts(n):
        return "".join(draw.choice("yyyn?-") for _ in range(n))

    return [row(f"p{i:03}", m, [verdicts(7), verdicts(7)], verdicts(5)) for i in range(pictures) for m in models]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    """Whatever files the rows are spread over, and whoever computes them; another seed draws other samples."""
    told = []
    for i, (files, seed) in enumerate([(1, 3), (3, 3), (1, 4)]):
        out = finished(tmp_path / str(i), rows_of(), files)
        write_results(out, stamp=STAMP | {"seed": seed}, samples=300)
        told.append((out / "results.json").read_bytes())
    assert told[0] == told[1] != told[2]


def test_results_are_stamped(tmp_path):
    """What the command says of the run, and the version of pixmo; nothing tells a time."""
    out = finished(tmp_path, rows_of(4))
    results = write_results(out, stamp=STAMP, samples=50)
    told = json.loads((out / "results.json").read_bytes())
    assert told == results.as_json()
    assert told["format"] == "pixmo-results/1"
    assert told["stamp"].items() >= STAMP.items()
    assert told["stamp"]["pixmo"]
    assert (out / "results.json").read_text().startswith("{\n")
    assert list(told) == sorted(told)


def test_missing_predictions_are_told_in_every_output(tmp_path):
    """In the file, in the page."""
    out = finished(tmp_path, rows_of(4))
    write_results(out, stamp=STAMP | {"missing": 7}, samples=50)
    assert json.loads((out / "results.json").read_bytes())["missing"] == 7
    assert "7 predictions are missing" in (out / "eval.html").read_text()


def test_each_verdict_can_be_followed_to_its_statement(tmp_path):
    """A row per picture, model, metric, repeat and statement, in the order of the rows."""
    out = finished(tmp_path, [row("a", "m", ["y-", "yn"], "?", reference_categories=["Object", "Action"])])
    write_results(out, stamp=STAMP, samples=50)
    told = pq.read_table(out / "statements.parquet").to_pylist()
    assert [(t["metric"], t["repeat"], t["statement_id"], t["text"], t["category"], t["verdict"]) for t in told] == [
        ("recall", 1, "s1", "a fact 0", "Object", "yes"),
        ("recall", 1, "s2", "a fact 1", "Action", "unscored"),
        ("recall", 2, "s1", "a fact 0", "Object", "yes"),
        ("recall", 2, "s2", "a fact 1", "Action", "no"),
        ("consistency", 1, "s1", "a claim 0", None, "cannot_tell"),
    ]
    assert {(t["picture"], t["model"]) for t in told} == {("a", "m")}


def test_lines_that_are_not_as_many_as_statements_have_no_text(tmp_path):
    """Free answers may have more lines: a verdict is not given words it was perhaps not about."""
    out = finished(tmp_path, [row("a", "m", "yyy", "y", reference_statements=["one", "two"])])
    write_results(out, stamp=STAMP, samples=50)
    told = pq.read_table(out / "statements.parquet", filters=[("metric", "==", "recall")]).to_pylist()
    assert [(t["statement"], t["text"], t["verdict"]) for t in told] == [(i, None, "yes") for i in (1, 2, 3)]


def test_an_evaluation_of_one_metric_is_enough(tmp_path):
    """Columns of what was not asked may be absent."""
    out = finished(tmp_path, rows_of(6))
    path = next((out / "data").iterdir())
    table = pq.read_table(path)
    left_out = [n for n in table.column_names if n.startswith(("consistency", "repet", "is_rep", "cap_f1", "thumb"))]
    pq.write_table(table.drop_columns(left_out), path)
    results = write_results(out, stamp=STAMP, samples=50)
    assert results.models[0].metrics["consistency"].value is None
    assert results.models[0].metrics["recall"].value is not None
