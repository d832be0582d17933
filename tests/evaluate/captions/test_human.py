"""Verdicts of people, and the judge's agreement with them."""

from __future__ import annotations

import json

import pytest

from pixmo.errors import BadSource
from pixmo.evaluate.captions.human import agreement_with, read_human
from pixmo.evaluate.captions.rows import judged_rows
from pixmo.evaluate.captions.statements import VERDICT_COLUMNS
from pixmo.evaluate.captions.write import write_results
from tests.evaluate.captions.rows import finished, row

HEAD = "picture,model,metric,statement,verdict\n"


def people(path, *verdicts):
    """A file of JSON lines."""
    names = ("picture", "model", "metric", "statement", "verdict")
    path.write_text("\n".join(json.dumps(dict(zip(names, v, strict=True))) for v in verdicts), encoding="utf-8")
    return path


def agreed(folder, rows, file):
    """Agreement per metric."""
    return agreement_with(read_human(file), judged_rows(finished(folder, rows), VERDICT_COLUMNS))


def test_agreement_is_told_with_the_results(tmp_path):
    """Of 20 verdicts on recall 15 are the same; kappa is that of the table of people against judge."""
    rows = [row(f"p{i:02}", "m", "y" if i < 12 else "n", "y") for i in range(20)]
    said = ["yes"] * 10 + ["no"] * 2 + ["yes"] * 3 + ["no"] * 5
    file = people(tmp_path / "people.jsonl", *((f"p{i:02}", "m", "recall", 1, v) for i, v in enumerate(said)))
    out = finished(tmp_path / "out", rows)
    found = write_results(out, stamp={"seed": 1}, human=file, samples=300).human_agreement["recall"]
    by_chance = 0.65 * 0.6 + 0.35 * 0.4
    assert (found.pairs, found.share.value) == (20, 0.75)
    assert found.kappa.value == pytest.approx((0.75 - by_chance) / (1 - by_chance))
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert json.loads((out / "results.json").read_bytes())["human_agreement"]["recall"]["pairs"] == 20


@pytest.mark.parametrize("statement", ["2", "s2", "a fact 1"])
def test_a_statement_is_named_by_number_id_or_text(tmp_path, statement):
    """From 1, as in statements.parquet."""
    file = people(tmp_path / "f.jsonl", ("a", "m", "recall", statement, "no"))
    found = agreed(tmp_path / "out", [row("a", "m", "yn", "y")], file)["recall"]
    assert (found.pairs, found.unmatched) == (1, 0)
    assert found.tables.columns(["a"]).reshape(3, 3)[1, 1] == 1


def test_a_statement_that_is_a_number_is_taken_by_its_text(tmp_path):
    """A text comes before a number of the same spelling."""
    file = people(tmp_path / "f.jsonl", ("a", "m", "recall", "1", "no"))
    found = agreed(tmp_path / "out", [row("a", "m", "yn", "y", reference_statements=["2", "1"])], file)["recall"]
    assert found.tables.columns(["a"]).reshape(3, 3)[1, 1] == 1


def test_verdicts_without_a_counterpart_are_counted(tmp_path):
    """Another picture, another model, a number beyond the last, words nobody said: apart, never a disagreement."""
    file = people(
        tmp_path / "f.jsonl",
        ("b", "m", "recall", 1, "no"), ("a", "x", "recall", 1, "no"), ("a", "m", "recall", 3, "no"), ("a", "m", "recall", 0, "no"),
        ("a", "m", "recall", "never said", "no"), ("a", "m", "consistency", 1, "yes"),
    )  # fmt: skip
    found = agreed(tmp_path / "out", [row("a", "m", "yn", "-")], file)
    assert (found["recall"].pairs, found["recall"].unmatched) == (0, 5)
    assert (found["consistency"].pairs, found["consistency"].unscored, found["consistency"].unmatched) == (0, 1, 0)


def test_each_repeat_stands_beside_the_person(tmp_path):
    """Two repeats that differ agree once."""
    file = people(tmp_path / "f.jsonl", ("a", "m", "recall", 1, "yes"))
    found = agreed(tmp_path / "out", [row("a", "m", ["y", "n"], "y")], file)["recall"]
    assert found.pairs == 2
    assert found.tables.columns(["a"]).tolist() == [[1, 1, 0, 0, 0, 0, 0, 0, 0]]


def test_csv_is_read_too(tmp_path):
    """With a header, other columns ignored, line feeds within quotes kept."""
    path = tmp_path / "f.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + b'who,picture,model,metric,statement,verdict\r\nx,a,m,recall,"a fact\n0",yes\r\n'
    )
    assert read_human(path) == {("a", "m", "recall"): {"a fact\n0": "yes"}}


def test_only_line_feeds_end_a_line_of_csv(tmp_path):
    """Other separators, which models write too, belong to the statement."""
    path = tmp_path / "f.csv"
    path.write_text(HEAD + "a,m,recall,one\u2028two\x85three\x0bfour,yes\n", encoding="utf-8")
    assert read_human(path) == {("a", "m", "recall"): {"one\u2028two\x85three\x0bfour": "yes"}}


def test_the_same_verdict_twice_is_one(tmp_path):
    """Said again is not said twice."""
    path = tmp_path / "f.csv"
    path.write_text(HEAD + "a,m,recall,1,yes\n" * 2)
    assert read_human(path) == {("a", "m", "recall"): {"1": "yes"}}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("f.jsonl", b"", "f.jsonl: holds no verdicts"),
        ("f.jsonl", b"{}\n", r"f.jsonl:1: has no 'picture'; needed are picture, model"),
        ("f.jsonl", b'{"picture": "a"', "f.jsonl:1: is not a JSON object"),
        ("f.jsonl", b"[1]", "f.jsonl:1: is not a JSON object"),
        ("f.jsonl", b"\xff\xfe", "is not UTF-8"),
        ("f.csv", b"picture,model\na,b\n", "has no column 'metric'"),
        ("f.csv", (HEAD + "a,m,recal,1,yes\n").encode(), "f.csv:2: metric 'recal' is none of recall, consistency"),
        ("f.csv", (HEAD + "a,m,recall,1,maybe\n").encode(), "verdict 'maybe' is none of yes, no, cannot_tell"),
        ("f.csv", (HEAD + "a,m,recall,1,yes\na,m,recall,1,no\n").encode(), "f.csv:3: says no of a statement that an earlier line says yes"),
        ("f.csv", (HEAD + "a,m,recall,1\n").encode(), "f.csv:2: has no 'verdict'"),
    ],
    ids=["empty", "no field", "cut", "a list", "not UTF-8", "no column", "metric", "verdict", "contradiction", "short line"],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path, name, data, said):
    """Naming the line and what is needed."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadSource, match=said):
        read_human(path)


def test_no_file_is_refused(tmp_path):
    """As all files that are not there."""
    with pytest.raises(BadSource, match="cannot be read"):
        read_human(tmp_path / "none.csv")
