"""The loop: forward, losses over the weight of the whole step, backward, a step of each component.

    train(read_training(Path("run.toml")), Path("out"))

The state of a run is its weights, its moments and the number of steps done; all else follows from them and the settings, so going on
after a kill gives the losses of a run that was not killed. Under `torchrun` each process learns its part of every step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

import torch
from torch import Tensor

from pixmo.errors import BadFolder, BadSetting, PixmoError
from pixmo.ids import digest
from pixmo.molmo.folder import open_model, processor_for
from pixmo.molmo.loss import chunked_losses
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.weights.read import config_in, open_checkpoint
from pixmo.molmo.weights.write import published_settings
from pixmo.storage.lock import locked
from pixmo.storage.publish import publish_bytes
from pixmo.train.checkpoint import latest, restore, write
from pixmo.train.components import Components, clip_each, components, freeze, optimizer_of, set_rates
from pixmo.train.examples import Examples
from pixmo.train.halting import Halting
from pixmo.train.loading import LeftOut, Loader, Step
from pixmo.train.log import Line, Log, OnStep, read_lines
from pixmo.train.parallel import Processes, processes, shard
from pixmo.train.settings import Training, difference, read_training, written

SETTINGS, LEFT_OUT = "training.toml", "left-out.jsonl"
NAMED_ROWS = 8


@dataclass(frozen=True)
class Summary:
    """What a call of `train` came to."""

    out: Path
    begun: int  # steps that were done before
    step: int  # steps done now
    steps: int  # steps of the run
    loss: float  # of the last step
    left_out: int  # rows met that cannot be learned
    seconds: float
    model: Path | None  # what `open_model` opens: that of the last checkpoint

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return self.step == self.steps


def train(
    training: Training,
    out: Path,
    *,
    device: str | None = None,
    on_step: OnStep | None = None,
    stop_after: int | None = None,
) -> Summary:
    """Learn in the folder `out`, going on from its last checkpoint; with `stop_after` no further than that step.

    `on_step` gets each line of the log, in the first process. SIGTERM and Ctrl-C end the run after the step under way, with a
    checkpoint. Raises BadFolder where another run stands in `out`, BadSource for what cannot be read or learned, PixmoError for a loss
    that is no number.
    """
    begun = monotonic()
    with ExitStack() as stack:
        ours = stack.enter_context(processes(device))
        stack.enter_context(_folder(training, out, ours))
        last = min(stop_after or training.steps, training.steps)
        done = _steps(latest(out))
        if done < last:
            sets = _sets(training, ours)
            stack.enter_context(torch.random.fork_rng([ours.device] if ours.device.type == "cuda" else []))
            try:
                _Run(training, out, sets, ours).go(last, on_step)
            except torch.OutOfMemoryError as error:
                raise BadSetting(_less(training)) from error
        return _summary(training, out, done, monotonic() - begun)


def _steps(checkpoint: Path | None) -> int:
    return 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])


def _summary(training: Training, out: Path, begun: int, seconds: float) -> Summary:
    kept = latest(out)
    step, model = _steps(kept), kept / "model" if kept else None
    loss = next((line["loss"] for line in read_lines(out) if line["step"] == step), math.nan)
    return Summary(out, begun, step, training.steps, loss, len(list(_read_left_out(out))), seconds, model)


class _Run:
    """A model with its optimizer, and how far it is."""

    def __init__(self, training: Training, out: Path, sets: Sequence[Examples], ours: Processes) -> None:
        self.training, self.out, self.ours, self.sets = training, out, ours, sets
        where = "cpu" if ours.connected else ours.device  # `shard` moves it there, part by part
        self.model: Molmo | Molmo2 = open_model(training.model, dtype=torch.float32, devices=where).model.train()
        freeze(self.model, training)
        self.model.decoder.dropout = training.dropout
        self.model.decoder.response_dropout = training.response_dropout
        shard(self.model, ours, precision=training.precision, checkpointing=training.checkpointing)
        self.parts: Components = components(self.model)
        self.optimizer = optimizer_of(self.parts, training)
        found = latest(out)
        self.step = 0 if found is None else restore(found, self.model, self.optimizer, ours)
        self.saved = self.step
        self.log = Log(out, self.step, is_ours=ours.rank == 0)
        self.left_out = set(_read_left_out(out)) if self.step else set()

    def go(self, last: int, on_step: OnStep | None) -> None:
        """Steps up to `last`, with a checkpoint now and then and at the end."""
        with self.log, Loader(self.training, self.sets, self.ours) as loader, Halting() as halting:
            started = monotonic()
            for step in loader.steps(self.step + 1, last):
                line, is_halted = self._learn(step, is_halted=halting.is_asked)
                line["seconds"] = monotonic() - started
                line["examples_per_s"] = self.training.batch / line["seconds"]
                self.log.add(line)
                self.step = step.number
                if is_halted or self.step == last or self.step % self.training.save_every == 0:
                    self.save()
                if on_step and self.ours.rank == 0:
                    on_step(line)
                started = monotonic()
                if is_halted:
                    break

    def save(self) -> None:
        """Everything as it is, durably."""
        for theirs in cast("list[list[LeftOut]]", self.ours.gathered(sorted(self.left_out))):
            self.left_out.update(theirs)
        if self.ours.rank == 0:
            publish_bytes(self.out / LEFT_OUT, "".join(map(_line_of, sorted(self.left_out))).encode())
            self.log.save(self.training)
        write(self.out, self.step, self.model, self.optimizer, Path(self.training.model), self.ours)
        self.saved = self.step

    def _learn(self, step: Step, is_halted: bool) -> tuple[Line, bool]:
        """One step; its line of the log, and whether any process was asked to halt."""
        rates = set_rates(self.optimizer, self.training, step.number)
        weight = float(self.ours.summed(self._sums([step.weight])))
        self.optimizer.zero_grad()
        parts = [self._backward(step, number, weight) for number in range(len(step.batches))]
        norms = clip_each(self.parts, self.training.clip)
        here = torch.cat([torch.stack(parts).sum(dim=0), self._sums([step.tokens, len(step.left_out), is_halted])])
        ce, z, right, tokens, left_out, halted = self.ours.summed(here).tolist()
        norm = {name: float(value) for name, value in norms.items()}
        if not all(map(math.isfinite, (ce, z, *norm.values()))):
            self._refuse(step, parts)
        self.optimizer.step()
        self.left_out.update(step.left_out)
        line: Line = {"step": step.number, "loss": ce / weight, "z_loss": z / weight, "accuracy": right / weight}
        line |= {"norm": norm, "rate": rates, "tokens": int(tokens), "left_out": int(left_out)}
        return line, bool(halted)

    def _backward(self, step: Step, number: int, weight: float) -> Tensor:
        """Gradients of one batch, added to those there are; its sums of cross-entropy, z-loss and hits."""
        torch.manual_seed(_seed(self.training.seed, step.number, self.ours.rank, number))
        inputs: dict[str, Any] = {
            name: value.to(self.ours.device) for name, value in step.batches[number].items()
        }  # Any: tensors
        labels, weights = inputs.pop("labels"), inputs.pop("loss_masks")
        halved = self.training.precision == "bf16"
        # Without its cache: that keeps a copy of every weight until the end, also of those FSDP has let go.
        with torch.autocast(self.ours.device.type, torch.bfloat16, enabled=halved, cache_enabled=False):
            states = self.model.states(**inputs, response_mask=weights > 0)
            losses = chunked_losses(self.model.decoder.logits, states, labels, weights, z_loss=self.training.z_loss)
        # the mean over processes is taken of gradients, not of losses: so each counts as many times as there are processes
        torch.autograd.backward((losses.ce + losses.z) * (self.ours.world / weight))
        return torch.stack([losses.ce, losses.z, losses.right]).detach().double()

    def _sums(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=self.ours.device)

    def _refuse(self, step: Step, parts: Sequence[Tensor]) -> None:
        """The loss or the gradient is no number: says where, before the weights are touched."""
        bad = [rows for rows, sums in zip(step.rows, parts, strict=True) if not bool(sums.isfinite().all())]
        everywhere = cast("list[list[str]]", self.ours.gathered([row for rows in bad for row in rows]))
        rows = [row for theirs in everywhere for row in theirs] or [row for rows in step.rows for row in rows]
        more = f" and {len(rows) - NAMED_ROWS} more" if len(rows) > NAMED_ROWS else ""
        kept = f"; the checkpoint of step {self.saved} stands" if self.saved else ""
        raise PixmoError(
            f"step {step.number}: the loss or its gradient is not a number, with rows {', '.join(rows[:NAMED_ROWS])}{more}: "
            f'lower the rates or precision = "fp32", or look at these rows{kept}'
        )


def _seed(*what: int) -> int:
    return int(digest(" ".join(map(str, what)).encode())[:15], 16)


def _less(training: Training) -> str:
    """What to do about too little memory on the device."""
    told = f"the device's memory does not hold the model and a batch of micro_batch = {training.micro_batch}"
    if training.micro_batch > 1:
        return f"{told}: set micro_batch = {training.micro_batch // 2}; the losses stay the same"
    return f"{told}: {'shorten context' if training.checkpointing else 'set checkpointing = true'}, or use more GPUs"


# --- before the first step ----------------------------------------------------------------------------------------


@contextmanager
def _folder(training: Training, out: Path, ours: Processes) -> Iterator[None]:
    """The run's own folder, held while it runs, with its settings in it."""
    if training.batch % ours.world:
        raise BadSetting(f"batch = {training.batch} cannot be shared among {ours.world} processes")
    ours.first(partial(_require_ours, training, out))  # by one: the others would see what it writes
    if ours.rank:
        yield
        return
    with locked(out, str(out)):
        publish_bytes(out / SETTINGS, written(training).encode())
        yield


