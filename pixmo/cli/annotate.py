"""`pixmo annotate speech`: people describe pictures aloud in the browser; `pixmo annotate withdraw`: somebody takes it back."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixmo.cli.options import Size
from pixmo.cli.printing import many
from pixmo.errors import MissingExtra

if TYPE_CHECKING:
    from pixmo.annotate.speech import Collecting

WITHDRAW = "withdraw"
WHAT = ("speech",)


class Annotate(click.Command):
    """`withdraw` as the first word is a command of its own."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:  # Any: as in click
        """The context of the one command or the other."""
        if args[:1] == [WITHDRAW]:
            return withdraw.make_context(f"{info_name} {WITHDRAW}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


PATH = click.Path(path_type=Path)


@click.command(cls=Annotate)
@click.argument("what", metavar="speech", type=click.Choice(WHAT))
@click.argument("images", type=PATH)
@click.argument("out", type=PATH)
@click.option("--annotators", default="1", help="Their names, as in anna,ben; or how many there are.")
@click.option("--per-picture", type=click.IntRange(min=1), default=1, help="How many people describe each picture.")
@click.option("--min-s", type=float, default=60.0, help="The least a description should take.")
@click.option("--max-s", type=float, default=90.0, help="The most it should take.")
@click.option("--consent", type=PATH, help="A text people agree to before they begin; without it, one of ours.")
@click.option("--max-bytes", type=Size(), default=50_000_000, help="The largest recording that is taken.")
@click.option("--bind", default="127.0.0.1", help="The address to listen on; without it, only this machine is served.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, help="The port to listen on; 0 takes a free one.")
@click.option("--url", help="What links begin with, where a proxy with https stands before it.")
@click.option("--certificate", type=PATH, help="A PEM file, to serve https without a proxy.")
@click.option("--key", type=PATH, help="The certificate's private key, a PEM file.")
def command(what: str, images: Path, out: Path, **values: Any) -> None:  # Any: option values
    """Collect spoken descriptions of pictures in the browser.

    Serves the pictures of the folder IMAGES to annotators, each by a personal link, and keeps what they say in OUT, for
    `pixmo caption OUT CAPTIONS`. It runs until Ctrl-C; the same command goes on. `pixmo annotate withdraw OUT PERSON` deletes all
    that somebody recorded.
    """
    for name in ("starlette", "uvicorn"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingExtra("annotate", "pixmo annotate") from error
    from pixmo.annotate.run import Speech, collect_speech
    from pixmo.web.site import Address

    of_address = {name: values.pop(name) for name in ("bind", "port", "url", "certificate", "key")}
    collect_speech(images, out, Speech(**values), Address(**of_address), tell)


@click.command()
@click.argument("out", type=PATH)
@click.argument("person")
def withdraw(out: Path, person: str) -> None:
    """Delete all that somebody recorded, with their name and link. PERSON is a name or a pseudonym.

    What was made of it elsewhere is deleted with `pixmo forget CAPTIONS --annotator`.
    """
    from pixmo.annotate.withdraw import withdraw as take_back

    gone = take_back(out, person)
    print(f"{out}: {many(gone.recordings, 'recording')} of {gone.person} deleted")
    print(f"captions made of them: pixmo forget CAPTIONS --annotator {gone.person}")


def tell(collecting: Collecting, left_out: list[str]) -> None:
    """Where everybody goes."""
    for line in left_out:
        print(f"pixmo: {line}", file=sys.stderr)
    print("\n".join(lines(collecting)), flush=True)


def lines(collecting: Collecting) -> Iterator[str]:
    """The links for people."""
    origin, people = collecting.site.origin, collecting.people
    width = max(len(p.name) for p in [people.owner(), *people.annotators()])
    yield "open, or send to each of them, a link of their own:"
    for person in people.annotators():
        yield f"  {person.name:<{width}}  {origin}/enter/{person.key}"
    yield "for you, the progress:"
    yield f"  {people.owner().name:<{width}}  {origin}/enter/{people.owner().key}"
    if not collecting.site.may_record:
        yield "browsers record only by https or on this machine: use --certificate and --key, or a proxy and --url"
    yield f"recordings go to {collecting.out}; Ctrl-C stops, the same command goes on"
