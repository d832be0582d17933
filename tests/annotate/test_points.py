"""What a server of points takes, and what it makes of it: by plain HTTP, against the real command."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image

import pixmo
from pixmo.ids import digest
from pixmo.records.points import Points
from tests.annotate.serving import Caller, Served, annotator, make_pictures

SIZE: dict[str, Any] = {"width_px": 640, "height_px": 480}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "pictures")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def serve(images: Path, out: Path, *options: str) -> Served:
    return Served(images, out, "--annotators", "anna,ben", *options, kind="points")


def owner(served: Served) -> Caller:
    caller = Caller(served.port)
    caller.enter(served.links["owner"])
    return caller


def test_what_people_point_at_is_typed_rows(images: Path, out: Path) -> None:
    """`pixmo.load` reads them: percent of the upright picture, with its digest and size; whose, under which consent, by pseudonym."""
    with serve(images, out, "--labels", "cats, dogs") as served:
        anna = annotator(served, "anna")
        first = anna.picture() or 0
        assert anna.submit(first, points=[[25, 75], [50.12345678, 0]], **SIZE).status == 200
        assert anna.submit(anna.picture() or 0, points=[], **SIZE).status == 200
        served.stop()
    rows = pixmo.load(out / "points.parquet")
    records = [record for row in rows for record in row.records]
    assert [type(r) for r in records] == [Points, Points]
    cats, dogs = records
    assert isinstance(cats, Points)
    assert isinstance(dogs, Points)
    assert (cats.label, dogs.label) == ("cats", "dogs")
    assert [(p.x, p.y) for p in cats.points] == [(25, 75), (50.1235, 0)]
    assert (dogs.points, dogs.count, str(dogs.unit), str(dogs.orientation)) == ((), 0, "percent", "upright")
    assert cats.image_sha256 == digest((images / "a.png").read_bytes())
    assert (cats.image_width_px, cats.image_height_px) == (640, 480)
    assert [list(r.findings()) for r in (cats, dogs)] == [[], []]
    lines = [json.loads(line) for line in (out / "points.jsonl").read_text().splitlines()]
    assert [line["image_path"] for line in lines] == ["../pictures/a.png"] * 2
    assert {line["annotator"][:2] for line in lines} == {"p-"}
    assert lines == pq.read_table(out / "points.parquet").to_pylist()


def test_the_same_submission_twice_is_one(images: Path, out: Path) -> None:
    """By its token, as a browser sends it that did not hear the answer; another one of the same task comes too late."""
    with serve(images, out, "--labels", "cats") as served:
        anna, token = annotator(served, "anna"), secrets.token_hex(16)
        picture = anna.picture() or 0
        for _ in range(3):
            assert anna.submit(picture, token, points=[[1, 2]], **SIZE).status == 200
        assert anna.submit(picture, points=[[3, 4]], **SIZE).status == 409
        assert anna.submit(picture + 1, token, points=[[3, 4]], **SIZE).status == 409
        served.stop()
    assert [row["points"] for row in served.rows("points.jsonl")] == [[{"x": 1, "y": 2}]]


def test_a_power_cut_takes_back_nothing_that_was_acknowledged(images: Path, out: Path) -> None:
    """Though the list may be older: it is written again at the next start."""
    with serve(images, out, "--labels", "cats") as served:
        anna = annotator(served, "anna")
        for n in range(3):
            assert anna.submit(anna.picture() or 0, points=[[n, n]], **SIZE).status == 200
        served.kill()
        served.start()
        assert [row["points"][0]["x"] for row in served.rows("points.jsonl")] == [0, 1, 2]
        assert anna.picture() is None


@pytest.mark.parametrize(
    "value",
    [
        {"points": "all"}, {"points": None}, {"points": [[1]]}, {"points": [[1, 2, 3]]}, {"points": [["1", 2]]}, {"points": [[True, 2]]},
        {"points": [[-0.1, 2]]}, {"points": [[1, 100.1]]}, {"points": [[1, float("nan")]]}, {"points": [[1, 2]] * 2001},
        {"points": [[1, 10**400]]}, {}, {"points": [[1, 2]], "width_px": 480, "height_px": 640},
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_no_points_is_refused(images: Path, out: Path, value: dict[str, Any]) -> None:
    """Also those of a browser that shows the picture otherwise; the task stays open."""
    with serve(images, out, "--labels", "cats") as served:
        anna = annotator(served, "anna")
        picture = anna.picture() or 0
        assert anna.submit(picture, **(SIZE | value)).status in (400, 422)
        assert anna.picture() == picture


def test_a_list_says_what_to_point_at(images: Path, out: Path) -> None:
    """CSV or JSONL beside its pictures; without a label people write it, and must."""
    path = images / "list.csv"
    path.write_text("image,label\na.png,red things\nb.jpg,\nnone.png,x\n")
    with serve(path, out) as served:
        anna = annotator(served, "anna")
        assert b"red things" in anna.ask("GET", "").body
        anna.submit(anna.picture() or 0, points=[], label="another", **SIZE)
        picture = anna.picture() or 0
        assert anna.submit(picture, points=[], label=" ", **SIZE).status == 400
        assert anna.submit(picture, points=[], label="the sky ", **SIZE).status == 200
        told = served.stop()[1]
    assert [row["label"] for row in served.rows("points.jsonl")] == ["red things", "the sky"]
    assert "line 4" in told
    assert "none.png" in told


def test_two_annotators_agree_as_far_as_they_do(images: Path, out: Path) -> None:
    """F1 of points matched within a share of the diagonal, and the counts, on the owner's page and in agreement.json."""
    with serve(images, out, "--labels", "cats", "--per-picture", "2") as served:
        given = {
            "anna": [[[10, 10], [50, 50]], [], [[1, 1]]],
            "ben": [[[11, 10], [90, 90], [50, 51]], [], []],
        }
        for name, tasks in given.items():
            person = annotator(served, name)
            for points in tasks:
                assert person.submit(person.picture() or 0, points=points, **SIZE).status == 200
        page = owner(served).ask("GET", "").body
        served.stop()
    told = json.loads((out / "agreement.json").read_text())
    assert [(t["f1"], t["counts"], t["matched"]) for t in told["tasks"]] == [
        (0.0, [1, 0], 0), (0.8, [2, 3], 2), (1.0, [0, 0], 0),
    ]  # fmt: skip
    assert told["pairs"] == 3
    assert told["f1"] == pytest.approx(0.6)
    assert told["same_count"] == pytest.approx(1 / 3, abs=1e-4)
    assert b"0.60" in page
    assert b"Where they agree least" in page