def _require_ours(training: Training, out: Path) -> None:
    if (out / SETTINGS).is_file():
        if other := difference(training, read_training(out / SETTINGS)):
            raise BadFolder(f"{out}: holds another run ({other}); name another folder, or delete this one")
    elif out.exists() and (not out.is_dir() or {path.name for path in out.iterdir()} - {"lock"}):
        raise BadFolder(f"{out}: not a folder of a training run; name a new one")


def _sets(training: Training, ours: Processes) -> list[Examples]:
    """The sources as examples for the model; a set of which nothing can be learned is refused here."""
    config = config_in(open_checkpoint(training.model))
    if training.context > config.decoder.max_positions:
        most = config.decoder.max_positions
        raise BadSetting(f"context = {training.context} is more than the model reads: at most {most}")
    published_settings(config)  # refused now, not at the first checkpoint
    processor = processor_for(config, training.model)
    sets = [
        Examples(source, processor, context=training.context, seed=training.data_seed) for source in training.source
    ]
    for each in sets if ours.rank == 0 else ():
        each.visited([0])
    return sets


def _line_of(left: LeftOut) -> str:
    told = {"left_out": "row", "why": [left.why], "row": left.row, "source": left.source}
    return json.dumps(told) + "\n"


def _read_left_out(out: Path) -> Iterator[LeftOut]:
    path = out / LEFT_OUT
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        told = json.loads(line)
        yield LeftOut(told["source"], told["row"], told["why"][0])
