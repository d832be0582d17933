"""Several processes that train one model: torchrun's environment, FSDP2, sums over all.

Every process runs the same program on its own part of each step's examples. What must agree is summed here, so that two
processes learn what one would.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from pixmo.errors import BadSetting, PixmoError
from pixmo.molmo.device import device_named
from pixmo.molmo.molmo import Molmo
from pixmo.molmo.molmo2 import Molmo2


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this one is, and where it computes."""

    rank: int
    world: int
    local_rank: int  # on its machine
    device: torch.device

    @property
    def connected(self) -> bool:
        """Whether torchrun started it, if only alone; then every process has a part of each parameter."""
        return dist.is_initialized()

    def summed(self, values: Tensor) -> Tensor:
        """The sum over all processes, on each of them the same; alone, `values` itself."""
        if not self.connected:
            return values
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    def gathered(self, value: object) -> list[object]:
        """What every process gives, by rank: a small value that can be pickled. All wait here for the slowest."""
        if not self.connected:
            return [value]
        values: list[object] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def first(self, act: Callable[[], None]) -> None:
        """Let the first process act while the others wait; what it finds wrong with a request is raised in all."""
        wrong: PixmoError | None = None
        if self.rank == 0:
            try:
                act()
            except PixmoError as error:
                wrong = error
        if isinstance(told := self.gathered(wrong)[0], PixmoError):
            raise told


@contextmanager
def processes(device: str | None = None) -> Iterator[Processes]:
    """The process that torchrun started, connected with the others, or one alone.

    `device`: "cuda" or "cpu", alone also one of several, "cuda:1"; the GPU where there is one, unless told. Under
    torchrun each process of a machine takes the GPU of its number there. BadSetting when there is no such device.
    """
    under_torchrun = "RANK" in os.environ and "WORLD_SIZE" in os.environ
    rank, world, local_rank = (int(os.environ.get(name, alone)) for name, alone in _ENVIRONMENT.items())
    where = _device(device, local_rank if under_torchrun else None)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    if not under_torchrun:
        yield Processes(0, 1, 0, where)
        return
    # Small values go over gloo also beside nccl: they would wait behind the kernels of the GPU.
    dist.init_process_group("cpu:gloo,cuda:nccl" if where.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world, local_rank, where)
    finally:
        dist.destroy_process_group()


_ENVIRONMENT = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}


def _device(told: str | None, local_rank: int | None) -> torch.device:
    device = device_named(told)
    if device.type != "cuda":
        return device
    if local_rank is not None and device.index is not None:
        raise BadSetting(f"{told}: torchrun gives each process a GPU of its own; say cuda")
    number = device.index if local_rank is None else local_rank
    if (number or 0) >= torch.cuda.device_count():
        raise BadSetting(
            f"cuda:{number or 0}: there are {torch.cuda.device_count()} GPUs here; start fewer processes, or --device cpu"
        )
    return torch.device("cuda", number or 0)


def shard(model: Molmo | Molmo2, ours: Processes, *, precision: str, checkpointing: bool) -> None:
    """Put the model on its device; under torchrun spread every parameter over the processes (FSDP2).

    Call it before the optimizer is made: parameters become others. Gradients are averaged over the processes, in
    float32. Weights stay float32; with `precision` "bf16" blocks are gathered in bfloat16, which autocast would make
    of their matrices anyway. `checkpointing`: blocks are computed again in the backward pass.
    """
    model.vit.checkpointing = model.decoder.checkpointing = checkpointing
    if not ours.connected:
        model.to(ours.device)
        return
    mesh = init_device_mesh(ours.device.type, (ours.world,))
    # Inputs are not cast: the angles of rotary positions are among them.
    halved = MixedPrecisionPolicy(
        torch.bfloat16 if precision == "bf16" else None, torch.float32, cast_forward_inputs=False
    )
    # The parts of the connector, not the whole: its padding vectors are read outside `forward`.
    for unit in (*model.vit.blocks, *model.decoder.blocks, model.connector.pool, model.connector.project):
        fully_shard(unit, mesh=mesh, mp_policy=halved)
    # The rest (embeddings, norms between, head) is gathered once and stays until the backward pass has used it: a head
    # may be the embedding, and is called outside `states`, chunk by chunk.
    fully_shard(model, mesh=mesh, reshard_after_forward=False)
    register_fsdp_forward_method(model, "states")


def reshard(model: torch.nn.Module) -> None:
    """Leave nothing gathered, as after a pass without a backward one; no-op for a model that is not sharded."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


@torch.no_grad()
def clip(parameters: Sequence[Tensor], most: float) -> Tensor:
    """The norm of all gradients together, over all processes; gradients are scaled to `most` where it is above that.

    `most` 0: none is scaled. Parameters without a gradient count as 0.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return torch.zeros(())
    ours = [gradient.to_local() if isinstance(gradient, DTensor) else gradient for gradient in gradients]
    squared = torch.stack([torch.linalg.vector_norm(part, dtype=torch.float32) for part in ours]).square().sum()
    if isinstance(gradients[0], DTensor):
        dist.all_reduce(squared)
    norm = squared.sqrt()
    if most:
        torch._foreach_mul_(ours, (most / (norm + 1e-6)).clamp(max=1))
    return norm
