"""Gold tasks stay what they are: apart from ordinary ones, out of all lists, whatever the lists say at the next start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.serving import Caller, Served, annotator, make_pictures

SIZE = {"width_px": 640, "height_px": 480}
QUESTION = {"question": "Red?", "answer": "Yes."}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A list that asks of two pictures; `gold.jsonl` beside it knows the answer of the first."""
    folder = make_pictures(tmp_path / "pictures")
    lines = [{"image": name, "question": "Red?", "label": "cats"} for name in ("a.png", "b.jpg")]
    (folder / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    known = lines[0] | {"answer": "Yes.", "right": True, "points": [[50, 50]]}
    (folder / "gold.jsonl").write_text(json.dumps(known) + "\n")
    return folder


def serve(images: Path, kind: str, *, gold: bool) -> Served:
    options = ("--gold", str(images / "gold.jsonl"), "--gold-rate", "0.5") if gold else ()
    return Served(images / "list.jsonl", images.parent / "out", "--annotators", "anna", *options, kind=kind)


def page_of_owner(served: Served) -> bytes:
    me = Caller(served.port)
    me.enter(served.links["owner"])
    answer = me.ask("GET", "")
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize(("kind", "value"), [("points", {"points": [[1, 1]], **SIZE}), ("qa", QUESTION)])
def test_a_task_that_becomes_gold_keeps_what_was_given_before(images: Path, kind: str, value: dict[str, Any]) -> None:
    """It stays in the list, and does not count as a test that somebody passed."""
    with serve(images, kind, gold=False) as served:
        anna = annotator(served, "anna")
        assert anna.submit(anna.picture() or 0, **value).status == 200
        served.stop()
    with serve(images, kind, gold=True) as served:
        assert b"% of" not in page_of_owner(served)
        served.stop()
    assert [row["image_path"] for row in served.rows(f"{kind}.jsonl")] == ["../pictures/a.png"]


@pytest.mark.parametrize(("kind", "value"), [("points", {"points": [[1, 1]], **SIZE}), ("qa", QUESTION)])
def test_a_task_that_is_gold_no_more_is_asked_anew(images: Path, kind: str, value: dict[str, Any]) -> None:
    """What was given to the gold task is never handed on; it still counts for how people did."""
    with serve(images, kind, gold=True) as served:
        anna = annotator(served, "anna")
        for _ in range(2):  # b.jpg, and the gold task
            assert anna.submit(anna.picture() or 0, **value).status == 200
        assert anna.picture() is None
        served.stop()
    assert [row["image_path"] for row in served.rows(f"{kind}.jsonl")] == ["../pictures/b.jpg"]
    with serve(images, kind, gold=False) as served:
        assert [row["image_path"] for row in served.rows(f"{kind}.jsonl")] == ["../pictures/b.jpg"]
        assert b"% of 1" in page_of_owner(served)
        anna = annotator(served, "anna")
        assert anna.submit(anna.picture() or 0, **value).status == 200
        served.stop()
    assert [row["image_path"] for row in served.rows(f"{kind}.jsonl")] == ["../pictures/a.png", "../pictures/b.jpg"]


def test_gold_tasks_are_in_no_list_of_skips(images: Path) -> None:
    """A list that names them would tell which they are; of the others it says what was asked."""
    with serve(images, "points", gold=True) as served:
        anna = annotator(served, "anna")
        while picture := anna.picture():
            assert anna.post("skip", picture=picture, reason="unsure").status == 200
        served.stop()
    (line,) = served.rows("skips.jsonl")
    assert (line["image"], line["label"], line["reason"]) == ("../pictures/b.jpg", "cats", "unsure")
