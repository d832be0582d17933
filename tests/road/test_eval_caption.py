"""The whole road from captions to numbers, offline: a judge by rule behind a loopback, numbers as computed by hand."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pixmo.judge.ai2_cache import ai2_file_names
from tests.server.chat import ChatServer
from tests.server.judge import Judge, facts_in

pytestmark = pytest.mark.slow
FACTS = [
    f"A {thing} stands near the {place}"
    for thing, place in zip(["cup", "dog", "hat", "car"], ["door", "wall", "road", "tree"], strict=True)
]
RESULTS = ("results.json", "statements.parquet", "references.jsonl")


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of these rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def url_of(n: int) -> str:
    """The address of a picture."""
    return f"http://pictures.test/{n}.jpg"


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, Path]:
    """(predictions, references) of eight pictures: each caption states two of four facts, one thing that somebody denied, one nobody knows."""
    references = [
        {"image_url": url_of(n), "transcripts": [f"{FACTS[0]} {n}. {FACTS[1]} {n}.", f"{FACTS[2]} {n}. {FACTS[3]} {n}. It is not: a red barn {n}."]}
        for n in range(8)
    ]  # fmt: skip
    said = [
        {
            "image_url": url_of(n),
            "prediction": f"{FACTS[0]} {n}. {FACTS[2]} {n}. A red barn {n}. The weather is fine {n}.",
        }
        for n in range(8)
    ]
    return jsonl(tmp_path / "captions.jsonl", said), jsonl(tmp_path / "refs.jsonl", references)


def words(server: ChatServer, data: tuple[Path, Path], out: Path, *more: str) -> list[str]:
    """What a user would type."""
    judge = ["--judge", "m", "--base-url", server.base_url, "--quiet"]
    return [
        sys.executable,
        "-m",
        "pixmo",
        "eval",
        "caption",
        f"captions={data[0]}",
        "--references",
        str(data[1]),
        "-o",
        str(out),
        *judge,
        *more,
    ]


def run(command: list[str], code: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs it; checks how it ended."""
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OPENAI_API_KEY": ""}, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def results(out: Path) -> dict[str, Any]:
    """What was found."""
    return dict(json.loads((out / "results.json").read_text()))


def values_of(out: Path, model: str = "captions") -> dict[str, float]:
    """The metrics of a model."""
    found = next(m for m in results(out)["models"] if m["model"] == model)
    return {name: number["value"] for name, number in found["metrics"].items()}


