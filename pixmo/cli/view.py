"""`pixmo view`: a set in the browser."""

from __future__ import annotations

import sys
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import click

from pixmo.cli.lean import give_memory_back
from pixmo.cli.printing import many
from pixmo.cli.view_static import Static, static_options, write_pages
from pixmo.errors import MissingExtra
from pixmo.records.kinds import KINDS
from pixmo.records.places import Unit


@click.command()
@click.argument("data")
@click.option("--split", help="Show only this split.")
@click.option("--as", "record", metavar="KIND", help=f"What a row is: {', '.join(KINDS)}.  [default: as the data say]")
@click.option("--unit", metavar="UNIT", help=f"What coordinates count: {', '.join(Unit)}.")
@click.option(
    "--against",
    metavar="OLD",
    help="Another version of the set, to see what differs; or an evaluation set, to see leaks beside its pictures.",
)
@click.option(
    "--probe",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="What `pixmo train probe` found.  [default: DATA's name and -probe]",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8766, help="The port to listen on; 0 takes a free one.")
@click.option("--bind", default="127.0.0.1", help="The address to listen on; without it, only this machine is served.")
@click.option("--url", help="What the page's address begins with, where others reach this machine by another name.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option(
    "--export-flags",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the flagged rows as Parquet, and end.",
)
@static_options
def command(
    data: str, split: str | None, record: str | None, unit: str | None, against: str | None, probe: Path | None, port: int, bind: str, url: str | None, no_browser: bool,
    export_flags: Path | None, static: Static,
) -> None:  # fmt: skip
    """Look at a set in the browser, or write it as a folder of pages.

    DATA is a folder that pixmo made, Parquet or Arrow files, or a folder of them. It opens at once, whatever its size, and runs until
    Ctrl-C. With --static OUT it is written as pages instead, which open without a server.
    """
    for name in ("starlette", "uvicorn", "duckdb"):
        if find_spec(name) is None:
            raise MissingExtra("view", "pixmo view")
    give_memory_back()
    from pixmo.view.flags import export_flags as write_flags
    from pixmo.view.server import app_of
    from pixmo.view.source import open_data
    from pixmo.web.serve import serve
    from pixmo.web.site import Address, is_loopback, listen

    address = Address(bind, port, url)
    opened = open_data(data, split=split, as_=record, unit=unit)
    if export_flags is not None:
        print(f"{export_flags}: {many(write_flags(opened, export_flags), 'flagged row')}")
        return
    if static.out is not None:
        write_pages(opened, static.out, static.plan())
        return
    compared = open_data(against, as_=record, unit=unit) if against is not None else None
    sock, site = listen(address)
    with sock:
        for broken in opened.broken:
            print(f"pixmo: {broken.file}: cannot be read: {broken.why}", file=sys.stderr)
        print(f"{data}: {many(len(opened.rows), 'row')}")
        if not is_loopback(bind):
            print("whoever reaches this address sees the set: nobody is asked for a password")
        print(f"open {site.origin}/   (Ctrl-C stops)", flush=True)
        if not no_browser:
            Thread(target=webbrowser.open, args=(f"{site.origin}/",), daemon=True).start()
        serve(app_of(opened, site, against=compared, probe=probe), sock, address)
