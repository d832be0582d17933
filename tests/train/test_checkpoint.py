"""A run goes on from its last whole checkpoint, in any number of processes; others read the model in it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from pixmo.errors import BadFolder, NoSpace
from pixmo.molmo.folder import open_model
from pixmo.molmo.tiny import save_tiny
from pixmo.train.checkpoint import latest, restore, write
from pixmo.train.parallel import Processes
from tests.train.conftest import REPOSITORY, torchrun
from tests.train.loop import MOLMO, MOLMO2, Run

ALONE = Processes(0, 1, 0, torch.device("cpu"))


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder a run began with."""
    folder = save_tiny(tmp_path_factory.mktemp("begun"), "molmo2-tiny")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def written(run: Run, step: int, out: Path, begun: Path, **how: Any) -> Path:
    """A checkpoint of a run."""
    return write(out, step, run.model, run.optimizer, begun, ALONE, **how)


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    """To the bit."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def names(out: Path) -> list[str]:
    """What is in the folder of checkpoints."""
    return sorted(os.listdir(out / "checkpoints"))


def test_a_run_that_goes_on_learns_what_it_would_have(tmp_path: Path, begun: Path) -> None:
    """Losses, norms and weights are the same to the bit; so are the moments restored."""
    run = Run(MOLMO2, ALONE)
    run.learn(0, 2)
    path = written(run, 2, tmp_path, begun)
    moments, went_on = run.moments(), run.learn(2, 4)
    other = Run(MOLMO2, ALONE, seed=1)
    assert restore(path, other.model, other.optimizer, ALONE) == 2
    assert all(equal(moments[name], kinds) for name, kinds in other.moments().items())
    restored = other.learn(2, 4)
    assert (restored.losses, restored.norms) == (went_on.losses, went_on.norms)
    assert equal(restored.weights, went_on.weights)


def test_what_was_never_learned_has_no_moments_afterwards(tmp_path: Path, begun: Path) -> None:
    """A frozen tower is not made to move by restoring."""
    run = Run(MOLMO2, ALONE, frozen="vit")
    run.learn(0, 1)
    other = Run(MOLMO2, ALONE, frozen="vit", seed=1)
    restore(written(run, 1, tmp_path, begun), other.model, other.optimizer, ALONE)
    assert run.moments().keys() == other.moments().keys()
    assert not any(name.startswith("vit") for name in other.moments())


@pytest.mark.parametrize("family", ["molmo", "molmo2"])
def test_the_model_beside_the_state_opens_by_itself(tmp_path: Path, family: str) -> None:
    """`open_model` reads the weights to the bit, and the tokenizer and settings of the folder it began with."""
    begun = save_tiny(tmp_path / "begun", f"{family}-tiny")
    run = Run(MOLMO if family == "molmo" else MOLMO2, ALONE)
    path = written(run, 7, tmp_path / "run", begun)
    assert path == tmp_path / "run/checkpoints/step-000007"
    ready = open_model(path / "model")
    assert equal(run.weights(), dict(ready.model.named_parameters()))
    told = [
        each.ask(Image.new("RGB", (84, 84), "red"), "What?", max_new_tokens=4) for each in (ready, open_model(begun))
    ]
    assert told[0] == told[1]  # the run has not learned yet


def test_templates_go_with_the_model(tmp_path: Path, begun: Path) -> None:
    """Whatever `carry` takes is there."""
    path = written(Run(MOLMO2, ALONE), 1, tmp_path, begun)
    assert (path / "model/chat_template.jinja").read_text() == "{{ messages }}"


def test_the_last_two_are_kept(tmp_path: Path, begun: Path) -> None:
    """And counted as numbers: a million comes after 999,999."""
    run = Run(MOLMO2, ALONE)
    assert latest(tmp_path) is None
    for step in (5, 999_999, 1_000_000):
        path = written(run, step, tmp_path, begun)
        assert latest(tmp_path) == path
    assert names(tmp_path) == ["step-1000000", "step-999999"]


def test_a_checkpoint_that_is_there_stays(tmp_path: Path, begun: Path) -> None:
    """The same step of a run gives the same: it is not written twice."""
    run = Run(MOLMO2, ALONE)
    path = written(run, 1, tmp_path, begun)
    before = (path / "state/.metadata").stat().st_mtime_ns
    assert written(run, 1, tmp_path, begun) == path
    assert (path / "state/.metadata").stat().st_mtime_ns == before


def test_leftovers_are_ignored_and_swept_when_the_run_goes_on(tmp_path: Path, begun: Path) -> None:
    """`latest` only looks, so that others may ask while a checkpoint is written."""
    run = Run(MOLMO2, ALONE)
    path = written(run, 1, tmp_path, begun)
    (tmp_path / "checkpoints/.tmp-step-000002/state").mkdir(parents=True)
    (tmp_path / "checkpoints/notes").mkdir()
    assert latest(tmp_path) == path
    assert ".tmp-step-000002" in names(tmp_path)
    restore(path, run.model, run.optimizer, ALONE)
    assert names(tmp_path) == ["notes", "step-000001"]


@pytest.mark.slow
def test_a_write_killed_at_any_point_leaves_the_one_before_or_the_new_one(tmp_path: Path) -> None:
    """Before each change of a file: `latest` restores, opens and is either; what has a checkpoint's name is whole."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.train.kills", str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    deaths = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [death["killed"] for death in deaths] == [True] * (len(deaths) - 1) + [False]
    assert len(deaths) > 15
    assert all(death["whole"] and death["swept"] for death in deaths)
    assert {death["latest"] for death in deaths} == {"step-000001", "step-000002"}
    for death in deaths:
        is_new = death["latest"] == "step-000002"
        assert death["step"] == (2 if is_new else 1)
        assert death["as_run"] == is_new
        assert set(death["there"]) <= {"step-000001", "step-000002"}
    assert any(death["left"] for death in deaths)
    assert (deaths[-1]["there"], deaths[-1]["left"]) == (["step-000002"], [])


