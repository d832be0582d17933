"""What points and questions share, against people who mean no good and machines that fail."""

from __future__ import annotations

import json
import resource
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pixmo.cli import run
from tests.annotate.serving import Caller, Served, annotator, make_pictures

SIZE: dict[str, Any] = {"width_px": 640, "height_px": 480}
VALUES = {"points": {"points": [[1, 2]], **SIZE}, "qa": {"question": "What?", "answer": "This."}}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A list that asks something of each of three pictures."""
    folder = make_pictures(tmp_path / "pictures")
    names = ("a.png", "b.jpg", "c.png")
    lines = [{"image": name, "question": "What?", "label": "cats"} for name in names]
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def serve(images: Path, out: Path, kind: str, *options: str) -> Served:
    return Served(images, out, "--annotators", "anna,ben", *options, kind=kind)


@pytest.mark.parametrize("kind", ["points", "qa"])
def test_others_tasks_rooms_and_tokens_are_out_of_reach(images: Path, out: Path, kind: str) -> None:
    """Nobody submits to, skips, sees or replays what was not given to them."""
    with serve(images, out, kind) as served:
        anna, ben = annotator(served, "anna"), annotator(served, "ben")
        mine, token = anna.picture() or 0, secrets.token_hex(16)
        theirs = ben.picture() or 0
        assert mine != theirs
        assert anna.submit(theirs, **VALUES[kind]).status == 409
        assert anna.submit(99, **VALUES[kind]).status == 404
        assert anna.post("skip", picture=theirs, reason="other").status == 409
        assert anna.ask("GET", f"pictures/{theirs}").status == 404
        assert anna.ask("POST", f"{ben.room}answers/{token}", b"{}").status == 403
        assert anna.submit(mine, token, **VALUES[kind]).status == 200
        assert ben.submit(mine, token, **VALUES[kind]).status == 409
        assert ben.submit(theirs, token, **VALUES[kind]).status == 200  # a token is one person's own
        served.stop()
    assert len(served.rows(f"{kind}.jsonl")) == 2


@pytest.mark.parametrize("kind", ["points", "qa"])
@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"[" * 100_000, b"1" * 10_000, b'{"picture": 1e999}', b'{"picture": {"a": 1}}', b"\xff", b"x" * 400_001,
        b'{"picture": PICTURE, "points": [], "width_px": "\\ud800", "height_px": [{}]}',
        b'{"picture": PICTURE, "points": [[1e999, 2]], "width_px": 640, "height_px": 480, "question": [], "answer": {}}',
        b'{"picture": PICTURE, "answer": "\\ud800", "question": 7, "draft": {}, "points": {}}',
    ],
    ids=lambda body: ascii(body[:60]),
)  # fmt: skip
def test_nonsense_is_refused(images: Path, out: Path, kind: str, body: bytes) -> None:
    """With a reason, whatever it is; the server goes on."""
    with serve(images, out, kind) as served:
        anna = annotator(served, "anna")
        picture = anna.picture() or 0
        answer = anna.ask("POST", f"answers/{secrets.token_hex(16)}", body.replace(b"PICTURE", b"%d" % picture))
        if answer.status != 200:  # a given question needs but an answer
            assert answer.status in (400, 413, 422)
            assert answer.json["error"]
            assert anna.submit(picture, **VALUES[kind]).status == 200
        assert served.stop()[1].startswith("pixmo: stopped")


@pytest.mark.parametrize("kind", ["points", "qa"])
def test_a_picture_that_is_gone_for_now_blocks_nothing(images: Path, out: Path, kind: str) -> None:
    """The submission is refused, not asked for again and again; when the picture is back it is taken."""
    with serve(images, out, kind) as served:
        anna = annotator(served, "anna")
        picture, path = anna.picture() or 0, images.parent / "a.png"
        data = path.read_bytes()
        path.unlink()
        assert anna.submit(picture, **VALUES[kind]).status == 422
        path.write_bytes(data)
        assert anna.submit(picture, **VALUES[kind]).status == 200


@pytest.mark.parametrize("kind", ["points", "qa"])
def test_one_server_at_a_time_and_no_withdrawal_meanwhile(
    images: Path, out: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are told in a line, and change nothing."""
    with serve(images, out, kind) as served:
        anna = annotator(served, "anna")
        assert anna.submit(anna.picture() or 0, **VALUES[kind]).status == 200
        for words in (
            ["annotate", kind, str(images), str(out), "--port", "0"],
            ["annotate", "withdraw", str(out), "anna"],
        ):
            assert run(words) == 2
            (said,) = capsys.readouterr().err.splitlines()
            assert str(out) in said
        served.stop()
    assert len(served.rows(f"{kind}.jsonl")) == 1


