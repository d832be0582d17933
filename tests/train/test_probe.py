"""A probe tells sound sets from others: small trainings of the captioner from scratch, on pictures of coloured shapes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from pixmo.cli import run
from pixmo.errors import BadFolder, BadSource, UnknownName
from pixmo.molmo.tiny import save_tiny
from pixmo.train.probe import LEARNED, NO_DIFFERENCE, NOT_LEARNED, NOT_MEASURED, TELLS, probe
from pixmo.train.probe_settings import PIECES, Probe
from tests.train.shapes import captioned, drawn, shapes, things

torch.set_num_threads(1)
QUICK = {"steps": 4, "rows": 32}


def without_clock(results: dict) -> dict:
    """Results but for the seconds they took."""
    return {
        name: {key: value for key, value in told.items() if key != "seconds"} if isinstance(told, dict) else told
        for name, told in results.items()
    }


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A probe of 240 pictures, of which every tenth has the caption of another; the file, the folder, its answers."""
    folder = tmp_path_factory.mktemp("planted")
    seen, dice = things(240, seed=2), random.Random(2)
    captions = [
        dice.choice([each for each in seen if each != one]).caption if n % 10 == 0 else one.caption
        for n, one in enumerate(seen)
    ]
    path = captioned(folder / "a.parquet", [drawn(one, n) for n, one in enumerate(seen)], captions)
    return path, folder / "out", probe(Probe(str(path), steps=180), folder / "out")


@pytest.mark.slow
def test_a_batch_is_learned_by_heart(planted):
    """Eight captioned pictures to a loss below 0.05, in a few dozen steps."""
    found = planted[2]["overfit"]
    assert (found["verdict"], found["rows"], found["left"]) == (LEARNED, 8, [])
    assert found["loss"] < 0.05
    assert found["curve"][0] > 4
    assert found["steps"] == len(found["curve"]) < 100


@pytest.mark.slow
def test_true_captions_beat_shuffled_ones(planted):
    """On pairs neither model has seen, the one trained on true pairs is clearly better, and only it looks at the picture."""
    found = planted[2]["shuffle"]
    assert found["verdict"] == TELLS
    assert (found["held_out"], found["trained_on"]) == (120, 120)
    assert found["difference"]["low"] > 0
    assert found["loss_true"] < found["loss_shuffled"]
    assert found["gained_true"]["low"] > 0.05 > abs(found["gained_shuffled"]["value"])


@pytest.mark.slow
def test_wrong_captions_stand_on_top(planted):
    """Most of the 24 planted ones are among the 48 most suspicious rows of 240, where chance puts five."""
    _, out, results = planted
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    assert len(rows) == 240
    wrong = [int(row["row_id"][1:]) % 10 == 0 for row in rows]
    assert sum(wrong[:48]) >= 17
    assert [row["row_id"] for row in results["suspicious"]["rows"]] == [row["row_id"] for row in rows[:24]]
    assert [row["z"] for row in rows] == sorted((row["z"] for row in rows), reverse=True)
    page = (out / "probe.html").read_text()
    assert all(row["row_id"] in page for row in rows[:24])
    assert page.count("data:image/jpeg") == 24


@pytest.mark.slow
def test_what_is_answered_is_not_asked_again(planted):
    """The same probe again trains nothing and tells the same; another question of it needs no more either."""
    path, out, results = planted
    heard: list[str] = []
    again = probe(Probe(str(path), steps=180), out, ["overfit"], on_step=lambda piece, *_: heard.append(piece))
    assert (again, heard) == (results, [])


