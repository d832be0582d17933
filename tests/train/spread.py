"""What tests want to know of several processes, found out in one start of them: `torchrun … -m tests.train.spread OUT`."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch

from pixmo.errors import NoSpace
from pixmo.train.checkpoint import restore, write
from pixmo.train.parallel import Processes, processes
from tests.train.loop import CASES, MOLMO, MOLMO2, Run


def main(out: Path) -> None:
    """Everything that tests want to know of several processes, in one start of them."""
    torch.set_num_threads(1)
    with processes("cpu") as ours:
        results: dict[str, object] = {"world": ours.world}
        for name, config in CASES.items():
            results[name] = Run(config, ours).learn(0, 4)
        results["frozen"] = Run(MOLMO, ours, frozen="vit").learn(0, 3)
        results["bf16"] = Run(MOLMO2, ours, precision="bf16").learn(0, 2)
        results["shares"] = ours.gathered(_share(ours))
        results["gathered"] = ours.gathered(f"of {ours.rank}")
        results |= _checkpoints(out, ours)
        if ours.rank == 0:
            torch.save(results, out / "results.pt")


def _share(ours: Processes) -> float:
    """How much of the weights this process holds after a step."""
    run = Run(MOLMO2, ours)
    run.learn(0, 1)
    weights = list(run.model.parameters())
    return sum(weight.to_local().numel() for weight in weights) / sum(weight.numel() for weight in weights)


def _checkpoints(out: Path, ours: Processes) -> dict[str, object]:
    run = Run(MOLMO2, ours)
    run.learn(0, 3)
    written = write(out / "by-two", 3, run.model, run.optimizer, out / "begun", ours)
    went_on = run.learn(3, 6)
    other = Run(MOLMO2, ours, seed=1)
    step = restore(out / "by-one/checkpoints/step-000003", other.model, other.optimizer, ours)
    restored = other.learn(step, 6)
    if ours.rank == 1:  # the disk is full for one of them only
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        write(out / "by-two", 6, run.model, run.optimizer, out / "begun", ours)
        refused = ""
    except NoSpace as error:
        refused = str(error)
    if ours.rank == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return {
        "written": written, "went_on": went_on, "restored": restored, "step": step, "refused": ours.gathered(refused),
    }  # fmt: skip


def gpu(out: Path) -> None:
    """The same on a GPU, as far as one process can tell."""
    with processes("cuda") as ours:
        run = Run(MOLMO2, ours, precision="bf16")
        learned = run.learn(0, 3)
        path = write(out, 3, run.model, run.optimizer, out / "begun", ours)
        other = Run(MOLMO2, ours, precision="bf16", seed=1)
        restore(path, other.model, other.optimizer, ours)
        torch.save({"bf16": learned, "went_on": run.learn(3, 5), "restored": other.learn(3, 5)}, out / "results.pt")


if __name__ == "__main__":
    (gpu if "cuda" in sys.argv else main)(Path(sys.argv[1]))
