"""What the commands that serve annotators share: options, the extra they need, the links they print."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixmo.errors import MissingExtra

if TYPE_CHECKING:
    from pixmo.annotate.collecting import Collecting
    from pixmo.web.site import Address

SHOWN = 20  # files that are left out
PATH = click.Path(path_type=Path)
PEOPLE = (
    click.option("--annotators", default="1", help="Their names, as in anna,ben; or how many there are."),
    click.option("--per-picture", type=click.IntRange(min=1), default=1, help="How many people do each task."),
    click.option("--consent", type=PATH, help="A text people agree to before they begin; without it, one of ours."),
)
ADDRESS = (
    click.option(
        "--bind", default="127.0.0.1", help="The address to listen on; without it, only this machine is served."
    ),
    click.option(
        "--port", type=click.IntRange(0, 65535), default=8765, help="The port to listen on; 0 takes a free one."
    ),
    click.option("--url", help="What links begin with, where a proxy with https stands before it."),
    click.option("--certificate", type=PATH, help="A PEM file, to serve https without a proxy."),
    click.option("--key", type=PATH, help="The certificate's private key, a PEM file."),
)
GOLD = (
    click.option("--gold", type=PATH, help="A CSV or JSONL file of tasks whose answers are known; they are mixed in."),
    click.option("--gold-rate", type=click.FloatRange(0, 0.5), default=0.1, help="The share of tasks that are gold."),
    click.option("--gold-feedback", is_flag=True, help="Tell people at once how they did on a gold task."),
)


def with_options(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds options in their order."""

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return added


def require_extra(name: str) -> None:
    """Raises MissingExtra unless the server's packages are installed."""
    for package in ("starlette", "uvicorn"):
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise MissingExtra("annotate", f"pixmo annotate {name}".replace(" speech", "")) from error


def address_of(values: MutableMapping[str, Any]) -> Address:  # Any: option values
    """Takes the options of the address out of the others."""
    from pixmo.web.site import Address

    return Address(**{name: values.pop(name) for name in ("bind", "port", "url", "certificate", "key")})


def tell(collecting: Collecting, left_out: list[str]) -> None:
    """Where everybody goes."""
    for line in left_out[:SHOWN]:
        print(f"pixmo: {''.join(c if c.isprintable() else ascii(c)[1:-1] for c in line)}", file=sys.stderr)
    if len(left_out) > SHOWN:
        print(f"pixmo: and {len(left_out) - SHOWN:,} more like these", file=sys.stderr)
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
    if collecting.kind == "speech" and not collecting.site.may_record:
        yield "browsers record only by https or on this machine: use --certificate and --key, or a proxy and --url"
    noun = "recordings go" if collecting.kind == "speech" else "what they do goes"
    yield f"{noun} to {collecting.out}; Ctrl-C stops, the same command goes on"
