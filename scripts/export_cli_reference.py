#!/usr/bin/env python
"""Writes docs/cli.md and docs/stages.md from the commands and stages themselves; `--check` only says whether they are in step.

Nothing of the pages depends on the machine, on click's layout or on how pixmo was installed.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

from pixmo.cli import VERBS, module_name  # noqa: E402 – this checkout's, installed or not
from pixmo.cli.sections import Sectioned  # noqa: E402
from pixmo.cli.stages import StageFacts, stages  # noqa: E402
from pixmo.run.recipe import load_stage  # noqa: E402

HEAD = "<!-- Made by scripts/export_cli_reference.py from the code itself; do not edit. -->\n"
CODES = """\
| code | meaning |
|---|---|
| 0 | all well |
| 1 | `verify` found damage that was not repaired, `demo` came out otherwise than expected, or a bug (with its traceback) |
| 2 | a wrong request, told in one line; or, of several sets, one that failed |
| 3 | finished, with rows that may end otherwise if asked again: `pixmo retry` |
| 130, 143 | stopped by Ctrl-C or SIGTERM; what is finished is kept |
"""


def main(argv: list[str]) -> int:
    """Writes or compares the pages; 1 when a page is out of step."""
    pages = {HERE / "docs" / "cli.md": cli_page(), HERE / "docs" / "stages.md": stages_page()}
    if argv == ["--check"]:
        stale = [path.name for path, text in pages.items() if not path.is_file() or path.read_text() != text]
        print(f"out of step with the code: {', '.join(stale)}" if stale else f"{len(pages)} pages in step")
        return 1 if stale else 0
    for path, text in pages.items():
        path.write_text(text)
    return 0


def cli_page() -> str:
    """The page of commands."""
    parts = [
        HEAD,
        "# Commands\n",
        "\n".join(f"- [`pixmo {verb}`](#pixmo-{verb}): {does}" for verb, does in VERBS.items()),
    ]
    parts += ["\n## Exit codes\n", CODES]
    parts += [part for verb in VERBS for part in command_section(verb)]
    return "\n".join(parts).rstrip() + "\n"


def command_section(verb: str) -> Iterator[str]:
    """One verb, and each command of those that have several."""
    command = importlib.import_module(f"pixmo.cli.{module_name(verb)}").command
    yield from usage(f"## pixmo {verb}", command)
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from usage(f"### pixmo {verb} {name}", found)


def usage(heading: str, command: click.Command) -> Iterator[str]:
    """One command: usage, what it does, its options."""
    arguments = [p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)]
    arguments += [command.subcommand_metavar] if isinstance(command, click.Group) else []
    options = [p for p in command.params if isinstance(p, click.Option)]
    called = heading.lstrip("# ")
    yield f"{heading}\n"
    yield f"```text\n{called} {'[OPTIONS] ' if options else ''}{' '.join(arguments)}".rstrip() + "\n```\n"
    yield paragraphs(command.help or "")
    if command.epilog:
        yield paragraphs(command.epilog)
    for title, rows in in_sections(command, options):
        yield f"| {title} | |\n|---|---|"
        yield "\n".join(option_row(command, option) for option in rows) + "\n"


def in_sections(command: click.Command, options: list[click.Option]) -> Iterator[tuple[str, list[click.Option]]]:
    """As the command's help groups them; one group for all where it does not."""
    sections = command.sections if isinstance(command, Sectioned) else {}
    named = {name for names in sections.values() for name in names}
    groups = [(heading, [o for o in options if o.name in names]) for heading, names in sections.items()]
    groups.append(("other" if sections else "option", [o for o in options if o.name not in named]))
    yield from ((heading.lower(), found) for heading, found in groups if found)


def option_row(command: click.Command, option: click.Option) -> str:
    """An option as a row of a table."""
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len))
    names += "".join(f" / `{name}`" for name in option.secondary_opts)
    value = "" if option.is_flag else f" `{cell(option.metavar or option.type.name.upper())}`"
    default = f" [default: {option.default}]" if option.show_default and not option.is_flag else ""
    many = " May be given more than once." if option.multiple else ""
    return f"| {names}{value} | {cell((option.help or '') + default + many)} |"


def stages_page() -> str:
    """The page of stages."""
    parts = [HEAD, "# Stages\n", INTRO, *(part for stage in stages() for part in stage_section(stage))]
    return "\n".join(parts).rstrip() + "\n"


INTRO = """\
What a recipe's `[[stage]]` can `use`. A setting that is *meaning* changes the rows, so another value gives other columns; one
that is *effort* says how hard to try, and never renames finished work. `pixmo stages` prints the same on a terminal.
"""


def stage_section(told: StageFacts) -> Iterator[str]:
    """One stage: what it does, its settings, the columns it reads and adds."""
    stage = load_stage(told.use, {})
    yield f"## {told.use}\n\n{told.does}\n"
    optional = getattr(stage, "optional", ())
    reads = ", ".join(f"`{f.name}`{' (where there is one)' if f.name in optional else ''}" for f in stage.needs)
    takes_picture = hasattr(stage, "takes_picture") and stage.takes_picture()
    yield f"Reads {'the picture' + (', ' if reads else '') if takes_picture else ''}{reads}.\n"
    if hasattr(stage, "adds"):
        yield "Adds " + ", ".join(f"`{kept_name(f)}` ({kept_type(f)})" for f in stage.adds) + ".\n"
    if told.settings:
        yield "| setting | default | kind | |\n|---|---|---|---|"
        yield "\n".join(f"| `{s.name}` | `{s.default}` | {s.kind} | {cell(s.help)} |" for s in told.settings) + "\n"


def kept_name(field: object) -> str:
    """A column's name in the data: bytes go to the store, and the column holds their digest."""
    return f"{field.name}_sha256" if str(field.type) == "binary" else field.name  # type: ignore[attr-defined]


def kept_type(field: object) -> str:
    """A column's type in the data."""
    return "string" if str(field.type) == "binary" else str(field.type)  # type: ignore[attr-defined]


def paragraphs(text: str) -> str:
    """Help text as Markdown, its line breaks undone."""
    whole = ("\n".join(line.strip() for line in text.strip().splitlines())).split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in whole) + "\n"


def cell(text: str) -> str:
    """Text for a table: one line, no bars, and no version of ours."""
    one_line = " ".join(text.split()).replace("|", "\\|")
    return re.sub(r"pixmo/\S+ \(\+", "pixmo/VERSION (+", one_line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
