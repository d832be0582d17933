"""The loop: what is learned, from what, and that a run which is killed is the run that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pixmo.errors import BadFolder, BadSetting, BadSource, InUse, PixmoError
from pixmo.molmo.folder import Ready, open_model
from pixmo.molmo.loss import token_losses
from pixmo.records.caption import Caption
from pixmo.storage.lock import locked
from pixmo.train import captioner
from pixmo.train.captioner import train
from pixmo.train.examples import Draw, Example, Examples
from pixmo.train.log import Line, read_lines
from pixmo.train.mixture import Mixture
from pixmo.train.settings import Component, Source, Training, written
from tests.train.runs import caption, model, save_set, shape, shapes, training

HOUSE = Path(__file__).parents[2]
STILL = Component(0.0, 0)
SPOKEN = ["There is a thing.", "I see something there, and it is not small at all.", "Well."]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Molmo."""
    return model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """Pictures with one annotation to four, so that weights and lengths differ."""
    return save_set(tmp_path / "spoken.parquet", [caption(n, SPOKEN[: n % 4]) for n in range(12)])


def lines(run: Training, out: Path, **how: Any) -> list[Line]:  # Any: arguments of train
    """The log of a run, without what a clock says."""
    train(run, out, device="cpu", **how)
    return [{k: v for k, v in line.items() if k not in ("seconds", "examples_per_s")} for line in read_lines(out)]


def losses(run: Training, out: Path, **how: Any) -> list[float]:  # Any: arguments of train
    """The losses of a run."""
    return [line["loss"] for line in lines(run, out, **how)]


# --- what is learned ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_eight_captioned_pictures_are_learned_by_heart(begun: Path, tmp_path: Path) -> None:
    """To a loss below 0.05, and the model says them afterwards."""
    run = training(begun, shapes(tmp_path / "eight.parquet", 8), steps=150, batch=8, micro_batch=8)
    summary = train(run, tmp_path / "out", device="cpu")
    assert summary.loss < 0.05
    assert summary.model is not None
    molmo = open_model(summary.model)
    examples = Examples(run.source[0], molmo.processor, context=512)
    known = 0
    for number in range(8):
        inputs: dict[str, Any] = molmo.processor.training_batch([examples.at(number).inputs])
        labels, weights = inputs.pop("labels"), inputs.pop("loss_masks")
        said = molmo.model(**inputs).argmax(dim=-1)
        known += bool((said == labels)[weights > 0].all())
    assert known >= 7


@pytest.mark.slow
def test_a_molmo2_learns_too(tmp_path: Path) -> None:
    """Weights by length, image tokens that see each other."""
    run = training(model(tmp_path, "molmo2-tiny"), shapes(tmp_path / "set.parquet", 4), steps=40)
    found = losses(run, tmp_path / "out")
    assert found[-1] < found[0] / 4


