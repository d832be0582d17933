"""`pixmo predict` as people and machines call it, and what evaluators say to its files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pixmo.cli import run
from pixmo.cli.predict import Bar, placed
from pixmo.errors import BadSetting
from pixmo.predict.settings import Effort
from pixmo.predict.work import Done
from tests.predict.material import checkpoint, picture, pictures, told
from tests.server.chat import ChatServer
from tests.server.judge import Judge

HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def molmo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Molmo of 2024."""
    return checkpoint(tmp_path_factory.mktemp("molmo") / "tiny")


def listed(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A list beside a picture for each of its rows."""
    for number, row in enumerate(rows):
        (folder / f"{number}.png").write_bytes(picture(number))
        row["image"] = f"{number}.png"
    (folder / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "list.jsonl"


def predicted(data: Path, out: Path, model: Path, task: str, *more: str) -> int:
    """A run with short answers."""
    argv = ["predict", str(data), str(out), "--model", str(model), "--task", task, "--max-new-tokens", "5", *more]
    return run(argv)


def test_what_was_done_is_told(tmp_path: Path, molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, answers, what was left out and why, and where to look."""
    data, out = pictures(tmp_path / "data", 3), tmp_path / "out"
    (data / "bad.png").write_bytes(b"")
    assert predicted(data, out, molmo, "caption") == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"{out}: 4 rows, 3 new answers, 1 left out",
        f"left out, as told in {out / 'left-out.jsonl'}:",
        "  its picture does not decode: empty",
        f"look at {out / 'predictions.json'}",
    ]
    assert printed.err == ""
    assert predicted(data, out, molmo, "caption") == 0
    assert capsys.readouterr().out.startswith(f"{out}: 4 rows, 0 new answers, 3 there before, 1 left out\n")