@pytest.mark.slow
def test_captions_that_have_nothing_to_do_with_the_pictures(tmp_path):
    """Captions dealt at random among the pictures of a set make no difference that the probe takes for one."""
    seen = things(160, seed=13)
    captions = [one.caption for one in seen]
    random.Random(90).shuffle(captions)
    path = captioned(tmp_path / "a.parquet", [drawn(one, n) for n, one in enumerate(seen)], captions)
    found = probe(Probe(str(path), steps=120, seed=13), tmp_path / "out", ["shuffle"])["shuffle"]
    assert found["verdict"] == NO_DIFFERENCE
    assert found["gained"]["low"] <= 0 <= found["gained"]["high"]
    assert abs(found["gained"]["value"]) < 0.02


@pytest.mark.slow
def test_rows_that_contradict_each_other_are_named(tmp_path):
    """One picture with eight captions cannot be learned by heart: each row is named, with another that contradicts it."""
    picture, captions = (
        drawn(things(1)[0]),
        ["red", "blue", "green", "a dog", "one cat", "it rains", "my house", "so far"],
    )
    path = captioned(tmp_path / "a.parquet", [picture] * 8, captions)
    found = probe(Probe(str(path), steps=60), tmp_path / "out", ["overfit"])["overfit"]
    assert (found["verdict"], len(found["left"])) == (NOT_LEARNED, 8)
    assert all("shows the same picture and says something else" in each["why"] for each in found["left"])


def test_too_few_steps_are_told_as_such(tmp_path):
    """A loss that was still falling when the steps were over asks for more of them."""
    found = probe(Probe(str(shapes(tmp_path / "a.parquet", 3)), steps=8), tmp_path / "out", ["overfit"])["overfit"]
    assert (found["verdict"], found["rows"], len(found["left"])) == (NOT_LEARNED, 3, 3)
    assert {each["why"] for each in found["left"]} == {"its loss was still falling: give it more --steps"}


def test_captions_that_all_say_the_same_cannot_be_shuffled(tmp_path):
    """That is the answer to the question, told with its reason; the others are answered all the same."""
    pictures = [drawn(one, n) for n, one in enumerate(things(32))]
    path = captioned(tmp_path / "a.parquet", pictures, ["A picture."] * 32)
    results = probe(Probe(str(path), **QUICK), tmp_path / "out", ["shuffle", "suspicious"])
    assert results["shuffle"]["verdict"] == NOT_MEASURED
    assert "say the same" in results["shuffle"]["why"]
    assert results["suspicious"]["scored"] == 32
    assert {row["loss_beside_another"] for row in results["suspicious"]["rows"]} == {None}


def test_other_settings_are_another_probe(tmp_path):
    """More steps, another caption: the pieces are made anew, and those before are gone."""
    path = shapes(tmp_path / "a.parquet", 8)
    first = probe(Probe(str(path), steps=2), tmp_path / "out", ["overfit"])
    (tmp_path / "out" / ".tmp-1-0-probe.json").write_text("left by a kill")
    second = probe(Probe(str(path), steps=3), tmp_path / "out", ["overfit"])
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"lock", "pieces", "probe.html", "probe.json"}
    assert (first["overfit"]["steps"], second["overfit"]["steps"]) == (2, 3)
    assert first["overfit"]["curve"][0] == second["overfit"]["curve"][0]
    assert len(list((tmp_path / "out" / "pieces").iterdir())) == 1
    shapes(path, 8, seed=1)
    third = probe(Probe(str(path), steps=3), tmp_path / "out", ["overfit"])
    assert third["overfit"]["curve"] != second["overfit"]["curve"]


@pytest.mark.parametrize("name", ["molmo-tiny", "molmo2-tiny"])
def test_a_model_of_ones_own(name, tmp_path):
    """A checkpoint of either family begins the trainings, at the rate that is asked for."""
    folder = save_tiny(tmp_path / "m", name)
    path = shapes(tmp_path / "a.parquet", 3)
    results = probe(Probe(str(path), model=str(folder), steps=6, rate=1e-2), tmp_path / "out", ["overfit"])
    curve = results["overfit"]["curve"]
    assert (results["model"], len(curve)) == ("m", 6)
    assert curve[-1] < curve[0] - 1


