"""`pixmo train captioner | probe`: what is trained, and for what, is the first word."""

from __future__ import annotations

import importlib
from typing import Any

import click

WHAT = {
    "captioner": "Train a captioner on a mixture of sets; `debug` tries the whole path in a minute.",
    "probe": "Find out by small trainings whether a set is sound.",
}


class Trainings(click.Group):
    """Loads `pixmo.cli.train_<word>` when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As in the table."""
        return list(WHAT)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a word; None when there is none."""
        if cmd_name not in WHAT:
            return None
        found: click.Command = importlib.import_module(f"pixmo.cli.train_{cmd_name}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:  # Any: as in click
        """The word and its arguments; another word is told with those there are."""
        if args and args[0] not in WHAT and not args[0].startswith("-"):
            raise click.UsageError(f"{args[0]!r} cannot be trained; write `pixmo train {'|'.join(WHAT)}`", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, not from the modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(WHAT.items()))


command = Trainings(
    name="train", help="Train a captioner; probe in a small run whether a set is sound.", subcommand_metavar="WORD …"
)
