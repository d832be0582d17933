"""Private memory of a tree of processes while it works, sampled from /proc."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.count import children

ROLES = {"pixmo.run.owner": "owner", "pixmo.run.decoder": "decoder"}


@dataclass
class Peaks:
    """The largest private memory seen, in MB, by phase and by kind of process; and how many processes of it there were."""

    private_mb: dict[tuple[str, str], float] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    samples: int = 0

    def note(self, phase: str, seen: list[tuple[str, float]]) -> None:
        """One look at all processes: (role, private MB) each."""
        self.samples += 1
        for role, private in seen:
            self.private_mb[phase, role] = max(private, self.private_mb.get((phase, role), 0.0))
            self.processes[role] = max(self.processes.get(role, 0), sum(other == role for other, _ in seen))


def private_mb(pid: int) -> float | None:
    """Memory no other process shares (USS); None when the process has gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def role_of(pid: int) -> str:
    """What a process of pixmo does, by its command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "gone"
    return next((role for module, role in ROLES.items() if module in words), "coordinator")


class Watch:
    """Looks at a process and all below it every so often, in a thread, until the block is left."""

    def __init__(self, pid: int, phase: Callable[[], str], every_s: float = 0.25) -> None:
        self.peaks = Peaks()
        self._pid, self._phase, self._every_s = pid, phase, every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.is_set():
            started = time.monotonic()
            seen = [(role_of(pid), private_mb(pid)) for pid in (self._pid, *children(self._pid))]
            self.peaks.note(self._phase(), [(role, mb) for role, mb in seen if mb])
            self._ended.wait(max(0.0, self._every_s - (time.monotonic() - started)))
