"""`pixmo eval caption` against hostile files, judges and habits: numbers stay right, and what is wrong is told in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.server.chat import ChatServer, Reply
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


def test_models_stand_in_the_order_they_were_given(tmp_path):
    """Also when the first one lacks the first pictures: the others are compared with it, over the pictures both have, and each lack is told."""
    refs = references(tmp_path / "refs.jsonl", *["A dog. A cat."] * 8)
    every = [{"id": str(n), "prediction": "A dog." if n % 2 else "A dog. A cat."} for n in range(8)]
    with ChatServer(Judge()) as server:
        for first in range(0, 8, 2):  # whichever pictures the sample begins with
            part = jsonl(
                tmp_path / "part.jsonl", [row for row in every[:6] if row["id"] not in (str(first), str(first + 1))]
            )
            whole = jsonl(tmp_path / "whole.jsonl", every[:7])
            out = tmp_path / f"out{first}"
            told = judge(server, [f"part={part}", f"whole={whole}"], refs, out, "--allow-missing")
            found = results(out)
            assert [m["model"] for m in found["models"]] == ["part", "whole"]
            n = len(part.read_text().splitlines())
            assert [(m["pictures"], m["missing"]) for m in found["models"]] == [(n, 8 - n), (7, 1)]
            assert found["missing"] == 9 - n
            assert "difference to part" in told
            assert {d["difference"]["pictures"] for d in found["differences"]} == {n}
            assert {d["difference"]["value"] for d in found["differences"]} == {
                0.0
            }  # over common pictures they are the same


def test_statements_of_people_that_fail_are_told(tmp_path):
    """Recall is of the other pictures then, and a line says of how many it is not."""
    refs = references(tmp_path / "refs.jsonl", "A dog.", "A cat.", "A fox.")
    models = [str(predictions(tmp_path / "p.jsonl", "A dog.", "A cat.", "A fox."))]
    rule = Judge()

    def fails(body: dict[str, Any]) -> str:
        return "no" if "A fox" in json.dumps(body) and "transcript_statements" in json.dumps(body) else rule(body)

    with ChatServer(fails) as server:
        told = judge(server, models, refs, tmp_path / "out")
    assert "pictures whose people's statements could not be made: 1; recall leaves them out" in told
    assert results(tmp_path / "out")["models"][0]["metrics"]["recall"]["pictures"] == 2


def test_what_may_pass_is_asked_again_by_the_command_that_is_told(tmp_path):
    """A judge that is down for a while: exit code 3, `pixmo retry` and the same command, and the numbers are there."""
    refs = references(tmp_path / "refs.jsonl", "A dog.", "A cat.")
    models = [str(predictions(tmp_path / "p.jsonl", "A dog.", "A cow."))]
    out = tmp_path / "out"
    with ChatServer(Judge(), shares={"500": 1.0}) as server:
        told = judge(server, models, refs, out, "--chat-retries", "0", code=3)
        assert f"pixmo retry {out}, then this command once more" in told
        server.shares = {}
        subprocess.run([sys.executable, "-m", "pixmo", "retry", str(out)], check=True, capture_output=True)
        judge(server, models, refs, out)
    assert results(out)["models"][0]["metrics"]["recall"]["value"] == 0.5


def test_another_list_in_the_same_folder_is_refused_with_a_remedy(tmp_path):
    """In one line that says what differs, and nothing that a shell would not take."""
    refs = references(tmp_path / "refs.jsonl", "A dog.")
    with ChatServer(Judge()) as server:
        judge(server, [str(predictions(tmp_path / "p.jsonl", "A dog."))], refs, tmp_path / "out")
        before = {name: (tmp_path / "out" / name).read_bytes() for name in MADE}
        told = judge(server, [str(predictions(tmp_path / "q.jsonl", "A cow."))], refs, tmp_path / "out", code=2)
    assert "choose another folder" in told
    assert "(" not in told
    assert before == {name: (tmp_path / "out" / name).read_bytes() for name in MADE}


def test_an_estimate_leaves_out_what_is_not_sent(tmp_path):
    """Empty captions and a megabyte are not asked about: tokens told before are within 10 % of those taken all the same."""
    facts = [f"A thing of kind {n} lies here." for n in range(60)]
    refs = references(tmp_path / "refs.jsonl", *(" ".join(facts[n : n + 3]) for n in range(50)), "x" * 10**6)
    captions = ["" if n % 3 == 1 else " ".join(facts[n : n + 2]) for n in range(49)] + ["y" * 10**6, "A dog."]
    models = [str(predictions(tmp_path / "p.jsonl", *captions))]
    with ChatServer(Judge()) as server:
        told = json.loads(judge(server, models, refs, tmp_path / "out", "--dry-run", "--json"))
        judge(server, models, refs, tmp_path / "out")
        took = server.tokens()
    assert told["tokens_in"] == pytest.approx(took[0], rel=0.1)
    assert told["tokens_out"] == pytest.approx(took[1], rel=0.1)


def test_questions_asked_once_more_are_retried_too(tmp_path):
    """A verdict that was missing and whose second question failed on the way is there after `pixmo retry`; nothing else is asked again."""
    refs = references(tmp_path / "refs.jsonl", "A dog. A cat.", "A hat. A cup.")
    models = [str(predictions(tmp_path / "p.jsonl", "A dog.", "A cup."))]
    rule, out = Judge(), tmp_path / "out"

    def forgets(body: dict[str, Any]) -> str:
        told = json.loads(rule(body))
        if len(told.get("verdicts", ())) > 1:
            told["verdicts"].pop()
        return json.dumps(told)

    def is_second(body: dict[str, Any]) -> bool:
        return '"recall"' in json.dumps(body) and '"s1"' not in body["messages"][1]["content"]

    class Breaking(ChatServer):
        is_down = True

        def reply(self, body: dict[str, Any], fault: str = "ok") -> Reply:
            return super().reply(body, "500" if self.is_down and is_second(body) else fault)

    with Breaking(forgets) as server:
        judge(server, models, refs, out, "--chat-retries", "0", code=3)
        assert results(out)["models"][0]["verdicts"]["recall"]["unscored"] == 2
        server.is_down, before = False, len(server.log)
        subprocess.run([sys.executable, "-m", "pixmo", "retry", str(out)], check=True, capture_output=True)
        judge(server, models, refs, out)
        assert len(server.log) - before == 2
    assert results(out)["models"][0]["verdicts"]["recall"] == {"no": 2, "yes": 2}
