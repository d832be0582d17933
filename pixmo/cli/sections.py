"""Help with headings: many options are found faster when those that belong together stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click


class Sectioned(click.Command):
    """A command whose help lists its options by `sections`: names of parameters under headings. Options of none come last."""

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **more: Any) -> None:  # Any: as in click
        super().__init__(*args, **more)
        self.sections = sections
        order = [name for names in sections.values() for name in names]
        self.params.sort(key=lambda p: order.index(str(p.name)) if p.name in order else len(order))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Section by section."""
        lines = {p.name: p.get_help_record(ctx) for p in self.get_params(ctx) if isinstance(p, click.Option)}
        told = {heading: [lines.pop(name, None) for name in names] for heading, names in self.sections.items()}
        for heading, found in (told | {"Other": list(lines.values())}).items():
            if shown := [line for line in found if line]:
                with formatter.section(heading):
                    formatter.write_dl(shown)
