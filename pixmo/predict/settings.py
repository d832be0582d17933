"""What is asked of a model about each row, and how hard to try; nothing heavy is loaded here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pixmo.errors import BadSetting, UnknownName


class Task(NamedTuple):
    """One kind of question: how released models are asked, the style it is known by in training, and how long answers get."""

    question: str | None  # None: each row has its own
    style: str | None
    max_new_tokens: int  # as in Ai2's evaluations


TASKS: Mapping[str, Task] = {
    "caption": Task("Describe this image.", "long_caption", 448),
    "point": Task("Point to {label}.", "pointing", 192),
    "count": Task("How many {label} are there?", "point_count", 192),
    "answer": Task(None, None, 12),
}
DTYPES = ("float32", "bfloat16", "float16")


def _said(default: Any, help: str) -> Any:  # Any: a dataclass field stands in for its value's type
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """What changes an answer, and which rows are asked about."""

    task: str = "caption"
    prompt: str | None = _said(None, "your own question for every row; {label} stands for the row's label")
    prompts: str | None = _said(
        None, "whose way to ask: molmo1-captioner, molmo2 … [default: molmo1-released or molmo2-released]"
    )
    style: str | None = _said(None, "style that prompts name, where they do, such as vqa2 [default: that of the task]")
    max_new_tokens: int | None = _said(None, "longest answer [default: caption 448, point and count 192, answer 12]")
    temperature: float = _said(0.0, "sample, row by row; 0 takes the best token each time")
    top_p: float = _said(1.0, "when sampling, from the best tokens that share so much of the probability")
    seed: int = _said(0, "of sampling, and of the choice among several prompts")
    beams: int = _said(1, "beams of a search")
    dtype: str | None = _said(
        None, f"numbers of the model: {', '.join(DTYPES)} [default: bfloat16 on a GPU, else float32]"
    )
    split: str | None = _said(None, "only this split")
    limit: int | None = _said(None, "only so many rows, the first")

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise UnknownName("task", self.task, TASKS)
        if self.dtype is not None and self.dtype not in DTYPES:
            raise UnknownName("dtype", self.dtype, DTYPES)
        if self.prompt is not None and not self.prompt.strip():
            raise BadSetting("the prompt is empty")
        if self.max_new_tokens is not None and self.max_new_tokens < 1:
            raise BadSetting("max_new_tokens is at least 1")
        if self.limit is not None and self.limit < 1:
            raise BadSetting("limit is at least 1 row")
        if self.beams < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise BadSetting("beams are at least 1, temperature at least 0, top_p above 0 and at most 1")
        if self.beams > 1 and self.temperature:
            raise BadSetting("beams and a temperature do not go together; choose one")

    @property
    def longest(self) -> int:
        """The most tokens of an answer."""
        return self.max_new_tokens or TASKS[self.task].max_new_tokens


@dataclass(frozen=True)
class Effort:
    """What changes no answer (in float32): how many rows at a time, where, and which share of them is ours."""

    batch_size: int = _said(8, "rows at a time; halved where the memory of a GPU does not suffice")
    device: tuple[str, ...] = _said(
        (), "where the model lives: cpu, cuda, cuda:1; several share it [default: a GPU if there is one]"
    )
    rank: int = _said(0, "which share of the rows is ours, from 0; under torchrun its RANK")
    world_size: int = _said(1, "how many shares there are; under torchrun its WORLD_SIZE")
    workers: int = _said(4, "threads that prepare pictures while the model works")

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.workers < 1:
            raise BadSetting("batch_size and workers are at least 1")
        if not 0 <= self.rank < self.world_size:
            raise BadSetting(f"rank {self.rank} of {self.world_size}: ranks go from 0 to world_size - 1")
