"""What the tests of training share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from pixmo.molmo.tiny import save_tiny
from pixmo.train.checkpoint import write
from pixmo.train.parallel import processes
from tests.train.loop import MOLMO2, Run

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in one order, and no more of the machine than needed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def torchrun(*program: object, processes: int = 2, gpus: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m …` in several processes of this machine, which see these GPUs."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": gpus, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [*command, *map(str, program)], env=os.environ | settings, cwd=REPOSITORY, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What tests.train.spread found out in two processes, and in `out` what they wrote, beside what one wrote before them."""
    out = tmp_path_factory.mktemp("two")
    save_tiny(out / "begun", "molmo2-tiny")
    with processes("cpu") as alone:
        run = Run(MOLMO2, alone)
        run.learn(0, 3)
        write(out / "by-one", 3, run.model, run.optimizer, out / "begun", alone)
        went_on = run.learn(3, 6)
    ended = torchrun("tests.train.spread", out)
    assert ended.returncode == 0, ended.stderr[-4000:]
    results: dict[str, Any] = torch.load(out / "results.pt", weights_only=False)
    return results | {"out": out, "alone_went_on": went_on}
