"""From counted runs to a table with medians and ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.measure import Used, median, spread
from bench.pictures import Work


@dataclass
class Run:
    """One run of one contender on one road."""

    road: str
    contender: str
    used: Used
    work: Work | None  # None: it failed
    nginx_cpu_s: float
    note: str = ""


@dataclass
class Figures:
    """All runs of a contender on a road; the start is its CPU on a list of sixteen pictures."""

    road: str
    contender: str
    pictures: int
    runs: list[Run] = field(default_factory=list)
    start_cpu_s: float = 0.0

    @property
    def rates(self) -> list[float]:
        """Pictures per second, start and writing included."""
        return [self.pictures / run.used.wall_s for run in self.runs]

    @property
    def cpu_us(self) -> list[float]:
        """Microseconds of CPU per picture, start included."""
        return [run.used.cpu_s / self.pictures * 1e6 for run in self.runs]

    @property
    def running_us(self) -> float:
        """The median less the start: what each further picture costs."""
        return median(self.cpu_us) - self.start_cpu_s / self.pictures * 1e6

    @property
    def nginx_us(self) -> list[float]:
        """The host's, apart."""
        return [run.nginx_cpu_s / self.pictures * 1e6 for run in self.runs]

    def as_json(self) -> dict[str, Any]:  # Any: plain JSON
        """Everything measured."""
        rates, cpu = median(self.rates), median(self.cpu_us)
        told = {"pictures_per_s": rates, "cpu_us_per_picture": cpu, "start_cpu_s": self.start_cpu_s}
        return {"road": self.road, "contender": self.contender, **told, "runs": [asdict(run) for run in self.runs]}


def table(rows: Sequence[Figures]) -> str:
    """A Markdown table: medians, least and most in brackets."""
    lines = [
        "| road | contender | pictures/s | CPU µs/picture | of it start | largest process MB | nginx µs/picture |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        if not row.runs:
            lines.append(f"| {row.road} | {row.contender} | failed | | | | |")
            continue
        start = row.start_cpu_s / row.pictures * 1e6
        rss = max(run.used.max_rss_mb for run in row.runs)
        lines.append(
            f"| {row.road} | {row.contender} | {spread(row.rates)} | {spread(row.cpu_us)} | {start:,.0f} "
            f"| {rss:,.0f} | {spread(row.nginx_us)} |"
        )
    return "\n".join(lines)


def ratios(rows: Sequence[Figures]) -> list[str]:
    """pixmo against each other on the same road, medians: and the bar where there is one."""
    found = []
    for ours in rows:
        if not ours.runs or not ours.contender.startswith("pixmo"):
            continue
        for other in rows:
            if other.road == ours.road and other is not ours and other.runs:
                faster = median(ours.rates) / median(other.rates)
                dearer = median(ours.cpu_us) / median(other.cpu_us)
                found.append(
                    f"{ours.road}: {ours.contender} does {faster:.2f}× the pictures/s of {other.contender}, with "
                    f"{dearer:.2f}× its CPU per picture ({ours.running_us / other.running_us:.2f}× without the starts)"
                )
                found += [f"  bar: {bar}" for bar in verdicts(ours.road, other.contender, faster, dearer)]
    return found


def verdicts(road: str, other: str, faster: float, dearer: float) -> list[str]:
    """What was promised of this pair, and whether it holds."""
    less = 1 / dearer
    bars = {
        ("plain", "img2dataset"): [("≥4× the pictures/s", faster >= 4), ("≥8× less CPU", less >= 8)],
        ("plain", "bare loop"): [("≤1.8× the CPU", dearer <= 1.8)],
        ("https", "img2dataset"): [("≥15× the pictures/s", faster >= 15)],
        ("default", "img2dataset"): [("≥1× the pictures/s", faster >= 1)],
        ("default", "bare loop + decode"): [("≤1.25× the CPU", dearer <= 1.25)],
    }
    return [f"{what}: {'holds' if holds else 'MISSED'}" for what, holds in bars.get((road, other), [])]
