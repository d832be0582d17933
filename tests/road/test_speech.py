"""The whole road from speech to captions, offline: espeak-ng describes ten pictures, pocketsphinx hears, a model behind a loopback writes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pixmo
from tests.engines.speech.tiny import save_faster_whisper, save_whisper, tiny_whisper
from tests.pictures import png
from tests.server.chat import ChatServer
from tests.speech import encoded, looped, mumbled, part, say, silence
from tests.text.writer import answer

pytestmark = pytest.mark.slow
SAID = {
    "barn": (
        "There is a large red barn in the middle of a green field. Two brown cows stand in front of it.",
        "An old wooden building stands on a farm. The sky above it is blue with a few small clouds.",
    ),
    "boat": (
        "A small boat with a white sail is on the left side of the lake. The water is dark blue.",
        "Far away there are high mountains with snow. A man with a yellow hat is looking at them.",
    ),
    "dog": (
        "A brown dog is lying on the green grass in front of a white house. Two children sit beside the dog.",
        "It is a sunny day in summer. Behind the house there is a large tree with many leaves.",
    ),
    "street": (
        "Many people walk along a busy street in the evening. A yellow taxi waits at the corner.",
        "The lights of the shops are bright. A woman with a red umbrella stands near the door.",
    ),
    "table": (
        "Three green bottles and two glasses stand on a wooden table. A bowl of fruit is behind them.",
        "The wall in the background is gray and dark. Light comes from a window on the right side.",
    ),
    "train": (
        "A long black train is coming into the station from the right. Five men wait on the platform.",
        "White smoke rises into the air above the engine. A clock on the wall shows ten minutes past four.",
    ),
    "mountain": (
        "A high mountain with snow on the top is in the background. In front of it is a small village.",
        "The church has a pointed tower. A narrow road leads down the valley to the river.",
    ),
    "cat": (
        "A gray cat is sleeping on the back of a red sofa. The light comes from a window on the left.",
        "Two books and a cup stand on a low table. The floor is covered with a brown carpet.",
    ),
    "bridge": (
        "An old stone bridge crosses a wide river. Three white swans are swimming under the bridge.",
        "Trees with yellow leaves stand on both sides. A girl on a bicycle rides across the bridge.",
    ),
    "kitchen": (
        "A woman in a blue dress is standing in a bright kitchen. She is holding a cup of coffee.",
        "There are many plates on the shelf behind her. A small bird sits outside the open window.",
    ),
}
VOICES = (("en-us+klatt4", 130), ("en-us+f2", 120))
BAD = {  # file: the reason that must stand beside it
    "barn-silent.wav": "silent", "boat-short.wav": "too_short", "dog-loop.wav": "looping", "street-mumbled.wav": "too_quiet",
    "table-again.flac": "repeated", "train-page.mp3": "not_audio", "mountain-nothing.wav": "empty",
}  # fmt: skip
QUICK = (
    "--min-duration",
    "6",
    "--min-speech",
    "4",
    "--engine",
    "sphinx",
    "--min-caption-words",
    "5",
    "--quiet",
    "--min-free-disk",
    "1MB",
)


def recorded(folder: Path, *names: str) -> None:
    """Pictures with two good recordings each."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        (folder / f"{name}.png").write_bytes(png(seed))
        for n, (voice, speed) in enumerate(VOICES):
            (folder / f"{name}-{n + 1}.{'webm' if n else 'wav'}").write_bytes(
                encoded(say(SAID[name][n], voice, speed), "webm") if n else say(SAID[name][n], voice, speed)
            )


def spoilt(folder: Path) -> None:
    """The recordings of BAD."""
    first = say(SAID["table"][0], *VOICES[0])
    files = {
        "barn-silent.wav": silence(10), "boat-short.wav": part(say(SAID["boat"][0], *VOICES[0]), 0, 5),
        "dog-loop.wav": looped("there is a red car in front of the house", 6, "en-us+f2", 120),
        "street-mumbled.wav": mumbled(say(SAID["street"][0], *VOICES[0])), "table-again.flac": encoded(first, "flac"),
        "train-page.mp3": b"<!doctype html><title>Not found</title>", "mountain-nothing.wav": b"",
    }  # fmt: skip
    assert files.keys() == BAD.keys()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pixmo", *arguments]