def test_results_for_machines(tmp_path: Path, molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints the summary as one object."""
    data, out = pictures(tmp_path / "data", 2), tmp_path / "out"
    assert predicted(data, out, molmo, "caption", "--json", "--batch-size", "1") == 0
    assert json.loads(capsys.readouterr().out) == {
        "out": str(out), "rows": 2, "answers": 2, "before": 0, "left_out": 0, "tokens": 10, "is_published": True,
    }  # fmt: skip


def test_a_wrong_request_is_told_in_one_line(tmp_path: Path, molmo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2."""
    assert predicted(pictures(tmp_path / "data", 1), tmp_path / "out", molmo, "answer") == 2
    assert capsys.readouterr().err == (
        "pixmo: data: no column question or query says what to ask for task answer; ask every row the same with --prompt\n"
    )


@pytest.mark.slow
def test_captions_are_judged_as_they_are(tmp_path: Path, molmo: Path) -> None:
    """`pixmo eval caption` takes OUT, ties its rows to the references by address, and has no row without a partner."""
    rows = [{"image_url": f"https://example.org/{n}", "transcripts": [f"A dog and {n} cats."]} for n in range(3)]
    data, out = listed(tmp_path, rows), tmp_path / "out"
    assert predicted(data, out, molmo, "caption", "--quiet") == 0
    with ChatServer(Judge()) as server:
        argv = [
            "eval", "caption", str(out), "--references", str(data), "-o", str(tmp_path / "judged"), "--judge", "m",
            "--base-url", server.base_url, "--quiet",
        ]  # fmt: skip
        assert run(argv) == 0
    (model,) = json.loads((tmp_path / "judged" / "results.json").read_text())["models"]
    assert (model["pictures"], model["missing"]) == (3, 0)


@pytest.mark.parametrize(
    ("task", "benchmark", "columns"),
    [
        ("count", "pixmo-count", {"label": "cups", "count": 3}),
        ("point", "points-eval", {"label": "cups", "points": [[10.0, 20.0]], "masks": [{"size": [2, 2], "counts": [0, 4]}]}),
        ("answer", "docvqa", {"question": "What is it?", "answers": ["a cup"]}),
        ("answer", "vqa2", {"question_id": None, "question": "What is it?", "answers": ["a cup"] * 10}),
    ],
)  # fmt: skip
def test_answers_are_scored_as_they_are(
    task: str, benchmark: str, columns: dict[str, Any], tmp_path: Path, molmo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pixmo eval task` ties predictions.json to the list that was asked about, with no column renamed."""
    rows = [columns | ({"question_id": n} if "question_id" in columns else {}) for n in range(3)]
    data, out = listed(tmp_path, rows), tmp_path / "out"
    assert predicted(data, out, molmo, task) == 0
    capsys.readouterr()
    argv = [
        "eval",
        "task",
        benchmark,
        str(out / "predictions.json"),
        "--truth",
        str(data),
        "--samples",
        "100",
        "--json",
    ]
    assert run(argv) == 0
    scored = json.loads(capsys.readouterr().out)["models"]["predictions"]
    assert (scored["answers"], scored["missing"], scored["empty"]) == (3, 0, 0)


def test_points_are_read_from_answers(tmp_path: Path, molmo: Path) -> None:
    """Of the tasks that point, predictions have the points in percent and how many there are."""
    data = listed(tmp_path, [{"label": "cups"}])
    assert predicted(data, tmp_path / "out", molmo, "point") == 0
    (row,) = told(tmp_path / "out")
    assert (row["label"], row["points"], row["count"]) == ("cups", [], 0)


def test_ranks_of_torchrun_are_taken() -> None:
    """RANK and WORLD_SIZE choose the share, LOCAL_RANK the GPU, unless options do."""
    torchrun = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}
    assert placed(Effort(device=("cuda",)), torchrun, lambda name: False) == Effort(
        device=("cuda:1",), rank=5, world_size=8
    )
    given = Effort(device=("cuda:3",), rank=0, world_size=2)
    assert placed(given, torchrun, lambda name: name in ("rank", "world_size")) == given
    assert placed(Effort(device=("cpu",)), {}, lambda name: False) == Effort(device=("cpu",))
    with pytest.raises(BadSetting, match="RANK in the environment is 'x'"):
        placed(Effort(), {"RANK": "x", "WORLD_SIZE": "2"}, lambda name: False)


@pytest.mark.slow
def test_three_processes_publish_what_one_does(tmp_path: Path, molmo: Path) -> None:
    """At the same time, as torchrun starts them: one of them finds all shares and publishes."""
    data = pictures(tmp_path / "data", 8)
    argv = [sys.executable, "-m", "pixmo", "predict", str(data), str(tmp_path / "three"), "--model", str(molmo)]
    argv += ["--task", "caption", "--max-new-tokens", "5", "--json"]
    shared = os.environ | {"PYTHONPATH": str(HOUSE), "WORLD_SIZE": "3", "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(argv, env=shared | {"RANK": str(rank)}, stdout=subprocess.PIPE, text=True) for rank in range(3)
    ]
    printed = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert [json.loads(text)["rows"] for text in printed] == [3, 3, 2]
    assert any(json.loads(text)["is_published"] for text in printed)
    assert predicted(data, tmp_path / "one", molmo, "caption") == 0
    for name in ("predictions.json", "predictions.meta.json"):
        assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_without_torch_the_extra_is_named(tmp_path: Path) -> None:
    """Help needs no torch; a run says in one line what installs it."""
    code = "import sys; sys.modules['torch'] = None; from pixmo.cli import main; main()"
    command = [sys.executable, "-c", code, "predict"]
    env = os.environ | {"PYTHONPATH": str(HOUSE)}
    helped = subprocess.run([*command, "--help"], env=env, capture_output=True, text=True, check=False)
    assert helped.returncode == 0
    assert "--max-new-tokens" in helped.stdout
    argv = [*command, str(tmp_path), str(tmp_path / "out"), "--model", "m", "--task", "caption"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "pixmo: predict needs an extra: pip install 'pixmo[molmo]'\n")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows done of how many, with the rate and the time left; nothing when it is to be quiet, and nothing at first."""
    clock = iter([0.0, 1.0, 3.0])
    monkeypatch.setattr("pixmo.cli.predict.monotonic", lambda: next(clock))
    stream = _Terminal()
    with Bar(False, stream) as bar:
        bar.show(Done(2, 10, 2, 12, 0))
        assert stream.getvalue() == ""
        bar.show(Done(4, 10, 4, 24, 0))
    assert "4/10" in stream.getvalue()
    assert "tokens=24" in stream.getvalue()


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for every batch; none when it is to be quiet."""
    clock = iter([0.0, 10.0, 20.0, 21.0])
    monkeypatch.setattr("pixmo.cli.predict.monotonic", lambda: next(clock))
    stream = io.StringIO()
    bar = Bar(False, stream)
    for rows in (2, 4, 5):
        bar.show(Done(rows, 10, rows, 12, 0))
    assert stream.getvalue() == "predict: 4/10 rows, 0.20/s, 30 s left\n"
