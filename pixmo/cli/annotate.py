"""`pixmo annotate speech | points | qa | withdraw`: what is collected is the first word."""

from __future__ import annotations

import importlib
from typing import Any

import click

WHAT = {
    "speech": "Collect spoken descriptions of pictures.",
    "points": "Collect points on every instance of something.",
    "qa": "Collect questions about pictures and their answers.",
    "withdraw": "Delete all that somebody gave, with their name and link.",
}


class Kinds(click.Group):
    """Loads `pixmo.cli.annotate_<kind>` when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As in the table."""
        return list(WHAT)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a kind; None when there is none."""
        if cmd_name not in WHAT:
            return None
        found: click.Command = importlib.import_module(f"pixmo.cli.annotate_{cmd_name}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:  # Any: as in click
        """The kind and its arguments; another word is told with the kinds there are."""
        if args and args[0] not in WHAT and not args[0].startswith("-"):
            raise click.UsageError(
                f"nothing called {args[0]!r} can be collected; write `pixmo annotate {'|'.join(WHAT)}`", ctx
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, not from the modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(WHAT.items()))


command = Kinds(
    name="annotate",
    help="Collect descriptions, points, questions and answers in the browser.",
    subcommand_metavar="KIND …",
)
