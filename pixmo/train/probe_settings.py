"""What a probe is asked; nothing heavy is loaded here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pixmo.errors import BadSetting
from pixmo.train.settings import Source

PIECES = {"overfit": ("batch",), "shuffle": ("true-0", "shuffled-0"), "suspicious": ("true-0", "true-1")}
"""The questions, and the training runs that answer each."""


def _said(default: Any, help: str) -> Any:  # Any: a dataclass field stands in for its value's type
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Probe:
    """What is probed, with which model, for how long: all of it changes what comes out."""

    data: str
    model: str = ""  # a checkpoint folder; empty: a small captioner from scratch
    split: str = _said("", "only this split")
    styles: tuple[str, ...] = _said((), "only these ways of asking, such as long_caption")
    as_: str = _said("", "what rows are that do not say so themselves: caption, qa, points …")
    unit: str = _said("", "of the points of such rows: percent, pixels …")
    rows: int = _said(2048, "rows that are looked at, drawn by the seed; half of them train each model")
    steps: int = _said(400, "steps of each training run at most")
    batch_size: int = _said(8, "rows of a step")
    rate: float = _said(0.0, "learning rate [default: that of the captioner; 0.002 from scratch]")
    seed: int = _said(0, "of rows, halves, order and first weights")

    def __post_init__(self) -> None:
        if min(self.rows, self.steps, self.batch_size) < 1 or self.rate < 0:
            raise BadSetting("--rows, --steps and --batch-size are at least 1, --rate is not negative")
        if self.seed >= 2**32:
            raise BadSetting("--seed is below 2^32")

    @property
    def source(self) -> Source:
        """The rows."""
        return Source(self.data, split=self.split, styles=self.styles, as_=self.as_, unit=self.unit)