def run(folder: Path, *arguments: str, code: int = 0, **env: str) -> str:
    done = subprocess.run(
        command(*arguments), cwd=folder, env=os.environ | env, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


FIRST_PERSON = re.compile(r"\b(i|i'm|i'll|i've|me|my|we|we're|we've|us|our|you)\b", re.IGNORECASE)


def writes(body: dict[str, Any]) -> str:
    """A faithful caption; what the recogniser took for words of the speaker's own is left out, as a model would."""
    told = json.loads(answer(body["messages"]))
    told["sentences"] = [s for s in told["sentences"] if not FIRST_PERSON.search(s["text"])] or told["sentences"]
    return json.dumps(told)


@pytest.fixture
def model() -> Iterator[ChatServer]:
    """Writes one faithful caption of the units it is shown."""
    with ChatServer(writes) as server:
        yield server


def told(folder: Path) -> dict[str, dict[str, Any]]:
    """The published rows by picture."""
    return {row["picture_file"]: row for row in pq.read_table(folder / "data").to_pylist()}


def test_ten_pictures_become_ten_captions_and_each_bad_recording_is_told_for_its_reason(
    tmp_path: Path, model: ChatServer
) -> None:
    """No good recording is lost; each sentence leads to the seconds it was said in; `datasets` reads the set as it is."""
    recorded(tmp_path / "talk", *SAID)
    spoilt(tmp_path / "talk")
    (tmp_path / "talk" / "alone.png").write_bytes(png(77))
    (tmp_path / "talk" / "nobody.wav").write_bytes(say("hello there"))
    shown = run(
        tmp_path, "caption", "talk", "out", *QUICK, "--model", "m", "--base-url", model.base_url, "--n-proc", "2"
    )
    rows = told(tmp_path / "out")
    assert set(rows) == {f"{name}.png" for name in SAID}
    for name, row in rows.items():
        heard = dict(zip(row["recording_file"], row["transcript_ok"], strict=True))
        assert heard == {f: f not in BAD for f in heard}, name
        assert len(row["transcripts"]) == 2
        assert row["caption_ok"]
        assert row["caption_by"] == "m-0001"
        for sentence in row["caption_sentences"]:
            assert sentence["spans"]
            for span in sentence["spans"]:
                assert row["transcripts"][span["transcript"]][span["start"] : span["end"]].strip()
                length = row["duration_s"][row["transcript_recording"][span["transcript"]]]
                assert 0 <= span["start_s"] < span["end_s"] <= length + 0.1
    reasons = {
        f: [*(row["recording_findings"][n] or ()), *(row["transcript_findings"][n] or ())]
        for row in rows.values() for n, f in enumerate(row["recording_file"]) if f in BAD
    }  # fmt: skip
    assert {f: BAD[f] in found for f, found in reasons.items()} == dict.fromkeys(BAD, True), reasons
    left = [json.loads(line) for line in (tmp_path / "out" / "left-out.jsonl").read_text().splitlines()]
    assert sum(line["left_out"] == "row" for line in left) == 2
    assert "alone.png: no recordings" in shown
    assert "nobody.wav" in shown
    assert model.times() == len(SAID)
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.num_rows == len(SAID)
    assert loaded[0]["image"].size
    assert isinstance(loaded[0]["transcripts"], list)
    records = [row.records[0] for row in pixmo.load(str(tmp_path / "out"))]
    assert {r.caption for r in records} == {row["caption"] for row in rows.values()}
    model.log.clear()
    run(tmp_path, "caption", "talk", "out", *QUICK, "--model", "m", "--base-url", model.base_url)
    assert model.times() == 0


def test_rules_write_without_a_model_and_say_so(tmp_path: Path) -> None:
    """One recording, no key, no network."""
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "dog.png").write_bytes(png(1))
    (tmp_path / "talk" / "dog.wav").write_bytes(say(SAID["dog"][0], *VOICES[0]))
    run(tmp_path, "caption", "talk", "out", *QUICK, "--writer", "rules")
    (row,) = told(tmp_path / "out").values()
    assert row["caption_by"] == "rules/1"
    assert row["caption"]


