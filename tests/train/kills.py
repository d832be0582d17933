"""Writes a checkpoint again and again, killed before the first thing it does to a file system, before the second, …: `python -m tests.train.kills OUT`.

Prints a JSON line for each: what `latest` is afterwards, whether it restores, and what else is there. Of two processes the second
is killed, when it comes to write its part.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import torch

from pixmo.molmo.folder import open_model
from pixmo.molmo.tiny import save_tiny
from pixmo.train.checkpoint import latest, restore, write
from pixmo.train.parallel import Processes, processes
from tests.train.loop import MOLMO2, Run

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}
ALONE = Processes(0, 1, 0, torch.device("cpu"))


def die_before(number: int) -> None:
    """SIGKILL in place of the change of this number, from 1, counting files opened to be written."""
    left = number

    def count(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        opened = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        left -= bool(opened or event in CHANGES)
        if not left:
            left = -1  # killing is an event, too
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def two(out: Path) -> None:
    """One whole checkpoint, then one that only the first process writes to."""
    with processes("cpu") as ours:
        run = Run(MOLMO2, ours)
        run.learn(0, 1)
        write(out / "run", 1, run.model, run.optimizer, out / "begun", ours)
        if ours.rank == 1:
            die_before(1)
        write(out / "run", 2, run.model, run.optimizer, out / "begun", ours)


def one(out: Path) -> None:
    """Until a write is not killed any more."""
    begun = save_tiny(out / "begun", "molmo2-tiny")
    run = Run(MOLMO2, ALONE)
    run.learn(0, 1)
    write(out / "run", 1, run.model, run.optimizer, begun, ALONE)
    run.learn(1, 2)
    shutil.copytree(out / "run", out / "kept")
    status, number = 1, 0
    while status:
        number += 1
        shutil.rmtree(out / "run")
        shutil.copytree(out / "kept", out / "run")
        child = os.fork()
        if not child:
            die_before(number)
            write(out / "run", 2, run.model, run.optimizer, begun, ALONE, keep=1)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(json.dumps({"killed": bool(status)} | found(out / "run", run)), flush=True)


def found(out: Path, run: Run) -> dict[str, object]:
    """What a run that goes on finds."""
    names = sorted(os.listdir(out / "checkpoints"))
    left = [name for name in names if name.startswith(".tmp-")]
    path = latest(out)
    assert path is not None
    other = Run(MOLMO2, ALONE)
    with torch.no_grad():
        for weight in other.learning:
            weight.zero_()
    step = restore(path, other.model, other.optimizer, ALONE)
    model = open_model(path / "model").model
    whole = all(torch.equal(value, model.get_parameter(name)) for name, value in other.weights().items())
    as_run = all(torch.equal(value, run.weights()[name]) for name, value in other.weights().items())
    there = [name for name in names if name not in left]
    return {
        "there": there,
        "swept": not any(name in os.listdir(out / "checkpoints") for name in left),
        "latest": path.name,
        "step": step,
        "whole": whole,
        "as_run": as_run,
        "left": left,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    (two if "RANK" in os.environ else one)(Path(sys.argv[1]))