@pytest.mark.parametrize("kind", ["points", "qa"])
def test_check_finds_nothing_wrong_with_what_is_written(
    images: Path, out: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pixmo check` knows the Parquet file for what it is, also while it is empty; of JSON lines it is told."""
    with serve(images, out, kind) as served:
        assert run(["check", str(out / f"{kind}.parquet")]) == 0
        anna = annotator(served, "anna")
        while picture := anna.picture():
            assert anna.submit(picture, **VALUES[kind]).status == 200
        served.stop()
    for words in ([f"{kind}.parquet"], [f"{kind}.jsonl", "--as", kind]):
        assert run(["check", str(out / words[0]), *words[1:]]) == 0
        assert f"3 rows, 3 {kind} records: nothing is wrong" in capsys.readouterr().out


def test_a_correction_of_a_question_that_was_asked_by_the_list_counts(images: Path, out: Path) -> None:
    """The owner may mend it as well."""
    with serve(images, out, "qa") as served:
        anna, me = annotator(served, "anna"), Caller(served.port)
        me.enter(served.links["owner"])
        anna.submit(anna.picture() or 0, answer="A bus.")
        assert me.post("review/1", verdict="correct", question="What is it?", answer="A red bus.").status == 200
        served.stop()
    (row,) = served.rows("qa.jsonl")
    assert (row["question"], row["answer"], row["review"], row["source"]) == (
        "What is it?",
        "A red bus.",
        "corrected",
        "own",
    )


@pytest.mark.parametrize("kind", ["points", "qa"])
def test_a_full_disk_makes_people_wait(images: Path, out: Path, kind: str) -> None:
    """Nothing is half stored: what was refused is taken when there is room again, by the same token."""
    with serve(images, out, kind) as served:
        anna, token = annotator(served, "anna"), secrets.token_hex(16)
        picture = anna.picture() or 0
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        assert anna.submit(picture, token, **VALUES[kind]).status == 507
        assert anna.post("skip", picture=picture, reason="other").status == 507
        page = anna.ask("GET", "")
        assert (page.status, b"One moment" in page.body) == (503, True)
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert anna.submit(picture, token, **VALUES[kind]).status == 200
        assert "Traceback" not in served.stop()[1]
    assert len(served.rows(f"{kind}.jsonl")) == 1


@pytest.mark.parametrize("most_bytes", [0, 5000])
def test_beginning_on_a_full_disk_is_told(images: Path, out: Path, most_bytes: int) -> None:
    """In one line; with room the same command begins."""
    words = [sys.executable, "-m", "pixmo", "annotate", "points", str(images), str(out), "--port", "0"]
    full = f"import resource, sys, os; resource.setrlimit(resource.RLIMIT_FSIZE, ({most_bytes}, -1)); os.execv(sys.argv[1], sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", full, *words], capture_output=True, text=True, check=False)
    (said,) = done.stderr.splitlines()
    assert (done.returncode, "nothing is lost" in said) == (2, True), said
    with serve(images, out, "points") as served:
        assert annotator(served, "anna").picture() == 1