@pytest.mark.slow
def test_a_killed_probe_goes_on(tmp_path):
    """Killed in the middle of its second training, it keeps the first and ends as one that was not killed."""
    path = shapes(tmp_path / "a.parquet", 32)
    settings = Probe(str(path), **QUICK)
    whole = probe(settings, tmp_path / "whole")
    out = tmp_path / "killed"
    told = [
        sys.executable,
        "-m",
        "pixmo",
        "train",
        "probe",
        str(path),
        "-o",
        str(out),
        "--rows",
        "32",
        "--device",
        "cpu",
    ]
    child = subprocess.Popen([*told, "--steps", "4"], env=os.environ | {"OMP_NUM_THREADS": "1"})
    pieces = out / "pieces"
    while not (pieces.is_dir() and list(pieces.glob("batch.*"))):
        assert child.poll() is None
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    (first,) = pieces.glob("batch.*")
    kept, heard = first.read_bytes(), []
    assert not (out / "probe.json").exists()
    again = probe(settings, out, on_step=lambda piece, *_: heard.append(piece))
    assert first.read_bytes() == kept
    assert "batch" not in heard
    assert {name for names in PIECES.values() for name in names} - set(heard) <= {"batch", "true-0"}
    assert without_clock(again) == without_clock(whole)


def test_sets_that_cannot_be_probed(tmp_path):
    """No rows, one row, one picture, no captions, an unknown style, nothing that can be learned: told before any training."""
    seen = things(20)
    captions = [one.caption for one in seen]
    pictures = [drawn(one, n) for n, one in enumerate(seen)]

    def refused(path: Path, why: str, only=("suspicious",), error=BadSource, **settings) -> None:
        with pytest.raises(error, match=why):
            probe(Probe(str(path), **QUICK, **settings), tmp_path / "out", only)
        assert not (tmp_path / "out" / "probe.json").exists()

    refused(captioned(tmp_path / "none.parquet", [], []), "has no rows")
    refused(
        captioned(tmp_path / "one.parquet", pictures[:1], captions[:1]), "1 rows with 1 different pictures; two halves"
    )
    refused(captioned(tmp_path / "same.parquet", pictures[:1] * 20, captions), "20 rows with 1 different pictures")
    bare = tmp_path / "bare.parquet"
    pq.write_table(
        pq.read_table(captioned(bare, pictures, captions)).select(["image"]).replace_schema_metadata(None), bare
    )
    refused(bare, "nothing says what its rows are")
    whole = captioned(tmp_path / "whole.parquet", pictures, captions)
    refused(whole, "did you mean 'long_caption'", error=UnknownName, styles=("long_captoin",))
    refused(whole, "did you mean 'overfit'", only=("overfitt",), error=UnknownName)
    refused(captioned(tmp_path / "gone.parquet", [None] * 20, captions), "none of its 20 rows can be learned")
    refused(whole, "config.json|no such|not a", model=str(tmp_path))
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    refused(whole, "not a folder of a probe", error=BadFolder)


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    """Verdicts for people and as JSON; exit code 3 for a bad one only when asked for; OUT is named after the data."""
    monkeypatch.chdir(tmp_path)
    shapes(Path("set.parquet"), 4)
    told = ["train", "probe", "set.parquet", "--only", "overfit", "--steps", "2", "--device", "cpu"]
    assert run(told) == 0
    shown = capsys.readouterr().out
    assert "set.parquet: 4 rows, 4 pictures\n  4 rows not learned by heart: loss" in shown
    assert "look at set-probe/probe.html" in shown
    assert run([*told, "--json", "--strict"]) == 3
    assert json.loads(capsys.readouterr().out) == json.loads(Path("set-probe/probe.json").read_text())
    assert run([*told, "--only", "overfit,suspicoius"]) == 2
    assert "did you mean 'suspicious'?" in capsys.readouterr().err