@pytest.mark.slow
def test_a_process_killed_among_two_leaves_the_checkpoint_before(tmp_path: Path, begun: Path) -> None:
    """The other one does not wait for ever, and does not call half a state a checkpoint; one process alone goes on."""
    shutil.copytree(begun, tmp_path / "begun")
    ended = torchrun("tests.train.kills", tmp_path)
    assert ended.returncode != 0
    assert "Signal 9 (SIGKILL)" in ended.stderr
    path = latest(tmp_path / "run")
    assert path == tmp_path / "run/checkpoints/step-000001"
    assert names(tmp_path / "run") == [".tmp-step-000002", "step-000001"]
    run = Run(MOLMO2, ALONE)
    assert restore(path, run.model, run.optimizer, ALONE) == 1
    assert written(run, 2, tmp_path / "run", begun) == latest(tmp_path / "run")


@pytest.mark.slow
def test_what_two_wrote_one_goes_on_from(two: dict[str, Any]) -> None:
    """With the losses and weights of the two that went on, to rounding."""
    run = Run(MOLMO2, ALONE, seed=1)
    step = restore(two["written"], run.model, run.optimizer, ALONE)
    learned = run.learn(step, 6)
    torch.testing.assert_close(learned.losses, two["went_on"].losses, rtol=0, atol=1e-5)
    torch.testing.assert_close(learned.weights, two["went_on"].weights, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_what_one_wrote_two_go_on_from(two: dict[str, Any]) -> None:
    """With the losses and weights of the one that went on, to rounding."""
    assert two["step"] == 3
    torch.testing.assert_close(two["restored"].losses, two["alone_went_on"].losses, rtol=0, atol=1e-5)
    torch.testing.assert_close(two["restored"].weights, two["alone_went_on"].weights, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_model_of_two_processes_is_whole(two: dict[str, Any]) -> None:
    """The first one wrote all of it, from what both wrote."""
    run = Run(MOLMO2, ALONE, seed=1)
    restore(two["written"], run.model, run.optimizer, ALONE)
    assert equal(run.weights(), dict(open_model(two["written"] / "model").model.named_parameters()))


@pytest.mark.slow
def test_a_full_disk_of_one_process_is_told_by_both(two: dict[str, Any]) -> None:
    """Neither waits for the other for ever, and the checkpoint of before is the latest."""
    assert all("no space left" in told for told in two["refused"])
    assert latest(two["out"] / "by-two") == two["written"]


@pytest.mark.parametrize("most_bytes", [100, 20_000, 400_000])
def test_a_full_disk_is_one_line_and_the_checkpoint_before_stays(tmp_path: Path, begun: Path, most_bytes: int) -> None:
    """Whether the state or the model does not fit."""
    run = Run(MOLMO2, ALONE)
    path = written(run, 1, tmp_path, begun)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        with pytest.raises(NoSpace, match=r"step-000002.*no space left") as told:
            written(run, 2, tmp_path, begun)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(told.value)
    assert latest(tmp_path) == path
    assert written(run, 2, tmp_path, begun) == latest(tmp_path)
    assert names(tmp_path) == ["step-000001", "step-000002"]


def test_a_file_where_the_folder_should_be_is_one_line(tmp_path: Path, begun: Path) -> None:
    """As any folder that may not be written."""
    (tmp_path / "run").write_text("mine")
    with pytest.raises(BadFolder, match="may not be written"):
        written(Run(MOLMO2, ALONE), 1, tmp_path / "run", begun)


def test_the_state_of_another_model_is_refused_by_name(tmp_path: Path, begun: Path) -> None:
    """By tensors missing, unexpected or of another shape; nothing is changed."""
    path = written(Run(MOLMO2, ALONE), 1, tmp_path, begun)
    wider = replace(MOLMO2, decoder=replace(MOLMO2.decoder, hidden=80))
    for config, told in (
        (wider, r"decoder.blocks.0.mlp.up_gate.weight \[192, 64\], needed \[160, 64\]"),
        (MOLMO, "missing"),
    ):
        other = Run(config, ALONE, seed=1)
        before = other.weights()
        with pytest.raises(BadFolder, match=f"step-000001: the state of another model: .*{told}"):
            restore(path, other.model, other.optimizer, ALONE)
        assert equal(before, other.weights())


def test_the_state_of_a_run_that_learned_more_is_refused(tmp_path: Path, begun: Path) -> None:
    """Its moments would be lost without a word."""
    run = Run(MOLMO2, ALONE)
    run.learn(0, 1)
    other = Run(MOLMO2, ALONE, frozen="vit")
    with pytest.raises(BadFolder, match=r"also learned vit\."):
        restore(written(run, 1, tmp_path, begun), other.model, other.optimizer, ALONE)


def missing(state: Path) -> None:
    """No description."""
    (state / ".metadata").unlink()


def garbled(state: Path) -> None:
    """A description of noise."""
    (state / ".metadata").write_bytes(b"\x80\x04 nothing of the kind")


def cut(state: Path) -> None:
    """Half of the tensors."""
    path = state / "__0_0.distcp"
    os.truncate(path, path.stat().st_size // 2)


def gone(state: Path) -> None:
    """No tensors."""
    (state / "__0_0.distcp").unlink()


@pytest.mark.parametrize("damage", [missing, garbled, cut, gone])
def test_a_damaged_state_is_told_in_one_line(tmp_path: Path, begun: Path, damage: Any) -> None:
    """It names the checkpoint and the remedy."""
    run = Run(MOLMO2, ALONE)
    path = written(run, 1, tmp_path, begun)
    damage(path / "state")
    with pytest.raises(BadFolder, match=r"step-000001: its state is damaged \(.+\); delete this checkpoint") as told:
        restore(path, run.model, run.optimizer, ALONE)
    assert "\n" not in str(told.value)
