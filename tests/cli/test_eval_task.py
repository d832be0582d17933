"""`pixmo eval task` as people and machines call it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pixmo.cli import run
from pixmo.evaluate.tasks.registry import TASKS
from tests.hub import Hub
from tests.pictures import png
from tests.road.lists import ADDRESSES
from tests.server.trouble import TroubleServer

QUICK = ["--samples", "200"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """VQA's annotations and the results of a model, as the challenge has them."""
    monkeypatch.chdir(tmp_path)
    answers = [{"answer": "red", "answer_id": n} for n in range(10)]
    annotations = [{"question_id": i, "image_id": i // 2, "answer_type": "other", "answers": answers} for i in range(4)]
    (tmp_path / "annotations.json").write_text(json.dumps({"annotations": annotations}), encoding="utf-8")
    results = [{"question_id": i, "answer": "red" if i else "blue"} for i in range(4)]
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return tmp_path


def test_official_files_are_scored_as_they_are(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Annotations and results of the VQA challenge: no column is renamed by hand."""
    assert run(["eval", "task", "vqa2", "results.json", "--truth", "annotations.json", *QUICK]) == 0
    assert "results  75.0" in capsys.readouterr().out


def test_results_are_written_and_printed_for_machines(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints what results.json holds; scores and a page stand beside it."""
    argv = ["eval", "task", "vqa2", "m=results.json", "--truth", "annotations.json", "-o", "out", "--json", *QUICK]
    assert run(argv) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((files / "out" / "results.json").read_text())
    assert printed["models"]["m"]["scores"]["vqa_score"]["value"] == 0.75
    assert {p.name for p in (files / "out").iterdir()} == {"results.json", "scores.parquet", "report.html"}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["vqa"], "no task named 'vqa'"),
        (["vqa2"], "no PREDICTIONS given for vqa2"),
        (["vqa2", "results.json"], "vqa2: its ground truth is in no catalog; give it with --truth FILE"),
        (["vqa2", "gone.json", "--truth", "annotations.json"], "gone.json: no such file"),
        (["vqa2", "results.json", "--truth", "annotations.json", "--samples", "5"], "--samples 5: from 100"),
        (["vqa2", "results.json", "--truth", "annotations.json", "--column", "text"], "no column text holds"),
        (["vqa2", "results.json", "--truth", "annotations.json", "--id", "imgid"], "share no column"),
        (["vqa2", "results.json", "--truth", "annotations.json", "--split", "val"], "--split val: only sets"),
    ],
)
def test_a_wrong_request_is_one_line(
    files: Path, capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    """Exit code 2, one line that says what to do, nothing written."""
    assert run(["eval", "task", *argv, "-o", "out"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (files / "out").exists()


def test_missing_predictions_are_allowed_when_asked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --allow-missing an error, with it a score that says what it leaves out."""
    (files / "some.jsonl").write_text('{"question_id": 1, "prediction": "red"}\n', encoding="utf-8")
    argv = ["eval", "task", "vqa2", "some.jsonl", "--truth", "annotations.json", *QUICK]
    assert run(argv) == 2
    assert "3 of 4 examples have no prediction" in capsys.readouterr().err
    assert run([*argv, "--allow-missing", "-o", "out"]) == 0
    assert "3 of 4 examples have no prediction and are left out" in capsys.readouterr().out
    told = json.loads((files / "out" / "results.json").read_text())
    assert (told["allow_missing"], told["models"]["some"]["missing"]) == (True, 3)
    assert "3 of 4 examples" in (files / "out" / "report.html").read_text()


def test_predictions_may_be_any_table(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON, CSV, Parquet and JSONL of the same answers score the same, and are the same answers."""
    rows: list[dict[str, Any]] = json.loads((files / "results.json").read_text())
    pq.write_table(pa.Table.from_pylist(rows), files / "b.parquet")
    (files / "c.csv").write_text("question_id,answer\n" + "".join(f"{r['question_id']},{r['answer']}\n" for r in rows))
    (files / "d.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    argv = [
        "eval",
        "task",
        "vqa2",
        "results.json",
        "b.parquet",
        "c.csv",
        "d.jsonl",
        "--truth",
        "annotations.json",
        "--json",
    ]
    assert run([*argv, *QUICK]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert len({json.dumps(model) for model in models.values()}) == 1
    assert len(models) == 4


def test_the_tasks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each; of one task, where each field is looked for; as JSON for machines."""
    assert run(["eval", "task", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(TASKS)
    assert run(["eval", "task", "ai2d", "--list"]) == 0
    assert "options  the options; needed; read from options or choices or option_names" in capsys.readouterr().out
    assert run(["eval", "task", "--list", "--json"]) == 0
    assert [task["name"] for task in json.loads(capsys.readouterr().out)] == list(TASKS)


def parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


@pytest.mark.slow
def test_sets_of_the_catalog_bring_their_own_truth(tmp_path: Path) -> None:
    """PixMo-Count's test split and PixMo-Points-eval are read from the Hub, units and masks as the catalog says; the commit is told."""
    picture = {"image_url": "https://example.org/1.jpg", "image_sha256": "0" * 64, "label": "cats"}
    mask = [[x > 4 for x in range(10)]] * 10  # the right half
    points = picture | {"points": [{"x": 80.0, "y": 50.0}], "masks": [mask]}
    said = tmp_path / "p.jsonl"
    said.write_text('{"image_url": "https://example.org/1.jpg", "prediction": "3"}\n', encoding="utf-8")
    pointed = tmp_path / "points.jsonl"
    answer = '<point x="70.0" y="20.0" alt="cats">cats</point>'
    pointed.write_text(json.dumps({"image_url": picture["image_url"], "label": "cats", "prediction": answer}) + "\n")
    with Hub() as hub:
        counts = {
            f"data/{split}.parquet": parquet([picture | {"count": n}])
            for split, n in [("train", 1), ("validation", 2), ("test", 3)]
        }
        commit = hub.add("allenai/pixmo-count", counts)
        hub.add("allenai/pixmo-points-eval", {"data/test.parquet": parquet([points])})
        found = [_told(hub, tmp_path, "pixmo-count", said), _told(hub, tmp_path, "points-eval", pointed)]
        other = _told(hub, tmp_path, "pixmo-count", said, "--split", "validation")
    count, pointing = found
    assert (count["truth"]["name"], count["truth"]["origin"]["revision"]) == ("count:test", commit)
    assert count["models"]["p"]["scores"]["correct"]["value"] == 1.0
    assert pointing["models"]["points"]["scores"]["f1"]["value"] == 1.0
    assert other["models"]["p"]["scores"]["correct"]["value"] == 0.0
    assert other["models"]["p"]["scores"]["close"]["value"] == 1.0


def _told(hub: Hub, home: Path, task: str, predictions: Path, *more: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "pixmo", "eval", "task", task, str(predictions), "--json", *QUICK, *more],
        env=hub.env(home / "hf"), cwd=home, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_finished_folder_is_ground_truth(tmp_path: Path) -> None:
    """What `pixmo download` made of points with masks scores answers about them, each annotation of a picture by its label."""
    mask = [[x > 4 for x in range(10)]] * 10  # the right half
    with TroubleServer(addresses=ADDRESSES[:1]) as host:
        host.pictures["1.png"] = png(1, (10, 10))
        url = host.url("/p/1.png")
        rows = [
            {"image_url": url, "label": name, "points": [{"x": x, "y": 50.0}], "masks": [mask]}
            for name, x in [("cat", 80.0), ("dog", 60.0)]
        ]
        (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        made = [
            "download",
            "list.jsonl",
            "out",
            "--as",
            "points",
            "--unit",
            "percent",
            "--allow-host",
            "127.0.0.0/8",
            "--n-proc",
            "1",
        ]
        _pixmo(tmp_path, *made, "--min-free-disk", "1MB", "--quiet")
    said = [
        {"image_url": url, "label": name, "prediction": f'<point x="{x}" y="20" alt="a">a</point>'}
        for name, x in [("cat", 70), ("dog", 20)]
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    told = json.loads(_pixmo(tmp_path, "eval", "task", "points-eval", "p.jsonl", "--truth", "out", "--json", *QUICK))
    assert (told["truth"]["examples"], told["truth"]["pictures"], told["truth"]["id"]) == (2, 1, ["image_url", "label"])
    assert told["models"]["p"]["scores"]["f1"]["value"] == 0.5


@pytest.mark.slow
def test_a_set_of_the_hub_is_ground_truth(tmp_path: Path) -> None:
    """Any set with the columns a task needs, by its name on the Hub; its pictures are passed over."""
    rows = [
        {"id": "a", "answer": "B", "image": {"bytes": b"x", "path": "a.jpg"}},
        {"id": "b", "answer": "left", "image": None},
    ]
    said = '{"id": "a", "prediction": "b"}\n{"id": "b", "prediction": "Left."}\n'
    (tmp_path / "p.jsonl").write_text(said)
    with Hub() as hub:
        hub.add("someone/world", {"data/test.parquet": parquet(rows)})
        told = _told(hub, tmp_path, "realworldqa", tmp_path / "p.jsonl", "--truth", "someone/world", "--split", "test")
    assert told["truth"]["name"] == "someone/world:test"
    assert told["models"]["p"]["scores"]["accuracy"]["value"] == 1.0


def _pixmo(folder: Path, *argv: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pixmo", *argv], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