def test_the_numbers_are_those_computed_by_hand(data, tmp_path):
    """Of five human statements two are stated; of three that can be told two are consistent; cap-F1 is their harmonic mean."""
    with ChatServer(Judge()) as server:
        done = run(words(server, data, tmp_path / "out"))
    rows = pq.read_table(tmp_path / "out" / "data").to_pylist()
    assert {(len(r["reference_statements"]), len(r["statements"])) for r in rows} == {(5, 4)}
    # the fifth human statement, "It is not: a red barn", is in no caption; "the weather" cannot be told
    assert {(r["recall"], r["consistency"]) for r in rows} == {(2 / 5, 2 / 3)}
    found = values_of(tmp_path / "out")
    assert found["recall"] == pytest.approx(0.4)
    assert found["consistency"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["cap_f1"] == pytest.approx(2 * 0.4 * (2 / 3) / (0.4 + 2 / 3), abs=1e-6)
    assert "40.0" in done.stdout


def test_three_kills_ask_nothing_twice_and_change_no_byte(data, tmp_path):
    """SIGKILL in mid-run, three times: the same bytes as without, and repeats only of what was in flight."""
    with ChatServer(Judge(), latency_s=0.05) as server:
        run(words(server, data, tmp_path / "whole", "--repeats", "3", "--chat-concurrency", "2"))
        total = len(server.log)
    with ChatServer(Judge(), latency_s=0.05) as server:
        command = words(server, data, tmp_path / "killed", "--repeats", "3", "--chat-concurrency", "2")
        for nth in range(3):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while len(server.log) < total * (nth + 1) / 4 and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
        run(command)
        assert total <= len(server.log) <= total + 3 * 2
    for name in RESULTS:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name


def test_a_replay_needs_neither_key_nor_network(data, tmp_path):
    """With the answers of another run, in another folder and nobody there: the same bytes. Without them it ends in one line."""
    with ChatServer(Judge()) as server:
        first = words(server, data, tmp_path / "first")
        run(first)
    again = words(server, data, tmp_path / "again", "--replay", "--answers", str(tmp_path / "first" / "answers.jsonl"))
    run(again)
    for name in (*RESULTS, "answers.jsonl"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert "--replay asks nobody" in run(words(server, data, tmp_path / "none", "--replay"), 2).stderr


def test_references_are_frozen_and_used_again(data, tmp_path):
    """Statements built once are given to the next evaluation: nobody is asked for them, and the numbers are the same."""
    with ChatServer(Judge()) as server:
        run(words(server, data, tmp_path / "first"))
        asked = len(server.log)
        run(words(server, (data[0], tmp_path / "first" / "references.jsonl"), tmp_path / "second"))
        assert len(server.log) - asked == asked - 8
    assert values_of(tmp_path / "first") == values_of(tmp_path / "second")


def test_an_estimate_from_a_pilot_is_within_a_tenth(data, tmp_path):
    """On a server that counts characters, tokens in and out are each within 10 % of what the run took; the pilot is not asked again."""
    many = [
        {"image_url": url_of(n), "transcripts": [" ".join(f"{fact} {n}." for fact in FACTS * (1 + n % 4))]}
        for n in range(60)
    ]
    said = [
        {"image_url": url_of(n), "prediction": " ".join(f"{fact} {n}." for fact in FACTS[: 1 + n % 3])}
        for n in range(60)
    ]
    files = jsonl(tmp_path / "p.jsonl", said), jsonl(tmp_path / "r.jsonl", many)
    prices = ["--usd-per-mtok-in", "1", "--usd-per-mtok-out", "4"]
    with ChatServer(Judge()) as server:
        told = json.loads(run(words(server, files, tmp_path / "out", "--dry-run", "--json", *prices)).stdout)
        assert 12 <= len(server.log) <= 24
        run(words(server, files, tmp_path / "out", *prices))
        assert len(server.log) == 240
        took = [sum(seen.tokens_in for seen in server.log), sum(seen.tokens_out for seen in server.log)]
    assert told["tokens_in"] == pytest.approx(took[0], rel=0.1)
    assert told["tokens_out"] == pytest.approx(took[1], rel=0.1)


def test_two_models_are_compared(data, tmp_path):
    """NAME=PATH twice: both stand in one table, with the difference of each to the first."""
    better = [{"image_url": url_of(n), "prediction": " ".join(f"{fact} {n}." for fact in FACTS)} for n in range(8)]
    other = jsonl(tmp_path / "other.jsonl", better)
    with ChatServer(Judge()) as server:
        command = words(server, data, tmp_path / "out")
        at = command.index(f"captions={data[0]}")
        command[at : at + 1] = [f"first={data[0]}", f"second={other}"]
        done = run(command)
    assert "first" in done.stdout
    assert "second" in done.stdout
    assert values_of(tmp_path / "out", "second")["recall"] == pytest.approx(0.8)


def test_a_budget_is_not_passed(data, tmp_path):
    """Too little money for all: the run ends in one line, and what was charged is within it."""
    prices = ["--usd-per-mtok-in", "100", "--usd-per-mtok-out", "100"]
    with ChatServer(Judge()) as server:
        done = run(
            words(
                server,
                data,
                tmp_path / "out",
                *prices,
                "--budget-usd",
                "1.4",
                "--max-tokens",
                "100",
                "--chat-concurrency",
                "1",
            ),
            2,
        )
        charged = sum(seen.tokens_in + seen.tokens_out for seen in server.log) * 100 / 1e6
    assert 0 < charged <= 1.4
    assert "budget" in done.stderr


def test_missing_predictions_are_refused_or_told(data, tmp_path):
    """An error with how many and the first five; with --allow-missing the table and the results say so."""
    lines = data[0].read_text().splitlines()
    data[0].write_text("\n".join(lines[:2]) + "\n")
    with ChatServer(Judge()) as server:
        refused = run(words(server, data, tmp_path / "out"), 2)
        assert "6 of 8" in refused.stderr
        assert refused.stderr.count("http://pictures.test/") == 5
        done = run(words(server, data, tmp_path / "out", "--allow-missing"))
    assert "6" in done.stdout
    assert results(tmp_path / "out")["missing"] == 6


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--metrics", "recal"), "did you mean 'recall'"),
        (("--protocol", "ai3"), "ai3"),
        (("--repeats", "0"), "repeats"),
        (("--prompts", "nowhere.toml", "--protocol", "ai2"), "nowhere.toml"),
        (("--human", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--answers", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_a_wrong_request_is_one_line(data, tmp_path, more, says):
    """Before anything is asked."""
    with ChatServer(Judge()) as server:
        told = run(words(server, data, tmp_path / "out", *more), 2).stderr
        assert not server.log
    assert says in told
    assert len(told.strip().splitlines()) == 1


def test_references_without_transcripts_give_no_consistency(data, tmp_path):
    """Refused with the remedy, before anything is asked."""
    rows = [{**json.loads(line), "transcripts": []} for line in data[1].read_text().splitlines()]
    with ChatServer(Judge()) as server:
        told = run(words(server, (data[0], jsonl(data[1], rows)), tmp_path / "out"), 2).stderr
        assert not server.log
    assert "no picture of" in told
    assert "transcripts" in told


def test_a_picture_without_transcripts_is_told_and_spoils_nothing(data, tmp_path):
    """Its caption is outside both means; the table says so."""
    rows = [json.loads(line) for line in data[1].read_text().splitlines()]
    rows[3]["transcripts"] = []
    with ChatServer(Judge()) as server:
        told = run(words(server, (data[0], jsonl(data[1], rows)), tmp_path / "out")).stdout
    assert values_of(tmp_path / "out")["recall"] == pytest.approx(0.4)
    assert "outside every mean" in told


def test_no_judge_and_no_key_are_told_before_anything_is_read(data, tmp_path):
    """Each with its remedy."""
    command = [
        sys.executable,
        "-m",
        "pixmo",
        "eval",
        "caption",
        f"captions={data[0]}",
        "--references",
        str(data[1]),
        "-o",
        str(tmp_path / "out"),
    ]
    assert "--judge" in run(command, 2).stderr
    assert "OPENAI_API_KEY" in run([*command, "--judge", "m"], 2).stderr


def ai2_folder(folder: Path, references: Path) -> Path:
    """The same references as Ai2 lays them out: transcripts in one file, statements of people in one each."""
    (folder / "mturk-eval-statements").mkdir(parents=True)
    told = []
    for line in references.read_text().splitlines():
        row = json.loads(line)
        told.append({"image": row["image_url"], "transcripts": [{"whisperTranscript": t} for t in row["transcripts"]]})
        facts = "\n".join(f"{n}. {fact}" for n, fact in enumerate(facts_in(" ".join(row["transcripts"])), 1))
        name = hashlib.sha256(row["image_url"].encode()).hexdigest()
        (folder / "mturk-eval-statements" / f"{name}.json").write_text(json.dumps({"canonical_statements": facts}))
    (folder / "final-data.json").write_text(json.dumps(told))
    return folder


def test_an_evaluation_of_ai2s_script_is_replayed_from_its_cache(data, tmp_path):
    """Their layout, free text and cache: nobody is asked, and the numbers are those of the judge that answered then."""
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps([json.loads(line) for line in data[0].read_text().splitlines()]))
    files = predictions, ai2_folder(tmp_path / "dense-caption-eval", data[1])
    with ChatServer(Judge()) as server:
        run(words(server, files, tmp_path / "asked", "--protocol", "ai2"))
        bodies = [seen.body for seen in server.log]
    (cache := tmp_path / "gpt4-cache").mkdir()
    for body in bodies:
        completion = {
            "model": "m-0001",
            "choices": [{"message": {"content": Judge()(body)}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7},
        }
        (cache / ai2_file_names("m", body["messages"][0]["content"])[0]).write_text(json.dumps(completion))
    assert len(bodies) == 8 * 3
    run(words(server, files, tmp_path / "again", "--protocol", "ai2", "--replay", "--ai2-cache", str(cache)))
    assert values_of(tmp_path / "asked") == values_of(tmp_path / "again")
    assert values_of(tmp_path / "again")["recall"] == pytest.approx(0.4)
    assert results(tmp_path / "again")["models"][0]["ai2"]["avg"] == pytest.approx((40 + 200 / 3) / 2, abs=1e-4)


def test_captions_of_videos_are_judged_with_categories(tmp_path):
    """Statements of one human caption, each with a category; recall and consistency are told by category."""
    human = [{"video_id": f"v{n}", "caption": f"{FACTS[0]} {n}. {FACTS[1]} {n}."} for n in range(6)]
    said = [{"video_id": f"v{n}", "prediction": f"{FACTS[0]} {n}. {FACTS[3]} {n}."} for n in range(6)]
    files = jsonl(tmp_path / "p.jsonl", said), jsonl(tmp_path / "r.jsonl", human)
    with ChatServer(Judge()) as server:
        run(words(server, files, tmp_path / "out", "--video"))
    found = values_of(tmp_path / "out")
    assert (found["recall"], found["consistency"]) == (0.5, 0.5)
    assert results(tmp_path / "out")["models"][0]["categories"]


def test_evaluations_made_apart_are_compared_only_where_they_may_be(data, tmp_path):
    """Of one judge and the same references they stand in one table; of another judge they are refused by name."""
    with ChatServer(Judge()) as server:
        run(words(server, data, tmp_path / "one"))
        run([w.replace("captions=", "again=") for w in words(server, data, tmp_path / "two")])
        run([w if w != "m" else "n" for w in words(server, data, tmp_path / "other")])
    compare = [sys.executable, "-m", "pixmo", "eval", "compare"]
    told = run([*compare, str(tmp_path / "one"), str(tmp_path / "two")]).stdout
    assert "captions" in told
    assert "again" in told
    refused = run([*compare, str(tmp_path / "one"), str(tmp_path / "other")], 2).stderr
    assert "judge" in refused
    assert len(refused.strip().splitlines()) == 1


def test_references_that_say_nothing_are_refused(data, tmp_path):
    """Neither transcripts nor statements: there is nothing to recall, and no other metric is offered instead."""
    mute = jsonl(tmp_path / "mute.jsonl", [{"image_url": url_of(n), "transcripts": []} for n in range(8)])
    with ChatServer(answer=Judge()) as server:
        for metrics, says in (("recall", "nothing to recall; give references that have"), ("consistency", "against them; give references that have\n")):  # fmt: skip
            told = run(words(server, (data[0], mute), tmp_path / "judged", "--metrics", metrics), 2)
            assert (says in told.stderr, len(server.log)) == (True, 0)