def test_a_withdrawn_voice_is_forgotten_everywhere(tmp_path: Path, model: ChatServer) -> None:
    """Recording, transcript and caption go; the caption is written anew from what the others said."""
    recorded(tmp_path / "talk", "dog", "cat")
    clips = {n: [f"{n}-1.wav", f"{n}-2.webm"] for n in ("dog", "cat")}
    lines = [
        {"image": f"{n}.png", "audio": a, "annotator": ["p-1", "p-2"], "consent": ["v1", "v1"]}
        for n, a in clips.items()
    ]
    (tmp_path / "talk" / "recordings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    asks = ("--model", "m", "--base-url", model.base_url)
    run(tmp_path, "caption", "talk", "out", *QUICK, *asks, "--audio")
    before = told(tmp_path / "out")
    assert len(list((tmp_path / "out" / "audio").iterdir())) == 4
    assert before["dog.png"]["recording_consent"] == ["v1", "v1"]
    run(tmp_path, "forget", "out", "--annotator", "p-1")
    after = told(tmp_path / "out")
    for name, row in after.items():
        assert row["transcripts"] == before[name]["transcripts"][1:]
        assert row["recording_outcome"] == ["forgotten", "ok"]
    assert len(list((tmp_path / "out" / "audio").iterdir())) == 2
    gone = [before[n]["transcripts"][0] for n in before]
    everything = b"".join(p.read_bytes() for p in (tmp_path / "out").rglob("*.json*"))
    assert not any(text.encode() in everything for text in gone)
    assert run(tmp_path, "forget", "out", "--annotator", "p-9", code=2).count("\n") == 1


def rows_that_were_said(path: Path, count: int) -> None:
    rows = [
        {
            "image_url": f"https://example.org/{n}.jpg",
            "transcripts": [f"um there is a red barn with {n} cows in front of it. uh the sky above it is blue"],
        }
        for n in range(count)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def test_no_received_answer_is_asked_for_again_after_three_kills(tmp_path: Path) -> None:
    """SIGKILL in mid-run, thrice: what was answered is never asked again; repeats are at most what was in flight."""
    rows_that_were_said(tmp_path / "rows.parquet", 600)
    width = 16
    with ChatServer(writes, latency_s=0.05) as model:
        line = command(
            "caption", "rows.parquet", "out", "--no-fetch", "--quiet", "--min-caption-words", "3", "--model", "m", "--base-url", model.base_url,
            "--chat-concurrency", str(width),
        )  # fmt: skip
        for _ in range(3):
            seen = len(model.log)
            process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while len(model.log) < seen + 100 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run(line, cwd=tmp_path, check=True, capture_output=True, timeout=120)
        asked = [seen.question for seen in model.log]
        assert len(set(asked)) == 600
        assert 0 <= len(asked) - 600 <= 3 * width
    assert pq.read_table(tmp_path / "out" / "data").num_rows == 600


def test_a_spent_budget_stops_and_a_larger_one_goes_on(tmp_path: Path, model: ChatServer) -> None:
    """Never passed; nothing that was paid is asked again."""
    rows_that_were_said(tmp_path / "rows.parquet", 40)
    line = (
        "caption",
        "rows.parquet",
        "out",
        "--no-fetch",
        "--quiet",
        "--min-caption-words",
        "3",
        "--model",
        "m",
        "--base-url",
        model.base_url,
    )
    prices = ("--usd-per-mtok-in", "1000", "--usd-per-mtok-out", "1000", "--max-tokens", "200")
    shown = run(tmp_path, *line, *prices, "--budget-usd", "20", code=2)
    assert "budget" in shown
    n_in, n_out = model.tokens()
    assert 0 < (n_in + n_out) / 1000 <= 20
    first = len(model.log)
    run(tmp_path, *line, *prices, "--budget-usd", "1000")
    assert len(model.log) == 40
    assert first > 0


def test_batch_mode_writes_the_same_captions(tmp_path: Path) -> None:
    """Handed in together; no question goes alone."""
    rows_that_were_said(tmp_path / "rows.parquet", 20)
    with ChatServer(writes) as model:
        run(
            tmp_path, "caption", "rows.parquet", "out", "--no-fetch", "--quiet", "--min-caption-words", "3", "--model", "m",
            "--base-url", model.base_url, "--batch", "--batch-poll", "0.1",
        )  # fmt: skip
        assert len(model.batches) == 1
        assert all(seen.batch for seen in model.log)
    assert pq.read_table(tmp_path / "out" / "data").num_rows == 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--engine", "sphnix"), "did you mean 'sphinx'"),
        (("--engine", "faster-whisper", "--speech-model", "smal"), "did you mean 'small'"),
        (("--engine", "api"), "OPENAI_API_KEY"),
        (("--engine", "sphinx", "--model", "m", "--base-url", "https://api.openai.com/v1"), "OPENAI_API_KEY"),
        (("--engine", "sphinx", "--writer", "rulez"), "rules"),
    ],
)
def test_what_cannot_work_is_told_before_the_first_recording(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """In one line that names the thing and the remedy."""
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "dog.png").write_bytes(png(1))
    (tmp_path / "talk" / "dog.wav").write_bytes(silence(7))
    shown = run(tmp_path, "caption", "talk", "out", *arguments, code=2, OPENAI_API_KEY="")
    assert said in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "out" / "data").exists()


