"""What a run needs to go on, and the model as others read it, in one folder per checkpoint.

checkpoints/step-000500/
    state/    weights, moments and the step, in the distributed format of PyTorch: any number of processes reads it
    model/    the weights as safetensors with tokenizer and settings: what `open_model` and `pixmo predict` read

A folder has its name only when everything in it is on the disk. Several machines need one file system.
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed.checkpoint import state_dict_loader, state_dict_saver
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future

from pixmo.errors import BadFolder
from pixmo.molmo.build import build
from pixmo.molmo.carry import carry
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2
from pixmo.molmo.weights.read import Checkpoint, Stored, compare
from pixmo.molmo.weights.write import save
from pixmo.storage.publish import disk_errors, sweep
from pixmo.train.parallel import Processes, reshard

Model = Molmo | Molmo2
# Names in the state: weights/NAME and moments/NAME/KIND of each parameter, and the number of steps done.
_WEIGHT, _MOMENT, _STEP = "weights/", "moments/", "step"


def write(
    out: Path,
    step: int,
    model: Model,
    optimizer: torch.optim.Optimizer,
    begun: Path,
    ours: Processes,
    *,
    keep: int = 2,
) -> Path:
    """The folder of a new checkpoint of the run in `out`, once it is on the disk; all but the last `keep` are removed.

    Every process calls it after the same step. `begun` is the folder that the run began with: its tokenizer and settings
    go into `model/`. One that is there already stays as it is: the same step of a run gives the same. Raises NoSpace
    or BadFolder, in every process, when the disk refuses; the checkpoints of before stay.
    """
    final = out / "checkpoints" / f"step-{step:06d}"
    if ours.gathered(final.is_dir())[0]:
        return final
    temporary = final.with_name(f".tmp-{final.name}")
    ours.first(partial(_clear, temporary))
    reshard(model)
    with _disk_errors(temporary), _quiet():
        writer = _Writer(temporary / "state")
        state_dict_saver.save(_state(step, model, optimizer), storage_writer=writer, no_dist=not ours.connected)
    empty = build(model.config, device="meta", dtype=next(model.parameters()).dtype)
    ours.first(partial(_finish, temporary, final, empty, begun, keep))
    return final


def latest(out: Path) -> Path | None:
    """The checkpoint of the most steps that the run in `out` has completely written."""
    return max(_complete(out / "checkpoints"), key=_steps, default=None)


def restore(path: Path, model: Model, optimizer: torch.optim.Optimizer, ours: Processes) -> int:
    """Give the model its weights and the optimizer its moments as they were; the number of steps done.

    Every process calls it, with a model sharded as it will be trained and the optimizer made for it; there may be more
    or fewer processes than wrote it. What killed ones left beside it is removed. Raises BadFolder when the state is
    damaged or of another model. The state is read with pickle, as PyTorch writes it: go on with runs of your own only.
    """
    if ours.rank == 0:
        sweep(path.parent)
    stored, weights = _described(path), dict(model.named_parameters())
    _require_same(path, stored, weights, optimizer)
    state = {_WEIGHT + name: weight.detach() for name, weight in weights.items()}
    state |= {key: _room(stored[key], weights[_owner(key)]) for key in stored if key.startswith(_MOMENT)}
    state[_STEP] = torch.zeros((), dtype=torch.int64)
    with _damage(path), _quiet():
        state_dict_loader.load(state, storage_reader=FileSystemReader(path / "state"), no_dist=not ours.connected)
    _give(optimizer, {id(weight): name for name, weight in weights.items()}, state)
    return int(state[_STEP])


# --- names and their parts ----------------------------------------------------------------------------------------


def _steps(path: Path) -> int:
    return int(path.name.removeprefix("step-"))


def _complete(folder: Path) -> list[Path]:
    """The checkpoints of a folder, earliest first. What is being written has another name."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return sorted((path for path in paths if re.fullmatch(r"step-\d+", path.name) and path.is_dir()), key=_steps)


def _owner(key: str) -> str:
    """The parameter that a stored weight or moment belongs to."""
    return key.split("/")[1]


# --- writing ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _state(step: int, model: Model, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Everything a run goes on from, under flat names; a parameter never learned has no moments."""
    state = {_STEP: torch.tensor(step)}
    for name, weight in model.named_parameters():
        state[_WEIGHT + name] = weight.detach()
        moments = optimizer.state.get(weight, {}).items()
        state |= {f"{_MOMENT}{name}/{kind}": value for kind, value in moments if isinstance(value, Tensor)}
    return state


def _clear(temporary: Path) -> None:
    with disk_errors(temporary):
        temporary.parent.mkdir(parents=True, exist_ok=True)
        sweep(temporary.parent)
        temporary.mkdir()


