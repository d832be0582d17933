"""Two processes on this machine learn what one learns."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import Parameter

from pixmo.errors import BadSetting
from pixmo.molmo.folder import open_model
from pixmo.molmo.tiny import save_tiny
from pixmo.train.captioner import train
from pixmo.train.parallel import clip, processes
from pixmo.train.settings import read_training
from tests.train.conftest import torchrun
from tests.train.loop import CASES, MOLMO, MOLMO2, Learned, Run
from tests.train.shapes import captioned, drawn, things

CONFIG = """
model = "begun"
steps = 4
batch = 4
micro_batch = 2
context = 256
precision = "fp32"
response_dropout = 0.0
eps = 1e-4
save_every = 2
checkpointing = {checkpointing}
connector = {{rate = 1e-3, warmup = 1}}
vit = {{rate = 1e-3, warmup = 1}}
decoder = {{rate = 1e-3, warmup = 1}}

[[source]]
path = "rows.parquet"
"""


def same(one: Learned, two: Learned, within: float = 1e-5) -> None:
    """Losses, norms and weights."""
    torch.testing.assert_close(two.losses, one.losses, rtol=0, atol=within)
    torch.testing.assert_close(two.norms, one.norms, rtol=within, atol=within)
    torch.testing.assert_close(two.weights, one.weights, rtol=0, atol=within)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_learn_what_one_learns(two: dict[str, Any], name: str) -> None:
    """Losses, norms and every weight after four steps are equal, though the processes learn different numbers of tokens."""
    with processes("cpu") as alone:
        one = Run(CASES[name], alone).learn(0, 4)
    assert two["world"] == 2
    assert len(set(one.losses)) == 4
    same(one, two[name])


@pytest.mark.slow
def test_a_frozen_tower_stays_as_it_is_in_two_processes(two: dict[str, Any]) -> None:
    """The rest learns as in one process; of the tower not a bit changes."""
    with processes("cpu") as alone:
        run = Run(MOLMO, alone, frozen="vit")
        before = run.weights()
        one = run.learn(0, 3)
    same(one, two["frozen"])
    still = {name for name in before if torch.equal(before[name], two["frozen"].weights[name])}
    assert {name for name in before if name.startswith("vit")} <= still
    assert "connector.pool.query.weight" not in still


@pytest.mark.slow
def test_bfloat16_rounds_products_not_weights(two: dict[str, Any]) -> None:
    """Two processes differ from one by the rounding of products; what they keep is float32."""
    with processes("cpu") as alone:
        one = Run(MOLMO2, alone, precision="bf16").learn(0, 2)
        exact = Run(MOLMO2, alone).learn(0, 2)
    assert two["bf16"].losses != exact.losses
    torch.testing.assert_close(two["bf16"].losses, one.losses, rtol=0, atol=0.02)
    assert {weight.dtype for weight in two["bf16"].weights.values()} == {torch.float32}


@pytest.mark.slow
def test_each_process_holds_its_part(two: dict[str, Any]) -> None:
    """Half of the weights, but for rows that do not divide; together all of them."""
    assert two["shares"] == pytest.approx([0.5, 0.5], abs=0.02)
    assert sum(two["shares"]) == pytest.approx(1)


@pytest.mark.slow
def test_every_process_hears_from_every_other(two: dict[str, Any]) -> None:
    """Small values come by rank."""
    assert two["gathered"] == ["of 0", "of 1"]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["molmo", "molmo2"])
def test_pixmo_train_in_two_processes_learns_what_one_learns(tmp_path: Path, family: str) -> None:
    """`torchrun -m pixmo train captioner` writes the log and the model of a run in one process, from captions of all lengths."""
    save_tiny(tmp_path / "begun", f"{family}-tiny")
    seen = things(12, seed=3)
    told = [f"{one.caption}. " * (1 + 3 * (number % 3)) for number, one in enumerate(seen)]
    captioned(tmp_path / "rows.parquet", [drawn(one) for one in seen], told)
    config = tmp_path / "run.toml"
    config.write_text(CONFIG.format(checkpointing="true" if family == "molmo2" else "false"))
    ended = torchrun("pixmo", "train", "captioner", config, "-o", tmp_path / "two", "--device", "cpu")
    assert ended.returncode == 0, ended.stderr[:4000]
    train(read_training(config), tmp_path / "one", device="cpu")
    one, two = (logged(tmp_path / out / "log.jsonl") for out in ("one", "two"))
    assert [line["step"] for line in two] == [1, 2, 3, 4]
    assert len({line["tokens"] for line in two}) > 1
    for ours, theirs in zip(one, two, strict=True):
        for key in ("loss", "z_loss", "accuracy", "tokens"):
            assert theirs[key] == pytest.approx(ours[key], abs=1e-5)
        assert theirs["norm"] == pytest.approx(ours["norm"], rel=1e-4)
    end = "checkpoints/step-000004/model"
    weights = [dict(open_model(tmp_path / out / end).model.named_parameters()) for out in ("one", "two")]
    torch.testing.assert_close(weights[1], weights[0], rtol=0, atol=1e-5)
    shutil.rmtree(tmp_path / "two" / end.removesuffix("/model"))
    assert train(read_training(config), tmp_path / "two", device="cpu").begun == 2  # one goes on from where two were
    alone = dict(open_model(tmp_path / "two" / end).model.named_parameters())
    torch.testing.assert_close(alone, weights[0], rtol=0, atol=1e-5)
    begun = dict(open_model(tmp_path / "begun").model.named_parameters())
    assert not torch.allclose(begun["decoder.blocks.0.mlp.down.weight"], weights[0]["decoder.blocks.0.mlp.down.weight"])


@pytest.mark.gpu
def test_a_gpu_under_torchrun_learns_as_one_alone(tmp_path: Path) -> None:
    """Sharded over one process, with nccl and blocks in bfloat16; its checkpoint is restored to the bit."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    save_tiny(tmp_path / "begun", "molmo2-tiny")
    with processes("cuda") as alone:
        one = Run(MOLMO2, alone, precision="bf16").learn(0, 3)
    ended = torchrun(
        "tests.train.spread", tmp_path, "cuda", processes=1, gpus=os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    found: dict[str, Any] = torch.load(tmp_path / "results.pt", weights_only=False)
    torch.testing.assert_close(found["bf16"].losses, one.losses, rtol=0, atol=0.02)
    assert found["restored"].losses == found["went_on"].losses


def logged(path: Path) -> list[dict[str, Any]]:
    """The lines of steps."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line for line in lines if "step" in line]


def learned(*gradients: list[float] | None) -> list[Parameter]:
    """Parameters with these gradients."""
    made = []
    for gradient in gradients:
        parameter = Parameter(torch.zeros(len(gradient or [0])))
        parameter.grad = None if gradient is None else torch.tensor(gradient)
        made.append(parameter)
    return made


def test_gradients_above_the_limit_are_scaled_together() -> None:
    """The norm is that of all together; each keeps its direction."""
    parameters = learned([3.0, 0.0], None, [4.0])
    assert float(clip(parameters, 1.0)) == 5.0
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    torch.testing.assert_close(gradients, [torch.tensor([0.6, 0.0]), torch.tensor([0.8])])


@pytest.mark.parametrize("most", [0.0, 5.1])
def test_gradients_below_the_limit_stay_as_they_are(most: float) -> None:
    """To the bit; a limit of 0 is none."""
    parameters = learned([3.0, 0.0], [4.0])
    assert float(clip(parameters, most)) == 5.0
    assert [parameter.grad.tolist() for parameter in parameters if parameter.grad is not None] == [[3.0, 0.0], [4.0]]


def test_the_norm_of_no_gradients_is_0() -> None:
    """As in a part that no row reached."""
    assert float(clip(learned(None), 1.0)) == 0.0


def test_one_process_is_alone() -> None:
    """Sums are its own, and its model is not spread."""
    with processes("cpu") as alone:
        assert (alone.rank, alone.world, alone.device, alone.connected) == (0, 1, torch.device("cpu"), False)
        assert alone.summed(torch.tensor([2.0])).tolist() == [2.0]
        assert alone.gathered("here") == ["here"]
        assert {type(weight) for weight in Run(MOLMO2, alone).model.parameters()} == {Parameter}


def test_a_device_that_does_not_exist_is_told() -> None:
    """In one line that names it."""
    with pytest.raises(BadSetting, match=r"no device named 'gpu'; one of: cpu, cuda"), processes("gpu"):
        pass
    with pytest.raises(BadSetting, match=r"cuda:99: there are \d+ GPUs here"), processes("cuda:99"):
        pass
