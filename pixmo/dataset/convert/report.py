"""What a conversion did: counts, examples, and a file with each loss."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pixmo.dataset.convert.items import REASONS, Loss
from pixmo.storage.publish import publishing

EXAMPLES = 3  # kept of each reason


@dataclass
class Report:
    """Records read and written, losses by reason. `losses_file` holds every loss, one JSON object a line; None when there were none."""

    source: Path
    out: Path
    source_format: str
    out_format: str
    read: int = 0
    left_out: int = 0  # of the records read, those the other format could not hold
    losses: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Loss]] = field(default_factory=dict)
    losses_file: Path | None = None

    @property
    def written(self) -> int:
        """How many records are in OUT."""
        return self.read - self.left_out

    @property
    def is_empty(self) -> bool:
        """Whether everything was carried."""
        return not self.losses

    def add(self, loss: Loss) -> None:
        """Counts a loss."""
        self.losses[loss.reason] += 1
        kept = self.examples.setdefault(loss.reason, [])
        if len(kept) < EXAMPLES:
            kept.append(loss)

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """For machines."""
        losses = [
            {
                "reason": name, "meaning": REASONS[name].meaning, "left_out": REASONS[name].left_out, "count": count,
                "examples": [loss._asdict() for loss in self.examples[name]],
            }
            for name, count in self.losses.most_common()
        ]  # fmt: skip
        return {
            "source": str(self.source), "out": str(self.out), "from": self.source_format, "to": self.out_format,
            "read": self.read, "written": self.written, "losses": losses,
            "losses_file": str(self.losses_file) if self.losses_file else None,
        }  # fmt: skip


class LossFile:
    """`OUT.losses.jsonl` beside OUT, there only when something was lost; one left by an earlier conversion into OUT goes."""

    def __init__(self, out: Path) -> None:
        self.path = out.with_name(f"{out.name}.losses.jsonl")
        self._publishing = publishing(self.path)
        self._file: IO[str] | None = None

    def add(self, loss: Loss) -> None:
        """Writes a loss down."""
        if self._file is None:
            self._file = self._publishing.__enter__().open("w", encoding="utf-8")
        self._file.write(json.dumps(loss._asdict() | {"left_out": loss.left_out}) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._publishing.__exit__(kind, error, trace)
        elif kind is None:
            self.path.unlink(missing_ok=True)
