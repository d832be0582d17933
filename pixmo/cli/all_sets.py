"""`pixmo download` without a SOURCE: all PixMo sets into $PIXMO_HOME, one folder each, one store for all."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmo.catalog.load import Entry, entry, expand
from pixmo.cli.estimate import Need, Pace, lines, told_hours
from pixmo.cli.options import built
from pixmo.cli.printing import MAY_RETRY, amount, summary_lines, told
from pixmo.cli.road import fitting, road
from pixmo.errors import PixmoError
from pixmo.run.job import Effort, Summary, run_recipe

if TYPE_CHECKING:
    from pixmo.run.recipe import Recipe

FAILED = 2
GROUP = "pixmo"


def download_all(home: Path, settings: Mapping[str, Any], values: Mapping[str, Any]) -> int:  # Any: option values
    """Says what it takes, then does one set after the other; one that fails does not stop the others. The exit code."""
    entries = [entry(name) for name in expand(GROUP)]
    recipes = {e.name: road(e.name, media=e.media, **fitting(e.media, settings)) for e in entries}
    if values["as_recipe"]:
        print("\n".join(f"# into {home / name}\n{recipe.to_toml()}" for name, recipe in recipes.items()), end="")
        return 0
    effort: Effort = built(Effort, {**values, "home": home})
    effort = replace(effort, store=effort.store or home / "store")
    dry = bool(values["dry_run"])
    if not (effort.quiet and not dry):
        foretell(entries, recipes, home, effort, file=sys.stdout if dry else sys.stderr)
    return 0 if dry else do_all(recipes, home, effort, values["as_json"])


def foretell(entries: list[Entry], recipes: Mapping[str, Recipe], home: Path, effort: Effort, file: Any) -> None:
    """Prints rows, pictures, gigabytes and hours of every set and of all."""
    print(f"all of PixMo into {home}, pictures once for all sets in {effort.store}:", file=file)
    print(f"  {'set':<19} {'rows':>10} {'pictures':>10} {'bytes':>8} {'time':>8}", file=file)
    needs = []
    for known in entries:
        need = Need(known.rows, known.pictures or 0, known.expected_bytes)
        needs.append(need)
        hours = max(Pace.of(recipes[known.name].find("download"), effort.processes).hours(need).values())
        row = f"{known.name:<19} {need.rows:>10,} {need.pictures:>10,} {amount(need.bytes):>8} {told_hours(hours):>8}"
        print(f"  {row}", file=file)
    whole = Need(*(sum(column) for column in zip(*((n.rows, n.pictures, n.bytes) for n in needs), strict=True)))
    download = next(r.find("download") for r in recipes.values() if r.find("download"))
    print(f"{whole.rows:,} rows; at most, as sets share pictures and each is fetched once:", file=file)
    print("\n".join(lines(whole, Pace.of(download, effort.processes).hours(whole))), file=file, flush=True)


def do_all(recipes: Mapping[str, Recipe], home: Path, effort: Effort, as_json: bool) -> int:
    """Runs every set; prints a summary of all; the exit code."""
    done: dict[str, Summary] = {}
    failed: dict[str, str] = {}
    for name, recipe in recipes.items():
        try:
            done[name] = run_recipe(recipe, home / name, effort)
        except PixmoError as error:  # the other sets may still be had
            failed[name] = str(error)
            print(f"pixmo: {name}: {error}", file=sys.stderr)
    if as_json:
        print(told({"sets": {name: s.as_json() for name, s in done.items()}, "failed": failed}))
    else:
        print("\n".join(line for summary in done.values() for line in summary_lines(summary)))
        print(f"{len(done)} of {len(recipes)} sets done" + (f", failed: {', '.join(failed)}" if failed else ""))
    if failed:
        return FAILED
    return MAY_RETRY if any(s.retryable for s in done.values()) else 0
