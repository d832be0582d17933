"""`pixmo model inspect | load | convert | begin`: what is done with a checkpoint is the first word."""

from __future__ import annotations

import importlib
from typing import Any

import click

WHAT = {
    "inspect": "Tell what a checkpoint is, from its headers alone.",
    "load": "Load a checkpoint and let it read a token: does it work here, and what does it need?",
    "convert": "Write a checkpoint in another layout, ready to be served.",
    "begin": "Start a captioner from a base language model and a vision tower.",
}


class Doings(click.Group):
    """Loads `pixmo.cli.model_<word>` when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As in the table."""
        return list(WHAT)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a word; None when there is none."""
        if cmd_name not in WHAT:
            return None
        found: click.Command = importlib.import_module(f"pixmo.cli.model_{cmd_name}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:  # Any: as in click
        """The word and its arguments; another word is told with those there are."""
        if args and args[0] not in WHAT and not args[0].startswith("-"):
            raise click.UsageError(
                f"{args[0]!r} is nothing to do with a model; write `pixmo model {'|'.join(WHAT)}`", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, not from the modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(WHAT.items()))


command = Doings(
    name="model",
    help="Inspect, load, convert checkpoints of Molmo; begin one from base models.",
    subcommand_metavar="WORD …",
)
