"""What is written of an evaluation: stable results, a row an answer, a page that harms nobody."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import sync_playwright

from pixmo.evaluate.tasks.registry import task_named
from pixmo.evaluate.tasks.report import as_json, write_report
from pixmo.evaluate.tasks.report_page import report_page
from pixmo.evaluate.tasks.report_text import table_lines
from pixmo.evaluate.tasks.run import Results, Settings, evaluate
from pixmo.evaluate.tasks.truth import Truth

TRUTH = [{"id": i, "count": i % 3, "label": "cats", "image_url": f"http://h/{i // 2}.jpg"} for i in range(6)]
HOSTILE = "<script>document.title='bad'</script>\u202e\x00\x1b[31m</style>&lt;"


def counted(folder: Path, said: Sequence[Sequence[str | None]], **more: Any) -> Results:
    """Models a, b … and what each said to the six examples; None is not said."""
    paths = []
    for name, texts in zip("abcdefgh", said, strict=False):
        rows = [{"id": i, "prediction": text} for i, text in enumerate(texts) if text is not None]
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        paths.append(f"{name}={path}")
    settings = Settings(samples=300, **more)
    return evaluate(task_named("pixmo-count"), paths, Truth("counts", TRUTH), settings)


RIGHT = ["0", "1", "2", "0", "1", "2"]
MIXED = ["0", "1", "5", "0", None, "no number"]


def test_results_are_stamped_and_bare_of_paths(tmp_path: Path) -> None:
    """What was scored, against what, how; no clock, nothing of this machine."""
    told = as_json(counted(tmp_path, [RIGHT, MIXED], allow_missing=True))
    assert (told["task"], told["scoring"], told["truth"]["examples"], told["truth"]["pictures"]) == ("pixmo-count", "corrected", 6, 3)  # fmt: skip
    assert told["intervals"] == {"level": 0.95, "method": "BCa over pictures", "samples": 300, "seed": 0}
    assert told["models"]["a"]["scores"]["correct"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 6}
    assert told["models"]["b"]["scores"]["correct_by_count"]["value"] == pytest.approx((1 + 1 + 0) / 3, abs=1e-6)
    assert (told["models"]["b"]["missing"], told["models"]["b"]["missing_first"]) == (1, ["4"])
    assert told["differences"]["b"]["less"] == "a"
    assert str(tmp_path) not in json.dumps(told)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """Twice the same results.json and the same page."""
    for out in ("one", "two"):
        write_report(tmp_path / out, counted(tmp_path, [RIGHT, MIXED], allow_missing=True))
    for name in ("results.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_seed_moves_intervals_only(tmp_path: Path) -> None:
    """Scores are drawn by nobody."""
    one, two = (as_json(counted(tmp_path, [MIXED], allow_missing=True, seed=seed)) for seed in (1, 2))
    values = [told["models"]["a"]["scores"]["correct"]["value"] for told in (one, two)]
    assert values[0] == values[1]
    assert one["intervals"]["seed"] != two["intervals"]["seed"]


def test_scores_hold_a_row_an_answer(tmp_path: Path) -> None:
    """Who said what to which example, what was read, what was right, each score; a missing answer has none."""
    write_report(tmp_path / "out", counted(tmp_path, [MIXED], allow_missing=True))
    rows = pq.read_table(tmp_path / "out" / "scores.parquet").to_pylist()
    assert [row["correct"] for row in rows] == [1.0, 1.0, 0.0, 1.0, None, 0.0]
    assert {k: rows[2][k] for k in ("model", "id", "picture", "prediction", "read_as", "by_count")} == {
        "model": "a", "id": "2", "picture": "http://h/1.jpg", "prediction": "5", "read_as": "5", "by_count": ["2"],
    }  # fmt: skip
    assert json.loads(rows[2]["truth"]) == {"count": 2, "label": "cats"}


def test_the_table_says_what_is_missing(tmp_path: Path) -> None:
    """With --allow-missing nobody takes the score for that of all examples."""
    told = list(table_lines(counted(tmp_path, [RIGHT, MIXED], allow_missing=True)))
    assert "b: 1 of 6 examples have no prediction and are left out" in told
    assert any(line.split()[:2] == ["mean", "over"] for line in told)


def test_the_table_obeys_no_answer(tmp_path: Path) -> None:
    """A model's name with commands for a terminal is shown, not carried out."""
    results = counted(tmp_path, [RIGHT])
    named = results.models[0]._replace(answers=results.models[0].answers._replace(model="\x1b[31mred\u202e"))
    told = "".join(table_lines(Results(**(vars(results) | {"models": [named]}))))
    assert told.isprintable()


def test_official_scoring_is_said(tmp_path: Path) -> None:
    """A number with the official defects never looks like a corrected one."""
    results = counted(tmp_path, [RIGHT], legacy=True)
    assert as_json(results)["scoring"] == "official"
    assert "defects included" in next(table_lines(results))
    assert "defects included" in report_page(results)


def test_the_page_shows_the_worst_first_and_says_how_many(tmp_path: Path) -> None:
    """Wrong answers stand before right ones, whatever their order in the file."""
    page = report_page(counted(tmp_path, [["0", "1", "5", "0", "1", "9"]]))
    assert re.findall(r'data-verdict="(\w+)', page) == ["wrong"] * 2 + ["right"] * 4
    assert "The 6 worst of 6 answers" in page


def test_the_page_holds_a_bounded_number_of_answers(tmp_path: Path) -> None:
    """As many of each model, a thousand characters of each text: a page stays a page."""
    page = report_page(counted(tmp_path, [["x" * 100_000] * 6] * 2))
    assert len(page) < 60_000


@pytest.mark.slow
def test_the_page_is_filtered_and_runs_nothing_foreign(tmp_path: Path) -> None:
    """In a real browser: filters by verdict, model and words; a script in an answer is text; nothing is asked of anybody."""
    write_report(tmp_path / "out", counted(tmp_path, [RIGHT, [HOSTILE, "1", "7", "0", "1", "2"]]))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            page = browser.new_page()
            asked: list[str] = []
            errors: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: errors.append(message.text))
            page.goto((tmp_path / "out" / "report.html").as_uri())
            shown = page.locator("[data-verdict]:visible")
            assert (page.title(), shown.count(), len(asked), errors) == ("pixmo-count · pixmo eval task", 12, 1, [])
            page.select_option("[name=verdict]", "wrong")
            assert shown.count() == 2
            page.fill("[name=words]", "document.title")
            assert shown.count() == 1
            assert page.locator("#shown").inner_text() == "1 of 12 shown"
            page.select_option("[name=model]", "a")
            assert shown.count() == 0
        finally:
            browser.close()
