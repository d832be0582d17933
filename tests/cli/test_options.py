"""Options made from dataclass fields."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pixmo.cli import module_name
from pixmo.cli.options import SIZE, built, settings_options, spelling_of, told_size
from pixmo.stage import effort, meaning


@dataclass(frozen=True)
class Bake:
    heat_c: float = meaning(180.0, "heat of the oven")
    loaves: int = effort(2, "loaves at once")
    max_bytes: int = meaning(32 * 2**20, "largest recipe")
    salted: bool = meaning(False, "with salt")
    sliced: bool = meaning(True, "cut it")
    seeds: tuple[str, ...] = meaning((), "a kind of seed")
    rest_timeout_s: float = effort(1.5, "seconds of rest")
    shelf: Path | None = effort(None, "where to")  # noqa: RUF009 – as every setting


@click.command()
@settings_options(Bake, {"seeds": "--seed", "sliced": "--whole"})
@click.pass_context
def bake(ctx, **values):
    ctx.obj.append(built(Bake, values))


def baked(*argv: str) -> Bake:
    """The dataclass that a command line gives."""
    found: list[Bake] = []
    result = CliRunner().invoke(bake, argv, obj=found, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]


def test_no_option_gives_the_defaults():
    """An empty command line is the dataclass as it stands."""
    assert baked() == Bake()


def test_each_field_is_an_option_of_its_type():
    """Numbers, sizes, flags, repeated texts and paths arrive as the types of the fields."""
    got = baked(
        "--heat-c", "200", "--loaves", "3", "--max-bytes", "1MB", "--salted", "--whole", "--seed", "poppy", "--seed",
        "flax", "--rest-timeout", "2", "--shelf", "here",
    )  # fmt: skip
    assert got == Bake(200.0, 3, 10**6, True, False, ("poppy", "flax"), 2.0, Path("here"))


def test_help_shows_text_and_default():
    """What the field says, and the default as one would type it."""
    told = CliRunner().invoke(bake, ["--help"]).output
    assert "Heat of the oven." in told
    assert "[default: 32MiB]" in told
    assert "[default: 180]" in told


@pytest.mark.parametrize("argv", [["--loaves", "-1"], ["--heat-c", "hot"], ["--max-bytes", "1 bushel"]])
def test_values_that_cannot_be_are_refused(argv):
    """Negative numbers, words for numbers and unknown units end with exit code 2."""
    assert CliRunner().invoke(bake, argv).exit_code == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500 * 10**6), ("32MiB", 2**25), ("1.5G", 1_500_000_000), ("2k", 2000), ("7", 7), ("1 TiB", 2**40),
     ("10kB/s", 10_000), ("64mib", 2**26)],
)  # fmt: skip
def test_sizes_are_written_as_people_do(text, size):
    """Decimal and binary units, in any case, with or without the B."""
    assert SIZE.convert(text, None, None) == size


@pytest.mark.parametrize("size", [1, 999, 1000, 1024, 2**25, 500 * 10**6, 2**40, 10**12, 12_345_678])
def test_a_told_size_reads_back_as_the_same(size):
    """The defaults in help are what one may type."""
    assert SIZE.convert(told_size(size), None, None) == size


def test_spellings_leave_out_seconds_but_not_rates():
    """`total_timeout_s` needs no unit in its name; `requests_per_s` does."""
    assert [spelling_of(n) for n in ("idle_timeout_s", "max_park_s", "requests_per_s")] == [
        "--idle-timeout", "--max-park", "--requests-per-s",
    ]  # fmt: skip


@pytest.mark.parametrize("verb", ["download", "import", "caption"])
def test_a_switch_for_what_is_on_by_default_says_no(verb: str) -> None:
    """Else giving it would turn off what its name and its help turn on."""
    command = importlib.import_module(f"pixmo.cli.{module_name(verb)}").command
    switches = [p for p in command.params if isinstance(p, click.Option) and p.is_flag and p.default is True]
    assert [p.opts for p in switches if not p.opts[0].startswith("--no-") and not p.secondary_opts] == []