def test_the_owner_accepts_corrects_and_sends_back(images: Path, out: Path) -> None:
    """The oldest first; a correction stands in the place of what was given, and what was sent back leaves the list until it is better."""
    with serve(images, out, "--labels", "cats") as served:
        anna, me = annotator(served, "anna"), owner(served)
        for n in range(3):
            anna.submit(anna.picture() or 0, points=[[n, n]], **SIZE)
        for answer, told in enumerate(
            (
                {"verdict": "accept"},
                {"verdict": "correct", "points": [[9, 9]], **SIZE},
                {"verdict": "back", "note": "one more"},
            ),
            1,
        ):
            assert f'data-answer="{answer}"'.encode() in me.ask("GET", "review").body
            assert me.post(f"review/{answer}", **told).status == 200
            assert me.post(f"review/{answer}", **told).status == 409
        assert b"Nothing to review" in me.ask("GET", "review").body
        body = anna.ask("GET", "").body
        assert b"one more" in body
        assert b"[[2.0, 2.0]]" in body
        served.stop()
        assert [(r["review"], r["points"][0]["x"]) for r in served.rows("points.jsonl")] == [
            ("accepted", 0),
            ("corrected", 9),
        ]
        served.start()
        anna.submit(anna.picture() or 0, points=[[7, 7]], **SIZE)
        assert b'data-answer="4"' in me.ask("GET", "review").body
        served.stop()
    assert [r["points"][0]["x"] for r in served.rows("points.jsonl")] == [0, 9, 7]


def test_only_the_owner_reviews(images: Path, out: Path) -> None:
    """Whatever an annotator asks for; and a verdict needs its reason."""
    with serve(images, out, "--labels", "cats") as served:
        anna, me = annotator(served, "anna"), owner(served)
        anna.submit(anna.picture() or 0, points=[[1, 1]], **SIZE)
        for path in ("review", "pictures/1"):
            assert anna.ask("GET", me.room + path).status in (403, 404)
        assert anna.post(me.room + "review/1", verdict="accept").status == 403
        for told in ({"verdict": "back"}, {"verdict": "burn"}, {}):
            assert me.post("review/1", **told).status == 400
        assert me.post("review/9", verdict="accept").status == 404
        assert me.ask("GET", "pictures/1").status == 200