def test_an_endpoint_that_speaks_html_is_told_in_one_line(tmp_path: Path) -> None:
    """Nothing is journalled of it: the right address goes on."""
    rows_that_were_said(tmp_path / "rows.parquet", 3)
    line = (
        "caption",
        "rows.parquet",
        "out",
        "--no-fetch",
        "--quiet",
        "--min-caption-words",
        "3",
        "--model",
        "m",
        "--base-url",
    )
    with ChatServer(writes) as model:
        model.shares = {"html": 1.0}
        shown = run(tmp_path, *line, model.base_url, code=2)
        assert "web page" in shown
        model.shares = {}
        run(tmp_path, *line, model.base_url)
    assert pq.read_table(tmp_path / "out" / "data").num_rows == 3


def test_a_dry_run_says_what_it_will_take_and_asks_nobody(tmp_path: Path, model: ChatServer) -> None:
    """Exactly, and only for what is not answered yet, when the transcripts are there; else from assumptions, which it tells."""
    rows_that_were_said(tmp_path / "rows.parquet", 30)
    line = (
        "caption", "rows.parquet", "out", "--no-fetch", "--quiet", "--min-caption-words", "3", "--model", "m", "--base-url",
        model.base_url, "--usd-per-mtok-in", "2", "--usd-per-mtok-out", "8",
    )  # fmt: skip
    before = json.loads(run(tmp_path, *line, "--dry-run", "--json"))["spoken"]
    assert (before["chat"]["questions"], before["exact"]) == (30, True)
    assert before["chat"]["usd"] < before["chat"]["usd_at_most"]
    recorded(tmp_path / "talk", "dog")
    guessed = run(
        tmp_path,
        "caption",
        "talk",
        "o",
        "--engine",
        "sphinx",
        "--model",
        "m",
        "--base-url",
        model.base_url,
        "--dry-run",
    )
    assert "1 question to the model (transcripts of 172 words assumed)" in guessed
    assert model.times() == 0
    run(tmp_path, *line)
    n_in, n_out = model.tokens()
    assert (n_in * 2 + n_out * 8) / 1e6 <= before["chat"]["usd_at_most"]
    after = json.loads(run(tmp_path, *line, "--dry-run", "--json"))["spoken"]
    assert (after["chat"]["questions"], after["exact"]) == (0, True)


def test_a_published_set_can_be_captioned_anew(tmp_path: Path, model: ChatServer) -> None:
    """Its transcripts are there; what it said of its captions is kept under other names."""
    rows_that_were_said(tmp_path / "rows.parquet", 5)
    line = ("--no-fetch", "--quiet", "--min-caption-words", "3", "--model", "m", "--base-url", model.base_url)
    run(tmp_path, "caption", "rows.parquet", "first", *line)
    run(tmp_path, "caption", "./first/data", "second", *line)
    first, second = (pq.read_table(tmp_path / out / "data").to_pylist() for out in ("first", "second"))
    assert [row["given_caption"] for row in second] == [row["caption"] for row in first]
    assert [row["given_unsupported_why"] for row in second] == [row["unsupported_why"] for row in first]
    assert model.times() == 10


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # openai-whisper leaves its vocabulary open
def test_both_whispers_walk_the_road_and_what_random_weights_make_up_is_caught(tmp_path: Path) -> None:
    """Their real code in worker processes, a second opinion included; nothing of it reaches a caption."""
    model = tiny_whisper()
    save_faster_whisper(tmp_path / "weights", model)
    save_whisper(tmp_path / "weights.pt", model)
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / "dog.png").write_bytes(png(1))
    (tmp_path / "talk" / "dog.wav").write_bytes(say(SAID["dog"][0]))
    run(
        tmp_path, "caption", "talk", "out", "--quiet", "--min-duration", "3", "--min-speech", "2", "--writer", "rules", "--language", "en",
        "--engine", "faster-whisper", "--speech-model", "./weights", "--second-engine", "whisper", "--second-model", "./weights.pt",
    )  # fmt: skip
    (left,) = [json.loads(line) for line in (tmp_path / "out" / "left-out.jsonl").read_text().splitlines()]
    assert left["heard_outcome"] == left["second_outcome"] == ["ok"]
    assert all(text for text in left["heard_text"])
    assert all(by.startswith("faster-whisper:weights@") for by in left["heard_by"])
    assert left["transcript_ok"] == [False]
    assert left["caption_outcome"] == "no_transcripts"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--second-engine", "sphinx"), "the second engine is the first"),
        (("--second-model", "x"), "a second engine is asked where --second-engine names one"),
        (("--languages", "en,de"), "'en,de' is not a code"),
    ],
)
def test_what_would_silently_do_nothing_is_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """In one line."""
    recorded(tmp_path / "talk", "dog")
    shown = run(tmp_path, "caption", "talk", "out", "--engine", "sphinx", "--writer", "rules", *arguments, code=2)
    assert said in shown
    assert shown.count("\n") == 1
