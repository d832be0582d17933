"""`pixmo leaks`: training pictures that stand in held-out sets; `pixmo leaks build-index`: such a set, frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from pixmo.cli.arguments import json_option
from pixmo.cli.effort import home
from pixmo.cli.options import COUNT
from pixmo.cli.printing import many, table, told
from pixmo.errors import BadSetting
from pixmo.ids import short
from pixmo.image.join import MAX_RADIUS
from pixmo.run.holdouts import DEFAULT
from pixmo.run.leaks import Compared, Leak, SetCounts, build_index, compare, opened_against, opened_train
from pixmo.run.leaks_looks import Lookers
from pixmo.run.leaks_page import leaks_page, spread
from pixmo.run.owners import cpu_count
from pixmo.stages.find_leaks import FindLeaks
from pixmo.storage.holdout import Holdout
from pixmo.storage.holdout_match import KINDS
from pixmo.storage.publish import publish_bytes

FOUND = 1
SHOWN = 8  # examples printed
BUILD = "build-index"


class Leaks(click.Command):
    """`build-index` as the first word is a command of its own; `--against` takes every word up to the next option."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:  # Any: as in click
        """The context of the one command or the other."""
        if args[:1] == [BUILD]:
            return build.make_context(f"{info_name} {BUILD}", args[1:], parent, **extra)
        return super().make_context(info_name, list(_spelled_out(args)), parent, **extra)


def _spelled_out(args: Sequence[str]) -> Iterator[str]:
    """`--against a b` as `--against a --against b`."""
    taking = fresh = False
    for arg in args:
        if arg.startswith("-") and arg != "-":
            taking = fresh = arg == "--against"
            yield arg
            continue
        if taking and not fresh:
            yield "--against"
        yield arg
        fresh = False


@click.command(cls=Leaks)
@click.argument("train")
@click.option(
    "--against", multiple=True, metavar="EVAL…", help=f"Held-out sets: folders, lists, index files, sets.  [default: {' '.join(DEFAULT)}]"
)  # fmt: skip
@click.option(
    "--radius",
    type=COUNT,
    default=FindLeaks.radius,
    help=f"Bits of 64 in which looks may differ; 0 to {MAX_RADIUS}.  [default: {FindLeaks.radius}]",
)
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page with the pairs side by side.",
)
@json_option
def command(train: str, against: tuple[str, ...], radius: int, page: Path | None, as_json: bool) -> int:
    """Find training pictures that stand in evaluation sets; build such an index.

    TRAIN and EVAL are finished folders, lists, index files or sets of the catalog; `:SPLIT` behind one takes that split. Pictures
    are recognised by URL, by the sha256 of their bytes, and by their look, re-encoded, resized and mirrored copies too.
    Exit code 1 when any was found.

    `pixmo leaks build-index SOURCE FILE [--name NAME] [--replace]` freezes a set into an index file: of a list its URLs and digests, of
    a finished folder or pictures inside a list also their looks.
    """
    if radius > MAX_RADIUS:
        raise BadSetting(f"--radius {radius}: give 0 to {MAX_RADIUS}")
    with Lookers(cpu_count()) as lookers:
        reader = opened_train(train)
        sets = opened_against(against or DEFAULT, home(), lookers)
        found = compare(reader, sets, radius, lookers)
        if page is not None:
            publish_bytes(page, leaks_page(found, reader, sets, lookers).encode())
    print(told(found.as_json()) if as_json else "\n".join(lines(found, page)))
    return FOUND if found.leaks else 0


@click.command(name=BUILD)
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="What rows that leak say of the set.  [default: FILE without its suffix]")
@click.option("--replace", is_flag=True, help="Write over an index of other content, frozen as it is.")
@json_option
def build(source: str, file: Path, name: str | None, replace: bool, as_json: bool) -> None:
    """Freeze a held-out set into an index file that `--against` takes.

    SOURCE is a finished folder, a list, or a set of the catalog or the Hub; `:SPLIT` behind it takes that split.
    """
    with Lookers(cpu_count()) as lookers:
        held, is_new = build_index(source, file, name, lookers, replace)
    facts = {"file": str(file), "name": held.name, "digest": held.digest, "pictures": len(held)}
    facts |= {"known_by": held.counts(), "unknown": held.origin.unknown, "written": is_new}
    print(told(facts) if as_json else "\n".join(index_lines(held, file, is_new)))


def lines(found: Compared, page: Path | None) -> Iterator[str]:
    """A comparison for people."""
    if found.leaks:
        yield f"{found.train}: {many(found.leaks, 'picture')} of {found.pictures:,} held out, in {many(found.leaking_rows, 'row')}"
    else:
        yield f"{found.train}: none of {many(found.pictures, 'picture')} is held out"
    for one in found.sets:
        yield from _set_lines(one)
    if found.hashed < found.pictures:
        yield f"{found.pictures - found.hashed:,} of {found.train} have no hash: known by URL and digest only"
    examples = spread(found.examples, SHOWN)
    yield from ["examples", *(f"  {_example(leak)}" for leak in examples)] if examples else []
    if page is not None:
        yield f"look at {page}"


def _set_lines(one: SetCounts) -> Iterator[str]:
    yield f"{one.held.name}: {int(one.found.sum()):,} of its {many(len(one.held), 'picture')} found"
    yield from table([(kind, one.kinds[kind], "") for kind in KINDS if one.kinds[kind]])
    if not one.held.counts()["near"]:
        yield "  known by URL and digest only; an index of a finished folder knows looks: pixmo leaks build-index"


def _example(leak: Leak) -> str:
    names = ("image_url", "file", "fetched_sha256", "image_sha256", "row_id")
    ours, theirs = (next((p[n] for n in names if p[n]), "?") for p in (leak.train, leak.held))
    return "".join(c if c.isprintable() else "?" for c in f"{leak.kind}: {ours} = {theirs} ({leak.set})")


def index_lines(held: Holdout, file: Path, is_new: bool) -> Iterator[str]:
    """An index for people."""
    yield f"{file}: {many(len(held), 'picture')} of {held.name}, {short(held.digest)}{'' if is_new else ', as it was'}"
    yield from table([(f"known by {kind}", number, "") for kind, number in held.counts().items()])
    if held.origin.unknown:
        yield f"{many(held.origin.unknown, 'picture')} left out: nothing to recognise them by"
