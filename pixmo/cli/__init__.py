"""The command line: one module per verb, loaded when the verb is called.

`main` turns what can end a command into an exit code: 0 all well, 1 damage found (verify) or a bug with its traceback,
2 a wrong request told in one line, 3 finished with rows that may be retried, 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from pixmo.cli.stopping import Stopping
from pixmo.errors import PixmoError, nearest

VERBS = {
    "download": "Fetch the pictures of a list of URLs into training-ready shards.",
    "import": "Walk the same road with your own folder of pictures, without the network.",
    "annotate": "Collect descriptions, points, questions and answers in the browser.",
    "caption": "Turn recordings of people describing pictures into one dense caption each.",
    "eval": "Judge captions, and score answers of benchmarks.",
    "model": "Inspect, load, convert checkpoints of Molmo; begin one from base models.",
    "predict": "Let a Molmo caption, point, count or answer for every row of a set.",
    "train": "Train a captioner; probe in a small run whether a set is sound.",
    "view": "Look at a set in the browser, or write it as a folder of pages.",
    "visualize": "Write a set as pages, with the options of Ai2's script.",
    "run": "Run a recipe into a folder.",
    "init": "Copy a recipe to edit.",
    "retry": "Ask again for the rows whose answer may change.",
    "status": "Count the rows of a folder by outcome, host and format.",
    "verify": "Check every published byte against the manifest; repair what is wrong.",
    "export": "Write a finished folder in another format.",
    "update": "Take a grown or changed list: do only what is new.",
    "check": "Find what is broken in typed records: counts, examples, a page.",
    "leaks": "Find training pictures that stand in evaluation sets; build such an index.",
    "convert": "Turn records into another tool's format and back, with a report of losses.",
    "push": "Publish a finished folder on the Hub.",
    "forget": "Take pictures down, or recordings with all that was made of them, for good.",
    "clean": "Delete what no manifest names any more.",
    "stages": "List the stages a recipe can use, with their settings.",
    "doctor": "Look at this machine and suggest settings.",
    "demo": "Walk the whole road on this machine against a small web host full of trouble.",
}
"""Every verb and its line of help, known without importing the verb."""

BAD_REQUEST = 2
PIPE_CLOSED = 141  # 128 + SIGPIPE, as of any tool whose reader left


class Verbs(click.Group):
    """Loads `pixmo.cli.<verb>` when a verb is called; `--help` needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order they are met on the road."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command; None when there is none."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"pixmo.cli.{module_name(cmd_name)}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb and its arguments; an unknown verb is told with the nearest."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = nearest(args[0], VERBS)
            hint = f"did you mean `pixmo {near}`?" if near else "`pixmo --help` lists them"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs from the table above, not from their modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def module_name(verb: str) -> str:
    """The module of a verb; `import` is a word of Python's."""
    return "import_" if verb == "import" else verb


def show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Prints the version and ends."""
    if value and not ctx.resilient_parsing:
        from pixmo import __version__

        click.echo(f"pixmo {__version__}")
        ctx.exit()


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=show_version, help="Show it, exit."
)
def cli() -> None:
    """Image–text training data: fetch pictures from lists of URLs, check them, write shards that trainers read.

    Start with `pixmo demo`, then `pixmo download urls.csv out`.
    """


def run(argv: Sequence[str]) -> int:
    """Runs one command line; its exit code. A bug is raised."""
    with Stopping(argv) as stopping:
        try:
            with cli.make_context("pixmo", list(argv)) as ctx:
                code = cli.invoke(ctx)
            sys.stdout.flush()
            return code if isinstance(code, int) else 0
        except click.exceptions.Exit as end:
            return end.exit_code
        except PixmoError as error:
            return complain(str(error))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            return BAD_REQUEST
        except click.ClickException as error:
            return complain(in_one_line(error))
        except BrokenPipeError:
            return closed_pipe()
        except KeyboardInterrupt:
            return stopping.stopped()


def complain(what: str) -> int:
    """One line on stderr; the exit code of a wrong request."""
    print("pixmo: " + " ".join(what.split()), file=sys.stderr)
    return BAD_REQUEST


def in_one_line(error: click.ClickException) -> str:
    """A usage error without click's frame around it."""
    told = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        names = [name for param in error.ctx.command.params for name in (*param.opts, *param.secondary_opts)]
        near = nearest(error.option_name, [n for n in names if n.startswith("--")])
        told = f"no option {error.option_name}" + (f"; did you mean {near}?" if near else "")
    path = getattr(error, "ctx", None)
    return f"{told} (`{path.command_path} --help` says more)" if path is not None else told


def closed_pipe() -> int:
    """Whoever read our results has left: no complaint, and none from Python at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def main() -> None:
    """The `pixmo` command."""
    leave(run(sys.argv[1:]))


def leave(code: int) -> NoReturn:
    """Ends the process.

    Where `datasets` was used its threads may still read ahead from the Hub; Python's own way out then now and then ends in an
    abort of theirs, after all work is done. All our files are closed by now.
    """
    if "datasets" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
