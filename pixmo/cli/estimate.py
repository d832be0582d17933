"""What a download would take: rows, pictures, gigabytes, hours; plain arithmetic, shown with its assumptions."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pixmo.cli.printing import amount, many, told
from pixmo.run.job import Effort, open_input
from pixmo.run.recipe import Recipe

if TYPE_CHECKING:
    from pixmo.cli.estimate_spoken import Spoken
    from pixmo.sources.source import Source

MEAN_BYTES = 250_000  # of a PixMo picture: 266 GB in 1.07 million files of a mirror
SECONDS_EACH = 2.0  # a picture in flight on the open web, connection and patience included; an assumption
LINE_MBIT = 1_000.0  # the line taken when --max-mbit says nothing; an assumption


@dataclass(frozen=True)
class Need:
    """What a list asks for; `busiest` is the host with most pictures, where the list was read."""

    rows: int
    pictures: int
    bytes: int
    busiest: tuple[str, int] | None = None
    hosts: int | None = None


@dataclass(frozen=True)
class Pace:
    """How fast a download can be."""

    in_flight: int
    mbit: float
    requests_per_s: float

    @classmethod
    def of(cls, download: Any, processes: int) -> Pace:  # Any: the Download stage, or None
        """From a download's settings."""
        if download is None:
            return cls(0, LINE_MBIT, 0.0)
        return cls(processes * download.concurrency, download.max_mbit or LINE_MBIT, download.requests_per_s)

    def hours(self, need: Need) -> dict[str, float]:
        """Hours by what may be the narrowest; the largest rules."""
        hours = {f"{amount(need.bytes)} over {self.mbit:,.0f} Mbit/s": need.bytes * 8 / (self.mbit * 1e6) / 3600}
        if self.in_flight:
            each = f"{need.pictures:,} pictures, {self.in_flight:,} in flight, {SECONDS_EACH:g} s each"
            hours[each] = need.pictures * SECONDS_EACH / self.in_flight / 3600
        if need.busiest and self.requests_per_s:
            host, count = need.busiest
            slowest = f"{count:,} pictures of {host} at {self.requests_per_s:g}/s"
            hours[slowest] = count / self.requests_per_s / 3600
        return hours


def print_dry_run(recipe: Recipe, out: Path, effort: Effort, as_json: bool) -> int:
    """Says what a run would do; nothing is written or fetched. The exit code."""
    source, columns = open_input(recipe)
    download = recipe.find("download")
    need = needed(source, columns, download is not None)
    hours = Pace.of(download, effort.processes).hours(need)
    stages = [step.use for step in recipe.steps]
    said = _spoken(recipe, source, out)
    if as_json:
        print(
            told(
                {"source": source.name, "out": str(out), "stages": stages, **asdict(need), "hours": hours}
                | ({"spoken": said.as_json()} if said else {})
            )
        )
        return 0
    print(f"{source.name}: {need.rows:,} rows, into {out}")
    print(
        f"columns: {', '.join(f'{role} = {name}' for role, name in columns._asdict().items() if name) or 'no pictures'}"
    )
    print(f"stages: {', '.join(stages)}")
    print("\n".join(lines(need, hours)))
    if said:
        from pixmo.cli.estimate_spoken import spoken_lines

        print("\n".join(spoken_lines(said)))
    return 0


def _spoken(recipe: Recipe, source: Any, out: Path) -> Spoken | None:  # Any: a Source
    if recipe.find("write_caption") is None:
        return None
    from pixmo.cli.estimate_spoken import spoken

    return spoken(recipe, source, out)


def lines(need: Need, hours: dict[str, float]) -> list[str]:
    """The estimate for people, with its arithmetic."""
    of_hosts = f" on {many(need.hosts, 'host')}" if need.hosts else ""
    first = f"{many(need.pictures, 'picture')}{of_hosts}, about {amount(need.bytes)}"
    if not need.pictures:
        return [first]
    return [
        f"{first}, about {told_hours(max(hours.values()))}",
        *(f"  {told_hours(h):>7} = {why}" for why, h in hours.items()),
    ]


def told_hours(hours: float) -> str:
    """A duration with as much precision as a guess deserves."""
    if hours < 1 / 60:
        return "a minute"
    return f"{hours * 60:.0f} min" if hours < 1.5 else f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"


def needed(source: Source, columns: Any, fetches: bool) -> Need:  # Any: pixmo.sources.open.Columns
    """From what the catalog expects, else by reading the list."""
    expected = source.expected
    if expected is not None and expected.rows is not None:
        pictures = expected.pictures if expected.pictures is not None else expected.rows if fetches else 0
        return Need(expected.rows, pictures, pictures * (expected.picture_bytes or MEAN_BYTES))
    return counted(source, columns)


def counted(source: Source, columns: Any) -> Need:  # Any: as above
    """By reading the list once: rows, URLs, hosts."""
    hosts: Counter[str] = Counter()
    rows = urls = embedded = 0
    name = columns.url or columns.urls
    for batch in source.batches():
        rows += batch.num_rows
        embedded += batch.num_rows if columns.picture else 0
        values = batch.column(name).to_pylist() if name else ()
        for value in values:
            for url in value if isinstance(value, list) else [value]:
                if url and (host := _host(url)):
                    urls += 1
                    hosts[host] += 1
    return Need(rows, urls or embedded, urls * MEAN_BYTES, next(iter(hosts.most_common(1)), None), len(hosts))


def _host(url: str) -> str:
    """The host that would be asked; empty for what is no URL or not on the web."""
    try:
        parts = urlsplit(url.strip())
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""
    except ValueError:
        return ""
