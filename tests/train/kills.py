"""Writes a checkpoint again and again, killed before the first thing it does to a file system, before the second, …: `python -m tests.train.kills OUT`.

Prints a JSON line for each: what `latest` is afterwards, whether it restores, and what else is there.
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
from pixmo.train.parallel import Processes
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
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def main(out: Path) -> None:
    """Until a write is not killed any more."""
    torch.set_num_threads(1)
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
    there = sorted(path.name for path in (out / "checkpoints").iterdir() if not path.name.startswith(".tmp-"))
    path = latest(out)
    assert path is not None
    other = Run(MOLMO2, ALONE, seed=1)
    step = restore(path, other.model, other.optimizer, ALONE)
    model = open_model(path / "model").model
    whole = all(torch.equal(value, model.get_parameter(name)) for name, value in other.weights().items())
    as_run = all(torch.equal(value, run.weights()[name]) for name, value in other.weights().items())
    left = [name for name in os.listdir(out / "checkpoints") if name not in there]
    return {"there": there, "latest": path.name, "step": step, "whole": whole, "as_run": as_run, "left": left}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
