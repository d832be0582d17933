"""The table in the terminal."""

from __future__ import annotations

import pytest

from pixmo.evaluate.captions.rows import judged_rows
from pixmo.evaluate.captions.summary import summarise
from pixmo.evaluate.captions.table import shown_p, table_lines
from pixmo.evaluate.captions.tally import COLUMNS
from tests.evaluate.captions.rows import finished, row


def lines(folder, rows, **stamp):
    """The table of rows."""
    stamp = {"seed": 1, "settings": {"protocol": "pixmo", "kind": "image"}} | stamp
    return table_lines(summarise(judged_rows(finished(folder, rows), COLUMNS), stamp=stamp, samples=200))


def line(told, heading):
    """The cells of the line with this heading."""
    return next(x.strip().removeprefix(heading).split("  ") for x in told if x.strip().startswith(heading + " "))


def test_models_stand_side_by_side(tmp_path):
    """Per cent with intervals; protocol, judge and pictures above, differences to the first below."""
    rows = [row(f"p{i}", m, "yynn" if m == "one" or i % 2 else "yyyn", "yyyy", recall_by="judge-1") for i in range(8) for m in ("one", "two")]  # fmt: skip
    told = lines(tmp_path, rows)
    assert told[0] == "protocol pixmo · judged by judge-1 · 8 pictures"
    assert next(x.split() for x in told if "one" in x and "two" in x) == ["one", "two"]
    assert [c.strip() for c in line(told, "recall") if c] == ["50.0 [50.0, 50.0]", "62.5 [53.1, 71.9]"]
    start = told.index("difference to one, in points, over the pictures both have")
    recall = next(x for x in told[start:] if "two  recall " in x)
    assert "12.5 [" in recall
    assert "p = 0.125" in recall


def test_nothing_is_said_beside_a_clean_table(tmp_path):
    """A note is a thing to look at."""
    assert [x for x in lines(tmp_path, [row("a", "m", "yy", "yy")]) if x.startswith("note")] == []


def test_what_a_reader_must_know_stands_below(tmp_path):
    """Missing predictions, more than 1 % unscored, captions the judge refused."""
    rows = [row("a", "m", "y-", "y", recall_outcome=["refused"]), row("b", "m", "y", "y")]
    notes = [x for x in lines(tmp_path, rows, missing=3) if x.startswith("note")]
    assert notes == [
        "note: 3 predictions are missing; only what is there is scored",
        "note: 16.7% of the verdicts on m are unscored, and outside every mean",
        "note: captions of m that the judge refused or failed on: 1; see outcomes in results.json",
    ]


def test_a_name_cannot_command_the_terminal(tmp_path):
    """Escapes, line feeds and changes of direction are shown as what they are; long names are cut."""
    told = lines(tmp_path, [row("a", "\x1b[2J\nx\u202e", recall_by="j\x07"), row("a", "n" * 5_000)], missing=1)
    assert all(c.isprintable() for x in told for c in x)
    assert max(map(len, told)) < 200


def test_wide_letters_keep_columns_straight(tmp_path):
    """Letters of two columns count two."""
    told = lines(tmp_path, [row("a", "模型一", "y"), row("a", "b", "y")])
    head = next(x for x in told if "模型一" in x)
    recall = next(x for x in told if x.strip().startswith("recall "))
    assert head.index("b") + 3 == recall.index("100.0", recall.index("100.0") + 1)


@pytest.mark.parametrize(
    ("p", "told"), [(None, "p –"), (0.0002, "p < 0.001"), (0.0123, "p = 0.012"), (1.0, "p = 1.000")]
)
def test_p_is_told_to_three_digits(p, told):
    """Never as zero."""
    assert shown_p(p) == told


def test_many_models_come_in_blocks(tmp_path):
    """Four side by side; no line is wider for a fifth."""
    rows = [row("a", f"model-{i}", "yn", "yn") for i in range(9)]
    told = lines(tmp_path, rows)
    assert sum(x.strip().startswith("cap-F1 per picture") for x in told) == 3