def test_gold_tasks_are_mixed_in_and_never_in_the_list(images: Path, out: Path, tmp_path: Path) -> None:
    """At their rate, to everybody; the owner sees how people did, and they are told where that was wished."""
    for n in range(8):
        Image.new("RGB", (640, 480), (n * 20, 0, 0)).save(images / f"more-{n}.png")
    gold = tmp_path / "gold.jsonl"
    gold.write_text(
        '{"image": "a.png", "label": "gold", "points": [[50, 50], [20, 20]]}\n{"image": "b.jpg", "label": "none", "points": []}\n'
    )
    options = ("--labels", "cats", "--gold", str(gold), "--gold-rate", "0.25", "--gold-feedback")
    with serve(images, out, *options) as served:
        anna, heard = annotator(served, "anna"), []
        for n in range(8):
            answer = anna.submit(anna.picture() or 0, points=[[50, 50]], **SIZE)
            assert answer.status == 200
            heard += [(n, answer.json["feedback"])] if answer.json else []
        page = owner(served).ask("GET", "").body
        served.stop()
    assert heard == [(1, "This one was known: you scored 67%."), (5, "This one was known: you scored 0%.")]
    assert b"33% of 2" in page
    assert len(served.rows("points.jsonl")) == 6
    assert {row["label"] for row in served.rows("points.jsonl")} == {"cats"}


def test_withdrawing_takes_submissions_out(images: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the lists and the database, with name and link; the others' stay, and the tasks are given out again."""
    with serve(images, out, "--labels", "a secret label", "--per-picture", "2") as served:
        for name in ("anna", "ben"):
            person = annotator(served, name)
            person.submit(person.picture() or 0, points=[[1, 1]], **SIZE)
        served.stop()
    key = served.links["anna"].rpartition("/")[2]
    pseudonym = {row["annotator"] for row in served.rows("points.jsonl")}
    assert pixmo_run("annotate", "withdraw", str(out), "anna") == 0
    assert "1 submission of p-" in capsys.readouterr().out
    (left,) = served.rows("points.jsonl")
    (gone,) = pseudonym - {left["annotator"]}
    assert pq.read_table(out / "points.parquet")["annotator"].to_pylist() == [left["annotator"]]
    assert json.loads((out / "agreement.json").read_text())["pairs"] == 0
    everything = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert key.encode() not in everything
    assert everything.count(gone.encode()) == 2  # that there was somebody: the row and its index


def pixmo_run(*words: str) -> int:
    from pixmo.cli import run

    return run(list(words))


def test_hostile_labels_are_text(images: Path, out: Path) -> None:
    """In pages, attributes and lists."""
    evil = "\"><script>alert(1)</script>'\u202e\x00"
    path = images / "list.jsonl"
    path.write_text(json.dumps({"image": "a.png", "label": evil}) + "\n")
    with serve(path, out) as served:
        anna, me = annotator(served, "anna"), owner(served)
        assert b"<script>a" not in anna.ask("GET", "").body
        assert anna.submit(anna.picture() or 0, points=[[1, 1]], **SIZE).status == 200
        for page in ("", "review"):
            assert b"<script>a" not in me.ask("GET", page).body
        served.stop()
    assert served.rows("points.jsonl")[0]["label"] == evil


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--labels", ","], "--labels"), (["--gold", "none.csv"], "none.csv"), (["--gold", "bad.jsonl"], "in percent"),
        (["--gold-rate", "0.9"], "--gold-rate"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_told(
    images: Path,
    tmp_path: Path,
    options: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one line, before anything is made."""
    monkeypatch.chdir(tmp_path)
    Path("bad.jsonl").write_text('{"image": "a.png", "label": "x", "points": [[1, 200]]}')
    assert pixmo_run("annotate", "points", "pictures", "out", "--port", "0", *options) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert told in said
    assert not Path("out").exists()


def test_a_folder_of_one_kind_is_not_taken_for_another(
    images: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which it is."""
    with serve(images, out, "--labels", "cats") as served:
        served.stop()
    assert pixmo_run("annotate", "speech", str(images), str(out), "--port", "0") == 2
    assert "was begun by `pixmo annotate points`" in capsys.readouterr().err
