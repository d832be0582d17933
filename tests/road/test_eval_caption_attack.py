"""`pixmo eval caption` against hostile files, judges and habits: numbers stay right, and what is wrong is told in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server.chat import ChatServer
from tests.server.judge import Judge

pytestmark = pytest.mark.slow
MADE = ("results.json", "statements.parquet", "references.jsonl", "answers.jsonl", "eval.html")


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of these rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def predictions(path: Path, *captions: str) -> Path:
    """A caption of each picture, in the order of the pictures."""
    return jsonl(path, [{"id": str(n), "prediction": caption} for n, caption in enumerate(captions)])


def references(path: Path, *transcripts: str) -> Path:
    """A transcript of each picture."""
    return jsonl(path, [{"id": str(n), "transcripts": [text]} for n, text in enumerate(transcripts)])


def judge(server: ChatServer, models: list[str], refs: Path, out: Path, *more: str, code: int = 0, **env: str) -> str:
    """Runs it as a user would; what it said, after a look at how it ended."""
    command = [
        sys.executable, "-m", "pixmo", "eval", "caption", *models, "--references", str(refs), "-o", str(out), "--judge", "m",
        "--base-url", server.base_url, "--quiet", *more,
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OPENAI_API_KEY": ""} | env
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def results(out: Path) -> dict[str, Any]:
    """What was found."""
    return dict(json.loads((out / "results.json").read_text()))


def test_answers_of_others_in_a_shared_store_are_not_shipped(tmp_path):
    """answers.jsonl has the same bytes with a store that other evaluations filled as with one of its own; so have all other outputs."""
    refs = references(tmp_path / "refs.jsonl", "A dog. A cat.", "A hat. A cup.")
    secret = predictions(tmp_path / "secret.jsonl", "A secret dog.", "A secret hat.")
    ours = predictions(tmp_path / "ours.jsonl", "A dog. A tree.", "A hat.")
    home = {"PIXMO_HOME": str(tmp_path / "home")}
    with ChatServer(Judge(faults={"missing": 0.3})) as server:
        judge(server, [str(secret)], refs, tmp_path / "theirs", **home)
        judge(server, [str(ours)], refs, tmp_path / "shared", **home)
        judge(
            server, [str(ours)], refs, tmp_path / "shared", "--metrics", "recall", **home
        )  # another judging of the same folder
        judge(server, [str(ours)], refs, tmp_path / "shared", **home)
        told = tmp_path / "shared" / "answers.jsonl"
        judge(server, [str(ours)], refs, tmp_path / "alone", "--replay", "--answers", str(told))
    assert (tmp_path / "home" / "store").is_dir()
    assert "secret" not in told.read_text()
    for name in MADE:
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name