def _finish(temporary: Path, final: Path, empty: Model, begun: Path, keep: int) -> None:
    """Make `model/` from the state on the disk, give the whole its name, remove the oldest."""
    # Not gathered from the other processes: one tensor at a time, none of them takes part, and what is read was written.
    save(empty, temporary / "model", read=lru_cache(1)(partial(_weight, _Reader(temporary / "state"), empty)))
    carry(begun, temporary / "model")
    with disk_errors(final):
        for folder in (temporary / "state", temporary / "model", temporary):
            _fsync(folder)
        temporary.rename(final)
        _fsync(final.parent)
        for old in _complete(final.parent)[:-keep]:
            shutil.rmtree(old.rename(old.with_name(f".tmp-{old.name}")))  # half of one is none


class _Writer(FileSystemWriter):
    """Tells what the operating system refused: PyTorch's zip writer puts an error of its own in its place."""

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """As its parent, in the process that writes."""
        with disk_errors(Path(self.path)):
            try:
                return super().write_data(plan, planner)
            except RuntimeError as error:
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None


class _Reader(FileSystemReader):
    """Reads what is in the state once, not again for each tensor."""

    @cached_property
    def _metadata(self) -> Metadata:
        return super().read_metadata()

    def read_metadata(self, *_: object, **__: object) -> Metadata:
        """Of all processes: there is no other."""
        return self._metadata


def _weight(reader: _Reader, empty: Model, name: str) -> Tensor:
    value = torch.empty_like(empty.get_parameter(name), device="cpu")
    with _quiet():
        state_dict_loader.load({_WEIGHT + name: value}, storage_reader=reader, no_dist=True)
    return value


def _fsync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# --- reading ------------------------------------------------------------------------------------------------------


def _described(path: Path) -> dict[str, TensorStorageMetadata]:
    """What tensors a state holds, by name."""
    with _damage(path):
        described = FileSystemReader(path / "state").read_metadata().state_dict_metadata
    return {name: each for name, each in described.items() if isinstance(each, TensorStorageMetadata)}


def _require_same(
    path: Path,
    stored: Mapping[str, TensorStorageMetadata],
    weights: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    there = {
        key.removeprefix(_WEIGHT): Stored(tuple(each.size), str(each.properties.dtype), path)
        for key, each in stored.items()
        if key.startswith(_WEIGHT)
    }
    report = compare(Checkpoint(path, there, {}), {name: tuple(weight.shape) for name, weight in weights.items()})
    if report:
        raise BadFolder(f"{path}: the state of another model: {report}")
    learning = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    still = [owner for key in stored if key.startswith(_MOMENT) and id(weights[owner := _owner(key)]) not in learning]
    if still:
        raise BadFolder(f"{path}: the state of a run that also learned {still[0]}; go on with the same rates")


def _room(stored: TensorStorageMetadata, weight: Tensor) -> Tensor:
    """Memory for a moment: spread like the weight it belongs to, when it has its shape."""
    type_ = stored.properties.dtype
    return (
        torch.zeros_like(weight, dtype=type_) if stored.size == weight.shape else torch.zeros(stored.size, dtype=type_)
    )


def _give(optimizer: torch.optim.Optimizer, names: Mapping[int, str], state: Mapping[str, Tensor]) -> None:
    """Replace the optimizer's moments by those of the state."""
    moments: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        if key.startswith(_MOMENT):
            moments.setdefault(_owner(key), {})[key.split("/")[2]] = value
    learning = [names[id(weight)] for group in optimizer.param_groups for weight in group["params"]]
    numbered = {number: moments[name] for number, name in enumerate(learning) if name in moments}
    optimizer.load_state_dict({"state": numbered, "param_groups": optimizer.state_dict()["param_groups"]})


# --- what may go wrong --------------------------------------------------------------------------------------------


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that one process alone saves alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        yield


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """What kept a process from writing, as if it had happened here."""
    try:
        yield
    except CheckpointException as error:
        with disk_errors(path):
            raise next(iter(error.failures.values()))[0] from None


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """A state that cannot be read is damaged: the border to whatever reading pickles and tensors may raise."""
    try:
        yield
    except (CheckpointException, Exception) as error:
        cause = next(iter(error.failures.values()))[0] if isinstance(error, CheckpointException) else error
        if not isinstance(cause, Exception):  # an interrupt
            raise
        line = (str(cause).splitlines() or [type(cause).__name__])[0]
        raise BadFolder(
            f"{path}: its state is damaged ({line}); delete this checkpoint to go on from the one before"
        ) from error