def test_the_first_loss_is_that_of_the_model_by_hand(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """Row by row, without batches, chunks or packing of the loop: cross-entropy, z-loss and hits over the weight of all."""
    (line,) = lines(training(begun, spoken, steps=1, batch=12, micro_batch=5), tmp_path / "out")
    molmo = open_model(begun)
    examples = Examples(Source(str(spoken)), molmo.processor, context=512, seed=95818)
    total = torch.zeros(4, dtype=torch.float64)
    for example in examples.visited(list(range(12))):
        inputs: dict[str, Any] = molmo.processor.training_batch([example.inputs])
        labels, weights = inputs.pop("labels"), inputs.pop("loss_masks")
        with torch.no_grad():
            found = token_losses(molmo.model(**inputs), labels, weights)
        total += torch.stack([found.ce, found.z, found.right, found.weight]).double()
    expected = (total / total[3]).tolist()
    assert [line["loss"], line["z_loss"], line["accuracy"]] == pytest.approx(expected[:3], rel=1e-5)


def test_packed_annotations_have_the_loss_of_each_alone(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """One to four annotations of a picture in one sequence cost what each costs alone: they do not see each other."""
    source = Source(str(spoken), transcripts=3)
    (packed,) = losses(training(begun, source, steps=1, batch=12), tmp_path / "out")
    molmo = open_model(begun)
    examples = Examples(source, molmo.processor, context=512, seed=95818)
    alone = [
        _sums(molmo, examples.example(Draw(examples.rows[example.number], example.number), [turns]))
        for example in examples.visited(list(range(12)))
        for turns in example.texts
    ]
    assert len(alone) > 24
    assert packed == pytest.approx(sum(ce for ce, _ in alone) / sum(weight for _, weight in alone), rel=1e-5)


def _sums(molmo: Ready, example: Example, weight: float | None = None) -> tuple[float, float]:
    """Cross-entropy and weight of one sequence, all its tokens alike where a weight is given."""
    inputs: dict[str, Any] = molmo.processor.training_batch([example.inputs])
    labels, weights = inputs.pop("labels"), inputs.pop("loss_masks")
    with torch.no_grad():
        found = token_losses(molmo.model(**inputs), labels, weights if weight is None else (weights > 0) * weight)
    return float(found.ce), float(found.weight)


def test_a_source_learns_by_its_weight(begun: Path, tmp_path: Path) -> None:
    """Rows of a source of weight 3 count three times beside those of weight 1."""
    paths = [
        shapes(tmp_path / "a.parquet", 3),
        save_set(tmp_path / "b.parquet", [caption(n, SPOKEN) for n in (5, 6, 7)]),
    ]
    own = [Source(str(path), weight=weight) for path, weight in zip(paths, (1.0, 3.0), strict=True)]
    (mixed,) = losses(training(begun, *own, steps=1, batch=8, micro_batch=8), tmp_path / "mixed")
    molmo = open_model(begun)
    sets = [Examples(source, molmo.processor, context=512, seed=95818) for source in own]
    sums = [
        _sums(molmo, sets[place.source].visited([place.visit])[0], own[place.source].weight)
        for place in Mixture([1, 1], 95818).places(0, 8)
    ]
    assert mixed == pytest.approx(sum(ce for ce, _ in sums) / sum(weight for _, weight in sums), rel=1e-5)


# --- how it is learned --------------------------------------------------------------------------------------------


def test_how_a_step_is_cut_into_batches_changes_rounding_only(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """Batches of 2 or 8 of unlike lengths and weights, more threads, blocks computed again: the same losses."""
    run = training(begun, spoken, steps=4, batch=8, micro_batch=8)
    whole = losses(run, tmp_path / "eight")
    cut = replace(run, micro_batch=2, loaders=4, checkpointing=True)
    assert losses(cut, tmp_path / "two") == pytest.approx(whole, rel=1e-5)
    assert len(set(whole)) == 4


def test_dropout_is_where_the_settings_say(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """None by rates of 0, whatever the seed; of either kind it moves the loss, each seed its own way."""
    run = training(begun, spoken, steps=1)

    def loss(name: str, **settings: Any) -> float:  # Any: fields of Training
        return losses(replace(run, **settings), tmp_path / name)[0]

    plain = loss("plain")
    assert loss("seed", seed=1) == plain
    dropped = [
        loss("response", response_dropout=0.3),
        loss("seeded", response_dropout=0.3, seed=1),
        loss("all", dropout=0.3),
    ]
    assert len({plain, *dropped}) == 4


def test_a_part_whose_rate_is_0_stays_bit_by_bit(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """And the others move."""
    summary = train(training(begun, spoken, steps=2, vit=STILL), tmp_path / "out", device="cpu")
    assert summary.model is not None
    before, after = open_model(begun).model.state_dict(), open_model(summary.model).model.state_dict()
    moved = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"connector", "decoder"}


def test_bfloat16_is_near_float32(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """Products in bfloat16, the loss within a few hundredths, weights and moments in float32."""
    exact = losses(training(begun, spoken, steps=3), tmp_path / "fp32")
    rough = losses(training(begun, spoken, steps=3, precision="bf16"), tmp_path / "bf16")
    assert rough == pytest.approx(exact, rel=0.03)
    assert rough != exact


def test_rates_and_norms_stand_in_the_log(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """By component, with the tokens read."""
    run = training(begun, spoken, steps=3, connector=Component(1e-3, 2), vit=Component(1e-4, 3))
    found = lines(run, tmp_path / "out")
    assert [line["rate"]["connector"] for line in found] == pytest.approx([5e-4, 1e-3, 1e-4])
    assert [line["rate"]["vit"] for line in found] == pytest.approx([1e-4 / 3, 2e-4 / 3, 1e-4])
    assert all(set(line["norm"]) == {"connector", "vit", "decoder"} for line in found)
    assert all(min(line["norm"].values()) > 0 for line in found)
    assert all(line["tokens"] > 4 * 50 for line in found)


def test_steps_are_told_as_they_are_done(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """Each line of the log, in order."""
    seen: list[Line] = []
    train(training(begun, spoken, steps=3), tmp_path / "out", device="cpu", on_step=seen.append)
    assert seen == read_lines(tmp_path / "out")


def test_the_random_numbers_of_the_caller_are_left_alone(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """The run seeds its own."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train(training(begun, spoken, steps=1, response_dropout=0.1), tmp_path / "out", device="cpu")
    assert torch.equal(torch.rand(2), expected)


# --- going on -----------------------------------------------------------------------------------------------------

DROPPED: dict[str, Any] = {
    "steps": 6,
    "response_dropout": 0.2,
    "dropout": 0.1,
    "save_every": 2,
}  # Any: fields of Training


@pytest.mark.slow
def test_a_run_that_stops_and_goes_on_is_the_run_that_did_not(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """Every number of every step, to the last bit, and every weight; with dropout, and at a step between checkpoints."""
    run = training(begun, spoken, **DROPPED)
    through = lines(run, tmp_path / "through")
    lines(run, tmp_path / "parts", stop_after=3)
    assert lines(run, tmp_path / "parts", stop_after=4) == through[:4]
    assert lines(run, tmp_path / "parts") == through
    weights = [
        open_model(tmp_path / out / "checkpoints/step-000006/model").model.state_dict() for out in ("through", "parts")
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


PROGRAM = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from pixmo.train.captioner import train
from pixmo.train.mixture import Mixture
from pixmo.train.settings import read_training
def at(line):
    if line["step"] == int(sys.argv[4]):
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
train(read_training(Path(sys.argv[1])), Path(sys.argv[2]), device="cpu", on_step=at)
"""


def signalled(run: Training, out: Path, name: str, step: int) -> int:
    """The end of a run in a process of its own that gets a signal after a step."""
    settings = out.with_suffix(".toml")
    settings.write_text(written(run), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, "-c", PROGRAM, str(settings), str(out), name, str(step)]
    return subprocess.run(argv, env=environment, check=False, capture_output=True, timeout=120).returncode


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_losses_of_one_that_was_not(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """SIGKILL after step 5, a step behind its checkpoint: the log ends as if nothing had been."""
    run = training(begun, spoken, **DROPPED)
    through = lines(run, tmp_path / "through")
    assert signalled(run, tmp_path / "killed", "SIGKILL", 5) == -signal.SIGKILL
    assert len(read_lines(tmp_path / "killed")) == 5
    assert lines(run, tmp_path / "killed") == through


@pytest.mark.slow
def test_sigterm_keeps_the_step_under_way(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """The process ends by the signal, with a checkpoint of the last step in its log; the run goes on from there."""
    run = training(begun, spoken, **(DROPPED | {"save_every": 100}))
    through = lines(run, tmp_path / "through")
    assert signalled(run, tmp_path / "ended", "SIGTERM", 3) == -signal.SIGTERM
    done = len(read_lines(tmp_path / "ended"))
    assert done in (3, 4)
    assert (tmp_path / "ended" / "checkpoints" / f"step-{done:06d}" / "model" / "config.json").is_file()
    assert lines(run, tmp_path / "ended") == through


def test_a_finished_run_does_nothing_more(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """It says what it came to; not even the model is read."""
    run = training(begun, spoken, steps=2)
    first = train(run, tmp_path / "out", device="cpu")
    before = (tmp_path / "out" / "log.jsonl").stat().st_mtime_ns
    moved = replace(run, micro_batch=1)  # effort may change
    again = train(moved, tmp_path / "out", device="cpu")
    assert (again.begun, again.step, again.loss, again.finished) == (2, 2, first.loss, True)
    assert again.model == first.model
    assert (tmp_path / "out" / "log.jsonl").stat().st_mtime_ns == before


def test_a_folder_belongs_to_one_run(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """Another meaning is refused with the setting that differs; so is a folder of something else."""
    train(training(begun, spoken, steps=1), tmp_path / "out", device="cpu")
    with pytest.raises(BadFolder, match=r"holds another run \(clip is 1\.0 there, 2\.0 here\)"):
        train(training(begun, spoken, steps=1, clip=2.0), tmp_path / "out", device="cpu")
    with pytest.raises(BadFolder, match="not a folder of a training run"):
        train(training(begun, spoken, steps=1), tmp_path, device="cpu")
    with pytest.raises(BadFolder, match="not a folder of a training run"):
        train(training(begun, spoken, steps=1), spoken, device="cpu")


def test_one_run_at_a_time_in_a_folder(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """A second one is told who holds it."""
    with locked(tmp_path / "out", "out"), pytest.raises(InUse):
        train(training(begun, spoken, steps=1), tmp_path / "out", device="cpu")


# --- what cannot be learned ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rows_that_cannot_be_learned_are_replaced_counted_and_listed(begun: Path, tmp_path: Path) -> None:
    """Each with its source and reason, once, though it came more often; and the list is the same after going on."""
    records = [caption(0), Caption(caption=" ", transcripts=()), *(caption(n) for n in range(2, 6))]
    files = [shape(0)[:70], *(shape(n) for n in range(1, 6))]
    path = save_set(tmp_path / "bad.parquet", records, files)
    run = training(begun, path, steps=4)
    through = lines(run, tmp_path / "out")
    assert sum(line["left_out"] for line in through) > 2
    listed = [json.loads(line) for line in (tmp_path / "out" / "left-out.jsonl").read_text().splitlines()]
    assert [(told["row"], told["source"]) for told in listed] == [(f"bad.parquet:{n}", str(path)) for n in (0, 1)]
    assert listed[1]["why"] == ["its answers are empty"]
    assert train(run, tmp_path / "out", device="cpu").left_out == 2
    train(run, tmp_path / "parts", device="cpu", stop_after=1)
    train(run, tmp_path / "parts", device="cpu")
    assert (tmp_path / "parts" / "left-out.jsonl").read_bytes() == (tmp_path / "out" / "left-out.jsonl").read_bytes()


def test_a_source_of_which_nothing_can_be_learned_is_refused_before_the_first_step(begun: Path, tmp_path: Path) -> None:
    """Though it has a small share and might not come for long."""
    good = shapes(tmp_path / "good.parquet", 4)
    bad = save_set(tmp_path / "bad.parquet", [caption(n) for n in range(2)], [shape(n)[:70] for n in range(2)])
    with pytest.raises(BadSource, match=r"bad\.parquet: none of its 2 rows can be learned"):
        train(training(begun, good, Source(str(bad), share=1e-6)), tmp_path / "out", device="cpu")
    assert not (tmp_path / "out" / "log.jsonl").exists()


def test_more_context_than_the_model_reads_is_refused(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """With how much it reads."""
    with pytest.raises(BadSetting, match="context = 9999 is more than the model reads: at most 4096"):
        train(training(begun, spoken, context=9999), tmp_path / "out", device="cpu")


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_learned(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """One line with the step and its rows; the checkpoint of before stands, and the log ends there."""
    run = training(begun, spoken, steps=5, connector=Component(1e36, 0), save_every=1, floor=1.0)
    with pytest.raises(PixmoError) as caught:
        train(run, tmp_path / "out", device="cpu")
    told = str(caught.value)
    assert told.startswith("step 2: the loss or its gradient is not a number, with rows spoken.parquet:")
    assert "the checkpoint of step 1 stands" in told
    assert [line["step"] for line in read_lines(tmp_path / "out")] == [1]
    assert [path.name for path in (tmp_path / "out" / "checkpoints").iterdir()] == ["step-000001"]


def test_too_little_memory_is_told_with_the_setting_that_needs_less(
    begun: Path, spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU's error becomes one line; here the error is made, as no GPU need be there."""

    def full(*args: object, **more: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(captioner, "chunked_losses", full)
    with pytest.raises(BadSetting, match=r"micro_batch = 4: set micro_batch = 2; the losses stay the same"):
        train(training(begun, spoken), tmp_path / "out", device="cpu")
    with pytest.raises(BadSetting, match=r"micro_batch = 1: set checkpointing = true"):
        train(training(begun, spoken, micro_batch=1), tmp_path / "one", device="cpu")


# --- what is written ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_leaves_its_settings_log_page_and_checkpoints(begun: Path, spoken: Path, tmp_path: Path) -> None:
    """As docs/train.md says."""
    summary = train(training(begun, spoken, steps=5, save_every=2), tmp_path / "out", device="cpu")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "training.toml", "log.jsonl", "loss.html", "left-out.jsonl", "checkpoints", "lock",
    }  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out/checkpoints").iterdir()) == ["step-000004", "step-000005"]
    assert summary.model == tmp_path / "out/checkpoints/step-000005/model"
    assert "Loss of each step" in (tmp_path / "out/loss.html").read_text()
