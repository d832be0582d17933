"""`--static` of `pixmo view`, and what `pixmo visualize` does: a set as a folder of pages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from pixmo.cli.printing import many
from pixmo.errors import BadSetting, MissingExtra

if TYPE_CHECKING:
    from pixmo.view.source import DataSet
    from pixmo.view.static import Plan


class Static(NamedTuple):
    """What `--static` was given; `out` is None without it."""

    out: Path | None
    rows: int | None
    seed: int | None
    thumb_px: int | None
    max_mb: float | None

    def plan(self) -> Plan:
        """Which pages to write. Raises BadSetting."""
        from pixmo.view.static import ROWS, SIDE_PX, Plan

        return Plan(self.rows or ROWS, self.seed, self.thumb_px or SIDE_PX, self.max_mb)


def static_options(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command `--static` and what goes with it, as one value `static`."""

    @click.option(
        "--static",
        "out",
        metavar="OUT",
        type=click.Path(path_type=Path),
        help="Write pages into this folder; no server runs.",
    )
    @click.option("--rows", type=click.IntRange(1), help="With --static: how many rows.  [default: 1000]")
    @click.option(
        "--seed", type=click.IntRange(0), help="With --static: draw the rows from all; without, the first are written."
    )
    @click.option(
        "--thumb-px", type=click.IntRange(32, 4096), help="With --static: the longer side of pictures.  [default: 768]"
    )
    @click.option(
        "--max-mb",
        type=click.FloatRange(0, min_open=True),
        help="With --static: size of all files.  [default: 20 for 1000 rows]",
    )
    @wraps(command)
    def given(
        out: Path | None, rows: int | None, seed: int | None, thumb_px: int | None, max_mb: float | None, **others: Any  # Any: options
    ) -> None:  # fmt: skip
        static = Static(out, rows, seed, thumb_px, max_mb)
        if out is None and any(value is not None for value in static):
            raise BadSetting("--rows, --seed, --thumb-px and --max-mb need --static OUT: without it all rows are shown")
        command(static=static, **others)

    return given


def need_view(wanted: str) -> None:
    """Raises MissingExtra where the packages of `pixmo[view]` are not there."""
    for name in ("starlette", "uvicorn", "duckdb"):
        if find_spec(name) is None:
            raise MissingExtra("view", wanted)


def write_pages(data: DataSet, out: Path, plan: Plan) -> None:
    """Writes the pages and says what they are."""
    from pixmo.view.static import write_static

    for broken in data.broken:
        print(f"pixmo: {broken.file}: cannot be read: {broken.why}", file=sys.stderr)
    written = write_static(data, out, plan)
    print(f"{many(written.rows, 'row')} of {len(data.rows):,} in {written.bytes / 1e6:.1f} MB")
    if written.is_smaller:
        print(f"pictures were made smaller to fit: {written.made}; fewer --rows or more --max-mb leave them larger")
    print(f"open {(out.expanduser().absolute() / 'index.html').as_uri()}")
